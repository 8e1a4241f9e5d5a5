"""What a walk-forward asks for reaches whoever does it: each test reads a value that would be another one if a word were dropped on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from pse.commands import wfo as walking
from pse.commands import work as working
from pse.commands.wfo_ready import Ready, pinned, policy_from, ready
from pse.commands.wfo_search import Candidate, Walk
from pse.domain.trials import TRIAL_TRADE, Measured
from pse.research.folds import fold_plan
from pse.settings import SearchPolicy
from pse.store.runs import read_manifest
from tests.commands.made_runs import context_of
from tests.commands.walked import finished


def made(holdout: float = 0.0, **changes: Any) -> Ready:
    """The finished walk-forward as it stood before anything was measured, with other inputs where `changes` names them."""
    context, manifest = context_of(finished().home), read_manifest(finished().folder / "manifest.json")
    policy = policy_from(manifest.extra["wfo"]["policy"]).model_copy(update={"holdout": holdout})
    return ready(context, replace(pinned(context, manifest), **changes), policy, 3)


def test_stricter_fills_cost_money_and_kinder_ones_bring_some():
    stitched = finished().wfo["stitched"]
    worst, own, best = (stitched[name]["equity"][-1] for name in ("pessimistic", "own", "optimistic"))
    as_traded = stitched["equity"][-1]
    assert worst < as_traded < best and own != worst


def test_every_draw_of_random_entries_is_another_one():
    draws = pl.read_parquet(finished().folder / "random_entries.parquet")
    assert draws.height == 4 and draws["net_usd"].n_unique() == 4
    assert finished().wfo["stitched"]["figures"]["net_usd"] not in draws["net_usd"].to_list()


def test_an_audit_that_was_left_out_is_no_clean_one():
    wfo = finished().wfo
    [clause] = [one for one in wfo["court"]["clauses"] if one["code"] == "lookahead"]
    assert wfo["lookahead"] == "NOT RUN" and clause["passed"] is None


def test_no_session_of_a_test_window_or_of_the_embargo_behind_it_is_scored_in_train():
    """By hand: six groups of twenty days, each candidate flat; whatever two groups test, they and the three days behind them are not trained on."""
    day = 86_400 * 10**9
    opens, dates = np.arange(120) * day, np.arange(20_200_101, 20_200_221, dtype=np.int32)
    plan = fold_plan(dates, opens, opens + day // 2, 6, scheme="cpcv", embargo_sessions=3, groups=6, test_groups=2)
    numbers = [np.arange(20 * group, 20 * group + 20) for group in range(6)]
    spans = {span: Measured(span, 100.0, dates[own], np.full(20, 100.0), np.zeros(0, TRIAL_TRADE)) for span, own in zip(plan.groups, numbers, strict=True)}
    place: Any = None
    walk = Walk(place, place, SearchPolicy(scheme="cpcv"), plan, 1, lambda measured: 0.0)
    for fold in plan.folds:
        tested = [group for group in range(6) if plan.groups[group] in fold.test]
        barred = {number for group in tested for number in range(20 * group, 20 * group + 23)}
        assert len(tested) == 2
        assert walk.train(Candidate("own", {}, spans), fold).dates.tolist() == [dates[n] for n in range(120) if n not in barred]


def test_a_search_on_other_bars_has_another_name():
    inputs = made().inputs
    other = made(snapshot=replace(inputs.snapshot, id="0" * len(inputs.snapshot.id)))
    assert made().name == made().name != other.name


def test_what_is_sealed_tells_nothing_of_the_market():
    sealed = made(holdout=0.2)
    assert sealed.holdout_sessions == 89
    dates = walking._closes(sealed)["session_date"]
    assert dates.max() == int(sealed.walk.plan.dates[-1]) < walking._closes(made())["session_date"].max()


def test_a_worker_does_not_load_what_is_sealed():
    sealed = made(holdout=0.2)
    held = working._load(sealed.walk.place)
    latest = max(int(one.ts_close[-1]) for one in held.bench._bars)
    assert latest <= sealed.walk.plan.searched.end_ns < sealed.inputs.end_ns == made().walk.place.end_ns
