"""The one way to a language model: a tape in front of a budget in front of who answers.  Replayed runs need no key and load no provider's package."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from pse.clock import Clock, WallClock
from pse.domain.errors import RequestError
from pse.domain.models import LanguageModel, ModelFailure, Reply, Request
from pse.llm.budget import Budget, Spent
from pse.llm.policy import BudgetPolicy, ModelPolicy
from pse.llm.prices import cost_usd, counted, most_tokens, most_usd
from pse.llm.tape import Mode, Tape, request_key

MODES = ("tape", "record", "live")


class Asking(Protocol):
    """Of the settings: which models there are, and what they may cost."""

    @property
    def models(self) -> dict[str, ModelPolicy]: ...

    @property
    def budget(self) -> BudgetPolicy: ...


class Folders(Protocol):
    """Of a home folder: where data and state lie."""

    @property
    def data(self) -> Path: ...

    @property
    def state(self) -> Path: ...


class Metered:
    """A model whose every question is set aside in the budget before it is asked, and priced after."""

    def __init__(self, inner: LanguageModel, models: Mapping[str, ModelPolicy], budget: Budget, clock: Clock) -> None:
        self._inner, self._models, self._budget, self._clock = inner, models, budget, clock

    async def complete(self, request: Request) -> Reply:
        """The reply with its cost, or a failure; a question that gets neither (its asker gave up) stays spent at its most."""
        model = self._models[request.model]
        usd, tokens, tries = most_usd(model, request, self._clock.now_ns()), most_tokens(model, request), 1 + model.retries
        kept = self._budget.reserve(request_key(request, model), None if usd is None else usd * tries, tokens * tries)
        try:
            reply = await self._inner.complete(request)
        except ModelFailure as failure:
            none = failure.spent == 0.0
            self._budget.settle(kept, failure.spent, 0 if none else None)
            raise
        cost = reply.cost_usd if reply.cost_usd is not None else cost_usd(model, reply.usage, self._clock.now_ns())
        used = reply.usage.input_tokens + reply.usage.output_tokens if counted(reply.usage) else None
        self._budget.settle(kept, cost, used)
        return dataclasses.replace(reply, cost_usd=cost)


class Answering:
    """Who answers behind the budget: a script, or the gateway to a provider; each made when it is first asked."""

    def __init__(self, models: Mapping[str, ModelPolicy], environment: Mapping[str, str], redact: Callable[[str], str], clock: Clock, state: Path) -> None:
        self._models, self._environment, self._redact, self._clock, self._state = models, environment, redact, clock, state
        self._made: dict[str, LanguageModel] = {}

    async def complete(self, request: Request) -> Reply:
        """Asks whoever stands behind the model's name."""
        kind = "scripted" if self._models[request.model].provider == "scripted" else "gateway"
        if kind not in self._made:
            self._made[kind] = self._scripted() if kind == "scripted" else self._gateway()
        return await self._made[kind].complete(request)

    def _scripted(self) -> LanguageModel:
        from pse.llm.scripted import Scripted

        return Scripted(self._models)

    def _gateway(self) -> LanguageModel:
        from pse.llm.gateway import Gateway

        return Gateway(self._models, self._environment, self._redact, self._clock)


class Door:
    """A model to ask, and what it cost so far.  Closed at the end of a run."""

    def __init__(self, tape: Tape, budget: Budget | None) -> None:
        self.tape, self._budget = tape, budget

    async def complete(self, request: Request) -> Reply:
        return await self.tape.complete(request)

    def spent(self) -> Spent:
        """What is gone from the budget; nothing in a replay."""
        return self._budget.spent() if self._budget else Spent(0.0, 0.0, 0, 0, 0)

    def close(self) -> None:
        """Ends the run's list of answers."""
        self.tape.close()


def open_model(settings: Asking, mode: str, home: Folders, *, run_id: str, environment: Mapping[str, str] | None = None,
               redact: Callable[[str], str] = str, clock: Clock | None = None, list_path: Path | None = None, only: Path | None = None,
               inner: LanguageModel | None = None) -> Door:
    """The model of a run, by mode: `tape` (what was kept answers, alone), `record` (that first, then who is behind), `live` (always who is behind).

    `list_path`: where the run's own list of answers goes.  `only`: replay the list of an earlier run and nothing else.  `inner`: who answers instead of
    scripts and providers.
    """
    if mode not in MODES:
        raise RequestError(f"--agents {mode}: no such way to ask a model; expected one of {', '.join(MODES)} (or rules, which asks none)")
    clock = clock or WallClock()
    tapes = home.data / "tapes"
    if mode == "tape":
        return Door(Tape(tapes, "tape", settings.models, redact=redact, list_path=list_path, only=only), None)
    budget = Budget(settings.budget, home.state / "budget", run_id, clock)
    behind = inner or Answering(settings.models, environment or {}, redact, clock, home.state)
    chosen: Mode = "record" if mode == "record" else "live"
    return Door(Tape(tapes, chosen, settings.models, Metered(behind, settings.models, budget, clock), redact=redact, list_path=list_path), budget)
