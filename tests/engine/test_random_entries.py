"""Entries at random: as many, the same sides and distances, at moments from a hat; without an edge in the prices they lose their costs and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pse.domain.trials import Span
from pse.engine.bench import Bench
from pse.engine.desk import desk_plan
from pse.engine.random_entries import Draw, Entered, generator
from pse.kernels import contract as k
from pse.settings import load_settings
from tests.engine.test_bench import HOME, bench, plan_of, same, spans
from tests.features.made import minutes

STEPS, TICK, FEE = 40, 0.25, 25.0
FREE = ("desk=cross", "risk_policies.bare.limits.max_quantity=1", "risk_policies.bare.limits.allow_micro=false", "fills.conservative.through_ticks=0",
        "instruments.ES.slippage_ticks=0", "instruments.ES.stop_cap_points=1000", "account.capital=10000000",
        "desks.cross={symbols: [ES], base_timeframe: 1m, decision_timeframe: 5m, features: {context_timeframe: 1h}, risk: bare, "
        "tactics: {moving_average_cross: {fast_bars: 3, slow_bars: 8, stop_atr: 3.0, allow_short: true}}}")


@cache
def martingale(seed: int):
    """Minutes of ES whose every price is a fair step from the one before: highs and lows are prices of the path, an open is the close before it."""
    bars = minutes(seed, 40, "CME Globex Equity", 0.0, 0, TICK)
    path = 5_000.0 + TICK * np.cumsum(np.random.default_rng(seed).choice([-1.0, 1.0], (len(bars), STEPS)).ravel()).reshape(len(bars), STEPS)
    opened = np.concatenate([[5_000.0], path[:-1, -1]])
    return replace(bars, symbol="ES", open=opened, close=path[:, -1].copy(), high=np.maximum(path.max(axis=1), opened),
                   low=np.minimum(path.min(axis=1), opened), volume=np.full(len(bars), 1e6))


def test_without_an_edge_a_random_entry_loses_its_costs_on_average():
    """One contract in and out at 25.00 a side, no slippage: 50.00 a trade."""
    plan = desk_plan(load_settings(HOME, overrides=(*FREE, f"instruments.ES.fees.per_unit={FEE}")))
    net = []
    for seed in (1, 2, 3):
        own = martingale(seed)
        span = Span(int(own.ts_open[0]), int(own.ts_close[-1]))
        one = Bench(plan, [own], {}, span.start_ns, span.end_ns)
        real = one.measure(plan, [span])[0].trades
        for draw in range(6):
            (found,) = one.measure(plan, [span], random_entries=draw, seed=seed)
            assert 0.5 * len(real) < len(found.trades) <= len(real)          # it is in the market all the time, and so are they
            net.append(found.trades["net"])
    means = np.array([one.mean() for one in net])
    error = means.std(ddof=1) / np.sqrt(means.size)
    assert abs(means.mean() + 2 * FEE) < 3 * error and error < 8.0, (means.mean(), error)


def test_the_same_seed_draws_the_same_and_another_draw_or_seed_another_whatever_was_measured_between():
    plan, here = plan_of("futures-smc"), spans("futures-smc")
    first, second = bench("futures-smc"), bench("futures-smc")
    alone = first.measure(plan, here, random_entries=0, seed=7)
    second.measure(plan, here)
    other = second.measure(plan, here, random_entries=1, seed=7)
    assert all(map(same, second.measure(plan, here, random_entries=0, seed=7), alone))
    assert all(map(same, second.measure(plan, here[1:2], random_entries=0, seed=7), alone[1:2]))
    assert not any(map(same, other, alone)) and not any(map(same, second.measure(plan, here, random_entries=0, seed=8), alone))


def test_a_span_before_1970_has_a_draw_of_its_own():
    minute = 60_000_000_000
    drawn = [generator(7, 0, Span(start * minute, 10**18)).integers(1 << 62) for start in (-1, -2, 0, 1, 2)]
    assert len(set(drawn)) == len(drawn) and drawn[0] == generator(7, 0, Span(-minute, 0)).integers(1 << 62)


@pytest.mark.parametrize("desk", ["futures-smc", "equities-swing"])
def test_a_draw_has_as_many_trades_of_each_symbol_tactic_and_side_or_a_few_less(desk):
    plan, one = plan_of(desk), bench(desk)
    (real,) = one.measure(plan, spans(desk)[-1:])
    (drawn,) = one.measure(plan, spans(desk)[-1:], random_entries=0)
    assert 0.75 * len(real.trades) <= len(drawn.trades) <= len(real.trades)
    for name in ("symbol", "tactic", "direction"):
        for value in np.unique(drawn.trades[name]):
            assert (drawn.trades[name] == value).sum() <= (real.trades[name] == value).sum()
    assert drawn.dates.tolist() == real.dates.tolist()


def entry(direction: int, stop: float, target: float, **fields) -> np.ndarray:
    row = np.zeros(1, k.SETUP_DTYPE)
    values = {"ts": 1_000, "kind": k.ENTER, "direction": direction, "order_type": k.LIMIT, "entry": 100.0, "stop": 100.0 - direction * stop, "tactic": 2,
              "target": 100.0 + direction * target, "target2": np.nan, "valid_until": 1_600, "confidence": 0.4, "group": 5, "invalid_price": 98.0,
              "invalid_flags": 7, "precedence": 3, "family": 1}
    for name, value in {**values, **fields}.items():
        row[name] = value
    return row


def test_distances_move_with_the_range_and_round_against_the_trade():
    """A stop 2 points and a target 5 away at an ATR of 4, drawn to a close of 200 with an ATR of 3: 1.5 and 3.75 away, on a grid of 1."""
    instruments = (plan_of("futures-smc").instruments[0].model_copy(update={"tick": 1.0}),)
    setups = np.concatenate([entry(1, 2.0, 5.0), entry(-1, 2.0, 5.0)])
    found = Entered(setups, np.array([1, -1]), np.array([0.5, 0.5]), np.array([1.25, 1.25]), np.array([np.nan, np.nan]))
    ts, symbol, context = np.array([5_000, 6_000]), np.zeros(2, np.int64), np.full((2, len(k.CONTEXT_COLUMNS)), np.nan)
    context[:, k.C_CLOSE], context[:, k.C_ATR], context[:, k.C_READY] = 200.0, 3.0, 1.0
    signal = entry(1, 2.0, 5.0, kind=k.EXIT, ts=5_500)
    rows, whose = Draw(found, ts, symbol, context, instruments, generator(1, 0, Span(0, 10_000))).setups(np.concatenate([setups, signal]))
    assert rows["ts"].tolist() == [5_000, 5_500, 6_000] and whose[1] == -1 and sorted(whose.tolist()) == [-1, 0, 1] and rows["kind"][1] == k.EXIT
    drawn = rows[whose >= 0][np.argsort(whose[whose >= 0])]
    assert drawn["stop"].tolist() == [198.0, 202.0] and drawn["target"].tolist() == [203.0, 197.0] and np.isnan(drawn["target2"]).all()
    assert drawn["entry"].tolist() == [200.0, 200.0] and (drawn["order_type"] == k.MARKET).all() and (drawn["valid_until"] - drawn["ts"] == 600).all()
    assert drawn["tactic"].tolist() == [2, 2] and (drawn["confidence"] == 0.4).all() and (drawn["group"] == k.ALONE).all()


def test_an_entry_that_was_refused_is_drawn_anew_until_the_hat_is_empty():
    instruments = (plan_of("futures-smc").instruments[0],)
    found = Entered(np.concatenate([entry(1, 2.0, 5.0)] * 2), np.array([1, 1]), np.full(2, 0.5), np.full(2, 1.0), np.full(2, np.nan))
    context = np.full((5, len(k.CONTEXT_COLUMNS)), np.nan)
    context[:, k.C_CLOSE], context[:, k.C_ATR], context[:, k.C_READY] = 100.0, 4.0, (1.0, 1.0, 1.0, 1.0, 0.0)      # one is not ready
    draw = Draw(found, np.arange(5) * 1_000, np.zeros(5, np.int64), context, instruments, generator(1, 0, Span(0, 10_000)))
    seen = [draw.setups(np.zeros(0, k.SETUP_DTYPE))]
    while draw.again(np.array([True, False])):
        seen.append(draw.setups(np.zeros(0, k.SETUP_DTYPE)))
    first = {int(rows["ts"][whose == 0][0]) for rows, whose in seen}
    second = [int(rows["ts"][whose == 1][0]) for rows, whose in seen]
    assert len(first) == 1 and len(set(second)) == 3 and first | set(second) == {0, 1_000, 2_000, 3_000}
