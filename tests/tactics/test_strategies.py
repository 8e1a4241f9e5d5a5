"""The ten strategies say at every bar what their tables of rules say, and why they are silent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pse.tactics.bollinger_bands import BollingerBands
from pse.tactics.breakout import Breakout
from pse.tactics.dual_momentum import DualMomentum
from pse.tactics.mean_reversion import MeanReversion
from pse.tactics.momentum_rotation import MomentumRotation
from pse.tactics.moving_average_envelope import MovingAverageEnvelope
from pse.tactics.relative_strength import RelativeStrength
from pse.tactics.sector_rotation import SectorRotation
from pse.tactics.swing import REASONS
from pse.tactics.trend_following import TrendFollowing
from pse.tactics.volatility_breakout import VolatilityBreakout
from tests.naive import strategies as naive
from tests.tactics.dailies import daily_bars, known_of, markets, walk_bars

seeds = st.integers(0, 2**32 - 1)
SHORT = {                                       # short windows, so that a hundred bars hold many signals
    "trend_following": TrendFollowing(fast_bars=3, slow_bars=9, least_bars=12), "momentum_rotation": MomentumRotation(momentum_bars=6, least_bars=1),
    "mean_reversion": MeanReversion(rsi_bars=5, least_bars=6), "breakout": Breakout(channel_bars=5, atr_bars=4, least_bars=1),
    "volatility_breakout": VolatilityBreakout(atr_bars=5, least_atr=0.8, least_bars=1),
    "relative_strength": RelativeStrength(mean_bars=7, least_bars=1), "sector_rotation": SectorRotation(short_bars=3, long_bars=6, least_bars=1),
    "dual_momentum": DualMomentum(momentum_bars=6, cash_yield=0.4, least_bars=1), "bollinger_bands": BollingerBands(mean_bars=6, deviations=1.3, least_bars=1),
    "moving_average_envelope": MovingAverageEnvelope(mean_bars=6, band=0.01, least_bars=1)}


def world(seed):
    """A symbol with holes and rolls, its benchmark, two more, and one whose day ends later; each misses days of its own."""
    return [walk_bars(seed, 90, name, "24/7" if name == "BTC" else "NYSE", 0.03 * (seed % 3 == 0), 0.05, rolls=name in ("AAA", "SPY"))
            for name in ("AAA", "BBB", "BTC", "CCC", "SPY")]


def row_of(bars, date, ts_close):
    """The bar of that trading day, if it had closed by then."""
    found = [i for i, (day, closed) in enumerate(zip(bars.session_date, bars.ts_close, strict=True)) if day == date and closed <= ts_close]
    return found[-1] if found else None


def by_definition(name, every, t):
    """The naive answer at bar t of the first symbol."""
    own, bench, one = every[0], every[-1], SHORT[name]
    close, high, low = (naive.prices(own, t, column) for column in ("close", "high", "low"))
    row = row_of(bench, own.session_date[t], own.ts_close[t])
    other = None if row is None else naive.prices(bench, row)
    if name == "sector_rotation":
        scores = {}
        for bars in every:
            at = row_of(bars, own.session_date[t], own.ts_close[t])
            parts = [naive.momentum(naive.prices(bars, at), at, n) if at is not None else None for n in (one.short_bars, one.long_bars)]
            scores[bars.symbol] = None if None in parts else sum(parts) / 2
        return naive.sector_rotation(scores, "AAA")
    return {
        "trend_following": lambda: naive.trend_following(close, t, one.fast_bars, one.slow_bars),
        "momentum_rotation": lambda: naive.momentum_rotation(close, t, one.momentum_bars, one.threshold, one.full),
        "mean_reversion": lambda: naive.mean_reversion(close, t, one.rsi_bars, 30, 70),
        "breakout": lambda: naive.breakout(high, low, close, t, one.channel_bars, one.atr_bars),
        "volatility_breakout": lambda: naive.volatility_breakout(high, low, close, t, one.atr_bars, one.least_atr),
        "relative_strength": lambda: naive.relative_strength(close, other, t, row, one.mean_bars, one.band, one.full),
        "dual_momentum": lambda: naive.dual_momentum(close, other, t, row, one.momentum_bars, 1.4 ** (6 / 252) - 1, one.full),
        "moving_average_envelope": lambda: naive.envelope(close, naive.prices(own, max(t - 1, 0)), t, one.mean_bars, one.band),
        "bollinger_bands": lambda: naive.bollinger(close, t, one.mean_bars, one.deviations),
    }[name]()


@pytest.mark.parametrize("name", SHORT)
@settings(max_examples=15)
@given(seeds)
def test_a_strategy_answers_what_its_table_of_rules_says(name, seed):
    every = world(seed)
    said = SHORT[name].signals(known_of(every, "AAA"))
    expected = [naive.answer(lambda t: by_definition(name, every, t), t, SHORT[name].least_bars) for t in range(len(every[0]))]
    assert said.signal.tolist() == [signal for signal, _ in expected]
    np.testing.assert_allclose(said.confidence, [sure for _, sure in expected], atol=1e-9)


def last(strategy, *bars):
    """(signal, reason) at the last bar of the first symbol."""
    said = strategy.signals(known_of(bars, bars[0].symbol))
    return int(said.signal[-1]), REASONS[said.reason[-1]]


@pytest.mark.parametrize(("strategy", "bars"), [
    (TrendFollowing(), 200), (MomentumRotation(), 127), (MeanReversion(), 30), (Breakout(), 21), (VolatilityBreakout(), 20), (RelativeStrength(), 50),
    (SectorRotation(), 127), (DualMomentum(), 127), (MovingAverageEnvelope(), 51), (BollingerBands(), 20)], ids=lambda one: getattr(one, "name", one))
def test_it_is_silent_until_it_has_the_bars_of_the_contract_or_of_the_formula_whichever_is_more(strategy, bars):
    every = [walk_bars(3, 210, name) for name in ("AAA", "BBB", "SPY")]
    reason = strategy.signals(known_of(every, "AAA")).reason
    assert strategy.min_bars() == bars and {REASONS[code] for code in reason[:bars - 1]} == {"INSUFFICIENT_BARS"}
    assert {REASONS[code] for code in reason[bars - 1:]} <= {"RULE", "NO_RULE"}


def test_a_bar_without_a_price_leaves_it_in_its_warm_up():
    assert last(MeanReversion(rsi_bars=3, least_bars=1), daily_bars([5, 4, 3, 2, np.nan])) == (0, "WARMUP")


def test_a_range_of_nothing_holds():
    flat = daily_bars([5.0] * 30)
    assert last(Breakout(), flat) == last(VolatilityBreakout(), flat) == (0, "ZERO_ATR")


def test_bands_of_no_width_hold():
    assert last(BollingerBands(), daily_bars([5.0] * 30)) == (0, "ZERO_WIDTH")


def test_two_symbols_are_no_universe_and_a_symbol_outside_a_named_one_is_not_ranked():
    rise, fall, flat = daily_bars([1, 2, 3, 4, 5], symbol="AAA"), daily_bars([5, 4, 3, 2, 1], symbol="BBB"), daily_bars([5, 5, 5, 5, 5], symbol="CCC")
    short = {"short_bars": 2, "long_bars": 3, "least_bars": 1}
    assert last(SectorRotation(**short), rise, fall) == last(SectorRotation(**short, universe=("BBB", "CCC", "DDD")), rise, fall, flat) == (0, "SMALL_UNIVERSE")
    assert last(SectorRotation(**short), rise, fall, flat) == (1, "RULE")


def test_what_a_desk_reads_and_does_not_trade_is_in_no_universe_that_nobody_named():
    """Four symbols at hand of which the desk trades three: the best of all, only read, is not ranked."""
    every = markets([walk_bars(3, 200, name) for name in ("AAA", "BBB", "CCC", "EURUSD")])
    for one in every.values():
        one.traded = ("AAA", "BBB", "CCC")
    assert SectorRotation()._ranks(every["AAA"].at("1d")).symbols == ("AAA", "BBB", "CCC")
    assert SectorRotation(universe=("AAA", "CCC", "EURUSD"))._ranks(every["AAA"].at("1d")).symbols == ("AAA", "CCC", "EURUSD")


def test_a_symbol_that_cannot_be_traded_is_in_no_universe_that_nobody_named():
    every = markets([daily_bars([1, 2, 3, 4, 5], symbol=name) for name in ("AAA", "BBB", "VIX")])
    every["VIX"].instrument = every["VIX"].instrument.model_copy(update={"tradable": False})
    short = SectorRotation(short_bars=2, long_bars=3, least_bars=1)
    assert REASONS[short.signals(every["AAA"].at("1d")).reason[-1]] == "SMALL_UNIVERSE"


@pytest.mark.parametrize("later", [[], [daily_bars([1, 2, 3, 4, 9], symbol="ABC", calendar="24/7")]], ids=["alone", "beside one that closes later"])
def test_equal_scores_are_ranked_by_name(later):
    same = [*(daily_bars([1, 2, 3, 4, 5], symbol=name) for name in ("BBB", "AAA", "CCC")), *later]
    short = SectorRotation(short_bars=2, long_bars=3, least_bars=1)
    ranks = {one.symbol: short.signals(known_of(same, one.symbol)).indicators["rank"][-1] for one in same[:3]}
    assert ranks == {"AAA": 1, "BBB": 2, "CCC": 3}


def test_a_day_on_which_the_benchmark_has_no_bar_holds():
    own, bench = daily_bars([1, 2, 3, 4, 5]), daily_bars([1, 1, 1, 1, 1], symbol="SPY")
    assert last(DualMomentum(momentum_bars=2, least_bars=1), own, bench) == (1, "RULE")
    assert last(DualMomentum(momentum_bars=2, least_bars=1), own, bench[:4]) == last(RelativeStrength(mean_bars=2, least_bars=1), own, bench[:4])
    assert last(DualMomentum(momentum_bars=2, least_bars=1), own, bench[:4]) == (0, "NO_BENCHMARK")


def test_a_benchmark_whose_day_ends_later_has_no_bar_yet():
    """The UTC day ends after New York's close: its bar of the same date is not known at it."""
    own = daily_bars([1, 2, 3, 4, 5])
    later = daily_bars(np.ones(9), symbol="BTC", calendar="24/7")
    assert last(DualMomentum(momentum_bars=2, least_bars=1, benchmark="BTC"), own, later) == (0, "NO_BENCHMARK")


