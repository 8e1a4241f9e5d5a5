"""Arithmetic, compiled.  Imports numpy and numba and nothing of pse.

Compiled code is kept in a folder keyed by the text of every kernel and by the numba version: numba's own index looks at the caller's file only,
so an edit in a callee would go on answering from the old code.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

KEEP_STALE_DAYS = 14


def user_cache() -> Path:
    """The folder for things that can be made again, as each system has it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pse"


def sources_digest(folder: Path) -> str:
    """Sixteen hex digits over the name and text of every kernel module and the numba version."""
    digest = hashlib.sha256(version("numba").encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _prune(base: Path, keep: Path) -> None:
    """Removes compiled folders that no run has used for two weeks."""
    oldest = time.time() - KEEP_STALE_DAYS * 86_400
    for folder in base.iterdir():
        if folder != keep and folder.name.startswith("pse-kernels-") and folder.is_dir() and folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _use_cache_folder() -> Path:
    """Points numba at the folder of these sources; a NUMBA_CACHE_DIR of the user's wins, with the digest below it."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    name = f"pse-kernels-{sources_digest(Path(__file__).parent)}"
    if given and Path(given).name == name:       # a child process of a pse process: already keyed
        return Path(given)
    base = Path(given) if given else user_cache()
    folder = base / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        if not given:
            _prune(base, folder)
    except OSError:                              # a read-only home: numba then compiles in memory
        return folder
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


CACHE_FOLDER = _use_cache_folder()


def compiled_before() -> bool:
    """Whether the engine of these sources was compiled on this machine; if not, the first run waits for the compiler."""
    return next(CACHE_FOLDER.rglob("engine.advance-*.nbi"), None) is not None
