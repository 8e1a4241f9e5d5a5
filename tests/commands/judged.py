"""Judged runs for tests: a home with a few synthetic days and runs over them by scripted models, made once a process and copied."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.commands.stored import FIRST, answer_of, stored_synthetic

DAYS = ("--symbol", "ES", "--start", FIRST, "--end", "2023-03-09", "--seed", "42")
_MADE: dict[str, tuple[Path, dict[str, Any]]] = {}


def by(model: str, agents: str = "record") -> tuple[str, ...]:
    """Words of a backtest over the days, judged by a model."""
    return ("backtest", *DAYS, "--set", f"chains.three-pass.model={model}", "--agents", agents)


def judged_home(folder: Path, model: str = "scripted-honest") -> dict[str, Any]:
    """Makes `folder` a home with one run that the model judged; gives what the run said."""
    if model not in _MADE:
        home = Path(tempfile.mkdtemp(prefix="pse-judged-"))
        atexit.register(shutil.rmtree, home, True)
        stored_synthetic(home)
        _MADE[model] = home, answer_of(home, *by(model))
    home, told = _MADE[model]
    shutil.copytree(home, folder, dirs_exist_ok=True)
    return told
