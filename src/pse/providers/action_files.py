"""Splits and dividends from files: a table of them, LEAN's factor files, and what Yahoo Finance writes beside its prices.

A LEAN factor file names the last trading day before each event, the products of all later price and split factors, and the close of that day: the ratio
of two rows' split factors is the split between them, and a price factor that grows by 1 / (1 - D / close) tells the dividend D.  Yahoo's dividends are
divided by all later splits; they are told here as they were paid.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from pse.domain.actions import LARGEST_RATIO, Action
from pse.domain.errors import BadInput, RequestError

MOST_BYTES = 50_000_000
DATES = ("ex_date", "exdate", "ex-date", "date", "datetime", "day")
NAMES: Mapping[str, tuple[str, ...]] = {"date": DATES, "kind": ("kind", "type", "action", "event"), "symbol": ("symbol", "ticker"),
                                        "amount": ("amount", "value", "ratio", "cash")}
WORDS = {"split": "SPLIT", "splits": "SPLIT", "stock split": "SPLIT", "dividend": "DIVIDEND", "dividends": "DIVIDEND", "div": "DIVIDEND", "cash": "DIVIDEND"}
SAME_FACTOR = 2e-7                               # relative: what seven written digits leave open
WHOLE = 3e-4                                     # relative: how near a ratio of written factors lies to the ratio that was meant
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,9})?)?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?)?")

Rejected = tuple[int, str, str]                  # row (1-based), reason, text


@dataclass(frozen=True)
class ReadActions:
    """What a file held: events, and rows that are none as (row, reason, text); `notes` are sentences for the user."""

    items: tuple[Action, ...]
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()


def read_actions(path: Path, provider: str, symbol: str | None, next_day: Callable[[str, int], int | None]) -> ReadActions:
    """Events of a file.  `next_day` (symbol, yyyymmdd): the first trading day after a date.  Raises `BadInput`, `RequestError`."""
    readers = {"csv": _table, "yahoo": _yahoo, "lean": lambda lines, where, one: _lean(lines, where, one, next_day)}
    if provider not in readers:
        raise RequestError(f"--provider {provider!r} is not one of {', '.join(readers)}; it says how the file of splits and dividends is written")
    return readers[provider](_lines(path), path.name, symbol)  # type: ignore[operator, no-any-return]


def _lines(path: Path) -> list[str]:
    """The text of a file, plain or gzipped, read no further than the most that one may hold."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            data = (gzip.GzipFile(fileobj=file) if zipped else file).read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}; name the file of splits and dividends") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} cannot be read: {error}; name a text file, or a gzip file of one that is whole") from error
    if len(data) > MOST_BYTES:
        raise BadInput(f"{path} holds more than {MOST_BYTES:,} bytes of text, which no table of splits and dividends does; name another file")
    if b"\0" in data[:4096]:
        raise BadInput(f"{path.name}: this is not a text file; write the events as CSV with date, kind and amount")
    return data.decode("utf-8-sig", errors="replace").splitlines()


def _day(text: str) -> int | None:
    """yyyymmdd of `2020-08-31` or `20200831`, a time of day behind it ignored; None for what is no day."""
    found = _DAY.fullmatch(text.strip())
    if not found:
        return None
    try:
        date(*(int(part) for part in found.groups()))
    except ValueError:
        return None
    return int("".join(found.groups()))


def ratio_of(text: str) -> float | None:
    """The ratio of a split: `2`, `0.1`, `3:2`, `3/2` or `3-for-2` are so many new shares for old ones; None for what is none."""
    cleaned = text.strip().lower().replace("-for-", ":").replace(" for ", ":").replace("/", ":")
    parts = [_number(part) for part in cleaned.split(":")]
    if len(parts) > 2 or any(part is None or not part > 0.0 for part in parts):
        return None
    value = parts[0] / parts[1] if len(parts) == 2 else parts[0]  # type: ignore[operator]
    return value if value is not None and 1.0 / LARGEST_RATIO <= value <= LARGEST_RATIO else None


