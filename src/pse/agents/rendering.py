"""A briefing as the text that a model is shown: one line of JSON a thing, in a fixed order, so that equal briefings are equal bytes.

Numbers are cut to what a reader needs; prices stay exact, for edits are held against them.  What is unknown is null, and says why where a reason is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from pse.agents.cleaning import clean, data_block, one_line, quoted
from pse.clock import iso
from pse.domain.decisions import Briefing, Candidate
from pse.domain.sessions import MINUTE_NS

PRICE_DIGITS, MONEY_DIGITS, FEW_DIGITS = 10, 2, 4
PRICES = frozenset({"entry", "stop", "target", "close", "price", "limit", "tick", "swing_high", "swing_low"})
MONEY = frozenset({"equity", "balance", "day_start_equity", "high_water"})
SECTIONS = ("market", "candidates", "timeframes", "regime", "others", "positions", "account", "exposure", "limits", "data", "news")
EDITS = "size_factor 0 to 1; stop only nearer to the entry; target only nearer to the entry; confidence only lower; anything else is thrown away"
# Keys in the order in which a reader wants them; others follow by name.
ORDER = ("candidate", "id", "symbol", "name", "kind", "timeframe", "closed", "tactic", "direction", "state", "grade", "quality", "confidence", "order",
         "entry", "price", "close", "stop", "target", "limit", "reward_r", "risk_points", "risk_atr", "size_r", "valid_min", "record", "change_pct",
         "change_20_pct", "day_change_pct", "atr", "atr_pct", "trend", "market_state", "conviction", "conviction_direction", "equity", "balance",
         "headline", "age_h", "flags", "title", "evidence", "null")
_RANK = {name: rank for rank, name in enumerate(ORDER)}
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_SHOWN = re.compile(r"(?<![\w.#])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def render(briefing: Briefing) -> str:
    """The text of a briefing."""
    digits = _places(briefing.market.get("tick"))
    lines = [f"BRIEFING {briefing.symbol} {iso(briefing.known_at)}",
             "Everything here was known at that moment and computed by code. null: unknown then."]
    for name, rows in _sections(briefing):
        lines.append(f"[{name}]")
        lines += [quoted(_ordered(row, digits)) for row in rows] or ["none"]
    lines += [f"[edits] {EDITS}"]
    if briefing.headlines:
        lines += ["[headlines]", data_block(_headline(number, one) for number, one in enumerate(briefing.headlines, 1))]
    return "\n".join(lines) + "\n"


def numbers_shown(text: str) -> frozenset[float]:
    """The numbers that a rendered briefing shows, without those inside ids and names."""
    return frozenset(abs(float(found)) for found in _SHOWN.findall(_ID.sub(" ", text)))


def _sections(briefing: Briefing) -> Iterable[tuple[str, list[Mapping[str, Any]]]]:
    """Every section that has something, the candidates always."""
    found: dict[str, list[Mapping[str, Any]]] = {
        "market": [briefing.market] if briefing.market else [],
        "candidates": [_candidate(number, one, briefing.known_at) for number, one in enumerate(briefing.candidates, 1)],
        "timeframes": list(briefing.timeframes), "regime": [briefing.regime] if briefing.regime else [], "others": list(briefing.others),
        "positions": list(briefing.positions), "account": [briefing.account], "exposure": [briefing.exposure] if briefing.exposure else [],
        "limits": [briefing.limits] if briefing.limits else [], "data": [briefing.data] if briefing.data else [],
        "news": [briefing.news] if briefing.news else []}
    always = ("candidates", "positions")
    return [(name, found[name]) for name in SECTIONS if found[name] or name in always]


def _candidate(number: int, one: Candidate, now: int) -> dict[str, Any]:
    return {"candidate": f"#{number}", "id": one.setup_id, "symbol": one.symbol, "tactic": one.tactic, "direction": one.direction, "grade": one.grade,
            "quality": one.quality, "confidence": one.confidence, "entry": one.entry, "stop": one.stop, "target": one.target, **one.facts,
            "evidence": _evidence(one.evidence, now)}


def _evidence(found: Mapping[str, Any], now: int) -> dict[str, Any]:
    """What a tactic measured, without the ids of what it rests on; moments as minutes before the decision."""
    shown: dict[str, Any] = {}
    for name, value in found.items():
        if name.endswith("_ts") and isinstance(value, int):
            shown[f"{name.removesuffix('_ts')}_min_ago"] = (now - value) / MINUTE_NS
        elif name != "objects" and not (isinstance(value, str) and ":" in value):
            shown[name] = value
    return shown


def _headline(number: int, one: Mapping[str, Any]) -> dict[str, Any]:
    shown = _ordered({**one, "headline": number, "title": ""}, FEW_DIGITS)
    shown["title"] = clean(str(one.get("title", "")))
    return shown


def _ordered(row: Mapping[str, Any], digits: int) -> dict[str, Any]:
    """The row with its keys in order and its values as they are shown."""
    return {shown: _shown(row[name], name, digits) for name, shown in _in_order(tuple(row))}


@lru_cache(maxsize=4_096)                        # the same few rows come again and again
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Keys in the order in which they are shown, each with its text."""
    return tuple((name, _text(name)) for name in sorted(names, key=lambda name: (_RANK.get(name, len(ORDER)), name)))


def _shown(value: Any, name: str, digits: int) -> Any:
    kind = type(value)
    if kind is float:
        return _number(value, PRICE_DIGITS if name in PRICES else MONEY_DIGITS if name in MONEY else digits)
    if kind is str:
        return _text(value)
    if value is None or kind is int or kind is bool:
        return value
    if isinstance(value, Mapping):
        return _ordered({str(key): one for key, one in value.items()}, digits)
    if isinstance(value, (list, tuple)):
        return [_shown(one, name, digits) for one in value]
    return _shown(value.tolist() if hasattr(value, "tolist") else str(value), name, digits)          # what a tactic from outside measured may be numpy's


def _number(value: float, digits: int) -> float | int | None:
    """The value to so many places, at least four digits of it; a whole one without a point, minus zero as zero, what is no number as null."""
    if not isfinite(value):
        return None
    found = round(value, digits)
    if abs(value) < 10.0 ** (3 - digits):
        found = float(f"{value:.4g}")
    return int(found) if found == int(found) and abs(found) < 1e15 else found


def _places(tick: Any) -> int:
    """Decimal places that a step of the price needs, at least four."""
    text = f"{float(tick):.10f}".rstrip("0") if tick else ""
    return max(FEW_DIGITS, len(text.partition(".")[2]))


def _text(text: str) -> str:
    return text if text.isascii() and text.isprintable() else one_line(text)
