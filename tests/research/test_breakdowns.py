"""Years, regimes known at the start of a session, and what is left out of sample; counted by hand, ranks by scipy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pse.domain.trials import TRIAL_TRADE
from pse.research.breakdowns import FoldScore, decay, labels, regimes, spearman, years


def days(count, first="2022-01-03"):
    start = np.datetime64(first)
    dates = np.arange(start, start + 2 * count + 10)
    work = dates[np.is_busday(dates)][:count]
    return np.array([int(str(day).replace("-", "")) for day in work], np.int32)


def market(dates, closes, symbol="ES"):
    return pl.DataFrame({"symbol": [symbol] * dates.size, "session_date": dates, "close": np.asarray(closes, float)})


def trades(on, net):
    made = np.zeros(len(on), TRIAL_TRADE)
    made["day"], made["net"] = on, net
    return made


def test_years_add_up_to_the_whole():
    dates = days(520)
    returns = np.random.default_rng(1).normal(0.0, 0.01, 520)
    closed = trades(dates[[3, 300, 301]], [10.0, -4.0, 1.5])
    rows = years(dates, returns, closed, 252.0)
    assert [row["year"] for row in rows] == ["2022", "2023"]
    assert sum(row["sessions"] for row in rows) == 520 and [row["trades"] for row in rows] == [1, 2]
    assert [row["net_usd"] for row in rows] == [10.0, -2.5]
    first = returns[dates // 10_000 == 2022]
    assert rows[0]["sharpe"] == pytest.approx(first.mean() / first.std(ddof=1) * np.sqrt(252))


def test_a_phase_begins_the_session_after_the_close_that_turned():
    dates = days(6)
    names = labels(dates, market(dates, [100, 120, 119, 96, 95, 114]))["phase"]
    assert names == ["not yet known", "no turn of 20 % yet", "bull (turned up 20 %)", "bull (turned up 20 %)", "bear (turned down 20 %)",
                     "bear (turned down 20 %)"]


@given(st.integers(0, 10_000), st.integers(60, 119))
def test_a_regime_does_not_change_when_later_closes_do(seed, cut):
    rng = np.random.default_rng(seed)
    dates, closes = days(120), 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.03, 120))
    other = closes.copy()
    other[cut:] *= rng.uniform(0.3, 3.0)
    before, after = labels(dates, market(dates, closes)), labels(dates, market(dates, other))
    assert {way: names[: cut + 1] for way, names in before.items()} == {way: names[: cut + 1] for way, names in after.items()}


def test_regimes_of_one_way_cover_every_session_once():
    dates = days(200)
    rng = np.random.default_rng(5)
    rows = regimes(dates, rng.normal(0, 0.01, 200), trades(dates[::10], np.ones(20)), market(dates, 100 * np.cumprod(1 + rng.normal(0, 0.02, 200))), 252.0)
    for way in ("phase", "trend", "volatility"):
        assert sum(row["sessions"] for row in rows if row["way"] == way) == 200
        assert sum(row["trades"] for row in rows if row["way"] == way) == 20


def test_without_closes_there_are_no_regimes():
    assert regimes(days(5), np.zeros(5), trades([], []), None, 252.0) == []


def test_two_symbols_are_one_market_of_equal_weights():
    dates = days(3)
    both = pl.concat([market(dates, [100, 110, 110]), market(dates, [100, 130, 130], "NQ")])
    assert labels(dates, both)["phase"] == ["not yet known", "no turn of 20 % yet", "bull (turned up 20 %)"]      # +10 % and +30 %: +20 %


def fold(number, seen, left, train=None, test=None):
    return FoldScore(number, {"a": 1}, {"sharpe": seen}, {"sharpe": left}, train, test)


def test_decay_is_what_is_left_of_the_mean():
    found = decay([fold(1, 2.0, 1.0), fold(2, 3.0, 1.0), fold(3, 1.0, 1.0)])
    assert (found["in_sample"], found["out_of_sample"], found["ratio"], found["slope"]) == (2.0, 1.0, 0.5, 0.0)
    assert [row["ratio"] for row in found["folds"]] == [0.5, pytest.approx(1 / 3), 1.0]
    steep = decay([fold(1, 1.0, -1.0), fold(2, 2.0, -3.0), fold(3, 3.0, -5.0)])
    assert steep["slope"] == pytest.approx(-2.0) and steep["ratio"] == pytest.approx(-1.5)


def test_a_fold_that_chose_nothing_counts_for_nothing():
    found = decay([fold(1, 2.0, 1.0), FoldScore(2, None, None, None), fold(3, -1.0, None)])
    assert (found["in_sample"], found["ratio"]) == (2.0, 0.5)
    assert [row["ratio"] for row in found["folds"]] == [0.5, None, None]
    assert decay([])["ratio"] is None and "No fold" in decay([])["text"]


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=30))
def test_ranks_correlate_as_scipy_says(pairs):
    one, other = np.array(pairs, float).T
    found = spearman(one, other)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)


def test_the_ratio_is_of_the_sharpe_ratio_and_the_ranks_are_of_what_was_sought_each_named():
    ranks = np.array([1.0, 2.0, 3.0])
    found = decay([fold(1, 1.0, 0.5, ranks, ranks[::-1])], ranked_by="profit_factor")
    assert (found["figure"], found["ranked_by"]) == ("sharpe", "profit_factor")
    assert "Sharpe ratio of 1.00 in sample and of 0.50" in found["text"] and "ranks by profit factor in sample" in found["text"]
    assert "ranks by objectives/mine.py:wanted in" in decay([fold(1, 1.0, 0.5, ranks, ranks)], ranked_by="objectives/mine.py:wanted")["text"]


def test_candidates_without_a_figure_are_left_out_of_the_ranks():
    found = decay([fold(1, 1.0, 1.0, np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 9.0, 3.0, 5.0]))])
    assert found["spearman"] == pytest.approx(1.0) and "clear positive relation" in found["text"]
