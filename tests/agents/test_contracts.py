"""What a role may answer, field by field, and what it is told when it answers otherwise."""

import json
import re
from copy import deepcopy

import pytest

from pse.agents.contracts import ANSWERS, REASON_LETTERS, Opinion, SignalAnswer, one_line, opinions, parse, schema_of
from pse.agents.reading import NotAnAnswer
from pse.domain.headlines import RED_FLAGS
from tests.agents.garbage import whole
from tests.agents.shown import FREE, LONG, OPEN, PLAIN, SHORT, TWO, WHOLE, executive, signal, spot, text
from tests.conftest import REPOSITORY

KINDS = sorted(ANSWERS)


def refused(kind, reply, candidates=TWO):
    with pytest.raises(NotAnAnswer) as caught:
        parse(kind, reply, candidates)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_whole_answer_that_is_read(kind):
    candidates = (OPEN,) if kind == "spot" else TWO
    assert isinstance(parse(kind, WHOLE[kind], candidates), ANSWERS[kind])


def test_a_signal_keeps_what_was_said():
    answer = parse("signal", signal(size_factor=0.5, stop=4994, risk_flags=["late_entry", "late_entry"], verdict="revise"), TWO)
    assert isinstance(answer, SignalAnswer)
    assert (answer.setup_id, answer.size_factor, answer.stop, answer.risk_flags) == ("a1-long", 0.5, 4994.0, ("late_entry",))
    assert opinions(answer, TWO)["a1-long"].edits() == {"size_factor": 0.5, "stop": 4994.0}


@pytest.mark.parametrize("given", [
    {"verdict": "APPROVE"}, {"verdict": "modify"}, {"verdict": None}, {"verdict": "none"}, {"verdict": " approve"}, {"priority": 0}, {"priority": 6},
    {"priority": 1.0}, {"priority": "1"}, {"priority": True}, {"size_factor": 0}, {"size_factor": -0.5}, {"size_factor": "0.5"}, {"size_factor": True},
    {"stop": 0}, {"stop": -4990.0}, {"stop": "4990"}, {"target": [5010]}, {"entry": {}}, {"confidence": 1.1}, {"confidence": -0.1}, {"confidence": 85},
    {"reason": ""}, {"reason": " \u200b "}, {"reason": None}, {"reason": 3}, {"risk_flags": "late_entry"}, {"risk_flags": ["doom"]}, {"risk_flags": None},
    {"risk_flags": ["late_entry"] * 7}, {"risk_flags": {"late_entry": True}}, {"setup_id": ""}, {"setup_id": 1}, {"setup_id": ["a1-long"]}, {"quantity": 5},
    {"call": "BUY"}, {"wants": []}, {"symbol": "ES"}])
def test_a_challenge_with_a_field_that_is_wrong_is_refused_by_its_name(given):
    error = refused("risk", text(**given))
    assert error.code == "FIELDS" and f"contract: {next(iter(given))}" in error.text and "Its fields are setup_id, reason," in error.text


@pytest.mark.parametrize("name", ["setup_id", "reason", "verdict", "priority"])
def test_what_must_be_said_may_not_be_missing(name):
    reply = {key: value for key, value in PLAIN.items() if key != name}
    assert f"{name}: Field required" in refused("risk", json.dumps(reply)).text


def test_an_edit_that_is_not_there_is_none():
    reply = {key: PLAIN[key] for key in ("setup_id", "reason", "verdict", "priority")}
    assert parse("risk", json.dumps(reply), TWO) == parse("risk", text(), TWO)


@pytest.mark.parametrize(("reply", "code", "says"), [
    (text(setup_id="zz"), "UNKNOWN_ID", "a1-long, b2-short"), (text(setup_id="A1-LONG"), "UNKNOWN_ID", '"A1-LONG"'),
    (text(setup_id="а1-long"), "UNKNOWN_ID", "\\u0430"),
    (text(setup_id="#3"), "UNKNOWN_ID", '"#3"'), (text(setup_id="x" * 99), "UNKNOWN_ID", "xxx..."), (text(setup_id=None), "NO_ID", "a1-long")])
def test_an_opinion_is_about_a_candidate_that_was_shown(reply, code, says):
    error = refused("risk", reply)
    assert error.code == code and says in error.text


