"""From evidence to a verdict: what a search measured, held against what chance gives to whoever tries as often.

`court` collects every figure with the series it is of; `verdict` says what they have to be.  Where and how the evidence was had is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from pse.domain.trials import Params
from pse.research import bootstrap, breakdowns, deflated, haircut, pbo, plateau, snooping, trade_paths, verdict
from pse.research import returns as series
from pse.research.breakdowns import FoldScore

__all__ = ["NULL_FIGURES", "Evidence", "FoldScore", "Series", "court"]

NULL_FIGURES = ("sharpe", "net_usd", "expectancy_r", "trades")         # columns of `Evidence.nulls`
RESAMPLES, PATHS, BLOCKS, MOST_TESTS = 2_000, 2_000, 16, 20_000
BINS = 20


@dataclass(frozen=True, eq=False)
class Series:
    """One return a session, flat ones included.  dates int32[T] yyyymmdd, rising; returns float64[T]."""

    dates: np.ndarray
    returns: np.ndarray


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the court looks at; all returns a session.

    matrix float64[T, N]: one column a configuration over the whole searched window, of `params`; chosen: the column of what a user would trade on.
    stitched: the out-of-sample series, None where there are no folds (then the chosen column is judged, and said to have been chosen with all of it in
    sight); pessimistic, optimistic: the same under these fills.  pessimistic_interval: the 95 % interval of its Sharpe ratio a year, where only that is
    known.  trades: TRIAL_TRADE[n] of the judged series.  trials: how many configurations were tried on this window, never below N.  nulls: float64[draws,
    NULL_FIGURES] of random entries.  market: `market.daily_closes`.  objective: float64[N] over the whole window, NaN where undefined; without it the
    Sharpe ratio says what is good.  bring: by code of a clause, the command that brings its evidence.
    sought: name of the objective, which ranks the candidates in the folds.
    trade_count: how many trades there were, where only that is known.  cut: of which longer look of the same configuration the judged series is a part.
    """

    dates: np.ndarray
    matrix: np.ndarray
    params: Sequence[Params]
    chosen: int
    stitched: Series | None
    pessimistic: Series | None
    optimistic: Series | None
    folds: Sequence[FoldScore]
    trades: np.ndarray
    trials: int
    sessions_per_year: float
    lookahead: str = verdict.NOT_RUN
    leakage: str | None = None
    nulls: np.ndarray | None = None
    seed: int = 0
    market: pl.DataFrame | None = None
    pessimistic_interval: tuple[float, float] | None = None
    objective: np.ndarray | None = None
    sought: str = "sharpe"
    bring: Mapping[str, str] = field(default_factory=dict)
    trade_count: int | None = None
    cut: str = ""

    @property
    def searched(self) -> np.ndarray:
        """The chosen configuration's whole searched series."""
        return self.matrix[:, self.chosen]

    @property
    def judged(self) -> Series:
        """The series that is judged: stitched out of sample, or the chosen one where there are no folds."""
        return self.stitched if self.stitched is not None else Series(self.dates, self.searched)

    @property
    def tries(self) -> int:
        """How many configurations the choice was made among: those counted, and at least those that stand here."""
        return max(self.trials, self.matrix.shape[1])


@dataclass(frozen=True)
class _Words:
    """Of which series a figure is."""

    judged: str
    searched: str
    every: str
    pessimistic: str


def _words(evidence: Evidence) -> _Words:
    n = evidence.matrix.shape[1]
    searched, every = "chosen configuration over the whole window", f"{n:,} configuration{'s' * (n != 1)} over the whole window"
    judged = "stitched out-of-sample series" if evidence.stitched is not None else searched
    return _Words(judged, searched, every, f"{judged} under pessimistic fills")


@dataclass(frozen=True)
class _Shape:
    """A series as the formulas take it: Sharpe ratio a session, sessions, skewness, plain kurtosis, first autocorrelation."""

    sharpe: float
    sessions: int
    skew: float
    kurtosis: float
    rho: float


def _shape(returns: np.ndarray) -> _Shape | None:
    deviation, form = series.spread(returns), series.moments(returns)
    if deviation is None or form is None:
        return None
    return _Shape(float(returns.mean()) / deviation, returns.size, form[0], form[1], series.autocorrelation(returns) or 0.0)


