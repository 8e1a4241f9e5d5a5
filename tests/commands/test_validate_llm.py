"""`pse validate-llm`: samples of replies against the contracts."""

from __future__ import annotations

import json

import pytest

SHOWN = {"setup_id": "a-1", "direction": "LONG", "entry": 100.0, "stop": 99.0, "target": 102.0}
FAIR = {"setup_id": "a-1", "reason": "Trend and retest agree.", "risk_flags": [], "verdict": "approve", "priority": 1, "size_factor": None, "entry": None,
        "stop": None, "target": None, "confidence": None}


def about(beside=None, **changes):
    """A line with a briefing about one candidate."""
    candidate = {"setup_id": "a", "direction": "LONG", "entry": 1, "stop": 1, **changes}
    return json.dumps({"kind": "risk", "briefing": {"candidates": [candidate], **(beside or {})}})


def written(folder, *samples, name="samples.jsonl"):
    path = folder / name
    path.write_text("\n".join(json.dumps(one) for one in samples))
    return path


def test_the_samples_that_come_with_it_break_the_rules_that_they_say(pse):
    ran = pse("--json", "validate-llm")
    assert ran.code == 0 and ran.json["builtin"] is True
    codes = {one["code"] for one in ran.json["replies"]}
    assert codes == {"OK", "NOT_JSON", "NOT_FINITE", "DUPLICATE_KEY", "FIELDS", "UNKNOWN_ID", "NO_ID", "CALL", "MISSING_ID", "EMPTY"}
    assert all(one["error"] for one in ran.json["replies"] if one["code"] != "OK")


def test_a_reply_that_breaks_its_contract_is_a_no_and_says_why(pse, tmp_path):
    path = written(tmp_path, {"kind": "risk", "reply": FAIR}, {"kind": "risk", "reply": json.dumps({**FAIR, "leverage": 9}), "name": "greedy"})
    ran = pse("validate-llm", "--sample", path)
    assert ran.code == 1
    assert "greedy" in ran.out and "leverage" in ran.out and "1 not as expected" in ran.out


def test_a_reply_is_held_against_the_candidates_of_its_briefing(pse, tmp_path):
    other = {"symbol": "ES", "candidates": [{**SHOWN, "setup_id": "b-2"}]}
    own = {"symbol": "ES", "candidates": [SHOWN]}
    path = written(tmp_path, *({"kind": "risk", "reply": FAIR, "briefing": one} for one in (own, other)))
    codes = [one["code"] for one in pse("--json", "validate-llm", "--sample", path).json["replies"]]
    assert codes == ["OK", "UNKNOWN_ID"]


def test_what_a_terminal_would_obey_in_a_sample_is_shown_as_its_code(pse, tmp_path):
    path = written(tmp_path, {"kind": "risk", "reply": FAIR, "name": "a\x1b[31mred\x1b[2J", "expect": "OK\x1b]0;title\x07"},
                   {"kind": "risk", "reply": FAIR, "name": "b\u202eback"})
    ran = pse("validate-llm", "--sample", path)
    assert "a\\x1b[31mred\\x1b[2J" in ran.out and "OK\\x1b]0;title\\x07" in ran.out and "b\\u202eback" in ran.out
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.out)


def test_one_list_is_as_good_as_lines(pse, tmp_path):
    path = tmp_path / "samples.json"
    path.write_text(json.dumps([{"kind": "risk", "reply": FAIR}], indent=2))
    assert pse("validate-llm", "--sample", path).code == 0


@pytest.mark.parametrize(("text", "told"), [
    ("{", "line 1 is not JSON"), ("", "holds no sample"), ("[1]", "entry 1"), ('{"kind": "rsik", "reply": ""}', "Did you mean risk"),
    ('{"kind": "risk"}', "neither a reply nor a briefing"), ('{"kind": "risk", "answer": ""}', "'answer'"),
    ('{"kind": "risk", "briefing": {"symbol": "ES"}}', "no list of candidates"),
    (about(direction="UP"), "LONG, SHORT, EITHER"), (about(entry="1"), "entry is '1'"), (about(evidence=3), "evidence is not an object"),
    (about(stop=None), "has no stop"), (about(colour="red"), "'colour'"), (about({"account": []}), "account of the briefing"),
    ("\n\n[" * 3, "no JSON list")])
def test_a_file_that_is_none_is_refused_with_the_place(pse, tmp_path, text, told):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    ran = pse("validate-llm", "--sample", path)
    assert ran.code == 2 and told in ran.err


def test_a_file_that_is_not_there_is_refused(pse, tmp_path):
    ran = pse("validate-llm", "--sample", tmp_path / "none.jsonl")
    assert ran.code == 2 and "cannot be read" in ran.err


def test_a_model_is_asked_about_the_briefings(pse, tmp_path):
    path = written(tmp_path, {"kind": "risk", "briefing": {"symbol": "ES", "candidates": [SHOWN]}}, {"kind": "risk", "reply": FAIR})
    fair = pse("--json", "validate-llm", "--sample", path, "--model", "scripted-honest")
    assert fair.code == 0 and [one["code"] for one in fair.json["asked"]] == ["OK"] and len(fair.json["replies"]) == 1
    bad = pse("--json", "validate-llm", "--sample", path, "--model", "scripted-garbage")
    assert bad.code == 1 and bad.json["asked"][0]["error"]


def test_a_model_has_nothing_to_answer_without_a_briefing(pse, tmp_path):
    ran = pse("validate-llm", "--sample", written(tmp_path, {"kind": "risk", "reply": FAIR}), "--model", "scripted-honest")
    assert ran.code == 2 and "no sample has a briefing" in ran.err
