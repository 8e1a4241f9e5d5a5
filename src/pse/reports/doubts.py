"""Why the figures of a run may not mean what they seem to: each doubt with what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl

from pse.reports import envelope, judged
from pse.reports.cuts import LIMITS, cost_of_a_stop, cuts
from pse.reports.view import RunView, number
from pse.reports.words import counted, money, plain, share

FEW, FEWER = 100, 30
ENOUGH = 10  # trades, and days with one, from which the best few of them may be told from the rest
MISSING_SHARE = 0.01
DEAR = 0.5  # R
MANY_APART = 0.1  # share of the setups that became a trade under any fill rule


@dataclass(frozen=True)
class Doubt:
    """`serious`: the figures should not be acted on; `note`: to be known."""

    level: Literal["serious", "note"]
    title: str
    text: str


def doubts(view: RunView) -> list[Doubt]:
    """All doubts of a run, serious ones first."""
    found = [*_data(view), *_length(view), *_luck(view), *_engine(view), *_fills(view), *(Doubt(*one) for one in judged.doubts_of(view))]  # type: ignore[arg-type]
    return sorted(found, key=lambda doubt: doubt.level != "serious")


def doubts_json(view: RunView) -> list[dict[str, str]]:
    """The doubts of a run for programs: level (serious or note), title, text; serious ones first."""
    return [asdict(doubt) for doubt in doubts(view)]


def _data(view: RunView) -> Iterator[Doubt]:
    m = view.metrics
    if view.manifest.get("synthetic"):
        yield Doubt(
            "serious",
            "Synthetic data",
            "The bars were made by a random generator. Nothing here says anything about a market.",
        )
    phases = number(m.get("market_phases"))
    if phases == 1:
        yield Doubt(
            "serious",
            "One regime",
            "No traded market turned by 20 % in the window: the rules have seen one kind of market.",
        )
    elif phases is None:
        yield Doubt(
            "note",
            "Regimes not counted",
            "Without daily closes the run cannot say how many kinds of market it has seen.",
        )
    missing, expected = number(m.get("missing_sessions")) or 0.0, number(m.get("expected_sessions")) or 0.0
    if missing:
        yield Doubt(
            "serious" if missing > MISSING_SHARE * expected else "note",
            f"{missing:,.0f} of {expected:,.0f} sessions have no bars",
            "The calendar has them between the first bar and the last. Nothing was traded there; figures a year and time in the market speak of "
            "the sessions that are stored.",
        )
    lacking = symbols_lacking(m)
    if lacking:
        yield Doubt(
            "serious" if any(lost > MISSING_SHARE * of for _, lost, of in lacking) else "note",
            "Symbols lack sessions",
            f"{', '.join(f'{name} {lost:,} of {of:,}' for name, lost, of in lacking)}: the calendar and the other symbols have them. Nothing was traded there, "
            f"and what is compared with such a symbol speaks of a shorter time.",
        )
    dropped = number(view.manifest.get("dropped_outside_session")) or 0
    if dropped:
        yield Doubt(
            "note",
            "Bars outside the session",
            f"{counted(int(dropped), 'bar')} outside the trading session were left out.",
        )


def _length(view: RunView) -> Iterator[Doubt]:
    m = view.metrics
    trades, sessions, years = int(m.get("trades") or 0), int(m.get("sessions") or 0), number(m.get("years")) or 0.0
    if 0 < trades < FEWER:
        yield Doubt(
            "serious", "Very few trades", f"{counted(trades, 'trade')}; under {FEWER} no figure can be told from luck."
        )
    elif 0 < trades < FEW:
        yield Doubt("note", "Few trades", f"{counted(trades, 'trade')}; under {FEW} the intervals are wide and rough.")
    if years < 1.0:
        yield Doubt(
            "serious",
            "Short window",
            f"{counted(sessions, 'session')}, {plain(years)} years; growth a year is not shown under one year.",
        )
    needed = number(m.get("min_track_record_sessions"))
    if needed is not None and needed > sessions:
        yield Doubt(
            "serious",
            "Record too short",
            f"At this Sharpe ratio {counted(round(needed), 'session')} are needed to say with 95 % that it is above 0; there are {sessions:,}.",
        )


def _luck(view: RunView) -> Iterator[Doubt]:
    m = view.metrics
    if not m.get("trades"):
        return
    if number(m.get("total_return")) is None:
        yield Doubt(
            "serious",
            "No return figures",
            f"{(m.get('reasons') or {}).get('total_return', 'no session')}.".capitalize(),
        )
    intervals = m.get("intervals") or {}
    for name, word in (("sharpe", "Sharpe ratio"), ("expectancy_r", "expectancy")):
        bounds = intervals.get(name)
        if bounds and bounds[0] <= 0.0 <= bounds[1]:
            yield Doubt(
                "serious",
                f"The {word} may be nothing",
                f"Its 95 % interval, {plain(bounds[0])} to {plain(bounds[1])}, holds 0.",
            )
    net, without = number(m.get("net_usd")) or 0.0, number(m.get("net_without_top5_usd"))
    if view.trades.height >= ENOUGH and net > 0.0 and without is not None and without <= 0.0:
        yield Doubt(
            "serious",
            "Five trades made it",
            f"Without the five best trades the result is {money(without)} {view.currency}.",
        )
    best_day = number(m.get("net_without_best_day_usd"))
    days = view.trades["session_date"].n_unique()
    if days >= ENOUGH and net > 0.0 and best_day is not None and best_day <= 0.0:
        yield Doubt(
            "serious", "One day made it", f"Without the best day the result is {money(best_day)} {view.currency}."
        )
    held, own = number(m.get("buy_hold_return")), number(m.get("total_return"))
    if held is not None and own is not None and held > own:
        yield Doubt(
            "note",
            "Holding did better",
            f"Buying and holding made {share(held)}, this run {share(own)} of its capital.",
        )


def _engine(view: RunView) -> Iterator[Doubt]:
    m = view.metrics
    opened = _opened(view)
    shut = _shut_since(view)
    if shut is not None:
        yield Doubt("serious", "The equity breaker stayed open", _shut_words(view, shut))
    if opened and (shut is None or opened != {"equity": [shut]}):
        total = sum(len(moments) for moments in opened.values())
        yield Doubt("serious", "A breaker tripped" if total == 1 else f"Breakers tripped {total:,} times", _opened_words(opened))
    found = cuts(view)
    if found:
        cut, by = len(found), Counter(limit for limits in found.values() for limit in limits)
        setups = view.trades["setup_id"].n_unique()
        typical = view.trades["risk_usd"].cast(pl.Float64).fill_nan(None).median()
        risk = (number(typical) or 0.0) / (number(m.get("mean_equity_usd")) or number(m.get("capital_usd")) or 1.0)
        yield Doubt(
            "note",
            f"Limits cut the size of {share(cut / setups, 0)} of the trades",
            f"In {cut:,} of {counted(setups, 'trade')} less was bought than the risk of a trade, with its overlays, would have paid for: "
            f"{', '.join(f'{limit} {by[limit]:,}' for limit in LIMITS if by[limit])}. In the median {share(risk, 2)} of the equity was at risk.",
        )
    dear = cost_of_a_stop(view)
    if dear is not None and dear > DEAR:
        yield Doubt(
            "serious",
            "Costs are large beside the stops",
            f"Fees and slippage are {plain(dear)} R of a typical stop here: the median over the {counted(len(view.told.dear), 'setup')} refused for their "
            f"expected value. Wider stops, a coarser timeframe or lower fees would let more in.",
        )
    cost = number(m.get("cost_share_gross"))
    if cost is not None and cost > 0.5:
        yield Doubt(
            "serious", "Costs eat the edge", f"Fees and slippage take {share(cost, 0)} of the profit before costs."
        )


def _fills(view: RunView) -> Iterator[Doubt]:
    m, section = view.metrics, envelope.section_of(view)
    ambiguous = number(m.get("ambiguous_share")) or 0.0
    judge = (section or {}).get("verdict", {}).get("rule")
    if ambiguous > 0.01 and judge != "drill":
        said = f"judged by the pessimistic rule, the run makes {money(section['verdict']['net_usd'])} {view.currency}" if section else "finer bars would tell"
        yield Doubt(
            "serious",
            "Ambiguous fills",
            f"In {share(ambiguous)} of the trades one bar touched both stop and target; the worse was taken; {said}.",
        )
    if section is None:
        if m.get("trades"):
            yield Doubt(
                "note",
                "One fill rule",
                "Fills follow one rule; how much the result hangs on it was not measured"
                + (": `pse backtest --fills envelope` does." if judged.section_of(view) is None else ", which is done for runs by rules alone."),
            )
        return
    rules = section["rules"]
    if section["fragile"]:
        told = ", ".join(f"{row['name']} {row['net']}" for row in envelope.rows(view, section))
        yield Doubt("serious", "FRAGILE", f"On the fill rule hangs {envelope.hangs(section)}; net {view.currency}: {told}.")
    own, by_judge = rules["conservative"]["net_usd"], section["verdict"]["net_usd"]
    if own > 0.0 >= by_judge:
        yield Doubt("serious", f"The {judge} rule loses", f"It judges this run ({section['verdict']['why']}) and makes {money(by_judge)} {view.currency}.")
    apart, of = section["trades"]["only_some"], section["trades"]["any"]
    if of and apart > MANY_APART * of:
        yield Doubt("note", "Many trades hang on the fill rule", f"{apart:,} of {of:,} setups that became a trade did so under some fill rules only.")


def symbols_lacking(m: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Symbol, sessions without a bar and sessions expected, of the symbols of a desk with several that lack some; most first."""
    rows = {name: (int(own.get("missing_sessions") or 0), int(own.get("expected_sessions") or 0)) for name, own in (m.get("symbols") or {}).items()}
    found = [(name, lost, of) for name, (lost, of) in rows.items() if lost and len(rows) > 1]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _shut_since(view: RunView) -> int | None:
    """Since when the equity breaker has been open at the end of the run, ns UTC; None where it is not."""
    states = [(int(record.get("ts") or 0), str(body.get("state", body.get("to", "OPEN"))).upper())
              for record in view.breakers if (body := record.get("body") or {}).get("breaker") == "equity"]
    return states[-1][0] if states and states[-1][1] == "OPEN" else None


