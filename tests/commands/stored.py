"""Homes with stored bars for the tests of commands: a few synthetic weeks, a run over them, and the real minutes where they are to be had."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pse.cli import main
from tests.commands.made_runs import context_of

__all__ = ["FIRST", "LAST", "WINDOW", "answer_of", "backtest", "context_of", "runs", "stored_real", "stored_run", "stored_synthetic"]

FIRST, LAST = "2023-03-06", "2023-03-17"
WINDOW = ("--symbol", "ES", "--start", FIRST, "--end", LAST)
_MADE: dict[tuple[str, ...], Path] = {}


def _made(key: tuple[str, ...]) -> tuple[Path, bool]:
    """The folder of what is made once a process, and whether it has to be made yet."""
    if key in _MADE and _MADE[key].exists():
        return _MADE[key], False
    _MADE[key] = Path(tempfile.mkdtemp(prefix="pse-stored-"))
    atexit.register(shutil.rmtree, _MADE[key], True)
    return _MADE[key], True


def stored_synthetic(folder: Path) -> Path:
    """A home with three weeks of synthetic ES minutes; made once a process and copied."""
    home, new = _made(())
    if new:
        assert main(["--home", str(home), "-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-02-20", "--end", LAST,
                     "--seed", "11"]) == 0
    shutil.copytree(home, folder, dirs_exist_ok=True)
    return folder


def stored_run(folder: Path, *words: str) -> dict[str, Any]:
    """Makes `folder` such a home with one run over `words` (WINDOW without any), made once a process and copied; gives what the run said."""
    home, new = _made(words or WINDOW)
    if new:
        stored_synthetic(home)
        (home / "said.json").write_text(json.dumps(answer_of(home, "backtest", *(words or WINDOW), "--seed", "42")))
    shutil.copytree(home, folder, dirs_exist_ok=True)
    told: dict[str, Any] = json.loads((folder / "said.json").read_text())
    (folder / "said.json").unlink()
    return told


def answer_of(home: Path, *words: str) -> dict[str, Any]:
    """The answer of a command that went well, for what several tests share."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["--home", str(home), "--json", *words]) == 0
    answer: dict[str, Any] = json.loads(printed.getvalue())
    return answer


def backtest(home: Path, pse: Any, *words: object) -> dict[str, Any]:
    """A run over the window; what it said."""
    ran = pse("--home", home, "--json", "backtest", *WINDOW, "--seed", 42, *words)
    assert ran.code == 0, ran.err
    told: dict[str, Any] = ran.json
    return told


def stored_real(real_data: Path, folder: Path) -> Path:
    """A home with the real ES minutes."""
    assert main(["--home", str(folder), "-q", "ingest", "--provider", "lean", "--path", str(real_data / "lean-es-1m"), "--symbol", "ES"]) == 0
    return folder


def runs(home: Path) -> list[Path]:
    """Folders of the runs in a home, oldest first."""
    return sorted((home / "backtests" / "outputs").iterdir(), key=lambda one: one.stat().st_mtime_ns)
