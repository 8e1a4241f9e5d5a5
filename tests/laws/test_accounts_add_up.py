"""Cash, positions, fees, charges and equity add up after every line that moves money, for a bookkeeper who knows definitions alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.engine.desk import Mode
from pse.kernels import contract as k
from pse.research.books import Books, books
from tests.engine.made import TO_THE_END, Shape, batches, journal_lines, made
from tests.laws import fuller
from tests.naive.books import Ledger, first_in_first_out

CAPITAL = 100_000.0
SHARE = 1e-9                                     # of the account's size
SHAPES = {
    "one future": Shape(600, 60),
    "three futures and their micros": Shape(500, 90, ("ES", "NQ", "RTY")),
    "shares, flags, moving rates": Shape(600, 120, ("ES", "NQ"), rich=True),
    "several plans a symbol": Shape(600, 200, ("ES", "NQ"), rich=True, overrides=(
        "risk_policies.futures_intraday.limits.max_plans_per_symbol=3", "risk_policies.futures_intraday.limits.max_concurrent_risk=0.5",
        "risk_policies.futures_intraday.gates.cooldown_entry_bars=0", "risk_policies.futures_intraday.limits.max_group_positions=6")),
}
seeds = st.integers(0, 2**31)


def world(seed: int, which: str, currencies: bool):
    """A made window; with `currencies` each symbol's money is worth something else, and sometimes nobody knows what."""
    shape = SHAPES[which]
    prepared = made(seed, shape, Mode(end_ns=TO_THE_END, close_at_end=seed % 2 == 0))
    if currencies:
        rng = np.random.default_rng([seed, 7])
        worth = np.array([1.0, 0.8125, 1.37])[prepared.world.row_symbol]
        context = prepared.world.context
        context[:, k.C_RATE] *= worth * np.where(rng.random(worth.size) < 0.02, np.nan, rng.choice([1.0, 1.01, 0.99], worth.size))
    return prepared


class Market:
    """What a symbol was worth at a moment: its last close, and the rate of its latest decision or of the decision behind a plan."""

    def __init__(self, prepared) -> None:
        tape, w = prepared.tape, prepared.world
        names = prepared.plan.symbols
        self._closes = {name: (tape.ts_close[tape.symbol == i], tape.close[tape.symbol == i]) for i, name in enumerate(names)}
        self._rates = {name: (w.row_ts[w.row_symbol == i], w.context[w.row_symbol == i, k.C_RATE]) for i, name in enumerate(names)}

    def marks(self, ts: int) -> dict[str, float]:
        found = {name: (closes, int(np.searchsorted(at, ts, side="right")) - 1) for name, (at, closes) in self._closes.items()}
        return {name: float(closes[i]) for name, (closes, i) in found.items() if i >= 0}

    def rate(self, symbol: str, ts: int) -> float:
        at, rates = self._rates[symbol]
        i = int(np.searchsorted(at, ts, side="right")) - 1
        return float(rates[i]) if i >= 0 else float("nan")


def near(found, told: float, size: float = CAPITAL) -> bool:
    return abs(float(found) - told) <= SHARE * max(size, abs(told))


def reconciled(prepared, lines) -> Ledger:
    """The ledger after all lines, held against what the journal says at each."""
    ledger, market, decided, statement = Ledger(CAPITAL), Market(prepared), {}, Books(CAPITAL)
    for kind, ts, body in lines:
        ledger.take(kind, body)
        statement.take(kind, ts, body)
        assert ledger.sums_to_nothing()
        if kind == "DECISION" and body["plan_id"]:
            decided[body["plan_id"]] = ts
        elif kind == "FILL":
            assert near(ledger.balance(), body["balance_usd"]), (ts, float(ledger.balance()), body)
            assert float(ledger.held(body["plan_id"], body["contract"])) == pytest.approx(body["held"], abs=1e-12)
        elif kind == "CHARGE":
            assert near(ledger.balance(), body["balance_usd"])
        elif kind == "EXIT":
            assert near(ledger.gains[body["plan_id"]], body["gross_usd"]) and near(ledger.paid[body["plan_id"]], body["fees_usd"])
            assert near(ledger.gains[body["plan_id"]] - ledger.paid[body["plan_id"]], body["net_usd"])
            assert float(ledger.held(body["plan_id"], body["contract"])) == 0.0
        elif kind == "SESSION":
            rates = {}
            for (plan, contract), units in ledger.units.items():
                if units:
                    now = market.rate(ledger.symbol[contract], ts)
                    rates[plan, ledger.symbol[contract]] = now if now == now else market.rate(ledger.symbol[contract], decided[plan])
            assert near(ledger.equity(market.marks(ts), rates), body["equity_usd"]), (ts, body)
            assert_statement(statement, market.marks(ts), {plan: rate for (plan, _), rate in rates.items()}, body["equity_usd"])
            assert near(ledger.balance(), body["balance_usd"]) and near(ledger.accounts["fees"], body["fees_usd"])
            assert near(ledger.accounts["charges"], body["charges_usd"])
            assert near(-ledger.accounts["capital"] - ledger.accounts["gain"] - ledger.accounts["dividends"] - ledger.accounts["fees"]
                        - ledger.accounts["charges"], body["balance_usd"])
    return ledger


