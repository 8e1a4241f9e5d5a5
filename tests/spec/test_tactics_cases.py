"""The worked cases of the tactics page, run against the kernels and the first tactic."""

import json
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest

from pse.domain.bars import timeframe_ns
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import GRADES
from pse.features.impulse import Impulse
from pse.kernels.codes import E_FILL, FILL_KINDS, REASONS, TCC_HIGH
from pse.kernels.contract import BLOCK_DTYPE, BREAK_DTYPE, GAP_DTYPE, LEVEL_DTYPE, POOL_DTYPE, POOL_KINDS, REFUSED, SWEEP_DTYPE, SWEPT
from pse.kernels.gates import slippage_check
from pse.kernels.impulse import LEG_DTYPE, PULLBACK_DTYPE, measure_pullback
from pse.kernels.matching import entry_fill
from pse.kernels.missed_gaps import MISSED_DTYPE, begin_gap, minute_of, take_bar, take_minutes
from pse.kernels.retests import POI_KINDS
from pse.kernels.select import select, setup_rank
from pse.kernels.targets import CODES, NO_TAG, OK, kernel_tp1, stop_check
from pse.tactics.finds import finds_at, priced
from pse.tactics.minutes import minutes_of
from pse.tactics.missed_fvg_reversion import MissedFvgReversion
from pse.tactics.momentum_thrust import MomentumThrust
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.pullback_micro_fvg import PullbackMicroFvg
from pse.tactics.rules import GRADE_SIZE, PRECEDENCE, StopRules, TargetRules
from pse.tactics.sweep_reversal import SweepReversal
from tests.kernels import worlds
from tests.kernels.test_impulse import FLAGS
from tests.kernels.test_missed_gaps import rules as missed_rules
from tests.tactics.minute_views import minute_bars, minute_view
from tests.tactics.views import View, columns, entered, five_minute_bars, instrument, refused, table

FILE = json.loads((Path(__file__).parent / "04-tactics.json").read_text())
CASES = {case["id"]: case for case in FILE["cases"]}

UNBOUND_FUNCTIONS: set[str] = set()
UNBOUND_CASES: set[str] = set()

CAP_POINTS = {"ES": 8.0, "NQ": 20.0, "RTY": 6.0}
GRADE_MQS = {"B": 0.6, "A": 0.74, "A+": 0.9}
TACTIC = {"DAS_2_2": "sweep_reversal", "DAS_2_1": "mss_fvg_retest", "TCEA_MTE": "momentum_thrust", "TCEA_SPMF": "pullback_micro_fvg",
          "TCEA_FVG_MR": "missed_fvg_reversion"}
LABEL = {name: label for label, name in TACTIC.items()}
BASE = {"DAS_2_2": 1.0, "DAS_2_1": 0.8, "TCEA_MTE": 0.6, "TCEA_SPMF": 0.6, "TCEA_FVG_MR": 0.5}


def kernel_target(given, params, levels, **more):
    rows = np.array([[price, priority] for price, priority, _ in levels]).reshape(-1, 2)
    names = {"tp_max_atr": "max_atr", "h": "spread_r", "base": "base_priority", "rr_block": "block_r", "block_pri": "block_priority"}
    return kernel_tp1(given["entry"], given["sl"], given["dir"], rows[:, 0].copy(), rows[:, 1].copy(), given["tick"], given.get("atr", nan),
                      **{**{names.get(name, name): value for name, value in params.items()}, **more})


def run_kernel_tp1(given, params):
    levels = given["levels"]
    code, price, rr, row, weight, blocker = kernel_target(given, params, levels)
    if CODES[code] != "OK":
        return {"status": "REJECT", "reason": CODES[code], "by": levels[blocker][2], "rr": rr}
    alone = [("R_MULTIPLE", kernel_target(given, params, []))]
    alone += [(level[2], kernel_target(given, params, [level], base_priority=-1.0)) for level in levels]
    candidates = [{"price": p, "rr": r, "weight": w, "source": name} for name, (c, p, r, _, w, _) in alone if CODES[c] == "OK"]
    candidates.sort(key=lambda candidate: -candidate["weight"])
    return {"status": "OK", "tp1": price, "rr": rr, "source": levels[row][2] if row >= 0 else "R_MULTIPLE", "weight": weight,
            "candidates": candidates}