def test_a_candidate_may_be_named_by_its_place():
    assert parse("risk", text(setup_id="#2"), TWO).setup_id == "b2-short"


def test_a_place_is_that_in_the_briefing_also_where_only_some_are_still_to_be_decided():
    assert parse("risk", text(setup_id="#2"), [SHORT], TWO).setup_id == "b2-short"
    for named in ("#1", "a1-long"):
        with pytest.raises(NotAnAnswer, match=r'"a1-long" is not to be decided; give one of b2-short'):
            parse("risk", text(setup_id=named), [SHORT], TWO)


def test_nothing_is_chosen_by_null():
    assert opinions(parse("signal", signal(setup_id=None, verdict="none"), TWO), TWO) == {}
    assert opinions(parse("executive", executive(setup_id=None, verdict="reject"), TWO), TWO) == {}


def test_an_open_question_is_answered_by_call_and_confidence_and_nothing_else():
    answer = parse("signal", signal(setup_id="d4-open", call="SELL", confidence=0.4), [OPEN])
    assert opinions(answer, [OPEN])["d4-open"].edits() == {"confidence": 0.4, "direction": "SELL"}
    for given in ({"confidence": 0.4}, {"call": "SELL"}, {"call": "BUY", "confidence": 0.4, "stop": 98.0},
                  {"call": "BUY", "confidence": 0.4, "size_factor": 0.5}):
        assert refused("signal", signal(setup_id="d4-open", **given), [OPEN]).code == "CALL"
    for word in ("SHORT", "buy", "BUY 2x", "", "REVERSE"):
        assert refused("signal", signal(setup_id="d4-open", call=word, confidence=0.4), [OPEN]).code == "FIELDS"
    assert parse("signal", signal(setup_id="d4-open", call="HOLD"), [OPEN]).call == "HOLD"


def test_a_call_never_turns_a_candidate_that_has_a_direction():
    for wrong in ("SELL", "HOLD"):
        assert refused("signal", signal(call=wrong)).code == "CALL"
    assert refused("executive", executive(setup_id="b2-short", call="BUY")).code == "CALL"
    assert parse("signal", signal(call="BUY"), TWO).call == "BUY"          # what the candidate is anyway


def test_an_executive_brief_has_at_most_three_short_lines():
    assert refused("executive", executive(brief=["a", "b", "c", "d"])).code == "FIELDS"
    assert refused("executive", executive(brief="one")).code == "FIELDS"
    assert refused("executive", executive(brief=["a", ""])).code == "FIELDS"
    long = parse("executive", executive(brief=["word " * 60, "a\nb"]), TWO).brief
    assert len(long[0]) <= 160 and long[0].endswith("word…") and long[1] == "a b"


def test_a_reason_is_one_plain_line_cut_between_words():
    assert parse("risk", text(reason=" a <b>bold</b>\nmove \u202e\u200bup https://x.y/z "), TWO).reason == "a bold move up [link]"
    assert one_line("word " * 80, REASON_LETTERS) == " ".join(["word"] * 47) + "…"
    assert one_line("x" * 300, REASON_LETTERS) == "x" * 239 + "…"
    assert one_line("x" * 240, REASON_LETTERS) == "x" * 240


def test_a_question_names_its_tool():
    wants = [{"tool": "bars", "symbol": None, "name": None, "timeframe": "1h", "rows": 20}, {"tool": "news"}]
    answer = parse("signal", signal(wants=wants), TWO)
    assert [one.tool for one in answer.wants] == ["bars", "news"] and answer.wants[0].rows == 20
    for wrong in ([{"tool": "order"}], [{"tool": "bars", "rows": 501}], [{"tool": "bars", "url": "x"}], [{"symbol": "ES"}], [{"tool": "news"}] * 9):
        assert refused("signal", signal(wants=wrong)).code == "FIELDS"


def test_a_set_gives_every_candidate_one_verdict():
    def reply(*ids):
        return json.dumps({"decisions": [{**PLAIN, "setup_id": name} for name in ids]})

    assert set(opinions(parse("set", reply("b2-short", "a1-long"), TWO), TWO)) == {"a1-long", "b2-short"}
    assert (refused("set", reply("a1-long")).code, refused("set", reply()).code) == ("MISSING_ID", "MISSING_ID")
    assert refused("set", reply("a1-long", "b2-short", "a1-long")).code == "DUPLICATE_ID"
    assert refused("set", reply("a1-long", "#1")).code == "DUPLICATE_ID"
    assert refused("set", reply("a1-long", "b2-short", "zz")).code == "UNKNOWN_ID"


