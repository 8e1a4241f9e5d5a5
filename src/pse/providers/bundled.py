"""Daily series that the statistics package `arch` ships: S&P 500 and NASDAQ (1999 to 2018), VIX (2014 to 2018) and WTI oil (1986 to 2018).

They need no network and no file.  VIX and WTI are closes only: open, high and low repeat the close and the bars say so.
"""

from __future__ import annotations

import importlib
from typing import Any

import polars as pl

from pse.domain.errors import RequestError, UnknownName
from pse.domain.ports import Fetched, FetchRequest
from pse.providers.stamps import no_rejects, window

_SERIES = {"SP500": "sp500", "SPX": "sp500", "NASDAQ": "nasdaq", "COMP": "nasdaq", "IXIC": "nasdaq", "VIX": "vix", "WTI": "wti"}


class Bundled:
    """A shipped daily series by symbol: SP500 (or SPX), NASDAQ (or COMP, IXIC), VIX, WTI."""

    name = "bundled"
    needs_path = False

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request, 1d.  `UnknownName` for another symbol, `RequestError` without the package."""
        called = request.instrument.provider_names.get("bundled", request.symbol)
        if called not in _SERIES:
            raise UnknownName("bundled series", called, _SERIES)
        if request.timeframe not in (None, "1d"):
            raise RequestError(f"the bundled series are daily, not --timeframe {request.timeframe}; leave it out")
        shipped = _load(_SERIES[called])
        close_only = "Close" not in shipped.columns
        names = dict.fromkeys(("open", "high", "low", "close"), shipped.columns[0]) if close_only else {c: c.title() for c in ("open", "high", "low", "close")}
        volume = None if close_only else shipped["Volume"].to_numpy(dtype="float64")
        table = pl.DataFrame(
            {
                "ts_open": shipped.index.to_numpy().astype("datetime64[ns]").astype("int64"),
                **{ours: shipped[theirs].to_numpy(dtype="float64") for ours, theirs in names.items()},
                "volume": pl.Series(volume if volume is not None else [None] * len(shipped), dtype=pl.Float64),
                "source": [f"arch {_SERIES[called]}"] * len(shipped),
                "row": range(1, len(shipped) + 1),
            },
            schema_overrides={"row": pl.Int64},
        )
        empty = int(table["close"].is_nan().sum())                          # VIX and WTI list holidays, without a price
        notes = [f"{empty} weekdays have no price (holidays); they make no bar"] if empty else []
        notes += [f"{called} is a bundled daily series" + ("; closes only: open, high and low repeat the close" if close_only else "")]
        frame = window(table.filter(pl.col("close").is_not_nan()), request)
        return Fetched(frame=frame, timeframe="1d", close_only=close_only, notes=notes, rejected=no_rejects())


def _load(name: str) -> Any:
    try:
        return importlib.import_module(f"arch.data.{name}").load()
    except ImportError as error:
        raise RequestError(f"the bundled series need {error.name}, which is not installed; run: pip install 'pse-toolkit[stats]'") from error
