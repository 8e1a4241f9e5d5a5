"""Value hashes: what a series is worth, whatever files it lies in.

A month's hash is made of two parts: `base`, the bars themselves, and the front part, what the roll rule says of them; so that a bar that comes
again is recognised before the roll rule has run.  `available_at` equals `ts_close` and is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from pse.domain.bars import BarFlag
from pse.store.rows import BASE, FLOATS, Rows, canonical, strip_front

_HEADER = b"pse-bars-v1\n"


def base_hash(rows: Rows) -> str:
    """sha256 of the bars of one month, sorted by (ts_open, contract), without `roll` and the BACK_MONTH flag."""
    digest = hashlib.sha256(_HEADER + str(len(rows)).encode())
    for name in BASE:
        digest.update(f"\n{name}:".encode())
        if name == "contract":
            _feed_contracts(digest, rows)
        elif name == "flags":
            digest.update(_bytes(strip_front(rows["flags"]), "<i2"))
        elif name in FLOATS:
            column = rows.columns.get(name)
            if column is not None and not np.isnan(column).all():
                digest.update(_bytes(canonical(column), "<f8"))
        else:
            digest.update(_bytes(rows[name], "<" + rows[name].dtype.str[1:]))
    return digest.hexdigest()


def _feed_contracts(digest: hashlib._Hash, rows: Rows) -> None:
    """Names that occur, and which row has which; one name needs no codes."""
    used, codes = np.unique(rows["contract"], return_inverse=True) if len(rows.contracts) > 1 else (np.zeros(1, np.int64), None)
    digest.update("\x00".join(rows.contracts[int(i)] for i in used).encode())
    if used.size > 1 and codes is not None:
        digest.update(_bytes(codes, "<i4"))


def _bytes(column: np.ndarray, dtype: str) -> memoryview:
    return np.ascontiguousarray(column, dtype=dtype).data


def month_hash(base: str, rows: Rows) -> str:
    """The month's value hash: its base hash, and `roll` and BACK_MONTH where there are any."""
    back = (rows["flags"] & int(BarFlag.BACK_MONTH)) != 0
    digest = hashlib.sha256(base.encode())
    if back.any() or rows["roll"].any():
        digest.update(np.packbits(back).tobytes() + np.packbits(rows["roll"]).tobytes())
    return digest.hexdigest()


def series_hash(months: Mapping[str, str]) -> str:
    """sha256 of the sorted lines `month:hash`."""
    return _of_lines(f"{month}:{value}" for month, value in months.items())


def snapshot_id(series: Iterable[tuple[str, str, str]]) -> str:
    """First 16 hex digits of the sha256 of the sorted lines `symbol:timeframe:hash`."""
    return _of_lines(":".join(one) for one in series)[:16]


def _of_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()