def run_stop_check(given, params):
    names = ("min_ticks", "min_atr", "cap_atr")
    code, stop, risk, cap, widened = stop_check(given["entry"], given["sl"], given["dir"], given["tick"], given["atr"],
                                                CAP_POINTS.get(given["symbol"], nan), **{k: v for k, v in params.items() if k in names})
    if CODES[code] != "OK":
        return {"status": "REJECT", "reason": CODES[code], "risk": risk, "cap": cap}
    return {"status": "OK", "sl": stop, "risk": risk, "cap": cap, "widened": widened}


def das_view(given):
    """The case as features: level i was made by bar i, so that its id tells its name."""
    bars = five_minute_bars(given["open"], given["high"], given["low"], given["close"])
    gap, shift, levels = given["fvg"], given["mss"], given["levels"]
    mqs = GRADE_MQS[given["grade"]]
    breaks = table(BREAK_DTYPE, t=[shift["t"]], dir=[shift["dir"]], mss=[shift["mss"]], mqs=[mqs], mqs_next=[mqs], sweep=[-1])
    gaps = table(GAP_DTYPE, dir=[gap["dir"]], formed_at=[gap["formed_at"]], mid_bar=[gap["formed_at"] - 1], top=[gap["top"]],
                 bottom=[gap["bottom"]], valid=[gap["valid"]])
    pools = table(POOL_DTYPE, level=[x[0] for x in levels], priority=[x[1] for x in levels], known_at=[5] * len(levels),
                  origin=list(range(len(levels))), kind=[POOL_KINDS.index("PDH")] * len(levels))
    sweep = given["sweep"] or {}
    sweeps = table(SWEEP_DTYPE, **{name: [value] for name, value in sweep.items() if name != "t"}, confirmed_at=[sweep["t"]], result=[SWEPT]) if sweep \
        else table(SWEEP_DTYPE)
    return View(bars, columns(given["atr"]), breaks, gaps, table(BLOCK_DTYPE), pools, sweeps, table(LEVEL_DTYPE))


