"""Gates as text: what was measured against what is allowed in its unit, and ways out as sentences; for terminal and page."""

from __future__ import annotations

import math

from pse.reports.reasons import sentence
from pse.reports.refused import STATES, apart, said
from pse.reports.words import MINUS, MISSING, in_r, money, plain, share
from pse.risk.gate_words import PASSING, RATIO, SHARE, STATE, YES, R, reason_of

ONLY_STOP = "only the stop is asked of an order that rests"
SMALL_R = 0.1                                    # R under it is shown with three figures where two decimals leave some out
COUNTED = {"contracts", "lots", "shares", "units", "ticks", "points", "closes", "days"}
SMALL_SHARE = 0.1                                # a share under it is shown with two decimals


def measures(gate: str, code: str, passed: bool, measured: float | None, allowed: float | None, stage: str = "") -> tuple[str, str]:
    """What a gate measured and what it allows, as two texts with their unit; a dash where nothing was measured.

    At activation a bracket that passed measures the adverse move since the decision.
    """
    words = reason_of(gate, code if not passed else "SLIPPAGE" if gate == "bracket" and stage == "activation" else "")
    if passed and (code in ("OFF", "NO_TARGET") or (gate == "directional" and measured == 0.0 and allowed == 0.0)):
        return MISSING, MISSING
    if passed and gate == "cooldown" and not measured and not allowed:
        return MISSING, MISSING
    if code == "INSUFFICIENT":
        words = reason_of(gate, code)
    if code in STATES:
        return said(code, measured, allowed)
    if words.kind == STATE:
        return MISSING, MISSING
    if words.kind == YES:
        return ("yes" if measured else "no"), "no"
    first, second = told_apart(measured, allowed, words.kind)
    if words.kind == SHARE and words.measures.startswith("loss") and measured is not None and measured < 0.0:
        first = f"gain of {number(-measured, SHARE)}"
    return first, f"{words.allows} {second}" if second != MISSING else MISSING


def told_apart(one: float | None, other: float | None, kind: str) -> tuple[str, str]:
    """Two figures in their unit, with as many digits as it takes to see that they differ."""
    first, second = number(one, kind), number(other, kind)
    if first != second or one == other or one is None or other is None:
        return first, second
    if kind == SHARE:
        first, second = apart(100.0 * one, 100.0 * other)
        return f"{first} %", f"{second} %"
    first, second = apart(one, other)
    return (f"{first} {kind}", f"{second} {kind}") if kind not in (RATIO, "") else (first, second)


def number(value: float | None, kind: str) -> str:
    """A figure in its unit."""
    if value is None:
        return MISSING
    if kind == SHARE:
        return share(value, 2 if abs(value) < SMALL_SHARE else 1)
    if kind == "money":
        return money(value)
    if kind == R:
        return in_r(value) if abs(value) >= SMALL_R or round(value, 2) == value else _three_figures(value) + " R"
    if kind in (RATIO, ""):
        return plain(value, 3).rstrip("0").rstrip(".") if kind == RATIO else plain(value, 0)
    text = plain(value).rstrip("0").rstrip(".")
    return f"{text} {kind.removesuffix('s') if text == '1' and kind in COUNTED else kind}"


def _three_figures(value: float) -> str:
    """A small figure with its sign; under a millionth it is nothing."""
    return f"{value:+.{2 - math.floor(math.log10(abs(value)))}f}".replace("-", MINUS) if abs(value) >= 1e-6 else "+0.00"


def result(passed: bool, code: str) -> str:
    """How a gate ended, in a word or two."""
    return PASSING.get(code, "passed") if passed else f"NO: {code}"


def way_out(what: str, unit: str, bound: str, now: float | None, needed: float | None, then: str, quantity: float | None, setting: str) -> str:
    """One way out as a sentence: what would have had to be different, and what would have become of the setup with that alone."""
    name = f"{setting}" if what == "the limit" else what
    texts = told_apart(needed, now, unit)
    change = f"{name} {bound} {texts[0]} (it was {texts[1]})" if bound else name
    if quantity is not None:
        return f"{change}: then approved, quantity {quantity:g}"
    return f"{change}: then " + ("passed" if then == "OK" else f"the next no is {then} ({_small(sentence(then))})")


def _small(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
