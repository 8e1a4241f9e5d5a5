"""The command line: parses, calls one module of `commands/`, prints its answer, and turns what went wrong into an exit code.

Nothing heavy is imported here; each command imports its module when it is called.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer import Argument, Option

from pse.commands import options as opt
from pse.domain.errors import PseError, RequestError, is_ctrl_c

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

REQUEST, OUTSIDE, BUG, STOPPED = 2, 3, 70, 130
AFTER_CTRL_C = "Stopped. Nothing was left half written; run the same command again to go on."
Json = Annotated[bool, Option("--json", help="One JSON document on stdout, and nothing else there.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="No progress and no notes on stderr.")]
Verbose = Annotated[bool, Option("--verbose", "-v", help="More detail on stderr, and tracebacks.")]

app = typer.Typer(name="pse", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich",
                  help="Research trading rules and LLM judgement together: bars to features, setups, decisions, orders and a report.",
                  epilog="For research and paper trading. Not advice.")


@dataclass
class Call:
    """What is known of one invocation before, while and after it is parsed."""

    json: bool
    quiet: bool = False
    verbose: bool = False
    home: Path | None = None
    command: str = ""


class Interrupted(Exception):
    """Ctrl-C inside a command; carries how to resume."""


# --- the frame -----------------------------------------------------------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Run one command line; returns the exit code (0, 1, 2, 3, 70 or 130)."""
    words = opt.with_usual_log(sys.argv[1:] if argv is None else argv)
    before_dashes = words[: words.index("--")] if "--" in words else words
    call = Call(json="--json" in before_dashes, verbose=bool({"-v", "--verbose"} & set(before_dashes)))
    try:
        return _run(words, call)
    except BrokenPipeError:                              # the reader had enough, as in `pse sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(words: list[str], call: Call) -> int:
    """The command line with every failure turned into a message and a code."""
    try:
        found = typer.main.get_command(app).main(args=words, prog_name="pse", standalone_mode=False, obj=call)
        code = _print_answer(found, call) if hasattr(found, "exit_code") else int(found or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except PseError as error:
        return _fail(call, error.exit_code, str(error), error)
    except (Interrupted, KeyboardInterrupt) as error:
        return _fail(call, STOPPED, str(error) or AFTER_CTRL_C)
    except SystemExit as error:                          # Typer met a closed pipe
        raise BrokenPipeError from error
    except OSError as error:
        return _fail(call, OUTSIDE, f"the system refused: {error}; mend that (rights, space, the path) and run the command again.", error)
    except Exception as error:
        if hasattr(error, "format_message"):             # Typer's own: a usage error
            return _usage(call, error)
        if is_ctrl_c(error):
            return _fail(call, STOPPED, AFTER_CTRL_C)
        return _bug(call, error, words)
    if code == STOPPED:
        return _fail(call, STOPPED, "Stopped.")
    return code


def _print_answer(answer: Answer, call: Call) -> int:
    """The answer in the form that was asked for; returns its exit code."""
    if call.json:
        _print_json(call, {"ok": answer.ok, "warnings": list(answer.warnings), **answer.data})
    elif answer.show is not None:
        answer.show(_console(sys.stdout))
    return answer.exit_code


def _print_json(call: Call, body: dict[str, Any]) -> None:
    from pse.commands.wiring import json_text

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(json_text({"command": call.command, **body}) + "\n")


def _fail(call: Call, code: int, message: str, error: BaseException | None = None) -> int:
    """One paragraph on stderr, or one JSON document on stdout."""
    if call.verbose and error is not None:
        traceback.print_exception(error)
    if call.json:
        _print_json(call, {"ok": False, "error": message, "exit_code": code, "warnings": []})
    else:
        where = f"pse {call.command}".rstrip()
        print(f"{where}: {message}", file=sys.stderr)
    return code


def _usage(call: Call, error: Any) -> int:
    """A command line that Typer could not read; an empty one gets the help it needs."""
    context = getattr(error, "ctx", None)
    if context is not None:
        call.command = context.command_path.removeprefix("pse").strip()
    if type(error).__name__ == "NoArgsIsHelpError" and not call.json:
        print(error.format_message())
        return 0
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "a command is missing"
    else:
        message = error.format_message().rstrip()
    message = " ".join(message.split())
    return _fail(call, REQUEST, f"{message}{'' if message.endswith(('.', '?')) else '.'} `pse {call.command}".rstrip() + " --help` lists what it takes.")


def _bug(call: Call, error: Exception, words: list[str]) -> int:
    """An error nobody foresaw: its story goes to a file below data/logs."""
    from pse.domain.redaction import redactor, secrets_of

    masked = redactor(secrets_of(os.environ))
    try:
        from pse.store.layout import Home
        from pse.store.logs import write_bug

        where = f"the whole story is in {write_bug(Home(_home_folder(call)), masked(repr(words)), masked(''.join(traceback.format_exception(error))))}"
    except Exception as second:                          # a full or read-only disk must not hide the first error
        where = f"it could not be written to a log ({second}); add -v to see it here"
    return _fail(call, BUG, f"this is a bug in pse, not in your request: {type(error).__name__}: {masked(str(error))}; {where}.", error)


def _home_folder(call: Call) -> Path:
    """The folder that --home, PSE_HOME or the shell's position names."""
    home = (call.home or Path(".")).expanduser()
    if home.exists() and not home.is_dir():
        raise RequestError(f"--home {home} is a file; expected a folder (or a name for a new one): give --home DIR or set PSE_HOME")
    return home.resolve()


def _console(stream: Any) -> Any:
    """A rich console on a stream; rich itself honours NO_COLOR and leaves colour out when the stream is no terminal."""
    from rich.console import Console

    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty())


