"""`pse sql` as its users meet it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pse.store.layout import Home
from pse.store.snapshots import take_snapshot
from tests.store.made import minutes, store


@pytest.fixture
def frame(tmp_path: Path) -> pl.DataFrame:
    made = minutes("2024-03-12T15:00", 300)
    store(Home(tmp_path), made)
    return made


def test_a_query_is_answered_as_a_table_and_as_json(pse: Callable, frame: pl.DataFrame):
    query = "SELECT symbol, count(*) AS n, max(high) AS top FROM bars GROUP BY ALL"
    found = pse("sql", query, "--json").json
    assert found["columns"] == ["symbol", "n", "top"] and found["rows"] == [["ES", 300, frame["high"].max()]] and found["row_count"] == 1
    human = pse("sql", query).out
    assert "symbol" in human and "300" in human


def test_nan_is_null_in_json(pse: Callable, frame: pl.DataFrame):
    assert pse("sql", "SELECT 'nan'::DOUBLE AS x, vwap FROM bars LIMIT 1", "--json").json["rows"] == [[None, None]]


def test_a_long_answer_is_cut_for_people_and_whole_in_json(pse: Callable, frame: pl.DataFrame):
    human = pse("sql", "SELECT ts_open FROM bars").out
    assert "the first 200 rows" in human and len(human.splitlines()) < 210
    assert pse("sql", "SELECT ts_open FROM bars", "--json").json["row_count"] == 300


def test_a_snapshot_pins_the_bars(pse: Callable, tmp_path: Path, frame: pl.DataFrame):
    taken = take_snapshot(Home(tmp_path), [("ES", "1m")]).id
    store(Home(tmp_path), minutes("2024-03-13T15:00", 10))
    count = "SELECT count(*) FROM bars"
    assert pse("sql", count, "--json").json["rows"] == [[310]] and pse("sql", count, "--snapshot", taken, "--json").json["rows"] == [[300]]


@pytest.mark.parametrize("query", ["DROP TABLE bars", "SELECT 1; SELECT 2", "SELCT", "COPY bars TO 'out.csv'", "SELECT * FROM nothing"])
def test_what_does_not_read_is_refused_with_exit_code_2(pse: Callable, tmp_path: Path, frame: pl.DataFrame, query: str):
    ran = pse("sql", query)
    assert ran.code == 2 and ran.out == "" and not (tmp_path / "out.csv").exists()


def test_without_a_query_statements_come_from_stdin(pse: Callable, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*)\nFROM bars;\nDROP VIEW bars;\nSELECT 41 + 1\n.quit\nSELECT 99;\n"))
    ran = pse("sql")
    assert ran.code == 1 and "300" in ran.out and "42" in ran.out and "99" not in ran.out and "DROP statements are refused" in ran.err


def test_statements_from_stdin_as_json(pse: Callable, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT count(*) FROM bars;\nSELECT 1"))
    assert [one["rows"] for one in pse("sql", "--json").json["answers"]] == [[[300]], [[1]]]


def test_an_empty_home_can_be_asked(pse: Callable):
    assert pse("sql", "SELECT count(*) FROM trades", "--json").json["rows"] == [[0]]
