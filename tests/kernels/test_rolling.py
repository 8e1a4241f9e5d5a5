"""Relative volume against its twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.rolling import relative_volume
from tests.naive import rolling as naive


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25))
def test_relative_volume_equals_its_naive_twin(seed, period):
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 4, 90).astype(float)
    volume[rng.random(90) < 0.03] = np.nan
    np.testing.assert_allclose(relative_volume(volume, period), naive.relative_volume(volume, period), rtol=1e-12)


def test_a_window_without_volume_has_no_relative_volume():
    assert np.isnan(relative_volume(np.array([0.0, 0.0, 5.0]), 2)).all()
