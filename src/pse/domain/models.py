"""What passes between those who judge and a language model: a request, a reply, what it used, and the ways in which it can fail.

Only shapes: no provider is named here and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pse.domain.errors import OutsideError

Failed = Literal["TIMEOUT", "TRANSPORT", "RATE_LIMIT", "SERVER", "AUTH", "REFUSED", "TRUNCATED", "BUDGET", "BAD_REQUEST"]
PASSING: frozenset[str] = frozenset({"TIMEOUT", "TRANSPORT", "RATE_LIMIT", "SERVER"})      # what a second try may mend


@dataclass(frozen=True)
class PromptRef:
    """Which prompt was used: its name with version (`signal.v1`), and the sha256 of its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Message:
    """One turn of the conversation after the system prompt."""

    author: Literal["user", "model"]
    text: str


@dataclass(frozen=True)
class Request:
    """What a model is asked.  All of it but `deadline_s` decides the answer, and so the key under which a tape keeps it.

    `model`: its name in models.yaml.  `schema`: JSON schema of the answer.  `draw`: which of several answers to the same question is wanted (0 the first).
    """

    role: str
    model: str
    prompt: PromptRef
    system: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    schema_name: str
    draw: int = 0
    deadline_s: float = 30.0


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them.  `output_tokens` holds thinking too; `cached_tokens` are part of the input."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    thinking_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """What a model answered.  `text`: the JSON it wrote, unread.  `cost_usd` None: nobody knows the price.  `latency_ns`: its own time, retries included.

    `raw`: the body as it came, secrets masked.  `key`, `sha256`: of the request, and of what the tape keeps of the reply.  `attempts`: calls it took.
    `lost`: of the earlier ones, those that may be billed though nothing came of them.
    """

    text: str
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    latency_ns: int = 0
    served_by: str = ""
    finish: str = ""
    raw: str = ""
    key: str = ""
    sha256: str = ""
    attempts: int = 1
    lost: int = 0


class ModelFailure(OutsideError):
    """A model that gave no usable reply.  `spent`: what the tries cost all the same; None: unknown.  `usage`: of a reply that came and is of no use."""

    def __init__(self, code: Failed, text: str, *, retry_after_s: float | None = None, latency_ns: int = 0, spent: float | None = 0.0, attempts: int = 1,
                 key: str = "", usage: Usage | None = None) -> None:
        super().__init__(text)
        self.code, self.retry_after_s, self.latency_ns, self.spent, self.attempts, self.key = code, retry_after_s, latency_ns, spent, attempts, key
        self.usage = usage


class TapeMiss(OutsideError):
    """A replayed run asks what was never recorded: an error, never a call."""


@runtime_checkable
class LanguageModel(Protocol):
    """The one port behind which models stand: a gateway, a tape in front of it, or a script."""

    async def complete(self, request: Request) -> Reply:
        """The reply to a request.  Raises `ModelFailure`, and `TapeMiss` where only a tape may answer; nothing else."""
        ...
