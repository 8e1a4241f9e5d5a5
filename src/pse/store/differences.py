"""Where two journals part: the first record, the field in it, and both values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pse.domain.records import Record
from pse.store.journal import raw_lines, read
from pse.store.run_tables import read_object, read_table
from pse.store.runs import JOURNAL, LATER, RESULTS, SEARCHED, WFO

TOLERANCE = 1e-9                                 # relative, and absolute below one: what another processor or library may change


@dataclass(frozen=True)
class Difference:
    """The first record that differs.  `field` is a path such as body.gates[3].measured; `stored` and `again` are what stands there."""

    seq: int
    kind: str
    ts: int | None
    field: str
    stored: Any
    again: Any


def same_bytes(stored: Path, again: Path) -> bool:
    """Whether both logs have the same committed lines."""
    return all(left == right for left, right in zip_longest(raw_lines(stored), raw_lines(again)))


def first_difference(stored: Path, again: Path, tolerance: float = 0.0) -> Difference | None:
    """The first record whose moment, kind or body differs; None when only the chains do (or nothing).

    `tolerance`: relative difference of floats that counts as equal (absolute for values below one).
    """
    for left, right in zip_longest(read(stored), read(again)):
        if left is None or right is None:
            present: Record = left or right
            return Difference(present.seq, present.kind, present.ts, "line", _shown(left), _shown(right))
        found = next(_fields(left, right, tolerance), None)
        if found is not None:
            return Difference(left.seq, left.kind, left.ts, *found)
    return None


def differing_results(stored: Path, again: Path, tolerance: float = 0.0, names: tuple[str, ...] = (*RESULTS, *SEARCHED)) -> tuple[str, ...]:
    """What of the tables and figures in two run folders does not say the same, one phrase a file; compares values where bytes differ."""
    found = []
    for name in names:
        if not (again / name).is_file() or (name in LATER and not (stored / name).is_file()) or same_bytes(stored / name, again / name):
            continue
        read = _read_figures if name.endswith(".json") else _read_columns
        first = next(_values(name, read(stored / name), read(again / name), tolerance), None)
        if first is not None:
            found.append(f"{name} is not what running it again makes: {first[0]} stored {first[1]!r}, again {first[2]!r}")
    return tuple(found)


def differing_search(stored: Path, again: Path, tolerance: float = 0.0) -> tuple[str, ...]:
    """Of two walk-forwards where they part first: in what was searched and chosen, and in the journal of a test window; a phrase each."""
    found = differing_results(stored, again, tolerance, (WFO,))
    for path in sorted(again.glob(f"folds/*/{JOURNAL}"), key=lambda one: int(one.parent.name)):
        name = path.relative_to(again)
        if not (stored / name).is_file():
            return (*found, f"{name} is not there, and running it again writes it")
        if (parted := first_difference(stored / name, path, tolerance)) is not None:
            return (*found, f"{name} first differs in record {parted.seq} ({parted.kind}) {parted.field}: stored {_brief(parted.stored)}, again "
                            f"{_brief(parted.again)}")
    return found


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _read_figures(path: Path) -> Any:
    return read_object(path)


def _read_columns(path: Path) -> Any:
    return read_table(path).to_dict(as_series=False)


def _shown(record: Record | None) -> Any:
    return None if record is None else {"kind": record.kind, "body": record.body}


def _fields(left: Record, right: Record, tolerance: float) -> Iterator[tuple[str, Any, Any]]:
    for name, one, other in (("kind", left.kind, right.kind), ("ts", left.ts, right.ts)):
        if one != other:
            yield name, one, other
    yield from _values("body", left.body, right.body, tolerance)


def _values(path: str, one: Any, other: Any, tolerance: float) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            yield from _values(f"{path}.{key}", one.get(key, _ABSENT), other.get(key, _ABSENT), tolerance)
    elif isinstance(one, list) and isinstance(other, list):
        for index, (left, right) in enumerate(zip_longest(one, other, fillvalue=_ABSENT)):
            yield from _values(f"{path}[{index}]", left, right, tolerance)
    elif not _equal(one, other, tolerance):
        yield path, None if one is _ABSENT else one, None if other is _ABSENT else other


_ABSENT = object()


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    if type(one) is float and type(other) is float:
        return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return type(one) is type(other) and one == other
