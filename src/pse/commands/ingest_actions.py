"""`pse ingest-actions`: splits and dividends into the store, each once; what was told otherwise before is corrected by a new row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.commands.wiring import Answer, Context
from pse.domain.actions import Action, next_day
from pse.domain.errors import BadInput, RequestError, UnknownName
from pse.domain.sessions import DAY_NS
from pse.providers.action_files import Rejected, read_actions
from pse.store.actions import append_actions
from pse.store.appended import NONE_STORED
from pse.store.layout import symbol_name
from pse.store.quarantine import write_rejected
from pse.store.sessions import load_sessions

if TYPE_CHECKING:
    from rich.console import Console

MOST_REASONS = 6
LONGEST_BREAK_NS = 14 * DAY_NS                   # no calendar is closed for longer


def run(context: Context, *, path: Path, provider: str, symbol: str | None = None, max_bad: float = 1.0) -> Answer:
    """Read, check and store events; the same ones again change nothing.  `max_bad`: share of bad rows, in percent, above which nothing is stored."""
    if symbol is not None:
        _share(context, symbol_name(symbol))
    read = read_actions(path, provider, symbol, lambda name, date: _next_day(context, name, date))
    found, rejected = _of_shares(context, read.items, list(read.rejected))
    kept = write_rejected(context.home, "actions", rejected)
    if not found:
        where = f"; see {kept}" if kept is not None else ""
        raise BadInput(f"none of the {len(rejected)} rows of {path.name} is a split or a dividend; nothing was stored{where}")
    reasons = dict(Counter(reason for _, reason, _ in rejected).most_common())
    _refuse_too_many(rejected, len(found) + len(rejected), max_bad, path.name, kept)
    new, corrected, version = append_actions(context.home, found, context.clock.now_ns(), f"{provider} {path.name}")
    kinds = Counter(one.kind for one in found)
    data = {"events": len(found), "new": new, "corrected": corrected, "quarantined": len(rejected), "status": _status(new + corrected, version),
            "version": version, "symbols": sorted({one.symbol for one in found}), "splits": kinds["SPLIT"], "dividends": kinds["DIVIDEND"],
            "first": min(one.ex_date for one in found), "last": max(one.ex_date for one in found),
            "quarantine": None if kept is None else str(kept), "reasons": reasons, "notes": list(read.notes)}
    return Answer(data, lambda console: _show(console, data))


def _share(context: Context, symbol: str) -> None:
    """Refuses what has no splits and dividends, and a micro's symbol."""
    instrument = context.settings.instrument(symbol)
    if instrument.kind != "stock" or instrument.bars_of:
        what = f"trades on the bars of {instrument.bars_of}" if instrument.bars_of else f"is a {instrument.kind}"
        raise RequestError(f"{symbol} {what} ({context.settings.where('instruments', symbol)}); splits and dividends are those of a share (kind: stock)")


def _next_day(context: Context, symbol: str, date: int) -> int | None:
    """The first trading day of a symbol's calendar after a date."""
    moment = int(np.datetime64(f"{date // 10000:04d}-{date // 100 % 100:02d}-{date % 100:02d}", "ns").astype(np.int64))
    instrument = context.settings.instrument(symbol)
    return next_day(date, load_sessions(context.home, instrument.calendar, moment, moment + LONGEST_BREAK_NS, context.settings.sessions))


def _of_shares(context: Context, items: Sequence[Action], rejected: list[Rejected]) -> tuple[list[Action], list[Rejected]]:
    """The events of shares that are instruments, each event once; the others go to the rejected rows."""
    whys: dict[str, str] = {}
    told: dict[tuple[str, int, str], float] = {}
    for one in items:
        if one.symbol not in whys:
            whys[one.symbol] = _why_not(context, one.symbol)
        text = f"{one.symbol},{one.ex_date},{one.kind},{one.amount:g}"
        key = (one.symbol, one.ex_date, one.kind)
        if whys[one.symbol]:
            rejected.append((0, whys[one.symbol], text))
        elif told.setdefault(key, one.amount) != one.amount:
            rejected.append((0, f"the file has another {one.kind.lower()} of {told[key]:g} on that day", text))
    return [Action(*key, amount) for key, amount in told.items()], rejected


def _why_not(context: Context, symbol: str) -> str:
    try:
        _share(context, symbol_name(symbol))
    except (RequestError, UnknownName) as error:
        return str(error)
    return ""


def _refuse_too_many(rejected: Sequence[Rejected], total: int, max_bad: float, name: str, kept: Path | None) -> None:
    """Raises `BadInput` where more than `max_bad` percent of the rows are bad, as `pse ingest` does."""
    if len(rejected) <= total * max_bad / 100:
        return
    counts = Counter(reason for _, reason, _ in rejected).most_common()
    said = "; ".join(f"{count} of: {reason}" for reason, count in counts[:MOST_REASONS])
    more = f"; and {len(counts) - MOST_REASONS} more reasons" if len(counts) > MOST_REASONS else ""
    raise BadInput(f"{len(rejected)} of {total} rows of {name} are bad ({100 * len(rejected) / total:.2f} %), --max-bad allows {max_bad:g} %: {said}{more}. "
                   f"Nothing was stored, the rows are in {kept}; correct the file, or raise --max-bad")


def _status(news: int, version: int) -> str:
    return "unchanged" if not news else "created" if version in (0, NONE_STORED) else "updated"


def _show(console: Console, data: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    rows = [("events", f"{data['splits']:,} splits and {data['dividends']:,} dividends, {data['new']:,} new, {data['corrected']:,} corrected "
                       f"({data['status']})"),
            ("of", " ".join(data["symbols"])), ("ex-dates", f"{_day(data['first'])} to {_day(data['last'])}")]
    if data["quarantined"]:
        rows.append(("refused", f"{data['quarantined']:,} rows, kept in {data['quarantine']}"))
        rows += [("", f"{count:,} of: {reason}") for reason, count in list(data["reasons"].items())[:MOST_REASONS]]
    for name, text in (*rows, *(("note", one) for one in data["notes"])):
        table.add_row(name, text)
    console.print(table)


def _day(date: int) -> str:
    return f"{date // 10000:04d}-{date // 100 % 100:02d}-{date % 100:02d}"
