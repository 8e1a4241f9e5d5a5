"""The worked cases of the strategies page, run against the ten daily strategies."""

import pytest

from pse.tactics.bollinger_bands import BollingerBands
from pse.tactics.breakout import Breakout
from pse.tactics.dual_momentum import DualMomentum
from pse.tactics.mean_reversion import MeanReversion
from pse.tactics.momentum_rotation import MomentumRotation
from pse.tactics.moving_average_envelope import MovingAverageEnvelope
from pse.tactics.relative_strength import RelativeStrength
from pse.tactics.sector_rotation import SectorRotation
from pse.tactics.swing import SIGNALS
from pse.tactics.trend_following import TrendFollowing
from pse.tactics.volatility_breakout import VolatilityBreakout
from tests.spec.worked_cases import differences, load
from tests.tactics.dailies import daily_bars, known_of

TOLERANCE, CASES = load("06-strategies")
STRATEGIES = {
    "TrendFollowing": (TrendFollowing, {"fast": "fast_bars", "slow": "slow_bars"}),
    "MomentumRotation": (MomentumRotation, {"n": "momentum_bars"}),
    "MeanReversion": (MeanReversion, {"n": "rsi_bars", "min_bars": "least_bars"}),
    "Breakout": (Breakout, {"n": "channel_bars", "atr_n": "atr_bars"}),
    "VolatilityBreakout": (VolatilityBreakout, {"n": "atr_bars", "k": "least_atr"}),
    "RelativeStrength": (RelativeStrength, {"n": "mean_bars"}),
    "SectorRotation": (SectorRotation, {"n1": "short_bars", "n2": "long_bars"}),
    "DualMomentum": (DualMomentum, {"n": "momentum_bars"}),
    "MovingAverageEnvelope": (MovingAverageEnvelope, {"n": "mean_bars", "pct": "band"}),
    "BollingerBands": (BollingerBands, {"n": "mean_bars", "k": "deviations"}),
}


def strategy(case):
    """The strategy with the case's parameters; the usual shortest history is left out where the case does not name one, for its windows are short."""
    made, names = STRATEGIES[case["function"]]
    given = {"least_bars": 1} | {names.get(name, name): value for name, value in case["params"].items()}
    if "rf" in case["input"]:                       # of the whole window: a year as long as it
        given |= {"cash_yield": case["input"]["rf"], "year_bars": case["params"]["n"]}
    return made(**given)


def known(given):
    """The bars of the case's symbol, with its benchmark or universe at hand."""
    if "universe" in given:
        return known_of([daily_bars(closes, symbol=name) for name, closes in given["universe"].items()], given["symbol"])
    own = daily_bars(given["close"], given.get("high"), given.get("low"))
    return known_of([own, daily_bars(given["bench"], symbol="SPY")] if "bench" in given else [own], "AAA")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_worked_case(case):
    said = strategy(case).signals(known(case["input"]))
    assert differences({"signal": SIGNALS[said.signal[-1]], "confidence": said.confidence[-1]}, case["expected"], TOLERANCE) == []


def test_every_case_of_the_page_is_bound():
    assert {case["function"] for case in CASES} == set(STRATEGIES) and len(CASES) >= 30
