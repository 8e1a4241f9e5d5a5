"""Bars from Databento's DBN files of the schemas ohlcv-1s, -1m, -1h and -1d, packed with zstandard or not.

Records are mapped straight onto numpy (the bar record has one layout in all versions of DBN: 16 bytes of header, four prices in 1e-9, a volume); the
header and its symbology are decoded by `databento_dbn`.  `ts_event` is the open of the bar.  A future's `ESH1` becomes the contract `ES-202103`.
"""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pse.domain.errors import BadInput, RequestError
from pse.domain.ports import Fetched, FetchRequest
from pse.domain.sessions import DAY_NS
from pse.providers.archives import LARGEST_BYTES, existing, files_for, read_plain
from pse.providers.stamps import no_rejects, window

_BAR = np.dtype(
    [
        ("length", "u1"), ("rtype", "u1"), ("publisher", "<u2"), ("instrument", "<u4"), ("ts_event", "<u8"),
        ("open", "<i8"), ("high", "<i8"), ("low", "<i8"), ("close", "<i8"), ("volume", "<u8"),
    ]
)
_TIMEFRAMES = {"ohlcv-1s": "1s", "ohlcv-1m": "1m", "ohlcv-1h": "1h", "ohlcv-1d": "1d"}
_NO_PRICE = np.iinfo(np.int64).max
_MONTHS = {letter: month for month, letter in enumerate("FGHJKMNQUVXZ", start=1)}
_ZSTD = b"\x28\xb5\x2f\xfd"


class Databento:
    """DBN files: a file, or a folder of them; the symbol is looked for among the instruments that a file maps."""

    name = "databento"
    needs_path = True

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request.  `BadInput` for a damaged file, another schema or a symbol that is not in it."""
        path = existing(request.path, self.name)
        files = [path] if path.is_file() else _bar_files(path, request)
        parts = [_part(file, request) for file in files]
        timeframes = {timeframe for timeframe, _ in parts}
        if len(timeframes) > 1:
            raise BadInput(f"{path}: the files hold bars of {', '.join(sorted(timeframes))}; name one length with --timeframe or one file with --path")
        timeframe = timeframes.pop()
        if request.timeframe not in (None, timeframe):
            raise RequestError(f"{path}: bars are {timeframe}, not --timeframe {request.timeframe}; leave it out, longer bars are derived")
        frame = pl.concat([frame for _, frame in parts])
        broken = pl.any_horizontal(pl.col(c).is_null() for c in ("open", "high", "low", "close"))
        rejected = frame.filter(broken).select("source", "row", pl.lit("a price is undefined").alias("reason"), pl.lit("").alias("text"))
        return Fetched(frame=window(frame.filter(~broken), request), timeframe=timeframe, rejected=pl.concat([no_rejects(), rejected]))


def _bar_files(folder: Path, request: FetchRequest) -> list[Path]:
    found = files_for_any(folder)
    bars = [file for file in found if (m := re.search(r"ohlcv-1[smhd]", file.name)) and request.timeframe in (None, _TIMEFRAMES[m[0]])]
    return bars or files_for(folder, request.symbol, (".dbn", ".dbn.zst"))


def files_for_any(folder: Path) -> list[Path]:
    """DBN files of a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.is_file() and p.name.endswith((".dbn", ".dbn.zst")))


def _sdk() -> tuple[Any, Any]:
    try:
        import databento_dbn
        import zstandard
    except ImportError as error:
        raise RequestError(f"reading DBN files needs {error.name}, which is not installed; run: pip install 'pse-toolkit[brokers]'") from error
    return databento_dbn, zstandard


