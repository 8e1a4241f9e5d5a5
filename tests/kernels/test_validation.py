"""The record of a bare rule by hand and against trades followed one by one, and what it leaves of a confidence."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.validation import bare_record, scaled, support, trailing_figures
from tests.features.made import walk
from tests.naive import validation as naive


def record(bars, signal, offset=None, factor=None, atr=None, shorts=False, stop_atr=1.5, tick=0.01, fee_points=0.0, fee_share=0.0, wait_closes=5):
    columns = [np.array(column, float) for column in zip(*bars, strict=True)]
    n = len(bars)
    return bare_record(*columns, np.zeros(n) if offset is None else np.array(offset, float), np.ones(n) if factor is None else np.array(factor, float),
                       np.ones(n) if atr is None else np.array(atr, float),
                       np.array(signal, np.int64), shorts, stop_atr, tick, fee_points, fee_share, wait_closes)


def flat(*closes, reach=0.4):
    """Bars that open at the close before and reach a little beyond both."""
    opens = [closes[0], *closes[:-1]]
    return [(o, max(o, c) + reach, min(o, c) - reach, c) for o, c in zip(opens, closes, strict=True)]


# --- a trade by hand ---------------------------------------------------------------------------------------------------------------------------------


def test_a_buy_is_entered_at_the_next_open_and_left_at_the_open_after_a_sell():
    """In at 100.5, out at 103: closes 101, 102, 103.5; stop 98.5, so the trade is 2.5 / 1.5 R."""
    bars = [(100, 100.5, 99.5, 100), (100.5, 101.5, 100.2, 101), (101, 102.5, 100.8, 102), (102, 104, 101.9, 103.5), (103, 103.5, 102.5, 103)]
    returns, held, trades, total = record(bars, [1, 0, 0, -1, 0])
    assert returns == pytest.approx([0, 101 / 100.5 - 1, 102 / 101 - 1, 103.5 / 102 - 1, 103 / 103.5 - 1])
    assert held.tolist() == [0, 1, 1, 1, 1] and trades.tolist() == [0, 0, 0, 0, 1] and total[-1] == pytest.approx(2.5 / 1.5)


def test_a_bar_that_trades_at_the_stop_ends_the_trade_there_and_at_its_open_where_that_is_worse():
    there = record([*flat(100, 100), (100, 100.5, 98.5, 99)], [1, 0, 0])
    assert there[3][-1] == pytest.approx(-1.0) and there[0][-1] == pytest.approx(98.5 / 100 - 1)
    gap = record([*flat(100, 100), (97, 97.5, 96.5, 97)], [1, 0, 0])
    assert gap[3][-1] == pytest.approx(-2.0)
    above = record([*flat(100, 100), (100, 100.5, 98.51, 99)], [1, 0, 0])
    assert above[2].tolist() == [0, 0, 0]


def test_the_bar_of_the_entry_may_stop_it_too():
    assert record([*flat(100), (100, 100.2, 98.4, 100)], [1, 0])[3].tolist() == [0.0, pytest.approx(-1.0)]


@pytest.mark.parametrize(("open_", "held"), [(98.5, 0), (98.51, 1)])
def test_an_open_at_the_stop_enters_nothing(open_, held):
    assert record([*flat(100), (open_, 101, 98.5, 100)], [1, 0])[1][-1] == held


def test_an_entry_whose_first_bar_has_no_price_is_dropped_and_an_exit_waits_for_one():
    missing = (nan, nan, nan, nan)
    assert not record([*flat(100), missing, *flat(100, 100)], [1, 0, 0, 0])[1].any()
    returns, held, trades, _ = record([*flat(100, 100, 100), missing, (99.5, 100, 99.4, 99.6)], [1, 0, -1, 0, 0])
    assert trades.tolist() == [0, 0, 0, 0, 1] and held.tolist() == [0, 1, 1, 0, 1] and returns[-1] == pytest.approx(-0.005)


def test_fees_are_paid_on_both_sides_and_count_in_r():
    """0.3 points and 10 basis points a side: 0.3 + 0.1 in at 100, 0.3 + 0.102 out at 102."""
    returns, _, _, total = record(flat(100, 100, 102, 102), [1, 0, -1, 0], fee_points=0.3, fee_share=0.001)
    assert total[-1] == pytest.approx((2 - 0.4 - 0.402) / 1.5) and returns == pytest.approx([0, -0.4 / 100, 0.02, -0.402 / 102])


def test_a_roll_is_no_gain():
    """The new contract trades 5 points higher from the third bar on; the stop moves with it, and the trade gains its one point."""
    bars = [*flat(100, 100), (105, 105.5, 104.5, 105), (105, 106.5, 104.9, 106), (106, 106.2, 105.8, 106)]
    returns, _, _, total = record(bars, [1, 0, 0, -1, 0], offset=[0, 0, 5, 5, 5])
    assert total[-1] == pytest.approx(1 / 1.5) and returns == pytest.approx([0, 0, 0, 1 / 105, 0])


def test_fees_and_the_grid_of_the_stop_are_those_of_the_price_as_traded():
    """Four shares for one before these bars: 100 was traded at 25.  0.01 a side is 0.04; 1.503 below 100 is 24.62425, on the cent 24.62, here 98.48."""
    bars = [*flat(100, 100), (100, 100.5, 98.49, 99.5), (99, 99.5, 98.48, 99)]
    returns, _, trades, total = record(bars, [1, 0, 0, 0], factor=[4] * 4, atr=[1.002] * 4, fee_points=0.01)
    assert trades.tolist() == [0, 0, 0, 1] and total[-1] == pytest.approx((-1.52 - 0.08) / 1.52) and returns[1] == pytest.approx(-0.0004)


def test_a_sell_while_flat_opens_a_short_only_where_shorts_are_allowed_and_never_at_the_close_that_ends_a_long():
    bars, signal = flat(100, 100, 100, 100, 99, 99), [1, -1, -1, -1, 1, 0]
    assert record(bars, signal)[1].tolist() == [0, 1, 1, 0, 0, 1]
    returns, held, trades, total = record(bars, signal, shorts=True)
    assert held.tolist() == [0, 1, 1, 1, 1, 1] and trades[-1] == 2
    assert total[-1] == pytest.approx(1 / 1.5) and returns[4] == pytest.approx(0.01)


# --- the rest after a stop ---------------------------------------------------------------------------------------------------------------------------


STOPPED = [*flat(100), (100, 100.2, 98.4, 100), *flat(*[100] * 9)]


def test_after_a_stop_the_same_signal_is_waited_out_for_five_closes():
    """Stopped on bar 1; the closes of bars 1 to 5 rest, that of bar 6 buys again."""
    assert np.flatnonzero(record(STOPPED, [1] * 11)[1]).tolist() == [1, 7, 8, 9, 10]
    assert np.flatnonzero(record(STOPPED, [1] * 11, wait_closes=1)[1]).tolist() == [1, 3, 4, 5, 6, 7, 8, 9, 10]


def test_a_close_without_the_signal_ends_the_rest():
    assert np.flatnonzero(record(STOPPED, [1, 1, 0, *[1] * 8])[1])[:2].tolist() == [1, 4]


# --- against trades followed one by one --------------------------------------------------------------------------------------------------------------


def made(seed, n=160, holes=0.05):
    rng = np.random.default_rng(seed)
    bars = walk(seed, n, holes)[:4]
    runs = np.repeat(rng.choice([-1, 0, 0, 1, 1], n), rng.integers(1, 9, n))[:n].astype(np.int64)
    atr = np.where(rng.random(n) < 0.03, np.nan, rng.uniform(0.3, 3.0, n))
    offset, factor = np.cumsum((rng.random(n) < 0.03) * rng.integers(-20, 21, n) * 0.25), np.ones(n)
    if rng.random() < 0.5:                                        # what has splits has no rolls
        offset, factor = np.zeros(n), np.cumprod(np.where(rng.random(n) < 0.03, rng.choice([2.0, 0.5, 1.013], n), 1.0))
    settings = {"shorts": bool(rng.random() < 0.5), "stop_atr": float(rng.choice([0.5, 1.5, 4.0])), "tick": 0.25, "fee_points": float(rng.choice([0.0, 0.05])),
                "fee_share": float(rng.choice([0.0, 0.001])), "wait_closes": int(rng.integers(1, 7))}
    return [column + offset for column in bars], offset, factor, atr, runs, settings


@given(st.integers(0, 2**32))
def test_a_record_is_that_of_its_trades_followed_one_by_one(seed):
    columns, offset, factor, atr, signal, settings = made(seed)
    bars = [None if np.isnan(bar[0]) else tuple(bar) for bar in zip(*columns, strict=True)]
    found = bare_record(*columns, offset, factor, atr, signal, *settings.values())
    expected = naive.record(bars, offset, factor, atr, signal, **settings)
    assert found[1].tolist() == expected[1].tolist() and found[2].tolist() == expected[2].tolist()
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[3], expected[3], rtol=1e-9, atol=1e-9)


@given(st.integers(0, 2**32), st.integers(1, 159))
def test_a_record_never_changes_when_later_bars_arrive(seed, k):
    columns, offset, factor, atr, signal, settings = made(seed)
    whole = bare_record(*columns, offset, factor, atr, signal, *settings.values())
    start = bare_record(*(column[:k] for column in columns), offset[:k], factor[:k], atr[:k], signal[:k], *settings.values())
    assert all(part.tobytes() == full[:k].tobytes() for part, full in zip(start, whole, strict=True))
    figures, begun = trailing_figures(whole[0], whole[1], 40, 252.0), trailing_figures(start[0], start[1], 40, 252.0)
    assert all(part.tobytes() == full[:k].tobytes() for part, full in zip(begun, figures, strict=True))


# --- figures of the last returns ---------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from([2, 3, 20, 252]))
def test_trailing_figures_equal_those_of_each_window_alone(seed, window):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 3 * window + 60))
    held = (np.repeat(rng.random(n), 7)[:n] < 0.5).astype(np.int64)
    returns = np.where(held == 1, rng.choice([0.0, 0.01, 0.2]) * rng.normal(0, 1, n).clip(-4, 4), 0.0)
    returns[0] = 0.0
    sharpe, fall, days = trailing_figures(returns, held, window, 252.0)
    expected = naive.figures(returns, held, window)
    np.testing.assert_allclose(sharpe, expected[0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(fall, expected[1], rtol=1e-9, atol=1e-12)
    assert days.tolist() == expected[2].tolist()


def test_a_fall_is_measured_from_the_start_of_its_window_and_not_from_an_older_peak():
    """Equity 1.1, 0.88, 0.88, 0.88: a window of two returns has seen the fall of a fifth, then none."""
    returns = np.array([0.0, 0.1, -0.2, 0.0, 0.0])
    assert trailing_figures(returns, np.ones(5, np.int64), 2, 252.0)[1] == pytest.approx([0, 0, 0.2, 0.2, 0])


@pytest.mark.parametrize("value", [0.0, 0.01, -0.003])
def test_returns_that_do_not_vary_have_a_ratio_of_zero(value):
    assert not trailing_figures(np.full(300, value), np.ones(300, np.int64), 252, 252.0)[0][2:252].any()


# --- factors -----------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("which", "figures", "factor"), [
    (0, {"trades": 19, "expectancy_r": -1.0}, 0.7), (0, {"trades": 20, "expectancy_r": 0.0}, 0.0), (0, {"trades": 20, "expectancy_r": 1e-9}, 1.0),
    (1, {"inflation": 10.0}, 0.8), (1, {"inflation": 9.99}, 1.0), (1, {"inflation": inf}, 0.8), (1, {"inflation": nan}, 1.0),
    (2, {"spikes": 1, "turbulent": True}, 0.5), (2, {"turbulent": True}, 0.8), (2, {}, 1.0),
    (3, {"sharpe": 0.75}, 0.5), (3, {"sharpe": -3.0}, 0.1), (3, {"sharpe": 9.0}, 1.0),
    (3, {"sharpe": -3.0, "days": 19}, 0.7), (3, {"sharpe": 0.75, "days": 20}, 0.5),
    (4, {"fall": 0.08}, 1.0), (4, {"fall": 0.16}, 0.5), (4, {"fall": 0.99}, 0.1), (4, {"fall": 0.99, "days": 19}, 1.0),
])
def test_a_factor_at_its_edges(which, figures, factor):
    given_ = {"trades": 50, "expectancy_r": 0.2, "inflation": 1.0, "spikes": 0, "turbulent": False, "sharpe": 2.0, "fall": 0.0, "days": 200} | figures
    assert support(*given_.values())[which] == pytest.approx(factor)


@given(st.integers(0, 2**32))
def test_scaled_rows_are_the_product_of_the_factors_of_their_bar(seed):
    rng = np.random.default_rng(seed)
    n = 40
    trades, days = rng.integers(0, 40, n), rng.integers(0, 40, n)
    total, vif = rng.normal(0, 5, n), rng.choice([nan, 1.0, 9.9, 10.0, inf], n)
    spikes, fourth = rng.integers(0, 2, n), rng.random(n) < 0.5
    sharpe, fall = rng.normal(1, 2, n), rng.uniform(0, 0.5, n)
    at = np.sort(rng.integers(0, n, 15))
    sure = rng.uniform(0.5, 1, 15)
    found = scaled(sure, at, trades, total, vif, spikes, fourth, sharpe, fall, days)
    for row, one, t in zip(found, sure, at, strict=True):
        expected = naive.support(trades[t], total[t] / max(trades[t], 1), vif[t], spikes[t], fourth[t], sharpe[t], fall[t], days[t])
        assert row.tolist() == pytest.approx([*expected, one * np.prod(expected)])
