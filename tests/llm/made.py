"""Questions, models that answer by a table, and homes for them: what the tests of tape, budget and door share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pse.domain.models import Message, PromptRef, Reply, Request, Usage
from pse.llm.policy import BudgetPolicy, ModelPolicy

SCHEMA = {"type": "object", "properties": {"verdict": {"type": "string", "enum": ["APPROVE", "REJECT"]}}, "required": ["verdict"]}
PRICED = ModelPolicy(provider="openai", model="priced", usd_per_million_in=2, usd_per_million_out=10, max_output_tokens=100, retries=0)


def question(text: str = "ES at 5012.25", **changed: Any) -> Request:
    given = {"role": "signal", "model": "m", "prompt": PromptRef("signal.v1", "ab" * 32), "system": "You judge one setup.",
             "messages": (Message("user", text),), "schema": SCHEMA, "schema_name": "signal", **changed}
    return Request(**given)


@dataclass
class Answering:
    """A model that answers by a function of the request, and remembers what it was asked."""

    answer: Callable[[Request], Any] = lambda request: Reply(text='{"verdict":"APPROVE"}', usage=Usage(100, 20), latency_ns=7_000_000, served_by="priced-1",
                                                             finish="stop", raw='{"id":"x"}')
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        found = self.answer(request)
        return await found if asyncio.iscoroutine(found) else found


@dataclass(frozen=True)
class Settings:
    models: dict[str, ModelPolicy]
    budget: BudgetPolicy = BudgetPolicy()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