def court(evidence: Evidence) -> dict[str, Any]:
    """The verdict with every clause, and the figures beside it.  Same evidence and seed, same answer; nothing NaN."""
    words = _words(evidence)
    searched, judged = _shape(evidence.searched), _shape(evidence.judged.returns)
    spread = deflated.variance_of_trials(evidence.matrix)
    figures = _figures(evidence, words, searched, judged, spread)
    splits = _splits(evidence)
    snooped = snooping.reality_check(evidence.matrix, evidence.seed)
    intervals = _intervals(evidence)
    low = intervals.get("sharpe_pessimistic")
    measures = verdict.Measures(
        trades=int(evidence.trades.size) if evidence.trade_count is None else evidence.trade_count,
        sessions=int(evidence.judged.returns.size), sharpe=None if judged is None else judged.sharpe,
        track_record=figures["min_track_record_sessions"]["value"], dsr=figures["dsr_2014"]["value"], pbo=splits["value"], oos_loss=splits["oos_loss"],
        spa=snooped["consistent"], pessimistic_low=None if low is None else low[0], lookahead=evidence.lookahead, leakage=evidence.leakage, cut=evidence.cut,
        trials=evidence.tries, judged=words.judged, searched=words.searched, all_searched=words.every, pessimistic=words.pessimistic,
        bring=evidence.bring)
    word, decided, clauses = verdict.judge(measures)
    for name, between in intervals.items():
        if name in figures:
            figures[name]["interval"] = between
    goodness = evidence.objective if evidence.objective is not None else deflated.sharpe_of_columns(evidence.matrix) * math.sqrt(evidence.sessions_per_year)
    own = evidence.judged
    return plain({
        "verdict": word, "clause": decided, "clauses": [clause.data() for clause in clauses], "figures": figures, "pbo": splits, "spa": snooped,
        "haircut": _haircut(evidence, searched), "bootstrap": intervals, "monte_carlo": _paths(evidence), "random_entries": _random_entries(evidence),
        "plateau": plateau.plateau(evidence.params, np.asarray(goodness, float), evidence.chosen),
        "stability": plateau.stability(evidence.params, [fold.chosen for fold in evidence.folds]),
        "decay": breakdowns.decay(evidence.folds, ranked_by=evidence.sought),
        "regimes": breakdowns.regimes(own.dates, own.returns, evidence.trades, evidence.market, evidence.sessions_per_year),
        "years": breakdowns.years(own.dates, own.returns, evidence.trades, evidence.sessions_per_year), "notes": _notes(evidence),
    })


# --- figures -------------------------------------------------------------------------------------------------------------------------------------


def _figures(evidence: Evidence, words: _Words, searched: _Shape | None, judged: _Shape | None, spread: float) -> dict[str, dict[str, Any]]:
    n, year = evidence.tries, math.sqrt(evidence.sessions_per_year)
    best = deflated.expected_max_sharpe(n, spread)
    found = {
        "trials": _figure(n, "ledger and this search", f"Configurations tried on this window: {n:,}; each makes a good result by chance more likely."),
        "trials_effective": _figure(deflated.effective_trials(evidence.matrix), words.every,
                                    "How many independent configurations vary as much (effective rank of their correlations); shown, not judged by."),
        "expected_max_sharpe": _figure(best * year, "no edge", f"Sharpe ratio a year that the best of {n:,} tries without an edge reaches on average."),
        **_of_judged(evidence, words, judged),
        **_of_searched(evidence, words, searched, spread),
    }
    return found


def _of_judged(evidence: Evidence, words: _Words, shape: _Shape | None) -> dict[str, dict[str, Any]]:
    """Figures of the series that is judged."""
    per_year, returns = evidence.sessions_per_year, evidence.judged.returns
    ratio = None if shape is None else shape.sharpe * math.sqrt(per_year)
    found = {
        "sharpe": _figure(ratio, words.judged, "Mean over standard deviation of the sessions' returns, a year, flat sessions included."),
        "sharpe_lo": _figure(_lo(shape, per_year), words.judged,
                             "The same with the first autocorrelation of the sessions allowed for (Lo 2002)."),
        "total_return": _figure(series.total_return(returns) if returns.size else None, words.judged, "Compounded over the window."),
        "max_drawdown": _figure(series.max_drawdown(returns), words.judged, "Deepest fall from a peak."),
        "min_track_record_sessions": _figure(None if shape is None else deflated.min_track_record(shape.sharpe, shape.skew, shape.kurtosis), words.judged,
                                             "Sessions that a record like this needs to show with 95 % that its Sharpe ratio is above 0.", "2014"),
    }
    needed = None if shape is None else deflated.min_track_record_2025(shape.sharpe, shape.skew, shape.kurtosis, rho=shape.rho)
    found["min_track_record_sessions_2025"] = _figure(needed, words.judged, "The same, autocorrelation allowed for; shown, not judged by.", "2025")
    for convention in ("2014", "2025"):
        value = None if shape is None else _probability(shape, 0.0, convention)
        text = "Probability that the true Sharpe ratio is above 0, the number of tries left out."
        found[f"psr_{convention}"] = _figure(value, words.judged, text, convention)
    return found


