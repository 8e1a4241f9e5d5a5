"""Every worked case of market structure."""

import numpy as np
import pytest

from pse.domain.setups import grades
from pse.kernels.blocks import find_block
from pse.kernels.codes import RANGE_ZONES
from pse.kernels.contract import ALIVE, BROKEN, BROKEN_DEEP, GAP_DTYPE, NEVER, PENDING, PIVOT_DTYPE, POOL_DTYPE, SWEPT
from pse.kernels.dealing_range import range_position, range_zone
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.impulse import PULLBACK_DTYPE, legs_of, measure_pullback
from pse.kernels.liquidity import CANDIDATE_DTYPE, equal_levels, pools_and_sweeps
from pse.kernels.quality import mqs_components, mqs_score
from pse.kernels.structure import displacement_bars, structure, thrust_bars
from pse.kernels.swings import label_swings, swings
from tests.kernels.test_impulse import FLAGS, rules
from tests.spec.worked_cases import column, differences, load

TOLERANCE, CASES = load("03-structure")
UNBOUND: set[str] = set()

KINDS, LABELS = {1: "H", -1: "L"}, {1: ("H", "HH", "LH", "EQH"), -1: ("L", "HL", "LL", "EQL")}
RESULTS = {ALIVE: "ALIVE", SWEPT: "SWEPT", BROKEN: "BROKEN", BROKEN_DEEP: "BROKEN_DEEP", PENDING: "PENDING"}


def columns(inputs, *names):
    return [column(inputs[name]) for name in names]


def bars_of(inputs):
    return columns(inputs, "open", "high", "low", "close")


def one_session(n):
    return np.zeros(n, np.int64)


def find_swings(inputs, params):
    high, low = columns(inputs, "high", "low")
    middle = (high + low) / 2
    return swings(middle, high, low, middle, one_session(high.size), params["left"], params["right"], False)


def pivot_rows(inputs, params):
    names = ("idx", "price", "confirmed_at")
    return {"pivots": [{"kind": KINDS[int(row["kind"])], **{name: row[name] for name in names}} for row in find_swings(inputs, params)]}


def labels(inputs, params):
    pivots = np.zeros(len(inputs["pivots"]), PIVOT_DTYPE)
    for row, given in zip(pivots, inputs["pivots"], strict=True):
        row["idx"], row["price"], row["confirmed_at"], row["kind"] = given["idx"], given["price"], given["confirmed_at"], 1 if given["kind"] == "H" else -1
    label_swings(pivots, np.ones(20), params["eq_tol"])
    return {"labels": [LABELS[int(row["kind"])][int(row["label"])] for row in pivots]}


def structure_events(inputs, params):
    o, h, lo, c = bars_of(inputs)
    pivots = swings(o, h, lo, c, one_session(o.size), params["left"], params["right"], False)
    trend, breaks = structure(o, h, lo, c, column(inputs["atr"]), pivots, False, params["disp_range_atr"], params["disp_body_frac"], params["disp_close"],
                              params["disp_window"], params["swing_lookback"])
    events = [{name: row[name] for name in ("t", "dir", "level", "pivot_idx", "initial", "displacement", "mss")} | {"type": ("BOS", "CHoCH")[row["type"]]}
              for row in breaks]
    return {"trend": trend, "events": events, "pivots": [(KINDS[int(row["kind"])], row["idx"], row["price"], row["confirmed_at"]) for row in pivots]}


def gap_rows(inputs, params):
    o, h, lo, c = bars_of(inputs)
    rows = fair_value_gaps(o, h, lo, c, column(inputs["atr"]), one_session(o.size), params["tick"], params["min_ticks"], params["min_atr"],
                           params["max_atr"], params["max_age"], False)
    moments = ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at")
    return {"fvgs": [{name: row[name] for name in ("dir", "formed_at", "mid_bar", "top", "bottom", "width_atr", "valid", "max_fill")}
                     | {name: None if row[name] == NEVER else row[name] for name in moments}
                     | {"mid": (row["top"] + row["bottom"]) / 2, "width": row["top"] - row["bottom"]} for row in rows if not row["inverse"]]}


def block(inputs, params):
    idx, top, bottom = find_block(*bars_of(inputs), inputs["break_t"], inputs["dir"], inputs["pivot_idx"], inputs["first_displacement"], params["max_back"])
    return {"ob": {"idx": idx, "top": top, "bottom": bottom}}


