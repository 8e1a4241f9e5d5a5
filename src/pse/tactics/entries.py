"""Entries at the close of decision bars as rows of setups, for tactics that know their own stop and target.

Those that want targets before levels and their stop checked take `finds.priced` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Facts, Setups, Told
from pse.kernels.codes import FAM_RULE
from pse.kernels.contract import ALONE, ENTER, MARKET, SETUP_DTYPE
from pse.tactics.scan import FeatureView

ORDINARY: dict[str, Any] = {
    "kind": ENTER, "order_type": MARKET, "target2": np.nan, "size_multiple": 1.0, "quality": 0.6, "confidence": 0.6, "rank_base": np.nan, "group": ALONE,
    "invalid_price": np.nan, "family": FAM_RULE}


def entries(features: FeatureView, instrument: Instrument, bar: np.ndarray, direction: np.ndarray, stop: np.ndarray, target: np.ndarray,
            tell: Callable[[int], Facts], valid_minutes: float = 10.0, **fields: Any) -> Setups:
    """One ENTER row at the close of each decision bar of `bar` (int64, any order).

    direction: +1 long, -1 short; stop, target: prices as traded, brought to the tick away from the market and towards the entry; target NaN: none.
    `tell(i)`: what was measured for entry i, as plain values; `objects` among them are the ids that make it the same setup everywhere.
    `fields`: other columns of SETUP_DTYPE, by name; those that are not given are ORDINARY, or 0.
    """
    order = np.lexsort((direction, bar))
    bar, direction = bar[order], direction[order]
    bars, rows = features.decision, np.zeros(order.size, SETUP_DTYPE)
    own = {"ts": bars.ts_close[bar], "direction": direction, "entry": bars.close[bar], "event_bar": bars.ts_close[bar],
           "valid_until": bars.ts_close[bar] + int(valid_minutes * MINUTE_NS), "stop": _on_grid(np.asarray(stop, float)[order], direction, instrument.tick),
           "target": _on_grid(np.asarray(target, float)[order], direction, instrument.tick), "evidence": np.arange(order.size)}
    for name, values in {**ORDINARY, **own}.items():
        rows[name] = values
    for name, values in fields.items():
        rows[name] = np.broadcast_to(values, order.shape)[order]
    return Setups(rows, Told(rows.size, lambda: [tell(i) for i in order.tolist()]))


def _on_grid(price: np.ndarray, direction: np.ndarray, tick: float) -> np.ndarray:
    """Down for longs, up for shorts."""
    return np.where(direction > 0, np.floor(price / tick + 1e-9), np.ceil(price / tick - 1e-9)) * tick
