"""Headlines from files and feeds: a CSV file, or RSS and Atom from a file or an address.

A time without a clock is a date, row by row: the headline counts as known when that day is over, by the user's zone, or everywhere when none is told.
"""

from __future__ import annotations

import calendar
import csv
import io
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from pse.clock import Clock
from pse.domain.errors import BadInput, OutsideError, RequestError
from pse.providers.times import day_of, moments, without_clock, zone_shift_ns

SECOND_NS = 1_000_000_000
MOST_BYTES, PATIENCE_S = 20_000_000, 20.0
NAMES = {
    "time": ("published_at", "published", "time", "datetime", "timestamp", "date", "created_at"), "title": ("title", "headline"),
    "summary": ("summary", "description", "text"), "url": ("url", "link"), "source": ("source", "publisher"),
}
SKIP = "_"
_CLOCK = re.compile(r"\d:\d\d|\dT\d\d")
_NO_DAY = re.compile(r"\d{4}(-?\d\d)?")         # a year or a month, which feeds may write


@dataclass(frozen=True)
class Item:
    """One headline as a source tells it: moments ns UTC; `row` 1-based in the source."""

    published_ns: int
    known_ns: int
    source: str
    title: str
    summary: str
    url: str


@dataclass(frozen=True)
class ReadHeadlines:
    """What a source held: headlines, and rows that could not be read as (row, reason, text); `notes` are sentences for the user."""

    items: tuple[Item, ...]
    rejected: tuple[tuple[int, str, str], ...] = ()
    notes: tuple[str, ...] = ()


class HeadlineCsv:
    """A CSV file of headlines; midnights among times are times, in a file that has no other time they are dates."""

    name = "csv"

    def fetch(self, path: Path | None, url: str | None, clock: Clock, columns: Sequence[str] | None, tz: str | None) -> ReadHeadlines:
        """Headlines of a file.  Raises `BadInput` for a file that is none, `RequestError` where the user must say more."""
        if path is None or url is not None:
            raise RequestError("provider csv reads a file; add --path FILE (an address is read by --provider rss)")
        header, rows = _csv_rows(_bytes_of(path), path.name, columns)
        places = _places(header, path.name)
        good, rejected = [], []
        for number, row in rows:
            if len(row) != len(header):
                rejected.append((number, f"{len(row)} fields, expected {len(header)}", ",".join(row)[:200]))
            elif not row[places["title"]].strip() or not row[places["time"]].strip():
                rejected.append((number, "no title or no time", ",".join(row)[:200]))
            else:
                good.append((number, row))
        if not good:
            return ReadHeadlines((), tuple(rejected))
        known, notes = _moments_of([row[places["time"]] for _, row in good], tz, path.name)
        items = []
        for (number, row), when in zip(good, known, strict=True):
            if when is None:
                rejected.append((number, "the time cannot be read", ",".join(row)[:200]))
                continue
            told = {name: row[at].strip() for name, at in places.items()}
            items.append(Item(*when, told.get("source") or path.stem, told["title"], told.get("summary", ""), told.get("url", "")))
        return ReadHeadlines(tuple(items), tuple(sorted(rejected)), notes)


class Feed:
    """RSS or Atom; from an address a headline counts as known when it was fetched, from a file when it was published or, if later, last changed."""

    name = "rss"

    def fetch(self, path: Path | None, url: str | None, clock: Clock, columns: Sequence[str] | None, tz: str | None) -> ReadHeadlines:
        """Headlines of a feed.  Raises `OutsideError` when the address does not answer, `BadInput` for a document that is no feed."""
        if (path is None) == (url is None):
            raise RequestError("provider rss reads one feed; add --url ADDRESS or --path FILE")
        if url is not None:
            _check_address(url)
        try:
            import feedparser
        except ImportError as error:
            raise RequestError("provider rss needs the package feedparser; install pse with its extra: pip install 'pse-toolkit[brokers]'") from error
        where = url or str(path)
        found: Any = feedparser.parse(_fetched(url) if url is not None else _bytes_of(path))
        if not found.entries and (found.bozo or not found.version):
            raise BadInput(f"{where} is no RSS or Atom document; name another with --url or --path")
        if tz is not None:
            zone_shift_ns(tz)
        now, source, dates = clock.now_ns(), str(found.feed.get("title") or where), 0
        items, rejected = [], []
        for number, entry in enumerate(found.entries, 1):
            times = [_told_by(entry, name, tz) for name in ("published", "updated") if name in entry]
            told, title = [one for one in times if one is not None], str(entry.get("title") or "").strip()
            if not told or not title:
                rejected.append((number, "no title or no time", title[:200]))
                continue
            published, known = told[0][0], max(end for _, end in told)
            dates += any(begin != end for begin, end in told)
            items.append(Item(published, known if url is None else max(published, now), source, title, str(entry.get("summary") or ""),
                              str(entry.get("link") or "")))
        return ReadHeadlines(tuple(items), tuple(rejected), _date_note(dates if url is None else 0, tz))


