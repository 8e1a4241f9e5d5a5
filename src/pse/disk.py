"""How rooms that touch the disk write: a whole file in one step, and one writer at a time across processes.

Which files there are and what they hold is each room's own business; nothing here knows a home folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pse.domain.errors import Busy, DiskFull

if TYPE_CHECKING:
    from filelock import FileLock

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_atomic(path: Path, content: bytes, sync: bool = True) -> None:
    """Put `content` at `path` in one step: temporary file, fsync, rename, fsync of the folder.  Raises `DiskFull`.

    `sync` False leaves both fsyncs out, for what can be had again: after a power failure the file may be gone or empty, never after a crash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with disk_full_said(path), open(temporary, "wb") as file:
            _write_all(file.fileno(), content)
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if sync:
        _sync_folder(path.parent)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view):]


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":                      # a folder cannot be opened for fsync there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def disk_full_said(path: Path) -> Iterator[None]:
    """Turn "no space left" of any writer inside into `DiskFull`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFull(f"the disk took no more bytes while writing {path}: {error.strerror}; what was stored before is unchanged; "
                       f"free some space and run the command again") from error


@contextlib.contextmanager
def locked(path: Path, what: str, wait_seconds: float = 0.0, poll_seconds: float = 0.05) -> Iterator[None]:
    """Hold the lock at `path`; `Busy` when another process (or thread) keeps it longer than `wait_seconds`.

    The operating system lets go of it when its holder dies, so a crash leaves nothing to clean up.
    """
    held = take(path, what, wait_seconds, poll_seconds)
    try:
        yield
    finally:
        held.release()


def take(path: Path, what: str, wait_seconds: float = 0.0, poll_seconds: float = 0.05) -> FileLock:
    """The same lock for a holder that outlives a block; whoever takes it calls `release()`."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds, poll_interval=poll_seconds)
    except Timeout as error:
        raise Busy(f"{what} is being written by another pse process (lock {path}); expected to be its only writer; "
                   f"wait until that process ends or stop it, then run the command again") from error
    return lock


def is_held(path: Path) -> bool:
    """Whether some process writes under this lock right now."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        FileLock(path, thread_local=False).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False
