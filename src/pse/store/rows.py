"""Rows of one stored series as numpy columns, and their way into and out of Arrow.

`Rows` holds what `data/bars` holds for one symbol and timeframe; unknown numbers are NaN here and null in the table, contracts are codes here and
names there.  Order is always by (ts_open, contract name).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pse.domain.bars import BarFlag
from pse.domain.ports import QUOTE_COLUMNS
from pse.store.arrow import to_array, to_numpy, to_strings

if TYPE_CHECKING:
    import pyarrow as pa

PARTITIONS = ("symbol", "timeframe", "year")
PRICES = ("open", "high", "low", "close")
FLOATS = (*PRICES, "volume", *QUOTE_COLUMNS)
NULLABLE = ("volume", *QUOTE_COLUMNS)
BASE = ("ts_open", "ts_close", *FLOATS, "contract", "session_date", "flags")
DTYPES: Mapping[str, str] = {"ts_open": "i8", "ts_close": "i8", "contract": "i4", "roll": "?", "session_date": "i4", "flags": "i2",
                             **dict.fromkeys(FLOATS, "f8")}


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of one length, by name as in `DTYPES`; a quote column that nobody knows is absent.

    `contract` int32 index into `contracts`, which is sorted by name.
    """

    contracts: tuple[str, ...]
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return int(self.columns["ts_open"].size)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def take(self, rows: np.ndarray | slice) -> Rows:
        """Some of the rows: indices, a mask or a slice (views)."""
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def with_columns(self, **changed: np.ndarray) -> Rows:
        return replace(self, columns={**self.columns, **changed})

    def only(self, names: Sequence[str]) -> Rows:
        return replace(self, columns={name: column for name, column in self.columns.items() if name in names})


def empty() -> Rows:
    """No rows, all columns that are always there."""
    return Rows((), {name: np.empty(0, dtype) for name, dtype in DTYPES.items() if name not in QUOTE_COLUMNS})


def concat(parts: Sequence[Rows]) -> Rows:
    """The parts one after the other, contracts made one list; a quote column missing in a part is NaN there."""
    parts = [part for part in parts if len(part)] or [parts[0] if parts else empty()]
    if len(parts) == 1:
        return parts[0]
    names = tuple(sorted(set().union(*(part.contracts for part in parts))))
    coded = [part.with_columns(contract=recoded(part["contract"], part.contracts, names)) for part in parts]
    present = [name for name in DTYPES if any(name in part.columns for part in coded)]
    return Rows(names, {name: np.concatenate([_column(part, name) for part in coded]) for name in present})


def _column(part: Rows, name: str) -> np.ndarray:
    return part.columns[name] if name in part.columns else np.full(len(part), np.nan)


def recoded(codes: np.ndarray, old: Sequence[str], new: Sequence[str]) -> np.ndarray:
    """Codes that were indices into `old` as indices into `new`."""
    if tuple(old) == tuple(new):
        return codes
    place = {name: i for i, name in enumerate(new)}
    return np.array([place[name] for name in old] or [0], dtype=np.int32)[codes]


def in_order(rows: Rows) -> Rows:
    """Sorted by (ts_open, contract); the same object when it is already."""
    ts, code = rows["ts_open"], rows["contract"]
    step = np.diff(ts)
    if step.size == 0 or (step > 0).all() or ((step > 0) | ((step == 0) & (np.diff(code) >= 0))).all():
        return rows
    return rows.take(np.lexsort((code, ts)))


def canonical(column: np.ndarray) -> np.ndarray:
    """One bit pattern for NaN and for zero, so that equal values hash equally."""
    unknown = np.isnan(column)
    if unknown.any():
        column = np.where(unknown, np.nan, column)
    return column + 0.0 if (column == 0.0).any() else column


def months_of(ts_open: np.ndarray) -> np.ndarray:
    """UTC month of each moment, months since 1970-01, int64."""
    return ts_open.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


def month_name(month: int) -> str:
    return str(np.datetime64(int(month), "M"))


def month_start(month: int) -> int:
    """First ns of a month since 1970-01."""
    return int(np.datetime64(int(month), "M").astype("datetime64[ns]").astype(np.int64))


def month_spans(ts_open: np.ndarray) -> list[tuple[int, slice]]:
    """Each month present in a sorted column with the slice of its rows."""
    if not ts_open.size:
        return []
    first, last = (int(m) for m in months_of(ts_open[[0, -1]]))
    starts = np.array([month_start(m) for m in range(first, last + 2)])
    cuts = np.searchsorted(ts_open, starts)
    return [(first + i, slice(int(a), int(b))) for i, (a, b) in enumerate(zip(cuts[:-1], cuts[1:], strict=True)) if b > a]


# --- Arrow ---------------------------------------------------------------------------------------------------------------------------------------


def schema() -> pa.Schema:
    """Schema of `data/bars`."""
    import pyarrow as pa

    types = {"i8": pa.int64(), "i4": pa.int32(), "i2": pa.int16(), "f8": pa.float64(), "?": pa.bool_()}
    order = ("ts_open", "ts_close", "available_at", *PRICES, "volume", "contract", "roll", "session_date", "flags", *QUOTE_COLUMNS)
    kinds = {**{name: types[code] for name, code in DTYPES.items()}, "contract": pa.string(), "available_at": pa.int64()}
    return pa.schema([("symbol", pa.string()), ("timeframe", pa.string()), ("year", pa.int32()), *((name, kinds[name]) for name in order)])


def to_arrow(rows: Rows) -> pa.Table:
    """The rows in the table's schema, without the partition columns: those stand in the path of the file."""
    import pyarrow as pa

    fields = [field for field in schema() if field.name not in PARTITIONS]
    found = {**rows.columns, "available_at": rows["ts_close"]}
    columns = []
    for field in fields:
        if field.name == "contract":
            columns.append(to_strings(rows["contract"], rows.contracts))
        elif field.name in found:
            columns.append(to_array(found[field.name], field.type, field.name in NULLABLE))
        else:
            columns.append(pa.nulls(len(rows), field.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def from_arrow(table: pa.Table) -> Rows:
    """Rows of a read table, sorted; columns that were not read stay out, without `contract` all are of the contract with no name."""
    columns = {"contract": np.zeros(table.num_rows, np.int32)}
    contracts: tuple[str, ...] = ("",)
    for name in table.column_names:
        if name == "contract":
            contracts, columns[name] = codes_of(table.column(name))
        elif name in DTYPES:
            column = table.column(name)
            if name in QUOTE_COLUMNS and column.null_count == len(column):
                continue
            columns[name] = to_numpy(column, DTYPES[name])
    return in_order(Rows(contracts, columns))


def codes_of(column: pa.ChunkedArray) -> tuple[tuple[str, ...], np.ndarray]:
    """Sorted names that occur and the code of each row, from a string or dictionary column."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chunks = column.unify_dictionaries().chunks
    if not len(column):
        return (), np.empty(0, np.int32)
    names = chunks[0].dictionary.to_pylist()
    if len(names) == 1:
        return (names[0],), np.zeros(len(column), np.int32)
    codes = to_numpy(pa.chunked_array([chunk.indices for chunk in chunks]), "i4")
    used = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    ordered = tuple(sorted(names[i] for i in used))
    mapping = np.array([ordered.index(name) if name in ordered else 0 for name in names], dtype=np.int32)
    return ordered, codes if (mapping == np.arange(mapping.size)).all() else mapping[codes]


def strip_front(flags: np.ndarray) -> np.ndarray:
    """Flags without what the roll rule decides."""
    return flags & np.int16(~int(BarFlag.BACK_MONTH))
