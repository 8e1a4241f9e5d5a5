"""Between numpy and Arrow without a copy and without pandas.

`pyarrow.array` and `Array.to_numpy` import pandas when it is installed, which costs more than reading a year of minutes; the buffers need no help.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def to_array(values: np.ndarray, kind: pa.DataType, nan_is_null: bool = False) -> pa.Array:
    """A column of numbers or booleans; NaN as null where `nan_is_null`."""
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.packbits(values, bitorder="little"))])
    unknown = np.isnan(values) if nan_is_null else np.zeros(0, bool)
    valid = pa.py_buffer(np.packbits(~unknown, bitorder="little")) if unknown.any() else None
    return pa.Array.from_buffers(kind, values.size, [valid, pa.py_buffer(np.ascontiguousarray(values))])


def to_strings(codes: np.ndarray, names: Sequence[str]) -> pa.Array:
    """A text column from codes and the names they index."""
    import pyarrow as pa

    encoded = [name.encode() for name in names]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    words = pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
    return pa.DictionaryArray.from_arrays(to_array(codes.astype(np.int32, copy=False), pa.int32()), words).cast(pa.string())


def to_numpy(column: pa.ChunkedArray, dtype: str) -> np.ndarray:
    """Values of a column of numbers or booleans; null is NaN in a float column (other columns of ours have none)."""
    parts = [_chunk(chunk, dtype) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def fill(into: np.ndarray, column: pa.ChunkedArray) -> None:
    """`to_numpy` into an array that is there already."""
    at = 0
    for chunk in column.chunks:
        into[at:at + len(chunk)] = _chunk(chunk, into.dtype.str[1:])
        at += len(chunk)


def _chunk(chunk: pa.Array, dtype: str) -> np.ndarray:
    start, stop = chunk.offset, chunk.offset + len(chunk)
    valid, data = chunk.buffers()
    if chunk.null_count == len(chunk):
        return np.full(len(chunk), np.nan).astype(dtype)
    if dtype in ("?", "b1"):
        return _bits(data, start, stop)
    values = np.frombuffer(data, dtype, stop)[start:]
    return values if not chunk.null_count else np.where(_bits(valid, start, stop), values, np.nan)


def _bits(buffer: pa.Buffer, start: int, stop: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=stop, bitorder="little")[start:].astype(bool)
