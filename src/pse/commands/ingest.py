"""`pse ingest`: provider -> checked bars -> table -> snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.wiring import Answer, Context
from pse.domain.actions import ADJUSTED, Adjusted, adjusted_flag
from pse.domain.bars import timeframe_ns
from pse.domain.errors import NoBars, OutsideError, RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import BarProvider, CsvOptions, Fetched, FetchRequest
from pse.domain.sessions import Sessions
from pse.providers.columns import parse_columns
from pse.registry import resolve
from pse.store.holes import Holes, stored_holes
from pse.store.layout import symbol_name
from pse.store.quarantine import FAR_RANGES, FAR_SHARE, Checked, check, refuse_too_many, write_bad
from pse.store.sessions import load_sessions
from pse.store.snapshots import list_all, take_snapshot
from pse.store.tables import IngestResult, merge_bars

if TYPE_CHECKING:
    from rich.console import Console

MANY_REVISED = 0.05                              # share of the stored rows that one ingest met and changed that makes two sources or stamps likely
ALL_ADJUSTED = adjusted_flag("splits") | adjusted_flag("all")
MANY_OUTSIDE = 0.2                               # share of bars outside the sessions that makes a wrong time zone or calendar likely


@dataclass(frozen=True)
class Ingested:
    """What one ingest did, for whoever goes on from it.  `holes` are those of the whole stored series, None when they could not be counted."""

    symbol: str
    timeframe: str
    result: IngestResult
    checked: Checked
    snapshot: str
    synthetic: bool
    quarantine: Path | None
    notes: tuple[str, ...]
    holes: Holes | None = None


def run(context: Context, *, provider: str, symbol: str, path: Path | None = None, start_ns: int | None = None, end_ns: int | None = None,
        timeframe: str | None = None, stamp: str | None = None, tz: str | None = None, columns: str | None = None, delimiter: str | None = None,
        header: bool = True, time_format: str | None = None, max_bad: float = 1.0, adjusted: str | None = None) -> Answer:
    """Read, check and store bars of one symbol; the same bars again change nothing."""
    options = CsvOptions(None if columns is None else parse_columns(columns), delimiter, header, time_format, tz, _stamp(stamp))
    instrument = context.settings.instrument(symbol_name(symbol))
    request = FetchRequest(symbol, instrument, timeframe, start_ns, end_ns, path, options, context.settings.seed, {})
    done = ingest(context, provider, request, max_bad, _adjusted(adjusted))
    return Answer(_data(done), lambda console: _show(console, done))


def ingest(context: Context, provider: str, request: FetchRequest, max_bad: float = 1.0, adjusted: Adjusted | None = None) -> Ingested:
    """The whole way of one request; nothing is stored when it raises.  `adjusted`: what the user says of the prices, against what the provider says."""
    instrument = request.instrument
    if instrument.bars_of:
        raise RequestError(f"{instrument.symbol} trades on the bars of {instrument.bars_of} (bars_of in configs/instruments.yaml) and has none of its own; "
                           f"run `pse ingest --symbol {instrument.bars_of} ...`")
    with context.progress() as progress:
        step = progress.add_task(f"reading {provider}", total=4)
        fetched = _fetch(context, provider, request)
        fetched = fetched if adjusted is None else replace(fetched, adjusted=adjusted)
        progress.update(step, advance=1, description=f"checking {len(fetched.frame)} bars")
        checked = check(fetched, instrument)
        refuse_too_many(checked, max_bad, instrument.symbol)
        if not len(checked.rows):
            raise NoBars(f"none of the {checked.total} rows for {instrument.symbol} is good; nothing was stored; look at the file")
        progress.update(step, advance=1, description="storing")
        kept = write_bad(context.home, instrument.symbol, checked.bad)
        sessions = sessions_around(context, instrument, checked)
        result = merge_bars(context.home, checked.rows, instrument, fetched.timeframe, sessions, fetched.front)
        progress.update(step, advance=1, description="snapshot")
        snapshot = take_snapshot(context.home, [(instrument.symbol, fetched.timeframe)], context.clock)
        progress.update(step, advance=1)
    holes = _holes(context, instrument, result)
    done = Ingested(instrument.symbol, fetched.timeframe, result, checked, snapshot.id, snapshot.synthetic, kept, tuple(fetched.notes), holes)
    for doubt in fetched.doubts:
        context.warn(doubt)
    _warn(context, done, instrument)
    return done


def _fetch(context: Context, name: str, request: FetchRequest) -> Fetched:
    """The provider's bars of the range; refuses an empty answer and a timeframe that is not the one asked for."""
    provider: BarProvider = resolve("provider", name)()
    if provider.needs_path and request.path is None:
        raise RequestError(f"provider {name} reads files and was given none; add --path FILE or --path FOLDER")
    if request.timeframe is not None:
        timeframe_ns(request.timeframe)
    rules, instrument = context.settings.sessions, request.instrument
    asked = FetchRequest(**{**vars(request), "extra": {**request.extra, "sessions": lambda first_ns, last_ns: load_sessions(
        context.home, instrument.calendar, first_ns, last_ns, rules)}})
    fetched = provider.fetch(asked)
    if not len(fetched.frame) and not (fetched.rejected is not None and len(fetched.rejected)):
        raise NoBars(_nothing(name, request))
    if request.timeframe is not None and fetched.timeframe != request.timeframe:
        raise RequestError(f"the source holds {fetched.timeframe} bars of {request.symbol}, --timeframe asks for {request.timeframe}; only the finest bars "
                           f"of a source are stored and longer ones are made from them: leave --timeframe out")
    return fetched


