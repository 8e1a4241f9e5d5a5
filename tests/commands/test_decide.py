"""`pse decide`: one decision at a moment, held against the backtest that comes by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.stored import FIRST, answer_of, stored_run, stored_synthetic

MODEL = ("--set", "chains.three-pass.model=scripted-honest")


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A home with a run by rules, and the DECISION lines of its journal by moment."""
    home = tmp_path_factory.mktemp("decide")
    told = stored_run(home)
    journal = (home / "backtests/outputs" / told["run_id"] / "journal.jsonl").read_text().splitlines()
    lines = [one for one in map(json.loads, journal) if one["kind"] in ("DECISION", "ORDER", "GATES")]
    return home, lines


def iso(ts):
    import datetime

    return datetime.datetime.fromtimestamp(ts / 1e9, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decided(home, *words):
    return answer_of(home, "decide", "--symbol", "ES", "--start", FIRST, *words)


def test_rules_decide_as_the_backtest_did_that_came_by(lived):
    home, lines = lived
    made = [one for one in lines if one["kind"] == "DECISION"]
    for line in (made[0], made[len(made) // 2]):
        found = decided(home, "--at", iso(line["ts"]))
        assert found["decisions"][line["body"]["rank"]] == line["body"]
        assert found["at"] == iso(line["ts"]) and found["chain"] is None
        entries = [one["body"] for one in lines if one["kind"] == "ORDER" and one["ts"] == line["ts"] and one["body"]["leg"] == "ENTRY"
                   and one["body"]["setup_id"] == found["setup_id"] and one["body"]["action"] == "NEW"]
        assert found["orders"] == entries


def test_a_moment_between_two_closes_is_that_of_the_last_one(lived):
    home, lines = lived
    ts = next(one["ts"] for one in lines if one["kind"] == "DECISION")
    assert decided(home, "--at", iso(ts + 3 * 60 * 10**9))["at"] == iso(ts)


def test_a_chain_is_asked_once_shown_and_logged_and_answers_again_from_the_tape(lived):
    home, lines = lived
    at = iso(next(one["ts"] for one in lines if one["kind"] == "DECISION"))
    found = decided(home, "--at", at, "--agents", "record", *MODEL)
    assert [one["role"] for one in found["passes"]] == ["signal", "risk", "executive"] and found["chain"] == "three-pass"
    assert found["decision"] in ("APPROVE", "MODIFY") and found["setup_id"] == found["passes"][0]["setup_id"]
    logged = Path(found["log"]).read_text()
    entries = [json.loads(line) for line in logged.splitlines()]
    assert [one["agent"] for one in entries] == ["signal", "risk", "executive"] and {one["ts"] for one in entries} == {at}
    assert all(one["request"]["messages"][0]["text"].startswith(found["briefing"].rstrip()) for one in entries)
    assert entries[-1]["verdict"]["decision"] == found["decision"]
    again = decided(home, "--at", at, "--agents", "tape", *MODEL)
    assert again["passes"] == found["passes"] and again["log"] == found["log"] and Path(again["log"]).read_text() == logged


def test_the_same_question_asked_again_has_a_run_budget_of_its_own(lived):
    home, lines = lived
    at = iso(next(one["ts"] for one in lines if one["kind"] == "DECISION"))
    for _ in range(2):
        found = decided(home, "--at", at, "--agents", "live", *MODEL, "--set", "budget.calls_per_run=3")
        assert (found["outcome"], found["codes"]) == ("DECIDED", [])


def test_a_tape_that_knows_nothing_of_it_is_an_error_with_the_mend(lived, pse):
    home, lines = lived
    at = iso(next(one["ts"] for one in lines if one["kind"] == "DECISION"))
    ran = pse("--home", home, "decide", "--symbol", "ES", "--at", at, "--agents", "tape", "--set", "chains.three-pass.model=scripted-random")
    assert ran.code == 3 and "--agents record" in ran.err


def test_a_contrary_chain_sends_nothing_out(lived):
    home, lines = lived
    at = iso(next(one["ts"] for one in lines if one["kind"] == "DECISION"))
    found = decided(home, "--at", at, "--agents", "record", "--set", "chains.one-pass.model=scripted-garbage", "--set", "desks.futures-smc.decide=one-pass")
    assert found["decision"] == "HOLD" and found["orders"] == [] and found["outcome"] == "HELD" and found["codes"]


def test_a_moment_without_a_candidate_is_a_hold_that_names_the_nearest_ones(lived, pse):
    home, lines = lived
    moments = sorted({one["ts"] for one in lines if one["kind"] == "DECISION"})
    free = moments[1] + 5 * 60 * 10**9 if moments[2] - moments[1] > 5 * 60 * 10**9 else moments[2] + 5 * 60 * 10**9
    assert free not in moments
    found = decided(home, "--at", iso(free))
    assert (found["decision"], found["reason"], found["setup_id"], found["passes"], found["log"]) == ("HOLD", "NO_CANDIDATE", None, [], None)
    no = [one["body"]["setup_id"] for one in lines if one["kind"] == "GATES" and one["ts"] == free and not all(gate[1] for gate in one["body"]["gates"])]
    assert [one["setup_id"] for one in found["refused"]] == no
    before = [iso(one) for one in moments if one < free][-3:]
    assert found["nearest"][:len(before)] == before and len(found["nearest"]) == len(before) + 3


def test_without_a_moment_the_last_one_with_a_candidate_is_decided(lived, pse):
    home, lines = lived
    ran = pse("--home", home, "decide", "--symbol", "ES", "--start", FIRST, "--agents", "record", *MODEL)
    assert ran.code == 0
    last = max(one["ts"] for one in lines if one["kind"] == "DECISION")
    for word in (f"ES at {iso(last)}", "Signal (scripted-honest, signal.v1) says", "Risk (", "Executive (", "The gates then say", "logged: "):
        assert word in ran.out, word


def test_the_order_is_shown_and_with_v_the_whole_briefing(lived, pse):
    home, lines = lived
    entry = next(one for one in lines if one["kind"] == "ORDER" and one["body"]["leg"] == "ENTRY")
    ran = pse("--home", home, "-v", "decide", "--symbol", "ES", "--start", FIRST, "--at", iso(entry["ts"]))
    body = entry["body"]
    assert "[candidates]" in ran.out and "[limits]" in ran.out
    assert f"NEW ENTRY {body['side']} {body['quantity']:g} {body['contract']}" in ran.out and "The order that would go out" in ran.out


@pytest.mark.parametrize(("words", "told"), [
    (("--at", "1999-01-04T15:00Z"), "outside the stored bars"), (("--at", "noon"), "--at"), (("--agents", "guess"), "--agents"),
    (("--agents", "record"), "OPENAI_API_KEY"), (("--desk", "nowhere"), "nowhere")])
def test_what_cannot_be_decided_is_refused(pse, tmp_path, monkeypatch, words, told):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ran = pse("--home", stored_synthetic(tmp_path / "home"), "decide", "--symbol", "ES", *words)
    assert ran.code == 2 and told in ran.err


@pytest.mark.slow
def test_a_moment_on_a_weekend_is_told_to_be_the_last_close_before_it_and_one_after_a_gap_is_refused(tmp_path, pse):
    words = ("ingest", "--provider", "synthetic", "--symbol", "ES")
    for first, end in (("2024-03-04", "2024-03-09"), ("2024-03-18", "2024-03-20")):
        assert pse("--home", tmp_path, *words, "--start", first, "--end", end).code == 0
    ask = ("--home", tmp_path, "decide", "--symbol", "ES")
    weekend = pse(*ask, "--at", "2024-03-09T12:00Z", "--json")
    assert json.loads(weekend.out)["at"] == "2024-03-08T22:00:00Z"
    assert any("2024-03-08T22:00:00Z and --at 2024-03-09T12:00:00Z" in one for one in json.loads(weekend.out)["warnings"])
    gap = pse(*ask, "--at", "2024-03-13T15:00Z")
    assert gap.code == 2 and "2024-03-08T22:00:00Z" in gap.err and "pse ingest" in gap.err
