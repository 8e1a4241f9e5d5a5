"""`pse risk explain`, `portfolio`, `policy` and `gates`: why a setup was approved or refused, what is open at a moment, and the limits behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso
from pse.commands.judging import RULES, who_decided
from pse.commands.rerun import inputs_of, prepared_until
from pse.commands.risk_stories import Became, Told, chosen, entries, gone_first, life_lines, outcomes, story, told_setups
from pse.commands.wiring import Answer, Context
from pse.domain.bars import timeframe_ns
from pse.domain.errors import RequestError, UnknownName
from pse.engine.explain import Explained, explained
from pse.engine.moments import played
from pse.engine.portfolio import Portfolio, portfolio_of
from pse.engine.records import measures as journaled
from pse.engine.sizing_steps import sizing_steps
from pse.features.requests import Parameter
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.proposal import rests_away
from pse.reports.reasons import sentence
from pse.reports.refused import records
from pse.research.books import books
from pse.risk.gate_words import BY_NAME, GATES, REASONS, STAGES, reason_of, used_by
from pse.risk.policy import RiskPolicy
from pse.settings import Settings, load_settings
from pse.store.runs import Run, check_journal, load_run
from pse.tactics.parameters import kind_of, parameters

if TYPE_CHECKING:

    from pse.commands.risk_stories import Story
    from pse.engine.prepare import Prepared

MOST_CHOICES = 30
MONEY_LINES = ("FILL", "CHARGE")


# --- explain -------------------------------------------------------------------------------------------------------------------------------------


def run_explain(context: Context, run_id: str, setup: str | None = None, last: bool = False, symbol: str | None = None, at_ns: int | None = None,
                tactic: str | None = None, refused: bool = False, gate: str | None = None) -> Answer:
    """Every gate of one journaled setup, its sizing, and what would have had to be different; the choices where several are meant.

    `refused`, `gate`: only setups that a gate refused, or this one.
    """
    from pse.commands import risk_views

    if gate is not None and gate not in BY_NAME:
        raise UnknownName("gate", gate, BY_NAME)
    run = load_run(context.home, run_id)
    check_journal(run)
    became = outcomes(run)
    among = {name for name, end in became.items() if end.gate and gate in (None, end.gate)} if refused or gate else None
    one, choices = chosen(run, setup, last, symbol, at_ns, tactic, among) if any((setup, last, symbol, at_ns, tactic, among is not None)) else (
        None, entries(run))
    if one is None:
        data = _choices(run, choices, became)
        return Answer(data, lambda console: risk_views.show_choices(console, data))
    if one.by_tactic:
        data = {"run_id": run.run_id, "setup": {**_named(one), **one.body}, "choices": None, "decision": "PASSED_OVER",
                "reason": one.body.get("reason"), "rounds": []}
        return Answer(data, lambda console: risk_views.show_refused_find(console, one))
    told, inputs = story(run, one.setup_id), inputs_of(context, run)
    until = max(told.last_ns, one.ts) + timeframe_ns(inputs.plan.base_timeframe)
    with context.progress() as progress:
        progress.add_task("playing the run to that moment", total=None)
        prepared = prepared_until(context, inputs, until, ask=run.manifest.decide != RULES)
        found = explained(prepared, _row(prepared, one), told.activated_ns, decide=who_decided(run.manifest.decide, run.journal_path))
    if not _as_journaled(found, told):
        context.warn("the engine of this version says other figures than the journal; those below are the engine's. `pse prove` names the first difference")
    data = {"run_id": run.run_id, **_explained_data(prepared, found, one, told), "gone_first": _first(run, one, told)}
    return Answer(data, lambda console: risk_views.show_explained(console, data))


def _choices(run: Run, choices: list[Told], became: Mapping[str, Became]) -> dict[str, Any]:
    """The last of the setups that may be meant, each with what became of it; `setups`: all of them, `turned_down`: those that their own tactic turned down."""
    shown = [{**_named(one), "line": one.line, "became": became.get(one.setup_id, Became("")).text} for one in choices[-MOST_CHOICES:]]
    own = sum(one.by_tactic for one in told_setups(run))
    return {"run_id": run.run_id, "setup": None, "choices": shown, "setups": len(choices), "turned_down": own}


def _first(run: Run, one: Told, told: Story) -> dict[str, Any] | None:
    """The setup that went before one that was passed over."""
    found = gone_first(run, one, told.passed_over[-1][1]) if told.passed_over else None
    return None if found is None else _named(found)


def _rests(found: Explained) -> bool:
    """Whether the entry is a limit away from the close of its decision: at its activation only the stop is asked of such a one."""
    instant = found.instants["before"]
    world, row = instant.world, instant.world.setups[found.row]
    tick = float(world.instruments["tick"][instant.symbol])
    return bool(rests_away.py_func(row["order_type"], float(row["entry"]), float(world.context[instant.context_row, k.C_CLOSE]), tick))


def _named(one: Told) -> dict[str, Any]:
    return {"setup_id": one.setup_id, "at": iso(one.ts), "symbol": one.symbol, "tactic": one.tactic, "direction": one.direction}


def _row(prepared: Prepared, one: Told) -> int:
    """The row of a journaled setup; ids are made from what it rests on, so the same inputs have it again."""
    setups = prepared.world.setups
    for row in np.flatnonzero(setups["ts"] == one.ts).tolist():
        if prepared.setup_ids[row] == one.setup_id:
            return row
    raise RequestError(f"the setup {one.setup_id} is not found again from the run's inputs; `pse prove` says whether the run is still what it was")


def _as_journaled(found: Explained, told: Story) -> bool:
    """Whether the engine said of every gate what the journal says."""
    own = {(one.stage, one.contract): [[gate.gate, gate.passed, *journaled(np.array([np.nan if value is None else value
                                                                                     for value in (gate.measured, gate.allowed)])), gate.code]
                                       for gate in one.gates] for one in found.rounds}
    said = {(str(body.get("stage")), str(body.get("contract"))): body.get("gates") for _, body in told.gates}
    return all(sorted(map(str, said.get(key) or [])) == sorted(map(str, gates)) for key, gates in own.items()) and set(own) == set(said)


def _explained_data(prepared: Prepared, found: Explained, one: Told, told: Story) -> dict[str, Any]:
    row = prepared.world.setups[found.row]
    refused, rests = found.refused_by, _rests(found)
    names = ("entry", "stop", "target", "target2", "size_multiple", "quality", "confidence")
    levels = {name: None if row[name] != row[name] else float(row[name]) for name in names}
    return {
        "setup": {**_named(one), "label": one.body.get("label"), "grade": one.body.get("grade"), "order_type": one.body.get("order_type"), **levels,
                  "risk_points": abs(float(row["entry"]) - float(row["stop"])), "selection": one.body.get("selection")},
        "currency": prepared.plan.currency, "decision": found.decision, "reason": found.reason, "quantity": found.quantity,
        "refused_by": None if refused is None else {"stage": refused[0].stage, "contract": refused[0].contract, "gate": refused[1].gate,
                                                    "code": refused[1].code},
        "rounds": [{"at": iso(one.ts), "stage": one.stage, "contract": one.contract,
                    "gates": [{**asdict(gate), "only_stop": rests and gate.passed and (one.stage, gate.gate) == ("activation", "bracket"),
                               "unit": reason_of(gate.gate, "" if gate.passed else gate.code).kind,
                               "ways_out": [{**asdict(way), "bound": way.bound} for way in gate.ways_out]} for gate in one.gates]} for one in found.rounds],
        "sizing": [{"contract": contract, "steps": [asdict(step) for step in steps]} for contract, steps in sizing_steps(found)],
        "passed_over": [reason for _, reason in told.passed_over],
        "life": [{"at": iso(ts), "text": text} for ts, text in life_lines(told)],
    }


# --- portfolio -----------------------------------------------------------------------------------------------------------------------------------


def run_portfolio(context: Context, run_id: str, at_ns: int | None = None) -> Answer:
    """Everything open at a moment of a run, its risk, and what the limits leave room for; without a moment just before the end."""
    from pse.commands import risk_views

    run = load_run(context.home, run_id)
    check_journal(run)
    inputs = inputs_of(context, run)
    if at_ns is not None and not inputs.start_ns <= at_ns <= inputs.end_ns:
        raise RequestError(f"--at {iso(at_ns)} lies outside the run, which goes from {iso(inputs.start_ns)} to {iso(inputs.end_ns)}; give a moment inside")
    moment = inputs.end_ns if at_ns is None else at_ns
    with context.progress() as progress:
        progress.add_task("playing the run to that moment", total=None)
        prepared = prepared_until(context, inputs, moment, ask=run.manifest.decide != RULES)
        state, events = played(prepared, moment, who_decided(run.manifest.decide, run.journal_path))
        found = portfolio_of(prepared, state, moment)
    data = {"run_id": run.run_id, "at": iso(moment), "portfolio": found.data(), "holdings": _holdings(run, found, events)}
    return Answer(data, lambda console: risk_views.show_portfolio(console, data))


def _holdings(run: Run, found: Portfolio, events: np.ndarray) -> list[dict[str, Any]]:
    """What is held and was earned of each contract until then, by average cost and first in, first out, told by the journal's own lines.

    `events`: what the engine said until then; the journal has a line for each that moves money.
    """
    count = int(np.isin(events["kind"], [c.EVENTS.index(kind) for kind in MONEY_LINES]).sum())
    lines = [(kind, int(record.get("ts") or 0), body) for kind, record, body in islice(records(run.journal_path, MONEY_LINES), count)]
    if any(kind == "FILL" and "side" not in body for kind, _, body in lines):
        return []                                        # a journal of before fills named their side
    told = books(lines, found.balance_usd)
    marks = {one.contract: one.price for one in found.positions}
    return told.positions(marks).to_dicts()


# --- policy and gates ----------------------------------------------------------------------------------------------------------------------------


def run_policy(context: Context, desk: str | None = None, profile: str | None = None) -> Answer:
    """Every limit of a desk's profile: value, bounds, meaning, where it was written and which gate reads it."""
    from pse.commands import risk_views

    settings = load_settings(context.home.root, context.config, context.overrides, any_desk=True)
    if desk is not None and desk not in settings.desks:
        if desk in settings.risk_policies:
            raise RequestError(f"no desk named {desk!r}, it is a profile; its limits are shown by `pse risk policy --profile {desk}`")
        raise UnknownName("desk", desk, settings.desks)
    if profile is not None and profile not in settings.risk_policies:
        raise UnknownName("risk profile", profile, settings.risk_policies)
    name = profile or settings.desks[desk or settings.desk].risk
    policy = settings.risk_policies[name]
    limits = list(_limits(settings, name, policy))
    desks = sorted(one for one, other in settings.desks.items() if other.risk == name)
    data = {"profile": name, "description": policy.description, "desks": desks, "profiles": sorted(settings.risk_policies), "limits": limits}
    return Answer(data, lambda console: risk_views.show_policy(console, data))