def equal_pools(inputs, params):
    high, low = columns(inputs, "high", "low")
    pivots = find_swings(inputs, params)
    rows = equal_levels(high, low, pivots, np.full(high.size, params["tol"]), params["min_sep"], 1)

    def members(row):
        earlier = members(rows[row["before"]]) if row["before"] >= 0 else [int(pivots[row["anchor"]]["idx"])]
        return [*earlier, int(pivots[row["pivot"]]["idx"])]

    return {"pools": [{"kind": "EQH", "level": row["level"], "members": members(row), "confirmed_at": row["confirmed_at"]} for row in rows]}


def sweep(inputs, params):
    high, low, close, atr = columns(inputs, "high", "low", "close", "atr")
    candidate = np.zeros(1, CANDIDATE_DTYPE)
    candidate["t"], candidate["side"], candidate["level"], candidate["priority"] = inputs["known_at"], inputs["side"], inputs["level"], 0.4
    n = high.size
    pools, sweeps = pools_and_sweeps(high, low, close, atr, np.ones(n), one_session(n), candidate, np.zeros(n), params["min_ticks"] * params["tick"], 2,
                                     params["max_atr"], params["reclaim"])
    assert pools.dtype == POOL_DTYPE and pools[0]["ended_at"] == sweeps[0]["confirmed_at"] and pools[0]["end"] == sweeps[0]["result"]
    return {"sweep": {name: sweeps[0][name] for name in ("pierced_at", "confirmed_at", "dir", "extreme", "penetration")}
            | {"result": RESULTS[int(sweeps[0]["result"])]}}


def mqs(inputs, params):
    names = ("body_atr", "close_beyond_atr", "has_fvg", "sweep_priority", "rvol", "prominence_atr", "htf_align")
    values = {name: np.nan if inputs[name] is None else inputs[name] for name in names}
    parts = mqs_components(*(bool(value) if name == "has_fvg" else float(value) for name, value in values.items()))
    score = mqs_score(*parts)
    components = dict(zip(("disp", "close", "fvg", "sweep", "vol", "level", "htf"), parts, strict=True))
    return {"components": components, "score": score, "grade": ("", "C", "B", "A", "A+")[int(grades(np.array([score]))[0])]}


def premium_discount(inputs, params):
    position = range_position(float(inputs["close"]), float(inputs["range_low"]), float(inputs["range_high"]))
    return {"pos": position, "zone": RANGE_ZONES[range_zone(position, 0.45, 0.55)]}


def impulse_pullback(inputs, params):
    bars, atr, t, d = bars_of(inputs), column(inputs["atr"]), inputs["t"], inputs["dir"]
    bounds = rules(max_bars=params["max_bars"], min_atr=params["min_atr"], min_er=params["min_er"], min_depth=params["depth"][0],
                   max_depth=params["depth"][1], min_pullback=params["n"][0], max_pullback=params["n"][1], min_mono=params["mono"],
                   max_range_atr=params["max_range_atr"], break_bars=params["break_bars"])
    gaps = np.zeros(0, GAP_DTYPE)
    legs, standing = legs_of(*bars, atr, atr, one_session(atr.size), gaps, d, bounds, False)
    leg, row = legs[standing[t]], np.zeros(1, PULLBACK_DTYPE)[0]
    failed = measure_pullback(row, *bars, atr, atr, leg, t, bounds)
    return {"leg": {**{name: leg[name] for name in ("s", "e", "start", "end", "length", "length_atr", "er")}, "ok": standing[t] >= 0},
            "pullback": {"n": row["bars"], "depth": row["depth"], "mono": row["mono"], "max_range": row["max_range"], "pb_line": row["line"],
                         "pb_extreme": row["extreme"], "conds": {name: not failed & flag for name, flag in FLAGS.items()}, "ok": failed == 0}}


def thrust(inputs, params):
    o, h, lo, c = bars_of(inputs)
    displaced = displacement_bars(o, h, lo, c, column(inputs["atr"]), params["range_atr"], params["body_frac"], params["close_pos"])
    direction, _ = thrust_bars(displaced, np.full(o.size, inputs["rvol"]), params["rvol_min"])
    return {"thrust": direction[inputs["t"]] == inputs["dir"]}


BOUND = {"swings": pivot_rows, "swing_labels": labels, "structure": structure_events, "fvg": gap_rows, "order_block": block, "equal_levels": equal_pools,
         "sweep": sweep, "mqs": mqs, "premium_discount": premium_discount, "impulse_pullback": impulse_pullback, "thrust": thrust}


@pytest.mark.parametrize("case", [case for case in CASES if case["function"] in BOUND], ids=lambda case: case["id"])
def test_the_worked_case_holds(case):
    assert differences(BOUND[case["function"]](case["input"], case["params"]), case["expected"], TOLERANCE) == []


def test_every_function_of_the_cases_is_bound_or_named_as_missing():
    assert {case["function"] for case in CASES} == set(BOUND) | UNBOUND
