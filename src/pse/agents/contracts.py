"""What each role may answer: flat JSON of a few words and numbers, refused where anything is unknown, missing or beyond its bounds.

An answer is read into `Opinion`s, one a candidate; what they come to together is for `authority`.  Whether an edit shrinks is not asked here: that needs the
other passes.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pse.agents.cleaning import REASON_LETTERS, clean
from pse.agents.policy import Tool
from pse.agents.reading import SHOWN_LETTERS, NotAnAnswer, quoted, read_json
from pse.agents.rules import EITHER
from pse.domain.base import Frozen
from pse.domain.decisions import Candidate

LINE_LETTERS = 160
SIDES = {"LONG": "BUY", "SHORT": "SELL"}
EDITS = ("size_factor", "entry", "stop", "target", "confidence")
WANTED = ("approve", "revise")                   # verdicts that let a candidate pass
MOST_CANDIDATES = 64
PLAIN_TYPES = {str: "string", float: "number", int: "integer", bool: "boolean"}
SHOWN_ERRORS = 5                                 # of a broken reply, in the message that asks for a better one

Word = Literal["approve", "reject", "revise", "none"]
Ruled = Literal["approve", "reject", "revise"]
Call = Literal["BUY", "SELL", "HOLD"]
RiskFlag = Literal[
    "sl_cap_violation", "news_blackout", "news_red_flag", "stale_data", "missing_data", "low_liquidity", "wide_spread", "high_volatility", "regime_mismatch",
    "against_trend", "late_entry", "oversold_only", "overbought_only", "poor_reward", "stop_in_noise", "correlated_exposure", "weak_evidence",
    "conflicting_evidence", "event_ahead", "unsupported_claim", "instruction_in_data"]


def one_line(text: str, letters: int) -> str:
    """A model's words as one plain line of at most so many letters, cut between words where it is longer."""
    line = clean(text, 4 * letters)
    if len(line) <= letters:
        return line
    whole, blank, _ = line[:letters - 1].rpartition(" ")
    return (whole if blank and len(whole) > letters // 2 else line[:letters - 1]).rstrip() + "…"


def _reason(text: str) -> str:
    return _said(one_line(text, REASON_LETTERS))


def _brief_line(text: str) -> str:
    return _said(one_line(text, LINE_LETTERS))


def _said(line: str) -> str:
    if not line:
        raise ValueError("nothing is said; write one plain line")
    return line


def _each_once(flags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags))


Id = Annotated[str, Field(min_length=1, max_length=120)]
Price = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(gt=0.0)]
Odds = Annotated[float, Field(ge=0.0, le=1.0)]
Reason = Annotated[str, AfterValidator(_reason)]
Line = Annotated[str, AfterValidator(_brief_line)]
Brief = tuple[Line, ...]
Flags = Annotated[tuple[RiskFlag, ...], AfterValidator(_each_once)]


@dataclass(frozen=True)
class Opinion:
    """What one pass says of one candidate.  `setup_id` None: it chose none.  An edit that is None was not made."""

    setup_id: str | None
    verdict: Word
    reason: str = ""
    risk_flags: tuple[str, ...] = ()
    priority: int = 1
    size_factor: float | None = None
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    confidence: float | None = None
    call: Call | None = None

    def edits(self) -> dict[str, Any]:
        """The edits that were made, by name, the call of an open question among them."""
        made = {name: getattr(self, name) for name in EDITS if getattr(self, name) is not None}
        return made if self.call is None else {**made, "direction": self.call}


_OPINION = tuple(Opinion.__dataclass_fields__)


