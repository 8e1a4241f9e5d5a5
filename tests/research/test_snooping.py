"""The reality check: what arch says, on what, and how often it cries wolf."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pse.domain.errors import RequestError
from pse.research.snooping import KINDS, common_block, reality_check

arch = pytest.importorskip("arch.bootstrap")


def noise(seed, sessions=500, columns=20):
    return np.random.default_rng(seed).standard_normal((sessions, columns)) * 0.01


@pytest.mark.parametrize("studentised", [False, True])
def test_p_values_are_those_of_arch(studentised):
    matrix = noise(1, 300, 5) * np.array([1.0, 2.0, 0.5, 1.0, 3.0]) + 0.0005
    test = arch.SPA(np.zeros(300), -(matrix / matrix.std(axis=0, ddof=1) if studentised else matrix), block_size=4, reps=200, bootstrap="stationary", seed=9)
    test.compute()
    found = reality_check(matrix, 9, 200, block=4, studentised=studentised)
    assert found["block"] == 4 and found["draws"] == 200 and found["configurations"] == 5 and found["why"] == ""
    for kind in KINDS:
        assert found[kind] == pytest.approx((200 * test.pvalues[kind] + 1) / 201, abs=1e-12)


def test_same_seed_same_answer():
    assert reality_check(noise(1), 4, 100) == reality_check(noise(1), 4, 100)
    assert reality_check(noise(1), 4, 100) != reality_check(noise(1), 5, 100)


def test_the_size_of_positions_changes_nothing():
    matrix = noise(3, 300, 8)
    one, other = (reality_check(matrix * scale, 2, 200, block=2) for scale in (1.0, np.array([1.0, 4.0, 0.25, 2.0, 8.0, 1.0, 0.5, 16.0])))
    assert [one[kind] for kind in KINDS] == [other[kind] for kind in KINDS]


def test_a_planted_edge_is_seen_among_noise_and_noise_is_not():
    matrix = noise(5, 1260, 20)
    assert reality_check(matrix, 1, 500)["consistent"] > 0.1
    matrix[:, 3] += 3.0 / math.sqrt(252) * 0.01
    assert reality_check(matrix, 1, 500)["consistent"] <= 0.05


def test_hopeless_companions_weigh_in_whites_check_more_than_in_hansens():
    matrix = noise(6, 500, 30)
    matrix[:, 1:] -= 0.003
    matrix[:, 0] += 0.0008
    found = reality_check(matrix, 1, 500)
    assert found["lower"] <= found["consistent"] < found["upper"]


def test_blocks_follow_the_memory_of_the_returns():
    random = np.random.default_rng(7)
    shocks, slow = random.standard_normal((1000, 6)), np.zeros((1000, 6))
    for t in range(1, 1000):
        slow[t] = 0.6 * slow[t - 1] + shocks[t]
    assert common_block(slow) > 3.0 * common_block(shocks)
    mixed = np.column_stack((shocks, slow[:, 0] + 0.5))          # the best column decides where it remembers more
    assert common_block(mixed) == pytest.approx(common_block(slow[:, :1]), rel=1e-9)
    assert common_block(slow[:, :1]) == pytest.approx(float(arch.optimal_block_length(slow[:, 0])["stationary"].iloc[0]), rel=1e-6)


@pytest.mark.parametrize(("matrix", "why"), [
    (noise(1, 49, 5), "49 sessions; from 50 on"), (noise(1, 100, 0), "none of 0 configurations"), (np.zeros((100, 3)), "none of 3 configurations"),
    (np.zeros((0, 3)), "0 sessions")])
def test_too_little_is_nothing_with_a_reason(matrix, why):
    found = reality_check(matrix, 1)
    assert all(found[kind] is None for kind in KINDS) and found["draws"] == 0 and why in found["why"]


def test_a_missing_return_is_refused():
    matrix = noise(9, 100, 4)
    matrix[50, 2] = np.nan
    with pytest.raises(RequestError, match="finite return for every session"):
        reality_check(matrix, 1)


def test_a_configuration_that_never_traded_is_left_out():
    matrix = np.column_stack((noise(8, 200, 4), np.zeros(200)))
    assert reality_check(matrix, 1, 100) == reality_check(matrix[:, :4], 1, 100)


@pytest.mark.slow
def test_worthless_rules_are_rejected_about_as_often_as_the_level_says():
    found = np.array([list(reality_check(noise(seed), seed, 200).values())[:3] for seed in range(100)])
    rates = (found <= 0.05).mean(axis=0)                         # 6.5, 4.0 and 4.0 % by another simulation
    assert (rates <= 0.12).all() and rates[0] >= rates[1] >= rates[2] and rates[0] > 0.0


@pytest.mark.slow
def test_an_edge_of_sharpe_two_over_five_years_is_seen_nearly_always():
    seen = 0
    for seed in range(40):
        matrix = noise(seed, 1260, 20)
        matrix[:, 0] += 2.0 / math.sqrt(252) * 0.01
        seen += reality_check(matrix, seed, 200)["consistent"] <= 0.05
    assert seen >= 35                                            # 98 % by another simulation
