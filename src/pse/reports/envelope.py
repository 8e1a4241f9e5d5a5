"""The envelope of a run for people: its table of rules, what hangs on them, and the trades that only some of them enter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from pse.reports.view import RunView, number
from pse.reports.words import MISSING, counted, in_r, interval, money, plain, share, whole
from pse.research.envelope import DIFFERS_R
from pse.store.run_tables import read_table
from pse.store.runs import ENVELOPE, ENVELOPE_EQUITY

if TYPE_CHECKING:
    from rich.console import Console

MOST_APART = 100                                 # trades listed that only some rules enter, and that stand out of order
HANGS_ON = {"net_usd": "the sign of the net result", "expectancy_r_lower": "whether the lower bound of the expectancy is above 0"}
MEANS = {
    "pessimistic": "the stricter rule wherever there are two",
    "conservative": "the rule of the run",
    "drill": "conservative, with the order of prices looked up in finer bars",
    "optimistic": "a touch fills, target first",
}


def section_of(view: RunView) -> dict[str, Any] | None:
    """The section of metrics.json, or None for a run under one rule."""
    found = view.metrics.get("envelope")
    return found if isinstance(found, dict) and found.get("rules") else None


def rows(view: RunView, section: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a rule, worst first: name, what it assumes, and figures as text."""
    judge = (section.get("verdict") or {}).get("rule")
    return [_row(name, rule, name == judge) for name, rule in sorted(section["rules"].items(), key=lambda item: list(MEANS).index(item[0]))]


def _row(name: str, rule: dict[str, Any], judges: bool) -> dict[str, Any]:
    bounds, even = rule.get("intervals") or {}, rule.get("break_even") or {}
    return {
        "name": name, "means": MEANS[name], "judges": judges, "trades": whole(rule.get("trades")), "net": money(rule.get("net_usd")),
        "net_value": rule.get("net_usd"), "expectancy": in_r(rule.get("expectancy_r")), "expectancy_interval": interval(bounds.get("expectancy_r"), plain),
        "sharpe": plain(rule.get("sharpe")), "sharpe_interval": interval(bounds.get("sharpe"), plain), "drawdown": share(rule.get("max_drawdown")),
        "break_even": money(even.get("usd")), "break_even_more": f"{plain(even.get('ticks'), 1)} ticks, {plain(even.get('bp'), 2)} bp",
        "ambiguous": share(rule.get("ambiguous_share")),
    }


def hangs(section: dict[str, Any]) -> str:
    """What hangs on the fill rule, as a phrase; "" where nothing does."""
    return " and ".join(HANGS_ON.get(name, name) for name in section.get("fragile") or [])


def sentences(view: RunView, section: dict[str, Any]) -> Iterator[str]:
    """What the table means: who judges and why, what the trades say, what was looked into."""
    verdict, trades, even = section["verdict"], section["trades"], section["break_even"]
    if not trades["any"]:
        yield "No rule of fills made a trade, so nothing hangs on the rule."
        yield section["drill"]["said"]
        return
    yield (f"Judged by the {verdict['rule']} rule: {verdict['why']}. It makes {money(verdict['net_usd'])} {view.currency}, "
           f"{in_r(verdict['expectancy_r'])} a trade{_to_nothing(even, view.currency)}.")
    said = (f"{counted(trades['all'], 'setup')} became a trade under every rule, {trades['same_entry']:,} of them by the same entry; "
            f"{trades['only_some']:,} under some rules only. ")
    if trades["all"]:
        said += (f"Of the common ones {trades['differ']:,} ended otherwise under another rule (another kind of exit, or more than {DIFFERS_R:g} R apart): at "
                 f"worst {in_r(trades['low_r'])} and at best {in_r(trades['high_r'])} a trade.")
    if trades["out_of_order"]:
        said += (f" {counted(trades['out_of_order'], 'trade')} of the same entry did better under a stricter rule: who is stopped out early misses a gap, and "
                 f"who takes part of the profit is moved to breakeven.")
    yield said
    yield section["drill"]["said"]