def _shut_words(view: RunView, since: int) -> str:
    """How long nothing was let in, what that does to the figures and what opens it again."""
    ends = view.equity.filter(pl.col("kind") == "session")["ts"]
    after = int((ends > since).sum())
    name, days = view.desk.get("risk"), view.risk_profile.get("breakers", {}).get("auto_ack_days")
    setting = f"risk_policies.{name}.breakers.auto_ack_days" if name else "auto_ack_days of the risk policy's breakers"
    part = f", {share(after / ends.len())} of the window" if ends.len() else ""
    return (f"It opened at {_moment(since)} and stayed open: no trade was begun since, in {after:,} of {counted(ends.len(), 'session')}{part}. Figures a year "
            f"and time in the market speak of all sessions, those included. A breaker of the equity waits for a person; {setting}"
            f"{f' ({days})' if days is not None else ''} says after how many trading days it lets trades in again by itself (0: never).")


def _moment(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M} UTC"


def _opened(view: RunView) -> dict[str, list[int]]:
    """When each breaker opened, ns UTC, from the journal."""
    opened: dict[str, list[int]] = {}
    for record in view.breakers:
        body: dict[str, Any] = record.get("body") or {}
        if str(body.get("state", body.get("to", "OPEN"))).upper() == "OPEN":
            opened.setdefault(str(body.get("breaker") or body.get("name") or "a breaker"), []).append(int(record.get("ts") or 0))
    return dict(sorted(opened.items()))


def _opened_words(opened: dict[str, list[int]]) -> str:
    said = []
    for name, moments in opened.items():
        first = _moment(min(moments))
        said.append(f"{name} opened at {first}" if len(moments) == 1 else f"{name} opened {len(moments):,} times, first at {first}")
    return "; ".join(said) + "."
