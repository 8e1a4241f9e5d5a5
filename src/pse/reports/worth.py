"""What the judges of a run were worth, as texts for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pse.reports.judged import section_of
from pse.reports.view import RunView
from pse.reports.words import MISSING, counted, in_r, interval, money, share
from pse.store.run_tables import read_worth
from pse.store.runs import WORTH

COLUMNS = ("", "Setups", "Turned down", "Rate", "Of those losers", "Worth each", "95 %", "At random", "Skill", "95 %")
PARTS = (("by_role", "Who said no"), ("by_vetoer", "Who said no first"), ("by_flag", "Flags"), ("by_regime", "Market state"), ("by_model", "Model"),
         ("by_tactic", "Tactic"))
MATRIX = ("Signal", "Risk", "Executive", "Setups", "Taken", "Alone, mean", "Alone, total", "Worth")
NOTE = ("A veto is worth what its setup would have lost: each was traded alone through the same engine, with the same fills, costs and exits, on an account "
        "that held nothing else. Skill is what vetoes were worth above as many vetoes at random among the same setups; where its interval holds 0, chance "
        "explains it, and where every setup was turned down nothing can tell. Where no pass said no and nothing was taken all the same, the chain did.")


def page_part(view: RunView) -> dict[str, Any]:
    """The section of the page: tables as texts; a hint for a judged run whose vetoes nobody has priced; nothing for a run by rules."""
    if section_of(view) is None:
        return {}
    if not (view.folder / WORTH).is_file():
        return {"hint": f"pse decisions overrides {view.run_id}"}
    found = read_worth(view.folder)
    return {"hint": "", "note": NOTE, "lines": lines(found), "columns": COLUMNS, "rows": [("All", *_texts(found["worth"]["all"]))],
            "parts": [(title, table(found["worth"][key])) for key, title in PARTS if found["worth"].get(key)], "matrix_columns": MATRIX,
            "matrix": matrix(found["worth"]["matrix"])}


def lines(found: Mapping[str, Any]) -> list[str]:
    """What the judge came to, in sentences."""
    account, whole, edits, portfolio = found["account"], found["worth"]["all"], found["worth"]["edits"], found["portfolio"]
    told = [f"Judged: {money(account['judged_usd'])} from {counted(account['judged_trades'], 'trade')}, of which the judge cost "
            f"{money(account['judge_cost_usd'])}. Rules alone over the same window: {money(account['rules_usd'])} from "
            f"{counted(account['rules_trades'], 'trade')}."]
    if whole["vetoes"]:
        told.append(f"{counted(whole['vetoes'], 'setup was', 'setups were')} turned down, worth {in_r(whole['mean_r'])} each, {in_r(whole['total_r'])} in all; "
                    f"at random it would have been {in_r(whole['random_r'])} each.")
    if edits["edits"]:
        told.append(f"{counted(edits['edits'], 'setup was', 'setups were')} made smaller or tighter, worth {in_r(edits['mean_r'])} each.")
    if portfolio["lived"]:
        rest = "" if portfolio["lived"] == portfolio["of"] else f" (the first {portfolio['lived']:,} of {portfolio['of']:,})"
        unasked = portfolio.get("not_told", 0)
        told.append(f"Of every veto and edit{rest} the run was also lived without it, all limits of the account in force." +
                    (f" {unasked:,} of these lives came to questions that nobody was asked; what that word did to the account is not told." if unasked else ""))
    if found["worth"]["unpriced"]:
        told.append(f"{counted(found['worth']['unpriced'], 'setup')} could not be priced: no side was proposed, or a gate refuses it even alone.")
    return told


def table(groups: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """One row a group."""
    return [(name, *_texts(one)) for name, one in groups.items()]


def _texts(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"{one['setups']:,}", f"{one['vetoes']:,}", share(one["veto_rate"], 0), share(one["precision"], 0), in_r(one["mean_r"]),
            interval(one["interval"], in_r) or MISSING, in_r(one["random_r"]), in_r(one["skill_r"]), interval(one["skill_interval"], in_r) or MISSING)


def matrix(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(str(row["signal"]), str(row["risk"]), str(row["executive"]), f"{row['setups']:,}", f"{row['taken']:,}", in_r(row["shadow_mean_r"]),
             in_r(row["shadow_total_r"]), in_r(row["value_r"])) for row in rows]