def _number(text: str) -> float | None:
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _symbol_of(symbol: str | None, where: str) -> str:
    if symbol is None:
        raise RequestError(f"{where} does not name its symbol; add --symbol SYMBOL")
    return symbol


# --- a table of events ---------------------------------------------------------------------------------------------------------------------------


def _table(lines: Sequence[str], where: str, symbol: str | None) -> ReadActions:
    """Rows of date, kind and amount, and of symbol where the file speaks of several."""
    header, rows = _rows(lines, where)
    at = {role: place for role, names in NAMES.items() if (place := next((header.index(name) for name in names if name in header), None)) is not None}
    lacking = [role for role in ("date", "kind", "amount") if role not in at]
    if lacking:
        raise BadInput(f"{where}: the header {', '.join(header) or '(none)'} has no column for {', '.join(lacking)}; write date,kind,amount (and symbol), for "
                       f"example 2020-08-31,SPLIT,4 and 2020-08-07,DIVIDEND,0.82")
    if "symbol" not in at:
        _symbol_of(symbol, where)
    found: list[Action] = []
    rejected: list[Rejected] = []
    for number, cells in rows:
        text = ",".join(cells)[:500]
        if len(cells) <= max(at.values()):
            rejected.append((number, f"{len(cells)} fields, the header has {len(header)}", text))
            continue
        whose = cells[at["symbol"]].strip().upper() if "symbol" in at else str(symbol)
        if symbol is not None and whose != symbol:
            continue
        made = _event(whose, cells[at["date"]], cells[at["kind"]], cells[at["amount"]])
        if isinstance(made, Action):
            found.append(made)
        else:
            rejected.append((number, made, text))
    return ReadActions(tuple(found), tuple(rejected))


def _rows(lines: Sequence[str], where: str) -> tuple[list[str], Iterable[tuple[int, list[str]]]]:
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if len(kept) < 2:
        raise BadInput(f"{where}: there is no row under a header in it")
    parsed = [(number, _cells(line, number, where)) for number, line in kept]
    return [cell.strip().lower() for cell in parsed[0][1]], parsed[1:]


def _cells(line: str, number: int, where: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line)))
    except csv.Error as error:
        raise BadInput(f"{where}, line {number}: this is not a row of a table ({error}); {len(line):,} characters, which begin with {line[:60]!r}") from error


def _event(symbol: str, day: str, kind: str, amount: str) -> Action | str:
    """The event of a row, or why it is none."""
    when, word = _day(day), WORDS.get(kind.strip().lower())
    if when is None:
        return f"the date {day.strip()!r} is not a day as 2020-08-31 or 20200831"
    if word is None:
        return f"the kind {kind.strip()!r} is neither SPLIT nor DIVIDEND"
    value = ratio_of(amount) if word == "SPLIT" else _number(amount)
    if value is None or (word == "DIVIDEND" and value < 0.0):
        return (f"the ratio {amount.strip()!r} is not a positive number or a:b up to {LARGEST_RATIO:g}" if word == "SPLIT" else
                f"the dividend {amount.strip()!r} is not a number of at least 0")
    return Action(symbol, when, word, value)


# --- Yahoo ---------------------------------------------------------------------------------------------------------------------------------------


def _yahoo(lines: Sequence[str], where: str, symbol: str | None) -> ReadActions:
    """The columns Dividends and Stock Splits beside prices, or alone; rows without an event are none, a day's repeated ones are one."""
    whose = _symbol_of(symbol, where)
    header, rows = _rows(lines, where)
    day = next((header.index(name) for name in DATES if name in header), None)
    columns = {word: header.index(name) for name, word in (("dividends", "DIVIDEND"), ("stock splits", "SPLIT")) if name in header}
    if day is None or not columns:
        raise BadInput(f"{where}: the header {', '.join(header)} has no date or neither of Dividends and Stock Splits; download the history with its events, "
                       f"or write date,kind,amount and take --provider csv")
    told: dict[tuple[int, str], float] = {}
    rejected: list[Rejected] = []
    for number, cells in rows:
        for word, place in columns.items():
            text = cells[place].strip() if place < len(cells) else ""
            if text in ("", "0", "0.0") or _number(text) == 0.0:
                continue
            made = _event(whose, cells[day], word, text)
            if isinstance(made, str):
                rejected.append((number, made, ",".join(cells)[:500]))
            elif told.setdefault((made.ex_date, word), made.amount) != made.amount:
                rejected.append((number, f"the day has another {word.lower()} of {told[made.ex_date, word]:g} already", ",".join(cells)[:500]))
    return ReadActions(tuple(_as_paid(whose, told)), tuple(rejected))


