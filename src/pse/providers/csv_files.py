"""Bars from text files: `.csv`, `.txt`, packed or not; what can be seen is found out, what cannot is asked for.

Numbers are read strictly: `1,234.5` and `n/a` are not numbers.  A row that cannot be read goes to the rejected rows with its line, reason and text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median_low

import polars as pl

from pse.domain.actions import Adjusted
from pse.domain.errors import BadInput, RequestError
from pse.domain.ports import CsvOptions, Fetched, FetchRequest
from pse.providers.archives import Content, contents, existing, files_for
from pse.providers.columns import NUMBERS, named_stamp, require, roles_as_said, roles_by_name, says_utc
from pse.providers.stamps import Rows, no_rejects, to_fetched, together
from pse.providers.times import moments

SUFFIXES = (".csv", ".txt", ".csv.gz", ".txt.gz", ".gz", ".csv.zip", ".zip")
ADJUSTED_CLOSE = ("adj close", "adjclose", "adjusted close")
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


@dataclass(frozen=True)
class Layout:
    """How the lines of one text are cut: `skip` lines before the data, `width` fields, names (or positions as names), role -> position."""

    delimiter: str
    skip: int
    width: int
    names: tuple[str, ...]
    roles: dict[str, int]
    notes: tuple[str, ...]


class CsvFiles:
    """Text files of one instrument: a file, or a folder of them; `extra["sessions"]` helps to tell opens from closes."""

    name = "csv"
    needs_path = True

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request.  Raises `BadInput` for a file that is not bars and `RequestError` where the user must say more."""
        path = existing(request.path, self.name)
        texts = (text for file in files_for(path, request.symbol, SUFFIXES) for text in contents(file))
        rows = together([_rows(text, request.options) for text in texts], request.timeframe)
        if rows.good.is_empty():
            first = rows.rejected.row(0, named=True)
            raise BadInput(
                f"{rows.where}: no row could be read; line {first['row']} {first['text']!r}: {first['reason']}. "
                "Check --columns, --delimiter and --time-format"
            )
        return to_fetched(rows, request, named_stamp(rows.time_name))


def _rows(text: Content, options: CsvOptions) -> Rows:
    data = _as_utf8(text)
    layout = _layout(text.name, data, options)
    frame, ragged = _table(text.name, data, layout)
    at = layout.roles
    time_name = layout.names[at["time"]]
    times = frame["time"] if "date" not in at else _joined(frame["date"], frame["time"])
    tz = options.tz or ("UTC" if says_utc(time_name) else None)
    read = moments(times, options.time_format, tz, text.name)
    line = pl.int_range(layout.skip + 1, layout.skip + 1 + frame.height).alias("row")
    frame = frame.with_columns(read.ns.alias("ts"), read.unclear.alias("unclear"), ragged.alias("ragged"), line)
    numbers = [name for name in NUMBERS if name in at]
    needed: list[str] = [name for name in ("open", "high", "low", "close", "volume") if name in at]
    bad = frame.select(pl.any_horizontal("ragged", *(pl.col(name).is_null() for name in ("ts", *needed)))).to_series()
    rejected = _rejected(text.name, data, frame.filter(bad), needed, layout.width) if bad.any() else no_rejects()
    good = frame.filter(~bad).select("ts", *numbers, *(["contract"] if "contract" in at else []), "row").with_columns(pl.lit(text.name).alias("source"))
    return Rows(good, rejected, read.dates, time_name, text.name, (*layout.notes, *read.notes), _adjusted(layout))


def _adjusted(layout: Layout) -> Adjusted:
    """Who writes an adjusted close beside the close, as Yahoo Finance does, has divided all prices by later splits, and that one by dividends too."""
    if not layout.names or (there := next((at for at, name in enumerate(layout.names) if name.lower().replace("_", " ") in ADJUSTED_CLOSE), None)) is None:
        return "none"
    return "all" if layout.roles["close"] == there else "splits"


