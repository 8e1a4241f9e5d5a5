"""What a desk reads beside what it trades: other calendars, benchmarks, rates; known by the close and no earlier, on paper as in a backtest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pse.agents.rules import decide
from pse.brokers.sim import SimBroker
from pse.domain.currencies import Conversion, Leg
from pse.domain.setups import Setups
from pse.engine.desk import Mode, desk_plan
from pse.engine.feeds import live_feed
from pse.engine.loop import run
from pse.engine.prepare import open_markets, prepare, rate_at
from pse.engine.records import Renderer
from pse.engine.state import fresh_state
from pse.kernels import contract as k
from pse.settings import Read, load_settings
from pse.tactics.entries import entries
from tests.engine.made import batches, desk, journal_lines
from tests.features.made import minutes

HOUR = 3_600_000_000_000
EUR = Conversion("EUR", "USD", 1.0, (Leg("EURUSD", False),))


@dataclass(frozen=True)
class Probe:
    """Buys every fourth decision bar and writes down what it sees of a benchmark: how many of its days and minutes, and the last close of each."""

    benchmark: str = "SPY"
    name: str = "probe"
    label: str = "Probe"
    version: str = "1"

    def symbols(self):
        return (self.benchmark,)

    def timeframes(self, of):
        return ("1d",)

    def scan(self, features, instrument) -> Setups:
        known = features.known
        seen = {}
        for timeframe in ("1d", "5m"):
            there = known.other(self.benchmark, timeframe)
            seen[timeframe] = [np.full(len(known), np.nan)] * 2 if there is None else [
                known.joined(np.arange(len(there), dtype=float), there), known.joined(there.price("close"), there)]
        atr = features.columns["atr"]
        bar = np.flatnonzero(np.isfinite(atr))[::4]
        close = known.price("close")[bar]
        return entries(features, instrument, bar, np.ones(bar.size, np.int64), close - 2 * atr[bar], close + 4 * atr[bar],
                       lambda i: {frame: [None if np.isnan(one[bar[i]]) else float(one[bar[i]]) for one in columns] for frame, columns in seen.items()})


@pytest.fixture(scope="module")
def plan():
    """A future in euros (as it were), held against a share, with the rate of the euro."""
    known = desk(("ES",))
    settings = load_settings(Path("no-such-home"))
    gates = known.risk.gates.model_copy(update={"ev_min_r": -9.0, "blackouts": (), "max_slippage_r": 9.0, "min_reward_r": 0.1})
    return replace(known, tactics={"probe": Probe()}, risk=known.risk.model_copy(update={"gates": gates}), rates=(EUR,),
                   context={"SPY": settings.instrument("SPY"), "EURUSD": settings.instrument("EURUSD")},
                   reads={"SPY": Read("SPY", "asked for"), "EURUSD": Read("EURUSD", "asked for")})


@pytest.fixture(scope="module")
def bars():
    """Ten days: ES around the clock, SPY in New York's hours with holes, the euro from the third day on."""
    own = minutes(3, 10, missing=0.03)
    spy = replace(minutes(4, 10, "NYSE", missing=0.1, tick=0.01), symbol="SPY")
    euro = minutes(5, 10, "CME Globex FX", missing=0.2, tick=0.00005)
    euro = replace(euro[euro.ts_open.searchsorted(own.ts_open[0] + 60 * HOUR):], symbol="EURUSD")
    return own, {"SPY": spy, "EURUSD": euro}


def window(own):
    return int(own.ts_open[0] + 30 * HOUR), int(own.ts_close[-1]) - 20 * HOUR


def known_by(bars, moment):
    return bars[:int(np.searchsorted(bars.ts_close, moment, side="right"))]


def whole(plan, bars, **mode):
    own, context = bars
    start, end = window(own)
    return prepare(plan, [own], Mode(end_ns=end, **mode), start, end, context=context)


