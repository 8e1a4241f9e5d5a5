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


def test_a_damaged_file_of_the_run_is_named(pse, stored):
    (stored / "equity.parquet").write_bytes(b"")
    ran = pse("report", stored.name)
    assert ran.code == 3 and "equity.parquet" in ran.err
    shutil.rmtree(stored)
