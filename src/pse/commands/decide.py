"""`pse decide`: the engine lived up to one moment by rules, the desk's judge asked there, and what would come of it, shown and logged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.agents.rendering import render
from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.clock import iso
from pse.commands.decision_lines import OUTCOMES, Heard
from pse.commands.inputs import Inputs, gather
from pse.commands.judging import RULES, budget_id, judging, opened
from pse.commands.rerun import prepared_until
from pse.commands.wiring import Answer, Context, say
from pse.domain.bars import timeframe_ns
from pse.domain.decisions import Briefing, Decide, Deliberation
from pse.domain.errors import RequestError
from pse.engine.loop import run as engine_run
from pse.engine.prepare import Prepared
from pse.engine.records import Renderer
from pse.engine.state import fresh_state
from pse.reports.dialogue import dialogue, nearest
from pse.store.decision_log import as_line, log_path, write_log

if TYPE_CHECKING:
    from rich.console import Console

Said = tuple[str, Mapping[str, Any], Mapping[str, Any]]      # kind, the record with its ts, body
FOUND = ("APPROVE", "MODIFY")


@dataclass
class Moment:
    """Rules up to the instant that is asked about, there `judge` for the first question, or for that of `symbol`.  `asked`: every question by moment."""

    at_ns: int | None
    symbol: str | None
    judge: Decide
    asked: list[int] = field(default_factory=list)
    briefing: Briefing | None = None
    said: Deliberation | None = None

    def __call__(self, briefing: Briefing) -> Deliberation:
        self.asked.append(briefing.known_at)
        if briefing.known_at != self.at_ns or self.briefing is not None or self.symbol not in (None, briefing.symbol):
            return rules(briefing)
        self.briefing, self.said = briefing, self.judge(briefing)
        return self.said


def run(context: Context, symbol: str | None = None, at_ns: int | None = None, start_ns: int | None = None, agents: str = RULES) -> Answer:
    """One decision, as a backtest from the first stored bar (or `start_ns`) on would come to it.  Without a moment the last one that has a candidate."""
    chain = judging(context, context.settings, agents)
    inputs = replace(gather(context, context.settings, (symbol,) if symbol else (), start_ns, None), judging=chain)
    for text in inputs.warnings:
        context.warn(text)
    _inside(inputs, at_ns)
    with context.progress() as progress:
        progress.add_task("living up to the moment", total=None)
        moments = [] if at_ns is not None else _asked(context, inputs)
        at = moments[-1] if moments else at_ns
        prepared = prepared_until(context, inputs, inputs.end_ns if at is None else at, ask=True)
        at = _decision_close(prepared, inputs.end_ns if at is None else at)
        _not_long_before(context, inputs, at, at_ns)
        with opened(context, inputs, budget_id(context, _name(inputs, at)), None) as judge:
            moment, lines = _lived(prepared, at, symbol, judge)
        if moment.briefing is None and at_ns is not None:
            moments = _asked(context, inputs)
    entries = _entries(context, inputs, moment, lines, judge)
    path = log_path(context.home, _name(inputs, at))
    if entries:
        write_log(path, map(as_line, entries))
    data = {"agents": agents, "desk": inputs.plan.name, "chain": chain.chain if chain else None, "at": iso(at), "start": iso(inputs.start_ns),
            "log": str(path) if entries else None, "dialogue": entries, **_told(moment, lines),
            "nearest": [iso(one) for one in nearest(moments, at)] if moment.briefing is None else []}
    return Answer({name: value for name, value in data.items() if name != "dialogue"}, lambda console: _show(context, console, data))


def _inside(inputs: Inputs, at_ns: int | None) -> None:
    if at_ns is not None and not inputs.start_ns < at_ns <= inputs.end_ns:
        raise RequestError(f"--at {iso(at_ns)} lies outside the stored bars that the desk could decide on, from {iso(inputs.start_ns)} to "
                           f"{iso(inputs.end_ns)}; give a moment inside, or ingest more with `pse ingest`")


def _asked(context: Context, inputs: Inputs) -> list[int]:
    """Every moment at which somebody would be asked, by rules, over all stored bars."""
    prepared = prepared_until(context, inputs, inputs.end_ns, ask=True)
    return _lived(prepared, None, None, rules)[0].asked


def _decision_close(prepared: Prepared, at_ns: int) -> int:
    """The last close of a decision bar at or before a moment."""
    closes = [one.decision.ts_close for one in prepared.features]
    last = [int(one[found - 1]) for one in closes if (found := int(np.searchsorted(one, at_ns, side="right")))]
    if not last:
        raise RequestError(f"no decision bar of {prepared.plan.decision_timeframe} had closed by {iso(at_ns)}; give a later --at")
    return max(last)


def _not_long_before(context: Context, inputs: Inputs, at: int, asked: int | None) -> None:
    """A word where no decision bar closed at the asked moment; refuses one that more than a session without bars lies before."""
    if asked is None or asked - at < timeframe_ns(inputs.plan.decision_timeframe):
        return
    ends = inputs.bars[0].sessions.close_ns
    if int(((ends > at) & (ends <= asked)).sum()) > 1:
        raise RequestError(f"no decision bar closed between {iso(at)} and --at {iso(asked)}: no bars of those sessions are stored; write --at {iso(at)}, or "
                           f"ingest what is missing with `pse ingest`")
    context.warn(f"no decision bar closed between {iso(at)} and --at {iso(asked)}; this is the decision of {iso(at)}")


def _lived(prepared: Prepared, at_ns: int | None, symbol: str | None, judge: Decide) -> tuple[Moment, list[Said]]:
    """The engine up to the moment (to the end without one), and what its journal says of that instant."""
    moment, renderer, found = Moment(at_ns, symbol, judge), Renderer(), list[Said]()
    step = prepared if at_ns is None else replace(prepared, until_ns=min(at_ns, int(prepared.world.policy["end"][0]) - 1))
    for batch in engine_run([step], moment, SimBroker(prepared.plan.shape.slots), fresh_state(prepared.plan.shape, prepared.plan.capital)):
        if at_ns is not None:
            lines = renderer.lines(batch.prepared, batch.events, batch.trades, batch.deliberations)
            found += [(kind, {"ts": ts}, body) for kind, ts, body in lines if ts == at_ns]
    return moment, found


def _name(inputs: Inputs, at_ns: int) -> str:
    """The same question of the same data, settings and judge has the same log."""
    return f"decide-{hashlib.sha256(f'{inputs.fingerprint}|{at_ns}'.encode()).hexdigest()[:16]}"


def _entries(context: Context, inputs: Inputs, moment: Moment, lines: Sequence[Said], judge: Decide) -> list[dict[str, Any]]:
    """The lines of the decision log."""
    if moment.briefing is None or moment.said is None:
        return []
    heard = getattr(judge, "heard", None)
    if heard is None:
        heard = Heard(context.redact, config=f"{inputs.plan.name}/{RULES}", models={}, snapshot=inputs.snapshot.id)
        heard.take(moment.briefing, moment.said)
    return [json.loads(line) for line in heard.lines_of([one for one in lines if one[0] in OUTCOMES])]


def _told(moment: Moment, lines: Sequence[Said]) -> dict[str, Any]:
    """What was asked, said and came of it."""
    briefing, said = moment.briefing, moment.said
    about = {one.setup_id for one in briefing.candidates} if briefing is not None else set()
    ruled = [body for kind, _, body in lines if kind == "DECISION" and body["setup_id"] in about]
    counted = next((one for one in ruled if one["decision"] in FOUND), ruled[0] if ruled else None)
    setup = counted["setup_id"] if counted else None
    body = said.body if said is not None else {}
    return {
        "symbol": briefing.symbol if briefing else None, "decision": counted["decision"] if counted else "HOLD", "setup_id": setup,
        "reason": counted["reason"] if counted else "NO_CANDIDATE", "quantity": counted["quantity"] if counted else 0.0,
        "stop": counted["stop"] if counted else None, "target": counted["target"] if counted else None,
        "candidates": [{**asdict(one), "evidence": dict(one.evidence), "facts": dict(one.facts)} for one in briefing.candidates] if briefing else [],
        "passes": list(body.get("passes", ())), "brief": body.get("brief", ""), "outcome": body.get("outcome"), "codes": list(body.get("codes", ())),
        "cost_usd": said.cost_usd if said is not None else 0.0, "decisions": ruled, "briefing": render(briefing) if briefing else "",
        "gates": [dict(one) for kind, _, one in lines if kind == "GATES" and one["setup_id"] == setup and setup],
        "orders": [dict(one) for kind, _, one in lines if kind == "ORDER" and one["setup_id"] == setup and one["action"] == "NEW" and setup],
        "refused": _refused(lines) if briefing is None else []}


def _refused(lines: Sequence[Said]) -> list[dict[str, Any]]:
    """Setups of the instant that a gate refused before anyone was asked."""
    return [{"setup_id": body["setup_id"], "gate": no[0], "code": no[4]} for kind, _, body in lines if kind == "GATES"
            for no in [next((gate for gate in body["gates"] if gate[1] is False), None)] if no is not None]


def _show(context: Context, console: Console, data: Mapping[str, Any]) -> None:
    for text, style in dialogue(data, context.verbose):
        say(console, text, style)
    if data["log"]:
        say(console, f"logged: {data['log']}", "dim")
