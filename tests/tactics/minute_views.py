"""Made-up features with one-minute bars beneath the decision bars, for the tactics that read both."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pse.domain.bars import Bars
from pse.domain.sessions import MINUTE_NS, Sessions
from pse.features.feature import Market
from pse.kernels.contract import BLOCK_DTYPE, LEVEL_DTYPE, NEVER, POOL_DTYPE, SWEEP_DTYPE
from tests.tactics.views import View, columns, instrument, table


def minute_bars(rows, offset=None, dropped=()):
    """One-minute bars from (open, high, low, close), in one endless session; those of the minutes `dropped` are left out."""
    n = len(rows)
    ts, one = np.arange(n, dtype=np.int64) * MINUTE_NS, np.zeros(1, np.int64)
    sessions = Sessions("24/7", "UTC", np.array([20200101], np.int32), one, one + NEVER, one, one + NEVER, one, one, "")
    shift = np.zeros(n) if offset is None else np.asarray(offset, float)
    prices = [np.array([row[i] for row in rows], float) + shift for i in range(4)]
    roll = np.r_[False, np.diff(shift) != 0][:n]
    arrays = (ts, ts + MINUTE_NS, *prices, np.ones(n), np.zeros(n, np.int64), roll, shift, np.cumsum(roll).astype(np.int32), np.zeros(n, np.int16))
    kept = np.setdiff1d(np.arange(n), dropped)
    return Bars("ES", "1m", *(column[kept] for column in arrays), tuple(f"C{i}" for i in range(int(roll.sum()) + 1)), sessions)


@dataclass(frozen=True)
class MinuteView(View):
    """A view whose decision bars are made of `minutes`."""

    minutes: Bars = None

    @cached_property
    def known(self):
        return Market(self.minutes, instrument()).at("5m")


def minute_view(minutes, breaks, gaps, atr=2.0, pools=None, **states):
    """The features of minutes with the given breaks and gaps; range and states are the same at every bar."""
    bars = Market(minutes, instrument()).at("5m").bars
    made = columns(np.full(len(bars), atr), **states)
    made["atr_before"] = made["atr"].copy()
    return MinuteView(bars, made, breaks, gaps, table(BLOCK_DTYPE), table(POOL_DTYPE) if pools is None else pools, table(SWEEP_DTYPE), table(LEVEL_DTYPE),
                      minutes)


def upside_down(view):
    """The same minutes mirrored around 100."""
    def turned(table_):
        other = table_.copy()
        other["dir"] = -table_["dir"]
        if "top" in table_.dtype.names:
            other["top"], other["bottom"] = 200 - table_["bottom"], 200 - table_["top"]
        return other

    bars = view.minutes
    prices = {"open": 200 - bars.open, "high": 200 - bars.low, "low": 200 - bars.high, "close": 200 - bars.close}
    minutes = replace(bars, **prices)
    return replace(view, minutes=minutes, decision=Market(minutes, instrument()).at("5m").bars, breaks=turned(view.breaks), gaps=turned(view.gaps),
                   columns={**view.columns, "tcc_dir": -view.columns["tcc_dir"]})
