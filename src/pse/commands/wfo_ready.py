"""Everything that a walk-forward stands on before it measures anything: the bars and their warm-up, the cuts, the space and the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from pse.clock import iso
from pse.commands.inputs import Inputs, bars_of, gather
from pse.commands.sources import code
from pse.commands.wfo_search import Walk
from pse.commands.wiring import Context
from pse.commands.work import place_of
from pse.domain.bars import Bars
from pse.domain.errors import RequestError
from pse.domain.manifest import Manifest
from pse.domain.trials import Measured
from pse.engine.memory import memory_sessions
from pse.engine.objective import objective
from pse.engine.varied import space_of
from pse.research.folds import BadFolds, FoldPlan, fold_plan
from pse.settings import SearchPolicy, Settings, search_policy
from pse.store.appended import NONE_STORED
from pse.store.searches import search_name
from pse.store.snapshots import load as load_snapshot

MOST_WARM_UP = 1 / 3                             # of the stored sessions; a longer one would leave the search little to look at


@dataclass(frozen=True, eq=False)
class Ready:
    """What decides a search.  `inputs`: of the whole window; `inner`: of the part that is searched, so that the sealed rest is not there to be looked at.
    `name`: the hash of all of it.  `source`: hash of the user's own objective, None without one."""

    inputs: Inputs
    inner: Inputs
    policy: SearchPolicy
    walk: Walk
    per_year: float
    source: str | None
    folds_asked: int
    holdout_sessions: int

    @property
    def window(self) -> tuple[int, int]:
        """What is searched, as the ledger counts it: ns UTC."""
        span = self.walk.plan.searched
        return span.start_ns, span.end_ns

    @property
    def most(self) -> int:
        """How many configurations are tried at most; of `tpe` each fold has so many of its own."""
        size, trials = self.walk.space.size, self.policy.trials
        each = trials if size is None else min(trials, size + 1)
        return each * (len(self.walk.plan.folds) if self.walk.own_draws else 1)

    def size_words(self) -> str:
        """What is about to be searched, in a line."""
        plan, space = self.walk.plan, self.walk.space
        points = f" of {space.size:,} points" if space.size is not None else ""
        sealed = f", {self.holdout_sessions} sealed behind them" if self.holdout_sessions else ""
        embargo = f" with {plan.embargo_sessions} sessions left out behind each test" if plan.scheme == "cpcv" and plan.embargo_sessions else ""
        return (f"searching up to {self.most:,} configurations{points} by {self.policy.method} in {len(plan.folds)} {plan.scheme} folds over "
                f"{plan.sessions(plan.searched):,} sessions{embargo}{sealed}, for the best {self.policy.objective}")

    @property
    def name(self) -> str:
        walk = self.walk
        return search_name({"place": walk.place.key, "policy": policy_data(self.policy), "folds": self.folds_asked, "seed": walk.seed, "objective": self.source,
                            "code": code()})


def policy_data(policy: SearchPolicy) -> dict[str, Any]:
    """The search as a manifest keeps it; `policy_from` gives it back.  Parameters in pairs: their order decides what is drawn, and a document has none."""
    found = policy.model_dump(mode="json")
    return found | {"parameters": [[key, levels] for key, levels in found["parameters"].items()]}


def policy_from(kept: Mapping[str, Any]) -> SearchPolicy:
    """What `policy_data` made."""
    return SearchPolicy.model_validate({**kept, "parameters": dict(kept["parameters"])})