def _as_paid(symbol: str, told: Mapping[tuple[int, str], float]) -> Iterable[Action]:
    """Dividends multiplied by the splits of their own day and later ones, which Yahoo divides them by."""
    for (day, word), amount in sorted(told.items()):
        later = math.prod(ratio for (when, kind), ratio in told.items() if kind == "SPLIT" and when >= day)
        yield Action(symbol, day, word, amount if word == "SPLIT" else round(amount * later, 6))


# --- LEAN ----------------------------------------------------------------------------------------------------------------------------------------


def _lean(lines: Sequence[str], where: str, symbol: str | None, next_day: Callable[[str, int], int | None]) -> ReadActions:
    """A factor file: date, price factor, split factor, close of that date; the events lie on the first trading day after each date."""
    whose = _symbol_of(symbol, where)
    rows: list[tuple[int, int, float, float, float]] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(lines, 1):
        cells = line.split(",")
        day, values = _day(cells[0]), [_number(cell) for cell in cells[1:4]]
        if day is None or len(values) < 3 or any(value is None or value < 0.0 for value in values) or not values[0] or not values[1]:
            if line.strip():
                rejected.append((number, "not a row of date, price factor, split factor and close", line[:500]))
            continue
        rows.append((number, day, *values))  # type: ignore[arg-type]
    if not rows:
        raise BadInput(f"{where}: no row of it is date, price factor, split factor and close, as LEAN's factor files have them")
    rows.sort(key=lambda row: row[1])
    found: list[Action] = []
    for (number, day, price, split, close), (_, _, price_after, split_after, _) in zip(rows, rows[1:], strict=False):
        paid, ratio = price / price_after, split_after / split
        is_paid, is_split = abs(paid - 1.0) > SAME_FACTOR, abs(ratio - 1.0) > SAME_FACTOR
        if not is_paid and not is_split:
            continue
        when, text = next_day(whose, day), lines[number - 1][:500]
        if when is None:
            rejected.append((number, "no trading day of the calendar follows it", text))
        elif is_paid and not (0.0 < paid < 1.0 and close > 0.0):
            rejected.append((number, f"its price factor and the next one's ({price:g}, {price_after:g}) at a close of {close:g} tell no dividend", text))
        elif is_split and not 1.0 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
            rejected.append((number, f"its split factor and the next one's ({split:g}, {split_after:g}) tell no ratio up to {LARGEST_RATIO:g}", text))
        else:
            found += [Action(whose, when, "DIVIDEND", _cash(close, paid))] if is_paid else []
            found += [Action(whose, when, "SPLIT", _meant(ratio))] if is_split else []
    return ReadActions(tuple(found), tuple(rejected))


def _cash(close: float, paid: float) -> float:
    """The dividend in as few decimals, from cents on, as the written digits of the factors leave open."""
    cash = close * (1.0 - paid)
    return next((short for digits in (2, 3) if abs((short := round(cash, digits)) - cash) <= close * SAME_FACTOR), round(cash, 4))


def _meant(ratio: float) -> float:
    """The simple ratio that written digits stand for; the number itself where none is near."""
    simple = Fraction(ratio).limit_denominator(20) if ratio >= 1.0 else 1 / Fraction(1.0 / ratio).limit_denominator(20)
    return float(simple) if abs(float(simple) / ratio - 1.0) <= WHOLE else ratio
