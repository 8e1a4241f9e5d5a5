"""`pse audit lookahead`: does anything said of the past change when the future does?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.feature_inputs import Plan, can_be_made, catalogue, load_source, plan_table, stored_timeframes
from pse.commands.inputs import beside_of, warn_of_broken_desks
from pse.commands.running import said_compiling
from pse.commands.wiring import Answer, Context
from pse.domain.bars import timeframe_ns
from pse.domain.errors import BadConfig, NoBars, RequestError
from pse.engine.desk import DeskPlan, desk_plan
from pse.engine.lookahead import Asked, Audited, Lag, audit
from pse.engine.subjects import Subjects
from pse.features.requests import Request, every_feature, parse_requests
from pse.research.lookahead.report import MEANING, Finding
from pse.research.lookahead.said import History
from pse.research.lookahead.warmup import RELATIVE, TICKS, WarmUp
from pse.settings import Settings
from pse.store.layout import symbol_name
from pse.store.load import stored_span

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 20
SURVIVORSHIP = "unknown: nobody declared where the list of symbols comes from, nor as of when; a list of those that still trade flatters every result"
FITTED = "none: nothing that is registered is fitted to data"
LIMIT = ("No finding does not prove that there is no leak: code that leaks at bars which were not cut, constants chosen with later bars in view and bars "
         "that were revised after the fact do not show themselves here.")
TRIED = {"prefix": "times without the later bars", "reversed": "times with the later bars in reverse order", "poisoned": "times with NaN as later bars",
         "repeat": "times computed once more"}
CUT_AT = {"events": "where something was said", "session edges": "at session edges", "rolls": "at rolls", "first bars": "at the first bars",
          "random": "drawn at random", "every other bar": "at every other decision bar"}
DESK = "tactics, context and briefings"


def run_lookahead(context: Context, symbol: str | None = None, timeframe: str | None = None, features: str | None = None, tactics: bool = False,
                  start_ns: int | None = None, end_ns: int | None = None, cuts: int = 64, exhaustive: bool = False) -> Answer:
    """Tries everything that the desk says of the symbol's stored bars at many cuts; exit code 1 with findings."""
    warn_of_broken_desks(context, context.settings)
    scope = scope_of(context, symbol, timeframe, features, tactics)
    plan, requests = _planned(context, scope, start_ns, end_ns)
    source = load_source(context, plan)
    for note in source.notes:
        context.note(f"note: {note}")
    instruments = {name: plan.others[name].instrument for name in source.others}
    asked = {one.text: one for one in requests}
    subjects = Subjects(replace(scope.desk_plan, actions=plan.actions), scope.timeframe, asked, desk=scope.desk, others=instruments)
    history = History.of(source.bars, source.others, start_ns)
    said_compiling(context)
    with context.progress() as progress:
        bars = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total or None)
            progress.update(bars[what], completed=done, total=total or None)

        found = audit(subjects, history, Asked(cuts, exhaustive, context.settings.seed), tell)
    for name, why in found.not_checked.items():
        context.warn(f"{name} was not checked: {why}")
    shape = {"desk": scope.desk_plan.name, "symbol": plan.symbol, "timeframe": scope.timeframe, "from": iso(int(found.window.ts_open[0])),
             "to": iso(int(found.window.ts_close[-1])), "computed_from": iso(int(source.bars.ts_open[0])), "stored_bars": plan.own.timeframe,
             "snapshot": plan.snapshot.id, "seed": context.settings.seed}
    data = {**shape, "findings": [one.data for one in found.findings], "left_out": dict(scope.left_out), "checked": checked(found, subjects), "limit": LIMIT}
    return Answer(data, lambda console: show(console, shape, found), exit_code=1 if found.findings else 0)


