"""What limits took from sizes, and what a stop costs beside its points: of a run's setups, from its journal and settings.

The journal's word REDUCED at sizing is also that of overlays which every trade has (volatility, regime); here a size counts as cut where a limit explains
it.  What a symbol and the cash leave is reckoned with the equity told last before the decision and the positions then held, so a size is taken as bound by
them when it comes within `NEAR` of them.  Sums use the kernels' own functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pse.reports.view import number

if TYPE_CHECKING:
    from pse.reports.view import RunView

NEAR = 0.02
LIMITS = ("largest risk of a trade", "Kelly's fraction", "largest quantity", "value of a symbol", "cash", "exposure", "tail risk")
RISK, KELLY, QUANTITY, SYMBOL, CASH, EXPOSURE, TAIL = LIMITS
AT_SIZING = {"R_CAPPED": RISK, "KELLY": KELLY}
AFTER_SIZING = {"exposure": EXPOSURE, "tail_risk": TAIL}
LESS = ("REDUCED", "INSUFFICIENT")


@dataclass(frozen=True)
class Sized:
    """The last sizing of a setup: what it gave in lots, the word it told, and the gates after it that left less."""

    quantity: float | None
    code: str
    lowered_by: tuple[str, ...]


def sized_of(gates: list[Any]) -> Sized:
    """Of the gates of one round after the verdict."""
    found = next((gate for gate in gates if gate[0] == "sizing"), None)
    quantity = None if found is None or found[2] is None else float(found[2])
    return Sized(quantity, "" if found is None else str(found[4]), tuple(str(gate[0]) for gate in gates if gate[0] in AFTER_SIZING and gate[4] in LESS))


def cuts(view: RunView) -> dict[str, list[str]]:
    """By setup id the limits that took from the size of its trade; a trade of which none did is not in it."""
    limits = view.risk_profile.get("limits") or {}
    entered = view.trades.unique("setup_id", keep="first", maintain_order=True)
    found = {}
    for trade in entered.iter_rows(named=True):
        sized = view.told.sized.get(trade["setup_id"])
        if sized is not None and (by := _by(view, limits, trade, sized)):
            found[str(trade["setup_id"])] = by
    return found


def _by(view: RunView, limits: dict[str, Any], trade: dict[str, Any], sized: Sized) -> list[str]:
    by = [AT_SIZING[sized.code]] if sized.code in AT_SIZING else []
    if sized.quantity is not None:
        most, lot = number(limits.get("max_quantity")), _of(view, trade, "lot_step")
        if most is not None and sized.quantity + lot > most:
            by.append(QUANTITY)
        elif sized.code == "REDUCED" and limits.get("sizing") == "shares":
            by += _by_money(view, limits, trade, sized.quantity, lot)
    return [*by, *(AFTER_SIZING[gate] for gate in sized.lowered_by)]


def _by_money(view: RunView, limits: dict[str, Any], trade: dict[str, Any], quantity: float, lot: float) -> list[str]:
    """The value that a symbol may have, or the cash, where one lot more would have come to it."""
    decided, equity = trade["ts_setup"], _equity_at(view, trade["ts_setup"])
    asked = (quantity + lot) * trade["entry_price"] * _of(view, trade, "point_value") * trade["rate"]
    held = view.trades.filter((pl.col("ts_entry") <= decided) & (pl.col("ts_exit") > decided))
    values = [(one["symbol"], one["direction"], one["quantity"] * one["entry_price"] * _of(view, one, "point_value") * one["rate"])
              for one in held.iter_rows(named=True)]
    share = number(limits.get("max_symbol_notional"))
    room = np.inf if share is None else share * equity - sum(value for symbol, _, value in values if symbol == trade["symbol"])
    cash = equity - sum(value for _, way, value in values if way == "LONG") if limits.get("cash_only") else np.inf
    least, by = min((room, SYMBOL), (cash, CASH))
    return [by] if asked > (1.0 - NEAR) * least else []


def _of(view: RunView, trade: dict[str, Any], name: str) -> float:
    known = view.instruments.get(trade["contract"]) or view.instruments.get(trade["symbol"]) or {}
    return number(known.get(name)) or 1.0


def _equity_at(view: RunView, ts: int) -> float:
    """The equity told last by a moment; the capital before anything was told."""
    row = int(view.equity["ts"].search_sorted(ts, side="right")) - 1
    return float(view.equity["equity_usd"][row]) if row >= 0 else number(view.metrics.get("capital_usd")) or 0.0


@dataclass(frozen=True)
class Dear:
    """A setup that was refused for its expected value.  `quantity`: what the gate reckoned fees for, None before a size was known; `atr`: as the tactic told
    it, points, NaN where it did not."""

    symbol: str
    entry: float
    stop: float
    quantity: float | None
    atr: float


def cost_of_a_stop(view: RunView) -> float | None:
    """Fees in and out and the slippage of a stop, in R, in the median of the setups refused for their expected value; None without one.

    As the gate reckons: fees of the quantity that was sized, before that of the largest one; slippage without a quote.
    """
    limits = view.risk_profile.get("limits") or {}
    most = number(limits.get("max_quantity"))
    costs = [cost for one in view.told.dear if (cost := _cost_r(view, one, most)) is not None]
    return median(costs) if costs else None


def _cost_r(view: RunView, one: Dear, most: float | None) -> float | None:
    """What a trade that is stopped out pays beside its stop, as a share of it; None where the instrument's costs are not known."""
    from pse.kernels.matching import bounded_fee, side_fee, slippage

    instrument = view.instruments.get(one.symbol) or {}
    rule = view.fill_rule
    fees, model = instrument.get("fees"), rule.get("slippage") or instrument.get("slippage") or {}
    point, tick, ticks = (number(instrument.get(name)) for name in ("point_value", "tick", "slippage_ticks"))
    own, factor = number(rule.get("slippage_ticks")), number(rule.get("slippage_factor"))
    ticks = ticks if own is None else own                                    # of the policy, where it has its own
    if not isinstance(fees, dict) or not point or tick is None or ticks is None:
        return None
    spread_share, volatility_share, impact = (number(model.get(name)) or 0.0 for name in ("spread_share", "volatility_share", "impact"))
    slip = slippage.py_func(ticks, tick, spread_share, np.nan, volatility_share, impact, one.atr, number(rule.get("volume_share")) or 0.0,
                            1.0 if factor is None else factor)
    unit, points, least, dearest, dearest_points = (number(fees.get(name)) or 0.0
                                                    for name in ("per_unit", "basis_points", "minimum", "maximum", "maximum_basis_points"))
    quantity = one.quantity or most or 1.0
    fee = side_fee.py_func(quantity, one.entry, point, unit, points)
    fee = bounded_fee.py_func(fee, quantity, quantity * one.entry * point, least, dearest, dearest_points)
    return float((2.0 * fee / quantity / point + slip) / abs(one.entry - one.stop))
