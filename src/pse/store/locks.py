"""One writer at a time, across processes: named locks below `data/state/locks`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pse.domain.errors import Busy
from pse.store.layout import Home, safe_name


def lock_path(home: Home, name: str) -> Path:
    """Where the lock called `name` lies."""
    return home.state / "locks" / f"{safe_name(name, 'lock')}.lock"


@contextlib.contextmanager
def locked(path: Path, what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path`; `Busy` when another process (or thread) keeps it longer than `wait_seconds`.

    The operating system lets go of it when its holder dies, so a crash leaves nothing to clean up.
    """
    held = take(path, what, wait_seconds)
    try:
        yield
    finally:
        held.release()


def take(path: Path, what: str, wait_seconds: float = 0.0) -> FileLock:
    """The same lock for a holder that outlives a block; whoever takes it calls `release()`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise Busy(f"{what} is being written by another pse process (lock {path}); expected to be its only writer; "
                   f"wait until that process ends or stop it, then run the command again") from error
    return lock


def is_held(path: Path) -> bool:
    """Whether some process writes under this lock right now."""
    if not path.exists():
        return False
    try:
        FileLock(path, thread_local=False).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False
