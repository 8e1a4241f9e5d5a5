"""The context of a decision, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.features.build import FeatureSpec, build
from pse.features.context import STATES, Wanted, context_rows, inside
from pse.features.market_state import NO_END_NS
from pse.kernels import contract as k
from pse.kernels.codes import MCS_CLOSED, MCS_UNKNOWN, TCC_UNKNOWN
from tests.features.made import MINUTE, future, minutes
from tests.tactics.dailies import features_of, stock, walk_bars


@pytest.fixture(scope="module")
def built():
    features = build(minutes(4, 6, roll_every=2), future())
    return features, *context_rows(features, future())


def test_a_row_is_a_decision_bar_and_has_no_spread_without_quotes(built):
    features, ts, rows = built
    np.testing.assert_array_equal(ts, features.decision.ts_close)
    np.testing.assert_array_equal(rows[:, k.C_CLOSE], features.decision.close)
    assert np.isnan(rows[:, k.C_SPREAD_TICKS]).all()


def test_states_stand_in_their_columns_as_codes(built):
    features, _, rows = built
    assert len(STATES) == 10
    for column, name in STATES.items():
        np.testing.assert_array_equal(rows[:, column], features.columns[name].astype(float), err_msg=name)
    left = rows[:, k.C_SESSION_LEFT_NS]
    np.testing.assert_array_equal(rows[:, k.C_MCS] == MCS_CLOSED, (left < 15 * MINUTE) & (rows[:, k.C_MCS] != MCS_UNKNOWN))


def test_an_unknown_conviction_has_no_direction_and_no_score(built):
    rows = built[2]
    unknown = rows[:, k.C_TCC_CLASS] == TCC_UNKNOWN
    assert list(np.flatnonzero(unknown)) == list(range(49))
    assert (rows[unknown, k.C_TCC_DIR] == 0).all() and np.isnan(rows[unknown][:, [k.C_TCC_SCORE_LONG, k.C_TCC_SCORE_SHORT]]).all()
    assert not np.isnan(rows[~unknown]).all(axis=0)[[k.C_TCC_SCORE_LONG, k.C_TCC_SCORE_SHORT]].any()


def test_a_row_is_ready_when_range_volume_and_conviction_are_past_their_warm_up(built):
    rows = built[2]
    assert list(np.flatnonzero(rows[:, k.C_READY])[:2]) == [49, 50] and rows[49:, k.C_READY].all()


def test_a_row_is_not_ready_until_the_session_has_traded_and_unknown_volume_is_no_reason():
    bars = minutes(4, 3)
    start = 23 * 60                                                          # the second session begins without a trade for 25 minutes
    volume = bars.volume.copy()
    volume[start:start + 25] = 0.0
    rows = context_rows(build(replace(bars, volume=volume), future()), future())[1]
    assert list(np.flatnonzero(rows[49:, k.C_READY] == 0) + 49) == list(range(276, 281))
    unknown = context_rows(build(replace(bars, volume=np.full(len(bars), np.nan)), future()), future())[1]
    assert unknown[49:, k.C_READY].all()


def test_a_daily_desk_needs_neither_vwap_nor_hour_to_be_ready():
    spec = FeatureSpec(decision_timeframe="1d", context_timeframe="1d")
    features = build(minutes(6, 60, missing=0.1), future(), spec)
    rows = context_rows(features, future())[1]
    assert "vwap" not in features.columns and list(np.flatnonzero(rows[:, k.C_READY])) == list(range(49, 60))
    assert not (rows[:, k.C_MCS] == MCS_CLOSED).any() and (rows[49:, k.C_MCS] != MCS_UNKNOWN).all()


def test_time_left_counts_to_the_end_of_the_session_and_never_ends_on_a_market_without_one(built):
    features, _, rows = built
    assert rows[0, k.C_SESSION_LEFT_NS] == (23 * 60 - 5) * MINUTE and rows[23 * 12 - 1, k.C_SESSION_LEFT_NS] == 0
    coin = future().model_copy(update={"kind": "crypto"})
    assert (context_rows(features, coin)[1][:, k.C_SESSION_LEFT_NS] == NO_END_NS).all()


def test_a_day_is_known_at_its_close_and_priced_on_the_scale_of_the_bar(built):
    features, ts, rows = built
    day_end = features.daily.ts_close[1]
    at = int(np.searchsorted(ts, day_end))
    assert list(rows[[at - 1, at], k.C_DAILY_ROW]) == [1, 2] and rows[at, k.C_DAILY_CLOSE] == features.decision.close[at]
    moved = features.decision.offset[at + 1] - features.decision.offset[at]
    assert moved != 0 and rows[at + 1, k.C_DAILY_CLOSE] == features.decision.close[at] + moved
    assert np.isnan(rows[0, k.C_DAILY_CLOSE])


def test_a_blackout_holds_its_start_and_not_its_end(built):
    features, ts, _ = built
    blackout = context_rows(features, future(), [(int(ts[5]), int(ts[8]))])[1][:, k.C_BLACKOUT]
    assert list(np.flatnonzero(blackout)) == [5, 6, 7]
    assert list(inside(np.array([1, 2, 3]), [])) == [False] * 3


def test_spread_is_that_of_the_last_minute(built):
    features = built[0]
    spread = np.arange(len(features.bars), dtype=float)
    assert list(context_rows(features, future(), (), spread)[1][:3, k.C_SPREAD_TICKS]) == [4.0, 9.0, 14.0]


def test_the_ratio_of_volatility_is_the_median_range_before_over_that_of_the_bar():
    """On days: of at most 252 before, from 60 on; ranges over their closes.  The 14th day has the first range."""
    features = features_of([walk_bars(8, 400)], "AAA")
    found = context_rows(features, stock("AAA"))[1][:, k.C_VOL_RATIO]
    reach = features.columns["atr"] / features.decision.close
    assert np.flatnonzero(~np.isnan(found))[0] == 14 + 60
    for t in (74, 200, 399):
        assert found[t] == pytest.approx(np.median(reach[max(t - 252, 14):t]) / reach[t])


def test_without_states_the_ratio_of_volatility_is_unknown(built):
    features = built[0]
    assert np.isnan(context_rows(features, future(), wanted=Wanted(states=False))[1][:, k.C_VOL_RATIO]).all()


def test_missing_minutes_lower_the_data_score_and_age_the_last_close():
    bars = minutes(4, 2)
    kept = np.delete(np.arange(len(bars)), np.arange(502, 505))             # the last three minutes of the bucket 500..504
    gappy = Bars(**{**bars.__dict__, **{name: getattr(bars, name)[kept] for name in Bars.columns()}})
    rows = context_rows(build(gappy, future()), future())[1]
    assert rows[100, k.C_LAST_BAR_AGE_NS] == 3 * MINUTE and rows[99, k.C_LAST_BAR_AGE_NS] == 0
    assert rows[99, k.C_DATA_SCORE] == 1.0
    np.testing.assert_allclose(rows[100:120, k.C_DATA_SCORE], 0.4 * 97 / 100 + 0.6)
    assert rows[120, k.C_DATA_SCORE] == 1.0


def test_a_wild_jump_lowers_the_score_by_its_share_of_the_window():
    bars = minutes(4, 2)
    jumped = {name: np.where(np.arange(len(bars)) >= 600, getattr(bars, name) + 200, getattr(bars, name)) for name in ("open", "high", "low", "close")}
    rows = context_rows(build(Bars(**{**bars.__dict__, **jumped}), future()), future())[1]
    np.testing.assert_allclose(rows[[119, 120, 139, 140], k.C_DATA_SCORE], [1.0, 0.995, 0.995, 1.0])
