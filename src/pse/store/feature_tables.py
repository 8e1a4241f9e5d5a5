"""The feature tables: one Delta table a list of requests below `data/features/<hash>`, and what each series in it was computed from.

A series (symbol, timeframe) is written as one commit or none, and of its years only those whose values are new.  Its manifest names the bars, the snapshot,
the anchor, the calendar and the code; while bars only come in behind, the rows that were there must come out as they were: a feature's past never changes,
and a table in which it did is refused, naming the column and the bar.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import Clock, iso
from pse.domain.errors import DamagedTable, OutsideError, PseError
from pse.domain.sessions import Sessions
from pse.store import delta
from pse.store.datafiles import DataFile, data_files, dataset, file_problem, one_line, unreadable
from pse.store.feature_columns import KEYS, Aside, ColumnKind, Kinds, Part, first_difference, from_arrow, part_hash, part_of, schema, to_arrow
from pse.store.files import read_json, write_json
from pse.store.layout import Home, safe_name, symbol_name
from pse.store.locks import lock_path, locked
from pse.store.reading import need_bars, read_rows
from pse.store.remote import Folder, readable
from pse.store.rows import DTYPES, Rows, month_start

if TYPE_CHECKING:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

LOCK_SECONDS = 300.0
FOREVER = 2**62
_SHAPE = 1
_TRIES = 8


class PastChanged(PseError):
    """A stored row came out otherwise although no bar up to it changed: a feature looked ahead, or it is not the same on every run."""


@dataclass(frozen=True)
class TableSpec:
    """What a table holds.  `requests` and `window` decide the values and are plain JSON; `kinds` its columns; `meanings` what is said of each.

    `asked`: the list of requests as it was written, for who builds the table again; empty for all features.
    """

    requests: tuple[Mapping[str, Any], ...]
    window: Mapping[str, Any]
    kinds: Kinds
    meanings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: str = ""

    @property
    def hash(self) -> str:
        """16 hex digits over requests, window and columns."""
        columns = {name: [kind.name, *kind.words] for name, kind in self.kinds.items()}
        text = json.dumps([_SHAPE, list(self.requests), dict(self.window), columns, list(columns)], sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        columns = [{"name": name, "kind": kind.name, "words": list(kind.words), **self.meanings.get(name, {})} for name, kind in self.kinds.items()]
        return {"shape": _SHAPE, "hash": self.hash, "requests": list(self.requests), "window": dict(self.window), "asked": self.asked,
                "columns": columns}


@dataclass(frozen=True)
class Basis:
    """What a series is computed from.

    `bars`: series name ("ES 1m") to {hash, months, first, last}; `calendars` and `spans`: what was open, and from when to when it matters.
    `left_out`: what could not be computed, with the reason.
    """

    anchor_ns: int
    bars: Mapping[str, Mapping[str, Any]]
    bars_version: int
    snapshot: str
    calendars: Mapping[str, Sessions]
    instruments: Mapping[str, str]
    code: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        first, last = self.anchor_ns, max(int(one["last"]) for one in self.bars.values()) + 1
        sessions = {name: {"first": first, "last": last, "digest": one.digest_between(first, last)} for name, one in self.calendars.items()}
        return {"anchor_ns": self.anchor_ns, "anchor": iso(self.anchor_ns), "bars": {name: dict(one) for name, one in self.bars.items()},
                "bars_version": self.bars_version, "snapshot": self.snapshot, "sessions": sessions, "instruments": dict(self.instruments),
                "code": dict(self.code), "left_out": dict(self.left_out)}


@dataclass(frozen=True)
class Manifest:
    """What stands in a table of one series.  `years`: year to {rows, hash, path}; `basis` None when only the files told."""

    symbol: str
    timeframe: str
    basis: Mapping[str, Any] | None
    years: Mapping[str, Mapping[str, Any]]
    version: int = -1
    created_ns: int = 0

    @property
    def rows(self) -> int:
        return sum(int(one["rows"]) for one in self.years.values())


@dataclass(frozen=True)
class Written:
    """What one write did.  `status` is created, updated or unchanged; `years`: those that were written."""

    status: str
    rows: int
    years: tuple[str, ...]
    version: int
    snapshot: str


# --- what is there -------------------------------------------------------------------------------------------------------------------------------


def table_root(home: Home, spec_hash: str) -> Folder:
    return home.features / safe_name(spec_hash, "feature table")


def open_table(home: Home, spec_hash: str) -> DeltaTable | None:
    """The Delta table of a spec; None when there is none yet.  Raises `DamagedTable`."""
    from deltalake.exceptions import DeltaError

    root = table_root(home, spec_hash)
    try:
        return delta.opened(root)
    except (DeltaError, OSError, ValueError) as error:
        raise DamagedTable(f"the log of the feature table {root / '_delta_log'} cannot be read ({one_line(error)}); delete the folder {root} and run "
                           f"`pse build-features` again") from error


def _manifest_path(home: Home, spec_hash: str, symbol: str, timeframe: str) -> Folder:
    return table_root(home, spec_hash) / "_manifest" / f"{symbol_name(symbol)}.{safe_name(timeframe, 'timeframe')}.json"


def read_manifest(home: Home, spec_hash: str, symbol: str, timeframe: str) -> Manifest | None:
    """What stands in the table of a series; None when nothing does.  A manifest that does not speak of exactly the files in the log is not believed."""
    table = open_table(home, spec_hash)
    return _manifest(home, spec_hash, table, symbol, timeframe) if table is not None else None


def _manifest(home: Home, spec_hash: str, table: DeltaTable, symbol: str, timeframe: str) -> Manifest | None:
    files = data_files(table, symbol, timeframe)
    path = _manifest_path(home, spec_hash, symbol, timeframe)
    if not files:
        return None
    with contextlib.suppress(DamagedTable, KeyError, TypeError, AttributeError):
        found = read_json(path) if path.exists() else {}
        if found.get("shape") == _SHAPE and {one["path"] for one in found["years"].values()} == set(files):
            return Manifest(symbol, timeframe, found["basis"], found["years"], found["version"], found["created_ns"])
    return Manifest(symbol, timeframe, None, {str(one.year): {"rows": max(one.rows, 0), "hash": "", "path": one.path} for one in files.values()},
                    table.version())


def is_current(home: Home, spec: TableSpec, found: Manifest | None, basis: Basis) -> bool:
    """Whether a series was computed from just these bars, calendars and this code, and its files and the table's spec are whole."""
    if found is None or found.basis is None or not _has_spec(home, spec.hash):
        return False
    ours, theirs = ({key: value for key, value in document.items() if key not in ("snapshot", "bars_version")} for document in (basis.document(), found.basis))
    return ours == theirs and not damaged_files(home, spec.hash, found.symbol, found.timeframe)


