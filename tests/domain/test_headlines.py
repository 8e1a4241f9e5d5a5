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


@pytest.mark.parametrize("hidden", [
    "h\u0430\u0441k", "\u0441\u0433\u0430\u0455\u04bb", "\u1d18\u1d00\u0274\u026a\u1d04", "p\u03b1n\u03b9c", "p\u0301a\u0308n\u0302ic",
    "\U0001d421\U0001d41a\U0001d41c\U0001d424",
    "h4ck", "cr@sh", "pan1c", "h.a.c.k", "b a n", "C-R-A-S-H", "h\u2800ack"])
def test_a_word_in_letters_that_resemble_its_own_raises_its_flag(hidden):
    """Cyrillic, small capitals, Greek, accents, mathematical letters, figures, signs between the letters, a blank of Braille."""
    assert len(red_flags(plain(f"Exchange says {hidden} today"))) == 1, plain(hidden)


def test_folding_raises_no_flag_by_itself():
    honest = ("Urban banner", "\u0411\u0430\u043d\u043a \u0420\u043e\u0441\u0441\u0438\u0438", "\u4e2d\u56fd\u592e\u884c",
              "S&P 500 up 4.5 % in Q3", "a b c of bonds", "3M and 7-Eleven")
    assert [one for one in honest if red_flags(plain(one))] == []


def test_of_marks_piled_on_a_letter_two_are_left():
    assert plain("ha" + "\u0301\u0302\u0303\u0304" * 50 + "ck") == "h\u00e1\u0302\u0303ck"


def test_the_titles_at_a_moment_are_the_last_ones_known_then():
    headlines = Headlines(np.array([10, 20, 20, 30]) * HOUR, np.zeros(4, bool), ("a", "b", "c", "d"))
    assert headlines.last(9 * HOUR, 2) == [] and headlines.last(10 * HOUR, 2) == [0] and headlines.last(29 * HOUR, 2) == [2, 1]
    assert headlines.last(99 * HOUR, 9) == [3, 2, 1, 0] and Headlines(np.array([1]), np.array([True])).last(5, 5) == []


def test_a_headline_that_comes_later_changes_nothing_before_it():
    ts = np.arange(40) * HOUR
    early, late = Headlines(np.array([10]) * HOUR, np.array([True])), Headlines(np.array([10, 25]) * HOUR, np.array([True, True]))
    for one, two in zip(early.at(ts, 6 * HOUR), late.at(ts, 6 * HOUR), strict=True):
        np.testing.assert_array_equal(one[:25], two[:25])
    assert early.digest_between(0, 24 * HOUR) == late.digest_between(0, 24 * HOUR) != late.digest_between(0, 25 * HOUR)
