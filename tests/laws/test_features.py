"""What holds for every registered feature; a new line of the registry enters by itself.

Columns are those declared; what stands on a row never changes when later bars come, whatever they say; warm-up is exact; nothing that bars can do raises or
makes a number of what cannot be known.  Ten thousand drawn series in all, at least a hundred a feature: the first twenty always, the rest marked slow.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pse.features.feature import Feature, Known, Market, Room
from pse.features.market_state import LiquidityFilter
from pse.features.objects import KINDS, NAMES, word_of
from pse.features.opening_gaps import OpeningGap
from pse.features.regime import VolatilityRegime
from pse.features.requests import BAR_COLUMNS, KEYS, parameters
from pse.features.volume import SlotVolume
from pse.registry import FEATURES, resolve
from tests.features.drawn import clean, draw, rewritten, until
from tests.features.made import future, minutes
from tests.naive import channels, rolling, trend, wilder
from tests.naive import momentum as naive_momentum

NAMED = sorted(FEATURES)
CASES = 10_000
FAST = 20
EACH = max(100, math.ceil(CASES / len(FEATURES)))
seeds = st.integers(0, 2**32 - 1)
drawn = {"deadline": None, "phases": (Phase.explicit, Phase.generate)}       # a smaller seed is no simpler market
every = pytest.mark.parametrize("name", NAMED)

# The slope of a session's VWAP has no daily bars, and the macro context waits for days of other symbols.
RIGHT_ON: dict[str, tuple[str, ...]] = {"vwap": ("5m",), "macro_context": ()}
A_SESSION = {"5m": 276, "1d": 1}
SILENT_ON_CLEAN_BARS = ("volatility_regime",)                # its volatility never doubles
KNOWN_WITHOUT_PRICES = {"present_share": "bars of which nothing is known are missing ones: 0", "htf_trend": "no break yet: 0"}


def made(name: str) -> Feature:
    return resolve("feature", name)()


def columns(feature: Feature, market: Market, timeframe: str) -> dict[str, np.ndarray]:
    return market.at(timeframe).of(feature)


# --- what is declared ----------------------------------------------------------------------------------------------------------------------------


@every
def test_a_feature_says_what_it_is(name):
    feature = made(name)
    assert isinstance(feature, Feature)
    for text in ((type(feature).__doc__ or "").strip().partition("\n")[0], feature.formula, feature.source):
        assert len(text) >= 10, name
    assert feature.room in get_args(Room) and 8 <= len(feature.title) <= 34 and not feature.title.endswith(".")
    assert feature.warmup_bars() >= 0 and feature.lag_bars() >= 0 and feature.columns
    for one in parameters(feature):
        assert len(one.meaning) >= 5, f"{name}: the parameter {one.path} has no meaning"
        assert one.low is not None or not isinstance(one.default, float | int) or isinstance(one.default, bool), f"{name}: {one.path} has no bound"


@every
def test_a_parameter_has_the_type_of_its_values_by_default_as_when_it_is_given(name):
    """A whole number in the place of a fraction makes kernels compile twice."""
    feature = made(name)
    for part in (feature, *(part for part in feature.__dict__.values() if isinstance(part, Feature))):
        given = type(part).model_validate({field: getattr(part, field) for field in type(part).model_fields})
        for field in type(part).model_fields:
            assert type(getattr(part, field)) is type(getattr(given, field)), f"{type(part).__name__}.{field}"


@every
def test_a_column_says_what_it_means_and_a_state_its_words(name):
    for column, said in made(name).columns.items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column), f"{column} is no plain lower case name"
        assert len(said.meaning) >= 5 and said.unit, column
        assert bool(said.words) == (said.unit == "state"), f"{column}: words belong to states, and every state has some"
        assert len(set(said.words)) == len(said.words), column


def test_no_two_features_share_a_column_and_none_is_called_like_a_bar_or_a_key():
    owners: dict[str, str] = {}
    for name in NAMED:
        for column in resolve("feature", name).columns:
            assert column not in owners, f"{column} is a column of {owners.get(column)} and of {name}"
            owners[column] = name
    assert not {*owners, *FEATURES} & {*BAR_COLUMNS, *KEYS}


# --- what is computed ----------------------------------------------------------------------------------------------------------------------------


@every
def test_computed_columns_are_the_declared_ones_in_shape_and_type(name):
    feature = made(name)
    for seed in range(12):
        found = draw(seed, feature)
        computed = found.known.of(feature)
        assert sorted(computed) == sorted(feature.columns), name
        for column, values in computed.items():
            said = feature.columns[column]
            assert values.shape == (len(found.known),), column
            assert values.dtype in (np.float64, np.int64), f"{column} is {values.dtype}"
            if said.unit in ("state", "flag"):
                assert values.size == 0 or (values.dtype == np.int64 and values.min() >= 0 and values.max() < max(len(said.words), 2)), column
            if said.unit == "direction":
                assert np.isin(values[~np.isnan(values)], (-1, 0, 1)).all(), column
            if said.unit == "count":
                known = values[~np.isnan(values)]
                assert (known == np.round(known)).all(), column


@every
def test_objects_are_in_the_order_in_which_they_become_known(name):
    feature, looked = made(name), 0
    for seed in range(12):
        found = draw(seed, feature)
        for kind, rows in found.known.objects(feature).items():
            assert NAMES.get(kind, kind) in KINDS, f"{kind} says nowhere which of its fields are moments"
            form = KINDS[NAMES.get(kind, kind)]
            assert (np.diff(rows[form.known]) >= 0).all() and (rows[form.event] <= rows[form.known]).all(), kind
            assert (rows[form.known] < len(found.known)).all(), kind
            looked += 1
    assert looked or type(feature).objects is Feature.objects


@every
def test_every_number_of_an_object_says_what_it_is(name):
    """Bars, moments, codes, counts and rows are declared, so that none is shown as a bare number; every code has a word; prices are fractions."""
    feature = made(name)
    for seed in range(12):
        found = draw(seed, feature)
        for table, rows in found.known.objects(feature).items():
            form = KINDS[NAMES.get(table, table)]
            declared = [form.event, form.known, *form.later, *form.bars, *form.moments, *form.counts, *form.words, *form.rows]
            whole = [field for field in rows.dtype.names if rows.dtype[field].kind == "i"]
            assert {*declared} == {*whole}, table
            assert all(rows.dtype[field].kind == "f" for field in form.prices), table
            assert all(word_of(table, field, row) for field in form.words for row in rows), table


def first_whole_row(feature: Feature, known: Known) -> int:
    """First row on which every column that is not sparse has a value (where all are sparse: a number in any); a state has one when it is not UNKNOWN."""
    found = known.of(feature)
    told = {column: values != 0 if feature.columns[column].words[:1] == ("UNKNOWN",) else ~np.isnan(values) for column, values in found.items()}
    dense = [has for column, has in told.items() if not feature.columns[column].sparse]
    has = np.all(dense, axis=0) if dense else np.any([told[column] for column, values in found.items() if values.dtype.kind == "f"], axis=0)
    return int(np.argmax(has)) if has.any() else -1


@pytest.mark.parametrize("frame", ["5m", "1d"])
@every
def test_warm_up_is_exact_on_clean_bars(name, frame):
    feature = made(name)
    if frame not in RIGHT_ON.get(name, ("5m", "1d")):
        pytest.skip(f"the warm-up of {name} is none of {frame} bars")
    if frame == "1d" and {*feature.timeframes("1d")} - {"1d"}:
        pytest.skip(f"{name} reads {feature.timeframes('1d')[0]} bars, which cannot be made from days")
    warmup = feature.warmup_on(A_SESSION[frame])
    first = first_whole_row(feature, clean(frame, warmup + 60, feature).known)
    assert first == warmup or (all(one.sparse for one in feature.columns.values()) and not 0 <= first < warmup)


@pytest.mark.parametrize(("feature", "frame", "first"), [
    (SlotVolume(at_least=2), "5m", 552), (SlotVolume(at_least=2), "1d", 2), (VolatilityRegime(min_obs=30), "5m", 44),
    (VolatilityRegime(series="yang_zhang", min_obs=30), "5m", 50), (VolatilityRegime(series="atr_pct"), "1d", 74),
    (VolatilityRegime(deseasonalise=True, min_obs=30), "5m", 5 * 276 + 44), (VolatilityRegime(deseasonalise=True), "1d", 85),
    (LiquidityFilter(period=40, min_obs=7), "5m", 47), (LiquidityFilter(sessions=5), "1d", 25)])
def test_warm_up_is_exact_for_other_parameters(feature, frame, first):
    assert feature.warmup_on(A_SESSION[frame]) == first
    assert first_whole_row(feature, clean(frame, first + 60, feature).known) == first


def test_a_gap_at_the_open_is_measured_in_the_first_session_that_has_fifteen_bars_before_it():
    assert [OpeningGap().warmup_on(bars) for bars in (1, 7, 15, 16, 276)] == [15, 21, 15, 16, 276]


def spoken(values: np.ndarray) -> np.ndarray:
    """On which bars a column says something."""
    return values != 0 if values.dtype.kind == "i" else ~np.isnan(values)


def on_clean_bars(feature: Feature, frame: str) -> Known:
    """Fifteen hundred bars without a fault; made of minutes where it reads those."""
    if "1m" in feature.timeframes(frame):
        return Market(minutes(seed=5, days=6), future()).at(frame)
    return clean(frame, 1500, feature).known


@pytest.mark.parametrize("name", [name for name in NAMED if any(one.sparse for one in resolve("feature", name).columns.values())])
def test_a_column_that_holds_never_falls_silent_and_one_of_events_does(name):
    feature, heard = made(name), 0
    for column, values in on_clean_bars(feature, "5m").of(feature).items():
        said, has = feature.columns[column], spoken(values)
        if not (said.sparse and has.any()):
            continue
        heard += 1
        since = slice(int(np.argmax(has)), None)
        if said.speaks == "from the first":
            assert has[since].all(), f"{column} holds and falls silent"
        elif said.speaks == "on events":
            assert not has[since].all() and has.mean() < 0.75, f"{column} is said to speak on events and speaks on most bars"
    assert heard or name in SILENT_ON_CLEAN_BARS, name


def test_a_column_that_always_speaks_holds_nothing():
    for name in NAMED:
        for column, said in resolve("feature", name).columns.items():
            assert said.sparse or not said.holds, column


# --- the past ------------------------------------------------------------------------------------------------------------------------------------


def assert_equal_past(whole, early, name, seed):
    for column, values in early.items():
        past = whole[column][:values.size]
        np.testing.assert_array_equal(values, past, err_msg=f"{name} {column}, seed {seed}")
        assert values.tobytes() == past.tobytes() or np.isnan(values).any() or (values == 0).any(), f"{name} {column}, seed {seed}"
        assert not np.isinf(whole[column]).any(), f"{name} {column} is infinite, seed {seed}"


def check_prefix(name: str, seed: int) -> None:
    feature = made(name)
    found = draw(seed, feature)
    closes = found.market.bars.ts_close
    moment = int(closes[int(found.rng.integers(0, closes.size))])
    assert_equal_past(columns(feature, found.market, found.timeframe), columns(feature, until(found.market, moment), found.timeframe), name, seed)


def many(count: int):
    return settings(max_examples=count, **drawn)


@every
def test_bars_that_come_later_change_nothing(name):
    many(FAST)(given(seeds)(lambda seed: check_prefix(name, seed)))()


@pytest.mark.slow
@every
def test_bars_that_come_later_change_nothing_in_ten_thousand_cases(name):
    many(EACH)(given(st.integers(2**32, 2**33))(lambda seed: check_prefix(name, seed)))()


def check_future(name: str, seed: int, poison: bool) -> None:
    feature = made(name)
    found = draw(seed, feature)
    closes = found.market.bars.ts_close
    moment = int(closes[int(found.rng.integers(0, closes.size))])
    settled = int(np.searchsorted(found.known.bars.ts_close, moment, side="right"))
    other = columns(feature, rewritten(found.market, moment, found.rng, poison), found.timeframe)
    assert_equal_past(columns(feature, found.market, found.timeframe), {column: values[:settled] for column, values in other.items()}, name, seed)


@pytest.mark.parametrize("poison", [True, False], ids=["NaN", "other prices"])
@every
def test_what_later_bars_say_changes_nothing(name, poison):
    many(20)(given(seeds)(lambda seed: check_future(name, seed, poison)))()


@every
def test_the_same_bars_give_the_same_bits(name):
    feature = made(name)
    for seed in range(300, 306):
        one, two = (draw(seed, feature).known.of(feature) for _ in range(2))
        assert {column: values.tobytes() for column, values in one.items()} == {column: values.tobytes() for column, values in two.items()}


# --- bars that tell little -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
@every
def test_too_few_bars_are_no_error_and_give_no_infinity(name, n):
    feature = made(name)
    whole = clean("5m", 60, feature).market
    few = Market(whole.bars[:n], whole.instrument, others={symbol: Market(there.bars[:n], there.instrument) for symbol, there in whole.others.items()})
    for column, values in columns(feature, few, "5m").items():
        assert values.shape == (n,) and not np.isinf(values).any(), column


FLAWS = {
    "unknown": {"open": np.nan, "high": np.nan, "low": np.nan, "close": np.nan, "volume": np.nan},
    "flat": {"open": 4000.0, "high": 4000.0, "low": 4000.0, "close": 4000.0},
    "flat without a trade": {"open": 4000.0, "high": 4000.0, "low": 4000.0, "close": 4000.0, "volume": 0.0},
    "no volume": {"volume": 0.0},
    "unknown volume": {"volume": np.nan},
}


@pytest.mark.parametrize("flaw", FLAWS)
@every
def test_a_market_that_says_nothing_is_no_error_and_gives_no_infinity(name, flaw):
    feature = made(name)
    n = min(feature.warmup_on(A_SESSION["5m"]), 600) + 40
    market = clean("5m", n, feature).market
    values = {column: np.full(n, value) for column, value in FLAWS[flaw].items()}
    flawed = Market(replace(market.bars, **values), market.instrument, others=market.others)
    for column, found in columns(feature, flawed, "5m").items():
        assert not np.isinf(found).any(), f"{name} {column} is infinite on {flaw} bars"
        if flaw == "unknown" and found.dtype == np.float64 and column not in KNOWN_WITHOUT_PRICES and not feature.symbols():
            assert np.isnan(found).all(), f"{name} {column} is a number where nothing is known"


def adjusted(bars, name):
    return list(bars.adjusted(name))


# Features of one plain definition, beside what is written from it: column to the values that it should have, on forward-adjusted prices (less the offset).
TWINS = {
    "atr": lambda bars, n: {"atr": wilder.atr(adjusted(bars, "high"), adjusted(bars, "low"), adjusted(bars, "close"), n, True)},
    "relative_volume": lambda bars, n: {"rvol": rolling.relative_volume(list(bars.volume), n)},
    "rsi": lambda bars, n: {"rsi": naive_momentum.rsi(adjusted(bars, "close"), n)},
    "sma": lambda bars, n: {"sma": np.array(trend.sma(adjusted(bars, "close"), n)) + bars.offset},
    "ema": lambda bars, n: {"ema": np.array(trend.ema(adjusted(bars, "close"), n)) + bars.offset},
    "efficiency_ratio": lambda bars, n: {"er": trend.efficiency_ratio(adjusted(bars, "close"), n)},
    "bollinger": lambda bars, n: {name: np.array(values) + bars.offset for name, values in
                               zip(("bb_mid", "bb_upper", "bb_lower"), channels.bollinger(adjusted(bars, "close"), n, 2.0), strict=True)},
}


@pytest.mark.parametrize("name", sorted(TWINS))
def test_bars_with_faults_never_give_a_wrong_number(name):
    feature = made(name)
    for seed in range(60):
        known = draw(seed, feature).known
        found = known.of(feature)
        for column, expected in TWINS[name](known.bars, feature.period).items():
            np.testing.assert_allclose(found[column], np.array(expected, dtype=float), rtol=1e-9, atol=1e-9, err_msg=f"{name} {column}, seed {seed}")
