"""`pse report` on stored runs."""

import json
import shutil

import pytest

from tests.reports.make_run import make_run


@pytest.fixture
def stored(tmp_path):
    run, _ = make_run(tmp_path / "backtests" / "outputs", sessions=30)
    return run


def test_a_report_is_written_where_reports_live(pse, stored, tmp_path):
    ran = pse("report", stored.name, "--json")
    assert ran.code == 0 and ran.json["report"] == str(tmp_path / "reports" / f"{stored.name}.html")
    assert (tmp_path / "reports" / f"{stored.name}.html").read_text().startswith("<!doctype html>")
    assert ran.json["ok"] is True and "no candles for ES" in ran.json["warnings"][0]


def test_html_and_csv_go_where_they_are_told(pse, stored, tmp_path):
    ran = pse("report", stored.name, "--html", tmp_path / "here.html", "--csv", tmp_path / "sheets")
    assert ran.code == 0 and (tmp_path / "here.html").is_file() and "here.html" in ran.out
    assert {path.name for path in (tmp_path / "sheets").iterdir()} >= {"trades.csv", "equity.csv", "metrics.csv"}


def test_csv_alone_writes_no_page(pse, stored, tmp_path):
    assert pse("report", stored.name, "--csv", tmp_path / "sheets").code == 0
    assert not (tmp_path / "reports").exists()


def test_an_unknown_run_is_refused_with_the_names_there_are(pse, stored):
    ran = pse("report", "nosuch")
    assert ran.code == 2 and stored.name in ran.err


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 200])
def test_a_run_id_never_leads_out_of_the_outputs(pse, name):
    assert pse("report", name).code == 2


def test_a_run_without_figures_is_not_reported(pse, stored):
    (stored / "metrics.json").unlink()
    manifest = json.loads((stored / "manifest.json").read_text()) | {"status": "running"}
    (stored / "manifest.json").write_text(json.dumps(manifest))
    ran = pse("report", stored.name)
    assert ran.code == 2 and "has no figures yet" in ran.err


def test_a_finished_run_whose_figures_are_gone_is_told_so_and_not_to_wait(pse, stored):
    (stored / "metrics.json").unlink()
    ran = pse("report", stored.name)
    said = " ".join(ran.err.split())
    assert ran.code == 3 and "metrics.json is missing" in said and "run the backtest again" in said and "wait" not in said


@pytest.mark.parametrize(("cut", "said"), [("lines", "its manifest says"), ("bytes", "is torn"), ("gone", "is missing"), ("last", "does not fit its text")])
def test_no_page_is_written_from_a_journal_that_is_not_the_one_the_run_finished(pse, stored, tmp_path, cut, said):
    journal = stored / "journal.jsonl"
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    changed = {"lines": b"".join(lines[:7]), "bytes": whole[:-200], "last": b"".join(lines[:-1]) + lines[-1].replace(b"1.02", b"1.62")}
    journal.unlink() if cut == "gone" else journal.write_bytes(changed[cut])
    ran = pse("report", stored.name)
    words = " ".join(ran.err.split())
    assert ran.code == 3 and "journal.jsonl" in words and said in words and f"pse audit log {stored.name}" in words
    assert not (tmp_path / "reports").exists()


def test_a_damaged_file_of_the_run_is_named(pse, stored):
    (stored / "equity.parquet").write_bytes(b"")
    ran = pse("report", stored.name)
    assert ran.code == 3 and "equity.parquet" in ran.err
    shutil.rmtree(stored)


@pytest.mark.parametrize("name", ["notes.txt", "page", "strategy.py", "data.csv"])
def test_a_target_that_is_no_page_by_its_name_is_refused_and_kept(pse, stored, tmp_path, name):
    own = tmp_path / name
    own.write_text("mine")
    ran = pse("report", stored.name, "--html", own)
    assert ran.code == 2 and "does not end in .html" in " ".join(ran.err.split()) and own.read_text() == "mine"


def test_a_page_of_somebody_else_is_kept_and_one_of_ours_is_replaced(pse, stored, tmp_path):
    own = tmp_path / "own.html"
    own.write_text("<!doctype html><html><head><title>mine</title></head></html>")
    ran = pse("report", stored.name, "--html", own)
    assert ran.code == 2 and "is left as it is" in " ".join(ran.err.split()) and "mine" in own.read_text()
    empty = tmp_path / "empty.HTM"
    empty.touch()
    assert pse("report", stored.name, "--html", empty).code == 0
    assert pse("report", stored.name, "--html", empty).code == 0 and "- pse report</title>" in empty.read_text()
    usual = tmp_path / "reports" / f"{stored.name}.html"
    usual.parent.mkdir()
    usual.write_text("mine")
    assert pse("report", stored.name).code == 2 and usual.read_text() == "mine"


def test_a_table_of_somebody_else_is_kept_and_then_no_table_is_written(pse, stored, tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "monthly.csv").write_text("month,my own notes\n")
    ran = pse("report", stored.name, "--csv", folder)
    assert ran.code == 2 and "monthly.csv" in ran.err and [path.name for path in folder.iterdir()] == ["monthly.csv"]
    (folder / "monthly.csv").unlink()
    assert pse("report", stored.name, "--csv", folder).code == 0 and pse("report", stored.name, "--csv", folder).code == 0


def test_a_file_is_no_folder_for_tables(pse, stored, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert pse("report", stored.name, "--csv", tmp_path / "file").code == 2 and (tmp_path / "file").read_text() == "mine"


def test_csv_without_a_place_writes_the_log_of_trades_beside_the_pages(pse, stored, tmp_path):
    ran = pse("report", stored.name, "--csv", "--json")
    path = tmp_path / "reports" / f"{stored.name}.csv"
    assert ran.code == 0 and ran.json["csv"] == [str(path)] and "report" not in ran.json
    assert path.read_text().startswith("time stamp,symbol,trend,pattern,direction,entry,stop,target,exit,odds score,")
    named = tmp_path / "mine.csv"
    assert pse("report", stored.name, "--csv", named).code == 0 and named.read_bytes() == path.read_bytes()
    named.write_text("my own notes\n")
    ran = pse("report", stored.name, "--csv", named)
    assert ran.code == 2 and "no table that pse wrote" in ran.err and named.read_text() == "my own notes\n"


def test_the_folder_of_tables_holds_the_log_and_what_was_turned_down(pse, stored, tmp_path):
    assert pse("report", stored.name, "--csv", tmp_path / "sheets").code == 0
    assert {"trade_log.csv", "turned_down.csv"} <= {path.name for path in (tmp_path / "sheets").iterdir()}
    assert "The reward was too small for the risk." in (tmp_path / "sheets" / "turned_down.csv").read_text()


def test_which_trades_have_charts_is_one_of_three_words(pse, stored):
    ran = pse("report", stored.name, "--charts", "few")
    assert ran.code == 2 and "all, some, none" in ran.err
    ran = pse("report", stored.name, "--charts", "none", "--json")
    assert ran.code == 0 and ran.json["warnings"] == []                                     # no bars were looked for