def _as_utf8(text: Content) -> bytes:
    data = text.data
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise BadInput(f"{text.name}: the file is empty; it needs one line a bar")
    if b"\0" in data[:4096]:
        raise BadInput(f"{text.name}: this is not a text file; csv reads text, the other providers read parquet, lean and databento files")
    return data


def _layout(where: str, data: bytes, options: CsvOptions) -> Layout:
    head = data[: 1 << 16].decode("utf-8", errors="replace").splitlines()[:200]
    head = head[:-1] if len(data) > 1 << 16 else head
    skip = next((i for i, line in enumerate(head) if line.strip() and not line.startswith("#")), 0)
    delimiter = _delimiter(where, head[skip:], options.delimiter)
    first = [cell.strip().strip('"') for cell in head[skip].split(delimiter)]
    has_header = options.header and not any(_NUMBER.match(cell) for cell in first)
    data_lines = [line for line in head[skip + has_header :] if line.strip()]
    if not data_lines:
        raise BadInput(f"{where}: there is a header and no row under it" if has_header else f"{where}: there is no row in it")
    widths = [line.count(delimiter) + 1 for line in data_lines]
    width = max(set(widths), key=widths.count)
    named = has_header and len(first) == width
    names = first if named else [str(i) for i in range(width)]
    notes: list[str] = []
    roles = roles_by_name(names) if named else {}
    if options.columns:
        said = roles_as_said(options.columns, names, where)
        if "time" in said and "date" not in said:
            roles.pop("date", None)
        roles.update(said)
    elif has_header and not named:
        raise BadInput(
            f"{where}: the header has {len(first)} names ({', '.join(first)}) but rows have {width} fields ({data_lines[0][:80]}); "
            "say what each field is by position, for example --columns date=0,time=1,open=2,high=3,low=4,close=5,volume=6"
        )
    elif not named:
        roles = _roles_by_looks(where, data_lines, delimiter, width)
        notes.append(f"no header; fields taken as {', '.join(sorted(roles, key=roles.__getitem__))}")
    require(roles, names, where)
    return Layout(delimiter, skip + has_header, width, tuple(names), roles, tuple(notes))


def _delimiter(where: str, lines: list[str], said: str | None) -> str:
    if said is not None:
        mark = {"\\t": "\t", "tab": "\t"}.get(said, said)
        if len(mark) != 1:
            raise RequestError(f"--delimiter {said!r}: write one character, or tab")
        return mark
    sample = [line for line in lines if line.strip()][:50]
    widths = {mark: median_low(line.count(mark) for line in sample[1:] or sample) for mark in _DELIMITERS}
    best = max(widths, key=lambda mark: widths[mark])
    if widths[best] < 4:
        raise BadInput(
            f"{where}: line {sample[0][:80]!r} does not split into a time and four prices by any of , ; tab |; write --delimiter, or name another file"
        )
    return best


