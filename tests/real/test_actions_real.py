"""Real shares over real splits and dividends: what LEAN's factor files tell is what they make of the same prices."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pse.cli import main
from pse.domain.actions import KINDS, SPLIT, forward_adjusted, unrecorded_splits
from pse.domain.bars import Bars
from pse.settings import load_settings
from pse.store.actions import actions_of
from pse.store.layout import Home
from pse.store.load import load_bars
from pse.store.sessions import load_sessions

pytestmark = pytest.mark.real
EVENTS = {"AAPL": {20000621: 2.0, 20050228: 2.0, 20140609: 7.0, 20200831: 4.0}, "QQQ": {20000320: 2.0}, "SPY": {}}


@pytest.fixture(scope="module", params=sorted(EVENTS))
def share(request, tmp_path_factory, real_data: Path):
    """(symbol, its bars, its events, LEAN's own adjusted closes by day)."""
    symbol, folder = request.param, real_data / "lean-equity-daily"
    home = Home(tmp_path_factory.mktemp("home"))
    words = ("--home", str(home.root), "-q")
    factors = folder / f"factor_files_{symbol.lower()}.csv"
    assert main([*words, "ingest", "--symbol", symbol, "--provider", "lean", "--path", str(folder)]) == 0
    assert main([*words, "ingest-actions", str(factors), "--provider", "lean", "--symbol", symbol]) == 0
    instrument = load_settings(home.root).instrument(symbol)
    days = [int(line[:8]) for line in zipfile.ZipFile(folder / f"{symbol.lower()}.zip").read(f"{symbol.lower()}.csv").decode().splitlines()]
    ends = [int(np.datetime64(f"{day // 10000}-{day // 100 % 100:02d}-{day % 100:02d}", "ns").astype(np.int64)) for day in (days[0], days[-1])]
    bars = load_bars(home, instrument, "1d", None, None, load_sessions(home, instrument.calendar, *ends)).bars
    return symbol, bars, actions_of(home)[symbol], lean_adjusted(bars, factors)


def lean_adjusted(bars: Bars, factors: Path) -> np.ndarray:
    """Closes times the price and split factors of the first row that is not before the day."""
    rows = np.array([[float(cell) for cell in line.split(",")[:3]] for line in factors.read_text().splitlines()])
    at = np.searchsorted(rows[:, 0], bars.session_date)
    return bars.close * rows[at, 1] * rows[at, 2]


def test_the_splits_are_those_of_the_company(share):
    symbol, _, known, _ = share
    assert {int(day): ratio for day, kind, ratio in zip(known.ex_date, known.kind, known.amount, strict=True) if kind == SPLIT} == EVENTS[symbol]


def test_returns_are_those_of_the_prices_that_lean_adjusts(share):
    """Ours go forward from the first bar, theirs back from the last; seven digits of a factor and the cent of a dividend are between them."""
    _, bars, known, theirs = share
    ours = forward_adjusted(bars, known).close
    near = np.diff(bars.session) <= 5
    assert np.abs(np.diff(np.log(ours)) - np.diff(np.log(theirs)))[near].max() < 5e-5


def test_a_split_that_is_left_out_is_found_and_one_that_is_stored_is_not(share):
    symbol, bars, known, _ = share
    assert unrecorded_splits(bars, known) == []
    assert {one.date: float(one.ratio) for one in unrecorded_splits(bars, None)} == EVENTS[symbol] and KINDS[SPLIT] == "SPLIT"
