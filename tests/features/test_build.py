"""The whole build: prefix-stable, complete buckets only, and what it says by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pse.domain.bars import Bars
from pse.domain.errors import RequestError
from pse.features.build import FeatureSpec, build
from pse.features.context import context_rows
from pse.features.resampled import resample, why_not
from pse.kernels.contract import PENDING
from tests.features.known import assert_same_past
from tests.features.made import MINUTE, future, minutes, share

seeds = st.integers(0, 2**32 - 1)
TABLES = {"pivots_internal": "pivots", "pivots_major": "pivots", "breaks": "breaks", "gaps": "gaps", "blocks": "blocks", "pools": "pools",
          "sweeps": "sweeps", "levels": "levels"}


def assert_same_beginning(early, late, instrument):
    """`early` says of its bars what `late` says of them."""
    k = len(early.decision)
    for name in Bars.columns():
        np.testing.assert_array_equal(getattr(early.decision, name), getattr(late.decision, name)[:k], err_msg=name)
        np.testing.assert_array_equal(getattr(early.daily, name), getattr(late.daily, name)[:len(early.daily)], err_msg=name)
    for name, column in early.columns.items():
        np.testing.assert_array_equal(column, late.columns[name][:k], err_msg=name)
    for name, kind in TABLES.items():
        assert_same_past(kind, getattr(early, name), getattr(late, name), k)
    np.testing.assert_array_equal(early.daily_returns, late.daily_returns[:len(early.daily)])
    for ours, theirs in zip(context_rows(early, instrument), context_rows(late, instrument), strict=True):
        np.testing.assert_array_equal(ours, theirs[:k])


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0.02, 1.0), st.sampled_from([0.0, 0.4]))
def test_later_minutes_never_change_what_was_built(seed, share_of_bars, missing):
    bars = minutes(seed, 8, missing=missing, roll_every=3)
    cut = max(1, int(share_of_bars * len(bars)))
    assert_same_beginning(build(bars[:cut], future()), build(bars, future()), future())


@settings(max_examples=8, deadline=None)
@given(seeds, st.floats(0.1, 1.0))
def test_later_minutes_never_change_what_was_built_of_a_share(seed, share_of_bars):
    bars = minutes(seed, 9, calendar="NYSE", tick=0.01)
    cut = int(share_of_bars * len(bars))
    assert_same_beginning(build(bars[:cut], share()), build(bars, share()), share())


@settings(max_examples=10, deadline=None)
@given(seeds, st.integers(30, 2500))
def test_a_build_until_a_moment_knows_nothing_of_later(seed, minute):
    bars = minutes(seed, 3, missing=0.2)
    moment = int(bars.ts_open[0]) + minute * MINUTE
    known = bars[:int(np.searchsorted(bars.ts_close, moment, side="right"))]
    assert_same_beginning(build(bars, future(), until_ns=moment), build(bars, future()), future())
    early, late = build(known, future(), until_ns=moment), build(bars, future(), until_ns=moment)
    assert len(early.decision) == len(late.decision)
    assert_same_beginning(early, late, future())


@pytest.mark.parametrize("n", [0, 1, 4, 5, 6])
def test_a_handful_of_bars_builds_without_any_object(n):
    features = build(minutes(1, 1)[:n], future())
    assert len(features.decision) == n // 5 and not len(features.pools) and len(context_rows(features, future())[0]) == n // 5


def test_a_bucket_is_complete_when_its_end_has_passed_and_not_when_its_last_minute_came():
    bars = minutes(1, 1)
    kept = np.delete(np.arange(len(bars)), 9)                              # the last minute of the second bucket is missing
    gappy = Bars(**{**bars.__dict__, **{name: getattr(bars, name)[kept] for name in Bars.columns()}})
    assert len(resample(gappy[:9], "5m").bars) == 1
    assert len(resample(gappy[:9], "5m", until_ns=int(bars.ts_close[9])).bars) == 2
    made = resample(gappy[:10], "5m")
    assert len(made.bars) == 2 and list(made.coverage) == [1.0, 0.8] and made.bars.ts_close[1] == bars.ts_close[9]


def test_prices_of_decision_bars_are_as_traded_and_objects_are_forward_adjusted():
    rolled, plain = minutes(5, 8, roll_every=3), minutes(5, 8)
    a, b = build(rolled, future()), build(plain, future())
    assert rolled.offset.any() and (a.decision.close != b.decision.close).any()
    np.testing.assert_array_equal(a.pools["level"], b.pools["level"])
    np.testing.assert_array_equal(a.columns["atr"], b.columns["atr"])
    np.testing.assert_allclose(a.columns["swing_high"] - a.decision.offset, b.columns["swing_high"])


def test_daily_returns_leave_out_the_difference_between_contracts():
    rolled, plain = build(minutes(5, 8, roll_every=3), future()), build(minutes(5, 8), future())
    adjusted = rolled.daily.adjusted("close")
    np.testing.assert_allclose(np.diff(adjusted), np.diff(plain.daily.close))
    older = adjusted[:-1] + rolled.daily.offset[1:]
    np.testing.assert_allclose(rolled.daily_returns[1:], rolled.daily.close[1:] / older - 1)
    assert np.isnan(rolled.daily_returns[0]) and list(rolled.daily_known_at) == list(rolled.daily.sessions.close_ns[:8])


def test_a_build_keeps_the_columns_it_publishes_and_makes_others_again_when_asked():
    features = build(minutes(3, 4), future())
    published = features.columns["mcs"]
    again = features.known.of(features.spec.market_state)["mcs"]
    assert again is not published and features.columns["mcs"] is published
    np.testing.assert_array_equal(again, published)


def test_the_trend_of_the_hour_is_seen_from_its_close_on():
    features = build(minutes(3, 8), future())
    closes, htf = features.known.at("1h").bars.ts_close, features.spec.quality.htf_trend(features.known)
    known = np.searchsorted(closes, features.decision.ts_close, side="right")
    assert np.isnan(htf[known == 0]).all() and not np.isnan(htf[known > 0]).any()
    changes = np.flatnonzero(np.diff(htf[known > 0]) != 0) + 1
    assert len(changes) and set(features.decision.ts_close[known > 0][changes]) <= set(closes)


def test_pools_end_when_their_outcome_is_written():
    features = build(minutes(3, 12), future())
    ended = features.pools[features.sweeps["pool"]]
    np.testing.assert_array_equal(ended["ended_at"], features.sweeps["confirmed_at"])
    assert (features.pools["end"] != PENDING)[features.pools["ended_at"] < len(features.decision)].all()
    assert len({int(kind) for kind in features.pools["kind"]}) >= 16


def test_tick_and_session_rules_come_from_the_instrument():
    spec = FeatureSpec()
    gaps, levels, liquidity, structure = (group.of(share()) for group in (spec.gaps, spec.levels, spec.liquidity, spec.structure))
    assert (gaps.tick, levels.tick, liquidity.kind, structure.one_session, gaps.one_session) == (0.01, 0.01, "stock", True, True)


def test_a_context_that_does_not_hold_whole_decision_bars_is_refused():
    with pytest.raises(ValidationError, match="not a multiple"):
        FeatureSpec(decision_timeframe="5m", context_timeframe="12m")
    with pytest.raises(RequestError, match="cannot be made from 1m"):
        resample(minutes(1, 1), "30s")


@pytest.mark.parametrize(("timeframe", "nearest"), [
    ("7m", "6m and 8m"), ("25m", "24m and 30m"), ("5h", "4h and 6h"), ("13h", "12h and 1d"), ("50m", "48m and 60m")])
def test_bars_that_would_begin_at_another_time_each_day_are_refused_with_the_nearest_that_do_not(timeframe, nearest):
    """The divisors of 1440 minutes: ... 6, 8, ... 24, 30, ... 48, 60, ... 240, 360, ... 720, 1440."""
    with pytest.raises(RequestError, match=f"{timeframe} does not divide a day; the nearest that do are {nearest}$"):
        resample(minutes(1, 1), timeframe)


def test_bars_are_made_from_bars_whose_length_they_are_a_multiple_of():
    assert [why_not(*pair) is None for pair in (("1d", "1d"), ("1d", "5m"), ("15m", "5m"), ("7m", "7m"), ("15m", "10m"), ("2d", "1d"), ("1m", "5m"))] == [
        True, True, True, True, False, False, False]
    assert why_not("15m", "10m") == "15m is no multiple of 10m; choose one, or ingest finer bars"


def test_a_daily_desk_decides_on_completed_days_from_minutes_or_from_daily_bars():
    spec, bars = FeatureSpec(decision_timeframe="1d", context_timeframe="1d"), minutes(6, 40, missing=0.1)
    from_minutes = build(bars, future(), spec)
    from_days = build(from_minutes.daily, future(), spec)
    assert len(from_minutes.decision) == 40 and (from_days.columns["coverage"] == 1.0).all()
    np.testing.assert_array_equal(from_days.columns["atr"], from_minutes.columns["atr"])
    np.testing.assert_array_equal(from_days.pools, from_minutes.pools)
    assert len(context_rows(from_days, future())[0]) == 40
