"""Real minutes of many makers, the whole path: ingest with the documented flags, backtest twice, prove.

Counts and spans are the files' own; what a session holds is the exchange's. Markets are small here: nothing is asked of the results but that they
are made, repeat and add up.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pse.cli import main

ROOT = os.environ.get("PSE_REAL_DATA", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="PSE_REAL_DATA names no folder of real data")]

SIXTY = "databento-dbn/nautilus_historical_bars_catalog_futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst"
FESX_COLUMNS = ("--columns", "date,time,open,high,low,close,volume,_", "--tz", "Europe/Berlin")


@dataclass(frozen=True)
class Case:
    """One data set: how it is read, what it holds (rows, first and last open), how it is traded, and in how many sessions."""

    path: str
    symbol: str
    provider: str
    flags: tuple[str, ...]
    rows: int
    first: str
    last: str
    outside: int
    sessions: int
    trade: tuple[str, ...] = ()


CASES = [
    # 2013-10-06 is a Sunday evening: its minutes belong to Monday's session.  Eleven days of files, some cut at midnight UTC, reach into 15 sessions.
    Case("lean-es-1m", "ES", "lean", (), 17_537, "2013-10-06T22:00:00Z", "2013-12-03T23:59:00Z", 0, 15, ("--start", "2013-10-06", "--end", "2013-12-04")),
    # January 2024 has 23 weekdays; New Year's evening belongs to the 2nd
    Case("nautilus-6e-1m", "6E", "csv", (), 29_996, "2024-01-01T23:00:00Z", "2024-01-31T23:58:00Z", 0, 23),
    # 2006-01-02 to 02-27 has 41 weekdays
    Case("backtrader-fesx-1m", "FESX", "csv", FESX_COLUMNS, 30_889, "2006-01-02T08:00:00Z", "2006-02-27T20:59:00Z", 0, 41, ("--set", "account.currency=EUR")),
    # UTC days from the last hour of November to 23:00 of 29 December
    Case("binance-btcusdt-2024/BTCUSDT_1m.csv.gz", "BTCUSDT", "csv", (), 41_761, "2024-11-30T23:00:00Z", "2024-12-29T23:00:00Z", 0, 30,
         ("--set", "account.currency=USDT")),
    # January 2011 has 20 NYSE days; minutes before 9:30 and after 16:00 New York time are kept and flagged
    Case("pyalgotrade-spy-1m", "SPY", "csv", ("--tz", "UTC", "--stamp", "close"), 14_180, "2011-01-03T09:00:00Z", "2011-02-01T00:59:00Z", 6_380, 20),
    Case(SIXTY, "NQ", "databento", (), 30, "2024-07-01T23:40:00Z", "2024-07-02T00:09:00Z", 0, 1),
    Case(SIXTY, "ES", "databento", (), 30, "2024-07-01T23:40:00Z", "2024-07-02T00:09:00Z", 0, 1),
]


def pse(home: Path, *words: object, code: int = 0) -> dict[str, Any]:
    """One command line in `home`, answered in JSON."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        found = main(["--home", str(home), "--json", *map(str, words)])
    assert found == code, f"{words}\n{out.getvalue()}\n{err.getvalue()}"
    return json.loads(out.getvalue())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.provider}-{case.symbol}")
def test_the_whole_path_over_real_minutes(case: Case, tmp_path: Path):
    words = ("ingest", "--provider", case.provider, "--path", Path(ROOT) / case.path, "--symbol", case.symbol, *case.flags)
    first, again = pse(tmp_path, *words), pse(tmp_path, *words)
    assert (first["status"], first["rows"], first["first"], first["last"], first["outside_session"]) == (
        "created", case.rows, case.first, case.last, case.outside)
    assert (first["quarantined"], again["status"], again["snapshot"], again["version"]) == (0, "unchanged", first["snapshot"], first["version"])

    backtest = ("backtest", "--symbol", case.symbol, "--set", f"desks.futures-smc.symbols=[{case.symbol}]", *case.trade, "--seed", 42)
    one, two = pse(tmp_path, *backtest, "--report", tmp_path / "page.html"), pse(tmp_path, *backtest)
    assert one["fingerprint"] == two["fingerprint"] and one["snapshot"] == first["snapshot"]
    assert (one["new_trial"], two["new_trial"], two["trial"]) == (True, False, one["trial"])             # the same look at data counts once
    folders = [tmp_path / "backtests" / "outputs" / run["run_id"] for run in (one, two)]
    assert len({(folder / "journal.jsonl").read_bytes() for folder in folders}) == 1
    assert pse(tmp_path, "prove", one["run_id"])["result"] == "EQUAL"
    assert pse(tmp_path, "audit", "log", one["run_id"])["findings"] == []
    assert (tmp_path / "page.html").stat().st_size < 2_000_000

    _adds_up(folders[0], case)


def _adds_up(folder: Path, case: Case) -> None:
    """Sessions are the exchange's, fills lie inside sessions, and equity ends where the trades' money says."""
    trades, equity = pl.read_parquet(folder / "trades.parquet"), pl.read_parquet(folder / "equity.parquet")
    daily = equity.filter(pl.col("kind") == "session")
    assert daily.height == case.sessions and daily["session_date"].n_unique() == case.sessions
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds.count("SESSION") == case.sessions and kinds.count("EXIT") == trades.height
    if trades.height:
        assert float(daily["equity_usd"][-1]) == pytest.approx(100_000 + trades["net_usd"].sum(), abs=1e-6)
    if case.rows > 1000:                                                                                 # enough to warm up: something must have been found
        assert kinds.count("SETUP") > 5


def test_paper_over_real_minutes_writes_the_journal_of_the_backtest(tmp_path: Path):
    window = ("--symbol", "ES", "--start", "2013-10-07", "--end", "2013-10-08")
    pse(tmp_path, "ingest", "--provider", "lean", "--path", Path(ROOT) / "lean-es-1m", "--symbol", "ES")
    runs = [pse(tmp_path, "backtest", *window), pse(tmp_path, "paper", *window, "--route", "SIM", "--feed", "replay")]
    journals = [(tmp_path / "backtests" / "outputs" / run["run_id"] / "journal.jsonl").read_bytes() for run in runs]
    assert journals[0] == journals[1] and journals[0].count(b"\n") > 3


def test_one_table_holds_all_markets_and_the_desk_runs_on_those_that_are_stored(tmp_path: Path):
    for symbol in ("ES", "NQ"):
        pse(tmp_path, "ingest", "--provider", "databento", "--path", Path(ROOT) / SIXTY, "--symbol", symbol)
    said = pse(tmp_path, "backtest", code=2)
    assert "no stored 1m bars of RTY" in said["error"] and "--symbol" in said["error"]
    both = pse(tmp_path, "sql", "select symbol, count(*) as n from bars group by symbol order by symbol")
    assert [list(row.values()) if isinstance(row, dict) else list(row) for row in both["rows"]] == [["ES", 30], ["NQ", 30]]
