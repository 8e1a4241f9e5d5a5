"""The matching of one bar against its naive twin, and its edges."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.codes import FILL_KINDS, LEG_STOP, ORDER_TYPES
from pse.kernels.contract import LIMIT, MARKET, STOP, STOP_LIMIT
from pse.kernels.matching import (
    NO_FILL,
    NO_LEG,
    adverse_reach,
    against,
    bounded_fee,
    entry_fill,
    exit_fill,
    fillable,
    participation,
    side_fee,
    slippage,
    stop_price,
    target_counts,
)
from tests.kernels.worlds import policy
from tests.naive import matching as naive

ticks = st.integers(-12, 12)


@st.composite
def bars(draw, tick=0.25):
    """(open, high, low, close, volume) on the grid around 100."""
    open_, close, up, down = draw(ticks), draw(ticks), draw(st.integers(0, 6)), draw(st.integers(0, 6))
    return tuple(100 + tick * n for n in (open_, max(open_, close) + up, min(open_, close) - down, close)) + (draw(st.sampled_from([nan, 0.0, 7.0, 250.0])),)


@st.composite
def rules(draw):
    """The fill rules of some policy, in the words of the record."""
    switches = {name: draw(st.integers(0, 1)) for name in ("improves", "gap_at_limit", "target_first", "entry_bar_stop")}
    return {"through_ticks": draw(st.sampled_from([0.0, 1.0, 2.0])), "target_through_ticks": draw(st.sampled_from([0.0, 1.0])),
            "entry_bar_target": draw(st.integers(0, 2)), **switches}


@given(bars(), st.sampled_from([1, -1]), st.sampled_from([MARKET, LIMIT, STOP, STOP_LIMIT]), st.integers(-4, 4), st.integers(-3, 3), st.integers(1, 10),
       rules(), st.sampled_from([0, 0.5, 1, 2]))
def test_an_entry_fills_as_its_naive_twin(bar, d, order_type, ticks_off, room, risk, given_rules, slip):
    price, tick = 100 + ticks_off * 0.25, 0.25
    limit, stop = price + d * room * tick, price - d * risk * tick
    kind, at = entry_fill(order_type, d, price, limit, stop, *bar[:3], tick, policy(**given_rules)[0], slip * tick)
    found = naive.entry(ORDER_TYPES[order_type], d, price, limit, stop, bar, tick, given_rules, slip * tick)
    assert (None if kind == NO_FILL else (FILL_KINDS[kind], at)) == found


@given(bars(), st.sampled_from([1, -1]), st.integers(1, 10), st.integers(1, 10), rules(), st.sampled_from(["", "OPEN", "LIMIT", "STOP", "MARKET"]),
       st.booleans())
def test_an_exit_fills_as_its_naive_twin(bar, d, risk, reward, given_rules, fresh, has_target):
    tick, slip, record = 0.25, 0.25, policy(**given_rules)[0]
    stop, target = 100 - d * risk * tick, 100 + d * reward * tick if has_target else nan
    kind, inside = NO_FILL if not fresh else FILL_KINDS.index(fresh), fresh == "STOP"
    best = bar[1] if d > 0 else bar[2]
    leg, price, _ = exit_fill(d, stop, target, bar[0], best if target_counts(kind, record) else nan, adverse_reach(d, *bar[1:4], inside, record), tick, record,
                              slip, not fresh)
    found = naive.leave(d, stop, target, bar, tick, given_rules, slip, fresh, inside)
    assert (None if leg == NO_LEG else ("STOP" if leg == LEG_STOP else "TARGET", price)) == found


@given(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([nan, 0.0, 0.25, 0.75]), st.sampled_from([0.0, 0.05]),
       st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([nan, 0.0, 2.0]), st.sampled_from([nan, 0.0, 3.0, 40.0, 1e6]), st.sampled_from([1.0, 2.0, 0.5]))
def test_slippage_equals_its_naive_twin(ticks, spread_share, spread, volatility_share, impact, atr, volume, factor):
    model = {"ticks": ticks, "spread_share": spread_share, "volatility_share": volatility_share, "impact": impact}
    found = slippage(float(ticks), 0.25, spread_share, spread, volatility_share, impact, atr, participation(4.0, volume), factor)
    assert found == pytest.approx(naive.slippage(model, 0.25, spread, atr, 4.0, volume, factor), abs=1e-12)


def test_the_price_of_size_is_a_square_root():
    """Four hundred of a bar's forty thousand: a tenth of half the range of 2; four times as many: twice that."""
    assert slippage(0.0, 0.01, 0.0, nan, 0.0, 0.5, 2.0, participation(400.0, 40_000.0), 1.0) == pytest.approx(0.1)
    assert slippage(0.0, 0.01, 0.0, nan, 0.0, 0.5, 2.0, participation(1_600.0, 40_000.0), 1.0) == pytest.approx(0.2)


