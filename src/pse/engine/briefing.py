"""What a judge would be shown in a window: every briefing of a run, as text; and the same run with its setups delayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pse.agents.rendering import render
from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.decisions import Briefing, Deliberation
from pse.engine.desk import DeskPlan
from pse.engine.loop import run
from pse.engine.outcome import Outcome
from pse.engine.prepare import Prepared
from pse.engine.state import fresh_state


def asking_often(plan: DeskPlan) -> DeskPlan:
    """The desk with its gates on expectancy, slippage and reward wide open, so that a judge is asked about nearly every setup."""
    gates = plan.risk.gates.model_copy(update={"ev_min_r": -9.0, "max_slippage_r": 9.0, "min_reward_r": 0.1})
    return replace(plan, risk=plan.risk.model_copy(update={"gates": gates}))


def as_text(briefing: Briefing) -> str:
    """The briefing as a judge is shown it."""
    return render(briefing)


def briefings(prepared: Prepared, render: Callable[[Briefing], str] = as_text) -> list[tuple[int, str]]:
    """(moment, text) of every briefing, decided by rules; `prepared` must ask (`Mode.ask`)."""
    shown: list[tuple[int, str]] = []

    def judge(briefing: Briefing) -> Deliberation:
        shown.append((briefing.known_at, render(briefing)))
        return rules(briefing)

    for _ in run([prepared], judge, SimBroker(prepared.plan.shape.slots), fresh_state(prepared.plan.shape, prepared.plan.capital)):
        pass
    return shown


def delayed(prepared: Prepared) -> Prepared:
    """The same window with every setup one decision bar later; those without a later bar are gone."""
    world, setups = prepared.world, prepared.world.setups.copy()
    kept = np.ones(setups.size, bool)
    for symbol in range(len(prepared.plan.symbols)):
        mine, instants = setups["symbol"] == symbol, world.row_ts[world.row_symbol == symbol]
        at = np.searchsorted(instants, setups["ts"][mine]) + 1
        kept[mine] = at < instants.size
        moved = instants[np.minimum(at, instants.size - 1)] if instants.size else setups["ts"][mine]
        setups["valid_until"][mine] += moved - setups["ts"][mine]
        setups["ts"][mine] = moved
    order = np.flatnonzero(kept)[np.lexsort((np.flatnonzero(kept), setups["symbol"][kept], setups["ts"][kept]))]
    setups = setups[order]
    setups["evidence"] = np.arange(setups.size)
    return replace(prepared, world=world._replace(setups=setups), evidence=tuple(prepared.evidence[i] for i in order),
                   setup_ids=tuple(prepared.setup_ids[i] for i in order))


def outcome(prepared: Prepared) -> Outcome:
    """What the window comes to, decided by rules inside the engine."""
    found = Outcome()
    for batch in run([prepared], rules, SimBroker(prepared.plan.shape.slots), fresh_state(prepared.plan.shape, prepared.plan.capital)):
        found.take(batch)
    return found
