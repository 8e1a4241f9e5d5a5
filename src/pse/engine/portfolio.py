"""Everything open at a moment of a run: positions and orders, risk, exposure, tail risk, and what the limits leave room for.

The engine's state is played to the moment and its own functions are asked; nothing is guessed from the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.decisions import Decide
from pse.domain.setups import DIRECTIONS
from pse.engine.moments import advanced, copied, played
from pse.engine.prepare import Prepared
from pse.engine.records import contract_of
from pse.engine.state import fresh_state, live_slots
from pse.kernels import codes as c
from pse.kernels.book import State
from pse.kernels.gates import var_es
from pse.kernels.portfolio import P_COLUMNS, P_NOTIONAL, P_PRICE, P_RISK, P_TOGETHER, P_UNREALISED, P_VALUE, WHOLE, portfolio, riskiest_close
from pse.risk.policy import RiskPolicy


@dataclass(frozen=True)
class Position:
    """One live plan.  Money in the account's currency; `risk_usd` to the stop of the next bar, what still works counted from its limit to its first stop."""

    number: int
    setup_id: str
    symbol: str
    contract: str
    group: str
    tactic: str
    direction: str
    state: str
    held: float
    working: float
    entry: float | None
    price: float
    stop: float
    target: float | None
    unrealised_usd: float
    risk_usd: float
    risk_of_equity: float
    risk_r: float | None
    notional_usd: float
    together_usd: float
    decided_at: int


@dataclass(frozen=True)
class Use:
    """One limit: how much of it is taken, and what is left in money (None where it is no money)."""

    limit: str
    what: str
    used: float
    allowed: float
    left_usd: float | None
    kind: str


