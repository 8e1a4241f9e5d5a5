"""`pse chart`: candles of a stored symbol with their market structure, as one HTML page or as a PNG."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso
from pse.commands.compiling import telling_of_compiling
from pse.commands.feature_inputs import can_be_made, source_timeframe, stored_timeframes
from pse.commands.report import GENERATOR, HEAD_BYTES, SUFFIXES
from pse.commands.wiring import Answer, Context
from pse.domain.actions import KINDS, Actions, forward_adjusted, in_shares_at, in_shares_of
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import NoBars, RequestError, UnknownName
from pse.domain.sessions import DAY_NS
from pse.features.build import FeatureSpec
from pse.features.feature import Known, Market
from pse.store.actions import actions_of
from pse.store.appended import NONE_STORED
from pse.store.load import load_bars, stored_span
from pse.store.reading import open_bars, series_names
from pse.store.sessions import load_sessions

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from pse.domain.instruments import Instrument
    from pse.domain.manifest import Manifest
    from pse.reports.chart_view import ChartView
    from pse.settings import Settings

TIMEFRAME, SESSIONS_SHOWN = "5m", 3
EVENTS_TOLD = 4
MOST_BARS, MOST_IN_PICTURE = 20_000, 3_000
LOOK_BACK_NS = 45 * DAY_NS                                   # in which the last few sessions are looked for
CONTEXTS = ("1h", "4h", "1d")
PICTURE, SIGNED = ".png", b"Software\x00pse "               # what a PNG of ours says in its head


@dataclass(frozen=True)
class Asked:
    """What the command line asked for; moments in ns UTC."""

    symbol: str | None = None
    timeframe: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    at_ns: int | None = None
    bars: int | None = None
    layers: tuple[str, ...] | None = None
    features: tuple[str, ...] = ()
    run_id: str | None = None
    theme: str | None = None
    out: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Source:
    """Where the bars come from: today's settings and table, or those of a run."""

    settings: Settings
    symbol: str
    version: int | None
    run_id: str = ""
    trades: pl.DataFrame | None = None
    anchor_ns: int | None = None
    actions: Actions | None = None


def run(context: Context, asked: Asked) -> Answer:
    """Writes the chart to each `out`, by default to reports/chart-SYMBOL-TIMEFRAME-START-END.html."""
    from pse.reports.chart_view import chart_view, layer_names

    for out in asked.out:
        check_out(out)
    if asked.theme not in (None, "light", "dark"):
        raise RequestError(f"--theme {asked.theme!r} is not one of light, dark; without it the page follows the reader's own")
    layers, on = layer_names(asked.layers, asked.run_id is not None)
    if "trades" in layers and asked.run_id is None:
        raise RequestError("the layer trades needs the run that made them: add --run RUN_ID (`pse runs list` shows them)")
    source = _source(context, asked)
    with telling_of_compiling(context):
        known, first, spec, stored, splits = _known(context, source, asked)
        picture = any(out.suffix.lower() == PICTURE for out in asked.out)
        _refuse_too_many(len(known) - first, known.timeframe, picture)
        view = chart_view(known, first, spec, layers, on, asked.features, source.trades, source.run_id, asked.at_ns, stored, splits)
        view = replace(view, notes=(*view.notes, *_events_words(source.actions, view.bars)))
    outs = asked.out or (context.home.reports / usual_name(view),)
    for out in outs:
        if not asked.out:
            check_out(out)
        _write(view, out, asked.theme)
    data = _data(view, outs)
    return Answer(data, lambda console: _show(console, view, data), warnings=tuple(context.warnings))


def check_out(out: Path) -> None:
    """Refuses, before any work is done, a target that is no page or picture by its name, or a file that pse did not write."""
    if str(out) == "-":
        raise RequestError("--out - would send the chart to the terminal, which cannot show it; name a file that ends in .html or .png, or leave --out away")
    if out.is_dir():
        raise RequestError(f"{out} is a folder; a chart is one file: name it, for example {out / 'chart.html'}")
    suffix = out.suffix.lower()
    if suffix not in (*SUFFIXES, PICTURE):
        raise RequestError(f"{out} ends in {suffix or 'no extension'}; a chart is written as .html (or .htm) or .png: name it, for example, "
                           f"{out.with_suffix('.html')}")
    if out.exists() and not _is_ours(out, SIGNED if suffix == PICTURE else GENERATOR):
        raise RequestError(f"{out} exists and was not written by pse; it is left as it is. Name another file for the chart, or move this one away")


