"""Headlines from files and feeds: a CSV file, or RSS and Atom from a file or an address."""

from __future__ import annotations

import calendar
import csv
import io
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
from pse.providers.times import moments

SECOND_NS, DAY_NS = 1_000_000_000, 86_400_000_000_000
MOST_BYTES, PATIENCE_S = 20_000_000, 20.0
NAMES = {
    "time": ("published_at", "published", "time", "datetime", "timestamp", "date", "created_at"), "title": ("title", "headline"),
    "summary": ("summary", "description", "text"), "url": ("url", "link"), "source": ("source", "publisher"),
}
SKIP = "_"


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
    """A CSV file of headlines; a date without a time is known when its day is over."""

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
        read = moments(pl.Series([row[places["time"]] for _, row in good]), None, tz, path.name)
        items = []
        for (number, row), ns in zip(good, read.ns.to_list(), strict=True):
            if ns is None:
                rejected.append((number, "the time cannot be read", ",".join(row)[:200]))
                continue
            told = {name: row[at].strip() for name, at in places.items()}
            items.append(Item(ns, ns + DAY_NS if read.dates else ns, told.get("source") or path.stem, told["title"], told.get("summary", ""),
                              told.get("url", "")))
        note = ("these are dates without a time: a headline counts as known when its UTC day is over",) if read.dates else ()
        return ReadHeadlines(tuple(items), tuple(sorted(rejected)), (*read.notes, *note))


class Feed:
    """RSS or Atom; from an address a headline counts as known when it was fetched, from a file when it says that it was published."""

    name = "rss"

    def fetch(self, path: Path | None, url: str | None, clock: Clock, columns: Sequence[str] | None, tz: str | None) -> ReadHeadlines:
        """Headlines of a feed.  Raises `OutsideError` when the address does not answer, `BadInput` for a document that is no feed."""
        try:
            import feedparser
        except ImportError as error:
            raise RequestError("provider rss needs the package feedparser; install pse with its extra: pip install 'pse[brokers]'") from error
        if (path is None) == (url is None):
            raise RequestError("provider rss reads one feed; add --url ADDRESS or --path FILE")
        where = url or str(path)
        found: Any = feedparser.parse(_fetched(url) if url is not None else _bytes_of(path))
        if not found.entries and (found.bozo or not found.version):
            raise BadInput(f"{where} is no RSS or Atom document; name another with --url or --path")
        now, source = clock.now_ns(), str(found.feed.get("title") or where)
        items, rejected = [], []
        for number, entry in enumerate(found.entries, 1):
            told = entry.get("published_parsed") or entry.get("updated_parsed")
            title = str(entry.get("title") or "").strip()
            if told is None or not title:
                rejected.append((number, "no title or no time", title[:200]))
                continue
            published = calendar.timegm(told) * SECOND_NS
            items.append(Item(published, published if url is None else max(published, now), source, title, str(entry.get("summary") or ""),
                              str(entry.get("link") or "")))
        return ReadHeadlines(tuple(items), tuple(rejected))


def _bytes_of(path: Path | None) -> bytes:
    assert path is not None
    if not path.is_file():
        raise BadInput(f"{path} is not there or no file; check --path")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path} holds {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read as headlines")
    return path.read_bytes()


def _fetched(url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(f"--url {url!r} is no http or https address")
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
