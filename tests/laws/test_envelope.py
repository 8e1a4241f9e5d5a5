"""The order of fill rules: of one entry the pessimistic result is at most the drilled one, and that at most the optimistic one.

It holds of every trade whose fills say nothing new. What can break it is told by name: a stop or a trigger that a price jumped over (who was stopped out
before by a stricter rule lost less, who entered beyond his stop pays the slippage alone; only finer bars show a jump inside a bar), an entry filled in parts
(another average price), and a plan that was managed after a better fill (a part taken, the stop moved).

The bounds that are reported are over all rules, and hold always.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.research.envelope import IN_ORDER, POINTS_EPS, Unit, side_by_side
from pse.research.trade_stats import TRADE_SCHEMA
from tests.kernels import worlds as w
from tests.laws.paths import EACH, RULES, draw, points, traded

ORDERS = {"market": k.MARKET, "limit": k.LIMIT, "stop": k.STOP}
COARSE_NS = EACH * w.MINUTE


def results(seed: int, order: str, managed: bool = False, **world: Any) -> dict[str, dict[str, Any]] | None:
    """The trade of a path under each rule; None where not all of them entered in one coarse bar."""
    path = draw(seed, ORDERS[order], **world)
    found = {rule: traded(path, rule, managed) for rule in RULES}
    if None in found.values() or len({(trade["entry_ts"] - w.START) // COARSE_NS for trade in found.values()}) > 1:
        return None
    return found


def why(worse: dict[str, Any], better: dict[str, Any], managed: bool) -> str:
    """What explains that the better rule did worse; "" for nothing."""
    if max(worse["parts"], better["parts"]) > 1:
        return "in parts"
    if better["gapped"] or worse["entry_kind"] == c.F_GAP or (better["entry_kind"] == c.F_OPEN != worse["entry_kind"]):
        return "gapped"
    moved = {c.R_BE, c.R_TRAIL}
    return "managed" if managed and (moved & {worse["reason"], better["reason"]} or max(worse["exits"], better["exits"]) > 1) else ""


def inversions(seeds: range, order: str, managed: bool = False, **world: Any) -> tuple[int, Counter[str], list[Any]]:
    """How many paths were compared, why any stood out of order, and those that nothing explains."""
    compared, told, unexplained = 0, Counter[str](), []
    for seed in seeds:
        found = results(seed, order, managed, **world)
        if found is None:
            continue
        compared += 1
        for worse, better in IN_ORDER:
            if points(found[worse]) > points(found[better]) + POINTS_EPS:
                reason = why(found[worse], found[better], managed)
                told[reason] += 1
                unexplained += [] if reason else [(seed, order, worse, better, {rule: (one["entry"], one["exit"]) for rule, one in found.items()})]
    return compared, told, unexplained


@pytest.mark.parametrize("order", ["market", "limit"])
def test_a_bracket_that_no_price_jumps_over_stands_in_order_without_exception(order):
    compared, told, _ = inversions(range(120), order, volumes=False)
    assert compared > 50 and not told


@pytest.mark.parametrize(("order", "managed"), [("market", False), ("limit", False), ("stop", False), ("limit", True)])
def test_what_stands_out_of_order_has_a_gap_a_part_or_a_moved_stop_for_a_reason(order, managed):
    compared, told, unexplained = inversions(range(1000, 1080), order, managed, inner_gaps=True)
    assert compared > 30 and not unexplained, (told, unexplained[:3])


@pytest.mark.slow
@pytest.mark.parametrize("order", list(ORDERS))
def test_ten_thousand_random_paths_stand_in_order_but_for_what_is_named(order):
    """Over the three kinds of orders: half of the paths without jumps inside a bar or caps of volume, half with both, of these half managed."""
    plain = inversions(range(1_700), order, volumes=False)
    rough = inversions(range(10_000, 10_850), order, inner_gaps=True)
    managed = inversions(range(20_000, 20_850), order, managed=True, inner_gaps=True)
    assert not plain[2] and not rough[2] and not managed[2], (plain[1:], rough[1:], managed[1:])
    assert set(plain[1]) <= ({"gapped"} if order == "stop" else set()) and plain[0] + rough[0] + managed[0] > 1_500


def row(trade: dict[str, Any], name: str) -> dict[str, Any]:
    """A trade of the engine as a row of the table of trades."""
    return dict.fromkeys(TRADE_SCHEMA) | {
        "trade_id": name, "setup_id": name, "plan_id": name, "symbol": "ES", "contract": "ES", "tactic": "made", "quantity": trade["quantity"], "rate": 1.0,
        "direction": "LONG" if trade["direction"] > 0 else "SHORT", "ts_setup": trade["decided_at"], "ts_entry": trade["entry_ts"] - w.START,
        "ts_exit": trade["exit_ts"], "entry_price": trade["entry"], "exit_price": trade["exit"], "risk_points": trade["risk_points"],
        "gross_usd": trade["gross"], "fees_usd": trade["fees"], "net_usd": trade["net"], "exit_reason": c.REASONS[trade["reason"]],
        "ambiguous": bool(trade["ambiguous"])}


def test_the_bounds_that_are_reported_hold_every_rule_between_them_and_count_what_is_out_of_order():
    rows: dict[str, list[dict[str, Any]]] = {rule: [] for rule in RULES}
    wrong = set()
    for order in ORDERS:
        for seed in range(2000, 2060):
            path = draw(seed, ORDERS[order], inner_gaps=True)
            found = {rule: traded(path, rule, managed=seed % 2 == 0) for rule in RULES}
            for rule, trade in found.items():
                rows[rule] += [row(trade, f"{order} {seed}")] if trade else []
            same = results(seed, order, managed=seed % 2 == 0, inner_gaps=True)
            if same and any(points(same[worse]) > points(same[better]) + POINTS_EPS for worse, better in IN_ORDER):
                wrong.add(f"{order} {seed}")
    tables = {rule: pl.DataFrame(found, schema=TRADE_SCHEMA, orient="row") for rule, found in rows.items()}
    table = side_by_side(tables, {"ES": Unit(50.0, 0.25)}, COARSE_NS)                # type: ignore[arg-type]
    for rule in RULES:
        known = table.filter(pl.col(f"{rule}_r").is_not_null())
        assert known.height == tables[rule].height > 60
        assert (known["low_r"] <= known[f"{rule}_r"]).all() and (known[f"{rule}_r"] <= known["high_r"]).all()
    assert set(table.filter(pl.col("out_of_order"))["setup_id"].to_list()) == wrong and wrong
    apart = table.filter(pl.col("only") != "")
    assert apart.height > 5 and not apart["same_entry"].any() and np.isfinite(table["low_r"].to_numpy()).all()
