"""Frozen sessions against hours that the exchanges published."""

from __future__ import annotations

import sys
import warnings
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pse.domain.errors import DamagedTable, UnknownName
from pse.domain.sessions import Sessions
from pse.settings import load_settings
from pse.store.layout import Home
from pse.store.sessions import SessionOverride, load_sessions
from tests.store.made import CME, OVERRIDES, ns


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("sessions"))


def wall(sessions: Sessions, day: int, *names: str) -> list[str]:
    """Local date and time of some columns of one session."""
    row = int(np.flatnonzero(sessions.session_date == day)[0])
    zone = ZoneInfo(sessions.tz)
    return [datetime.fromtimestamp(int(getattr(sessions, name)[row]) // 10**9, zone).strftime("%m-%d %H:%M") for name in names]


def around(home: Home, calendar: str, first: str, last: str, overrides=OVERRIDES) -> Sessions:
    return load_sessions(home, calendar, ns(first), ns(last), overrides)


def test_an_index_future_trades_from_17_of_the_day_before_to_16_chicago_time(home: Home):
    sessions = around(home, CME, "2024-07-01", "2024-07-12")
    assert wall(sessions, 20240709, "open_ns", "close_ns", "rth_open_ns", "rth_close_ns") == ["07-08 17:00", "07-09 16:00", "07-09 08:30", "07-09 15:00"]
    assert sessions.expected_minutes()[sessions.session_date == 20240709] == [23 * 60]


@pytest.mark.parametrize(("day", "close"), [(20121116, "16:00"), (20121119, "16:15"), (20150918, "16:15"), (20150921, "16:00")])
def test_the_close_was_a_quarter_past_four_between_november_2012_and_september_2015(home: Home, day: int, close: str):
    text = str(day)
    sessions = around(home, CME, f"{text[:4]}-{text[4:6]}-01", f"{text[:4]}-{text[4:6]}-28")
    assert wall(sessions, day, "close_ns")[0].endswith(close)


@pytest.mark.parametrize(("day", "minutes"), [(20210625, 15), (20210628, 0)])
def test_the_afternoon_halt_ended_in_june_2021_and_never_split_a_session(home: Home, day: int, minutes: int):
    sessions = around(home, CME, "2021-06-20", "2021-07-05")
    row = int(np.flatnonzero(sessions.session_date == day)[0])
    assert (sessions.break_close_ns - sessions.break_open_ns)[row] == minutes * 60 * 10**9
    assert sessions.expected_minutes()[row] == 23 * 60 - minutes


def test_an_early_close_stays_early_although_an_override_moves_the_regular_close(home: Home):
    sessions = around(home, CME, "2013-11-25", "2013-12-02")
    assert wall(sessions, 20131129, "close_ns", "rth_close_ns") == ["11-29 12:15", "11-29 12:15"]
    assert sessions.break_open_ns[sessions.session_date == 20131129] == 0


def test_an_override_of_one_day_moves_even_an_early_close(home: Home):
    one_day = [{"calendar": CME, "first": "2025-01-09", "last": "2025-01-09", "close": "08:30"}]
    assert wall(around(home, CME, "2025-01-07", "2025-01-10", one_day), 20250109, "close_ns") == ["01-09 08:30"]


def test_a_closed_day_is_no_session(home: Home):
    closed = [{"calendar": "NYSE", "first": "2024-07-09", "last": "2024-07-10", "closed": True}]
    days = around(home, "NYSE", "2024-07-08", "2024-07-12", closed).session_date.tolist()
    assert 20240708 in days and 20240711 in days and not {20240709, 20240710} & set(days)


@pytest.mark.parametrize(("calendar", "day", "hours"), [
    ("NYSE", 20240703, ["07-03 09:30", "07-03 13:00"]), ("NYSE", 20240709, ["07-09 09:30", "07-09 16:00"]),
    ("CME Globex FX", 20240709, ["07-08 17:00", "07-09 16:00"]), ("EUREX", 20240709, ["07-09 08:00", "07-09 22:00"]),
    ("24/7", 20240706, ["07-06 00:00", "07-07 00:00"]),
])
def test_the_other_calendars_have_their_hours(home: Home, calendar: str, day: int, hours: list[str]):
    assert wall(around(home, calendar, "2024-07-01", "2024-07-12"), day, "open_ns", "close_ns") == hours


def test_summer_time_moves_the_open_by_an_hour_of_utc(home: Home):
    sessions = around(home, CME, "2024-03-06", "2024-03-14")
    opens = {int(day): int(moment) for day, moment in zip(sessions.session_date, sessions.open_ns, strict=True)}
    assert (opens[20240308], opens[20240311]) == (ns("2024-03-07T23:00"), ns("2024-03-10T22:00"))


def test_the_slice_reaches_from_the_session_before_the_first_moment_to_two_behind_the_last(home: Home):
    days = around(home, "NYSE", "2024-07-09T12:00", "2024-07-10T15:00").session_date.tolist()
    assert days == [20240708, 20240709, 20240710, 20240711]


def test_the_digest_does_not_depend_on_what_was_frozen_before(tmp_path):
    fresh, used = Home(tmp_path / "a"), Home(tmp_path / "b")
    load_sessions(used, "NYSE", ns("2019-01-01"), ns("2021-12-31"), OVERRIDES)
    asked = [load_sessions(one, "NYSE", ns("2020-03-01"), ns("2022-02-01"), OVERRIDES) for one in (fresh, used)]
    assert asked[0].digest == asked[1].digest
    assert asked[0].session_date.tolist() == asked[1].session_date.tolist()
    assert asked[0].digest != load_sessions(used, "NYSE", ns("2020-03-02"), ns("2022-02-03"), OVERRIDES).digest


def test_frozen_years_are_read_without_the_calendar_package(tmp_path, monkeypatch):
    home = Home(tmp_path)
    first = load_sessions(home, "NYSE", ns("2024-02-01"), ns("2024-11-01"))
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", None)              # importing it now fails
    assert load_sessions(home, "NYSE", ns("2024-02-01"), ns("2024-11-01")).digest == first.digest


def test_a_frozen_file_that_was_cut_is_named(tmp_path):
    home = Home(tmp_path)
    load_sessions(home, "NYSE", ns("2024-02-01"), ns("2024-11-01"))
    (path,) = home.sessions.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedTable, match=path.name):
        load_sessions(home, "NYSE", ns("2024-02-01"), ns("2024-11-01"))


def test_an_unknown_calendar_is_answered_with_the_nearest(home: Home):
    with warnings.catch_warnings(), pytest.raises(UnknownName, match="NYSE"):
        warnings.simplefilter("ignore")
        load_sessions(home, "NYES", ns("2024-02-01"), ns("2024-11-01"))


@pytest.mark.parametrize("wrong", [
    {"close": "24:10"}, {"break": ["15:30", "15:15"]}, {"rth": ["8", "9"]}, {"first": "2024-02-30"}, {"last": "2023-01-01"}, {"hours": 1},
])
def test_an_override_that_makes_no_sense_is_refused(wrong: dict):
    with pytest.raises(ValueError):
        SessionOverride.model_validate({"calendar": CME, "first": "2024-01-01", "last": "2024-12-31", **wrong})


def test_the_day_of_the_volatility_index_ends_a_quarter_of_an_hour_after_that_of_shares_on_the_same_days(home: Home):
    """So that at the shares' close its value of that day is not known yet; no trading in the week of 11 September 2001."""
    settings = load_settings(home.root)
    index, shares = (around(home, settings.instrument(symbol).calendar, "2001-09-04", "2001-09-28", settings.sessions) for symbol in ("VIX", "SPY"))
    days = [[day for day in one.session_date.tolist() if 20010904 <= day <= 20010927] for one in (index, shares)]
    assert days[0] == days[1] and 20010910 in days[0] and 20010911 not in days[0] and 20010917 in days[0]
    apart = [one.close_ns[np.isin(one.session_date, days[0])] for one in (index, shares)]
    assert set((apart[0] - apart[1]).tolist()) == {15 * 60 * 10**9}
