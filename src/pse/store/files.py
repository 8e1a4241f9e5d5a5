"""Writing whole files so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pse.domain.errors import DamagedTable, DiskFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: temporary file, fsync, rename, fsync of the folder.  Raises `DiskFull`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with disk_full_said(path), open(temporary, "wb") as file:
            _write_all(file.fileno(), content)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
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


def write_json(path: Path, value: Any) -> None:
    """One JSON document, sorted keys, readable, no NaN."""
    write_atomic(path, (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """The document at `path`; `DamagedTable` when it is not JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:              # covers bad JSON and bad UTF-8
        raise DamagedTable(f"{path} does not hold the JSON document that was written there ({error}); restore it from a copy or delete it "
                           f"and run the command that made it again") from error
