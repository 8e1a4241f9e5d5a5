"""The open call: the same question at every close that is ready, of either side, for one base bar."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.features.build import Features
from pse.features.feature import Market
from pse.kernels import codes as c
from pse.kernels.contract import ALONE, ENTER, MARKET
from pse.tactics.open_call import OpenCall
from tests.features.made import future, minutes
from tests.tactics.dailies import SPEC, daily_bars, features_of, stock
from tests.tactics.views import columns, instrument, random_view

FIVE = 300_000_000_000


def view(atr, tcc=c.TCC_LOW, n=6):
    made = random_view(1, n)
    states = columns(np.broadcast_to(np.asarray(atr, float), n).copy(), tcc, 1, c.MCS_RANGE)
    return replace(made, columns={**states, "vol_bucket": np.full(n, c.VOL_Q3)})


def test_a_row_by_hand():
    """A range of 3: the stop 4.5 under the close, the target 9 over it; the question stands for the five minutes that follow."""
    found = OpenCall().scan(view(3.0), instrument())
    row, close = found.rows[2], found.rows["entry"][2]
    assert (close - row["stop"], row["target"] - close) == (4.5, 9.0) and np.isnan(row["target2"])
    assert (row["kind"], row["direction"], row["order_type"], row["group"], row["size_multiple"]) == (ENTER, 0, MARKET, ALONE, 1.0)
    assert (row["family"], row["directional_gate"], row["plan_flags"], row["invalid_flags"], row["confidence"]) == (c.FAM_OPEN_CALL, True, 0, 0, 0.5)
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (3 * FIVE, 3 * FIVE, 4 * FIVE + 1)
    assert np.isnan(row["rank_base"]) and np.isnan(row["invalid_price"])
    assert found.evidence[2] == {"objects": [f"bar:ES:5m:{2 * FIVE}"], "atr": 3.0, "tcc": "Low", "tcc_dir": 1, "mcs": "RANGE", "vol_bucket": "MidVol-Q3"}


def test_stop_and_target_stand_on_the_grid_below_their_exact_places():
    """1.5 ranges of 2.1 are 3.15: the stop 3.25 away, the target at twice that."""
    row = OpenCall().scan(view(2.1), instrument()).rows[0]
    assert (row["entry"] - row["stop"], row["target"] - row["entry"]) == (3.25, 6.5)
    odd = OpenCall(reward_r=1.1).scan(view(2.1), instrument()).rows[0]
    assert odd["target"] - odd["entry"] == 3.5                      # 3.575


@pytest.mark.parametrize(("atr", "tcc"), [(np.nan, c.TCC_LOW), (0.0, c.TCC_LOW), (3.0, c.TCC_UNKNOWN)])
def test_without_a_range_or_a_known_conviction_nothing_is_asked(atr, tcc):
    assert len(OpenCall().scan(view(atr, tcc), instrument())) == 0


def test_every_ready_close_asks_once():
    found = OpenCall().scan(view([np.nan, 3, 3, 0, 3, 3]), instrument())
    assert (found.rows["ts"] // FIVE - 1).tolist() == [1, 2, 4, 5] and len(found.evidence) == 4


def test_a_question_of_minutes_lasts_one_minute_and_one_at_a_sessions_end_the_first_minute_of_the_next():
    bars = minutes(3, 4)
    found = OpenCall().scan(Features(Market(bars, future()), SPEC.model_copy(update={"decision_timeframe": "5m", "context_timeframe": "1h"})), future())
    row = {int(ts): int(until) for ts, until in zip(found.rows["ts"], found.rows["valid_until"], strict=True)}
    days = bars.sessions
    assert row[int(days.close_ns[1])] == days.open_ns[2] + 60_000_000_001
    assert row[int(days.open_ns[1]) + FIVE] == days.open_ns[1] + FIVE + 60_000_000_001


def test_a_question_of_days_lasts_the_next_session():
    wide = daily_bars(*(100 + np.cumsum(np.random.default_rng(1).normal(0, 1, 80)) + away for away in (0, 1, -1)))
    rows = OpenCall().scan(features_of([wide], "AAA"), stock("AAA")).rows
    at = np.searchsorted(wide.sessions.close_ns, rows["ts"])
    assert len(rows) >= 20 and (rows["valid_until"] == wide.sessions.close_ns[at + 1]).all()


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.25, 0.01]), st.sampled_from([1.5, 0.7]), st.sampled_from([2.0, 1.3]))
def test_prices_are_those_of_exact_fractions(seed, tick, stop_atr, reward_r):
    """Down to the grid from the close less the ranges; from there the target, down again; a thousand-millionth of a tick under the grid counts as on it."""
    rng = np.random.default_rng(seed)
    made = view(rng.uniform(0.05, 9, 6).round(3))
    rows = OpenCall(stop_atr=stop_atr, reward_r=reward_r).scan(made, instrument(tick=tick)).rows
    grid, slack = Fraction(str(tick)), Fraction(1, 10**9)
    for row, atr in zip(rows, made.columns["atr"].tolist(), strict=True):
        close = Fraction(float(row["entry"]))
        stop = floor((close - Fraction(str(stop_atr)) * Fraction(str(atr))) / grid + slack) * grid
        target = floor((close + Fraction(str(reward_r)) * (close - stop)) / grid + slack) * grid
        assert (row["stop"], row["target"]) == pytest.approx((float(stop), float(target)), abs=1e-9)
