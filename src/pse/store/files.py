"""JSON documents as whole files: a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pse.disk import disk_full_said, write_atomic
from pse.domain.errors import DamagedTable
from pse.store.remote import Folder

__all__ = ["disk_full_said", "read_json", "write_atomic", "write_json"]


def write_json(path: Folder, value: Any) -> None:
    """One JSON document, sorted keys, readable, no NaN."""
    content = (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    if isinstance(path, Path):
        write_atomic(path, content)
    else:
        path.write_bytes(content)


def read_json(path: Folder) -> Any:
    """The document at `path`; `DamagedTable` when it is not JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:              # covers bad JSON and bad UTF-8
        raise DamagedTable(f"{path} does not hold the JSON document that was written there ({error}); restore it from a copy or delete it "
                           f"and run the command that made it again") from error
