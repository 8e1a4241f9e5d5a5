"""Every worked case of the feature kernels."""

import numpy as np
import pytest

from pse.features.resampled import as_of
from pse.kernels.channels import bollinger, highest, place_between
from pse.kernels.codes import GAP_KINDS, MACD_STATES
from pse.kernels.imbalance import bulk_imbalance, money_flow
from pse.kernels.momentum import macd, macd_states, rsi
from pse.kernels.opening_gaps import opening_gaps
from pse.kernels.regression import rolling_inflation, rolling_slope
from pse.kernels.resample import aggregate, expected_bars
from pse.kernels.rolling import relative_volume, to_window_sums
from pse.kernels.spreads import spread_pairs
from pse.kernels.swings import swings
from pse.kernels.trend import adx, efficiency_ratio, ema, hurst, sma
from pse.kernels.volatility import carried_close, realised_volatility
from pse.kernels.vwap import session_vwap
from pse.kernels.wilder import previous, true_range, wilder_atr
from tests.spec.worked_cases import column, differences, load

TOLERANCE, CASES = load("01-features")


def atr(inputs, params):
    bars = [column(inputs[name]) for name in ("high", "low", "close")]
    return {"tr": true_range(*bars, True), "tr_nogap": true_range(*bars, False), "atr": wilder_atr(*bars, params["n"], True)}


def rsi_case(inputs, params):
    return {"rsi": rsi(column(inputs["close"]), params["n"])}


def means(inputs, params):
    close = column(inputs["close"])
    return {"sma": sma(close, params["n"]), "ema": ema(close, params["n"])}


def macd_case(inputs, params):
    return dict(zip(("macd", "signal", "hist"), macd(column(inputs["close"]), params["fast"], params["slow"], params["signal"]), strict=True))


def macd_state(inputs, params):
    """Without prices there are no swings."""
    histogram = column(inputs["hist"])
    n, side = histogram.size, params.get("left", 3)
    high, low, close, line = (column(inputs.get(name, [0.0] * n)) for name in ("high", "low", "close", "macd"))
    pivots = swings(close, high, low, close, np.zeros(n, np.int64), side, params.get("right", 3), False)
    states = macd_states(line, histogram, close, column(inputs["atr"]), pivots, params["eps_atr"], params.get("min_sep", 5), params.get("max_sep", 60),
                         params.get("ttl", 10))
    return {"state": [MACD_STATES[code] for code in states]}


def adx_case(inputs, params):
    found = adx(*(column(inputs[name]) for name in ("high", "low", "close")), params["n"])
    return dict(zip(("adx", "plus_di", "minus_di"), found, strict=True))


def bollinger_case(inputs, params):
    close = column(inputs["close"])
    middle, upper, lower = bollinger(close, params["n"], float(params["k"]))
    return {"mid": middle, "upper": upper, "lower": lower, "pct_b": place_between(close, upper, lower)}


def donchian(inputs, params):
    upper, lower = highest(column(inputs["high"]), params["n"], 1.0), highest(column(inputs["low"]), params["n"], -1.0)
    return {"upper": upper, "lower": lower, "upper_prev": previous(upper), "lower_prev": previous(lower)}


def keltner(inputs, params):
    high, low, close = (column(inputs[name]) for name in ("high", "low", "close"))
    middle, reach = ema(close, params["n"]), params["k"] * wilder_atr(high, low, close, params["atr_n"], True)
    return {"mid": middle, "upper": middle + reach, "lower": middle - reach}


def efficiency(inputs, params):
    return {"er": efficiency_ratio(column(inputs["close"]), params["n"])}


def hurst_case(inputs, params):
    logs = column(inputs["log_price"])
    return {"hurst": hurst(np.exp(logs), np.zeros(logs.size), np.array(params["lags"]), logs.size)[-1]}


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


def gaps(inputs, params):
    bars, scale = [column(inputs[name]) for name in ("open", "high", "low", "close")], column(inputs["atr"])
    n = scale.size
    found = opening_gaps(*bars, np.arange(n), np.zeros(n, bool))
    return {"gap": found["points"], "gap_atr": found["points"] / previous(scale), "kind": [GAP_KINDS[kind] for kind in found["kind"]],
            "filled_same_bar": [bool(row["filled_at"] == row["t"]) if t else None for t, row in enumerate(found)]}


def imbalance(inputs, params):
    high, low, close, volume = (column(inputs[name]) for name in ("high", "low", "close", "volume"))
    return {"cmf": money_flow(high, low, close, volume, params["n"]), "bvc": bulk_imbalance(close, volume, params["n"])}


def vif(inputs, params):
    rows = np.array(inputs["X"], dtype=np.float64)
    return {"vif": rolling_inflation(np.ascontiguousarray(rows.T), len(rows), 2)[:, -1]}


def beta(inputs, params):
    return {"beta": rolling_slope(np.stack([column(inputs["r"]), column(inputs["r_bench"])]), params["n"])[-1]}


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
         "spread_estimates": spreads, "gaps": gaps, "imbalance": imbalance, "vif": vif, "beta": beta,
         "rsi": rsi_case, "sma_ema": means, "macd": macd_case, "macd_state": macd_state, "adx": adx_case, "bollinger": bollinger_case,
         "donchian": donchian, "keltner": keltner, "efficiency_ratio": efficiency, "hurst": hurst_case}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_worked_case_holds(case):
    assert differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE) == []


def test_every_function_of_the_cases_is_bound():
    assert {case["function"] for case in CASES} == set(BOUND)
