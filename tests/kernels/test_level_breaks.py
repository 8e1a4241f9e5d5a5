"""Breaks of levels against their twin, and their rules by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.level_breaks import level_breaks
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, walk
from tests.naive import level_breaks as naive

NEVER = 2**62


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from([0.0, 0.02]))
def test_level_breaks_equal_their_naive_twin(seed, beyond, holes):
    n, rng = 200, np.random.default_rng(seed)
    _, h, lo, c, _ = walk(seed, n, holes)
    a = previous(wilder_atr(h, lo, c, 5, True))
    known_at = np.sort(rng.integers(0, n, 60))
    price = np.nan_to_num(c[known_at], nan=400 * TICK) + rng.integers(-6, 7, 60) * TICK
    priority, ended_at = rng.choice([0.4, 0.6, 0.9], 60), np.where(rng.random(60) < 0.3, NEVER, known_at + rng.integers(0, 60, 60))
    rows = level_breaks(c, a, price, priority, known_at, ended_at, beyond)
    expected = naive.level_breaks(c, a, list(zip(price, priority, known_at, ended_at, strict=True)), beyond)
    assert [(r["t"], r["dir"], r["level"], r["broken"]) for r in rows] == expected
    assert list(rows["price"]) == list(price[rows["level"]]) and list(rows["priority"]) == list(priority[rows["level"]])


@pytest.mark.parametrize(("closes", "expected"), [
    ([9.0, 10.2], [(1, 1)]), ([9.0, 10.1], []), ([10.0, 10.2], [(1, 1)]), ([11.0, 9.8], [(1, -1)]), ([10.1, 10.4], []), ([9.0, 9.9], [])])
def test_a_break_starts_on_or_behind_the_level_and_ends_a_fifth_of_a_range_beyond_it(closes, expected):
    level = (np.array([10.0]), np.array([0.6]), np.zeros(1, np.int64), np.full(1, NEVER))
    rows = level_breaks(np.array(closes), np.ones(2), *level, 0.2)
    assert [(r["t"], r["dir"]) for r in rows] == expected


def test_a_level_that_this_bar_makes_known_is_not_broken_by_it_and_one_that_ends_on_it_is():
    two = (np.array([10.0, 10.0]), np.array([0.6, 0.6]), np.array([0, 1]), np.array([1, NEVER]))
    assert [int(r["level"]) for r in level_breaks(np.array([9.0, 11.0]), np.ones(2), *two, 0.1)] == [0]
