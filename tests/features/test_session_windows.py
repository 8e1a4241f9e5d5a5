"""The parts of a session: wall time in Chicago on both sides of the clock change, and none where there are none."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from pse.features.liquidity import ASIA, LONDON, OPENING, OVERNIGHT, session_windows, weeks
from pse.providers.plain_sessions import plain_sessions


def utc(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(("day", "shift"), [(date(2021, 3, 12), 6), (date(2021, 3, 15), 5)])     # the clock changed on Sunday the 14th
def test_chicago_hours_follow_the_wall_clock(day, shift):
    begins, ends = session_windows(plain_sessions("CME Globex Equity", day, day), 0, 1, "future", 30)
    at = (day.year, day.month, day.day)
    before = (day.year, day.month, day.day - 1)
    midnight = utc(*at, 0) + shift * 3_600_000_000_000
    hour = 3_600_000_000_000
    assert (begins[0, OVERNIGHT], ends[0, OVERNIGHT]) == (utc(*before, 17) + shift * hour, midnight + 8.5 * hour)
    assert (begins[0, ASIA], ends[0, ASIA]) == (midnight - 6 * hour, midnight + 2 * hour)
    assert (begins[0, LONDON], ends[0, LONDON]) == (midnight + 2 * hour, midnight + 8.5 * hour)
    assert (begins[0, OPENING], ends[0, OPENING]) == (midnight + 8.5 * hour, midnight + 9 * hour)


def test_a_share_has_an_opening_range_and_no_night_and_a_coin_has_neither():
    begins, ends = session_windows(plain_sessions("NYSE", date(2021, 6, 1), date(2021, 6, 2)), 0, 2, "stock", 30)
    assert list((ends > begins).sum(axis=0)) == [0, 0, 0, 2] and (ends - begins)[0, OPENING] == 30 * 60_000_000_000
    begins, ends = session_windows(plain_sessions("24/7", date(2021, 6, 1), date(2021, 6, 2)), 0, 2, "crypto", 30)
    assert not (ends > begins).any()


def test_a_window_is_cut_at_the_close_of_an_early_session():
    sessions = plain_sessions("CME Globex Equity", date(2021, 6, 1), date(2021, 6, 1))
    sessions.close_ns[0] = sessions.rth_open_ns[0] + 10 * 60_000_000_000
    _, ends = session_windows(sessions, 0, 1, "future", 30)
    assert ends[0, OPENING] == sessions.close_ns[0]


def test_a_week_runs_from_monday_to_sunday():
    days = np.array([20210101, 20210103, 20210104, 20210108, 20210111, 20240229], dtype=np.int32)
    numbers = weeks(days)
    assert list(np.diff(numbers)) == [0, 1, 0, 1, numbers[5] - numbers[4]]
    assert [date.fromordinal(int(719163 - 3 + 7 * n)).weekday() for n in numbers] == [0] * 6