def _context(call: Call) -> Context:
    from pse.commands.wiring import Context
    from pse.store.layout import Home

    err = _console(sys.stderr)
    return Context(home=Home(_home_folder(call)), console=err if call.json else _console(sys.stdout), err=err, json=call.json, quiet=call.quiet,
                   verbose=call.verbose)


def mount(group: typer.Typer, name: str, panel: str | None = None) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register `function(context, ...)` as a command: it gains --json, -q and -v, and is handed a Context."""

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        hints = get_type_hints(function, globalns={**globals(), "Context": Any, "Answer": Any}, include_extras=True)
        own = [p.replace(annotation=hints[p.name]) for p in list(inspect.signature(function).parameters.values())[1:]]
        added = [inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
                 for word, kind in (("as_json", Json), ("quiet", Quiet), ("verbose", Verbose))]
        first = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

        @functools.wraps(function)
        def command(*, ctx: typer.Context, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> Answer:
            _flags(ctx, as_json, quiet, verbose)
            call: Call = ctx.obj
            call.command = ctx.command_path.removeprefix("pse").strip()
            context = _context(call)
            try:
                answer = function(context, **given)
            except KeyboardInterrupt as stop:            # Typer would swallow what the command says about resuming
                raise Interrupted(str(stop)) from None
            return answer if not context.warnings else _with_warnings(answer, context)

        command.__signature__ = inspect.Signature([first, *[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own], *added])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in command.__signature__.parameters.values()}  # type: ignore[attr-defined]
        del command.__wrapped__  # type: ignore[attr-defined]
        group.command(name, rich_help_panel=panel)(command)
        return function

    return register


def _with_warnings(answer: Answer, context: Context) -> Answer:
    from dataclasses import replace

    return replace(answer, warnings=(*answer.warnings, *(w for w in context.warnings if w not in answer.warnings)))


def _module(name: str) -> Any:
    """A module of `commands/`, imported on use."""
    return importlib.import_module(f"pse.commands.{name}")


def _moment(text: str | None, what: str) -> int | None:
    from pse.clock import moment_ns

    return None if text is None else moment_ns(text, what)


def _window(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """--start and --end as ns UTC; refuses an empty window."""
    start_ns, end_ns = _moment(start, "--start"), _moment(end, "--end")
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise RequestError(f"--start {start} is not before --end {end}; --end is exclusive, and a day alone is its UTC midnight: give a later --end")
    return start_ns, end_ns


def _names(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _version(wanted: bool) -> None:
    if wanted:
        from pse import __version__

        print(f"pse {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    ctx: typer.Context,
    home: Annotated[Path | None, Option(envvar="PSE_HOME", metavar="DIR",
                                        help="Folder to work in (configs, data, backtests, reports); the current one without it.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Annotated[bool, Option("--version", is_eager=True, callback=_version, help="Version, and leave.")] = False,
) -> None:
    ctx.obj.home = home
    _flags(ctx, as_json, quiet, verbose)


def _flags(ctx: typer.Context, as_json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    call: Call = ctx.obj
    call.json, call.quiet, call.verbose = call.json or as_json, call.quiet or quiet, call.verbose or verbose


def _group(name: str, panel: str, meaning: str) -> typer.Typer:
    """A command that has commands of its own."""
    made = typer.Typer(no_args_is_help=True)
    made.callback()(_flags)
    app.add_typer(made, name=name, help=meaning, rich_help_panel=panel)
    return made


# --- the commands --------------------------------------------------------------------------------------------------------------------------------

START, DATA, RUN, LOOK = "Start here", "Data", "Run", "Look and check"


@mount(app, "init", START)
def init(context: Context, force: Annotated[bool, Option("--force", help="Overwrite files that are there.")] = False) -> Answer:
    """Write the built-in configs here, to be edited."""
    return _module("init").run(context, force=force)


@mount(app, "demo", START)
def demo(context: Context, seed: opt.Seed = None) -> Answer:
    """The whole path on made-up ES minutes in one go: ingest, backtest, report."""
    return _module("demo").run(context, seed=seed)


@mount(app, "ingest", DATA)
def ingest(
    context: Context,
    symbol: opt.Symbol,
    provider: Annotated[str, Option(help="csv, parquet, lean, databento, bundled or synthetic.", metavar="NAME")] = "csv",
    path: Annotated[Path | None, Option(help="File or folder to read, for providers that read files.", metavar="PATH")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    timeframe: Annotated[str | None, Option(help="Length of the bars, for example 1m or 1d; without it as found.", metavar="TF")] = None,
    stamp: Annotated[str | None, Option(help="Which end of the bar its time names: open or close.", metavar="open|close")] = None,
    tz: Annotated[str | None, Option(help="Time zone of times without an offset, for example America/New_York.", metavar="ZONE")] = None,
    columns: Annotated[str | None, Option(help="Names or positions, for example time=0,open=1,high=2,low=3,close=4,volume=5.", metavar="LIST")] = None,
    delimiter: Annotated[str | None, Option(help="Character between columns; without it, found out.", metavar="CHAR")] = None,
    no_header: Annotated[bool, Option("--no-header", help="The first line is data.")] = False,
    time_format: Annotated[str | None, Option(help="strftime pattern of the time, or s, ms, us, ns for counts since 1970.", metavar="FORMAT")] = None,
    max_bad: Annotated[float, Option(help="Largest share of bad rows, in percent, that is still taken.", min=0, max=100)] = 1.0,
    seed: opt.Seed = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Read bars from a provider, check them and store them; running it again changes nothing."""
    start_ns, end_ns = _window(start, end)
    return _module("ingest").run(
        context.asking(config=config, overrides=tuple(sets or ()), seed=seed), provider=provider, symbol=symbol, path=path, start_ns=start_ns, end_ns=end_ns,
        timeframe=timeframe, stamp=stamp, tz=tz, columns=columns, delimiter=delimiter, header=not no_header, time_format=time_format, max_bad=max_bad)


