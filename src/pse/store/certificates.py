"""Certificates of models: one file each below data/state/certificates, the last of a model found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pse.store.files import read_json, write_json
from pse.store.layout import Home, safe_name


def certificates(home: Home) -> Path:
    return home.state / "certificates"


def write_certificate(home: Home, model: str, stamp: str, body: Mapping[str, Any]) -> Path:
    """Writes one; its path.  `stamp`: the moment, in letters of a file name."""
    path = certificates(home) / safe_name(model, "model") / f"{safe_name(stamp, 'moment')}.json"
    write_json(path, dict(body))
    return path


def last_certificate(home: Home, model: str) -> dict[str, Any] | None:
    """The newest certificate of a model; None where there is none."""
    found = sorted((certificates(home) / safe_name(model, "model")).glob("*.json"))
    last: dict[str, Any] | None = read_json(found[-1]) if found else None
    return last
