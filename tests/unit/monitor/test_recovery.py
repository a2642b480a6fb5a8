"""When what is restarted: within a minute, after what it needs, with growing pauses, and five times an hour at most."""

from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.causes import causes
from monitor.model import Observation
from monitor.recovery import PER_HOUR, History, Recovery
from tests.unit.monitor.seen import WAITS, at, failing, well


def decide(recovery: Recovery, second: float, *observed: Observation, held: Collection[str] = ()) -> list[str]:
    seen = {one.service: one for one in observed}
    return recovery.decide(seen, causes(seen, WAITS, "dev"), held, at(second), 0.5)


def restarts(recovery: Recovery, one: Observation, seconds: range) -> list[int]:
    return [second for second in seconds if decide(recovery, second, one)]


def test_a_hang_is_ended_within_half_a_minute() -> None:
    recovery = Recovery()
    assert decide(recovery, 0, well("redis")) == []
    found = restarts(recovery, failing("redis", state="paused"), range(5, 60, 5))
    assert found[0] == 15


def test_pauses_grow_and_it_ends_after_five_restarts_in_an_hour() -> None:
    recovery = Recovery()
    found = restarts(recovery, failing("redis", state="exited"), range(0, 3000, 5))
    assert len(found) == PER_HOUR
    pauses = [later - earlier for earlier, later in pairwise(found)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]
    assert recovery.histories["redis"].given_up
    # Also when the hour is over: somebody has to look.
    assert restarts(recovery, failing("redis", state="exited"), range(4000, 8000, 5)) == []
    decide(recovery, 8000, well("redis"))
    assert restarts(recovery, failing("redis", state="exited"), range(8005, 8020, 5)) == [8015]


def test_what_it_needs_comes_first_and_it_may_recover_by_itself_then() -> None:
    recovery = Recovery()
    observed = failing("etcd", state="exited"), well("minio"), failing("milvus")
    assert [decide(recovery, second, *observed) for second in (0, 5, 10)] == [[], [], ["etcd"]]
    found = [
        second
        for second in range(15, 120, 5)
        if decide(recovery, second, well("etcd"), well("minio"), failing("milvus")) == ["milvus"]
    ]
    assert found[0] >= 45


def test_a_server_that_is_starting_has_time() -> None:
    recovery = Recovery()
    started = failing("elasticsearch", started_at=at(0), health="starting")
    assert restarts(recovery, started, range(5, 85, 5)) == []
    assert restarts(recovery, started, range(85, 95, 5)) == [90]


def test_one_that_was_well_since_it_started_is_not_starting() -> None:
    recovery = Recovery()
    decide(recovery, 5, well("redis", started_at=at(0)))
    assert restarts(recovery, failing("redis", started_at=at(0)), range(10, 30, 5)) == [20]


def test_a_leased_or_stopped_service_is_left_alone() -> None:
    recovery = Recovery()
    one = failing("redis", state="exited")
    assert not any(decide(recovery, second, one, held={"redis"}) for second in range(0, 600, 5))
    # Then its patience begins anew.
    assert restarts(recovery, one, range(600, 615, 5)) == [610]


def test_what_the_engine_starts_again_or_a_restart_cannot_help_is_left_alone() -> None:
    for one in (
        failing("redis", state="restarting"),
        failing("redis", state="missing"),
        failing("redis", attached=False),
        failing("redis", "AuthenticationFailed"),
    ):
        assert restarts(Recovery(), one, range(0, 600, 5)) == []


@given(st.lists(st.sampled_from(["well", "failing", "paused"]), min_size=1, max_size=800), st.floats(0, 1))
def test_never_more_than_five_in_any_hour(states: list[str], chance: float) -> None:
    recovery, times = Recovery(), []
    for number, state in enumerate(states):
        one = well("redis") if state == "well" else failing("redis", state="exited" if state == "failing" else "paused")
        seen = {"redis": one}
        if recovery.decide(seen, causes(seen, {}, "dev"), (), at(15 * number), chance):
            times.append(at(15 * number))
        history = recovery.histories["redis"]
        assert History.parse(history.document()) == history
    assert all(sum(first <= one < first + timedelta(hours=1) for one in times) <= PER_HOUR for first in times)
