"""A walk-forward as its reports see it: what wfo.json holds, and how its verdict, parameters and figures read in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pse.reports.view import number
from pse.reports.words import MISSING, counted, in_r, interval, money, plain, share, whole
from pse.research.verdict import NAMES
from pse.store.run_tables import read_object

WFO, OPENED = "wfo.json", "holdout.json"
MEANS = {
    "INSUFFICIENT": "There is too little to judge by. Take a longer window or a desk that trades more often before reading anything into the figures below.",
    "OVERFIT": "What was found looks like the luckiest of many tries and not like an edge. Nothing here is a reason to trade it.",
    "UNPROVEN": "It may be an edge and it may be luck: at least one clause did not hold. It is not enough to risk money on.",
    "CREDIBLE": "Every clause held. That is the most that history can say: it is no promise, and costs, fills and markets may still be others tomorrow.",
}
TONES = {"CREDIBLE": "gain", "OVERFIT": "loss", "INSUFFICIENT": "warn", "UNPROVEN": "warn"}
PASSED = {True: "held", False: "failed", None: "not known"}
MARKS = {"held": "held", "failed": "failed"}
SCHEMES = {"rolling": "rolling: the train window has one length and moves on", "anchored": "anchored: every train window begins at the first session",
           "cpcv": "combinatorial: groups of sessions take turns in being tested, trained on all others"}
OBJECTIVES = {"sharpe": "Sharpe", "sortino": "Sortino", "calmar": "Calmar", "expectancy_r": "expectancy in R", "profit_factor": "profit factor", "net": "net"}
SHARES = {"win_rate", "max_drawdown", "total_return"}
MONEY = {"net", "net_usd", "capital_usd"}
WHOLE = {"trades", "sessions", "draws", "splits", "count"}
NEUTRAL = {"profit_factor": 1.0}                             # of an objective: the value at which nothing is won or lost; 0 of any other


@dataclass(frozen=True, eq=False)
class Walk:
    """The document of a walk-forward, with the manifest of its run where that was read."""

    wfo: dict[str, Any]
    manifest: dict[str, Any]
    opened: dict[str, Any] = field(default_factory=dict)       # what the sealed end of the window showed, where somebody opened it

    @property
    def run_id(self) -> str:
        return str(self.wfo.get("run_id") or self.manifest.get("run_id") or "")

    @property
    def title(self) -> str:
        """Symbols, desk and window, as a heading."""
        window = self.wfo.get("window") or {}
        return f"{', '.join(map(str, self.wfo.get('symbols') or []))} · {self.wfo.get('desk', '')} · walk-forward · {from_to(window)}"

    @property
    def currency(self) -> str:
        return str(self.wfo.get("currency") or "USD")

    @property
    def court(self) -> dict[str, Any]:
        return self.wfo.get("court") or {}

    @property
    def verdict(self) -> str:
        return str(self.court.get("verdict") or "UNPROVEN")

    @property
    def folds(self) -> list[dict[str, Any]]:
        return self.wfo.get("folds") or []

    @property
    def candidates(self) -> list[dict[str, Any]]:
        return self.wfo.get("candidates") or []

    @property
    def stitched(self) -> dict[str, Any]:
        return self.wfo.get("stitched") or {}

    @property
    def chose_nobody(self) -> bool:
        """Whether nothing may be chosen over the whole searched window; the desk's own configuration then stands in for it."""
        return bool((self.wfo.get("chosen") or {}).get("nobody"))

    @property
    def chosen(self) -> dict[str, Any]:
        """Parameters of the configuration that the procedure would trade now."""
        return (self.wfo.get("chosen") or {}).get("params") or {}

    @property
    def own(self) -> dict[str, Any]:
        """Parameters as the desk has them: the first configuration of every search."""
        return self.candidates[0]["params"] if self.candidates else {}

    @property
    def objective(self) -> str:
        return str(self.wfo.get("objective") or "sharpe")

    @property
    def objective_name(self) -> str:
        return OBJECTIVES.get(self.objective, self.objective)

    def label(self, key: str) -> str:
        """A parameter's name, short where no other has the same."""
        short = {str(p["key"]): str(p.get("label") or p["key"]) for p in self.wfo.get("parameters") or []}
        name = short.get(key) or key.rpartition(".")[2].replace("_", " ")
        return name if list(short.values()).count(name) < 2 else key

    @property
    def keys(self) -> list[str]:
        """The keys that were searched, in their order, then any other that a configuration names."""
        known = [str(p["key"]) for p in self.wfo.get("parameters") or []]
        return known + sorted({key for one in (self.chosen, self.own) for key in one} - set(known))

    def scores(self, fold: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """The objective of a fold's chosen configuration in sample and out of sample."""
        if fold.get("chosen") is None:
            return None, None
        name = "net_usd" if self.objective == "net" else self.objective
        inside, outside = (number((fold.get(part) or {}).get(name)) for part in ("in_sample", "out_of_sample"))
        if inside is not None or outside is not None:
            return inside, outside
        place = self.folds.index(fold)                       # type: ignore[arg-type]
        found = next((one for one in self.candidates if fold["number"] in (one.get("chosen_in") or [])), None)
        return (None, None) if found is None else (score_in(found, "train", place), score_in(found, "test", place))

    def score(self, value: Any) -> str:
        """A value of the objective as text."""
        return told(self.objective, value)


def read_walk(folder: Path) -> Walk:
    """The walk-forward in a run's folder; `DamagedTable` where a file is missing or no JSON object."""
    opened = read_object(folder / OPENED) if (folder / OPENED).is_file() else {}
    return Walk(read_object(folder / WFO), read_object(folder / "manifest.json"), opened)


def score_in(candidate: Mapping[str, Any], part: str, place: int) -> float | None:
    """A configuration's objective in the train or test window of the fold at `place`."""
    found = (candidate.get("objective") or {}).get(part) or []
    return number(found[place]) if place < len(found) else None


def whole_score(candidate: Mapping[str, Any]) -> float | None:
    """A configuration's objective over the whole searched window."""
    return number((candidate.get("objective") or {}).get("whole"))


# --- words -----------------------------------------------------------------------------------------------------------------------------------------


def from_to(span: Mapping[str, Any]) -> str:
    start, end = (str(span.get(key) or "")[:10] for key in ("start", "end"))
    return f"{start or 'first bar'} to {end or 'last bar'}"


def told(name: str, value: Any) -> str:
    """A figure as text, in the unit that its name has."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(told(name, one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {told(str(key), one)}" for key, one in value.items())
    if name in SHARES:
        return share(value)
    if name == "mean":
        return share(value, 3)
    if name in MONEY:
        return money(value)
    if name.endswith("_r"):
        return in_r(value)
    if isinstance(value, int) or name in WHOLE or name.endswith("_sessions"):
        return whole(value)
    return plain(value, 2 if abs(value) >= 10.0 or name in OBJECTIVES or "sharpe" in name or name.endswith(("years", "effective")) else 3)


def bounds_told(name: str, bounds: Any) -> str:
    return interval(bounds, lambda value: told(name, value))


def setting(value: Any) -> str:
    """The value of a parameter as somebody would write it into the settings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def listed(walk: Walk, params: Mapping[str, Any] | None) -> str:
    """`breakeven at r 1.5, swing 3`."""
    if params is None:
        return "none"
    order = [key for key in walk.keys if key in params] + sorted(set(params) - set(walk.keys))
    return ", ".join(f"{walk.label(key)} {setting(params[key])}" for key in order)


def command(walk: Walk) -> list[str]:
    """The parts of a command line that runs what was chosen over the searched window; none where the run did not note its settings."""
    sets, searched = (walk.wfo.get("chosen") or {}).get("set") or [], walk.wfo.get("searched") or {}
    symbols = [str(one) for one in walk.wfo.get("symbols") or []]
    if not sets or walk.chose_nobody:
        return []
    whose = [f"--desk {shlex.quote(str(walk.wfo.get('desk')))}"] + [f"--symbol {shlex.quote(symbols[0])}"] * (len(symbols) == 1)
    window = [f"--{key} {shlex.quote(str(searched[key]))}" for key in ("start", "end") if searched.get(key)]
    return ["pse backtest", *whose, *window, *(f"--set {shlex.quote(str(one))}" for one in sets)]


def clauses(walk: Walk) -> list[dict[str, Any]]:
    """Each clause in words: what it is, whether it held, measured against needed, of which series; the one that decided is marked."""
    decided = (walk.court.get("clause") or {}).get("code")
    return [_clause(clause, clause.get("code") == decided) for clause in walk.court.get("clauses") or []]


def _clause(clause: Mapping[str, Any], decided: bool) -> dict[str, Any]:
    code, series, text = (str(clause.get(key) or "") for key in ("code", "series", "text"))
    passed = PASSED[clause.get("passed")] if clause.get("applies", True) else "does not apply"
    needed = told("", clause.get("needed")).replace(">=", "\u2265").replace("<=", "\u2264")
    return {"code": code, "name": clause_name(code), "passed": passed, "mark": MARKS.get(passed, "unknown"), "measured": told("", clause.get("measured")),
            "needed": needed, "series": series, "text": text, "decided": decided}


def clause_name(code: str) -> str:
    return NAMES.get(code, code.replace("_", " "))


def decision(walk: Walk) -> str:
    """The sentence of the clause that decided."""
    clause = walk.court.get("clause") or {}
    if clause.get("code") == "all":
        return "Every clause holds."
    name = clause_name(str(clause.get("code") or ""))
    return f"Decided by the clause “{name}”: {clause.get('text') or ''}".strip() if name else str(clause.get("text") or "")


def counts(walk: Walk) -> str:
    """How many clauses held, and which did not."""
    rows = clauses(walk)
    said = [f"{len([r for r in rows if r['passed'] == 'held'])} of {counted(len(rows), 'clause')} held"]
    for word in ("failed", "not known"):
        names = [row["name"] for row in rows if row["passed"] == word]
        said += [f"{word}: {', '.join(names)}"] if names else []
    return "; ".join(said) + "."


def tries(walk: Walk) -> str:
    """How many configurations were tried here, and how many the court counts."""
    here, counted_ = walk.wfo.get("trials"), walk.wfo.get("ledger_trials")
    said = f"{counted(int(here or 0), 'configuration')} tried here"
    if counted_ is None:
        return said + "."
    whose = "a count that a user raised" if walk.wfo.get("raised") else "the count of the trial ledger for these symbols and this window"
    return f"{said}; the court counts {whole(counted_)}, {whose}."


def own_words(walk: Walk) -> str:
    """Whether the desk as it is did better out of sample than what was chosen anew in each fold; "" where that is not known."""
    figures, own = ((walk.stitched if part is None else walk.stitched.get(part) or {}).get("figures") or {} for part in (None, "own"))
    ours, theirs = number(figures.get("sharpe")), number(own.get("sharpe"))
    if ours is None or theirs is None:
        return ""
    word = "better" if theirs > ours else "worse" if theirs < ours else "as well"
    return (f"The desk's own settings did {word} out of sample: Sharpe {plain(theirs)} against {plain(ours)}, net {money(own.get('net_usd'))} against "
            f"{money(figures.get('net_usd'))} {walk.currency}.")


def choice_words(walk: Walk) -> str:
    """What speaks against the configuration that is chosen on the whole window: no fold chose it, or it lost where it was chosen."""
    if not walk.chosen:
        return ""
    said = ["No fold chose this configuration."] if all(fold.get("chosen") != walk.chosen for fold in walk.folds) else []
    found = next((one for one in walk.candidates if one.get("params") == walk.chosen), {})
    level = NEUTRAL.get(walk.objective, 0.0)
    for name, value, least in ((walk.objective_name, whole_score(found), level), ("Sharpe", number((found.get("whole") or {}).get("sharpe")), 0.0)):
        if value is not None and value < least:
            said.append(f"Its {name} there is {plain(value)}, below {plain(least, 0)}: even with the window in sight it lost.")
            break
    return " ".join(said)


def notes(walk: Walk) -> Iterator[str]:
    """What the court adds; what stands beside the picture of the PBO is not told twice."""
    told_there = (walk.court.get("pbo") or {}).get("note")
    yield from (str(note) for note in walk.court.get("notes") or [] if note != told_there)
