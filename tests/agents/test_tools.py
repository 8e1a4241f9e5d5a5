"""Questions of a model beside its briefing: what may be asked, how often, and that a refusal is an answer too."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pse.agents.policy import ToolPolicy
from pse.agents.tools import ToolLayer, Unanswerable
from tests.agents.said import Said, briefing, chain, says

BARS = {"tool": "bars", "symbol": None, "name": None, "timeframe": "1h", "rows": 2}
ATR = {"tool": "feature", "symbol": None, "name": "atr", "timeframe": None, "rows": None}


class Book:
    """What was known, as a test has it."""

    def __init__(self, work: int = 10) -> None:
        self.asked: list[tuple[object, ...]] = []
        self._work = work

    def work(self, tool, symbol):
        return self._work

    def bars(self, symbol, timeframe, rows):
        self.asked.append(("bars", symbol, timeframe, rows))
        return [{"close_at": "2020-01-01T00:00:00Z", "close": 4321.25}]

    def feature(self, symbol, name, rows):
        self.asked.append(("feature", symbol, name, rows))
        raise Unanswerable("there is no feature 'atr'; there are: none.")

    def news(self, symbol, rows):
        self.asked.append(("news", symbol, rows))
        return []


def judged(model, book, wants, revisions=2, **tools):
    policy = {"allowed": ["bars", "feature"], "max_calls": 2, "max_rows": 30, **tools}
    return chain(model, tools=ToolLayer(ToolPolicy.model_validate(policy)), revisions=revisions)(replace(briefing(), known=book))


def test_a_question_is_answered_in_the_same_talk_and_stands_in_the_record_with_the_hash_of_its_answer():
    book, model = Book(), Said({"signal": [says("signal", wants=[BARS, ATR]), says("signal", reason="4321.25 holds.")]})
    found = judged(model, book, [BARS, ATR])
    assert book.asked == [("bars", "ES", "1h", 2), ("feature", "ES", "atr", 30)]
    talk = model.heard[1].messages
    assert [one.author for one in talk] == ["user", "model", "user"] and talk[1].text == says("signal", wants=[BARS, ATR])
    told = [json.loads(line) for line in talk[2].text.splitlines() if line.startswith("{")]
    assert told[0]["rows"] == [{"close_at": "2020-01-01T00:00:00Z", "close": 4321.25}] and "no feature" in told[1]["refused"]
    first = found.body["passes"][0]
    assert [(one["tool"], one["refused"], len(one["sha256"])) for one in first["questions"]] == [("bars", False, 64), ("feature", True, 64)]
    assert first["codes"] == ["ASKED_FOR_DATA"] and first["calls"] == 2 and first["ungrounded"] == [] and first["grounded"] == 1
    assert found.verdicts[0].word == "APPROVE"


@pytest.mark.parametrize(("want", "book", "rule"), [
    ({**BARS, "tool": "news"}, Book(), "news may not be asked for; bars, feature may"), (BARS, None, "nothing more is known"),
    (BARS, Book(work=6_000_000), "6,000,000 rows would have to be read; at most 5,000,000 are.")])
def test_what_may_not_be_asked_is_refused_in_words_and_nothing_is_read(want, book, rule):
    model = Said({"signal": [says("signal", wants=[want]), says("signal")]})
    assert judged(model, book, [want]).verdicts[0].word == "APPROVE"
    assert rule in model.heard[1].messages[2].text and not (book and book.asked)


def test_more_questions_than_a_decision_may_have_are_refused():
    book, model = Book(), Said({"signal": [says("signal", wants=[BARS]), says("signal", wants=[BARS, BARS]), says("signal")]})
    judged(model, book, [BARS])
    assert len(book.asked) == 2 and "2 questions a decision are answered" in model.heard[2].messages[-1].text


def test_a_model_that_only_asks_is_held_after_its_rounds():
    book, model = Book(), Said({"signal": [says("signal", wants=[BARS])]})
    found = judged(model, book, [BARS], revisions=1)
    assert model.roles == ["signal", "signal"] and found.body["codes"] == ["ROUNDS"] and not found.failed
    assert [one.word for one in found.verdicts] == ["HOLD"]


def test_rows_are_bounded_by_the_policy():
    book, model = Book(), Said({"signal": [says("signal", wants=[{**BARS, "rows": 500}]), says("signal")]})
    judged(model, book, [BARS])
    assert book.asked == [("bars", "ES", "1h", 30)]


def test_the_same_question_at_the_same_moment_has_the_same_answer():
    texts = []
    for _ in range(2):
        model = Said({"signal": [says("signal", wants=[BARS]), says("signal")]})
        judged(model, Book(), [BARS])
        texts.append(model.heard[1].messages[2].text)
    assert texts[0] == texts[1]
