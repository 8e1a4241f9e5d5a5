"""The loop: a feed, a judge and a broker around one engine.  It yields what happened, and acts only after whoever holds it has taken that.

Backtest and paper hand it another feed and another broker; nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from pse.domain.decisions import Briefing, Candidate, Decide, Deliberation, Verdict
from pse.domain.records import canonical
from pse.domain.sessions import DAY_NS
from pse.domain.setups import DIRECTIONS, GRADES
from pse.domain.steps import Broker
from pse.engine.ahead import Ahead
from pse.engine.known import KnownAt
from pse.engine.prepare import Prepared
from pse.engine.shown import Start, facts, parts, start_of
from pse.kernels import codes
from pse.kernels.book import State
from pse.kernels.contract import CONTEXT_COLUMNS

LONGEST_NS = 7 * DAY_NS                          # nobody deliberates for longer
LARGEST = 2**62
EDITS = ("entry", "stop", "target", "confidence")


@dataclass(frozen=True, eq=False)
class Batch:
    """Events of one call of the engine, to be written before anything goes out.  `deliberations` by (time, symbol)."""

    prepared: Prepared
    events: np.ndarray
    trades: np.ndarray
    deliberations: dict[tuple[int, int], dict[str, Any]]


def run(feed: Iterable[Prepared], decide: Decide, broker: Broker, state: State) -> Iterator[Batch]:
    """Drives the engine over the feed.  Writing down comes first: an order leaves only after its batch was taken by the caller."""
    said: dict[tuple[int, int], dict[str, Any]] = {}
    start: Start | None = None
    unread = getattr(decide, "reads", "") == "ids"
    ahead = Ahead(decide, lambda copy, step: brief(copy, step, start), answer)
    for step in feed:
        while True:
            told = broker.advance(state, step)
            yield Batch(step, told.events, told.trades, said)
            said = {}
            broker.send(told.events)
            if told.pause == codes.DONE:
                break
            if told.pause == codes.PAUSE_ASK:
                start = None if unread else start_at(state, step, start)
                briefing = named(state, step) if unread else brief(state, step, start)
                ahead.tell(state, step, briefing)
                deliberation = decide(briefing)
                answer(state, deliberation, len(briefing.candidates))
                asked_at = (int(state.account[0]["instant"]), int(state.turn[state.account[0]["symbol_at"]]))
                said[asked_at] = _journaled(deliberation.body)


def start_at(state: State, step: Prepared, start: Start | None = None) -> Start:
    """The account at the first question of the open question's instant: what every symbol of the instant is shown, whoever was decided before it."""
    return start if start is not None and start.instant == int(state.account[0]["instant"]) else start_of(state, step)


def brief(state: State, step: Prepared, start: Start | None = None) -> Briefing:
    """All that may be known at the open question, rendered from what the engine saw.  `start`: the account at the instant's first question."""
    account, start = state.account[0], start_at(state, step, start)
    symbol = int(state.turn[account["symbol_at"]])
    rows = state.asked[:int(account["asked"])].tolist()
    context = step.world.context[int(state.symbols[symbol]["row"])].tolist()
    return Briefing(
        symbol=step.plan.symbols[symbol], known_at=int(account["instant"]), candidates=tuple(_candidate(state, step, row) for row in rows),
        context={name: _number(value) for name, value in zip(CONTEXT_COLUMNS, context, strict=True)}, account=start.account, positions=start.positions,
        exposure=start.exposure, known=KnownAt(step, int(account["instant"])), **parts(state, step, symbol))


def named(state: State, step: Prepared) -> Briefing:
    """The open question with the ids of its candidates and nothing else: enough for whoever has decided already."""
    account = state.account[0]
    symbol = step.plan.symbols[int(state.turn[account["symbol_at"]])]
    rows = state.asked[:int(account["asked"])].tolist()
    return Briefing(symbol, int(account["instant"]), tuple(Candidate(step.setup_ids[row], symbol, "", "", "", 0.0, 0.0, None, 0.0, {}) for row in rows), {}, {})


def _candidate(state: State, step: Prepared, row: int) -> Candidate:
    found = step.world.setups[row]
    return Candidate(
        setup_id=step.setup_ids[row], symbol=step.plan.symbols[int(found["symbol"])], tactic=list(step.plan.tactics)[int(found["tactic"])],
        direction=DIRECTIONS[int(found["direction"])], grade=GRADES[int(found["grade"])], entry=float(found["entry"]), stop=float(found["stop"]),
        target=_number(float(found["target"])), quality=float(found["quality"]), evidence=step.evidence[row],
        confidence=_number(float(found["confidence"])), facts=facts(state, step, row))


def _number(value: float) -> float | None:
    return value if value == value else None


def answer(state: State, deliberation: Deliberation, asked: int) -> None:
    """Hands the verdicts to the engine, which bounds every edit and runs the gates again.

    A judge that answers another number of candidates, in words or numbers that are none, after a time that cannot be or at a cost beyond the account's
    equity holds; a cost that cannot be is not charged.
    """
    account = state.account[0]
    verdicts, cost = deliberation.verdicts, deliberation.cost_usd
    payable = _is_number(cost) and (cost == 0.0 or 0.0 < cost < account["equity"])
    timely = _is_number(deliberation.latency_ns) and 0 <= deliberation.latency_ns <= LONGEST_NS
    answered = isinstance(verdicts, (tuple, list)) and len(verdicts) == asked and all(_readable(one) for one in verdicts)
    failed = bool(deliberation.failed) or not (answered and payable and timely)
    if failed:
        verdicts = (Verdict("HOLD"),) * asked
    for record, verdict in zip(state.verdicts, verdicts, strict=False):
        record["code"] = codes.VERDICTS.index(verdict.word)
        record["direction"], record["size_factor"] = verdict.direction, verdict.size_factor
        for name in EDITS:
            given = getattr(verdict, name)
            record[name] = np.nan if given is None else given
        record["reason"] = codes.REASONS.index(verdict.reason) if verdict.reason in codes.REASONS else codes.R_OK
        record["latency_ns"], record["cost_usd"], record["failed"] = int(deliberation.latency_ns) if timely else 0, 0.0, failed
    state.verdicts[0]["cost_usd"] = cost if payable else 0.0
    account["answered"] = 1


def _readable(verdict: Verdict) -> bool:
    """Whether a verdict is made of a word, a side and numbers; whether they may be is for the engine to say."""
    if not isinstance(verdict, Verdict) or not isinstance(verdict.word, str) or not isinstance(verdict.reason, str):
        return False
    numbers = [verdict.direction, verdict.size_factor, *(given for name in EDITS if (given := getattr(verdict, name)) is not None)]
    return verdict.word in codes.VERDICTS[1:] and all(_is_number(one) for one in numbers) and verdict.direction in DIRECTIONS


def _is_number(value: object) -> bool:
    """A number that fits where the engine keeps it; NaN and infinities are some."""
    if isinstance(value, bool):
        return False
    return isinstance(value, (float, np.floating)) or (isinstance(value, Integral) and abs(int(value)) < LARGEST)


def _journaled(body: object) -> dict[str, Any]:
    """What a judge said of how it decided, where a journal can hold it."""
    try:
        found = dict(body)  # type: ignore[call-overload]
        canonical({**found, "symbol": ""})                # as it is journaled
    except (TypeError, ValueError, RecursionError):
        return {"unreadable": type(body).__name__}
    return found
