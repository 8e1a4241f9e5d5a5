"""What passes the door between the engine and whoever decides: a briefing in, a deliberation out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Word = Literal["APPROVE", "MODIFY", "REJECT", "HOLD"]


@dataclass(frozen=True)
class Candidate:
    """A setup that has passed the gates before the verdict, as it is shown.  Prices as traded."""

    setup_id: str
    symbol: str
    tactic: str
    direction: str
    grade: str
    entry: float
    stop: float
    target: float | None
    quality: float
    evidence: Mapping[str, Any]
    confidence: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)         # what else is shown of it: order, size in R, reward, its tactic's own record


@dataclass(frozen=True)
class Briefing:
    """All that may be known at a decision.  `candidates` stand in rank order; `context` names columns of the decision row; moments are ns UTC.

    What follows `account` is shown and decides nothing.  `headlines` are text that strangers wrote; all other words are the program's own.
    """

    symbol: str
    known_at: int
    candidates: tuple[Candidate, ...]
    context: Mapping[str, float | None]
    account: Mapping[str, float]
    known: Any = field(default=None, compare=False, repr=False)      # what else was known then, for a judge that asks
    market: Mapping[str, Any] = field(default_factory=dict)
    timeframes: tuple[Mapping[str, Any], ...] = ()
    regime: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[Mapping[str, Any], ...] = ()
    positions: tuple[Mapping[str, Any], ...] = ()
    exposure: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    news: Mapping[str, Any] = field(default_factory=dict)
    headlines: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The word on one candidate.  An edit may only shrink: `size_factor` at most 1, a tighter stop, a nearer target; None leaves a price alone.

    `confidence` 0 to 1: lowers the candidate's own; of an open call (direction EITHER) it is the one that counts; None keeps the candidate's.
    """

    word: Word
    size_factor: float = 1.0
    direction: int = 0
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    confidence: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Deliberation:
    """One verdict a candidate, in the briefing's order, and the record of how they came about.

    `body` is journaled as it stands.  `latency_ns` 0: the desk's own.  `failed`: the judge could not answer; every verdict is then HOLD.
    """

    verdicts: tuple[Verdict, ...]
    body: Mapping[str, Any] = field(default_factory=dict)
    latency_ns: int = 0
    cost_usd: float = 0.0
    failed: bool = False


class Decide(Protocol):
    """The one door: rules, a tape of an earlier run, or language-model passes.

    A judge that has `ahead(briefings)` too is told of all questions of an instant before the first of them, so that it may think of them at once.
    """

    def __call__(self, briefing: Briefing) -> Deliberation:
        """The verdicts on a briefing; a failure is a deliberation that holds, never an exception."""
        ...
