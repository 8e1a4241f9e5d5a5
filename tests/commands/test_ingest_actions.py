"""`pse ingest-actions`: once and again, corrected and taken back, and what it says when it is wrong."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

CSV = "symbol,date,kind,amount\nAAPL,2020-08-31,SPLIT,4\nAAPL,2020-08-07,DIVIDEND,0.82\nAAPL,2020-02-30,SPLIT,2\nES,2020-08-31,SPLIT,2\n"


@pytest.fixture
def shares(tmp_path, pse):
    file = tmp_path / "events.csv"
    file.write_text(CSV)

    def read(*words):
        return pse("--home", tmp_path / "home", "--json", "ingest-actions", file, *words)

    read.file, read.home = file, tmp_path / "home"
    return read


def rows(shares, pse):
    return pse("--home", shares.home, "--json", "sql", "SELECT symbol, ex_date, kind, amount FROM actions ORDER BY seq").json["rows"]


def test_events_are_stored_once_and_bad_rows_are_kept_with_their_reason(shares, pse):
    one, two = shares("--max-bad", 50), shares("--max-bad", 50)
    assert (one.code, one.json["events"], one.json["new"], one.json["status"], one.json["quarantined"]) == (0, 2, 2, "created", 2)
    assert (two.code, two.json["new"], two.json["corrected"], two.json["status"]) == (0, 0, 0, "unchanged")
    assert rows(shares, pse) == [["AAPL", 20200807, "DIVIDEND", 0.82], ["AAPL", 20200831, "SPLIT", 4.0]]
    reasons = [json.loads(line)["reason"] for line in Path(one.json["quarantine"]).read_text().splitlines()]
    assert sorted(one.json["reasons"]) == sorted(reasons) and "not a day" in reasons[0] and "ES is a future" in reasons[1]


def test_too_many_bad_rows_store_nothing_and_every_reason_is_told_with_its_count(shares, pse):
    found = shares()
    told = ("2 of 4 rows", "--max-bad allows 1 %", "1 of: the date '2020-02-30'", "ES is a future")
    assert found.code == 2 and all(text in found.json["error"] for text in told)
    assert "Nothing was stored" in found.json["error"]


def test_another_amount_for_a_day_is_a_correction_beside_the_first_word(shares, pse):
    shares("--max-bad", 50)
    shares.file.write_text("date,kind,amount\n2020-08-07,DIVIDEND,0.205\n")
    found = shares("--symbol", "AAPL")
    assert (found.json["new"], found.json["corrected"], found.json["status"]) == (0, 1, "updated")
    assert [row[3] for row in rows(shares, pse)] == [0.82, 4.0, 0.205]


def test_a_file_without_an_event_and_a_symbol_that_is_no_share_are_refused(shares):
    assert shares("--symbol", "ES").code == 2 and "those of a share" in shares("--symbol", "ES").json["error"]
    shares.file.write_text("date,kind,amount\nx,y,z\n")
    found = shares("--symbol", "AAPL")
    assert found.code == 2 and "nothing was stored" in found.json["error"]


LEAN = """20200827 00:00,5000000,5050000,4950000,5000000,1000
20200828 00:00,5000000,5050000,4950000,5000000,1000
20200831 00:00,1250000,1300000,1200000,1250000,4000
20200901 00:00,1250000,1300000,1200000,1260000,4000
"""


@pytest.fixture
def stored(shares, tmp_path, pse):
    """Four days of AAPL as traded, over a split of four for one."""
    with zipfile.ZipFile(tmp_path / "aapl.zip", "w") as archive:
        archive.writestr("aapl.csv", LEAN)
    ran = pse("--home", shares.home, "--json", "ingest", "--symbol", "AAPL", "--provider", "lean", "--path", tmp_path / "aapl.zip")
    assert ran.code == 0 and ran.json["adjusted"] == "none"
    return shares


def close_of(home, pse):
    ran = pse("--home", home, "--json", "features", "show", "close@AAPL/1d,sma:period=2", "--symbol", "AAPL", "--timeframe", "1d")
    assert ran.code == 0, ran.json
    return [[row[name] for name in ran.json["columns"][1:3]] for row in ran.json["rows"]]


def test_features_run_over_the_split_and_are_told_in_prices_as_traded(stored, pse):
    blind = close_of(stored.home, pse)
    stored("--max-bad", 50)
    found = close_of(stored.home, pse)
    assert [row[0] for row in found] == [500.0, 500.0, 125.0, 126.0] == [row[0] for row in blind]
    assert [row[1] for row in blind] == [None, 500.0, 312.5, 125.5] and [row[1] for row in found] == [None, 500.0, 125.0, 125.5]


def test_a_split_that_nobody_stored_is_a_doubt_of_the_desk_until_it_is_stored(stored, pse):
    def doubts():
        ran = pse("--home", stored.home, "--json", "desks", "check", "equities-swing")
        return [one["says"] for one in ran.json["findings"] if one["about"] == "doubt"]

    assert "AAPL: looks like an unrecorded 4:1 split on 2020-08-31 (close 500, next open 125)" in doubts()[0]
    stored("--max-bad", 50)
    assert doubts() == []


def test_what_the_user_says_of_the_prices_wins(stored, pse, tmp_path):
    words = ("--home", stored.home, "--json", "ingest", "--symbol", "AAPL", "--provider", "lean", "--path", tmp_path / "aapl.zip", "--adjusted")
    assert pse(*words, "splits").json["adjusted"] == "splits" and pse(*words, "half").code == 2
    stored("--max-bad", 50)
    assert [row[1] for row in close_of(stored.home, pse)] == [None, 500.0, 312.5, 125.5]


def test_a_file_with_an_adjusted_close_is_taken_as_split_adjusted(shares, pse, tmp_path):
    file = tmp_path / "yahoo.csv"
    file.write_text("Date,Open,High,Low,Close,Adj Close,Volume\n2020-08-28,126,127,124,125,123,4000\n2020-08-31,127,131,126,129,127,4000\n")
    ran = pse("--home", shares.home, "--json", "ingest", "--symbol", "AAPL", "--path", file)
    assert ran.json["adjusted"] == "splits"


def test_a_dividend_of_a_whole_share_is_refused_with_both_figures_and_the_rest_is_stored(stored, pse):
    stored.file.write_text("date,kind,amount\n2020-08-28,DIVIDEND,0.5\n2020-08-31,DIVIDEND,500\n2020-08-31,SPLIT,4\n")
    found = stored("--symbol", "AAPL")
    assert found.code == 2 and "the dividend of 2020-08-31, 500, is not smaller than the last 1d close before it that is stored, 500" in found.json["error"]
    found = stored("--symbol", "AAPL", "--max-bad", 50)
    assert (found.code, found.json["events"], found.json["quarantined"]) == (0, 2, 1)
    assert rows(stored, pse) == [["AAPL", 20200828, "DIVIDEND", 0.5], ["AAPL", 20200831, "SPLIT", 4.0]]
    assert pse("--home", stored.home, "--json", "features", "show", "close", "--symbol", "AAPL", "--timeframe", "1d").code == 0


def test_a_dividend_is_held_against_closes_divided_by_the_same_splits(stored, pse, tmp_path):
    """1.9 a share before a split of two for one is 0.95 of a series whose close of that day is 1."""
    file = tmp_path / "divided.csv"
    file.write_text("Date,Open,High,Low,Close,Adj Close,Volume\n2021-03-01,1,1,1,1,1,10\n2021-03-02,1,1,1,1,1,10\n2021-03-03,1,1,1,1,1,10\n")
    assert pse("--home", tmp_path / "other", "ingest", "--symbol", "AAPL", "--path", file).code == 0
    stored.file.write_text("date,kind,amount\n2021-03-02,DIVIDEND,1.9\n2021-03-03,SPLIT,2\n")
    words = ("--home", tmp_path / "other", "--json", "ingest-actions", stored.file, "--symbol", "AAPL")
    found = pse(*words)
    assert (found.code, found.json["new"]) == (0, 2)
    assert len(found.json["warnings"]) == 1 and "were taken as --adjusted splits, so 1 of the file's splits change no price" in found.json["warnings"][0]
    stored.file.write_text("date,kind,amount\n2021-03-03,SPLIT,1\n")                 # the split taken back: the stored 1.9 is more than the share was worth
    found = pse(*words)
    assert (found.code, found.json["corrected"]) == (0, 1)
    assert "of the events that are stored, the dividend of 2021-03-02, 1.9" in found.json["warnings"][0] and found.json["warnings"][0].endswith("stored, 1")
