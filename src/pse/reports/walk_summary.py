"""The end of a walk-forward in the terminal: the verdict and the clause that decided it, the folds, what the procedure would trade now, where the files are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pse.reports.walk import MEANS, Walk, bounds_told, choice_words, clauses, command, counts, decision, listed, own_words, setting, told, tries
from pse.reports.words import MISSING

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"CREDIBLE": "bold green", "OVERFIT": "bold red"}
MOST_FOLDS = 40


def show_walkforward(console: Console, wfo: Mapping[str, Any], places: Mapping[str, object] | None = None) -> None:
    """Print what a walk-forward came to.  `wfo`: the document wfo.json.  `places`: what was written where, by name."""
    from rich.text import Text

    walk = Walk(dict(wfo), {})
    console.print(Text(walk.title + (" · SYNTHETIC DATA" if wfo.get("synthetic") else ""), style="bold"))
    console.print(Text(walk.verdict, style=COLOURS.get(walk.verdict, "bold yellow")).append(f": {MEANS.get(walk.verdict, '')}", style="not bold default"))
    console.print(Text(decision(walk)))
    for row in clauses(walk):
        if row["decided"]:
            console.print(Text(f"Measured {row['measured']}, needed {row['needed']} ({row['series']}).", style="dim"))
    console.print(Text(counts(walk), style="dim"))
    _folds(console, walk)
    console.print(Text(stitched_words(walk)))
    for said in (own_words(walk), str((walk.court.get("random_entries") or {}).get("text") or "")):
        if said:
            console.print(Text(said))
    console.print(Text(tries(walk), style="dim"))
    _chosen(console, walk)
    for name, place in (places or {}).items():
        console.print(Text(f"{name}: ", style="dim").append(str(place), style="default"), soft_wrap=True)


def stitched_words(walk: Walk) -> str:
    """The figures of the out-of-sample windows one after the other."""
    figures = walk.stitched.get("figures") or {}
    sharpe = bounds_told("sharpe", (walk.court.get("bootstrap") or {}).get("sharpe"))
    said = [f"Sharpe {told('sharpe', figures.get('sharpe'))}" + (f" (95 %: {sharpe})" if sharpe else ""),
            f"net {told('net', figures.get('net_usd'))} {walk.currency}",
            f"largest drawdown {told('max_drawdown', figures.get('max_drawdown'))}", f"{told('trades', figures.get('trades'))} trades"]
    return f"Out of sample, the test windows one after the other: {', '.join(said)}."


def _folds(console: Console, walk: Walk) -> None:
    """One line a fold; under 80 columns as running text."""
    from rich.table import Table
    from rich.text import Text

    shown = walk.folds[:MOST_FOLDS]
    if console.width < 80:
        for fold in shown:
            inside, outside = (walk.score(value) for value in walk.scores(fold))
            console.print(Text(f"fold {fold['number']}, {_tested(fold)}: in {inside}, out {outside}, {listed(walk, fold.get('chosen'))}"))
        return
    keys = walk.keys
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("fold", "tested on", "in", "out", "rank", "trades", "net", "chosen"):
        table.add_column(title, justify="left" if title in ("tested on", "chosen") else "right", no_wrap=title != "chosen", overflow="fold")
    for fold in shown:
        inside, outside = (walk.score(value) for value in walk.scores(fold))
        found = fold.get("out_of_sample") or {}
        net = found.get("net_usd")
        table.add_row(str(fold["number"]), _tested(fold), inside, outside, rank(fold), told("trades", found.get("trades")),
                      Text(told("net", net), style="green" if (net or 0) > 0 else "red" if (net or 0) < 0 else ""), Text(_values(keys, fold)))
    console.print(table)
    said = f"in, out: {walk.objective_name} in sample and out of sample; rank: out of sample, of all configurations"
    console.print(Text(f"{said}; chosen: {', '.join(map(walk.label, keys))}.", style="dim"))
    if len(walk.folds) > MOST_FOLDS:
        console.print(Text(f"The first {MOST_FOLDS} of {len(walk.folds)} folds; the report has all.", style="dim"))


def _tested(fold: Mapping[str, Any]) -> str:
    tests = fold.get("test") or []
    first = f"{str(tests[0].get('start'))[:10]} to {str(tests[0].get('end'))[:10]}" if tests else MISSING
    return first + (f" and {len(tests) - 1} more" if len(tests) > 1 else "")


def rank(fold: Mapping[str, Any]) -> str:
    found = fold.get("rank_out_of_sample")
    return f"{found[0]} of {found[1]}" if found else MISSING


def _values(keys: list[str], fold: Mapping[str, Any]) -> str:
    """The values of what was chosen, in the order of `keys`; or why nothing was."""
    params = fold.get("chosen")
    return " ".join(setting(params[key]) for key in keys if key in params) if params else str(fold.get("note") or "nothing")


def _chosen(console: Console, walk: Walk) -> None:
    from rich.text import Text

    if walk.chose_nobody:
        console.print(Text(f"The same procedure chooses nothing on the whole searched window: {walk.wfo['chosen'].get('why')}."))
        return
    console.print(Text("What the same procedure chooses on the whole searched window (the folds test the procedure, not this choice):"))
    for key in walk.keys:
        if key in walk.chosen:
            own = f"   the desk has {setting(walk.own[key])}" if key in walk.own and walk.own[key] != walk.chosen[key] else ""
            console.print(Text(f"  {key} = {setting(walk.chosen[key])}").append(own, style="dim"))
    if said := choice_words(walk):
        console.print(Text(said))
    if found := command(walk):
        console.print(Text("as an ordinary run: ", style="dim").append(" ".join(found), style="default"), soft_wrap=True)
