"""What moves together is one bet: correlations, connected parts, and what the exposure gate leaves of a quantity."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.groups import correlation
from tests.kernels import worlds as w
from tests.naive import groups as naive


@given(st.integers(0, 2**32 - 1), st.sampled_from([10, 20, 60]), st.integers(0, 90))
def test_the_correlation_of_the_last_common_days_is_that_of_its_definition(seed, days, known):
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.01, (90, 2))
    returns[:, 1] += rng.choice([0.0, 1.0, -3.0]) * returns[:, 0]
    returns[rng.random((90, 2)) < rng.choice([0.0, 0.1, 0.4])] = np.nan
    if rng.random() < 0.1:
        returns[:, int(rng.integers(0, 2))] = 0.003
    found, expected = correlation(returns, 0, 1, known, days), naive.correlation(returns[:known, 0], returns[:known, 1], days)
    assert found == pytest.approx(expected, abs=1e-9) or (math.isnan(found) and math.isnan(expected))


def test_a_correlation_by_hand():
    """Returns 1 2 3 4 and 1 3 2 4: covariance 4, variances 5 and 5, so 0.8."""
    returns = np.array([[1.0, 1.0], [2.0, 3.0], [3.0, 2.0], [4.0, 4.0]]) / 100
    assert correlation(returns, 0, 1, 4, 4) == pytest.approx(0.8, abs=1e-12)
    assert math.isnan(correlation(returns, 0, 1, 3, 4)) and math.isnan(correlation(returns, 0, 1, 4, 5))


LIMITS = {"max_quantity": 100, "flat_session": 0, "max_gross": 900, "max_concurrent": 1.0, "max_daily_loss": 1.0, "ev_min": -9, "max_group": 99,
          "correlation_days": 10, "max_risk": 0.01, "r_unit": 0.01, "min_confidence": 0}


def several(returns, given_, **limits):
    """(symbol, quantity) of entries at 1000 with four points of risk, one after the other in the order `given_` of (symbol, direction, size)."""
    n = returns.shape[1]
    line = w.tape([(m, *(1000.0,) * 4, w.NONE, s) for m in range(-1, 5 * len(given_) + 5) for s in range(n)])
    setups = [w.setup(5 * i, 1000.0, 1000.0 - 4 * d, 1000.0 + 16 * d, symbol=s, size_multiple=size, order_type=k.MARKET, valid=2)
              for i, (s, d, size) in enumerate(given_)]
    instruments = [w.instrument(has_micro=0, group=-1, point_value=50)] * n
    ran = w.run(line, w.world(line, setups, w.decision_rows(line, DAILY_ROW=float(len(returns))), instruments,
                              w.policy(**{**LIMITS, "max_correlated": 0.02, **limits}), returns), 1_000_000.0)
    return [(e["symbol"], e["b"]) for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_NEW], ran


def moving(n, seed=3, days=10):
    """Returns of n symbols that move alone."""
    return np.random.default_rng(seed).normal(0, 0.01, (days, n))


def test_what_moves_together_may_risk_twice_what_one_trade_may():
    """A trade of 1 R takes 1 % of 1,000,000 over 200 + 5 a contract: 48 of them.  Slippage aside each holds 9,600 at risk, of 20,000 for all that move alike:
    the third gets what is left of it."""
    base = moving(1)
    alike = np.hstack([base, 2 * base, 0.5 * base, -base])
    found, ran = several(alike, [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0), (3, 1, 1.0)])
    held = [q for s, q in found if s != 3]
    assert held[:2] == [48.0, 48.0] and held[2] < 10 and (3, 48.0) in found                    # the fourth moves against them: no part of the bet
    gates = [e for e in ran.of(c.E_GATES) if e["j"] == c.G_EXPOSURE and e["symbol"] == 2]
    assert c.REASONS[gates[-1]["code"]] == "REDUCED" and gates[-1]["b"] == 0.02 and gates[-1]["a"] > 0.02


def test_a_bet_without_room_is_refused_as_correlated():
    base = moving(1)
    _, ran = several(np.hstack([base, 2 * base, 3 * base]), [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0)], max_correlated=0.0191)
    assert ran.refused == {2: "CORRELATED"}


def test_opposite_sides_and_few_common_days_make_no_bet():
    base = moving(1)
    alike = np.hstack([base, 2 * base, 3 * base])
    assert [q for _, q in several(alike, [(0, 1, 1.0), (1, -1, 1.0), (2, 1, 1.0)])[0]] == [48.0] * 3
    alike[4, 2] = np.nan
    assert [q for _, q in several(alike, [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0)])[0]] == [48.0] * 3
    assert [q for _, q in several(alike, [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0)], correlation_days=0)[0]] == [48.0] * 3


def test_what_moves_with_what_moves_together_is_of_the_bet_too():
    """A with B and B with C, not A with C: the third of them joins the bet of both."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 0.01, (2, 400))
    x, y = x - x.mean(), y - y.mean()
    y -= x * (x @ y) / (x @ x)
    y *= np.sqrt(x @ x) / np.sqrt(y @ y)
    angle = np.deg2rad(35)                                                                     # cos 35 = 0.82, cos 70 = 0.34
    chain = np.column_stack([x, np.cos(angle) * x + np.sin(angle) * y, np.cos(2 * angle) * x + np.sin(2 * angle) * y])
    pairs = [correlation(chain, a, b, 400, 400) for a, b in ((0, 1), (1, 2), (0, 2))]
    assert pairs == pytest.approx([0.819, 0.819, 0.342], abs=1e-3)
    found, _ = several(chain, [(0, 1, 1.0), (2, 1, 1.0), (1, 1, 1.0)], correlation_days=400)
    assert [q for _, q in found[:2]] == [48.0, 48.0] and dict(found)[1] < 10
    found, _ = several(chain, [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0)], correlation_days=400)
    assert dict(found)[2] < 10


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_the_quantity_equals_that_of_the_naive_graph(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    common = rng.normal(0, 0.01, (30, 2))
    returns = common[:, rng.integers(0, 2, n)] * rng.choice([-1, 1], n) + rng.normal(0, 1, (30, n)) * rng.choice([0.0, 0.004, 0.008], n)
    returns[rng.random((30, n)) < 0.05] = np.nan
    order = [(int(s), int(rng.choice([-1, 1, 1])), float(rng.choice([0.4, 0.7, 1.0]))) for s in rng.permutation(n)]
    found = dict(several(returns, order, correlation_days=20)[0])
    held = []
    for s, d, size in order:
        budget = math.floor(1_000_000 * 0.01 * size / 205 + 1e-9)
        beside = sum(risk for _, _, risk in naive.bet((s, d), held, returns.T, 20, 0.8))
        # positions have filled a tick worse than their entry; their risk is counted from the market that stands still
        wanted = min(budget, math.floor((0.02 * equity_of(held) - beside) / 200 + 1e-9))
        assert found.get(s, 0.0) == wanted
        if wanted:
            held.append((s, d, 200.0 * wanted))


def equity_of(held):
    """1,000,000 less a tick of 12.50 and the entry's fee of 2.50 a contract."""
    return 1_000_000 - 15.0 * sum(risk / 200 for _, _, risk in held)