# --- what is audited -------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """What is audited: the requests, and with `desk` what the desk says.  `named`: the requests were written, and none may fall away.

    `left_out`: what was not asked, with the reason and what would include it.  `beside`: stored timeframe of each symbol that the desk reads.
    """

    symbol: str
    timeframe: str
    requests: tuple[Request, ...]
    named: bool
    desk: bool
    desk_plan: DeskPlan
    left_out: dict[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)


def scope_of(context: Context, symbol: str | None, timeframe: str | None, features: str | None, tactics: bool) -> Scope:
    """Reads what was asked; the desk is left out with a word where it cannot speak, and refused where it was asked for by name."""
    requests = chosen_features(features if features is not None or tactics else "all")
    settings, stored = context.settings, stored_timeframes(context)
    chosen = symbol_name(symbol) if symbol is not None else _first_stored(context, stored)
    instrument, desk = settings.instrument(chosen), settings.chosen
    own = timeframe or desk.decision_timeframe
    timeframe_ns(own)                                    # says what is wrong with it
    left_out: dict[str, str] = {}
    if tactics or features is None:
        if own != desk.decision_timeframe:
            why = f"the desk {settings.desk} decides on {desk.decision_timeframe}; leave --timeframe {own} out to have them"
        elif desk.base_timeframe not in (have := stored.get(instrument.bars_of or chosen, [])):
            why = (f"the desk {settings.desk} is computed from {desk.base_timeframe} bars, and of {chosen} there are {', '.join(have) or 'none'}; "
                   f"`pse ingest --symbol {chosen} ...` brings them")
        else:
            plan, beside, why = _desk_reads(settings, chosen, stored)
            if plan is not None:
                return Scope(chosen, own, requests, _is_named(features), True, plan, beside=beside)
        if tactics and chosen in stored:
            raise RequestError(f"--tactics asks for the {DESK}: {why}; or leave --tactics out")
        left_out[DESK] = why
        if chosen in stored:
            context.note(f"note: {DESK} are left out: {why}")
    account = settings.account.model_copy(update={"currency": instrument.currency})             # features have none: any will do
    alone = settings.chosen.model_copy(update={"tactics": {}, "context": ()})
    bare = settings.model_copy(update={"account": account, "desks": {**settings.desks, settings.desk: alone}})
    return Scope(chosen, own, requests, _is_named(features), False, desk_plan(bare, (chosen,)), left_out)


def _desk_reads(settings: Settings, symbol: str, stored: Mapping[str, Sequence[str]]) -> tuple[DeskPlan | None, dict[str, str], str]:
    """The desk narrowed to the symbol, with the stored timeframe of each symbol that it reads beside it; or no desk, and why."""
    try:
        plan = desk_plan(settings, (symbol,))
        beside, _ = beside_of(plan, settings, stored)
    except (BadConfig, NoBars) as error:
        return None, {}, str(error)
    return plan, beside, ""


def chosen_features(text: str | None) -> tuple[Request, ...]:
    """The requests of a list, or all registered features with their ordinary parameters."""
    if text is None:
        return ()
    known = catalogue()
    return every_feature(known) if text.strip() == "all" else parse_requests(text, known)


def _is_named(features: str | None) -> bool:
    return features is not None and features.strip() != "all"


def _first_stored(context: Context, stored: Mapping[str, Sequence[str]]) -> str:
    """The first symbol of the desk that is stored."""
    settings = context.settings
    have = [one for one in settings.chosen.symbols if (settings.instrument(one).bars_of or one) in stored]
    if not have:
        raise NoBars(f"no bars of a symbol of the desk {settings.desk} are stored ({', '.join(settings.chosen.symbols)}); "
                     f"stored: {', '.join(stored) or 'none'}. Give --symbol, or run `pse ingest --symbol {settings.chosen.symbols[0]} ...` first")
    others = f"; --symbol takes another ({', '.join(one for one in stored if one != have[0])})" if len(stored) > 1 else ""
    context.note(f"note: {have[0]} is audited, the first stored symbol of the desk {settings.desk}{others}")
    return have[0]


def _planned(context: Context, scope: Scope, start_ns: int | None, end_ns: int | None) -> tuple[Plan, tuple[Request, ...]]:
    """The plan of the bars, and those of the requests that can be computed from them."""
    def planned(requests: Sequence[Request]) -> Plan:
        return plan_table(context, scope.symbol, scope.timeframe, (*requests, *base), start_ns, end_ns, strict=scope.named, read=frames)

    frames = {scope.symbol: context.settings.chosen.base_timeframe, **scope.beside} if scope.desk else None
    read = [f"close@{context.settings.chosen.base_timeframe}", *(f"close@{symbol}/{timeframe}" for symbol, timeframe in scope.beside.items())]
    base = parse_requests(",".join(read), {}) if scope.desk else ()                         # the desk is computed from these bars
    requests = scope.requests if scope.named or scope.desk else _on_stored_bars(context, scope)
    plan = planned(requests)
    for what, why in plan.left_out.items():
        scope.left_out[what] = why
        if ": " in what:                                 # one symbol of several that a feature reads
            context.detail(f"{what}: {why}; the feature is checked without it")
    requests = tuple(one for one in requests if one.label not in scope.left_out)
    for one in (one for one in scope.requests if one not in requests):
        context.note(f"note: {one.text} is left out: {scope.left_out[one.label]}")
    return replace(plan, requests=requests), requests


def _on_stored_bars(context: Context, scope: Scope) -> tuple[Request, ...]:
    """All features; where bars of the very timeframe are stored over a longer time than finer ones, those that need no finer ones."""
    bars_of = context.settings.instrument(scope.symbol).bars_of or scope.symbol
    have = stored_timeframes(context).get(bars_of, [])
    spans = [stored_span(context.home, bars_of, one) for one in (scope.timeframe, *have[:1])]
    if scope.timeframe not in have or _length(spans[0]) <= _length(spans[1]):
        return scope.requests
    for one in scope.requests:
        finer = [frame for frame in (one.feature.timeframes(scope.timeframe) if one.feature else ()) if not can_be_made(frame, scope.timeframe)]
        if finer:
            scope.left_out[one.label] = (f"it reads {', '.join(finer)} bars, and the stored {scope.timeframe} bars reach further; --features {one.text} audits "
                                         f"it where there are both")
    return tuple(one for one in scope.requests if one.label not in scope.left_out)


def _length(span: tuple[int, int] | None) -> int:
    return 0 if span is None else span[1] - span[0]


def checked(found: Audited, subjects: Subjects) -> dict[str, Any]:
    """What was looked at, as JSON."""
    lag = None if found.lag is None else {name: vars(one) for name, one in zip(("as_told", "one_bar_later"), found.lag, strict=True)}
    return {
        "subjects": list(subjects.names), "columns": dict(found.columns), "decision_bars": len(found.window), "cuts": int(found.cuts.moments.size),
        "cuts_by": dict(found.cuts.parts),
        "whole_history_cuts": int(found.cuts.whole.size), "cuts_there": dict(found.cuts.there), "cuts_left_out": dict(found.cuts.left_out),
        "tries": dict(found.tries), "rows_compared": found.rows_compared, "asleep_in_windows": list(found.asleep), "not_checked": dict(found.not_checked),
        "briefings": found.shown, "setups": dict(found.setups), "joins": found.joins, "lag": lag, "warm_up": _warm_up(found.warm_up),
        "fitted_objects": FITTED, "survivorship": SURVIVORSHIP,
    }


def _warm_up(found: WarmUp | None) -> dict[str, Any] | None:
    if found is None:
        return None
    drifts = [{"subject": one.key.subject, "column": one.key.column, "sessions": one.sessions, "known": one.known, "beyond": one.beyond,
               ("ticks" if one.in_ticks else "relative"): one.amount} for one in found.drifts]
    return {"desk_sessions": found.own, "lengths": list(found.lengths), "tolerance_ticks": TICKS, "tolerance_relative": RELATIVE,
            "setups_that_differ": {str(length): count for length, count in found.setups.items()}, "drift": drifts,
            "settled_after": [{"subject": key.subject, "column": key.column, "sessions": length} for key, length in found.settled().items()]}


# --- for people ------------------------------------------------------------------------------------------------------------------------------------


def show(console: Console, shape: Mapping[str, Any], found: Audited) -> None:
    """The table of what was checked, the verdict and the findings."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{shape['symbol']} {shape['timeframe']}, desk {shape['desk']}", title_justify="left", show_header=False, box=None)
    for name, value in _lines(shape, found):
        table.add_row(name, value)
    console.print(table)
    verdict = f"{len(found.findings)} FINDINGS" if len(found.findings) > 1 else "1 FINDING" if found.findings else "CLEAN: the past did not change at any cut"
    console.print(Text(f"\n{verdict}", style="bold"))
    for one in found.findings[:SHOWN]:
        console.print(Text(_told(one)), soft_wrap=True)
    if len(found.findings) > SHOWN:
        console.print(Text(f"  and {len(found.findings) - SHOWN} more; --json has them all"))
    console.print(Text(LIMIT, style="dim"), soft_wrap=True)


