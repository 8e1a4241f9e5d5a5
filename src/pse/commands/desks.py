"""`pse desks list`, `show`, `check` and `tactics`: what the desks are, all that stands behind one, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel

from pse.clock import iso
from pse.commands.desk_checks import Finding, Stored, findings
from pse.commands.grids import show_table
from pse.commands.wiring import Answer, Context
from pse.domain.errors import BadConfig, UnknownName
from pse.domain.sessions import Sessions
from pse.features.requests import Parameter
from pse.registry import TACTICS, installed
from pse.reports.words import counted
from pse.settings import FROM, Settings, load_settings
from pse.store.sessions import load_sessions
from pse.tactics.outside import outside, tactic_class
from pse.tactics.parameters import kind_of, parameters

if TYPE_CHECKING:
    from rich.console import Console

Rows = list[tuple[str, ...]]


# --- list ----------------------------------------------------------------------------------------------------------------------------------------


def run_list(context: Context) -> Answer:
    """All desks in a line each; the one that runs without --desk is marked."""
    settings, stored = load_settings(context.home.root, context.config, context.overrides, any_desk=True), Stored(context)
    found = [_summary(settings.model_copy(update={"desk": name}), stored, name == settings.desk) for name in settings.desks]
    broken = [{"name": name, "default": name == settings.desk, "error": why} for name, why in sorted(settings.broken.items())]
    return Answer({"desks": found, "broken": broken}, lambda console: _show_list(console, found, broken))


def _summary(settings: Settings, stored: Stored, is_default: bool) -> dict[str, Any]:
    desk = settings.chosen
    have = [one for one in desk.symbols if desk.base_timeframe in stored.of(settings, one)]
    return {"name": settings.desk, "description": desk.description, "default": is_default, "symbols": list(desk.symbols),
            "base_timeframe": desk.base_timeframe, "decision_timeframe": desk.decision_timeframe, "tactics": list(desk.tactics), "risk": desk.risk,
            "fills": desk.fills, "stored": have}


def _show_list(console: Console, found: Sequence[Mapping[str, Any]], broken: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    for one in found:
        console.print(Text.assemble((one["name"], "bold"), "  (runs without --desk)" if one["default"] else "", f"  {one['description']}"), soft_wrap=True)
        there = "all stored" if len(one["stored"]) == len(one["symbols"]) else f"stored: {', '.join(one['stored']) or 'none'}"
        facts = [("trades", f"{', '.join(one['symbols'])}   ({there})"),
                 ("bars", f"decides on {one['decision_timeframe']}, fills on {one['base_timeframe']}"), ("tactics", ", ".join(one["tactics"])),
                 ("limits", f"{one['risk']}, fills {one['fills']}")]
        _grid(console, facts)
    for one in broken:
        console.print(Text.assemble((one["name"], "bold"), "  (runs without --desk)" if one["default"] else "", f"  broken: {one['error']}"), soft_wrap=True)
    console.print(Text("pse desks show NAME: everything behind one; pse desks check: what is wrong", style="dim"))


def _grid(console: Console, rows: Sequence[tuple[str, ...]], indent: int = 2) -> None:
    """Words and what they mean, a line each, wrapped beside the word."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for word, text in rows:
        table.add_row(Text(" " * indent + word, style="dim"), Text(text))
    console.print(table)


# --- show ----------------------------------------------------------------------------------------------------------------------------------------


def run_show(context: Context, name: str) -> Answer:
    """Everything that a desk runs with, resolved.  Raises what a run would raise."""
    settings = load_settings(context.home.root, context.config, context.overrides, any_desk=True)
    if name not in settings.desks and name not in settings.broken:
        raise UnknownName("desk", name, {**settings.desks, **settings.broken})
    chosen, stored = load_settings(context.home.root, context.config, (*context.overrides, f"desk={name}")), Stored(context)
    data = {
        **_summary(chosen, stored, name == settings.desk), "context": list(chosen.chosen.context),
        "warmup_sessions": chosen.chosen.warmup_sessions, "news": chosen.chosen.news, "decide": chosen.chosen.decide,
        "account": chosen.account.model_dump(mode="json"),
        "instruments": [_instrument(chosen, stored, symbol) for symbol in chosen.chosen.symbols],
        "tactics": [_tactic(name, tactic, chosen) for name, tactic in chosen.tactics().items()],
        "limits": _parameters(chosen.risk), "fill_rules": _parameters(chosen.fill_policy), "features": _parameters(chosen.feature_spec()),
        "limits_description": chosen.risk.description, "sessions": _sessions(context, chosen, stored),
    }
    return Answer({"desk": data}, lambda console: _show_desk(console, data))