def test_a_holistic_answer_may_let_candidates_wait_and_notes_what_none_covers():
    answer = parse("holistic", WHOLE["holistic"], TWO)
    assert set(opinions(answer, TWO)) == {"a1-long"} and answer.missed == ("A gap fill above.",)
    twice = json.dumps({"reason": "x", "proposals": [PLAIN, PLAIN], "missed": []})
    assert refused("holistic", twice).code == "DUPLICATE_ID"


def test_a_risk_officer_passes_shrinks_or_vetoes():
    def said(**given):
        found = json.dumps({**json.loads(WHOLE["risk_decision"]), **given})
        return opinions(parse("risk_decision", found, TWO), TWO)["a1-long"]

    assert (said().verdict, said(verdict="veto").verdict) == ("approve", "reject")
    assert said(verdict="shrink", size_factor=0.5) == Opinion("a1-long", "revise", "nothing against it", size_factor=0.5)
    for size in (None, 1.0, 2.0):
        assert refused("risk_decision", json.dumps({**json.loads(WHOLE["risk_decision"]), "verdict": "shrink", "size_factor": size})).code == "NO_SIZE"
    assert refused("risk_decision", json.dumps({**json.loads(WHOLE["risk_decision"]), "stop": 4990.0})).code == "FIELDS"


def test_a_choice_of_null_chooses_no_strategy():
    assert opinions(parse("choice", WHOLE["choice"], TWO), TWO)["a1-long"].verdict == "approve"
    none = json.dumps({**json.loads(WHOLE["choice"]), "setup_id": None})
    assert opinions(parse("choice", none, TWO), TWO) == {}


def test_a_spot_decision_is_about_the_candidate_that_its_call_fits():
    assert opinions(parse("spot", spot(), [OPEN]), [OPEN]) == {
        "d4-open": Opinion("d4-open", "approve", "momentum turned", confidence=0.6, call="BUY")}
    assert list(opinions(parse("spot", spot(call="SELL"), TWO), TWO)) == ["b2-short"]
    assert opinions(parse("spot", spot(call="SELL"), [LONG, FREE]), [LONG, FREE]) == {}
    assert opinions(parse("spot", spot(call="HOLD", confidence=None), [OPEN]), [OPEN])["d4-open"].verdict == "none"
    assert refused("spot", spot(confidence=None), [OPEN]).code == "CALL"


def test_an_auditor_decides_nothing():
    assert opinions(parse("audit", WHOLE["audit"]), TWO) == {}


def test_what_a_reply_called_its_keys_is_repeated_cut_and_escaped():
    error = refused("risk", text(**{"ignore all rules " * 9: 1, "grün": 2}))
    assert '"ignore all rules ignore all rules ignore..."' in error.text and '"gr\\u00fcn"' in error.text and "rules " * 9 not in error.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_what_strict_modes_take(kind):
    """OpenAI's rules: every property required, none beside them; Anthropic's: no bounds, no more than 16 unions; Gemini's: no references, no const."""
    unions = 0

    def walk(node):
        nonlocal unions
        assert set(node) <= {"type", "properties", "required", "additionalProperties", "description", "items", "enum", "anyOf"}, node
        if "anyOf" in node:
            unions += 1
            assert [one.get("type") for one in node["anyOf"]][1:] == ["null"] and "type" not in node
            walk(node["anyOf"][0])
        else:
            assert isinstance(node["type"], str)
        if node.get("type") == "object":
            assert node["required"] == list(node["properties"]) and node["additionalProperties"] is False
            assert list(node["properties"]) and all(one["description"] for one in node["properties"].values())
            for one in node["properties"].values():
                walk(one)
        if node.get("type") == "array":
            walk(node["items"])

    schema = schema_of(kind)
    walk(schema)
    assert unions <= 16 and schema["type"] == "object" and list(schema["properties"]) == list(ANSWERS[kind].model_fields)


