"""Why a setup was approved or refused: every gate of every round, what it measured against what it allows, and what would have had to be different.

A round is one stage for one contract.  All figures are the engine's: the instant is lived again from the run's own inputs, and each way out is a value
that was put back and seen to pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pse.agents.rules import decide as rules
from pse.domain.decisions import Decide
from pse.domain.setups import DIRECTIONS
from pse.engine.border import border
from pse.engine.levers import Case, Held, Lever, Switch, levers
from pse.engine.moments import Change, Instant, Trial
from pse.engine.prepare import Prepared
from pse.engine.records import contract_of, point_value_of
from pse.engine.state import live_slots
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.book import State

SEVERAL = {"breakers", "data", "session", "directional", "cooldown", "daily_loss"}          # gates of several questions, asked in a row


@dataclass(frozen=True)
class WayOut:
    """One thing that would have let a gate pass.

    `needed`: the number nearest to `now` at which it passes (one step before it does not), None for what is so or not.  `then`: what would have become of
    the setup with this alone: OK with a `quantity`, or the next reason.  `setting`: the limit's name, where it is one.
    """

    what: str
    unit: str
    now: float | None
    needed: float | None
    then: str
    quantity: float | None
    setting: str = ""

    @property
    def bound(self) -> str:
        """`at least` or `at most`; nothing for what is so or not."""
        if self.now is None or self.needed is None:
            return ""
        return "at least" if self.needed > self.now else "at most"


@dataclass(frozen=True)
class Answered:
    """One gate's answer.  `number`: its place in the table, from 1."""

    number: int
    gate: str
    passed: bool
    measured: float | None
    allowed: float | None
    code: str
    ways_out: tuple[WayOut, ...] = ()


@dataclass(frozen=True)
class Round:
    """All gates that were asked in one stage for one contract, in the order of the table."""

    ts: int
    stage: str
    contract: str
    micro: int
    gates: tuple[Answered, ...]

    @property
    def refused_by(self) -> Answered | None:
        """The first in table order that said no."""
        return next((gate for gate in self.gates if not gate.passed), None)


@dataclass(frozen=True)
class Asked:
    """What was asked for after the verdict's edits: prices as traded, and the part of the size that a judge left."""

    stop: float
    target: float
    size_factor: float


@dataclass(frozen=True)
class Explained:
    """A setup with all its rounds, and what its verdict asked for; `instants`: how each stage can be lived again."""

    row: int
    side: int
    rounds: tuple[Round, ...]
    decision: str
    reason: str
    quantity: float
    asked: Asked
    instants: dict[str, Instant] = field(default_factory=dict, repr=False, compare=False)

    @property
    def refused_by(self) -> tuple[Round, Answered] | None:
        """The gate whose no ended it, with its round: the first no of the last round."""
        last = self.rounds[-1] if self.rounds else None
        return None if last is None or last.refused_by is None else (last, last.refused_by)


def explained(prepared: Prepared, row: int, activated_ns: int | None = None, ways: bool = True, state: State | None = None,
              decide: Decide = rules) -> Explained:
    """The story of setup row `row`.  `decide`: who gave the verdicts of the run.

    `activated_ns`: open of the bar at which its order was checked, where it came so far.  `ways`: with the ways out.  `state`: the engine's just before the
    decision, where the caller has it already.
    """
    setups = prepared.world.setups
    decided = int(setups["ts"][row])
    instant = Instant(prepared, row, decided - 1, decided, state=state, decide=decide)
    events = instant.lived()
    instants = {"before": instant, "after": instant}
    if activated_ns is not None:
        bar = _bar(prepared, int(setups["symbol"][row]), activated_ns)
        after = Instant(prepared, row, int(prepared.tape.ts_close[bar]) - 1, int(prepared.tape.ts_close[bar]), bar, decide=decide)
        instants["activation"] = after
        events = np.concatenate([events, after.lived()])
    decision, reason, quantity = _end(events)
    side = _side(events, int(setups["direction"][row]))
    found = tuple(_with_ways(one, instants[one.stage], side) if ways else one for one in _rounds(prepared, row, events))
    return Explained(row, side, found, decision, reason, quantity, _asked(events, setups[row]), instants)


def _bar(prepared: Prepared, symbol: int, opens_ns: int) -> int:
    tape = prepared.tape
    return int(np.flatnonzero((tape.ts == opens_ns) & (tape.symbol == symbol))[0])


def _side(events: np.ndarray, direction: int) -> int:
    """The side on which it was asked: the setup's, or of one of either direction that which was chosen, else long."""
    decided = events[events["kind"] == c.E_DECISION]
    chosen = int(decided["f"][-1]) if decided.size else 0
    return direction or chosen or 1


def _asked(events: np.ndarray, row: Any) -> Asked:
    """The figures of the verdict; the setup's own where nobody gave one."""
    decided = events[events["kind"] == c.E_DECISION]
    if not decided.size:
        return Asked(float(row["stop"]), float(row["target"]), 1.0)
    return Asked(*(float(decided[name][-1]) for name in ("c", "d", "e")))


def _end(events: np.ndarray) -> tuple[str, str, float]:
    """(decision, reason, quantity) of what is told of a setup: the verdict's outcome, or why nobody was asked."""
    decided, over = (events[events["kind"] == kind] for kind in (c.E_DECISION, c.E_PASSED_OVER))
    if decided.size:
        last = decided[-1]
        return c.VERDICTS[int(last["i"])], c.REASONS[int(last["code"])], float(last["a"])
    return ("PASSED_OVER", c.REASONS[int(over[-1]["code"])], 0.0) if over.size else ("", "", 0.0)


