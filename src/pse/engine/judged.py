"""What a run's journal says of its judge, setup by setup, beside the shadow of each: what its worth is reckoned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.domain.setups import DIRECTIONS
from pse.engine.rejudged import Lived, Rejudged, question_of
from pse.engine.shadows import Priced, Shadow, price_all
from pse.kernels import codes as c
from pse.kernels.book import State
from pse.kernels.contract import C_MCS
from pse.research.overrides import NO, Judgement, Outcome

CHAIN = "chain"                                  # who said no where no pass did: it could not answer, or came to nothing
NO_WORD = ("SUPERSEDED", "NO_OPINION")           # reasons of a candidate beside the one that was taken


@dataclass(frozen=True, eq=False)
class Case:
    """A setup that was asked about.  `without`: the run with the judge's word on it taken away, None where that was not lived.  Where that run came to
    questions that nobody was asked, the account says as much of holding them as of the word: its effect is not known."""

    judgement: Judgement
    priced: Priced
    direction: str
    without: Lived | None = None


def cases(run: Rejudged, actual: Lived, most: int) -> Iterator[Case]:
    """Every setup that the judge was asked about, in order of time; the first `most` that it turned down or edited with the run without its word."""
    priced, states = price_all(run)
    taken = taken_questions(run)
    lived = 0
    for name, row in sorted(run.rows.items(), key=lambda item: item[1]):
        if row not in priced:
            continue
        outcome = outcome_of(run, row, taken)
        if outcome == "REFUSED" and (edited := priced[row].modified) is not None and edited.status == "REFUSED":
            outcome = "MODIFIED"                               # a gate refuses what the edit left, even alone: the edit ended it
        without = None
        if row in states and outcome in ("VETOED", "MODIFIED") and priced[row].original.status != "NO_SIDE" and lived < most:
            lived += 1
            without = run.without_veto(row, states[row])
        worth = actual.equity - without.equity if without is not None and not without.unseen else None
        yield Case(_judgement(run, name, row, priced[row], outcome, worth), priced[row],
                   DIRECTIONS[int(run.prepared.world.setups["direction"][row])], without)


def taken_questions(run: Rejudged) -> set[tuple[int, str]]:
    """Questions of which a candidate was let through by the judge."""
    return {question_of(run.prepared, row) for name, row in run.rows.items() if run.said.verdicts[name].word in ("APPROVE", "MODIFY")}


def outcome_of(run: Rejudged, row: int, taken: set[tuple[int, str]]) -> Outcome:
    """What became of a setup by the judge's word.

    One that it left for another of its question, or said nothing of where a better one stood beside it, was not turned down for its own sake.  One that it
    let through beyond what it may was.
    """
    name = run.prepared.setup_ids[row]
    ts, body = run.said.decided[name]
    verdict, reason = str(body["verdict"]), str(body["reason"])
    if verdict in ("APPROVE", "MODIFY"):
        if body["decision"] not in ("APPROVE", "MODIFY"):
            return "VETOED" if reason in ("AUTHORITY", "ENTRY_EDIT") else "REFUSED"
        return "MODIFIED" if verdict == "MODIFY" else "APPROVED"
    beside = question_of(run.prepared, row) in taken or first_of(run, row) != row
    return "SUPERSEDED" if reason in NO_WORD and beside else "VETOED"


def first_of(run: Rejudged, row: int) -> int:
    """The candidate of a row's question that rules would have taken; -1 where that is none."""
    body = run.said.deliberations.get(question_of(run.prepared, row), {})
    direction = run.prepared.world.setups["direction"]
    rows = [run.rows[name] for name in body.get("candidates") or () if name in run.rows]
    return next((one for one in rows if direction[one] != 0), -1)


