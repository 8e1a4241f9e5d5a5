"""What the judges of a run did and cost, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pse.reports.view import RunView, number
from pse.reports.words import counted, money, share

FAILED_SHARE = 0.05
WHY_HELD = {
    "BUDGET": "the budget would not have sufficed", "DEADLINE": "the time was over", "TIMEOUT": "no answer came in time", "TRANSPORT": "the connection failed",
    "RATE_LIMIT": "the provider's rate limit", "SERVER": "the provider's server failed", "AUTH": "the key was refused or missing",
    "REFUSED": "the model refused", "TRUNCATED": "the answer was cut off", "BAD_REQUEST": "the provider refused the request",
    "NOT_AN_ANSWER": "the reply did not keep its contract", "ROUNDS": "it went back and forth too often",
}


def section_of(view: RunView) -> dict[str, Any] | None:
    """The figures of a judged run; None where rules decided."""
    found = view.metrics.get("judged")
    return found if isinstance(found, dict) else None


def judged_words(view: RunView) -> str:
    """One sentence or two: who was asked, what was said, what it cost; empty where rules decided."""
    m = section_of(view)
    if m is None:
        return ""
    asked = ", ".join(m["models"].values())
    tokens = m["input_tokens"] + m["output_tokens"]
    said = (f"Judged by {m['chain']} ({asked}): {_decisions(m)}, {counted(m['calls'], 'call')}, {tokens:,} tokens, {cost_words(m)}. "
            f"{said_words(m)}.")
    held = held_words(m)
    return f"{said} {held}" if held else said


def _decisions(m: dict[str, Any]) -> str:
    about = f" on {counted(m['setups'], 'setup')}" if m.get("setups", m["decisions"]) != m["decisions"] else ""
    return f"{counted(m['decisions'], 'decision')}{about}"


def said_words(m: dict[str, Any]) -> str:
    """What the models said of the setups, and how many of those that they let through a rule then refused.  A run of before knows the end alone."""
    if "said" not in m:
        return f"In the end {_counts(m['verdicts'])}" if m["verdicts"] else "No verdict"
    left = f"; {m['unsaid']:,} they left for another or said nothing of" if m["unsaid"] else ""
    said = f"The models said {_counts(m['said'])}{left}" if m["said"] else "The models said nothing of any setup"
    refused = sum(m["refused"].values())
    return f"{said}. Of those let through, rules refused {refused:,}: {_counts(m['refused'])}" if refused else said


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in found.items())


def cost_words(m: dict[str, Any]) -> str:
    """What the models cost, with what nobody knows."""
    unknown = f" and {counted(m['unknown_costs'], 'pass', 'passes')} of unknown cost" if m["unknown_costs"] else ""
    apart = f" and {m['uncharged_usd']:,.2f} USD, charged to no decision, for answers that nobody asked for" if m.get("uncharged_usd") else ""
    return f"{m['cost_usd']:,.2f} USD{apart}{unknown}"


def held_words(m: dict[str, Any]) -> str:
    """How many decisions nobody could make, and why; empty where there were none."""
    held = sum(count for outcome, count in m["outcomes"].items() if outcome != "DECIDED")
    if not held:
        return ""
    why = ", ".join(f"{count:,} {code} ({WHY_HELD.get(code, 'no answer')})" for code, count in sorted(m["held_for"].items(), key=lambda one: (-one[1], one[0])))
    return f"{counted(held, 'decision')} {'was' if held == 1 else 'were'} not made by the models: {why}."


def doubts_of(view: RunView) -> Iterator[tuple[str, str, str]]:
    """Level, title and text of what is to be doubted in a run because models judged it."""
    m = section_of(view)
    if m is None:
        return
    if m["evidence"] == "scripted":
        yield "note", "Judged by scripts", "The judges were scripts that answer like models: the run shows that the way works, not what a model would say."
    else:
        yield ("serious", "A replay, no performance",
               f"Evidence: {m['evidence']}. What {', '.join(m['models'].values())} was trained on is not known here; it may have read about these years, and a "
               f"judge that remembers is no judge. Only decisions after a model's training end can count for it.")
    held = sum(count for outcome, count in m["outcomes"].items() if outcome != "DECIDED")
    if gone := m["held_for"].get("BUDGET", 0):
        yield ("serious", "The budget ran out", f"{counted(gone, 'decision')} of {m['decisions']:,} {'was' if gone == 1 else 'were'} held because the next "
               f"call might not have stayed inside it: `budget:` of models.yaml.")
    failed = held - m["held_for"].get("BUDGET", 0)
    if failed > FAILED_SHARE * max(1, m["decisions"]):
        yield "serious", "Models failed to answer", f"{share(failed / m['decisions'])} of the decisions. {held_words(m)}"
    if m["unknown_costs"]:
        yield ("serious", "Costs unknown", f"Nobody knows what {counted(m['unknown_costs'], 'pass', 'passes')} cost, and of these the account was charged only "
               f"what is known. Either the model has no price (`usd_per_million_in` and `usd_per_million_out` of models.yaml tell it), or a try gave no reply "
               f"that tells its tokens and may be billed all the same: the provider's invoice tells.")


def _paid(cost: float) -> str:
    """Money that went, with a minus, which nothing has none of."""
    shown = f"{cost:,.2f}"
    return shown if shown == "0.00" else f"\u2212{shown}"


def cost_rows(m: dict[str, Any], currency: str) -> list[tuple[str, str, str]]:
    """What the models cost and what that leaves, for the table of costs; none where rules decided."""
    found = m.get("judged")
    if not isinstance(found, dict):
        return []
    cost, tokens = number(found.get("cost_usd")) or 0.0, found["input_tokens"] + found["output_tokens"]
    a_trade = f", {cost / m['trades']:,.2f} a trade" if m.get("trades") else ""
    unknown = f"; {counted(found['unknown_costs'], 'pass', 'passes')} of unknown cost, charged only what is known" if found["unknown_costs"] else ""
    return [("Models", f"{_paid(cost)} {currency}", f"{counted(found['calls'], 'call')}, {tokens:,} tokens{a_trade}{unknown}"),
            ("Net after models", f"{money((number(m.get('net_usd')) or 0.0) - cost)} {currency}", "what the account kept")]
