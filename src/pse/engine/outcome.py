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
from pse.kernels.targets import CODES
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA

MADE_ENTRY = ("", "MARKET", "OPEN", "LIMIT", "", "", "OPEN")          # by fill kind; an open beyond the stop is an open


class Outcome:
    """Collects batches of a run."""

    def __init__(self) -> None:
        self._trades: list[dict[str, Any]] = []
        self._equity: list[tuple[Any, ...]] = []
        self.refusals: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()

    def take(self, batch: Batch) -> None:
        """Adds what a batch tells."""
        for trade in batch.trades:
            self._trades.append(_trade(batch.prepared, trade))
            self._equity.append((int(trade["exit_ts"]), int(trade["day"]), "trade", money(float(trade["equity"])), money(float(trade["balance"])), 0, 0))
        events = batch.events
        for row in events[events["kind"] == c.E_SESSION]:
            self._equity.append((int(row["ts"]), int(row["i"]), "session", money(float(row["a"])), money(float(row["b"])), int(row["j"]), int(row["k"])))
        gates = events[events["kind"] == c.E_GATES]
        self._refused(gates)
        over = events[events["kind"] == c.E_PASSED_OVER]
        by_tactic = over["code"] == c.R_TACTIC
        self.passed_over.update(CODES[code] for code in batch.prepared.world.setups["refusal"][over["setup"][by_tactic]].tolist())
        self.passed_over.update(c.REASONS[code] for code in over["code"][~by_tactic].tolist())

    def _refused(self, gates: np.ndarray) -> None:
        """Counts each setup that its last round of gates refused, by the first gate of that round that said no.

        A round is one stage for one contract.  One that says no ends the setup, but where the micro is tried after the large contract; all rounds of an
        instant come in one batch.
        """
        if not (gates["k"] == 0).any():
            return
        setup, turn = gates["setup"], 2 * gates["i"] + (gates["c"] > 0.5)
        _, from_behind, owner = np.unique(setup[::-1], return_index=True, return_inverse=True)
        last_turn = turn[::-1][from_behind][owner[::-1]]
        ended = gates[(turn == last_turn) & (gates["k"] == 0)]
        _, first = np.unique(ended["setup"], return_index=True)
        self.refusals.update(c.GATES[gate] for gate in ended["j"][first].tolist())

    def trades(self) -> pl.DataFrame:
        """One row a closed round trip, in order of exit."""
        return pl.DataFrame(self._trades, schema=TRADE_SCHEMA).sort("ts_exit", "ts_entry", "trade_id")

    def equity(self) -> pl.DataFrame:
        """One row a session end and a closed trade, in order of time."""
        return pl.DataFrame(self._equity, schema=EQUITY_SCHEMA, orient="row").sort("ts", maintain_order=True)


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
    }
