"""When what is restarted: within a minute, after what it needs, with growing pauses, and five times an hour at most."""

import json
from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.causes import causes
from monitor.history import History
from monitor.model import Observation
from monitor.recovery import PER_HOUR, Recovery
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


def given_up(recovery: Recovery) -> bool:
    return recovery.histories["redis"].given_up


def crashing(recovery: Recovery, seconds: range, *, held: Collection[str] = ()) -> list[int]:
    """Return when it is stopped: a server that ends ten seconds after each of its starts."""
    stops = []
    for second in seconds:
        seen = {"redis": failing("redis", started_at=at(second - 5), restarts=(second - seconds.start) // 10)}
        found = causes(seen, {}, "dev")
        assert recovery.decide(seen, found, held, at(second), 0.5) == []
        stops += [second] * bool(recovery.hopeless(seen, found, held, at(second)))
    return stops


def test_a_crash_loop_has_a_ceiling_also_for_the_container_engine() -> None:
    recovery = Recovery()
    decide(recovery, 0, well("redis"))
    assert crashing(recovery, range(5, 70, 5)) == [65]
    assert given_up(recovery)
    # Stopped, it stays so, and nobody takes that for a stop on purpose.
    assert restarts(recovery, failing("redis", state="exited"), range(70, 8000, 5)) == []
    assert given_up(recovery)
    # Somebody works on it: it begins anew.
    decide(recovery, 8000, failing("redis", state="exited"), held={"redis"})
    assert not given_up(recovery)
    assert crashing(recovery, range(8005, 8060, 5)) == []


def test_the_ceiling_of_a_crash_loop_survives_the_worker() -> None:
    recovery, stops = Recovery(), []
    for second in range(0, 100, 10):
        kept = {name: one.document() for name, one in recovery.histories.items()}
        recovery = Recovery({name: History.parse(one) for name, one in json.loads(json.dumps(kept)).items()})
        seen = {"redis": failing("redis", state="restarting", restarts=second // 10)}
        found = causes(seen, {}, "dev")
        recovery.decide(seen, found, (), at(second), 0.5)
        stops += [second] * bool(recovery.hopeless(seen, found, (), at(second)))
    assert stops[0] == 60


def test_what_is_killed_and_answers_again_or_ends_because_of_another_is_no_crash_loop() -> None:
    recovery = Recovery()
    for number in range(30):
        for one in (failing("redis", restarts=number), well("redis", restarts=number)):
            seen = {"redis": one, "etcd": failing("etcd"), "milvus": failing("milvus", restarts=number)}
            found = causes(seen, WAITS, "dev")
            recovery.decide(seen, found, (), at(10 * number), 0.5)
            assert recovery.hopeless(seen, found, (), at(10 * number)) == []


def test_a_restart_under_way_is_not_decided_again_and_the_pause_begins_when_it_is_over() -> None:
    recovery, one = Recovery(), failing("redis", state="paused", started_at=None)
    seen = {"redis": one}
    found = causes(seen, {}, "dev")
    assert restarts(recovery, one, range(0, 15, 5)) == [10]
    assert not any(recovery.decide(seen, found, (), at(second), 0.5, {"redis"}) for second in range(15, 60, 5))
    recovery.ended("redis", at(60))
    assert restarts(recovery, one, range(60, 80, 5)) == [70]
    assert len(recovery.histories["redis"].restarts) == 2


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    recovery, one = Recovery(), failing("redis", state="exited")
    assert restarts(recovery, one, range(86400, 86411, 5)) == [86410]
    assert restarts(recovery, one, range(0, 400, 5))[0] <= 375
    # What began before the clock was set back is not just starting.
    recovery = Recovery()
    decide(recovery, 86400, well("redis", started_at=at(86000)))
    assert restarts(recovery, failing("redis", started_at=at(86000)), range(0, 15, 5)) == [10]


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
