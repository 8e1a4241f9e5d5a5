"""Every reason that a run can give is a plain sentence."""

import pytest

from pse.kernels.codes import REASONS
from pse.kernels.targets import CODES
from pse.reports.reasons import SENTENCES, WHO, sentence


@pytest.mark.parametrize("code", sorted({*REASONS, *CODES}))
def test_every_code_is_a_sentence_without_codes_in_it(code):
    text = SENTENCES[code]
    assert text[0].isupper() and text.endswith(".") and 3 <= len(text.split()) <= 25 and "_" not in text
    assert not {word for word in text.replace(".", "").split() if word in {*REASONS, *CODES} - {"RSI", "MACD"}}


def test_no_sentence_is_left_of_a_code_that_is_gone_and_none_says_two_things():
    assert set(SENTENCES) == {*REASONS, *CODES} and len(set(SENTENCES.values())) == len(SENTENCES)


def test_who_says_no_has_words_too():
    assert set(WHO) == {"tactic", "selection", "gate", "judge", "order"} and sentence("SOMETHING_NEW") == "Something new"
