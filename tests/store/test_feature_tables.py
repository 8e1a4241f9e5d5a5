"""Feature tables on disk: what is written comes back, only what is new is written, and a past that changes is refused."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.clock import FixedClock
from pse.domain.errors import PseError
from pse.domain.sessions import Sessions
from pse.store import delta, feature_tables
from pse.store.feature_columns import Aside, ColumnKind, first_difference, from_arrow, part_hash, part_of, to_arrow
from pse.store.feature_tables import (
    FOREVER,
    Basis,
    PastChanged,
    TableSpec,
    damaged_files,
    is_current,
    list_tables,
    open_table,
    read_manifest,
    safe_until,
    table_root,
    write_series,
)
from pse.store.layout import Home
from pse.store.query import Session
from pse.store.snapshots import Snapshot, take_snapshot
from tests.store.made import ES, minutes, ns, sessions_for, store

KINDS = {"x": ColumnKind("number"), "n": ColumnKind("count"), "way": ColumnKind("direction"), "quiet": ColumnKind("flag"),
         "mood": ColumnKind("state", ("UNKNOWN", "CALM", "WILD"))}
SPEC = TableSpec(({"name": "made"},), {"start": None, "end": None}, KINDS)
CLOCK = FixedClock(ns("2024-06-01"))
START = "2023-12-29T15:00"


def columns(ts: np.ndarray) -> dict[str, np.ndarray]:
    """Values that follow from the moment alone, with everything that a column can hold."""
    at = (ts // 60_000_000_000) % 1000
    x = at / 7.0
    x[at % 5 == 0] = np.nan
    return {"x": x, "n": np.where(at % 6 == 0, np.nan, at), "way": at % 3 - 1.0, "quiet": at % 2 == 0, "mood": (at % 3).astype("i2")}


def aside_of(home: Home, ts: np.ndarray, **changed: np.ndarray) -> Aside:
    made = Aside(home.state / "aside", ts.size)
    keys = {"ts_open": ts, "ts_close": ts + 60_000_000_000, "available_at": ts + 60_000_000_000, "session_date": np.full(ts.size, 20240102, "i4")}
    for name, values in {**keys, **columns(ts), **changed}.items():
        made.put(name, values)
    return made


def frame(count: int, **changed) -> pl.DataFrame:
    """The first of the same minutes, however many."""
    return minutes(START, 8000, **changed).head(count)


def basis_of(home: Home, bars: pl.DataFrame, snapshot: Snapshot | None = None) -> Basis:
    snapshot = snapshot or take_snapshot(home, [("ES", "1m")])
    calendar: Sessions = sessions_for(home, bars)
    read = {f"{one.symbol} {one.timeframe}": {"hash": one.hash, "months": dict(one.months), "first": one.first, "last": one.last} for one in snapshot.series}
    return Basis(snapshot.series[0].first, read, snapshot.version, snapshot.id, {ES.calendar: calendar}, {"ES": "x"}, {"version": "1"})


class Made:
    """A home with some minutes, and their made-up features."""

    def __init__(self, folder: Path, count: int = 5000):
        self.home = Home(folder)
        self.grow(count)

    def grow(self, count: int, **changed) -> None:
        self.bars = frame(count, **changed)
        store(self.home, self.bars)
        self.ts = self.bars["ts_open"].to_numpy()
        self.basis = basis_of(self.home, self.bars)

    def write(self, symbol: str = "ES", spec: TableSpec = SPEC, **changed):
        return write_series(self.home, spec, symbol, "1m", self.basis, aside_of(self.home, self.ts, **changed), CLOCK)

    def ask(self, query: str):
        return Session(self.home).ask(query).rows


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


# --- columns -------------------------------------------------------------------------------------------------------------------------------------


def test_every_kind_of_column_comes_back_from_arrow_as_it_was(tmp_path: Path):
    ts = ns(START) + np.arange(2000) * 60_000_000_000
    part = part_of(aside_of(Home(tmp_path), ts), KINDS, 3, 1500)
    back = from_arrow(to_arrow(part, KINDS), KINDS)
    assert first_difference(part, back, 2000, [*part]) is None and part_hash(part, KINDS) == part_hash(back, KINDS)
    schema = {field.name: str(field.type) for field in to_arrow(part, KINDS).schema}
    assert schema == {"ts_open": "int64", "ts_close": "int64", "available_at": "int64", "session_date": "int32", "x": "double", "n": "int64", "way": "int8",
                      "quiet": "bool", "mood": "string"}


def test_the_first_difference_is_the_earliest_row_and_names_its_column():
    one = {"a": np.array([1.0, np.nan, 3.0]), "b": np.array([1.0, 2.0, 3.0])}
    two = {"a": np.array([1.0, np.nan, 4.0]), "b": np.array([1.0, 5.0, 3.0])}
    found = first_difference(one, two, 3, ["a", "b"])
    assert found is not None and (found.column, found.row, found.before, found.after) == ("b", 1, 2.0, 5.0)
    assert first_difference(one, two, 1, ["a", "b"]) is None
    shorter = first_difference(one, {name: column[:2] for name, column in one.items()}, 3, ["a", "b"])
    assert shorter is not None and (shorter.row, shorter.after) == (2, None)


# --- writing -------------------------------------------------------------------------------------------------------------------------------------


def test_a_table_is_created_by_year_and_the_same_again_writes_nothing(made: Made):
    first = made.write()
    assert (first.status, first.rows, first.years, first.version) == ("created", 5000, ("2023", "2024"), 1)
    files = sorted(path.relative_to(table_root(made.home, SPEC.hash)).parent.as_posix() for path in table_root(made.home, SPEC.hash).rglob("*.parquet"))
    assert files == ["symbol=ES/timeframe=1m/year=2023", "symbol=ES/timeframe=1m/year=2024"]
    again = made.write()
    assert (again.status, again.years, again.version) == ("unchanged", (), 1)
    table = open_table(made.home, SPEC.hash)
    assert table is not None and table.version() == 1


def test_sql_reads_what_was_written(made: Made):
    made.write()
    assert made.ask("SELECT count(*), min(ts_open), count(x) FROM features WHERE symbol = 'ES' AND timeframe = '1m'") == [
        (5000, ns(START), int((~np.isnan(columns(made.ts)["x"])).sum()))]
    assert made.ask("SELECT DISTINCT mood FROM features ORDER BY 1") == [("CALM",), ("UNKNOWN",), ("WILD",)]
    assert made.ask("SELECT time, time_close, way, quiet FROM features ORDER BY ts_open LIMIT 1")[0][:2] == ("2023-12-29T15:00:00Z", "2023-12-29T15:01:00Z")
    listed = made.ask("SELECT symbol, timeframe, rows, columns, snapshot, view FROM feature_tables")
    assert listed == [("ES", "1m", 5000, 5, made.basis.snapshot, f"features_{SPEC.hash[:8]}")]
    assert made.ask(f"SELECT count(*) FROM features_{SPEC.hash[:8]}") == [(5000,)]


def test_bars_that_come_in_behind_rewrite_the_last_year_alone(made: Made):
    made.write()
    old = read_manifest(made.home, SPEC.hash, "ES", "1m")
    made.grow(6000)
    done = made.write()
    new = read_manifest(made.home, SPEC.hash, "ES", "1m")
    assert (done.status, done.years, done.rows) == ("updated", ("2024",), 6000)
    assert old is not None and new is not None and old.years["2023"] == new.years["2023"] and old.years["2024"] != new.years["2024"]
    assert made.ask("SELECT count(*), count(DISTINCT ts_open) FROM features") == [(6000, 6000)]


def test_the_manifest_names_what_the_series_was_made_of(made: Made):
    made.write()
    found = read_manifest(made.home, SPEC.hash, "ES", "1m")
    assert found is not None and found.basis is not None
    assert found.basis["snapshot"] == made.basis.snapshot and found.basis["anchor"] == "2023-12-29T15:00:00Z" and found.basis["code"] == {"version": "1"}
    assert is_current(made.home, SPEC, found, made.basis)
    assert not is_current(made.home, SPEC, found, replace(made.basis, code={"version": "2"}))
    assert not is_current(made.home, SPEC, found, replace(made.basis, instruments={"ES": "y"}))
    made.grow(5001)
    assert not is_current(made.home, SPEC, found, made.basis)


# --- the past ------------------------------------------------------------------------------------------------------------------------------------


def test_how_far_the_past_may_not_change_is_told_by_the_first_other_bar(made: Made):
    made.write()
    old = read_manifest(made.home, SPEC.hash, "ES", "1m")
    assert old is not None and old.basis is not None
    assert safe_until(made.home, old.basis, made.basis) == FOREVER
    made.grow(6000)
    assert safe_until(made.home, old.basis, made.basis) == int(made.ts[5000])
    assert safe_until(made.home, old.basis, replace(made.basis, code={"version": "2"})) is None
    assert safe_until(made.home, old.basis, replace(made.basis, anchor_ns=0)) is None


def test_nothing_is_safe_when_the_calendar_was_another_one_within_the_bars(made: Made):
    made.write()
    old = read_manifest(made.home, SPEC.hash, "ES", "1m")
    assert old is not None and old.basis is not None
    name, sessions = next(iter(made.basis.calendars.items()))
    for moment, safe in ((made.ts[-1], None), (sessions.open_ns[-1], FOREVER)):
        close = sessions.close_ns.copy()
        close[np.searchsorted(sessions.open_ns, moment, side="right") - 1] -= 60_000_000_000
        assert safe_until(made.home, old.basis, replace(made.basis, calendars={name: replace(sessions, close_ns=close)})) == safe
    assert sessions.open_ns[-1] > made.ts[-1], "a session after the bars, which do not wait for it"


def test_a_corrected_bar_moves_it_back_to_that_bar(made: Made):
    made.write()
    old = read_manifest(made.home, SPEC.hash, "ES", "1m")
    corrected = frame(5000).with_columns(volume=pl.when(pl.int_range(pl.len()) == 4321).then(999.0).otherwise(pl.col("volume")))
    store(made.home, corrected)
    assert old is not None and old.basis is not None
    assert safe_until(made.home, old.basis, basis_of(made.home, corrected)) == int(made.ts[4321])


def test_a_changed_past_is_refused_with_its_column_and_bar_and_nothing_is_written(made: Made):
    made.write()
    made.grow(6000)
    x = columns(made.ts)["x"]
    x[4998] += 1e-9
    before = made.ask("SELECT count(*), sum(x) FROM features")
    with pytest.raises(PastChanged, match=r"ES 1m: the column x of the bar that closed at 2024-01-02T02:19:00Z was [0-9.]+ in the stored table .* and is"):
        made.write(x=x)
    assert made.ask("SELECT count(*), sum(x) FROM features") == before
    root = table_root(made.home, SPEC.hash)
    assert {path.as_posix() for path in root.rglob("*.parquet")} == {(root / one["path"]).as_posix()
                                                                     for one in read_manifest(made.home, SPEC.hash, "ES", "1m").years.values()}  # type: ignore[union-attr]


def test_a_word_that_changed_is_told_as_a_word(made: Made):
    made.write()
    made.grow(6000)
    mood = columns(made.ts)["mood"]
    mood[10] = (mood[10] + 1) % 3
    with pytest.raises(PastChanged, match="mood of the bar .* was (UNKNOWN|CALM|WILD) in"):
        made.write(mood=mood)


def test_what_follows_a_corrected_bar_may_change(made: Made):
    made.write()
    corrected = frame(5000).with_columns(volume=pl.when(pl.int_range(pl.len()) == 4321).then(999.0).otherwise(pl.col("volume")))
    store(made.home, corrected)
    made.basis = basis_of(made.home, corrected)
    x = columns(made.ts)["x"]
    x[4321:] += 1.0
    assert made.write(x=x).status == "updated"
    x[4318:4320] += 1.0                                             # one of them may be unknown
    corrected = corrected.with_columns(volume=pl.when(pl.int_range(pl.len()) == 4400).then(998.0).otherwise(pl.col("volume")))
    store(made.home, corrected)
    made.basis = basis_of(made.home, corrected)
    with pytest.raises(PastChanged):
        made.write(x=x)


def test_other_code_may_change_all_of_it(made: Made):
    made.write()
    made.basis = replace(made.basis, code={"version": "2"})
    assert made.write(x=columns(made.ts)["x"] + 1.0).status == "updated"


def test_rows_that_are_gone_from_an_unchanged_past_are_refused(made: Made):
    made.write()
    made.ts = made.ts[:100]
    with pytest.raises(PastChanged, match="now, though no bar"):
        made.write()


# --- harm ----------------------------------------------------------------------------------------------------------------------------------------


def test_a_write_that_is_broken_off_leaves_the_table_as_it_was(made: Made, monkeypatch: pytest.MonkeyPatch):
    made.write()
    made.grow(6000)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(delta, "commit", stop)
    with pytest.raises(KeyboardInterrupt):
        made.write()
    monkeypatch.undo()
    assert made.ask("SELECT count(*) FROM features") == [(5000,)]
    assert made.write().status == "updated" and made.ask("SELECT count(*) FROM features") == [(6000,)]


def test_a_commit_whose_manifest_was_lost_is_believed_and_not_written_twice(made: Made):
    made.write()
    for path in (table_root(made.home, SPEC.hash) / "_manifest").glob("ES*"):
        path.unlink()
    assert not is_current(made.home, SPEC, read_manifest(made.home, SPEC.hash, "ES", "1m"), made.basis)
    done = made.write()
    assert (done.status, done.version) == ("unchanged", 1)
    assert is_current(made.home, SPEC, read_manifest(made.home, SPEC.hash, "ES", "1m"), made.basis)


@pytest.mark.parametrize("harm", ["cut", "delete"])
def test_a_damaged_file_is_named_by_sql_and_mended_by_building_again(made: Made, harm: str):
    made.write()
    path = next(table_root(made.home, SPEC.hash).rglob("year=2024/*.parquet"))
    path.unlink() if harm == "delete" else path.write_bytes(path.read_bytes()[:-9])
    assert len(damaged_files(made.home, SPEC.hash)) == 1
    with pytest.raises(PseError, match="build-features"):
        made.ask("SELECT sum(x) FROM features")
    assert not is_current(made.home, SPEC, read_manifest(made.home, SPEC.hash, "ES", "1m"), made.basis)
    assert made.write().status == "updated" and made.ask("SELECT count(*) FROM features") == [(5000,)]


def test_another_writer_in_between_is_noticed_and_the_write_made_again(made: Made, monkeypatch: pytest.MonkeyPatch):
    made.write(symbol="NQ")
    real, calls = delta.commit, []

    def slow(*given, **more):
        if not calls:
            calls.append(1)
            other = open_table(made.home, SPEC.hash)
            assert other is not None
            data = to_arrow(part_of(aside_of(made.home, made.ts), KINDS, 0, 10), KINDS)
            root = table_root(made.home, SPEC.hash)
            assert real(root, other, feature_tables.schema(KINDS), [delta.write_file(root, data, "RTY", "1m", 2023)])
        return real(*given, **more)

    monkeypatch.setattr(delta, "commit", slow)
    assert made.write().status == "created"
    assert made.ask("SELECT symbol, count(*) FROM features GROUP BY 1 ORDER BY 1") == [("ES", 5000), ("NQ", 5000), ("RTY", 10)]


def _write_in_process(folder: str, symbol: str, said) -> None:
    home = Home(Path(folder))
    bars = frame(3000)
    said.put(write_series(home, SPEC, symbol, "1m", basis_of(home, bars), aside_of(home, bars["ts_open"].to_numpy()), CLOCK).status)


@pytest.mark.slow
def test_two_processes_at_once_write_one_whole_table(tmp_path: Path):
    Made(tmp_path, 3000)
    spawn = multiprocessing.get_context("spawn")
    said = spawn.Queue()
    workers = [spawn.Process(target=_write_in_process, args=(str(tmp_path), symbol, said)) for symbol in ("ES", "ES", "NQ")]
    for worker in workers:
        worker.start()
    statuses = sorted(said.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join(60)
    assert statuses == ["created", "created", "unchanged"]
    assert Session(Home(tmp_path)).ask("SELECT symbol, count(*) FROM features GROUP BY 1 ORDER BY 1").rows == [("ES", 3000), ("NQ", 3000)]


# --- several tables ------------------------------------------------------------------------------------------------------------------------------


def test_features_joins_the_tables_of_a_series_and_windows_stand_alone(made: Made):
    made.write()
    more = TableSpec(({"name": "more"},), {"start": None, "end": None}, {"y": ColumnKind("number"), "x": ColumnKind("number")})
    window = TableSpec(({"name": "w"},), {"start": "2024-01-01T00:00:00Z", "end": None}, {"z": ColumnKind("number")})
    late = FixedClock(CLOCK.at_ns + 1)
    write_series(made.home, more, "ES", "1m", made.basis, aside_of(made.home, made.ts, y=made.ts * 1.0, x=made.ts * 0.0), late)
    write_series(made.home, window, "ES", "1m", made.basis, aside_of(made.home, made.ts[-50:], z=made.ts[-50:] * 1.0), late)
    write_series(made.home, window, "NQ", "1m", made.basis, aside_of(made.home, made.ts[-50:], z=made.ts[-50:] * 1.0), late)
    assert len(list_tables(made.home)) == 3
    assert made.ask("SELECT symbol, count(*), count(y), count(mood), sum(x), count(z) FROM features GROUP BY 1 ORDER BY 1") == [
        ("ES", 5000, 5000, 5000, 0.0, 0), ("NQ", 50, 0, 0, None, 50)]
    assert made.ask(f"SELECT count(*) FROM features_{window.hash[:8]} WHERE symbol = 'ES'") == [(50,)]


def test_the_hash_of_a_table_is_that_of_what_decides_its_values():
    assert replace(SPEC, meanings={"x": {"meaning": "other words"}}).hash == SPEC.hash
    assert replace(SPEC, requests=({"name": "other"},)).hash != SPEC.hash
    assert replace(SPEC, window={"start": "2024-01-01T00:00:00Z", "end": None}).hash != SPEC.hash