def _is_ours(out: Path, sign: bytes) -> bool:
    try:
        with out.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return not head or sign in head


def _source(context: Context, asked: Asked) -> Source:
    from pse.settings import Settings

    if asked.run_id is None:
        if asked.symbol is None:
            raise RequestError(f"a chart needs --symbol (stored: {_stored_words(context)}), or --run RUN_ID")
        known = context.settings.instruments.get(asked.symbol)
        stored = actions_of(context.home).get((known.bars_of if known else None) or asked.symbol)
        return Source(context.settings, asked.symbol, None, actions=stored)
    from pse.store.run_tables import read_table
    from pse.store.runs import TRADES, load_run

    found = load_run(context.home, asked.run_id)
    settings = Settings.from_tree(found.manifest.settings, context.home.root)
    symbol = asked.symbol or found.manifest.symbols[0]
    trades = read_table(found.folder / TRADES) if (found.folder / TRADES).is_file() else None
    if trades is None:
        raise RequestError(f"run {found.run_id} is {found.status} and has no table of trades; a chart of its trades needs a finished run")
    same = [one.symbol for one in settings.instruments.values() if symbol in (one.symbol, one.bars_of)]
    return Source(settings, symbol, found.manifest.tables.get("bars"), found.run_id, trades.filter(trades["symbol"].is_in(same)),
                  _run_anchor(found.manifest, symbol), actions_of(context.home, found.manifest.tables.get("actions", NONE_STORED)).get(symbol))


def _run_anchor(manifest: Manifest, symbol: str) -> int | None:
    """Where a run's features of a symbol begin: with the run, or later by its own calendar."""
    apart = manifest.warm_up.get("anchors_ns", {}) if isinstance(manifest.warm_up, dict) else {}
    return apart.get(symbol, manifest.anchor_ns)  # type: ignore[no-any-return]


def _stored_words(context: Context) -> str:
    table = open_bars(context.home)
    return ", ".join(f"{symbol} {frame}" for symbol, frame in series_names(table)) if table is not None else "nothing yet"


# --- which bars ------------------------------------------------------------------------------------------------------------------------------------


def _events_words(actions: Actions | None, bars: Bars) -> list[str]:
    """The latest splits and dividends of the days in view; the chart has no mark for them."""
    from pse.reports.chart_view import date_words

    if actions is None or not len(bars):
        return []
    seen = actions.between(int(bars.session_date[0]), int(bars.session_date[-1]))
    told = [f"the {KINDS[kind].lower()} of {amount:g} on {date_words(day)}"
            for day, kind, amount in zip(seen.ex_date.tolist(), seen.kind.tolist(), seen.amount.tolist(), strict=True)]
    return [*([f"{len(told) - EVENTS_TOLD} earlier splits and dividends"] if len(told) > EVENTS_TOLD else []), *told[-EVENTS_TOLD:]]


