"""The worked cases of risk, plans and breakers, run against the kernels; what this version has not is named, so that the gap cannot grow unseen."""

from datetime import datetime
from math import isnan, nan
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pse.kernels import codes as c
from pse.kernels.breakers import call_breaker, data_breaker
from pse.kernels.gates import daily_loss_gate, expected_value_gate, exposure_gate, slippage_check, spread_gate, var_es
from pse.kernels.plans import breakeven_stop, excursion
from pse.kernels.quality import data_score
from pse.kernels.sizing import BINDINGS, kelly_fraction, size_futures, size_shares, volatility_multiple
from pse.kernels.validation import FEWEST_TRADES, support, trailing_figures
from pse.research.returns import max_drawdown, sharpe
from pse.risk.blackouts import intervals
from pse.risk.policy import BlackoutWindow
from tests.spec.worked_cases import differences, load

TOLERANCE, CASES = load("07-risk-and-plans")
UNBOUND: set[str] = set()


def futures_size(given, params):
    quantity, fraction, budget, per_unit, _ = size_futures(given["equity"], given["mult"], given["risk_pts"], given["pv"], given["cost"],
                                                           params["r_unit"], params["max_risk"])
    return {"qty": quantity, "risk_frac": fraction, "risk_budget": budget, "risk_per_contract": per_unit, "reason": "OK" if quantity else "SIZE_ZERO"}


def shares_size(given, params):
    distance = params["atr_mult"] * given["atr"]
    quantity, code, binding, at_risk = size_shares(given["equity"], given["confidence"], 1.0, distance, given["price"], params["max_risk"],
                                                   float(params["max_shares"]), params["max_notional"] * given["equity"], nan, params["min_conf"], 1.0)
    found = {"qty": quantity, "reason": c.REASONS[code]}
    if found["reason"] in ("MIN_CONFIDENCE", "ZERO_ATR"):
        return found
    return found | {"binding": BINDINGS[binding], "stop_distance": distance, "risk_amount": at_risk, "risk_at_stop": quantity * distance}


def expected_value(given, params):
    passed, value, _, code, hit_rate = expected_value_gate(float(given["wins"]), float(given["n"]), 0.0, given["b"], 0.0, 0.0, given["cost_R"],
                                                           params["e0"], float(params["n0"]), params["ev_min"])
    assert passed == (c.REASONS[code] == "OK")
    return {"p": hit_rate, "ev": value, "passed": passed}


def tail(given, params):
    losses = np.sort(-np.array(given["pnl"], float))[::-1].copy()
    rank, at_risk, shortfall = var_es(losses, losses.size, params["alpha"])
    return {"k": rank, "var": at_risk, "es": shortfall}


def model_breaker(given, params):
    kinds = {"OK": c.B_OK, "FAIL": c.B_FAIL, "TICK": c.B_TICK}
    now, states = (c.B_CLOSED, 0, 0, 0, params["timeout_s"]), []
    for ts, event in zip(given["ts"], given["event"], strict=True):
        now = call_breaker(*now, kinds[event], ts, params["threshold"], params["timeout_s"], params["timeout_cap_s"], params["success_needed"])
        states.append(c.BREAKER_STATES[now[0]])
    return {"state": states}


def breakeven(given, params):
    d, entry, first, tick = given["dir"], given["entry"], given["sl"], given["tick"]
    stops = [first]
    for _, high, low, close in given["bars_1m"]:
        favourable, _ = excursion(d, entry, float(high), float(low), float(close), False)
        stops.append(breakeven_stop(d, entry, stops[-1], abs(entry - first), favourable, params["be_at_R"], params["be_plus_ticks"], tick))
    return {"sl_active_during_bar_and_after": stops}


def slippage(given, params):
    adverse, adverse_r, left, passed, code = slippage_check(given["dir"], given["decision"], given["sl"], given["tp1"], given["price_now"], given["tick"],
                                                            params["max_slip_R"], params["min_rr"])
    return {"adverse": adverse, "adverse_R": adverse_r, "rr_now": left, "passed": passed, "reason": c.REASONS[code]}


def daily_loss(given, params):
    passed, _, _, code, used, projected = daily_loss_gate(given["day_start_equity"], given["equity"], given["open_risk"], given["new_risk"], params["limit"])
    return {"loss_used": used, "projected": projected, "passed": passed, "reason": c.REASONS[code]}


def concurrent(given, params):
    """One lot that carries all of the new risk; notional, groups and what is held do not bind."""
    quantity, total, allowed, code = exposure_gate(1.0, 1.0, given["equity"], sum(given["open_risks"]), given["new_risk"], params["cap"],
                                                   0.0, 0.0, 1.0, 5.0, 2.5, 0, 2)
    assert allowed == params["cap"] and c.REASONS[code] == ("OK" if quantity else "CONCURRENT_RISK")
    return {"total": total, "passed": quantity == 1.0}


def blackout(given, _params):
    zone = ZoneInfo("America/New_York")
    now = int(datetime(2024, 3, 12, int(given["now"][:2]), int(given["now"][3:]), tzinfo=zone).timestamp()) * 10**9
    windows = intervals([BlackoutWindow(start=given["start"], end=given["end"])], now, now + 1)
    return {"blocked": any(start <= now < end for start, end in windows)}


