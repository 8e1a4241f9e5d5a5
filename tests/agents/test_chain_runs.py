"""A chain inside the engine: failures open the breaker and hold entries, exits never wait, and asking ahead changes no byte of the journal."""

from __future__ import annotations

import pytest

from pse.agents.rendering import render
from pse.domain.models import ModelFailure, Reply, Request
from pse.engine.desk import Mode
from pse.llm.scripted import Scripted
from tests.agents.said import TRIO, chain
from tests.agents.test_scripted import MODELS
from tests.engine.made import TO_THE_END, Shape, batches, journal_lines, made, state_of

SHAPE = Shape(700, 200, ("ES", "NQ", "RTY"), missing=0.0, rolls=False)


class Fading:
    """A scripted model that cannot be had any more after so many questions."""

    def __init__(self, script: str = "honest", questions: int = 10**9) -> None:
        self._model, self._left = Scripted(MODELS), questions
        self.script = script

    async def complete(self, request: Request) -> Reply:
        self._left -= 1
        if self._left < 0:
            raise ModelFailure("SERVER", "500", latency_ns=5)
        return await self._model.complete(request)


def lines(judge, seed=4, **policy):
    mode = Mode(end_ns=TO_THE_END, ask=True)
    prepared = made(seed, SHAPE, mode, ev_min=-9.0, min_reward_r=0.1, **policy)
    return journal_lines(list(batches(prepared, decide=judge, state=state_of(prepared, 1e6))))


def judge_of(model, **policy):
    return chain(model, render=render, passes=[{"prompt": one, "model": f"scripted-{model.script}"} for one in TRIO], **policy)


class Deaf:
    """The same judge, told of nothing ahead."""

    def __init__(self, judge) -> None:
        self._judge = judge

    def __call__(self, briefing):
        return self._judge(briefing)


def test_five_failures_open_the_breaker_and_no_entry_passes_while_it_is_open():
    found = lines(judge_of(Fading(questions=0)), llm_failures=5, llm_timeout_ns=10**18)
    asked = [body for kind, _, body in found if kind == "DELIBERATION"]
    assert len(asked) == 5 and all(one["codes"] == ["SERVER"] and one["outcome"] == "HELD" for one in asked)
    assert [body["to"] for kind, _, body in found if kind == "BREAKER" and body["breaker"] == "llm"] == ["OPEN"]
    assert not [body for kind, _, body in found if kind == "ORDER"]


def test_what_is_open_is_closed_by_its_orders_though_no_model_can_be_had():
    found = lines(judge_of(Fading(questions=9)))
    failed = next(at for at, (kind, _, body) in enumerate(found) if kind == "DELIBERATION" and body["codes"] == ["SERVER"])
    entered = {body["plan_id"] for kind, _, body in found if kind == "FILL" and body["leg"] == "ENTRY"}
    assert entered and {body["plan_id"] for kind, _, body in found if kind == "EXIT"} == entered
    assert not [body for kind, _, body in found[failed:] if kind == "DECISION" and body["verdict"] in ("APPROVE", "MODIFY")]


@pytest.mark.parametrize("script", ["honest", "random"])
def test_asking_ahead_changes_no_byte_of_the_journal(script):
    early, late = lines(judge_of(Fading(script))), lines(Deaf(judge_of(Fading(script))))
    assert early == late and sum(kind == "DELIBERATION" for kind, _, _ in early) > 5
