"""A judged run is explained with what its judge said: verdicts given again from the journal, and a size that follows from the edited figures."""

from __future__ import annotations

import numpy as np
import pytest

from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.engine.explain import explained
from pse.engine.said import Said, said_again
from pse.engine.sizing_steps import sizing_steps
from pse.kernels import codes as c
from tests.engine.made import TO_THE_END, Shape, all_events, batches, journal_lines, made

RICH = Shape(500, 80, ("ES", "NQ"), rich=True)


def drawn(seed):
    """A judge that edits: less size, a tighter stop, a nearer target, a side for an open call, at a price; sometimes beyond what it may."""
    rng = np.random.default_rng(seed)

    def judge(briefing):
        found = []
        for one in briefing.candidates:
            d = {"LONG": 1, "SHORT": -1, "EITHER": int(rng.choice([-1, 1]))}[one.direction]
            word = str(rng.choice(["APPROVE", "MODIFY", "MODIFY", "REJECT", "HOLD"]))
            stop = one.stop + d * float(rng.choice([0.25, 0.5])) if rng.random() < 0.4 and one.direction != "EITHER" else None
            found.append(Verdict(word, float(rng.choice([1.0, 0.5, 0.7, 1.5])), d, stop=stop, confidence=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.7 else
                                 None))
        return Deliberation(tuple(found), {"by": "test"}, cost_usd=float(rng.choice([0.0, 0.02])))

    return judge


def judged(seed):
    prepared = made(seed, RICH, Mode(end_ns=TO_THE_END, ask=True))
    return prepared, list(batches(prepared, decide=drawn(seed)))


def without_words(found):
    return [line for line in journal_lines(found) if line[0] != "DELIBERATION"]


@pytest.mark.parametrize("seed", range(6))
def test_the_journals_verdicts_make_the_run_again(seed):
    prepared, found = judged(seed)
    lines = journal_lines(found)
    again = list(batches(prepared, decide=said_again(lines)))
    assert sum(kind == "DECISION" for kind, _, _ in lines) > 5 and without_words(again) == without_words(found)


def test_the_size_of_a_judged_setup_follows_from_what_the_verdict_left():
    """The last step before the gates of the account is what the sizing gate told, without anything that is not listed."""
    sized = 0
    for seed in range(4):
        prepared, found = judged(seed)
        again, events = said_again(journal_lines(found)), all_events(found)
        for one in events[(events["kind"] == c.E_DECISION) & (events["a"] > 0.0)][:4]:
            told = explained(prepared, int(one["setup"]), ways=False, decide=again)
            assert (told.quantity, told.asked.stop, told.asked.target, told.asked.size_factor) == pytest.approx(
                (one["a"], one["c"], one["d"], one["e"]), nan_ok=True)
            steps = [step.what for _, part in sizing_steps(told) for step in part]
            assert steps and not [what for what in steps if "not listed here" in what]
            assert ("what the verdict left of it" in steps) == (one["e"] != 1.0)
            sized += 1
    assert sized > 3


def test_a_judge_that_held_for_want_of_money_or_of_an_end_did_not_fail():
    """Both keep their word: nothing more may be spent, nobody agreed in the rounds there are.  Only a judge that could not answer counts for the breaker."""
    bodies = {1: ("HELD", ["BUDGET"]), 2: ("HELD", ["RETRY", "ROUNDS"]), 3: ("HELD", ["TIMEOUT"]), 4: ("DECIDED", ["TIMEOUT"]), 5: ("HELD", [])}
    said = Said(deliberations={(ts, "ES"): {"outcome": outcome, "codes": codes} for ts, (outcome, codes) in bodies.items()})
    assert [said.failed((ts, "ES")) for ts in (1, 2, 3, 4, 5, 6)] == [False, False, True, False, True, False]
