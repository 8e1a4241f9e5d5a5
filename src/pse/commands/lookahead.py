"""`pse audit lookahead`: does anything said of the past change when the future does?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.running import gather, said_compiling
from pse.commands.wiring import Answer, Context
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import NoBars, RequestError
from pse.domain.instruments import Instrument
from pse.engine.desk import DeskPlan
from pse.engine.lookahead import Asked, Audited, Lag, audit
from pse.engine.subjects import Subjects
from pse.features.feature import Feature
from pse.registry import FEATURES, resolve
from pse.research.lookahead.report import MEANING, Finding
from pse.research.lookahead.said import History
from pse.research.lookahead.warmup import RELATIVE, TICKS, WarmUp

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 20
SURVIVORSHIP = "unknown: nobody declared where the list of symbols comes from, nor as of when; a list of those that still trade flatters every result"
FITTED = "none: nothing that is registered is fitted to data"
LIMIT = ("No finding does not prove that there is no leak: code that leaks at bars which were not cut, constants chosen with later bars in view and bars "
         "that were revised after the fact do not show themselves here.")


def run_lookahead(context: Context, symbol: str, timeframe: str | None = None, features: str | None = None, tactics: bool = False,
                  start_ns: int | None = None, end_ns: int | None = None, cuts: int = 64, exhaustive: bool = False) -> Answer:
    """Tries everything that the desk says of the symbol's stored bars at many cuts; exit code 1 with findings."""
    inputs = gather(context, context.settings, (symbol,), start_ns, end_ns)
    plan = inputs.plan
    chosen = chosen_features(features if features is not None or tactics else "all")
    others, instruments = _others(context, plan, chosen, start_ns, end_ns)
    own = timeframe or plan.decision_timeframe
    timeframe_ns(own)                                    # says what is wrong with it
    desk = (tactics or features is None) and own == plan.decision_timeframe
    if tactics and not desk:
        raise RequestError(f"--tactics with --timeframe {own}: the desk {plan.name} decides on {plan.decision_timeframe}; leave --timeframe out, or --tactics")
    subjects = Subjects(plan, own, chosen, desk=desk, others=instruments)
    said_compiling(context)
    with context.progress() as progress:
        bars = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total or None)
            progress.update(bars[what], completed=done, total=total or None)

        found = audit(subjects, History.of(inputs.bars[0], others), Asked(cuts, exhaustive, context.settings.seed), tell)
    for name, why in found.not_checked.items():
        context.warn(f"{name} was not checked: {why}")
    shape = {"desk": plan.name, "symbol": symbol, "timeframe": own, "from": iso(int(inputs.bars[0].ts_open[0])), "to": iso(inputs.end_ns),
             "snapshot": inputs.snapshot.id, "seed": context.settings.seed}
    data = {**shape, "findings": [one.data for one in found.findings], "checked": checked(found, subjects), "limit": LIMIT}
    return Answer(data, lambda console: show(console, shape, found), exit_code=1 if found.findings else 0)


def chosen_features(names: str | None) -> dict[str, Feature]:
    """The features of a list, or all registered ones, with their ordinary parameters."""
    if names is None:
        return {}
    asked = list(FEATURES) if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
    return {name: resolve("feature", name)() for name in asked}


def _others(context: Context, plan: DeskPlan, features: Mapping[str, Feature], start_ns: int | None,
            end_ns: int | None) -> tuple[dict[str, Bars], dict[str, Instrument]]:
    """Bars of other symbols that the features read, as far as they are stored."""
    bars: dict[str, Bars] = {}
    for name in sorted({symbol for feature in features.values() for symbol in feature.symbols()} - set(plan.symbols)):
        try:
            bars[name] = gather(context, context.settings, (name,), start_ns, end_ns).bars[0]
        except (NoBars, RequestError):
            context.detail(f"{name} is not stored; what reads it is checked without it")
    return bars, {name: context.settings.instrument(name) for name in bars}


