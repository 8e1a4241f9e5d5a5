"""Headlines: what is taken out of a text, which words raise a flag, and what is known of them at a moment."""

import numpy as np
import pytest

from pse.domain.headlines import RED_FLAGS, Headlines, cut, headline_id, plain, red_flags

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(("text", "flags"), [
    ("Exchange HACK drains wallets", ("hack",)), ("hacked and banned", ()), ("Ban, panic and a ban", ("ban", "panic")), ("urban regulators", ()),
    ("Regulator orders suspension", ("regulator", "suspension")), ("", ()),
])
def test_flags_are_whole_words_whatever_their_case_each_once(text, flags):
    assert red_flags(text) == flags and set(flags) <= set(RED_FLAGS)


def test_a_word_hidden_by_marks_that_nobody_sees_is_found():
    """Zero-width space and joiner, a direction override, full-width letters, an entity, a tag; a joiner and a selector without ink."""
    for hidden in ("h\u200bac\u200dk", "\u202ehack\u202c", "ｈａｃｋ", "ha&#99;k", "<b>hack</b>", "h\u034fack", "hac\ufe0fk"):
        assert red_flags(plain(hidden)) == ("hack",), hidden


def test_markup_is_found_under_its_wrapping():
    """As entities, entities of entities, full-width signs, and with a mark between that nobody sees."""
    for wrapped in ("&lt;b&gt;hack&lt;/b&gt;", "&amp;lt;b&amp;gt;hack&amp;lt;/b&amp;gt;", "＜b＞hack＜/b＞", "<\u200bb>hack<\u200b/b>", "＆lt;b＆gt;hack",
                    "<i<i>>hack"):
        assert plain(wrapped).strip("<> i") == "hack" and red_flags(plain(wrapped)) == ("hack",), wrapped


def test_signs_of_comparison_are_no_markup():
    assert plain("rates < 5 and a ban if > 7") == "rates < 5 and a ban if > 7" and plain("A &lt; B &amp; C") == "A < B & C"


def test_a_text_wrapped_without_end_costs_a_few_rounds_and_stays_text():
    assert plain("&" + "amp;" * 50 + "lt;") == "&" + "amp;" * 40 + "lt;"


def test_plain_text_is_one_line_without_markup_and_is_cut_where_asked():
    assert plain("  <script>x()</script>A\n\n  &lt;b&gt; long\ttitle \x07 ") == "x() A long title"
    assert cut("word " * 100, 12) == "word word wo" and cut("word word", 5) == "word"


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
