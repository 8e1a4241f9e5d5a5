"""Where sessions close at different times a day can be over for one symbol and not for another: the tail gate weighs no return before it is known."""

import numpy as np
import pytest

from pse.kernels import contract as k
from tests.engine.made import batches, bodies
from tests.engine.plain import entry, market

LAST = 79                                        # the row of the day that is over for ES only
FILLED = {(1, 10): (4_000.0, 4_000.0, 3_999.0, 4_000.0)}
NOT_YET = {(1, minute, k.C_DAILY_ROW): float(LAST) for minute in range(5, 61, 5)}


def tail_lines(change, known):
    """The tail-risk gate of the ES setup of minute 20 beside a long NQ; `change`: NQ's return of the last day, `known` from minute 15 on or never."""
    own = {key: row for key, row in NOT_YET.items() if not known or key[1] <= 10}
    prepared = market([entry(10, 1), entry(20, 0)], ("ES", "NQ"), bars=FILLED, context=own, flat_session=0, max_gross=100.0, partial=0.0)
    prepared.world.returns[LAST, 1] = change
    found = list(batches(prepared))
    assert [body["symbol"] for body in bodies(found, "FILL")][:1] == ["NQ"]
    return [gate for body in bodies(found, "GATES") if body["symbol"] == "ES" and body["stage"] == "after" for gate in body["gates"] if gate[0] == "tail_risk"]


@pytest.mark.parametrize("change", [-0.5, 0.5])
def test_a_return_that_is_not_known_yet_is_not_weighed(change):
    assert tail_lines(change, known=False) == tail_lines(np.nan, known=False) != []


def test_the_same_return_is_weighed_once_its_day_is_over():
    """One loss of half the position in 80 days is the worst of them: the expected shortfall at 97.5 % is half of it and over its limit."""
    assert tail_lines(-0.5, known=True) != tail_lines(np.nan, known=True)
