"""Where the story of an unforeseen error is kept."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pse.store.files import write_atomic
from pse.store.layout import Home


def write_bug(home: Home, words: Sequence[str], story: str) -> Path:
    """Write the command line and the traceback below data/logs; returns the file."""
    from pse import __version__

    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = home.logs / f"bug-{stamp}-{os.getpid()}.log"
    head = f"pse {__version__}, Python {platform.python_version()}, {platform.platform()}\ncommand line: {list(words)!r}\n\n"
    write_atomic(path, (head + story).encode("utf-8", "backslashreplace"))
    return path
