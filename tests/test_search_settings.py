"""The `search:` block: which of several holds, what is refused and where, and that no run depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pse.domain.errors import BadConfig
from pse.settings import SearchPolicy, Settings, load_settings, search_policy, settings_hash
from tests.conftest import REPOSITORY

DESK = "symbols: [ES]\nrisk: futures_intraday\ntactics:\n  mss_fvg_retest: {}\n"


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "configs" / "desks").mkdir(parents=True)
    return tmp_path


def file_of(home: Path, text: str, name: str = "mine.yaml") -> Path:
    path = home / name
    path.write_text(text)
    return path


def desk_of(home: Path, search: str = "") -> None:
    (home / "configs" / "desks" / "mine.yaml").write_text(DESK + search)


def refused(home: Path, block: str) -> str:
    """What is said of a search block in a file."""
    path = file_of(home, f"search:\n{block}")
    with pytest.raises(BadConfig) as caught:
        search_policy(load_settings(home), path)
    return str(caught.value)


# --- which block holds -----------------------------------------------------------------------------------------------------------------------------


def test_each_key_comes_from_the_first_that_writes_it_of_the_file_the_desk_and_the_settings(home):
    desk_of(home, "search:\n  trials: 7\n  batch: 3\n  parameters: {risk.plan.stale_bars: {values: [3, 4]}}\n")
    (home / "configs" / "settings.yaml").write_text("desk: mine\nsearch: {trials: 9, batch: 9, train: 5}\n")
    path = file_of(home, "account: {capital: 1}\nsearch: {trials: 8}\n")
    found = search_policy(load_settings(home), path)
    assert (found.trials, found.batch, found.train, found.method, list(found.parameters)) == (8, 3, 5.0, "random", ["risk.plan.stale_bars"])
    assert load_settings(home).account.capital == 100_000                     # of the file nothing else was read


def test_the_parameters_of_a_file_are_all_that_it_searches(home):
    """Not those of the files below it besides: what was taken out of a copy stays out."""
    (home / "configs" / "settings.yaml").write_text("search: {parameters: {risk.plan.stale_bars: {values: [3, 4]}}}\n")
    found = load_settings(home).search
    assert list(found.parameters) == ["risk.plan.stale_bars"] and found.trials == 50


@pytest.mark.parametrize(("given", "expected"), [
    ("search.trials=3", {"trials": 3}), ("search.parameters.risk.plan.trail={values: [none]}", {}), ("desks.futures-smc.search.trials=4", {"trials": 4}),
])
def test_what_set_says_goes_before_every_file(home, given, expected):
    path = file_of(home, "search: {trials: 8, parameters: {risk.plan.stale_bars: {values: [3, 4]}}}\n")
    found = search_policy(load_settings(home, overrides=[given]), path)
    assert {name: getattr(found, name) for name in expected} == expected
    if "parameters" in given:
        assert found.parameters["risk.plan.trail"].values == ("none",) and found.parameters["risk.plan.breakeven_at_r"].step == 0.5


def test_the_file_that_the_readme_names_serves_every_desk(home):
    found = search_policy(load_settings(home), REPOSITORY / "configs" / "settings.yaml")
    assert "risk.plan.breakeven_at_r" in found.parameters and "tactics.momentum_thrust.thrust_range_atr" not in found.parameters
    assert "tactics.momentum_thrust.thrust_range_atr" in search_policy(load_settings(home)).parameters


def test_a_dump_of_the_search_says_all_of_it(home):
    found = search_policy(load_settings(home))
    dump = found.model_dump(mode="json")
    assert set(dump) == set(SearchPolicy.model_fields)
    assert SearchPolicy.model_validate(dump).model_dump(mode="json") == dump
    assert dump["parameters"]["risk.plan.breakeven_at_r"] == {"from": 0.5, "to": 2.0, "step": 0.5}


# --- no run depends on it --------------------------------------------------------------------------------------------------------------------------


def test_a_search_block_changes_no_fingerprint_and_stands_in_the_tree(home):
    plain = load_settings(home)
    other = load_settings(home, overrides=["search.trials=3", "desks.futures-smc.search={parameters: {risk.plan.stale_bars: {values: [3, 4]}}}"])
    assert settings_hash(other.run_tree()) == settings_hash(plain.run_tree())
    assert "search" not in plain.run_tree() and "search" not in plain.run_tree()["desk"] and other.tree()["search"]["trials"] == 3
    assert Settings.from_tree(other.tree()).tree() == other.tree()


def test_settings_of_a_run_from_before_there_were_searches_are_still_read(home):
    tree = load_settings(home).tree()
    del tree["search"]
    for desk in tree["desks"].values():
        del desk["search"]
    assert Settings.from_tree(tree).search is None


# --- what is refused -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("block", "line", "says"), [
    ("  trials: 0", 2, "greater than or equal to 1"),
    ("  trials: 2.5", 2, "valid integer"),
    ("  trals: 5", 2, "did you mean trials?"),
    ("  method: bayes", 2, "'grid', 'random' or 'tpe'"),
    ("  objective: sharp", 2, "Did you mean sharpe?"),
    ("  objective: ../mine.py:f", 2, "FOLDER/FILE.py:function"),
    ("  train: yes", 2, "valid number"),
    ("  train: true", 2, "valid number"),
    ("  holdout: 1", 2, "less than or equal to 0.9"),
    ("  groups: 3\n  test_groups: 3", 1, "leaves none to train on"),
    ("  parameters: {a.b: {values: []}}", 2, "at least 1 item"),
    ("  parameters:\n    a.b: {values: [1, 2, 1]}", 3, "the value 1 stands in the list twice"),
    ("  parameters:\n    a.b: {from: 3, to: 1}", 3, "from 3 is above to 1; swap them"),
    ("  parameters:\n    a.b: {from: 3, to: 3}", 3, "nothing to search"),
    ("  parameters:\n    a.b: {from: 1, to: 3, step: 4}", 3, "step 4 is larger than the range from 1 to 3"),
    ("  parameters:\n    a.b: {from: 1, to: 3, step: 0}", 3, "greater than 0"),
    ("  parameters:\n    a.b: {from: 1, to: 3, step: 1, log: true}", 3, "write one of the two"),
    ("  parameters:\n    a.b: {values: [1], from: 3}", 3, "values are a list of their own, and from belongs to a range"),
    ("  parameters:\n    a.b: {form: 3}", 3, "did you mean from?"),
    ("  parameters:\n    a.b: 3", 3, "expected settings as `key: value` lines"),
    ("  parameters:\n    a.b: {values: [[1]]}", 3, "valid"),
])
def test_a_mistake_is_told_with_file_line_and_mend(home, block, line, says):
    said = refused(home, block)
    assert f"mine.yaml, line {line}, search" in said and says in said
    assert not ("swap them" in said and "change one of them" in said)                  # one mend is enough


def test_true_and_one_are_two_values_and_one_is_one(home):
    path = file_of(home, "search: {parameters: {a.b: {values: [true, 1]}}}")
    assert search_policy(load_settings(home), path).parameters["a.b"].values == (True, 1)
    assert "stands in the list twice" in refused(home, "  parameters: {a.b: {values: [1, 1.0]}}")


@pytest.mark.parametrize("text", ["desk: mine\n", "search: {}\n"])
def test_where_nothing_says_what_to_search_an_example_does(home, text):
    (home / "configs" / "settings.yaml").write_text("desk: mine\nsearch: null\n")
    desk_of(home)
    path = file_of(home, text)
    with pytest.raises(BadConfig, match=r"search:\n  trials: 50\n  parameters:\n    risk.plan.breakeven_at_r"):
        search_policy(load_settings(home), path)
