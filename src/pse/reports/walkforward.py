"""The page of a walk-forward: one self-contained HTML file, the verdict first, then everything that a sceptic would ask for.

It is made of wfo.json and the manifest beside it alone, so equal runs give equal pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from pse.reports import walk_charts
from pse.reports.page import frame, packed, template
from pse.reports.view import number
from pse.reports.walk import Walk, read_walk
from pse.reports.walk_sections import page_parts
from pse.store.files import write_atomic

FEWEST_SESSIONS = 2
LINES = ("pessimistic", "own")                               # drawn beside the stitched equity where the run has them


def write_walkforward(run_dir: Path, out: Path) -> Path:
    """Write the page of a walk-forward's run folder to `out` and return that path; `DamagedTable` where its files cannot be read."""
    write_atomic(out, render(read_walk(run_dir)).encode("utf-8"))
    return out


def render(walk: Walk) -> str:
    """The page as text; equal runs give equal text."""
    parts, data = page_parts(walk), equity(walk)
    drawn = {name: Markup(picture) for name, picture in pictures(walk, parts).items()}
    return template("walkforward").render(parts, **frame("walkforward", ("report",)), walk=walk, pictures=drawn, data=packed(data) if data else "", lines=data)


def equity(walk: Walk) -> dict[str, Any] | None:
    """The stitched equity by session with what is drawn beside it; None where there is too little to draw.

    Times are midnight of the session's date in seconds, rising strictly; `borders` are the places at which another fold begins.
    """
    dates, line = walk.stitched.get("dates") or [], walk.stitched.get("equity") or []
    if len(dates) < FEWEST_SESSIONS or len(line) != len(dates):
        return None
    days = np.array([f"{date // 10_000:04d}-{date // 100 % 100:02d}-{date % 100:02d}" for date in dates], "datetime64[D]").astype(np.int64) * 86_400
    if not (np.diff(days) > 0).all():
        return None
    fold = [int(number) for number in walk.stitched.get("fold") or [1] * len(dates)]
    borders = [place for place in range(len(fold)) if place == 0 or fold[place] != fold[place - 1]]
    empty = {one["number"] for one in walk.folds if not (one.get("out_of_sample") or {}).get("trades")}
    found: dict[str, Any] = {"t": days.tolist(), "e": _money(line), "capital": number(walk.wfo.get("capital_usd")) or line[0], "currency": walk.currency,
                             "borders": borders, "names": [f"{fold[place]}{' (no trade)' if fold[place] in empty else ''}" for place in borders]}
    for name in LINES:
        other = (walk.stitched.get(name) or {}).get("equity") or []
        if len(other) == len(dates):
            found[name] = _money(other)
    return found


def _money(values: Any) -> list[float | int]:
    return [int(value) if float(value).is_integer() else value for value in np.round(np.asarray(values, float), 2).tolist()]


def pictures(walk: Walk, parts: dict[str, Any]) -> dict[str, str]:
    """The page's pictures by name; "" where there is nothing to draw."""
    court = walk.court
    expected = number(((court.get("figures") or {}).get("expected_max_sharpe") or {}).get("value"))
    null = court.get("random_entries") or {}
    observed = number(null.get("observed"))
    alone = parts["heat_tables"]["alone"]
    return {
        "windows": walk_charts.windows(walk), "decay": walk_charts.decay(walk), "by_fold": walk_charts.by_fold(walk),
        "parameter": walk_charts.one_parameter(walk, alone) if alone else "", "trials": walk_charts.trials(walk, expected),
        "pbo": walk_charts.of_histogram("pbo", (court.get("pbo") or {}).get("histogram"), "logit of the rank in the other half", "splits",
                                        [(0.0, "middle of all", "ink")], below=0.0),
        "random": walk_charts.of_histogram("random", null.get("histogram"), str(null.get("label") or "Sharpe ratio of a draw"), "draws",
                                           [] if observed is None else [(observed, "chosen entries", "ink")]),
        "drawdowns": walk_charts.drawdowns(parts["paths"]["ways"], parts["paths"]["realised"], "R") if parts["paths"] else "",
    }
