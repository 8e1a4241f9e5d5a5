"""Pictures of a run's distributions as SVG that follows the page: colours are classes, letters are text, nothing is
dated.

matplotlib draws with placeholder colours; `_for_page` turns its inline styles, which a strict content security policy
refuses, into attributes and classes that the page's style sheet colours for light, dark and print.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import polars as pl

from pse.reports.words import in_r

Group = dict[str, Any]
ROLES = {
    "ink": "#010203",
    "grid": "#020304",
    "gain": "#030405",
    "loss": "#040506",
    "plain": "#050607",
    "faint": "#060708",
    "dim": "#070809",
}
_ROLE_OF = {colour: role for role, colour in ROLES.items()}
MOST_POINTS = 600
FEWEST_SHOWN = 5  # of fewer a picture is a row of single bars or points
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pse",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.unicode_minus": True,
    "text.color": ROLES["ink"],
    "axes.labelcolor": ROLES["ink"],
    "xtick.color": ROLES["ink"],
    "ytick.color": ROLES["ink"],
    "axes.edgecolor": ROLES["grid"],
    "grid.color": ROLES["grid"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
}


def distribution(r_net: np.ndarray) -> str:
    """How many trades ended where, in R; bins of a quarter or a half R.  Nothing under `FEWEST_SHOWN` trades."""
    known = r_net[np.isfinite(r_net)]
    if known.size < FEWEST_SHOWN:
        return ""
    shown = np.clip(known, -5.0, 10.0)
    width = 0.25 if np.ptp(shown) <= 6.0 else 0.5
    edges = np.arange(np.floor(shown.min() / width), np.floor(shown.max() / width) + 2) * width
    counts, _ = np.histogram(shown, edges)

    def draw(axes: Any) -> None:
        colours = [ROLES["gain"] if left >= 0.0 else ROLES["loss"] for left in edges[:-1]]
        axes.bar(edges[:-1] + width / 2.0, counts, width * 0.9, color=colours)
        axes.axvline(float(known.mean()), color=ROLES["ink"], linewidth=1.2, dashes=(4, 3))
        axes.annotate(
            f"mean {in_r(known.mean())}",
            (known.mean(), 1.0),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
        )
        axes.set_xlabel(
            "result of a trade in R, net of costs"
            + (" (the ends hold what lies beyond)" if (known != shown).any() else "")
        )
        axes.set_ylabel("trades")
        axes.grid(axis="x", visible=False)

    return picture("distribution", draw, 6.4, 3.0)


def excursions(mae_r: np.ndarray, mfe_r: np.ndarray, net: np.ndarray) -> str:
    """Worst against best excursion of each trade; near points are one larger point.  Nothing under
    `FEWEST_SHOWN` trades."""
    known = np.isfinite(mae_r) & np.isfinite(mfe_r)
    if known.sum() < FEWEST_SHOWN:
        return ""
    points = np.column_stack((np.minimum(mae_r[known], 5.0), np.minimum(mfe_r[known], 10.0), net[known] > 0.0))
    places, counts = np.unique(np.round(points / (0.02, 0.02, 1.0)), axis=0, return_counts=True)
    grid = 0.02
    while places.shape[0] > MOST_POINTS:
        grid *= 1.5
        places, counts = np.unique(np.round(points / (grid, grid, 1.0)), axis=0, return_counts=True)
    places = places * (grid, grid, 1.0)

    def draw(axes: Any) -> None:
        for won, role in ((0.0, "loss"), (1.0, "gain")):
            for low, high, size in ((1, 1, 3.0), (2, 3, 4.5), (4, 8, 6.5), (9, None, 9.0)):
                rows = (places[:, 2] == won) & (counts >= low) & (counts <= (high or counts.max()))
                look = {"marker": "o", "linestyle": "none", "markersize": size, "markeredgewidth": 0.0, "alpha": 0.55}
                axes.plot(places[rows, 0], places[rows, 1], color=ROLES[role], clip_on=False, **look)
        axes.axvline(1.0, color=ROLES["ink"], linewidth=1.0, dashes=(4, 3))
        axes.set_xlabel("worst excursion against the trade, R")
        axes.set_ylabel("best excursion, R")
        axes.set_xlim(left=-0.05)
        axes.set_ylim(bottom=-0.05)

    return picture("excursions", draw, 6.4, 3.0)


def bars_by(name: str, groups: dict[str, Group], label: str) -> str:
    """Sum of R of each group, with the number of trades."""
    if not groups:
        return ""
    keys = list(groups)
    totals = np.array([float(groups[key]["total_r"]) for key in keys])

    def draw(axes: Any) -> None:
        axes.bar(
            range(len(keys)), totals, 0.72, color=[ROLES["gain"] if total >= 0.0 else ROLES["loss"] for total in totals]
        )
        axes.axhline(0.0, color=ROLES["ink"], linewidth=0.8)
        for i, key in enumerate(keys):
            up = totals[i] >= 0.0
            axes.annotate(
                str(groups[key]["trades"]),
                (i, totals[i]),
                (0, 2 if up else -2),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=7.5,
            )
        axes.set_xticks(
            range(len(keys)),
            [_label(key) for key in keys],
            rotation=0 if max(map(len, keys)) < 9 and len(keys) < 26 else 30,
        )
        axes.set_xlim(-0.7, max(len(keys), 4) - 0.3)
        axes.set_xlabel(label)
        axes.set_ylabel("sum of R (trades above)")
        axes.margins(y=0.15)
        axes.grid(axis="x", visible=False)

    return picture(name, draw, 6.4, 2.6)


def refusals(counts: dict[str, int]) -> str:
    """How often each gate said no, most first."""
    shown = sorted(counts.items(), key=lambda item: (item[1], item[0]))[-16:]
    if not shown:
        return ""

    def draw(axes: Any) -> None:
        axes.barh(range(len(shown)), [count for _, count in shown], 0.7, color=ROLES["plain"])
        for i, (_, count) in enumerate(shown):
            axes.annotate(f"{count:,}", (count, i), (3, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(shown)), [_label(name) for name, _ in shown])
        axes.set_xlabel("setups refused")
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)

    return picture("refusals", draw, 6.4, 0.9 + 0.26 * len(shown))


def rule_bounds(rules: dict[str, tuple[float, list[float] | None]]) -> str:
    """Expectancy under each rule of fills with its interval, the last named on top."""
    if not rules:
        return ""
    names = list(rules)

    def draw(axes: Any) -> None:
        axes.axvline(0.0, color=ROLES["ink"], linewidth=1.0, dashes=(4, 3))
        for at, (mean, bounds) in enumerate(rules.values()):
            role = ROLES["gain"] if mean > 0.0 else ROLES["loss"]
            if bounds:
                axes.plot(bounds, [at, at], color=ROLES["faint"], linewidth=5.0)
            axes.plot([mean], [at], color=role, marker="o", markersize=7.0, markeredgewidth=0.0, linestyle="none")
            axes.annotate(in_r(mean), (mean, at), (0, 7), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.6, len(names) - 0.2)
        axes.set_xlabel("expectancy of a trade in R, with its 95 % interval")
        axes.grid(axis="y", visible=False)

    return picture("rule-bounds", draw, 6.4, 0.9 + 0.42 * len(names))


def rule_band(days: list[int], lines: dict[str, list[float]], currency: str) -> str:
    """Equity by session: the band between the strictest and the kindest rule, and the line of the run inside it."""
    own, band = lines.get("conservative", []), [lines.get(name, []) for name in ("pessimistic", "optimistic")]
    if len(own) < 2 or any(len(line) != len(own) for line in band):
        return ""

    def draw(axes: Any) -> None:
        at = np.arange(len(own))
        axes.fill_between(at, *band, color=ROLES["faint"], linewidth=0.0)
        for name, line in lines.items():
            if name == "drill" and len(line) == len(own):
                axes.plot(at, line, color=ROLES["ink"], linewidth=1.0, dashes=(4, 3))
        axes.plot(at, own, color=ROLES["plain"], linewidth=1.5)
        ticks = np.unique(np.linspace(0, len(own) - 1, 5).astype(int))
        axes.set_xticks(ticks, [f"{days[i] // 10_000}-{days[i] // 100 % 100:02d}" for i in ticks])
        axes.set_ylabel(f"equity, {currency}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="x", visible=False)

    return picture("rule-band", draw, 6.4, 2.8)


def _label(name: str) -> str:
    """A name short enough for an axis."""
    return "none" if not name else name if len(name) <= 28 else name[:27] + "…"


def of_trades(trades: pl.DataFrame) -> dict[str, str]:
    """The two pictures that need every trade."""
    net = trades["net_usd"].to_numpy()
    return {
        "distribution": distribution(trades["r_net"].to_numpy()),
        "excursions": excursions(trades["mae_r"].to_numpy(), trades["mfe_r"].to_numpy(), net),
    }


def picture(name: str, draw: Any, width: float, height: float) -> str:
    """One figure as SVG for the page; equal input gives equal bytes."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return _for_page(name, out.getvalue())