def _lines(shape: Mapping[str, Any], found: Audited) -> list[tuple[str, str]]:
    features = [name for name in found.columns if name.startswith("feature ")]
    whom = [f"{len(features)} feature{'s' * (len(features) != 1)}"] if features else []
    whom += [f"{name} ({found.setups.get(name, 0)} setups)" for name in found.columns if name.startswith("tactic ")]
    whom += ["context"] if "context" in found.columns else []
    whom += [f"{found.shown} briefings"] if "briefing" in found.columns else []
    tried = ", ".join(f"{count:,} {TRIED[name]}" for name, count in found.tries.items())
    made = f" made of stored {shape['stored_bars']} bars" if shape["stored_bars"] != shape["timeframe"] else ""
    earlier = f"computed from {shape['computed_from']} on, so that values are warm" if shape["computed_from"] < shape["from"] else "the first of them warm up"
    lines = [
        ("bars", f"{len(found.window):,} decision bars{made}, {shape['from']} to {shape['to']}; {earlier}"),
        ("who", ", ".join(whom) + f"; {sum(found.columns.values())} columns and tables"),
        *_cut_lines(found),
        ("compared", f"{found.rows_compared:,} rows: {tried}"),
        ("joins", f"{found.joins} of other timeframes and symbols: each row sees the last bar that had closed" if found.joins else "none"),
    ]
    lines += [("slept", f"{', '.join(found.asleep)}: silent in every window, tried on the whole history")] if found.asleep else []
    lines += _warm_lines(found.warm_up) if found.warm_up else []
    lines += [("one bar late", _lag_line(*found.lag))] if found.lag else []
    return [*lines, ("fitted", FITTED), ("survivorship", SURVIVORSHIP)]


