"""Swing points and labels against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.contract import NEVER
from pse.kernels.swings import alternating_view, label_swings, last_swing_prices, mark_superseded, swings
from tests.features.made import walk
from tests.naive import swings as naive

seeds = st.integers(0, 2**32 - 1)


def as_tuples(pivots):
    return [(int(p["kind"]), int(p["idx"]), float(p["price"]), int(p["confirmed_at"])) for p in pivots]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 6) | st.integers(1, 60), st.integers(1, 6) | st.integers(1, 60), st.booleans(), st.sampled_from([0.0, 0.03]))
def test_swings_equal_their_naive_twin(seed, left, right, one_session, holes):
    o, h, lo, c, _ = walk(seed, 200, holes)
    session = np.arange(200, dtype=np.int64) // 40
    assert as_tuples(swings(o, h, lo, c, session, left, right, one_session)) == naive.swings(o, h, lo, c, session, left, right, one_session)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.5, 2.0]))
def test_labels_equal_their_naive_twin(seed, share):
    o, h, lo, c, _ = walk(seed, 200)
    pivots, unit = swings(o, h, lo, c, np.zeros(200, np.int64), 2, 2, False), np.full(200, 1.0)
    unit[:50] = np.nan
    label_swings(pivots, unit, share)
    assert list(pivots["label"]) == naive.labels(as_tuples(pivots), lambda t: share if t >= 50 else 0.0)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 3))
def test_the_alternating_view_of_every_bar_equals_its_naive_twin(seed, left, right):
    o, h, lo, c, _ = walk(seed, 150)
    pivots = swings(o, h, lo, c, np.zeros(150, np.int64), left, right, False)
    mark_superseded(pivots)
    highs, lows, kinds = alternating_view(pivots, 150)
    for t in range(150):
        kept = naive.standing(as_tuples(pivots), t)
        known = (pivots["confirmed_at"] <= t) & (pivots["superseded_at"] > t)
        assert list(np.flatnonzero(known)) == kept
        for column, kind in ((highs, 1), (lows, -1)):
            rows = [n for n in kept if pivots["kind"][n] == kind]
            np.testing.assert_equal(column[t], pivots["price"][rows[-1]] if rows else np.nan)
        assert kinds[t] == (pivots["kind"][kept[-1]] if kept else 0)


def test_a_higher_high_supersedes_the_one_before_when_it_is_confirmed_and_an_equal_one_never_counts():
    h = np.array([1.0, 3, 1, 4, 1, 4, 1, 1])
    pivots = swings(h, h, np.zeros(8), h, np.zeros(8, np.int64), 1, 1, False)
    mark_superseded(pivots)
    highs = pivots[pivots["kind"] > 0]
    assert [(int(p["idx"]), int(p["superseded_at"])) for p in highs] == [(1, 4), (3, NEVER), (5, 6)]


def test_a_bar_that_is_both_counts_as_low_then_high_when_it_closed_up():
    o, h, lo, c = (np.array(column) for column in ([5.0, 5, 5], [6.0, 9, 6], [4.0, 1, 4], [5.0, 5, 5]))
    assert [p[0] for p in as_tuples(swings(o, h, lo, c, np.zeros(3, np.int64), 1, 1, False))] == [-1, 1]
    assert [p[0] for p in as_tuples(swings(o, h, lo, c - 1, np.zeros(3, np.int64), 1, 1, False))] == [1, -1]


def test_levels_that_differ_in_the_last_bits_are_one_level():
    h = np.array([1.0, 2.0, 3.0 + 1e-13, 3.0, 2.0, 1.0])
    pivots = swings(h, h, h, h, np.zeros(6, np.int64), 1, 2, False)
    assert [(p[1], p[3]) for p in as_tuples(pivots)] == [(2, 4)]


def test_the_last_swing_prices_appear_at_the_confirming_bar():
    o, h, lo, c, _ = walk(5, 60)
    pivots = swings(o, h, lo, c, np.zeros(60, np.int64), 2, 2, False)
    highs, _ = last_swing_prices(pivots, 60)
    first = pivots[pivots["kind"] == 1][0]
    assert np.isnan(highs[:first["confirmed_at"]]).all() and highs[first["confirmed_at"]] == first["price"]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_bars_make_no_swing(n):
    x = np.ones(n)
    assert swings(x, x, x, x, np.zeros(n, np.int64), 2, 2, False).size == 0
