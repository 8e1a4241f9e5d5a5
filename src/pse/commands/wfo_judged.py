"""From measured candidates to the document of a walk-forward: the folds, what was stitched of them, the evidence, and wfo.json.

Pure: the same candidates give the same bytes, whoever measured them and whenever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso
from pse.commands.wfo_search import Candidate, Walk, rank, stitched
from pse.domain.setups import DIRECTIONS
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.kernels.codes import REASONS
from pse.research.court import NULL_FIGURES, Evidence, FoldScore, Series, court, plain
from pse.research.folds import Fold
from pse.research.objectives import figures

if TYPE_CHECKING:
    import polars as pl

    from pse.engine.desk import DeskPlan

Figures = dict[str, Any]
STRICT, KIND = "pessimistic", "optimistic"


@dataclass(frozen=True, eq=False)
class Piece:
    """A test window of the stitched path: the fold whose choice is traded in it, the span, and who was chosen; None where nobody could be."""

    fold: Fold
    span: Span
    chosen: Candidate | None


@dataclass(frozen=True, eq=False)
class Chosen:
    """The choice of every fold, and the whole out-of-sample path made of them.  `whole`: what the procedure would trade now; the desk's own where it chooses
    `nobody`."""

    by_fold: Mapping[int, Candidate | None]
    scores: Mapping[int, float | None]
    path: tuple[Piece, ...]
    whole: Candidate
    why: str
    nobody: bool = False


def choose(walk: Walk, candidates: Sequence[Candidate]) -> Chosen:
    """The best of each train window, and the best of all that was searched."""
    picks = {fold.number: walk.best(candidates, fold) for fold in walk.plan.folds}
    by_fold = {number: one for number, (one, _) in picks.items()}
    best, score = walk.best(candidates)
    named = walk.policy.objective
    why = (f"best {named} ({score:.4g}) of {len(candidates)} configurations over the whole searched window" if best is not None and score is not None else
           _nobody(walk, [walk.whole(one) for one in candidates], "over the whole searched window"))
    return Chosen(by_fold, {number: value for number, (_, value) in picks.items()}, tuple(_path(walk, by_fold)), best or candidates[0], why,
                  best is None)


def _nobody(walk: Walk, measured: Sequence[Measured], where: str) -> str:
    """Why nobody may be chosen: too few trades, an objective that is defined for nobody, or both."""
    named, least, most = walk.policy.objective, walk.policy.min_trades, max((int(one.trades.size) for one in measured), default=0)
    undefined = f"the objective {named} is undefined for every configuration"
    if most >= least:
        return f"{undefined} with {least} trades {where}"
    few = f"no configuration made {least} trades {where} (at most {most})"
    return few if any(walk.score(one) is not None for one in measured) else f"{few}, and {undefined}"


def _path(walk: Walk, by_fold: Mapping[int, Candidate | None]) -> list[Piece]:
    """Every test session once, in order of time; of combinations the first path."""
    plan = walk.plan
    if plan.paths is None:
        return [Piece(fold, span, by_fold[fold.number]) for fold in plan.folds for span in fold.test]
    return _served(walk, by_fold, plan.paths[0])


def _served(walk: Walk, by_fold: Mapping[int, Candidate | None], splits: np.ndarray) -> list[Piece]:
    folds = [walk.plan.folds[int(split)] for split in splits]
    return [Piece(fold, span, by_fold[fold.number]) for fold, span in zip(folds, walk.plan.groups, strict=True)]


# --- one series out of several spans ---------------------------------------------------------------------------------------------------------------


def nothing(own: Measured) -> Measured:
    """A span in which nobody trades: the sessions of `own`, flat."""
    return replace(own, equity=np.full(own.dates.size, own.capital), trades=np.zeros(0, TRIAL_TRADE))


def of_path(chosen: Chosen, own: Candidate) -> Measured:
    """What was traded out of sample."""
    return stitched([piece.chosen.spans[piece.span] if piece.chosen else nothing(own.spans[piece.span]) for piece in chosen.path])


def matrix_of(walk: Walk, candidates: Sequence[Candidate]) -> tuple[np.ndarray, np.ndarray]:
    """Dates int32[T] and returns float64[T, N] of all candidates over the whole searched window; a day that one lacks is flat."""
    measured = [walk.whole(one) for one in candidates]
    dates = np.unique(np.concatenate([one.dates for one in measured])).astype(np.int32)
    table = np.zeros((dates.size, len(measured)))
    for column, one in enumerate(measured):
        table[np.searchsorted(dates, one.dates), column] = one.returns
    return dates, table


def series_of(measured: Measured) -> Series:
    return Series(measured.dates, measured.returns)


# --- the document ----------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Beside:
    """What was measured besides the candidates.  strict, kind: the stitched path under these fills, None where there is no such policy.  nulls: float64[draws,
    NULL_FIGURES] of random entries, None without any.  trials: N of the court; `raised`: by a user.  lookahead: CLEAN, FINDINGS or NOT RUN.  market:
    `market.daily_closes`."""

    strict: Measured | None
    kind: Measured | None
    nulls: np.ndarray | None
    trials: int
    raised: bool
    lookahead: str
    market: pl.DataFrame | None
    per_year: float
    bring: Mapping[str, str]


def null_figures(measured: Measured, per_year: float) -> list[float]:
    """A draw of random entries in the columns of the court; NaN where there is none."""
    found = figures(measured, per_year)
    return [np.nan if found.get(name) is None else float(found[name]) for name in NULL_FIGURES]      # type: ignore[arg-type]


def evidence_of(walk: Walk, candidates: Sequence[Candidate], chosen: Chosen, beside: Beside) -> Evidence:
    """What the court looks at."""
    dates, table = matrix_of(walk, candidates)
    out = of_path(chosen, candidates[0])
    scores = []
    for fold in walk.plan.folds:
        pick = chosen.by_fold[fold.number]
        known = [fold.number in one.folds for one in candidates]
        train, test = (np.array([_number(walk.score(part(one, fold))) if here else np.nan for one, here in zip(candidates, known, strict=True)])
                       for part in (walk.train, walk.test))
        inside, outside = (None if pick is None else figures(part(pick, fold), beside.per_year) for part in (walk.train, walk.test))
        scores.append(FoldScore(fold.number, None if pick is None else pick.params, inside, outside, train, test))
    goodness = np.array([_number(walk.score(walk.whole(one))) for one in candidates])
    return Evidence(
        dates=dates, matrix=table, params=[one.params for one in candidates], chosen=list(candidates).index(chosen.whole), stitched=series_of(out),
        pessimistic=None if beside.strict is None else series_of(beside.strict), optimistic=None if beside.kind is None else series_of(beside.kind),
        folds=scores, trades=out.trades, trials=beside.trials, sessions_per_year=beside.per_year, lookahead=beside.lookahead, nulls=beside.nulls,
        seed=walk.seed, market=beside.market, objective=goodness, sought=walk.policy.objective, bring=beside.bring)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def document(walk: Walk, desk: DeskPlan, candidates: Sequence[Candidate], chosen: Chosen, beside: Beside, heads: Mapping[str, Any]) -> dict[str, Any]:
    """wfo.json.  `heads`: what is known without the search (run id, desk, window, ...)."""
    evidence = evidence_of(walk, candidates, chosen, beside)
    plan, policy = walk.plan, walk.policy
    found = {
        **heads, "searched": span_data(walk, plan.searched), "holdout": None if plan.holdout is None else {
            "start": iso(plan.holdout.start_ns), "end": iso(plan.holdout.end_ns), "sessions": heads["holdout_sessions"]},
        "scheme": plan.scheme, "train": policy.train, "objective": policy.objective, "method": policy.method, "seed": walk.seed,
        "min_trades": policy.min_trades, "embargo_sessions": plan.embargo_sessions, "trials": len(candidates), "ledger_trials": beside.trials,
        "raised": beside.raised, "sessions_per_year": beside.per_year, "capital_usd": desk.capital, "currency": desk.currency,
        "parameters": [one.described() for one in walk.space.parameters],
        "folds": [_fold(walk, fold, candidates, chosen, beside.per_year) for fold in plan.folds],
        "candidates": [_candidate(walk, one, chosen, beside.per_year) for one in candidates],
        "chosen": {"id": chosen.whole.id, "params": dict(chosen.whole.params), "why": chosen.why, "nobody": chosen.nobody,
                   "set": list(heads["chosen_set"])},
        "stitched": _stitched(desk, candidates[0], chosen, beside),
        "paths": _paths(walk, candidates[0], chosen, beside.per_year),
        "court": court(evidence),
    }
    del found["holdout_sessions"], found["chosen_set"]
    return dict(plain(found))


def span_data(walk: Walk, span: Span) -> dict[str, Any]:
    return {"start": iso(span.start_ns), "end": iso(span.end_ns), "sessions": walk.plan.sessions(span)}


def _fold(walk: Walk, fold: Fold, candidates: Sequence[Candidate], chosen: Chosen, per_year: float) -> dict[str, Any]:
    """One fold: what could be chosen, what was, and what became of it."""
    here, pick, own = [one for one in candidates if fold.number in one.folds], chosen.by_fold[fold.number], candidates[0]
    inside, outside = (figures(part(pick, fold) if pick else nothing(part(own, fold)), per_year) for part in (walk.train, walk.test))
    place = None
    if pick is not None:
        where, of = rank([walk.score(walk.test(one, fold)) for one in here], walk.score(walk.test(pick, fold)))
        place = None if where is None else [where, of]
    return {"number": fold.number, "train": [span_data(walk, span) for span in fold.train], "test": [span_data(walk, span) for span in fold.test],
            "candidates": len(here), "chosen": None if pick is None else dict(pick.params), "in_sample": inside, "out_of_sample": outside,
            "own": {"in_sample": figures(walk.train(own, fold), per_year), "out_of_sample": figures(walk.test(own, fold), per_year)},
            "rank_out_of_sample": place, "note": _note(walk, fold, here, pick, outside)}


def _note(walk: Walk, fold: Fold, here: Sequence[Candidate], pick: Candidate | None, outside: Mapping[str, Any]) -> str:
    """What is worth a word about a fold."""
    if pick is not None:
        return "" if outside["trades"] else "the chosen configuration made no trade in the test window"
    return f"{_nobody(walk, [walk.train(one, fold) for one in here], 'in train')}: nothing traded"


def _candidate(walk: Walk, one: Candidate, chosen: Chosen, per_year: float) -> dict[str, Any]:
    folds = walk.plan.folds
    train, test = ([part(one, fold) if fold.number in one.folds else None for fold in folds] for part in (walk.train, walk.test))

    def all_figures(parts: Sequence[Measured | None]) -> list[Figures | None]:
        return [None if part is None else figures(part, per_year) for part in parts]

    def scores(parts: Sequence[Measured | None]) -> list[float | None]:
        return [None if part is None else walk.score(part) for part in parts]

    return {"id": one.id, "params": dict(one.params), "whole": figures(walk.whole(one), per_year), "train": all_figures(train), "test": all_figures(test),
            "chosen_in": [number for number, pick in chosen.by_fold.items() if pick is one],
            "objective": {"whole": walk.score(walk.whole(one)), "train": scores(train), "test": scores(test)}}


def _stitched(desk: DeskPlan, own: Candidate, chosen: Chosen, beside: Beside) -> dict[str, Any]:
    """The test windows one after the other: as traded, by stricter and kinder fills, and with the desk's own configuration."""
    out = of_path(chosen, own)
    theirs = stitched([own.spans[piece.span] for piece in chosen.path])
    begins = np.array([piece.span.start_ns for piece in chosen.path])
    numbers = [piece.fold.number for piece in chosen.path]

    def line(measured: Measured | None) -> dict[str, Any] | None:
        return None if measured is None else {"figures": figures(measured, beside.per_year), "equity": np.round(measured.equity, 6).tolist()}

    tactics = list(desk.tactics)
    trades = [{"entry": int(one["entry_ts"]), "exit": int(one["exit_ts"]), "symbol": desk.symbols[int(one["symbol"])], "tactic": tactics[int(one["tactic"])],
               "direction": DIRECTIONS[int(one["direction"])], "net_usd": round(float(one["net"]), 6), "r": round(float(one["r"]), 9),
               "reason": REASONS[int(one["reason"])], "fold": numbers[int(np.searchsorted(begins, one["entry_ts"], side="right")) - 1],
               "ambiguous": bool(one["ambiguous"])} for one in out.trades]
    return {**(line(out) or {}), "dates": out.dates.tolist(), "fold": fold_of_sessions(own, chosen, out.dates), STRICT: line(beside.strict),
            KIND: line(beside.kind), "own": line(theirs), "trades": trades}


def fold_of_sessions(own: Candidate, chosen: Chosen, dates: np.ndarray) -> list[int]:
    """The number of the fold that each stitched session belongs to."""
    found: dict[int, int] = {}
    for piece in chosen.path:
        found.update(dict.fromkeys(own.spans[piece.span].dates.tolist(), piece.fold.number))
    return [found[day] for day in dates.tolist()]


def _paths(walk: Walk, own: Candidate, chosen: Chosen, per_year: float) -> list[Figures] | None:
    """Of combinations: the figures of every whole path, the first of which is the stitched one."""
    if walk.plan.paths is None:
        return None
    found = []
    for splits in walk.plan.paths:
        pieces = _served(walk, chosen.by_fold, splits)
        found.append(figures(stitched([p.chosen.spans[p.span] if p.chosen else nothing(own.spans[p.span]) for p in pieces]), per_year))
    return found
