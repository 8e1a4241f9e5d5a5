"""A bookkeeper who knows definitions alone: double entry in exact fractions over the lines of a journal, no average carried on and nothing rounded.

Every event is posted twice, once as a debit and once as a credit of the same amount, so the sum over all accounts is nothing at every moment.  What is bought
is paid by a loan in its own currency; the gain of a sale goes from there to the cash at the rate of that moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

ZERO = Fraction(0)


class Ledger:
    """Accounts by name; a positive balance is a debit.  Money of the account, but `stock` and `loan`, which are kept in the quote currency."""

    def __init__(self, capital: float) -> None:
        self.accounts: dict[str, Fraction] = defaultdict(lambda: ZERO)
        self.units: dict[tuple[str, str], Fraction] = defaultdict(lambda: ZERO)          # (plan, contract) -> signed quantity
        self.bought: dict[tuple[str, str], list[list[Fraction]]] = defaultdict(list)     # (plan, contract) -> [quantity, price] of each opening fill
        self.point: dict[str, Fraction] = {}
        self.symbol: dict[str, str] = {}
        self.rate: dict[str, Fraction] = {}
        self.gains: dict[str, Fraction] = defaultdict(lambda: ZERO)                      # plan -> gain, money of the account
        self.paid: dict[str, Fraction] = defaultdict(lambda: ZERO)                       # plan -> fees
        self.post("cash", "capital", Fraction(capital))

    def post(self, debit: str, credit: str, amount: Fraction) -> None:
        self.accounts[debit] += amount
        self.accounts[credit] -= amount

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """One line of the journal."""
        if kind == "FILL":
            self.fill(body)
        elif kind == "CHARGE":
            if body.get("reason") == "SPLIT":
                self.split(body["plan_id"], body["contract"], Fraction(body["ratio"]))
            account = "dividends" if body.get("reason") == "DIVIDEND" else "charges"
            if account == "dividends":
                self.gains[body["plan_id"]] -= Fraction(body["cost_usd"])
            self.post(account, "cash", Fraction(body["cost_usd"]))

    def split(self, plan: str, contract: str, ratio: Fraction) -> None:
        """Ratio units for one; what they cost together is what it was."""
        self.units[plan, contract] *= ratio
        self.bought[plan, contract] = [[quantity * ratio, price / ratio] for quantity, price in self.bought[plan, contract]]

    def fill(self, body: Mapping[str, Any]) -> None:
        contract, plan = body["contract"], body["plan_id"]
        side = 1 if body["side"] == "BUY" else -1
        quantity, price, rate = Fraction(body["quantity"]), Fraction(body["price"]), Fraction(body["rate"])
        point = self.point[contract] = Fraction(body["point_value"])
        self.symbol[contract], self.rate[contract] = body["symbol"], rate
        held, opened = self.units[plan, contract], self.bought[plan, contract]
        stock, loan = f"stock {plan} {contract}", f"loan {plan} {contract}"
        if held * side >= 0:                                           # opens
            opened.append([quantity, price])
            self.post(stock, loan, side * quantity * price * point)
        else:                                                          # closes: the stock goes at what a unit of it cost on average
            cost = sum((q * p for q, p in opened), ZERO) / sum((q for q, _ in opened), ZERO)
            proceeds, taken = side * quantity * price * point, side * quantity * cost * point
            self.post(loan, stock, -taken)                             # a sale: side is -1, so the stock is credited
            gain = taken - proceeds
            self.post("cash", "gain", gain * rate)
            self.gains[plan] += gain * rate
            left = 1 - quantity / abs(held)                            # what stays cost what it cost
            opened[:] = [[q * left, p] for q, p in opened]
        self.units[plan, contract] = held + side * quantity
        if self.units[plan, contract] == 0:
            opened.clear()
        self.post("fees", "cash", Fraction(body["fee_usd"]))
        self.paid[plan] += Fraction(body["fee_usd"])

    def balance(self) -> Fraction:
        return self.accounts["cash"]

    def held(self, plan: str, contract: str) -> Fraction:
        return abs(self.units[plan, contract])

    def equity(self, marks: Mapping[str, float], rates: Mapping[tuple[str, str], float]) -> Fraction:
        """The cash, and for all that is held what it would bring at these prices less what it cost; `rates` by (plan, symbol)."""
        total = self.balance()
        for (plan, contract), units in self.units.items():
            if units:
                symbol = self.symbol[contract]
                worth = units * Fraction(marks[symbol]) * self.point[contract]
                total += (worth - self.accounts[f"stock {plan} {contract}"]) * Fraction(rates[plan, symbol])
        return total

    def sums_to_nothing(self) -> bool:
        return sum(self.accounts.values(), ZERO) == 0


def first_in_first_out(fills: list[Mapping[str, Any]]) -> Fraction:
    """Gain of the fills of one contract in its quote currency, every unit sold being the one that was bought first; what is still held earns nothing."""
    queue: list[list[Fraction]] = []                                   # signed quantity, price
    gain = ZERO
    for body in fills:
        left = Fraction(body["quantity"]) * (1 if body["side"] == "BUY" else -1)
        price, point = Fraction(body["price"]), Fraction(body["point_value"])
        while left and queue and queue[0][0] * left < 0:
            part = min(abs(left), abs(queue[0][0]))
            sign = 1 if queue[0][0] > 0 else -1
            gain += sign * part * (price - queue[0][1]) * point
            queue[0][0] -= sign * part
            left += sign * part
            if not queue[0][0]:
                queue.pop(0)
        if left:
            queue.append([left, price])
    return gain
