"""Numbers of a rationale against those of its briefing; every case worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.agents.grounding import check

SHOWN = (5012.25, 5005.5, 2.1, 0.118, 71.4, -0.37, 14.75, 1_234_567.0, 0.00025)


@pytest.mark.parametrize(("text", "grounded", "ungrounded"), [
    ("Stop at 5005.5 below the sweep, RSI 71.4", ("5005.5", "71.4"), ()),
    ("Entry near 5012", ("5012",), ()),                                        # cut to whole points
    ("Entry near 5013", (), ("5013",)),
    ("RSI 71 is high", ("71",), ()),
    ("RSI 72 is high", (), ("72",)),
    ("drawdown 12 % so far", ("12 %",), ()),                                   # 0.118 in percent
    ("drawdown 11.8% so far", ("11.8%",), ()),
    ("drawdown 16% so far", (), ("16%",)),
    ("cost of 2.5 bps a side", ("2.5 bps",), ()),                              # 0.00025
    ("the last trade lost 0.37R", ("0.37R",), ()),                             # the sign is said in words
    ("reward 2.1x the risk", ("2.1x",), ()),
    ("reward 3.5R", (), ("3.5R",)),
    ("volume 1,234,567 contracts", ("1,234,567",), ()),
    ("volume of 1.2m", ("1.2m",), ()),
    ("1st: 3 reasons, the 5m and the 15m agree, EMA20 and the 200-day mean rise, M15, v1.2", (), ()),
    ("no number at all", (), ()),
    ("", (), ()),
])
def test_a_number_is_grounded_where_the_briefing_shows_it_at_that_precision(text, grounded, ungrounded):
    found = check(text, SHOWN)
    assert (found.grounded, found.ungrounded) == (grounded, ungrounded)


@given(st.lists(st.floats(13.0, 1e7).map(lambda value: round(value, 2)), min_size=1, max_size=8))
def test_what_a_briefing_shows_is_grounded_however_it_is_rounded(values):
    for places in (2, 1, 0):
        text = " and ".join(f"{value:.{places}f}" for value in values)
        assert check(text, values).ungrounded == ()


@given(st.floats(13.0, 1e6).map(lambda value: round(value, 1)), st.floats(1.01, 3.0))
def test_a_number_that_is_further_off_than_its_last_digit_is_not(value, factor):
    other = round(value * factor + 0.2, 1)
    assert check(f"about {other:.1f}", [value]).grounded == ()


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    check(text, SHOWN)
