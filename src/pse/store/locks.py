"""One writer at a time, across processes: named locks below `data/state/locks`."""

from __future__ import annotations

from pathlib import Path

from pse.disk import is_held, locked, take
from pse.store.layout import Home, safe_name

__all__ = ["is_held", "lock_path", "locked", "take"]


def lock_path(home: Home, name: str) -> Path:
    """Where the lock called `name` lies."""
    return home.state / "locks" / f"{safe_name(name, 'lock')}.lock"
