"""Setups of a journal, found by what a user knows of them, and what became of one in the words of its records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from pse.clock import iso
from pse.domain.errors import RequestError
from pse.reports.refused import records
from pse.store.runs import Run

MOST_NAMED = 8
LIFE = ("DECISION", "ORDER", "FILL", "PLAN", "EXIT")


@dataclass(frozen=True)
class Told:
    """One setup as the journal names it.  `by_tactic`: its own tactic turned it down, so no gate was asked."""

    setup_id: str
    ts: int
    symbol: str
    tactic: str
    direction: str
    body: dict[str, Any]
    by_tactic: bool = False

    @property
    def line(self) -> str:
        tail = "  (turned down by its tactic)" if self.by_tactic else ""
        return f"{self.setup_id[:8]}  {iso(self.ts)}  {self.symbol}  {self.direction}  {self.tactic}{tail}"


@dataclass(frozen=True)
class Became:
    """What became of a setup in a few words; `gate`: the one that refused it, nothing where none did."""

    text: str
    gate: str = ""


@dataclass
class Story:
    """What the journal says of one setup: its GATES records, why it was passed over, and the life of its order."""

    gates: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    passed_over: list[tuple[int, str]] = field(default_factory=list)
    life: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def activated_ns(self) -> int | None:
        """The open at which its order was checked."""
        return next((ts for ts, body in self.gates if body.get("stage") == "activation"), None)

    @property
    def last_ns(self) -> int:
        return max((ts for ts, _ in self.gates), default=0)


def told_setups(run: Run) -> list[Told]:
    """Every setup that the journal names, in its order; those that asked to enter and those that a tactic turned down."""
    found = []
    for kind, record, body in records(run.journal_path, ("SETUP", "PASSED_OVER")):
        if (kind == "SETUP" and body.get("kind") == "ENTER") or body.get("by") == "tactic":
            found.append(Told(str(body.get("setup_id")), int(record.get("ts") or 0), str(body.get("symbol")), str(body.get("tactic")),
                              str(body.get("direction")), body, kind != "SETUP"))
    return found


def entries(run: Run) -> list[Told]:
    """Every setup that asked to enter."""
    return [one for one in told_setups(run) if not one.by_tactic]


def outcomes(run: Run) -> dict[str, Became]:
    """What became of every setup, by its id: traded, refused by the gate that said no first in its last round, passed over, or not filled."""
    found: dict[str, Became] = {}
    for kind, _, body in records(run.journal_path, ("GATES", "PASSED_OVER", "DECISION", "ORDER", "EXIT")):
        setup = str(body.get("setup_id"))
        said = _BECAME[kind](body)
        held = found.get(setup)
        if kind == "GATES" and said is None and held is not None and held.gate:
            del found[setup]                                   # a later round let it through
        elif said is not None and not (kind in ("PASSED_OVER", "DECISION", "ORDER") and held is not None and (held.gate or held.text.startswith("traded"))):
            found[setup] = said
    return found


def _gated(body: dict[str, Any]) -> Became | None:
    no = next((gate for gate in body.get("gates") or [] if gate[1] is False), None)
    where = " at its activation" if body.get("stage") == "activation" else ""
    return None if no is None else Became(f"refused by {no[0]}{where}: {no[4]}", str(no[0]))


def _decided(body: dict[str, Any]) -> Became:
    return Became("approved" if body.get("decision") == "APPROVE" else f"turned down by whoever decides: {body.get('reason')}")


def _ended(body: dict[str, Any]) -> Became | None:
    """Of orders only the end of an entry that was not filled."""
    return Became(f"approved, not filled: {body.get('reason')}") if body.get("leg") == "ENTRY" and body.get("action") == "CANCEL" else None


_BECAME: dict[str, Callable[[dict[str, Any]], Became | None]] = {
    "GATES": _gated, "PASSED_OVER": lambda body: Became(f"passed over: {body.get('reason')}"), "DECISION": _decided, "ORDER": _ended,
    "EXIT": lambda body: Became(f"traded: {body.get('reason')}, {body.get('r'):+.2f} R")}


def gone_first(run: Run, one: Told, reason: str) -> Told | None:
    """The setup for whose sake another of its symbol and instant was passed over, where the journal tells of it.

    Of the same idea: of its direction, with what it rests on in common where there are several.  Of a conflict: the best of the other direction.  Of a better
    one: the best that was kept.
    """
    here = [other for other in entries(run) if other.ts == one.ts and other.symbol == one.symbol and other.setup_id != one.setup_id]
    if reason == "SAME_IDEA":
        here = [other for other in here if other.body.get("selection") != "SAME_IDEA" and other.direction == one.direction]
        common = [other for other in here if _rests_on(other) & _rests_on(one)]
        here = common or here
    elif reason == "CONFLICT":
        here = [other for other in here if other.direction != one.direction and other.body.get("selection") == "CONFLICT"]
    elif reason == "SUPERSEDED":
        here = [other for other in here if other.body.get("selection") == "KEPT"]
    else:
        return None
    return max(here, key=lambda other: float(other.body.get("rank") or 0.0), default=None)


def _rests_on(one: Told) -> set[str]:
    return set(map(str, (one.body.get("evidence") or {}).get("objects") or []))


def chosen(run: Run, setup: str | None, last: bool, symbol: str | None, at_ns: int | None, tactic: str | None,
           among: Collection[str] | None = None) -> tuple[Told | None, list[Told]]:
    """The setup that is meant, or None and the choices.  Raises `RequestError` where there is none.  among: ids, None for all."""
    every = told_setups(run)
    if not every:
        raise RequestError(f"run {run.run_id} told of no setup at all, so there is none to explain; `pse runs show {run.run_id}` says what it ran over")
    every = [one for one in every if among is None or one.setup_id in among]
    known = every if setup is not None else [one for one in every if not one.by_tactic] or every
    if symbol is not None and symbol not in {one.symbol for one in every}:
        raise RequestError(f"run {run.run_id} told of no setup of {symbol}; it did of {', '.join(sorted({one.symbol for one in every})) or 'none at all'}")
    if tactic is not None and tactic not in {one.tactic for one in every}:
        raise RequestError(f"run {run.run_id} told of no setup of the tactic {tactic}; it did of {', '.join(sorted({one.tactic for one in every})) or 'none'}")
    found = [one for one in known if symbol in (None, one.symbol) and tactic in (None, one.tactic)]
    if setup is not None:
        found = _by_id(run, found, setup)
    if at_ns is not None:
        found = _at(found, at_ns)
    if not found:
        raise RequestError(f"run {run.run_id} told of no such setup; without a choice `pse risk explain {run.run_id}` lists what there is")
    if last or len(found) == 1:
        return found[-1], []
    return None, found


def _by_id(run: Run, known: list[Told], asked: str) -> list[Told]:
    """Setups whose id begins so; a plan's or trade's id names its setup."""
    found = [one for one in known if one.setup_id.startswith(asked.lower())]
    if not found:
        plans = {str(body.get("plan_id")): str(body.get("setup_id")) for _, _, body in records(run.journal_path, ("DECISION",)) if body.get("plan_id")}
        of_plan = {setup for plan, setup in plans.items() if plan.startswith(asked.lower())}
        found = [one for one in known if one.setup_id in of_plan]
    if not found:
        raise RequestError(f"no setup of run {run.run_id} has an id that begins with {asked!r} ({_counted(known)}); give more or less of it, "
                           f"or `--last`, `--symbol`, `--at`, `--tactic`")
    ids = list(dict.fromkeys(one.setup_id for one in found))
    if len(ids) > 1:
        named = "; ".join(one.line for one in found[:MOST_NAMED])
        raise RequestError(f"{asked!r} is how the ids of {len(ids):,} setups begin: {named}{' ...' if len(found) > MOST_NAMED else ''}; give more of the id")
    return found[-1:]


def _counted(known: list[Told]) -> str:
    """How many there are, and how many of them no gate was ever asked about."""
    own = sum(one.by_tactic for one in known)
    return f"{len(known) - own:,} setups asked to enter" + (f", {own:,} more were turned down by their own tactic" if own else "")


def _at(found: list[Told], at_ns: int) -> list[Told]:
    """Those decided at a moment, else at the last decision before it that had any."""
    moments = [one.ts for one in found if one.ts <= at_ns]
    return [one for one in found if moments and one.ts == moments[-1]]


def story(run: Run, setup_id: str) -> Story:
    """What the journal says of one setup."""
    found, plans = Story(), set()
    for kind, record, body in records(run.journal_path, ("GATES", "PASSED_OVER", *LIFE)):
        mine = body.get("setup_id") == setup_id or (body.get("plan_id") is not None and body.get("plan_id") in plans)
        if not mine:
            continue
        ts = int(record.get("ts") or 0)
        if body.get("plan_id"):
            plans.add(body["plan_id"])
        if kind == "GATES":
            found.gates.append((ts, body))
        elif kind == "PASSED_OVER":
            found.passed_over.append((ts, str(body.get("reason"))))
        else:
            found.life.append((ts, kind, body))
    return found


def life_lines(found: Story) -> Iterator[tuple[int, str]]:
    """Moment and words of what became of it after its gates."""
    for ts, kind, body in found.life:
        text = _WORDS[kind](body)
        if text:
            yield ts, text


def _decision(body: dict[str, Any]) -> str:
    quantity = f", quantity {body.get('quantity'):g}" if body.get("quantity") else ""
    verdict = f"the verdict was {body.get('verdict')}" if body.get("verdict") != body.get("decision") else "as the verdict"
    return f"decision {body.get('decision')}{quantity} ({verdict})" + ("" if body.get("reason") == "OK" else f": {body.get('reason')}")


def _order(body: dict[str, Any]) -> str:
    price = "" if body.get("price") is None else f" at {body.get('price'):,.10g}"
    reason = "" if body.get("reason") in ("OK", None) else f": {body.get('reason')}"
    return f"order {body.get('action')} {body.get('leg')} {body.get('type')} {body.get('side')} {body.get('quantity'):g} {body.get('contract')}{price}{reason}"


def _fill(body: dict[str, Any]) -> str:
    return f"filled {body.get('leg')} {body.get('quantity'):g} at {body.get('price'):,.10g}, fee {body.get('fee_usd'):,.2f}"


def _plan(body: dict[str, Any]) -> str:
    return f"plan version {body.get('version')}: {body.get('state')}, {body.get('reason')}, stop {body.get('stop'):,.10g}, held {body.get('held'):g}"


def _exit(body: dict[str, Any]) -> str:
    return f"closed: {body.get('reason')}, net {body.get('net_usd'):,.2f}, {body.get('r'):+.2f} R"


_WORDS = {"DECISION": _decision, "ORDER": _order, "FILL": _fill, "PLAN": _plan, "EXIT": _exit}
