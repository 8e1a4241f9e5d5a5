"""Texts and counts to moments: int64 ns UTC, or plain dates; nothing is guessed about a zone.

A time without an offset needs a zone from the user.  A file in which some rows carry an offset and some do not is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from pse.domain.errors import BadInput, RequestError
from pse.domain.sessions import DAY_NS

_OFFSET = r":\d{2}(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_COUNT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_COUNT_BY_DIGITS = {9: "s", 10: "s", 12: "ms", 13: "ms", 15: "us", 16: "us", 18: "ns", 19: "ns"}
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%Y",
    "%b %d, %Y",
)
_CLOCKS = ("%H:%M:%S%.f", "%H:%M:%S", "%H:%M", "%H%M%S", "%H%M", "%I:%M:%S %p", "%I:%M %p")
_JOINTS = (" ", "T", ", ")
_CLOCK = r"\d:\d\d|[\d,][T ]\d{4}(?:\d\d)?$|^\d{9,}$"
LAST_ZONE_NS = 12 * 3_600_000_000_000          # where a day ends last, twelve hours behind UTC


@dataclass(frozen=True)
class Moments:
    """`ns` int64 series, null where the text could not be read; `dates`: midnights of plain dates; `unclear` bool: rows inside a clock change."""

    ns: pl.Series
    dates: bool
    unclear: pl.Series
    notes: tuple[str, ...] = ()


def zone_shift_ns(tz: str) -> int | None:
    """Shift of a fixed offset such as `-05:00` or `UTC+1`, None for a named zone; `RequestError` when it is neither."""
    fixed = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", tz)
    if fixed:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        return (1 if fixed[1] == "+" else -1) * minutes * 60_000_000_000
    try:
        ZoneInfo(tz)
    except (ValueError, KeyError, OSError) as error:
        raise RequestError(f"--tz {tz}: there is no such time zone; write a name such as UTC or America/Chicago, or an offset such as -05:00") from error
    return None


def day_of(midnight_ns: int, tz: str | None) -> tuple[int, int]:
    """(begin, end) of a plain date, ns UTC, by the clock of `tz`; without one it begins by UTC and ends when it has ended everywhere."""
    if tz is None:
        return midnight_ns, midnight_ns + DAY_NS + LAST_ZONE_NS
    shift = zone_shift_ns(tz)
    if shift is not None:
        return midnight_ns - shift, midnight_ns - shift + DAY_NS
    date, zone = datetime.fromtimestamp(midnight_ns // 1_000_000_000, UTC), ZoneInfo(tz)
    begin, end = (int(one.replace(tzinfo=zone).timestamp()) * 1_000_000_000 for one in (date, date + timedelta(days=1)))
    return begin, end


def without_clock(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Which texts are dates alone, and which have a time of day or count since 1970, bool; one that is neither cannot be read."""
    texts = texts.str.strip_chars()
    dates = pl.DataFrame([_parse(texts, pattern).is_not_null().alias(pattern) for pattern in _DATES]).select(pl.any_horizontal(pl.all())).to_series()
    return dates, ~dates & texts.str.contains(_CLOCK).fill_null(False)


def moments(texts: pl.Series, time_format: str | None, tz: str | None, where: str) -> Moments:
    """Read a column of texts.

    `time_format`: a strftime pattern, or s, ms, us, ns for counts since 1970; None finds it out from the rows.
    Raises `BadInput` for mixed or unreadable times and `RequestError` when the zone or the order of day and month cannot be told.
    """
    if tz is not None:
        zone_shift_ns(tz)
    texts = texts.str.strip_chars()
    count = _count_unit(texts, time_format)
    if count is not None:
        ns = texts.cast(pl.Int64, strict=False) * _COUNT_NS[count]
        return Moments(ns, _all_midnights(ns), _nowhere(ns))
    if time_format is not None and time_format.endswith(("%z", "%:z", "%#z", "Z")):
        read, _ = _read(texts, time_format, where)                          # the pattern itself reads the offset
        return Moments(read, _all_midnights(read), _nowhere(read))
    local, shift = _split_offsets(texts, where)
    read, shape = _read(local, time_format, where)
    if shift is not None:
        notes = () if tz is None else (f"{where}: each row carries its offset, so --tz {tz} was not needed",)
        dates = _all_midnights(read)
        return Moments(read if dates else read - shift, dates, _nowhere(read), notes)
    if not _has_clock(shape) or _all_midnights(read):
        return Moments(read, True, _nowhere(read))
    if tz is None:
        raise RequestError(
            f"{where}: times such as {local.drop_nulls().first()!r} carry no time zone; say which clock they were read on, "
            "for example --tz UTC or --tz America/New_York"
        )
    return _to_utc(read, tz)


