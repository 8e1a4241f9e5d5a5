"""Neighbours of a chosen configuration and the choices of folds, on tables small enough to count by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pse.research.plateau import levels_of, neighbours, plateau, stability

GRID = [{"a": a, "b": b} for a in (1, 2, 3) for b in (0.5, 1.0, 2.0)]          # place 4 is a=2 b=1.0


def values(centre, around, else_=0.0):
    found = np.full(9, else_)
    found[4] = centre
    found[[1, 3, 5, 7]] = around
    return found


def test_neighbours_are_one_level_away_in_one_parameter():
    assert neighbours(GRID, 4, levels_of(GRID)) == ([1, 3, 5, 7], "one step")
    assert neighbours(GRID, 0, levels_of(GRID)) == ([1, 3], "one step")


def test_a_plateau_a_spike_and_an_edge_are_told_apart():
    flat = plateau(GRID, values(2.0, [1.9, 1.0, 1.5, 0.99]), 4)
    assert (flat["word"], flat["neighbours"], flat["keep_half"], flat["worst_ratio"]) == ("plateau", 4, 0.75, pytest.approx(0.495))
    assert flat["median_ratio"] == pytest.approx(0.625)                        # of 0.95 0.5 0.75 0.495
    assert plateau(GRID, values(2.0, [0.2, 0.9, -1.0, 1.5]), 4)["word"] == "spike"
    corner = plateau(GRID, np.full(9, 1.0), 0)
    assert corner["word"] == "edge of the range"
    assert [(one["key"], one["bound"], one["value"]) for one in corner["edges"]] == [("a", "lowest", 1), ("b", "lowest", 0.5)]
    assert "a is at its lowest tried value, 1" in corner["text"]


def test_a_neighbour_without_a_figure_kept_nothing():
    found = plateau(GRID, values(2.0, [np.nan, 2.0, 2.0, 2.0]), 4)
    assert (found["keep_half"], found["worst_ratio"]) == (0.75, 0.0)


@pytest.mark.parametrize("own", [0.0, -1.0, np.nan])
def test_a_chosen_one_that_earns_nothing_has_no_word(own):
    found = plateau(GRID, values(own, 1.0), 4)
    assert found["word"] is None and "nothing that its neighbours could keep" in found["text"]
    json.dumps(found, allow_nan=False)


def test_a_single_configuration_has_no_neighbours():
    found = plateau([{"a": 1}], np.array([2.0]), 0)
    assert found["word"] is None and found["neighbours"] == 0


def test_names_are_one_step_from_each_other_and_have_no_edge():
    params = [{"side": side, "n": 1} for side in ("both", "long", "short")]
    found = plateau(params, np.array([1.0, 1.0, 0.1]), 0)
    assert (found["neighbours"], found["keep_half"], found["edges"]) == (2, 0.5, [])


def test_a_parameter_of_two_values_has_no_edge():
    assert plateau([{"a": 1}, {"a": 2}], np.ones(2), 0)["edges"] == []


def test_true_is_another_value_than_one():
    assert levels_of([{"a": True}, {"a": 1}]) == {"a": [True, 1]}


def test_a_search_at_random_takes_the_nearest_in_every_parameter():
    params = [{"a": float(i), "b": float((7 * i) % 41)} for i in range(41)]
    near, how = neighbours(params, 20, levels_of(params))
    assert how == "nearest" and 20 not in near and 0 < len(near) <= 4
    assert all(abs(params[i]["a"] - 20) <= 10 and abs(params[i]["b"] - params[20]["b"]) <= 10 for i in near)


def test_folds_that_choose_the_same_lie_nowhere_apart():
    found = stability(GRID, [GRID[4], GRID[4], None, GRID[4]])
    assert (found["folds"], found["different"], found["distance"]) == (3, 1, 0.0)
    assert found["parameters"][0]["chosen"] == [{"value": 2, "folds": [1, 2, 4]}]
    assert "hardly depends" in found["text"]


def test_the_distance_of_folds_is_over_the_range_tried():
    found = stability(GRID, [{"a": 1, "b": 0.5}, {"a": 3, "b": 0.5}, {"a": 2, "b": 2.0}])
    by_key = {one["key"]: one["distance"] for one in found["parameters"]}
    assert by_key == {"a": pytest.approx((1 + 0.5 + 0.5) / 3), "b": pytest.approx((0 + 1 + 1) / 3)}
    assert found["distance"] == pytest.approx(2 / 3)
    nine = [abs(x - y) / 2 for k, x in enumerate([1, 1, 1, 2, 2, 2, 3, 3, 3]) for y in [1, 1, 1, 2, 2, 2, 3, 3, 3][k + 1:]]
    assert found["parameters"][0]["by_chance"] == pytest.approx(np.mean(nine))


def test_fewer_than_two_choices_say_nothing():
    assert "Fewer than two folds" in stability(GRID, [None, GRID[0]])["text"]
    assert stability([{"a": 1}], [{"a": 1}, {"a": 1}])["distance"] is None
