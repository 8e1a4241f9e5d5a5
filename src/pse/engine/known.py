"""What was known at an instant of a run, for questions beside the briefing: read from the bars and columns that the engine itself was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from pse.agents.cleaning import clean
from pse.agents.tools import Unanswerable
from pse.clock import iso
from pse.domain.errors import RequestError
from pse.engine.prepare import Prepared
from pse.features.build import Features
from pse.features.feature import Known
from pse.kernels import codes

DIGITS = 8
WORDS = {"tcc": codes.TCC_CLASSES, "mcs": codes.MARKET_STATES, "vol_bucket": codes.VOL_BUCKETS, "rsi_state": codes.RSI_STATES,
         "macd_state": codes.MACD_STATES, "liquidity": codes.LIQUIDITY_STATES}
PRICES, POINTS = frozenset({"swing_high", "swing_low", "vwap"}), frozenset({"atr", "atr_before"})     # told on the scale of the last bar


class KnownAt:
    """The bars, columns and headlines of a step as they were known at `instant`, ns UTC."""

    def __init__(self, step: Prepared, instant: int) -> None:
        self._step, self._instant = step, instant

    def work(self, tool: str, symbol: str) -> int:
        """Base bars known by the instant, which are behind every answer but headlines."""
        return 0 if tool == "news" else int(np.searchsorted(self._features(symbol).known.market.bars.ts_close, self._instant, side="right"))

    def bars(self, symbol: str, timeframe: str | None, rows: int) -> list[dict[str, Any]]:
        """The last bars complete by the instant, prices on the scale of the last one, so that rolls and splits between them make no jump."""
        try:
            known = self._market(symbol, timeframe or self._step.plan.decision_timeframe)
        except RequestError as error:
            raise Unanswerable(f"{error}. Ask for another timeframe, such as {self._step.plan.decision_timeframe}.") from None
        bars, last = known.bars, int(np.searchsorted(known.bars.ts_close, self._instant, side="right"))
        if not last:
            return []
        window = slice(max(0, last - rows), last)
        scale = 1.0 if bars.factor is None else float(bars.factor[last - 1])
        prices = [(bars.adjusted(name)[window] + bars.offset[last - 1]) / scale for name in ("open", "high", "low", "close")]
        return [{"close_at": iso(ts), **{name: _shown(value) for name, value in zip(("open", "high", "low", "close", "volume"), values, strict=True)}}
                for ts, *values in zip(bars.ts_close[window].tolist(), *(one.tolist() for one in prices), bars.volume[window].tolist(), strict=True)]

    def feature(self, symbol: str, name: str, rows: int) -> list[dict[str, Any]]:
        """The last values of a column that the engine reads."""
        features = self._features(symbol)
        if name not in features.columns:
            raise Unanswerable(f"there is no feature {name[:40]!r}; there are: {', '.join(sorted(features.columns))}.")
        last = int(np.searchsorted(features.decision.ts_close, self._instant, side="right"))
        window = slice(max(0, last - rows), last)
        words, values = WORDS.get(name), features.columns[name][window]
        if last and name in PRICES | POINTS:
            bars = features.decision
            moved = bars.offset[last - 1] - bars.offset[window] if name in PRICES else 0.0
            values = (values + moved) / (1.0 if bars.factor is None else bars.factor[last - 1])
        return [{"close_at": iso(ts), name: words[int(value)] if words else _shown(float(value))}
                for ts, value in zip(features.decision.ts_close[window].tolist(), values.tolist(), strict=True)]

    def news(self, symbol: str, rows: int) -> list[dict[str, Any]]:
        """The last headlines known, each with whether it holds a red-flag word."""
        found = self._step.plan.headlines.get(symbol)
        if found is None:
            raise Unanswerable(f"this desk reads no headlines about {symbol[:40]!r}.")
        last = int(np.searchsorted(found.known_at, self._instant, side="right"))
        return [{"known_at": iso(int(found.known_at[at])), "red_flag": bool(found.flagged[at]), **({"title": clean(found.titles[at])} if found.titles else {})}
                for at in range(max(0, last - rows), last)]

    def _features(self, symbol: str) -> Features:
        plan = self._step.plan
        if symbol not in plan.symbols or not self._step.features:
            raise Unanswerable(f"nothing is known of {symbol[:40]!r}; this desk trades {', '.join(plan.symbols)}.")
        return self._step.features[plan.symbols.index(symbol)]

    def _market(self, symbol: str, timeframe: str) -> Known:
        features = self._features(symbol)
        return features.known.at(timeframe)


def _shown(value: float) -> float | None:
    return round(value, DIGITS) if abs(value) < np.inf else None
