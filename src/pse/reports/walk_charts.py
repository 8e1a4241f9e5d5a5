"""Pictures of a walk-forward as SVG: its windows, in-sample against out-of-sample, one parameter, and distributions with what was observed marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pse.reports.charts import FEWEST_SHOWN, MOST_POINTS, ROLES, picture
from pse.reports.view import number
from pse.reports.walk import NEUTRAL, Walk, score_in, whole_score
from pse.reports.words import plain

Mark = tuple[float, str, str]                    # where, what it is, role of its colour
DAY = np.timedelta64(1, "D")
DOT = {"marker": "o", "linestyle": "none", "markeredgewidth": 0.0}
SPREAD, NAMED = (25, 75), ("p50", "p95", "p99")


def windows(walk: Walk) -> str:
    """Train and test windows of every fold on one time line, the first on top."""
    if not walk.folds:
        return ""

    def draw(axes: Any) -> None:
        for row, fold in enumerate(walk.folds):
            for part, colour, strength in (("train", "dim", 0.3), ("test", "plain", 1.0)):
                places = [_days(span) for span in fold.get(part) or []]
                axes.broken_barh([(start, end - start) for start, end in places], (row - 0.31, 0.62), color=ROLES[colour], alpha=strength, linewidth=0.0)
        axes.set_yticks(range(len(walk.folds)), [str(fold["number"]) for fold in walk.folds])
        axes.set_ylim(len(walk.folds) - 0.4, -0.6)
        axes.set_ylabel("fold")
        low, high = axes.get_xlim()
        _dates(axes, low, high)
        axes.grid(axis="y", visible=False)

    return picture("windows", draw, 6.4, 0.8 + min(4.2, 0.22 * len(walk.folds)))


def _days(span: Mapping[str, Any]) -> tuple[float, float]:
    return tuple(float((np.datetime64(str(span[key])[:10], "D") - np.datetime64("1970-01-01", "D")) / DAY) for key in ("start", "end"))  # type: ignore[return-value]


def _dates(axes: Any, low: float, high: float) -> None:
    ticks = np.unique(np.linspace(low, high, 5).astype(int))
    shown = 7 if high - low > 400.0 else 10                   # months, or days where months would repeat
    axes.set_xticks(ticks, [str(np.datetime64(int(tick), "D"))[:shown] for tick in ticks])


def decay(walk: Walk) -> str:
    """The objective in sample against out of sample: every configuration in every fold faint, the chosen one of each fold with its number."""
    chosen = [(fold, *walk.scores(fold)) for fold in walk.folds]
    marked = [(fold, inside, outside) for fold, inside, outside in chosen if inside is not None and outside is not None]
    if not marked:
        return ""
    cloud = _cloud(walk)
    neutral = NEUTRAL.get(walk.objective, 0.0)

    def draw(axes: Any) -> None:
        if cloud.size:
            axes.plot(cloud[:, 0], cloud[:, 1], color=ROLES["dim"], markersize=3.0, alpha=0.35, **DOT)
        for fold, inside, outside in marked:
            axes.plot([inside], [outside], color=ROLES["gain" if outside > neutral else "loss"], markersize=8.0, **DOT)
            axes.annotate(str(fold["number"]), (inside, outside), (6, 4), textcoords="offset points", fontsize=8.5)
        axes.axhline(neutral, color=ROLES["ink"], linewidth=0.8)
        low, high = axes.get_xlim()
        axes.plot([low, high], [low, high], color=ROLES["ink"], linewidth=1.0, dashes=(4, 3), scaley=False)
        axes.set_xlim(low, high)
        axes.set_xlabel(f"{walk.objective_name} in sample (train window)")
        axes.set_ylabel("out of sample (test window)")

    return picture("decay", draw, 6.4, 3.6)


def _cloud(walk: Walk) -> np.ndarray:
    """Train and test scores of all configurations in all folds, near ones as one; float64[n, 2]."""
    pairs = [(score_in(one, "train", place), score_in(one, "test", place)) for one in walk.candidates for place in range(len(walk.folds))]
    known = np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2)
    if known.shape[0] <= MOST_POINTS:
        return known
    grid = np.maximum(np.ptp(known, axis=0), 1e-9) / 200.0
    while known.shape[0] > MOST_POINTS:
        known = np.unique(np.round(known / grid), axis=0) * grid
        grid = grid * 1.3
    return known


def by_fold(walk: Walk) -> str:
    """The objective of each fold's choice in sample and out of sample, side by side."""
    scores = [walk.scores(fold) for fold in walk.folds]
    if not any(outside is not None for _, outside in scores):
        return ""
    neutral = NEUTRAL.get(walk.objective, 0.0)

    def draw(axes: Any) -> None:
        at = np.arange(len(scores))
        for shift, place, name in ((-0.2, 0, "in sample"), (0.2, 1, "out of sample")):
            heights = np.array([np.nan if (value := score[place]) is None else value - neutral for score in scores])
            colours = [ROLES["dim"] if place == 0 else ROLES["gain" if height > 0 else "loss"] for height in heights]
            axes.bar(at + shift, heights, 0.38, bottom=neutral, color=colours, alpha=0.45 if place == 0 else 1.0, label=name)
        axes.axhline(neutral, color=ROLES["ink"], linewidth=0.8)
        axes.set_xticks(at, [str(fold["number"]) for fold in walk.folds])
        axes.set_xlabel("fold (pale: in sample, strong: out of sample)")
        axes.set_ylabel(walk.objective_name)
        axes.grid(axis="x", visible=False)

    return picture("by-fold", draw, 6.4, 3.6)


