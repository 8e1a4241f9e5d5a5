"""What a configuration comes to in a span is what a whole backtest from its start to its end comes to, whatever was measured before it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.errors import RequestError
from pse.domain.trials import Span
from pse.engine.bench import Bench
from pse.engine.desk import Mode, desk_plan
from pse.engine.finer import fine_line
from pse.engine.loop import run
from pse.engine.outcome import Outcome
from pse.engine.prepare import prepare
from pse.engine.state import fresh_state
from pse.features.resampled import resample
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


CROSS = ("desks.cross={symbols: [ES], base_timeframe: 1m, decision_timeframe: 5m, features: {context_timeframe: 1h}, risk: bare, "
         "tactics: {moving_average_cross: {fast_bars: 3, slow_bars: 8, allow_short: true}}}")


def same(a, b) -> bool:
    return a.span == b.span and all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in ("dates", "equity", "trades"))


def varied(*overrides: str):
    return plan_of("futures-smc", *overrides)


def test_a_position_open_at_the_end_goes_at_the_last_bar_and_pays_for_it():
    """Of two spans that end one bar apart while a position is open both trades end with their own last bar."""
    plan = desk_plan(load_settings(HOME, overrides=(CROSS, "desk=cross")))
    (own,), (start, end) = bars_of(plan, 1), window("futures-smc")
    one = Bench(plan, [own], {}, start, end)
    whole_line = one.measure(plan, [Span(start, end)])[0].trades
    longest = whole_line[np.argmax(whole_line["exit_ts"] - whole_line["entry_ts"])]
    middle = int(longest["entry_ts"] + longest["exit_ts"]) // 2
    at = int(np.searchsorted(own.ts_close, middle))
    for bar in (at, at + 1):
        last = one.measure(plan, [Span(start, int(own.ts_close[bar]))])[0].trades[-1]
        assert c.REASONS[last["reason"]] == "FOLD_END" and last["exit_ts"] == own.ts_close[bar] and last["entry_ts"] == longest["entry_ts"]
        instrument = plan.instruments[0]
        entry = own.open[np.searchsorted(own.ts_open, longest["entry_ts"])]
        points = last["direction"] * (own.close[bar] - entry) - 2 * instrument.slippage_ticks * instrument.tick
        units = (last["net"]) / (points * instrument.point_value - 2 * instrument.fees.per_unit)
        assert units == pytest.approx(round(units)) and round(units) >= 1


def test_a_span_without_trades_has_a_flat_return_for_each_of_its_sessions():
    plan = varied("risk_policies.futures_intraday.gates.min_confidence=1.0")
    (found,) = bench("futures-smc").measure(plan, spans("futures-smc")[-1:])
    assert not found.trades.size and found.dates.size > 2
    assert (found.returns == 0.0).all() and (found.equity == plan.capital).all()


def test_what_was_measured_before_changes_nothing():
    plans = [varied(), varied("risk_policies.futures_intraday.plan.breakeven_at_r=0.5"), varied("desks.futures-smc.tactics.sweep_reversal.sweep_window=3"),
             varied("desks.futures-smc.features.structure.internal=2"), varied("desks.futures-smc.fills=pessimistic")]
    here = spans("futures-smc")
    alone = [bench("futures-smc").measure(plan, here) for plan in plans]
    shared = bench("futures-smc")
    for order in (range(5), (4, 0, 3, 1, 2), (2, 2, 3, 0)):
        for at in order:
            assert all(map(same, shared.measure(plans[at], here), alone[at]))
    assert all(map(same, shared.measure(plans[0], here[::-1])[::-1], alone[0]))
    assert len({one[-1].equity.tobytes() for one in alone}) == len(plans)


def test_features_are_made_once_while_only_plans_limits_fills_and_tactics_change():
    """And anew where a parameter of theirs does, kept for the two specs that were asked for last."""
    shared, here = bench("futures-smc"), spans("futures-smc")
    tactics = tuple(varied().tactics)

    def made(*overrides: str) -> dict[str, int]:
        before = shared.made.copy()
        shared.measure(varied(*overrides), here)
        return dict(shared.made - before)

    assert made() == {"features": 1, "rows": 1, "time line": 1, **dict.fromkeys(tactics, 3)}             # of three symbols
    assert made() == {}
    for only in ("risk_policies.futures_intraday.plan.breakeven_at_r=2.0", "risk_policies.futures_intraday.limits.r_unit=0.004",
                 "fills.conservative.through_ticks=2", "risk_policies.futures_intraday.gates.min_reward_r=2.0",
                 "desks.futures-smc.fills=optimistic", "account.capital=50000"):
        assert made(only) == {}, only
    assert made("desks.futures-smc.tactics.sweep_reversal.sweep_window=3") == {"sweep_reversal": 3}
    assert made("risk_policies.futures_intraday.gates.events_before_min=30") == {"rows": 1, "time line": 1}
    structure = "desks.futures-smc.features.structure.internal="
    assert made(structure + "2") == {"features": 1, "rows": 1, **dict.fromkeys(tactics, 3)}
    assert made() == {} == made(structure + "2")
    assert made(structure + "4")["features"] == 1 and "features" not in made(structure + "2") and made()["features"] == 1


def test_what_hangs_on_the_strategies_own_record_is_found_anew_when_its_rules_change():
    desk, plain, wait = "equities-swing", "risk_policies.equities_swing.gates.confidence_scaled=false", "risk_policies.equities_swing.gates.wait_closes=2"
    plans = [plan_of(desk, *more) for more in ((), (plain,), (plain, wait), (wait,))]
    alone = [bench(desk, plan).measure(plan, spans(desk)) for plan in plans]
    shared = bench(desk)
    for at in (3, 2, 1, 0, 1):
        assert all(map(same, shared.measure(plans[at], spans(desk)), alone[at]))


def test_fills_are_looked_up_in_finer_bars_where_a_plan_says_so():
    own = bars("futures-smc")[:1]
    plan = desk_plan(load_settings(HOME, overrides=(CROSS.replace("base_timeframe: 1m", "base_timeframe: 5m"), "desk=cross")))
    coarse = [resample(one, "5m").bars for one in own]
    start, end = int(coarse[0].ts_open[0]), max(int(one.ts_close[-1]) for one in coarse)
    here = [Span(start, (start + end) // 2 // 300_000_000_000 * 300_000_000_000), Span(start, end)]
    drill = replace(plan, fills=plan.fills.model_copy(update={"bars": "finest"}))
    finer = {one.symbol: one for one in own}
    shared = Bench(plan, coarse, {}, start, end, finer=finer)
    as_it_stands, looked = shared.measure(plan, here), shared.measure(drill, here)
    for span, one in zip(here, looked, strict=True):
        found = Outcome(named=False)
        step = prepare(drill, coarse, Mode(end_ns=span.end_ns, end_reason="FOLD_END"), span.start_ns, span.end_ns,
                       fine_line(drill, coarse, finer, span.start_ns, span.end_ns)[0])
        for batch in run([step], rules, SimBroker(plan.shape.slots), fresh_state(plan.shape, plan.capital)):
            found.take(batch)
        assert_same(one, found, plan)
    assert not same(as_it_stands[-1], looked[-1]) and all(map(same, shared.measure(plan, here), as_it_stands))


@pytest.mark.parametrize(("change", "told"), [(lambda plan: replace(plan, symbols=("NQ", "ES", "RTY")), "with symbols"),
                                              (lambda plan: replace(plan, base_timeframe="5m"), "with base_timeframe 5m"),
                                              (lambda plan: replace(plan, reads={"VIX": object()}), "reads VIX")])
def test_a_plan_of_other_bars_is_refused(change, told):
    with pytest.raises(RequestError, match=told):
        bench("futures-smc").measure(change(varied()), spans("futures-smc"))


def test_a_span_outside_the_window_or_without_a_length_is_refused():
    start, end = window("futures-smc")
    for span in (Span(start - 1, end), Span(start, end + 1), Span(start, start)):
        with pytest.raises(RequestError, match="does not lie in the window"):
            bench("futures-smc").measure(varied(), [span])