class Answer(Frozen):
    """Base of every answer: strict about types and names, finite.  Field order is the order in which a model is asked to write."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    kind: ClassVar[str] = ""

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        """The opinions that it holds about these candidates; none of an answer that decides nothing."""
        return ()


_FLAGS = "those that apply, at most 6"
_REVISE = "revise: with the edits given, or sent back where none is given"
_BRIEF = f"at most 3 lines of at most {LINE_LETTERS} letters: what was decided, on what evidence, what would have changed it"
_ID = "id of the candidate that this is about, as the briefing shows it; null: none of them"
_REASON = f"one line, at most {REASON_LETTERS} letters: the evidence that decided"
_PRIORITY = "1 (take first) to 5 (take last)"
_SIZE = "share of the proposed size, above 0 and at most 1; null: as proposed"
_STOP = "tighter stop, nearer to the entry, on the tick grid; null: as proposed"
_TARGET = "nearer target, on the tick grid; null: as proposed"
_SURE = "0 to 1; can only lower a candidate's own; null: its own"


class _Reasoned(Answer):
    """What every opinion gives: about which candidate, why, and the dangers it sees."""

    setup_id: Id | None = Field(description=_ID)
    reason: Reason = Field(description=_REASON)
    risk_flags: Flags = Field((), max_length=6, strict=False, description=_FLAGS)

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        return (Opinion(**{name: getattr(self, name) for name in _OPINION if hasattr(self, name)}),)


class _Edited(_Reasoned):
    """An opinion that may also shrink."""

    verdict: Word = Field(description="")
    priority: int = Field(ge=1, le=5, description=_PRIORITY)
    size_factor: Share | None = Field(None, description=_SIZE)
    entry: Price | None = Field(None, description="always null: a moved entry is another trade")
    stop: Price | None = Field(None, description=_STOP)
    target: Price | None = Field(None, description=_TARGET)
    confidence: Odds | None = Field(None, description=_SURE)


class Want(Answer):
    """A question to the data tools, answered from what was known at the decision."""

    tool: Tool = Field(description="bars, feature or news")
    symbol: Id | None = Field(None, description="null: the briefing's")
    name: Id | None = Field(None, description="name of a feature; null for bars and news")
    timeframe: Id | None = Field(None, description="such as 5m, 1h, 1d; null: the decision's")
    rows: int | None = Field(None, ge=1, le=500, description="how many, the newest last; null: as many as are allowed")


class SignalAnswer(_Edited):
    """The proposal: one candidate or none, and what would have to be known first."""

    kind: ClassVar[str] = "signal"
    verdict: Word = Field(description="approve: propose it; revise: propose it with the edits given; reject: this one is bad; none: no trade")
    call: Call | None = Field(None, description="for a candidate of direction EITHER, together with a confidence; null for every other")
    wants: tuple[Want, ...] = Field((), max_length=8, strict=False, description="data to see before deciding; empty: decided")


class RiskAnswer(_Edited):
    """The challenge."""

    kind: ClassVar[str] = "risk"
    verdict: Ruled = Field(description=f"approve: no objection; {_REVISE}; reject: veto")


class ExecutiveAnswer(_Edited):
    """The last word, and why."""

    kind: ClassVar[str] = "executive"
    verdict: Ruled = Field(description=f"approve; {_REVISE}; reject")
    call: Call | None = Field(None, description="where nobody proposed before you, for a candidate of direction EITHER; else null")
    brief: Brief = Field((), max_length=3, strict=False, description=_BRIEF)


class Ruling(_Edited):
    """The word on one candidate of several."""

    setup_id: Id = Field(description="id of a candidate that the briefing shows")
    verdict: Ruled = Field(description="approve; revise: with the edits given; reject")


class SetAnswer(Answer):
    """A word on every candidate that is shown."""

    kind: ClassVar[str] = "set"
    decisions: tuple[Ruling, ...] = Field(max_length=MOST_CANDIDATES, strict=False, description="one for each candidate that is shown")

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        return tuple(opinion for one in self.decisions for opinion in one.said(candidates))


class Ranked(_Edited):
    """The word on one candidate in the light of all."""

    setup_id: Id = Field(description="id of a candidate that the briefing shows")
    verdict: Word = Field(description="approve; revise: with the edits given; reject; none: let it wait")


class HolisticAnswer(Answer):
    """All candidates at once, best first, and what no candidate covers: that is kept for study, for only what code found and priced is ever traded."""

    kind: ClassVar[str] = "holistic"
    reason: Reason = Field(description=f"one line, at most {REASON_LETTERS} letters: what no single candidate shows")
    proposals: tuple[Ranked, ...] = Field(max_length=MOST_CANDIDATES, strict=False, description="best first; what is left out waits")
    missed: Brief = Field((), max_length=3, strict=False, description="at most 3 lines: moves that no candidate covers; kept for study, never traded")

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        return tuple(opinion for one in self.proposals for opinion in one.said(candidates))


class RiskDecision(_Reasoned):
    """A risk officer's: pass, shrink or veto, and nothing else."""

    kind: ClassVar[str] = "risk_decision"
    verdict: Literal["pass", "shrink", "veto"] = Field(description="pass: no objection; shrink: with the size given; veto")
    size_factor: Share | None = Field(None, description=_SIZE)

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        word: Word = "approve" if self.verdict == "pass" else "revise" if self.verdict == "shrink" else "reject"
        return (Opinion(self.setup_id, word, self.reason, self.risk_flags, size_factor=self.size_factor),)


