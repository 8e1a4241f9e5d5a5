"""A chart as a PNG: the same layers as the page, drawn once at one size; equal views give equal bytes."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pse import __version__
from pse.clock import iso
from pse.kernels.contract import NEVER
from pse.reports.chart_columns import Line, Ribbon, state_colour
from pse.reports.chart_objects import BOX, LINE, POINT, WICK, Shape
from pse.reports.chart_page import heading, span_words
from pse.reports.chart_view import ChartView, TradeMark, day_starts, holes, holes_words, key_words, regular

MARGINS = 1.66                                   # inches above and below the panes
DOTS_AN_INCH, BAR_INCHES, NARROWEST, WIDEST, LEFT = 110, 0.062, 11.0, 22.0, 0.85
LABELLED_BARS = 500                               # with more bars only the major swings are labelled
LOOKS: dict[str, dict[str, str]] = {
    "light": {"paper": "#fbfbfa", "ink": "#1c2127", "dim": "#5d6875", "line": "#dfe3e8", "night": "#e9edf2", "faint": "#dfe3e8", "gain": "#0b7f6b",
              "loss": "#c2491d", "pool": "#6f5bb0", "level": "#7a6a4f", "block": "#8a6d1f", "vwap": "#b06a00", "sweep": "#b0307a", "cyan": "#0e8ba6",
              "accent": "#2f6bb3"},
    "dark": {"paper": "#14171a", "ink": "#e4e8ec", "dim": "#98a3af", "line": "#323a43", "night": "#1e252c", "faint": "#323a43", "gain": "#36b89c",
             "loss": "#ee7b4d", "pool": "#a596e6", "level": "#b7a685", "block": "#cfae55", "vwap": "#e2a13d", "sweep": "#ea7fbb", "cyan": "#58c3da",
             "accent": "#7fb0ea"},
}
_TINTS = ("accent", "cyan", "pool", "gain", "sweep", "dim")
_FIRST = {"mss": 1, "choch": 2, "sweep": 3, "pool": 4, "major": 5, "bos": 6, "level": 7, "block": 8, "zone": 8, "gap": 8, "inverse": 9, "swing": 9}


def draw(view: ChartView, theme: str = "light") -> bytes:
    """The picture's bytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = {"font.family": "DejaVu Sans", "font.size": 8.0, "text.parse_math": False, "path.simplify": False}
    with matplotlib.rc_context(settings):
        panes = list(dict.fromkeys(line.pane for line in view.lines if line.pane))
        width = float(np.clip(len(view.bars) * BAR_INCHES + 1.8, NARROWEST, WIDEST))
        heights = [max(5.6, 0.36 * width), *([0.2 * len(view.ribbons)] if view.ribbons else []), *[1.1] * len(panes)]
        figure = Figure(figsize=(width, sum(heights) + MARGINS), dpi=DOTS_AN_INCH, facecolor=LOOKS[theme]["paper"])
        canvas = FigureCanvasAgg(figure)
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, left=LEFT / width, right=1 - 1.0 / width, top=1 - 0.55 / (sum(heights) + MARGINS),
                                   bottom=1.11 / (sum(heights) + MARGINS), hspace=0.04)
        axes = [figure.add_subplot(grid[i]) for i in range(len(heights))]
        _Picture(view, LOOKS[theme], figure, canvas, axes, panes).draw()
        out = io.BytesIO()
        figure.savefig(out, format="png", facecolor=LOOKS[theme]["paper"], metadata={"Software": f"pse {__version__}"})
    return out.getvalue()


