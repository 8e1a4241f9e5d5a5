"""From minutes to setups for the tactics that read both: at every minute around a find the past is what it will be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.features.build import build
from pse.kernels.contract import ENTER
from pse.tactics.missed_fvg_reversion import MissedFvgReversion
from pse.tactics.pullback_micro_fvg import PullbackMicroFvg
from tests.tactics.test_mss_fvg_retest import assert_same_until
from tests.tactics.test_whole_way import minutes
from tests.tactics.views import instrument


@pytest.mark.parametrize("tactic", [MissedFvgReversion(), PullbackMicroFvg()], ids=lambda tactic: tactic.name)
@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_later_minutes_never_change_an_earlier_setup(tactic, seed):
    """Cuts are the minutes at, just before and just after some finds, and some anywhere."""
    bars, es = minutes(seed), instrument()
    whole, rng = tactic.scan(build(bars, es), es), np.random.default_rng(seed)
    found = rng.permutation(np.searchsorted(bars.ts_close, whole.rows["ts"], side="right"))[:6]
    cuts = {int(cut) + step for cut in found for step in (-1, 0, 1)} | set(rng.integers(100, len(bars), 2).tolist())
    for cut in sorted(cut for cut in cuts if cut <= len(bars)):
        features = build(bars[:cut], es)
        assert_same_until(tactic.scan(features, es), whole, int(features.decision.ts_close[-1]))


@pytest.mark.parametrize("tactic", [MissedFvgReversion(), PullbackMicroFvg()], ids=lambda tactic: tactic.name)
def test_the_made_up_weeks_have_setups_of_both_directions_to_look_at(tactic):
    rows = [tactic.scan(build(minutes(seed), instrument()), instrument()).rows for seed in range(8)]
    entered = np.concatenate([found[found["kind"] == ENTER] for found in rows])
    assert (entered["direction"] > 0).sum() >= 3 and (entered["direction"] < 0).sum() >= 3, len(entered)
