"""Gates as text: what was measured against what is allowed in its unit, and ways out as sentences; for terminal and page."""

from __future__ import annotations

from pse.reports.reasons import sentence
from pse.reports.refused import STATES, apart, said
from pse.reports.words import MISSING, in_r, money, plain, share
from pse.risk.gate_words import PASSING, RATIO, SHARE, STATE, YES, R, reason_of

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
    first, second = (number(value, words.kind) for value in (measured, allowed))
    if first == second and measured != allowed and measured is not None and allowed is not None:
        first, second = apart(measured, allowed)
    return first, f"{words.allows} {second}" if second != MISSING else MISSING


def number(value: float | None, kind: str) -> str:
    """A figure in its unit."""
    if value is None:
        return MISSING
    if kind == SHARE:
        return share(value, 2 if abs(value) < SMALL_SHARE else 1)
    if kind == "money":
        return money(value)
    if kind == R:
        return in_r(value)
    if kind in (RATIO, ""):
        return plain(value, 3).rstrip("0").rstrip(".") if kind == RATIO else plain(value, 0)
    text = plain(value).rstrip("0").rstrip(".")
    return f"{text} {kind}"


def result(passed: bool, code: str) -> str:
    """How a gate ended, in a word or two."""
    return PASSING.get(code, "passed") if passed else f"NO: {code}"


def way_out(what: str, unit: str, bound: str, now: float | None, needed: float | None, then: str, quantity: float | None, setting: str) -> str:
    """One way out as a sentence: what would have had to be different, and what would have become of the setup with that alone."""
    name = f"{setting}" if what == "the limit" else what
    change = f"{name} {bound} {number(needed, unit)} (it was {number(now, unit)})" if bound else name
    if quantity is not None:
        return f"{change}: then approved, quantity {quantity:g}"
    return f"{change}: then " + ("passed" if then == "OK" else f"the next no is {then} ({_small(sentence(then))})")


def _small(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
