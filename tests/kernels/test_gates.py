"""Every gate: against its naive twin where it computes, at its edge where it compares."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels import gates as g
from tests.naive import gates as naive

sides = st.sampled_from([1, -1])
M = 60_000_000_000


def word(found):
    """A gate's answer in a word; what passes with a remark is OK."""
    assert (found[3] in (c.R_OK, c.R_UNMEASURED, c.R_OFF, c.R_INSUFFICIENT, c.R_NO_TARGET)) == found[0]
    return "OK" if found[0] else c.REASONS[found[3]]


@given(sides, st.integers(-3, 40), st.integers(-10, 90), st.integers(-45, 45), st.sampled_from([0.5, 2.0, 4.0, 10.0]), st.sampled_from([8.0, 4.0, nan]),
       st.booleans())
def test_the_bracket_gate_equals_its_naive_twin(d, risk, reward, moved, atr, cap, has_target):
    entry, tick = 5000.0, 0.25
    stop, target, now = entry - d * risk * tick, entry + d * reward * tick if has_target else nan, entry + d * moved * tick
    found = g.bracket_gate(d, entry, stop, target, now, tick, atr, cap, 1.5, 0.15)
    assert word(found) == naive.bracket(d, entry, stop, target, now, tick, atr, cap, 1.5, 0.15)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 100), st.sampled_from([1.5, 2.0, 3.0, nan]), *[st.floats(0, 0.3)] * 3)
def test_expected_value_equals_its_naive_twin(wins, losses, win_r, reward, slip_in, slip_stop, fees):
    found = g.expected_value_gate(float(wins), float(wins + losses), win_r, reward, slip_in, slip_stop, fees)
    value = naive.expected_value(wins, wins + losses, win_r, reward, slip_in, slip_stop, fees, 0.25, 20.0)
    assert found[1] == pytest.approx(value, abs=1e-12) and found[0] == (value >= 0.07 - 1e-9)


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=250), st.sampled_from([0.95, 0.975, 0.9]))
def test_the_tail_equals_its_naive_twin(losses, alpha):
    ordered = np.sort(np.array(losses, float))[::-1].copy()
    _, var, shortfall = g.var_es(ordered, ordered.size, alpha)
    assert (var, pytest.approx(shortfall)) == naive.var_es(losses, alpha)


@given(st.integers(1, 20), st.integers(0, 6000), st.integers(1, 900), st.integers(0, 500_000), st.integers(1, 250_000))
def test_exposure_reduces_to_the_most_lots_inside_all_limits(wanted, open_risk, unit_risk, gross, notional):
    equity = 100_000.0
    fits = [n for n in range(wanted + 1) if open_risk + n * unit_risk <= 0.05 * equity and gross + n * notional <= 5 * equity and n * notional <= 2.5 * equity]
    found = g.exposure_gate(float(wanted), 1.0, equity, float(open_risk), float(unit_risk), 0.05, float(gross), 0.0, float(notional), 5.0, 2.5, 0, 2)
    assert found[0] == (max(fits) if fits else 0.0) and (found[3] == c.R_OK) == (found[0] == wanted)


def test_a_full_group_takes_nothing_more():
    assert g.exposure_gate(3.0, 1.0, 1e5, 0.0, 100.0, 0.05, 0.0, 0.0, 1e4, 5.0, 5.0, 2, 2)[0::3] == (0.0, c.R_GROUP)
    assert g.exposure_gate(3.0, 1.0, 1e5, 0.0, 100.0, 0.05, 0.0, 0.0, 1e4, 5.0, 5.0, 1, 2)[0] == 3.0


@pytest.mark.parametrize(("states", "found"), [
    ((c.B_CLOSED, c.B_CLOSED, c.B_CLOSED), "OK"), ((c.B_OPEN, c.B_OPEN, c.B_OPEN), "BREAKER_LLM"), ((c.B_CLOSED, c.B_OPEN, c.B_OPEN), "BREAKER_DATA"),
    ((c.B_CLOSED, c.B_CLOSED, c.B_OPEN), "BREAKER_EQUITY"), ((c.B_HALF_OPEN, c.B_HALF_OPEN, c.B_HALF_OPEN), "OK")])
def test_entries_need_every_breaker_not_open(states, found):
    assert word(g.breakers_gate(*states)) == found


