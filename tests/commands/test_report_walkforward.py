"""`pse report`, `pse runs list` and `pse runs show` of a walk-forward."""

from __future__ import annotations

import json

import pytest

from pse.commands import report, runs
from pse.commands.report import write_page
from pse.domain.errors import RequestError
from pse.store.runs import load_run
from tests.commands.made_runs import context_of
from tests.reports.made_wfo import make_wfo

RUN = "20261122-014600-futures-smc-ES-0f0f0f0f"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    make_wfo(context_of(home).home.run(RUN), run_id=RUN, sessions=252, candidates=10, folds=4)
    return home


def shown(context, answer):
    answer.show(context.console)
    return context.console.file.getvalue()


def test_the_report_of_a_walk_forward_is_its_own_page(stored):
    context = context_of(stored)
    answer = report.run(context, RUN)
    text = (context.home.reports / f"{RUN}.html").read_text("utf-8")
    assert answer.data["report"] == str(context.home.reports / f"{RUN}.html")
    assert '<section id="verdict"' in text and '<section id="trades-part"' not in text
    assert report.run(context, "latest").data["run_id"] == RUN                          # a page of ours may be written over


def test_write_page_chooses_the_page_by_the_command_of_the_run(stored, tmp_path):
    context = context_of(stored)
    assert '<section id="verdict"' in write_page(context, load_run(context.home, RUN), tmp_path / "mine.html").read_text("utf-8")


def test_a_named_csv_is_the_folds_and_the_configurations(stored, tmp_path):
    answer = report.run(context_of(stored), RUN, csv=tmp_path / "mine.csv")
    assert answer.data["csv"] == [str(tmp_path / "mine-folds.csv"), str(tmp_path / "mine-candidates.csv")] and "report" not in answer.data
    assert (tmp_path / "mine-folds.csv").read_text().count("\n") == 5 and (tmp_path / "mine-candidates.csv").read_text().count("\n") == 11


def test_a_folder_gets_every_table(stored, tmp_path):
    answer = report.run(context_of(stored), RUN, csv=tmp_path / "tables")
    found = sorted(path.stem for path in (tmp_path / "tables").iterdir())
    assert found == ["candidates", "clauses", "court", "equity", "folds", "trades"]
    assert len(answer.data["csv"]) == 6


def test_the_list_names_the_command_and_the_verdict(stored):
    context = context_of(stored)
    answer = runs.run_list(context)
    row, verdict = answer.data["runs"][0], json.loads((context.home.run(RUN) / "wfo.json").read_text())["court"]["verdict"]
    assert (row["command"], row["verdict"], row["status"]) == ("wfo", verdict, "finished")
    text = shown(context, answer)
    assert "wfo" in text and verdict in text


def test_a_walk_forward_is_shown_with_its_folds_and_its_choice(stored):
    context = context_of(stored)
    answer = runs.run_show(context, RUN)
    found = answer.data["walk_forward"]
    json.dumps(answer.data, allow_nan=False)
    assert len(found["folds"]) == 4 and found["verdict"] and found["clause"]["code"] and found["chosen"]
    text = " ".join(shown(context, answer).split())
    assert f"{found['verdict']}: " in text and "the folds test the procedure, not this choice" in text


def test_a_walk_forward_has_no_positions_of_its_own(stored):
    with pytest.raises(RequestError, match="is a walk-forward and holds no account of its own"):
        runs.run_show(context_of(stored), RUN, positions=True)
