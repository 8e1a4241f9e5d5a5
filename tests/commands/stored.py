"""Homes with stored bars for the tests of commands: a few synthetic weeks, and the real minutes where they are to be had."""

from __future__ import annotations

import atexit
import shutil
from pathlib import Path

from pse.cli import main
from tests.commands.made_runs import context_of

__all__ = ["FIRST", "LAST", "context_of", "runs", "stored_real", "stored_synthetic"]

FIRST, LAST = "2023-03-06", "2023-03-17"
_MADE: dict[str, Path] = {}


def stored_synthetic(folder: Path) -> Path:
    """A home with three weeks of synthetic ES minutes; made once a process and copied."""
    if "home" not in _MADE or not _MADE["home"].exists():
        import tempfile

        _MADE["home"] = Path(tempfile.mkdtemp(prefix="pse-stored-"))
        atexit.register(shutil.rmtree, _MADE["home"], True)
        assert main(["--home", str(_MADE["home"]), "-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-02-20", "--end", LAST,
                     "--seed", "11"]) == 0
    shutil.copytree(_MADE["home"], folder, dirs_exist_ok=True)
    return folder


def stored_real(real_data: Path, folder: Path) -> Path:
    """A home with the real ES minutes."""
    assert main(["--home", str(folder), "-q", "ingest", "--provider", "lean", "--path", str(real_data / "lean-es-1m"), "--symbol", "ES"]) == 0
    return folder


def runs(home: Path) -> list[Path]:
    """Folders of the runs in a home, oldest first."""
    return sorted((home / "backtests" / "outputs").iterdir(), key=lambda one: one.stat().st_mtime_ns)
