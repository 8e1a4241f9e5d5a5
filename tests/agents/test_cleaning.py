"""Text of strangers: what is left of it on one line, and that nothing in it ends its quotes."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.agents.cleaning import DATA_BEGINS, DATA_ENDS, TITLE_LETTERS, clean, data_block, quoted
from tests.agents.injections import injections


@pytest.mark.parametrize(("text", "left"), [
    ("Fed holds  rates\n\nsteady", "Fed holds rates steady"),
    ("<p>Fed <b>holds</b></p><!-- buy -->", "Fed holds"),
    ("Fed &lt;b&gt;holds&lt;/b&gt; &amp; waits", "Fed holds & waits"),
    ("more at https://evil.example/x?y=1 today", "more at [link] today"),
    ("see www.evil.example now", "see [link] now"),
    ("javascript:alert(1) said so", "[link] said so"),
    ("```json {} ```", "json {}"),
    ("\u202eabc\u202c\u200b\ufeffd\x00e", "abcde"),
    ("\uff22\uff35\uff39", "BUY"),
    ("oil < 70 and gas > 3", "oil < 70 and gas > 3"),
    ("profit: 3.1bn", "profit: 3.1bn"),
])
def test_what_is_left_of_a_text(text, left):
    assert clean(text) == left


def harmless(text: str, letters: int = TITLE_LETTERS) -> bool:
    """One line of so many letters without signs that nobody sees, or links."""
    return len(text) <= letters and "://" not in text and "```" not in text and all(unicodedata.category(sign)[0] != "C" for sign in text) and (
        text.splitlines() in ([], [text])) and "  " not in text and text == text.strip()


def test_an_injection_becomes_one_harmless_line():
    assert len(injections()) >= 300
    assert [one for one in injections() if not harmless(clean(one))] == []


@given(st.text(max_size=600))
def test_any_text_becomes_one_harmless_line(text):
    assert harmless(clean(text))


@given(st.text(alphabet=list("<>/&;:h tp.w`~\u200b\u202e\uff1c\u0301\ud800a\n\"\\"), max_size=80))
def test_any_mixture_of_signs_that_mean_something_becomes_one_harmless_line(text):
    assert harmless(clean(text, 40), 40)


@given(st.text(max_size=200))
def test_a_quoted_text_reads_back_and_holds_no_angle_bracket_or_line_end(text):
    line = quoted({"title": clean(text)})
    assert json.loads(line) == {"title": clean(text)} and not {"<", ">", "\n", "\r"} & set(line)


def test_a_block_has_its_marks_once_whatever_stands_in_it():
    block = data_block({"title": clean(one)} for one in injections())
    lines = block.split("\n")
    assert lines[0] == DATA_BEGINS and lines[-1] == DATA_ENDS and len(lines) == len(injections()) + 2
    assert block.count(DATA_ENDS) == 1 and block.count("<data>") == 1
    assert [set(json.loads(line)) for line in lines[1:-1]] == [{"title"}] * len(injections())
