"""Evidence made by hand, and what the court says of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pse.domain.trials import TRIAL_TRADE
from pse.research.court import NULL_FIGURES, Evidence, FoldScore, Series, court

YEAR = 252.0


def days(count, first="2020-01-02"):
    dates = np.arange(np.datetime64(first), np.datetime64(first) + 2 * count + 10)
    return np.array([int(str(day).replace("-", "")) for day in dates[np.is_busday(dates)][:count]], np.int32)


def trades(dates, count, seed=0):
    rng = np.random.default_rng(seed)
    made = np.zeros(count, TRIAL_TRADE)
    made["day"] = np.sort(rng.choice(dates, count))
    made["r"] = rng.normal(0.2, 1.0, count)
    made["net"] = 100.0 * made["r"]
    return made


def series(rng, dates, sharpe, size=0.01):
    return size * (rng.normal(size=dates.size) + sharpe / np.sqrt(YEAR))


def evidence(columns, *, sharpe_out=None, seed=0, sessions=1260, **changed):
    """Columns with these true Sharpe ratios a year; the last two thirds of the chosen one out of sample."""
    rng = np.random.default_rng(seed)
    dates = days(sessions)
    matrix = np.column_stack([series(rng, dates, one) for one in columns])
    ratios = matrix.mean(axis=0) / matrix.std(axis=0, ddof=1)
    chosen = int(np.argmax(ratios))
    third = sessions // 3
    out = Series(dates[third:], matrix[third:, chosen] if sharpe_out is None else series(rng, dates[third:], sharpe_out))
    folds = [FoldScore(k, {"n": chosen}, {"sharpe": 1.5}, {"sharpe": 1.0}) for k in (1, 2)]
    given = {"stitched": out, "pessimistic": out, "optimistic": out, "folds": folds, "trades": trades(out.dates, 200, seed), "trials": len(columns),
             "lookahead": "CLEAN"}
    return Evidence(dates=dates, matrix=matrix, params=[{"n": n} for n in range(len(columns))], chosen=chosen, sessions_per_year=YEAR, seed=seed,
                    **(given | changed))


def numbers(value):
    if isinstance(value, dict):
        return [one for part in value.values() for one in numbers(part)]
    if isinstance(value, list):
        return [one for part in value for one in numbers(part)]
    return [value]


def test_the_whole_answer_is_plain_json():
    found = court(evidence([1.0, 0.0, -1.0]))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert all(one is None or type(one) in (bool, int, float, str) for one in numbers(found))
    assert {"verdict", "clause", "clauses", "figures", "pbo", "spa", "haircut", "bootstrap", "monte_carlo", "random_entries", "plateau", "stability", "decay",
            "regimes", "years", "notes"} <= set(found)


def test_same_evidence_and_seed_give_the_same_answer():
    assert court(evidence([1.0, 0.0])) == court(evidence([1.0, 0.0]))


def test_noise_is_not_credible():
    for seed in range(8):
        assert court(evidence([0.0] * 30, seed=seed))["verdict"] != "CREDIBLE"
