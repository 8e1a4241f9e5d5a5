"""Many questions to one model at once, behind the tape and the budget, for commands that grade models."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pse.agents.background import finished
from pse.agents.certificate import growing, question
from pse.agents.prompts import Prompt, parse_prompt
from pse.agents.samples import PASSED, Sample, checked_reply
from pse.commands.judging import budget_id
from pse.commands.wiring import Context
from pse.domain.errors import BadConfig, RequestError, UnknownName
from pse.domain.models import ModelFailure, Reply, Request
from pse.llm.door import MODES, Door, open_model
from pse.store.prompts import builtin_names, read_prompts

DEADLINE_S = 120.0
Came = Reply | ModelFailure


@dataclass(frozen=True)
class Bill:
    """What questions came to.  `usd` None: nobody knows the price of some of them."""

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    median_ms: float | None

    def data(self) -> dict[str, Any]:
        return dict(vars(self))


def known_model(context: Context, name: str, mode: str = "record") -> str:
    """The name of a model of models.yaml that can be asked this way; else a refusal with the nearest one."""
    if name not in context.settings.models:
        raise UnknownName("model", name, context.settings.models)
    if mode not in MODES:
        raise RequestError(f"--agents {mode!r} is not one of {', '.join(MODES)}; tape: kept answers alone, record: those first, live: always asked")
    return name


def prompt_for(context: Context, kind: str) -> Prompt:
    """The newest prompt that asks for answers of this kind, of the role that comes with pse where there is one."""
    found = [one for one in read_prompts(context.home.root, parse_prompt).values() if one.answer == kind]
    if not found:
        raise BadConfig(f"no prompt asks for answers of the kind {kind}; write one to prompts/, with `answer: {kind}` in its front matter")
    usual = builtin_names()
    role = min([one for one in found if one.name in usual] or found, key=lambda one: one.role).role
    return max((one for one in found if one.role == role), key=lambda one: one.version)


def asked(context: Context, requests: Sequence[Request], mode: str, purpose: str) -> list[Came]:
    """What came of each question, in their order; a call that failed is its failure.  Raises `TapeMiss` where only the tape may answer and cannot."""
    run_id = budget_id(context, purpose)
    door = open_model(context.settings, mode, context.home, run_id=run_id, environment=os.environ, redact=context.redact, clock=context.clock)
    with context.progress() as progress:
        task = progress.add_task(purpose, total=len(requests))
        at_once = min(context.settings.models[one.model].concurrency for one in requests)
        return finished(_all(door, requests, at_once, lambda: progress.advance(task)))


async def _all(door: Door, requests: Sequence[Request], at_once: int, done: Callable[[], None]) -> list[Came]:
    """Never more under way than the model takes: a question that waits its turn would use up its deadline."""
    turns = asyncio.Semaphore(at_once)

    async def one(request: Request) -> Came:
        async with turns:
            try:
                return await door.complete(request)
            except ModelFailure as failure:
                return failure
            finally:
                done()

    try:
        return await asyncio.gather(*map(one, requests))
    finally:
        await door.aclose()


def bill(came: Iterable[Came]) -> Bill:
    """Tokens, money and time of what came."""
    every = list(came)
    replies = [one for one in every if isinstance(one, Reply)]
    costs = [one.cost_usd if isinstance(one, Reply) else one.spent for one in every]
    known = [one for one in costs if one is not None]
    return Bill(len(every), len(every) - len(replies), sum(one.usage.input_tokens for one in replies), sum(one.usage.output_tokens for one in replies),
                sum(known) if len(known) == len(costs) else None, statistics.median(one.latency_ns / 1e6 for one in replies) if replies else None)


def all_failed(came: Sequence[Came]) -> ModelFailure | None:
    """Where not one question was answered, why; such a model was not graded but not reached."""
    failures = [one for one in came if isinstance(one, ModelFailure)]
    return failures[0] if failures and len(failures) == len(came) else None


def validated(context: Context, model: str, samples: Sequence[Sample], mode: str) -> dict[str, Any]:
    """A model's answers to the briefings of samples, each held against its contract."""
    known_model(context, model, mode)
    if not samples:
        raise RequestError("no sample has a briefing that a model could be asked about; add objects with `kind` and `briefing`, or leave --model out")
    samples = [one for at, one in enumerate(samples) if all((one.kind, one.briefing) != (other.kind, other.briefing) for other in samples[:at])]
    prompts = {kind: prompt_for(context, kind) for kind in dict.fromkeys(one.kind for one in samples)}
    came = asked(context, [question(model, prompts[one.kind], one.briefing, DEADLINE_S) for one in samples if one.briefing], mode, f"validate-{model}")
    if failure := all_failed(came):
        raise failure
    return {"asked": [_graded(one, reply) for one, reply in zip(samples, came, strict=True)], "bill": bill(came).data()}


def _graded(sample: Sample, came: Came) -> dict[str, Any]:
    row: dict[str, Any] = {"name": sample.name, "kind": sample.kind, "expected": PASSED}
    if isinstance(came, ModelFailure):
        return {**row, "code": came.code, "error": str(came), "said": "", "grows": [], "as_expected": False}
    found = checked_reply(sample.kind, came.text, sample.briefing)
    if not found.ok or sample.briefing is None:
        return {**row, "code": found.code, "error": found.text, "said": "", "grows": [], "as_expected": False}
    said = found.answer.said(sample.briefing.candidates)
    candidates = {one.setup_id: one for one in sample.briefing.candidates}
    grows = sorted({f"{name} of {one.setup_id}" for one in said if one.setup_id in candidates for name in growing(candidates[one.setup_id], vars(one))})
    text = "; ".join(f"{one.verdict}{f' {one.call}' if one.call else ''}: {one.reason}" for one in said)
    return {**row, "code": "GROWS" if grows else PASSED, "error": f"would enlarge: {', '.join(grows)}" if grows else None, "said": text, "grows": grows,
            "as_expected": not grows}
