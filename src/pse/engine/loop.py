"""The loop: a feed, a judge and a broker around one engine.  It yields what happened, and acts only after whoever holds it has taken that.

Backtest and paper hand it another feed and another broker; nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.domain.decisions import Briefing, Candidate, Decide, Deliberation, Verdict
from pse.domain.setups import DIRECTIONS, GRADES
from pse.domain.steps import Broker
from pse.engine.prepare import Prepared
from pse.kernels import codes
from pse.kernels.book import State
from pse.kernels.contract import CONTEXT_COLUMNS


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
    for step in feed:
        while True:
            told = broker.advance(state, step)
            yield Batch(step, told.events, told.trades, said)
            said = {}
            broker.send(told.events)
            if told.pause == codes.DONE:
                break
            if told.pause == codes.PAUSE_ASK:
                briefing = brief(state, step)
                deliberation = decide(briefing)
                answer(state, deliberation, len(briefing.candidates))
                asked_at = (int(state.account[0]["instant"]), int(state.turn[state.account[0]["symbol_at"]]))
                said[asked_at] = dict(deliberation.body)


def brief(state: State, step: Prepared) -> Briefing:
    """All that may be known at the open question: candidates, the decision row, the account.  Rendered from what the engine saw."""
    account = state.account[0]
    symbol = int(state.turn[account["symbol_at"]])
    rows = state.asked[:int(account["asked"])].tolist()
    context = step.world.context[int(state.symbols[symbol]["row"])].tolist()
    money = {name: float(account[name]) for name in ("balance", "equity", "day_start_equity", "high_water")}
    return Briefing(
        symbol=step.plan.symbols[symbol], known_at=int(account["instant"]), candidates=tuple(_candidate(step, row) for row in rows),
        context={name: _number(value) for name, value in zip(CONTEXT_COLUMNS, context, strict=True)}, account=money)


def _candidate(step: Prepared, row: int) -> Candidate:
    found = step.world.setups[row]
    return Candidate(
        setup_id=step.setup_ids[row], symbol=step.plan.symbols[int(found["symbol"])], tactic=list(step.plan.tactics)[int(found["tactic"])],
        direction=DIRECTIONS[int(found["direction"])], grade=GRADES[int(found["grade"])], entry=float(found["entry"]), stop=float(found["stop"]),
        target=_number(float(found["target"])), quality=float(found["quality"]), evidence=step.evidence[row])


def _number(value: float) -> float | None:
    return value if value == value else None


def answer(state: State, deliberation: Deliberation, asked: int) -> None:
    """Hands the verdicts to the engine, which bounds every edit and runs the gates again.

    A judge that answers another number of candidates, or in words that are none, holds.
    """
    verdicts = deliberation.verdicts
    failed = deliberation.failed or len(verdicts) != asked or not all(_readable(one) for one in verdicts)
    if failed:
        verdicts = (Verdict("HOLD"),) * asked
    for record, verdict in zip(state.verdicts, verdicts, strict=False):
        record["code"] = codes.VERDICTS.index(verdict.word)
        record["direction"], record["size_factor"] = verdict.direction, verdict.size_factor
        for name in ("entry", "stop", "target", "confidence"):
            given = getattr(verdict, name)
            record[name] = np.nan if given is None else given
        record["reason"] = codes.REASONS.index(verdict.reason) if verdict.reason in codes.REASONS else codes.R_OK
        record["latency_ns"], record["cost_usd"], record["failed"] = deliberation.latency_ns, 0.0, failed
    state.verdicts[0]["cost_usd"] = deliberation.cost_usd if 0.0 <= deliberation.cost_usd < np.inf else 0.0
    state.account[0]["answered"] = 1


def _readable(verdict: Verdict) -> bool:
    return verdict.word in codes.VERDICTS[1:] and verdict.direction in DIRECTIONS
