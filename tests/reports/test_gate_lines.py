"""What gates measured, in units that a reader knows, and ways out as sentences."""

import pytest

from pse.reports.gate_lines import measures, way_out


@pytest.mark.parametrize(("given", "said"), [
    (("daily_loss", "DAILY_LOSS", False, 0.0312, 0.03), ("3.12 %", "under 3.00 %")),
    (("bracket", "SL_CAP", False, 9.25, 8.0), ("9.25 points", "at most 8 points")),
    (("bracket", "OK", True, 2.5, 1.5), ("+2.50 R", "at least +1.50 R")),
    (("bracket", "OK", True, 0.05, 0.15, "activation"), ("+0.05 R", "at most +0.15 R")),
    (("session", "MCS", False, 6.0, 160.0), ("RANGE", "TREND_DOWN, TRANSITION")),
    (("spread", "UNMEASURED", True, None, 0.5), ("–", "at most 0.5 ticks")),
    (("blackout", "NEWS_BLACKOUT", False, 1.0, 0.0), ("yes", "no")),
    (("directional", "OFF", True, 0.0, 0.0), ("–", "–")),
    (("tail_risk", "INSUFFICIENT", True, 9.0, 60.0), ("9 days", "at least 60 days")),
    (("expected_value", "EV", False, 0.0699, 0.07), ("0.0699", "at least 0.0700"))])
def test_figures_have_their_unit_and_differ_where_they_are_not_the_same(given, said):
    assert measures(*given) == said


def test_a_way_out_says_what_would_have_become_of_the_setup():
    assert way_out("the limit", "R", "at most", 1.5, 1.4, "OK", 2.0, "gates.min_reward_r") == (
        "gates.min_reward_r at most +1.40 R (it was +1.50 R): then approved, quantity 2")
    assert way_out("without the order ES LONG 2", "", "", None, None, "EV", None, "") == (
        "without the order ES LONG 2: then the next no is EV (the expected result after costs was too small)")
