"""One change of a stored series in the making: what comes in, what the roll rule makes of it, and the commit.

Only the months that something happens to are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pse.domain.bars import BarFlag
from pse.domain.errors import DiskFull
from pse.store import index as notes
from pse.store import roll
from pse.store.datafiles import data_files, file_hashes
from pse.store.index import Month, SeriesIndex
from pse.store.layout import Home
from pse.store.reading import open_bars, read_rows
from pse.store.rows import DTYPES, FLOATS, Rows, concat, empty, month_name, month_spans, strip_front

if TYPE_CHECKING:
    from deltalake import DeltaTable

MANY_FILES = 32


class Change:
    """A series between two versions.  `index` is that of the stored series until `commit`, and of the new version after it."""

    def __init__(self, home: Home, table: DeltaTable | None, index: SeriesIndex):
        self.home, self.table, self.index = home, table, index
        self.version = table.version() if table is not None else -1
        self.new_rows = self.corrected = 0
        self._months: dict[str, Rows] = {}                  # months that were looked at, as they shall be
        self._before: dict[str, Rows] = {}                  # and as they are stored
        self._described: dict[str, Month] = {}
        self._added: dict[str, np.ndarray] = {}
        self._amended: dict[str, np.ndarray] = {}

    # --- what comes in

    def take_in(self, incoming: Rows, bases: Mapping[str, str]) -> None:
        """Join sorted rows with the stored months that they touch; `bases` are the base hashes of the incoming months."""
        spans = {month_name(number): incoming.take(span) for number, span in month_spans(incoming["ts_open"])}
        self._before.update(self._stored(name for name in spans if name in self.index.months))
        for name, rows in spans.items():
            before = self._before.setdefault(name, empty())
            self._months[name] = joined(before, rows) if len(before) else rows
        known = {name: base for name, base in bases.items() if not len(self._before.get(name, ()))}
        for rows in self._months.values():
            self._described.update(notes.describe(rows, known))

    def _stored(self, names: Iterable[str]) -> dict[str, Rows]:
        """Stored rows of some months."""
        wanted = sorted(set(names))
        if not wanted or self.table is None:
            return {}
        first, after = self.index.months[wanted[0]].first, self.index.months[wanted[-1]].last + 1
        rows = read_rows(self.home, self.table, self.index.symbol, self.index.timeframe, start_ns=first, end_ns=after)
        return {month_name(number): rows.take(span) for number, span in month_spans(rows["ts_open"]) if month_name(number) in wanted}

    def _read_years(self, years: Iterable[int]) -> Rows:
        assert self.table is not None
        return read_rows(self.home, self.table, self.index.symbol, self.index.timeframe, years=years)

    # --- the roll rule

    def apply_roll(self, front_map: list[tuple[int, str]] | None) -> None:
        """Set `roll` and BACK_MONTH in every month where they are not what the rule says now."""
        whole = replace(self.index, months={**self.index.months, **self._described})
        days = whole.days()
        if days:
            front = roll.fronts(days, front_map, roll.expiry_order(list(whole.first_years()), whole.first_years()))
            rolls = _rolls_by_month(whole, front, roll.roll_days(days, front))
            wrong = {name for name, month in whole.months.items() if _back_pairs(month, front) != month.back or rolls.get(name, []) != month.rolls}
            missing = self._stored(wrong - set(self._months))
            wrong |= set(self._months)                       # rows that came in have no marks yet
            self._before.update(missing)
            self._months.update(missing)
            for name in wrong:
                self._months[name] = flagged(self._months[name], front, set(rolls.get(name, ())))
                self._described.update(notes.describe(self._months[name], {name: whole.months[name].base}))
        for name, rows in self._months.items():
            self._added[name], self._amended[name] = _difference(self._before.get(name, empty()), rows)

    def found_any(self) -> bool:
        """Whether anything differs from what is stored."""
        return any(mask.any() for masks in (self._added, self._amended) for mask in masks.values())

    def revised(self, months: Iterable[str], first: int, last: int) -> tuple[int, int]:
        """Of the stored rows of some months that came in, first <= ts_open <= last: how many there were, and how many of them got other prices, volume
        or quotes (what the roll rule changes is not counted)."""
        there = revised = 0
        for name in months:
            before, after = (one.only(("ts_open", "contract", *FLOATS)) for one in (self._before[name], self._months[name]))
            if len(before):
                there += int(np.diff(np.searchsorted(before["ts_open"], (first, last + 1)))[0])
                revised += int(_difference(before, after)[1].sum())
        return there, revised

    # --- the commit

    def commit(self) -> bool:
        """Write the change as one version; False when another program committed in between and nothing was written."""
        from pse.store import commits

        changed = [name for name in sorted(self._months) if self._added[name].any() or self._amended[name].any()]
        parts: list[Rows] = [_some(self._months[name], self._added[name]) for name in changed]
        replaced: list[str] = []
        if any(self._amended[name].any() for name in changed):
            parts, replaced = self._whole_years(changed)
        table = self.table if self.table is not None else commits.create(self.home)
        before = table.version()
        if not commits.commit(self.home, table, commits.write_files(self.home, parts, self.index.symbol, self.index.timeframe), replaced):
            return False
        self.new_rows = sum(int(mask.sum()) for mask in self._added.values())
        self.corrected = sum(int(mask.sum()) for mask in self._amended.values())
        self.index = replace(self.index, months={**self.index.months, **{name: self._described[name] for name in changed}})
        self._note_down(before + 1)
        return True

    def _whole_years(self, changed: Iterable[str]) -> tuple[list[Rows], list[str]]:
        """All rows of the years that hold changed months, by month in order, and the files that they replace."""
        years = {int(name[:4]) for name in changed}
        stored = self._read_years(years)
        months = {month_name(number): stored.take(span) for number, span in month_spans(stored["ts_open"])}
        months |= {name: rows for name, rows in self._months.items() if int(name[:4]) in years}
        assert self.table is not None
        return [months[name] for name in sorted(months)], self._files_of(self.table, years)

    def _files_of(self, table: DeltaTable, years: Iterable[int]) -> list[str]:
        return [path for path, one in data_files(table, self.index.symbol, self.index.timeframe).items() if one.year in set(years)]

    def _note_down(self, version: int) -> None:
        """Put many small files together, then the note of the new version."""
        table = open_bars(self.home)
        assert table is not None
        self.version = table.version()
        if self.version != version:                          # somebody else committed since; the note is made from the values when it is next needed
            return
        with contextlib.suppress(DiskFull):                  # the bars are in; what follows saves time only and is made up for later
            self._compact(table)
            files = data_files(table, self.index.symbol, self.index.timeframe)
            self.index = replace(self.index, files=file_hashes(self.home.bars, files, self.index.files))
            notes.write_note(self.home, self.index)

    def _compact(self, table: DeltaTable) -> None:
        """One file for each year that has many; values and ids stay."""
        from pse.store import commits

        years = [one.year for one in data_files(table, self.index.symbol, self.index.timeframe).values()]
        crowded = {year for year in years if years.count(year) > MANY_FILES}
        if crowded:
            self.table = table
            files = commits.write_files(self.home, [self._read_years({year}) for year in sorted(crowded)], self.index.symbol, self.index.timeframe)
            commits.commit(self.home, table, files, self._files_of(table, crowded), same_values=True)
            table.update_incremental()
            self.version = table.version()


def _some(rows: Rows, mask: np.ndarray) -> Rows:
    return rows if mask.all() else rows.take(mask)


# --- joining, flags, differences; pure ---------------------------------------------------------------------------------------------------------


def joined(stored: Rows, incoming: Rows) -> Rows:
    """Both, sorted; of two rows with one key the incoming one.  A quote column that the incoming source does not have keeps what is stored."""
    silent = [name for name in FLOATS if name in stored.columns and name not in incoming.columns]
    both = concat([stored, incoming])
    new = np.r_[np.zeros(len(stored), bool), np.ones(len(incoming), bool)]
    order = np.lexsort((new, both["contract"], both["ts_open"]))
    both, new = both.take(order), new[order]
    same_key = (np.diff(both["ts_open"]) == 0) & (np.diff(both["contract"]) == 0)
    last = np.r_[~same_key, True]
    for name in silent:
        column = both[name].copy()
        column[1:][same_key] = column[:-1][same_key]
        both = both.with_columns(**{name: column})
    return both.take(last)


def flagged(rows: Rows, front: Mapping[int, str], rolls: set[int]) -> Rows:
    """The rows with BACK_MONTH and `roll` as the front of each day says; a day without a front of its own has that of the day before it."""
    dates, day = np.unique(rows["session_date"], return_inverse=True)
    place = {name: i for i, name in enumerate(rows.contracts)}
    codes = np.array([place.get(_front_of(front, int(date)), -1) for date in dates])[day]
    back = rows["contract"] != codes
    flags = np.where(back, strip_front(rows["flags"]) | np.int16(BarFlag.BACK_MONTH), strip_front(rows["flags"])).astype(np.int16)
    marked = np.zeros(len(rows), bool)
    candidates = np.flatnonzero(~back & ((flags & np.int16(BarFlag.OUTSIDE_SESSION)) == 0))
    firsts, at = np.unique(rows["session_date"][candidates], return_index=True)
    for date, row in zip(firsts.tolist(), candidates[at].tolist(), strict=True):
        marked[row] = date in rolls
    return rows.with_columns(flags=flags, roll=marked)


def _front_of(front: Mapping[int, str], day: int) -> str:
    if day in front:
        return front[day]
    earlier = [one for one in front if one < day]
    return front[max(earlier)] if earlier else front[min(front)]


def _back_pairs(month: Month, front: Mapping[int, str]) -> dict[str, list[int]]:
    """Contract -> days on which it is not in front, as `describe` writes them."""
    pairs = {name: sorted(int(day) for day in days if _front_of(front, int(day)) != name) for name, days in month.days.items()}
    return {name: days for name, days in pairs.items() if days}


def _rolls_by_month(index: SeriesIndex, front: Mapping[int, str], rolls: set[int]) -> dict[str, list[int]]:
    """Month -> the roll days whose first bar of the new front lies in it (a trading day may begin in the month before)."""
    found: dict[str, list[int]] = {}
    for day in sorted(rolls):
        name = next(name for name, month in sorted(index.months.items()) if month.days.get(front[day], {}).get(str(day)) is not None)
        found.setdefault(name, []).append(day)
    return found


def _difference(before: Rows, after: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of `after` have a new key, and which have an old key and other values; both hold one month, sorted."""
    if not len(before):
        return np.ones(len(after), bool), np.zeros(len(after), bool)
    both = concat([before, after])
    key = (both["ts_open"] - both["ts_open"].min()) * 2048 + both["contract"]        # a month has 2**52 ns
    old, new = key[: len(before)], key[len(before):]
    at = np.minimum(np.searchsorted(old, new), old.size - 1)
    known = old[at] == new
    other = np.zeros(len(after), bool)
    for name in DTYPES:
        if name in both.columns:
            was, now = both[name][: len(before)][at], both[name][len(before):]
            other |= (was != now) & ~(np.isnan(was) & np.isnan(now)) if name in FLOATS else was != now
    return ~known, known & other
