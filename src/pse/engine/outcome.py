"""What a run leaves behind besides its journal: the table of trades, the equity at each session's end and trade, and what was refused by which gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from pse.domain.setups import DIRECTIONS, GRADES, name_id
from pse.engine.loop import Batch
from pse.engine.prepare import Prepared
from pse.engine.records import PRICE_DIGITS, rounded
from pse.kernels import codes as c
from pse.kernels.contract import C_MCS
from pse.kernels.targets import CODES
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA

PRICES = {"entry_price": "entry", "exit_price": "exit", "stop_initial": "stop", "target": "target", "target2": "target2", "risk_points": "risk_points"}
MONEY = {"risk_usd": "risk_usd", "gross_usd": "gross", "fees_usd": "fees", "slippage_usd": "slippage", "net_usd": "net", "dividends_usd": "dividends"}
AS_THEY_ARE = {"quantity": "quantity", "ts_setup": "decided_at", "ts_entry": "entry_ts", "ts_exit": "exit_ts", "session_date": "day", "r_net": "r",
               "mae_r": "mae_r", "mfe_r": "mfe_r", "bars_held": "bars_held", "exits": "exits", "quality": "quality", "rate": "rate"}
WAITING_EVENTS = 65_536
MADE_ENTRY = ("", "MARKET", "OPEN", "LIMIT", "", "", "OPEN")          # by fill kind; an open beyond the stop is an open


class Outcome:
    """Collects batches of a run."""

    def __init__(self, named: bool = True) -> None:
        """`named` False: for whoever wants figures alone, trades without ids."""
        self._named = named
        self._trades: list[pl.DataFrame] = []
        self._equity: list[pl.DataFrame] = []
        self._passed_over: Counter[str] = Counter()
        self.prepared: Prepared | None = None            # the last step that was told of
        self._turned_down: Counter[tuple[str, str, str, str]] = Counter()       # by tactic, who said no, gate, reason
        self._waiting: list[Batch] = []                  # batches of the last step: a judge makes many small ones, and tables are made of many at once
        self._events = 0

    def take(self, batch: Batch) -> None:
        """Adds what a batch tells."""
        if batch.prepared is not self.prepared or self._events >= WAITING_EVENTS:
            self._read()
        self.prepared = batch.prepared
        self._waiting.append(batch)
        self._events += batch.events.size

    def _read(self) -> None:
        """Reads the batches that wait, as one."""
        prepared, waiting = self.prepared, self._waiting
        self._waiting, self._events = [], 0
        if prepared is None or not waiting:
            return
        events, trades = (np.concatenate([getattr(one, name) for one in waiting]) for name in ("events", "trades"))
        if trades.size:
            self._trades.append(_trade_table(prepared, trades, self._named))
            none = np.zeros(trades.size, np.int64)
            self._equity.append(_equity_table("trade", trades["exit_ts"], trades["day"], trades["equity"], trades["balance"], none, none))
        ends = events[events["kind"] == c.E_SESSION]
        if ends.size:
            self._equity.append(_equity_table("session", *(ends[name] for name in ("ts", "i", "a", "b", "j", "k"))))
        over = events[events["kind"] == c.E_PASSED_OVER]
        by_tactic = over["code"] == c.R_TACTIC
        found, others = over[by_tactic], over[~by_tactic]
        why = prepared.world.setups["refusal"][found["setup"]]
        self._passed_over.update(CODES[code] for code in why.tolist())
        self._passed_over.update(c.REASONS[code] for code in others["code"].tolist())
        self._count(prepared, found, "tactic", CODES, why)
        refused = _refused(events[events["kind"] == c.E_GATES])
        self._count(prepared, refused, "gate", c.REASONS, refused["code"])
        last = _last_words(events[~np.isin(events["setup"], refused["setup"])])             # a gate's no is told in these words once more
        for by, kind in (("selection", c.E_PASSED_OVER), ("judge", c.E_DECISION), ("order", c.E_ORDER)):
            own = last[last["kind"] == kind]
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
    def passed_over(self) -> Counter[str]:
        """How many setups came to no question, by the reason."""
        self._read()
        return self._passed_over

    @property
    def refusals(self) -> Counter[str]:
        """How many setups each gate refused."""
        self._read()
        found: Counter[str] = Counter()
        for (_, _, gate, _), count in self._turned_down.items():
            if gate:
                found[gate] += count
        return found

    def turned_down(self) -> list[dict[str, Any]]:
        """What turned setups down, a row each: tactic, who said no (tactic, selection, gate, judge, order), gate, reason, count; most first."""
        self._read()
        names = ("tactic", "by", "gate", "reason")
        rows = sorted(self._turned_down.items(), key=lambda item: (item[0][:2], -item[1], item[0][2:]))
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in rows]

    def trades(self) -> pl.DataFrame:
        """One row a closed round trip, in order of exit."""
        self._read()
        return pl.concat([pl.DataFrame(schema=TRADE_SCHEMA), *self._trades]).sort("ts_exit", "ts_entry", "trade_id", maintain_order=True)

    def equity(self) -> pl.DataFrame:
        """One row a session end and a closed trade, in order of time."""
        self._read()
        return pl.concat([pl.DataFrame(schema=EQUITY_SCHEMA), *self._equity]).sort("ts", maintain_order=True)


def _equity_table(kind: str, ts: np.ndarray, day: np.ndarray, equity: np.ndarray, balance: np.ndarray, market: np.ndarray,
                  session: np.ndarray) -> pl.DataFrame:
    """Rows of one kind, in the order of EQUITY_SCHEMA."""
    names = list(EQUITY_SCHEMA)
    values: tuple[Any, ...] = (np.ascontiguousarray(ts), np.ascontiguousarray(day), pl.Series([kind]).new_from_index(0, ts.size), rounded(equity),
                               rounded(balance), np.ascontiguousarray(market), np.ascontiguousarray(session))
    return pl.DataFrame(dict(zip(names, values, strict=True)), schema_overrides=EQUITY_SCHEMA)


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


def _last_words(events: np.ndarray) -> np.ndarray:
    """One event for each setup that the choice, whoever decides or an entry order turned down: the last that was said of it."""
    kind = events["kind"]
    passed_over = (kind == c.E_PASSED_OVER) & (events["code"] != c.R_TACTIC)
    decided = (kind == c.E_DECISION) & ((events["i"] == c.REJECT) | (events["i"] == c.HOLD))
    ended = (kind == c.E_ORDER) & (events["i"] == c.LEG_ENTRY) & (events["j"] == c.O_CANCEL)
    said = events[passed_over | decided | ended]
    _, from_behind = np.unique(said["setup"][::-1], return_index=True)
    return said[::-1][from_behind]


def _trade_table(prepared: Prepared, trades: np.ndarray, named: bool) -> pl.DataFrame:
    """The closed round trips of a batch, a row each; without `named` their ids are empty."""
    plan, tactics = prepared.plan, list(prepared.plan.tactics)
    setups = [prepared.setup_ids[row] for row in trades["setup"].tolist()] if named else [""] * trades.size
    plans = [name_id(f"plan|{plan.account}|{setup}") for setup in setups] if named else setups
    contracts = [*plan.symbols, *(plan.micros[symbol].symbol if symbol in plan.micros else symbol for symbol in plan.symbols)]
    columns: dict[str, Any] = {
        "trade_id": [name_id(f"trade|{one}") for one in plans] if named else setups, "setup_id": setups, "plan_id": plans,
        "symbol": _words(plan.symbols, trades["symbol"]), "contract": _words(contracts, trades["symbol"] + len(plan.symbols) * trades["micro"]),
        "tactic": _words(tactics, trades["tactic"]), "label": _words([plan.tactics[name].label for name in tactics], trades["tactic"]),
        "grade": _words(GRADES, trades["grade"]), "direction": _words((DIRECTIONS[-1], DIRECTIONS[0], DIRECTIONS[1]), trades["direction"] + 1),
        "entry_kind": _words(MADE_ENTRY, trades["entry_kind"]), "exit_reason": _words(c.REASONS, trades["reason"]),
        "mcs": _words(c.MARKET_STATES, _conditions(prepared, trades)), "ambiguous": trades["ambiguous"] == 1}
    columns |= {name: rounded(trades[own], PRICE_DIGITS) for name, own in PRICES.items()}
    columns |= {name: rounded(trades[own]) for name, own in MONEY.items()}
    columns |= {name: np.ascontiguousarray(trades[own]) for name, own in AS_THEY_ARE.items()}
    return pl.DataFrame(columns, schema_overrides=TRADE_SCHEMA).select(pl.col(*TRADE_SCHEMA)).with_columns(pl.col(*PRICES).fill_nan(None))


def _words(words: Sequence[str], codes: np.ndarray) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(np.ascontiguousarray(codes))


def _conditions(prepared: Prepared, trades: np.ndarray) -> np.ndarray:
    """Code of the market condition on each trade's decision row, int64; 0 where there is no such row."""
    world, symbols = prepared.world, len(prepared.plan.symbols)
    first = np.searchsorted(world.row_ts, trades["decided_at"])
    found = np.zeros(trades.size, np.int64)
    for step in range(symbols if world.row_ts.size else 0):              # rows of one instant stand side by side
        row = np.minimum(first + step, world.row_ts.size - 1)
        mine = (world.row_ts[row] == trades["decided_at"]) & (world.row_symbol[row] == trades["symbol"])
        codes = world.context[row[mine], C_MCS]
        found[mine] = np.where(np.isnan(codes), 0, codes).astype(np.int64)
        if mine.all():
            break
    return found
