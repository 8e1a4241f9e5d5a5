"""The words and tables of the page: headline cards, months, costs, all figures, settings, record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from pse.kernels.codes import MARKET_STATES
from pse.reports import envelope, judged, open_risk, worth
from pse.reports.definitions import conventions, definitions
from pse.reports.reasons import WHO, sentence
from pse.reports.refused import by_gate, counted_words, said
from pse.reports.view import RunView, number
from pse.reports.words import MISSING, counted, in_r, interval, money, plain, share, whole

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_REFUSED = 300
GRADES = ("A+", "A", "B", "C")
Writer = Callable[[Any], str]
SHARES = {
    "total_return",
    "cagr",
    "volatility",
    "max_drawdown",
    "best_session",
    "worst_session",
    "win_rate",
    "exposure",
    "cost_share_gross",
    "top5_share",
    "ambiguous_share",
    "buy_hold_return",
    "psr",
}
COUNTS = {
    "trades",
    "wins",
    "losses",
    "sessions",
    "losing_run",
    "under_water_sessions",
    "market_phases",
    "expected_sessions",
    "missing_sessions",
    "min_track_record_sessions",
}


def page_parts(view: RunView) -> dict[str, Any]:
    """Everything that the template shows besides pictures and packed data."""
    m, manifest = view.metrics, view.manifest
    settings = manifest.get("settings") or {}
    keys = ("decide", "seed", "snapshot", "created", "fingerprint", "records", "head", "merkle_root")
    return {
        "title": view.title,
        "synthetic": bool(manifest.get("synthetic")),
        "manifest": {key: manifest.get(key) for key in keys},
        "metrics": m,
        "trades": bool(view.trades.height),
        "cards": headline(view),
        "interval_words": _interval_words(m),
        "no_trades": no_trades(view),
        "judged": judged.judged_words(view),
        "months": months(m.get("monthly") or [], m.get("yearly") or []),
        "month_names": MONTHS,
        "by": groups(m),
        "whole_run": {"all": _whole(m), "titles": {}},
        "ended": {"all": _whole(m), "titles": {code: sentence(code) for code in m.get("by_exit") or {}}},
        "symbol_rows": symbol_rows(view),
        "turned_down": turned_down(m),
        "refusals": m.get("refusals") or {},
        "refused_words": _refused_words(view),
        "refused_gates": [found.words for found in sorted(by_gate(view.refused).values(), key=lambda found: (-found.count, found.gate))],
        "refused_rows": refused_rows(view),
        "refused_count": counted_words(view.turned_down.height, MOST_REFUSED),
        "costs": costs(m, view.currency),
        "envelope": envelope.page_part(view),
        "open_risk": open_risk.page_part(view),
        "worth": worth.page_part(view),
        "figures": figures(m),
        "definitions": definitions(m),
        "conventions": conventions(m),
        "settings": outline(settings),
        "manifest_text": outline({key: value for key, value in manifest.items() if key != "settings"}),
        "parts": _parts(view),
    }


def groups(m: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures by kind, each kind in the order that a reader expects (stored metrics are sorted by name)."""
    found: dict[str, dict[str, Any]] = dict.fromkeys(KINDS, {}) | {key[3:]: value for key, value in m.items() if key.startswith("by_")}
    for kind, order in (("weekday", WEEKDAYS), ("grade", GRADES), ("mcs", MARKET_STATES)):
        rank = {name: i for i, name in enumerate(order)}
        found[kind] = dict(
            sorted((found.get(kind) or {}).items(), key=lambda item: (rank.get(item[0], len(rank)), item[0]))
        )
    return {kind: {key: NO_GROUP | group for key, group in parts.items()} for kind, parts in found.items()}


KINDS = ("tactic", "symbol", "grade", "direction", "exit", "mcs", "year", "month", "weekday", "hour")        # an older run lacks some
NOT_COUNTED = {"expected_sessions": None, "missing_sessions": None}
NO_GROUP = dict.fromkeys(("trades", "win_rate", "expectancy_r", "total_r", "fees_usd", "net_usd", "share_net", "profit_factor"))


def _whole(m: dict[str, Any]) -> dict[str, Any]:
    """The figures of the whole run as a group's."""
    net = number(m.get("net_usd"))
    return {name: m.get(name) for name in NO_GROUP} | {"share_net": 1.0 if net is not None and net > 0.0 else None}


def symbol_rows(view: RunView) -> list[dict[str, Any]]:
    """What is each symbol's own; nothing for one symbol in the account's currency."""
    found = view.metrics.get("symbols") or {}
    rows = []
    for name, own in found.items():
        low, high = number(own.get("rate_lowest")), number(own.get("rate_highest"))
        rate = MISSING if low is None or high is None else _rate(low) if low == high else f"{_rate(low)} to {_rate(high)}"
        group = (view.metrics.get("by_symbol") or {}).get(name) or {}
        currency = str(view.instruments.get(name, {}).get("currency", ""))
        rows.append(NOT_COUNTED | own | {"symbol": name, "currency": currency, "rate": rate, "net_usd": group.get("net_usd")})
    alone = len(rows) < 2 and all(row["currency"] in ("", view.currency) for row in rows)
    return [] if alone else rows


