"""`pse features list`, `describe` and `show`: what the features are, and their values on stored bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pse.clock import iso
from pse.commands.compiling import telling_of_compiling
from pse.commands.feature_events import find_events, show_events
from pse.commands.feature_inputs import catalogue, compute, load_source, plan_table, table_rows
from pse.commands.grids import show_tables
from pse.commands.wiring import Answer, Context
from pse.domain.errors import NoBars, RequestError, UnknownName
from pse.features.feature import Column, Feature, Room, Speaks
from pse.features.requests import BAR_COLUMNS, FROM_INSTRUMENT, Request, parameters, parse_request, parse_requests, value_at
from pse.reports.words import counted

if TYPE_CHECKING:
    from rich.console import Console

TAIL = 20
A_SESSION = 276                                   # 5m bars in a trading day of 23 hours, where a warm-up is counted in sessions
_LIST_WIDTH, _SOME_NAMES = 82, 20                 # of the list without names of columns; the fewest letters of names that tell something
UNITS: Mapping[str, str] = {
    "price": "price as traded", "points": "points (a difference of prices)", "ATR": "ATR (average true ranges)", "flag": "true or false",
    "direction": "direction: 1 up, -1 down, 0 none", "fraction": "fraction (0.01 is one percent)"}

SPEAKS: Mapping[Speaks, str] = {"always": "", "from the first": "; from its first value on it always has one", "while it stands": "; only while there is one",
                                "on events": "; on bars of events only"}


# --- list ----------------------------------------------------------------------------------------------------------------------------------------


def run_list(context: Context) -> Answer:
    """All registered features."""
    known = catalogue()
    found = [_summary(name, made()) for name, made in known.items()]
    return Answer({"features": found}, lambda console: _show_list(console, found))


def _summary(name: str, feature: Feature) -> dict[str, Any]:
    return {"name": name, "room": feature.room, "title": feature.title, "measures": measures(feature), "columns": list(feature.columns),
            "warmup_bars": feature.warmup_on(A_SESSION), "lag_bars": feature.lag_bars(), "symbols": list(feature.symbols()),
            "timeframes": list(feature.timeframes("5m"))}


def measures(feature: Feature) -> str:
    """The first line of the class's docstring."""
    return (type(feature).__doc__ or "").strip().partition("\n")[0]


