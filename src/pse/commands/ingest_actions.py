"""`pse ingest-actions`: splits and dividends into the store, each once; what was told otherwise before is corrected by a new row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.commands.wiring import Answer, Context
from pse.domain.actions import Action, Actions, adjusted_of, iso_day, next_day, too_large
from pse.domain.bars import Bars
from pse.domain.errors import BadInput, NoBars, RequestError, UnknownName
from pse.domain.sessions import DAY_NS
from pse.providers.action_files import Rejected, read_actions
from pse.store.actions import Key, append_actions, latest
from pse.store.appended import NONE_STORED
from pse.store.layout import symbol_name
from pse.store.load import Stored, stored_span
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
    found = _against_stored(context, found, rejected)
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
    moment = int(np.datetime64(iso_day(date), "ns").astype(np.int64))
    instrument = context.settings.instrument(symbol)
    return next_day(date, load_sessions(context.home, instrument.calendar, moment, moment + LONGEST_BREAK_NS, context.settings.sessions))


def _of_shares(context: Context, items: Sequence[Action], rejected: list[Rejected]) -> tuple[list[Action], list[Rejected]]:
    """The events of shares that are instruments, each event once; the others go to the rejected rows."""
    whys: dict[str, str] = {}
    told: dict[Key, float] = {}
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


def _against_stored(context: Context, found: Sequence[Action], rejected: list[Rejected]) -> list[Action]:
    """The events that the stored bars of their shares can bear; a dividend that is not smaller than the close before it goes to the rejected rows."""
    told = {(one.symbol, one.ex_date, one.kind): one.amount for one in found}
    after = latest(context.home) | told
    too_much: dict[Key, str] = {}
    for symbol in sorted({one.symbol for one in found}):
        events = Actions.of([Action(*key, amount) for key, amount in after.items() if key[0] == symbol])
        for bars in _stored_bars(context, symbol):
            _warn_of_taken_out(context, bars, sum(one.symbol == symbol and one.kind == "SPLIT" and one.amount != 1.0 for one in found))
            for date, cash, close in too_large(bars, events.to_do(adjusted_of(bars))):
                too_much.setdefault((symbol, date, "DIVIDEND"), _too_much(bars, date, cash, close))
    for key, why in too_much.items():
        if key in told:
            rejected.append((0, why, f"{key[0]},{key[1]},DIVIDEND,{told[key]:g}"))
        else:
            context.warn(f"{key[0]}: of the events that are stored, {why}")
    return [one for one in found if (one.symbol, one.ex_date, one.kind) not in too_much]


def _stored_bars(context: Context, symbol: str) -> Iterator[Bars]:
    """Every stored series of a share."""
    with suppress(NoBars):
        known, instrument = Stored.at(context.home), context.settings.instrument(symbol)
        for timeframe in known.timeframes(symbol):
            span = stored_span(context.home, symbol, timeframe)
            if span is not None:
                sessions = load_sessions(context.home, instrument.calendar, *span, context.settings.sessions)
                with suppress(NoBars):
                    yield known.load(instrument, timeframe, None, None, sessions).bars


def _warn_of_taken_out(context: Context, bars: Bars, splits: int) -> None:
    """Says that splits change no price of a series which its provider divided by them."""
    if splits and (adjusted := adjusted_of(bars)) != "none":
        context.warn(f"{bars.symbol}: the stored {bars.timeframe} bars were taken as --adjusted {adjusted}, so {splits} of the file's splits change no price "
                     f"of them; if these are prices as traded, ingest them again with --adjusted none")


def _too_much(bars: Bars, date: int, cash: float, close: float) -> str:
    by_splits = " (divided by later splits, as those are)" if adjusted_of(bars) == "splits" else ""
    return (f"the dividend of {iso_day(date)}, {cash:,.10g}{by_splits}, is not smaller than the last {bars.timeframe} close before it that is stored, "
            f"{close:,.10g}")


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
            ("of", " ".join(data["symbols"])), ("ex-dates", f"{iso_day(data['first'])} to {iso_day(data['last'])}")]
    if data["quarantined"]:
        rows.append(("refused", f"{data['quarantined']:,} rows, kept in {data['quarantine']}"))
        rows += [("", f"{count:,} of: {reason}") for reason, count in list(data["reasons"].items())[:MOST_REASONS]]
    for name, text in (*rows, *(("note", one) for one in data["notes"])):
        table.add_row(name, text)
    console.print(table)
