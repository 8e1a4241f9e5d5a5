"""How what a strategy's signals earned scales its confidence: the same setups, their factors by the naive twin, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels.contract import ENTER
from pse.registry import resolve
from pse.tactics.own_record import FACTORS, inflation
from pse.tactics.scan import OwnRecord, Recorded, scan_desk
from pse.tactics.swing import STRATEGIES
from tests.naive import validation as naive
from tests.tactics.dailies import features_of, stock, walk_bars
from tests.tactics.test_swing import Scripted, script

RECORD = OwnRecord(allow_short=False, wait_closes=5)


def view(*signals, **more):
    found = script(*signals, **more)
    found.columns["vol_spike"] = np.zeros(len(found.decision), np.int64)
    return found


def by_hand(found, tactic, instrument, record, at, sure):
    """(factors, product) of one row, from the naive twin."""
    there = found.known
    bars, said = there.bars, tactic.signals(there)
    prices = [None if np.isnan(row).any() else tuple(row) for row in np.array([bars.open, bars.high, bars.low, bars.close]).T]
    fees, shorts = instrument.fees, tactic.allow_short and record.allow_short
    returns, held, trades, total = naive.record(prices, bars.offset, np.ones(len(bars)), there.atr, said.signal, shorts, tactic.stop_atr, instrument.tick,
                                                fees.per_unit / instrument.point_value, fees.basis_points / 10_000, record.wait_closes)
    sharpe, fall, days = naive.figures(returns[:at + 1], held[:at + 1], 252)
    vif = [values[at] for values in inflation(said.indicators, len(bars)).values()]
    largest = max((one for one in vif if one == one), default=np.nan)
    factors = naive.support(trades[at], total[at] / max(trades[at], 1), largest, found.columns["vol_spike"][at], found.columns["vol_bucket"][at] == c.VOL_Q4,
                            sharpe[-1], fall[-1], days[-1])
    return factors, sure * np.prod(factors)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategys_rows_are_those_of_its_scan_with_the_confidence_of_the_twin(name):
    tactic, bars = resolve("tactic", name)(), [walk_bars(3, 700), walk_bars(3, 700, "SPY"), walk_bars(4, 700, "QQQ")]
    found, instrument = features_of(bars, "AAA"), stock("AAA")
    assert isinstance(tactic, Recorded)
    bare, scaled = tactic.scan(found, instrument), tactic.scan_with_record(found, instrument, RECORD)
    for field in set(bare.rows.dtype.names) - {"confidence", "unearned"}:
        assert bare.rows[field].tobytes() == scaled.rows[field].tobytes()
    entries = np.flatnonzero(bare.rows["stop"] == bare.rows["stop"])
    assert entries.size
    for i in np.random.default_rng(1).choice(entries, 6):
        at = int(np.searchsorted(found.decision.ts_close, bare.rows["ts"][i]))
        factors, out = by_hand(found, tactic, instrument, RECORD, at, bare.rows["confidence"][i])
        told = scaled.evidence[int(i)]
        assert list(told["factors"].values()) == pytest.approx(factors) and list(told["factors"]) == list(FACTORS)
        assert scaled.rows["confidence"][i] == told["confidence"] == pytest.approx(out) and told["confidence_in"] == bare.rows["confidence"][i]
        assert scaled.rows["unearned"][i] == (factors[0] == 0)


def test_a_first_signal_has_too_short_a_record():
    """0.75 x 0.7 (no trades) x 0.7 (no days): what it repeats and the market take nothing."""
    found = view("B")
    rows = Scripted().scan_with_record(found, stock("AAA"), RECORD)
    assert rows.rows["confidence"].tolist() == [pytest.approx(0.75 * 0.49)] and not rows.rows["unearned"].any()
    assert rows.evidence[0]["factors"] == {"expectancy": 0.7, "vif": 1.0, "vol": 1.0, "sharpe": 0.7, "drawdown": 1.0}
    assert rows.evidence[0]["record"] == {"trades": 0, "expectancy_r": None, "vif_max": None, "vif_over": {}, "volatility": "NORMAL", "sharpe": 0.0,
                                          "max_drawdown": 0.0, "days_held": 0}


def test_twenty_trades_that_earned_nothing_leave_no_confidence():
    """Bought and sold on flat prices, with fees: every trade loses them."""
    dear = stock("AAA").model_copy(update={"fees": stock("AAA").fees.model_copy(update={"per_unit": 0.01})})
    found = Scripted().scan_with_record(view(*"BS." * 21, "B"), dear, RECORD)
    entries = found.rows[found.rows["kind"] == ENTER]
    assert entries["unearned"].tolist() == [False] * 20 + [True, True] and entries["confidence"][-1] == 0.0
    last = found.evidence[len(found) - 1]
    assert last["factors"]["expectancy"] == 0.0 and last["record"]["trades"] == 21 and last["record"]["expectancy_r"] < 0


def test_a_jump_of_volatility_halves_and_its_highest_quarter_takes_a_fifth():
    wild = view("B", bucket=c.VOL_Q4)
    assert Scripted().scan_with_record(wild, stock("AAA"), RECORD).evidence[0]["factors"]["vol"] == 0.8
    wild.columns["vol_spike"] += 1
    told = Scripted().scan_with_record(wild, stock("AAA"), RECORD).evidence[0]
    assert told["factors"]["vol"] == 0.5 and told["record"]["volatility"] == "SPIKE"


def test_shorts_count_in_the_record_only_where_the_account_may_sell_them():
    signals = "S." * 12
    counts = [Scripted(allow_short=True).scan_with_record(view(*signals), stock("AAA"), OwnRecord(shorts, 5)).evidence for shorts in (True, False)]
    assert [told[len(told) - 1]["record"]["days_held"] > 0 for told in counts] == [True, False]


def test_an_exit_is_not_scaled():
    found = Scripted().scan_with_record(view(*"BS"), stock("AAA"), RECORD)
    assert found.rows["confidence"].tolist() == [pytest.approx(0.75 * 0.49), 0.75] and "factors" not in found.evidence[1]


def test_a_feature_that_others_repeat_is_named():
    rng = np.random.default_rng(2)
    first, other = np.cumsum(rng.normal(0, 1, 100)), rng.normal(0, 1, 100)
    found = inflation({"a": first, "b": 2 * first + 1, "c": other, "flat": np.ones(100)}, 100)
    assert np.isinf([found["a"][-1], found["b"][-1]]).all() and found["c"][-1] < 2 and np.isnan(found["flat"][-1]) and np.isnan(found["a"][28])
    assert inflation({"a": first}, 100) == {}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(STRATEGIES), st.integers(260, 500))
def test_a_scaled_confidence_never_changes_when_later_bars_arrive(seed, name, k):
    whole = [walk_bars(seed, 520, symbol, holes=0.02) for symbol in ("AAA", "SPY", "QQQ")]
    until = int(whole[0].ts_close[k - 1])
    tactic, instrument = resolve("tactic", name)(by_regime=False), stock("AAA")
    late = tactic.scan_with_record(features_of(whole, "AAA"), instrument, RECORD)
    early = tactic.scan_with_record(features_of([one[:k] for one in whole], "AAA"), instrument, RECORD)
    known = int(np.searchsorted(late.rows["ts"], until, side="right"))
    for field in ("ts", "confidence", "unearned", "stop"):
        assert early.rows[field].tobytes() == late.rows[field][:known].tobytes()


def test_a_desk_scales_where_its_profile_asks_and_a_tactic_has_a_record():
    bars = [walk_bars(3, 700)]
    found, tactics = features_of(bars, "AAA"), [resolve("tactic", "breakout")(by_regime=False), resolve("tactic", "moving_average_cross")()]
    bare, scaled = (scan_desk(tactics, [found], [stock("AAA")], 0, record) for record in (None, RECORD))
    own = bare.rows["tactic"] == 0
    assert (scaled.rows["confidence"][own] <= bare.rows["confidence"][own]).all() and (scaled.rows["confidence"][own] < bare.rows["confidence"][own]).any()
    assert (scaled.rows["confidence"][~own] == bare.rows["confidence"][~own]).all()
    assert "factors" not in bare.evidence[0]
