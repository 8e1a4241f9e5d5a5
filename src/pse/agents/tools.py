"""Data that a model may ask for beside its briefing: bars of a timeframe, the last values of a feature, headlines.

Whoever holds the run answers from what was known at the decision; here stand the allowlist, the bounds and the words of a refusal.  Nothing is looked up, sent
or measured by a clock: the same question at the same moment has the same answer, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pse.agents.cleaning import clean
from pse.agents.policy import ToolPolicy
from pse.domain.decisions import Briefing
from pse.domain.records import canonical

LONGEST_SHOWN, LONGEST_REFUSAL = 60, 1_000


class Unanswerable(Exception):
    """A question that what is known has no answer to; the text says why, and what there is."""


class Known(Protocol):
    """What was known at a moment, for whoever may ask.  Rows are JSON-ready, oldest first.  A method raises `Unanswerable`."""

    def work(self, tool: str, symbol: str) -> int:
        """Stored rows that an answer reads."""
        ...

    def bars(self, symbol: str, timeframe: str | None, rows: int) -> list[dict[str, Any]]:
        """The last complete bars."""
        ...

    def feature(self, symbol: str, name: str, rows: int) -> list[dict[str, Any]]:
        """The last values of a column of the decision bars."""
        ...

    def news(self, symbol: str, rows: int) -> list[dict[str, Any]]:
        """The last headlines."""
        ...


class Want(Protocol):
    """A question as a model put it; None: what the briefing is about, or as many as are allowed."""

    @property
    def tool(self) -> str: ...
    @property
    def symbol(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def timeframe(self) -> str | None: ...
    @property
    def rows(self) -> int | None: ...


@dataclass(frozen=True)
class Told:
    """A question with its answer, rows or a refusal, as the model is told it."""

    question: Mapping[str, Any]
    answer: Mapping[str, Any]
    redact: Callable[[str], str] = str

    def record(self) -> dict[str, Any]:
        """The question and the hash of its answer as it is sent, for a journal."""
        return {**self.question, "refused": "refused" in self.answer, "sha256": hashlib.sha256(self.redact(canonical(self.answer)).encode()).hexdigest()}


class ToolLayer:
    """Answers what a chain lets its models ask.  `redact`: masks secrets before anything is hashed."""

    def __init__(self, policy: ToolPolicy, redact: Callable[[str], str] = str) -> None:
        self._policy, self._redact = policy, redact

    def answers(self, briefing: Briefing, wants: Sequence[Want], before: int) -> list[Told]:
        """The answer or the refusal of each question; `before`: questions that this decision has asked already."""
        return [self._answer(briefing, want, before + number) for number, want in enumerate(wants)]

    def _answer(self, briefing: Briefing, want: Want, number: int) -> Told:
        asked = {"tool": want.tool, "symbol": want.symbol or briefing.symbol, "name": want.name, "timeframe": want.timeframe, "rows": want.rows}
        question = {name: clean(value, LONGEST_SHOWN) if isinstance(value, str) else value for name, value in asked.items() if value is not None}
        try:
            rows = self._rows(briefing.known, asked, number)
        except Unanswerable as error:
            return Told(question, {"question": question, "refused": clean(str(error), LONGEST_REFUSAL)}, self._redact)
        return Told(question, {"question": question, "rows": rows}, self._redact)

    def _rows(self, known: Known | None, asked: Mapping[str, Any], number: int) -> list[dict[str, Any]]:
        policy, tool, symbol = self._policy, str(asked["tool"]), str(asked["symbol"])
        if tool not in policy.allowed:
            raise Unanswerable(f"{tool} may not be asked for; {_listed(policy.allowed)} may. Decide on what is shown.")
        if number >= policy.max_calls:
            raise Unanswerable(f"{policy.max_calls} questions a decision are answered, and this is another. Decide on what is shown.")
        if known is None:
            raise Unanswerable("nothing more is known here than what is shown. Decide on that.")
        work, most = known.work(tool, symbol), policy.max_read
        if work > most:
            raise Unanswerable(f"{work:,} rows would have to be read; at most {most:,} are. Decide on what is shown.")
        rows = min(int(asked["rows"] or policy.max_rows), policy.max_rows)
        if tool == "bars":
            return known.bars(symbol, asked["timeframe"], rows)
        if tool == "feature":
            return known.feature(symbol, str(asked["name"] or ""), rows)
        return known.news(symbol, rows)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