@mount(app, "ingest-news", DATA)
def ingest_news(
    context: Context,
    provider: Annotated[str, Option(help="csv or rss.", metavar="NAME")] = "csv",
    path: Annotated[Path | None, Option(help="File of headlines: CSV, or a saved feed.", metavar="FILE")] = None,
    url: Annotated[str | None, Option(help="Address of a feed, for --provider rss.", metavar="ADDRESS")] = None,
    symbol: Annotated[list[str] | None, Option(help="Symbol that they are about; may be repeated. Without it: all.", metavar="SYMBOL")] = None,
    columns: Annotated[str | None, Option(help="Names of the columns of a file without a header, in order, for example date,url,headline.",
                                          metavar="LIST")] = None,
    tz: Annotated[str | None, Option(help="Time zone of times without an offset, for example UTC.", metavar="ZONE")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Read headlines, mark red-flag words and store them with the moment they were known; running it again changes nothing."""
    return _module("ingest_news").run(context.asking(config=config, overrides=tuple(sets or ())), provider=provider, path=path, url=url,
                                      symbols=tuple(symbol or ()), columns=columns, tz=tz)


snapshots = _group("snapshots", DATA, "Versions of the stored data.")


@mount(snapshots, "list")
def snapshots_list(context: Context) -> Answer:
    """Snapshots, newest first."""
    return _module("snapshots").run_list(context)


@mount(snapshots, "show")
def snapshots_show(context: Context, snapshot: opt.SnapshotId) -> Answer:
    """What one snapshot pins: series, rows, months, hashes."""
    return _module("snapshots").run_show(context, snapshot=snapshot)


@mount(snapshots, "diff")
def snapshots_diff(context: Context, first: opt.SnapshotId, second: opt.SnapshotId) -> Answer:
    """Which series and months differ between two snapshots."""
    return _module("snapshots").run_diff(context, first=first, second=second)


@mount(snapshots, "verify")
def snapshots_verify(
    context: Context,
    snapshot: Annotated[str | None, Argument(help="Snapshot id; all of them without it.", metavar="ID", show_default=False)] = None,
) -> Answer:
    """Read the stored values again and compare their hashes; exit code 1 when something differs."""
    return _module("snapshots").run_verify(context, snapshot=snapshot)


@mount(app, "sql", DATA)
def sql(
    context: Context,
    query: Annotated[str | None, Argument(help="One SELECT; without it a prompt opens.", show_default=False)] = None,
    snapshot: Annotated[str | None, Option(help="Read the bars of this snapshot.", metavar="ID")] = None,
) -> Answer:
    """Ask the stored bars, features, news, runs, trades and decisions in SQL; nothing can be changed.

    Tables: bars, features, feature_tables (which feature table was built from what), runs, trades, decisions; `DESCRIBE bars` lists the columns of one.

    bars holds every contract that was stored; `WHERE front` takes the one that features and backtests read. flags adds up: 1 outside the session, 2 zero
    volume, 4 close only, 8 repaired, 16 not the front contract, 32 synthetic.
    """
    return _module("sql").run(context, query=query, snapshot=snapshot)


@mount(app, "build-features", DATA)
def build_features(
    context: Context,
    symbol: Annotated[str, Option(help="Stored symbols, for example ES or ES,NQ.", metavar="SYMBOL[,SYMBOL]")],
    timeframe: Annotated[str | None, Option(help="Lengths of the bars, for example 1m,5m; without it the desk's decision bars.", metavar="TF[,TF]")] = None,
    features: Annotated[str | None, Option(help="Requests such as rsi,ema:period=200@1h,close@VIX/1d; all registered features without it.",
                                           metavar="LIST")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Compute features of stored bars into a versioned table; running it again changes nothing."""
    start_ns, end_ns = _window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()))
    return _module("build_features").run(asked, symbol=symbol, timeframe=timeframe, features=features, start_ns=start_ns, end_ns=end_ns)