def assert_statement(statement: Books, marks: dict[str, float], rates: dict[str, float], equity: float) -> None:
    """Its equity is the run's; at the rates of the last fills its table, its open result and what selling everything would bring all say one thing."""
    assert near(statement.equity(marks, rates), equity)
    table = statement.positions(marks)
    value = table["market_value_usd"].sum()
    assert near(statement.unrealised(marks), table["unrealised_usd"].sum())
    assert near(statement.cash_after_purchases() + value, statement.equity(marks), CAPITAL + abs(value))
    for one in table.iter_rows(named=True):
        held = statement.holdings[one["contract"]]
        open_now = [one[f"unrealised{way}_usd"] / (one["point_value"] * one["rate"]) for way in ("", "_average", "_fifo")]
        whole = [held.quote[way] / one["point_value"] + gain for way, gain in zip(("plan", "average", "fifo"), open_now, strict=True)]
        assert near(whole[0], whole[1], one["turnover_usd"]) and near(whole[0], whole[2], one["turnover_usd"])


def checked(seed: int, which: str, currencies: bool) -> tuple[int, int]:
    """How many fills and sessions were reconciled in one made window, and that the statement says the same."""
    prepared = world(seed, which, currencies)
    lines = journal_lines(list(batches(prepared)))
    ledger = reconciled(prepared, lines)
    found = books(lines, CAPITAL)
    cash, positions, lots = found.cash(), found.positions(), found.lots()
    assert near(ledger.balance(), found.balance)
    if cash.height:
        assert (cash["balance_usd"] - cash["told_usd"]).abs().max() <= SHARE * CAPITAL
    fills = [body for kind, _, body in lines if kind == "FILL"]
    for row in positions.iter_rows(named=True):
        own = [body for body in fills if body["contract"] == row["contract"]]
        one = found.holdings[row["contract"]]
        size = CAPITAL + row["turnover_usd"]
        assert near(first_in_first_out(own), one.quote["fifo"], size)
        closed = lots.filter((lots["contract"] == row["contract"]) & lots["ts_close"].is_not_null())
        assert near(closed["gain_usd"].sum(), row["realised_fifo_usd"], size)
        assert near(lots.filter(lots["contract"] == row["contract"])["fees_usd"].sum(), row["fees_usd"])
        if row["quantity"] == 0.0:
            assert near(one.quote["fifo"], one.quote["average"], size) and near(one.quote["plan"], one.quote["average"], size)
            if len({body["rate"] for body in own}) == 1:
                assert near(row["realised_fifo_usd"], row["realised_usd"], size) and near(row["realised_average_usd"], row["realised_usd"], size)
        else:
            held = sum(body["quantity"] * (1 if body["side"] == "BUY" else -1) for body in own)
            assert row["quantity"] == pytest.approx(held, abs=1e-12)
    nets = sum(body["net_usd"] for kind, _, body in lines if kind == "EXIT")
    if not positions.height or not positions["quantity"].abs().max():
        total = positions["net_usd"].sum() - sum(row["charge_usd"] for row in cash.iter_rows(named=True) if row["contract"] is None)
        assert near(total, nets) or any(kind == "CHARGE" for kind, _, _ in lines)
    return len(fills), sum(kind == "SESSION" for kind, _, _ in lines)


@settings(max_examples=60)
@given(seeds, st.sampled_from(sorted(SHAPES)), st.booleans())
def test_every_line_that_moves_money_adds_up(seed, which, currencies):
    checked(seed, which, currencies)


@pytest.mark.slow
@settings(max_examples=600)
@given(seeds, st.sampled_from(sorted(SHAPES)), st.booleans())
def test_every_line_that_moves_money_adds_up_in_many_worlds(seed, which, currencies):
    checked(seed, which, currencies)


def full_lines(seed: int, which: str, external: bool):
    """The window and journal of a world with everything in it, matched inside or by a broker outside."""
    end = int(fuller.fuller(seed, which).until_ns)
    prepared = fuller.fuller(seed, which, Mode(end_ns=end, external=external, close_at_end=not external and seed % 2 == 0))
    if not external:
        return prepared, journal_lines(list(batches(prepared)))
    cuts = np.unique(np.concatenate([prepared.tape.ts_close, prepared.world.row_ts])).tolist()
    return prepared, journal_lines(list(batches(prepared, broker=fuller.Outside(prepared, seed), cuts=cuts)))