def _part(file: Path, request: FetchRequest) -> tuple[str, pl.DataFrame]:
    """Length of the bars and the bars of the symbol in one file."""
    dbn, zstandard = _sdk()
    data = _unpacked(file, zstandard)
    if not data:
        raise BadInput(f"{file}: the packed file is truncated or damaged (nothing could be unpacked); fetch it again")
    if data[:3] != b"DBN" or len(data) < 8:
        raise BadInput(f"{file}: this is not a DBN file (it does not begin with DBN); fetch it again or name another with --path")
    body = 8 + int.from_bytes(data[4:8], "little")
    try:
        head = dbn.Metadata.decode(data[:body]) if body <= len(data) else None
    except (dbn.DBNError, ValueError) as error:
        raise BadInput(f"{file}: the header of the DBN file cannot be read ({error}); fetch it again") from error
    if head is None:
        raise BadInput(f"{file}: the DBN file is truncated in its header; fetch it again")
    schema = str(head.schema)
    if schema not in _TIMEFRAMES:
        raise BadInput(f"{file}: schema {schema} holds no bars; ask for one of {', '.join(_TIMEFRAMES)}")
    if (len(data) - body) % _BAR.itemsize:
        raise BadInput(f"{file}: the DBN file is truncated (its last record is {(len(data) - body) % _BAR.itemsize} of {_BAR.itemsize} bytes); fetch it again")
    bars = np.frombuffer(data, dtype=_BAR, offset=body)
    if bars.size and not (bars["length"] == _BAR.itemsize // 4).all():
        at = int(np.argmax(bars["length"] != _BAR.itemsize // 4))
        raise BadInput(f"{file}: record {at + 1} is not a bar, although the schema is {schema}; fetch it again")
    return _TIMEFRAMES[schema], _frame(file.name, bars, _of_symbol(file, bars, head, request))


def _unpacked(file: Path, zstandard: Any) -> bytes:
    data = read_plain(file)
    if data[:4] != _ZSTD:
        return data
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as packed:
            plain = packed.read(LARGEST_BYTES + 1)
    except zstandard.ZstdError as error:
        raise BadInput(f"{file}: the packed file is truncated or damaged ({error}); fetch it again") from error
    if len(plain) > LARGEST_BYTES:
        raise BadInput(f"{file}: more than {LARGEST_BYTES // 1024**3} GiB unpacked; fetch it in parts and name their folder with --path")
    return plain


def _of_symbol(file: Path, bars: np.ndarray, head: Any, request: FetchRequest) -> tuple[np.ndarray, list[str | None]]:
    """Which contract each bar is of, int32 index into the names beside it; -1 where the bar is another instrument's."""
    called = request.instrument.provider_names.get("databento", request.symbol)
    which = np.full(bars.size, -1, dtype=np.int32)
    names: list[str | None] = []
    for text, spans in head.mappings.items():
        for span in spans:
            known, number = (text, span["symbol"]) if str(span["symbol"]).isdigit() else (span["symbol"], text)
            if not str(number).isdigit() or not _is_of(known, called, request):
                continue
            contract = None if known == called else _contract(known, called, request, span["start_date"])
            if contract not in names:
                names.append(contract)
            during = (bars["ts_event"] >= _ns(span["start_date"])) & (bars["ts_event"] < _ns(span["end_date"]))
            which[(bars["instrument"] == int(number)) & during] = names.index(contract)
    if bars.size and (which < 0).all():
        raise BadInput(f"{file}: no bar of {request.symbol}; the file holds {', '.join(sorted(map(str, head.mappings))[:8])}. Check --symbol or --path")
    return which, names


def _ns(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_NS


def _is_of(known: str, called: str, request: FetchRequest) -> bool:
    """Whether a vendor's symbol is ours, or a month of our future."""
    month = request.instrument.kind == "future" and re.fullmatch(rf"{re.escape(called)}[FGHJKMNQUVXZ]\d{{1,2}}", known)
    return known == called or bool(month)


def _contract(known: str, called: str, request: FetchRequest, day: date) -> str:
    """`ESH1` as `ES-202103`.  One digit of the year is the next such year seen from the first day of the mapping (contracts are listed for less than ten)."""
    month, digits = _MONTHS[known[len(called)]], known[len(called) + 1 :]
    year = int(digits) + (2000 if len(digits) == 2 else day.year // 10 * 10)
    if len(digits) == 1 and (year, month) < (day.year, day.month):
        year += 10
    return f"{request.symbol}-{year}{month:02d}"


def _frame(name: str, bars: np.ndarray, contracts: tuple[np.ndarray, list[str | None]]) -> pl.DataFrame:
    which, names = contracts
    mine = np.flatnonzero(which >= 0)
    rows = bars[mine]
    prices = {c: pl.Series(rows[c] / 1e9) for c in ("open", "high", "low", "close")}
    frame = pl.DataFrame(
        {
            "ts_open": rows["ts_event"].astype(np.int64), **prices, "volume": rows["volume"].astype(np.float64),
            "contract": pl.Series(names, dtype=pl.String).gather(which[mine]), "source": pl.repeat(name, mine.size, dtype=pl.String, eager=True),
            "row": mine.astype(np.int64) + 1,
        }
    )
    undefined = {c: rows[c] == _NO_PRICE for c in prices}
    return frame.with_columns(pl.when(pl.Series(undefined[c])).then(None).otherwise(pl.col(c)).alias(c) for c in prices)
