"""At most so many requests in any minute, shared by every process of a home.

The moments granted last stand in a small file under a lock; who asks is given the next free moment, which may lie ahead, and waits for it.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from filelock import FileLock, Timeout

MINUTE_NS = 60_000_000_000
FARTHEST_NS = 15 * MINUTE_NS                    # a moment farther ahead is of a clock that was set back


class Rates:
    """`folder` None: shared by this process alone."""

    def __init__(self, folder: Path | None = None, wait_s: float = 2.0) -> None:
        self.folder, self.wait_s = folder, wait_s
        self.kept: dict[str, list[int]] = {}
        self.lock = threading.Lock()

    def grant(self, name: str, per_minute: int, now_ns: int, latest_ns: int) -> int | None:
        """The moment at which a request of `name` may leave, now or later; None where it would lie after `latest_ns`, and nothing is taken.

        Raises `TimeoutError` where the file stays locked.
        """
        if self.folder is None:
            with self.lock:
                granted, self.kept[name] = _next(self.kept.get(name, []), per_minute, now_ns, latest_ns)
            return granted
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.json"
        try:
            with FileLock(self.folder / f"{name}.lock", timeout=self.wait_s):
                granted, kept = _next(_read(path), per_minute, now_ns, latest_ns)
                if granted is not None:
                    _write(path, kept)
                return granted
        except Timeout as error:
            raise TimeoutError(f"{path.name} stayed locked for {self.wait_s:g} s") from error


def _next(taken: list[int], per_minute: int, now_ns: int, latest_ns: int) -> tuple[int | None, list[int]]:
    """The next free moment, and the moments that count after it: in no minute more than `per_minute`."""
    known = sorted(moment for moment in taken if moment <= now_ns + FARTHEST_NS)[-per_minute:]
    free = max(now_ns, known[-per_minute] + MINUTE_NS) if len(known) >= per_minute else now_ns
    granted = max(free, known[-1]) if known else free       # in the order in which they asked
    return (granted, [*known, granted][-per_minute:]) if granted <= latest_ns else (None, known)


def _read(path: Path) -> list[int]:
    """The moments in a file; none where it is missing or holds anything else: a limit that forgets one minute is no disaster, a run that stops is."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [moment for moment in found if type(moment) is int] if isinstance(found, list) else []


def _write(path: Path, moments: list[int]) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(moments), "utf-8")
    os.replace(draft, path)
