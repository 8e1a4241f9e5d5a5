"""The table of single bars through the whole engine, under each shipped fill policy, long and mirrored short."""

from functools import cache
from pathlib import Path

import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.settings import load_settings
from tests.kernels import worlds as w
from tests.kernels.golden_fills import CASES

BEFORE = {"": None, "rests": (100.5, 100.75, 100.25, 100.5), "held": (100.25, 100.5, 99.75, 100.0)}
LEGS = {"ENTRY": "E", "STOP": "S", "TARGET1": "T", "TARGET2": "T", "EXIT": "X"}


@cache
def shipped(name):
    """A policy of configs/fills.yaml as fields of the policy record, and the slippage ticks that it puts in the place of the instrument's."""
    found = load_settings(Path("no-such-home")).fills[name]
    return found.rules(), found.slippage_ticks


def mirrored(bar):
    open_, high, low, close = (200.0 - price for price in bar)
    return open_, low, high, close


def ran(case, name, side):
    rules, ticks = shipped(name)
    before = BEFORE[case.before]
    bars = [(0, *before)] if before else []
    bars.append((len(bars), *case.bar))
    if side < 0:
        bars = [(bar[0], *mirrored(bar[1:])) for bar in bars]
    bars[-1] = (*bars[-1], case.more.get("volume", w.NONE), 0, 20231114, case.more.get("flags", 0))
    limit = case.more.get("limit_price", w.NONE)
    given = w.setup(0, 100.0, 100.0 - 2 * side, 100.0 + 4 * side, order_type=getattr(k, case.order), limit_price=100.0 + side * (limit - 100.0),
                    invalid_flags=0)
    limits = {**rules, "max_quantity": case.more.get("wanted", 1), "max_slippage_r": 9, "min_reward_r": 0.1, "partial": 0.0}
    instrument = {"stop_cap": 30, **({} if ticks is None else {"slippage_ticks": ticks})}
    return w.one_trade(bars, given, limits, instrument, capital=250_000.0), len(bars) - 1


def words(fills, minute, side, wanted):
    """The fills of a minute in the words of the table, prices of the long side."""
    told = [f"{LEGS[leg]} {kind} {100.0 + side * (price - 100.0):g}" + (f" x{quantity:g}" if wanted > 1 else "")
            for at, leg, kind, price, quantity in fills if at == minute]
    return "; ".join(told)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("name", ["conservative", "pessimistic", "optimistic", "drill"])
@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.order} {case.before} {case.why}") for case in CASES])
def test_a_bar_fills_as_worked_by_hand(case, name, side):
    found, minute = ran(case, name, side)
    assert words(found.fills, minute, side, case.more.get("wanted", 1)) == getattr(case, "conservative" if name == "drill" else name)


def test_the_table_is_long_and_its_cases_differ():
    assert len(CASES) >= 60 and len({case[:3] + (str(case.more),) for case in CASES}) == len(CASES)
    assert all("E" in fill or "S" in fill or "T" in fill for case in CASES for fill in case[3:6] if fill)
    assert {case.order for case in CASES} == set(c.ORDER_TYPES[1:])
