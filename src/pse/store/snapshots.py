"""Snapshots: what the data was worth when something was run on it, and whether the files still say so.

The id is a hash of value hashes, so equal values have equal ids whatever the history of the table; the file pins the table's version and the bytes
of its data files besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pse.clock import Clock, WallClock, iso
from pse.domain.errors import DamagedTable, NoBars, UnknownName
from pse.store import hashes
from pse.store import index as notes
from pse.store.datafiles import DataFile, data_files, file_problem, files_by_series
from pse.store.files import read_json, write_json
from pse.store.index import SeriesIndex
from pse.store.layout import Home, safe_name, symbol_name
from pse.store.reading import need_bars, open_bars, read_rows, series_index, series_names


@dataclass(frozen=True)
class Series:
    """One series of a snapshot: value hash, size, span (ts_open, ns) and the hash of each month."""

    symbol: str
    timeframe: str
    hash: str
    rows: int
    first: int
    last: int
    months: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """What a run cites.  `version` is the bars table's; `files`: path below data/bars -> [bytes, sha256]; `created` is ISO 8601."""

    id: str
    series: tuple[Series, ...]
    version: int
    synthetic: bool
    created: str
    files: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: which snapshot, which file or series, and what is wrong with it."""

    snapshot: str
    where: str
    problem: str


def take_snapshot(home: Home, series: Iterable[tuple[str, str]], clock: Clock | None = None) -> Snapshot:
    """The snapshot of the stored series (symbol, timeframe), written to data/snapshots unless it is there already.  Raises `NoBars`."""
    table = need_bars(home)
    files = files_by_series(table)
    indices = [_index(home, table, symbol_name(symbol), timeframe, files.get((symbol, timeframe), {})) for symbol, timeframe in sorted(set(series))]
    made = of_indices(indices, table.version(), iso((clock or WallClock()).now_ns()))
    path = home.snapshots / f"{made.id}.json"
    if path.exists():
        return load(home, made.id)
    write_json(path, _document(made))
    return made


def _index(home: Home, table: Any, symbol: str, timeframe: str, files: Mapping[str, DataFile]) -> SeriesIndex:
    found = series_index(home, table, symbol, timeframe, files)
    if not found.months:
        stored = ", ".join(" ".join(one) for one in series_names(table)) or "nothing"
        raise NoBars(f"there are no stored bars of {symbol} {timeframe}; stored: {stored}. Run `pse ingest --symbol {symbol} ...` first")
    return found


def of_indices(indices: Sequence[SeriesIndex], version: int, created: str) -> Snapshot:
    """The snapshot of what is known of some series."""
    series = tuple(Series(one.symbol, one.timeframe, one.hash, one.rows, one.first, one.last, {name: month.hash for name, month in sorted(one.months.items())})
                   for one in indices)
    identity = hashes.snapshot_id((one.symbol, one.timeframe, one.hash) for one in series)
    files = {path: entry for one in indices for path, entry in one.files.items()}
    return Snapshot(identity, series, version, any(one.synthetic for one in indices), created, files)


def _document(snapshot: Snapshot) -> dict[str, Any]:
    return {"id": snapshot.id, "series": [vars(one) | {"months": dict(one.months)} for one in snapshot.series],
            "tables": {"bars": {"version": snapshot.version, "files": {path: list(entry) for path, entry in snapshot.files.items()}}},
            "synthetic": snapshot.synthetic, "created": snapshot.created}


def load(home: Home, snapshot: str) -> Snapshot:
    """A snapshot by its id or the unambiguous start of one.  Raises `UnknownName`."""
    wanted = safe_name(snapshot, "snapshot id")
    known = sorted(path.stem for path in home.snapshots.glob("*.json")) if home.snapshots.is_dir() else []
    fits = [name for name in known if name.startswith(wanted)]
    if len(fits) != 1 and wanted not in known:
        raise UnknownName("snapshot" if not fits else "single snapshot", snapshot, known)
    path = home.snapshots / f"{wanted if wanted in known else fits[0]}.json"
    document = read_json(path)
    try:
        bars = document["tables"]["bars"]
        series = tuple(Series(**one) for one in document["series"])
        return Snapshot(document["id"], series, bars["version"], document["synthetic"], document["created"], bars["files"])
    except (KeyError, TypeError) as error:
        raise DamagedTable(f"{path} is not a snapshot as it was written ({error!r}); restore it from a copy, or delete it and ingest again") from error


def list_all(home: Home) -> list[Snapshot]:
    """All snapshots, newest first."""
    found = [load(home, path.stem) for path in home.snapshots.glob("*.json")] if home.snapshots.is_dir() else []
    return sorted(found, key=lambda one: (one.created, one.version, one.id), reverse=True)


def diff(first: Snapshot, second: Snapshot) -> list[dict[str, Any]]:
    """The series that differ: rows in each, and the months that are in one only or have other values."""
    one, two = ({(s.symbol, s.timeframe): s for s in snapshot.series} for snapshot in (first, second))
    found = []
    for key in sorted(set(one) | set(two)):
        a, b = one.get(key), two.get(key)
        if a and b and a.hash == b.hash:
            continue
        before, after = (dict(side.months) if side else {} for side in (a, b))
        found.append({"symbol": key[0], "timeframe": key[1], "rows_first": a.rows if a else 0, "rows_second": b.rows if b else 0,
                      "only_first": sorted(set(before) - set(after)), "only_second": sorted(set(after) - set(before)),
                      "changed": sorted(month for month in set(before) & set(after) if before[month] != after[month])})
    return found


# --- verify --------------------------------------------------------------------------------------------------------------------------------------


def verify(home: Home, snapshots: Sequence[Snapshot]) -> list[Finding]:
    """Every data file's bytes and every series' values, against what the snapshots and the table's newest version say; empty when all is well."""
    pinned = [*snapshots]
    table = open_bars(home)
    if table is not None:
        newest = [series_index_or_none(home, table, *name) for name in series_names(table)]
        current = of_indices([one for one in newest if one is not None], table.version(), "")
        pinned.append(Snapshot("newest version", current.series, current.version, current.synthetic, "", current.files))
    bytes_seen: dict[str, str | None] = {}
    values_seen: dict[tuple[str, ...], dict[str, str]] = {}
    return [finding for one in pinned for finding in _verify_one(home, one, bytes_seen, values_seen)]


