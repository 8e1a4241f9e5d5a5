"""The objects that features find (swings, breaks, gaps, pools ...) for people and programs: words for codes, moments for bars, prices as traded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso
from pse.commands.feature_inputs import Source, catalogue
from pse.commands.grids import show_tables
from pse.domain.errors import RequestError
from pse.features.feature import Feature, Known
from pse.features.objects import kind_of, object_ids, word_of
from pse.features.requests import Request
from pse.kernels.contract import NEVER

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Found:
    """The objects of one table that became known in a window: how many, and the last of them as JSON knows them."""

    table: str
    count: int
    rows: Sequence[Mapping[str, Any]]


def find_events(source: Source, requests: Sequence[Request], first_ns: int, last_ns: int, tail: int) -> dict[str, Found]:
    """Objects that became known from the close `first_ns` to the close `last_ns`, by the name of their table and the request's parameters."""
    market = source.market()
    found: dict[str, Found] = {}
    for request in requests:
        there = _there(market.at(source.plan.timeframe), request)
        if request.feature is None or there is None:
            continue
        for table, rows in there.objects(request.feature).items():
            known_ns = there.bars.ts_close[rows[kind_of(table).known]]
            mine = np.flatnonzero((known_ns >= first_ns) & (known_ns <= last_ns))
            made = [event_of(table, rows[i], request.feature, there) for i in mine[-tail:]]
            found[table + request.label.removeprefix(request.name)] = Found(table, mine.size, made)
    if not found:
        raise RequestError(_no_events(requests))
    return found


def _there(known: Known, request: Request) -> Known | None:
    if request.symbol is not None:
        return known.other(request.symbol, request.timeframe)
    return known if request.timeframe is None else known.at(request.timeframe)


def _no_events(requests: Sequence[Request]) -> str:
    have = [name for name, made in catalogue().items() if type(made()).objects is not Feature.objects]
    near = difflib.get_close_matches(requests[0].name, have, n=1, cutoff=0.4)
    return (f"{', '.join(one.text for one in requests)} has no events, only columns; features with events: {', '.join(have)}."
            + (f" Did you mean {near[0]}?" if near else ""))


# --- one event -----------------------------------------------------------------------------------------------------------------------------------


def event_of(table: str, row: np.void, feature: Feature, there: Known) -> dict[str, Any]:
    """One object: its id, the closes of its two bars, and its other fields in the order in which they matter."""
    form, bars = kind_of(table), there.bars
    offset = float(bars.offset[int(row[form.known])])
    made: dict[str, Any] = {"id": _id(table, row, feature, there), "event": _close(row[form.event], there), "known": _close(row[form.known], there)}
    for name in fields_in_order(table, row.dtype):
        value = row[name].item()
        if name in form.words:
            made[name] = word_of(table, name, row)
        elif name in form.prices:
            made[name] = None if value != value else value + offset
        elif name in form.moments:
            made[name] = iso(value)
        elif name in form.later or name in form.bars:
            made[name] = _close(value, there)
        elif name in form.rows:
            made[name] = _referred(form.rows[name], value, feature, there)
        else:
            made[name] = None if value != value else value
    return made


def fields_in_order(table: str, dtype: np.dtype) -> list[str]:
    """The fields besides the two bars: words, prices, flags, numbers, the later life, further bars, rows of other tables; those of no table left out."""
    form = kind_of(table)

    def rank(name: str) -> int:
        groups = (form.words, form.prices, [name] if dtype[name].kind == "b" else [], form.later, form.bars, form.moments, form.rows)
        place = next((i for i, group in enumerate(groups) if name in group), -1)
        return place if 0 <= place < 3 else 3 if place < 0 else place + 1

    return sorted((name for name in dtype.names or () if name not in (form.event, form.known) and form.rows.get(name) != ""), key=rank)


def _close(bar: int, there: Known) -> str | None:
    """Close of a bar; None for one that has not come or is none."""
    return iso(int(there.bars.ts_close[bar])) if 0 <= bar < min(int(NEVER), len(there)) else None


def _id(table: str, row: np.void, feature: Feature, there: Known) -> str:
    finer = getattr(feature, "timeframe", None) if table == "micro_gaps" else None
    return object_ids(table, np.array([row], row.dtype), there.bars, finer)[0]


def _referred(table: str, row: int, feature: Feature, there: Known) -> str | None:
    """The id of a row of another table, which is the feature's own or one of a part."""
    parts = [one for one in (getattr(feature, name) for name in type(feature).model_fields) if isinstance(one, Feature)]
    for one in (feature, *parts) if row >= 0 else ():
        rows = there.objects(one).get(table)
        if rows is not None:
            return _id(table, rows[row], one, there)
    return None


# --- for people ----------------------------------------------------------------------------------------------------------------------------------


def show_events(console: Console, found: Mapping[str, Found]) -> None:
    """A table an object kind; columns without a value in any row are left out, as are ids and an event that is its own news."""
    from rich.text import Text

    for number, (name, one) in enumerate(found.items()):
        if number:
            console.print()
        console.print(Text(f"{name}: {one.count} in the window" + (f", the last {len(one.rows)}" if len(one.rows) < one.count else ""), style="bold"))
        if one.rows:
            _show(console, one)


def _show(console: Console, found: Found) -> None:
    form, rows = kind_of(found.table), found.rows
    same = all(row["event"] == row["known"] for row in rows)
    named = {name for name, table in form.rows.items() if table == "pools"}
    names = [name for name in rows[0] if name != "id" and not (same and name == "event") and (name not in form.rows or name in named)
             and any(row[name] is not None for row in rows)]
    names = [*(name for name in names if name in named), *(name for name in names if name not in named)]
    names.sort(key=lambda name: name not in ("event", "known"))
    moments = {"event", "known", *form.later, *form.bars, *form.moments}
    years = {row[name][:4] for row in rows for name in moments & set(names) if row[name] is not None}
    cells = [[_cell(row[name], name, form.prices, moments, named, len(years) == 1) for name in names] for row in rows]
    right = [any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows) for name in names]
    show_tables(console, names, cells, right)
    if len(years) == 1:
        console.print(f"moments of {years.pop()} in UTC; of a bar its close", style="dim", highlight=False)


def _cell(value: Any, name: str, prices: Sequence[str], moments: set[str], named: set[str], one_year: bool) -> str:
    if value is None:
        return "-"
    if name in moments:
        return f"{value[5:10] if one_year else value[:10]} {value[11:16] if value[16:19] == ':00' else value[11:19]}"
    if name in named:
        return str(value).partition(":")[0].upper()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{10 if name in prices else 4}g}" if isinstance(value, float) else str(value)