def _spec_path(home: Home, spec_hash: str) -> Folder:
    return table_root(home, spec_hash) / "_manifest" / "spec.json"


def _has_spec(home: Home, spec_hash: str) -> bool:
    """Whether the table's spec stands beside it and can be read."""
    with contextlib.suppress(DamagedTable, OSError, AttributeError):
        return bool(read_json(_spec_path(home, spec_hash)).get("hash") == spec_hash)
    return False


def damaged_files(home: Home, spec_hash: str, symbol: str | None = None, timeframe: str | None = None, read: bool = False) -> list[str]:
    """A sentence for each data file that is missing, cut, or (with `read`) unreadable."""
    table, root = open_table(home, spec_hash), table_root(home, spec_hash)
    found = []
    for path, one in data_files(table, symbol, timeframe).items() if table is not None else ():
        if problem := file_problem(root, path, one.size, None) or (unreadable(root / path) if read else None):
            found.append(f"the data file {root / path} {problem}; run `pse build-features` again, it makes the same values again")
    return found


# --- writing -------------------------------------------------------------------------------------------------------------------------------------


def write_series(home: Home, spec: TableSpec, symbol: str, timeframe: str, basis: Basis, aside: Aside, clock: Clock) -> Written:
    """Put the computed rows of one series into its table: years whose values are there already are left alone; one commit, or none.

    Raises `PastChanged`, `Busy`, `DiskFull`; whatever is raised, the last committed version stays as it was.
    """
    what = f"the feature table {table_root(home, spec.hash)}"
    with locked(lock_path(home, f"features-{spec.hash}"), what, LOCK_SECONDS):
        for _ in range(_TRIES):
            if (done := _write_once(home, spec, symbol, timeframe, basis, aside, clock)) is not None:
                return done
    raise OutsideError(f"{what} was changed by another program {_TRIES} times while {symbol} {timeframe} was written; stop the other writer and run the "
                       f"command again")


