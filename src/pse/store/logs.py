"""Where the story of an unforeseen error is kept."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from pse.store.files import write_atomic
from pse.store.layout import Home


def write_bug(home: Home, words: str, story: str) -> Path:
    """Write the command line and the traceback, free of secrets already, below data/logs; returns the file."""
    from pse import __version__

    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = home.logs / f"bug-{stamp}-{os.getpid()}.log"
    head = f"pse {__version__}, Python {platform.python_version()}, {platform.platform()}\ncommand line: {words}\n\n"
    write_atomic(path, (head + story).encode("utf-8", "backslashreplace"))
    return path
