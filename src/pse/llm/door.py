"""The one way to a language model: a tape in front of a budget in front of who answers.  Replayed runs need no key and load no provider's package."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from pse.clock import Clock, WallClock
from pse.domain.errors import PseError, RequestError
from pse.domain.models import LanguageModel, ModelFailure, Reply, Request, Usage
from pse.llm.budget import Budget, Spent
from pse.llm.policy import BudgetPolicy, ModelPolicy
from pse.llm.prices import cost_usd, counted, most_tokens, most_usd
from pse.llm.tape import Mode, Tape, request_key

if TYPE_CHECKING:
    from pse.llm.gateway import Gateway

MODES: tuple[str, ...] = get_args(Mode)


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
            if failure.usage is not None and failure.attempts == 1:
                failure.spent = cost_usd(model, failure.usage, self._clock.now_ns())
            made = min(failure.attempts, tries)   # where nobody knows what they cost, they count at their most; tries never made cost nothing
            gone = usd * made if failure.spent is None and usd is not None else failure.spent
            answered = _sum(failure.usage) or tokens
            self._budget.settle(kept, gone, 0 if failure.spent == 0.0 and failure.usage is None else answered + tokens * (made - 1))
            raise
        except PseError:                         # it could not be asked at all
            self._budget.settle(kept, 0.0, 0)
            raise
        cost = reply.cost_usd if reply.cost_usd is not None else cost_usd(model, reply.usage, self._clock.now_ns())
        # A try that may be billed though nothing came of it counts at its most, in the budget alone: what it cost nobody knows.
        used = _sum(reply.usage)
        self._budget.settle(kept, None if cost is None or usd is None else cost + reply.lost * usd, None if used is None else used + reply.lost * tokens)
        return dataclasses.replace(reply, cost_usd=cost)


def _sum(usage: Usage | None) -> int | None:
    return usage.input_tokens + usage.output_tokens if usage is not None and counted(usage) else None


class Answering:
    """Who answers behind the budget: a script, or the gateway to a provider; each made when it is first asked."""

    def __init__(self, models: Mapping[str, ModelPolicy], environment: Mapping[str, str], redact: Callable[[str], str], clock: Clock, rates: Path) -> None:
        self._models, self._environment, self._redact, self._clock, self._rates = models, environment, redact, clock, rates
        self._script: LanguageModel | None = None
        self._gateway: Gateway | None = None

    async def complete(self, request: Request) -> Reply:
        """Asks whoever stands behind the model's name."""
        scripted = self._models[request.model].provider == "scripted"
        return await (self._scripts() if scripted else self._providers()).complete(request)

    async def aclose(self) -> None:
        """Ends the connections of the running loop."""
        if self._gateway is not None:
            await self._gateway.aclose()

    def _scripts(self) -> LanguageModel:
        from pse.llm.scripted import Scripted

        self._script = self._script or Scripted(self._models)
        return self._script

    def _providers(self) -> LanguageModel:
        from pse.llm.gateway import Gateway

        self._gateway = self._gateway or Gateway(self._models, self._environment, self._redact, self._clock, rates=self._rates)
        return self._gateway


class Door:
    """A model to ask, and what it cost so far.  Closed at the end of a run."""

    def __init__(self, tape: Tape, budget: Budget | None = None, behind: Answering | None = None) -> None:
        self.tape, self._budget, self._behind = tape, budget, behind

    async def complete(self, request: Request) -> Reply:
        """The reply to a request.  Raises `ModelFailure` or `TapeMiss`; an error of another kind is one of the disk, or of what is not installed."""
        return await self.tape.complete(request)

    def spent(self) -> Spent:
        """What is gone from the budget; nothing in a replay."""
        return self._budget.spent() if self._budget else Spent(0.0, 0.0, 0, 0, 0)

    def close(self) -> None:
        """Ends the run's list of answers."""
        self.tape.close()

    async def aclose(self) -> None:
        """The same, and the connections to providers: in the loop that asked."""
        self.close()
        if self._behind is not None:
            await self._behind.aclose()


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
        return Door(Tape(tapes, "tape", settings.models, redact=redact, list_path=list_path, only=only))
    budget = Budget(settings.budget, home.state / "budget", run_id, clock)
    providers = Answering(settings.models, environment or {}, redact, clock, home.state / "rates")
    chosen: Mode = "record" if mode == "record" else "live"
    metered = Metered(inner or providers, settings.models, budget, clock)
    return Door(Tape(tapes, chosen, settings.models, metered, redact=redact, list_path=list_path), budget, providers)
