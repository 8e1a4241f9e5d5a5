"""What an account holds and what it earned, as a broker's statement has it: positions, lots and money, told by the lines of a run's journal.

Three ways say what a sale earned, and all are kept: by plan (each plan's own average entry: what moves the balance), by average cost (of all that is held of
a contract) and first in, first out (lot by lot).  In the quote currency all three add up to the same once nothing is held.  In the account's currency they
do where the rate stands still between exits; where it moves each exit is converted at its own rate, and the three then differ by how the gain falls on exits.

What is bought is not paid from the balance: like a margin account in each quote currency the balance holds the capital, what was realised, fees and charges;
`cash` after purchases is the balance less the cost of what is held long, plus that of what is held short.  The balance goes with each plan's own entry, so
cash and equity do too; what is held has another open result at average cost and first in, first out, and each way's earned and open results belong together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

DUST = 1e-9                                      # of a fill's quantity: what is left of a position below it is nothing
SIDES = {"BUY": 1.0, "SELL": -1.0}
DIVIDEND, SPLIT = "DIVIDEND", "SPLIT"
Line = tuple[str, int, Mapping[str, Any]]        # kind, engine time ns UTC, body

POSITION_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String, "contract": pl.String,
    "quantity": pl.Float64,                      # held, negative short
    "average_price": pl.Float64,                 # of what is held, points; null when nothing is
    "fifo_price": pl.Float64,                    # mean price of the open lots, points
    "fills": pl.Int64, "bought": pl.Float64, "sold": pl.Float64, "turnover_usd": pl.Float64,
    "realised_usd": pl.Float64,                  # by plan: what the balance took
    "realised_average_usd": pl.Float64, "realised_fifo_usd": pl.Float64,
    "dividends_usd": pl.Float64, "charges_usd": pl.Float64, "fees_usd": pl.Float64,
    "net_usd": pl.Float64,                       # realised and dividends less fees and charges
    "mark_price": pl.Float64, "market_value_usd": pl.Float64,         # null without a mark, as the three below
    "unrealised_usd": pl.Float64,                # by plan: what the balance would take
    "unrealised_average_usd": pl.Float64, "unrealised_fifo_usd": pl.Float64,
    "point_value": pl.Float64, "rate": pl.Float64,                                         # of the last fill
}
LOT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String, "contract": pl.String, "direction": pl.String, "quantity": pl.Float64,
    "ts_open": pl.Int64, "open_price": pl.Float64, "open_plan_id": pl.String,
    "ts_close": pl.Int64, "close_price": pl.Float64, "close_plan_id": pl.String,                # null: still held
    "gain": pl.Float64, "gain_usd": pl.Float64,  # before fees, in the quote currency and the account's
    "fees_usd": pl.Float64,                      # the lot's part of what both fills paid
}
CASH_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "ts": pl.Int64, "kind": pl.String, "reason": pl.String, "symbol": pl.String, "contract": pl.String, "plan_id": pl.String,
    "realised_usd": pl.Float64, "dividend_usd": pl.Float64, "fee_usd": pl.Float64, "charge_usd": pl.Float64,
    "balance_usd": pl.Float64,                   # capital and all changes so far
    "told_usd": pl.Float64,                      # the balance that the journal says
}


@dataclass
class Lot:
    """What one fill opened and later fills have not closed.  `quantity` without sign; `fee` money of the account for that quantity."""

    ts: int
    direction: float
    price: float
    quantity: float
    fee: float
    plan_id: str


@dataclass
class Average:
    """A signed quantity at its average price."""

    quantity: float = 0.0
    price: float = 0.0

    def fill(self, side: float, price: float, quantity: float) -> float:
        """Takes a fill; gives the gain of what it closed, points times units.  What goes beyond the position opens one on the other side."""
        held = abs(self.quantity)
        if self.quantity * side >= 0.0:
            self.price = (self.price * held + price * quantity) / (held + quantity)
            self.quantity += side * quantity
            return 0.0
        closed = min(held, quantity)
        gain = -side * (price - self.price) * closed
        self.quantity += side * quantity
        if abs(self.quantity) <= DUST * quantity:
            self.quantity = 0.0
        elif self.quantity * side > 0.0:
            self.price = price
        return gain

    def gain(self, price: float) -> float:
        """Of what is held at a price, points times units."""
        return self.quantity * (price - self.price) if self.quantity else 0.0

    def split(self, ratio: float, quantity: float | None) -> None:
        """So many units for each one held; `quantity`: what is left where a fraction was paid out."""
        self.price /= ratio
        self.quantity = self.quantity * ratio if quantity is None else quantity


@dataclass
class Holding:
    """Everything that happened to one contract.  Money of the account unless named otherwise."""

    symbol: str
    contract: str
    point_value: float = 1.0
    rate: float = 1.0
    average: Average = field(default_factory=Average)
    lots: deque[Lot] = field(default_factory=deque)
    fills: int = 0
    bought: float = 0.0
    sold: float = 0.0
    turnover: float = 0.0
    fees: float = 0.0
    dividends: float = 0.0
    charges: float = 0.0
    by_plan: float = 0.0
    by_average: float = 0.0
    by_fifo: float = 0.0
    split_at: int = -1                           # engine time of its last split
    quote: dict[str, float] = field(default_factory=lambda: {"plan": 0.0, "average": 0.0, "fifo": 0.0})      # the same in the quote currency


class Books:
    """Takes the lines of a journal in order; tables of what they come to at any moment."""

    def __init__(self, capital: float) -> None:
        self.capital = capital
        self.balance = capital
        self.holdings: dict[str, Holding] = {}
        self.plans: dict[tuple[str, str], Average] = {}            # (plan id, contract)
        self._closed: list[dict[str, Any]] = []
        self._cash: list[dict[str, Any]] = []

    def take(self, kind: str, ts: int, body: Mapping[str, Any]) -> None:
        """One line; those that move neither money nor positions change nothing."""
        if kind == "FILL":
            self._fill(ts, body)
        elif kind == "CHARGE":
            self._charge(ts, body)

    def _fill(self, ts: int, body: Mapping[str, Any]) -> None:
        side, price, quantity, fee = SIDES[body["side"]], body["price"], body["quantity"], body["fee_usd"]
        contract, plan_id = body["contract"], body["plan_id"]
        one = self.holdings.setdefault(contract, Holding(body["symbol"], contract))
        one.point_value, one.rate = body["point_value"], body["rate"]
        value = one.point_value * one.rate
        gains = {"plan": self.plans.setdefault((plan_id, contract), Average()).fill(side, price, quantity),
                 "average": one.average.fill(side, price, quantity), "fifo": self._match(one, ts, side, price, quantity, fee, plan_id)}
        for way, gain in gains.items():
            one.quote[way] += gain * one.point_value
        one.by_plan += gains["plan"] * value
        one.by_average += gains["average"] * value
        one.by_fifo += gains["fifo"] * value
        one.fills += 1
        one.bought += quantity if side > 0.0 else 0.0
        one.sold += quantity if side < 0.0 else 0.0
        one.turnover += price * quantity * value
        one.fees += fee
        self._book(ts, "FILL", body, realised_usd=gains["plan"] * value, fee_usd=fee)

    def _match(self, one: Holding, ts: int, side: float, price: float, quantity: float, fee: float, plan_id: str) -> float:
        """Closes the oldest lots of the other side, one row each; what is left opens a lot.  Gives the gain, points times units."""
        left, total, fee_unit = quantity, 0.0, fee / quantity
        while left > DUST * quantity and one.lots and one.lots[0].direction * side < 0.0:
            lot = one.lots[0]
            part = min(left, lot.quantity)
            share = lot.fee * part / lot.quantity
            gain = lot.direction * (price - lot.price) * part
            self._closed.append(_lot_row(one, lot, part) | {
                "ts_close": ts, "close_price": price, "close_plan_id": plan_id, "gain": gain * one.point_value,
                "gain_usd": gain * one.point_value * one.rate, "fees_usd": share + fee_unit * part})
            lot.fee -= share
            lot.quantity -= part
            if lot.quantity <= DUST * part:
                one.lots.popleft()
            left -= part
            total += gain
        if left > DUST * quantity:
            one.lots.append(Lot(ts, side, price, left, fee_unit * left, plan_id))
        return total

    def _charge(self, ts: int, body: Mapping[str, Any]) -> None:
        """Money that no fill moved: a cost, or with the reason DIVIDEND what a position was paid (a negative cost) or paid; a SPLIT moves none."""
        cost, one = body["cost_usd"], self.holdings.get(body.get("contract") or body.get("symbol") or "")
        if one is not None and body.get("reason") == SPLIT:
            self._split(one, ts, body)
        paid = body.get("reason") == DIVIDEND
        if one is not None and paid:
            one.dividends -= cost
        elif one is not None:
            one.charges += cost
        self._book(ts, "CHARGE", body, dividend_usd=-cost if paid else 0.0, charge_usd=0.0 if paid else cost)

    def _split(self, one: Holding, ts: int, body: Mapping[str, Any]) -> None:
        """New units for old: each plan tells its own, what is held of the contract becomes new at the first line of a moment."""
        ratio = body["ratio"]
        if (plan := self.plans.get((body["plan_id"], one.contract))) is not None:
            plan.split(ratio, None)
        if one.split_at == ts:
            return
        one.split_at = ts
        one.average.split(ratio, None)
        for lot in one.lots:
            lot.price, lot.quantity = lot.price / ratio, lot.quantity * ratio

    def _book(self, ts: int, kind: str, body: Mapping[str, Any], **money: float) -> None:
        row: dict[str, Any] = {"realised_usd": 0.0, "dividend_usd": 0.0, "fee_usd": 0.0, "charge_usd": 0.0} | money
        self.balance += row["realised_usd"] + row["dividend_usd"] - row["fee_usd"] - row["charge_usd"]
        self._cash.append({"ts": ts, "kind": kind, **{name: body.get(name) for name in ("reason", "symbol", "contract", "plan_id")}, **row,
                           "balance_usd": self.balance, "told_usd": body["balance_usd"]})

    # --- tables ------------------------------------------------------------------------------------------------------------------------------

    def positions(self, marks: Mapping[str, float] | None = None) -> pl.DataFrame:
        """One row a contract that was ever traded, in order of first fill.  `marks`: price of a symbol (or contract), points, for what is held."""
        plans = self._held()
        return pl.DataFrame([_position_row(one, plans.get(one.contract, []), marks or {}) for one in self.holdings.values()], schema=POSITION_SCHEMA)

    def lots(self) -> pl.DataFrame:
        """One row for each part of a fill that one other fill closed, in order of closing, then what is still held."""
        nothing = dict.fromkeys(("ts_close", "close_price", "close_plan_id", "gain", "gain_usd"))
        held = [_lot_row(one, lot, lot.quantity) | nothing | {"fees_usd": lot.fee} for one in self.holdings.values() for lot in one.lots]
        return pl.DataFrame([*self._closed, *held], schema=LOT_SCHEMA)

    def cash(self) -> pl.DataFrame:
        """One row a line that moved money, with the balance that comes of it and the one that the journal tells."""
        return pl.DataFrame(self._cash, schema=CASH_SCHEMA)

    def _held(self) -> dict[str, list[Average]]:
        """What the plans hold of each contract, in order of their first fills."""
        found: dict[str, list[Average]] = {}
        for (_, contract), plan in self.plans.items():
            if plan.quantity:
                found.setdefault(contract, []).append(plan)
        return found

    def cash_after_purchases(self) -> float:
        """The balance less what the plans paid for what they hold long, plus what they took for what they hold short; at the rates of the last fills."""
        return self.balance - sum(plan.quantity * plan.price * one.point_value * one.rate
                                  for contract, plans in self._held().items() for one in (self.holdings[contract],) for plan in plans)

    def unrealised(self, marks: Mapping[str, float], rates: Mapping[str, float] | None = None) -> float:
        """What the balance would take if all plans sold at these prices (by symbol or contract), before fees.

        `rates` by plan, contract or symbol; those of the last fills without.  `KeyError` without a mark.
        """
        total = 0.0
        for (plan_id, contract), plan in self.plans.items():
            if plan.quantity:
                one, told = self.holdings[contract], rates or {}
                rate = next((told[name] for name in (plan_id, contract, one.symbol) if name in told), one.rate)
                total += plan.gain(_mark(one, marks)) * one.point_value * rate
        return total

    def equity(self, marks: Mapping[str, float], rates: Mapping[str, float] | None = None) -> float:
        """The balance and all that is held at these prices."""
        return self.balance + self.unrealised(marks, rates)


def books(lines: Iterable[Line], capital: float) -> Books:
    """The books after these lines of a journal, taken from its first; stop early to see an earlier moment."""
    found = Books(capital)
    for kind, ts, body in lines:
        found.take(kind, ts, body)
    return found


def _mark(one: Holding, marks: Mapping[str, float]) -> float:
    return marks[one.contract] if one.contract in marks else marks[one.symbol]


def _lot_row(one: Holding, lot: Lot, quantity: float) -> dict[str, Any]:
    return {"symbol": one.symbol, "contract": one.contract, "direction": "LONG" if lot.direction > 0.0 else "SHORT", "quantity": quantity,
            "ts_open": lot.ts, "open_price": lot.price, "open_plan_id": lot.plan_id}


def _position_row(one: Holding, plans: Iterable[Average], marks: Mapping[str, float]) -> dict[str, Any]:
    held, value = one.average.quantity, one.point_value * one.rate
    open_units = sum(lot.quantity for lot in one.lots)
    mark = marks.get(one.contract, marks.get(one.symbol))
    return {
        "symbol": one.symbol, "contract": one.contract, "quantity": held, "average_price": one.average.price if held else None,
        "fifo_price": sum(lot.price * lot.quantity for lot in one.lots) / open_units if held and open_units else None,
        "fills": one.fills, "bought": one.bought, "sold": one.sold, "turnover_usd": one.turnover, "realised_usd": one.by_plan,
        "realised_average_usd": one.by_average, "realised_fifo_usd": one.by_fifo, "dividends_usd": one.dividends, "charges_usd": one.charges,
        "fees_usd": one.fees, "net_usd": one.by_plan + one.dividends - one.fees - one.charges, "mark_price": mark,
        "market_value_usd": None if mark is None else held * mark * value,
        "unrealised_usd": None if mark is None else sum(plan.gain(mark) for plan in plans) * value,
        "unrealised_average_usd": None if mark is None else one.average.gain(mark) * value,
        "unrealised_fifo_usd": None if mark is None else sum(lot.direction * lot.quantity * (mark - lot.price) for lot in one.lots) * value,
        "point_value": one.point_value, "rate": one.rate}
