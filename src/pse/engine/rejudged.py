"""A judged run lived again over what was prepared once, with some of its verdicts changed: told briefly, and without a briefing.

Features, setups and bars are those of the run; a verdict is a record by setup row.  Setups that nobody was asked about in the run, because the account
stood otherwise, get the verdict of whoever calls: HOLD if they say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from pse.brokers.sim import SimBroker
from pse.domain.decisions import Verdict
from pse.engine.moments import copied
from pse.engine.prepare import Prepared
from pse.engine.said import Question, Said
from pse.engine.state import fresh_state
from pse.kernels import codes as c
from pse.kernels.book import State
from pse.kernels.state import TRADE_DTYPE, VERDICT_DTYPE

EDITS = ("entry", "stop", "target", "confidence")
Give = Callable[[State, np.ndarray], None]       # writes the verdicts on the asked rows


def record(verdict: Verdict, latency_ns: int = 0, failed: bool = False) -> np.ndarray:
    """A verdict as the engine takes it, VERDICT_DTYPE[1]; a judge that failed holds."""
    found = np.zeros(1, VERDICT_DTYPE)
    one = found[0]
    for name in EDITS:
        one[name] = np.nan
    one["code"], one["size_factor"], one["failed"], one["latency_ns"] = c.VERDICTS.index("HOLD" if failed else verdict.word), 1.0, failed, latency_ns
    if not failed:
        one["direction"], one["size_factor"] = verdict.direction, verdict.size_factor
        one["reason"] = c.REASONS.index(verdict.reason) if verdict.reason in c.REASONS else c.R_OK
        for name in EDITS:
            if (given := getattr(verdict, name)) is not None:
                one[name] = given
    return found


APPROVED, HELD, VETOED = record(Verdict("APPROVE"))[0], record(Verdict("HOLD"))[0], record(Verdict("REJECT"))[0]
SUPERSEDED = record(Verdict("REJECT", reason="SUPERSEDED"))[0]
NO_OPINION = record(Verdict("HOLD", reason="NO_OPINION"))[0]


@dataclass(frozen=True, eq=False)
class Lived:
    """What a run came to: `trades` TRADE_DTYPE in order of exit, equity at its end, what its judge cost, and how many questions were not those of the
    run."""

    trades: np.ndarray
    equity: float
    cost: float
    unseen: int = 0

    @property
    def total_r(self) -> float:
        return float(self.trades["r"].sum())


@dataclass(eq=False)
class Rejudged:
    """A run that can be lived again.  `verdicts` VERDICT_DTYPE[setups] and `asked` bool[setups] are those of the run, by setup row."""

    prepared: Prepared
    said: Said
    rows: dict[str, int]
    verdicts: np.ndarray
    asked: np.ndarray
    broker: SimBroker
    _costs: dict[tuple[int, int], float] = field(default_factory=dict)
    unseen_cost: float = 0.0

    @classmethod
    def of(cls, prepared: Prepared, said: Said) -> Rejudged:
        """The run that was prepared so and whose journal says this of its judge."""
        policy = prepared.world.policy.copy()
        policy["decide"], policy["events"] = c.ASK_OUTSIDE, c.EVENTS_TRADES
        prepared = replace(prepared, mode=replace(prepared.mode, ask=True, trades_only=True), world=prepared.world._replace(policy=policy))
        setups, rows = prepared.world.setups, rows_of(prepared, said)
        verdicts, asked = np.repeat(HELD.reshape(1), setups.size), np.zeros(setups.size, bool)
        names = prepared.plan.symbols
        for name, row in rows.items():
            question = int(setups["ts"][row]), names[int(setups["symbol"][row])]
            verdicts[row] = record(said.verdicts[name], said.latency_ns(question), said.failed(question))[0]
            asked[row] = True
        costs = {(ts, names.index(symbol)): cost for (ts, symbol), cost in said.costs.items() if symbol in names}
        return cls(prepared, said, rows, verdicts, asked, SimBroker(prepared.plan.shape.slots), costs,
                   sum(costs.values()) / max(1, len(said.deliberations)))

    def fresh(self) -> State:
        return fresh_state(self.prepared.plan.shape, self.prepared.plan.capital)

    def cost_of(self, state: State, seen: bool) -> float:
        """What the open question costs: as in the run, the mean of the run where it was not asked then."""
        account = state.account[0]
        cost = self._costs.get((int(account["instant"]), int(state.turn[account["symbol_at"]])), 0.0 if seen else self.unseen_cost)
        return cost if 0.0 < cost < account["equity"] else 0.0

    def with_table(self, verdicts: np.ndarray, costly: bool = True) -> Give:
        """Gives each row its verdict of a table, at the run's costs if it is `costly`."""
        asked, free = self.asked, verdicts.copy()
        free["cost_usd"] = 0.0
        table, charged = _as_bytes(free), costly and bool(self._costs)

        def give(state: State, rows: np.ndarray) -> None:
            _as_bytes(state.verdicts)[:rows.size] = table[rows]
            if charged:
                state.verdicts["cost_usd"][0] = self.cost_of(state, bool(asked[rows].any()))
        return give

    def with_rules(self, vetoed: np.ndarray, sizes: np.ndarray | None = None) -> Give:
        """Plain rules, whose approval falls where `vetoed` bool[setups] says so, and leaves that part of the size that `sizes` float64[setups] says; at no
        cost."""
        direction = self.prepared.world.setups["direction"]

        def give(state: State, rows: np.ndarray) -> None:
            best = next((k for k, row in enumerate(rows.tolist()) if direction[row] != 0), -1)
            for k, row in enumerate(rows.tolist()):
                state.verdicts[k] = (NO_OPINION if direction[row] == 0 else SUPERSEDED if k != best else VETOED if vetoed[row] else APPROVED)
                if k == best and sizes is not None and not vetoed[row] and sizes[row] != 1.0:
                    state.verdicts["code"][k], state.verdicts["size_factor"][k] = c.MODIFY, sizes[row]
        return give

    def live(self, give: Give, state: State | None = None, seen: Callable[[State, np.ndarray], None] | None = None) -> Lived:
        """Lives the run to its end, from `state` on (which is changed) or from its start.  `seen`: told of every open question before it is answered."""
        state = self.fresh() if state is None else state
        account, trades, unseen, cost = state.account[0], list[bytes](), 0, 0.0
        while True:
            told = self.broker.advance(state, self.prepared)
            if told.trades.size:
                trades.append(told.trades.tobytes())
            if told.pause == c.DONE:
                break
            if told.pause == c.PAUSE_ASK:
                rows = state.asked[:int(account["asked"])].copy()
                unseen += not self.asked[rows].all()
                if seen is not None:
                    seen(state, rows)
                give(state, rows)
                cost += float(state.verdicts["cost_usd"][0])
                account["answered"] = 1
        return Lived(np.frombuffer(b"".join(trades), TRADE_DTYPE), float(account["equity"]), cost, unseen)

    def as_it_was(self, seen: Callable[[State, np.ndarray], None] | None = None) -> Lived:
        """The run itself."""
        return self.live(self.with_table(self.verdicts), seen=seen)

    def without_veto(self, row: int, state: State, verdict: np.ndarray = APPROVED) -> Lived:
        """The run from an open question on (`state`, which is kept), with another verdict on one row: approved as rules would if none is given."""
        changed = self.verdicts.copy()
        latency = changed["latency_ns"][row]
        changed[row] = verdict
        changed["latency_ns"][row] = latency
        return self.live(self.with_table(changed), copied(state))


def _as_bytes(records: np.ndarray) -> np.ndarray:
    """Records as rows of bytes, uint8[n, size]: numpy copies structured ones field by field, which costs more than a pause."""
    return records.view(np.uint8).reshape(records.size, -1)


def rows_of(prepared: Prepared, said: Said) -> dict[str, int]:
    """The setup row of every id that was decided, where it is found again."""
    decided = {ts for ts, _ in said.decided.values()}
    near = np.flatnonzero(np.isin(prepared.world.setups["ts"], np.array(sorted(decided), np.int64)))
    found = {prepared.setup_ids[row]: row for row in near.tolist()}
    return {name: found[name] for name in said.verdicts if name in found}


def question_of(prepared: Prepared, row: int) -> Question:
    """Moment and symbol of a setup row."""
    setup = prepared.world.setups[row]
    return int(setup["ts"]), prepared.plan.symbols[int(setup["symbol"])]
