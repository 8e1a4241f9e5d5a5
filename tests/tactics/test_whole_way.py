"""From minutes to setups: the features and the tactic together, on random walks of a week with a roll in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.bars import Bars
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions
from pse.features.build import build
from pse.kernels.contract import NEVER
from pse.tactics.momentum_thrust import MomentumThrust
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.sweep_reversal import SweepReversal
from tests.naive import retests as naive
from tests.naive import thrusts as naive_thrusts
from tests.tactics.test_mss_fvg_retest import assert_same_until
from tests.tactics.views import TICK, entered, instrument, refused

HOURS, DAYS = 23, 6
FIRST_OPEN = 1_577_916_000_000_000_000           # 2020-01-01 22:00 UTC, a futures evening


def futures_sessions():
    """Days of 23 hours from 22:00 UTC, regular hours from 13:30 UTC."""
    opens = FIRST_OPEN + np.arange(DAYS, dtype=np.int64) * DAY_NS
    dates = np.array([20200102 + day for day in range(DAYS)], np.int32)
    none, hour = np.zeros(DAYS, np.int64), 60 * MINUTE_NS
    return Sessions("CME Globex Equity", "America/Chicago", dates, opens, opens + HOURS * hour, opens + 15 * hour + hour // 2, opens + 22 * hour, none,
                    none, "")


def minutes(seed):
    """A walk with calm and wild hours, a few minutes missing, a roll on the fourth day."""
    rng = np.random.default_rng(seed)
    n = DAYS * HOURS * 60
    step = np.round(rng.standard_normal(n) * np.repeat(rng.uniform(0.5, 6.0, n // 60), 60)) * TICK
    close = 5000.0 + np.cumsum(step)
    open_ = close - step
    high = np.maximum(open_, close) + rng.integers(0, 4, n) * TICK
    low = np.minimum(open_, close) - rng.integers(0, 4, n) * TICK
    session, minute = np.divmod(np.arange(n), HOURS * 60)
    sessions = futures_sessions()
    ts = sessions.open_ns[session] + minute * MINUTE_NS
    offset, roll = np.where(session >= 3, 21.25, 0.0), (session == 3) & (minute == 0)
    bars = Bars("ES", "1m", ts, ts + MINUTE_NS, open_ + offset, high + offset, low + offset, close + offset, rng.integers(1, 500, n).astype(float),
                session.astype(np.int64), roll, offset, (session >= 3).astype(np.int32), np.zeros(n, np.int16), ("ESH0", "ESM0"), sessions)
    keep = np.sort(rng.permutation(n)[: n - 40])
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[keep] for name in Bars.columns()), bars.contracts, sessions)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_later_minutes_never_change_an_earlier_setup(seed):
    bars = minutes(seed)
    tactic, es = MssFvgRetest(inverse_gaps=bool(seed % 2)), instrument()
    whole = tactic.scan(build(bars, es), es)
    at_setups = np.searchsorted(bars.ts_close, whole.rows["ts"], side="right")
    cuts = {int(cut) for cut in at_setups} | {int(cut) for cut in np.random.default_rng(seed).integers(100, len(bars), 5)}
    for cut in sorted(cuts):
        features = build(bars[:cut], es)
        assert_same_until(tactic.scan(features, es), whole, int(features.decision.ts_close[-1]))


@pytest.mark.parametrize(("tactic", "stop_line"), [(MssFvgRetest(), naive.behind_the_gap), (SweepReversal(), naive.behind_the_sweep)])
def test_retests_on_built_features_equal_the_naive_scan(tactic, stop_line):
    seen = 0
    for seed in (1, 2, 3):
        features = build(minutes(seed), instrument())
        rows = entered(tactic.scan(features, instrument())).rows
        good, _ = naive.scan(features, TICK, 8.0, stop_line)
        bar = np.searchsorted(features.decision.ts_close, rows["ts"])
        assert [(*key, *prices) for *key, prices in zip(bar.tolist(), rows["direction"].tolist(), rows["group"].tolist(),
                zip(*(rows[name].tolist() for name in ("entry", "stop", "target")), strict=True), strict=True)] == [tuple(row[:6]) for row in good]
        seen += len(good)
    assert seen >= 5


def test_thrusts_on_built_features_equal_the_naive_scan():
    seen = 0
    for seed in (1, 2, 3):
        features, es = build(minutes(seed), instrument()), instrument(cap=20.0)
        found = MomentumThrust(thrust_rvol=1.0).scan(features, es)
        rows = entered(found).rows
        good, bad = naive_thrusts.scan(features, TICK, 20.0, min_rvol=1.0)
        bar = np.searchsorted(features.decision.ts_close, rows["ts"])
        ours = list(zip(bar.tolist(), *(rows[name].tolist() for name in ("direction", "entry", "stop", "target")), strict=True))
        assert ours == [tuple(row[:5]) for row in good] and len(refused(found)) == len(bad)
        seen += len(good) + len(bad)
    assert seen >= 5


def test_a_setup_stands_on_the_grid_inside_its_session_and_lives_ten_minutes():
    for seed in range(4):
        features = build(minutes(seed), instrument())
        rows = entered(MssFvgRetest().scan(features, instrument())).rows
        for name in ("entry", "stop", "target"):
            assert (rows[name] / TICK == np.round(rows[name] / TICK)).all()
        d = rows["direction"]
        assert (d * (rows["target"] - rows["entry"]) >= 1.5 * d * (rows["entry"] - rows["stop"]) - 1e-9).all()
        assert (d * (rows["entry"] - rows["stop"]) <= 8.0 + 1e-9).all() and (d * (rows["entry"] - rows["stop"]) >= 1.0 - 1e-9).all()
        assert (rows["valid_until"] - rows["ts"] == 10 * MINUTE_NS).all() and (rows["event_bar"] < rows["ts"]).all()
        assert (rows["ts"] < NEVER).all() and (np.diff(rows["ts"]) >= 0).all()
