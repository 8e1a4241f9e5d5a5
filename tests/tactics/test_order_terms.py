"""What an entry of a tactic must say of its order."""

import numpy as np
import pytest

from pse.kernels import contract as k
from pse.tactics.scan import unlike_orders
from tests.kernels import worlds as w


@pytest.mark.parametrize(("terms", "said"), [
    ({}, ""), ({"order_type": k.STOP}, ""), ({"order_type": k.STOP_LIMIT, "limit_price": 100.25}, ""), ({"order_type": k.STOP_LIMIT, "limit_price": 99.0}, ""),
    ({"order_type": 9}, "order_type 9"), ({"time_in_force": 7}, "time_in_force 7"),
    ({"order_type": k.STOP_LIMIT, "limit_price": np.nan}, "limit_price nan and stop 98"),
    ({"order_type": k.STOP_LIMIT}, "limit_price 0 and stop 98"), ({"order_type": k.STOP_LIMIT, "limit_price": 98.0}, "limit_price 98 and stop 98")])
def test_an_order_that_no_market_takes_is_named_with_its_figures(terms, said):
    found = unlike_orders(w.setup(0, 100.0, 98.0, 104.0, **terms))
    assert said in found and bool(found) == bool(said)


def test_a_short_stop_limit_has_its_limit_below_its_stop():
    short = w.setup(0, 100.0, 102.0, 96.0, order_type=k.STOP_LIMIT, limit_price=99.75)
    assert not unlike_orders(short)
    short["limit_price"] = 102.5
    assert "limit_price 102.5 and stop 102" in unlike_orders(short)
