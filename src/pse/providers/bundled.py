"""Daily series that the statistics package `arch` ships: S&P 500 and NASDAQ (1999 to 2018), VIX (2014 to 2018) and WTI oil (1986 to 2018).

They need no network and no file.  VIX and WTI are closes only: open, high and low repeat the close and the bars say so.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import polars as pl

from pse.domain.errors import RequestError, UnknownName
from pse.domain.ports import Fetched, FetchRequest
from pse.providers.archives import read_plain
from pse.providers.stamps import no_rejects, window

_SERIES = {"SP500": "sp500", "SPX": "sp500", "NASDAQ": "nasdaq", "COMP": "nasdaq", "IXIC": "nasdaq", "VIX": "vix", "WTI": "wti"}


class Bundled:
    """A shipped daily series by symbol: SP500 (or SPX), NASDAQ (or COMP, IXIC), VIX, WTI."""

    name = "bundled"
    needs_path = False

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request, 1d.  `UnknownName` for another symbol, `RequestError` without the package."""
        called = request.instrument.provider_names.get("bundled", request.symbol).upper()
        if called not in _SERIES:
            raise UnknownName("bundled series", called, _SERIES)
        if request.timeframe not in (None, "1d"):
            raise RequestError(f"the bundled series are daily, not --timeframe {request.timeframe}; leave it out")
        table = _load(_SERIES[called])
        close_only = "Close" not in table.columns
        closes = table.columns[1]                                           # the one column besides the date
        prices = dict.fromkeys(("open", "high", "low", "close"), closes) if close_only else {c: c.title() for c in ("open", "high", "low", "close")}
        bars = table.select(
            pl.col("Date").str.to_date("%m/%d/%Y").cast(pl.Datetime("ns")).cast(pl.Int64).alias("ts_open"),
            *(pl.col(theirs).cast(pl.Float64, strict=False).alias(ours) for ours, theirs in prices.items()),
            (pl.lit(None, dtype=pl.Float64) if close_only else pl.col("Volume").cast(pl.Float64)).alias("volume"),
            pl.lit(f"arch {_SERIES[called]}").alias("source"),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"),
        )
        empty = bars["close"].null_count()                                  # VIX and WTI list holidays, without a price
        notes = [f"{empty} weekdays have no price (holidays); they make no bar"] if empty else []
        notes += [f"{called} is a bundled daily series" + ("; closes only: open, high and low repeat the close" if close_only else "")]
        frame = window(bars.filter(pl.col("close").is_not_null()), request)
        return Fetched(frame=frame, timeframe="1d", close_only=close_only, notes=notes, rejected=no_rejects())


def _load(name: str) -> pl.DataFrame:
    """The shipped table as texts; the package itself is not imported (that takes seconds and brings all of its models)."""
    found = importlib.util.find_spec("arch")
    file = Path(next(iter(found.submodule_search_locations))) / "data" / name / f"{name}.csv.gz" if found and found.submodule_search_locations else None
    if file is None or not file.is_file():
        raise RequestError("the bundled series come with the package arch, which is not installed; run: pip install 'pse-toolkit[research]'")
    return pl.read_csv(gzip.decompress(read_plain(file)), infer_schema=False)
