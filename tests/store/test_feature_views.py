"""`features` as SQL: a row never mixes values of different bars, and what is left out is named with the command that brings it back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.clock import FixedClock
from pse.domain.errors import DamagedTable
from pse.store import delta
from pse.store.feature_columns import ColumnKind
from pse.store.feature_tables import TableSpec, is_current, list_tables, open_table, read_manifest, table_root, write_series
from pse.store.feature_views import fits, series_of, shelf
from pse.store.query import Session
from tests.store.made import ns, store
from tests.store.test_feature_tables import SPEC, Made, aside_of, basis_of

WHOLE = {"start": None, "end": None}
OLD = TableSpec(({"name": "one"},), WHOLE, {"one": ColumnKind("number")}, asked="one")
NEW = TableSpec(({"name": "two"},), WHOLE, {"two": ColumnKind("number")}, asked="two:period=3@1h")


class Two(Made):
    """A home with two tables, of which each says the volume so far."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.at = ns("2024-06-01")
        self.build(OLD), self.build(NEW)

    def build(self, spec: TableSpec) -> None:
        self.at += 1
        values = np.cumsum(self.bars["volume"].to_numpy())
        write_series(self.home, spec, "ES", "1m", self.basis, aside_of(self.home, self.ts, **dict.fromkeys(spec.kinds, values)), FixedClock(self.at))

    def correct(self, row: int, volume: float) -> None:
        self.bars = self.bars.with_columns(volume=pl.when(pl.int_range(pl.len()) == row).then(volume).otherwise(pl.col("volume")))
        store(self.home, self.bars)
        self.basis = basis_of(self.home, self.bars)

    def said(self) -> list[str]:
        return Session(self.home).complaints("SELECT * FROM features")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_tables_of_the_same_bars_stand_in_one_row_and_nothing_is_said(two: Two):
    assert two.ask("SELECT count(*), count(one), count(two), count(*) FILTER (one = two) FROM features") == [(5000, 5000, 5000, 5000)]
    assert two.said() == []


def test_a_row_never_mixes_values_of_different_bars(two: Two):
    two.correct(1, 999.0)
    two.build(NEW)
    assert [row[0] for row in two.ask("DESCRIBE features") if row[0] in ("one", "two")] == ["two"]
    assert two.ask("SELECT max(two) FROM features") == [(two.bars["volume"].sum(),)]
    assert two.ask(f"SELECT count(one) FROM features_{OLD.hash[:8]}") == [(5000,)]
    assert two.ask("SELECT view, in_features, current, asked FROM feature_tables ORDER BY created") == [
        (f"features_{OLD.hash[:8]}", False, False, "one"), (f"features_{NEW.hash[:8]}", True, True, "two:period=3@1h")]
    two.build(OLD)
    assert two.ask("SELECT count(*) FILTER (one = two) FROM features") == [(5000,)] and two.said() == []


def test_what_is_left_out_is_named_with_the_command_that_brings_it_back(two: Two):
    two.correct(1, 999.0)
    two.build(NEW)
    assert two.said() == [f"`features` of ES 1m lacks one of table {OLD.hash[:8]}, which was computed from other ES 1m bars than the newest table; "
                          "`pse build-features --symbol ES --timeframe 1m --features one` brings them up to date"]
    assert Session(two.home).complaints("SELECT count(*) FROM bars") == []


def test_the_table_of_the_bars_that_are_stored_now_is_the_one_that_others_go_with(two: Two):
    """The bars came back to what they were: the older table is right again."""
    volume = float(two.bars["volume"][1])
    two.correct(1, 999.0)
    two.build(NEW)
    two.correct(1, volume)
    assert [row[0] for row in two.ask("DESCRIBE features") if row[0] in ("one", "two")] == ["one"]
    assert len(two.said()) == 1 and "lacks two of table" in two.said()[0]


def test_features_that_end_before_the_bars_say_so(two: Two):
    two.grow(5003)
    assert two.said() == ["features of ES 1m end at 2024-01-02T02:20:00Z, the stored ES 1m bars at 2024-01-02T02:23:00Z; "
                          "`pse build-features --symbol ES --timeframe 1m --features two:period=3@1h` and "
                          "`pse build-features --symbol ES --timeframe 1m --features one` bring them up to date"]
    assert two.ask("SELECT count(*) FILTER (one = two) FROM features") == [(5000,)]
    assert Session(two.home, version=1).complaints("FROM features") == []               # the bars of a snapshot are what was asked for


