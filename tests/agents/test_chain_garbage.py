"""Thousands of broken replies through a chain: each ends in verdicts that only shrink, or in HOLD, and nothing else comes out."""

from __future__ import annotations

import numpy as np
import pytest

from pse.domain.models import ModelFailure, Reply, Request, Usage
from pse.domain.records import canonical
from pse.kernels.codes import REASONS
from tests.agents.garbage import SHOWN, corpus, sample
from tests.agents.said import PROMPTS, briefing, chain

ROLE = {prompt.answer: name for name, prompt in PROMPTS.items()}
FAILURES = ("TIMEOUT", "TRANSPORT", "RATE_LIMIT", "SERVER", "AUTH", "REFUSED", "TRUNCATED", "BUDGET", "BAD_REQUEST")


class Broken:
    """A model that says one thing, whatever it is asked; now and then it cannot be had at all."""

    def __init__(self, text: str, failures: float = 0.0, seed: int = 0) -> None:
        self._text, self._failures, self._rng = text, failures, np.random.default_rng(seed)

    async def complete(self, request: Request) -> Reply:
        if self._rng.random() < self._failures:
            raise ModelFailure(FAILURES[int(self._rng.integers(len(FAILURES)))], self._text[:200], spent=None, attempts=3)
        return Reply(self._text, Usage(1, 1), 0.0, 1_000)


def check(text: str, prompt: str, failures: float = 0.0, seed: int = 0) -> bool:
    """Whether anything was let through; everything that comes out is looked at."""
    asked = briefing(*SHOWN)
    found = chain(Broken(text, failures, seed), prompt, "executive.v1" if prompt != "executive.v1" else "risk.v1", deadline_s=60)(asked)
    assert len(found.verdicts) == len(SHOWN) and found.cost_usd == 0.0 and found.body["outcome"] in ("DECIDED", "HELD")
    for one, verdict in zip(SHOWN, found.verdicts, strict=True):
        sign = {"LONG": 1, "SHORT": -1}.get(one.direction, verdict.direction)
        assert verdict.word in ("APPROVE", "MODIFY", "REJECT", "HOLD") and 0.0 < verdict.size_factor <= 1.0
        assert verdict.reason in ("", *REASONS) and verdict.entry is None
        assert verdict.stop is None or one.direction == "EITHER" or sign * (verdict.stop - one.stop) >= 0.0
        assert verdict.target is None or one.direction == "EITHER" or one.target is None or sign * (one.target - verdict.target) >= 0.0
    assert found.body["outcome"] == "DECIDED" or {one.word for one in found.verdicts} == {"HOLD"}
    canonical(dict(found.body)).encode()                  # as it is journaled
    return any(one.word in ("APPROVE", "MODIFY") for one in found.verdicts)


def test_broken_replies_end_in_a_decision_or_in_hold():
    assert sum(check(one.text, ROLE.get(one.kind, "signal.v1")) for one in sample(2_000)) < 2_000


def test_so_do_broken_replies_among_calls_that_fail():
    for seed, one in enumerate(sample(300, seed=7)):
        check(one.text, ROLE.get(one.kind, "signal.v1"), 0.4, seed)


@pytest.mark.slow
def test_so_does_the_whole_corpus_with_its_ten_million_letters():
    for one in corpus():
        check(one.text, ROLE.get(one.kind, "signal.v1"))
