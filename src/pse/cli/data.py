"""Commands that bring data in, look at it and compute features of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import DATA, app, group, module, mount, window
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context


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
    adjusted: Annotated[str | None, Option(help="What the source has taken out of the prices of a share: none, splits or all; without it as known of the "
                                                "source.", metavar="none|splits|all")] = None,
    max_bad: Annotated[float, Option(help="Largest share of bad rows, in percent, that is still taken.", min=0, max=100)] = 1.0,
    seed: opt.Seed = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Read bars from a provider, check them and store them; running it again changes nothing."""
    start_ns, end_ns = window(start, end)
    return module("ingest").run(
        context.asking(config=config, overrides=tuple(sets or ()), seed=seed), provider=provider, symbol=symbol, path=path, start_ns=start_ns, end_ns=end_ns,
        timeframe=timeframe, stamp=stamp, tz=tz, columns=columns, delimiter=delimiter, header=not no_header, time_format=time_format, max_bad=max_bad,
        adjusted=adjusted)


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
    return module("ingest_news").run(context.asking(config=config, overrides=tuple(sets or ())), provider=provider, path=path, url=url,
                                      symbols=tuple(symbol or ()), columns=columns, tz=tz)


@mount(app, "ingest-actions", DATA)
def ingest_actions(
    context: Context,
    path: Annotated[Path, Argument(help="File of splits and dividends.", metavar="FILE", show_default=False)],
    provider: Annotated[str, Option(help="csv (date,kind,amount and symbol), lean (a factor file) or yahoo (Dividends and Stock Splits).",
                                    metavar="NAME")] = "csv",
    symbol: Annotated[str | None, Option(help="Whose events they are, where the file does not say; else only those of this symbol.",
                                         metavar="SYMBOL")] = None,
    max_bad: Annotated[float, Option(help="Largest share of bad rows, in percent, that is still taken.", min=0, max=100)] = 1.0,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Read splits and dividends of shares and store them; running it again changes nothing, another amount for a day corrects it.

    A split's amount is new shares for one old (4, 3:2, 1:10), a dividend's the cash a share in the currency of its price. A split of 1 or a dividend of 0
    takes an event back.
    """
    return module("ingest_actions").run(context.asking(config=config, overrides=tuple(sets or ())), path=path, provider=provider, symbol=symbol,
                                         max_bad=max_bad)


snapshots = group("snapshots", DATA, "Versions of the stored data.")


@mount(snapshots, "list")
def snapshots_list(context: Context) -> Answer:
    """Snapshots, newest first."""
    return module("snapshots").run_list(context)


@mount(snapshots, "show")
def snapshots_show(context: Context, snapshot: opt.SnapshotId) -> Answer:
    """What one snapshot pins: series, rows, months, hashes."""
    return module("snapshots").run_show(context, snapshot=snapshot)


@mount(snapshots, "diff")
def snapshots_diff(context: Context, first: opt.SnapshotId, second: opt.SnapshotId) -> Answer:
    """Which series and months differ between two snapshots."""
    return module("snapshots").run_diff(context, first=first, second=second)


@mount(snapshots, "verify")
def snapshots_verify(
    context: Context,
    snapshot: Annotated[str | None, Argument(help="Snapshot id; all of them without it.", metavar="ID", show_default=False)] = None,
) -> Answer:
    """Read the stored values again and compare their hashes; exit code 1 when something differs."""
    return module("snapshots").run_verify(context, snapshot=snapshot)


@mount(app, "sql", DATA)
def sql(
    context: Context,
    query: Annotated[str | None, Argument(help="One SELECT; without it a prompt opens.", show_default=False)] = None,
    snapshot: Annotated[str | None, Option(help="Read the bars of this snapshot.", metavar="ID")] = None,
) -> Answer:
    """Ask the stored bars, features, news, splits and dividends, runs, trades and decisions in SQL; nothing can be changed.

    Tables: bars, features, feature_tables (which feature table was built from what), news, actions, runs, trades,
    decisions; `DESCRIBE bars` lists the columns of one.

    bars holds every contract that was stored; `WHERE front` takes the one that features and backtests read. flags adds up: 1 outside the session, 2 zero
    volume, 4 close only, 8 repaired, 16 not the front contract, 32 synthetic, 64 prices divided by later splits, 128 and by
    later dividends.
    """
    return module("sql").run(context, query=query, snapshot=snapshot)


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
    start_ns, end_ns = window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()))
    return module("build_features").run(asked, symbol=symbol, timeframe=timeframe, features=features, start_ns=start_ns, end_ns=end_ns)


features = group("features", DATA, "What the features are, and their values.")
FeatureName = Annotated[str, Argument(help="Feature, one of its columns, or a request such as rsi:period=7.", metavar="NAME", show_default=False)]


@mount(features, "list")
def features_list(context: Context) -> Answer:
    """Every feature: what it measures, its columns, warm-up and lag."""
    return module("features").run_list(context)


@mount(features, "describe")
def features_describe(context: Context, name: FeatureName) -> Answer:
    """All that is to be known of one feature, by its name or one of its columns."""
    return module("features").run_describe(context, name=name)


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
    start_ns, end_ns = window(start, end)
    asked = context.asking(config=config, overrides=tuple(sets or ()))
    return module("features").run_show(asked, name=name, symbol=symbol, timeframe=timeframe, start_ns=start_ns, end_ns=end_ns, tail=tail, objects=objects)
