"""A home on which a walk-forward takes seconds: two years of made-up daily bars of one share, and a desk with a crossing of two means."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pse.cli import main

DESK = """\
description: a crossing of two means, for tests
symbols: [SPY]
base_timeframe: 1d
decision_timeframe: 1d
warmup_sessions: 60
tactics:
  moving_average_cross: {fast_bars: 5, slow_bars: 20}
features: {context_timeframe: 1d}
risk: equities_swing
fills: conservative
"""
PARAMS = """\
search:
  trials: 8
  batch: 3
  min_trades: 2
  parameters:
    tactics.moving_average_cross.fast_bars: {values: [3, 5, 8]}
    tactics.moving_average_cross.slow_bars: {values: [12, 20, 30]}
    tactics.moving_average_cross.stop_atr: {values: [1.0, 2.0, 3.0]}
"""
SETS = ("--set", "risk_policies.equities_swing.gates.market_state=false", "--set", "risk_policies.equities_swing.gates.ev_min_r=-9")
WORDS = ("wfo", "--desk", "mini", "--folds", "3", "--draws", "4", "--no-audit", "--seed", "5", *SETS)
_MADE: list[Path] = []
_FINISHED: list[Finished] = []


@dataclass(frozen=True)
class Finished:
    """A home in which a walk-forward has been run, the exit code of it, and what it said."""

    home: Path
    code: int
    json: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.home / "backtests" / "outputs" / str(self.json["run_id"])

    @property
    def wfo(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "wfo.json").read_text())
        return found

    def copied(self, folder: Path) -> Finished:
        """The same elsewhere, for whoever changes something in it."""
        shutil.copytree(self.home, folder, dirs_exist_ok=True)
        return Finished(folder, self.code, self.json)


def finished() -> Finished:
    """A home with one finished walk-forward by WORDS, made once a process: to be read, or copied."""
    if not _FINISHED:
        home = Path(tempfile.mkdtemp(prefix="pse-finished-"))
        atexit.register(shutil.rmtree, home, True)
        walked(home)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = main(["--home", str(home), "--json", *WORDS, "--params", str(home / "params.yaml"), "--jobs", "1"])
        _FINISHED.append(Finished(home, code, json.loads(printed.getvalue())))
    return _FINISHED[0]


def walked(folder: Path) -> Path:
    """The home, made once a process and copied; `params.yaml` in it says what to search."""
    if not _MADE:
        home = Path(tempfile.mkdtemp(prefix="pse-walked-"))
        atexit.register(shutil.rmtree, home, True)
        (home / "configs" / "desks").mkdir(parents=True)
        (home / "configs" / "desks" / "mini.yaml").write_text(DESK)
        (home / "params.yaml").write_text(PARAMS)
        write_days(home / "spy.csv")
        assert main(["--home", str(home), "-q", "ingest", "--provider", "csv", "--symbol", "SPY", "--path", str(home / "spy.csv"), "--timeframe", "1d"]) == 0
        _MADE.append(home)
    shutil.copytree(_MADE[0], folder, dirs_exist_ok=True)
    return folder


def write_days(path: Path, days: int = 520, seed: int = 3) -> None:
    """Business days of a walk with long swings, so that means cross."""
    rng = np.random.default_rng(seed)
    dates = np.busday_offset("2021-01-04", np.arange(days))
    close = 400.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, days) + 0.004 * np.sin(np.arange(days) / 9.0)))
    opens = np.concatenate(([400.0], close[:-1]))
    high, low = np.maximum(opens, close) * 1.004, np.minimum(opens, close) * 0.996
    rows = [f"{day},{o:.2f},{h:.2f},{lo:.2f},{c:.2f},1000000" for day, o, h, lo, c in zip(dates, opens, high, low, close, strict=True)]
    path.write_text("date,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
