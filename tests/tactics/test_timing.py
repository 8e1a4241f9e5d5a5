"""Which decision bar answers a coarser bar, and when a decision of a day's end runs out."""

from dataclasses import replace
from datetime import date

import numpy as np

from pse.domain.sessions import DAY_NS
from pse.providers.plain_sessions import plain_sessions
from pse.tactics.timing import decided_at, end_of_next_session, next_open
from tests.tactics.views import five_minute_bars, random_view

FIVE = 300_000_000_000


def test_a_moment_is_decided_at_the_first_decision_bar_that_closes_at_or_after_it():
    view = random_view(1, 4)                     # closes at 5, 10, 15 and 20 minutes
    at, there = decided_at(view, np.array([FIVE, FIVE + 1, 4 * FIVE, 4 * FIVE + 1]))
    assert at.tolist() == [0, 1, 3, 0] and there.tolist() == [True, True, True, False]


def test_before_the_first_decision_bar_nothing_is_decided():
    at, there = decided_at(replace(random_view(1, 4), decision=five_minute_bars([], [], [], [])), np.array([FIVE]))
    assert at.tolist() == [0] and there.tolist() == [False]


def test_a_decision_at_the_close_lasts_until_the_next_sessions_end_and_one_inside_a_session_until_its_own():
    """Thursday, Friday and, over a weekend, Monday."""
    days = plain_sessions("NYSE", date(2021, 3, 4), date(2021, 3, 8))
    opens, closes = days.open_ns, days.close_ns
    ts = np.array([closes[0], closes[1], opens[1] + FIVE, closes[2]])
    assert end_of_next_session(days, ts).tolist() == [closes[1], closes[2], closes[1], closes[2] + 4 * DAY_NS]
    assert next_open(days, ts).tolist() == [opens[1], opens[2], opens[1] + FIVE, closes[2]]
