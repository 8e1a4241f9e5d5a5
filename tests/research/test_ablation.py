"""Verdicts dealt out at random and vetoes at random: who gets what, and what the arms are told to come to."""

from __future__ import annotations

import numpy as np
import pytest

from pse.kernels import codes as c
from pse.kernels.contract import SETUP_DTYPE
from pse.kernels.state import VERDICT_DTYPE
from pse.research.ablation import Drawn, alone, beats, dealt, moved, of_draws, said, sizes, vetoes

NAN = float("nan")


def test_verdicts_change_hands_and_none_is_lost():
    asked = np.array([True, True, False, True, True, False, True])
    sided = np.array([True, True, True, True, False, False, False])
    found = dealt(asked, sided, np.flatnonzero(asked), np.random.default_rng(3))
    assert sorted(found[asked & sided].tolist()) == [0, 1, 3] and sorted(found[asked & ~sided].tolist()) == [4, 6]
    assert found[2] in (0, 1, 3) and found[5] in (4, 6)                # who was not asked gets one of the pool, of its own kind
    nobody = dealt(np.zeros(2, bool), np.ones(2, bool), np.zeros(0, int), np.random.default_rng(3))
    assert nobody.tolist() == [-1, -1]
    seen = {tuple(dealt(asked, sided, np.flatnonzero(asked), np.random.default_rng(seed)).tolist()) for seed in range(40)}
    assert len(seen) > 10


def setups(*rows):
    found = np.zeros(len(rows), SETUP_DTYPE)
    for one, (direction, entry, stop, target) in zip(found, rows, strict=True):
        one["direction"], one["entry"], one["stop"], one["target"], one["confidence"] = direction, entry, stop, target, 0.6
    return found


def verdicts(*rows):
    found = np.zeros(len(rows), VERDICT_DTYPE)
    for one, (word, direction, size, stop, target, confidence) in zip(found, rows, strict=True):
        one["code"], one["direction"], one["size_factor"], one["entry"] = c.VERDICTS.index(word), direction, size, NAN
        one["stop"], one["target"], one["confidence"] = stop, target, confidence
    return found


def test_an_edit_moves_as_the_same_part_of_the_way_to_the_entry():
    """The long's stop goes half of its 8 points nearer, its target a quarter of its 16: of a short with 4 and 10 points that is 2 and 2.5 points."""
    rows = setups((1, 100.0, 92.0, 116.0), (-1, 50.0, 54.0, 40.0))
    found = moved(verdicts(("MODIFY", 1, 0.5, 96.0, 112.0, 0.4), ("REJECT", -1, 1.0, NAN, NAN, NAN)), rows, np.array([1, 0]), np.full(2, 0.25))
    assert [c.VERDICTS[code] for code in found["code"]] == ["REJECT", "MODIFY"]
    one = found[1]
    assert (one["stop"], one["target"], one["size_factor"], one["confidence"], one["direction"]) == (52.0, 42.5, 0.5, 0.4, 0)


def test_what_was_left_as_it_was_stays_as_it_is_with_another():
    """Prices of the proposal, and its own confidence, were no edits; a verdict given to a setup of another side does not turn it."""
    rows = setups((1, 100.0, 92.0, 116.0), (-1, 50.0, 54.0, 40.0))
    found = moved(verdicts(("APPROVE", 1, 1.0, 92.0, 116.0, 0.6), ("APPROVE", -1, 1.0, 54.0, 40.0, 0.6)), rows, np.array([1, 0]), np.full(2, 0.25))
    assert np.isnan(found["stop"]).all() and np.isnan(found["target"]).all() and np.isnan(found["confidence"]).all() and (found["direction"] == 0).all()


def test_an_edit_never_reaches_the_entry_and_stays_on_the_grid():
    rows = setups((1, 100.0, 92.0, 116.0), (1, 10.0, 9.5, 10.75))
    found = moved(verdicts(("MODIFY", 1, 1.0, 99.75, 100.25, NAN), ("HOLD", 0, 1.0, NAN, NAN, NAN)), rows, np.array([1, 0]), np.full(2, 0.25))
    assert (found["stop"][1], found["target"][1]) == (9.75, 10.25)