def _roles_by_looks(where: str, lines: list[str], delimiter: str, width: int) -> dict[str, int]:
    """Roles of a file without header: [date,] time, open, high, low, close[, volume], when the prices of the first lines agree with that order."""
    cells = [[cell.strip().strip('"') for cell in line.split(delimiter)] for line in lines if line.count(delimiter) + 1 == width]
    split = all(re.search(r"[-/.]|^\d{8}$", row[0]) and ":" not in row[0] and re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", row[1]) for row in cells)
    names = (["date"] if split else []) + ["time", "open", "high", "low", "close", "volume"]
    start = 2 if split else 1
    fits = 0
    for row in cells:
        prices = [float(cell) for cell in row[start : start + 4] if _NUMBER.match(cell)]
        fits += len(prices) == 4 and prices[1] == max(prices) and prices[2] == min(prices)
    if width < start + 4 or fits < 0.9 * len(cells):
        raise BadInput(
            f"{where}: there is no header and the fields do not look like time, open, high, low, close, volume ({lines[0][:80]}); "
            "say what each is by position, for example --columns time=0,open=1,high=2,low=3,close=4,volume=5"
        )
    return {name: at for at, name in enumerate(names[:width])}


def _table(where: str, data: bytes, layout: Layout) -> tuple[pl.DataFrame, pl.Series]:
    """Columns by role, numbers as float64 (null where not a number), and which rows have a wrong number of fields."""
    at = {position: role for role, position in layout.roles.items()}
    fields = {f"{i}": pl.Float64 if at.get(i) in NUMBERS else pl.String for i in range(layout.width)}
    wanted = [f"{i}" for i in sorted(at)]
    try:
        frame = _read(data, layout, fields)
        ragged = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    except pl.exceptions.PolarsError:                                       # some row is not as the others: read all as text and look
        frame = _read_leniently(data, layout, fields)
        frame = frame.with_columns(pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name, kind in fields.items() if kind == pl.Float64)
        ragged = _ragged(data, layout, frame.height)
    frame = frame.select(pl.col(name).alias(at[int(name)]) for name in wanted)
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    if frame.height and blank.any() and blank.sum() == frame.height:
        raise BadInput(f"{where}: every line is blank; it needs one line a bar")
    return frame, ragged


def _read(data: bytes, layout: Layout, fields: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.read_csv(data, separator=layout.delimiter, has_header=False, skip_lines=layout.skip, schema=fields, glob=False)


def _read_leniently(data: bytes, layout: Layout, fields: Iterable[str]) -> pl.DataFrame:
    """Every row as texts, missing fields null and surplus ones cut; a first line of the right width leads, polars takes the width from it."""
    lead = layout.delimiter.encode() * (layout.width - 1) + b"\n"
    body = data.split(b"\n", layout.skip)[-1]
    frame = pl.read_csv(
        lead + body, separator=layout.delimiter, has_header=False, schema=dict.fromkeys(fields, pl.String), truncate_ragged_lines=True,
        encoding="utf8-lossy", glob=False,
    )
    return frame[1:]


def _ragged(data: bytes, layout: Layout, height: int) -> pl.Series:
    mark = layout.delimiter.encode()
    lines = data.split(b"\n")[layout.skip : layout.skip + height]
    counts = [line.count(mark) + 1 if b'"' not in line else _fields(line, layout.delimiter) for line in lines]
    return pl.Series([*counts, *[0] * (height - len(counts))], dtype=pl.Int64) != layout.width


def _fields(line: bytes, delimiter: str) -> int:
    """Fields of a line in which a quoted field may hold the delimiter."""
    return len(next(csv.reader([line.decode("utf-8", errors="replace")], delimiter=delimiter)))


def _joined(date: pl.Series, time: pl.Series) -> pl.Series:
    """Date and time of day as one text; a time of digits alone is filled to hhmm or hhmmss."""
    time = time.str.strip_chars()
    if time.str.contains(r"^\d{1,6}$").all():
        time = time.str.zfill(6 if (time.str.len_chars() > 4).any() else 4)
    return date.str.strip_chars() + pl.Series([" "]) + time


def _rejected(where: str, data: bytes, bad: pl.DataFrame, needed: list[str], width: int) -> pl.DataFrame:
    """One row a rejected line; blank lines are no rows."""
    lines = data.split(b"\n")
    out = []
    for row in bad.iter_rows(named=True):
        text = lines[row["row"] - 1].decode("utf-8", errors="replace").rstrip("\r") if row["row"] <= len(lines) else ""
        if text.strip():
            out.append((where, row["row"], _reason(row, needed, text, width), text[:500]))
    return pl.DataFrame(out, schema=no_rejects().schema, orient="row")


def _reason(row: dict[str, object], needed: list[str], text: str, width: int) -> str:
    if row["ragged"]:
        return f"the row does not have {width} fields"
    if row["unclear"]:
        return "the clock was set at that hour, so the local time happened twice or never"
    empty = [name for name in needed if row[name] is None]
    if empty:
        return f"{', '.join(empty)} is not a number"
    return "the time cannot be read"
