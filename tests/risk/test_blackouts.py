"""When entries rest: daily windows over midnight and over changes of the clocks, and the minutes around events of a calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pse.domain.errors import BadConfig
from pse.risk.blackouts import no_entries
from pse.risk.policy import BlackoutWindow, CalendarEvent, GatePolicy
from pse.settings import load_settings


def ns(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()) * 10**9


def shown(found: list[tuple[int, int]]) -> list[tuple[str, str]]:
    return [tuple(datetime.fromtimestamp(edge / 1e9, UTC).strftime("%d %H:%M") for edge in pair) for pair in found]


def windows(start: str, end: str, first: str, last: str, tz: str = "America/New_York") -> list[tuple[str, str]]:
    return shown(no_entries(GatePolicy(blackouts=(BlackoutWindow(start=start, end=end, tz=tz),)), (), ns(first), ns(last)))


def test_a_window_over_midnight_is_one_stretch_a_day():
    assert windows("23:30", "00:15", "2024-01-10 00:00", "2024-01-11 00:00") == [("10 04:30", "10 05:15")]


@pytest.mark.parametrize(("day", "found"), [
    ("2024-03-08", [("08 13:00", "08 14:30")]), ("2024-03-11", [("11 12:00", "11 13:30")]),       # New York: UTC-5, from Sunday the 10th on UTC-4
    ("2024-11-04", [("04 13:00", "04 14:30")])])
def test_a_window_keeps_its_wall_time_when_clocks_change(day, found):
    assert windows("08:00", "09:30", f"{day} 00:00", f"{day} 23:00") == found


def test_a_window_that_clocks_jump_into_begins_where_they_land():
    """02:00 to 03:00 does not exist in New York on 10 March 2024: what is left of 02:30 to 03:15 is 03:00 to 03:15, in UTC 07:00 to 07:15."""
    assert windows("02:30", "03:15", "2024-03-10 00:00", "2024-03-10 23:00") == [("10 07:00", "10 07:15")]


def test_a_window_that_clocks_show_twice_holds_from_the_first_to_the_last():
    """01:00 to 01:30 of 3 November 2024: first at UTC-4 from 05:00, last at UTC-5 to 06:30."""
    assert windows("01:00", "01:30", "2024-11-03 00:00", "2024-11-03 23:00") == [("03 05:00", "03 06:30")]


def test_entries_rest_ten_minutes_before_and_after_an_event_of_high_impact():
    events = (CalendarEvent(at="2024-01-31 14:00", name="rate decision"), CalendarEvent(at="2024-01-31 11:00", name="survey", impact="medium"))
    found = no_entries(GatePolicy(blackouts=()), events, ns("2024-01-31 00:00"), ns("2024-02-01 00:00"))
    assert shown(found) == [("31 18:50", "31 19:10")]


def test_an_event_beside_a_window_makes_one_stretch_of_both():
    gates = GatePolicy(events_after_min=30)
    found = no_entries(gates, (CalendarEvent(at="2024-02-02 09:25", name="index"),), ns("2024-02-02 00:00"), ns("2024-02-03 00:00"))
    assert shown(found) == [("02 13:00", "02 14:55")]


def test_an_event_has_the_hour_of_its_own_zone():
    events = (CalendarEvent(at="2024-03-28 14:15", tz="Europe/Berlin", name="rate decision"),)               # UTC+1: clocks change three days later
    assert shown(no_entries(GatePolicy(blackouts=()), events, ns("2024-03-28 00:00"), ns("2024-03-29 00:00"))) == [("28 13:05", "28 13:25")]


@pytest.mark.parametrize(("least", "minutes", "found"), [("none", 10, 0), ("high", 10, 1), ("medium", 10, 2), ("low", 10, 3), ("low", 0, 0)])
def test_the_least_impact_and_the_minutes_say_which_events_count(least, minutes, found):
    events = tuple(CalendarEvent(at=f"2024-01-31 {hour}:00", name="x", impact=impact) for hour, impact in ((10, "low"), (12, "medium"), (14, "high")))
    gates = GatePolicy(blackouts=(), events_impact=least, events_before_min=minutes, events_after_min=minutes)
    assert len(no_entries(gates, events, ns("2024-01-31 00:00"), ns("2024-02-01 00:00"))) == found


@pytest.mark.parametrize(("line", "said"), [
    ("{at: 2024-03-10 02:30, name: x}", "does not exist in America/New_York"), ("{at: 2024-13-10 02:30, name: x}", "a date and a time such as"),
    ("{at: 2024-03-10 12:30, name: x, tz: America/Gotham}", "no such time zone"),
    ("{at: 2024-03-10 12:30, name: x, impact: huge}", "'low', 'medium' or 'high'"),
    ("{at: 2024-03-10 12:30}", "'name' is missing")])
def test_an_event_that_will_not_do_is_refused_with_its_line(tmp_path, line, said):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "events.yaml").write_text(f"# mine\nevents:\n  - {line}\n")
    with pytest.raises(BadConfig, match=r"configs/events.yaml, line 3") as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)


def test_events_of_home_are_part_of_what_decides_a_run(tmp_path):
    (tmp_path / "configs").mkdir()
    before = load_settings(tmp_path).run_tree()
    (tmp_path / "configs" / "events.yaml").write_text("events:\n  - {at: 2024-01-31 14:00, name: b}\n  - {at: 2024-01-30 14:00, name: a, impact: low}\n")
    after = load_settings(tmp_path)
    assert "events" not in before and [event["name"] for event in after.run_tree()["events"]] == ["b"]
    assert [event.name for event in after.felt_events()] == ["b"]


@pytest.mark.parametrize("window", [
    {"start": "08:00", "end": "08:00"}, {"start": "08:00", "end": "24:00"}, {"start": "08:00", "end": "09:00", "tz": "Mars/Olympus"}])
def test_a_window_that_means_nothing_is_refused(window):
    with pytest.raises(ValueError):
        BlackoutWindow(**window)
