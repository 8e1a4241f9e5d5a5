"""What may be changed of a plan once it stands, from the table of plan rules, as a list of complaints; the first one counts.

A plan and a request are dicts; None is "as it is" in a request and "there is none" in a plan.
"""

import math


def off(value, step):
    return value is not None and (not math.isfinite(value) or abs(value / step - round(value / step)) > 1e-6)


def complaints(plan, asked, policy, tick, lot):
    """(code, measured, allowed) of everything that is wrong with a request, in the order in which it is told."""
    d, price = plan["d"], plan["price"]
    if asked["expected"] != plan["version"]:
        yield "VERSION_CONFLICT", asked["expected"], plan["version"]
    if plan["replans"] + 1 > policy["most"]:
        yield "REPLAN_LIMIT", plan["replans"] + 1, policy["most"]
    if plan["replans"] and plan["closes_since"] < policy["apart"]:
        yield "REPLAN_TOO_SOON", plan["closes_since"], policy["apart"]
    stop, target, size, until = (asked[name] for name in ("stop", "target", "size", "until"))
    for given in (stop, target):
        if off(given, tick):
            yield "OFF_TICK", given, round(given / tick) * tick if math.isfinite(given) else given
    if stop is not None and d * stop < d * plan["stop"] - 1e-9:
        yield "WIDEN_STOP", stop, plan["stop"]
    tighter = stop is not None and d * stop > d * plan["stop"] + 1e-9
    if tighter and d * stop >= d * price - 1e-9:
        yield "STOP_WRONG_SIDE", stop, price
    if target is not None and target != plan["target"]:
        if d * target <= d * price + 1e-9:
            yield "TARGET_WRONG_SIDE", target, price
        elif plan["target"] is not None and d * target > d * plan["target"] + 1e-9:
            if asked["actor"] == "llm":
                yield "TARGET_FARTHER", target, plan["target"]
        else:
            risk = d * (price - (stop if tighter else plan["stop"]))
            reward = d * (target - price) / risk if risk > 1e-9 else 0.0
            if reward < policy["least"] - 1e-9:
                yield "REPLAN_RR", reward, policy["least"]
    whole = plan["held"] + plan["rest"]
    if size is not None:
        if size > whole + 1e-9:
            yield "ADD_QTY", size, whole
        elif size < 0 or off(size, lot):
            yield "OFF_LOT", size, max(0.0, math.floor(size / lot + 1e-9) * lot) if math.isfinite(size) else 0.0
    if until is not None and (plan["rest"] <= 1e-9 or until > plan["until"]):
        yield "LONGER_VALIDITY", until, plan["until"]
    same = [stop is None or abs(stop - plan["stop"]) <= 1e-9, target is None or target == plan["target"], size is None or size >= whole - 1e-9,
            until is None or until == plan["until"]]
    if all(same):
        yield "UNCHANGED", 0.0, 0.0


def judged(plan, asked, policy, tick, lot):
    return next(complaints(plan, asked, policy, tick, lot), ("OK", 0.0, 0.0))


def cut(held, rest, size):
    """(still to buy, leaves) where the plan shrinks to `size` lot by lot: what is not bought yet goes first."""
    leaves = 0
    while held + rest - leaves > size:
        if rest:
            rest -= 1
        else:
            leaves += 1
    return rest, leaves