def test_a_bar_of_another_calendar_is_seen_from_its_close_on(plan, bars):
    """By hand: the last session and the last five minutes of New York that had ended by each decision."""
    own, context = bars
    spy, prepared = context["SPY"], whole(plan, bars)
    ends = np.minimum((spy.ts_open // (HOUR // 12) + 1) * (HOUR // 12), spy.sessions.close_ns[spy.session])
    told = 0
    for row, facts in zip(prepared.world.setups, prepared.evidence, strict=True):
        now = int(row["ts"])
        days = np.unique(spy.session[spy.sessions.close_ns[spy.session] <= now])
        whole_buckets = spy.close[ends <= now]
        assert facts["1d"] == ([None, None] if not days.size else [float(days.size - 1), float(spy.close[spy.session == days[-1]][-1])]), now
        assert facts["5m"][1] == (None if not whole_buckets.size else whole_buckets[-1]), now
        told += facts["1d"][1] is not None
    assert told > 100


def test_nothing_that_closes_later_changes_what_was_seen(plan, bars):
    own, context = bars
    start, end = window(own)
    late = whole(plan, bars)
    for cut in np.random.default_rng(1).choice(own.ts_close[own.ts_close > start + 20 * HOUR], 12).tolist():
        early = prepare(plan, [known_by(own, cut)], Mode(end_ns=end), start, cut, context={name: known_by(one, cut) for name, one in context.items()})
        rows = int((late.world.row_ts <= cut).sum())
        assert early.world.row_ts.size == rows and early.world.context.tobytes() == late.world.context[:rows].tobytes()
        found = int((late.world.setups["ts"] <= cut).sum())
        assert early.world.setups.tobytes() == late.world.setups[:found].tobytes() and list(early.evidence) == list(late.evidence[:found])


def test_a_rate_is_the_last_close_known_and_before_the_first_nothing_is_ready(plan, bars):
    own, context = bars
    euro, prepared = context["EURUSD"], whole(plan, bars)
    ts, rows = prepared.world.row_ts, prepared.world.context
    for now, row in zip(ts.tolist(), rows, strict=True):
        known = euro.close[euro.ts_close <= now]
        assert (np.isnan(row[k.C_RATE]) and not row[k.C_READY]) if not known.size else row[k.C_RATE] == known[-1]
    assert np.isnan(rows[:, k.C_RATE]).any() and rows[:, k.C_READY].any()
    without = prepare(replace(plan, rates=(Conversion("USD", "USD"),)), [own], Mode(end_ns=window(own)[1]), *window(own), context=context)
    assert (without.world.context[:, k.C_RATE] == 1.0).all()
    ready = np.isfinite(rows[:, k.C_RATE])
    assert (without.world.context[ready, k.C_READY] == rows[ready, k.C_READY]).all() and (without.world.context[~ready, k.C_READY] == 1).any()


def test_legs_multiply_or_divide_and_a_symbol_that_is_not_there_is_no_rate(plan, bars):
    own, context = bars
    markets = open_markets(plan, [own], context, int(own.ts_close[-1]))
    ts = own.ts_close[-5:]
    euro = context["EURUSD"].close[np.searchsorted(context["EURUSD"].ts_close, ts, side="right") - 1]
    np.testing.assert_array_equal(rate_at(Conversion("A", "B", 3.0, (Leg("EURUSD", True),)), markets, ts), 3.0 / euro)
    both = rate_at(Conversion("A", "B", 1.0, (Leg("EURUSD", False), Leg("EURUSD", True))), markets, ts)
    np.testing.assert_allclose(both, 1.0, rtol=1e-12)
    assert np.isnan(rate_at(Conversion("A", "B", 1.0, (Leg("GBPUSD", False),)), markets, ts)).all()
    assert rate_at(Conversion("A", "A"), markets, ts) is None


def test_all_markets_of_a_desk_stand_beside_each_other(plan, bars):
    own, context = bars
    markets = open_markets(plan, [own], context, int(own.ts_close[-1]))
    assert list(markets) == ["ES", "SPY", "EURUSD"] and all(one.others is markets for one in markets.values())
    assert markets["SPY"].at("5m").other("ES", "1d") is markets["ES"].at("1d") and markets["ES"].at("5m").other("VIX") is None


@pytest.mark.slow
def test_the_replay_writes_the_bytes_of_the_backtest_with_a_benchmark_and_a_rate(plan, bars):
    """Over three days: in the second the euro's rate begins."""
    own, context = bars
    start, _ = window(own)
    mode = Mode(end_ns=start + 72 * HOUR)
    history = list(batches(prepare(plan, [own], mode, start, mode.end_ns, context=context)))
    renderer, replayed = Renderer(), []
    for batch in run(live_feed(plan, [own], mode, start, context=context), decide, SimBroker(1), fresh_state(plan.shape, 100_000.0)):
        replayed += list(renderer.lines(batch.prepared, batch.events, batch.trades, batch.deliberations))
    assert replayed == journal_lines(history) and sum(kind == "EXIT" for kind, _, _ in replayed) > 3


def test_the_plan_names_what_it_reads_why_and_how_money_is_turned(tmp_path):
    folder = tmp_path / "configs" / "desks"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("symbols: [FESX, BTCUSDT]\ncontext: [VIX, FESX, SPY]\nbase_timeframe: 1d\ndecision_timeframe: 1d\n"
                                      "features: {context_timeframe: 1d}\ntactics:\n  relative_strength:\n    benchmark: SPX\nrisk: futures_intraday\n")
    made = desk_plan(load_settings(tmp_path, overrides=["desk=mine"]))
    assert list(made.reads) == ["SPX", "EURUSD", "VIX", "SPY"] and set(made.context) == set(made.reads)
    assert made.reads["SPX"].required and "tactic relative_strength" in made.reads["SPX"].why and "mine.yaml, line 8" in made.reads["SPX"].why
    assert "FESX is quoted in EUR and the account is kept in USD" in made.reads["EURUSD"].why and not made.reads["VIX"].required
    assert [(one.of, one.to, one.factor, len(one.legs), one.pegs) for one in made.rates] == [("EUR", "USD", 1.0, 1, ()), ("USDT", "USD", 1.0, 0, ("USDT",))]
