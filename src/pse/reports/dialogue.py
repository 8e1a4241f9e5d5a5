"""A decision as a dialogue: what was shown, what each pass said, what the gates answered, and the order that would go out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pse.reports.words import price

Line = tuple[str, str]                           # text and style
TONES = {"APPROVE": "green", "MODIFY": "green", "REJECT": "red", "HOLD": "yellow"}
SHOWN_SECTIONS = ("regime", "news")
MOST_NEAR = 3                                    # moments before and after one that has nothing to decide


def dialogue(data: Mapping[str, Any], whole: bool) -> Iterator[Line]:
    """The lines of a decision at one moment.  `whole`: with the whole briefing."""
    who = "" if not data["candidates"] else f", decided by the chain {data['chain']}" if data["chain"] else ", decided by rules"
    yield f"{data['symbol'] or data['desk']} at {data['at']}, desk {data['desk']}{who}", "bold"
    yield from _briefing(data, whole)
    for entry in data["dialogue"]:
        yield f"\n{str(entry['agent']).capitalize()}{_whose(entry)} says {entry['decision']}", f"bold {TONES.get(entry['decision'], '')}".strip()
        yield from ((f"  {text}", "") for text in _of_pass(entry))
    if data["brief"]:
        yield "\nIn brief", "bold"
        yield from ((f"  {line}", "") for line in str(data["brief"]).split("\n"))
    if data["gates"]:
        yield "\nThe gates then say", "bold"
        yield from ((f"  {line_of({'record': 'GATES', **one})}", "") for one in data["gates"])
    yield from _outcome(data)


def _briefing(data: Mapping[str, Any], whole: bool) -> Iterator[Line]:
    if whole and data["briefing"]:
        yield str(data["briefing"]).rstrip("\n"), ""
        return
    for at, one in enumerate(data["candidates"], 1):
        target = "no target" if one["target"] is None else f"target {price(one['target'])}"
        grade = f", grade {one['grade']}" if one["grade"] else ""
        yield f"  #{at} {one['direction']} {one['tactic']}{grade}: entry {price(one['entry'])}, stop {price(one['stop'])}, {target} ({one['setup_id']})", ""
    yield from ((f"  {text}", "dim") for text in _shown(data["briefing"]))
    if data["candidates"]:
        yield "  -v shows the whole briefing", "dim"


def _shown(briefing: str) -> Iterator[str]:
    """The sections of a briefing that say most about the market."""
    section = ""
    for line in briefing.split("\n"):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section in SHOWN_SECTIONS:
            yield f"{section} {line}"


def _whose(entry: Mapping[str, Any]) -> str:
    return f" ({entry['model']['name']}, {entry['prompt']})" if entry.get("prompt") else ""


def _of_pass(entry: Mapping[str, Any]) -> Iterator[str]:
    if not entry.get("prompt"):                      # plain rules: no call, no words
        yield "the best candidate that passed its gates" if entry["decision"] == "APPROVE" else "no candidate that rules could approve"
        return
    setup = (entry.get("position") or {}).get("setup_id")
    if setup:
        yield f"about {setup}"
    yield from words_of(entry, str(setup))


def _outcome(data: Mapping[str, Any]) -> Iterator[Line]:
    reason = "" if data["reason"] == "OK" else ": no setup of this moment came before a judge" if not data["candidates"] else f": {data['reason']}"
    yield f"\n{data['decision']}{reason}", f"bold {TONES.get(data['decision'], '')}".strip()
    for one in data["refused"]:
        yield f"  found and refused before anyone was asked: {one['setup_id']}, {one['gate']} said {one['code']}", ""
    if data["orders"]:
        yield "The order that would go out", "bold"
        yield from ((f"  {line_of({'record': 'ORDER', **one})}", "") for one in data["orders"])
        yield f"  once filled: stop {price(data['stop'])}, " + ("no target" if data["target"] is None else f"target {price(data['target'])}"), ""
    if data["nearest"]:
        yield "moments near it at which something was decided: " + ", ".join(data["nearest"]), "dim"


def nearest(moments: Iterable[int], at_ns: int) -> list[int]:
    """The last moments before and the first after one, in order."""
    every = sorted(set(moments))
    return [*[one for one in every if one < at_ns][-MOST_NEAR:], *[one for one in every if one > at_ns][:MOST_NEAR]]


# --- what one pass said, and one line of a journal, in words ---------------------------------------------------------------------------------------


def words_of(entry: Mapping[str, Any], setup_id: str) -> Iterator[str]:
    """What a pass said, in lines."""
    own = next((each for each in entry.get("each") or () if each.get("setup_id") == setup_id), entry)
    if reason := own.get("reason") or entry.get("rationale"):
        yield str(reason)
    if edits := own.get("edits") or (entry.get("position") or {}).get("edits"):
        yield "edits: " + ", ".join(f"{name} {value}" for name, value in edits.items())
    for name in ("flags", "codes", "ungrounded"):
        if entry.get(name):
            shown = "numbers that the briefing does not show" if name == "ungrounded" else name
            yield f"{shown}: {', '.join(map(str, entry[name]))}"
    if (entry.get("reply") or {}).get("failed"):
        yield f"failed: {entry['reply']['text']}"
    tokens = entry["tokens"]
    cost = "price unknown" if entry["cost_usd"] is None else f"{entry['cost_usd']:.4f} USD"
    yield f"{entry['calls']} call{'' if entry['calls'] == 1 else 's'}, {tokens['input']:,} tokens in, {tokens['output']:,} out, {cost}"


def line_of(each: Mapping[str, Any]) -> str:
    """One line of a journal in a few words."""
    kind = each["record"]
    if kind == "GATES":
        no = [f"{gate[0]} no: {gate[4]}" for gate in each["gates"] if gate[1] is False]
        return f"{each['stage']} ({each['contract']}): " + (", ".join(no) or f"all {len(each['gates'])} passed")
    if kind == "DECISION":
        size = f", {each['quantity']:g} at stop {each['stop']}, target {each['target']}" if each["quantity"] else ""
        said = "" if each["verdict"] == each["decision"] else f" (the judge said {each['verdict']})"
        why = "" if each["reason"] == each["decision"] else f": {each['reason']}"
        return f"{each['decision']}{said}{why}{size}"
    if kind == "ORDER":
        at = "" if each["price"] is None else f" at {each['price']}"
        return f"{each['action']} {each['leg']} {each['side']} {each['quantity']:g} {each['contract']} {each['type']}{at}"
    if kind == "FILL":
        return f"{each['leg']} {each['side']} {each['quantity']:g} {each['contract']} at {each['price']}"
    if kind == "EXIT":
        return f"{each['reason']}: {each['r']:+.2f} R, {each['net_usd']:,.2f}"
    if kind == "SETUP":
        prices = f", entry {each['entry']}, stop {each['stop']}, target {each['target']}" if "entry" in each else ""
        return f"{each['direction']} grade {each['grade']}{prices}"
    return str(each.get("reason", ""))