class StrategyChoice(_Reasoned):
    """Which of several strategies to follow, by its signal, or none."""

    kind: ClassVar[str] = "choice"
    size_factor: Share | None = Field(None, description=_SIZE)
    confidence: Odds | None = Field(None, description=_SURE)

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        word: Word = "none" if self.setup_id is None else "approve"
        return (Opinion(self.setup_id, word, self.reason, self.risk_flags, size_factor=self.size_factor, confidence=self.confidence),)


class QuantReview(_Reasoned):
    """Whether the numbers behind a proposal carry it."""

    kind: ClassVar[str] = "quant_review"
    verdict: Ruled = Field(description="approve: they carry it; revise: with less size or confidence; reject: they do not")
    size_factor: Share | None = Field(None, description=_SIZE)
    confidence: Odds | None = Field(None, description=_SURE)


class SpotDecision(Answer):
    """BUY, SELL or HOLD on the open question of a spot desk."""

    kind: ClassVar[str] = "spot"
    reason: Reason = Field(description=_REASON)
    risk_flags: Flags = Field((), max_length=6, strict=False, description=_FLAGS)
    call: Call = Field(description="HOLD is always allowed")
    confidence: Odds | None = Field(None, description="0 to 1, how sure the call is; null for HOLD alone")
    size_factor: Share | None = Field(None, description=_SIZE)
    stop: Price | None = Field(None, description=_STOP)
    target: Price | None = Field(None, description=_TARGET)
    brief: Brief = Field((), max_length=3, strict=False, description=_BRIEF)

    def said(self, candidates: Sequence[Candidate]) -> tuple[Opinion, ...]:
        """About the first candidate that the call fits: one that is open, or one of its side."""
        fits = [one.setup_id for one in candidates if self.call == "HOLD" or one.direction == EITHER or SIDES.get(one.direction) == self.call]
        if not fits:
            return ()
        return (Opinion(fits[0], "none" if self.call == "HOLD" else "approve", self.reason, self.risk_flags, 1, self.size_factor, None, self.stop, self.target,
                        self.confidence, self.call),)


class AuditNote(Answer):
    """What an auditor finds in a report of past decisions; it changes none."""

    kind: ClassVar[str] = "audit"
    enough_decisions: bool = Field(description="whether the sample is large enough to tell anything")
    findings: tuple[Line, ...] = Field((), max_length=8, strict=False, description=f"at most 8 lines of at most {LINE_LETTERS} letters")
    look_next: tuple[Line, ...] = Field((), max_length=3, strict=False, description="at most 3 lines, most useful first")


ANSWERS: dict[str, type[Answer]] = {one.kind: one for one in (
    SignalAnswer, RiskAnswer, ExecutiveAnswer, SetAnswer, HolisticAnswer, RiskDecision, StrategyChoice, QuantReview, SpotDecision, AuditNote)}


def parse(kind: str, text: str, candidates: Sequence[Candidate] = (), shown: Sequence[Candidate] | None = None) -> Answer:
    """A reply as the answer of its kind about these candidates.  `shown`: all that the briefing shows, where only some are still to be decided.

    Raises `NotAnAnswer`, whose text says what to mend.
    """
    found = _named(read_json(text), [one.setup_id for one in (candidates if shown is None else shown)])
    try:
        answer = ANSWERS[kind].model_validate(found)
    except ValidationError as error:
        raise NotAnAnswer("FIELDS", _told(error, ANSWERS[kind])) from None
    _refuse_strangers(answer, candidates)
    return answer


def _named(found: Any, ids: Sequence[str]) -> Any:
    """A reply in which `#2` stands for the second candidate that was shown, its id in that place."""
    if isinstance(found, list):
        return [_named(one, ids) for one in found]
    if not isinstance(found, dict):
        return found
    short = {f"#{rank}": name for rank, name in enumerate(ids, start=1)}
    return {key: short.get(value, value) if key == "setup_id" and isinstance(value, str) else _named(value, ids) for key, value in found.items()}