@settings(max_examples=30)
@given(seeds, st.sampled_from(sorted(fuller.SHAPES)), st.booleans())
def test_rolls_splits_dividends_borrowed_shares_and_a_broker_outside_add_up(seed, which, external):
    prepared, lines = full_lines(seed, which, external)
    assert near(reconciled(prepared, lines).balance(), books(lines, CAPITAL).balance)


@pytest.mark.slow
def test_the_full_worlds_hold_what_they_should():
    """Contracts carried over, fractions of a split, dividends, borrow, margin calls; late, partial and impossible fills of a broker outside."""
    seen: dict[tuple[str, str, bool], int] = {}
    for which in fuller.SHAPES:
        for seed in range(8):
            for external in (False, True):
                for kind, _, body in full_lines(seed, which, external)[1]:
                    key = (kind, str(body.get("reason", "")), external)
                    seen[key] = seen.get(key, 0) + 1
    wanted = [("FILL", "ROLL", False), ("CHARGE", "SPLIT", False), ("FILL", "SPLIT", False), ("CHARGE", "DIVIDEND", False), ("CHARGE", "BORROW", False),
              ("FILL", "MARGIN_CALL", False), ("FILL", "TRAIL", False), ("FILL", "ROLL", True), ("FILL", "MARGIN_CALL", True), ("CHARGE", "SPLIT", True),
              ("NOTE", "", True), ("FILL", "SL", True), ("FILL", "TP1", True)]
    assert not [key for key in wanted if not seen.get(key)], seen


@pytest.mark.parametrize("which", sorted(SHAPES))
def test_the_made_worlds_hold_what_they_should(which):
    """Partial fills, several exits of one plan, shorts, micros or shares, and sessions that end with a position."""
    parts, fills, open_at_end = 0, 0, 0
    for seed in range(25):
        prepared = world(seed, which, True)
        lines = journal_lines(list(batches(prepared)))
        entries = [body["plan_id"] for kind, _, body in lines if kind == "FILL" and body["leg"] == "ENTRY"]
        parts += len(entries) - len(set(entries))
        fills += len(entries)
        found = Ledger(CAPITAL)
        for kind, _, body in lines:
            found.take(kind, body)
            open_at_end += kind == "SESSION" and any(found.units.values())
    assert parts > 0 and fills > 50 and open_at_end > 0


def test_a_symbol_has_several_plans_open_where_they_may():
    """The worlds with several plans are worlds in which plans of one contract differ in price when a session ends."""
    differ = 0
    for seed in range(10):
        prepared = world(seed, "several plans a symbol", False)
        statement = Books(CAPITAL)
        for kind, ts, body in journal_lines(list(batches(prepared))):
            statement.take(kind, ts, body)
            if kind == "FILL":
                held = [(contract, plan.price) for (_, contract), plan in statement.plans.items() if plan.quantity]
                differ += len(set(held)) > len({contract for contract, _ in held})
    assert differ > 10


def test_what_is_held_is_worth_what_its_plans_paid():
    """10 at 100 and 10 at 110, the first sold at 120: the balance took 200, the other ten have gained 100, and there is 100,300."""
    line = {"symbol": "A", "contract": "A", "point_value": 1.0, "rate": 1.0, "fee_usd": 0.0, "quantity": 10.0}
    found = books([("FILL", 1, line | {"side": "BUY", "price": 100.0, "plan_id": "A", "balance_usd": CAPITAL}),
                   ("FILL", 2, line | {"side": "BUY", "price": 110.0, "plan_id": "B", "balance_usd": CAPITAL}),
                   ("FILL", 3, line | {"side": "SELL", "price": 120.0, "plan_id": "A", "balance_usd": CAPITAL + 200.0})], CAPITAL)
    assert (found.balance, found.unrealised({"A": 120.0}), found.equity({"A": 120.0})) == (100_200.0, 100.0, 100_300.0)
    assert found.cash_after_purchases() == 99_100.0
    row = found.positions({"A": 120.0}).row(0, named=True)
    assert (row["realised_usd"], row["unrealised_usd"]) == (200.0, 100.0)
    assert (row["realised_average_usd"], row["unrealised_average_usd"]) == (150.0, 150.0)
    assert (row["realised_fifo_usd"], row["unrealised_fifo_usd"]) == (200.0, 100.0)


def test_a_moved_balance_is_found():
    """The bookkeeper is no mirror: one cent in one line, and it says so."""
    prepared = world(3, "one future", False)
    lines = journal_lines(list(batches(prepared)))
    at = next(i for i, (kind, _, _) in enumerate(lines) if kind == "FILL")
    for key, by in (("price", 0.25), ("fee_usd", 0.01), ("quantity", 1.0), ("balance_usd", 0.01)):
        kind, ts, body = lines[at]
        with pytest.raises(AssertionError):
            reconciled(prepared, [*lines[:at], (kind, ts, {**body, key: body[key] + by}), *lines[at + 1:]])
    reconciled(prepared, lines)
