"""One at a time on a bucket: the lease is renewed, given back, lost, and taken from who has died."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from backup.sets import locked
from backup.targets.bucket import Bucket, Place
from backup.targets.bucket_lease import Lease
from backup.targets.bucket_trouble import Trouble
from init.protocol import Failure
from tests.contract.backup.bucket_server import BUCKET, client

pytestmark = pytest.mark.contract


@pytest.fixture
def target(place: Place, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(replace(place, prefix=f"of/{request.node.name}"))


def test_another_one_waits_and_is_told_who_has_it(target: Bucket) -> None:
    entered = threading.Event()

    def wait() -> None:
        with locked(target, "second", 30):
            entered.set()

    with locked(target, "create dev", 0) as guard:
        guard()
        with pytest.raises(Failure, match="create dev has it since 20") as caught, locked(target, "prune", 0.3):
            pass
        assert (caught.value.kind, list(target.items())) == ("Locked", [])
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.5)
    waiting.join(10)
    assert entered.is_set()


def test_of_many_at_once_one_has_it(target: Bucket) -> None:
    inside, most = 0, []

    def take(number: int) -> None:
        nonlocal inside
        with locked(target, f"holder {number}", 30):
            inside += 1
            most.append(inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


def test_a_lease_that_is_not_renewed_is_anothers_and_its_holder_is_told(place: Place) -> None:
    store = client(place)
    with closing(store):
        # Renewed three times in its time: so it outlives that by far.
        mine = Lease(store, BUCKET, "lease", Trouble("bucket"), seconds=2)
        with mine.held("mine", 0) as guard:
            time.sleep(4)
            with (
                pytest.raises(Failure, match="mine has it"),
                Lease(store, BUCKET, "lease", Trouble("b")).held("other", 0),
            ):
                pass
            guard()
            # Somebody has taken it, as is right when it seems to be left.
            store.delete_object(Bucket=BUCKET, Key="lease")
            with Lease(store, BUCKET, "lease", Trouble("bucket")).held("other", 0):
                time.sleep(1.6)
                with pytest.raises(Failure, match="the lock was lost"):
                    guard()
        # A holder that has died renews nothing.
        store.put_object(Bucket=BUCKET, Key="lease", Body=b'{"holder": "dead", "since": "2026", "seconds": 1}')
        with pytest.raises(Failure, match="dead has it"), Lease(store, BUCKET, "lease", Trouble("b")).held("next", 0.2):
            pass
        with Lease(store, BUCKET, "lease", Trouble("bucket")).held("next", 10) as guard:
            guard()
