"""Candles around trades: what is cut out, and that packing loses nothing."""

import numpy as np
import polars as pl
import pytest

from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.reports.candles import AFTER, BEFORE, MOST, Candles, candles_around, charted, gather, largest, pack, tick_of, unpack
from tests.reports.make_run import make_bars, make_trades

FIVE = 5 * MINUTE_NS


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("ts", "open", "high", "low", "close", "step_ns", "entry", "exit"))


def test_a_candle_holds_its_five_minutes():
    bars = make_bars(3)
    found = candles_around(bars, int(bars.ts_open[1500]), int(bars.ts_open[1530]))
    assert found.step_ns == FIVE and found.ts[found.entry] == bars.ts_open[1500] // FIVE * FIVE
    for ts, o, h, low, c in zip(found.ts, found.open, found.high, found.low, found.close, strict=True):
        inside = (bars.ts_open >= ts) & (bars.ts_open < ts + FIVE)
        assert (o, h, low, c) == (bars.open[inside][0], bars.high[inside].max(), bars.low[inside].min(), bars.close[inside][-1])
    assert found.exit - found.entry == 6 and found.entry == BEFORE and AFTER <= found.ts.size - found.exit <= AFTER + 2


def test_a_long_trade_gets_longer_candles_and_never_too_many():
    bars = make_bars(20)
    found = candles_around(bars, int(bars.ts_open[2000]), int(bars.ts_open[12_000]))
    assert found.step_ns > FIVE and found.ts.size <= MOST and 0 <= found.entry < found.exit < found.ts.size


def test_a_trade_of_weeks_gets_days_named_by_their_session():
    bars = make_bars(60)
    found = candles_around(bars, int(bars.ts_open[10 * 1320]), int(bars.ts_open[50 * 1320 + 5]))
    assert found.step_ns == DAY_NS and (found.ts % DAY_NS == 0).all() and found.exit - found.entry == 40


def test_trades_at_the_edges_of_the_bars_keep_what_there_is():
    bars = make_bars(2)
    first = candles_around(bars, int(bars.ts_open[0]), int(bars.ts_open[3]))
    last = candles_around(bars, int(bars.ts_open[-10]), int(bars.ts_open[-1]))
    assert first.entry == 0 and last.ts[-1] == bars.ts_open[-1] // FIVE * FIVE


def test_no_bars_there_no_candles():
    bars = make_bars(2)
    assert candles_around(bars, int(bars.ts_open[0]) - 30 * DAY_NS, int(bars.ts_open[0])) is None
    assert candles_around(bars[0:0], 0, 1) is None
    assert candles_around(bars, int(bars.ts_close[-1]) + DAY_NS, int(bars.ts_close[-1]) + DAY_NS) is None
    trades = make_trades(bars)
    assert gather(trades, charted(trades, "all"), lambda symbol, start, end: None) == {}


def test_packing_and_unpacking_five_hundred_trades_changes_nothing():
    bars = make_bars(300)
    trades = make_trades(bars, 2.0)
    rows = largest(trades, 500)
    found = gather(trades, rows, lambda symbol, start, end: bars.between(start, end))
    assert list(found) == rows.tolist() and len(found) == 500
    text, index = pack(found, dict.fromkeys(found, 0.25))
    assert len(text) < 160_000
    back = unpack(text, index)
    assert all(same(back[row], found[row]) for row in found)


@pytest.mark.parametrize(("tick", "price", "move"), [(0.01, 65_000.0, 900.0), (0.00005, 1.1, 0.01), (1.0, 3600.0, 40.0), (1e-8, 0.0005, 0.0004)])
def test_moves_that_do_not_fit_int16_take_a_coarser_unit(tick, price, move):
    n, random = 80, np.random.default_rng(1)
    close = price + np.round(random.uniform(-move, move, n) / tick) * tick
    first = np.append(price, close[:-1])
    high, low = np.maximum(first, close) + tick, np.minimum(first, close) - tick
    made = Candles(np.arange(n) * FIVE, first, high, low, close, FIVE, 10, 20)
    text, index = pack({3: made}, {3: tick})
    back, unit = unpack(text, index)[3], index["unit"][0]
    assert unit >= tick and np.abs(back.close - close).max() <= unit * 0.5001 and unit <= max(tick, move / 1500)


def test_the_tick_of_the_instrument_is_kept_only_where_prices_lie_on_it():
    assert tick_of(np.array([1800.25, 1800.5]), 0.25) == 0.25
    assert tick_of(np.array([1800.13]), 0.25) == pytest.approx(0.01)
    assert tick_of(np.array([5.0, 7.0])) == 1.0


def test_the_largest_results_are_chosen_and_unknown_ones_come_last():
    trades = pl.DataFrame({"r_net": [0.1, -3.0, float("nan"), 2.0]})
    assert largest(trades, 2).tolist() == [1, 3] and largest(trades, 3).tolist() == [0, 1, 3]
