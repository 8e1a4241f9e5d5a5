"""What a search proposes: the same for the same seed anywhere, nothing twice, nothing that cannot run, the desk's own first."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest

from pse.domain.errors import RequestError
from pse.domain.trials import Params, params_id
from pse.research.search import Parameter, Space, proposer
from pse.settings import SearchPolicy
from tests.conftest import REPOSITORY

WIDTH = Parameter("a.width", "float", low=0.5, high=2.0, step=0.5)
COUNT = Parameter("a.count", "int", low=1, high=3)
KIND = Parameter("a.kind", "choice", values=("x", "y"))
FLAG = Parameter("a.flag", "bool", values=(False, True))
REACH = Parameter("a.reach", "float", low=0.1, high=10.0, log=True)
AGE = Parameter("a.age", "int", low=1, high=1000, log=True)
OWN = {"a.width": 1.0, "a.count": 2, "a.kind": "y", "a.flag": False}
FINITE = Space((WIDTH, COUNT, KIND, FLAG), OWN)                                     # 4 x 3 x 2 x 2 = 48
OPEN = Space((WIDTH, REACH, AGE, KIND), {"a.width": 1.0, "a.reach": 3.0, "a.age": 14, "a.kind": "y"})


def policy(**changes) -> SearchPolicy:
    return SearchPolicy(**{"batch": 10, "trials": 50, **changes})


def hill(params: Params) -> float | None:
    """An objective with its top at width 1.5, kind x; undefined in a corner."""
    return None if params.get("a.count") == 3 and params.get("a.flag") else -abs(params.get("a.width", 1.0) - 1.5) - (params.get("a.kind") != "x")


def searched(space: Space, policy: SearchPolicy, seed: int = 1) -> list[list[Params]]:
    """All batches, each told what came before."""
    source, told, found = proposer(space, policy, seed), [], []
    while batch := source.batch(len(found), told):
        found.append(batch)
        told += [(one, hill(one)) for one in batch]
    return found


def flat(batches: list[list[Params]]) -> list[Params]:
    return [one for batch in batches for one in batch]


# --- the space -------------------------------------------------------------------------------------------------------------------------------------


def test_levels_are_the_numbers_that_one_would_write(tmp_path):
    assert WIDTH.levels == (0.5, 1.0, 1.5, 2.0) and COUNT.levels == (1, 2, 3)
    assert Parameter("a", "float", low=0.1, high=0.7, step=0.1).levels == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)        # not 0.30000000000000004
    assert Parameter("a", "float", low=0.0, high=1.0, step=0.3).levels == (0.0, 0.3, 0.6, 0.9)                       # the end is not forced in
    assert Parameter("a", "int", low=5, high=20, step=5).levels == (5, 10, 15, 20)
    assert REACH.levels is None and len(AGE.levels) == 1000
    assert FINITE.size == 48 and OPEN.size is None


def test_every_point_of_a_space_has_one_number_in_the_order_of_nested_loops():
    expected = [dict(zip(OWN, values, strict=True)) for values in product((0.5, 1.0, 1.5, 2.0), (1, 2, 3), ("x", "y"), (False, True))]
    assert [FINITE.point(number) for number in range(48)] == expected


def test_a_share_of_a_range_is_that_share_of_its_distance_or_of_its_ratio():
    assert [WIDTH.at(share) for share in (0.0, 0.26, 0.999)] == [0.5, 1.0, 2.0]
    assert REACH.at(0.5) == pytest.approx(1.0) and REACH.at(0.0) == 0.1                    # the geometric mean of 0.1 and 10
    assert AGE.at(0.0) == 1 and AGE.at(0.9999999) == 1000 and AGE.at(0.5) == 31            # floor of sqrt(1001)
    assert Parameter("a", "float", low=0.0, high=8.0).at(0.25) == 2.0
    assert Parameter("a", "float", low=0.0, high=1.0).at(1 / 3) == 0.333333                # six digits


def test_a_step_to_either_side_is_a_neighbour_and_what_cannot_run_is_none():
    space = Space((WIDTH, COUNT, KIND), OWN, lambda params: "no" if params["a.count"] == 3 else "")
    here = {"a.width": 0.5, "a.count": 2, "a.kind": "x"}
    assert space.neighbours(here) == [{**here, "a.width": 1.0}, {**here, "a.count": 1}, {**here, "a.kind": "y"}]
    assert WIDTH.beside(1.2) == [1.0, 1.5] and WIDTH.beside(None) == []                    # off the grid
    assert REACH.beside(1.0) == [pytest.approx(100 ** -0.125, rel=1e-5), pytest.approx(100 ** 0.125, rel=1e-5)]
    assert Parameter("a", "float", low=0.0, high=8.0).beside(0.5) == [0.0, 1.5]


def test_one_and_true_are_not_the_same_level():
    assert not Space((FLAG,), {"a.flag": False}).holds({"a.flag": 1}) and not Space((COUNT,), {"a.count": 1}).holds({"a.count": True})


# --- grid ------------------------------------------------------------------------------------------------------------------------------------------


def test_the_grid_is_every_point_once_behind_the_desk_s_own():
    found = flat(searched(FINITE, policy(method="grid")))
    assert found[0] == OWN and len(found) == 48 == len({params_id(one) for one in found})
    assert found[1:] == [FINITE.point(number) for number in range(48) if FINITE.point(number) != OWN]


def test_an_own_configuration_beside_the_grid_comes_on_top_of_it():
    space = Space((WIDTH, COUNT), {"a.width": 0.75, "a.count": 2})
    found = flat(searched(space, policy(method="grid", trials=12)))
    assert found[0] == space.own and len(found) == 13


def test_a_grid_with_more_points_than_trials_is_refused_with_both_numbers():
    with pytest.raises(RequestError, match=r"the grid has 48 points \(4 x 3 x 2 x 2\) and trials is 47; raise trials to 48"):
        proposer(FINITE, policy(method="grid", trials=47), 1)


def test_a_grid_over_a_range_without_steps_is_refused():
    with pytest.raises(RequestError, match="a.reach is a range from 0.1 to 10 without any"):
        proposer(OPEN, policy(method="grid"), 1)


def test_points_that_cannot_run_are_left_out_and_nothing_but_those_is_refused():
    none = Space(FINITE.parameters, OWN, lambda params: "a contradiction" if params["a.kind"] == "x" else "")
    assert len(flat(searched(none, policy(method="grid")))) == 24
    with pytest.raises(RequestError, match="no point of the grid can run: never"):
        proposer(Space(FINITE.parameters, OWN, lambda params: "never"), policy(method="grid"), 1)


# --- random ----------------------------------------------------------------------------------------------------------------------------------------


def test_random_draws_are_of_the_number_asked_and_never_repeat():
    for space in (FINITE, OPEN):
        batches = searched(space, policy(trials=37))
        found = flat(batches)
        assert [len(one) for one in batches] == [10, 10, 10, 7] and found[0] == space.own
        assert len({params_id(one) for one in found}) == 37 and all(space.holds(one) for one in found)


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_small_space_is_drawn_empty_and_then_there_is_no_more(method):
    found = flat(searched(FINITE, policy(method=method, trials=500)))
    assert len(found) == 48 and {params_id(one) for one in found} == {params_id(FINITE.point(number)) for number in range(48)}


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_what_cannot_run_is_never_proposed(method):
    space = Space(FINITE.parameters, OWN, lambda params: "no" if params["a.width"] * params["a.count"] > 3 else "")
    found = flat(searched(space, policy(method=method, trials=500)))
    assert len(found) == 4 * sum(width * count <= 3 for width in (0.5, 1, 1.5, 2) for count in (1, 2, 3))


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_space_in_which_nothing_can_run_is_refused_with_the_reason(method):
    for space in (FINITE, OPEN):
        with pytest.raises(RequestError, match="no combination of the values can run: never"):
            proposer(Space(space.parameters, space.own, lambda params: "never"), policy(method=method), 1)
    rare = Space((AGE, COUNT), {"a.age": 5, "a.count": 9}, lambda params: "" if params == {"a.age": 997, "a.count": 3} else "no")
    assert flat(searched(rare, policy(method=method))) == [{"a.age": 5, "a.count": 9}, {"a.age": 997, "a.count": 3}]


def test_draws_are_spread_evenly_over_distances_and_over_ratios():
    found = flat(searched(Space((REACH, AGE, Parameter("a.b", "float", low=0.0, high=1.0)), {"a.reach": 1.0, "a.age": 1, "a.b": 0.5}),
                          policy(trials=2000, batch=2000)))
    for values in ([math.log10(one["a.reach"]) / 2 + 0.5 for one in found], [math.log(one["a.age"] + 0.5) / math.log(1001) for one in found],
                   [one["a.b"] for one in found]):
        shares = np.histogram(values, bins=4, range=(0, 1))[0] / len(found)
        assert np.abs(shares - 0.25).max() < 0.07                # standard error 0.01; the first ages are wide steps


def test_levels_are_drawn_alike_often():
    seen = Counter(one["a.width"] for seed in range(40) for one in flat(searched(FINITE, policy(trials=13, batch=13), seed))[1:])
    assert max(seen.values()) - min(seen.values()) < 60          # 480 draws: 120 each, standard error about 9


# --- tpe -------------------------------------------------------------------------------------------------------------------------------------------


def test_a_batch_hangs_on_the_seed_its_number_and_what_was_told_alone():
    asked = policy(method="tpe", trials=60)
    batches = searched(OPEN, asked, 5)
    told = [(one, hill(one)) for one in flat(batches[:4])]
    fresh = proposer(OPEN, asked, 5)
    assert fresh.batch(4, told) == batches[4] == fresh.batch(4, told)          # asked for alone, and twice, by another proposer
    assert proposer(OPEN, asked, 6).batch(4, told) != batches[4] != fresh.batch(3, told)
    assert fresh.batch(4, [(one, -value if value else value) for one, value in told]) != batches[4]


def test_proposals_that_learn_find_the_top_more_often_than_draws():
    def near(method: str, seed: int) -> float:
        found = flat(searched(OPEN, policy(method=method, trials=60), seed))[20:]
        return np.mean([hill(one) > -0.3 for one in found])

    learned, drawn = (np.mean([near(method, seed) for seed in range(4)]) for method in ("tpe", "random"))
    assert learned > 2 * drawn


def test_an_undefined_objective_is_told_as_a_failed_trial_and_an_own_beside_the_space_not_at_all():
    space = Space((WIDTH, COUNT), {"a.width": 0.75, "a.count": None})
    source = proposer(space, policy(method="tpe", trials=12, batch=6), 1)
    first = source.batch(0)
    second = source.batch(1, [(one, None) for one in first])
    assert first[0] == space.own and len({params_id(one) for one in (*first, *second)}) == 12


def everywhere() -> list[list[list[Params]]]:
    return [searched(space, policy(method=method, trials=25), 3) for space in (FINITE, OPEN) for method in ("random", "tpe")]


def test_another_process_with_another_hash_seed_proposes_the_same():
    code = "import json; from tests.research.test_search import everywhere; print(json.dumps(everywhere()))"
    path = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    there = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path}, capture_output=True, check=True)
    assert json.loads(there.stdout) == everywhere()


def test_optuna_says_nothing(capfd, caplog):
    caplog.set_level(logging.DEBUG)
    searched(FINITE, policy(method="tpe", trials=25))
    assert capfd.readouterr() == ("", "") and caplog.records == []


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RequestError, match=r"pip install 'pse-toolkit\[research\]'"):
        proposer(FINITE, policy(method="tpe"), 1).batch(0)