def _to_utc(local: pl.Series, tz: str) -> Moments:
    shift = zone_shift_ns(tz)
    if shift is not None:
        return Moments(local - shift, False, _nowhere(local))
    placed = local.cast(pl.Datetime("ns")).dt.replace_time_zone(tz, ambiguous="null", non_existent="null").cast(pl.Int64)
    return Moments(placed, False, local.is_not_null() & placed.is_null())


def _nowhere(series: pl.Series) -> pl.Series:
    return pl.repeat(False, series.len(), dtype=pl.Boolean, eager=True)


def _all_midnights(ns: pl.Series) -> bool:
    known = ns.drop_nulls()
    return known.len() > 0 and bool((known % DAY_NS == 0).all())


def _sample(texts: pl.Series) -> pl.Series:
    known = texts.drop_nulls()
    return known.gather_every(max(known.len() // 500, 1))


def _count_unit(texts: pl.Series, time_format: str | None) -> str | None:
    """The unit of a column of counts since 1970, None when it holds something else (eight digits are a date)."""
    if time_format in _COUNT_NS:
        return time_format
    if time_format is not None:
        return None
    sample = _sample(texts)
    digits = sample.filter(sample.str.contains(r"^\d+$"))
    if digits.len() < 0.9 * sample.len() or not digits.len():
        return None
    length = int(digits.str.len_chars().mode().to_list()[0])
    looks_written = length in (12, 14) and digits.str.contains(r"^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])[0-5]\d").all()
    return None if looks_written else _COUNT_BY_DIGITS.get(length)


def _split_offsets(texts: pl.Series, where: str) -> tuple[pl.Series, pl.Series | None]:
    """The texts without their offsets, and the offsets in ns; None when no row has one; `BadInput` when only some rows do."""
    known = texts.is_not_null() & (texts != "") & texts.str.contains(r"^\d")
    marked = texts.str.contains(_OFFSET).fill_null(False)
    if not marked.any():
        return texts, None
    bare = known & ~marked & texts.str.contains(r"\d:\d\d")
    if bare.any():
        with_, without = int(marked.arg_true()[0]), int(bare.arg_true()[0])
        raise BadInput(
            f"{where}: mixed time zones: {texts[with_]!r} carries an offset and {texts[without]!r} does not (rows {with_ + 1} and {without + 1} of the data); "
            "write all times in one way"
        )
    mark = texts.str.extract(_OFFSET, 1)
    shifts = {text: _offset_ns(text) for text in mark.drop_nulls().unique().to_list()}
    shift = mark.replace_strict(shifts, default=None, return_dtype=pl.Int64)
    lengths = mark.drop_nulls().str.len_chars()
    same = lengths.min() == lengths.max() and marked.all()
    local = texts.str.head(-lengths.to_list()[0]) if same else texts.str.replace(r"(:\d{2}(?:[.,]\d+)?)\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$", "$1")
    return local.str.strip_chars_end(), shift


def _offset_ns(mark: str) -> int:
    if mark in ("Z", "UTC", "GMT"):
        return 0
    digits = mark[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (1 if mark[0] == "+" else -1) * minutes * 60_000_000_000


def _read(local: pl.Series, time_format: str | None, where: str) -> tuple[pl.Series, str]:
    """Wall times as ns since 1970 on that clock, null where unreadable, and the pattern that read them."""
    if time_format is not None:
        if "%" not in time_format:
            raise RequestError(f"--time-format {time_format}: write a pattern such as '%Y-%m-%d %H:%M', or s, ms, us, ns for counts since 1970")
        read = _parse(local, time_format)
        if not read.is_not_null().any():
            raise BadInput(f"{where}: no time fits --time-format {time_format!r}; the first is {local.drop_nulls().first()!r}")
        return read, time_format
    sample = _sample(local)
    fits = {pattern: int(_parse(sample, pattern).is_not_null().sum()) for pattern in _patterns(sample)}
    best = max(fits.values(), default=0)
    if best == 0:
        raise BadInput(f"{where}: times such as {local.drop_nulls().first()!r} are in no form known here; write --time-format, for example '%d.%m.%Y %H:%M:%S'")
    close = [pattern for pattern, count in fits.items() if count >= best - 0.2 * sample.len()]
    whole = {pattern: _parse(local, pattern) for pattern in close}
    counts = {pattern: int(read.is_not_null().sum()) for pattern, read in whole.items()}
    pattern = max(close, key=lambda p: counts[p])
    rival = next((p for p in close if counts[p] == counts[pattern] and not whole[p].equals(whole[pattern])), None)
    if rival is not None:
        raise RequestError(
            f"{where}: {local.drop_nulls().first()!r} can be read as {pattern} and as {rival}, and no row decides; write --time-format '{pattern}' or the other"
        )
    return whole[pattern], pattern


def _patterns(sample: pl.Series) -> list[str]:
    """Patterns that read the first text of the sample or one of a few others."""
    probes = sample.gather_every(max(sample.len() // 8, 1))
    every = [*_DATES, *(f"{date}{joint}{clock}" for date in _DATES for joint in _JOINTS for clock in _CLOCKS), "%Y%m%d%H%M", "%Y%m%d%H%M%S"]
    return [pattern for pattern in every if _parse(probes, pattern).is_not_null().any()]


def _has_clock(pattern: str) -> bool:
    return any(mark in pattern for mark in ("%H", "%I", "%k", "%l", "%T", "%R", "%c", "%X", "%+"))


def _parse(texts: pl.Series, pattern: str) -> pl.Series:
    """ns since 1970 by one pattern, null where it does not fit exactly."""
    try:
        read = texts.str.strptime(pl.Datetime("us") if _has_clock(pattern) else pl.Date, pattern, strict=False, exact=True)
    except pl.exceptions.ComputeError as error:
        raise RequestError(f"--time-format {pattern}: not a pattern that can be read ({str(error).splitlines()[0]})") from error
    sane = read.dt.year().is_between(1800, 2200)                           # a year of two digits is not the year 17
    return pl.DataFrame({"us": read.cast(pl.Datetime("us")).cast(pl.Int64), "sane": sane}).select(
        pl.when(pl.col("sane")).then(pl.col("us") * 1_000).alias(texts.name)
    ).to_series()


def moments_of_typed(series: pl.Series, name: str, tz: str | None, where: str, utc: bool) -> Moments:
    """The same for a column that a file already types: integers, dates, or timestamps with or without a zone."""
    kind = series.dtype
    if kind == pl.Date:
        return Moments(series.cast(pl.Datetime("ns")).cast(pl.Int64), True, _nowhere(series))
    if isinstance(kind, pl.Datetime):
        ns = series.dt.cast_time_unit("ns")
        if kind.time_zone is not None:
            local = ns.dt.replace_time_zone(None).cast(pl.Int64)
            dates = _all_midnights(local)
            return Moments(local if dates else ns.cast(pl.Int64), dates, _nowhere(series))
        plain = ns.cast(pl.Int64)
        if _all_midnights(plain):
            return Moments(plain, True, _nowhere(series))
        if utc and tz is None:
            tz = "UTC"
        if tz is None:
            first = series.drop_nulls().cast(pl.String).to_list()[:1]
            raise RequestError(f"{where}: times in column {name} such as {first} carry no time zone; write for example --tz UTC or --tz America/New_York")
        return _to_utc(plain, tz)
    if kind.is_integer():
        return moments(series.cast(pl.String), None, None, where)
    raise BadInput(f"{where}: column {name} holds {kind}; times must be integers (since 1970), dates or timestamps")