def _told_by(entry: Any, name: str, tz: str | None) -> tuple[int, int] | None:
    """(published, known) ns by one time of an entry; None where it names no day."""
    parsed, text = entry.get(f"{name}_parsed"), str(entry.get(name) or "").strip()
    if parsed is None or _NO_DAY.fullmatch(text):
        return None
    ns = calendar.timegm(parsed) * SECOND_NS
    return (ns, ns) if _CLOCK.search(text) else day_of(ns, tz)


def _moments_of(texts: Sequence[str], tz: str | None, where: str) -> tuple[list[tuple[int, int] | None], tuple[str, ...]]:
    """(published, known) ns of each text, None where it cannot be read; dates and times of day are read apart.  Notes for the user."""
    column = pl.Series(texts, dtype=pl.String)
    dates, timed = without_clock(column)
    found: list[tuple[int, int] | None] = [None] * len(texts)
    notes: list[str] = []
    days = 0
    for rows in (dates, timed) if dates.any() else (timed,) if timed.any() else (column.is_not_null(),):
        at = rows.arg_true().to_list()
        if not at:
            continue
        read = moments(column.filter(rows), None, tz, where)
        notes += read.notes
        for place, ns in zip(at, read.ns.to_list(), strict=True):
            if ns is not None:
                found[place] = day_of(ns, tz) if read.dates else (ns, ns)
                days += read.dates
    return found, (*dict.fromkeys(notes), *_date_note(days, tz))


def _date_note(count: int, tz: str | None) -> tuple[str, ...]:
    if not count:
        return ()
    many = "has a date without a time and counts" if count == 1 else "have a date without a time and count"
    over = f"by the clock of {tz}" if tz is not None else "everywhere, at 12:00 UTC of the next day; --tz says whose day it is"
    return (f"{count:,} of the headlines {many} as known when that day is over {over}",)


def _bytes_of(path: Path | None) -> bytes:
    assert path is not None
    if not path.is_file():
        raise BadInput(f"{path} is not there or no file; check --path")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path} holds {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read as headlines")
    return path.read_bytes()


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(f"--url {url!r} is no http or https address")


def _fetched(url: str) -> bytes:
    parts = urlsplit(url)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "pse"}), timeout=PATIENCE_S) as answer:
            content: bytes = answer.read(MOST_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise OutsideError(f"{parts.hostname} did not give the feed: {error}; nothing was stored; try again later") from error
    if len(content) > MOST_BYTES:
        raise OutsideError(f"{parts.hostname} sent more than {MOST_BYTES:,} bytes; nothing was stored")
    return content


def _csv_rows(content: bytes, where: str, columns: Sequence[str] | None) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{where}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    reader = csv.reader(io.StringIO(text))
    rows = ((reader.line_num, row) for row in reader if row)
    if columns is not None:
        return [name.strip().lower() for name in columns], rows
    first = next(rows, None)
    if first is None:
        raise BadInput(f"{where}: the file is empty")
    return [name.strip().lower() for name in first[1]], rows


def _places(header: Sequence[str], where: str) -> dict[str, int]:
    """Where each of our columns stands; names that nobody knows are left out."""
    places = {}
    for ours, theirs in NAMES.items():
        at = next((header.index(name) for name in (ours, *theirs) if name in header), None)
        if at is not None:
            places[ours] = at
    if "time" not in places or "title" not in places:
        raise BadInput(f"{where}: no column of {'times' if 'time' not in places else 'titles'} among {', '.join(header)}; name the columns in their order, for "
                       f"example --columns date,url,headline ({SKIP} for one that is not wanted)")
    return places