@dataclass(frozen=True)
class Portfolio:
    """The account at a moment."""

    ts: int
    currency: str
    equity_usd: float
    balance_usd: float
    day_start_equity_usd: float
    high_water_usd: float
    open_risk_usd: float
    gross_usd: float
    net_usd: float
    cash_left_usd: float
    var95_usd: float | None
    es975_usd: float | None
    days: int
    losses_today: int
    day_over: bool
    breakers: dict[str, str]
    positions: tuple[Position, ...]
    by_symbol: dict[str, float]
    by_group: dict[str, float]
    uses: tuple[Use, ...]

    def data(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def remembered(prepared: Prepared, decide: Decide = rules) -> dict[str, Portfolio]:
    """The account at the moment of the largest open risk, as a share of equity, and just before the end; without a position or order both are nothing.

    Between two moments at which something happened to a plan only prices move: there every close is looked at with the plans as they stand.  One replay.
    """
    end = int(prepared.world.policy["end"][0]) - 1
    moments = _happened(prepared, played(prepared, end, decide)[1], end)
    if not moments.size:
        return {}
    closes, rows = prepared.tape.ts_close, prepared.world.row_ts
    state, broker = fresh_state(prepared.plan.shape, prepared.plan.capital), SimBroker(prepared.plan.shape.slots)
    worst, found = 0.0, None
    for moment, after in zip(moments.tolist(), [*moments[1:].tolist(), end + 1], strict=True):
        advanced(state, prepared, moment, broker, decide)
        if (share := _risk_share(prepared, state)) > worst:
            worst, found = share, portfolio_of(prepared, state, moment)
        if not state.account["live"][0]:
            continue
        first, last, row = np.searchsorted(closes, moment, side="right"), np.searchsorted(closes, after), np.searchsorted(rows, moment, side="right")
        place, share = riskiest_close(state._replace(symbols=state.symbols.copy()), prepared.world, prepared.tape, np.int64(first), np.int64(last),
                                      np.int64(row))
        if share > worst:
            advanced(state, prepared, int(closes[place]), broker, decide)
            worst, found = _risk_share(prepared, state), portfolio_of(prepared, state, int(closes[place]))
    advanced(state, prepared, end, broker, decide)
    last_seen = portfolio_of(prepared, state, end)
    return {"worst": found, "last": last_seen} if found is not None else {"last": last_seen}


def _happened(prepared: Prepared, events: np.ndarray, end_ns: int) -> np.ndarray:
    """Moments up to `end_ns` after which a plan may be another one: what is told of plans, and the close of the bar in which it was done."""
    told = events[events["plan"] >= 0]
    tape, moments = prepared.tape, [told["ts"]]
    for symbol in np.unique(told["symbol"]):
        closes, ts = tape.ts_close[tape.symbol == symbol], told["ts"][told["symbol"] == symbol]
        after = np.searchsorted(closes, ts, side="right")
        moments.append(closes[after[after < closes.size]])
    found = np.unique(np.concatenate(moments))
    return found[found <= end_ns]


def _risk_share(prepared: Prepared, state: State) -> float:
    """Open risk as a share of equity."""
    table, whole = np.empty((state.plans.size, P_COLUMNS)), np.empty(len(WHOLE))
    portfolio(state, prepared.world, np.int64(0), table, whole)
    return float(whole[0] / (state.account["balance"][0] + np.nansum(table[:, P_UNREALISED])))


def portfolio_of(prepared: Prepared, state: State, moment_ns: int) -> Portfolio:
    """The account as a state of the engine has it."""
    state = copied(state)
    plan, account = prepared.plan, state.account[0]
    table, whole = np.empty((state.plans.size, P_COLUMNS)), np.empty(len(WHOLE))
    live = live_slots(state)
    first = np.int64(state.plans["symbol"][live[0]] if live else 0)
    portfolio(state, prepared.world, first, table, whole)
    figures = dict(zip(WHOLE, whole.tolist(), strict=True))
    unrealised = float(np.nansum(table[:, P_UNREALISED]))
    equity = float(account["balance"]) + unrealised
    positions = tuple(_position(prepared, state, slot, table[slot], equity) for slot in live)
    days = int(figures["days"]) if live else 0
    var, shortfall = _tail(state, days, plan.risk.tail.min_days)
    found = Portfolio(
        ts=moment_ns, currency=plan.currency, equity_usd=equity, balance_usd=float(account["balance"]), day_start_equity_usd=float(account["day_start_equity"]),
        high_water_usd=float(account["high_water"]), open_risk_usd=figures["open_risk"], gross_usd=figures["gross"],
        net_usd=sum(one.notional_usd * (-1.0 if one.direction == "SHORT" else 1.0) for one in positions),
        cash_left_usd=figures["cash_left"], var95_usd=var, es975_usd=shortfall, days=days, losses_today=int(account["losses_today"]),
        day_over=bool(account["day_over"]),
        breakers={name: c.BREAKER_STATES[int(account[f"{name}_state"])] for name in c.BREAKERS}, positions=positions, by_symbol=_sums(positions, "symbol"),
        by_group=_sums([one for one in positions if one.group], "group"), uses=())
    return replace(found, uses=tuple(_uses(found, figures["margin"], plan.risk)))


def _position(prepared: Prepared, state: State, slot: int, figures: np.ndarray, equity: float) -> Position:
    one, plan = state.plans[slot], prepared.plan
    symbol = plan.symbols[int(one["symbol"])]
    held, working = float(one["held"]), float(one["quantity"] - one["filled"]) if one["valid_until"] > 0 else 0.0
    risk = float(figures[P_RISK])
    first = float(one["planned_risk"]) * float(one["quantity"]) * float(figures[P_VALUE])
    return Position(
        number=int(one["number"]), setup_id=prepared.setup_ids[int(one["setup"])], symbol=symbol,
        contract=contract_of(prepared, int(one["symbol"]), int(one["micro"])), group=plan.instruments[int(one["symbol"])].group or "",
        tactic=list(plan.tactics)[int(one["tactic"])], direction=DIRECTIONS[int(one["direction"])], state=c.PLAN_STATES[int(one["status"])],
        held=held, working=working, entry=float(one["entry"]) if held > 0.0 else float(one["limit"]), price=float(figures[P_PRICE]),
        stop=float(one["stop_next"]), target=_number(one["target"]), unrealised_usd=float(figures[P_UNREALISED]), risk_usd=risk,
        risk_of_equity=risk / equity, risk_r=risk / first if first > 0.0 else None, notional_usd=float(figures[P_NOTIONAL]),
        together_usd=float(figures[P_TOGETHER]), decided_at=int(one["decided_at"]))


def _number(value: Any) -> float | None:
    return float(value) if value == value else None


def _tail(state: State, days: int, least: int) -> tuple[float | None, float | None]:
    """Value at risk 95 % and expected shortfall 97.5 % in money; None with fewer days than the gate asks for."""
    if days < max(least, 1):
        return None, None
    losses = np.sort(state.losses[0][:days])[::-1].copy()
    return float(var_es(losses, days, 0.95)[1]), float(var_es(losses, days, 0.975)[2])


def _sums(positions: Sequence[Position], name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in positions:
        found[getattr(one, name)] = found.get(getattr(one, name), 0.0) + one.notional_usd
    return found


def _uses(found: Portfolio, margin: float, risk: RiskPolicy) -> Iterator[Use]:
    """Every limit of the account with what is taken of it.  `margin`: what is open ties up, in money."""
    limits, tail, equity, start = risk.limits, risk.tail, found.equity_usd, found.day_start_equity_usd
    lost = start - equity
    if start > 0.0:
        yield Use("limits.max_daily_loss", "loss of the day", lost / start, limits.max_daily_loss, limits.max_daily_loss * start - lost, "share")
        risked = lost + found.open_risk_usd
        yield Use("limits.max_daily_loss", "loss of the day if every stop is hit", risked / start, limits.max_daily_loss,
                  limits.max_daily_loss * start - risked, "share")
    money = [("limits.max_concurrent_risk", "open risk", found.open_risk_usd, limits.max_concurrent_risk),
             ("limits.max_gross_notional", "gross notional", found.gross_usd, limits.max_gross_notional)]
    money += [("limits.max_symbol_notional", f"notional of {name}", value, limits.max_symbol_notional) for name, value in found.by_symbol.items()]
    money += [("limits.max_group_notional", f"notional of group {name}", value, limits.max_group_notional) for name, value in found.by_group.items()]
    if limits.margin != "none":
        money.append(("limits.margin", "initial margin", margin, 1.0))
    if limits.correlation_days:
        together = {(one.together_usd, one.direction): one for one in found.positions}
        money += [("limits.max_correlated_risk", f"risk of what moves with {one.symbol} {one.direction}", most,
                   limits.max_correlated_risk * limits.max_risk_per_trade) for (most, _), one in together.items()]
    money += [(f"tail.{name}", what, value, allowed) for name, what, value, allowed in (
        ("var95", "value at risk, 95 %, one day", found.var95_usd, tail.var95),
        ("es975", "expected shortfall, 97.5 %, one day", found.es975_usd, tail.es975)) if value is not None and tail.min_days]
    for limit, what, used, allowed in money:
        if allowed < 1e6:
            yield Use(limit, what, used / equity, allowed, allowed * equity - used, "share")
    for name in found.by_group:
        yield Use("limits.max_group_positions", f"plans of group {name}", float(sum(one.group == name for one in found.positions)),
                  float(limits.max_group_positions), None, "count")
