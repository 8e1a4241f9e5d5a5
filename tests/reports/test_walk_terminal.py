"""The end of a walk-forward in the terminal, and its tables as CSV."""

import copy
import io

import polars as pl
import pytest
from rich.console import Console

from pse.reports.walk import Walk, read_walk, told
from pse.reports.walk_sheets import walk_sheets
from pse.reports.walk_summary import show_walkforward
from pse.reports.walkforward import render
from tests.reports.made_wfo import make_wfo


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    return read_walk(make_wfo(tmp_path_factory.mktemp("walk"), empty_fold=2, sessions=252, candidates=12))


def printed(wfo, width=100):
    console = Console(file=io.StringIO(), width=width)
    show_walkforward(console, wfo, {"report": "reports/x.html"})
    return console.file.getvalue()


def test_the_verdict_comes_first_and_the_report_last(walk):
    lines = printed(walk.wfo).splitlines()
    assert lines[0].endswith("SYNTHETIC DATA") and lines[1].startswith(f"{walk.verdict}: ") and lines[-1] == "report: reports/x.html"
    assert any(line.startswith("Decided by the clause") for line in lines) and any(line.startswith("Measured ") for line in lines)


def test_the_folds_fit_a_hundred_columns_with_a_line_each(walk):
    lines = printed(walk.wfo).splitlines()
    assert max(len(line) for line in lines if "--set" not in line) <= 100
    rows = [line for line in lines if line.split()[:1] and line.split()[0] in "123456" and " to 20" in line]
    assert len(rows) == 6 and "no configuration" in rows[2]


def test_a_narrow_terminal_gets_sentences(walk):
    text = printed(walk.wfo, 50)
    assert max(len(line) for line in text.splitlines() if "--set" not in line) <= 50 and "fold 3, " in text


def test_what_is_chosen_is_told_by_its_key_beside_what_the_desk_has(walk):
    text = printed(walk.wfo)
    for key, value in walk.chosen.items():
        assert f"  {key} = {value:g}" in text


def test_where_nothing_may_be_chosen_no_command_is_offered(walk):
    chosen = walk.wfo["chosen"] | {"nobody": True, "why": "no configuration made 10 trades", "set": ["risk_policies.x.plan.trail=none"]}
    text = printed(walk.wfo | {"chosen": chosen})
    assert "The same procedure chooses nothing on the whole searched window: no configuration made 10 trades." in text
    assert "as an ordinary run" not in text and "What the same procedure" not in text
    page = render(Walk(walk.wfo | {"chosen": chosen}, walk.manifest))
    assert "chooses nothing on the whole searched window: no configuration made 10 trades" in page and "As an ordinary run" not in page


def test_a_custom_objective_is_read_from_the_configurations(walk):
    wfo = copy.deepcopy(walk.wfo) | {"objective": "mine/score.py:score"}
    fold = next(fold for fold in wfo["folds"] if fold["chosen"])
    one = next(one for one in wfo["candidates"] if fold["number"] in one["chosen_in"])
    place = wfo["folds"].index(fold)
    one["objective"]["train"][place], one["objective"]["test"][place] = 12.5, -3.25
    assert Walk(wfo, {}).scores(fold) == (12.5, -3.25)


def test_two_parameters_of_one_short_name_are_told_apart():
    wfo = {"parameters": [{"key": "tactics.a.swing", "label": "swing"}, {"key": "tactics.b.swing", "label": "swing"}, {"key": "risk.r", "label": "r"}]}
    walk = Walk(wfo, {})
    assert [walk.label(key) for key in walk.keys] == ["tactics.a.swing", "tactics.b.swing", "r"]


@pytest.mark.parametrize(("name", "value", "expected"), [
    ("max_drawdown", -0.125, "\u221212.5 %"), ("net", 1234.5, "1,234"), ("expectancy_r", 0.25, "+0.25 R"), ("trades", 12, "12"), ("sharpe", 1.234, "1.23"),
    ("dsr_2014", 0.9504, "0.950"), ("", True, "yes"), ("", None, "\u2013"), ("", "CLEAN", "CLEAN")])
def test_a_figure_has_the_unit_of_its_name(name, value, expected):
    assert told(name, value) == expected


def test_the_tables_hold_every_fold_configuration_session_and_trade(walk):
    found = {name: pl.read_csv(content) for name, content in walk_sheets(walk).items()}
    assert found["folds.csv"].height == 6 and found["candidates.csv"].height == 12 and found["clauses.csv"].height == len(walk.court["clauses"])
    assert found["equity.csv"].height == len(walk.stitched["dates"]) and found["trades.csv"].height == len(walk.stitched["trades"])
    assert found["candidates.csv"]["objective"].to_list() == pytest.approx([one["whole"]["sharpe"] for one in walk.candidates])
    assert found["folds.csv"]["chosen risk.plan.breakeven_at_r"].null_count() == 1 and found["clauses.csv"]["decided"].sum() == 1
    assert found["trades.csv"]["entry_utc"][0].endswith("Z")


def test_a_spreadsheet_reads_no_formula(tmp_path):
    sheets = walk_sheets(read_walk(make_wfo(tmp_path, text="=cmd|' /C calc'!A0", sessions=252, candidates=6, folds=3)))
    for content in sheets.values():
        assert b",=cmd" not in content and b'"=cmd' not in content


@pytest.mark.parametrize(("ours", "theirs", "word"), [(2.36, 2.97, "better"), (2.36, 1.1, "worse"), (2.0, 2.0, "as well")])
def test_the_desk_as_it_is_stands_beside_what_was_chosen(walk, ours, theirs, word):
    own = walk.stitched["own"] | {"figures": {"sharpe": theirs, "net_usd": 1952.0}}
    stitched = walk.stitched | {"figures": walk.stitched["figures"] | {"sharpe": ours, "net_usd": 1620.0}, "own": own}
    text = " ".join(printed(walk.wfo | {"stitched": stitched}).split())
    said = f"The desk's own settings did {word} out of sample: Sharpe {theirs:.2f} against {ours:.2f}, net 1,952 against 1,620 USD."
    assert said in text and said.replace("'", "&#39;") in render(Walk(walk.wfo | {"stitched": stitched}, walk.manifest))


def test_random_entries_stand_in_the_terminal(walk):
    assert walk.court["random_entries"]["text"] in " ".join(printed(walk.wfo).split())


def test_a_choice_of_the_whole_window_that_no_fold_made_or_that_lost_says_so(walk):
    folds = [fold | {"chosen": walk.own} for fold in walk.folds]
    other = next(one for one in walk.candidates if one["params"] != walk.own)

    def told_of(objective, sharpe, chosen):
        one = other | {"objective": {"whole": objective}, "whole": other["whole"] | {"sharpe": sharpe}}
        return " ".join(printed(walk.wfo | {"folds": chosen, "chosen": {"params": one["params"]}, "candidates": [walk.candidates[0], one]}).split())

    assert "No fold chose this configuration." in told_of(1.0, 1.0, folds) and "even with" not in told_of(1.0, 1.0, folds)
    lost = told_of(-0.89, -0.89, [fold | {"chosen": other["params"]} for fold in walk.folds])
    assert "No fold chose" not in lost and "Its Sharpe there is \u22120.89, below 0: even with the window in sight it lost." in lost