def _lo(shape: _Shape | None, per_year: float) -> float | None:
    return None if shape is None else shape.sharpe * math.sqrt(per_year) * series.lo_factor(shape.rho, per_year)


def _of_searched(evidence: Evidence, words: _Words, shape: _Shape | None, spread: float) -> dict[str, dict[str, Any]]:
    """Figures of the chosen configuration over all that was searched."""
    n, per_year = evidence.tries, evidence.sessions_per_year
    annual = None if shape is None else shape.sharpe * math.sqrt(per_year)
    years = evidence.matrix.shape[0] / per_year
    found = {
        "sharpe_searched": _figure(annual, words.searched, "Its Sharpe ratio a year where it was chosen: flattered by the choice."),
        "min_backtest_years": _figure(None if annual is None else deflated.min_backtest_years(n, annual), words.searched,
                                      f"Years below which {n:,} tries without an edge reach this Sharpe ratio by chance; {years:.2f} are here."),
        "years": _figure(years, words.searched, "Length of the searched window."),
    }
    for convention in ("2014", "2025"):
        value = None if shape is None else deflated.deflated_sharpe(shape.sharpe, shape.sessions, shape.skew, shape.kurtosis, n, spread, convention,
                                                                    rho=shape.rho)
        text = f"Probability that the true Sharpe ratio is above what the best of {n:,} tries reaches by chance."
        found[f"dsr_{convention}"] = _figure(value, words.searched, text, convention)
    return found


def _probability(shape: _Shape, against: float, convention: str) -> float | None:
    if convention == "2014":
        return deflated.probabilistic_sharpe(shape.sharpe, shape.sessions, shape.skew, shape.kurtosis, against)
    return deflated.probabilistic_sharpe_2025(shape.sharpe, shape.sessions, shape.skew, shape.kurtosis, against, shape.rho)


def _figure(value: float | None, of: str, text: str, convention: str | None = None) -> dict[str, Any]:
    return {"value": value, "series": of, "convention": convention, "interval": None, "text": text}


# --- what needs all configurations ---------------------------------------------------------------------------------------------------------------


def _splits(evidence: Evidence) -> dict[str, Any]:
    """Probability of backtest overfitting over all splits into halves."""
    alone = evidence.matrix.shape[1] == 1
    found = pbo.pbo(np.repeat(evidence.matrix, 2, axis=1) if alone else evidence.matrix, BLOCKS)
    if alone:                                    # nothing to choose from: how often the one loses in a half is known all the same
        found = replace(found, value=None, slope=None, oos_loss=found.of_chosen(0), logits=found.logits[:0])
    counts, edges = np.histogram(np.clip(found.logits, -6.0, 6.0), bins=24, range=(-6.0, 6.0))
    return {"value": found.value, "oos_loss": found.oos_loss, "oos_loss_chosen": found.of_chosen(evidence.chosen), "slope": found.slope,
            "splits": found.splits, "why": found.why, "histogram": {"edges": edges.tolist(), "counts": counts.tolist()}, "note": verdict.PBO_NOTE}


def _haircut(evidence: Evidence, shape: _Shape | None) -> dict[str, Any] | None:
    if shape is None:
        return None
    per_year = evidence.sessions_per_year
    return haircut.haircut(shape.sharpe * math.sqrt(per_year), shape.sessions, per_year, shape.rho, min(evidence.tries, MOST_TESTS), seed=evidence.seed)


# --- intervals and chance ------------------------------------------------------------------------------------------------------------------------


