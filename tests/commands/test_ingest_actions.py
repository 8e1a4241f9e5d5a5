"""`pse ingest-actions`: once and again, corrected and taken back, and what it says when it is wrong."""

from __future__ import annotations

import json
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
    one, two = shares(), shares()
    assert (one.code, one.json["events"], one.json["new"], one.json["status"], one.json["quarantined"]) == (0, 2, 2, "created", 2)
    assert (two.code, two.json["new"], two.json["corrected"], two.json["status"]) == (0, 0, 0, "unchanged")
    assert rows(shares, pse) == [["AAPL", 20200807, "DIVIDEND", 0.82], ["AAPL", 20200831, "SPLIT", 4.0]]
    reasons = [json.loads(line)["reason"] for line in Path(one.json["quarantine"]).read_text().splitlines()]
    assert "not a day" in reasons[0] and "ES is a future" in reasons[1]


def test_another_amount_for_a_day_is_a_correction_beside_the_first_word(shares, pse):
    shares()
    shares.file.write_text("date,kind,amount\n2020-08-07,DIVIDEND,0.205\n")
    found = shares("--symbol", "AAPL")
    assert (found.json["new"], found.json["corrected"], found.json["status"]) == (0, 1, "updated")
    assert [row[3] for row in rows(shares, pse)] == [0.82, 4.0, 0.205]


def test_a_file_without_an_event_and_a_symbol_that_is_no_share_are_refused(shares):
    assert shares("--symbol", "ES").code == 2 and "those of a share" in shares("--symbol", "ES").json["error"]
    shares.file.write_text("date,kind,amount\nx,y,z\n")
    found = shares("--symbol", "AAPL")
    assert found.code == 2 and "nothing was stored" in found.json["error"]
