"""Words that several modules use are written once."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import pse.agents.asking as asking
import pse.agents.contracts as contracts
from pse.agents import cleaning, rules
from pse.clock import SECOND_NS
from pse.domain.models import Failed
from pse.reports.judged import WHY_HELD


@pytest.mark.parametrize(("module", "name", "first"), [(contracts, "REASON_LETTERS", cleaning), (contracts, "EITHER", rules)])
def test_a_word_of_several_modules_is_that_of_the_first(module, name, first):
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert getattr(module, name) is getattr(first, name) and f"\n{name} =" not in source and f"\n{name}, " not in source


def test_a_second_is_that_of_the_clock():
    assert asking.SECOND_NS is SECOND_NS


def test_each_way_in_which_a_model_may_fail_has_words_in_the_report():
    assert set(get_args(Failed)) <= set(WHY_HELD)
    assert set(WHY_HELD) - set(get_args(Failed)) == {"DEADLINE", "NOT_AN_ANSWER", "ROUNDS"}          # what the chain itself ends with
