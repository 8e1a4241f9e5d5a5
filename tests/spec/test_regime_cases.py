"""Every worked case of regimes, conviction, liquidity and market state."""

import numpy as np
import pytest

from pse.kernels.codes import ILLIQUID_TESTS, MARKET_STATES, TCC_CLASSES, TCC_NONE, VOL_BUCKETS
from pse.kernels.conditions import LiquidityRules, failed_tests, market_condition
from pse.kernels.conviction import Evidence, Rules, components, next_class, score
from pse.kernels.regimes import over_median_before, percentile_rank, quartile_states
from pse.kernels.rows import ge
from tests.spec.worked_cases import column, differences, load

TOLERANCE, CASES = load("02-regimes")
RULES = Rules(25.0, 20.0, 15.0, 0.45, 0.30, 0.10, 0.25, 0.15, 0.20, 0.20, 0.10, 0.10, 0.75, 0.55, 0.35, 0.05)
NO = np.int64(0)


def pct_rank(inputs, params):
    return {"rank": percentile_rank(column(inputs["x"]), params["window"], params["min_obs"])}


def vol_bucket(inputs, params):
    return {"bucket": [VOL_BUCKETS[code] for code in quartile_states(column(inputs["rank"]), params["hysteresis"])]}


def vol_spike(inputs, params):
    ratio = over_median_before(column(inputs["vol"]), params["window"])
    return {"spike": [None if np.isnan(one) else ge(one, params["ratio"]) for one in ratio]}


def tcc(inputs, params):
    names = {"adx": "adx", "plus_di": "pdi", "minus_di": "mdi", "er": "er", "change": "chg", "ema_fast": "ema_f", "ema_slow": "ema_s", "slope": "slope_atr",
             "vwap_side": "vwap_side", "vwap_slope": "vwap_slope", "htf": "htf"}
    seen = Evidence(**{ours: column([inputs[theirs]]) for ours, theirs in names.items()}, trend=np.array([inputs["struct"]]),
                    spike=np.array([inputs["spike"]], np.int64))
    up, down = components(seen, 0, 1, RULES), components(seen, 0, -1, RULES)
    long, short = score(up, RULES), score(down, RULES)
    code, direction = next_class(TCC_NONE, NO, long, short, seen.adx[0], seen.spike[0], RULES)
    return {"up": dict(zip(("adx", "er", "ema", "struct", "vwap", "htf"), up, strict=True)), "score_up": long, "score_down": short, "dir": direction,
            "tcc": TCC_CLASSES[code]}


def tcc_hysteresis(inputs, params):
    rules, held, direction, rows = RULES._replace(hysteresis=params["hysteresis"]), TCC_NONE, NO, []
    for long, short in zip(inputs["score_up"], inputs["score_down"], strict=True):
        held, direction = next_class(held, direction, long, short, 30.0, NO, rules)
        rows.append((direction, TCC_CLASSES[held]))
    return {"dir": [row[0] for row in rows], "tcc": [row[1] for row in rows]}


def liquidity(inputs, params):
    rules = LiquidityRules(params["rvol_min"], params["spread_rank_max"], params["zero_share_max"], params["coverage_min"], 0.1)
    values = [np.nan if inputs[name] is None else float(inputs[name]) for name in ("rvol_tod", "spread_rank", "zero_share", "coverage")]
    bits = failed_tests(*values, np.nan, rules)
    return {"liq_ok": bits == 0, "reasons": [name for i, name in enumerate(ILLIQUID_TESTS) if bits >> i & 1]}


def mcs(inputs, params):
    code = market_condition(inputs["ready"], inputs["in_session"], inputs["liq_ok"], VOL_BUCKETS.index(inputs["bucket"]), inputs["spike"],
                            TCC_CLASSES.index(inputs["tcc"]), inputs["dir"], inputs["er"], float(inputs["adx"]), 0.25, 20.0)
    return {"mcs": MARKET_STATES[code]}


BOUND = {"pct_rank": pct_rank, "vol_bucket": vol_bucket, "vol_spike": vol_spike, "tcc": tcc, "tcc_hysteresis": tcc_hysteresis, "liquidity": liquidity,
         "mcs": mcs}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_worked_case_holds(case):
    assert differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE) == []


def test_every_function_of_the_cases_is_bound():
    assert {case["function"] for case in CASES} == set(BOUND)
