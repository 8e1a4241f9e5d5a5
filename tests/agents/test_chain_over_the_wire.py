"""A chain through the gateway to a real server: symbols overlap, broken replies are repaired, a server that fails ends in HOLD."""

from __future__ import annotations

import json
import threading

import pytest

from pse.agents.background import finished
from tests.agents.said import A, briefing, chain, says
from tests.llm.asked import gateway
from tests.wire.server import Fault, models_at

ROLES = {"You are the first": "signal", "You are the second": "risk", "You are the last": "executive"}


def role_of(asked) -> str:
    return next(role for begins, role in ROLES.items() if begins in asked.system)


@pytest.fixture
def judge(wire):
    door = gateway(models_at(wire.url))
    yield chain(door, passes=[{"prompt": f"{role}.v1", "model": "openai"} for role in ("signal", "risk", "executive")])
    finished(door.aclose())


def test_two_symbols_of_one_instant_are_under_way_at_once(wire, judge):
    both = threading.Barrier(2, timeout=10)

    def answer(asked):
        both.wait()                                       # neither is answered before the other was asked
        return json.loads(says(role_of(asked)))

    wire.answer = answer
    asked = [briefing(symbol=symbol) for symbol in ("ES", "NQ")]
    judge.ahead(asked)
    told = [judge(one) for one in asked]
    assert [one.verdicts[0].word for one in told] == ["APPROVE", "APPROVE"] and len(wire.asked) == 6


def test_a_reply_in_words_is_repaired_in_the_same_talk(wire, judge):
    def answer(asked):
        return "I would buy." if len(asked.turns) == 1 and role_of(asked) == "signal" else json.loads(says(role_of(asked)))

    wire.answer = answer
    told = judge(briefing())
    assert told.verdicts[0].word == "APPROVE" and told.body["passes"][0]["codes"] == ["NOT_JSON", "REPAIRED"]
    again = wire.asked[1].turns
    assert [author for author, _ in again] == ["user", "model", "user"]
    assert "refused" in again[2][1] and A in again[0][1]


def test_a_server_that_fails_ends_in_hold_with_its_code(wire, judge):
    wire.answer = lambda asked: Fault(status=401) if role_of(asked) == "risk" else json.loads(says(role_of(asked)))
    told = judge(briefing())
    assert [one.word for one in told.verdicts] == ["HOLD"] and told.failed and told.body["codes"] == ["AUTH"]