def _known(context: Context, source: Source, asked: Asked) -> tuple[Known, int, FeatureSpec, str, np.ndarray | None]:
    """What is known at the end of the window, the first bar that is shown, the parameters that everything was computed with, which series was read, and the
    splits so far at each bar.  Prices of shares stand on the scale of the last bar."""
    instrument = source.settings.instrument(source.symbol)
    base, timeframe = _timeframes(context, source, instrument, asked)
    spec, end = _spec(source.settings, timeframe), _end(source, asked)
    load = _loader(context, source, instrument, base)
    start = asked.start_ns
    if start is None:
        recent = Market(load(_recent(context, source, instrument, base, end), end), instrument, asked.at_ns).at(timeframe).bars
        if not len(recent):
            raise NoBars(f"no {timeframe} bar of {source.symbol} has closed by {iso(asked.at_ns or 0)}; choose a later --at or a shorter --timeframe")
        start = int(recent.ts_open[_first_shown(recent, asked.bars)])
    anchor = _anchor(context, source, instrument, base, start)
    try:
        bars = load(anchor, end)
    except NoBars:
        raise NoBars(_hole_words(context, source, instrument, base, start, end)) from None
    raw, bars = bars, in_shares_at(forward_adjusted(bars, source.actions), int(bars.ts_open[-1]))
    known = Market(bars, instrument, asked.at_ns, _others(context, source, asked, spec, anchor, end)).at(timeframe)
    first = int(np.searchsorted(known.bars.ts_open, start))
    if first >= len(known):
        if bars.ts_close[-1] <= start:
            raise NoBars(_hole_words(context, source, instrument, base, start, end))
        raise NoBars(f"no {timeframe} bar of {source.symbol} from {iso(start)} has closed by {iso(asked.at_ns or end or int(bars.ts_close[-1]))}; "
                     f"choose another window")
    shown = max(first, len(known) - asked.bars) if asked.bars is not None else first
    shares = in_shares_of(raw, source.actions).factor
    splits = None if shares is None else shares[np.maximum(np.searchsorted(raw.ts_open, known.bars.ts_open, side="right") - 1, 0)]
    return known, shown, spec, f"{instrument.bars_of or instrument.symbol} {base}", splits


def _hole_words(context: Context, source: Source, instrument: Instrument, base: str, start: int, end: int | None) -> str:
    """Why a window is empty: it lies outside the stored bars, or in a hole of them."""
    span, load = stored_span(context.home, instrument.bars_of or instrument.symbol, base, source.version), _loader(context, source, instrument, base)
    assert span is not None
    window = f"from {iso(start)}" + ("" if end is None else f" to {iso(end)}")
    hole = ""
    if end is not None and span[0] < start and end <= span[1]:
        before = next(int(found.ts_close[-1]) for found in _wider(load, start, -1))
        after = next(int(found.ts_open[0]) for found in _wider(load, end, 1))
        hole = f", but with a hole from {iso(before)} to {iso(after)}, and the window lies in it"
    return (f"no bar of {source.symbol} is stored {window}; its stored {base} bars run from {iso(span[0])} to {iso(span[1])}{hole}. Choose another window, or "
            f"ingest that range")


def _wider(load: Callable[[int | None, int | None], Bars], moment: int, way: int) -> Iterator[Bars]:
    """Bars on one side of a moment (`way` 1: after it), over ever longer ranges until there are some."""
    length = LOOK_BACK_NS
    while True:
        with contextlib.suppress(NoBars):
            yield load(moment, moment + length) if way > 0 else load(moment - length, moment)
        length *= 4


def _others(context: Context, source: Source, asked: Asked, spec: FeatureSpec, anchor: int, end: int | None) -> dict[str, Market]:
    """Bars of the other symbols that the chosen features read; one that is not stored leaves them empty, and that is said."""
    from pse.reports.chart_columns import chosen

    wanted: dict[str, set[str]] = {}
    for feature, _ in chosen(asked.features, spec).values():
        for symbol in feature.symbols():
            wanted.setdefault(symbol, set()).update(feature.timeframes(spec.decision_timeframe) or (spec.decision_timeframe,))
    found, stored = {}, stored_timeframes(context, source.version)
    for symbol in sorted(wanted.keys() - {source.symbol}):
        try:
            instrument = source.settings.instrument(symbol)
            base = source_timeframe(stored.get(instrument.bars_of or symbol, ()), wanted[symbol])
            if base is None:
                raise NoBars(symbol)
            found[symbol] = Market(_loader(context, source, instrument, base)(anchor, end), instrument, asked.at_ns)
        except (NoBars, UnknownName):
            context.warn(f"bars of {symbol} are not stored in this window, or not of a length that serves; what is computed from them is empty")
    return found


def _end(source: Source, asked: Asked) -> int | None:
    """End of the window, exclusive: what was asked for, else with a run the close of its last trade and a little more."""
    if asked.at_ns is not None and asked.start_ns is not None and asked.at_ns <= asked.start_ns:
        raise RequestError(f"--at {iso(asked.at_ns)} is not after --start {iso(asked.start_ns)}, so no bar would be known; give a later --at")
    ends = [moment for moment in (asked.end_ns, asked.at_ns) if moment is not None]
    if not ends and asked.start_ns is None and source.trades is not None and source.trades.height:
        return int(source.trades["ts_exit"].max()) + 4 * 3_600_000_000_000  # type: ignore[arg-type, operator]
    return min(ends, default=None)