def test_a_share_of_the_spread_stands_for_the_ticks_where_a_spread_was_quoted():
    assert slippage(2.0, 0.01, 0.5, 0.06, 0.0, 0.0, nan, 1.0, 1.0) == pytest.approx(0.03)
    assert slippage(2.0, 0.01, 0.5, nan, 0.0, 0.0, nan, 1.0, 1.0) == pytest.approx(0.02)


@given(st.integers(1, 50), st.sampled_from([nan, 0.0, 9.0, 10.0, 29.99, 30.0, 1e6]), st.sampled_from([0.1, 0.25, 1.0]), st.sampled_from([1.0, 0.00001]))
def test_what_a_bar_gives_equals_its_naive_twin(lots, volume, share, lot):
    assert fillable(lots * lot, volume, share, lot) == pytest.approx(naive.taken(lots * lot, volume, share, lot), abs=1e-12)


@pytest.mark.parametrize(("price", "side", "slip", "tick", "fill"), [
    (100.0, 1, 0.25, 0.25, 100.25), (100.0, -1, 0.25, 0.25, 99.75), (100.0, 1, 0.1, 0.25, 100.25), (100.0, -1, 0.1, 0.25, 99.75), (100.0, 1, 0.0, 0.25, 100.0),
    (100.1, 1, 0.1, 0.1, 100.2), (1.1, -1, 0.0001, 0.0001, 1.0999)])
def test_a_market_fill_is_on_the_grid_and_against_us(price, side, slip, tick, fill):
    assert against(price, side, slip, tick) == pytest.approx(fill, abs=1e-9)


@pytest.mark.parametrize(("bar", "found"), [
    ((100.0, 100.25, 99.0, 99.5), (NO_FILL, 100.5)), ((100.0, 100.5, 99.0, 99.5), (FILL_KINDS.index("STOP"), 100.75)),
    ((100.5, 101.0, 100.0, 100.0), (FILL_KINDS.index("OPEN"), 100.75)), ((101.0, 101.0, 100.0, 100.0), (FILL_KINDS.index("OPEN"), 101.25))])
def test_a_stop_entry_waits_for_its_trigger_and_pays_for_a_gap(bar, found):
    """Buy stop at 100.5, one tick of slippage."""
    assert entry_fill(STOP, 1, 100.5, nan, 98.0, *bar[:3], 0.25, policy()[0], 0.25) == found


def test_a_stop_fills_at_the_worse_of_stop_and_open():
    assert stop_price(1, 98.0, 99.0, 0.25, 0.25) == 97.75 and stop_price(1, 98.0, 97.0, 0.25, 0.25) == 96.75
    assert stop_price(-1, 102.0, 101.0, 0.25, 0.25) == 102.25 and stop_price(-1, 102.0, 103.0, 0.25, 0.25) == 103.25


def test_fees_are_per_unit_and_of_the_value():
    """3 * 2.50 = 7.50; 25 basis points of 20000 * 0.5 = 25."""
    assert side_fee(3.0, 5000.0, 50.0, 2.5, 0.0) == 7.5 and side_fee(0.5, 20_000.0, 1.0, 0.0, 25.0) == pytest.approx(25.0)


def test_a_missing_target_is_never_reached():
    assert exit_fill(1, 98.0, np.nan, 100.0, 1e6, 99.0, 0.25, policy()[0], 0.25, True)[0] == NO_LEG


@pytest.mark.parametrize(("fee", "value", "limits", "paid"), [
    (0.5, 10_000.0, (1.0, 0.0, 0.0), 1.0),                 # the least
    (7.5, 10_000.0, (1.0, 5.0, 0.0), 5.0),                 # the most
    (0.5, 40.0, (1.0, 0.0, 100.0), 0.4),                   # one percent of forty goes before the least
    (2.5, 10_000.0, (1.0, 5.0, 100.0), 2.5)])
def test_an_order_pays_at_least_and_at_most(fee, value, limits, paid):
    assert bounded_fee(fee, 10.0, value, *limits) == pytest.approx(paid)