def _instrument(settings: Settings, stored: Stored, symbol: str) -> dict[str, Any]:
    one = settings.instrument(symbol)
    dated = [rule.model_dump(mode="json", by_alias=True) for rule in settings.sessions if rule.calendar == one.calendar]
    return {**one.model_dump(mode="json"), "session_rules": dated, "stored": _span(stored, settings, symbol)}


def _span(stored: Stored, settings: Settings, symbol: str) -> dict[str, Any] | None:
    """First and last stored base bar and how many there are; None when nothing is stored."""
    index = stored.index(settings, symbol, settings.chosen.base_timeframe)
    return None if index is None else {"rows": index.rows, "first": iso(index.first), "last": iso(index.last)}


def _sessions(context: Context, settings: Settings, stored: Stored) -> list[dict[str, Any]]:
    """Each calendar of the desk with its hours on the last stored day, where there is one, and how many dated rules correct it."""
    found: dict[str, dict[str, Any]] = {}
    for symbol in settings.chosen.symbols:
        calendar = settings.instrument(symbol).calendar
        one = found.setdefault(calendar, {"calendar": calendar, "rules": sum(rule.calendar == calendar for rule in settings.sessions), "hours": None})
        index = stored.index(settings, symbol, settings.chosen.base_timeframe)
        if one["hours"] is None and index is not None:
            one["hours"] = _hours(load_sessions(context.home, calendar, index.last, index.last, settings.sessions), index.last)
    return list(found.values())


def _hours(sessions: Sessions, moment_ns: int) -> dict[str, str]:
    """Wall times of the session that holds a moment."""
    at = int(np.searchsorted(sessions.open_ns, moment_ns, side="right")) - 1
    walls = {name: _wall(int(getattr(sessions, f"{name}_ns")[at]), sessions.tz) for name in ("open", "close", "rth_open", "rth_close")}
    return {"date": str(sessions.session_date[at]), "tz": sessions.tz, **walls}


