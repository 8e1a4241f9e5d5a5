"""A reply is one flat JSON object, or it is told what it is instead."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.agents import reading
from pse.agents.contracts import ANSWERS, Answer, opinions, parse
from pse.agents.reading import NotAnAnswer, read_json
from tests.agents import garbage
from tests.agents.garbage import SHOWN


def code(text):
    with pytest.raises(NotAnAnswer) as caught:
        read_json(text)
    assert str(caught.value) and len(str(caught.value)) < 300 and str(caught.value).isascii()
    return caught.value.code


@pytest.mark.parametrize(("text", "expected"), [
    ("", "EMPTY"), (" \n\t", "EMPTY"), ("```json\n\n```", "EMPTY"), ("hello", "NOT_JSON"), ('{"a": 1} ok', "NOT_JSON"), ('so: {"a": 1}', "NOT_JSON"),
    ('{"a": 1}{"b": 2}', "NOT_JSON"), ("{'a': 1}", "NOT_JSON"), ('{"a": 1,}', "NOT_JSON"), ('\ufeff{"a": 1}', "NOT_JSON"), ('{"a": 01}', "NOT_JSON"),
    ('{"a": "tab\there"}', "NOT_JSON"), ('\u00a0{"a": 1}', "NOT_JSON"), ('before ```json\n{"a": 1}\n```', "NOT_JSON"),
    ('```json\n{"a": 1}\n``` after', "NOT_JSON"),
    ("[1]", "NOT_AN_OBJECT"), ("null", "NOT_AN_OBJECT"), ("3", "NOT_AN_OBJECT"), ('"{}"', "NOT_AN_OBJECT"), ("true", "NOT_AN_OBJECT"),
    ('{"a": NaN}', "NOT_FINITE"), ('{"a": Infinity}', "NOT_FINITE"), ('{"a": -Infinity}', "NOT_FINITE"), ('{"a": 1e999}', "NOT_FINITE"),
    ('{"a": -1e999}', "NOT_FINITE"), ('{"a": 1111111111111111111}', "NOT_FINITE"), ('{"a": ' + "1" * 5_000 + "}", "NOT_FINITE"),
    ('{"a": 1, "a": 1}', "DUPLICATE_KEY"), ('{"b": {"a": 1, "\\u0061": 2}}', "DUPLICATE_KEY"), ('{"a": "\\ud800"}', "BAD_TEXT"), ('{"\\udfff": 1}', "BAD_TEXT"),
    ('{"a": "\ud800"}', "BAD_TEXT"), ('{"a": ' + "[" * 8 + "]" * 8 + "}", "TOO_DEEP"), ("[" * 10_000, "TOO_DEEP"), ("x" * 65_537, "TOO_LARGE"),
    ("é" * 32_769, "TOO_LARGE"), ("\ud800" * 65_536, "NOT_JSON")])
def test_what_is_no_answer_is_told_why(text, expected):
    assert code(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ('{"a": 1}', {"a": 1}), (' \r\n\t{"a": [1.5, null, true, "x"]}\n', {"a": [1.5, None, True, "x"]}), ('```json\n{"a": 1}\n```', {"a": 1}),
    ('```\n{"a": 1}\n```\n', {"a": 1}), ('{"a": "\\ud83d\\ude42"}', {"a": "🙂"}), ('{"a": "{[\\"[{"}', {"a": '{["[{'}), ("{}", {}),
    ('{"a": ' + "[" * 7 + "]" * 7 + "}", {"a": [[[[[[[]]]]]]]}), ('{"a": 123456789012345678}', {"a": 123456789012345678}), ('{"a": "```"}', {"a": "```"})])
def test_one_object_is_read_also_out_of_a_fence_around_the_whole(text, expected):
    assert read_json(text) == expected


def test_exactly_as_many_bytes_as_are_allowed_are_read():
    text = '{"a": "' + "x" * (64 * 1024 - 9) + '"}'
    assert len(text) == 64 * 1024 and read_json(text)["a"] == "x" * (64 * 1024 - 9)
    assert code(text + " ") == "TOO_LARGE"


@pytest.mark.parametrize("text", ["x" * garbage.HUGE, '{"a": ' * garbage.DEEP, "[" * 60_000, '{"reason": "' + "a" * garbage.HUGE + '"}'])
def test_what_is_too_large_or_too_deep_is_refused_before_it_is_parsed(text, monkeypatch):
    def parsed(*_, **__):
        raise AssertionError("it was parsed")

    monkeypatch.setattr(reading.json, "loads", parsed)
    assert code(text) in ("TOO_LARGE", "TOO_DEEP")


def test_a_thousand_quotes_that_never_close_are_looked_at_once():
    """Each quote that starts a string without an end would else be searched to the end of the reply: marks looked at grow with the reply, not its square."""
    for text in ('"\\' * 32_000, '\\"' * 32_000, '{"a":"' + '\\"' * 32_000):
        assert sum(1 for _ in reading._MARKS.finditer(text)) < 5
        assert code(text) == "NOT_JSON"


def end_of(one):
    try:
        answer = parse(one.kind, one.text, SHOWN)
    except NotAnAnswer as refusal:
        assert refusal.code and 0 < len(refusal.text) < 2_000 and refusal.text.encode("utf-8")
        return refusal.code
    assert isinstance(answer, ANSWERS[one.kind])
    check(answer)
    return "OK"


def check(answer: Answer) -> None:
    """Nothing that was read lies outside what an answer may say."""
    for one in opinions(answer, SHOWN).values():
        assert one.setup_id in {each.setup_id for each in SHOWN}
        assert one.size_factor is None or one.size_factor > 0
        assert one.confidence is None or 0 <= one.confidence <= 1
        assert len(one.reason) <= 240 and "\n" not in one.reason and len(one.risk_flags) <= 6 and 1 <= one.priority <= 5
        for price in (one.entry, one.stop, one.target):
            assert price is None or 0 < price < float("inf")
    for line in getattr(answer, "brief", ()):
        assert 0 < len(line) <= 160 and "\n" not in line


def test_every_reply_of_the_garbage_ends_in_an_answer_or_in_a_refusal():
    ends: dict[str, int] = {}
    for one in garbage.corpus():
        end = end_of(one)
        ends[end] = ends.get(end, 0) + 1
        assert one.sort not in ("cut", "deep", "large", "twin letters", "double key", "hidden letters", "unknown key") or end != "OK", one
    assert sum(ends.values()) >= 2_000
    assert {"OK", "EMPTY", "NOT_JSON", "NOT_AN_OBJECT", "TOO_LARGE", "TOO_DEEP", "NOT_FINITE", "DUPLICATE_KEY", "BAD_TEXT", "FIELDS", "UNKNOWN_ID",
            "NO_ID"} <= set(ends)


def test_the_replies_that_the_garbage_is_made_of_are_valid():
    for kind, text in garbage.whole():
        check(parse(kind, text, (SHOWN[2],) if kind == "spot" else SHOWN[:2]))


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["a1-long", "approve", "BUY"]),
                           lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6)


@given(st.sampled_from(sorted(ANSWERS)), st.text(st.characters(exclude_categories=[]), max_size=200))
def test_any_text_ends_in_an_answer_or_in_a_refusal(kind, text):
    end_of(garbage.Garbage("any", kind, text))


@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_any_values_in_the_right_fields_end_in_an_answer_or_in_a_refusal(kind, data):
    names = data.draw(st.lists(st.sampled_from([*ANSWERS[kind].model_fields, "stop", "quantity"]), unique=True))
    found = {name: data.draw(json_values | st.just(json.loads(garbage.WHOLE[kind]).get(name))) for name in names}
    end_of(garbage.Garbage("any", kind, json.dumps({**json.loads(garbage.WHOLE[kind]), **found})))
