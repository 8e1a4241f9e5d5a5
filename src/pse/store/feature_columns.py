"""Columns of a feature table on their way to disk and back: kept aside while others are computed, as Arrow, as a hash, and compared.

A column is of one kind: `number` (float64, NaN is null), `count` (int64, NaN is null), `direction` (int8, NaN is null), `flag` (bool) or `state` (text, one
of its words).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.store.arrow import to_array, to_numpy, to_strings
from pse.store.rows import PARTITIONS, canonical

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("ts_open", "ts_close", "available_at", "session_date")
_KEY_DTYPES = {"ts_open": "i8", "ts_close": "i8", "available_at": "i8", "session_date": "i4"}
_HEADER = b"pse-features-v1\n"


@dataclass(frozen=True)
class ColumnKind:
    """What a column holds: number, count, direction, flag or state, and a state's words by code."""

    name: str
    words: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """How it is kept in memory and aside; counts and directions as floats, so that they can be unknown."""
        return {"flag": "?", "state": "i2"}.get(self.name, "f8")

    def compact(self, values: np.ndarray) -> np.ndarray:
        """Computed values (float64 or int64) in that form."""
        return np.nan_to_num(values).astype(self.dtype) if self.dtype != "f8" else values.astype("f8", copy=False)


Kinds = Mapping[str, ColumnKind]


class Aside:
    """Computed columns of `rows` rows, kept in a nameless file: a table of millions of rows and a hundred columns never stands in memory whole.

    The system takes the file away when the process ends, however it ends.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.rows, self._end = rows, 0
        self._file = tempfile.TemporaryFile(dir=folder)                  # noqa: SIM115  closed by `close`, whoever made it calls that
        self._at: dict[str, tuple[int, np.dtype[Any]]] = {}

    def put(self, name: str, values: np.ndarray) -> None:
        """Keep a column."""
        if values.shape != (self.rows,):
            raise ValueError(f"column {name} has shape {values.shape}, the table has {self.rows} rows")
        self._file.seek(self._end)
        self._file.write(np.ascontiguousarray(values).data)
        self._at[name] = (self._end, values.dtype)
        self._end += values.nbytes

    def part(self, name: str, low: int, high: int) -> np.ndarray:
        """Rows low..high of a column."""
        start, dtype = self._at[name]
        self._file.seek(start + low * dtype.itemsize)
        return np.frombuffer(self._file.read((high - low) * dtype.itemsize), dtype)

    def __contains__(self, name: str) -> bool:
        return name in self._at

    def close(self) -> None:
        self._file.close()


Part = Mapping[str, np.ndarray]


def part_of(aside: Aside, kinds: Kinds, low: int, high: int) -> dict[str, np.ndarray]:
    """Keys and columns of some rows, in the order of the table."""
    return {name: aside.part(name, low, high) for name in (*KEYS, *kinds)}


# --- Arrow ---------------------------------------------------------------------------------------------------------------------------------------


def schema(kinds: Kinds) -> pa.Schema:
    """Schema of a feature table with these columns."""
    import pyarrow as pa

    types = {"number": pa.float64(), "count": pa.int64(), "direction": pa.int8(), "flag": pa.bool_(), "state": pa.string()}
    fields = [("symbol", pa.string()), ("timeframe", pa.string()), ("year", pa.int32())]
    fields += [(name, pa.int32() if name == "session_date" else pa.int64()) for name in KEYS]
    return pa.schema([*fields, *((name, types[kind.name]) for name, kind in kinds.items())])


def to_arrow(part: Part, kinds: Kinds) -> pa.Table:
    """The rows in the table's schema, without the partition columns."""
    import pyarrow as pa

    fields = [field for field in schema(kinds) if field.name not in PARTITIONS]
    return pa.Table.from_arrays([_arrow(part[field.name], field.type, kinds.get(field.name)) for field in fields], schema=pa.schema(fields))


def _arrow(values: np.ndarray, form: pa.DataType, kind: ColumnKind | None) -> pa.Array:
    import pyarrow as pa

    if kind is None or kind.name in ("number", "flag"):
        return to_array(values, form, nan_is_null=kind is not None and kind.name == "number")
    if kind.name == "state":
        return to_strings(values, kind.words)
    unknown = np.isnan(values)
    whole = np.where(unknown, 0, values).astype("i8" if kind.name == "count" else "i1")
    valid = pa.py_buffer(np.packbits(~unknown, bitorder="little")) if unknown.any() else None
    return pa.Array.from_buffers(form, values.size, [valid, pa.py_buffer(whole)])


def from_arrow(data: pa.Table, kinds: Kinds) -> dict[str, np.ndarray]:
    """Rows as they were before `to_arrow`."""
    import pyarrow as pa

    found = {}
    for name in data.column_names:
        kind, column = kinds.get(name), data.column(name)
        if kind is None:
            found[name] = to_numpy(column, _KEY_DTYPES[name])
        elif kind.name == "state":
            place = {word: code for code, word in enumerate(kind.words)}
            whole = column.dictionary_encode().unify_dictionaries()
            codes = [np.array([place.get(word, -1) for word in chunk.dictionary.to_pylist()] or [0], "i2")[to_numpy(pa.chunked_array([chunk.indices]), "i4")]
                     for chunk in whole.chunks]
            found[name] = np.concatenate([np.empty(0, "i2"), *codes])
        else:
            found[name] = to_numpy(column if kind.name in ("number", "flag") else column.cast(pa.float64()), "?" if kind.name == "flag" else "f8")
    return found


# --- what it is worth ----------------------------------------------------------------------------------------------------------------------------


def part_hash(part: Part, kinds: Kinds) -> str:
    """sha256 over names, kinds and values of some rows."""
    digest = hashlib.sha256(_HEADER)
    for name in (*KEYS, *kinds):
        kind, values = kinds.get(name), part[name]
        digest.update(f"\n{name}:{'' if kind is None else [kind.name, *kind.words]}:{values.size}:".encode())
        digest.update(np.ascontiguousarray(canonical(values) if values.dtype.kind == "f" else values).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Difference:
    """The first value of a column that is not what it was: which row of the earlier part, and both values."""

    column: str
    row: int
    before: Any
    after: Any


def first_difference(before: Part, after: Part, rows: int, names: Sequence[str]) -> Difference | None:
    """The earliest of the first `rows` rows in which two parts differ; None when they are equal.  Equal is bitwise, but one NaN is as good as another."""
    found: Difference | None = None
    for name in names:
        old, new = before[name][:rows], after[name][:rows]
        n = min(old.size, new.size)
        other = (old[:n] != new[:n]) & ~((old[:n] != old[:n]) & (new[:n] != new[:n]))
        at = int(np.argmax(other)) if other.any() else n if old.size != new.size else -1
        if at >= 0 and (found is None or at < found.row):
            found = Difference(name, at, *(side[at].item() if at < side.size else None for side in (old, new)))
    return found