def _wall(moment_ns: int, zone: str) -> str:
    return datetime.fromtimestamp(moment_ns // 10**9, ZoneInfo(zone)).strftime("%H:%M")


def _tactic(name: str, tactic: Any, settings: Settings) -> dict[str, Any]:
    plain = {one.path: one.default for one in parameters(type(tactic)())}
    own = (settings.chosen.tactics[name] or {}).get(FROM) or settings.plugins.tactics.get(name)
    return {"name": name, "label": tactic.label, "version": tactic.version, "is": _first_line(type(tactic)), "from": own,
            "sha256": settings.outside().get(name), "reads_symbols": list(tactic.symbols()),
            "reads_timeframes": list(tactic.timeframes(settings.chosen.decision_timeframe)),
            "parameters": [_parameter(one, plain.get(one.path)) for one in parameters(tactic)]}


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _parameters(group: BaseModel) -> list[dict[str, Any]]:
    plain = {one.path: one.default for one in parameters(type(group)())}
    return [_parameter(one, plain.get(one.path)) for one in parameters(group) if one.path != "description"]


def _parameter(one: Parameter, default: Any) -> dict[str, Any]:
    """A parameter with its value here (the instance's own default) and the default of its class."""
    return {"name": one.path, "kind": kind_of(one), "value": _plain(one.default), "default": _plain(default), "bounds": one.bounds, "low": one.low,
            "high": one.high, "choices": list(one.choices), "meaning": one.meaning}


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _show_desk(console: Console, data: Mapping[str, Any]) -> None:
    from rich.text import Text

    console.print(Text.assemble((data["name"], "bold"), f"  {data['description']}"), soft_wrap=True)
    account = data["account"]
    _grid(console, [
        ("bars", f"decides on {data['decision_timeframe']}, fills on {data['base_timeframe']}; {data['warmup_sessions']} sessions before the start are seen"),
        *([("reads", ", ".join(data["context"]) + " (not traded)")] if data["context"] else []), ("decides", data["decide"]),
        ("news", "headlines are read" if data["news"] else f"no headlines are read (--set desks.{data['name']}.news=true)"),
        ("account", f"{account['name']}, {account['capital']:,.0f} {account['currency']}")])
    _heading(console, "trades")
    columns = ("symbol", "kind", "tick", "lot", "point value", "fees a side", "slip ticks", "stop cap", "calendar", "stored")
    show_table(console, columns, [_instrument_cells(one) for one in data["instruments"]], [False, False, *[True] * 3, False, True, True, False, False])
    _heading(console, "sessions")
    _grid(console, [(one["calendar"], _said_hours(one)) for one in data["sessions"]])
    for one in data["tactics"]:
        _heading(console, f"{one['name']}  ({one['label']}, version {one['version']})")
        console.print(Text(f"  {one['is']}"), soft_wrap=True)
        _grid(console, list(_reads(one)))
        _show_parameters(console, *_worth_showing(one["parameters"]))
    _heading(console, f"limits: {data['risk']}" + (f"  ({data['limits_description']})" if data["limits_description"] else ""))
    _show_parameters(console, data["limits"])
    _heading(console, f"fills: {data['fills']}")
    _show_parameters(console, data["fill_rules"])
    changed = [one for one in data["features"] if one["value"] != one["default"]]
    _heading(console, "features" if changed else "features: the defaults (--json lists them)")
    if changed:
        _show_parameters(console, changed)


def _heading(console: Console, text: str) -> None:
    from rich.text import Text

    console.print(Text(f"\n{text}", style="bold"), soft_wrap=True)


def _instrument_cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    fees = one["fees"]
    said = [f"{fees['per_unit']:g} {one['currency']} a unit"] if fees["per_unit"] else []
    said += [f"{fees['basis_points']:g} bp"] if fees["basis_points"] else []
    bounds = [f"{word} {fees[name]:g}" for name, word in (("minimum", "at least"), ("maximum", "at most")) if fees.get(name)]
    bounds += [f"at most {fees['maximum_basis_points']:g} bp"] if fees.get("maximum_basis_points") else []
    said = [f"{' + '.join(said)}, {', '.join(bounds)} an order" if said else f"{', '.join(bounds)} an order"] if bounds else said
    span = one["stored"]
    return (one["symbol"], one["kind"], f"{one['tick']:.10g}", f"{one['lot_step']:.10g}", f"{one['point_value']:,.10g} {one['currency']}",
            " + ".join(said) or "none", f"{one['slippage_ticks']:g}", "-" if one["stop_cap_points"] is None else f"{one['stop_cap_points']:g}", one["calendar"],
            "no" if span is None else f"{span['rows']:,} to {span['last'][:10]}")


def _reads(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if one["from"]:
        yield "stands in", f"{one['from']}  (sha256 {one['sha256'][:16]})"
    also = [*(f"{frame} bars" for frame in one["reads_timeframes"]), *one["reads_symbols"]]
    yield "reads", ", ".join(["the decision bars", *also])


def _worth_showing(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], str]:
    """The tactic's own parameters and those of its parts that are not the default; a word about the rest."""
    shown = [one for one in rows if "." not in one["name"] or one["value"] != one["default"]]
    left = [one["name"].partition(".")[0] for one in rows if one not in shown]
    parts = ", ".join(f"{part}.*" for part in dict.fromkeys(left))
    return shown, f"{parts}: {counted(len(left), 'parameter')} at their defaults" if left else ""


def _said_hours(one: Mapping[str, Any]) -> str:
    hours, rules = one["hours"], f"{counted(one['rules'], 'dated rule')} in instruments.yaml" if one["rules"] else ""
    if hours is None:
        return rules or "as the calendar says"
    own = (hours["rth_open"], hours["rth_close"]) != (hours["open"], hours["close"])
    regular = f", regular hours {hours['rth_open']} to {hours['rth_close']}" if own else ""
    day = f"{hours['date'][:4]}-{hours['date'][4:6]}-{hours['date'][6:]}"
    return f"{hours['open']} to {hours['close']} {hours['tz']}{regular} (on {day}, the last stored)" + (f"; {rules}" if rules else "")


def _show_parameters(console: Console, rows: Sequence[Mapping[str, Any]], rest: str = "") -> None:
    """A line a parameter; the default stands beside it where a value is another."""
    from rich.text import Text

    differ = any(one["value"] != one["default"] for one in rows)
    cells = []
    for one in rows:
        default = ("" if one["value"] == one["default"] else _value(one["default"]),) if differ else ()
        cells.append(("  " + one["name"], _value(one["value"]), *default, one["bounds"], one["meaning"]))
    if cells:
        show_table(console, ("  parameter", "value", *(("default",) if differ else ()), "allowed", "meaning"), cells,
                   [False, True, *([True] if differ else []), False, False])
    if rest:
        console.print(Text(f"  {rest}", style="dim"), soft_wrap=True)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,.12g}"
    if isinstance(value, Mapping):
        return " ".join(map(str, value.values()))
    return ", ".join(map(_value, value)) or "none" if isinstance(value, list) else str(value)


