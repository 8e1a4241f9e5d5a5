"""Headlines: what is taken out of a text, which words raise a flag, and what is known of them at a moment."""

import numpy as np
import pytest

from pse.domain.headlines import RED_FLAGS, Headlines, cleaned, headline_id, red_flags

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(("text", "flags"), [
    ("Exchange HACK drains wallets", ("hack",)), ("hacked and banned", ()), ("Ban, panic and a ban", ("ban", "panic")), ("urban regulators", ()),
    ("Regulator orders suspension", ("regulator", "suspension")), ("", ()),
])
def test_flags_are_whole_words_whatever_their_case_each_once(text, flags):
    assert red_flags(text) == flags and set(flags) <= set(RED_FLAGS)


def test_a_word_hidden_by_marks_that_nobody_sees_is_found():
    """Zero-width space and joiner, a direction override, full-width letters, an entity, a tag."""
    for hidden in ("h\u200bac\u200dk", "\u202ehack\u202c", "ｈａｃｋ", "ha&#99;k", "<b>hack</b>"):
        assert red_flags(cleaned(hidden, 100)) == ("hack",), hidden


def test_cleaned_text_is_one_line_of_at_most_so_many_letters_without_markup():
    assert cleaned("  <script>x()</script>A\n\n  &lt;b&gt; long\ttitle \x07 ", 100) == "x() A <b> long title"
    assert cleaned("word " * 100, 12) == "word word wo"


def test_the_id_of_a_headline_moves_with_each_of_its_parts():
    parts = [(1, "a", "t", ""), (2, "a", "t", ""), (1, "b", "t", ""), (1, "a", "u", ""), (1, "a", "t", "BTCUSDT")]
    assert len({headline_id(*one) for one in parts}) == 5 and headline_id(*parts[0]) == headline_id(*parts[0])


def test_age_counts_from_the_last_one_known_and_a_flag_for_its_time_inclusive():
    headlines = Headlines(np.array([10, 20, 30]) * HOUR, np.array([False, True, False]))
    age, flag = headlines.at(np.array([9, 10, 19, 20, 26, 27, 31]) * HOUR, 6 * HOUR)
    np.testing.assert_array_equal(age / HOUR, [np.nan, 0, 9, 0, 6, 7, 1])
    assert flag.tolist() == [0, 0, 0, 1, 1, 0, 0]


def test_a_headline_that_comes_later_changes_nothing_before_it():
    ts = np.arange(40) * HOUR
    early, late = Headlines(np.array([10]) * HOUR, np.array([True])), Headlines(np.array([10, 25]) * HOUR, np.array([True, True]))
    for one, two in zip(early.at(ts, 6 * HOUR), late.at(ts, 6 * HOUR), strict=True):
        np.testing.assert_array_equal(one[:25], two[:25])
    assert early.digest_between(0, 24 * HOUR) == late.digest_between(0, 24 * HOUR) != late.digest_between(0, 25 * HOUR)