def test_a_short_call_keeps_its_edits_on_the_side_of_a_short():
    """An open call tells its prices as a long's: stop 8 below; as a short's it stands 8 above, edited to 4 above; another call gets half of its own 6."""
    rows = setups((0, 100.0, 92.0, 116.0), (0, 50.0, 44.0, 62.0))
    found = moved(verdicts(("MODIFY", -1, 1.0, 104.0, NAN, 0.7), ("HOLD", 0, 1.0, NAN, NAN, NAN)), rows, np.array([1, 0]), np.full(2, 0.25))
    assert (found["stop"][1], found["direction"][1], found["confidence"][1]) == (53.0, -1, 0.7)


def test_nobodys_verdict_is_hold():
    found = moved(verdicts(("APPROVE", 1, 0.5, NAN, NAN, 0.2)), setups((1, 100.0, 92.0, 116.0)), np.array([-1]), np.full(1, 0.25))
    assert c.VERDICTS[found["code"][0]] == "HOLD" and found["size_factor"][0] == 1.0


def test_vetoes_fall_on_as_many_setups_as_the_judge_left_and_on_new_ones_at_its_rate():
    asked = np.zeros(4_000, bool)
    own = np.arange(0, 40)
    asked[:40] = True
    found = vetoes(asked, own, 10, np.random.default_rng(1))
    assert found[:40].sum() == 10 and found[40:].mean() == pytest.approx(0.25, abs=0.03)
    assert not vetoes(asked, own, 0, np.random.default_rng(1)).any()


def test_what_no_veto_at_random_falls_on_shares_the_sizes_that_the_judge_gave():
    own, fallen = np.array([0, 2, 4, 6, 8]), np.zeros(1_000, bool)
    fallen[[2, 6]] = True
    given = np.array([0.25, 0.5, 1.0])
    found = [sizes(fallen, own, given, np.random.default_rng(seed)) for seed in range(20)]
    assert all(sorted(one[[0, 4, 8]].tolist()) == [0.25, 0.5, 1.0] for one in found)
    assert len({tuple(one[[0, 4, 8]]) for one in found}) > 3 and found[0][9:].mean() == pytest.approx(1.75 / 3, abs=0.05)
    assert (sizes(fallen, own, np.zeros(0), np.random.default_rng(1)) == 1.0).all()


def test_draws_are_told_by_their_mean_and_what_most_lie_between():
    found = of_draws([Drawn(2, float(r), 10.0 * r, 1.0) for r in range(101)])
    assert (found["total_r"], found["net"], found["cost"], found["trades"]) == (50.0, 500.0, 1.0, 2.0)
    assert found["interval_r"] == pytest.approx([2.5, 97.5]) and found["interval_net"] == pytest.approx([25.0, 975.0])


def test_chance_does_as_well_as_often_as_it_is_counted():
    """Of 19 draws four come to 3 R and more, so one-sided (1 + 4) / (1 + 19)."""
    drawn = [Drawn(1, 3.0, 5.0)] * 4 + [Drawn(1, 0.0, -5.0)] * 15
    found = beats(Drawn(1, 3.0, 6.0), drawn)
    assert found["p_r"] == pytest.approx(0.25) and found["p_net"] == pytest.approx(0.05)
    assert found["more_r"] == pytest.approx(3.0 - 12.0 / 19) and found["more_net"] == pytest.approx(6.0 - (20.0 - 75.0) / 19)


def test_one_life_has_the_interval_of_its_sessions():
    r = np.array([1.0, -1.0] * 30)
    found = alone(r, np.repeat(np.arange(20), 3), Drawn(60, 0.0, 0.0), seed=1)
    low, high = found["interval_r"]
    assert low < 0.0 < high and alone(r[:2], np.zeros(2), Drawn(2, 0.0, 0.0), 1)["interval_r"] is None


def test_what_follows_is_said_in_words():
    arm = {"net": 100.0, "cost": 2.0}
    told = said({"judge": arm, "rules": {"net": 350.0}}, {"random_veto": {"p_net": 0.03}, "shuffled": {"p_net": 0.5}})
    assert told == ["The judge came to 250 less than rules alone, its own cost of 2.00 paid.",
                    "It did better than vetoes at random at the same rate and with its sizes: one-sided p = 0.030, that chance does at least as well.",
                    "It did no better than its own verdicts dealt out at random: one-sided p = 0.500, that chance does at least as well."]