def spread(given, params):
    passed, excess, _, _ = spread_gate((given["ask"] - given["bid"]) / given["tick"], float(params["base_ticks"]), params["tolerance_ticks"])
    return {"excess_ticks": excess, "passed": passed}


def quality(given, params):
    score = data_score(given["completeness"], given["freshness"], given["validity"], given["continuity"])
    state, _ = data_breaker(c.B_CLOSED, 0, score, params["threshold"], 3)
    return {"score": score, "trip": state == c.B_OPEN}


def performance(given, params):
    """By the report's functions and, alike, by the kernel behind the scaling."""
    returns = np.diff(given["equity"], prepend=given["equity"][0]) / np.array([given["equity"][0], *given["equity"][:-1]], float)
    ratio, fall, _ = trailing_figures(returns, np.ones(returns.size, np.int64), 252, params["bars_per_year"])
    found = {"sharpe": sharpe(returns[1:], params["bars_per_year"]), "max_drawdown": -max_drawdown(returns[1:])}
    assert not differences({"sharpe": ratio[-1], "max_drawdown": fall[-1]}, found, TOLERANCE)
    return found


def quantitative(given, _params):
    trades, earned = {"INSUFFICIENT": (0, 0.0), "POSITIVE": (FEWEST_TRADES, 0.1), "NEGATIVE": (FEWEST_TRADES, -0.1)}[given["exp_state"]]
    inflation = nan if given["vif_max"] is None or isnan(given["vif_max"]) else given["vif_max"]
    factors = support(trades, earned, inflation, given["vol_flag"] == "SPIKE", given["vol_flag"] == "Q4", given["sh"], given["dd"], given["n_obs"])
    return {"factors": dict(zip(("expectancy", "vif", "vol", "sharpe", "drawdown"), factors, strict=True)),
            "confidence": given["conf_in"] * float(np.prod(factors))}


def kelly(given, params):
    full, part = kelly_fraction(given["p"], given["b"], params["fraction"], params["cap"])
    return {"full": full, "fractional": part}


def volatility_size(given, params):
    return {"mult": volatility_multiple(given["target"] / given["now"], params["lo"], params["hi"])}


BOUND = {"size_futures": futures_size, "size_shares": shares_size, "ev_gate": expected_value, "var_es": tail, "breaker": model_breaker, "breakeven": breakeven,
         "slippage_check": slippage, "daily_loss_gate": daily_loss, "concurrent_risk": concurrent, "blackout": blackout, "spread_guard": spread,
         "data_quality": quality, "sharpe_maxdd": performance, "quant_scale": quantitative, "kelly": kelly, "vol_normalised_mult": volatility_size}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES if case["function"] in BOUND])
def test_a_worked_case_comes_out_as_written(case):
    assert not differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE)


def test_what_is_not_bound_is_exactly_the_known_list():
    assert {case["function"] for case in CASES} - set(BOUND) == UNBOUND
    assert sum(case["function"] in BOUND for case in CASES) == len(CASES) == 47


def test_value_at_risk_is_the_inverted_quantile_of_the_profit_and_loss():
    rng = np.random.default_rng(7)
    for n in (60, 61, 100, 249, 250):
        pnl = np.round(rng.normal(0, 100, n), 2)
        losses = np.sort(-pnl)[::-1].copy()
        for alpha, level in ((0.95, 0.05), (0.975, 0.025)):
            quantile = -np.quantile(pnl, level, method="inverted_cdf")
            worst = losses[losses >= var_es(losses, n, alpha)[1]]
            assert var_es(losses, n, alpha)[1] == pytest.approx(quantile, abs=1e-9)
            assert var_es(losses, n, alpha)[2] == pytest.approx(worst.mean(), abs=1e-9)


def test_a_plan_without_target_weighs_the_mean_winner_shrunk_to_two():
    """b = (sum of winning R + 2 * 20) / (wins + 20) = (15 + 40) / 25 = 2.2; p = (5 + 1.25 / 3.2 * 20) / (10 + 20)."""
    _, value, _, _, hit = expected_value_gate(5.0, 10.0, 15.0, nan, 0.0, 0.0, 0.1)
    assert hit == pytest.approx((5 + 7.8125) / 30) and value == pytest.approx(hit * 2.2 - (1 - hit) - 0.1)


def test_an_entry_slips_always_and_a_stop_only_when_it_loses():
    """Cost in R = 0.1 + (1 - p) * 0.2 + 0.05 with p = 1.25 / 3 at b = 2."""
    p = 1.25 / 3
    assert expected_value_gate(0.0, 0.0, 0.0, 2.0, 0.1, 0.2, 0.05)[1] == pytest.approx(0.25 - (0.1 + (1 - p) * 0.2 + 0.05))


def test_no_quote_passes_unmeasured_and_says_so():
    passed, measured, _, code = spread_gate(nan, 1.0, 0.5)
    assert passed and isnan(measured) and c.REASONS[code] == "UNMEASURED"
