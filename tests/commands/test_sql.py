"""`pse sql` as its users meet it."""

from __future__ import annotations

import io
import re
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


def on_a_terminal(home: Path, query: str, width: int = 80) -> list[str]:
    from rich.console import Console

    from pse.commands.sql import SHOWN_ROWS, show
    from pse.store.query import Session

    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=width)
    show(console, Session(Home(home)).ask(query, cap=SHOWN_ROWS))
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_a_long_answer_is_cut_on_a_terminal_and_whole_elsewhere(pse: Callable, tmp_path: Path, frame: pl.DataFrame):
    seen = on_a_terminal(tmp_path, "SELECT ts_open FROM bars")
    assert len(seen) < 210 and "the first 200 rows" in " ".join(seen)
    assert len(pse("sql", "SELECT ts_open FROM bars").out.splitlines()) == 301
    assert pse("sql", "SELECT ts_open FROM bars", "--json").json["row_count"] == 300


def test_an_answer_that_is_too_wide_for_the_terminal_has_one_field_a_line(tmp_path: Path, frame: pl.DataFrame):
    seen = on_a_terminal(tmp_path, "FROM bars ORDER BY ts_open LIMIT 25")
    assert max(map(len, seen)) <= 80 and seen[0].strip() == "row 1" and seen[1].split() == ["time", "2024-03-12T15:00:00Z"]
    assert sum(line.startswith("row ") for line in seen) == 20 and "the first 20 rows" in " ".join(seen)
    assert any(line.split() == ["close", f"{frame['close'][0]:.10g}"] for line in seen)
    assert "row 1" not in on_a_terminal(tmp_path, "SELECT symbol, time, close FROM bars LIMIT 3")


def test_into_a_pipe_goes_tab_separated_text_with_a_header(pse: Callable, frame: pl.DataFrame):
    found = pse("sql", "SELECT time, close, NULL AS nothing, 'a' || chr(9) || 'b' || chr(10) AS odd, " + ", ".join(f"'{'x' * 30}' AS c{i}" for i in range(9)) +
                " FROM bars ORDER BY time LIMIT 2").out.split("\n")
    assert len(found) == 4 and found[3] == "" and found[0].split("\t")[:4] == ["time", "close", "nothing", "odd"]
    assert found[1].split("\t")[:4] == ["2024-03-12T15:00:00Z", str(frame["close"][0]), "", "a\\tb\\n"] and len(found[1].split("\t")) == 13


@pytest.mark.parametrize("word", ["exit", "quit", "\\q", ".quit", ".exit", "EXIT;", "quit ;"])
def test_words_that_leave_the_prompt_need_no_semicolon(pse: Callable, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, word: str):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"SELECT 41 + 1;\n\n{word}\nSELECT 99;\n"))
    ran = pse("sql")
    assert ran.code == 0 and "42" in ran.out and "99" not in ran.out and ran.err == ""


def test_help_and_tables_need_no_semicolon(pse: Callable, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("help\n.help\n.tables\nSELECT 41 + 1;\n"))
    ran = pse("sql")
    assert ran.code == 0 and ran.err.replace("\n", " ").count("DESCRIBE bars") == 2
    assert ran.out.split() == ["name", "actions", "bars", "decisions", "feature_tables", "features", "news", "runs", "trades", "(41", "+", "1)", "42"]


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


@pytest.mark.slow
def test_features_whose_bars_have_gone_on_are_said_with_the_command_that_mends_it(pse: Callable):
    """The command that a warning names is one that works."""
    def ingest(end: str) -> None:
        assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2024-01-02", "--end", end, "--seed", "11").code == 0

    ingest("2024-01-05")
    for features in ("sma, atr", "rsi:period=7@1h"):
        assert pse("build-features", "--symbol", "ES", "--features", features).code == 0
    query = ("sql", "SELECT count(*) FROM features", "--json")
    assert pse(*query).json["warnings"] == []
    ingest("2024-01-06")
    said = pse(*query).json["warnings"]
    assert len(said) == 1 and said[0].startswith("features of ES 5m end at 2024-01-0")
    commands = re.findall(r"`pse ([^`]*)`", said[0])
    assert sorted(one.split()[-1] for one in commands) == ["rsi:period=7@1h", "sma,atr"]
    assert pse(*commands[0].split()).code == 0
    half = pse(*query).json["warnings"]
    assert len(half) == 1 and "lacks" in half[0] and commands[1] in half[0]
    assert pse("sql", "SELECT count(*) FROM bars", "--json").json["warnings"] == []
    assert pse(*commands[1].split()).code == 0 and pse(*query).json["warnings"] == []


def test_the_help_names_the_tables_and_what_flags_mean(pse: Callable):
    from pse.domain.bars import BarFlag

    told = " ".join(pse("sql", "--help").out.split())
    assert "feature_tables" in told and "16 not the front contract" in told
    assert all(str(int(flag)) in told for flag in BarFlag)