def _write_once(home: Home, spec: TableSpec, symbol: str, timeframe: str, basis: Basis, aside: Aside, clock: Clock) -> Written | None:
    """One attempt; None when another program committed in between."""
    root = table_root(home, spec.hash)
    table = open_table(home, spec.hash) or delta.create(root, schema(spec.kinds), f"features {spec.hash}")
    if not _has_spec(home, spec.hash):
        write_json(_spec_path(home, spec.hash), spec.document())
    old = _manifest(home, spec.hash, table, symbol, timeframe)
    change = _Change(home, spec, symbol, timeframe, old, safe_until(home, old.basis, basis) if old and old.basis else None)
    try:
        with delta.disk_full_as_such(root):
            for year, low, high in _years(aside):
                change.take_in(year, part_of(aside, spec.kinds, low, high))
        change.drop_others()
    except BaseException:
        delta.discard(root, change.added)
        raise
    version = table.version()
    if change.added or change.removed:
        if not delta.commit(root, table, schema(spec.kinds), change.added, change.removed):
            return None
        version += 1
    made = {"shape": _SHAPE, "spec": spec.hash, "symbol": symbol, "timeframe": timeframe, "basis": basis.document(), "years": change.years,
            "rows": aside.rows, "columns": len(spec.kinds), "version": version, "created_ns": clock.now_ns()}
    write_json(_manifest_path(home, spec.hash, symbol, timeframe), made)
    delta.sweep(root)
    status = "created" if old is None else "updated" if change.added or change.removed else "unchanged"
    return Written(status, aside.rows, tuple(change.written), version, basis.snapshot)


def _years(aside: Aside) -> Iterator[tuple[str, int, int]]:
    """Each UTC year of the rows' ts_open with its first row and the one after its last."""
    years = aside.part("ts_open", 0, aside.rows).astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64) + 1970
    for year in np.unique(years):
        low, high = (int(row) for row in np.searchsorted(years, (year, year + 1)))
        yield str(year), low, high