def checked(found: Audited, subjects: Subjects) -> dict[str, Any]:
    """What was looked at, as JSON."""
    lag = None if found.lag is None else {name: vars(one) for name, one in zip(("as_told", "one_bar_later"), found.lag, strict=True)}
    return {
        "subjects": list(subjects.names), "columns": dict(found.columns), "decision_bars": found.bars, "cuts": int(found.cuts.moments.size),
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
    cuts, features = found.cuts, [name for name in found.columns if name.startswith("feature ")]
    whom = [f"{len(features)} features"] if features else []
    whom += [f"{name} ({found.setups.get(name, 0)} setups)" for name in found.columns if name.startswith("tactic ")]
    whom += ["context"] if "context" in found.columns else []
    whom += [f"{found.shown} briefings"] if "briefing" in found.columns else []
    sorts = [f"{cuts.there[name] - cuts.left_out.get(name, 0)} of {cuts.there[name]} {name}" for name in ("events", "session edges", "rolls")]
    lines = [
        ("bars", f"{found.bars:,} decision bars, {shape['from']} to {shape['to']}"),
        ("who", ", ".join(whom) + f"; {sum(found.columns.values())} columns and tables"),
        ("cuts", f"{cuts.moments.size:,}: {', '.join(sorts)}, {cuts.there['random']} random; {cuts.whole.size} of them on the whole history"),
        ("tries", ", ".join(f"{count:,} {name}" for name, count in found.tries.items()) + f"; {found.rows_compared:,} rows compared"),
        ("joins", f"{found.joins} of other timeframes and symbols: each row sees the last bar that had closed" if found.joins else "none"),
    ]
    lines += [("slept", f"{', '.join(found.asleep)}: silent in every window, tried on the whole history")] if found.asleep else []
    lines += _warm_lines(found.warm_up) if found.warm_up else []
    lines += [("one bar late", _lag_line(*found.lag))] if found.lag else []
    return [*lines, ("fitted", FITTED), ("survivorship", SURVIVORSHIP)]


def _warm_lines(found: WarmUp) -> list[tuple[str, str]]:
    """What the lengths of history did to the last row."""
    if not found.lengths:
        return [("warm-up", "not tried: the history is one session")]
    settled = list(found.settled().values())
    by_length = [f"{settled.count(length)} from {length}" for length in found.lengths if length in settled]
    unjudged = "the desk's own length is not judged: the history is shorter, or the desk decides on other bars"
    own = f"the desk's {found.own} sessions" if found.own is not None else unjudged
    lines = [("warm-up", f"columns settled within {TICKS} tick or {RELATIVE:.0%}: {', '.join(by_length)} sessions; {settled.count(None)} not yet; {own}")]
    off = {length: len(found.beyond(length)) for length in found.lengths}
    table = ", ".join(f"{length}: {off[length]} columns, {found.setups[length]} setups" for length in found.lengths if off[length] or found.setups[length])
    return [*lines, ("  off by length", table or "none at any length")]


def _lag_line(now: Lag, late: Lag) -> str:
    def one(lag: Lag) -> str:
        mean = "no mean R" if lag.mean_r is None else f"mean {lag.mean_r:+.3f} R"
        return f"{lag.trades} trades, {mean}, Sharpe {'none' if lag.sharpe is None else f'{lag.sharpe:+.2f}'}"

    return f"{one(now)}; with setups told a bar later {one(late)}"


def _told(one: Finding) -> str:
    where = f" at bar {one.bar}" if one.bar >= 0 else ""
    when = f" ({one.time})" if one.time else ""
    cut = f"; cut after {one.cut}" if one.cut else ""
    many = f", and at {one.cuts - 1} more cuts" if one.cuts > 1 else ""
    return (f"  {one.check}: {one.subject} {one.column}{where}{when}{cut}{many}: {MEANING[one.check]}\n"
            f"    with what comes later  {one.later}\n    without it             {one.then}")

