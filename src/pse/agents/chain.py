"""The judge made of passes: one proposes, others challenge, the last decides; each may only take away, and none of them can hurt.

A chain answers every briefing.  Where a pass could not be had it holds, or leaves the matter to plain rules with less confidence; `TapeMiss` alone comes out
of it.  What becomes of the verdicts is the engine's: it bounds every edit and asks the gates again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from pse.agents import rules
from pse.agents.background import finished
from pse.agents.contracts import schema_of
from pse.agents.minutes import Minutes
from pse.agents.policy import ChainPolicy, Persona
from pse.agents.prompts import Prompt
from pse.agents.sitting import Sitting, Told
from pse.agents.tools import ToolLayer
from pse.domain.decisions import Briefing, Deliberation
from pse.domain.models import LanguageModel, TapeMiss

Render = Callable[[Briefing], str]
Numbers = Callable[[str], Iterable[float]]


class Chain:
    """A chain of passes behind the door of whoever decides.

    `prompts` by name; those of the chain's passes have to be there.  `render`: a briefing as a model reads it.  `numbers`: the numbers that such a text shows.
    """

    def __init__(self, policy: ChainPolicy, personas: Mapping[str, Persona], prompts: Mapping[str, Prompt], model: LanguageModel, name: str, *,
                 render: Render, numbers: Numbers, tools: ToolLayer | None = None) -> None:
        self.policy, self.name = policy, name
        self._personas = tuple(one for _, one in sorted(personas.items())) if policy.persona else ()
        self._prompts = tuple(prompts[one.prompt] for one in policy.passes)
        self._schemas = {one.answer: schema_of(one.answer) for one in self._prompts}
        self._model, self._render, self._numbers = model, render, numbers
        self._tools = tools or ToolLayer(policy.tools)
        self._ready: dict[tuple[int, str], tuple[str, Deliberation | TapeMiss]] = {}
        self._dropped_usd = 0.0

    def __call__(self, briefing: Briefing) -> Deliberation:
        """The verdicts on a briefing.  Raises `TapeMiss` alone."""
        text = self._render(briefing)
        shown, found = self._ready.pop((briefing.known_at, briefing.symbol), ("", None))
        if found is not None and shown != text:
            self._drop(found)
            found = None
        if found is None:
            found = finished(self._deliberate(briefing, text))
        if isinstance(found, TapeMiss):
            raise found
        return self._with_dropped(found)

    def ahead(self, briefings: Sequence[Briefing]) -> None:
        """Asks about all briefings of an instant at once.  An answer waits until it is asked for with the same text, or else is dropped."""
        for _, found in self._ready.values():
            self._drop(found)
        texts = [self._render(one) for one in briefings]
        answers = finished(self._all(briefings, texts))
        self._ready = {(one.known_at, one.symbol): (text, answer) for one, text, answer in zip(briefings, texts, answers, strict=True)}

    def close(self) -> float:
        """What was paid, in USD, for answers that nobody asked for and that no decision was charged with; to be called at the end of a run."""
        for _, found in self._ready.values():
            self._drop(found)
        self._ready = {}
        left, self._dropped_usd = self._dropped_usd, 0.0
        return left

    async def _all(self, briefings: Sequence[Briefing], texts: Sequence[str]) -> list[Deliberation | TapeMiss]:
        return list(await asyncio.gather(*(self._kept(one, text) for one, text in zip(briefings, texts, strict=True))))

    async def _kept(self, briefing: Briefing, text: str) -> Deliberation | TapeMiss:
        """The deliberation, or what is to be raised when it is asked for."""
        try:
            return await self._deliberate(briefing, text)
        except TapeMiss as miss:
            return miss

    def _drop(self, found: Deliberation | TapeMiss) -> None:
        self._dropped_usd += found.cost_usd if isinstance(found, Deliberation) else 0.0

    def _with_dropped(self, found: Deliberation) -> Deliberation:
        """What was paid for answers that nobody asked for in the end is charged with the next one."""
        if not self._dropped_usd:
            return found
        spent, self._dropped_usd = self._dropped_usd, 0.0
        return Deliberation(found.verdicts, {**found.body, "dropped_usd": spent}, found.latency_ns, found.cost_usd + spent, found.failed)

    async def _deliberate(self, briefing: Briefing, text: str) -> Deliberation:
        sitting = Sitting(self.policy, self._prompts, self._schemas, self._personas, self._model, self._tools, self._numbers, briefing, text)
        told = await sitting.held()
        return self._deliberation(briefing, sitting.minutes, told)

    def _deliberation(self, briefing: Briefing, minutes: Minutes, told: Told) -> Deliberation:
        verdicts, outcome, failed = told.verdicts, "DECIDED" if told.failure is None else "HELD", False
        codes = list(told.codes)
        if told.failure is not None:
            codes.append(told.failure)
            if self.policy.on_failure == "rules" and told.may_fall_back:
                verdicts, outcome = rules.in_place(briefing), "RULES"
            else:
                failed = told.may_fall_back
        body = {"by": "agents", "chain": self.name, "candidates": [one.setup_id for one in briefing.candidates], "brief": told.brief,
                "passes": minutes.passes, "outcome": outcome, "codes": codes}
        return Deliberation(verdicts, body, minutes.purse.latency_ns, minutes.purse.cost_usd, failed)
