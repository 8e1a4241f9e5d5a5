"""All questions of an instant are known to a judge who takes time before the first of them is answered, and nothing else changes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from pse.agents.rendering import render
from pse.agents.rules import decide as rules
from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from tests.engine.made import TO_THE_END, Shape, batches, journal_lines, made, state_of

SHAPE = Shape(700, 200, ("ES", "NQ", "RTY"), missing=0.0, rolls=False)


class Early:
    """A judge that is told ahead; `word` is what it says of every candidate, or rules decide."""

    def __init__(self, word: str | None = None) -> None:
        self.word, self.told, self.asked = word, defaultdict(list), defaultdict(list)

    def __call__(self, briefing):
        self.asked[briefing.known_at].append(render(briefing))
        return rules(briefing) if self.word is None else Deliberation(tuple(Verdict(self.word) for _ in briefing.candidates))

    def ahead(self, briefings):
        assert briefings[0].known_at not in self.told and len({one.known_at for one in briefings}) == 1
        self.told[briefings[0].known_at] = [render(one) for one in briefings]


def run(seed, judge, shape=SHAPE, **policy):
    mode = Mode(end_ns=TO_THE_END, ask=True)
    prepared = made(seed, shape, mode, **policy)
    return journal_lines(list(batches(prepared, decide=judge, state=state_of(prepared, 100_000.0))))


@pytest.mark.parametrize("seed", range(6))
def test_where_every_answer_is_hold_all_questions_of_an_instant_were_told_ahead_as_they_came(seed):
    judge = Early("HOLD")
    run(seed, judge)
    several = {at: texts for at, texts in judge.asked.items() if len(texts) > 1}
    assert several and all(judge.told[at] == texts for at, texts in several.items())
    assert all(len(texts) > 1 for texts in judge.told.values())


def test_where_rules_decide_the_first_question_is_always_as_it_was_told_and_most_others_too():
    later = []
    for seed in range(6):
        judge = Early()
        run(seed, judge)
        assert all(judge.asked[at][0] == texts[0] for at, texts in judge.told.items())
        later += [text in judge.told[at] for at, texts in judge.asked.items() if at in judge.told for text in texts[1:]]
    assert later and np.mean(later) > 0.5


@pytest.mark.parametrize("seed", range(6))
def test_a_judge_who_is_told_ahead_makes_the_same_journal_as_one_who_is_not(seed):
    assert run(seed, Early(), SHAPE, llm_failures=2) == run(seed, rules, SHAPE, llm_failures=2)


def test_a_judge_of_one_symbol_is_told_of_nothing():
    judge = Early()
    run(1, judge, Shape(400, 60, ("ES",), missing=0.0, rolls=False))
    assert judge.asked and not judge.told


def test_rich_worlds_with_moving_rates_and_open_calls_are_told_as_they_come():
    judge = Early("HOLD")
    run(3, judge, Shape(600, 260, ("ES", "NQ", "RTY"), missing=0.05, rich=True))
    assert judge.told and all(judge.asked[at] == texts for at, texts in judge.told.items() if len(judge.asked[at]) == len(texts))
