"""Findings: of every check and column the first row that changed, and how often it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pse.clock import iso
from pse.research.lookahead.lint import Wrong
from pse.research.lookahead.trial import Tried
from pse.research.lookahead.warmup import RELATIVE, TICKS, WarmUp

MEANING = {
    "prefix": "computed without the bars after the cut it says something else",
    "reversed": "other prices after the cut change what it says before",
    "poisoned": "NaN after the cut changes what it says before",
    "repeat": "computed twice it says two things",
    "warm-up": "the desk's own warm-up is too short for it",
    "moments": "a bar or a join is used at the wrong moment",
}


@dataclass(frozen=True)
class Finding:
    """`bar`: decision bar of the audited history, -1 where there is none; `later` is said with the bars after the cut, `then` without them."""

    check: str
    subject: str
    column: str
    bar: int
    time: str | None
    cut: str | None
    later: str
    then: str
    cuts: int = 1
    rows_back: int | None = None

    @property
    def data(self) -> dict[str, Any]:
        return asdict(self)


def findings(tried: Tried, rows_ts: np.ndarray) -> list[Finding]:
    """One a check and key: the earliest cut at which it differs, the first row there, and at how many cuts it does."""
    by_key: dict[tuple[str, Any], list[tuple[int, Any]]] = {}
    for check, moment, one in tried.found:
        by_key.setdefault((check, one.key), []).append((moment, one))
    out = []
    for (check, key), seen in sorted(by_key.items(), key=lambda item: (list(MEANING).index(item[0][0]), item[0][1])):
        moment, one = min(seen, key=lambda item: (item[0], item[1].ts))
        bar = int(np.searchsorted(rows_ts, one.ts)) if one.ts else -1
        back = [each.rows_back for _, each in seen if each.rows_back >= 0]
        out.append(Finding(check, key.subject, key.column, bar if bar < rows_ts.size else -1, iso(one.ts) if one.ts else None, iso(moment), one.later, one.then,
                           len({moment for moment, _ in seen}), max(back) if back else None))
    return out


def of_warm_up(found: WarmUp) -> Iterator[Finding]:
    """Columns that the desk's own warm-up leaves beyond the tolerance."""
    for one in found.beyond(found.own) if found.own is not None else ():
        unit = f"{one.amount:.3g} ticks" if one.in_ticks else f"{one.amount:.2%}"
        yield Finding("warm-up", one.key.subject, one.key.column, -1, iso(one.ts), None, f"{one.whole!r} from the whole history",
                      f"{one.value!r} from {one.sessions} sessions, {unit} off (tolerance {TICKS} tick or {RELATIVE:.0%})")


def of_moments(wrong: Iterable[Wrong]) -> Iterator[Finding]:
    """What the lint found."""
    for one in wrong:
        yield Finding("moments", one.name, "ts_close", one.row, iso(one.ts), None, one.allowed, one.found)
