"""The answers of `pse decisions whatif`, `overrides`, `evaluate` and `ablate` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pse.commands.grids import show_tables
from pse.commands.wiring import say as _say
from pse.reports.words import MISSING, counted, in_r, interval, money, plain, share
from pse.reports.worth import COLUMNS, MATRIX, NOTE, PARTS, lines, matrix, table

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 20
ARMS = {"rules": "rules alone", "judge": "judge", "shuffled": "its verdicts shuffled", "random_veto": "vetoes at random"}


def show_overrides(console: Console, data: Mapping[str, Any]) -> None:
    """What the judge was worth, by who, why and when, and the setups where its word weighed most."""
    for line in lines(data):
        _say(console, line)
    right = [False] + [True] * (len(COLUMNS) - 1)
    show_tables(console, COLUMNS, table({"all": data["worth"]["all"]}), right)
    for key, title in PARTS:
        if data["worth"][key]:
            _say(console, f"\n{title}", "bold")
            show_tables(console, COLUMNS, table(data["worth"][key]), right)
    _say(console, "\nSignal x Risk x Executive", "bold")
    show_tables(console, MATRIX, matrix(data["worth"]["matrix"]), [False] * 3 + [True] * 5)
    own = [one for one in data["setups"] if one["outcome"] in ("VETOED", "MODIFIED")]
    heavy = sorted(own, key=lambda one: -abs(one["value_r"] or 0.0))[:MOST_SHOWN]
    if heavy:
        _say(console, f"\nWhere its word weighed most ({len(heavy)} of {len(own)})", "bold")
        rows = [(one["setup_id"][:8], one["at"], one["symbol"], one["direction"], one["outcome"], one["by"] or MISSING, in_r(one["shadow"]["r"]),
                 one["shadow"]["ended"] or one["shadow"]["status"], in_r(one["value_r"]), money(one["portfolio_usd"])) for one in heavy]
        show_tables(console, ("Setup", "At", "Symbol", "Side", "Became", "By", "Alone", "Ended", "Worth", f"Account, {data['currency']}"), rows,
                    [False] * 6 + [True, False, True, True])
    _say(console, f"\n{NOTE}", "dim")


def show_whatif(console: Console, data: Mapping[str, Any]) -> None:
    """The difference of one verdict, trade by trade."""
    setup, verdict, currency = data["setup"], data["verdict"], data["currency"]
    edits = [f"{name.replace('_', ' ')} {verdict[name]:g}" for name in ("size_factor", "stop", "target") if verdict[name] not in (None, 1.0)]
    _say(console, f"{setup['symbol']} · {setup['tactic']} · {setup['at']} · setup {setup['setup_id'][:8]}: it was {setup['then']} ({setup['then_reason']}); "
                  f"what if {verdict['word']}{' with ' + ', '.join(edits) if edits else ''}", "bold")
    sums = [(name, f"{one['trades']:,}", in_r(one["total_r"]), money(one["net_usd"])) for name, one in (("then", data["then"]), ("what if", data["whatif"]))]
    show_tables(console, ("", "Trades", "Total", f"Net, {currency}"), sums, [False, True, True, True])
    _say(console, f"difference {money(data['more_usd'])} {currency}, {in_r(data['more_r'])}", "green" if data["more_usd"] > 0.0 else "")
    rows = [(one["setup_id"][:8], one["at"], one["symbol"], *_trade(one["then"]), *_trade(one["whatif"]), money(one["more_usd"])) for one in data["trades"]]
    if rows:
        show_tables(console, ("Setup", "Decided", "Symbol", "Then", "Net", "What if", "Net", "Difference"), rows,
                    [False, False, False, False, True, False, True, True])
    else:
        _say(console, "No trade is another.")
    if data["not_asked_then"]:
        _say(console, f"{counted(data['not_asked_then'], 'question')} came up that nobody was asked in the run; they were held", "dim")


def _trade(one: Mapping[str, Any] | None) -> tuple[str, str]:
    return (MISSING, MISSING) if one is None else (f"{one['quantity']:g}, {one['exit_reason']}, {in_r(one['r'])}", money(one["net_usd"]))


def show_ablated(console: Console, data: Mapping[str, Any]) -> None:
    """The four arms beside one another."""
    rows = [(ARMS[name], f"{one['draws']:,}", plain(one["trades"], 0 if one["draws"] == 1 else 1), in_r(one["total_r"]), interval(one["interval_r"], in_r) or
             MISSING, money(one["cost"]), money(one["net"]), interval(one["interval_net"], money) or MISSING) for name, one in data["arms"].items()]
    show_tables(console, ("", "Draws", "Trades", "Total", "95 %", "Judge's cost", f"Net, {data['currency']}", "95 %"), rows, [False] + [True] * 7)
    _say(console, f"{counted(data['questions'], 'question')}, of which the judge let none of the candidates through in {data['refused']:,}")
    for line in data["said"]:
        _say(console, line)


def _after(horizon: str) -> str:
    """The name of a horizon in words."""
    count, _, rest = horizon.partition("_")
    return counted(int(count), "bar") if count.isdigit() else f"{count} {rest}"


def show_evaluated(console: Console, data: Mapping[str, Any]) -> None:
    """What the market did after the decisions, a row a horizon, and what a model says of it where one was asked."""
    names = ("good", "bad", "neutral", "missed_upside", "avoided_downside", "not_matured")
    rows = [(_after(row["horizon"]), *(f"{row[name]:,}" for name in names), in_r(row["taken_mean_r"]), in_r(row["refused_mean_r"]),
             share(row["right_share"], 0)) for row in data["table"]]
    show_tables(console, ("After", "Good", "Bad", "Neutral", "Missed", "Avoided", "Not matured", "Taken, mean", "Refused, mean", "Right"), rows,
                [False] + [True] * 9)
    _say(console, f"Of {counted(len(data['decisions']), 'decision')}; moves in R of the setup from the close of its decision, without stop, fill or costs. "
                  f"Neutral: within 0.25 R.", "dim")
    if data["no_side"]:
        _say(console, f"{counted(data['no_side'], 'setup')} without a side are left out", "dim")
    review = data.get("review")
    if review:
        _say(console, f"\nReview by {review['model']} (its words, checked by nobody)", "bold")
        for line in review["lines"]:
            _say(console, f"  {line}")