def _intervals(evidence: Evidence) -> dict[str, list[float]]:
    """95 % intervals of the judged series by the stationary bootstrap of its sessions, and of the same under other fills."""
    found: dict[str, list[float]] = {}
    for name, own in (("", evidence.judged), ("_pessimistic", evidence.pessimistic), ("_optimistic", evidence.optimistic)):
        if own is None:
            continue
        r, count = (None, None) if name else _by_session(own.dates, evidence.trades)
        drawn = bootstrap.intervals(own.returns, evidence.seed, evidence.sessions_per_year, resamples=RESAMPLES, r_of_session=r, trades_of_session=count)
        found |= {f"{figure}{name}": list(between) for figure, between in drawn.items() if between is not None}
    if "sharpe_pessimistic" not in found and evidence.pessimistic_interval is not None:
        found["sharpe_pessimistic"] = list(evidence.pessimistic_interval)
    return found


def _by_session(dates: np.ndarray, trades: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """R and number of the trades of each session, float64[T] both; None without trades."""
    known = trades[np.isfinite(trades["r"]) & np.isin(trades["day"], dates)]
    if not known.size:
        return None, None
    row = np.searchsorted(dates, known["day"])
    return np.bincount(row, known["r"], dates.size), np.bincount(row, minlength=dates.size).astype(np.float64)


def _paths(evidence: Evidence) -> dict[str, Any] | None:
    """What the same trades would have come to in another order, and what such trades may come to; in R."""
    known = evidence.trades[np.isfinite(evidence.trades["r"])]
    if known.size < 2:
        return None
    day = known["day"] if trade_paths.overlapping(known["entry_ts"], known["exit_ts"]) else None
    return {"shuffle": trade_paths.shuffled(known["r"], PATHS, evidence.seed), "resample": trade_paths.resampled(known["r"], day, PATHS, evidence.seed),
            "text": "shuffle: the same trades in another order, so only the way there differs; resample: such trades drawn again, so the total differs too."}


def _random_entries(evidence: Evidence) -> dict[str, Any] | None:
    """Where the judged series stands among entries at random with the same exits."""
    if evidence.nulls is None or not evidence.nulls.shape[0]:
        return None
    drawn = np.nan_to_num(evidence.nulls[:, NULL_FIGURES.index("sharpe")], nan=0.0)          # a draw without a trade earns nothing
    own = series.sharpe(evidence.judged.returns, evidence.sessions_per_year)
    observed = 0.0 if own is None else own
    beaten, p = share_beaten(observed, drawn)
    counts, edges = np.histogram(drawn, bins=BINS)
    said = (f"The Sharpe ratio out of sample, {observed:.2f}, beats {100 * beaten:.0f} % of {drawn.size} draws of random entries with the same exits "
            f"(p = {p:.3f}).")
    net, total = evidence.nulls[:, NULL_FIGURES.index("net_usd")], float(evidence.trades["net"].sum()) if evidence.trades.size else 0.0
    return {"draws": int(drawn.size), "figure": "sharpe", "beaten": beaten, "p": p, "observed": observed, "p_net": share_beaten(total, np.nan_to_num(net))[1],
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()}, "text": said}


def share_beaten(observed: float, drawn: np.ndarray) -> tuple[float, float]:
    """Share of the draws below what was observed, and the chance of one at least as good: (1 + k) / (1 + n)."""
    return float((drawn < observed).mean()), (1.0 + float((drawn >= observed).sum())) / (1.0 + drawn.size)


def _notes(evidence: Evidence) -> list[str]:
    notes = ["Intervals are block bootstraps of sessions; where sessions are correlated they cover less than they say.", verdict.PBO_NOTE]
    if evidence.stitched is None:
        notes.append("There are no out-of-sample folds: what is judged was chosen with all of it in sight. `pse wfo` chooses in one window and judges in the "
                     "next.")
    if evidence.tries > MOST_TESTS:
        notes.append(f"The haircuts are those of {MOST_TESTS:,} tests: more are not drawn, and would cut deeper.")
    if evidence.trials < evidence.matrix.shape[1]:
        notes.append(f"{evidence.trials:,} trials were counted and {evidence.matrix.shape[1]:,} configurations stand here; the larger number is used.")
    return notes


def plain(value: Any) -> Any:
    """The same in plain types, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
