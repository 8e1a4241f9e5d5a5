"""Proposals that learn: the tree-structured Parzen estimator of Optuna, made anew for every batch.

Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization.  A batch is drawn by a fresh sampler seeded by (seed, number of the batch), which is told
everything measured before it in order; those of the batch that are drawn already count as bad while the next is drawn (constant liar), so that a
batch spreads.  What was drawn before is drawn anew from the whole space: a configuration that is measured twice teaches nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.domain.errors import RequestError
from pse.domain.trials import Params, Value, params_id
from pse.research.search import Parameter, Space, Told, draws


@dataclass(frozen=True, eq=False)
class Learning:
    """The batches of one search."""

    space: Space
    trials: int
    size: int
    seed: int

    def batch(self, number: int, told: Told = ()) -> list[Params]:
        """As `Proposer.batch`; an undefined objective (None) is told as a failed trial, the desk's own values outside the space are not told."""
        count = min(self.size, self.trials - number * self.size)
        if count <= 0 or len(told) < number * self.size:         # nothing was left to propose in the batch before
            return []
        before: list[Params] = [params for params, _ in told]
        found: list[Params] = [] if number else [dict(self.space.own)]
        asked = _asked(self.space, told, count - len(found), self._seed(number, 0)) if count > len(found) else []
        rng = np.random.Generator(np.random.PCG64(self._seed(number, 1)))
        seen = {params_id(one) for one in (*before, *found)}
        for params in asked:
            if params_id(params) not in seen and not self.space.refused(params):
                seen.add(params_id(params))
                found.append(params)
        return draws(self.space, rng, len(before) + count, [*before, *found])[len(before):]

    def _seed(self, *names: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=names)


def _asked(space: Space, told: Told, count: int, seed: np.random.SeedSequence) -> list[Params]:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise RequestError("method: tpe needs optuna, which is not installed; run: pip install 'pse-toolkit[research]', or write `method: random`") \
            from error
    spaces = {one.key: _distribution(optuna.distributions, one) for one in space.parameters}
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                    # of options that its authors may yet change
            sampler = optuna.samplers.TPESampler(seed=int(seed.generate_state(1)[0]), multivariate=True, constant_liar=True)
            study = optuna.create_study(direction="maximize", sampler=sampler)
            for params, value in told:
                if space.holds(params):
                    outcome = {"state": optuna.trial.TrialState.FAIL} if value is None else {"value": value}
                    given = {one.key: _inside(one, params[one.key]) for one in space.parameters}
                    study.add_trial(optuna.trial.create_trial(params=given, distributions=spaces, **outcome))
            asked = [study.ask(spaces).params for _ in range(count)]
    finally:
        optuna.logging.set_verbosity(level)
    return [{one.key: _outside(one, params[one.key]) for one in space.parameters} for params in asked]


def _distribution(kinds: Any, one: Parameter) -> Any:
    """Levels go by their place, so that their values come back to the bit; names and flags have no order."""
    if one.levels is None or one.log:
        return (kinds.IntDistribution if one.type == "int" else kinds.FloatDistribution)(one.low, one.high, log=one.log)
    return kinds.IntDistribution(0, len(one.levels) - 1) if _has_order(one.levels) else kinds.CategoricalDistribution(tuple(range(len(one.levels))))


def _has_order(levels: Sequence[Value]) -> bool:
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in levels)


def _inside(one: Parameter, value: Value) -> Any:
    return value if one.levels is None or one.log else one.levels.index(value)


def _outside(one: Parameter, value: Any) -> Value:
    if one.levels is None:
        return one.rounded(float(value))
    return value if one.log else one.levels[value]
