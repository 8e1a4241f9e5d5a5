"""What gates measured, in units that a reader knows, and ways out as sentences."""

import pytest

from pse.reports.gate_lines import measures, number, way_out


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
    (("expected_value", "EV", False, 0.0699, 0.07), ("+0.0699 R", "at least +0.07 R")),
    (("expected_value", "OK", True, 0.07004, 0.07001), ("0.07004 R", "at least 0.07001 R")),
    (("daily_loss", "OK", True, -0.0081, 0.03), ("gain of 0.81 %", "at most 3.00 %"))])
def test_figures_have_their_unit_and_differ_where_they_are_not_the_same(given, said):
    assert measures(*given) == said


@pytest.mark.parametrize(("value", "kind", "said"), [
    (0.00412, "R", "+0.00412 R"), (-0.0123, "R", "\u22120.0123 R"), (0.07, "R", "+0.07 R"), (0.0, "R", "+0.00 R"), (1.234, "R", "+1.23 R"),
    (1.0, "shares", "1 share"), (12.0, "contracts", "12 contracts"), (1.5, "points", "1.5 points")])
def test_small_figures_keep_the_digits_that_matter(value, kind, said):
    assert number(value, kind) == said


def test_a_way_out_shows_in_what_the_limit_differs():
    assert way_out("the limit", "R", "at most", 0.07, 0.0641, "OK", 2.0, "gates.ev_min_r") == (
        "gates.ev_min_r at most +0.0641 R (it was +0.07 R): then approved, quantity 2")
    assert "2.9996 % (it was 3.0000 %)" in way_out("the limit", "of equity", "at most", 0.03, 0.029996, "OK", None, "limits.max_daily_loss")


def test_a_way_out_says_what_would_have_become_of_the_setup():
    assert way_out("the limit", "R", "at most", 1.5, 1.4, "OK", 2.0, "gates.min_reward_r") == (
        "gates.min_reward_r at most +1.40 R (it was +1.50 R): then approved, quantity 2")
    assert way_out("without the order ES LONG 2", "", "", None, None, "EV", None, "") == (
        "without the order ES LONG 2: then the next no is EV (the expected result after costs was too small)")


def test_one_of_anything_counted_is_told_in_the_singular():
    assert [number(1.0, kind) for kind in ("lots", "contracts", "days", "ms")] == ["1 lot", "1 contract", "1 day", "1 ms"] and number(2.0, "lots") == "2 lots"
