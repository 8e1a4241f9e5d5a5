"""Every worked case of supply and demand zones."""

import numpy as np
import pytest

from pse.features.zones import Zones
from pse.kernels.codes import ZONE_ALIGNMENTS, ZONE_FRESHNESS, ZONE_PATTERNS, ZONE_STRENGTHS, ZONE_TIMES
from pse.kernels.contract import NEVER
from pse.kernels.wilder import previous
from pse.kernels.zones import (
    POINTS,
    ZONE_DTYPE,
    ZONE_RULES_DTYPE,
    ZONE_STATE_DTYPE,
    ZoneBars,
    candle_class,
    find_zones,
    follow_zone,
    freshness_of,
    odds_points,
    resting_entry,
    rho_of,
    start_state,
    strength_of,
    time_of,
    zone_bracket,
)
from pse.tactics.supply_demand_zone import risk_ratio
from tests.spec.worked_cases import column, differences, load

TOLERANCE, CASES = load("05-zones")
UNBOUND: set[str] = set()

NAMES = {"base_max": "base_bars", "legout_max": "legout_bars", "legout_mult": "legout_heights", "legout_atr": "legout_atr", "zone_max_atr": "max_height_atr",
         "body": "body", "range_atr": "range_atr", "stop_buffer": "stop_heights", "target_buffer_ticks": "target_ticks"}


def rules(tick, params):
    """The rules of a case: those it names, and the feature's own."""
    record = Zones(tick=tick, **{NAMES[name]: value for name, value in params.items()}).rules("15m")
    assert set(record.dtype.names) == set(ZONE_RULES_DTYPE.names)
    return record


def bars_of(inputs):
    prices = [column(inputs[name]) for name in ("open", "high", "low", "close")]
    atr = column(inputs["atr"]) if "atr" in inputs else np.ones(prices[0].size)
    return ZoneBars(*prices, atr, previous(atr), np.zeros(atr.size), np.zeros(atr.size, np.int64))


def zone_row(given):
    """A zone of a case as a row; its leg-out gap is the case's question, so it is asked of the bars."""
    rows = np.zeros(1, ZONE_DTYPE)
    rows["pattern"], (rows["base_first"], rows["base_last"]) = ZONE_PATTERNS.index(given["pattern"]), given["base"]
    for name in ("dir", "proximal", "distal", "height", "confirmed_at", "atr"):
        rows[name] = given[name]
    for name in ("touched_at", "stale_at", "violated_at", "expired_at", "nested_at"):
        rows[name] = NEVER
    return rows


def state_at(rows, bars, t, record):
    """What is known of one zone at bar t, followed from its confirmation on."""
    states = np.zeros(1, ZONE_STATE_DTYPE)
    start_state(states[0], rows[0], bars.high, bars.low, rows[0]["confirmed_at"])
    for u in range(int(rows[0]["confirmed_at"]) + 1, t + 1):
        assert rows[0]["violated_at"] == NEVER
        follow_zone(rows[0], states[0], bars.high[u], bars.low[u], bars.close[u], u, record)
    zone, state = rows[0], states[0]
    rho = rho_of(zone, state)
    return {"strength": ZONE_STRENGTHS[strength_of(rho, zone["gap"])], "rho": rho, "gap": bool(zone["gap"]),
            "time": ZONE_TIMES[time_of(zone["base_last"] - zone["base_first"] + 1)],
            "freshness": ZONE_FRESHNESS[freshness_of(state["touches"], state["penetration"])], "touches": state["touches"],
            "penetration": state["penetration"], "violated_at": None if zone["violated_at"] == NEVER else zone["violated_at"]}


def run_zones(inputs, params):
    bars, record = bars_of(inputs), rules(inputs["tick"], params)
    found, _, _ = find_zones(bars, record)
    told = [{"pattern": ZONE_PATTERNS[zone["pattern"]], "base": [zone["base_first"], zone["base_last"]],
             **{name: zone[name] for name in ("dir", "proximal", "distal", "height", "confirmed_at", "atr")}} for zone in found]
    alone = found[:1].copy()
    alone["violated_at"] = alone["touched_at"] = NEVER
    return {"cls": [candle_class(*bar, record["body"], record["range_atr"]) for bar in zip(*bars[:4], bars.atr_before, strict=True)], "zones": told,
            "state_at_9": state_at(alone, bars, 9, record)}


def run_zone_state(inputs, _params):
    bars, rows = bars_of(inputs), zone_row(inputs["zone"])
    last, d = int(rows[0]["base_last"]), int(rows[0]["dir"])
    rows["gap"] = bars.low[last + 1] > bars.high[last] if d > 0 else bars.high[last + 1] < bars.low[last]
    return state_at(rows, bars, inputs["t"], rules(0.01, {}))


def run_zone_plan(inputs, params):
    """The plan with an opposing zone at the price of the case in its way."""
    zone, tick = zone_row(inputs["zone"])[0], inputs["tick"]
    entry = resting_entry(zone, 0.0, tick)
    _, stop, target, rr = zone_bracket(zone, 99.0, inputs["opposing_proximal"], entry, 0.3, 0.0, rules(tick, params))
    return {"entry": entry, "stop": stop, "target": target, "rr": rr, "risk_ratio": risk_ratio(entry, stop, target)}


def run_odds_score(inputs, _params):
    rr = abs(inputs["exit"] - inputs["entry"]) / abs(inputs["entry"] - inputs["stop"])
    factors = (("strength", ZONE_STRENGTHS), ("time", ZONE_TIMES), ("freshness", ZONE_FRESHNESS), ("trend_alignment", ZONE_ALIGNMENTS))
    points = odds_points(*(words.index(inputs[name]) for name, words in factors), rr)
    return {"rr": rr, "risk_ratio": risk_ratio(inputs["entry"], inputs["stop"], inputs["exit"]), "points": points, "odds_score": round(points / POINTS, 10)}


BOUND = {"zones": run_zones, "zone_state": run_zone_state, "zone_plan": run_zone_plan, "odds_score": run_odds_score}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_worked_case_comes_out_as_written(case):
    assert differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE) == []


def test_every_worked_case_is_bound():
    assert {case["function"] for case in CASES} - set(BOUND) == UNBOUND


def test_the_published_trades_print_their_ratio_and_score_to_ten_decimals():
    """Three rows of a published score sheet: 8/9, 17/18 and 8/9."""
    told = {case["input"]["symbol"]: run_odds_score(case["input"], {}) for case in CASES if case["function"] == "odds_score"}
    assert [(told[name]["risk_ratio"], told[name]["odds_score"]) for name in ("ASTS", "TREX", "BLDR")] == [
        ("3.8 / 1", 0.8888888889), ("6.4 / 1", 0.9444444444), ("3.7 / 1", 0.8888888889)]
