"""Stored rows to `Bars`: front, inside sessions, forward adjusted; expectations by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pse.domain.errors import NoBars
from pse.store.layout import Home
from pse.store.load import load_bars, stored_span
from pse.store.tables import locate
from tests.store.made import BTC, ES, MINUTE, SPY, minutes, ns, sessions_for, store, three_roll_days


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def load(home: Home, frame: pl.DataFrame, start: int | None = None, end: int | None = None, instrument=ES, timeframe: str = "1m"):
    return load_bars(home, instrument, timeframe, start, end, sessions_for(home, frame, instrument))


def test_bars_come_back_as_they_were(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    store(home, frame)
    loaded = load(home, frame)
    for name in ("ts_open", "open", "high", "low", "close", "volume"):
        assert getattr(loaded.bars, name).tolist() == frame[name].to_list()
    assert (loaded.bars.ts_close - loaded.bars.ts_open == MINUTE).all() and set(loaded.bars.session_date.tolist()) == {20240312}
    assert (loaded.dropped_outside, loaded.notes, loaded.bars.contracts, loaded.bars.offset.any()) == (0, [], ("",), False)


def test_the_series_is_that_of_the_front_with_the_roll_in_its_offset(home: Home):
    frame = three_roll_days()
    store(home, frame)
    bars = load(home, frame).bars
    assert bars.contracts == ("ESH4", "ESM4") and bars.contract.tolist() == [0] * 18 + [1] * 10
    assert np.flatnonzero(bars.roll).tolist() == [18]
    assert bars.offset.tolist() == [0.0] * 18 + [55.5] * 10                      # 5155.50 - 5100.00 at 20:58 of the 13th
    assert bars.close.tolist()[18:] == frame.filter(contract="ESM4")["close"].to_list()[20:]


def test_a_roll_without_a_common_minute_is_an_estimate_and_said(home: Home):
    frame = three_roll_days().filter(~((pl.col("contract") == "ESM4") & (pl.col("ts_open") < ns("2024-03-14"))))
    store(home, frame, front=[(20240101, "ESH4"), (20240314, "ESM4")])
    loaded = load(home, frame)
    new_open = frame.filter(contract="ESM4")["open"][0]
    assert loaded.bars.offset[-1] == new_open - 5100.0 and loaded.roll_estimated.tolist() == [18]
    assert "1 of 1 rolls" in loaded.notes[0]


def test_bars_outside_the_sessions_are_left_out_and_counted(home: Home):
    frame = minutes("2024-03-12T20:58", 70)                                      # the break lasts from 21:00 to 22:00 UTC
    store(home, frame)
    loaded = load(home, frame)
    assert loaded.dropped_outside == 60 and len(loaded.bars) == 10
    assert loaded.bars.session_date.tolist() == [20240312] * 2 + [20240313] * 8 and "60 stored bars" in loaded.notes[0]


def test_start_is_inclusive_and_end_exclusive(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    store(home, frame)
    bars = load(home, frame, ns("2024-03-12T15:10"), ns("2024-03-12T15:20")).bars
    assert (bars.ts_open[0], bars.ts_open[-1], len(bars)) == (ns("2024-03-12T15:10"), ns("2024-03-12T15:19"), 10)


def test_many_appends_come_back_in_order(home: Home):
    frame = minutes("2023-12-31T23:00", 600)
    for start in (400, 0, 500, 200, 100, 300):
        store(home, frame[start:start + 100], BTC)
    assert load(home, frame, instrument=BTC).bars.close.tolist() == frame["close"].to_list()


def test_a_pinned_version_gives_the_bars_of_then(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    first = store(home, frame[:30])
    store(home, frame[30:])
    assert len(load_bars(home, ES, "1m", None, None, sessions_for(home, frame), first.version).bars) == 30


def test_a_micro_contract_trades_on_the_bars_of_the_big_one(home: Home):
    frame = minutes("2024-03-12T15:00", 5)
    store(home, frame)
    micro = ES.model_copy(update={"symbol": "MES", "bars_of": "ES"})
    bars = load(home, frame, instrument=micro).bars
    assert bars.symbol == "MES" and bars.close.tolist() == frame["close"].to_list()


def test_daily_bars_close_with_their_session(home: Home):
    frame = minutes("2024-07-01", 3, step=1440 * MINUTE)
    store(home, frame, SPY, "1d")
    assert load(home, frame, instrument=SPY, timeframe="1d").bars.ts_close[-1] == ns("2024-07-03T17:00")


def test_unknown_volume_is_nan(home: Home):
    frame = minutes("2024-03-12T15:00", 5).with_columns(volume=pl.lit(None, dtype=pl.Float64))
    store(home, frame)
    assert np.isnan(load(home, frame).bars.volume).all()


def test_nothing_in_range_and_nothing_stored_are_told_apart(home: Home):
    frame = minutes("2024-03-12T15:00", 5)
    store(home, frame)
    with pytest.raises(NoBars, match="from 2025-01-01T00:00:00Z to the end"):
        load(home, frame, ns("2025-01-01"))
    with pytest.raises(NoBars, match="no stored bars of SPY 1m; stored: ES 1m"):
        load(home, frame, instrument=SPY)
    assert stored_span(home, "ES", "1m") == (ns("2024-03-12T15:00"), ns("2024-03-12T15:04")) and stored_span(home, "NQ", "1m") is None


def test_the_session_of_each_moment_equals_a_search_for_each(home: Home):
    frame = minutes("2024-03-06T12:00", 6000, step=3 * MINUTE)
    sessions = sessions_for(home, frame)
    ts = frame["ts_open"].to_numpy()
    at, inside = locate(ts, sessions)
    assert np.array_equal(np.where(inside, at, -1), sessions.index_of(ts))
    later = np.searchsorted(sessions.close_ns, ts, side="right")
    assert np.array_equal(at, later)