def series_index_or_none(home: Home, table: Any, symbol: str, timeframe: str) -> SeriesIndex | None:
    """What the note says of a series, without reading values; None where there is no fitting note."""
    return notes.read_note(home, symbol, timeframe, data_files(table, symbol, timeframe))


def _verify_one(home: Home, snapshot: Snapshot, bytes_seen: dict[str, str | None], values_seen: dict[tuple[str, ...], dict[str, str]]) -> list[Finding]:
    for path, (size, sha256) in snapshot.files.items():
        if path not in bytes_seen:
            bytes_seen[path] = file_problem(home.bars, path, int(size), str(sha256))
    found = [Finding(snapshot.id, str(home.bars / path), str(bytes_seen[path])) for path in snapshot.files if bytes_seen[path]]
    if found:
        return found
    for one in snapshot.series:
        key = (one.symbol, one.timeframe, *sorted(path for path in snapshot.files if path.startswith(f"symbol={one.symbol}/timeframe={one.timeframe}/")))
        try:
            if key not in values_seen:
                values_seen[key] = _month_hashes(home, one, snapshot.version)
        except (DamagedTable, NoBars) as error:
            found.append(Finding(snapshot.id, f"{one.symbol} {one.timeframe}", str(error)))
            continue
        found.extend(Finding(snapshot.id, f"{one.symbol} {one.timeframe} {month}", problem) for month, problem in _compare(one.months, values_seen[key]))
    return found


def _month_hashes(home: Home, series: Series, version: int) -> dict[str, str]:
    rows = read_rows(home, need_bars(home, version), series.symbol, series.timeframe)
    return {name: month.hash for name, month in notes.describe(rows).items()}


def _compare(written: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str]]:
    """Months whose values are not those that were written, with what is wrong."""
    said = []
    for month in sorted(set(written) | set(found)):
        if month not in found:
            said.append((month, "has no rows any more"))
        elif month not in written:
            said.append((month, "has rows that the snapshot does not know"))
        elif written[month] != found[month]:
            said.append((month, "holds other values than were written"))
    return said
