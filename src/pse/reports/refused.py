"""Setups that came to nothing: one row each, who said no and why, with what was measured against what was allowed, from the journal.

A setup counts once.  Where a gate refused it, it counts by the first gate that said no in its last round (a round is one GATES record: one stage for
one contract), as the figures of a run count it; else by its tactic, or by the last word of the choice, whoever decides, or its entry order.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from pse.kernels.codes import MACD_STATES, MARKET_STATES, RSI_STATES
from pse.reports.cuts import Dear, Sized, sized_of
from pse.reports.view import number
from pse.reports.words import counted, plain
from pse.risk.gate_words import unit_of
from pse.store.journal import raw_lines

TAIL_BYTES = 200  # kind, previous hash, number and time stand at the end of a record
KIND = b',"kind":"'
UNMEASURED = {"BUSY", "NOT_TRADABLE", "NOT_SHORTABLE", "NEWS_BLACKOUT", "NOT_READY", "SHORT_NOT_ALLOWED", "THROUGH_STOP", "BREAKER_LLM", "BREAKER_DATA",
              "BREAKER_EQUITY", "BREAKER_HALF_OPEN"}  # yes or no, whatever number stands by
STATES = {"MCS": MARKET_STATES, "RSI": RSI_STATES, "MACD": MACD_STATES}  # measured: code of a state; allowed: a sum of 2**code
SCHEMA = {
    "ts": pl.Int64,
    "symbol": pl.String,
    "tactic": pl.String,
    "direction": pl.String,
    "gate": pl.String,
    "measured": pl.Float64,
    "allowed": pl.Float64,
    "code": pl.String,
}
WHOLE = {"by": pl.String} | SCHEMA
Row = tuple[str, int, str, str | None, str | None, str, float | None, float | None, str]


@dataclass(frozen=True)
class Refused:
    """Refusals of one gate for one reason: their number, the medians of what was measured and allowed (the commonest pair where states are measured),
    None where nothing is."""

    code: str
    count: int
    measured: float | None
    allowed: float | None

    @property
    def why(self) -> str:
        """`median -4.79, needs 0.07 R`; nothing where nothing was measured."""
        if self.measured is None or self.allowed is None:
            return ""
        if self.code in STATES:
            state, allowed = said(self.code, self.measured, self.allowed)
            return f"mostly {state}, allowed: {allowed}"
        bound = "needs" if self.measured < self.allowed else "at most" if self.measured > self.allowed else "limit"
        measured, allowed = apart(self.measured, self.allowed)
        unit = unit_of(self.code)
        return f"median {measured}, {bound} {allowed}{' ' + unit if unit else ''}"


@dataclass(frozen=True)
class Gate:
    """All refusals of one gate, by reason, the commonest first."""

    gate: str
    reasons: tuple[Refused, ...]

    @property
    def count(self) -> int:
        return sum(reason.count for reason in self.reasons)

    @property
    def words(self) -> str:
        """`expected_value 127 (median -4.79, needs 0.07 R)`; with several reasons `bracket 58: min risk 38 (...), sl cap 20 (...)`."""
        name, several = f"{self.gate} {self.count:,}", len(self.reasons) > 1
        if several:
            return f"{name}: " + ", ".join(f"{_lower(one.code)} {one.count:,}" + (f" ({one.why})" if one.why else "") for one in self.reasons)
        why = self.reasons[0].why or _lower(self.reasons[0].code)
        return f"{name} ({why})" if why else name


def _lower(code: str) -> str:
    return code.lower().replace("_", " ")


def figure(value: float | None) -> str:
    """Two decimals, or three figures where those would say nothing."""
    found = number(value)
    if found is None or found == 0.0 or abs(found) >= 0.01:
        return plain(value)
    return f"{found:.2g}".replace("-", "\u2212")


def apart(measured: float | None, allowed: float | None) -> tuple[str, str]:
    """Both as figures, with as many digits as it takes to see that they differ."""
    texts = figure(measured), figure(allowed)
    for digits in range(3, 8):
        if texts[0] != texts[1] or measured == allowed:
            break
        texts = plain(measured, digits), plain(allowed, digits)
    return texts


def said(code: str, measured: float | None, allowed: float | None) -> tuple[str, str]:
    """What was measured and what was allowed as text: states by their words, else figures."""
    words = STATES.get(code)
    if words is None or measured is None or allowed is None or not 0 <= measured < len(words):
        return apart(measured, allowed)
    return words[int(measured)], ", ".join(word for i, word in enumerate(words) if int(allowed) >> i & 1) or "none"


@dataclass(frozen=True, eq=False)
class Told:
    """What a journal tells of its setups.

    `turned_down`: those that came to nothing in order of time, columns of `WHOLE`, ts int64 ns UTC, null where the journal does not say.  `sized`: the last
    sizing of each setup that came to one, by its id.  `dear`: those that were refused for their expected value.
    """

    turned_down: pl.DataFrame
    sized: dict[str, Sized]
    dear: list[Dear]


def told(journal: Path) -> Told:
    """One reading of the journal."""
    named: dict[str, tuple[str, str]] = {}
    levels: dict[str, tuple[float | None, float | None, float | None]] = {}
    rounds: dict[str, tuple[int, str, list[Any] | None]] = {}
    others: dict[str, tuple[str, int, dict[str, Any]]] = {}
    finds: list[tuple[str, int, dict[str, Any]]] = []
    sized: dict[str, Sized] = {}
    for kind, record, body in records(journal, ("SETUP", "GATES", "PASSED_OVER", "DECISION", "ORDER")):
        setup, ts = str(body.get("setup_id")), int(record.get("ts") or 0)
        if kind == "SETUP":
            named[setup] = (str(body.get("tactic", "")), str(body.get("direction", "")))
            evidence = body.get("evidence")
            levels[setup] = (number(body.get("entry")), number(body.get("stop")), number(evidence.get("atr")) if isinstance(evidence, dict) else None)
        elif kind == "GATES":
            gates = [gate for gate in body["gates"] if _is_gate(gate)] if isinstance(body.get("gates"), list) else []
            no = next((gate for gate in gates if gate[1] is False), None)
            rounds[setup] = (ts, str(body.get("symbol", "")), no)
            if body.get("stage") == "after":
                sized[setup] = sized_of(gates)
        else:
            by = _who(kind, body)
            if by == "tactic":
                finds.append((by, ts, body))
            elif by:
                others[setup] = (by, ts, body)
    rows: list[Row] = [("gate", ts, symbol, *named.get(setup, (None, None)), str(no[0]), number(no[2]), number(no[3]), str(no[4]))
                       for setup, (ts, symbol, no) in rounds.items() if no is not None]
    refused = {setup for setup, (_, _, no) in rounds.items() if no is not None}
    rows += [_other(by, ts, body, None) for by, ts, body in finds]
    rows += [_other(by, ts, body, named.get(setup)) for setup, (by, ts, body) in others.items() if setup not in refused]
    table = pl.DataFrame(rows, schema=WHOLE, orient="row").sort("ts", maintain_order=True)
    dear = [_dear(symbol, levels.get(setup), sized.get(setup)) for setup, (_, symbol, no) in rounds.items() if no is not None and no[4] == "EV"]
    return Told(table, sized, [one for one in dear if one is not None])


def _dear(symbol: str, levels: tuple[float | None, float | None, float | None] | None, sized: Sized | None) -> Dear | None:
    """None where the journal does not tell its prices."""
    entry, stop, atr = levels or (None, None, None)
    if entry is None or stop is None or entry == stop:
        return None
    return Dear(symbol, entry, stop, None if sized is None else sized.quantity, math.nan if atr is None else atr)


def _who(kind: str, body: dict[str, Any]) -> str:
    """Who said no in a record that is no gate's; nothing where it is no such record."""
    if kind == "PASSED_OVER":
        return "tactic" if body.get("by") == "tactic" else "selection"
    if kind == "DECISION":
        return "judge" if body.get("decision") in ("REJECT", "HOLD") else ""
    return "order" if body.get("leg") == "ENTRY" and body.get("action") == "CANCEL" else ""


