"""Data files of the bars table and the commits that make them visible: `delta` told what bars are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pse.store import delta
from pse.store.layout import Home
from pse.store.rows import Rows, concat, schema, to_arrow

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction


def create(home: Home) -> DeltaTable:
    """An empty bars table."""
    return delta.create(home.bars, schema(), "bars")


def write_files(home: Home, parts: Iterable[Rows], symbol: str, timeframe: str) -> list[AddAction]:
    """Write sorted parts that follow each other and each lie in one year, one file a year; nothing sees them before `commit`.

    On a failure what was written is taken away again.
    """
    written: list[AddAction] = []
    try:
        with delta.disk_full_as_such(home.bars):
            for year, pieces in itertools.groupby(filter(len, parts), key=_year):
                written.append(delta.write_file(home.bars, to_arrow(concat(list(pieces))), symbol, timeframe, year))
    except BaseException:
        delta.discard(home.bars, written)
        raise
    return written


def commit(home: Home, table: DeltaTable, added: Sequence[AddAction], removed: Iterable[str] = (), same_values: bool = False) -> bool:
    """One new version with files added and taken out; False when another program made a version since `table` was read."""
    return delta.commit(home.bars, table, schema(), added, removed, same_values)


def _year(rows: Rows) -> int:
    return int(rows["ts_open"][:1].astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64)[0]) + 1970