def _nothing(name: str, request: FetchRequest) -> str:
    if request.start_ns is None and request.end_ns is None:
        return f"provider {name} found no bars of {request.symbol} in {request.path or 'its data'}; nothing was stored; check --path and --symbol"
    since, until = ("the beginning" if request.start_ns is None else iso(request.start_ns)), ("the end" if request.end_ns is None else iso(request.end_ns))
    return (f"provider {name} found no bars of {request.symbol} from {since} to {until}; nothing was stored; check --start and --end, or leave them out to "
            f"take all there is")


def sessions_around(context: Context, instrument: Instrument, checked: Checked) -> Sessions:
    """The frozen sessions that the checked bars need."""
    ts = checked.rows["ts_open"]
    return load_sessions(context.home, instrument.calendar, int(ts[0]), int(ts[-1]), context.settings.sessions)


def _snapshot_before(context: Context, done: Ingested) -> str | None:
    """Newest other snapshot of the series alone, as every ingest leaves one; None where there is none that can be read."""
    key = [(done.symbol, done.timeframe)]
    try:
        return next((one.id for one in list_all(context.home) if one.id != done.snapshot and [(s.symbol, s.timeframe) for s in one.series] == key), None)
    except OutsideError:
        return None


def _holes(context: Context, instrument: Instrument, result: IngestResult) -> Holes | None:
    """What the series lacks between its first and its last stored bar."""
    sessions = load_sessions(context.home, instrument.calendar, result.index.first, result.index.last, context.settings.sessions)
    return stored_holes(context.home, result.index, sessions)


def _warn(context: Context, done: Ingested, instrument: Instrument) -> None:
    rows, outside = len(done.checked.rows), done.result.outside
    if outside > rows * MANY_OUTSIDE:
        context.warn(f"{outside} of {rows} bars lie outside the sessions of {instrument.calendar}; no decision falls on them. If that is too many, check "
                     f"--tz, --stamp and the instrument's calendar")
    result = done.result
    if result.revised > result.met * MANY_REVISED:
        before = _snapshot_before(context, done)
        look = f"`pse snapshots diff {before} {done.snapshot}`" if before else "`pse snapshots list` and `pse snapshots diff`"
        context.warn(f"{result.revised} of the {result.met} bars that were stored in this range had other values and were corrected "
                     f"({result.revised / result.met:.0%}); two sources, time zones or --stamps may have met. {look} shows where; what was stored before is "
                     f"kept in its snapshot")
    odd, count = done.checked.first_outlier, done.checked.outliers
    if odd is not None:
        context.warn(f"{count} bar{'s' * (count > 1)} with a price far from the closes before and after it (more than {FAR_SHARE:.0%} and {FAR_RANGES:g} "
                     f"usual ranges), likely a bad print; stored as it came. The first: row {odd.row} of {odd.source}, {iso(odd.ts_open)}, {odd.side} "
                     f"{odd.price:g} between closes {odd.before:g} and {odd.after:g}. If it is wrong, correct the file and ingest it again")
    if done.synthetic and not done.checked.rows["flags"].all():
        context.warn(f"the stored series {done.symbol} {done.timeframe} now mixes made-up bars with others; keep them apart with another --home")