def _other(by: str, ts: int, body: dict[str, Any], named: tuple[str, str] | None) -> Row:
    tactic, direction = named or (body.get("tactic"), body.get("direction"))
    return by, ts, str(body.get("symbol", "")), tactic, direction, "", None, None, str(body.get("reason", ""))


def _is_gate(gate: Any) -> bool:
    return isinstance(gate, list) and len(gate) >= 5


def records(journal: Path, kinds: Collection[str]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Kind, record and body of the records of some kinds; a missing journal has none."""
    wanted = {kind.encode(): kind for kind in kinds}
    for line in raw_lines(journal) if journal.is_file() else ():
        tail = line[-TAIL_BYTES:]
        at = tail.rfind(KIND)
        kind = wanted.get(tail[at + len(KIND):tail.find(b'"', at + len(KIND))]) if at >= 0 else None
        if kind is not None:
            record = json.loads(line)
            if isinstance(record.get("body"), dict):
                yield kind, record, record["body"]


def by_gate(rows: pl.DataFrame) -> dict[str, Gate]:
    """Each gate's refusals."""
    found: dict[str, list[Refused]] = {}
    counts = rows.group_by("gate", "code").len().sort(["len", "gate", "code"], descending=[True, False, False])
    for gate, code, count in counts.iter_rows():
        mine = (pl.col("gate") == gate) & (pl.col("code") == code) & pl.col("measured").is_not_null() & pl.col("allowed").is_not_null()
        pairs = rows.filter(mine)
        values = [] if code in UNMEASURED else list(zip(pairs["measured"].to_list(), pairs["allowed"].to_list(), strict=True))
        found.setdefault(str(gate), []).append(Refused(str(code), count, *(_typical(code, values) if values else (None, None))))
    return {gate: Gate(gate, tuple(reasons)) for gate, reasons in found.items()}


def _typical(code: str, values: list[tuple[float, float]]) -> tuple[float, float]:
    """The medians of what was measured and allowed, of states the commonest pair."""
    if code in STATES:
        return Counter(values).most_common(1)[0][0]
    return float(median(pair[0] for pair in values)), float(median(pair[1] for pair in values))


def counted_words(rows: int, shown: int) -> str:
    """What the table on the page holds."""
    if rows <= shown:
        return f"{counted(rows, 'setup')}, each with the first that said no."
    return f"The first {shown:,} of {rows:,} setups; `pse report --csv DIR` writes all of them."
