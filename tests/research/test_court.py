"""Evidence made by hand, and what the court says of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

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


def family(sharpe, count=20, sessions=1260, seed=0, **changed):
    """Neighbours that share most of one edge, as configurations of one rule do."""
    rng = np.random.default_rng(seed)
    made = evidence([0.0] * count, seed=seed, sessions=sessions)
    common = series(rng, made.dates, sharpe)
    matrix = 0.95 * common[:, None] + 0.3 * 0.01 * rng.normal(size=(sessions, count))
    chosen = int(np.argmax(matrix.mean(axis=0) / matrix.std(axis=0)))
    third = sessions // 3
    out = Series(made.dates[third:], matrix[third:, chosen])
    return replace(made, matrix=matrix, chosen=chosen, **({"stitched": out, "pessimistic": out, "optimistic": out} | changed))


def verdict(found):
    return found["verdict"], found["clause"]["code"]


def test_a_planted_edge_that_neighbours_share_is_credible():
    found = court(family(3.0))
    assert verdict(found) == ("CREDIBLE", "all")
    assert found["plateau"]["keep_half"] == 1.0 and found["random_entries"] is None
    assert found["pbo"]["oos_loss"] == 0.0 and found["spa"]["consistent"] <= 0.05


def test_noise_picked_among_many_is_overfit():
    found = court(evidence([0.0] * 60, sharpe_out=1.5, seed=3, trials=5_000))
    assert verdict(found) == ("OVERFIT", "dsr_overfit")
    assert found["figures"]["dsr_2014"]["value"] < 0.5 < found["figures"]["psr_2014"]["value"]


def test_few_trades_are_insufficient_whatever_they_earned():
    good = family(3.0)
    assert verdict(court(replace(good, trades=good.trades[:29]))) == ("INSUFFICIENT", "trades")
    assert verdict(court(replace(good, trades=good.trades[:0], trade_count=30))) == ("CREDIBLE", "all")


def test_a_record_shorter_than_its_sharpe_ratio_needs_is_insufficient():
    good = family(3.0)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=300)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    short = Series(good.dates[:300], 0.01 * (noise + 0.5 / np.sqrt(YEAR)))        # 0.5 a year: about 2,700 sessions are needed
    found = court(replace(good, stitched=short))
    assert verdict(found) == ("INSUFFICIENT", "track_record")
    z, ratio = 1.6448536269514722, 0.5 / np.sqrt(YEAR)
    skew, kurtosis = stats.skew(noise), stats.kurtosis(noise, fisher=False)
    hand = 1 + (1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) * (z / ratio) ** 2
    assert found["figures"]["min_track_record_sessions"]["value"] == pytest.approx(hand, rel=1e-9)
    rho = (noise[1:] * noise[:-1]).sum() / (noise**2).sum()
    assert found["figures"]["min_track_record_sessions_2025"]["value"] == pytest.approx((1 + 2 * rho / (1 - rho)) * (z / ratio) ** 2, rel=1e-9)


@pytest.mark.parametrize(("changed", "code"), [
    ({"lookahead": "NOT RUN"}, "lookahead"), ({"lookahead": "FINDINGS"}, "lookahead"), ({"leakage": "FINDINGS"}, "leakage"),
    ({"pessimistic": None}, "pessimistic"),
])
def test_one_missing_clause_makes_the_best_unproven(changed, code):
    assert verdict(court(replace(family(3.0), **changed))) == ("UNPROVEN", code)


def test_pessimistic_fills_that_lose_are_not_credible():
    good = family(3.0)
    assert verdict(court(replace(good, pessimistic=Series(good.stitched.dates, good.stitched.returns - 0.002)))) == ("UNPROVEN", "pessimistic")


def test_an_interval_of_an_envelope_serves_where_its_series_is_not_known():
    good = replace(family(3.0), pessimistic=None)
    assert verdict(court(replace(good, pessimistic_interval=(0.1, 2.0)))) == ("CREDIBLE", "all")
    assert verdict(court(replace(good, pessimistic_interval=(-0.1, 2.0)))) == ("UNPROVEN", "pessimistic")


def test_the_deflated_ratio_is_of_the_chosen_series_with_the_trials_that_were_counted():
    given = evidence([0.8, 0.2, -0.3, 0.1, 0.4], trials=40, seed=2)
    found = court(given)["figures"]
    column = given.matrix[:, given.chosen]
    ratios = given.matrix.mean(axis=0) / given.matrix.std(axis=0, ddof=1)
    ratio, gamma = ratios[given.chosen], 0.5772156649015329
    best = np.sqrt(max(ratios.var(ddof=1), 1 / 1260)) * ((1 - gamma) * stats.norm.ppf(1 - 1 / 40) + gamma * stats.norm.ppf(1 - 1 / (40 * np.e)))
    spread = (1 - stats.skew(column) * ratio + (stats.kurtosis(column, fisher=False) - 1) / 4 * ratio**2) / 1259
    assert found["dsr_2014"]["value"] == pytest.approx(stats.norm.cdf((ratio - best) / np.sqrt(spread)), abs=1e-9)
    assert found["expected_max_sharpe"]["value"] == pytest.approx(best * np.sqrt(YEAR), abs=1e-9)
    assert all("best of 40 tries" in one["text"] for one in court(given)["clauses"] if one["code"].startswith("dsr"))
    assert (found["trials"]["value"], found["dsr_2014"]["convention"], found["dsr_2025"]["convention"]) == (40, "2014", "2025")


def test_more_trials_make_the_same_result_worth_less_and_fewer_than_stand_here_do_not_count():
    values = [court(evidence([1.0, 0.0, 0.5], trials=n))["figures"]["dsr_2014"]["value"] for n in (1, 3, 30, 3_000)]
    assert values[0] == values[1] > values[2] > values[3]
    assert any("the larger number is used" in note for note in court(evidence([1.0, 0.0, 0.5], trials=1))["notes"])


def test_like_configurations_do_not_pass_by_varying_little():
    same = family(1.0, seed=4)
    found = court(same)["figures"]
    floor = np.sqrt(1 / 1260) * np.sqrt(YEAR)
    gamma = 0.5772156649015329
    assert found["expected_max_sharpe"]["value"] == pytest.approx(
        floor * ((1 - gamma) * stats.norm.ppf(1 - 1 / 20) + gamma * stats.norm.ppf(1 - 1 / (20 * np.e))), abs=1e-9)


def test_a_single_configuration_has_no_pbo_and_still_says_how_often_it_loses():
    found = court(family(3.0, count=1))
    assert (found["pbo"]["value"], found["pbo"]["oos_loss"]) == (None, 0.0)
    assert verdict(found) == ("CREDIBLE", "all") and "Not known" not in found["clause"]["text"]


def test_a_configuration_that_never_trades_has_no_figures_and_no_credit():
    given = evidence([0.0, 0.0])
    matrix = given.matrix.copy()
    matrix[:, 0] = 0.0
    flat = Series(given.dates, np.zeros(given.dates.size))
    found = court(replace(given, matrix=matrix, chosen=0, stitched=flat, pessimistic=flat, optimistic=flat, trades=given.trades[:0]))
    assert verdict(found) == ("INSUFFICIENT", "trades")
    assert found["figures"]["sharpe"]["value"] is None and found["figures"]["dsr_2014"]["value"] is None
    json.dumps(found, allow_nan=False)


def test_without_folds_the_chosen_series_is_judged_and_said_to_be_chosen_in_sight():
    given = family(3.0)
    found = court(replace(given, stitched=None, pessimistic=Series(given.dates, given.searched), folds=[]))
    assert found["verdict"] == "CREDIBLE"
    assert found["figures"]["sharpe"]["value"] == pytest.approx(given.searched.mean() / given.searched.std(ddof=1) * np.sqrt(YEAR))
    assert any("chosen with all of it in sight" in note for note in found["notes"])


def test_random_entries_are_beaten_by_share_and_p_counts_the_observed_one():
    given = family(3.0)
    own = given.stitched.returns.mean() / given.stitched.returns.std(ddof=1) * np.sqrt(YEAR)
    nulls = np.zeros((99, len(NULL_FIGURES)))
    nulls[:, 0] = np.where(np.arange(99) < 9, own + 1.0, own - 1.0)
    nulls[50, 0] = np.nan                                                       # a draw that did not trade earned nothing
    found = court(replace(given, nulls=nulls))["random_entries"]
    assert (found["draws"], found["beaten"], found["p"]) == (99, pytest.approx(90 / 99), pytest.approx(10 / 100))
    assert found["observed"] == pytest.approx(own) and sum(found["histogram"]["counts"]) == 99


def test_shuffled_trades_keep_their_total_and_are_named_apart_from_resampled_ones():
    found = court(family(2.0))["monte_carlo"]
    assert found["shuffle"]["total"]["p05"] == pytest.approx(found["shuffle"]["total"]["p95"])
    assert found["resample"]["total"]["p05"] < found["resample"]["total"]["p95"]
    assert (found["shuffle"]["method"], found["resample"]["method"]) == ("shuffle", "resample")


def test_noise_is_never_called_credible():
    """Searches of 25 worthless configurations, judged on what luck gave the chosen one."""
    assert [seed for seed in range(12) if court(evidence([0.0] * 25, seed=100 + seed, sessions=504))["verdict"] == "CREDIBLE"] == []


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 4), st.integers(0, 3), st.integers(0, 40), st.booleans(), st.integers(0, 10_000))
def test_little_or_lifeless_evidence_still_gets_a_verdict_without_nan(sessions, columns, still, closed, stitched, seed):
    rng = np.random.default_rng(seed)
    dates = days(sessions)
    matrix = 0.01 * rng.normal(size=(sessions, columns))
    matrix[:, :still] = 0.0
    own = Series(dates[sessions // 2:], matrix[sessions // 2:, 0])
    folds = [FoldScore(1, None, None, None), FoldScore(2, {"n": 0}, {"sharpe": None}, {"sharpe": 1.0}, matrix[0], matrix[-1])]
    found = court(Evidence(dates=dates, matrix=matrix, params=[{"n": n} for n in range(columns)], chosen=0, stitched=own if stitched else None,
                           pessimistic=own if stitched else None, optimistic=None, folds=folds, trades=trades(dates, closed, seed), trials=3,
                           sessions_per_year=YEAR, seed=seed, nulls=np.full((5, len(NULL_FIGURES)), np.nan)))
    json.dumps(found, allow_nan=False)
    assert found["verdict"] in ("INSUFFICIENT", "OVERFIT", "UNPROVEN") and found["clause"]["text"]
    assert (found["verdict"] == "INSUFFICIENT") or closed >= 30
