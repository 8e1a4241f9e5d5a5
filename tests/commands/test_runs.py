"""`pse runs list` and `pse runs show`."""

from __future__ import annotations

import json

import pytest

from pse.commands import runs
from pse.domain.errors import BadName, DamagedTable, RequestError, UnknownName
from tests.commands.made_runs import SETTINGS, context_of, finished_run


def shown(context, answer) -> str:
    answer.show(context.console)
    return context.console.file.getvalue()


def test_an_empty_home_has_no_runs_and_says_what_makes_one(tmp_path):
    context = context_of(tmp_path)
    answer = runs.run_list(context)
    assert answer.data == {"runs": []} and answer.exit_code == 0
    assert "pse backtest" in shown(context, answer)


def test_the_newest_run_comes_first_with_its_figures(tmp_path):
    context = context_of(tmp_path)
    older, newer = finished_run(context.home), finished_run(context.home, synthetic=True)
    answer = runs.run_list(context)
    rows = answer.data["runs"]
    assert [row["run_id"] for row in rows] == [newer.run_id, older.run_id]
    assert (rows[1]["status"], rows[1]["trades"], rows[1]["net_usd"], rows[1]["desk"]) == ("finished", 1, 950.5, "futures-smc")
    json.dumps(answer.data, allow_nan=False)
    text = shown(context, answer)
    assert newer.run_id in text and "finished, synthetic" in text and "950.50" in text and "2013-10-06 to 2013-12-04" in text


def test_a_damaged_run_stands_in_the_list_with_what_is_wrong(tmp_path):
    context = context_of(tmp_path)
    whole, broken, figures = finished_run(context.home), finished_run(context.home), finished_run(context.home)
    (broken.folder / "manifest.json").write_text("{")
    (figures.folder / "metrics.json").write_text("[")
    answer = runs.run_list(context)
    rows = {row["run_id"]: row for row in answer.data["runs"]}
    assert rows[broken.run_id]["status"] == "damaged" and "manifest.json" in rows[broken.run_id]["error"]
    assert rows[figures.run_id]["status"] == "finished" and "metrics.json" in rows[figures.run_id]["error"]
    assert rows[whole.run_id]["error"] is None and len(answer.warnings) == 2
    assert "is not the manifest of a run" in shown(context, answer).replace("\n", " ")


def test_a_run_is_shown_with_its_manifest_figures_and_records(tmp_path):
    context = context_of(tmp_path)
    run = finished_run(context.home)
    answer = runs.run_show(context, run.run_id)
    assert answer.data["manifest"]["head"] == run.manifest.head
    kinds = ("DECISION", "DELIBERATION", "EXIT", "FILL", "PASSED_OVER", "SESSION", "SETUP")
    assert answer.data["journal"] == {"records": 7, "kinds": dict.fromkeys(kinds, 1)}
    assert answer.data["metrics"]["net_usd"] == 950.5 and "journal.jsonl" in answer.data["files"]
    json.dumps(answer.data, allow_nan=False)
    text = shown(context, answer)
    assert run.manifest.fingerprint in text.replace("\n", "") and "950.5" in text and "nan" not in text.lower()


def test_names_in_square_brackets_are_shown_as_they_are(tmp_path):
    context = context_of(tmp_path)
    run = finished_run(context.home, desk="[bold]x[/bold]")
    assert "[bold]x[/bold]" in shown(context, runs.run_show(context, run.run_id))


def test_an_unknown_run_is_a_wrong_request_and_a_damaged_one_a_failed_outside(tmp_path):
    context = context_of(tmp_path)
    run = finished_run(context.home)
    with pytest.raises(UnknownName):
        runs.run_show(context, "no-such-run")
    (run.folder / "manifest.json").write_text("{}")
    with pytest.raises(DamagedTable) as error:
        runs.run_show(context, run.run_id)
    assert error.value.exit_code == 3


def test_a_home_that_does_not_exist_is_said_to_be_missing(tmp_path):
    with pytest.raises(RequestError, match="home folder .* does not exist") as error:
        runs.run_list(context_of(tmp_path / "nosuch"))
    assert error.value.exit_code == 2


def test_no_runs_names_the_folder_looked_in_and_the_runs_of_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = context_of(tmp_path)
    said = shown(context, runs.run_list(context))
    assert str(tmp_path / "backtests" / "outputs") in said and "pse-demo" not in said
    (tmp_path / "pse-demo" / "backtests").mkdir(parents=True)
    context = context_of(tmp_path)
    assert "`pse --home pse-demo runs list`" in shown(context, runs.run_list(context))


def test_a_run_is_found_by_latest_and_by_how_it_alone_begins_or_ends(tmp_path):
    context = context_of(tmp_path)
    older, newer = finished_run(context.home), finished_run(context.home, seed=7)
    for asked, meant in (("latest", newer), (older.run_id[-8:], older), (newer.run_id[:-2], newer), (newer.run_id, newer)):
        assert runs.run_show(context, asked).data["run_id"] == meant.run_id
    with pytest.raises(BadName) as error:
        runs.run_show(context, "2023")
    assert older.run_id in str(error.value) and newer.run_id in str(error.value) and error.value.exit_code == 2


def test_latest_without_a_run_is_an_unknown_run(tmp_path):
    with pytest.raises(UnknownName):
        runs.run_show(context_of(tmp_path), "latest")


def test_a_name_that_is_whole_wins_over_the_longer_ones_that_begin_so(tmp_path):
    context = context_of(tmp_path)
    first, second = finished_run(context.home), finished_run(context.home)
    assert second.run_id == f"{first.run_id}-2"
    assert runs.run_show(context, first.run_id).data["run_id"] == first.run_id


def test_money_is_labelled_with_the_currency_of_the_account(tmp_path):
    context = context_of(tmp_path)
    run = finished_run(context.home, settings=SETTINGS | {"account": {"capital": 100000.0, "currency": "EUR"}})
    text = shown(context, runs.run_show(context, run.run_id))
    assert "net EUR" in text and "usd" not in text.lower()