def one_parameter(walk: Walk, key: str) -> str:
    """The objective over the whole searched window against one numeric parameter: median and middle half at each value, the chosen one marked."""
    found: dict[float, list[float]] = {}
    for one in walk.candidates:
        value, score = number(one["params"].get(key)), whole_score(one)
        if value is not None and score is not None:
            found.setdefault(value, []).append(score)
    if len(found) < 2:
        return ""
    at = sorted(found)
    middle, low, high = (np.array([np.percentile(found[value], part) for value in at]) for part in (50, *SPREAD))
    chosen = number(walk.chosen.get(key))

    def draw(axes: Any) -> None:
        if (high > low).any():
            axes.fill_between(at, low, high, color=ROLES["faint"], linewidth=0.0)
        axes.plot(at, middle, color=ROLES["plain"], linewidth=1.5, marker="o", markersize=4.0)
        if chosen is not None:
            _marked(axes, [(chosen, f"chosen {chosen:g}", "ink")])
        axes.axhline(NEUTRAL.get(walk.objective, 0.0), color=ROLES["grid"], linewidth=0.8)
        axes.set_xlabel(walk.label(key))
        axes.set_ylabel(f"{walk.objective_name}, whole searched window")

    return picture("parameter", draw, 6.4, 3.0)


def trials(walk: Walk, expected: float | None) -> str:
    """How the Sharpe ratios of all configurations spread over the whole searched window; the chosen one, the desk's own, and what luck would give marked."""
    known = np.array([value for one in walk.candidates if (value := number((one.get("whole") or {}).get("sharpe"))) is not None])
    if known.size < FEWEST_SHOWN:
        return ""
    places = ((_sharpe_of(walk, walk.chosen), "chosen", "ink"), (_sharpe_of(walk, walk.own), "the desk's own", "dim"),
              (expected, "best of so many by luck", "loss"))
    marks = [(value, name, role) for value, name, role in places if value is not None]
    counts, edges = np.histogram(known, min(30, max(8, int(np.sqrt(known.size) * 1.5))))
    return histogram("trials", edges, counts, "Sharpe ratio a year over the whole searched window", "configurations", marks)


def _sharpe_of(walk: Walk, params: Mapping[str, Any]) -> float | None:
    found = next((one for one in walk.candidates if one["params"] == params), None)
    return None if found is None else number((found.get("whole") or {}).get("sharpe"))


def of_histogram(name: str, found: Mapping[str, Any] | None, label: str, counted: str, marks: Sequence[Mark], below: float | None = None) -> str:
    """A stored histogram (`edges`, `counts`) as a picture; nothing where it holds nothing."""
    edges, counts = ((found or {}).get(key) or [] for key in ("edges", "counts"))
    if len(edges) != len(counts) + 1 or not sum(counts):
        return ""
    return histogram(name, np.array(edges, float), np.array(counts), label, counted, marks, below)


def histogram(name: str, edges: np.ndarray, counts: np.ndarray, label: str, counted: str, marks: Sequence[Mark], below: float | None = None) -> str:
    def draw(axes: Any) -> None:
        middles, widths = (edges[:-1] + edges[1:]) / 2.0, np.diff(edges)
        colours = [ROLES["loss"] if below is not None and middle <= below else ROLES["plain"] for middle in middles]
        axes.bar(middles, counts, widths * 0.9, color=colours, alpha=0.75)
        _marked(axes, marks)
        axes.set_xlabel(label)
        axes.set_ylabel(counted)
        axes.grid(axis="x", visible=False)

    return picture(name, draw, 6.4, 3.0)


def _marked(axes: Any, marks: Sequence[Mark]) -> None:
    """Upright dashed lines, each with its name above the picture's upper edge, one name a row."""
    for row, (at, name, role) in enumerate(sorted(marks)):
        axes.axvline(at, color=ROLES[role], linewidth=1.4, dashes=(4, 3))
        axes.annotate(name, (at, 1.0), (0, 2 + 11 * (len(marks) - 1 - row)), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
                      va="bottom", fontsize=8.5, color=ROLES[role], annotation_clip=False)


def drawdowns(ways: Mapping[str, Mapping[str, float]], realised: float | None, unit: str) -> str:
    """Quantiles of the deepest fall under each way of drawing the trades anew, one row a way."""
    if not ways:
        return ""

    def draw(axes: Any) -> None:
        for row, quantiles in enumerate(ways.values()):
            values = list(quantiles.values())
            for one, other in pairwise(values):
                axes.plot([one, other], [row, row], color=ROLES["faint"], linewidth=7.0)
            for key, value in quantiles.items():
                axes.plot([value], [row], color=ROLES["plain"], markersize=6.0, **DOT)
                if key in NAMED:
                    axes.annotate(f"{key[1:]} %: {plain(value, 1)}", (value, row), (0, 8), textcoords="offset points", ha="center", fontsize=8)
        if realised is not None:
            _marked(axes, [(realised, f"as they came {plain(realised, 1)}", "ink")])
        axes.set_yticks(range(len(ways)), list(ways))
        axes.set_ylim(-0.6, len(ways) - 0.3)
        axes.set_xlabel(f"deepest fall, {unit}")
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.08)

    return picture("drawdowns", draw, 6.4, 1.1 + 0.5 * len(ways))
