"""What a run leaves behind besides its journal: the table of trades, the equity at each session's end and trade, and what was refused by which gate."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from pse.domain.setups import DIRECTIONS, GRADES, NAMESPACE
from pse.engine.loop import Batch
from pse.engine.prepare import Prepared
from pse.engine.records import contract_of, money, price
from pse.kernels import codes as c
from pse.kernels.contract import C_MCS
from pse.kernels.targets import CODES
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA

MADE_ENTRY = ("", "MARKET", "OPEN", "LIMIT", "", "", "OPEN")          # by fill kind; an open beyond the stop is an open


class Outcome:
    """Collects batches of a run."""

    def __init__(self) -> None:
        self._trades: list[dict[str, Any]] = []
        self._equity: list[tuple[Any, ...]] = []
        self.passed_over: Counter[str] = Counter()
        self._turned_down: Counter[tuple[str, str, str, str]] = Counter()       # by tactic, who said no, gate, reason

    def take(self, batch: Batch) -> None:
        """Adds what a batch tells."""
        for trade in batch.trades:
            self._trades.append(_trade(batch.prepared, trade))
            self._equity.append((int(trade["exit_ts"]), int(trade["day"]), "trade", money(float(trade["equity"])), money(float(trade["balance"])), 0, 0))
        events, prepared = batch.events, batch.prepared
        for row in events[events["kind"] == c.E_SESSION]:
            self._equity.append((int(row["ts"]), int(row["i"]), "session", money(float(row["a"])), money(float(row["b"])), int(row["j"]), int(row["k"])))
        over = events[events["kind"] == c.E_PASSED_OVER]
        by_tactic = over["code"] == c.R_TACTIC
        found, others = over[by_tactic], over[~by_tactic]
        why = prepared.world.setups["refusal"][found["setup"]]
        self.passed_over.update(CODES[code] for code in why.tolist())
        self.passed_over.update(c.REASONS[code] for code in others["code"].tolist())
        self._count(prepared, found, "tactic", CODES, why)
        refused = _refused(events[events["kind"] == c.E_GATES])
        self._count(prepared, refused, "gate", c.REASONS, refused["code"])
        decided = events[(events["kind"] == c.E_DECISION) & ((events["i"] == c.REJECT) | (events["i"] == c.HOLD))]
        ended = events[(events["kind"] == c.E_ORDER) & (events["i"] == c.LEG_ENTRY) & (events["j"] == c.O_CANCEL)]
        for by, rows in (("selection", others), ("judge", decided), ("order", ended)):      # a gate's no is told in these words once more
            own = rows[~np.isin(rows["setup"], refused["setup"])]
            self._count(prepared, own, by, c.REASONS, own["code"])

    def _count(self, prepared: Prepared, events: np.ndarray, by: str, words: tuple[str, ...], codes: np.ndarray) -> None:
        """Counts what turned setups down, an event each."""
        if not events.size:
            return
        gates = events["j"] if by == "gate" else np.full(events.size, -1)
        keys = np.column_stack((prepared.world.setups["tactic"][events["setup"]], gates, codes))
        names = list(prepared.plan.tactics)
        found, counts = np.unique(keys, axis=0, return_counts=True)
        for (tactic, gate, code), count in zip(found.tolist(), counts.tolist(), strict=True):
            self._turned_down[names[tactic], by, c.GATES[gate] if gate >= 0 else "", words[code]] += count

    @property
    def refusals(self) -> Counter[str]:
        """How many setups each gate refused."""
        found: Counter[str] = Counter()
        for (_, _, gate, _), count in self._turned_down.items():
            if gate:
                found[gate] += count
        return found

    def turned_down(self) -> list[dict[str, Any]]:
        """What turned setups down, a row each: tactic, who said no (tactic, selection, gate, judge, order), gate, reason, count; most first."""
        names = ("tactic", "by", "gate", "reason")
        rows = sorted(self._turned_down.items(), key=lambda item: (item[0][:2], -item[1], item[0][2:]))
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in rows]

    def trades(self) -> pl.DataFrame:
        """One row a closed round trip, in order of exit."""
        return pl.DataFrame(self._trades, schema=TRADE_SCHEMA).sort("ts_exit", "ts_entry", "trade_id")

    def equity(self) -> pl.DataFrame:
        """One row a session end and a closed trade, in order of time."""
        return pl.DataFrame(self._equity, schema=EQUITY_SCHEMA, orient="row").sort("ts", maintain_order=True)


def _refused(gates: np.ndarray) -> np.ndarray:
    """One event for each setup that its last round of gates refused: the first gate of that round that said no.

    A round is one stage for one contract.  One that says no ends the setup, but where the micro is tried after the large contract; all rounds of an
    instant come in one batch.
    """
    if not (gates["k"] == 0).any():
        return gates[:0]
    setup, turn = gates["setup"], 2 * gates["i"] + (gates["c"] > 0.5)
    _, from_behind, owner = np.unique(setup[::-1], return_index=True, return_inverse=True)
    last_turn = turn[::-1][from_behind][owner[::-1]]
    ended = gates[(turn == last_turn) & (gates["k"] == 0)]
    _, first = np.unique(ended["setup"], return_index=True)
    return ended[first]


def _trade(prepared: Prepared, trade: np.ndarray) -> dict[str, Any]:
    setup = int(trade["setup"])
    setup_id = prepared.setup_ids[setup]
    plan_id = str(uuid.uuid5(NAMESPACE, f"plan|{prepared.plan.account}|{setup_id}"))
    names = list(prepared.plan.tactics)
    tactic = names[int(trade["tactic"])]
    return {
        "trade_id": str(uuid.uuid5(NAMESPACE, f"trade|{plan_id}")), "setup_id": setup_id, "plan_id": plan_id,
        "symbol": prepared.plan.symbols[int(trade["symbol"])], "contract": contract_of(prepared, int(trade["symbol"]), int(trade["micro"])),
        "tactic": tactic, "label": prepared.plan.tactics[tactic].label, "grade": GRADES[int(trade["grade"])],
        "direction": DIRECTIONS[int(trade["direction"])], "quantity": float(trade["quantity"]), "ts_setup": int(trade["decided_at"]),
        "ts_entry": int(trade["entry_ts"]), "ts_exit": int(trade["exit_ts"]), "session_date": int(trade["day"]),
        "entry_kind": MADE_ENTRY[int(trade["entry_kind"])], "entry_price": price(float(trade["entry"])), "exit_price": price(float(trade["exit"])),
        "stop_initial": price(float(trade["stop"])), "target": price(float(trade["target"])), "target2": price(float(trade["target2"])),
        "risk_points": price(float(trade["risk_points"])), "risk_usd": money(float(trade["risk_usd"])), "gross_usd": money(float(trade["gross"])),
        "fees_usd": money(float(trade["fees"])), "slippage_usd": money(float(trade["slippage"])), "net_usd": money(float(trade["net"])),
        "r_net": float(trade["r"]), "mae_r": float(trade["mae_r"]), "mfe_r": float(trade["mfe_r"]), "bars_held": int(trade["bars_held"]),
        "exit_reason": c.REASONS[int(trade["reason"])], "exits": int(trade["exits"]), "quality": float(trade["quality"]), "ambiguous": bool(trade["ambiguous"]),
        "rate": float(trade["rate"]), "mcs": _condition(prepared, int(trade["symbol"]), int(trade["decided_at"])),
    }


def _condition(prepared: Prepared, symbol: int, decided_at: int) -> str:
    """The market condition of a symbol's decision row."""
    world = prepared.world
    row = int(np.searchsorted(world.row_ts, decided_at))
    while row < world.row_ts.size and world.row_ts[row] == decided_at:
        if world.row_symbol[row] == symbol:
            code = world.context[row, C_MCS]
            return c.MARKET_STATES[int(code)] if code == code else ""
        row += 1
    return ""