class _Change:
    """A series between two versions, year by year.  `safe_ns`: rows that closed by then must be as they were; None where anything may change."""

    def __init__(self, home: Home, spec: TableSpec, symbol: str, timeframe: str, old: Manifest | None, safe_ns: int | None) -> None:
        self.home, self.spec, self.symbol, self.timeframe = home, spec, symbol, timeframe
        self.old, self.safe_ns = dict(old.years) if old else {}, safe_ns
        self.root = table_root(home, spec.hash)
        self.added: list[Any] = []
        self.removed: list[str] = []
        self.years: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []

    def take_in(self, year: str, part: Part) -> None:
        """Leave a year alone whose values are there; else check that its past stands, and write it."""
        value, before = part_hash(part, self.spec.kinds), self.old.get(year)
        if before is not None and (before["hash"] or self._stored_hash(before)) == value and self._is_whole(before):
            self.years[year] = {**before, "hash": value}
            return
        if before is not None:
            self._check_past(year, part)
        action = delta.write_file(self.root, to_arrow(part, self.spec.kinds), self.symbol, self.timeframe, int(year))
        self.added.append(action)
        self.removed += [before["path"]] if before is not None else []
        self.years[year] = {"rows": int(part["ts_open"].size), "hash": value, "path": action.path}
        self.written.append(year)

    def drop_others(self) -> None:
        """Take out years that the series no longer has."""
        for year in sorted(set(self.old) - set(self.years)):
            self._check_past(year, {name: np.empty(0) for name in (*KEYS, *self.spec.kinds)})
            self.removed.append(self.old[year]["path"])

    def _is_whole(self, before: Mapping[str, Any]) -> bool:
        return (self.root / before["path"]).is_file() and not damaged_files(self.home, self.spec.hash, self.symbol, self.timeframe)

    def _stored(self, before: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        return read_part(self.root / before["path"], self.spec.kinds)

    def _stored_hash(self, before: Mapping[str, Any]) -> str:
        found = self._stored(before)
        return "" if found is None else part_hash(found, self.spec.kinds)

    def _check_past(self, year: str, part: Part) -> None:
        """Raises `PastChanged` when a row of a year that may not change did."""
        if self.safe_ns is None or (before := self._stored(self.old[year])) is None:
            return
        settled = int(np.searchsorted(before["ts_close"], self.safe_ns, side="right"))
        found = first_difference(before, part, settled, (*KEYS, *self.spec.kinds))
        if found is None:
            return
        kind = self.spec.kinds.get(found.column)
        was, now = (_said(value, kind) for value in (found.before, found.after))
        raise PastChanged(f"{self.symbol} {self.timeframe}: the column {found.column} of the bar that closed at {iso(int(before['ts_close'][found.row]))} was "
                          f"{was} in the stored table {self.root} and is {now} now, though no bar up to then has changed; a feature may not change its "
                          f"past. Nothing was written. This is a fault of the feature: tell its author; to have the table all the same delete the folder "
                          f"and build it again")


def _said(value: Any, kind: ColumnKind | None) -> str:
    if value is None:
        return "not there"
    if kind is not None and kind.name == "state":
        return kind.words[int(value)] if 0 <= int(value) < len(kind.words) else "unknown"
    return repr(value)


def read_part(path: Folder, kinds: Kinds) -> dict[str, np.ndarray] | None:
    """Keys and columns of one data file; None when it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(readable(path), page_checksum_verification=True) as file:
            return from_arrow(file.read(columns=[*KEYS, *kinds]), kinds)
    except (pa.ArrowException, OSError):
        return None


# --- how far the past may not change ---------------------------------------------------------------------------------------------------------------


def safe_until(home: Home, old: Mapping[str, Any], new: Basis) -> int | None:
    """Rows that closed by this moment come from the same bars, calendar and code as before; None when nothing can be said of any.

    That is the first moment at which a bar of any series is another one; FOREVER when none is.
    """
    same = (old["anchor_ns"], old["code"], old["instruments"], old["left_out"]) == (new.anchor_ns, dict(new.code), dict(new.instruments), dict(new.left_out))
    calendars = old["sessions"]
    if not same or set(old["bars"]) != set(new.bars) or set(calendars) != set(new.calendars):
        return None
    if any(new.calendars[name].digest_between(one["first"], one["last"]) != one["digest"] for name, one in calendars.items()):
        return None
    return min(_first_change(home, name, old["bars"][name]["months"], one["months"], old["bars_version"], new.bars_version) for name, one in new.bars.items())


def _first_change(home: Home, series: str, old: Mapping[str, str], new: Mapping[str, str], old_version: int, new_version: int) -> int:
    """ts_open of the first bar that is not the same in two versions of the bars table."""
    other = next((month for month in sorted({*old, *new}) if old.get(month) != new.get(month)), None)
    if other is None:
        return FOREVER
    number = int(np.datetime64(other, "M").astype(np.int64))
    start, end = month_start(number), month_start(number + 1)
    symbol, _, timeframe = series.rpartition(" ")
    try:
        before, after = (read_rows(home, need_bars(home, version), symbol, timeframe, start_ns=start, end_ns=end) for version in (old_version, new_version))
    except DamagedTable:                                 # the old version is gone: whole months tell
        return start
    return first_other_bar(before, after, start, end)


def first_other_bar(before: Rows, after: Rows, start: int, end: int) -> int:
    """ts_open of the first of two sorted stretches' bars that differ in anything."""
    n = min(len(before), len(after))
    other = np.zeros(n, bool)
    for name in DTYPES:
        old, new = (side.columns.get(name, np.full(len(side), np.nan))[:n] for side in (before, after))
        if name == "contract":
            old, new = (np.array(side.contracts or ("",), dtype=object)[codes] for side, codes in ((before, old), (after, new)))
        other |= (old != new) & ~((old != old) & (new != new))
    if other.any():
        at = int(np.argmax(other))
        return int(min(before["ts_open"][at], after["ts_open"][at]))
    longer = before if len(before) > n else after
    return int(longer["ts_open"][n]) if len(longer) > n else end


# --- for those who read --------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FeatureTable:
    """A stored table: its spec as written, its columns, and its series."""

    hash: str
    document: Mapping[str, Any]
    kinds: Kinds
    series: tuple[Manifest, ...]
    files: Mapping[str, DataFile]

    @property
    def is_whole(self) -> bool:
        """Whether it holds all the history that was stored, and not a window."""
        return self.document["window"].get("start") is None and self.document["window"].get("end") is None

    @property
    def created_ns(self) -> int:
        return max((one.created_ns for one in self.series), default=0)


def list_tables(home: Home, damaged: list[str] | None = None) -> list[FeatureTable]:
    """All feature tables that hold a series, newest first.  One that cannot be read is told in `damaged` and left out; without such a list it raises."""
    found = []
    for root in sorted(one for one in home.features.iterdir() if (one / "_manifest" / "spec.json").is_file()) if home.features.is_dir() else ():
        try:
            table = _read_table(home, root.name)
        except DamagedTable as error:
            if damaged is None:
                raise
            damaged.append(str(error))
            continue
        found += [table] if table is not None else []
    return sorted(found, key=lambda one: (one.created_ns, one.hash), reverse=True)


def _read_table(home: Home, spec_hash: str) -> FeatureTable | None:
    """A table with its series; None when it holds none.  Raises `DamagedTable`."""
    path = _spec_path(home, spec_hash)
    mend = f"run the `pse build-features` that made it again, which writes it anew, or delete the folder {table_root(home, spec_hash)}"
    try:
        document = read_json(path)
        kinds = {one["name"]: ColumnKind(one["kind"], tuple(one["words"])) for one in document["columns"]}
        window = dict(document["window"])
        if document["hash"] != spec_hash:
            raise DamagedTable(f"{path} is that of another table")
    except DamagedTable as error:
        raise DamagedTable(f"the feature table {spec_hash} cannot be read: {error}; {mend}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedTable(f"the feature table {spec_hash} cannot be read: {path} is not as it was written; {mend}") from error
    table = open_table(home, spec_hash)
    files = data_files(table) if table is not None else {}
    names = sorted({(one.symbol, one.timeframe) for one in files.values()})
    series = [_manifest(home, spec_hash, table, *name) for name in names] if table is not None else []
    return FeatureTable(spec_hash, {**document, "window": window}, kinds, tuple(one for one in series if one is not None), files) if series else None


def table_dataset(home: Home, table: FeatureTable) -> ds.Dataset:
    """All rows of a feature table as an Arrow dataset."""
    return dataset(table_root(home, table.hash), table.files, schema(table.kinds))
