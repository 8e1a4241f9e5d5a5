"""The gateway: one question to one model of any provider, and its answer in our words.

Here stand the only retries, the deadline, the limits a model has, and the masking of secrets.  What an answer is worth is not known here: its text is handed
on unread, and prices, budgets and the tape stand in front of this door.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pse.clock import SECOND_NS, Clock, WallClock, stopwatch_ns
from pse.domain.models import PASSING, ModelFailure, Reply, Request
from pse.llm.failures import SHOWN, failure_of, raised_by_packages
from pse.llm.policy import ModelPolicy
from pse.llm.providers import made, require_packages
from pse.llm.rates import Rates
from pse.llm.transport import listening
from pse.llm.turns import question, text_of, usage_of

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
Sleep = Callable[[float], Awaitable[None]]


@dataclass
class _Line:
    """A model as one event loop reaches it: made when it is first asked, closed with the gateway."""

    model: Any
    client: Any
    slots: asyncio.Semaphore


@dataclass
class _Lines:
    by_name: dict[str, _Line] = field(default_factory=dict)
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Gateway:
    """Language models behind their providers' packages.

    `environment`: where keys are looked up, and nowhere else.  `redact`: masks secrets.  `rates`: folder of the limits that processes of a home share.
    `clock`, `sleep` and `stopwatch` are handed in so that tests need not wait.
    """

    def __init__(self, models: Mapping[str, ModelPolicy], environment: Mapping[str, str], redact: Callable[[str], str], clock: Clock | None = None, *,
                 rates: Path | None = None, sleep: Sleep = asyncio.sleep, stopwatch: Callable[[], int] = stopwatch_ns) -> None:
        require_packages(models.values())
        self.models, self.environment, self.redact = models, environment, redact
        self.clock, self.sleep, self.stopwatch = clock or WallClock(), sleep, stopwatch
        self.rates = Rates(rates)
        self.loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Lines] = WeakKeyDictionary()

    async def complete(self, request: Request) -> Reply:
        """The reply to a request, after as many tries as the model's policy and the deadline allow.  Raises `ModelFailure`, and nothing else."""
        policy = self._policy(request.model)
        line = await self._line(request.model, policy)
        ends = self.stopwatch() + int(request.deadline_s * SECOND_NS)
        try:
            async with asyncio.timeout(request.deadline_s):
                await line.slots.acquire()
        except TimeoutError:
            raise ModelFailure("TIMEOUT", f"model {request.model}: {policy.concurrency} calls were under way until the deadline of {request.deadline_s:g} s; "
                                          "raise concurrency in models.yaml or the chain's deadline_s", attempts=0) from None
        try:
            return await self._tries(request, policy, line, ends)
        finally:
            line.slots.release()

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        lines = self.loops.pop(asyncio.get_running_loop(), _Lines())
        for line in lines.by_name.values():
            await line.client.aclose()

    def _policy(self, name: str) -> ModelPolicy:
        policy = self.models.get(name)
        if policy is None or policy.provider == "scripted":
            known = ", ".join(sorted(key for key, one in self.models.items() if one.provider != "scripted")) or "none"
            raise ModelFailure("BAD_REQUEST", f"no model named {name!r} behind the gateway; there are: {known}; name one of them in agents.yaml, or write it "
                                              "into models.yaml", attempts=0)
        return policy

    async def _line(self, name: str, policy: ModelPolicy) -> _Line:
        """The model, made when it is first asked; its package takes a second to load, which no deadline counts and no other call waits for."""
        lines = self.loops.setdefault(asyncio.get_running_loop(), _Lines())
        async with lines.making:
            if name not in lines.by_name:
                model, client = await asyncio.to_thread(self._made, name, policy)
                lines.by_name[name] = _Line(model, client, asyncio.Semaphore(policy.concurrency))
        return lines.by_name[name]

    def _made(self, name: str, policy: ModelPolicy) -> tuple[Any, Any]:
        try:
            return made(name, policy, self.environment)
        except ModelFailure:
            raise
        except raised_by_packages() as error:
            raise ModelFailure("BAD_REQUEST", f"model {name} ({policy.provider} {policy.model}) cannot be asked as models.yaml has it: "
                                              f"{self.redact(' '.join(str(error).split()))[:SHOWN]}; mend its entry there", attempts=0) from None

    async def _tries(self, request: Request, policy: ModelPolicy, line: _Line, ends: int) -> Reply:
        """Try, and try again after what a second try may mend; the wait grows, and is at least what the provider asks for."""
        began, attempt, lost = 0, 0, 0
        spent: float | None = 0.0                           # None once nobody knows
        while True:
            try:
                await self._turn(request, policy, ends)
                began = began or self.stopwatch()
                reply = await self._call(request, policy, line, ends)
                return replace(reply, latency_ns=self.stopwatch() - began, attempts=attempt + 1, lost=lost)
            except ModelFailure as failure:
                attempt += failure.attempts                 # none where no turn or no time was left to try
                spent = None if spent is None or failure.spent is None else spent + failure.spent
                lost += failure.spent is None
                pause = max(_pause(request, attempt), failure.retry_after_s or 0.0)
                late = self.stopwatch() + int(pause * SECOND_NS) >= ends
                if failure.code not in PASSING or not failure.attempts or attempt > policy.retries or late:
                    failure.latency_ns, failure.attempts, failure.spent = self.stopwatch() - began if began else 0, attempt, spent
                    raise
            await self.sleep(pause)

    async def _turn(self, request: Request, policy: ModelPolicy, ends: int) -> None:
        """Wait until the model's own limit lets the next request go."""
        if policy.requests_per_minute is None:
            return
        now, left = self.clock.now_ns(), ends - self.stopwatch()
        try:
            granted = await asyncio.to_thread(self.rates.grant, request.model, policy.requests_per_minute, now, now + left)
        except (OSError, TimeoutError) as error:
            raise ModelFailure("RATE_LIMIT", f"model {request.model}: the file of its requests_per_minute cannot be used ({error}); free it, or take the limit "
                                             "out of models.yaml", attempts=0) from error
        if granted is None:
            raise ModelFailure("RATE_LIMIT", f"model {request.model}: its {policy.requests_per_minute} requests_per_minute (models.yaml) leave no turn "
                                             f"before the deadline of {request.deadline_s:g} s; raise either", attempts=0)
        if granted > now:
            await self.sleep((granted - now) / SECOND_NS)

    async def _call(self, request: Request, policy: ModelPolicy, line: _Line, ends: int) -> Reply:
        """One call, and its answer in our words."""
        from pydantic_ai.direct import model_request

        left = min(policy.timeout_s, (ends - self.stopwatch()) / SECOND_NS)
        if left <= 0:
            raise ModelFailure("TIMEOUT", f"model {request.model}: the deadline of {request.deadline_s:g} s is over; raise deadline_s of the chain", attempts=0)
        turns, wanted, settings = question(request, policy, left)
        with listening() as heard:
            try:
                async with asyncio.timeout(left):
                    response = await model_request(line.model, turns, model_settings=settings, model_request_parameters=wanted, instrument=False)
                text, usage = text_of(response, request.schema_name), usage_of(response)
            except raised_by_packages() as error:
                raise failure_of(error, request.model, policy, heard, self.redact) from None
        try:
            self._whole(request, policy, response)
        except ModelFailure as failure:
            failure.usage = usage
            raise
        return Reply(self.redact(text), usage, served_by=self.redact(response.model_name or ""), finish=str(response.finish_reason or ""),
                     raw=self.redact(heard.body))

    def _whole(self, request: Request, policy: ModelPolicy, response: Any) -> None:
        """Raises where the model refused, or was cut off."""
        shown = f"model {request.model} ({policy.provider} {policy.model})"
        if response.finish_reason == "length":
            raise ModelFailure("TRUNCATED", f"{shown}: the answer was cut at {policy.max_output_tokens} tokens, thinking included; raise max_output_tokens in "
                                            "models.yaml, or think less", spent=None)
        if response.finish_reason == "content_filter":
            raise ModelFailure("REFUSED", f"{shown}: it refused to answer (content filter)", spent=None)
        if response.finish_reason == "error":
            raise ModelFailure("SERVER", f"{shown}: it broke off with an error of its own", spent=None)


def _pause(request: Request, attempt: int) -> float:
    """Seconds before the next try: doubled each time, and spread by a draw that the same request repeats."""
    seed = hashlib.sha256(json.dumps([request.model, request.prompt.sha256, [one.text for one in request.messages], request.draw, attempt]).encode()).digest()
    spread = 0.5 + int.from_bytes(seed[:8], "big") / 2**64
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(attempt - 1, 0)) * spread