def test_features_of_bars_that_were_corrected_say_so(two: Two):
    two.correct(1, 999.0)
    assert len(two.said()) == 1 and two.said()[0].startswith("features of ES 1m were computed before stored ES 1m bars were corrected; `pse build-features")


def test_a_table_that_only_has_columns_of_newer_ones_is_not_missed(two: Two):
    two.correct(1, 999.0)
    two.build(TableSpec(({"name": "both"},), WHOLE, {"two": ColumnKind("number"), "one": ColumnKind("number")}, asked="one,two"))
    assert two.said() == []


def test_tables_of_two_stored_timeframes_go_together_while_both_are_as_stored(two: Two):
    """One read the minutes, the other 5-minute bars: they share no hash, so only bars that are stored now are sure to be the same."""
    basis = replace(two.basis, bars={"ES 5m": {**two.basis.bars["ES 1m"], "hash": "another"}})
    write_series(two.home, NEW, "ES", "1m", basis, aside_of(two.home, two.ts, two=two.ts * 1.0), FixedClock(two.at + 9))
    assert [row[0] for row in two.ask("DESCRIBE features") if row[0] in ("one", "two")] == ["one"]
    found = shelf(two.home)
    old, new = (series_of(one, "ES", "1m") for one in sorted(found.tables, key=lambda one: one.hash == NEW.hash))
    assert old is not None and new is not None and not fits(old, new, found.present)
    assert fits(old, new, {**found.present, "ES 5m": ("another", 0)})
    assert not fits(old, new, {"ES 5m": ("another", 0)})


# --- damage --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"hash": "other", "columns": [], "window": {}}'])
def test_one_damaged_table_is_named_and_leaves_the_others_readable(two: Two, text: str):
    (table_root(two.home, OLD.hash) / "_manifest" / "spec.json").write_text(text)
    assert two.ask("SELECT count(*), count(two) FROM features") == [(5000, 5000)]
    said = two.said()
    assert len(said) == 1 and OLD.hash in said[0] and "spec.json" in said[0] and "pse build-features" in said[0]
    with pytest.raises(DamagedTable):
        list_tables(two.home)
    assert not is_current(two.home, OLD, read_manifest(two.home, OLD.hash, "ES", "1m"), two.basis)
    two.build(OLD)
    assert two.said() == [] and two.ask("SELECT count(one) FROM features") == [(5000,)]


def test_a_table_whose_log_is_damaged_is_named_too(two: Two):
    for path in (table_root(two.home, OLD.hash) / "_delta_log").glob("*.json"):
        path.write_text("{")
    assert two.ask("SELECT count(two) FROM features") == [(5000,)]
    assert len(two.said()) == 1 and "delete the folder" in two.said()[0]


def test_files_of_a_killed_writer_are_swept_by_the_next_write_and_those_of_old_versions_stay(made: Made):
    made.write()
    made.grow(6000)
    root = table_root(made.home, SPEC.hash)
    before = set(root.rglob("*.parquet"))
    killed, young = (next(iter(before)).with_name(f"{name}.parquet") for name in ("killed", "young"))
    killed.write_bytes(b"half"), young.write_bytes(b"half")
    for path in (killed, *before):
        os.utime(path, (1e9, 1e9))
    assert made.write().status == "updated"
    assert not killed.exists() and young.exists() and before <= set(root.rglob("*.parquet"))
    young.unlink()
    table = open_table(made.home, SPEC.hash)
    assert table is not None and table.version() == 2 and made.ask("SELECT count(*) FROM features") == [(6000,)]


def test_nothing_is_swept_while_the_log_cannot_be_read_whole(made: Made):
    made.write()
    root = table_root(made.home, SPEC.hash)
    killed = next(root.rglob("*.parquet")).with_name("killed.parquet")
    killed.write_bytes(b"half")
    os.utime(killed, (1e9, 1e9))
    first = root / "_delta_log" / f"{0:020d}.json"
    text = first.read_text()
    first.write_text("{")
    assert delta.sweep(root) == [] and killed.exists()
    first.write_text(text)
    assert len(delta.sweep(root)) == 1 and not killed.exists()