@pytest.mark.parametrize(("ready", "age", "found"), [(1.0, 660e9, "OK"), (1.0, 661e9, "STALE_DATA"), (0.0, 0.0, "NOT_READY"), (nan, 0.0, "NOT_READY")])
def test_data_may_be_two_bars_and_a_minute_old(ready, age, found):
    assert word(g.data_gate(ready, age, 660e9)) == found


@pytest.mark.parametrize(("given_", "found"), [
    ((1, False, 1, 0, 15.0), "OK"), ((1, False, 1, 0, 14.9), "SESSION_END"), ((0, True, -1, 0, 0.0), "NOT_TRADABLE"), ((1, True, -1, 0, 0.0), "BUSY"),
    ((1, False, -1, 0, 15.0), "SHORT_NOT_ALLOWED"), ((1, False, -1, 1, 15.0), "OK")])
def test_the_session_gate_names_what_is_in_the_way(given_, found):
    *head, minutes_left = given_
    assert word(g.session_gate(*head, minutes_left * M, 15.0 * M, c.FAM_MSS_FVG_RETEST, float(c.MCS_RANGE), float(c.TCC_NONE), 0.7)) == found


@pytest.mark.parametrize(("ticks", "found"), [(1.0, "OK"), (1.5, "OK"), (1.75, "SPREAD"), (0.0, "SPREAD"), (-1.0, "SPREAD"), (nan, "OK")])
def test_a_spread_is_measured_beyond_one_tick(ticks, found):
    assert word(g.spread_gate(ticks, 1.0, 0.5)) == found


@pytest.mark.parametrize(("entry_ago", "stop_ago", "losses", "found"), [
    (25, 15, 0, "OK"), (24, 15, 0, "COOLDOWN"), (25, 14, 0, "COOLDOWN"), (25, 15, 2, "OK"), (25, 15, 3, "LOSS_STREAK"), (1, 1, 3, "LOSS_STREAK")])
def test_rest_after_entries_stops_and_losses(entry_ago, stop_ago, losses, found):
    assert word(g.cooldown_gate(1000 * M, (1000 - entry_ago) * M, (1000 - stop_ago) * M, 25 * M, 15 * M, losses, 3)) == found


@pytest.mark.parametrize(("equity", "new", "found"), [
    (97_000.0, 0.0, "DAILY_LOSS"), (97_001.0, 0.0, "OK"), (98_000.0, 1000.0, "OK"), (98_000.0, 1001.0, "DAILY_LOSS_PROJECTED"), (101_000.0, 4000.0, "OK")])
def test_the_daily_loss_is_below_its_limit_and_projected_at_most_at_it(equity, new, found):
    assert word(g.daily_loss_gate(100_000.0, equity, 0.0, new, 0.03)) == found


@pytest.mark.parametrize(("confidence", "found"), [(0.3, "OK"), (0.29, "MIN_CONFIDENCE"), (nan, "MIN_CONFIDENCE")])
def test_confidence_at_its_minimum_passes(confidence, found):
    assert word(g.confidence_gate(confidence, 0.3)) == found


@pytest.mark.parametrize(("n", "worst", "found"), [(59, 1e6, "OK"), (60, 1000.0, "OK"), (60, 1500.0, "OK"), (60, 1501.0, "VAR"), (250, 1501.0, "VAR")])
def test_tail_risk_needs_sixty_days_and_stays_inside_its_limits(n, worst, found):
    """All of the largest losses equal: value at risk and shortfall are that loss."""
    assert word(g.tail_gate(np.full(20, worst), n, 60, 100_000.0, 0.015, 0.025)) == found


def test_a_few_very_bad_days_are_seen_by_the_shortfall_alone():
    """100 days: the fifth worst is 1000 (VaR 1 %), the mean of the three worst is 3000 (ES 3 %)."""
    assert word(g.tail_gate(np.array([4000.0, 3000.0, 2000.0, 1000.0, 1000.0, 900.0, 800.0]), 100, 60, 100_000.0, 0.015, 0.025)) == "ES"


def test_news_stop_entries():
    assert word(g.blackout_gate(True)) == "NEWS_BLACKOUT" and word(g.blackout_gate(False)) == "OK"
