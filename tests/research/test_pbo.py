"""PBO against a hand calculation, its naive twin, and what is known of noise and of planted edges."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from pse.domain.errors import RequestError
from pse.research.pbo import pbo
from tests.naive import pbo as naive


def noise(seed, sessions=1000, columns=100):
    return np.random.default_rng(seed).standard_normal((sessions, columns)) * 0.01


def test_two_blocks_by_hand():
    matrix = np.array([[3.0, 1.0], [1.0, 1.0], [-1.0, 2.0], [1.0, 0.0]])       # block means: first column 2 and 0, second 1 and 1
    found = pbo(matrix, 2, "mean")
    assert found.value == 1.0 and found.splits == 2
    np.testing.assert_allclose(found.logits, [math.log(0.5)] * 2, atol=1e-15)  # rank 1 of 2 each time: 1/3 over 2/3
    assert found.chosen.tolist() == [0, 1]
    assert found.in_sample.tolist() == [2.0, 1.0] and found.out_of_sample.tolist() == [0.0, 1.0]
    assert found.slope == pytest.approx(-1.0) and found.oos_loss == 0.5     # the mean of -1 and 1 is no success


def made(random, kind):
    """A small matrix: plain noise, or with equal, still, seldom trading or scaled columns."""
    blocks = int(random.choice([2, 4, 6]))
    matrix = random.standard_normal((int(random.integers(2 * blocks, 40)), int(random.integers(2, 7)))) * 0.01
    if kind == 1:
        matrix[:, -1] = matrix[:, 0]
    elif kind == 2:
        matrix[:, 0] = 0.0
    elif kind == 3:
        matrix[:, int(random.integers(matrix.shape[1]))] = 0.003
    elif kind == 4:
        matrix[random.random(matrix.shape) < 0.8] = 0.0
    elif kind == 5:
        matrix[:, -1] = 4.0 * matrix[:, 0]
    return matrix, blocks


@pytest.mark.parametrize("kind", range(6))
def test_pbo_equals_its_naive_twin(kind):
    random = np.random.default_rng(100 + kind)
    for _ in range(170):
        matrix, blocks = made(random, kind)
        statistic = "mean" if random.random() < 0.2 else "sharpe"
        found, (value, logits, best, inside, outside) = pbo(matrix, blocks, statistic), naive.pbo(matrix, blocks, statistic)
        assert found.value == value and found.chosen.tolist() == best
        np.testing.assert_allclose(found.logits, logits, atol=1e-12)
        np.testing.assert_allclose(found.in_sample, inside, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.out_of_sample, outside, rtol=1e-9, atol=1e-12)
        column = int(random.integers(matrix.shape[1]))
        assert found.of_chosen(column) == pytest.approx(naive.loss_of(matrix, blocks, column, statistic), abs=1e-12)


def test_all_halvings_of_sixteen_blocks_are_looked_at():
    found = pbo(noise(1))
    assert found.splits == math.comb(16, 8) == 12_870 == found.logits.size
    assert found.picked.sum() == 12_870 and found.picked.size == 100


@pytest.mark.parametrize("seed", range(3))
def test_columns_without_a_mean_are_overfitted_exactly_always(seed):
    matrix = noise(seed, 960, 40)
    centred = matrix - matrix.mean(axis=0)                                     # what won in one half lost as much in the other
    assert pbo(centred).value == 1.0 and pbo(centred, statistic="mean").value == 1.0
    assert pbo(centred).oos_loss == 1.0


def test_noise_gives_about_a_half_and_a_single_matrix_says_little():
    found = np.array([pbo(noise(seed, 500, 40)).value for seed in range(40)])
    assert 0.42 <= found.mean() <= 0.60                                        # .52 by simulation
    assert 0.10 <= found.std() <= 0.24                                         # .16 by simulation


def test_a_planted_edge_is_found_again():
    strong, fair = [], []
    for seed in range(12):
        matrix = noise(seed)
        matrix[:, 7] += 0.2 * 0.01                                             # .2 a day
        strong.append(pbo(matrix))
        matrix[:, 7] += (2.5 / math.sqrt(252) - 0.2) * 0.01                    # 2.5 a year
        fair.append(pbo(matrix))
    assert np.mean([one.value for one in strong]) < 0.051                       # one such matrix gave .051
    assert np.mean([one.value for one in fair]) == pytest.approx(0.09, abs=0.08)
    assert all(one.picked.argmax() == 7 and one.of_chosen(7) < 0.01 for one in strong)


def test_equally_good_neighbours_give_a_half_and_lose_seldom():
    found = []
    for seed in range(15):
        matrix = noise(seed, 1260, 50) + 2.0 / math.sqrt(252) * 0.01
        found.append(pbo(matrix))
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.12)
    assert np.mean([one.oos_loss for one in found]) < 0.05


def test_a_half_without_a_trade_is_no_success():
    """By hand: the first column earns in the first two of four blocks and then trades no more; it is the best wherever one of them chooses."""
    matrix = np.zeros((16, 2))
    matrix[:8, 0] = np.tile([0.01, 0.02], 4)
    matrix[:, 1] = np.tile([-0.02, 0.01], 8)
    found = pbo(matrix, 4)
    assert found.chosen.tolist() == [0] * 6                                    # standing still is better than losing
    assert found.oos_loss == 1 / 6 and found.of_chosen(0) == 1 / 6              # of six halves one holds neither of the two blocks
    assert found.of_chosen(1) == 1.0


def test_scaling_and_order_of_columns_change_nothing():
    matrix = noise(5, 300, 12)
    scaled = matrix * np.linspace(0.5, 3.0, 12)
    order = np.random.default_rng(0).permutation(12)
    one = pbo(matrix, 8)
    np.testing.assert_allclose(pbo(scaled, 8).logits, one.logits, atol=1e-12)
    np.testing.assert_allclose(pbo(matrix[:, order], 8).logits, one.logits, atol=1e-12)


def test_halvings_stay_within_memory():
    matrix = noise(2, 1200, 800)
    tracemalloc.start()
    pbo(matrix)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6                                                         # all halvings at once would take 82 MB for one half alone


@pytest.mark.parametrize(("matrix", "why"), [(noise(1, 100, 1), "1 configuration: there is nothing"), (noise(1, 100, 0), "0 configurations"),
                                             (noise(1, 31, 5), "31 sessions are fewer than two for each of 16 blocks")])
def test_too_little_to_choose_from_is_nothing_with_a_reason(matrix, why):
    found = pbo(matrix)
    assert found.value is None and found.oos_loss is None and found.slope is None and found.of_chosen(0) is None and why in found.why


@pytest.mark.parametrize("blocks", [0, 1, 15, 22])
def test_an_odd_number_of_blocks_is_refused(blocks):
    with pytest.raises(RequestError, match="even number from 2 to 20"):
        pbo(noise(1), blocks)


def test_a_missing_return_and_an_unknown_statistic_are_refused():
    matrix = noise(1, 64, 3)
    with pytest.raises(RequestError, match="one of sharpe, mean"):
        pbo(matrix, 4, "sortino")
    matrix[3, 1] = np.nan
    with pytest.raises(RequestError, match="finite return for every session"):
        pbo(matrix, 4)
