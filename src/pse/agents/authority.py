"""What the passes come to together: a later one may veto, shrink and tighten, and nothing that any of them says adds risk.

The engine judges the result once more, and the gates after it; here stands only how opinions combine.  Codes tell what was thrown away:

- SIZE_GROWN, STOP_LOOSER, TARGET_FARTHER: an edit that would have added risk is left out, the rest stands.
- ENTRY_EDIT, DIRECTION: another entry or side is another trade, which is refused.
- NOT_PROPOSED, OTHER_SETUP, NO_CALL, SENT_BACK: nobody proposed it, a later pass spoke of another one, an open question was left open, or a pass wanted
  changes and named none that count: nothing is traded.
- NOT_FIRST: approved, but another one comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pse.agents.contracts import WANTED, Answer, AuditNote, Opinion, opinions
from pse.agents.rules import EITHER
from pse.domain.decisions import Candidate, Verdict

EPS = 1e-9                                       # prices nearer than this are the same, as for the engine
SIGNS = {"LONG": 1, "SHORT": -1, "BUY": 1, "SELL": -1}


@dataclass(frozen=True)
class Merged:
    """The verdict that opinions on one candidate come to, and what of them was thrown away."""

    verdict: Verdict
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """The edits of one opinion that shrink, and the codes of those that do not."""

    size_factor: float | None
    stop: float | None
    target: float | None
    confidence: float | None
    codes: tuple[str, ...]

    @property
    def shrinks(self) -> bool:
        return any(one is not None for one in (self.size_factor, self.stop, self.target, self.confidence))


def merge_all(candidates: Sequence[Candidate], answers: Sequence[Answer]) -> tuple[Merged, ...]:
    """One verdict a candidate, in their order, from the answers in the order of their passes.  At most one is let through: the first by priority, then rank."""
    said = [opinions(answer, candidates) for answer in answers if not isinstance(answer, AuditNote)]
    found = [merge(one, *(each.get(one.setup_id) for each in said)) for one in candidates]
    picked = bool(said) and any(one.verdict in WANTED for one in said[0].values())
    passed = [rank for rank, one in enumerate(found) if one.verdict.word in ("APPROVE", "MODIFY")]
    first = min(passed, key=lambda rank: (said[-1][candidates[rank].setup_id].priority, rank), default=None)
    for rank, one in enumerate(found):
        if rank in passed and rank != first:
            found[rank] = Merged(_refused("SUPERSEDED"), (*one.codes, "NOT_FIRST"))
        elif picked and candidates[rank].setup_id not in said[0]:
            found[rank] = Merged(_refused("SUPERSEDED"), one.codes)
    return tuple(found)


def merge(candidate: Candidate, *said: Opinion | None) -> Merged:
    """What the passes, in order, come to on one candidate; None: a pass did not speak of it.

    Smallest size, tightest stop, nearest target, lowest confidence; a veto anywhere is a veto, and silence lets nothing through.
    """
    heard = [one for one in said if one is not None]
    if any(one.verdict == "reject" for one in heard):
        return Merged(_refused("REJECTED"))
    if not said or said[0] is None:
        return Merged(Verdict("HOLD", reason="NO_OPINION"), ("NOT_PROPOSED",))
    if len(heard) < len(said):
        return Merged(Verdict("HOLD", reason="NO_OPINION"), ("OTHER_SETUP",))
    if any(one.verdict == "none" or one.call == "HOLD" for one in heard):
        return Merged(Verdict("HOLD", reason="HOLD"))
    return _combined(candidate, heard)


def sent_back(candidate: Candidate, opinion: Opinion, *before: Opinion) -> bool:
    """Whether a pass wants changes and names none that count, so that whoever proposed is asked again.  `before`: what was said before it, in order."""
    return opinion.verdict == "revise" and not _kept(candidate, opinion, _side(candidate, [*before, opinion]) or 1).shrinks


def _combined(candidate: Candidate, heard: Sequence[Opinion]) -> Merged:
    side = _side(candidate, heard)
    if side == 0:
        return Merged(Verdict("HOLD", reason="NO_OPINION"), ("NO_CALL",))
    if any(one.call is not None and SIGNS[one.call] != side for one in heard):
        return Merged(_refused("AUTHORITY"), ("DIRECTION",))
    if any(one.entry is not None and abs(one.entry - candidate.entry) > EPS for one in heard):
        return Merged(_refused("ENTRY_EDIT"), ("ENTRY_EDIT",))
    kept = [_kept(candidate, one, side) for one in heard]
    codes = tuple(dict.fromkeys(code for one in kept for code in one.codes))
    if any(one.verdict == "revise" and not edits.shrinks for one, edits in zip(heard, kept, strict=True)):
        return Merged(Verdict("HOLD", reason="HOLD"), (*codes, "SENT_BACK"))
    stops, targets = [one.stop for one in kept if one.stop is not None], [one.target for one in kept if one.target is not None]
    sure = [one.confidence for one in kept if one.confidence is not None]
    verdict = Verdict(
        "APPROVE", min([1.0, *(one.size_factor for one in kept if one.size_factor is not None)]), side if candidate.direction == EITHER else 0,
        stop=max(stops, key=lambda price: side * price, default=None), target=min(targets, key=lambda price: side * price, default=None),
        confidence=min(sure, default=None))
    edited = verdict.size_factor < 1.0 or stops or targets or (sure and candidate.direction != EITHER)
    return Merged(replace(verdict, word="MODIFY") if edited else verdict, codes)


def _side(candidate: Candidate, heard: Sequence[Opinion]) -> int:
    """1 long, -1 short: the candidate's own, or of an open one that of the first who called it; 0: nobody did."""
    if candidate.direction != EITHER:
        return SIGNS[candidate.direction]
    return next((SIGNS[one.call] for one in heard if one.call in SIGNS), 0)


def _kept(candidate: Candidate, one: Opinion, side: int) -> _Kept:
    """An open candidate is priced for its long side; its short side is the mirror at the entry.  What only repeats the proposal is no edit."""
    first_stop, first_target = (_on_side(candidate, price, side) for price in (candidate.stop, candidate.target))
    codes = []
    size, stop, target = one.size_factor, one.stop, one.target
    if size is not None and size >= 1.0:
        codes += ["SIZE_GROWN"] if size > 1.0 else []
        size = None
    if stop is not None and first_stop is not None and side * (stop - first_stop) <= EPS:
        codes += ["STOP_LOOSER"] if side * (stop - first_stop) < -EPS else []
        stop = None
    if target is not None and first_target is not None and side * (first_target - target) <= EPS:
        codes += ["TARGET_FARTHER"] if side * (first_target - target) < -EPS else []
        target = None
    return _Kept(size, stop, target, one.confidence, tuple(codes))


def _on_side(candidate: Candidate, price: float | None, side: int) -> float | None:
    return price if price is None or candidate.direction != EITHER or side > 0 else 2.0 * candidate.entry - price


def _refused(reason: str) -> Verdict:
    return Verdict("REJECT", reason=reason)
