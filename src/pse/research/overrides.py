"""What the vetoes and edits of a judge were worth, from the shadow of every setup that it was asked about.

The value of a veto is what the setup would have lost alone, in R; of an edit, what the edited setup came to above the original, in R of the original.
Skill is the mean value of the vetoes above that of as many vetoes drawn at random among the same setups: who says no to every setup of a losing
strategy saves money and shows no skill.  Only numbers here; nothing is lived again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pse.research.bootstrap import block_length, percentile_interval, resample

Outcome = Literal["APPROVED", "MODIFIED", "VETOED", "SUPERSEDED", "REFUSED"]
NO = frozenset({"REJECT", "HOLD"})
MATRIX_ROLES = ("signal", "risk", "executive")
DRAWS, RESAMPLES = 1_000, 2_000
CHUNK = 100
NOBODY = "-"
EPS = 1e-12


@dataclass(frozen=True)
class Judgement:
    """A setup that a judge was asked about.

    `words`: what each role said of it; `by`: the first role that said no, `chain` where the judge could not answer.  `shadow_r`: what it came to alone as
    proposed, None where that is not known; `filled`: whether it was entered at all.  `modified_r`: as the judge edited it, in R of the original.
    `outcome` SUPERSEDED: another of its question was taken; REFUSED: approved, and then refused by a gate.  `taken`: of an approved or edited one, whether
    the gates let it through.
    """

    setup_id: str
    ts: int
    session_date: int
    symbol: str
    tactic: str
    outcome: Outcome
    shadow_r: float | None
    filled: bool = True
    modified_r: float | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    reason: str = ""
    flags: tuple[str, ...] = ()
    regime: str = ""
    model: str = ""
    taken: bool = True
    portfolio_usd: float | None = None

    @property
    def value(self) -> float | None:
        """What the judge's word on it was worth, in R; 0 where it left the setup alone."""
        if self.shadow_r is None:
            return None
        if self.outcome == "VETOED":
            return -self.shadow_r + 0.0
        if self.outcome == "MODIFIED":
            return None if self.modified_r is None else self.modified_r - self.shadow_r
        return 0.0


def worth(judged: Sequence[Judgement], seed: int = 0, draws: int = DRAWS) -> dict[str, Any]:
    """All figures of a judge: overall, by role, flag, reason, regime and model, and the matrix of what the roles said."""
    counted = [one for one in judged if one.outcome != "SUPERSEDED"]
    priced = [one for one in counted if one.shadow_r is not None]
    return {
        "asked": len(judged), "superseded": len(judged) - len(counted), "unpriced": len(counted) - len(priced),
        "refused_after_approval": sum(one.outcome == "REFUSED" for one in counted),
        "all": group(priced, _vetoed, seed, draws), "edits": edits(priced, seed),
        "by_role": {role: group([one for one in priced if role in one.words], _said_no(role), seed, draws) for role in roles(priced)},
        "by_vetoer": {role: group(priced, _by(role), seed, draws) for role in sorted({one.by for one in priced if one.outcome == "VETOED"})},
        "by_flag": {flag: group([one for one in priced if flag in one.flags], _vetoed, seed, draws)
                    for flag in sorted({flag for one in priced for flag in one.flags})},
        "by_reason": {reason: group(priced, _for(reason), seed, draws) for reason in sorted({one.reason for one in priced if one.outcome == "VETOED"})},
        "by_regime": _split(priced, lambda one: one.regime, seed, draws), "by_model": _split(priced, lambda one: one.model, seed, draws),
        "by_tactic": _split(priced, lambda one: one.tactic, seed, draws), "matrix": matrix(priced),
    }


def roles(judged: Iterable[Judgement]) -> list[str]:
    """The roles that spoke: those of the matrix first."""
    found = {role for one in judged for role in one.words}
    return [role for role in MATRIX_ROLES if role in found] + sorted(found - set(MATRIX_ROLES))


def _vetoed(one: Judgement) -> bool:
    return one.outcome == "VETOED"


def _said_no(role: str) -> Callable[[Judgement], bool]:
    return lambda one: one.words.get(role) in NO


def _by(role: str) -> Callable[[Judgement], bool]:
    return lambda one: one.outcome == "VETOED" and one.by == role


def _for(reason: str) -> Callable[[Judgement], bool]:
    return lambda one: one.outcome == "VETOED" and one.reason == reason


def _split(priced: Sequence[Judgement], key: Callable[[Judgement], str], seed: int, draws: int) -> dict[str, Any]:
    return {name: group([one for one in priced if key(one) == name], _vetoed, seed, draws) for name in sorted({key(one) for one in priced} - {""})}


