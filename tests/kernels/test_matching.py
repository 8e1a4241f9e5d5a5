"""The matching of one bar against its naive twin, and its edges."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.codes import FILL_KINDS, LEG_STOP, LEG_TARGET1
from pse.kernels.contract import LIMIT, MARKET, STOP
from pse.kernels.matching import NO_FILL, NO_LEG, against, entry_fill, exit_fill, fillable, side_fee, stop_price
from tests.naive import matching as naive

ticks = st.integers(-12, 12)


@st.composite
def bars(draw, tick=0.25):
    """(open, high, low, close, volume) on the grid around 100."""
    open_, close, up, down = draw(ticks), draw(ticks), draw(st.integers(0, 6)), draw(st.integers(0, 6))
    return tuple(100 + tick * n for n in (open_, max(open_, close) + up, min(open_, close) - down, close)) + (draw(st.sampled_from([nan, 0.0, 7.0, 250.0])),)


@given(bars(), st.sampled_from([1, -1]), st.sampled_from([MARKET, LIMIT]), st.integers(-4, 4), st.integers(1, 10), st.integers(0, 2),
       st.sampled_from([0, 0.5, 1, 2]))
def test_an_entry_fills_as_its_naive_twin(bar, d, order_type, limit, risk, through, slip):
    price, tick = 100 + limit * 0.25, 0.25
    stop = price - d * risk * tick
    kind, at = entry_fill(order_type, d, price, stop, *bar[:3], tick, through * tick, slip * tick)
    found = naive.entry("MARKET" if order_type == MARKET else "LIMIT", d, price, stop, bar, tick, through * tick, slip * tick)
    assert (None if kind == NO_FILL else (FILL_KINDS[kind], at)) == found


@given(bars(), st.sampled_from([1, -1]), st.integers(1, 10), st.integers(1, 10), st.integers(0, 2), st.booleans(), st.booleans(), st.booleans())
def test_an_exit_fills_as_its_naive_twin(bar, d, risk, reward, through, open_decides, target_counts, has_target):
    tick, slip = 0.25, 0.25
    stop, target = 100 - d * risk * tick, 100 + d * reward * tick if has_target else nan
    leg, price, _ = exit_fill(d, stop, target, *bar[:3], tick, through * tick, slip, open_decides, target_counts)
    expected = NO_LEG, None
    if open_decides and naive.at_or_below(d * bar[0], d * stop):
        expected = LEG_STOP, naive.market(bar[0], -d, slip, tick)
    elif open_decides and naive.reached(d, target, bar[0], through * tick):
        expected = LEG_TARGET1, target
    elif naive.stopped(d, stop, bar):
        expected = LEG_STOP, naive.stop_price(d, stop, bar, tick, slip)
    elif target_counts and naive.reached(d, target, bar[1] if d > 0 else bar[2], through * tick):
        expected = LEG_TARGET1, target
    assert leg == expected[0] and (leg == NO_LEG or price == expected[1])


@given(st.integers(1, 50), st.sampled_from([nan, 0.0, 9.0, 10.0, 29.99, 30.0, 1e6]), st.sampled_from([0.1, 0.25, 1.0]), st.sampled_from([1.0, 0.00001]))
def test_what_a_bar_gives_equals_its_naive_twin(lots, volume, share, lot):
    assert fillable(lots * lot, volume, share, lot) == pytest.approx(naive.taken(lots * lot, volume, share, lot), abs=1e-12)


@pytest.mark.parametrize(("price", "side", "slip", "tick", "fill"), [
    (100.0, 1, 0.25, 0.25, 100.25), (100.0, -1, 0.25, 0.25, 99.75), (100.0, 1, 0.1, 0.25, 100.25), (100.0, -1, 0.1, 0.25, 99.75), (100.0, 1, 0.0, 0.25, 100.0),
    (100.1, 1, 0.1, 0.1, 100.2), (1.1, -1, 0.0001, 0.0001, 1.0999)])
def test_a_market_fill_is_on_the_grid_and_against_us(price, side, slip, tick, fill):
    assert against(price, side, slip, tick) == pytest.approx(fill, abs=1e-9)


@pytest.mark.parametrize(("bar", "found"), [
    ((100.0, 100.25, 99.0), (NO_FILL, 100.5)), ((100.0, 100.5, 99.0), (FILL_KINDS.index("LIMIT"), 100.75)),
    ((100.5, 101.0, 100.0), (FILL_KINDS.index("OPEN"), 100.75)), ((101.0, 101.0, 100.0), (FILL_KINDS.index("OPEN"), 101.25))])
def test_a_stop_entry_waits_for_its_trigger_and_pays_for_a_gap(bar, found):
    """Buy stop at 100.5, one tick of slippage."""
    assert entry_fill(STOP, 1, 100.5, 98.0, *bar, 0.25, 0.25, 0.25) == found


def test_a_stop_fills_at_the_worse_of_stop_and_open():
    assert stop_price(1, 98.0, 99.0, 0.25, 0.25) == 97.75 and stop_price(1, 98.0, 97.0, 0.25, 0.25) == 96.75
    assert stop_price(-1, 102.0, 101.0, 0.25, 0.25) == 102.25 and stop_price(-1, 102.0, 103.0, 0.25, 0.25) == 103.25


def test_fees_are_per_unit_and_of_the_value():
    """3 * 2.50 = 7.50; 25 basis points of 20000 * 0.5 = 25."""
    assert side_fee(3.0, 5000.0, 50.0, 2.5, 0.0) == 7.5 and side_fee(0.5, 20_000.0, 1.0, 0.0, 25.0) == pytest.approx(25.0)


def test_a_missing_target_is_never_reached():
    assert exit_fill(1, 98.0, np.nan, 100.0, 1e6, 99.0, 0.25, 0.25, 0.25, True, True)[0] == NO_LEG
