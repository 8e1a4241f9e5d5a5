"""Real minutes through `pse ingest`: stored once, front and sessions as the exchange had them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pse.store.layout import Home
from pse.store.reading import read_bars

pytestmark = pytest.mark.real


def test_real_futures_minutes_are_stored_once_with_their_front(pse: Callable, tmp_path: Path, real_data: Path):
    words = ("ingest", "--provider", "lean", "--path", real_data / "lean-es-1m", "--symbol", "ES", "--json")
    first, second = pse(*words).json, pse(*words).json
    assert (first["status"], second["status"]) == ("created", "unchanged") and first["snapshot"] == second["snapshot"]
    bars = read_bars(Home(tmp_path), "ES", "1m")
    assert first["rows"] == len(bars) == 17_537 and first["quarantined"] == first["outside_session"] == 0
    front = bars.filter((pl.col("flags") & 16) == 0)
    assert front["contract"].unique().to_list() == ["ES-201312"] and not bars["roll"].any()
    assert pse("snapshots", "verify").code == 0


def test_no_bar_of_the_afternoon_halt_was_traded_in_2013(pse: Callable, tmp_path: Path, real_data: Path):
    """15:15 to 15:30 Chicago time, in October 20:15 to 20:30 UTC: the calendar's halt is the one that the minutes show."""
    pse("ingest", "--provider", "lean", "--path", real_data / "lean-es-1m", "--symbol", "ES")
    minute = (read_bars(Home(tmp_path), "ES", "1m", end_ns=1_382_000_000_000_000_000)["ts_open"] // 60_000_000_000) % 1440
    assert not minute.is_between(20 * 60 + 15, 20 * 60 + 29).any() and minute.is_between(20 * 60 + 30, 21 * 60 + 14).any()


@pytest.mark.parametrize(("symbol", "path", "more", "rows", "outside"), [
    ("6E", "nautilus-6e-1m", ["--stamp", "close", "--tz", "UTC"], 29_996, 0),
    ("FESX", "backtrader-fesx-1m", ["--columns", "date=0,time=1,open=2,high=3,low=4,close=5,volume=6", "--tz", "Europe/Berlin", "--stamp", "close"], 30_889, 0),
    ("SPY", "pyalgotrade-spy-1m", ["--tz", "UTC", "--stamp", "close"], 14_180, 6_380),
    ("BTCUSDT", "binance-btcusdt-2024", ["--timeframe", "1m"], None, 0),
])
def test_each_real_source_is_stored_with_documented_flags(pse: Callable, real_data: Path, symbol: str, path: str, more: list[str], rows: int, outside: int):
    found = pse("ingest", "--provider", "csv", "--path", real_data / path, "--symbol", symbol, *more, "--json").json
    assert found["ok"] and found["outside_session"] == outside and found["quarantined"] <= 1
    assert rows is None or found["rows"] == rows
