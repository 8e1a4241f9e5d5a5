"""The answers of `pse risk` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pse.commands.grids import show_table
from pse.commands.risk_stories import Told
from pse.reports.gate_lines import ONLY_STOP, measures, number, result, way_out
from pse.reports.reasons import sentence
from pse.reports.words import MISSING, counted, in_r, money, plain, price, share
from pse.risk.gate_words import REASONS, STAGES

if TYPE_CHECKING:
    from rich.console import Console

MOST_LIFE = 40


def _say(console: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(text, style=style), soft_wrap=True)


def show_choices(console: Console, data: Mapping[str, Any]) -> None:
    """Setups that may be meant, the last ones, each with what became of it."""
    run_id, shown, own = data["run_id"], data["choices"], data["turned_down"]
    if not data["setups"]:
        _say(console, f"run {run_id} has no setup that asked to enter" + (f"; {own:,} were turned down by their own tactic" if own else ""), "bold")
        return
    _say(console, f"{counted(data['setups'], 'setup')} of run {run_id}" + (f", the last {len(shown)}:" if len(shown) < data["setups"] else ":"), "bold")
    for one in shown:
        _say(console, f"  {one['line']}  {one['became']}")
    if own:
        _say(console, f"{own:,} finds more were turned down by their own tactic, before any gate (`pse report --csv DIR` lists them)", "dim")
    _say(console, f"pse risk explain {run_id} ID (or its beginning); --last takes the last; --symbol, --at, --tactic, --refused, --gate narrow the list", "dim")


def show_refused_find(console: Console, one: Told) -> None:
    """A find that its own tactic turned down: no gate was asked."""
    reason = str(one.body.get("reason"))
    _say(console, one.line, "bold")
    _say(console, f"Turned down by its own tactic: {reason}. {sentence(reason)} No gate was asked.")
    for name, value in sorted((one.body.get("evidence") or {}).items()):
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            _say(console, f"  {name}: {value:.6g}" if isinstance(value, float) else f"  {name}: {value}", "dim")


def show_explained(console: Console, data: Mapping[str, Any]) -> None:
    """The whole story of a setup."""
    setup = data["setup"]
    label = f" ({setup['label']})" if setup["label"] else ""
    _say(console, f"{setup['symbol']} {setup['direction']} · {setup['tactic']}{label} · {setup['at']}", "bold")
    target = "no target" if setup["target"] is None else f"target {price(setup['target'])}"
    grade = f", grade {setup['grade']}" if setup["grade"] else ""
    _say(console, f"entry {price(setup['entry'])} ({setup['order_type']}), stop {price(setup['stop'])} ({setup['risk_points']:g} points), {target}{grade}; "
                  f"setup {setup['setup_id']}")
    _say(console, _outcome(data), "green" if data["quantity"] else "red")
    for at, one in enumerate(data["rounds"]):
        again = one["stage"] in [other["stage"] for other in data["rounds"][:at]]
        _say(console, f"\n{one['contract']}, stage {one['stage']}, {one['at']}", "bold")
        if not again:
            _say(console, STAGES[one["stage"]], "dim")
        rows = [(str(gate["number"]), gate["gate"], *_gate_texts(gate, one["stage"])) for gate in one["gates"]]
        show_table(console, ("#", "gate", "result", "measured", "allowed"), rows, [True, False, False, True, True])
        for gate in (gate for gate in one["gates"] if not gate["passed"]):
            _ways(console, gate)
    for one in data["sizing"]:
        _say(console, f"\nsize of {one['contract']}, step by step", "bold")
        steps = [(f"{step['what']}: {step['text']}" if step["text"] else step["what"],
                  "" if step["value"] is None and step["text"] else _figure(step["value"], step["kind"])) for step in one["steps"]]
        show_table(console, ("", f"money in {data['currency']}"), steps, [False, True])
    _life(console, data["life"])


def _gate_texts(gate: Mapping[str, Any], stage: str) -> tuple[str, str, str]:
    """Result, measured and allowed of a gate of the answer; a limit that binds nobody is not shown."""
    if gate["only_stop"]:
        return ONLY_STOP, measures(gate["gate"], gate["code"], True, gate["measured"], gate["allowed"], stage)[0], MISSING
    return result(gate["passed"], gate["code"]), *measures(gate["gate"], gate["code"], gate["passed"], gate["measured"], gate["allowed"], stage)


def _figure(value: float | None, kind: str) -> str:
    """A figure of a step in its unit."""
    return number(value, {"share": "of equity", "times": "ratio", "count": ""}.get(kind, kind))


def _outcome(data: Mapping[str, Any]) -> str:
    refused = data["refused_by"]
    if data["quantity"]:
        text = f"Approved, quantity {data['quantity']:g}."
        if refused is not None:
            text += f" Its order ended at its activation: {refused['code']}. {sentence(refused['code'])}"
        return text
    if refused is not None:
        return f"Refused by the gate {refused['gate']} ({refused['contract']}, {refused['stage']}): {refused['code']}. {sentence(refused['code'])}"
    first = data["gone_first"]
    before = "" if first is None else f" That is {first['setup_id'][:8]} of {first['tactic']}, {first['direction']}."
    return f"Not taken: {data['reason']}. {sentence(data['reason'])}{before}" if data["reason"] else "No gate was asked."


def _ways(console: Console, gate: Mapping[str, Any]) -> None:
    """What would have had to be different for a gate that said no."""
    _say(console, f"  {gate['gate']} said {gate['code']}: {sentence(gate['code'])}", "red")
    for way in gate["ways_out"]:
        text = way_out(way["what"], way["unit"], way["bound"], way["now"], way["needed"], way["then"], way["quantity"], way["setting"])
        _say(console, f"    {'or ' if way is not gate['ways_out'][0] else 'it would have passed with '}{text}")
    if not gate["ways_out"]:
        _say(console, "    no single change of these figures would have let it pass")
    if gate["code"] in REASONS:
        _say(console, f"    mend: {REASONS[gate['code']].mend}", "dim")


def _life(console: Console, life: Sequence[Mapping[str, str]]) -> None:
    if not life:
        return
    _say(console, "\nwhat became of it", "bold")
    for one in life[:MOST_LIFE]:
        _say(console, f"  {one['at']}  {one['text']}")
    if len(life) > MOST_LIFE:
        _say(console, f"  ... {len(life) - MOST_LIFE:,} more lines (--json has all)", "dim")


# --- portfolio -----------------------------------------------------------------------------------------------------------------------------------


def show_portfolio(console: Console, data: Mapping[str, Any]) -> None:
    """The account at a moment."""
    found = data["portfolio"]
    _say(console, f"{data['run_id']} · {data['at']}", "bold")
    equity, currency = found["equity_usd"], found["currency"]
    _say(console, f"equity {money(equity)} {currency} (balance {money(found['balance_usd'])}, day began with {money(found['day_start_equity_usd'])}, "
                  f"peak {money(found['high_water_usd'])}); losses in a row today {found['losses_today']}"
                  + (", no entries until the next day" if found["day_over"] else ""))
    open_ones = {name: state for name, state in found["breakers"].items() if state != "CLOSED"}
    _say(console, "breakers: " + (", ".join(f"{name} {state}" for name, state in open_ones.items()) or "all closed"))
    if not found["positions"]:
        _say(console, "nothing is open and no entry order works")
    else:
        rows = [_position_cells(one) for one in found["positions"]]
        show_table(console, ("contract", "side", "tactic", "held", "works", "entry", "price", "stop", "target", "result", "risk", "risk of equity", "notional"),
                   rows, [False, False, False, *[True] * 10])
        var = "not measured: " + f"{found['days']} days known" if found["var95_usd"] is None else (
            f"value at risk 95 % {money(found['var95_usd'])}, expected shortfall 97.5 % {money(found['es975_usd'])}, of {found['days']} days")
        _say(console, f"open risk {money(found['open_risk_usd'])} ({share(found['open_risk_usd'] / equity, 2)} of equity); notional gross "
                      f"{money(found['gross_usd'])}, net {money(found['net_usd'])}; one day: {var}")
    if data["holdings"]:
        _say(console, "\ncontracts so far, as a broker's statement has them", "bold")
        ways = ("", "_average", "_fifo")
        rows = [(one["contract"], f"{one['quantity']:g}", price(one["average_price"]), price(one["fifo_price"]), money(one["fees_usd"]),
                 *(" / ".join(MISSING if (value := one[f"{what}{way}_usd"]) is None else money(value) for way in ways) for what in ("realised", "unrealised")))
                for one in data["holdings"]]
        show_table(console, ("contract", "held", "average", "fifo", "fees", "earned: by plan / average / fifo", "open: by plan / average / fifo"), rows,
                   [False, *[True] * 6])
    _say(console, "\nlimits", "bold")
    rows = [(one["what"], _taken(one), _figure(one["allowed"], one["kind"]),
             MISSING if one["left_usd"] is None else money(one["left_usd"]), one["limit"]) for one in found["uses"]]
    show_table(console, ("", "taken", "allowed", f"room, {currency}", "limit"), rows, [False, True, True, True, False])


def _taken(one: Mapping[str, Any]) -> str:
    """What is taken of a limit; a loss below nothing is a gain."""
    is_gain = one["what"].startswith("loss") and one["used"] < 0.0
    return ("gain of " if is_gain else "") + _figure(abs(one["used"]) if is_gain else one["used"], one["kind"])


def _position_cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (one["contract"], one["direction"], one["tactic"], f"{one['held']:g}", f"{one['working']:g}", price(one["entry"]), price(one["price"]),
            price(one["stop"]), price(one["target"]), money(one["unrealised_usd"]),
            f"{money(one['risk_usd'])} {in_r(one['risk_r'])}", share(one["risk_of_equity"], 2), money(one["notional_usd"]))


# --- policy and gates ----------------------------------------------------------------------------------------------------------------------------


def show_policy(console: Console, data: Mapping[str, Any]) -> None:
    """The limits of a profile."""
    _say(console, f"{data['profile']}: {data['description']}", "bold")
    _say(console, f"desks: {', '.join(data['desks']) or 'none'}; other profiles: {', '.join(one for one in data['profiles'] if one != data['profile'])}", "dim")
    for section in dict.fromkeys(one["name"].partition(".")[0] for one in data["limits"]):
        _say(console, f"\n{section}", "bold")
        own = [one for one in data["limits"] if one["name"].partition(".")[0] == section]
        wide = max(len(one["name"]) for one in own) - len(section)
        for one in own:
            _say(console, f"  {one['name'].partition('.')[2]:<{wide}} {_value(one['value']):>10}   read by {one['gate']}; allowed: {one['bounds']}; "
                          f"{one['written'] or 'default'}")
            if one["meaning"]:
                _say(console, f"      {one['meaning']}", "dim")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "no limit" if abs(value) >= 1e9 else plain(value, 6).rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return " ".join(map(str, value.values()))
    return ", ".join(map(_value, value)) or "none" if isinstance(value, list) else str(value)


def show_gates(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The table of gates with every reason."""
    for one in rows:
        _say(console, f"{one['number']:2}  {one['gate']}: {one['asks']}", "bold")
        for reason in one["reasons"]:
            unit = f" [{reason['unit']}]" if reason["unit"] else ""
            _say(console, f"      {reason['code']}{unit}: {reason['means']}")
            _say(console, f"          {reason['mend']}", "dim")
    for name, text in STAGES.items():
        _say(console, f"{name}: {text}", "dim")
