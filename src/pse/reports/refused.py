"""Setups that a gate refused: one row each, with what was measured against what was allowed, from the journal.

A setup counts once, by the first gate that said no in its last round (a round is one GATES record: one stage for one
contract), as the figures of a run count it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from pse.kernels.codes import MACD_STATES, MARKET_STATES, RSI_STATES
from pse.reports.view import number
from pse.reports.words import counted, plain
from pse.store.journal import raw_lines

TAIL_BYTES = 160  # kind, previous hash, number and time stand at the end of a record
UNMEASURED = {"BUSY", "CLOCK", "NEWS_BLACKOUT", "NOT_READY", "SHORT_NOT_ALLOWED"}  # yes or no, whatever number stands by
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


@dataclass(frozen=True)
class Refused:
    """One gate over all its refusals: `count`; of its commonest code the median of what was measured and allowed (the
    commonest pair where states are measured), None where nothing is."""

    gate: str
    code: str
    count: int
    measured: float | None
    allowed: float | None

    @property
    def words(self) -> str:
        """`expected_value 127 (median -4.79, needs 0.07)`."""
        name = f"{self.gate} {self.count:,}"
        if self.measured is None or self.allowed is None:
            return f"{name} ({self.code.lower().replace('_', ' ')})" if self.code else name
        if self.code in STATES:
            state, allowed = said(self.code, self.measured, self.allowed)
            return f"{name} (mostly {state}, allowed: {allowed})"
        bound = "needs" if self.measured < self.allowed else "at most" if self.measured > self.allowed else "limit"
        return f"{name} (median {figure(self.measured)}, {bound} {figure(self.allowed)})"


def figure(value: float | None) -> str:
    """Two decimals, or three figures where those would say nothing."""
    found = number(value)
    if found is None or found == 0.0 or abs(found) >= 0.01:
        return plain(value)
    return f"{found:.2g}".replace("-", "\u2212")


def said(code: str, measured: float | None, allowed: float | None) -> tuple[str, str]:
    """What was measured and what was allowed as text: states by their words, else figures."""
    words = STATES.get(code)
    if words is None or measured is None or allowed is None or not 0 <= measured < len(words):
        return figure(measured), figure(allowed)
    return words[int(measured)], ", ".join(word for i, word in enumerate(words) if int(allowed) >> i & 1) or "none"


def refused_setups(journal: Path) -> pl.DataFrame:
    """Refused setups in order of time: columns of `SCHEMA`, ts int64 ns UTC, null where the journal does not say."""
    last: dict[str, tuple[int, str, list[Any] | None]] = {}
    for record, body in _records(journal, "GATES"):
        gates = body.get("gates")
        no = next((gate for gate in gates if _said_no(gate)), None) if isinstance(gates, list) else None
        last[str(body.get("setup_id"))] = (int(record.get("ts") or 0), str(body.get("symbol", "")), no)
    refused = {setup: found for setup, found in last.items() if found[2] is not None}
    named = _named(journal, refused)
    rows = [
        (ts, symbol, *named.get(setup, (None, None)), str(no[0]), number(no[2]), number(no[3]), str(no[4]))
        for setup, (ts, symbol, no) in refused.items()
        if no is not None
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("ts", maintain_order=True)


def _said_no(gate: Any) -> bool:
    return isinstance(gate, list) and len(gate) >= 5 and gate[1] is False


def _named(journal: Path, wanted: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Tactic and direction of the wanted setups, from their SETUP records."""
    if not wanted:
        return {}
    found = {}
    for _, body in _records(journal, "SETUP"):
        setup = str(body.get("setup_id"))
        if setup in wanted:
            found[setup] = (str(body.get("tactic", "")), str(body.get("direction", "")))
    return found


def _records(journal: Path, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Records of one kind with their bodies; a missing journal has none."""
    marker = f',"kind":"{kind}","prev":"'.encode()
    for line in raw_lines(journal) if journal.is_file() else ():
        if marker in line[-TAIL_BYTES:]:
            record = json.loads(line)
            if isinstance(record.get("body"), dict):
                yield record, record["body"]


def by_gate(rows: pl.DataFrame) -> dict[str, Refused]:
    """Each gate's refusals."""
    found = {}
    for (gate,), part in rows.partition_by("gate", as_dict=True, maintain_order=True).items():
        codes = part["code"].value_counts(sort=True).sort(["count", "code"], descending=[True, False])
        code = str(codes["code"][0])
        pairs = part.filter((pl.col("code") == code) & pl.col("measured").is_not_null() & pl.col("allowed").is_not_null())
        values = [] if code in UNMEASURED else list(zip(pairs["measured"].to_list(), pairs["allowed"].to_list(), strict=True))
        measured, allowed = _typical(code, values) if values else (None, None)
        found[str(gate)] = Refused(str(gate), code, part.height, measured, allowed)
    return found


def _typical(code: str, values: list[tuple[float, float]]) -> tuple[float, float]:
    """The medians of what was measured and allowed, of states the commonest pair."""
    if code in STATES:
        return Counter(values).most_common(1)[0][0]
    return float(median(pair[0] for pair in values)), float(median(pair[1] for pair in values))


def counted_words(rows: int, shown: int) -> str:
    """What the table on the page holds."""
    if rows <= shown:
        return f"{counted(rows, 'setup')}, each with the first gate that said no."
    return f"The first {shown:,} of {rows:,} refused setups; `pse report --csv` writes all of them."
