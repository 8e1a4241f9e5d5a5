"""The answers of `pse models` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pse.commands.grids import show_table
from pse.commands.wiring import say as _say
from pse.reports.words import MISSING, counted, interval, plain, share

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 12


def _between(one: Mapping[str, Any]) -> str:
    return f"{share(one['share'])} ({interval((one['low'], one['high']), share)})" if one["trials"] else MISSING


def _billed(found: Mapping[str, Any]) -> str:
    usd = "at an unknown price" if found["usd"] is None else f"for ${found['usd']:,.4f}"
    failed = f", {found['failed']} failed" if found["failed"] else ""
    time = "" if found["median_ms"] is None else f", median answer {found['median_ms']:,.0f} ms"
    return f"{counted(found['calls'], 'question')}{failed}, {found['input_tokens']:,} tokens in and {found['output_tokens']:,} out {usd}{time}"


def show_certificate(console: Console, data: Mapping[str, Any]) -> None:
    """Marks, what was wrong, and the verdict."""
    _say(console, f"{data['model']} ({data['provider']} · {data['id']}) on {data['cases']} made-up questions, prompt {data['prompt']}", "bold")
    rows = [("pass" if one["passed"] else "FAIL", one["name"], f"{one['hits']}/{one['trials']}", _between(one), share(one["floor"], 0))
            for one in data["marks"]]
    show_table(console, ("", "mark", "right", "share (95 % interval)", "floor"), rows, [False, False, True, True, True])
    for one in (one for one in data["marks"] if not one["passed"]):
        _say(console, f"{one['name']}: {one['meaning']}; the interval's lower end has to reach {share(one['floor'], 0)}", "red")
    for one in data["wrong"][:MOST_SHOWN]:
        _say(console, f"  {one['case']}: {one['why']}" + (f" · {one['verdict']}: {one['reason']}" if one["reason"] else ""), "yellow")
    if len(data["wrong"]) > MOST_SHOWN:
        _say(console, f"  and {len(data['wrong']) - MOST_SHOWN} more, all in the certificate", "dim")
    _say(console, "certified" if data["passed"] else "not certified: " + ", ".join(one["name"] for one in data["marks"] if not one["passed"]),
         "bold green" if data["passed"] else "bold red")
    _say(console, f"{_billed(data['bill'])}; kept as {data['certificate']}", "dim")


def show_comparison(console: Console, data: Mapping[str, Any]) -> None:
    """Two models beside each other."""
    first, second = data["models"]
    names = (first["model"], second["model"])
    rows = [(one["name"], _between(one), _between(other)) for one, other in zip(first["marks"], second["marks"], strict=True)]
    show_table(console, ("mark", *names), rows, [False, True, True])
    kappa = "not defined: both always say one and the same" if data["kappa"] is None else f"kappa {plain(data['kappa'])}"
    _say(console, f"the same decision on {_between(data['agreement'])} of the questions, {kappa}", "bold")
    differ: Sequence[Mapping[str, Any]] = data["differences"]
    for one in differ[:MOST_SHOWN]:
        _say(console, f"  {one['case']}: {names[0]} {one[names[0]]}, {names[1]} {one[names[1]]}")
    if len(differ) > MOST_SHOWN:
        _say(console, f"  and {len(differ) - MOST_SHOWN} more (--json has all)", "dim")
    for one in data["models"]:
        _say(console, f"{one['model']}: {_billed(one['bill'])}", "dim")


def show_stability(console: Console, data: Mapping[str, Any]) -> None:
    """How often the same question gets another decision."""
    _say(console, f"{data['model']} ({data['provider']} · {data['id']}): {counted(len(data['questions']), 'question')}, each {data['draws']} times", "bold")
    rows = [(one["case"], one["usual"], ", ".join(f"{name} {count}" for name, count in one["counts"].items()), str(one["texts"])) for one in data["questions"]]
    show_table(console, ("question", "usual decision", "decisions", "texts"), rows, [False, False, False, True])
    kappa = data["kappa_reason"] if data["kappa"] is None else plain(data["kappa"])
    lines = (("flips from the usual decision", _between(data["flips"])), ("pairs of draws that decide the same", share(data["agreement"])),
             ("questions decided the same every time", _between(data["identical_decisions"])),
             ("questions answered with the same text every time", _between(data["identical_texts"])),
             ("pairs of draws with the same text", share(data["text_agreement"])), ("Fleiss' kappa of the decisions", str(kappa)))
    show_table(console, ("", ""), lines, [False, True])
    _say(console, _billed(data["bill"]), "dim")
