"""QuantConnect LEAN's data folder, or a flat folder of files out of it.

A future's day is a zip of minutes with one member an expiry, beside it a zip of quotes; times are milliseconds since midnight UTC.  A share's minutes
are milliseconds since midnight in New York and its prices are stored times 10,000; its daily file holds the whole history.  Prices stay as traded:
factor files are named in the notes; `pse ingest-actions --provider lean` reads them.  A future's map file gives the front contract: of its
mapping modes we take the one that follows open interest (mode 2), the nearest to a roll by volume; a map row holds through its date, so the next contract
is front from the day after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from pse.domain.bars import timeframe_ns
from pse.domain.errors import BadInput
from pse.domain.ports import Fetched, FetchRequest
from pse.providers.archives import existing, member_names, read_plain, zip_members
from pse.providers.stamps import no_rejects, window

Fields = dict[str, Any]
ROLL_BY_OPEN_INTEREST = "2"
_MEMBER = re.compile(r"(?:.*/)?(\d{8})_([a-z0-9.\-]+)_(second|minute)_(trade|quote)(?:_(\d{6})(?:_\d{8})?)?\.csv$")
_TIMEFRAMES = {"second": "1s", "minute": "1m", "hour": "1h", "daily": "1d"}
_TRADE: Fields = {"ms": pl.Int64, "open": pl.Float64, "high": pl.Float64, "low": pl.Float64, "close": pl.Float64, "volume": pl.Float64}
_QUOTE: Fields = {"ms": pl.Int64} | dict.fromkeys(("bo", "bh", "bl", "bid_close", "bs", "ao", "ah", "al", "ask_close", "as"), pl.Float64)
_SCALE = 1e-4                                      # of a share's stored prices


@dataclass(frozen=True)
class Zip:
    """One zip of the folder that holds the symbol: its file, what it holds and at what length."""

    path: Path
    kind: str                                      # trade, quote or history (a share's whole daily or hourly file)
    resolution: str                                # second, minute, hour, daily


class Lean:
    """Bars in LEAN's own files; the symbol is looked for in the members' names (`provider_names: lean` when it is called otherwise)."""

    name = "lean"
    needs_path = True

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request, all expiries of a future.  `BadInput` when nothing of the symbol is there or a file is damaged."""
        path = existing(request.path, self.name)
        ticker = request.instrument.provider_names.get("lean", request.symbol).lower()
        zips = _zips_of(path, ticker, _days(request))
        resolution = _resolution(zips, request, path, ticker)
        trades = [z for z in zips if z.resolution == resolution and z.kind != "quote"]
        quotes = [z for z in zips if z.resolution == resolution and z.kind == "quote"]
        shares = request.instrument.kind == "stock"
        notes: list[str] = []
        rejected: list[pl.DataFrame] = []
        frames = [part for z in trades for part in _trades(z, ticker, shares, rejected)]
        frame = pl.concat(frames) if frames else _nothing()
        frame, noted = _with_quotes(frame, quotes, ticker, shares, rejected)
        front = None if shares else _front(path, ticker, request.symbol)
        notes += noted + _about(path, ticker, shares, front)
        frame = frame.with_columns((pl.lit(f"{request.symbol}-") + pl.col("contract")).alias("contract"))
        return Fetched(
            frame=window(frame, request), timeframe=_TIMEFRAMES[resolution], front=front, notes=notes,
            rejected=pl.concat([no_rejects(), *rejected]),
        )


def _days(request: FetchRequest) -> Callable[[str], bool]:
    """Whether a file of that day (yyyymmdd) may hold bars of the request; a day to either side covers every zone."""
    def text(ns: int, shift: int) -> str:
        return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC) + timedelta(days=shift):%Y%m%d}"

    first = "0" if request.start_ns is None else text(request.start_ns, -1)
    last = "9" if request.end_ns is None else text(request.end_ns, 1)
    return lambda day: first <= day <= last


def _zips_of(path: Path, ticker: str, wanted: Callable[[str], bool]) -> list[Zip]:
    """The zips that hold the ticker, by path, looked for in the folder and below it."""
    if path.is_file():
        candidates: Iterable[Path] = [path]
    else:
        candidates = sorted(p for p in path.rglob("*.zip") if p.is_file())
    found = []
    for file in candidates:
        if file.name.lower() == f"{ticker}.zip":
            found.append(Zip(file, "history", "hour" if file.parent.name == "hour" else "daily"))
            continue
        day = re.search(r"(\d{8})_(trade|quote)\.zip$", file.name)
        if not day or not wanted(day[1]) and not path.is_file():
            continue
        heads = [m for name in member_names(file) if (m := _MEMBER.match(name.lower())) and m[2] == ticker]
        if heads:
            found.append(Zip(file, heads[0][4], heads[0][3]))
    return found


