"""A request and a gateway as the tests of the models ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pse.domain.models import Message, PromptRef, Reply, Request
from pse.domain.redaction import redactor, secrets_of
from pse.llm.gateway import Gateway
from pse.llm.policy import ModelPolicy
from tests.wire.server import KEYS

SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string", "enum": ["APPROVE", "REJECT"]}, "reason": {"type": "string"}},
          "required": ["verdict", "reason"], "additionalProperties": False}


def request(model: str = "openai", *, system: str = "be terse", text: str = "judge this", **also: Any) -> Request:
    return Request("risk", model, PromptRef("risk.v1", "ab" * 32), system, also.pop("messages", (Message("user", text),)), SCHEMA,
                   also.pop("schema_name", "risk_answer"), **also)


class Steps:
    """Time that passes only when somebody sleeps: a stopwatch, a wall clock and the sleep that moves both."""

    def __init__(self) -> None:
        self.ns = 1_700_000_000_000_000_000
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.ns

    def now_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += int(seconds * 1e9)


def gateway(models: Mapping[str, ModelPolicy], environment: Mapping[str, str] = KEYS, steps: Steps | None = None, **also: Any) -> Gateway:
    steps = steps or Steps()
    return Gateway(models, environment, redactor(secrets_of(environment)), steps, sleep=steps.sleep, stopwatch=steps, **also)


def ask(models: Mapping[str, ModelPolicy], *requests: Request, environment: Mapping[str, str] = KEYS, steps: Steps | None = None,
        **also: Any) -> list[Reply | Exception]:
    """Replies or failures of requests that are asked at once, each in its place."""
    async def run() -> list[Any]:
        door = gateway(models, environment, steps, **also)
        try:
            return await asyncio.gather(*(door.complete(one) for one in requests), return_exceptions=True)
        finally:
            await door.aclose()

    return asyncio.run(run())


def ask_one(models: Mapping[str, ModelPolicy], one: Request, **also: Any) -> Reply:
    """The reply to a request; its failure is raised."""
    found = ask(models, one, **also)[0]
    if isinstance(found, BaseException):
        raise found
    return found


def in_turn(wire: Any, models: Mapping[str, ModelPolicy], name: str, answers: Any) -> list[tuple[Reply | Exception, int]]:
    """For each answer of the server: what a request ends in, and how many calls it took; one after the other, by one gateway."""
    async def run() -> list[Any]:
        door, found = gateway(models), []
        for draw, answer in enumerate(answers):
            wire.answer, before = (lambda _, answer=answer: answer), len(wire.asked)
            found += [(one, len(wire.asked) - before) for one in await asyncio.gather(door.complete(request(name, draw=draw)), return_exceptions=True)]
        await door.aclose()
        return found

    return asyncio.run(run())