features = _group("features", DATA, "What the features are, and their values.")
FeatureName = Annotated[str, Argument(help="Feature, one of its columns, or a request such as rsi:period=7.", metavar="NAME", show_default=False)]


@mount(features, "list")
def features_list(context: Context) -> Answer:
    """Every feature: what it measures, its columns, warm-up and lag."""
    return _module("features").run_list(context)


@mount(features, "describe")
def features_describe(context: Context, name: FeatureName) -> Answer:
    """All that is to be known of one feature, by its name or one of its columns."""
    return _module("features").run_describe(context, name=name)


@mount(features, "show")
def features_show(
    context: Context,
    name: FeatureName,
    symbol: opt.Symbol,
    timeframe: Annotated[str | None, Option(help="Length of the bars; without it the desk's decision bars.", metavar="TF")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    tail: Annotated[int, Option(help="How many of the last rows.", min=1)] = 20,
    objects: Annotated[bool, Option("--objects", help="The events that it found, instead of its columns.")] = False,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Values of a feature on the last stored bars, or the events it found."""
    start_ns, end_ns = _window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()))
    return _module("features").run_show(asked, name=name, symbol=symbol, timeframe=timeframe, start_ns=start_ns, end_ns=end_ns, tail=tail, objects=objects)


desks = _group("desks", RUN, "What runs together: instruments, tactics, limits; what is wrong with it.")
DeskName = Annotated[str, Argument(help="A desk of configs/desks.", metavar="NAME", show_default=False)]
MaybeDesk = Annotated[str | None, Argument(help="A desk of configs/desks; all of them without it.", metavar="NAME", show_default=False)]


@mount(desks, "list")
def desks_list(context: Context) -> Answer:
    """Every desk: what it trades, on which bars, by which tactics and limits, and what of it is stored."""
    return _module("desks").run_list(context)


@mount(desks, "show")
def desks_show(context: Context, name: DeskName, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """Everything behind one desk, resolved: instruments, tactics with parameters and bounds, limits, costs."""
    return _module("desks").run_show(context.asking(config=config, overrides=tuple(sets or ())), name=name)


@mount(desks, "check")
def desks_check(context: Context, name: MaybeDesk = None, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """All that is wrong with a desk's settings and stored bars, with file and line; exit code 1 when something is."""
    return _module("desks").run_check(context.asking(config=config, overrides=tuple(sets or ())), name=name)


@mount(desks, "tactics")
def desks_tactics(
    context: Context,
    name: Annotated[str | None, Argument(help="A tactic; all of them without it.", metavar="NAME", show_default=False)] = None,
) -> Answer:
    """The tactics that a desk may name, or one with its parameters, their bounds and meaning."""
    return _module("desks").run_tactics(context, name=name)


@mount(app, "backtest", RUN)
def backtest(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    start: opt.Start = None,
    end: opt.End = None,
    desk: opt.Desk = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
    seed: opt.Seed = None,
    fills: opt.Fills = None,
    agents: Annotated[str, Option(help="Who decides: rules.", metavar="rules")] = "rules",
    report: opt.Report = None,
) -> Answer:
    """Replay history through the engine and write a run below backtests/outputs."""
    start_ns, end_ns = _window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed, fills=fills)
    return _module("backtest").run(asked, symbol=symbol, start_ns=start_ns, end_ns=end_ns, agents=agents, report=report)


@mount(app, "paper", RUN)
def paper(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    start: opt.Start = None,
    end: opt.End = None,
    desk: opt.Desk = None,
    route: Annotated[str, Option(help="Who fills the orders: SIM.", metavar="SIM")] = "SIM",
    feed: Annotated[str, Option(help="Where bars come from: replay, one stored bar after the other.", metavar="replay")] = "replay",
    account: Annotated[str | None, Option(help="Account name; without it the one of settings.yaml.", metavar="NAME")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
    seed: opt.Seed = None,
    fills: opt.Fills = None,
    report: opt.Report = None,
) -> Answer:
    """The same loop, one bar at a time, as it would run live."""
    start_ns, end_ns = _window(start, end)
    named = (f"account.name={account}",) if account else ()
    asked = context.asking(config=config, overrides=(*(sets or ()), *named), desk=desk, seed=seed, fills=fills)
    return _module("paper").run(asked, symbol=symbol, start_ns=start_ns, end_ns=end_ns, route=route, feed=feed, report=report)


runs = _group("runs", LOOK, "Past runs.")


@mount(runs, "list")
def runs_list(context: Context) -> Answer:
    """Runs, newest first."""
    return _module("runs").run_list(context)


@mount(runs, "show")
def runs_show(context: Context, run_id: opt.RunId) -> Answer:
    """One run: what was run on what, and what came out."""
    return _module("runs").run_show(context, run_id=run_id)


@mount(app, "report", LOOK)
def report(context: Context, run_id: opt.RunId, html: opt.Html = None, csv: opt.Csv = None, charts: opt.Charts = "some") -> Answer:
    """Write a past run as one HTML file, or as CSV."""
    return _module("report").run(context, run_id=run_id, html=html, csv=csv, charts=charts)


@mount(app, "chart", LOOK)
def chart(
    context: Context,
    symbol: Annotated[str | None, Option(help="Stored symbol; with --run the run's first without it.", metavar="SYMBOL")] = None,
    timeframe: Annotated[str | None, Option(help="Length of the bars: 5m without it, or what is stored.", metavar="TF")] = None,
    start: opt.Start = None,
    end: opt.End = None,
    at: Annotated[str | None, Option(help="Show only what was known at this moment.", metavar="TIME")] = None,
    bars: Annotated[int | None, Option(help="At most so many bars, the last ones; without it the last few sessions.", min=1)] = None,
    layers: Annotated[str | None, Option(help="What to draw: sessions,structure,swings,gaps,pools,sweeps,blocks,levels,zones,vwap,bands,volume,regime,trades.",
                                         metavar="LIST")] = None,
    features: Annotated[list[str] | None, Option(help="Features or columns to draw beside it, for example rsi,adx.", metavar="LIST")] = None,
    run: Annotated[str | None, Option(help="Draw the trades of this run, on the bars it saw.", metavar="RUN_ID")] = None,
    theme: Annotated[str | None, Option(help="light or dark; without it the page follows its reader.", metavar="light|dark")] = None,
    out: Annotated[list[Path] | None, Option(help="File to write, .html or .png; may be repeated.", metavar="FILE")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Candles with market structure, sessions, features and trades, as one HTML page or a PNG."""
    start_ns, end_ns = _window(start, end)
    module = _module("chart")
    asked = module.Asked(symbol=symbol, timeframe=timeframe, start_ns=start_ns, end_ns=end_ns, at_ns=_moment(at, "--at"), bars=bars,
                         layers=_names(layers) if layers is not None else None, features=_names(",".join(features or ())), run_id=run, theme=theme,
                         out=tuple(out or ()))
    return module.run(context.asking(config=config, overrides=tuple(sets or ())), asked)


@mount(app, "prove", LOOK)
def prove(context: Context, run_id: opt.RunId) -> Answer:
    """Run it again from its manifest and compare every byte: EQUAL, or the first difference."""
    return _module("prove").run(context, run_id=run_id)


audit = _group("audit", LOOK, "Checks that a result can be believed.")


@mount(audit, "log")
def audit_log(context: Context, target: Annotated[str, Argument(help="Run id or journal file.", metavar="RUN_ID|FILE", show_default=False)]) -> Answer:
    """Check a journal's hash chain: was a line changed, removed, added or moved?"""
    return _module("audit").run_log(context, target=target)


@mount(audit, "lookahead")
def audit_lookahead(
    context: Context,
    symbol: Annotated[str | None, Option(help="Stored symbol; without it the first of the desk's that is stored.", metavar="SYMBOL")] = None,
    timeframe: Annotated[str | None, Option(help="Bars on whose close things are said; without it the desk's decision bars.", metavar="TF")] = None,
    desk: opt.Desk = None,
    features: Annotated[str | None, Option(help="Only these features (rsi:period=7,ema@1h,close@VIX/1d), or all; without it the desk's tactics and "
                                           "briefings too.", metavar="LIST|all")] = None,
    tactics: Annotated[bool, Option("--tactics", help="Only the desk's tactics and briefings; with --features, those too.")] = False,
    start: opt.Start = None,
    end: opt.End = None,
    cuts: Annotated[int, Option(help="Random cuts, beside those at events, session edges and rolls.", min=0)] = 64,
    exhaustive: Annotated[bool, Option("--exhaustive", help="Cut at every decision bar: minutes instead of seconds.")] = False,
    seed: opt.Seed = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Does anything said of the past (features, setups, briefings) change when later bars do?"""
    start_ns, end_ns = _window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk, seed=seed)
    return _module("lookahead").run_lookahead(asked, symbol, timeframe, features, tactics, start_ns, end_ns, cuts, exhaustive)