def _to_nothing(even: dict[str, Any], currency: str) -> str:
    """How far the result of a round turn lies from nothing, told without a sign."""
    usd = number(even.get("usd"))
    if usd is None:
        return ""
    size = f"{money(abs(usd))} {currency}"
    near = [f"{plain(abs(value), digits)} {unit}" for name, unit, digits in (("ticks", "ticks", 1), ("bp", "basis points", 2))
            if (value := number(even.get(name))) is not None]
    also = f" ({', '.join(near)})" if near else ""
    if usd > 0.0:
        return f"; a further cost of {size} a round turn{also} would leave nothing"
    return f"; it would have come to nothing had each round turn gained {size} more{also}"


# --- the page --------------------------------------------------------------------------------------------------------------------------------------


def page_part(view: RunView) -> dict[str, Any] | None:
    """What the report's section shows besides its pictures; None for a run under one rule."""
    section = section_of(view)
    if section is None:
        return None
    table = read_table(view.folder / ENVELOPE)
    apart, order = table.filter(pl.col("only") != ""), table.filter(pl.col("out_of_order"))
    names = [row["name"] for row in rows(view, section)]
    return {
        "rows": rows(view, section), "hangs": hangs(section), "sentences": list(sentences(view, section)),
        "rules": names, "apart": [_listed(names, row) for row in apart.head(MOST_APART).iter_rows(named=True)], "apart_count": apart.height,
        "order": [_listed(names, row) for row in order.head(MOST_APART).iter_rows(named=True)], "order_count": order.height, "most": MOST_APART,
    }


def _listed(names: list[str], row: dict[str, Any]) -> dict[str, Any]:
    """A trade of the table: when, what, and its result under every rule."""
    from pse.clock import iso

    return {"ts": iso(row["ts_setup"])[:16].replace("T", " "), "symbol": row["symbol"], "tactic": row["tactic"], "direction": row["direction"],
            "results": [in_r(row[f"{name}_r"]) if row[f"{name}_ts_entry"] is not None else MISSING for name in names]}


def pictures(view: RunView) -> dict[str, str]:
    """The bounds of the expectancy and the band of the equity, as SVG; nothing for a run under one rule."""
    from pse.reports import charts

    section = section_of(view)
    if section is None:
        return {}
    known = {name: rule for name in reversed(MEANS) if (rule := section["rules"].get(name)) is not None}
    bounds = {name: (rule["expectancy_r"], (rule.get("intervals") or {}).get("expectancy_r")) for name, rule in known.items()
              if number(rule.get("expectancy_r")) is not None}
    table = read_table(view.folder / ENVELOPE_EQUITY)
    if not section["trades"]["any"]:
        return {}
    lines = {str(name): part["equity_usd"].to_list() for (name,), part in table.group_by("rule", maintain_order=True)}
    days = table.filter(pl.col("rule") == "conservative")["session_date"].to_list()
    return {"rule_bounds": charts.rule_bounds(bounds), "rule_band": charts.rule_band(days, lines, view.currency)}


# --- the terminal ----------------------------------------------------------------------------------------------------------------------------------


def show(console: Console, view: RunView) -> None:
    """The table of rules and what it means; nothing for a run under one rule."""
    from rich.table import Table
    from rich.text import Text

    section = section_of(view)
    if section is None:
        return
    text = partial(Text, style="dim")
    if console.width >= 60:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for title, justify in (("Fill rule", "left"), ("trades", "right"), ("net", "right"), ("a trade", "right"), ("95 %", "left"), ("Sharpe", "right"),
                               ("break-even", "right")):
            table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for row in rows(view, section):
            tone = "green" if (number(row["net_value"]) or 0.0) > 0.0 else "red"
            table.add_row(Text(row["name"], style="bold" if row["judges"] else ""), row["trades"], Text(row["net"], style=tone), row["expectancy"],
                          text(row["expectancy_interval"]), row["sharpe"], row["break_even"])
        console.print(table)
    else:
        for row in rows(view, section):
            console.print(Text(f"{row['name']}: {row['net']} in {row['trades']} trades, {row['expectancy']}"))
    for sentence in sentences(view, section):
        console.print(text(sentence))
