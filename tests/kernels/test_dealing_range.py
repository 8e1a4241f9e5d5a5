"""Premium and discount against their twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.codes import RANGE_ZONES
from pse.kernels.dealing_range import dealing_range
from tests.naive import dealing_range as naive


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_positions_and_zones_equal_their_naive_twin(seed):
    rng = np.random.default_rng(seed)
    close, lowest, highest = (rng.integers(0, 40, 100) * 0.25 for _ in range(3))
    lowest[rng.random(100) < 0.1] = np.nan
    close[rng.random(100) < 0.1] = np.nan
    position, zone = dealing_range(close, lowest, highest, 0.45, 0.55)
    for t in range(100):
        share = naive.position(close[t], lowest[t], highest[t])
        expected = np.nan if share is None else share
        np.testing.assert_allclose(position[t], expected, rtol=1e-12)
        assert RANGE_ZONES[zone[t]] == ("UNKNOWN" if expected != expected else naive.zone(share)), (t, share)


def test_a_position_on_a_bound_is_equilibrium():
    close = np.array([5.5, 4.5, 5.5625, 4.4375])
    _, zone = dealing_range(close, np.zeros(4), np.full(4, 10.0), 0.45, 0.55)
    assert [RANGE_ZONES[z] for z in zone] == ["EQUILIBRIUM", "EQUILIBRIUM", "PREMIUM", "DISCOUNT"]
