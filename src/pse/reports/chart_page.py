"""A chart as one self-contained HTML page, drawn by the charting library with our own boxes, lines and labels on it.

What this module does: it packs the view for `chart.js`.  Candles travel as whole ticks, everything compressed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pse.clock import iso
from pse.kernels.contract import NEVER
from pse.reports.candles import tick_of
from pse.reports.chart_columns import Line, Ribbon, state_colour
from pse.reports.chart_objects import Shape
from pse.reports.chart_view import LAYERS, ChartView, day_starts, holes, holes_words, key_words, regular, wall_seconds
from pse.reports.page import frame, packed, template

_TABLED = 400                                     # objects that are listed one by one


def render_chart(view: ChartView, theme: str = "") -> str:
    """The page as text; equal views give equal text.  `theme`: light, dark, or empty for the reader's own."""
    return template("chart").render(**frame("chart"), view=view, theme=theme, data=packed(_payload(view)), heading=heading(view), span=span_words(view),
                                    notes=view.notes, missing=holes_words(view.bars), key=key_words(view), at=None if view.at_ns is None else iso(view.at_ns))


def heading(view: ChartView) -> str:
    """ES 5m, E-mini S&P 500."""
    return f"{view.symbol} {view.bars.timeframe} · {view.instrument.name}"


def span_words(view: ChartView) -> str:
    """How many bars, of which contracts, from when to when in UTC, and what they were made from."""
    names = [view.bars.contracts[code] for code in dict.fromkeys(view.bars.contract.tolist())]
    contracts = f" of {', '.join(name for name in names if name)}" if any(names) and names != [view.symbol] else ""
    made = f", from stored {view.stored} bars" if view.stored else ""
    return f"{len(view.bars):,} bars{contracts} from {iso(int(view.bars.ts_open[0]))} to {iso(int(view.bars.ts_close[-1]))}{made}"


def _payload(view: ChartView) -> dict[str, Any]:
    unit = tick_of(np.concatenate([view.bars.close[np.isfinite(view.bars.close)][:4000], [0.0]]), view.instrument.tick)
    opens, closes = view.bars.ts_open // 10**9, view.bars.ts_close // 10**9
    dates = view.bars.session_date
    return {
        "symbol": view.symbol, "timeframe": view.bars.timeframe, "tz": view.tz, "daily": view.daily, "unit": unit, "digits": _digits(unit),
        "t": _steps(opens), "length": _steps(closes - opens), "wall": _steps(view.wall), "shift": _steps(view.wall - opens),
        **{name: _ticks(values, unit) for name, values in view.prices.items()},
        "volume": _numbers(view.bars.volume, 8) if "volume" in view.layers and np.isfinite(view.bars.volume).any() else None,
        "earlier": _earlier(view),
        "days": [] if view.daily else [[int(i), int(dates[i])] for i in day_starts(view.bars)],
        "holes": [list(one) for one in holes(view.bars)],
        "overnight": _runs(~regular(view.bars)) if "sessions" in view.layers and not view.daily else [],
        "layers": [[name, LAYERS[name], name in view.on] for name in view.layers],
        "shapes": [_shape(one, view.base, unit) for one in view.shapes],
        "lines": [_line(one, unit) for one in view.lines], "ribbons": [_ribbon(one) for one in view.ribbons],
        "trades": [_trade(one) for one in view.trades], "tabled": _TABLED,
    }


def _earlier(view: ChartView) -> dict[str, list[int]]:
    """Open, length, wall clock and its shift of the bars before the window that a shape names, by their number, in seconds."""
    named = {bar for one in view.shapes for bar in (one.event, one.known, *(at for _, at in one.later)) if bar < 0}
    if not named:
        return {}
    bars = view.earlier[len(view.earlier) + min(named):]
    opens, closes, wall = bars.ts_open // 10**9, bars.ts_close // 10**9, wall_seconds(bars)
    return {str(bar): [int(opens[bar]), int(closes[bar] - opens[bar]), int(wall[bar]), int(wall[bar] - opens[bar])] for bar in sorted(named)}


def _digits(unit: float) -> int:
    return len(f"{unit:.8f}".rstrip("0").partition(".")[2])


def _steps(values: np.ndarray) -> list[int]:
    """Each value less the one before, the first as it is."""
    return np.diff(values, prepend=0).tolist()  # type: ignore[no-any-return]


def _ticks(prices: np.ndarray, unit: float) -> list[int | None]:
    """Prices as steps of whole units from the last known one; None where there is no price."""
    found: list[int | None] = []
    before = 0
    for value, known in zip(np.round(np.nan_to_num(prices) / unit).astype(np.int64).tolist(), np.isfinite(prices).tolist(), strict=True):
        found.append(value - before if known else None)
        before = value if known else before
    return found


def _numbers(values: np.ndarray, digits: int) -> list[float | int | None]:
    """Values rounded to significant digits; None for NaN."""
    return [_short(value, digits) if known else None for value, known in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)]


def _short(value: float, digits: int) -> float | int:
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def _price(value: float, unit: float) -> float | int | None:
    return _short(round(value / unit * 100.0) / 100.0 * unit, 12) if np.isfinite(value) else None


def _runs(mask: np.ndarray) -> list[list[int]]:
    """First and last row of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [[int(a), int(b) - 1] for a, b in edges.reshape(-1, 2)]


def _shape(shape: Shape, base: float, unit: float) -> list[Any]:
    last = None if shape.last >= NEVER else shape.last
    return [shape.layer, shape.form, shape.kind, shape.way, shape.first, last, _price(shape.low + base, unit), _price(shape.high + base, unit), shape.label,
            shape.event, shape.known, [list(one) for one in shape.later], shape.note, int(shape.minor)]


def _line(line: Line, unit: float) -> dict[str, Any]:
    values = [_price(value, unit) for value in line.values.tolist()] if line.unit == "price" else _numbers(line.values, 5)
    return {"name": line.name, "meaning": line.meaning, "unit": line.unit, "pane": line.pane, "layer": line.layer, "dots": line.dots, "values": values}


def _ribbon(ribbon: Ribbon) -> dict[str, Any]:
    return {"name": ribbon.name, "meaning": ribbon.meaning, "words": list(ribbon.words),
            "colours": [state_colour(word, code) for code, word in enumerate(ribbon.words)], "codes": ribbon.codes.tolist()}


def _trade(trade: Any) -> dict[str, Any]:
    return {"entry": trade.entry, "exit": trade.exit, "way": trade.way, "title": trade.title, "result": trade.result, "won": trade.won,
            **{name: value if np.isfinite(value) else None for name, value in (
                ("entry_price", trade.entry_price), ("exit_price", trade.exit_price), ("stop", trade.stop), ("target", trade.target))}}
