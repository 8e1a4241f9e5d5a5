"""The verdict on a search: INSUFFICIENT, OVERFIT, UNPROVEN or CREDIBLE, and the clause that decided.

The measuring stands in `court`; here is only what each measure has to be, and what is said of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INSUFFICIENT, OVERFIT, UNPROVEN, CREDIBLE = "INSUFFICIENT", "OVERFIT", "UNPROVEN", "CREDIBLE"
MIN_TRADES, LEVEL = 30, 0.95
DSR_OVERFIT, DSR_CREDIBLE = 0.5, 0.95
PBO_OVERFIT, LOSS_OVERFIT, LOSS_CREDIBLE = 0.5, 0.25, 0.1
SPA_CREDIBLE = 0.05
CLEAN, FINDINGS, NOT_RUN = "CLEAN", "FINDINGS", "NOT RUN"
NAMES = {                                        # of the clauses by their code, wherever somebody reads them
    "trades": "enough trades", "track_record": "record long enough", "dsr_overfit": "more than luck (deflated Sharpe)", "pbo": "choosing carries over (PBO)",
    "dsr": "surely more than luck", "oos_loss": "the best rarely loses after", "spa": "beats cash (SPA)", "pessimistic": "strictest fills",
    "lookahead": "no look-ahead", "leakage": "no leakage from models", "whole": "judged whole",
}
PBO_NOTE = ("Neighbours that are all equally good give a PBO of 0.5, for then it is chance which of them is best in sample; so it never decides alone, but "
            "beside the share of splits in which the best in sample loses out of sample.")


@dataclass(frozen=True)
class Measures:
    """What the clauses look at; None where it could not be measured.

    sharpe: a session, of the judged series.  track_record: sessions that this Sharpe ratio needs to be above 0 with 95 %.  oos_loss: share of the splits in
    which the configuration that is best in one half loses, or does not trade, in the other.  pessimistic_low: lower end of the 95 % interval of the Sharpe
    ratio a year.  leakage: None where no model decided.  cut: of which longer look the judged series is a part, in words; "" where it is whole.  judged,
    searched, all_searched, pessimistic: the series, in words.  bring: by code of a clause, how what it needs is had.
    """

    trades: int
    sessions: int
    sharpe: float | None
    track_record: float | None
    dsr: float | None
    pbo: float | None
    oos_loss: float | None
    spa: float | None
    pessimistic_low: float | None
    lookahead: str = NOT_RUN
    leakage: str | None = None
    cut: str = ""
    trials: int = 1
    judged: str = "stitched out-of-sample series"
    searched: str = "chosen configuration over the whole window"
    all_searched: str = "all configurations over the whole window"
    pessimistic: str = "stitched out-of-sample series under pessimistic fills"
    bring: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Clause:
    """One condition.  `decides`: the verdict that it brings when it is not met, or the one that needs it; passed None: not known, or `applies` is false."""

    code: str
    decides: str
    passed: bool | None
    measured: Any
    needed: str
    series: str
    text: str
    applies: bool = True

    def data(self) -> dict[str, Any]:
        return {"code": self.code, "decides": self.decides, "passed": self.passed, "measured": self.measured, "needed": self.needed, "series": self.series,
                "text": self.text, "applies": self.applies}


def judge(found: Measures) -> tuple[str, dict[str, str], list[Clause]]:
    """The verdict, the clause that decided (code and text), and every clause."""
    clauses = [*_enough(found), *_not_overfit(found), *_credible(found)]
    for verdict in (INSUFFICIENT, OVERFIT):
        failed = [clause for clause in clauses if clause.decides == verdict and clause.passed is False]
        if failed:
            return verdict, _decided(failed), clauses
    short = [clause for clause in clauses if clause.decides == CREDIBLE and clause.applies and clause.passed is not True]
    if short:
        failed_first = sorted(short, key=lambda clause: clause.passed is None)
        return UNPROVEN, _decided(failed_first), clauses
    return CREDIBLE, {"code": "all", "text": "Every clause holds: " + "; ".join(NAMES[c.code] for c in clauses if c.decides == CREDIBLE) + "."}, clauses


def _decided(failed: Sequence[Clause]) -> dict[str, str]:
    """The first clause, which decides, and the names of the others."""
    first, others = failed[0], failed[1:]
    text = first.text
    missed, unknown = ([NAMES[one.code] for one in others if one.passed is known] for known in (False, None))
    if missed:
        text += f" Not met besides: {', '.join(missed)}."
    if unknown:
        text += f" Not known: {', '.join(unknown)}."
    return {"code": first.code, "text": text}


def _enough(found: Measures) -> list[Clause]:
    """Whether there is enough to say anything."""
    enough = found.trades >= MIN_TRADES
    said = f"{found.trades} trade{'s' * (found.trades != 1)} in the {found.judged}; {'enough' if enough else 'too few'} to judge ({MIN_TRADES} are needed)."
    trades = Clause("trades", INSUFFICIENT, enough, found.trades, f">= {MIN_TRADES}", found.judged, said)
    if found.sharpe is None or found.track_record is None:
        said = (f"The Sharpe ratio of the {found.judged} is not above 0: no length of record would show that it is, so this clause does not apply."
                if found.sharpe is not None else f"The {found.judged} has no Sharpe ratio, so this clause does not apply.")
        return [trades, Clause("track_record", INSUFFICIENT, None, found.sessions, "-", found.judged, said, applies=False)]
    needed = math.ceil(found.track_record)
    long_enough = found.sessions >= found.track_record
    said = (f"{found.sessions:,} sessions in the {found.judged}; at its Sharpe ratio {needed:,} are needed to say with {100 * LEVEL:.0f} % that the true one "
            f"is above 0{'' if long_enough else ', so the record is too short'}.")
    return [trades, Clause("track_record", INSUFFICIENT, long_enough, found.sessions, f">= {needed}", found.judged, said)]


def _not_overfit(found: Measures) -> list[Clause]:
    """Whether it is what chance gives to whoever tries often."""
    return [_overfit_dsr(found), _overfit_pbo(found)]


def _overfit_dsr(found: Measures) -> Clause:
    needed, tries = f">= {DSR_OVERFIT:g}", _tries(found)
    if found.dsr is None:
        return _unknown(found, "dsr_overfit", OVERFIT, needed, found.searched, "The deflated Sharpe ratio could not be computed")
    passed = found.dsr >= DSR_OVERFIT
    said = (f"Deflated Sharpe ratio {found.dsr:.3f}: the {found.searched} is {'more' if passed else 'less'} likely than not to be better than the best of "
            f"{tries} without an edge.")
    return Clause("dsr_overfit", OVERFIT, passed, found.dsr, needed, found.searched, said)


def _overfit_pbo(found: Measures) -> Clause:
    needed = f"not both PBO > {PBO_OVERFIT:g} and loss > {LOSS_OVERFIT:g}"
    if found.pbo is None or found.oos_loss is None:
        return _unknown(found, "pbo", OVERFIT, needed, found.all_searched, "The probability of backtest overfitting could not be computed")
    passed = not (found.pbo > PBO_OVERFIT and found.oos_loss > LOSS_OVERFIT)
    said = (f"PBO {found.pbo:.2f}, and the configuration that is best in one half of the sessions loses in the other half, or does not "
            f"trade there, in {100 * found.oos_loss:.0f} % of the splits{'' if passed else ': choosing the best does not carry over'}. {PBO_NOTE}")
    return Clause("pbo", OVERFIT, passed, [found.pbo, found.oos_loss], needed, found.all_searched, said)


def _credible(found: Measures) -> list[Clause]:
    """What has to hold, all of it, to be believed."""
    clauses = [_credible_dsr(found), _credible_loss(found), _credible_spa(found), _credible_pessimistic(found), _credible_lookahead(found)]
    if found.leakage is not None:
        clauses.append(_credible_leakage(found, found.leakage))
    if found.cut:
        clauses.append(Clause("whole", CREDIBLE, False, found.sessions, "all that was looked at", found.judged, found.cut))
    return clauses


def _credible_dsr(found: Measures) -> Clause:
    needed = f">= {DSR_CREDIBLE:g}"
    if found.dsr is None:
        return _unknown(found, "dsr", CREDIBLE, needed, found.searched, "The deflated Sharpe ratio could not be computed")
    passed = found.dsr >= DSR_CREDIBLE
    said = (f"Deflated Sharpe ratio {found.dsr:.3f}: {'so sure is it' if passed else 'it is not sure enough'} that the {found.searched} is better than the "
            f"best of {_tries(found)} without an edge ({DSR_CREDIBLE:g} is needed).")
    return Clause("dsr", CREDIBLE, passed, found.dsr, needed, found.searched, said)


def _credible_loss(found: Measures) -> Clause:
    needed = f"<= {LOSS_CREDIBLE:g}"
    if found.oos_loss is None:
        return _unknown(found, "oos_loss", CREDIBLE, needed, found.all_searched, "How often the best in sample loses out of sample could not be computed")
    passed = found.oos_loss <= LOSS_CREDIBLE
    said = (f"Of all splits of the sessions into halves, {100 * found.oos_loss:.1f} % have the configuration that is best in one half lose in the other, or "
            f"not trade there (at most {100 * LOSS_CREDIBLE:.0f} %). The choice is made anew in each split: the one chosen with the whole window in sight "
            "would flatter itself.")
    return Clause("oos_loss", CREDIBLE, passed, found.oos_loss, needed, found.all_searched, said)


def _credible_spa(found: Measures) -> Clause:
    needed = f"<= {SPA_CREDIBLE:g}"
    if found.spa is None:
        return _unknown(found, "spa", CREDIBLE, needed, found.all_searched, "The test for superior predictive ability could not be run")
    passed = found.spa <= SPA_CREDIBLE
    said = (f"Hansen's test (SPA, consistent) gives p = {found.spa:.3f}: the best of the {found.all_searched} {'is' if passed else 'may well be no'} better "
            f"than holding cash, the choice among them considered (p <= {SPA_CREDIBLE:g} is needed).")
    return Clause("spa", CREDIBLE, passed, found.spa, needed, found.all_searched, said)


def _credible_pessimistic(found: Measures) -> Clause:
    needed = "> 0"
    if found.pessimistic_low is None:
        return _unknown(found, "pessimistic", CREDIBLE, needed, found.pessimistic, f"The interval of the {found.pessimistic} is not known")
    passed = found.pessimistic_low > 0.0
    said = (f"The Sharpe ratio of the {found.pessimistic} is at least {found.pessimistic_low:.2f} with 97.5 % (block bootstrap): "
            f"{'above 0' if passed else 'it may be 0 or below'}.")
    return Clause("pessimistic", CREDIBLE, passed, found.pessimistic_low, needed, found.pessimistic, said)


def _credible_lookahead(found: Measures) -> Clause:
    return _audit(found, "lookahead", found.lookahead, "desk", "look-ahead audit of this desk", "something said of the past changes when later bars do")


def _credible_leakage(found: Measures, result: str) -> Clause:
    return _audit(found, "leakage", result, "model", "leakage audit of the model that decided", "the model may know how this window ended")


def _audit(found: Measures, code: str, result: str, series: str, what: str, meaning: str) -> Clause:
    if result == NOT_RUN:
        return _unknown(found, code, CREDIBLE, CLEAN, series, f"The {what} was not run")
    passed = result == CLEAN
    said = f"The {what} is clean." if passed else f"The {what} has findings: {meaning}, so no figure here can be believed."
    return Clause(code, CREDIBLE, passed, result, CLEAN, series, said)


def _unknown(found: Measures, code: str, decides: str, needed: str, series: str, said: str) -> Clause:
    """A clause whose evidence is absent, and how it is had."""
    bring = found.bring.get(code, "")
    return Clause(code, decides, None, None, needed, series, f"{said}{f'; {bring}' if bring else ''}.")


def _tries(found: Measures) -> str:
    return "a single try" if found.trials <= 1 else f"{found.trials:,} tries"
