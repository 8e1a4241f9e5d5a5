"""What was open at the worst moment of a run and just before its end, for the page."""

from __future__ import annotations

from typing import Any

from pse.clock import SECOND_NS, iso
from pse.reports.view import RunView
from pse.reports.words import MISSING, in_r, money, plain, price, share

TITLES = {"worst": "The moment of the largest open risk", "last": "Just before the end"}


def page_part(view: RunView) -> list[dict[str, Any]]:
    """One part a moment with figures, positions and limits as texts; nothing for a run without them."""
    found = view.portfolio
    return [_part(TITLES[name], found[name]) for name in TITLES if name in found]


def _part(title: str, one: dict[str, Any]) -> dict[str, Any]:
    equity, whole_second = one["equity_usd"], -(-one["ts"] // SECOND_NS) * SECOND_NS         # the end for the nanosecond before it
    tail = [("Value at risk, 95 %, one day", one["var95_usd"]), ("Expected shortfall, 97.5 %", one["es975_usd"])]
    return {
        "title": title, "when": iso(whole_second), "open": bool(one["positions"]),
        "figures": [("Equity", money(equity)), ("Open risk", f"{money(one['open_risk_usd'])} ({share(one['open_risk_usd'] / equity, 2)})"),
                    ("Notional, gross", money(one["gross_usd"])), ("Notional, net", money(one["net_usd"])),
                    *((what, MISSING if value is None else f"{money(value)} ({share(value / equity, 2)})") for what, value in tail)],
        "positions": [_position(position) for position in one["positions"]],
        "limits": [(use["what"], _taken(use["used"], use["kind"]), _taken(use["allowed"], use["kind"]),
                    MISSING if use["left_usd"] is None else money(use["left_usd"]), use["limit"]) for use in one["uses"]],
    }


def _position(one: dict[str, Any]) -> tuple[str, ...]:
    return (one["contract"], one["direction"], one["tactic"], f"{one['held']:g}", f"{one['working']:g}", price(one["entry"]), price(one["price"]),
            price(one["stop"]), price(one["target"]), money(one["unrealised_usd"]), money(one["risk_usd"]), in_r(one["risk_r"]), money(one["notional_usd"]))


def _taken(value: float, kind: str) -> str:
    return share(value, 2) if kind == "share" else plain(value, 0)
