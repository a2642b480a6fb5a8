"""Reciprocal rank fusion, compared with its definition."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from database.model import Memory
from database.recall import fuse, merge

rankings = st.lists(st.lists(st.integers(0, 20), unique=True, max_size=12), min_size=1, max_size=3)


@given(rankings)
def test_a_score_is_the_sum_over_the_rankings(given: list[list[int]]) -> None:
    fused = fuse(*given)
    assert {key for key, _ in fused} == {key for ranking in given for key in ranking}
    for key, score in fused:
        exact = sum((Fraction(1, 60 + ranking.index(key) + 1) for ranking in given if key in ranking), Fraction())
        assert abs(score - exact) < 1e-12
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@given(rankings)
def test_the_order_of_the_rankings_does_not_matter(given: list[list[int]]) -> None:
    assert [key for key, _ in fuse(*given)] == [key for key, _ in fuse(*reversed(given))]


@given(st.lists(st.integers(0, 20), unique=True))
def test_one_ranking_keeps_its_order(ranking: list[int]) -> None:
    assert [key for key, _ in fuse(ranking)] == ranking
    assert [key for key, _ in fuse(ranking, [])] == ranking


@given(rankings, st.integers(100, 105))
def test_what_is_first_everywhere_is_first(given: list[list[int]], best: int) -> None:
    assert fuse(*([best, *ranking] for ranking in given))[0][0] == best


def test_two_rankings_beat_one_and_ties_go_by_key() -> None:
    assert [key for key, _ in fuse([1, 2, 3], [3, 4, 5])] == [3, 1, 2, 4, 5]
    assert [key for key, _ in fuse([9], [4])] == [4, 9]
    assert fuse([7, 7, 8]) == [(7, 1 / 61), (8, 1 / 62)]
    assert fuse([], []) == []


def test_a_row_that_is_another_user_s_by_now_is_not_recalled() -> None:
    rows = {key: Memory(user, "Where?", vector_id=key) for key, user in ((1, "ada"), (2, "bob"), (3, "ada"))}
    found = {"text": [2, 1, 4], "vector": [3, 2]}
    assert [one.memory.vector_id for one in merge(found, rows, "ada", 10)] == [3, 1]
    assert [one.memory.vector_id for one in merge(found, rows, None, 2)] == [2, 3]
    assert merge(found, rows, None, 1)[0].ranks == {"text": 1, "vector": 2}
