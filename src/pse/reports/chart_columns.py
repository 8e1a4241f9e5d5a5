"""Feature columns as a chart shows them: lines over the candles, ribbons of states under them, panes of their own below."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pse import registry
from pse.domain.errors import RequestError, UnknownName
from pse.features import Columns
from pse.features.build import FeatureSpec
from pse.features.feature import Column, Feature, Known

VWAP, BANDS = ("vwap",), ("vwap_upper1", "vwap_lower1", "vwap_upper2", "vwap_lower2")
REGIMES = {"market_state": "mcs", "trend_conviction": "tcc", "volatility_regime": "vol_bucket"}        # feature and its column, in the order of the ribbons
MOST_PANES, MOST_LINES = 6, 4


@dataclass(frozen=True, eq=False)
class Line:
    """One column, float64[n]: `pane` names where it stands, "" over the candles; `layer` the switch that it hangs on.

    Prices are on the forward-adjusted scale.  `dots`: a sparse column, which has no line between its values.
    """

    name: str
    meaning: str
    unit: str
    values: np.ndarray
    pane: str
    layer: str
    dots: bool = False


# Colour and strength of a state, by its word: directions have the colours of candles, everything that only grows has one colour that grows with it.
STATES = (
    ("^(TREND_UP|RISK_ON|DISCOUNT|OVERSOLD)|^BULL", "gain", 0.8), ("^(TREND_DOWN|RISK_OFF|PREMIUM|OVERBOUGHT)|^BEAR", "loss", 0.8),
    ("^VOLATILE$", "vwap", 0.85), ("^RANGE$", "pool", 0.55), ("^TRANSITION$", "accent", 0.45), ("^ILLIQUID$", "dim", 0.8),
    ("^(UNKNOWN|CLOSED|NEUTRAL|EQUILIBRIUM)$", "faint", 1.0),
    ("^None$", "accent", 0.12), ("^Low$", "accent", 0.35), ("^Medium$", "accent", 0.6), ("^High$", "accent", 0.95),
    ("-Q1$", "vwap", 0.15), ("-Q2$", "vwap", 0.4), ("-Q3$", "vwap", 0.65), ("-Q4$", "vwap", 0.95), ("^OK$", "gain", 0.4),
)
OTHER_STATES = ("accent", "vwap", "pool", "gain", "sweep", "dim")


def state_colour(word: str, code: int) -> tuple[str, float]:
    """Name of the colour and strength, 0 to 1."""
    for pattern, colour, strength in STATES:
        if re.search(pattern, word):
            return colour, strength
    return OTHER_STATES[code % len(OTHER_STATES)], 0.7


@dataclass(frozen=True, eq=False)
class Ribbon:
    """States of the bars, int64[n] positions in `words`."""

    name: str
    meaning: str
    codes: np.ndarray
    words: tuple[str, ...]


def vwap_lines(known: Known, spec: FeatureSpec, layers: Iterable[str]) -> list[Line]:
    """The session's VWAP and its bands, of the layers asked for."""
    wanted = {name: layer for layer, names in (("vwap", VWAP), ("bands", BANDS)) if layer in layers for name in names}
    if not wanted:
        return []
    made = known.of(spec.vwap)
    return [_line(known, name, spec.vwap.columns[name], made, "", layer) for name, layer in wanted.items()]


def regimes(known: Known, spec: FeatureSpec) -> list[Ribbon]:
    """The states of the market, as the desk computes them."""
    features = {name: _made(name, spec) for name in REGIMES}
    return [_ribbon(column, features[name].columns[column], known.of(features[name])) for name, column in REGIMES.items()]


def chosen(names: Iterable[str], spec: FeatureSpec) -> dict[str, tuple[Feature, tuple[str, ...]]]:
    """Features asked for by the name of a feature or of one column, each with the columns to show; `UnknownName` with the nearest."""
    found: dict[str, tuple[Feature, tuple[str, ...]]] = {}
    for name in dict.fromkeys(names):
        feature, column = (name, "") if name in registry.FEATURES else _of_column(name)
        made = _made(feature, spec)
        shown = (column,) if column else _main(feature, made)
        before = found[feature][1] if feature in found else ()
        found[feature] = (made, tuple(dict.fromkeys((*before, *shown))))
    return found


def _main(name: str, feature: Feature) -> tuple[str, ...]:
    """States, prices, and the columns of the unit in which the feature speaks: that of the column named as it is, else of its first."""
    columns = {one: what for one, what in feature.columns.items() if not what.sparse} or dict(feature.columns)
    unit = columns[name].unit if name in columns else next(iter(columns.values())).unit
    return tuple(one for one, what in columns.items() if what.words or what.unit in (unit, "price"))


def _of_column(name: str) -> tuple[str, str]:
    columns = {column: feature for feature in registry.FEATURES for column in registry.resolve("feature", feature).columns}
    if name in columns:
        return columns[name], name
    if near := difflib.get_close_matches(name, (*registry.FEATURES, *columns), n=1, cutoff=0.5):
        of = f", a column of {columns[near[0]]}" if near[0] in columns and near[0] not in registry.FEATURES else ""
        raise RequestError(f"no feature or column named {name!r}. Did you mean {near[0]}{of}? The features are: {', '.join(sorted(registry.FEATURES))}")
    raise UnknownName("feature or column", name, registry.FEATURES)


def _made(name: str, spec: FeatureSpec) -> Feature:
    """The feature with the desk's parameters where the desk gives them, else with its own."""
    kind = registry.resolve("feature", name)
    for part in (*(getattr(spec, field) for field in type(spec).model_fields), spec.quality):
        if type(part) is kind:
            return part
    made: Feature = kind()
    return made


def feature_lines(known: Known, features: dict[str, tuple[Feature, tuple[str, ...]]]) -> tuple[list[Line], list[Ribbon], list[str]]:
    """Lines and ribbons of the chosen features, and a phrase for each column that is not drawn.

    Prices lie over the candles; other columns of one feature and unit share a pane; states are ribbons.
    """
    lines: list[Line] = []
    ribbons: list[Ribbon] = []
    skipped: list[str] = []
    for name, (feature, columns) in features.items():
        made = known.of(feature)
        for column in columns:
            what = feature.columns[column]
            if what.words:
                ribbons.append(_ribbon(column, what, made))
                continue
            pane = "" if what.unit == "price" else f"{name}, {what.unit}"
            panes = {one.pane for one in lines if one.pane}
            if (pane and pane not in panes and len(panes) >= MOST_PANES) or sum(one.pane == pane for one in lines) >= MOST_LINES * (1 if pane else 3):
                skipped.append(f"column {column} of {name} (one chart takes {MOST_PANES} panes of {MOST_LINES} lines; name the column itself to have it)")
                continue
            lines.append(_line(known, column, what, made, pane, "features"))
    return lines, ribbons, skipped


def _line(known: Known, name: str, what: Column, made: Columns, pane: str, layer: str) -> Line:
    values = made[name].astype(np.float64)
    return Line(name, what.meaning, what.unit, values - known.bars.offset if what.unit == "price" else values, pane, layer, what.sparse)


def _ribbon(name: str, what: Column, made: Columns) -> Ribbon:
    return Ribbon(name, what.meaning, np.nan_to_num(made[name].astype(np.float64)).astype(np.int64), what.words)