def test_without_the_benchmark_at_hand_there_is_no_answer():
    assert RelativeStrength().signals(known_of([daily_bars(np.ones(60))], "AAA")) is None
    assert DualMomentum().symbols() == RelativeStrength().symbols() == ("SPY",) and SectorRotation(universe=("XLK", "XLE")).symbols() == ("XLK", "XLE")


def test_an_envelope_that_reverts_buys_what_the_other_sells():
    up = daily_bars([100.0] * 5 + [106])
    follow, revert = (MovingAverageEnvelope(mean_bars=5, least_bars=1, mode=mode) for mode in ("follow", "revert"))
    assert last(follow, up) == (1, "RULE") and last(revert, up) == (-1, "RULE")
    assert revert.reverts and not follow.reverts and MeanReversion().reverts and BollingerBands().reverts and not Breakout().reverts


def test_a_roll_changes_no_answer_but_by_the_scale_of_ratios():
    """Ten points between the contracts: the older close of 100 is 110 on the newer one's scale, so 121 is a rise of a tenth."""
    rolled = daily_bars([100, 100, 121], offset=np.array([0.0, 0.0, 10.0]))
    said = MomentumRotation(momentum_bars=2, least_bars=1).signals(known_of([rolled], "AAA"))
    assert said.signal[-1] == 1 and said.indicators["change"][-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("made", "wrong", "said"), [
    (TrendFollowing, {"fast_bars": 200}, "fast_bars 200 is not below slow_bars 200"),
    (MomentumRotation, {"full": 0.05}, "full 0.05 is not above threshold 0.05"),
    (MeanReversion, {"oversold": 70}, "oversold 70.0 is not below overbought 70.0")])
def test_parameters_that_contradict_each_other_are_refused(made, wrong, said):
    with pytest.raises(ValidationError, match=said):
        made(**wrong)