def _for_page(name: str, svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r" transform=\"rotate\(-0 [^\"]*\"", "", svg)
    svg = re.sub(r'style="([^"]*)"', lambda found: _attributes(found[1]), svg)
    svg = re.sub(r'\b(id|xlink:href|href|clip-path)="(url\()?#?([^")]+)\)?"', lambda found: _prefixed(name, found), svg)
    svg = re.sub(
        r'(<svg [^>]*?)width="[^"]*pt" height="[^"]*pt"|(<svg [^>]*?)height="[^"]*pt" width="[^"]*pt"',
        r"\1\2",
        svg,
        count=1,
    )
    return re.sub(
        r"\s*\n\s*", "\n", svg.replace("<svg ", f'<svg class="figure" role="img" aria-label="{name}" ', 1)
    ).strip()


def _prefixed(name: str, found: re.Match[str]) -> str:
    """Ids of different figures on one page stay apart."""
    attribute, url, target = found[1], found[2], found[3]
    if attribute == "id":
        return f'id="{name}-{target}"'
    return f'{attribute}="url(#{name}-{target})"' if url else f'{attribute}="#{name}-{target}"'


def _attributes(style: str) -> str:
    """Declarations of a style attribute as presentation attributes; placeholder colours as classes."""
    classes, kept = [], []
    for declaration in style.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if value in _ROLE_OF:
            classes.append(f"{key[0]}-{_ROLE_OF[value]}")
        elif key == "font":
            size = re.search(r"([0-9.]+)px", value)
            kept.append(f'font-size="{size[1] if size else 9}"')
        elif key and key not in ("font-family", "stroke-miterlimit"):
            kept.append(f'{key}="{value}"')
    return " ".join(([f'class="{" ".join(classes)}"'] if classes else []) + kept)
