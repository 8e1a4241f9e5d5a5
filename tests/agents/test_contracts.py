"""What a role may answer, field by field, and what it is told when it answers otherwise."""


import pytest

from pse.agents.contracts import ANSWERS, SignalAnswer, parse
from pse.agents.reading import NotAnAnswer
from tests.agents.shown import OPEN, TWO, WHOLE, signal


def refused(kind, reply, candidates=TWO):
    with pytest.raises(NotAnAnswer) as caught:
        parse(kind, reply, candidates)
    return caught.value


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_every_kind_has_a_whole_answer_that_is_read(kind):
    candidates = (OPEN,) if kind == "spot" else TWO
    assert isinstance(parse(kind, WHOLE[kind], candidates), ANSWERS[kind])


def test_a_signal_keeps_what_was_said():
    answer = parse("signal", signal(size_factor=0.5, stop=4994, risk_flags=["late_entry", "late_entry"], verdict="revise"), TWO)
    assert isinstance(answer, SignalAnswer)
    assert (answer.setup_id, answer.size_factor, answer.stop, answer.risk_flags) == ("a1-long", 0.5, 4994.0, ("late_entry",))
