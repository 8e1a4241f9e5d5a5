"""What a configuration comes to in a span is what a whole backtest from its start to its end comes to, whatever was measured before it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.trials import Span
from pse.engine.bench import Bench
from pse.engine.desk import Mode, desk_plan
from pse.engine.loop import run
from pse.engine.outcome import Outcome
from pse.engine.prepare import prepare
from pse.engine.state import fresh_state
from pse.kernels import codes as c
from pse.settings import load_settings
from tests.laws.test_shipped_desks import DESKS, HOME, bars_of


@cache
def plan_of(desk: str, *overrides: str):
    return desk_plan(load_settings(HOME, overrides=(f"desk={desk}", *overrides)))


@cache
def bars(desk: str, seed: int = 1):
    return tuple(bars_of(plan_of(desk), seed))


@cache
def window(desk: str, seed: int = 1) -> tuple[int, int]:
    return min(int(one.ts_open[0]) for one in bars(desk, seed)), max(int(one.ts_close[-1]) for one in bars(desk, seed))


def spans(desk: str, parts: int = 3) -> list[Span]:
    """The window in equal parts, whose borders fall inside sessions, and most of it once more."""
    start, end = window(desk)
    borders = np.linspace(start, end, parts + 1).astype(np.int64) // 60_000_000_000 * 60_000_000_000
    borders[-1] = end
    return [*(Span(int(a), int(b)) for a, b in zip(borders[:-1], borders[1:], strict=True)), Span(int(borders[0]), int(borders[-2]))]


def bench(desk: str, plan=None) -> Bench:
    return Bench(plan or plan_of(desk), bars(desk), {}, *window(desk))


def whole(plan, desk: str, span: Span) -> Outcome:
    """A backtest of the span by the ordinary way."""
    found = Outcome(named=False)
    step = prepare(plan, bars(desk), Mode(end_ns=span.end_ns, end_reason="FOLD_END"), span.start_ns, span.end_ns)
    for batch in run([step], rules, SimBroker(plan.shape.slots), fresh_state(plan.shape, plan.capital)):
        found.take(batch)
    return found


def assert_same(measured, outcome: Outcome, plan) -> int:
    trades, equity = outcome.trades(), outcome.equity()
    ends = equity.filter(equity["kind"] == "session")
    assert measured.dates.tolist() == ends["session_date"].to_list()
    np.testing.assert_allclose(measured.equity, ends["equity_usd"].to_numpy(), rtol=0, atol=1e-6)
    own = measured.trades
    assert own["entry_ts"].tolist() == trades["ts_entry"].to_list() and own["exit_ts"].tolist() == trades["ts_exit"].to_list()
    assert own["day"].tolist() == trades["session_date"].to_list()
    assert [c.REASONS[code] for code in own["reason"]] == trades["exit_reason"].to_list()
    assert [plan.symbols[at] for at in own["symbol"]] == trades["symbol"].to_list()
    assert [list(plan.tactics)[at] for at in own["tactic"]] == trades["tactic"].to_list()
    np.testing.assert_allclose(own["net"], trades["net_usd"].to_numpy(), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(own["r"], trades["r_net"].to_numpy())
    return len(own)


@pytest.mark.parametrize("desk", DESKS)
def test_a_span_of_a_shipped_desk_comes_to_what_a_whole_backtest_of_it_does(desk):
    plan, here = plan_of(desk), spans(desk)
    found = bench(desk).measure(plan, here)
    counts = [assert_same(one, whole(plan, desk, span), plan) for span, one in zip(here, found, strict=True)]
    assert sum(counts) > 0 or desk == "crypto-spot"
