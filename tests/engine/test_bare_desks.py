"""A desk that asks nothing of the market: rows at its setups alone, and the same trades as with a row at every decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.agents.rules import decide
from pse.brokers.sim import SimBroker
from pse.domain.currencies import Conversion, Leg
from pse.engine import prepare as preparing
from pse.engine.desk import Mode, desk_plan
from pse.engine.loop import run
from pse.engine.outcome import Outcome
from pse.engine.prepare import prepare, sparse
from pse.engine.state import fresh_state
from pse.features import build
from pse.kernels import contract as k
from pse.settings import load_settings
from tests.features.made import minutes

DESK = ("desks.cross={symbols: [ES], tactics: {moving_average_cross: {fast_bars: 5, slow_bars: 12, allow_short: true}}, risk: bare}", "desk=cross",
        "instruments.ES.micro=null")


def plan_of(*more):
    return desk_plan(load_settings(Path("no-such-home"), overrides=(*DESK, *more)))


def outcome(plan, bars, named=True, context=None):
    step = prepare(plan, [bars], Mode(end_ns=int(bars.ts_close[-1])), int(bars.ts_open[0]), int(bars.ts_close[-1]), context=context)
    found = Outcome(named)
    for batch in run([step], decide, SimBroker(1), fresh_state(plan.shape, plan.capital)):
        found.take(batch)
    return step, found


@pytest.fixture(scope="module")
def bars():
    return minutes(5, 6, roll_every=3, missing=0.02)


def test_rows_at_setups_alone_give_the_trades_of_rows_at_every_decision(bars, monkeypatch):
    few, found = outcome(plan_of(), bars)
    monkeypatch.setattr(preparing, "sparse", lambda plan, setups: False)
    all_rows, expected = outcome(plan_of(), bars)
    assert few.world.row_ts.size < all_rows.world.row_ts.size and set(few.world.row_ts) == set(few.world.setups["ts"])
    assert found.trades().height > 20
    assert found.trades().equals(expected.trades()) and found.equity().equals(expected.equity())
    at = np.searchsorted(all_rows.world.row_ts, few.world.row_ts)
    np.testing.assert_array_equal(few.world.context, all_rows.world.context[at])


def test_money_is_converted_at_every_decision_where_a_rate_moves(bars, monkeypatch):
    """The same trades and money as with a row at every decision; rows at setups alone would convert an exit at the rate of an older one."""
    settings = load_settings(Path("no-such-home"), overrides=DESK)
    euro = replace(minutes(8, 6, "CME Globex FX", missing=0.2, tick=0.00005), symbol="EURUSD")
    plan = replace(plan_of(), rates=(Conversion("EUR", "USD", 1.0, (Leg("EURUSD", False),)),), context={"EURUSD": settings.instrument("EURUSD")})
    found = outcome(plan, bars, context={"EURUSD": euro})[1]
    monkeypatch.setattr(preparing, "sparse", lambda plan, setups: False)
    expected = outcome(plan, bars, context={"EURUSD": euro})[1]
    assert found.trades().height > 20 and found.trades().equals(expected.trades()) and found.equity().equals(expected.equity())
    monkeypatch.setattr(preparing, "sparse", lambda plan, setups: True)
    few = outcome(plan, bars, context={"EURUSD": euro})[1].trades()
    assert few.height == found.trades().height and not few["net_usd"].equals(found.trades()["net_usd"])


def test_no_trend_is_computed_for_it(bars, monkeypatch):
    def computed(*_):
        raise AssertionError("states were computed")

    monkeypatch.setattr(build, "states", computed)
    assert outcome(plan_of(), bars)[1].trades().height > 20


@pytest.mark.parametrize("change", ["risk_policies.bare.gates.market_state=true", "risk_policies.bare.breakers.data_score_min=0.5",
                                    "risk_policies.bare.breakers.equity_drawdown=0.1", "risk_policies.bare.limits.max_daily_loss=0.5"])
def test_a_desk_that_watches_anything_has_a_row_at_every_decision(bars, change):
    step = outcome(plan_of(change), bars)[0]
    assert step.world.row_ts.size == len(step.features[0].decision) - 1       # the last closes as the window does


@pytest.mark.parametrize("fields", [{"plan_flags": 0}, {"plan_flags": k.NO_STALE | k.TRAIL_RANGE}, {"plan_flags": k.NO_STALE | k.WAITS_AFTER_STOP},
                                    {"plan_flags": k.NO_STALE, "invalid_flags": k.INVALID_OPPOSITE_MSS}])
def test_setups_whose_plans_look_at_the_market_want_every_row(fields):
    rows = np.zeros(3, k.SETUP_DTYPE)
    rows["plan_flags"] = k.NO_STALE
    assert sparse(plan_of(), rows)
    for name, value in fields.items():
        rows[name][1] = value
    assert not sparse(plan_of(), rows)


@pytest.mark.parametrize("way", [Conversion("EUR", "USD", 1.0, (Leg("EURUSD", False),)), Conversion("USDT", "USD", 0.5)])
def test_a_desk_whose_money_is_converted_wants_every_row(way):
    rows = np.zeros(3, k.SETUP_DTYPE)
    rows["plan_flags"] = k.NO_STALE
    assert sparse(plan_of(), rows) and not sparse(replace(plan_of(), rates=(way,)), rows)


def test_trades_without_names_are_the_same_trades(bars):
    ids = ("trade_id", "setup_id", "plan_id")
    with_names, without = outcome(plan_of(), bars)[1].trades(), outcome(plan_of(), bars, named=False)[1].trades()
    assert without.drop(ids).equals(with_names.drop(ids)) and without.select(pl.col(ids) == "").to_numpy().all()
    assert with_names["trade_id"].n_unique() == with_names.height