def group(judged: Sequence[Judgement], vetoed: Callable[[Judgement], bool], seed: int = 0, draws: int = DRAWS) -> dict[str, Any]:
    """Vetoes among some setups, all of them priced.

    `precision`: of the vetoed setups that would have been entered, the share that would have lost.  `mean_r`: mean value of a veto; `random_r`: that of a
    veto at random; `skill_r` their difference, with the interval that as many vetoes at random leave around it; none where every setup fell,
    since nobody could have picked others.  `portfolio_usd`: what the account owes to those `portfolio_of` vetoes of which that is known.
    """
    r = np.array([one.shadow_r for one in judged], float)
    no = np.array([vetoed(one) for one in judged], bool)
    found: dict[str, Any] = {"setups": int(r.size), "vetoes": int(no.sum()), "veto_rate": float(no.mean()) if r.size else None, "precision": None,
                             "mean_r": None, "total_r": float(-r[no].sum()) + 0.0, "interval": None, "random_r": None, "skill_r": None, "skill_interval": None}
    known = [one.portfolio_usd for one, out in zip(judged, no.tolist(), strict=True) if out and one.portfolio_usd is not None]
    found |= {"portfolio_usd": float(sum(known)) if known else None, "portfolio_of": len(known)}
    if not no.any():
        return found
    entered = no & np.array([one.filled for one in judged], bool)
    if entered.any():
        found["precision"] = float((r[entered] < 0.0).mean())
    days = np.array([one.session_date for one in judged])
    mean, random = float((-r[no]).mean()), float((-r).mean())
    found |= {"mean_r": mean, "interval": mean_interval(-r[no], days[no], seed), "random_r": random}
    if not no.all():
        low, high = np.quantile(random_means(-r, int(no.sum()), draws, seed), (0.025, 0.975))
        found |= {"skill_r": mean - random, "skill_interval": [mean - float(high), mean - float(low)]}
    return found


def random_means(values: np.ndarray, picked: int, draws: int, seed: int) -> np.ndarray:
    """Mean value of `picked` setups, fewer than there are, drawn without return, float64[draws]."""
    rng = np.random.default_rng([seed, picked, values.size])
    found = []
    for done in range(0, draws, CHUNK):
        keys = rng.random((min(CHUNK, draws - done), values.size))
        found.append(values[np.argpartition(keys, picked, axis=1)[:, :picked]].mean(axis=1))
    return np.concatenate(found)


def mean_interval(values: np.ndarray, days: np.ndarray, seed: int) -> list[float] | None:
    """95 % interval of a mean by the stationary bootstrap over sessions, so that those of one day stay together; None from one session alone."""
    order, which = np.unique(days, return_inverse=True)
    if order.size < 2:
        return None
    sums, counts = np.bincount(which, values, order.size), np.bincount(which, minlength=order.size).astype(float)
    drawn, _ = resample(np.column_stack((sums, counts)), sums, block_length(sums), RESAMPLES, seed)
    interval = percentile_interval(drawn[:, 0] / drawn[:, 1])
    return None if interval is None else list(interval)


def edits(judged: Sequence[Judgement], seed: int = 0) -> dict[str, Any]:
    """What smaller sizes, tighter stops and nearer targets were worth."""
    known = [(one.value, one.session_date) for one in judged if one.outcome == "MODIFIED" and one.value is not None]
    values = np.array([value for value, _ in known], float)
    days = np.array([day for _, day in known])
    return {"edits": int(values.size), "mean_r": float(values.mean()) if values.size else None, "total_r": float(values.sum()),
            "helped": int((values > EPS).sum()), "hurt": int((values < -EPS).sum()),
            "interval": mean_interval(values, days, seed) if values.size else None}


def matrix(judged: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Signal x Risk x Executive: how many setups got these words, what they came to as proposed, and what the judge's word on them was worth."""
    cells: dict[tuple[str, ...], list[Judgement]] = {}
    for one in judged:
        cells.setdefault(tuple(one.words.get(role, NOBODY) for role in MATRIX_ROLES), []).append(one)
    return [dict(zip(MATRIX_ROLES, words, strict=True)) | _cell(own) for words, own in sorted(cells.items(), key=lambda cell: (-len(cell[1]), cell[0]))]


def _cell(own: Sequence[Judgement]) -> dict[str, Any]:
    r = [one.shadow_r for one in own if one.shadow_r is not None]
    value = [known for one in own if (known := one.value) is not None]
    return {"setups": len(own), "shadow_mean_r": sum(r) / len(r) if r else None, "shadow_total_r": float(sum(r)), "value_r": float(sum(value)),
            "taken": sum(one.outcome in ("APPROVED", "MODIFIED") and one.taken for one in own)}
