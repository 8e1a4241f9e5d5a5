"""What holds of the statistics on any market, looked at on real ones: E-mini and share minutes, and a coin that never closes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.domain.ports import CsvOptions, FetchRequest
from pse.domain.sessions import Sessions
from pse.features.factors import Beta, Vif
from pse.features.feature import Known, Market
from pse.features.opening_gaps import OpeningGap
from pse.features.spreads import SpreadEstimates
from pse.features.volatility import RealisedVolatility
from pse.features.volume import Imbalance, SlotVolume
from pse.features.vwap import SessionVwap
from pse.kernels.codes import OPEN_FULL_DOWN, OPEN_FULL_UP
from pse.providers.plain_sessions import plain_sessions
from pse.registry import resolve

ROOT = os.environ.get("PSE_REAL_DATA", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="PSE_REAL_DATA names no folder of real data")]

SETS = {       # provider, path, kind, calendar, tick
    "ES": ("lean", "lean-es-1m", "future", "CME Globex Equity", 0.25),
    "SPY": ("lean", "lean-equity-1m", "stock", "NYSE", 0.01),
    "BTCUSDT": ("csv", "binance-btcusdt-2024/BTCUSDT_1m.csv.gz", "crypto", "24/7", 0.01),
    "6E": ("csv", "nautilus-6e-1m", "future", "CME Globex FX", 0.00005),
}


@cache
def market(symbol: str) -> Market:
    """The busiest contract's minutes inside plain sessions."""
    provider, path, kind, calendar, tick = SETS[symbol]
    instrument = Instrument(symbol=symbol, name=symbol, kind=kind, tick=tick, lot_step=1, point_value=1, currency="USD", calendar=calendar)

    def sessions(first_ns: int, last_ns: int) -> Sessions:
        days = [datetime.fromtimestamp(ns // 1_000_000_000, UTC).date() for ns in (first_ns, last_ns)]
        return plain_sessions(calendar, days[0] - timedelta(days=3), days[1] + timedelta(days=3))

    request = FetchRequest(symbol, instrument, timeframe="1m", path=Path(ROOT) / path, options=CsvOptions(), extra={"sessions": sessions})
    frame = resolve("provider", provider)().fetch(request).frame
    if frame["contract"].n_unique() > 1:
        frame = frame.filter(pl.col("contract") == frame.group_by("contract").agg(pl.col("volume").sum()).sort("volume")["contract"][-1])
    frame = frame.unique("ts_open").sort("ts_open")
    ts = frame["ts_open"].to_numpy().astype(np.int64)
    calendar_days = sessions(int(ts[0]), int(ts[-1]))
    session = calendar_days.index_of(ts)
    kept, n = session >= 0, int((session >= 0).sum())
    values = {name: frame[name].to_numpy().astype(float)[kept] for name in ("open", "high", "low", "close", "volume")}
    bars = Bars(symbol=symbol, timeframe="1m", ts_open=ts[kept], ts_close=ts[kept] + 60_000_000_000, **values, session=session[kept], roll=np.zeros(n, bool),
                offset=np.zeros(n), contract=np.zeros(n, np.int32), flags=np.zeros(n, np.int16), contracts=(symbol,), sessions=calendar_days)
    return Market(bars, instrument)


@pytest.fixture(params=[(symbol, timeframe) for symbol in SETS for timeframe in ("1m", "5m")], ids=lambda one: "-".join(one))
def known(request) -> Known:
    symbol, timeframe = request.param
    return market(symbol).at(timeframe)


def there(values: np.ndarray) -> np.ndarray:
    found = values[~np.isnan(values)]
    assert found.size > 0.3 * values.size
    return found


@pytest.mark.parametrize("anchor", ["session", "rth"])
def test_vwap_lies_in_the_range_of_its_session_and_its_bands_stand_in_order(known, anchor):
    found, bars = known.of(SessionVwap(anchor=anchor)), known.bars
    some = ~np.isnan(found["vwap"])
    assert some.mean() > 0.15 and (found["vwap_sd"][some] >= 0).all()
    for lower, upper in (("lower2", "lower1"), ("lower1", "upper1"), ("upper1", "upper2")):
        assert (found[f"vwap_{lower}"][some] <= found[f"vwap_{upper}"][some]).all()
    first = np.searchsorted(bars.session, bars.session)
    for row in np.flatnonzero(some)[::37]:
        since = slice(first[row], row + 1)
        assert bars.low[since].min() - 1e-9 <= found["vwap"][row] <= bars.high[since].max() + 1e-9


def test_spreads_and_volatilities_are_never_negative_and_of_a_size_that_a_market_has(known):
    spreads, volatility = known.of(SpreadEstimates()), known.of(RealisedVolatility())
    for values in (*spreads.values(), *volatility.values()):
        assert (there(values) >= 0).all()
    assert there(spreads["spread_ticks"]).min() >= 1 and np.median(there(spreads["spread_cs"])) < 0.002
    assert all(0.01 < np.median(there(values)) < 1.5 for values in volatility.values())


def test_shares_of_volume_lie_between_all_sold_and_all_bought(known):
    for values in known.of(Imbalance()).values():
        assert (np.abs(there(values)) <= 1 + 1e-12).all() and np.ptp(there(values)) > 0.2


def test_volume_is_usually_near_what_is_usual_at_its_time(known):
    values = known.of(SlotVolume(at_least=2))["rvol_tod"]
    assert (there(values) >= 0).all() and 0.5 < np.median(there(values)) < 2


def test_an_opening_gap_is_told_once_a_session_and_stays_filled(known):
    found, bars = known.of(OpeningGap()), known.bars
    turns = np.flatnonzero(np.diff(bars.session)) + 1
    next_day = np.diff(bars.session)[turns - 1] == 1                    # over missing trading days there is no gap
    np.testing.assert_array_equal(found["open_gap"][turns], np.where(next_day, bars.open[turns] - bars.close[turns - 1], np.nan))
    same = np.diff(bars.session) == 0
    assert (np.diff(found["open_gap_filled"])[same] >= 0).all() and (np.diff(found["open_gap_kind"])[same] == 0).all()
    beyond = turns[np.isin(found["open_gap_kind"][turns], (OPEN_FULL_UP, OPEN_FULL_DOWN))]
    assert (np.abs(found["open_gap"][beyond]) > 0).all()


def test_factors_are_at_least_one_and_a_symbol_is_its_own_benchmark(known):
    assert (there(known.of(Vif())["vif_max"]) >= 1).all()
    beta = there(known.of(Beta(benchmark=known.instrument.symbol))["beta"])
    np.testing.assert_allclose(beta, 1.0, rtol=1e-12)


def test_the_e_mini_moves_with_the_share_of_the_same_index():
    """The sessions of October 2013 that both sets hold; a tick of ES is 1.5 basis points, which blurs single minutes."""
    own = market("ES")
    found = Market(own.bars, own.instrument, others={"SPY": market("SPY")}).at("15m").of(Beta(period=20))["beta"]
    assert np.isfinite(found).sum() > 80 and 0.8 < np.nanmedian(found) < 1.2
