"""The doors that plug-ins stand behind, and the shapes that pass through them.

Only shapes: no file is read and no provider is named here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from pse.domain.instruments import Instrument

if TYPE_CHECKING:
    import polars as pl

Stamp = Literal["open", "close"]

BAR_COLUMNS = ("ts_open", "open", "high", "low", "close", "volume", "contract", "source", "row")
QUOTE_COLUMNS = ("bid_close", "ask_close", "trades", "vwap")
REJECTED_COLUMNS = ("source", "row", "reason", "text")


@dataclass(frozen=True)
class CsvOptions:
    """How a user's text file is to be read; None means: find out, and refuse when it cannot be told.

    `columns` maps our name to the file's name or 0-based position.  `stamp` says which end of the bar the time names.
    """

    columns: Mapping[str, str | int] | None = None
    delimiter: str | None = None
    header: bool = True
    time_format: str | None = None
    tz: str | None = None
    stamp: Stamp | None = None


@dataclass(frozen=True)
class FetchRequest:
    """What is wanted from a provider: bars of one instrument with start_ns <= ts_open < end_ns (None: all there is).

    `timeframe` as `pse.domain.bars.timeframe_ns` reads it, or None for the source's finest.  `seed` matters to made-up bars only.
    `extra` holds what one provider alone understands (for instance the frozen `sessions` of the calendar).
    """

    symbol: str
    instrument: Instrument
    timeframe: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    path: Path | None = None
    options: CsvOptions = CsvOptions()
    seed: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fetched:
    """What a provider found, unchecked.

    `frame`: polars, any order, one row a bar: `ts_open` int64 ns UTC, always the open of the bar (a daily bar that carries only a date: 00:00 UTC of
    that date); `open high low close volume` float64 points and units, volume null when the source has none; `contract` str or null; `source` str, the
    file name shown to the user; `row` int64, 1-based in that source; optionally `bid_close ask_close trades vwap` float64.
    `timeframe` is the finest found.  `front` names the front contract from each trading date on, (yyyymmdd, contract), when the source has a map.
    `close_only` says that the source knows closes alone (open, high and low repeat them).
    `rejected` holds the rows that could not be parsed: `source, row, reason, text`.  `notes` are sentences for the user, `doubts`
    those that warn: what the rows show speaks against what was asked for.  `adjusted`: what the source has taken out of a share's prices, by all later
    splits, or by dividends too.
    """

    frame: pl.DataFrame
    timeframe: str
    front: list[tuple[int, str]] | None = None
    synthetic: bool = False
    close_only: bool = False
    notes: list[str] = field(default_factory=list)
    rejected: pl.DataFrame | None = None
    doubts: list[str] = field(default_factory=list)
    adjusted: Literal["none", "splits", "all"] = "none"


@runtime_checkable
class BarProvider(Protocol):
    """Where bars come from.  Absence is an empty frame; an outage raises `OutsideError`; a bad file raises `BadInput`."""

    name: str
    needs_path: bool

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request, unchecked, in any order."""
        ...


@runtime_checkable
class HeadlineProvider(Protocol):
    """Where headlines come from.  An outage raises `OutsideError`; a bad file raises `BadInput`."""

    name: str

    def fetch(self, path: Path | None, url: str | None, clock: Any, columns: Sequence[str] | None, tz: str | None) -> Any:
        """`items` (published_ns, known_ns, source, title, summary, url), `rejected` rows and `notes`, as the source tells them."""
        ...