def _cut_lines(found: Audited) -> list[tuple[str, str]]:
    """How many cuts there are and where; the parts add up."""
    cuts = found.cuts
    parts = ", ".join(f"{count:,} {CUT_AT[name]}" for name, count in cuts.parts.items() if count)
    left = ", ".join(f"{count:,} of {cuts.there[name]:,} {name}" for name, count in cuts.left_out.items() if count)
    lines = [("cuts", f"{cuts.moments.size:,} moments, each counted once: {parts}; {cuts.whole.size} of them on the whole history, the others in parts of it")]
    return [*lines, ("  not cut", f"{left}; --exhaustive cuts at every decision bar")] if left else lines


def _warm_lines(found: WarmUp) -> list[tuple[str, str]]:
    """What the lengths of history did to the last row: a line a length, those that do the same together."""
    if not found.lengths:
        return [("warm-up", "not tried: the history is one session")]
    lines = [("warm-up", f"columns whose values change when history begins so many sessions before (by more than {TICKS} tick or {RELATIVE:.0%}):")]
    columns = len({one.key for one in found.drifts})
    for length in found.lengths:
        off, unknown = len(found.beyond(length)), sum(one.sessions == length and not one.known for one in found.drifts)
        said = [f"{off} of {columns} columns {'changes' if off == 1 else 'change'}"] if off else [f"none of {columns} columns changes"]
        said += [f"{unknown} {'has' if unknown == 1 else 'have'} no value yet"] if unknown else []
        said += [f"{found.setups[length]} setup{' is another' if found.setups[length] == 1 else 's are others'}"] if found.setups[length] else []
        mine = " (the desk's own warm-up)" if length == found.own else ""
        lines.append((f"  {length} session{'s' * (length > 1)}", ", ".join(said) + mine))
    return lines if found.own is not None else [*lines, ("  the desk's", "not judged: the history is shorter, or the desk decides on other bars")]


def _lag_line(now: Lag, late: Lag) -> str:
    def one(lag: Lag) -> str:
        mean = "no mean R" if lag.mean_r is None else f"mean {lag.mean_r:+.3f} R"
        return f"{lag.trades} trades, {mean}, Sharpe {'none' if lag.sharpe is None else f'{lag.sharpe:+.2f}'}"

    return f"{one(now)}; if setups were told one bar later: {one(late)}"


def _told(one: Finding) -> str:
    where = f" at bar {one.bar}" if one.bar >= 0 else ""
    when = f" ({one.time})" if one.time else ""
    cut = f"; cut after {one.cut}" if one.cut else ""
    many = f", and at {one.cuts - 1} more cuts" if one.cuts > 1 else ""
    return (f"  {one.check}: {one.subject} {one.column}{where}{when}{cut}{many}: {MEANING[one.check]}\n"
            f"    with what comes later  {one.later}\n    without it             {one.then}")