def _resolution(zips: list[Zip], request: FetchRequest, path: Path, ticker: str) -> str:
    there = [name for name in ("second", "minute", "hour", "daily") if any(z.resolution == name and z.kind != "quote" for z in zips)]
    if not there:
        raise BadInput(
            f"{path}: no LEAN file of {ticker} with trades for the days asked; such files are <yyyymmdd>_trade.zip with members "
            f"<yyyymmdd>_{ticker}_minute_trade... or {ticker}.zip. Check --path, --symbol, --start and --end"
        )
    if request.timeframe is None:
        return there[0]
    match = next((name for name in there if _TIMEFRAMES[name] == request.timeframe), None)
    if match is None:
        timeframe_ns(request.timeframe)
        raise BadInput(f"{path}: {ticker} is there as {', '.join(_TIMEFRAMES[name] for name in there)}, not as --timeframe {request.timeframe}")
    return match


def _trades(source: Zip, ticker: str, shares: bool, rejected: list[pl.DataFrame]) -> Iterable[pl.DataFrame]:
    if source.kind == "history":
        for member in zip_members(source.path, rf"^{re.escape(ticker)}\.csv$"):
            yield _history(member.name, member.data, source.resolution, shares, rejected)
        return
    for member, found in _members(source, ticker):
        frame, bad = _lines(member.name, member.data, _TRADE)
        rejected.append(bad)
        yield _priced(frame.with_columns((pl.col("ms") * 1_000_000 + _midnight(found[1], shares)).alias("ts_open")), member.name, found[5], shares)


def _members(source: Zip, ticker: str) -> Iterable[tuple]:
    for member in zip_members(source.path, r"_(trade|quote)(_\d{6}(_\d{8})?)?\.csv$"):
        found = _MEMBER.match(member.name.split(":")[-1].lower())
        if found and found[2] == ticker:
            yield member, found


def _midnight(yyyymmdd: str, shares: bool) -> int:
    zone = ZoneInfo("America/New_York") if shares else UTC
    return int(datetime(int(yyyymmdd[:4]), int(yyyymmdd[4:6]), int(yyyymmdd[6:]), tzinfo=zone).timestamp()) * 1_000_000_000


def _priced(frame: pl.DataFrame, name: str, expiry: str | None, shares: bool) -> pl.DataFrame:
    scale = _SCALE if shares else 1.0
    prices = [(pl.col(c) * scale).round(10) if shares else pl.col(c) for c in ("open", "high", "low", "close")]
    return frame.select(
        "ts_open", *prices, "volume", pl.lit(expiry, dtype=pl.String).alias("contract"), pl.lit(name).alias("source"), pl.col("row").cast(pl.Int64)
    )


def _lines(name: str, data: bytes, fields: Fields) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a member with their line numbers, and those that could not be read."""
    if not data.strip():
        return pl.DataFrame(schema={**fields, "row": pl.UInt32}), no_rejects()
    try:
        frame = pl.read_csv(data, has_header=False, schema=fields, row_index_name="row", row_index_offset=1, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError as error:
        try:
            texts = pl.read_csv(
                data, has_header=False, schema=dict.fromkeys(fields, pl.String), row_index_name="row", row_index_offset=1, truncate_ragged_lines=True,
                encoding="utf8-lossy",
            )
        except pl.exceptions.PolarsError:
            raise BadInput(f"{name}: the member is not a LEAN table of {len(fields)} columns ({str(error).splitlines()[0]}); fetch it again") from error
        frame = texts.with_columns(pl.col(c).cast(kind, strict=False) for c, kind in fields.items())
    needed = [c for c in fields if c in _TRADE]
    bad = frame.select(pl.any_horizontal(pl.col(c).is_null() for c in needed)).to_series() if needed else pl.Series([False] * frame.height)
    if not bad.any():
        return frame, no_rejects()
    lines = data.split(b"\n")
    rows = [(name, row, "a field is missing or not a number", lines[row - 1].decode(errors="replace").strip()[:500]) for row in frame.filter(bad)["row"]]
    return frame.filter(~bad), pl.DataFrame(rows, schema=no_rejects().schema, orient="row")


def _history(name: str, data: bytes, resolution: str, shares: bool, rejected: list[pl.DataFrame]) -> pl.DataFrame:
    """A whole history in one member: `yyyymmdd hh:mm` on the exchange's clock, then prices and volume."""
    frame, bad = _lines(name, data, {"time": pl.String} | {c: kind for c, kind in _TRADE.items() if c != "ms"})
    local = frame["time"].str.strptime(pl.Datetime("ns"), "%Y%m%d %H:%M", strict=False)
    if resolution != "daily" and shares:
        local = local.dt.replace_time_zone("America/New_York", ambiguous="null", non_existent="null")
    frame = frame.with_columns(local.cast(pl.Int64).alias("ts_open"))
    unread = frame.filter(pl.col("ts_open").is_null())
    reason = pl.lit("the time is not yyyymmdd hh:mm").alias("reason")
    rejected += [bad, unread.select(pl.lit(name).alias("source"), pl.col("row").cast(pl.Int64), reason, pl.col("time").alias("text"))]
    return _priced(frame.filter(pl.col("ts_open").is_not_null()), name, None, shares)