def _stamp(text: str | None) -> Any:
    if text not in (None, "open", "close"):
        raise RequestError(f"--stamp {text!r} is not one of open, close; it says which end of the bar the time of a row names")
    return text


def _adjusted(text: str | None) -> Adjusted | None:
    found = next((one for one in ADJUSTED if one == text), None)
    if text is not None and found is None:
        raise RequestError(f"--adjusted {text!r} is not one of {', '.join(ADJUSTED)}; it says what the source has taken out of the prices of a share")
    return found


def _of_series(done: Ingested) -> str:
    """What was taken out of the prices that came in."""
    return next(one for one in ADJUSTED if int(done.checked.rows["flags"][0]) & ALL_ADJUSTED == adjusted_flag(one))


def _data(done: Ingested) -> dict[str, Any]:
    index, holes = done.result.index, done.holes
    return {
        "symbol": done.symbol, "timeframe": done.timeframe, "status": done.result.status, "snapshot": done.snapshot, "version": done.result.version,
        "read": done.checked.total, "rows": done.result.rows, "new_rows": done.result.new_rows, "corrected": done.result.corrected,
        "quarantined": len(done.checked.bad), "quarantine": None if done.quarantine is None else str(done.quarantine), "duplicates": done.checked.duplicates,
        "unsorted": done.checked.unsorted, "outliers": done.checked.outliers, "outside_session": done.result.outside,
        "first": iso(index.first), "last": iso(index.last),
        "adjusted": _of_series(done), "synthetic": done.synthetic, "notes": list(done.notes), "missing_sessions": None if holes is None else holes.sessions,
        "missing_minutes": None if holes is None else holes.minutes,
    }


def _show(console: Console, done: Ingested) -> None:
    from rich.table import Table
    from rich.text import Text

    result, checked = done.result, done.checked
    said = {"series": f"{done.symbol} {done.timeframe}" + (" (synthetic: made up, proves nothing about a market)" if done.synthetic else ""),
            "status": result.status, "stored": f"{result.rows:,} bars from {iso(result.index.first)} to {iso(result.index.last)}",
            "this time": f"{checked.total:,} rows read, {result.new_rows:,} new, {result.corrected:,} corrected"}
    if (adjusted := _of_series(done)) != "none":
        said["prices"] = {"splits": "divided by later splits", "all": "divided by later splits and dividends"}[adjusted]
    counts = {"quarantined": len(checked.bad), "identical duplicates dropped": checked.duplicates, "out of order, sorted": checked.unsorted,
              "outside sessions, kept and flagged": result.outside, "likely bad prints, kept": checked.outliers}
    found = [f"{count:,} {what}" for what, count in counts.items() if count]
    said["found"] = ", ".join([*found, *_missing(done.holes)]) or "nothing to remark"
    if done.quarantine is not None:
        said["quarantine"] = str(done.quarantine)
    said["snapshot"] = done.snapshot
    table = Table.grid(padding=(0, 2))
    for name, value in said.items():
        table.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console.print(table)
    for note in done.notes:
        console.print(Text(f"note: {note}"))


def _missing(holes: Holes | None) -> list[str]:
    """Holes of the series in words."""
    if holes is None:
        return ["missing sessions could not be counted: a stored file is damaged, `pse snapshots verify` names it"]
    said = []
    if holes.sessions:
        day = str(holes.first_date)
        said.append(f"{holes.sessions:,} session{'s' * (holes.sessions > 1)} without a bar (the first {day[:4]}-{day[4:6]}-{day[6:]})")
    if holes.minutes:
        said.append(f"{holes.minutes:,} minutes without a bar ({100 * holes.minutes / holes.expected:.2f} % of those expected in the other sessions)")
    return said