# --- tactics -------------------------------------------------------------------------------------------------------------------------------------


def run_tactics(context: Context, name: str | None = None) -> Answer:
    """Every tactic that a desk may name, or one with its parameters."""
    settings = context.settings
    places: dict[str, str | None] = {**dict.fromkeys(TACTICS), **dict.fromkeys(installed("tactic")), **settings.plugins.tactics}
    if name is not None and name not in places:
        raise UnknownName("tactic", name, places)
    found, failed = [], {}
    for one in (places if name is None else [name]):
        try:
            found.append(_registered(one, tactic_class(one, outside(one, places[one], context.home.root))()))
        except BadConfig as error:
            if name is not None:
                raise
            failed[one] = str(error)
    for one, why in failed.items():
        context.warn(f"{one}: {why}")
    return Answer({"tactics": found}, lambda console: _show_tactics(console, found, name is not None))


def _registered(name: str, tactic: Any) -> dict[str, Any]:
    return {"name": name, "label": tactic.label, "version": tactic.version, "is": _first_line(type(tactic)), "reads_symbols": list(tactic.symbols()),
            "reads_timeframes": list(tactic.timeframes("5m")), "parameters": _parameters(tactic)}


def _show_tactics(console: Console, found: Sequence[Mapping[str, Any]], is_whole: bool) -> None:
    from rich.text import Text

    if not is_whole:
        cells = [(one["name"], one["label"], str(len(one["parameters"])), one["is"]) for one in found]
        show_table(console, ("tactic", "label", "parameters", "is"), cells, [False, False, True, False])
        console.print(Text("pse desks tactics NAME: its parameters with their bounds; docs/tactics.md: one of your own", style="dim"))
        return
    for one in found:
        console.print(Text.assemble((one["name"], "bold"), f"  ({one['label']}, version {one['version']})"))
        console.print(Text(f"  {one['is']}"), soft_wrap=True)
        _grid(console, [("reads", ", ".join(["the decision bars", *(f"{frame} bars" for frame in one["reads_timeframes"]), *one["reads_symbols"]]))])
        _show_parameters(console, one["parameters"])


# --- check ---------------------------------------------------------------------------------------------------------------------------------------


def run_check(context: Context, name: str | None = None) -> Answer:
    """Everything that is wrong with a desk, or with all of them; exit code 1 when something is."""
    names, found = findings(context, name)
    data = {"desks": names, "findings": [one.data for one in found]}
    return Answer(data, lambda console: _show_findings(console, names, found), exit_code=1 if any(one.about != "doubt" for one in found) else 0)


def _show_findings(console: Console, names: Sequence[str], found: Sequence[Finding]) -> None:
    from rich.text import Text

    for name in ("", *names):
        own = [one for one in found if one.desk == name]
        if own or name:
            console.print(Text(f"{name or 'settings of all desks'}: {counted(len(own), 'finding') if own else 'nothing found'}", style="bold"))
        for one in own:
            console.print(Text(f"  {one.text}"), soft_wrap=True)
