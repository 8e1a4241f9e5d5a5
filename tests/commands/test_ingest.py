"""`pse ingest` as its users meet it: what it says, what it leaves, and that a bad file leaves nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pse.store.layout import Home
from pse.store.reading import read_bars
from tests.store.made import minutes

HEADER = "time,open,high,low,close,volume"
KEYS = {"command", "ok", "warnings", "snapshot", "rows", "new_rows", "quarantined", "status", "symbol", "timeframe", "corrected", "duplicates", "unsorted",
        "outside_session", "first", "last", "adjusted", "synthetic", "notes", "quarantine", "read", "version", "missing_sessions", "missing_minutes",
        "outliers"}


def lines(frame: pl.DataFrame) -> list[str]:
    moments = pl.from_epoch("ts_open", time_unit="ns").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [",".join(map(str, row)) for row in frame.select(moments, "open", "high", "low", "close", "volume").iter_rows()]


def csv(folder: Path, rows: list[str], name: str = "es.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def stored(folder: Path) -> pl.DataFrame:
    return read_bars(Home(folder), "ES", "1m")


def everything(folder: Path) -> dict[str, bytes]:
    """All bytes below data/, but the lock and frozen calendars, which are no data."""
    files = [path for path in sorted((folder / "data").rglob("*")) if path.is_file() and path.suffix != ".lock" and "sessions" not in path.parts]
    return {str(path): path.read_bytes() for path in files}


@pytest.fixture
def good() -> pl.DataFrame:
    return minutes("2024-03-12T15:00", 300)


@pytest.fixture
def ingest(pse: Callable, tmp_path: Path) -> Callable:
    def run(path: Path | str, *more: object):
        return pse("ingest", "--symbol", "ES", "--provider", "csv", "--path", path, "--stamp", "open", *more)

    return run


def test_a_file_becomes_bars_and_a_snapshot_and_the_second_time_nothing_changes(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    path = csv(tmp_path, lines(good))
    first, second = ingest(path, "--json"), ingest(path, "--json")
    assert first.code == second.code == 0 and set(first.json) == KEYS
    assert (first.json["status"], first.json["rows"], first.json["new_rows"]) == ("created", 300, 300)
    assert (second.json["status"], second.json["rows"], second.json["new_rows"]) == ("unchanged", 300, 0)
    assert first.json["snapshot"] == second.json["snapshot"] and first.json["first"] == "2024-03-12T15:00:00Z"
    assert (tmp_path / "data" / "snapshots" / f"{first.json['snapshot']}.json").is_file()
    assert stored(tmp_path)["close"].to_list() == good["close"].to_list()


def test_the_human_answer_names_series_counts_and_snapshot(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    ran = ingest(csv(tmp_path, [*lines(good), "2024-03-12T21:30:00Z,1,1,1,1,1"]))
    assert ran.code == 0 and "301 bars from 2024-03-12T15:00:00Z" in ran.out and "created" in ran.out and "1 outside sessions" in ran.out


def test_bad_rows_go_to_quarantine_and_are_counted(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    rows = lines(good)
    rows[7] = rows[7].rsplit(",", 1)[0] + ",-5"
    rows[9] = rows[9].replace(",", ",x", 1)
    found = ingest(csv(tmp_path, rows), "--json").json
    assert (found["ok"], found["quarantined"], found["rows"], found["read"]) == (True, 2, 298, 300)
    kept = pl.read_ndjson(Path(found["quarantine"]).read_bytes())
    assert set(kept["source"]) == {"es.csv"} and kept["row"].n_unique() == 2 and kept["reason"].null_count() == 0


def test_duplicates_and_shuffled_rows_are_counted_and_mended(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    rows = lines(good)
    found = ingest(csv(tmp_path, [*rows[:100], rows[50], *rows[200:], *rows[100:200]]), "--json").json
    assert (found["rows"], found["duplicates"], found["quarantined"]) == (300, 1, 0) and found["unsorted"] >= 1
    assert stored(tmp_path)["close"].to_list() == good["close"].to_list()


def spoil(rows: list[str], count: int, values: str) -> list[str]:
    return [row.split(",", 1)[0] + "," + values if number < count else row for number, row in enumerate(rows)]


REFUSED = {
    "NaN": (lambda rows: spoil(rows, 10, "nan,nan,nan,nan,5"), "--max-bad"),
    "Infinity": (lambda rows: spoil(rows, 10, "inf,inf,inf,inf,5"), "--max-bad"),
    "out of order": (lambda rows: spoil(rows, 10, "4000,3999,4001,4000,5"), "out of order"),
    "disagreeing": (lambda rows: rows + spoil(rows, 10, "1,1,1,1,1")[:10], "disagree"),
    "off the grid": (lambda rows: spoil(rows, 10, "4000.1,4000.1,4000.1,4000.1,5"), "tick"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_more_than_one_percent_of_bad_rows_refuses_the_file_and_the_store_is_as_before(ingest: Callable, tmp_path: Path, good: pl.DataFrame, kind: str):
    ingest(csv(tmp_path, lines(good)[:100]))
    before = everything(tmp_path)
    rows, said = REFUSED[kind][0](lines(good)), REFUSED[kind][1]
    ran = ingest(csv(tmp_path, rows, "bad.csv"))
    assert ran.code == 2 and "bad.csv" in ran.err and said in ran.err and "Traceback" not in ran.err
    assert everything(tmp_path) == before
    assert ingest(csv(tmp_path, rows, "bad.csv"), "--max-bad", 50).code == 0


def files(folder: Path, rows: list[str]) -> dict[str, tuple[Path, list[str], str]]:
    (folder / "empty.csv").write_text("")
    whole = gzip.compress("\n".join([HEADER, *rows]).encode())
    (folder / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.parquet").write_bytes(b"")
    return {
        "missing": (folder / "nowhere.csv", [], "nowhere.csv"),
        "empty": (folder / "empty.csv", [], "empty.csv"),
        "header only": (csv(folder, [], "header.csv"), [], ""),
        "wrong columns": (csv(folder, rows, "wrong.csv", "a,b,c,d,e,f"), [], "--columns"),
        "cut": (folder / "cut.csv.gz", [], "cut.csv.gz"),
        "parquet of no bytes": (folder / "zero.parquet", ["--provider", "parquet"], "zero.parquet"),
        "after the data": (csv(folder, rows, "late.csv"), ["--start", "2025-01-01"], "--start"),
        "start after end": (csv(folder, rows, "turned.csv"), ["--start", "2024-04-01", "--end", "2024-03-01"], "--end"),
        "another timeframe": (csv(folder, rows, "five.csv"), ["--timeframe", "5m"], "1m"),
        "no timeframe": (csv(folder, rows, "frame.csv"), ["--timeframe", "5 minutes"], "5m"),
        "mixed time zones": (csv(folder, [rows[0].replace("Z", "", 1), *rows[1:]], "mixed.csv"), ["--max-bad", "0"], ""),
        "columns": (csv(folder, rows, "columns.csv"), ["--columns", "time:0"], "column role"),
        "stamp": (csv(folder, rows, "stamp.csv"), ["--stamp", "end"], "open, close"),
    }


@pytest.mark.parametrize("kind", ["missing", "empty", "header only", "wrong columns", "cut", "parquet of no bytes", "after the data", "start after end",
                                  "another timeframe", "no timeframe", "mixed time zones", "columns", "stamp"])
def test_a_file_or_request_that_cannot_be_taken_is_refused_with_its_mend(ingest: Callable, tmp_path: Path, good: pl.DataFrame, kind: str):
    ingest(csv(tmp_path, lines(good)))
    before = everything(tmp_path)
    path, more, said = files(tmp_path, lines(minutes("2024-03-13T15:00", 50)))[kind]
    ran = ingest(path, *more)
    assert ran.code == 2 and said in ran.err and ran.out == "" and "Traceback" not in ran.err
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("symbol", "said"), [("../ES", "capital letter"), ("E/S", "capital letter"), ("..", "capital letter"), ("ESS", "Did you mean ES")])
def test_a_symbol_that_is_none_is_refused(pse: Callable, tmp_path: Path, good: pl.DataFrame, symbol: str, said: str):
    ran = pse("ingest", "--symbol", symbol, "--provider", "csv", "--path", csv(tmp_path, lines(good)), "--stamp", "open")
    assert ran.code == 2 and said in ran.err and not (tmp_path / "data").exists()


def test_a_provider_that_is_none_is_answered_with_the_nearest(pse: Callable):
    ran = pse("ingest", "--symbol", "ES", "--provider", "lena")
    assert ran.code == 2 and "lean" in ran.err


def test_a_provider_of_files_asks_for_its_path(pse: Callable):
    ran = pse("ingest", "--symbol", "ES", "--provider", "csv")
    assert ran.code == 2 and "--path" in ran.err


def test_a_micro_contract_has_no_bars_of_its_own(pse: Callable):
    ran = pse("ingest", "--symbol", "MES", "--provider", "synthetic")
    assert ran.code == 2 and "--symbol ES" in ran.err


def test_made_up_bars_are_labelled_and_the_seed_makes_the_snapshot(pse: Callable):
    words = ("ingest", "--symbol", "ES", "--provider", "synthetic", "--start", "2024-03-04", "--end", "2024-03-09", "--json")
    first, again = pse(*words, "--seed", 7).json, pse(*words, "--seed", 7).json
    assert first["synthetic"] is True and again["status"] == "unchanged" and first["snapshot"] == again["snapshot"]
    other = pse("--home", "elsewhere", *words, "--seed", 8).json
    assert other["snapshot"] != first["snapshot"] and "synthetic" in pse(*words[:-1], "--seed", 7).out


def test_a_file_whose_bars_lie_mostly_outside_the_sessions_is_warned_of(pse: Callable, tmp_path: Path):
    path = csv(tmp_path, lines(minutes("2024-03-12T03:00", 60, price=500.0)))
    found = pse("ingest", "--symbol", "SPY", "--provider", "csv", "--path", path, "--stamp", "open", "--json").json
    assert found["outside_session"] == 60 and "--tz" in found["warnings"][0]


def test_missing_sessions_and_minutes_are_said(ingest: Callable, tmp_path: Path):
    """Tuesday 15:00 to Friday 15:59 UTC without Wednesday's bars and with a hole of 30 minutes on Friday; Globex opens at 22:00 UTC and rests from 21:00."""
    whole = minutes("2024-03-12T15:00", 3 * 1440 + 60).with_columns(at=pl.from_epoch("ts_open", time_unit="ns"))
    rests = pl.col("at").dt.hour() == 21
    wednesday = pl.col("at").is_between(pl.datetime(2024, 3, 12, 22), pl.datetime(2024, 3, 13, 21), closed="left")
    hole = pl.col("at").is_between(pl.datetime(2024, 3, 15, 3), pl.datetime(2024, 3, 15, 3, 30), closed="left")
    path = csv(tmp_path, lines(whole.filter(~rests & ~wednesday & ~hole)))
    found, said = ingest(path, "--json").json, " ".join(ingest(path).out.split())
    assert (found["missing_sessions"], found["missing_minutes"]) == (1, 30)
    expected = 6 * 60 + 23 * 60 + 18 * 60                    # Tuesday from 15:00, Thursday, Friday until 15:59
    assert f"1 session without a bar (the first 2024-03-13), 30 minutes without a bar ({3000 / expected:.2f} %" in said


