"""Every worked case of the feature kernels that are built; the others are named, so that the gap cannot grow unseen."""

import numpy as np
import pytest

from pse.features.resampled import as_of
from pse.kernels.resample import aggregate, expected_bars
from pse.kernels.rolling import relative_volume, to_window_sums
from pse.kernels.spreads import spread_pairs
from pse.kernels.volatility import carried_close, realised_volatility
from pse.kernels.vwap import session_vwap
from pse.kernels.wilder import true_range, wilder_atr
from tests.spec.worked_cases import column, differences, load

TOLERANCE, CASES = load("01-features")
UNBOUND = {"rsi", "sma_ema", "macd", "macd_state", "adx", "bollinger", "donchian", "keltner", "gaps",
           "imbalance", "efficiency_ratio", "hurst", "vif", "beta"}


def atr(inputs, params):
    bars = [column(inputs[name]) for name in ("high", "low", "close")]
    return {"tr": true_range(*bars, True), "tr_nogap": true_range(*bars, False), "atr": wilder_atr(*bars, params["n"], True)}


def rvol(inputs, params):
    return {"rvol": relative_volume(column(inputs["volume"]), params["n"])}


def vwap(inputs, params):
    high, low, close, volume = (column(inputs[name]) for name in ("high", "low", "close", "volume"))
    mean, sd = session_vwap(high, low, close, volume, np.array(inputs["session"]), np.ones(high.size, bool))
    return {"vwap": mean, "sd": sd, "upper1": mean + sd, "lower1": mean - sd}


def realised(inputs, params):
    bars = [column(inputs[name]) for name in ("open", "high", "low", "close")]
    found = realised_volatility(*bars, carried_close(bars[3], np.zeros(bars[3].size)), params["n"], params["bars_per_year"])
    return dict(zip(("close_close", "parkinson", "garman_klass", "yang_zhang"), found, strict=True))


def spreads(inputs, params):
    bars = [column(inputs[name]) for name in ("high", "low", "close")]
    out = dict(zip(("cs_pair", "ar_pair"), spread_pairs(*bars, np.zeros(bars[0].size)), strict=True))
    for name in ("cs", "ar"):
        mean = out[f"{name}_pair"].copy()
        to_window_sums(mean, params["n"])
        out[name] = mean / params["n"]
    return out


def aggregated(inputs, params):
    assert (params["source"], params["target"]) == ("1m", "5m")
    ts, *prices = np.array(inputs["bars_1m"], dtype=np.float64).T.copy()
    ts_open, n = ts.astype(np.int64), ts.size
    session, contract = np.zeros(n, np.int64), np.zeros(n, np.int32)
    day = (np.array([0]), np.array([86_400]))
    starts, ends, o, h, lo, c, v, _, n_src = aggregate(ts_open, *prices, session, contract, *day, 300)
    nothing = np.zeros(1, np.int64)
    coverage = n_src / expected_bars(starts, ends, np.zeros(starts.size, np.int64), nothing, nothing, 60)
    names = ("ts_open", "open", "high", "low", "close", "volume", "n_src", "coverage", "available_at")
    return {"bars": [dict(zip(names, row, strict=True)) for row in zip(starts, o, h, lo, c, v, n_src, coverage, ends, strict=True)]}


def asof_join(inputs, params):
    known, values = (np.array([row[name] for row in inputs["htf"]]) for name in ("available_at", "x"))
    return {"x": as_of(values, known, np.array(inputs["ts_close"]))}


BOUND = {"atr": atr, "rvol": rvol, "aggregate": aggregated, "asof_join": asof_join, "session_vwap": vwap, "realised_vol": realised,
         "spread_estimates": spreads}


@pytest.mark.parametrize("case", [case for case in CASES if case["function"] in BOUND], ids=lambda case: case["id"])
def test_the_worked_case_holds(case):
    assert differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE) == []


def test_every_function_of_the_cases_is_bound_or_named_as_missing():
    assert {case["function"] for case in CASES} == set(BOUND) | UNBOUND
