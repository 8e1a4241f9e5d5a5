"""The structure state machine against its twin, and its rules by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.structure import break_direction, displacement_bars, is_displacement, structure, thrust_bars
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import walk
from tests.kernels.test_swings import as_tuples
from tests.naive import structure as naive

seeds = st.integers(0, 2**32 - 1)
RULES = {"range": 1.2, "body": 0.6, "close": 0.7, "window": 3, "lookback": 20}


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.booleans(), st.sampled_from([0.0, 0.02]))
def test_breaks_equal_their_naive_twin(seed, side, wick, holes):
    o, h, lo, c, _ = walk(seed, 220, holes)
    a = previous(wilder_atr(h, lo, c, 5, True))
    pivots = swings(o, h, lo, c, np.zeros(220, np.int64), side, side, False)
    trend, breaks = structure(o, h, lo, c, a, pivots, wick, RULES["range"], RULES["body"], RULES["close"], RULES["window"], RULES["lookback"])
    expected_trend, events = naive.structure(o, h, lo, c, a, as_tuples(pivots), {**RULES, "wick": wick})
    assert list(trend) == expected_trend
    assert [{name: row[name].item() for name in events[0]} for row in breaks] == events if events else not len(breaks)


@pytest.mark.parametrize(("bar", "expected"), [
    ((10, 14, 8, 13), 1), ((13, 14, 8, 10), -1), ((10, 14, 8, 10), 0), ((10, 14, 9.5, 11), 1), ((10, 11, 8, 10), -1)])
def test_a_wick_that_takes_both_references_breaks_the_one_of_its_body(bar, expected):
    assert break_direction(*map(float, bar), 12.0, 9.0, True) == expected


def test_a_touch_of_the_reference_is_no_break():
    assert break_direction(10.0, 12.0, 9.0, 12.0, 12.0, 9.0, False) == 0


@pytest.mark.parametrize(("bar", "unit", "expected"), [
    ((10.0, 13.0, 10.0, 12.5), 2.5, True), ((10.0, 13.0, 10.0, 12.5), 2.6, False), ((10.0, 10.0, 10.0, 10.0), 1.0, False),
    ((10.0, 13.0, 10.0, 12.5), np.nan, False), ((10.0, 13.0, 10.0, 12.5), 0.0, False), ((12.5, 13.0, 10.0, 10.0), 1.0, False)])
def test_a_displacement_bar_is_wide_full_and_closes_near_its_end(bar, unit, expected):
    assert is_displacement(*bar, unit, 1, 1.2, 0.6, 0.7) is expected


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.02]))
def test_displacement_and_thrust_bars_equal_their_naive_twin(seed, holes):
    o, h, lo, c, v = walk(seed, 200, holes)
    a, rvol = previous(wilder_atr(h, lo, c, 5, True)), np.where(v < 50, np.nan, v / 100)
    found = displacement_bars(o, h, lo, c, a, RULES["range"], RULES["body"], RULES["close"])
    expected = [next((d for d in (1, -1) if naive.displaced(o[t], h[t], lo[t], c[t], a[t], d, RULES)), 0) for t in range(200)]
    assert list(found) == expected
    direction, unmeasured = thrust_bars(found, rvol, 1.5)
    assert list(direction) == [0 if rvol[t] < 1.5 - 1e-9 else d for t, d in enumerate(expected)]
    assert list(unmeasured) == [int(d != 0 and np.isnan(rvol[t])) for t, d in enumerate(expected)]