def _timeframes(context: Context, source: Source, instrument: Instrument, asked: Asked) -> tuple[str, str]:
    """The stored bars to read and the bars to show, chosen as a table of features chooses them, among the series that reach into the window."""
    from pse.reports.chart_columns import chosen

    symbol, every = instrument.bars_of or instrument.symbol, stored_timeframes(context, source.version)
    if symbol not in every:
        raise NoBars(f"there are no stored bars of {symbol}; stored: {_stored_words(context)}. Run `pse ingest --symbol {symbol} ...` first")
    stored = every[symbol]
    wanted = asked.timeframe or (TIMEFRAME if timeframe_ns(stored[0]) <= timeframe_ns(TIMEFRAME) else stored[0])
    if not any(can_be_made(wanted, frame) for frame in stored):
        raise RequestError(f"{wanted} bars of {symbol} cannot be made from what is stored ({', '.join(stored)}); choose a multiple of {stored[0]} up to 1d, or "
                           f"ingest finer bars")
    spec = _spec(source.settings, wanted)
    features = chosen(asked.features, spec)
    read = {frame for feature, _ in features.values() for frame in feature.timeframes(wanted)}
    inside = [frame for frame in stored if _reaches(stored_span(context.home, symbol, frame, source.version), asked) and can_be_made(wanted, frame)] or stored
    base = source_timeframe(inside, {wanted, spec.context_timeframe, *read}) or source_timeframe(inside, {wanted})
    assert base is not None
    for name, (feature, _) in features.items():
        if lacking := [frame for frame in feature.timeframes(wanted) if not can_be_made(frame, base)]:
            raise RequestError(f"{name} reads {', '.join(lacking)} bars, which cannot be made from the stored {base} bars of {symbol}; ingest finer bars, or "
                               f"leave {name} out")
    return base, wanted


def _reaches(span: tuple[int, int] | None, asked: Asked) -> bool:
    return span is not None and (asked.start_ns is None or span[1] >= asked.start_ns) and (asked.end_ns is None or span[0] < asked.end_ns)


def _spec(settings: Settings, timeframe: str) -> FeatureSpec:
    """The desk's features on the chart's bars; the trend that a break is held against is of the desk's coarser bars, or of longer ones that fit."""
    given: FeatureSpec = settings.feature_spec()
    own = timeframe_ns(timeframe)
    fits = [frame for frame in (given.context_timeframe, *CONTEXTS) if timeframe_ns(frame) % own == 0 and timeframe_ns(frame) > own]
    return given.model_copy(update={"decision_timeframe": timeframe, "context_timeframe": (fits or [timeframe])[0]}).together()


def _loader(context: Context, source: Source, instrument: Instrument, base: str) -> Callable[[int | None, int | None], Bars]:
    def load(start: int | None, end: int | None) -> Bars:
        span = stored_span(context.home, instrument.bars_of or instrument.symbol, base, source.version)
        assert span is not None
        sessions = load_sessions(context.home, instrument.calendar, max(span[0], start or span[0]), min(span[1], end or span[1]), source.settings.sessions)
        loaded = load_bars(context.home, instrument, base, start, end, sessions, source.version)
        return loaded.bars

    return load


def _recent(context: Context, source: Source, instrument: Instrument, base: str, end: int | None) -> int:
    """A moment far enough back that the bars shown by default lie after it."""
    span = stored_span(context.home, instrument.bars_of or instrument.symbol, base, source.version)
    assert span is not None
    last = min(end, span[1] + 1) if end is not None else span[1] + 1
    if last <= span[0]:
        raise NoBars(f"{source.symbol} has stored {base} bars from {iso(span[0])} to {iso(span[1])}, and none before {iso(last)}; choose another --end or "
                     f"--at, or ingest that range")
    return last - LOOK_BACK_NS if timeframe_ns(base) < DAY_NS else last - 20 * LOOK_BACK_NS


