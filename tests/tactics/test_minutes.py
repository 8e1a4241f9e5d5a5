"""The break that grades a find: which of several, and its score as known at the find's bar."""

import numpy as np

from pse.kernels.contract import BREAK_BOS, BREAK_CHOCH, BREAK_DTYPE
from pse.tactics.minutes import graded
from tests.tactics.views import table


def breaks(*rows):
    """(bar, direction, type, shift, score, score from the next bar on) each."""
    t, d, kind, mss, score, later = zip(*rows, strict=True)
    return table(BREAK_DTYPE, t=t, dir=d, type=kind, mss=mss, mqs=score, mqs_next=later, sweep=[-1] * len(rows))


def grade(rows, direction, first, last, t):
    found = graded(breaks(*rows), *(np.array([value]) for value in (direction, first, last, t)))
    return int(found.row[0]), float(found.score[0]), int(found.bar[0])


def test_at_the_bar_of_the_break_its_first_score_counts_and_from_the_next_on_the_revised_one():
    rows = [(5, 1, BREAK_BOS, False, 0.6, 0.8)]
    assert grade(rows, 1, 3, 5, 5) == (0, 0.6, 5)
    assert grade(rows, 1, 3, 5, 6) == (0, 0.8, 5) == grade(rows, 1, 3, 7, 9)


def test_the_last_break_of_the_direction_inside_the_window_grades():
    rows = [(2, 1, BREAK_BOS, False, 0.1, 0.2), (4, 1, BREAK_CHOCH, True, 0.3, 0.4), (5, -1, BREAK_BOS, False, 0.5, 0.6), (6, 1, BREAK_CHOCH, False, 0.7, 0.8)]
    assert grade(rows, 1, 2, 9, 9) == (1, 0.4, 4)
    assert grade(rows, -1, 2, 9, 9) == (2, 0.6, 5)
    assert grade(rows, 1, 2, 3, 9) == (0, 0.2, 2)


def test_a_find_without_a_break_in_its_window_has_no_grade_and_its_own_bar():
    for first, last in ((3, 9), (0, 1)):
        row, score, bar = grade([(2, 1, BREAK_BOS, False, 0.1, 0.2)], 1, first, last, 9)
        assert (row, bar) == (-1, 9) and np.isnan(score)