def _judgement(run: Rejudged, name: str, row: int, priced: Priced, outcome: Outcome, portfolio: float | None) -> Judgement:
    prepared = run.prepared
    question = question_of(prepared, row)
    body = run.said.deliberations.get(question, {})
    said = words_of(body, name)
    no = next((role for role, one in said.items() if one["verdict"] in NO), CHAIN) if outcome == "VETOED" else ""
    speaker = said.get(no) or (list(said.values())[-1] if said else {})
    original = priced.original
    return Judgement(
        name, question[0], session_of(prepared, question[0]), question[1], list(prepared.plan.tactics)[int(prepared.world.setups["tactic"][row])], outcome,
        original.r if original.known else None, original.status == "FILLED", priced.modified_r if outcome == "MODIFIED" else None,
        {role: one["verdict"] for role, one in said.items()}, no, str(run.said.decided[name][1]["reason"]),
        tuple(sorted({flag for one in said.values() for flag in one["flags"]})), regime_at(prepared, row), str(speaker.get("model") or ""),
        run.said.decided[name][1]["decision"] in ("APPROVE", "MODIFY"), portfolio)


def words_of(body: Mapping[str, Any], setup_id: str) -> dict[str, dict[str, Any]]:
    """What each role said of a setup, in the order in which they spoke, the last round alone: verdict, flags, reason, model.

    A pass that names no setup speaks of all; who had no word on this one is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    passes = body.get("passes") or ()
    for one in passes if body.get("by") == "agents" else ():
        each = {str(own.get("setup_id")): own for own in one.get("each") or () if isinstance(own, Mapping)}
        own = each.get(setup_id) if each else one if one.get("setup_id") in (None, setup_id) else None
        if own is None or one.get("verdict") is None:
            continue
        role = str(one.get("role"))
        found.pop(role, None)
        found[role] = {"verdict": str(own.get("verdict")), "reason": str(own.get("reason") or ""), "model": one.get("model"),
                       "flags": [str(flag) for flag in one.get("flags") or ()] if one.get("setup_id") in (None, setup_id) else []}
    return found


def session_of(prepared: Any, ts: int) -> int:
    """Trading day yyyymmdd of a decision: that of the last bar closed by then."""
    tape = prepared.tape
    at = int(np.searchsorted(tape.ts_close, ts, side="right")) - 1
    return int(tape.day[max(at, 0)]) if tape.day.size else 0


def regime_at(prepared: Any, row: int) -> str:
    """The market's state at the decision of a setup row."""
    world = prepared.world
    ts, symbol = int(world.setups["ts"][row]), int(world.setups["symbol"][row])
    first, last = np.searchsorted(world.row_ts, (ts, ts + 1))
    for at in range(int(first), int(last)):
        if world.row_symbol[at] == symbol:
            code = world.context[at, C_MCS]
            return c.MARKET_STATES[int(code)] if code == code else c.MARKET_STATES[0]
    return c.MARKET_STATES[0]


# --- for the ablation ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Questions:
    """Of the run's questions those in which rules would have taken a setup: `first` int64 rows of these, `refused` how many of them the judge left without
    taking any; `sizes` float64[questions - refused] the part of its size that it left to the setup that it took in each of the others."""

    first: np.ndarray
    refused: int
    sizes: np.ndarray


def questions_of(run: Rejudged) -> tuple[Questions, Lived]:
    """The run's questions, and the run as it was."""
    first, sizes = list[int](), list[float]()
    direction = run.prepared.world.setups["direction"]

    def look(state: State, rows: np.ndarray) -> None:
        best = next((row for row in rows.tolist() if direction[row] != 0), -1)
        if best < 0:
            return
        first.append(best)
        taken = rows[np.isin(run.verdicts["code"][rows], (c.APPROVE, c.MODIFY))]
        if taken.size:
            sizes.append(float(run.verdicts["size_factor"][taken[0]]))

    lived = run.as_it_was(look)
    return Questions(np.array(first, np.int64), len(first) - len(sizes), np.array(sizes)), lived


def shadow_data(one: Shadow) -> dict[str, Any]:
    """A shadow for a table."""
    return {"status": one.status, "ended": one.code, "r": one.r if one.known else None, "net": one.net if one.known else None, "quantity": one.quantity,
            "one_lot": one.one_lot}


def same_as(lived: Lived, net: Sequence[float]) -> bool:
    """Whether the run lived again closed the trades that it closed then."""
    return lived.trades.size == len(net) and bool(np.allclose(np.sort(lived.trades["net"]), np.sort(np.array(net, float)), atol=1e-5, rtol=0.0))
