"""A model that says what a test tells it to, and briefings to judge: for tests of the chain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pse.agents.chain import Chain
from pse.agents.policy import ChainPolicy, Persona
from pse.agents.prompts import Prompt, parse_prompt
from pse.agents.tools import ToolLayer
from pse.domain.decisions import Briefing, Candidate
from pse.domain.models import ModelFailure, Reply, Request, TapeMiss, Usage
from pse.store.prompts import read_prompts

PROMPTS: dict[str, Prompt] = read_prompts(Path("no-such-home"), parse_prompt)
TRIO = ("signal.v1", "risk.v1", "executive.v1")
A, B, OPEN = (f"{letter * 8}-0000-5000-8000-000000000000" for letter in "abc")
SECOND = 1_000_000_000


def candidate(setup_id: str = A, direction: str = "LONG", entry: float = 100.0, stop: float = 98.0, target: float | None = 106.0) -> Candidate:
    return Candidate(setup_id, "ES", "made", direction, "A", entry, stop, target, 0.7, {}, confidence=0.7)


def briefing(*candidates: Candidate, symbol: str = "ES", at: int = 1, **context: float) -> Briefing:
    return Briefing(symbol, at, candidates or (candidate(),), context, {"equity": 100_000.0})


def shown(one: Briefing) -> str:
    """A briefing as a test reads it: a line a candidate."""
    lines = [f'{{"id":"{each.setup_id}","direction":"{each.direction}","entry":{each.entry},"stop":{each.stop}}}' for each in one.candidates]
    return "\n".join([f"BRIEFING {one.symbol} {one.known_at} equity {one.account['equity']}", *lines])


def numbers(text: str) -> frozenset[float]:
    return frozenset(float(found) for found in re.findall(r"\d+(?:\.\d+)?", text))


FIELDS = {
    "signal": {"setup_id": A, "reason": "The trend agrees.", "risk_flags": [], "verdict": "approve", "priority": 1, "size_factor": None, "entry": None,
               "stop": None, "target": None, "confidence": None, "call": None, "wants": []},
    "risk": {"setup_id": A, "reason": "No objection.", "risk_flags": [], "verdict": "approve", "priority": 1, "size_factor": None, "entry": None,
             "stop": None, "target": None, "confidence": None},
    "executive": {"setup_id": A, "reason": "Sound.", "risk_flags": [], "verdict": "approve", "priority": 1, "size_factor": None, "entry": None,
                  "stop": None, "target": None, "confidence": None, "call": None, "brief": ["Taken.", "The trend agreed."]}}


def says(role: str, **fields: Any) -> str:
    """A reply of a role that keeps its contract, but for what is given."""
    return json.dumps({**FIELDS[role], **fields})


Line = str | Reply | ModelFailure | TapeMiss


@dataclass
class Said:
    """A model that answers by role, one line after the other, the last one again and again; `heard` is what it was asked."""

    lines: dict[str, Sequence[Line]]
    latency_ns: int = 1_000
    cost_usd: float | None = 0.25
    heard: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        told = self.lines.get(request.role) or [says(request.role)]
        line = told[min(sum(one.role == request.role for one in self.heard), len(told) - 1)]
        self.heard.append(request)
        if isinstance(line, ModelFailure | TapeMiss):
            raise line
        if isinstance(line, Reply):
            return line
        return Reply(line, Usage(10, 5), self.cost_usd, self.latency_ns, key=f"key {len(self.heard)}", sha256=f"sha {len(self.heard)}")

    @property
    def roles(self) -> list[str]:
        return [one.role for one in self.heard]


def chain(model: Any, *prompts: str, personas: dict[str, Persona] | None = None, tools: ToolLayer | None = None,
          render: Callable[[Briefing], str] = shown, **policy: Any) -> Chain:
    passes = [{"prompt": one} for one in prompts or TRIO]
    return Chain(ChainPolicy.model_validate({"passes": passes, "model": "said", **policy}), personas or {}, PROMPTS, model, "test", render=render,
                 numbers=numbers, tools=tools)