def _rounds(prepared: Prepared, row: int, events: np.ndarray) -> Iterator[Round]:
    """The gates' events as rounds, in the order in which they were asked."""
    symbol = int(prepared.world.setups["symbol"][row])
    gates: list[Any] = events[events["kind"] == c.E_GATES].tolist()
    names = events.dtype.names or ()
    parts: list[list[dict[str, Any]]] = []
    for one in (dict(zip(names, values, strict=True)) for values in gates):
        last = parts[-1][-1] if parts else None
        if last is None or (last["i"], last["c"], last["ts"]) != (one["i"], one["c"], one["ts"]) or one["j"] <= last["j"]:
            parts.append([])
        parts[-1].append(one)
    for part in parts:
        micro = int(part[0]["c"])
        answers = sorted((_answered(one) for one in part), key=lambda one: one.number)
        yield Round(int(part[0]["ts"]), c.STAGES[int(part[0]["i"])], contract_of(prepared, symbol, micro), micro, tuple(answers))


def _answered(event: dict[str, Any]) -> Answered:
    measured, allowed = (None if value != value else float(value) + 0.0 for value in (event["a"], event["b"]))
    return Answered(int(event["j"]) + 1, c.GATES[int(event["j"])], bool(event["k"]), measured, allowed, c.REASONS[int(event["code"])])


# --- ways out -------------------------------------------------------------------------------------------------------------------------------------


def _with_ways(one: Round, instant: Instant, side: int) -> Round:
    if one.refused_by is None:
        return one
    case = case_of(instant, side, one.micro, c.STAGES.index(one.stage))
    return Round(one.ts, one.stage, one.contract, one.micro, tuple(gate if gate.passed else _solved(one, gate, case) for gate in one.gates))


def case_of(instant: Instant, side: int, micro: int, stage: int) -> Case:
    """What the engine read at an instant, by name."""
    world, row = instant.world, instant.row
    context = dict(zip(k.CONTEXT_COLUMNS, world.context[instant.context_row].tolist(), strict=True))
    price_now = float(instant.prepared.tape.open[instant.bar]) if instant.bar >= 0 else context["CLOSE"]
    return Case(instant, _named(world.setups[row]), context, _named(world.policy[0]), _named(world.instruments[instant.symbol]), side, micro, stage,
                price_now, positions(instant))


def _named(record: Any) -> dict[str, Any]:
    return dict(zip(record.dtype.names, record.tolist(), strict=True))


def positions(instant: Instant) -> Sequence[Held]:
    """The live plans just before an instant, but that of the setup itself."""
    state, prepared = instant.before, instant.prepared
    found = []
    for slot in live_slots(state):
        one = state.plans[slot]
        symbol, micro = int(one["symbol"]), int(one["micro"])
        row = int(state.symbols["row"][symbol])
        rate = float(prepared.world.context[row, k.C_RATE]) if row >= 0 else float("nan")
        what = "the position" if one["held"] > 0.0 else "the order"
        quantity = float(one["held"] if one["held"] > 0.0 else one["quantity"])
        if int(one["setup"]) != instant.row:
            tactic = list(prepared.plan.tactics)[int(one["tactic"])]
            name = f"{what} {contract_of(prepared, symbol, micro)} {DIRECTIONS[int(one['direction'])]} {quantity:g} of {tactic}"
            found.append(Held(slot, name, point_value_of(prepared, symbol, micro) * (rate if rate == rate else float(one["rate"]))))
    return found


def _solved(where: Round, gate: Answered, case: Case) -> Answered:
    """The gate's answer with the ways out of its refusal."""
    found = []
    for one in levers(gate.code, case):
        way = _switched(one, where, gate, case) if isinstance(one, Switch) else _turned(one, where, gate, case)
        if way is not None:
            found.append(way)
    return Answered(gate.number, gate.gate, gate.passed, gate.measured, gate.allowed, gate.code, tuple(found))


def _switched(one: Switch, where: Round, gate: Answered, case: Case) -> WayOut | None:
    events = case.instant.lived(one.put)
    return WayOut(one.what, "", None, None, *_then(events), one.setting) if _passes(events, where, gate) else None


def _turned(lever: Lever, where: Round, gate: Answered, case: Case) -> WayOut | None:
    def change(value: float) -> Change:
        def made(trial: Trial) -> None:
            lever.put(trial, value)
        return made

    needed = border(lever, lambda value: _passes(case.instant.lived(change(value)), where, gate))
    if needed is None:
        return None
    return WayOut(lever.what, lever.unit, lever.show(lever.now), lever.show(needed), *_then(case.instant.lived(change(needed))), lever.setting)


def _passes(events: np.ndarray, where: Round, gate: Answered) -> bool:
    """Whether the gate says yes in that round, or to this question at least where it asks several.

    A round that is not needed any more (the contract fits without its micro) is a yes too.
    """
    told = events[events["kind"] == c.E_GATES]
    mine = told[(told["j"] == gate.number - 1) & (told["i"] == c.STAGES.index(where.stage)) & (told["c"] == where.micro)]
    if mine.size:
        return bool(mine["k"][-1]) or (gate.gate in SEVERAL and c.REASONS[int(mine["code"][-1])] != gate.code)
    return bool(where.micro) and _end(events)[2] > 0.0


def _then(events: np.ndarray) -> tuple[str, float | None]:
    """(reason, quantity) that the setup would have ended its decision with; of an order's activation that of its gates."""
    decision, reason, quantity = _end(events)
    if decision == "":
        no = events[(events["kind"] == c.E_GATES) & (events["k"] == 0)]
        return (c.REASONS[int(no["code"][0])] if no.size else "OK"), None
    return ("OK", quantity) if quantity > 0.0 else (reason, None)