def test_a_series_without_holes_has_nothing_to_remark(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    path = csv(tmp_path, lines(good))
    assert "nothing to remark" in ingest(path).out and ingest(path, "--json").json["missing_minutes"] == 0


def test_a_likely_bad_print_is_warned_of_with_its_place_and_stored(ingest: Callable, tmp_path: Path, good: pl.DataFrame):
    high = good["high"][41] * 10
    path = csv(tmp_path, lines(good.with_columns(high=pl.when(pl.int_range(pl.len()) == 41).then(high).otherwise("high"))))
    found = ingest(path, "--json").json
    assert (found["outliers"], found["rows"], found["quarantined"]) == (1, 300, 0) and stored(tmp_path)["high"][41] == high
    assert "row 43 of es.csv, 2024-03-12T15:41:00Z, high" in found["warnings"][0] and f"{high:g}" in found["warnings"][0]
    assert "1 likely bad prints" in " ".join(ingest(path).out.split())


def test_a_stamp_that_the_session_edges_contradict_is_warned_of(ingest: Callable, tmp_path: Path):
    """Globex closes at 21:00 UTC in summer time and opens at 22:00: a row at 21:00 can only be a close."""
    closes = minutes("2024-03-12T20:01", 60)
    found = ingest(csv(tmp_path, lines(closes)), "--json").json
    assert found["ok"] and "1 row falls on a session's close and none on an open" in found["warnings"][0] and "--stamp close" in found["warnings"][0]
    assert ingest(csv(tmp_path, lines(closes)), "--home", tmp_path / "right", "--stamp", "close", "--json").json["warnings"] == []


def test_an_ingest_that_corrects_many_stored_bars_is_warned_of_with_the_way_to_look(ingest: Callable, pse: Callable, tmp_path: Path, good: pl.DataFrame):
    first = ingest(csv(tmp_path, lines(good)), "--json").json
    few = good.with_columns(volume=pl.when(pl.int_range(pl.len()) < 10).then(7.0).otherwise("volume"))
    assert ingest(csv(tmp_path, lines(few)), "--json").json["warnings"] == []
    many = few.with_columns(volume=pl.when(pl.int_range(pl.len()) >= 280).then(9.0).otherwise("volume"))
    found = ingest(csv(tmp_path, lines(many[100:])), "--json").json
    assert found["corrected"] == 20 and "20 of the 200 bars" in found["warnings"][0] and "10%" in found["warnings"][0]
    assert f"{found['snapshot']}`" in found["warnings"][0] and first["snapshot"] not in found["warnings"][0]
    words = found["warnings"][0].split("`")[1].split()[1:]
    assert pse(*words, "--json").json["equal"] is False