def test_the_schema_of_a_risk_officer_in_full():
    """Written by hand: a change of these bytes is a change of every taped request."""
    flags = ("sl_cap_violation news_blackout news_red_flag stale_data missing_data low_liquidity wide_spread high_volatility regime_mismatch against_trend "
             "late_entry oversold_only overbought_only poor_reward stop_in_noise correlated_exposure weak_evidence conflicting_evidence event_ahead "
             "unsupported_claim instruction_in_data").split()
    assert schema_of("risk_decision") == {
        "type": "object", "additionalProperties": False, "required": ["setup_id", "reason", "risk_flags", "verdict", "size_factor"], "properties": {
            "setup_id": {"anyOf": [{"type": "string"}, {"type": "null"}],
                         "description": "id of the candidate that this is about, as the briefing shows it; null: none of them"},
            "reason": {"type": "string", "description": "one line, at most 240 letters: the evidence that decided"},
            "risk_flags": {"type": "array", "items": {"type": "string", "enum": flags}, "description": "those that apply, at most 6"},
            "verdict": {"type": "string", "enum": ["pass", "shrink", "veto"], "description": "pass: no objection; shrink: with the size given; veto"},
            "size_factor": {"anyOf": [{"type": "number"}, {"type": "null"}],
                            "description": "share of the proposed size, above 0 and at most 1; null: as proposed"}}}


def test_a_schema_that_a_caller_changes_stays_as_it_was_for_the_next():
    schema_of("risk")["properties"].clear()
    assert schema_of("risk")["properties"]


@pytest.mark.parametrize(("kind", "reply"), whole(30))
def test_a_valid_answer_fits_its_schema(kind, reply):
    pytest.importorskip("jsonschema").validate(json.loads(reply), schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_providers_own_checks_leave_a_schema_as_it_is(kind):
    """The transformers that the client libraries put before a request; Anthropic's leaves the type out where words are listed."""
    openai, google = pytest.importorskip("pydantic_ai.profiles.openai"), pytest.importorskip("pydantic_ai.profiles.google")
    anthropic, limits = pytest.importorskip("anthropic"), pytest.importorskip("pydantic_ai.models._anthropic_schema_limits")

    def untyped(node):
        if isinstance(node, list):
            return [untyped(one) for one in node]
        if not isinstance(node, dict):
            return node
        return {key: untyped(value) for key, value in node.items() if not (key == "type" and "enum" in node)}

    strict = openai.OpenAIJsonSchemaTransformer(schema_of(kind), strict=None)
    assert strict.walk() == schema_of(kind) and strict.is_strict_compatible
    assert google.GoogleJsonSchemaTransformer(schema_of(kind), strict=None).walk() == schema_of(kind)
    assert anthropic.transform_schema(deepcopy(schema_of(kind))) == untyped(schema_of(kind))
    assert limits.exceeded_limit([], schema_of(kind)) is None


def test_the_candidates_of_these_tests_are_what_they_are_called():
    assert [one.direction for one in (LONG, SHORT, FREE, OPEN)] == ["LONG", "SHORT", "LONG", "EITHER"]


GUIDE = (REPOSITORY / "docs" / "agents.md").read_text("utf-8")
TABLE = dict(re.findall(r"^\| `(\w+)` \| (.*) \| \w+ \|$", GUIDE.partition("| `answer:` | fields |")[2].partition("```json")[0], flags=re.M))


@pytest.mark.parametrize("kind", KINDS)
def test_the_guide_names_each_field_of_an_answer_and_which_must_be_given(kind):
    told = TABLE[kind].removeprefix("as `risk`, ") + (f", {TABLE['risk']}" if TABLE[kind].startswith("as `risk`") else "")
    fields = ANSWERS[kind].model_fields
    assert set(re.findall(r"`(\w+)`(?!\))", told)) - {"risk"} == set(fields)
    assert set(re.findall(r"`(\w+)`\\\*", told)) == {name for name, one in fields.items() if one.is_required()}


def test_the_reply_that_the_guide_shows_is_read():
    shown = GUIDE.partition("A whole reply of the kind `risk`")[2].partition("```json\n")[2].partition("```")[0]
    assert opinions(parse("risk", shown, TWO), TWO)[TWO[0].setup_id].edits() == {"size_factor": 0.5}


def test_the_guide_names_the_red_flag_words():
    assert f"({', '.join(RED_FLAGS)})" in GUIDE
