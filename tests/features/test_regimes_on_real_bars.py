"""What the states of real minutes of the E-mini always keep."""

import numpy as np
import pytest

from pse.features.build import build
from pse.features.context import context_rows
from pse.kernels import contract as k
from pse.kernels.codes import (
    LIQUIDITY_ILLIQUID,
    MCS_CLOSED,
    MCS_ILLIQUID,
    MCS_RANGE,
    MCS_TREND_DOWN,
    MCS_TREND_UP,
    MCS_UNKNOWN,
    MCS_VOLATILE,
    TCC_MEDIUM,
    TCC_NONE,
    VOL_Q4,
)
from tests.features.made import MINUTE, future
from tests.features.test_build_on_real_bars import bars  # noqa: F401

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def seen(bars):  # noqa: F811
    features = build(bars, future())
    return features.columns, context_rows(features, future())[1]


def test_every_bar_has_the_first_state_whose_condition_it_meets(seen):
    c, rows = seen
    mcs, trend = c["mcs"], c["tcc"] >= TCC_MEDIUM
    assert (mcs[:49] == MCS_UNKNOWN).all() and (mcs[49:] != MCS_UNKNOWN).all()
    open_ = np.arange(mcs.size) >= 49
    for state, condition in ((MCS_CLOSED, rows[:, k.C_SESSION_LEFT_NS] < 15 * MINUTE), (MCS_ILLIQUID, c["liquidity_failed"] > 0),
                             (MCS_VOLATILE, (c["vol_bucket"] == VOL_Q4) & (c["vol_spike"] == 1) & ~trend), (MCS_TREND_UP, trend & (c["tcc_dir"] > 0)),
                             (MCS_TREND_DOWN, trend & (c["tcc_dir"] < 0)), (MCS_RANGE, (c["er"] < 0.25) & (c["adx"] < 20))):
        np.testing.assert_array_equal(mcs == state, open_ & condition)
        open_ &= ~condition


def test_scores_ranks_and_shares_lie_between_nothing_and_all(seen):
    c, rows = seen
    for name in ("tcc_score_long", "tcc_score_short", "vol_rank", "spread_rank", "zero_volume_share", "present_share", "er"):
        known = c[name][~np.isnan(c[name])]
        assert known.size > 2000 and known.min() >= 0 and known.max() <= 1, name
    assert ((c["tcc_score_long"] + c["tcc_score_short"] <= 1 + 1e-12) | np.isnan(c["tcc_score_long"])).all()      # no evidence speaks for both
    assert ((c["tcc_dir"] == 0) == (c["tcc"] <= TCC_NONE)).all()
    assert ((c["liquidity"] == LIQUIDITY_ILLIQUID) == (c["liquidity_failed"] > 0)).all() and (c["liquidity_failed"] < 16).all()
    assert rows[49:, k.C_READY].all() and len(np.unique(c["mcs"])) == 8
