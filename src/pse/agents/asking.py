"""One question to one model until there is an answer that keeps its contract, or a word for why there is none.

A reply that breaks the contract is sent back with the validator's error and nothing else.  Time is counted in the models' own latencies, which a tape keeps:
what is too late in a run is too late in its replay.  Tries after an outage are the gateway's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pse.agents.reading import NotAnAnswer
from pse.clock import SECOND_NS
from pse.domain.models import LanguageModel, Message, ModelFailure, Reply, Request, Usage

GRACE_S = 30.0                                   # after which a model that kept no deadline is let go; one that keeps its own never meets it
LONGEST_SHOWN = 2_000                            # letters of a refused reply that go back with its error
LONGEST_ERROR = 600
REFUSED = "That was refused: "                   # how the validator's error begins
Read = Callable[[str], Any]


@dataclass
class Tally:
    """What the questions of one pass came to: calls, tokens, time, money (`cost_usd` None: of some call nobody knows it), and what happened on the way."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    latency_ns: int = 0
    cost_usd: float | None = 0.0
    request: str = ""
    reply: str | None = None
    codes: list[str] = field(default_factory=list)

    def note(self, code: str) -> None:
        """Keeps a code, once."""
        if code not in self.codes:
            self.codes.append(code)

    def replied(self, reply: Reply) -> None:
        """Counts a reply."""
        self.calls += 1
        self._used(reply.usage)
        self._spent(reply.latency_ns, None if reply.lost else reply.cost_usd, reply.attempts)
        self.request, self.reply = reply.key, reply.sha256 or None

    def failed(self, failure: ModelFailure) -> None:
        """Counts a call that gave no reply of use; none was made where there was no try."""
        self.calls += failure.code != "BUDGET" and failure.attempts > 0
        if failure.usage is not None:
            self._used(failure.usage)
        self._spent(failure.latency_ns, failure.spent, failure.attempts)
        self.request, self.reply = failure.key or self.request, None
        self.note(failure.code)

    def _used(self, usage: Usage) -> None:
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens

    def _spent(self, latency_ns: int, cost_usd: float | None, attempts: int) -> None:
        self.latency_ns += latency_ns
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd
        if attempts > 1:
            self.note("RETRY")


@dataclass
class Purse:
    """The time that a decision has for all its passes, and what is known of what they cost."""

    deadline_ns: int
    latency_ns: int = 0
    cost_usd: float = 0.0

    @property
    def left_ns(self) -> int:
        return self.deadline_ns - self.latency_ns

    def take(self, latency_ns: int, cost_usd: float | None) -> None:
        """Counts a call."""
        self.latency_ns += latency_ns
        self.cost_usd += cost_usd or 0.0


@dataclass(frozen=True)
class Asked:
    """How a question ended: an answer and the text that it was read from, or the code of why there is none."""

    answer: Any = None
    text: str = ""
    failure: str | None = None


async def ask(model: LanguageModel, request: Request, read: Read, repairs: int, purse: Purse, tally: Tally) -> Asked:
    """The answer to a request, repaired at most `repairs` times.  Raises `TapeMiss` alone."""
    messages, refused = request.messages, 0
    while True:
        if purse.left_ns <= 0:
            tally.note("DEADLINE")
            return Asked(failure="DEADLINE")
        reply = await _call(model, replace(request, messages=messages, deadline_s=purse.left_ns / SECOND_NS), purse, tally)
        if isinstance(reply, ModelFailure):
            return Asked(failure=reply.code)
        if purse.left_ns < 0:
            tally.note("DEADLINE")
            return Asked(failure="DEADLINE")
        try:
            answer = read(reply.text)
        except NotAnAnswer as error:
            tally.note(error.code)
            if refused >= repairs:
                return Asked(failure="NOT_AN_ANSWER")
            refused += 1
            messages = (*request.messages, *_sent_back(reply.text, str(error)))
            continue
        if refused:
            tally.note("REPAIRED")
        return Asked(answer, reply.text)


async def _call(model: LanguageModel, request: Request, purse: Purse, tally: Tally) -> Reply | ModelFailure:
    """A reply or a failure, counted."""
    try:
        async with asyncio.timeout(request.deadline_s + GRACE_S):
            reply = await model.complete(request)
    except ModelFailure as error:
        failure = error
    except TimeoutError:
        failure = ModelFailure("TIMEOUT", f"model {request.model} gave neither a reply nor a failure", latency_ns=purse.left_ns, spent=None)
    else:
        purse.take(reply.latency_ns, reply.cost_usd)
        tally.replied(reply)
        return reply
    purse.take(failure.latency_ns, failure.spent)
    tally.failed(failure)
    return failure


def _sent_back(text: str, error: str) -> tuple[Message, Message]:
    """A refused reply, cut, and what was wrong with it."""
    shown = text[:LONGEST_SHOWN].encode("utf-8", "replace").decode()
    return (Message("model", shown if shown.strip() else "(nothing)"),
            Message("user", f"{REFUSED}{error[:LONGEST_ERROR]}\nAnswer again with one JSON object that keeps the contract, and nothing else."))