def _first_shown(recent: Bars, count: int | None) -> int:
    """First bar of the last few sessions, or of the last `count` bars; of daily bars a year."""
    if count is None and timeframe_ns(recent.timeframe) < DAY_NS:
        sessions = np.unique(recent.session)[-SESSIONS_SHOWN:]
        return int(np.searchsorted(recent.session, sessions[0]))
    return max(0, len(recent) - (count or 250))


def _anchor(context: Context, source: Source, instrument: Instrument, base: str, start: int) -> int:
    """Where features begin: with the run's, or at the open of the session that lies the desk's `warmup_sessions` before `start`, as in a backtest."""
    if source.anchor_ns is not None and source.anchor_ns <= start:
        return source.anchor_ns
    span = stored_span(context.home, instrument.bars_of or instrument.symbol, base, source.version)
    assert span is not None
    if timeframe_ns(base) >= DAY_NS:
        return span[0]
    calendar = load_sessions(context.home, instrument.calendar, min(span[0], start), max(span[0], start), source.settings.sessions)
    at = int(np.searchsorted(calendar.open_ns, start, side="right")) - 1 - source.settings.chosen.warmup_sessions
    return max(span[0], int(calendar.open_ns[max(at, 0)]))


def _refuse_too_many(count: int, timeframe: str, picture: bool) -> None:
    most = MOST_IN_PICTURE if picture else MOST_BARS
    if count > most:
        raise RequestError(f"the window holds {count:,} {timeframe} bars; {'a PNG' if picture else 'one page'} draws at most {most:,}. Choose a shorter window "
                           f"(--start, --end), the last ones with --bars N, or a longer --timeframe")


# --- what is written and said ----------------------------------------------------------------------------------------------------------------------


def usual_name(view: ChartView) -> str:
    """chart-ES-5m-20131202T2300-20131204T0000.html, in UTC; of daily bars the days."""
    form = 10 if view.daily else 16
    begin, end = (iso(int(moment))[:form].replace("-", "").replace(":", "") for moment in (view.bars.ts_open[0], view.bars.ts_close[-1]))
    return f"chart-{view.symbol}-{view.bars.timeframe}-{begin}-{end}{'-as-known' if view.at_ns is not None else ''}.html"


def _write(view: ChartView, out: Path, theme: str | None) -> None:
    from pse.store.files import write_atomic

    if out.suffix.lower() == PICTURE:
        from pse.reports.chart_picture import draw

        write_atomic(out, draw(view, theme or "light"))
    else:
        from pse.reports.chart_page import render_chart

        write_atomic(out, render_chart(view, theme or "").encode("utf-8"))


def _data(view: ChartView, outs: Iterable[Path]) -> dict[str, Any]:
    from pse.reports.chart_view import holes

    drawn = {layer: sum(not one.minor for one in view.shapes if one.layer == layer) for layer in dict.fromkeys(one.layer for one in view.shapes)}
    return {"charts": [str(out) for out in outs], "symbol": view.symbol, "timeframe": view.bars.timeframe, "bars": len(view.bars),
            "start": iso(int(view.bars.ts_open[0])), "end": iso(int(view.bars.ts_close[-1])), "at": iso(view.at_ns) if view.at_ns is not None else None,
            "stored": view.stored, "missing_sessions": sum(count for _, count in holes(view.bars)),
            "layers": list(view.layers), "drawn": drawn, "trades": len(view.trades), "left_out": list(view.notes), "synthetic": view.synthetic,
            "run_id": view.run_id or None}


def _show(console: Console, view: ChartView, data: dict[str, Any]) -> None:
    from rich.text import Text

    from pse.commands.running import shown_path
    from pse.reports.chart_view import holes_words

    known = f", as known at {data['at']}" if data["at"] else ""
    console.print(Text(f"{view.symbol} {view.bars.timeframe}: {len(view.bars):,} bars from {data['start']} to {data['end']}{known}, from stored {view.stored} "
                       f"bars"), soft_wrap=True)
    if missing := holes_words(view.bars):
        console.print(Text(missing), soft_wrap=True)
    for note in view.notes:
        console.print(Text(f"not drawn at first sight: {note}", style="dim"), soft_wrap=True)
    for path in data["charts"]:
        console.print(Text(f"chart: {shown_path(Path(path))}"), soft_wrap=True)
