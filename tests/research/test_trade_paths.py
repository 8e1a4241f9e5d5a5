"""Trades in other orders, and trades drawn again, against all orders of a few trades and a naive walk."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.research.trade_paths import QUANTILES, drawdown, overlapping, resampled, shuffled

R = np.random.default_rng(5).standard_normal(200) * 1.2 + 0.15


def fall(amounts):
    """Deepest fall from a peak, by walking."""
    total = peak = deepest = 0.0
    for amount in amounts:
        total += amount
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def test_drawdown_counts_from_the_start():
    assert drawdown(np.array([-1.0, 2.0, -0.5])) == 1.0 and drawdown(np.array([1.0, 2.0])) == 0.0 and drawdown(np.empty(0)) == 0.0


@given(st.lists(st.floats(-5.0, 5.0), max_size=30))
def test_drawdown_is_that_of_a_walk(amounts):
    assert drawdown(np.array(amounts)) == pytest.approx(fall(amounts), abs=1e-12)


def test_another_order_keeps_the_total_exactly():
    found = shuffled(R, 500, 1)
    assert set(found["total"].values()) == {math.fsum(R)} and found["observed_total"] == math.fsum(R)
    assert found["method"] == "shuffle" and found["loss"] == 0.0 and found["blocks"] == found["trades"] == 200


def test_all_orders_of_four_trades_come_equally_often():
    r = np.array([2.0, -1.0, -1.5, 0.25])
    exact = np.sort([fall(order) for order in permutations(r.tolist())])
    found = shuffled(r, 20_000, 2)["drawdown"]
    for share, value in zip(QUANTILES, found.values(), strict=True):
        assert exact.searchsorted(value - 1e-9) / 24 - 0.02 <= share <= exact.searchsorted(value + 1e-9) / 24 + 0.02


@pytest.mark.parametrize("a_day", [1, 3])
def test_drawn_days_are_walked_as_they_were(a_day):
    days = np.arange(R.size) // a_day
    parts = [R[days == day] for day in range(days[-1] + 1)]
    random = np.random.default_rng(7)
    picks = np.array([random.integers(0, len(parts), 50) for _ in parts])      # the same draws, one row a step
    paths = [np.concatenate([parts[i] for i in picks[:, draw]]) for draw in range(50)]
    found = resampled(R, days if a_day > 1 else None, 50, 7)
    assert list(found["drawdown"].values()) == pytest.approx(np.quantile([fall(path) for path in paths], QUANTILES), rel=1e-9)
    assert list(found["total"].values()) == pytest.approx(np.quantile([path.sum() for path in paths], QUANTILES), rel=1e-9)
    assert found["loss"] == np.mean([path.sum() < 0.0 for path in paths]) and found["blocks"] == len(parts)
    assert found["unit"] == ("one trade" if a_day == 1 else "all trades of one session") and found["method"] == "resample"


def test_drawing_again_is_deeper_than_another_order():
    shuffle, resample = shuffled(R, 2000, 3), resampled(R, None, 2000, 3)
    assert resample["drawdown"]["p95"] > shuffle["drawdown"]["p95"] and resample["drawdown"]["p99"] > shuffle["drawdown"]["p99"]
    assert resample["total"]["p05"] < shuffle["total"]["p05"] < resample["total"]["p95"]


def test_a_fall_inside_a_day_counts_from_the_peak_of_that_day():
    found = resampled(np.tile([5.0, -3.0], 10), np.arange(20) // 2, 50, 1)
    assert set(found["drawdown"].values()) == {3.0} and set(found["total"].values()) == {20.0}


def test_trades_that_lose_together_are_deeper_when_days_are_drawn():
    days = np.arange(200) // 4
    together = np.repeat(np.random.default_rng(1).standard_normal(50), 4)
    assert resampled(together, days, 1000, 1)["drawdown"]["p95"] > 1.3 * resampled(together, None, 1000, 1)["drawdown"]["p95"]


def test_same_seed_same_paths():
    assert shuffled(R, 200, 4) == shuffled(R, 200, 4) != shuffled(R, 200, 5)
    assert resampled(R, None, 200, 4) == resampled(R, None, 200, 4) != resampled(R, None, 200, 5)


def test_no_trades_no_paths():
    for found in (shuffled(np.empty(0)), resampled(np.empty(0)), resampled(np.empty(0), np.empty(0, int))):
        assert found["draws"] == 0 and found["drawdown"] == {} and found["observed_drawdown"] is None


@pytest.mark.parametrize(("spans", "found"), [([(0, 5), (5, 9)], False), ([(0, 5), (4, 9)], True), ([(0, 9), (1, 2), (9, 11)], True), ([(3, 4)], False),
                                              ([], False), ([(6, 9), (0, 5)], False), ([(0, 20), (1, 2), (10, 11)], True)])
def test_trades_open_at_the_same_moment_overlap(spans, found):
    entry, out = np.array(spans, np.int64).reshape(-1, 2).T
    assert overlapping(entry, out) is found
