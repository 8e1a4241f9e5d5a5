"""`pse audit lookahead` over a stored series: what it says, its exit codes, and that a leak in a registered feature is named."""

import json

import pytest

from pse import registry
from tests.commands.stored import LAST, stored_synthetic

CHECKED = {"subjects", "columns", "decision_bars", "cuts", "cuts_by", "whole_history_cuts", "cuts_there", "cuts_left_out", "tries", "rows_compared",
           "asleep_in_windows", "not_checked", "briefings", "setups", "joins", "lag", "warm_up", "fitted_objects", "survivorship"}
FEW = ("--start", "2023-03-14", "--end", LAST, "--cuts", "8", "--set", "desks.futures-smc.warmup_sessions=1")


@pytest.fixture
def home(tmp_path):
    return stored_synthetic(tmp_path / "home")


def lookahead(pse, home, *words):
    return pse("--home", home, "audit", "lookahead", "--symbol", "ES", *FEW, *words)


def test_a_clean_desk_is_told_what_was_checked_and_what_that_does_not_prove(pse, home):
    ran = lookahead(pse, home, "--features", "atr,mqs,vwap", "--tactics", "--json")
    assert ran.code == 0, ran.err
    answer = ran.json
    assert answer["findings"] == [] and answer["ok"] and set(answer["checked"]) == CHECKED and "does not prove" in answer["limit"]
    checked = answer["checked"]
    assert checked["subjects"] == ["feature atr", "feature mqs", "feature vwap", "tactic mss_fvg_retest", "context", "briefing"]
    assert checked["columns"]["feature atr"] == 4 and checked["cuts"] > 100 and checked["rows_compared"] > 1_000_000
    assert checked["warm_up"]["desk_sessions"] == 1 and checked["lag"]["as_told"]["trades"] >= 0
    assert checked["fitted_objects"].startswith("none") and checked["survivorship"].startswith("unknown")


def test_the_same_seed_gives_the_same_answer_and_people_get_a_table(pse, home):
    first, again = (lookahead(pse, home, "--features", "atr", "--seed", "3", "--json") for _ in range(2))
    assert first.out == again.out and first.json["checked"]["subjects"] == ["feature atr"]
    shown = lookahead(pse, home, "--features", "atr")
    assert shown.code == 0 and "CLEAN" in shown.out and "1 feature;" in shown.out and "survivorship" in shown.out and "does not prove" in shown.out


def test_a_leak_is_named_with_its_bar_its_cut_and_both_values(pse, home, monkeypatch):
    from tests.research import leaks

    monkeypatch.setattr(leaks, "Planted", type(leaks.FEATURES["one_bar_in_a_hundred"]), raising=False)
    monkeypatch.setitem(registry.FEATURES, "planted", "tests.research.leaks:Planted")
    ran = lookahead(pse, home, "--features", "atr,planted", "--json")
    assert ran.code == 1 and not ran.json["ok"]
    finding = ran.json["findings"][0]
    assert (finding["check"], finding["subject"], finding["column"]) == ("prefix", "feature planted", "one_bar_in_a_hundred")
    assert finding["bar"] > 0 and finding["time"] <= finding["cut"] and finding["later"] != finding["then"] and finding["rows_back"] == 0
    assert {one["subject"] for one in ran.json["findings"]} == {"feature planted"}
    shown = lookahead(pse, home, "--features", "planted")
    assert shown.code == 1 and "FINDING" in shown.out and "prefix: feature planted one_bar_in_a_hundred at bar " in shown.out and "without it" in shown.out


def test_another_timeframe_has_no_tactics(pse, home):
    ran = lookahead(pse, home, "--features", "atr", "--timeframe", "15m", "--json")
    assert ran.code == 0 and ran.json["timeframe"] == "15m" and ran.json["checked"]["setups"] == {}
    refused = lookahead(pse, home, "--tactics", "--timeframe", "15m")
    assert refused.code == 2 and "decides on 5m" in refused.err


@pytest.mark.parametrize(("words", "why"), [
    (("--features", "atrr"), "Did you mean atr?"), (("--timeframe", "5x"), "5x"), (("--symbol", "NQ"), "no stored"), (("--desk", "nobody"), "nobody"),
    (("--features", "atr", "--start", "2023-03-16T22:50:00Z", "--set", "desks.futures-smc.warmup_sessions=0"), "an audit needs")])
def test_a_request_that_cannot_be_answered_says_why(pse, home, words, why):
    ran = lookahead(pse, home, *words)
    assert ran.code == 2 and why in ran.err


def test_every_decision_bar_can_be_cut(pse, home):
    ran = lookahead(pse, home, "--features", "atr", "--exhaustive", "--json")
    checked = ran.json["checked"]
    assert ran.code == 0 and checked["cuts"] >= checked["decision_bars"] - 1 and set(checked["cuts_left_out"].values()) == {0}
    assert json.loads(ran.out)["command"] == "audit lookahead"