class _Picture:
    """One figure while it is drawn: its axes, its colours and the places that words have taken."""

    def __init__(self, view: ChartView, look: dict[str, str], figure: Any, canvas: Any, axes: list[Any], panes: list[str]) -> None:
        self.view, self.look, self.figure, self.axes, self.panes, self.top = view, look, figure, axes, panes, axes[0]
        self.renderer, self.count = canvas.get_renderer(), len(view.bars)
        self.taken: list[Any] = []
        self.shapes = sorted((one for one in view.shapes if not one.minor and one.layer in view.on), key=lambda one: _FIRST.get(one.kind, 9))

    def draw(self) -> None:
        for axes in self.axes:
            self._frame(axes)
        self._limits()
        self._sessions()
        self._holes()
        self._candles()
        self._volume()
        self._lines()
        for trade in self.view.trades:
            self._bracket(trade)
        self._last_price()
        for form, how in ((BOX, self._box), (LINE, self._line), (WICK, self._wick), (POINT, self._point)):
            for shape in self.shapes:
                if shape.form == form:
                    how(shape)
        for trade in self.view.trades:
            self._trade(trade)
        self._words()
        if self.view.ribbons:
            self._ribbons(self.axes[1], self.view.ribbons)
        self._panes()
        self._axis()
        self._titles()

    # --- frame -----------------------------------------------------------------------------------------------------

    def _frame(self, axes: Any) -> None:
        axes.set_facecolor(self.look["paper"])
        axes.tick_params(colors=self.look["dim"], labelsize=8, length=3)
        axes.grid(True, color=self.look["line"], linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlim(-1, self.count + 0.5)
        for side, spine in axes.spines.items():
            spine.set_color(self.look["line"])
            spine.set_visible(side in ("left", "bottom"))
        if axes is not self.axes[-1]:
            axes.tick_params(labelbottom=False, bottom=False)

    def _limits(self) -> None:
        low, high = np.nanmin(self.view.prices["low"]), np.nanmax(self.view.prices["high"])
        room = (high - low) or max(abs(high) * 0.001, 1e-8)
        self.top.set_ylim(low - (0.17 if "volume" in self.view.on else 0.06) * room, high + 0.08 * room)
        digits = len(f"{self.view.instrument.tick:.8f}".rstrip("0").partition(".")[2])
        self.top.yaxis.set_major_formatter(lambda value, _: f"{value:,.{digits}f}")

    def _last_price(self) -> None:
        closes = self.view.prices["close"]
        last = float(closes[np.isfinite(closes)][-1])
        digits = len(f"{self.view.instrument.tick:.8f}".rstrip("0").partition(".")[2])
        self.top.axhline(last, color=self.look["dim"], linewidth=0.6, dashes=(1, 3), zorder=2)
        self._put(f"{last:,.{digits}f}", self.count + 0.4, last, self.look["ink"], ha="left", slide=True, bold=True)

    def _sessions(self) -> None:
        if "sessions" not in self.view.on or self.view.daily:
            return
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (~regular(self.view.bars)).astype(np.int8), [0]))))
        for begin, past in edges.reshape(-1, 2):
            self.top.axvspan(begin - 0.5, past - 0.5, color=self.look["night"], linewidth=0, zorder=0)
        for start in day_starts(self.view.bars)[1:]:
            self.top.axvline(start - 0.5, color=self.look["dim"], linewidth=0.7, dashes=(2, 3), zorder=0.5)

    def _holes(self) -> None:
        """A hatched band, of the same breadth on paper whatever a bar's, where trading days are missing."""
        half = 0.035 * self.count / (self.figure.get_figwidth() - 1.8)
        for bar, count in holes(self.view.bars):
            self.top.axvspan(bar - 0.5 - half, bar - 0.5 + half, facecolor=self.look["paper"], edgecolor=self.look["dim"], hatch="//////", linewidth=0.4,
                             zorder=0.6)
            low, high = self.top.get_ylim()
            self._put(f"{count} session{'s' * (count > 1)} missing", bar + half, high - 0.045 * (high - low), self.look["ink"], ha="left", bold=True)

    def _candles(self) -> None:
        from matplotlib.collections import LineCollection, PolyCollection

        o, h, low, c = (self.view.prices[name] for name in ("open", "high", "low", "close"))
        known, x = np.isfinite(c), np.arange(self.count)
        least = 0.0006 * np.ptp(self.top.get_ylim())
        for rows, role in ((known & (c >= o), "gain"), (known & (c < o), "loss")):
            at, under, over = x[rows], np.minimum(o, c)[rows], np.maximum(o, c)[rows]
            over = np.maximum(over, under + least)
            wicks = np.stack((np.column_stack((at, low[rows])), np.column_stack((at, h[rows]))), axis=1)
            bodies = np.stack([np.column_stack(corner) for corner in ((at - 0.34, under), (at + 0.34, under), (at + 0.34, over), (at - 0.34, over))], axis=1)
            self.top.add_collection(LineCollection(list(wicks), colors=self.look[role], linewidths=0.8, zorder=3), autolim=False)
            self.top.add_collection(PolyCollection(list(bodies), facecolors=self.look[role], linewidths=0, zorder=3), autolim=False)

    def _volume(self) -> None:
        volume = self.view.bars.volume
        if "volume" not in self.view.on or not np.isfinite(volume).any() or not np.nanmax(volume) > 0:
            return
        low, high = self.top.get_ylim()
        rising = self.view.prices["close"] >= self.view.prices["open"]
        self.top.bar(np.arange(self.count), np.nan_to_num(volume) / np.nanmax(volume) * 0.11 * (high - low), 0.68, bottom=low,
                     color=np.where(rising, self.look["gain"], self.look["loss"]), alpha=0.35, zorder=1, linewidth=0)
        self.top.set_ylim(low, high)

    def _lines(self) -> None:
        mine = [line for line in self.view.lines if not line.pane and (line.layer == "features" or line.layer in self.view.on)]
        tint = 0
        for line in mine:
            own = line.layer in ("vwap", "bands")
            colour = self.look["vwap"] if own else self.look[_TINTS[tint % len(_TINTS)]]
            tint += not own
            self._plot(self.top, line, colour, 1.3 if line.layer == "vwap" else 0.9, (3, 2) if line.layer == "bands" else None)
            known = np.flatnonzero(np.isfinite(line.values))
            if known.size and self.top.get_ylim()[0] < line.values[known[-1]] < self.top.get_ylim()[1]:
                self._put(line.name, self.count + 0.2, float(line.values[known[-1]]), colour, ha="left", slide=True)

    def _plot(self, axes: Any, line: Line, colour: str, width: float, dashes: tuple[int, int] | None = None) -> None:
        x, values = np.arange(self.count, dtype=float), line.values
        if line.layer in ("vwap", "bands"):                          # no line from one session's end to the next one's begin
            starts = day_starts(self.view.bars)[1:]
            x, values = np.insert(x, starts, starts - 0.5), np.insert(values, starts, np.nan)
        look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.4} if line.dots else {"linewidth": width}
        drawn, = axes.plot(x, values, color=colour, zorder=2.5, **look)
        if dashes:
            drawn.set_dashes(dashes)

    # --- structure -------------------------------------------------------------------------------------------------

    def _end(self, shape: Shape) -> float:
        return self.count + 0.2 if shape.last >= NEVER else float(shape.last)

    def _box(self, shape: Shape) -> None:
        from matplotlib.patches import Rectangle

        role, inverse, standing = "block" if shape.kind == "block" else "gain" if shape.way > 0 else "loss", shape.kind == "inverse", shape.last >= NEVER
        first, end = max(shape.first, -1), self._end(shape)
        self.top.add_patch(Rectangle((first, shape.low + self.view.base), end - first, shape.high - shape.low, zorder=1.5, facecolor="none" if inverse else
                                     _with_alpha(self.look[role], 0.28 if standing else 0.18), edgecolor=_with_alpha(self.look[role], 0.9 if standing else 0.5),
                                     linewidth=0.7, linestyle=(0, (2, 2)) if inverse else "-", hatch="////" if inverse else None))
        if shape.layer == "gaps":
            middle = (shape.low + shape.high) / 2 + self.view.base
            self.top.plot([first, end], [middle, middle], color=self.look[role], linewidth=0.6, alpha=0.8, dashes=(3, 2), zorder=1.6)

    def _line(self, shape: Shape) -> None:
        price, end, standing, first = shape.low + self.view.base, self._end(shape), shape.last >= NEVER, max(shape.first, -1)
        if shape.layer == "structure":
            role = "gain" if shape.way > 0 else "loss"
            drawn, = self.top.plot([first, end], [price, price], color=self.look[role], linewidth=1.8 if shape.kind == "mss" else 0.9, zorder=3.5)
            if shape.kind == "choch":
                drawn.set_dashes((4, 2))
            self._put(shape.label, (first + end) / 2, price, self.look[role], away=shape.way, bold=shape.kind == "mss")
            return
        role = "pool" if shape.layer == "pools" else "level"
        drawn, = self.top.plot([first, end], [price, price], color=self.look[role], linewidth=0.9, alpha=0.95 if standing else 0.5, zorder=2.2)
        if not standing or shape.layer == "levels":
            drawn.set_dashes((4, 3))
        if not self.top.get_ylim()[0] < price < self.top.get_ylim()[1]:
            return
        if standing:
            number = re.search(r"priority 0?([0-9.]+)", shape.note)
            self._put(f"{shape.label} {number[1]}" if number else shape.label, self.count + 0.4, price, self.look[role], ha="left", slide=True)
            return
        if any(word == "swept" for word, _ in shape.later):
            self.top.plot([end], [price], marker="x", markersize=4, color=self.look[role], zorder=4)
            return                                            # the sweep has words of its own
        self._put(shape.label, end - 0.5, price, self.look[role], ha="right", away=shape.way)

    def _wick(self, shape: Shape) -> None:
        low, high, up = shape.low + self.view.base, shape.high + self.view.base, shape.way > 0
        self.top.plot([shape.first, shape.first], [low, high], color=self.look["sweep"], linewidth=2.4, solid_capstyle="butt", zorder=4)
        self.top.plot([shape.first], [low if up else high], marker="^" if up else "v", markersize=5, color=self.look["sweep"], zorder=4)
        self._put(shape.label.replace("sweep ", "sw "), shape.first, low if up else high, self.look["sweep"], away=-1 if up else 1, gap=8)

    def _point(self, shape: Shape) -> None:
        major, price = shape.kind == "major", shape.low + self.view.base
        colour = self.look["ink" if major else "dim"]
        if major or self.count <= LABELLED_BARS:
            self.top.plot([shape.first], [price], marker="o", markersize=3.0 if major else 1.6, color=colour, zorder=4)
            self._put(shape.label, shape.first, price, colour, away=shape.way, bold=major)

    def _bracket(self, trade: TradeMark) -> None:
        from matplotlib.patches import Rectangle

        end = trade.exit if trade.exit is not None else self.count - 1
        for price, role in ((trade.stop, "loss"), (trade.target, "gain")):
            if np.isfinite(price):
                low, tall = min(price, trade.entry_price), abs(price - trade.entry_price)
                self.top.add_patch(Rectangle((trade.entry, low), max(end - trade.entry, 0.8), tall, linewidth=0, zorder=1.4,
                                             facecolor=_with_alpha(self.look[role], 0.2)))

    def _trade(self, trade: TradeMark) -> None:
        up = trade.way > 0
        self.top.plot([trade.entry], [trade.entry_price], marker="^" if up else "v", markersize=6, color=self.look["accent"], zorder=5)
        self._put("long" if up else "short", trade.entry, trade.entry_price, self.look["accent"], away=-1 if up else 1, bold=True, gap=9)
        if trade.exit is not None:
            role = "gain" if trade.won else "loss"
            self.top.plot([trade.entry, trade.exit], [trade.entry_price, trade.exit_price], color=self.look[role], linewidth=1.2, dashes=(3, 2), zorder=4.5)
            self.top.plot([trade.exit], [trade.exit_price], marker="x", markersize=6, color=self.look[role], zorder=5)
            self._put(trade.result, trade.exit, trade.exit_price, self.look[role], away=1 if trade.exit_price > trade.entry_price else -1, bold=True, gap=9)

    # --- words -----------------------------------------------------------------------------------------------------

    def _put(self, text: str, x: float, y: float, colour: str, away: int = 0, ha: str = "center", bold: bool = False, slide: bool = False,
             gap: float = 5) -> None:
        """Writes where nobody wrote before, a little further away if need be, or not at all."""
        from matplotlib.patheffects import withStroke

        steps = (0, 10, -10) if slide else (0, away * 9, away * 18) if away else (0,)
        inside = self.top.get_window_extent(self.renderer)
        right = self.figure.bbox.x1 if slide else inside.x1
        made = self.top.annotate(text, (x, y), (0, 0), textcoords="offset points", ha=ha, va="center", color=colour, fontsize=7.5, zorder=6, snap=False,
                                 annotation_clip=False, fontweight="bold" if bold else "normal",
                                 path_effects=[withStroke(linewidth=1.6, foreground=self.look["paper"])])
        for step in steps:
            made.set_position((0, away * gap + step))
            box = made.get_window_extent(self.renderer)
            if box.x0 < inside.x0 or box.x1 > right or box.y0 < inside.y0 or box.y1 > inside.y1 or any(box.overlaps(other) for other in self.taken):
                continue
            self.taken.append(box)
            return
        made.remove()

    def _words(self) -> None:
        if "sessions" in self.view.on and not self.view.daily:
            dates, starts, year = self.view.bars.session_date, day_starts(self.view.bars), ""
            for start, past in zip(starts, [*starts[1:], self.count], strict=True):
                date = str(dates[start])
                if past - start > 12:
                    form = "%a %-d %b" if date[:4] == year else "%a %-d %b %Y"
                    year = date[:4]
                    self.top.annotate(datetime(int(date[:4]), int(date[4:6]), int(date[6:]), tzinfo=UTC).strftime(form), (start, 1.0), (3, -9),
                                      xycoords=("data", "axes fraction"), textcoords="offset points", color=self.look["dim"], fontsize=8, fontweight="bold")

    def _ribbons(self, axes: Any, ribbons: list[Ribbon]) -> None:
        axes.set_ylim(len(ribbons), 0)
        axes.set_yticks([])
        axes.grid(False)
        for row, ribbon in enumerate(ribbons):
            edges = np.flatnonzero(np.diff(ribbon.codes)) + 1
            for begin, past in zip([0, *edges], [*edges, self.count], strict=True):
                word = ribbon.words[int(ribbon.codes[begin])]
                role, strength = state_colour(word, int(ribbon.codes[begin]))
                axes.barh(row + 0.5, past - begin, 0.84, left=begin - 0.5, color=_with_alpha(self.look[role], strength), linewidth=0)
                if word != "UNKNOWN" and past - begin > 1.6 * len(word) * self.count / (90.0 * self.figure.get_figwidth() / 11.0):
                    axes.annotate(word, (begin, row + 0.5), (3, 0), textcoords="offset points", va="center", fontsize=6.5,
                                  color=self.look["ink" if role == "faint" or strength < 0.6 else "paper"], fontweight="bold")
            axes.annotate(ribbon.name, (1.0, row + 0.5), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center", fontsize=7.5,
                          color=self.look["ink"])

    def _panes(self) -> None:
        for pane, axes in zip(self.panes, self.axes[len(self.axes) - len(self.panes):], strict=True):
            mine = [line for line in self.view.lines if line.pane == pane]
            for tint, line in enumerate(mine):
                colour = self.look[_TINTS[tint % len(_TINTS)]]
                self._plot(axes, line, colour, 1.0)
                axes.annotate(line.name, (0.0, 1.0), (4 + sum(len(one.name) * 5.4 + 10 for one in mine[:tint]), -9), xycoords="axes fraction",
                              textcoords="offset points", fontsize=7.5, color=colour, fontweight="bold")
            axes.margins(y=0.15)

    def _axis(self) -> None:
        """Times of day in exchange time; of daily bars the months."""
        wall, axes = self.view.wall, self.axes[-1]
        inches = self.figure.get_figwidth() - 1.7
        if self.view.daily:
            months = np.array([datetime.fromtimestamp(int(second), UTC).strftime("%b %y") for second in wall])
            places = np.flatnonzero(np.append(True, months[1:] != months[:-1]))
            words = [str(months[place]) for place in places]
        else:
            step = next((hours for hours in (0.25, 0.5, 1, 2, 3, 4, 6, 12) if (wall[-1] - wall[0]) / 3600 / hours <= inches * 2.2 or hours == 12), 12)
            bucket = wall // int(step * 3600)
            places = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))[1:]
            places = places[wall[places] % int(step * 3600) == 0]
            apart = 0.45 * self.count / inches
            places = np.array([place for i, place in enumerate(places) if i + 1 == places.size or places[i + 1] - place >= apart], np.int64)
            words = [datetime.fromtimestamp(int(second), UTC).strftime("%H:%M") for second in wall[places]]
        for one in self.axes:
            one.set_xticks(places)
        axes.set_xticklabels(words)
        axes.set_xlabel("trading days" if self.view.daily else f"time of day, {self.view.tz}", color=self.look["dim"], fontsize=8)

    def _titles(self) -> None:
        view, height = self.view, self.figure.get_figheight()
        marks = [f"as known at {iso(view.at_ns)}"] if view.at_ns is not None else []
        marks += ["SYNTHETIC DATA"] if view.synthetic else []
        marks += [f"trades of run {view.run_id}"] if view.run_id else []
        left = 0.12 / self.figure.get_figwidth()
        self.figure.text(left, 1 - 0.22 / height, " · ".join([heading(view), *marks]), fontsize=11, fontweight="bold", color=self.look["ink"], va="center")
        self.figure.text(left, 1 - 0.42 / height, span_words(view), fontsize=8, color=self.look["dim"], va="center")
        self._key(left, 0.56 / height)
        self.figure.text(left, 0.4 / height, _folded(key_words(view), int(self.figure.get_figwidth() * 17.5), 1), fontsize=7, color=self.look["dim"],
                         va="center")
        notes = f"Not drawn: {'; '.join(view.notes)}." if view.notes else ""
        words = " ".join(one for one in (holes_words(view.bars), notes) if one)
        self.figure.text(left, 0.17 / height, _folded(words, int(self.figure.get_figwidth() * 17.5)), fontsize=7, color=self.look["dim"], va="center")

    def _key(self, left: float, y: float) -> None:
        """The colours of the states that occur, in one line."""
        width, height, x = self.figure.bbox.x1, self.figure.get_figheight(), left
        for ribbon in self.view.ribbons:
            pieces: list[tuple[str, Any, str]] = [(ribbon.name, self.look["ink"], "bold")]
            for code in np.unique(ribbon.codes).tolist():
                role, strength = state_colour(ribbon.words[code], code)
                pieces += [("\u25a0", _with_alpha(self.look[role], strength), "normal"), (ribbon.words[code], self.look["dim"], "normal")]
            if x > left and x * width + sum(6 + 5.6 * len(words) for words, _, _ in pieces) * DOTS_AN_INCH / 72 * 0.8 > width:
                x, y = left, y + 0.15 / height
            for words, colour, weight in pieces:
                made = self.figure.text(x, y, words, fontsize=7, color=colour, va="center", fontweight=weight)
                x = (made.get_window_extent(self.renderer).x1 + (3 if words == "\u25a0" else 7)) / width
            x += 10 / width


def _folded(text: str, width: int, lines: int = 2) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:lines])


def _with_alpha(colour: str, alpha: float) -> tuple[float, float, float, float]:
    red, green, blue = (int(colour[i:i + 2], 16) / 255.0 for i in (1, 3, 5))
    return red, green, blue, alpha