def _show_list(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """A line a feature, by rooms; names of columns where the terminal has room for some."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("feature", "is"):
        table.add_column(heading, no_wrap=True)
    for heading in ("columns", "warm-up", "lag"):
        table.add_column(heading, justify="right", no_wrap=True)
    spare = console.width - _LIST_WIDTH
    if spare >= _SOME_NAMES:
        table.add_column("", no_wrap=True)
    for room in get_args(Room):
        table.add_row(Text(room, style="bold"))
        for one in (one for one in found if one["room"] == room):
            cells = (f"  {one['name']}", one["title"], f"{len(one['columns'])}", f"{one['warmup_bars']}", f"{one['lag_bars']}")
            names = " ".join(one["columns"])
            names = names if len(names) <= spare else f"{names[:spare - 2].rpartition(' ')[0]} …"
            table.add_row(*map(Text, (*cells, names) if spare >= _SOME_NAMES else cells))
    console.print(table)
    console.print(Text("bars of warm-up (5m, 23 hours a day) and of lag; `pse features describe NAME`", style="dim"))


# --- describe ------------------------------------------------------------------------------------------------------------------------------------


def run_describe(context: Context, name: str) -> Answer:
    """One feature, by its name, by a column of it, or as a request with parameters."""
    request = parse_request(name, catalogue())
    if request.feature is None:
        raise UnknownName("feature", name, [one for one in catalogue() if one not in BAR_COLUMNS])
    asked = name.partition(":")[0].partition("@")[0].lower()
    data = _described(request, request.feature, None if asked == request.name else asked)
    return Answer(data, lambda console: _show_described(console, request, data))


def _described(request: Request, feature: Feature, column: str | None) -> dict[str, Any]:
    text = " ".join((type(feature).__doc__ or "").split())
    also = next((owner for owner, made in catalogue().items() if request.name in made.columns and owner != request.name), None)
    return {
        **_summary(request.name, feature), "text": text, "also_column_of": also, "formula": feature.formula, "source": feature.source, "asked_column": column,
        "parameters": [{"name": one.path, "default": one.default, "bounds": one.bounds, "meaning": one.meaning, "from_instrument": one.fixed}
                       for one in parameters(feature)],
        "parts": _parts(feature), "warmup_days": feature.warmup_on(1), "computed_on": {"symbol": request.symbol, "timeframe": request.timeframe},
        "described": [{"name": name, "meaning": one.meaning, "unit": one.unit, "words": list(one.words), "sparse": one.sparse, "speaks": one.speaks}
                      for name, one in feature.columns.items()],
        "example": _example(request, feature)}


def _example(request: Request, feature: Feature) -> str:
    """A command line that shows it with its first whole-number parameter."""
    own = [one for one in parameters(feature) if "." not in one.path and not one.fixed]
    number = next((one for one in own if isinstance(one.default, int) and not isinstance(one.default, bool)), None)
    given = "" if number is None or request.given else f":{number.path}={number.nearest(number.default * 2)}"
    what, at, where = request.text.partition("@")
    return f"pse features show {what}{given}{at}{where} --symbol ES --timeframe 5m --tail 10"


def _show_described(console: Console, request: Request, data: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text(data["name"], style="bold"))
    if data["asked_column"]:
        console.print(Text(f"({data['asked_column']} is a column of {data['name']})"))
    if data["also_column_of"]:
        console.print(Text(f"(a column of {data['also_column_of']} has the same name; pse features describe {data['also_column_of']} tells of it)"))
    console.print(Text(data["text"]))
    if request.timeframe is not None:
        console.print(Text(f"({request.text} is computed on {request.timeframe} bars of {request.symbol or 'the same symbol'}; a row sees the last that had "
                           f"closed; its columns: {', '.join(request.columns)})"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("how", Text(data["formula"]))
    facts.add_row("source", Text(data["source"]))
    facts.add_row("warm-up", Text(_warmup(data)))
    late = f"{data['lag_bars']} bar{'s' * (data['lag_bars'] > 1)} from what an event is about to the row that tells it"
    facts.add_row("lag", Text(late if data["lag_bars"] else "none: a row speaks of its own bar"))
    reads = [f"{one} bars" for one in data["timeframes"]] + list(data["symbols"])
    if reads:
        facts.add_row("also reads", Text(", ".join(reads) + " (of another symbol or timeframe only bars that have closed)"))
    if request.feature is not None and type(request.feature).objects is not Feature.objects:
        facts.add_row("events", Text(f"pse features show {data['name']} --symbol ES --objects lists what it found"))
    console.print(facts)
    for title, headings, rows in (("columns", ("column", "meaning", "unit"), _column_rows(request)),
                                  ("parameters", ("parameter", "default", "allowed", "meaning"), _parameter_rows(data)),
                                  ("parts", ("part", "is", ""), _part_rows(data))):
        if rows:
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="bold")
            for heading in headings:
                table.add_column(heading, overflow="fold", no_wrap=heading in ("column", "default", "part", "is"))
            for row in rows:
                table.add_row(*map(Text, row))
            console.print(table)
    if data["parts"]:
        console.print(Text(_sharing(data), style="dim"))
    console.print(Text(f"see it: {data['example']}", style="dim"), soft_wrap=True)


def _warmup(data: Mapping[str, Any]) -> str:
    said = {one["speaks"] for one in data["described"]}
    if said == {"on events"}:
        return "none to wait for: it speaks on events only"
    if "always" not in said:
        return "until the first event: nothing is told before"
    days = data["warmup_days"]
    bars = counted(days, "bar") if days == data["warmup_bars"] else f"{data['warmup_bars']} 5m bars of a market open 23 hours a day, or {days} daily bars,"
    return f"{bars} before the first row with every value" + ("" if said == {"always"} else " that waits for no event")


def _column_rows(request: Request) -> list[tuple[str, ...]]:
    assert request.feature is not None
    return [(name, one.meaning + SPEAKS[one.speaks],
             ", ".join(word or "(none)" for word in one.words) if one.words else UNITS.get(one.unit, one.unit))
            for name, one in request.feature.columns.items()]


def _parameter_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(one["name"], _default(one["default"]), FROM_INSTRUMENT if one["from_instrument"] else one["bounds"], _meaning(one))
            for one in data["parameters"] if "." not in one["name"]]


def parts(feature: Feature, path: str = "") -> Iterator[tuple[str, Feature]]:
    """The features that a feature is made of, and those that these are made of, with their dotted names."""
    for name in type(feature).model_fields:
        if isinstance(part := getattr(feature, name), Feature):
            yield f"{path}{name}", part
            yield from parts(part, f"{path}{name}.")


def _parts(feature: Feature) -> list[dict[str, Any]]:
    """Each part with the feature that it is, the values that are not that feature's defaults, and the other parts that are the very same."""
    names, found = {made: name for name, made in catalogue().items()}, list(parts(feature))
    return [{"name": path, "feature": names.get(type(part), type(part).__name__), "parameters": [one.path for one in parameters(part) if not one.fixed],
             "given": {one.path: value_at(part, one.path) for one in parameters(type(part)()) if value_at(part, one.path) != one.default},
             "shared_with": [other for other, same in found if other != path and same == part]} for path, part in found]


def _part_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a part; parts that are the very same stand on one."""
    told: set[str] = set()
    rows: list[tuple[str, ...]] = []
    for one in data["parts"]:
        if one["name"] not in told:
            told |= {one["name"], *one["shared_with"]}
            given = "".join(f"; {path} is {_default(value)}" for path, value in one["given"].items())
            same = f"; shared: {', '.join(f'{name}.*' for name in one['shared_with'])} is the same" if one["shared_with"] else ""
            rows.append((f"{one['name']}.*", one["feature"], f"{len(one['parameters'])} parameters{given}{same}"))
    return rows


def _sharing(data: Mapping[str, Any]) -> str:
    """How to give shared parts another value."""
    shared = next((one for one in data["parts"] if one["shared_with"]), None)
    if shared is None:
        return "a part with its defaults is computed once for all features that are made of it; --json lists the parameters"
    paths = ",".join(f"{name}.{shared['parameters'][0]}=..." for name in (shared["name"], *shared["shared_with"]))
    return (f"shared parts are computed once while their values are the same, here and in other features; another value for all of them: "
            f"{data['name']}:{paths}; --json lists the parameters")


def _default(value: Any) -> str:
    return "auto" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:,.12g}" if isinstance(value, int | float) else str(value)


def _meaning(parameter: Mapping[str, Any]) -> str:
    """What a parameter means; `auto:` introduces what stands for it where nothing is given."""
    meaning = str(parameter["meaning"])
    return meaning.replace("none: ", "auto: ") if parameter["default"] is None else meaning


# --- show ----------------------------------------------------------------------------------------------------------------------------------------


def run_show(context: Context, *, name: str, symbol: str, timeframe: str | None = None, start_ns: int | None = None, end_ns: int | None = None,
             tail: int = TAIL, objects: bool = False) -> Answer:
    """Values of the last rows, computed from the stored bars; with `objects` the events."""
    if tail < 1:
        raise RequestError(f"--tail {tail} shows no row; give 1 or more")
    requests = parse_requests(name, catalogue())
    plan = plan_table(context, symbol, timeframe or context.settings.chosen.decision_timeframe, requests, start_ns, end_ns, strict=True)
    for what, why in plan.left_out.items():
        context.warn(f"{what}: {why}; what is missing is NaN or UNKNOWN")
    source = load_source(context, plan)
    bars, window = table_rows(source)
    if window.start >= window.stop:
        raise NoBars(f"{plan.symbol} has no complete {plan.timeframe} bar in that window; choose another --start and --end")
    about = {"symbol": plan.symbol, "timeframe": plan.timeframe, "snapshot": plan.snapshot.id, "anchor": iso(plan.anchor_ns)}
    if objects:
        with telling_of_compiling(context):
            found = find_events(source, requests, int(bars.ts_close[window.start]), int(bars.ts_close[window.stop - 1]), tail)
        return Answer({**about, "objects": {name: one.rows for name, one in found.items()}, "counts": {name: one.count for name, one in found.items()}},
                      lambda console: show_events(console, found))
    with telling_of_compiling(context):
        columns = {column: values for request, made in compute(source) for column, values in made.items()}
    declared = {column: one for request in requests for column, one in request.columns.items()}
    last = range(window.start, window.stop)[-tail:]
    rows = [{"ts_close": iso(int(bars.ts_close[row])), **{column: _plain(values[row], declared[column]) for column, values in columns.items()}} for row in last]
    return Answer({**about, "columns": ["ts_close", *columns], "rows": rows}, lambda console: _show_rows(console, rows))


def _plain(value: Any, column: Column) -> Any:
    """A value as JSON knows it: the word of a state, true or false, a number, or null."""
    if value != value:
        return None
    if column.unit == "flag":
        return bool(value)
    if column.words and column.unit == "state":
        return column.words[int(value)]
    return int(value) if column.unit == "direction" else value.item()


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _show_rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(rows[0])
    show_tables(console, names, [[_cell(row[name]) for name in names] for row in rows], [name != "ts_close" for name in names])