def asked_policy(policy: SearchPolicy, given: Mapping[str, Any]) -> SearchPolicy:
    """The search with what flags asked for.  Raises `RequestError` naming the flag."""
    given = {name: value for name, value in given.items() if value is not None}
    try:
        checked = SearchPolicy.model_validate(policy.model_dump(mode="json") | given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "search"
        said = str(first["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
        meaning = (SearchPolicy.model_fields[name].description or "") if name in SearchPolicy.model_fields and first["type"] != "value_error" else ""
        raise RequestError(f"--{name.replace('_', '-')} {given.get(name, '')}: {said}{f' ({meaning}); change the value' if meaning else ''}") from error
    return policy.model_copy(update={name: getattr(checked, name) for name in given})


def gathered(context: Context, settings: Settings, symbols: tuple[str, ...], window: tuple[int | None, int | None], policy: SearchPolicy, folds: int) -> Inputs:
    """The bars of the window, ns UTC.  Without a start it begins once the desk's warm-up is behind it; where that takes more than a third of what is stored, or
    leaves too few sessions for the folds, once what its features remember is.  Raises `RequestError` where the first fold would begin without that."""
    inputs = gather(context, settings, symbols, *window)
    known = inputs if window[0] is None else gather(_silent(context), settings, symbols, None, window[1])
    bars = _longest(known.bars)
    stored = np.unique(bars.session)
    opens = bars.sessions.open_ns[stored]
    needed, wanted = memory_sessions(inputs.plan, _decisions_a_session(inputs.plan.decision_timeframe, bars)), inputs.plan.warmup_sessions
    begin = 0
    if window[0] is None:
        starts = (wanted, needed) if wanted <= stored.size * MOST_WARM_UP else (needed,)
        carrying = (first for first in starts if first < stored.size and _carries(known, int(opens[first]), policy, folds))
        begin = next(carrying, min(needed, stored.size))
    had = begin if window[0] is None else int((opens < inputs.start_ns).sum())
    if had < needed or (window[0] is None and begin >= stored.size):
        raise RequestError(_no_warm_up(inputs, bars, opens, needed, had, window[0]))
    if had < wanted:
        context.warn(f"{had} sessions of {bars.symbol} are stored before the first fold, and the desk {inputs.plan.name} would read {wanted} "
                     f"(warmup_sessions); its features need {needed} to speak, and those that remember longer speak later")
    if window[0] is not None or not begin:
        return inputs
    context.note(f"the first {begin} sessions warm up the desk; the window begins on {iso(int(opens[begin]))[:10]}")
    return gather(_silent(context), settings, symbols, int(opens[begin]), window[1])


def _silent(context: Context) -> Context:
    return replace(context, quiet=True, warnings=[])


def _carries(inputs: Inputs, start_ns: int, policy: SearchPolicy, folds: int) -> bool:
    """Whether the window from there on carries the folds."""
    try:
        _cut(replace(inputs, start_ns=start_ns), policy, folds)
    except BadFolds:
        return False
    return True


def _no_warm_up(inputs: Inputs, bars: Bars, opens: np.ndarray, needed: int, had: int, start_ns: int | None) -> str:
    """What is missing before the first fold, and what would do."""
    name = inputs.plan.name
    said = f"the features of the desk {name} need {needed} sessions before they speak"
    if start_ns is None or opens.size <= needed:
        return f"{said}, and {opens.size} sessions of {bars.symbol} are stored in all, so no fold has its warm-up; ingest more"
    return (f"{said}, and {had} are stored before --start {iso(start_ns)[:10]}, so the first fold has no warm-up; the first --start that would do is "
            f"{iso(int(opens[needed]))}, or leave --start out")


def _decisions_a_session(timeframe: str, bars: Bars) -> int:
    """Decision bars of a session, on average; at least 1."""
    return max(1, round(bars_of(bars, timeframe) / max(1, np.unique(bars.session).size)))


def _longest(bars: tuple[Bars, ...]) -> Bars:
    """The symbol with the most sessions, by whose calendar the window is cut."""
    return max(bars, key=lambda one: np.unique(one.session).size)


def pinned(context: Context, manifest: Manifest) -> Inputs:
    """The bars that an earlier walk-forward ran on."""
    settings = Settings.from_tree(manifest.settings, context.home.root)
    return gather(context, settings, manifest.symbols, manifest.start_ns, manifest.end_ns, load_snapshot(context.home, manifest.snapshot),
                  manifest.tables.get("news", NONE_STORED), actions_at=manifest.tables.get("actions", NONE_STORED))


def ready(context: Context, inputs: Inputs, policy: SearchPolicy, folds: int) -> Ready:
    """Cuts the window and opens the space.  Raises `RequestError` where these do not go together."""
    plan, holdout = _cut(inputs, policy, folds)
    space = space_of(inputs.settings, inputs.plan, policy)
    wanted = objective(policy, context.home.root)
    per_year = 365.0 if any(one.calendar == "24/7" for one in inputs.plan.instruments) else 252.0
    inner = replace(inputs, end_ns=plan.searched.end_ns)

    def score(measured: Measured) -> float | None:
        return wanted(measured, per_year)

    walk = Walk(place_of(inner, context), space, policy, plan, inputs.settings.seed, score)
    return Ready(inputs, inner, policy, walk, per_year, wanted.sha256, folds, holdout)


def _cut(inputs: Inputs, policy: SearchPolicy, folds: int) -> tuple[FoldPlan, int]:
    """The folds, and how many sessions are sealed."""
    bars = _longest(inputs.bars)
    within = bars.between(inputs.start_ns, inputs.end_ns)
    days = np.unique(within.session)
    dates, opens, closes = (getattr(bars.sessions, name)[days] for name in ("session_date", "open_ns", "close_ns"))
    if days.size:                                                # a session that the window cuts counts with what is left of it
        opens, closes = opens.copy(), closes.copy()
        opens[0], closes[-1] = max(int(opens[0]), inputs.start_ns), min(int(closes[-1]), inputs.end_ns)
    a_session = _decisions_a_session(inputs.plan.decision_timeframe, within)
    plan = fold_plan(dates, opens, closes, folds, scheme=policy.scheme, train=policy.train, holdout=policy.holdout, embargo_sessions=policy.embargo_sessions,
                     memory_sessions=memory_sessions(inputs.plan, a_session), groups=policy.groups, test_groups=policy.test_groups)
    return plan, int(days.size - plan.dates.size)


def policy_of(settings: Settings, file: Path | None, given: Mapping[str, Any]) -> SearchPolicy:
    """What is searched: the file's block, the desk's or settings.yaml's, and the flags over it."""
    return asked_policy(search_policy(settings, file), given)
