"""Replies instead of verdicts: three passes whose words are read, combined and handed to the engine, and no order leaves the policy.

The replies ask for any size, stop, target, side and candidate, keep their contract or break it in every way of `tests.agents.garbage`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pse.agents.authority import merge_all
from pse.agents.contracts import parse
from pse.agents.reading import NotAnAnswer
from pse.domain.decisions import Deliberation, Verdict
from tests.agents import garbage
from tests.laws.test_hostile_agents import SIZES, TRUST, Hostile, hostile_run

PASSES = ("signal", "risk", "executive")


@cache
def junk() -> list[Any]:
    return garbage.sample(2_000)


class Worded(Hostile):
    """A judge of three passes; `wild` of what they say breaks the contract."""

    heard = 0
    refused = 0

    def reply(self, kind: str, briefing: Any, tick: float, about: Any) -> str:
        if self.rng.random() < 0.4 * self.wild:
            return str(self.one_of(junk()).text)
        mad = self.rng.random() < self.wild
        is_open = about.direction == "EITHER"
        ids = [about.setup_id, "#1", None, "other"] if mad else [about.setup_id]
        found = {"setup_id": self.one_of(ids), "reason": "because", "verdict": self.one_of(["approve"] * 6 + ["revise"] * 3 + ["reject"]), "priority": 1,
                 "size_factor": self.one_of(SIZES) if mad else self.one_of([None, 0.3, 0.6, 1.0, 5.0]),
                 "stop": self.price(about.stop, tick), "target": self.price(about.target, tick), "confidence": self.one_of(TRUST) if mad else None}
        if kind == "signal" and is_open and not mad:
            found |= {"size_factor": None, "stop": None, "target": None, "confidence": 0.7}
        if kind != "risk":
            found["call"] = self.one_of(["BUY", "SELL", "HOLD"]) if kind == "signal" and (is_open or mad) else None
        return json.dumps(found)

    def __call__(self, briefing: Any) -> Deliberation:
        self.asked += 1
        tick = float(self.prepared.world.instruments["tick"][self.prepared.plan.symbols.index(briefing.symbol)])
        about = self.one_of(list(briefing.candidates))
        try:
            answers = [parse(kind, self.reply(kind, briefing, tick, about), briefing.candidates) for kind in PASSES]
        except NotAnAnswer:
            self.refused += 1
            found = Deliberation((Verdict("HOLD"),) * len(briefing.candidates), {"by": "test"}, failed=True)
        else:
            self.heard += 1
            found = Deliberation(tuple(one.verdict for one in merge_all(briefing.candidates, answers)), {"by": "test"})
        self.failures.append((briefing.known_at, self.rules_alone(briefing, found)))
        return found


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.6]))
def test_no_words_get_an_order_outside_the_policy(seed, wild):
    _, told = hostile_run(seed, wild, judged=Worded, llm_failures=10**6)
    assert not told.broken, f"seed {seed}, wild {wild}: {told.broken[:5]}"


def test_words_are_heard_and_refused_and_orders_come_of_them():
    runs = [hostile_run(seed, 0.2, judged=Worded, llm_failures=10**6) for seed in range(6)]
    assert sum(judge.heard for judge, _ in runs) > 60 and sum(judge.refused for judge, _ in runs) > 60
    assert sum(told.orders for _, told in runs) > 5