def run_das(given, params):
    view, t = das_view(given), given["t"]
    named = {"retest_tolerance": "tol_fraction", "retest_tol_atr": "tol_atr", "max_fill": "max_fill", "fvg_max_age": "max_age"}
    tactic = (SweepReversal if given["sweep"] else MssFvgRetest)(**{ours: params[theirs] for theirs, ours in named.items()})
    scan = tactic.scan(view, instrument(given["symbol"], CAP_POINTS[given["symbol"]], given["tick"]))
    ts = int(view.decision.ts_close[t])
    for row, body in zip(entered(scan).rows, entered(scan).evidence, strict=True):
        if row["ts"] == ts:
            source = given["levels"][int(body["target_level"].rsplit(":", 1)[1]) // timeframe_ns("5m")][2]
            return {"status": "PROPOSED", "tactic": LABEL[tactic.name], "dir": int(row["direction"]), "entry": row["entry"], "sl": row["stop"],
                    "risk_points": body["risk_points"], "tp1": row["target"], "rr": body["rr"], "tp_source": source,
                    "size_mult": row["size_multiple"], "grade": GRADES[row["grade"]], "poi": body["poi"],
                    "poi_kind": body["poi_kind"], "tol": body["tol"], "fill": body["fill"]}
    for body in refused(scan):
        if body["ts"] == ts:
            return {"status": "REJECT", "tactic": LABEL[tactic.name], "entry": body["entry"], "sl": body["stop"], "reason": body["code"]}
    return {"status": "NONE", **why_not(tactic, view, t)}


def why_not(tactic, view, t):
    """What is missing, by what mends it: only a tolerance that is too wide lets bar t tag, so it tags nothing.

    The place and the fill are that tag's; the tolerance is told of the same bar brought down to the place.
    """
    def tagged(by, seen):
        found = by.tags(seen)
        return found[found["t"] == t]

    (far_off,) = tagged(tactic.model_copy(update={"tol_fraction": 0.05, "tol_atr": 5.0}), view)
    low = view.decision.low.copy()
    low[t] = far_off["near"]
    (touching,) = tagged(tactic, replace(view, decision=replace(view.decision, low=low)))
    return {"reason": CODES[NO_TAG if tagged(tactic, view).size == 0 else OK], "poi": [far_off["far"], far_off["near"]],
            "poi_kind": POI_KINDS[far_off["poi_kind"]], "tol": touching["tol"], "fill": far_off["fill"]}


def propose_thrust(given):
    """The trigger bar as a strong shift after flat bars; what the open of the next minute makes of it, where the case names one."""
    bar, d, tick, n = given["trigger_bar"], given["dir"], given["tick"], 4
    flat, mqs, levels = [bar["low"]] * n, GRADE_MQS[given["grade"]], given["levels"]
    bars = five_minute_bars(*([*flat, value] for value in (bar["low"], bar["high"], bar["low"], bar["close"])), symbol=given["symbol"])
    shift = table(BREAK_DTYPE, t=[n], dir=[d], mss=[True], mqs=[mqs], mqs_next=[mqs], sweep=[-1])
    pools = table(POOL_DTYPE, level=[x[0] for x in levels], priority=[x[1] for x in levels], kind=[POOL_KINDS.index(x[2]) for x in levels],
                  known_at=[0] * len(levels), side=[d] * len(levels))
    trend = columns([given["atr"]] * (n + 1), TCC_HIGH, d)
    view = View(bars, trend, shift, table(GAP_DTYPE), table(BLOCK_DTYPE), pools, table(SWEEP_DTYPE), table(LEVEL_DTYPE))
    found = MomentumThrust(mqs_shift=0.55).scan(view, instrument(given["symbol"], CAP_POINTS[given["symbol"]], tick))
    answer = proposal(found, given["tactic"])
    if "first_1m_open" not in given:
        return answer
    row, open_ = found.rows[0], given["first_1m_open"]
    adverse, adverse_r, left, passed, code = slippage_check(d, row["entry"], row["stop"], row["target"], open_, tick)
    _, fill = entry_fill(int(row["order_type"]), d, row["entry"], row["limit_price"], row["stop"], *[open_] * 3, tick, worlds.policy()[0], tick)
    return {"proposal": answer, "fill_price": fill,
            "activation": {"adverse": adverse, "adverse_R": adverse_r, "rr_now": left, "passed": bool(passed), "reason": REASONS[code]}}


def proposal(found, tactic):
    """The one row that was found, in the words of the cases."""
    assert len(found) == 1
    row, body = found.rows[0], found.evidence[0]
    if row["kind"] == REFUSED:
        return {"status": "REJECT", "tactic": tactic, "entry": row["entry"], "sl": row["stop"], "reason": CODES[row["refusal"]], "risk": body["risk_points"],
                "cap": body["cap_points"]}
    return {"status": "PROPOSED", "tactic": tactic, "dir": int(row["direction"]), "entry": row["entry"], "sl": row["stop"],
            "risk_points": body["risk_points"], "tp1": row["target"], "rr": body["rr"], "tp_source": body["target_source"],
            "size_mult": row["size_multiple"], "grade": GRADES[row["grade"]]}


def propose_missed(given):
    code = np.array([GRADES.index(given["grade"])])
    return proposal(priced_find(given, given["entry"], code, MissedFvgReversion().sizes(np.array([given["reaction_R"]]), code)), given["tactic"])


def propose_pullback(given):
    code = np.array([GRADES.index(given["grade"])])
    size = PullbackMicroFvg().sizes(code, np.array([given["depth"]]), np.array([given["mqs"]]))
    return proposal(priced_find(given, given["close"], code, size), given["tactic"])


def priced_find(given, entry, grade, size):
    """One find behind the pullback's extreme, priced over the levels of the case."""
    levels = given["levels"]
    pools = table(POOL_DTYPE, level=[x[0] for x in levels], priority=[x[1] for x in levels], kind=[POOL_KINDS.index(x[2]) for x in levels])
    empty = (table(dtype) for dtype in (BREAK_DTYPE, GAP_DTYPE, BLOCK_DTYPE))
    view = View(five_minute_bars(*[[entry] * 6] * 4), columns([given["atr"]] * 6), *empty, pools, table(SWEEP_DTYPE), table(LEVEL_DTYPE))
    find = finds_at(view, np.array([5]), np.array([given["dir"]]), np.array([0]), np.array([given["pb_extreme"]]),
                    StopRules().buffer(np.array([given["atr"]]), given["tick"]))
    made = priced(view, instrument(given["symbol"], CAP_POINTS[given["symbol"]], given["tick"]), find, StopRules(), TargetRules(), 5)
    return made.setups({"grade": grade, "size_multiple": size}, lambda: {"objects": [[]]})


PROPOSE = {"TCEA_MTE": propose_thrust, "TCEA_FVG_MR": propose_missed, "TCEA_SPMF": propose_pullback}


def run_proposal(given, _params):
    return PROPOSE[given["tactic"]](given)


def run_select(given, params):
    proposals, groups = given["proposals"], {}
    n = len(proposals)
    rank = np.array([setup_rank(p["quality"], p["quality"], p["tcc_score"], p["rr"], BASE[p["tactic"]],
                                0.1 if (p["tactic"], p["grade"]) == ("TCEA_SPMF", "A+") else 0.0) for p in proposals])
    group = np.array([groups.setdefault(p["fvg_id"], len(groups)) if "fvg_id" in p else -1 for p in proposals])
    direction, event = np.array([p["dir"] for p in proposals]), np.array([p["event_t"] for p in proposals])
    precedence = np.array([PRECEDENCE.index(TACTIC[p["tactic"]]) for p in proposals])
    order, status = np.zeros(n, np.int64), np.zeros(n, np.int64)
    kept, conflict = select(n, rank, direction, group, precedence, event, order, status, params["conflict_gap"])
    ranking = [[proposals[i]["id"], round(float(rank[i]), 6)] for i in order[:kept]]
    return {"selected": None if conflict else ranking[0][0], "reason": "CONFLICT" if conflict else "OK", "ranking": ranking}


def run_missed_fvg(given, params):
    """The gap followed bar by bar; the range is the same at every bar."""
    gap = given["fvg"]
    high, low = np.array(given["high"], float), np.array(given["low"], float)
    rules = missed_rules(near_atr=params.get("near_atr", 0.25), react_min=params.get("react_min", 1.0), react_window=params.get("window", 12))
    rows = table(GAP_DTYPE, **{name: [gap[name]] for name in ("dir", "formed_at", "top", "bottom", "valid")})
    now = np.zeros(1, MISSED_DTYPE)[0]
    begin_gap(now, rows[0], 0, given["atr"], rules)
    for t in range(gap["formed_at"] + 1, given["t"] + 1):
        code = CODES[take_bar(now, high, low, np.full(high.size, given["atr"]), t, rules)]
        if code == "MID_FILLED":
            return {"missed": False, "reason": code, "at": t}
    if code != "OK":
        return {"missed": False, "reason": code}
    return {"missed": True, "touch_at": now["touched_at"], "react_at": now["reacted_at"], "ref": now["ref"], "extreme": now["extreme"],
            "reaction_R": now["reaction"], "Rf": now["unit"]}


def run_pullback_breakout_1m(given, params):
    ts, high, low, closes = (np.array(given[name], float) for name in ("ts", "high", "low", "close"))
    rules = missed_rules(side=params["left"], line_minutes=params["n_pb"], min_depth=params["depth"][0], max_depth=params["depth"][1])
    now = np.zeros(1, MISSED_DTYPE)[0]
    now["dir"], now["ref"], now["extreme"], now["middle"] = given["dir"], given["ref"], given["extreme"], given["mid"]
    last = int((ts + 60 <= given["T"]).sum()) - 1
    first = minute_of(high, low, given["dir"], given["extreme"], 0, last) + 1
    code = CODES[take_minutes(now, high, low, closes, np.zeros(ts.size, np.int64), first, last, rules)]
    return {"ok": code == "OK", "reason": code, "pb_extreme": now["pullback"], "pb_line": now["line"], "depth": now["depth"],
            "break_ts": int(ts[now["broke_at"]]), "last_close": closes[last]}


def run_pullback(given, _params):
    """On the leg as given, with the bounds as they are by default."""
    leg, row = np.zeros(1, LEG_DTYPE)[0], np.zeros(1, PULLBACK_DTYPE)[0]
    leg["dir"] = given["dir"]
    for name in ("s", "e", "start", "end", "length", "length_atr", "er"):
        leg[name] = given["leg"][name]
    bars, atr = [np.array(given[name], float) for name in ("open", "high", "low", "close")], np.full(len(given["close"]), given["atr"])
    failed = measure_pullback(row, *bars, atr, atr, leg, given["t"], Impulse().rules())
    return {"n": row["bars"], "depth": row["depth"], "mono": row["mono"], "max_range": row["max_range"], "pb_line": row["line"],
            "pb_extreme": row["extreme"], "conds": {name: not failed & flag for name, flag in FLAGS.items()}, "ok": failed == 0}


def run_visible_1m(given, _params):
    """The last minute that a tactic sees at the decision, and at the one before it."""
    opened = np.array(given["ts"]) * 1_000_000_000
    bars = replace(minute_bars([(1.0,) * 4] * opened.size), ts_open=opened, ts_close=opened + MINUTE_NS)
    view = minute_view(bars, table(BREAK_DTYPE), table(GAP_DTYPE))
    last, now = minutes_of(view, instrument()).last, int(np.flatnonzero(view.decision.ts_close == given["T"] * 1_000_000_000)[0])
    row = np.arange(opened.size)
    return {"visible": (row <= last[now]).tolist(), "in_this_5m": ((row > last[now - 1]) & (row <= last[now])).tolist()}


def run_fill_and_exit(given, params):
    """The case as one contract through the whole engine: decided at T, on the bars around it."""
    second, at = 1_000_000_000, given["T"]
    line = worlds.tape([((ts * second - worlds.START) // worlds.MINUTE, *prices) for ts, *prices in given["bars_1m"]])
    minute = (at * second - worlds.START) // worlds.MINUTE
    setup = worlds.setup(minute, given["entry"], given["sl"], given["tp"], (given["valid_until"] - at) // 60, direction=given["dir"])
    limits = worlds.policy(max_quantity=1, ev_min=-9, through_ticks=params["fill_through_ticks"])
    instruments = [worlds.instrument(tick=given["tick"], slippage_ticks=params["slippage_ticks"])]
    ran = worlds.run(line, worlds.world(line, [setup], worlds.rows([(minute, 0, given["entry"])]), instruments, limits))
    entry, leave = ran.of(E_FILL)
    return {"fill": {"ts": entry["ts"] // second, "price": entry["a"], "kind": FILL_KINDS[entry["j"]]},
            "exit": {"ts": leave["ts"] // second, "price": leave["a"], "why": REASONS[leave["code"]]}}


BOUND = {"kernel_tp1": run_kernel_tp1, "stop_check": run_stop_check, "das": run_das, "select": run_select, "visible_1m": run_visible_1m,
         "fill_and_exit": run_fill_and_exit, "missed_fvg": run_missed_fvg, "pullback_breakout_1m": run_pullback_breakout_1m, "pullback": run_pullback,
         "proposal": run_proposal}


def close(ours, expected):
    """Equal by the file's tolerance for floats, exactly otherwise; None is NaN."""
    if isinstance(expected, dict):
        return set(expected) <= set(ours) and all(close(ours[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(ours) == len(expected) and all(close(a, b) for a, b in zip(ours, expected, strict=True))
    if isinstance(expected, float):
        return ours is not None and not isnan(ours) and abs(ours - expected) <= FILE["tolerance"]
    return ours == expected


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["function"] in BOUND and name not in UNBOUND_CASES])
def test_a_worked_case_comes_out_as_written(name):
    case = CASES[name]
    ours = BOUND[case["function"]](case["input"], case["params"])
    assert close(ours, case["expected"]), (ours, case["expected"])


def test_what_is_not_bound_is_exactly_the_known_list():
    assert {case["function"] for case in FILE["cases"]} - set(BOUND) == UNBOUND_FUNCTIONS
    assert set(CASES) >= UNBOUND_CASES


def test_grades_are_worth_what_the_table_says():
    assert dict(zip(GRADES, GRADE_SIZE.tolist(), strict=True)) == {"": 0.0, "C": 0.0, "B": 0.5, "A": 0.75, "A+": 1.0}