def _with_quotes(frame: pl.DataFrame, quotes: list[Zip], ticker: str, shares: bool, rejected: list[pl.DataFrame]) -> tuple[pl.DataFrame, list[str]]:
    """Trades with the last bid and ask of their minute where quotes lie beside them."""
    parts = []
    for source in quotes:
        for member, found in _members(source, ticker):
            lines, _ = _lines(member.name, member.data, _QUOTE)
            parts.append(
                lines.select(
                    (pl.col("ms") * 1_000_000 + _midnight(found[1], shares)).alias("ts_open"), pl.lit(found[5], dtype=pl.String).alias("contract"),
                    *((pl.col(c) * (_SCALE if shares else 1.0)).replace(0.0, None) for c in ("bid_close", "ask_close")),
                )
            )
    if not parts:
        return frame, []
    book = pl.concat(parts).unique(["contract", "ts_open"], keep="last", maintain_order=True)
    joined = frame.join(book, on=["contract", "ts_open"], how="left", nulls_equal=True, maintain_order="left")
    alone = book.height - joined["bid_close"].len() + joined.select((pl.col("bid_close").is_null() & pl.col("ask_close").is_null()).sum()).item()
    return joined, [f"{max(alone, 0)} minutes have quotes and no trade; they make no bar"] if alone > 0 else []


def _nothing() -> pl.DataFrame:
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
    return pl.DataFrame(schema={"ts_open": pl.Int64, **numbers, "contract": pl.String, "source": pl.String, "row": pl.Int64})


def _side_file(path: Path, kind: str, ticker: str) -> Path | None:
    """A map or factor file: `map_files_es.csv` in a flat folder, or `map_files/es.csv` in LEAN's tree above or below."""
    folder = path if path.is_dir() else path.parent
    if (flat := folder / f"{kind}_files_{ticker}.csv").is_file():
        return flat
    for above in (folder, *list(folder.parents)[:4]):
        if (beside := above / f"{kind}_files" / f"{ticker}.csv").is_file():
            return beside
    return next(iter(sorted(folder.rglob(f"{kind}_files/{ticker}.csv"))), None)


def _front(path: Path, ticker: str, symbol: str) -> list[tuple[int, str]] | None:
    """Front contract from each trading date on, by the map file; None without one."""
    file = _side_file(path, "map", ticker)
    if file is None:
        return None
    rows = [line.split(",") for line in read_plain(file).decode("utf-8", errors="replace").splitlines() if re.match(r"\d{8},", line)]
    mapped = sorted((cells[0], cells[1]) for cells in rows if len(cells) > 3 and cells[3].strip() == ROLL_BY_OPEN_INTEREST)
    through = min((cells[0] for cells in rows), default="")
    front = []
    for last, security in mapped:
        first = date(int(through[:4]), int(through[4:6]), int(through[6:])) + timedelta(days=1)
        front.append((int(f"{first:%Y%m%d}"), f"{symbol}-{expiry_of(security, file):%Y%m}"))
        through = last
    return front or None


def expiry_of(security: str, file: Path) -> date:
    """Expiry that a LEAN security id such as `es vmklfzih2mtd` carries.

    The second word is a number in base 36 whose decimal digits 15 to 19 from the right are the date as days since 1899-12-30.
    """
    word = security.split()[-1]
    try:
        days = int(word, 36) // 10**14 % 100_000
        return date(1899, 12, 30) + timedelta(days=days)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{file}: {security!r} is not a LEAN security id with an expiry; fetch the map file again or remove it") from error


def _about(path: Path, ticker: str, shares: bool, front: list[tuple[int, str]] | None) -> list[str]:
    if shares:
        factors = _side_file(path, "factor", ticker)
        found = f"; {factors.name} tells them to `pse ingest-actions --provider lean`" if factors else ""
        return [f"prices are as traded, splits and dividends are not taken out{found}"]
    return [f"front contracts follow the map file (open interest, {len(front)} contracts)"] if front else []