def opinions(answer: Answer, candidates: Sequence[Candidate]) -> dict[str, Opinion]:
    """What an answer says, by the candidate's id."""
    return {one.setup_id: one for one in answer.said(candidates) if one.setup_id is not None}


def _refuse_strangers(answer: Answer, candidates: Sequence[Candidate]) -> None:
    """Every opinion is about a candidate that was shown, once; a set leaves none out."""
    shown = {one.setup_id: one for one in candidates}
    seen: set[str] = set()
    for one in answer.said(candidates):
        if one.setup_id is None:
            if one.verdict in WANTED:
                raise NotAnAnswer("NO_ID", f"setup_id is null and the verdict lets something pass; name the candidate, one of {_list(shown)}")
            continue
        if one.setup_id not in shown:
            raise NotAnAnswer("UNKNOWN_ID", f"setup_id {quoted(one.setup_id)} is not to be decided; give one of {_list(shown)}")
        if one.setup_id in seen:
            raise NotAnAnswer("DUPLICATE_ID", f"setup_id {one.setup_id} stands twice; give each candidate one verdict")
        seen.add(one.setup_id)
        if one.verdict in WANTED:
            _refuse_wanted(answer, one, shown[one.setup_id])
    if isinstance(answer, SetAnswer) and len(seen) < len(shown):
        raise NotAnAnswer("MISSING_ID", f"no verdict on {_list([name for name in shown if name not in seen])}; give each candidate one")


def _refuse_wanted(answer: Answer, one: Opinion, candidate: Candidate) -> None:
    """What lets a candidate pass says which way an open one goes, and no other way for the rest."""
    name = candidate.setup_id
    if isinstance(answer, RiskDecision) and one.verdict == "revise" and not (one.size_factor is not None and one.size_factor < 1.0):
        raise NotAnAnswer("NO_SIZE", "the verdict is shrink without a size_factor below 1; give one, or pass, or veto")
    if candidate.direction != EITHER:
        if one.call is not None and one.call != SIDES.get(candidate.direction):
            raise NotAnAnswer("CALL", f"call {one.call} contradicts {name}, whose direction is {candidate.direction}; give null")
    elif isinstance(answer, SignalAnswer | SpotDecision):
        if one.call is None or (one.call != "HOLD" and one.confidence is None):
            raise NotAnAnswer("CALL", f"the direction of {name} is open; give call BUY, SELL or HOLD, and a confidence of 0 to 1")
        edited = [edit for edit in EDITS if edit != "confidence" and getattr(one, edit) is not None]
        if edited and isinstance(answer, SignalAnswer):
            raise NotAnAnswer("CALL", f"the direction of {name} is open; give call and confidence, and null for {', '.join(edited)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _told(error: ValidationError, kind: type[Answer]) -> str:
    """What is wrong with a reply, field by field; of the reply itself it repeats names alone."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(map(_part, one['loc'])) or 'the object'}: {one['msg']}" for one in found[:SHOWN_ERRORS]]
    more = f"; and {len(found) - SHOWN_ERRORS} more" if len(found) > SHOWN_ERRORS else ""
    return f"the answer breaks its contract: {'; '.join(lines)}{more}. Its fields are {', '.join(kind.model_fields)}"


def _part(place: int | str) -> str:
    return place if isinstance(place, str) and place.isascii() and place.isidentifier() and len(place) <= SHOWN_LETTERS else \
        str(place) if isinstance(place, int) else quoted(place)


def schema_of(kind: str) -> dict[str, Any]:
    """JSON schema of an answer as every provider's strict mode takes it: all properties required, none beside them, no references, bounds or patterns.

    Made here and not by pydantic, so that another version of a library leaves it, and with it the key of every taped reply, as it was.
    """
    return copy.deepcopy(_schema_of(kind))


@cache
def _schema_of(kind: str) -> dict[str, Any]:
    return _object(ANSWERS[kind])


def _object(model: type[BaseModel]) -> dict[str, Any]:
    properties = {name: {**_typed(field.annotation), "description": field.description or ""} for name, field in model.model_fields.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _typed(annotation: Any) -> dict[str, Any]:
    """The schema of a field's type.  What may be null is one of two schemas: not every provider's own check takes a list of types."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _typed(inner[0])
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin is tuple:
        return {"type": "array", "items": _typed(inner[0])}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_typed(inner[0]), {"type": "null"}]}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _object(annotation)
    return {"type": PLAIN_TYPES[annotation]}
