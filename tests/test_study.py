"""A sample of the study of the court: worlds whose edge is known, each put through the whole of `pse wfo`."""

from __future__ import annotations

import pytest

from benchmarks.study import EDGES, Judged, judged, table
from benchmarks.worlds import DRIFT, grid, prices, weekdays

pytest.importorskip("arch")


@pytest.mark.slow
def test_random_walks_are_not_believed_and_a_planted_edge_is(tmp_path):
    walks = [judged(0.0, seed, tmp_path / "same") for seed in (1, 2, 3)]
    planted = [judged(2.0, seed, tmp_path / "same") for seed in (1, 2)]
    assert all(one.verdict != "CREDIBLE" and "lookahead" not in one.failed for one in walks)
    assert [one.verdict for one in planted] == ["CREDIBLE", "CREDIBLE"]
    assert all(one.sharpe > 1.0 for one in planted)


def test_the_same_world_without_its_drift_goes_nowhere_and_is_on_the_grid():
    days = weekdays(2_000)
    walk, drifting = prices(5, days, 0.0), prices(5, days, DRIFT[3.0])
    assert (walk["high"] >= walk["low"]).all() and ((walk["close"] * 100).round() / 100 == walk["close"]).all()
    moves = {name: (one["close"].log().diff().drop_nulls() * 100).to_list() for name, one in (("walk", walk), ("drift", drifting))}
    told = [sum(a * b for a, b in zip(one, one[1:], strict=False)) / sum(a * a for a in one) for one in moves.values()]
    assert abs(told[0]) < 0.06 < told[1]                 # days that drift one way follow each other; 2,000 of a walk correlate by less than 0.06 or so


def test_each_edge_has_a_drift_and_the_search_fifty_configurations():
    assert set(EDGES) == set(DRIFT) and len(grid()) == 50
    assert sorted(DRIFT, key=DRIFT.__getitem__) == sorted(EDGES)


def test_the_table_counts_verdicts_by_edge():
    one = Judged(2.0, 1, "CREDIBLE", "all", (), 2.5, 2.5, 0.99, 0.5, 1.0)
    others = [Judged(2.0, 2, "UNPROVEN", "dsr", ("dsr",), 1.0, 1.0, 0.9, 0.5, 1.0), Judged(2.0, 3, "OVERFIT", "pbo", (), None, 0.1, 0.1, 0.9, 1.0)]
    shown = table([one, one, *others])
    assert "| 2 | 4 | 0 | 1 | 1 | 2 | 50.0% (15.0% to 85.0%) | 1.75 |" in shown          # Wilson's interval of 2 in 4
