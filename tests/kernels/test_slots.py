"""Volume of a session slot against its twin, and by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.slots import slot_relative
from tests.naive import slots as naive

seeds = st.integers(0, 2**32 - 1)


def slotted(seed, sessions=25, slots=6):
    """Volumes of sessions from which some bars, and sometimes whole sessions, are missing."""
    rng = np.random.default_rng(seed)
    session, slot = np.divmod(np.arange(sessions * slots), slots)
    kept = (rng.random(session.size) < 0.85) & (rng.random(sessions) < 0.9)[session]
    volume = rng.integers(0, 5, session.size).astype(float)
    volume[rng.random(session.size) < 0.05] = np.nan
    return volume[kept], session[kept], slot[kept]


@given(seeds, st.integers(1, 12), st.integers(1, 6))
def test_relative_slot_volume_equals_its_naive_twin(seed, sessions, at_least):
    volume, session, slot = slotted(seed)
    at_least = min(at_least, sessions)
    np.testing.assert_allclose(slot_relative(volume, session, slot, 6, sessions, at_least), naive.slot_relative(volume, session, slot, sessions, at_least),
                               rtol=1e-13)


@given(seeds, st.integers(1, 140))
def test_later_bars_never_change_an_earlier_value(seed, cut):
    volume, session, slot = slotted(seed)
    np.testing.assert_array_equal(slot_relative(volume[:cut], session[:cut], slot[:cut], 6, 7, 3), slot_relative(volume, session, slot, 6, 7, 3)[:cut])


def test_the_median_is_of_the_sessions_before_and_never_of_the_bar_itself():
    volume = np.array([10.0, 30.0, 20.0, 100.0, 8.0])
    found = slot_relative(volume, np.arange(5), np.zeros(5, np.int64), 1, 3, 2)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 20 / 20, 100 / 20, 8 / 30])


def test_a_slot_that_is_usually_empty_has_no_relative_volume():
    assert np.isnan(slot_relative(np.zeros(9), np.arange(9), np.zeros(9, np.int64), 1, 5, 2)).all()
