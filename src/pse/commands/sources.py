"""Which pse this is: what the figures of a search depend on beside data and settings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pse
from pse.kernels import sources_digest

ROOMS = ("domain", "engine", "features", "kernels", "research", "risk", "tactics")


@cache
def code() -> dict[str, str]:
    """The version, and a hash of the sources of every room that decides a figure; as it was when this process first asked."""
    root = Path(pse.__file__).parent
    return {"pse": pse.__version__} | {room: sources_digest(root / room) for room in ROOMS}


def differences(other: dict[str, str], ours: dict[str, str]) -> str:
    """In which of these two processes differ, in words: `kernels 12ab.. there, 34cd.. here`."""
    return ", ".join(f"{name} {other.get(name, 'unknown')} there, {own} here" for name, own in ours.items() if other.get(name) != own)