def _limits(settings: Settings, name: str, policy: RiskPolicy) -> Iterator[dict[str, Any]]:
    plain = {one.path: one.default for one in parameters(RiskPolicy())}
    for one in parameters(policy):
        if one.path == "description":
            continue
        value = one.default
        yield {"name": one.path, "value": _plain(value), "default": _plain(plain.get(one.path)), "kind": kind_of(one), "bounds": bounds_of(one),
               "meaning": one.meaning, "gate": used_by(one.path), "written": _written(settings, name, one.path)}


def bounds_of(one: Parameter) -> str:
    """What a limit may be, in words."""
    return one.bounds or ("any number of daily windows, each with start, end and tz" if kind_of(one) == "list" else "")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _written(settings: Settings, name: str, path: str) -> str:
    """File and line of a limit; nothing where it is the default of the program."""
    own, section = (settings.where("risk_policies", name, *parts).split(", ")[:-1] for parts in (path.split("."), path.split(".")[:1]))
    return "" if own == section else " ".join(own)


def run_gates(context: Context) -> Answer:
    """The gates in the order in which they speak, what each asks, and every reason with its mend."""
    from pse.commands import risk_views

    rows = [{"number": at, "gate": gate.name, "asks": gate.asks, "measures": gate.measures,
             "reasons": [{"code": code, "means": sentence(code), "unit": REASONS[code].kind, "mend": REASONS[code].mend} for code in gate.refuses]}
            for at, gate in enumerate(GATES, 1)]
    return Answer({"gates": rows, "stages": STAGES}, lambda console: risk_views.show_gates(console, rows))


