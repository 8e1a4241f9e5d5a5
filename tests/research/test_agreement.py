"""Agreement of repeated answers, held against published tables, statsmodels, and answers whose flip rate is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.research.agreement import Share, agreement_of_two, cohen_kappa, fleiss_kappa, flips, modal, pairwise, unanimous

# Ten subjects, fourteen raters, five categories: a table often reprinted with kappa 0.210 (P-bar 0.378, chance 0.213).
FOURTEEN = ((0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
            (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7))


def answers(counts):
    return [[category for category, count in enumerate(row) for _ in range(count)] for row in counts]


def test_fleiss_kappa_of_the_table_of_fourteen_raters():
    table = answers(FOURTEEN)
    assert round(pairwise(table), 3) == 0.378
    assert round(fleiss_kappa(table), 3) == 0.210


def test_a_hand_calculated_table():
    # Subject 1: AAAB, 3 of 6 pairs agree; subject 2: AABB, 2 of 6.  Mean 5/12; A 5/8, B 3/8, chance 34/64; kappa = (5/12 - 34/64) / (30/64) = -11/45.
    table = ["AAAB", "AABB"]
    assert pairwise(table) == pytest.approx(5 / 12, abs=1e-15)
    assert fleiss_kappa(table) == pytest.approx(-11 / 45, abs=1e-15)
    assert (flips(table).hits, flips(table).trials) == (3, 8)
    assert (unanimous(["AA", "AB", "C"]).hits, unanimous(["AA", "AB", "C"]).trials) == (1, 2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(2, 9), st.integers(2, 5))
def test_fleiss_kappa_is_that_of_statsmodels(seed, subjects, draws, kinds):
    theirs = pytest.importorskip("statsmodels.stats.inter_rater")
    table = np.random.default_rng(seed).integers(0, kinds, (subjects, draws))
    if np.unique(table).size == 1:
        assert fleiss_kappa(table.tolist()) is None
        return
    counts, _ = theirs.aggregate_raters(table)
    assert fleiss_kappa(table.tolist()) == pytest.approx(theirs.fleiss_kappa(counts, method="fleiss"), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(2, 4))
def test_cohens_kappa_is_that_of_statsmodels(seed, subjects, kinds):
    theirs = pytest.importorskip("statsmodels.stats.inter_rater")
    first, second = np.random.default_rng(seed).integers(0, kinds, (2, subjects))
    square = np.zeros((kinds, kinds))
    np.add.at(square, (first, second), 1)
    found = cohen_kappa(first.tolist(), second.tolist())
    if found is None:
        assert np.unique([first, second]).size == 1
        return
    assert found == pytest.approx(theirs.cohens_kappa(square, return_results=False), abs=1e-12)


@pytest.mark.parametrize(("hits", "trials", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)])
def test_the_interval_of_a_share_is_that_of_newcombes_examples(hits, trials, low, high):
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    assert Share(hits, trials).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_of_a_share_is_that_of_statsmodels(first, second):
    theirs = pytest.importorskip("statsmodels.stats.proportion")
    hits, trials = min(first, second), max(first, second, 1)
    assert Share(hits, trials).interval == pytest.approx(theirs.proportion_confint(hits, trials, method="wilson"), abs=1e-12)


def test_what_nobody_answered_is_no_number():
    assert Share(0, 0).value is None and Share(0, 0).interval is None
    assert fleiss_kappa([]) is None and pairwise([["A"]]) is None and cohen_kappa([], []) is None
    assert fleiss_kappa(["AAA", "AAA"]) is None          # chance agrees as well as they do


def test_subjects_of_unequally_many_answers_have_no_fleiss_kappa():
    with pytest.raises(ValueError, match="2 to 3"):
        fleiss_kappa(["AA", "ABA"])


def test_two_who_agree_in_three_of_four():
    # Cohen by hand: observed 3/4; A 3/4 and 2/4, B 1/4 and 2/4; chance 6/16 + 2/16 = 1/2; kappa 1/2.
    assert agreement_of_two("AAAB", "AABB").hits == 3
    assert cohen_kappa("AAAB", "AABB") == pytest.approx(0.5, abs=1e-15)


def test_of_equally_frequent_answers_the_first_is_the_usual_one():
    assert modal("BAAB") == "B"


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.3])
def test_a_known_flip_rate_lies_in_its_interval(rate):
    """25 requests of 20 draws, a hundred times: Wilson's 95 % interval must hold the true rate at least 93 times."""
    inside = 0
    for seed in range(100):
        flipped = np.random.default_rng(seed).random((25, 20)) < rate
        low, high = flips(flipped.tolist()).interval
        inside += low <= rate <= high
    assert inside >= 93