def _rate(value: float) -> str:
    return f"{value:.6g}"


def turned_down(m: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By tactic: how many setups came to nothing, why in words, and who said so; most first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(m.get("turned_down") or [], key=lambda row: -row["count"]):
        who = f"gate {row['gate']}" if row["by"] == "gate" else WHO.get(row["by"], row["by"])
        found.setdefault(row["tactic"], []).append({"count": row["count"], "why": sentence(row["reason"]), "reason": row["reason"], "who": who})
    return dict(sorted(found.items()))


def _parts(view: RunView) -> list[tuple[str, str]]:
    whole_page = [
        ("headline", "Headline"),
        ("doubts", "Doubts"),
        ("equity-part", "Equity"),
        ("months", "Months"),
        ("trades-shape", "Results"),
        ("groups", "By kind"),
        ("refusals", "Turned down"),
        ("trades-part", "Trades"),
        ("worth", "Judges"),
        ("open-risk", "Open risk"),
        ("costs", "Costs"),
        ("envelope-part", "Fill rules"),
        ("figures", "Figures and record"),
    ]
    absent = {"envelope-part"} if envelope.section_of(view) is None else set()
    absent |= set() if view.portfolio else {"open-risk"}
    absent |= set() if judged.section_of(view) is not None else {"worth"}
    known = [part for part in whole_page if part[0] not in absent]
    return (
        known
        if view.trades.height
        else [part for part in known if part[0] in ("headline", "doubts", "refusals", "worth", "envelope-part", "figures")]
    )


def headline(view: RunView) -> list[dict[str, str]]:
    """The figures that everybody asks for, each with its interval and what it rests on."""
    m = view.metrics
    if not m.get("trades"):
        return []
    wins = f"{whole(m.get('wins'))} won, {whole(m.get('losses'))} lost"
    rows: list[tuple[str, str, Writer, str, bool]] = [
        (
            f"Net result, {view.currency}",
            "net_usd",
            money,
            f"{share(m.get('total_return'))} of {money(m.get('capital_usd'))}{_with_dividends(m, view.currency)}",
            True,
        ),
        ("Expectancy a trade", "expectancy_r", in_r, f"{money(m.get('expectancy_usd'))} {view.currency}", True),
        (
            "Sharpe ratio, a year",
            "sharpe",
            plain,
            f"above 0 with {share(m.get('psr'), 0)}" if number(m.get("psr")) is not None else "",
            True,
        ),
        ("Largest drawdown", "max_drawdown", share, f"{money(m.get('max_drawdown_usd'))} {view.currency}", False),
        ("Win rate", "win_rate", share, wins, False),
        (
            "Profit factor",
            "profit_factor",
            plain,
            f"win {plain(m.get('average_win_r'))} R, loss {plain(m.get('average_loss_r'))} R",
            False,
        ),
        ("Trades", "trades", whole, f"in {counted(int(m.get('sessions') or 0), 'session')}", False),
        (
            "Time in the market",
            "exposure",
            share,
            f"{plain(m.get('turnover'), 0)} times the equity traded a year",
            False,
        ),
    ]
    return [_card(m, *row) for row in rows]


def _card(m: dict[str, Any], name: str, key: str, write: Writer, more: str, toned: bool) -> dict[str, str]:
    value = number(m.get(key))
    tone = "" if not toned or not value else "gain" if value > 0.0 else "loss"
    bounds = interval((m.get("intervals") or {}).get(key), write)
    bounds = f"95 %: {bounds}" if bounds else ""
    if value is None:
        bounds = str((m.get("reasons") or {}).get(key, ""))
    return {"name": name, "value": write(m.get(key)), "tone": tone, "interval": bounds, "more": more}


def _interval_words(m: dict[str, Any]) -> str:
    method = m.get("method") or {}
    level = f"{100 * (number(method.get('level')) or 0.95):.0f} %"
    if method.get("block_sessions") is None:
        return (
            f"Small print under a figure: its {level} interval where there is one. {_sentence(method.get('interval'))}"
        )
    return (
        f"Small print under a figure: its {level} interval, from {method.get('resamples'):,} resamples of whole sessions in blocks of about "
        f"{plain(method.get('block_sessions'), 1)} (win rate: Wilson). Such intervals cover less than they say when sessions hang together."
    )


def _sentence(text: Any) -> str:
    found = str(text or "")
    return found[:1].upper() + found[1:] + "." if found else ""


def no_trades(view: RunView) -> str:
    """Why a run has no trade: what ended most setups, and whether its tactics can trade at all as it was decided."""
    m = view.metrics
    if list(view.desk.get("tactics") or {}) == ["open_call"] and (view.manifest.get("decide") or "rules") == "rules":
        return _ended(m) + " Its one tactic, open_call, only asks for an opinion, and rules have none of their own: decided by rules this desk never trades."
    return _ended(m)


def _ended(m: dict[str, Any]) -> str:
    refused = m.get("refusals") or {}
    sessions = counted(int(m.get("sessions") or 0), "session")
    if not refused:
        return f"In {sessions} no setup came up that could have been refused: the tactics found nothing, or the window is too short for their warm-up."
    gate, count = max(refused.items(), key=lambda item: (item[1], item[0]))
    return f"In {sessions} every setup was refused or expired; the gates said no {counted(sum(refused.values()), 'time')}, most often {gate} ({count:,})."


def _refused_words(view: RunView) -> str:
    total = sum((view.metrics.get("refusals") or {}).values())
    return f"{counted(total, 'refusal')} by the first gate that said no."


def refused_rows(view: RunView) -> list[tuple[str, ...]]:
    """Time UTC, symbol, tactic, direction, who, measured, allowed, code and sentence of the first `MOST_REFUSED` setups that came to nothing."""
    rows = view.turned_down.head(MOST_REFUSED).with_columns(pl.col("ts").cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%d %H:%M"))
    return [
        (ts, symbol, tactic or MISSING, direction or MISSING, gate or by, *said(code, measured, allowed), code, sentence(code))
        for by, ts, symbol, tactic, direction, gate, measured, allowed, code in rows.iter_rows()
    ]


def months(rows: list[dict[str, Any]], years: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a year with twelve cells."""
    largest = max((abs(row["return"]) for row in rows if row["return"] is not None), default=0.0)
    lines = {row["year"]: {"year": row["year"], "cells": [{"text": "", "heat": "", "title": ""} for _ in MONTHS], "total": row["return"],
                           "net": row["net_usd"], "trades": row["trades"]} for row in years}
    for row in rows:
        year, month = row["month"].split("-")
        if year in lines:
            lines[year]["cells"][int(month) - 1] = {
                "text": share(row["return"], 2).removesuffix(" %"),
                "heat": _heat(row["return"], largest),
                "title": f"{money(row['net_usd'])}, {counted(row['trades'], 'trade')}",
            }
    return list(lines.values())


def _heat(value: float | None, largest: float) -> str:
    if not value or not largest:
        return ""
    depth = 1 + min(2, int(3.0 * abs(value) / largest))
    return f"h{'p' if value > 0.0 else 'n'}{depth}"


def costs(m: dict[str, Any], currency: str) -> list[tuple[str, str, str]]:
    """From the profit before costs to the net."""
    if not m.get("trades"):
        return []
    part = m.get("cost_share_gross")
    said = (
        share(part) + " of the profit before costs"
        if part is not None
        else str((m.get("reasons") or {}).get("cost_share_gross", ""))
    )
    fees, slip = (-(number(m.get(name)) or 0.0) for name in ("fees_usd", "slippage_usd"))
    return [
        ("Before costs", f"{money(m.get('before_costs_usd'))} {currency}", "at the prices that were asked for" + _with_dividends(m, currency)),
        ("Slippage", f"{money(slip)} {currency}", f"{money(m.get('slippage_a_trade_usd'))} a trade, inside the fill prices"),
        ("Fees", f"{money(fees)} {currency}", f"{money(m.get('fees_a_trade_usd'))} a trade"),
        ("Net", f"{money(m.get('net_usd'))} {currency}", f"costs are {said}" if part is not None else said),
        *judged.cost_rows(m, currency),
    ]


def _with_dividends(m: dict[str, Any], currency: str) -> str:
    dividends = number(m.get("dividends_usd"))
    return f", with dividends of {money(dividends)} {currency}" if dividends else ""


def figures(m: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every flat figure with its interval, or the reason why it has no value."""
    reasons, intervals = m.get("reasons") or {}, m.get("intervals") or {}
    rows = []
    for name, value in m.items():
        if isinstance(value, dict | list | str | bool):
            continue
        write = share if name in SHARES else whole if name in COUNTS else plain
        more = str(reasons.get(name, "")) if value is None else interval(intervals.get(name), write)
        rows.append((name, write(value) if value is not None else MISSING, more))
    return rows


def outline(tree: Any, depth: int = 0) -> str:
    """Nested values as indented text, keys sorted."""
    pad = "  " * depth
    if isinstance(tree, dict):
        return "\n".join(
            _line(pad, f"{key}:", value, depth) for key, value in sorted(tree.items(), key=lambda item: str(item[0]))
        )
    if isinstance(tree, list | tuple):
        return "\n".join(_line(pad, "-", value, depth) for value in tree)
    return f"{pad}{tree}"


def _line(pad: str, key: str, value: Any, depth: int) -> str:
    if isinstance(value, dict | list | tuple) and value:
        return f"{pad}{key}\n{outline(value, depth + 1)}"
    return f"{pad}{key} {'none' if value is None or value in ({}, [], ()) else value}"
