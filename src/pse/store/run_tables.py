"""What a finished run left in its folder, read back: trades, equity, evidence of its setups, and single kinds of
journal lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from pse.domain.errors import DamagedTable
from pse.domain.records import canonical
from pse.store.files import read_json, write_json
from pse.store.journal import raw_lines
from pse.store.runs import WORTH


def read_table(path: Path) -> pl.DataFrame:
    """A Parquet file of a run; `DamagedTable` when it is missing or no Parquet."""
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DamagedTable(
            f"{path} cannot be read as a table of a run ({str(error).splitlines()[0]}); expected what `pse backtest` wrote there; "
            f"run the backtest again"
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a run; `DamagedTable` when it is missing or something else."""
    found = read_json(path) if path.is_file() else None
    if not isinstance(found, dict):
        raise DamagedTable(
            f"{path} does not hold a JSON object of a run; `pse backtest` writes it; run the backtest again"
        )
    return found


def write_worth(folder: Path, found: dict[str, Any]) -> None:
    """Keeps what the judges of a run were worth beside it, with the hash of what it says."""
    write_json(folder / WORTH, found | {"sha256": _hash_of(found)})


def read_worth(folder: Path) -> dict[str, Any]:
    """What `write_worth` kept there; `DamagedTable` when it says anything else."""
    path = folder / WORTH
    found = read_object(path)
    if found.pop("sha256", None) != _hash_of(found):
        raise DamagedTable(f"{path} does not hold what `pse decisions overrides` wrote there (its sha256 is that of something else, or missing); run "
                           f"`pse decisions overrides {folder.name}` again, which writes it anew")
    return found


def _hash_of(found: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(found).encode()).hexdigest()


def read_setups(path: Path, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """What was told of the wanted setups by setup id, from recommendations.json; empty when that file is not there."""
    found = read_json(path) if path.is_file() else []
    setups: dict[str, dict[str, Any]] = {}
    for item in found if isinstance(found, list) else []:
        body = item.get("body", item) if isinstance(item, dict) else {}
        setup = str(body.get("setup_id") or body.get("id") or "") if isinstance(body, dict) else ""
        if setup in wanted:
            setups[setup] = body
    return setups


def journal_lines(path: Path, kinds: Iterable[str], limit: int = 1000) -> dict[str, list[dict[str, Any]]]:
    """The first `limit` journal lines of each kind, parsed; a missing journal has none."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    markers = {kind: f'"kind":"{kind}"'.encode() for kind in found}
    for line in raw_lines(path) if path.is_file() else ():
        for kind, marker in markers.items():
            if marker in line and len(found[kind]) < limit:
                record = json.loads(line)
                if record.get("kind") == kind:
                    found[kind].append(record)
    return found
