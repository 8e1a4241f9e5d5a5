"""What a market condition, RSI and MACD let in: every cell of both tables, written out by hand."""

import pytest

from pse.kernels import codes as c
from pse.kernels import gates as g

# By family: the conviction classes (Unknown, None, Low, Medium, High) at which a setup is let in
#                        with the trend  against it  RANGE    TRANSITION
MATRIX = {
    "mss_fvg_retest":       ("UNLMH",    "UNLM",    "UNLMH",  "UNLMH"),
    "sweep_reversal":       ("UNLMH",    "UNLMH",   "UNLMH",  "UNLMH"),
    "missed_fvg_reversion": ("UNLMH",    "",        "",       "LMH"),
    "pullback_micro_fvg":   ("UNLMH",    "",        "",       ""),
    "momentum_thrust":      ("H",        "",        "",       ""),
    "zone":                 ("UNLMH",    "8/9",     "UNLMH",  "UNLMH"),
    "swing_trend":          ("UNLMH",    "UNLMH",   "",       "UNLMH"),
    "swing_reversion":      ("UNLMH",    "",        "UNLMH",  "UNLMH"),
    "open_call":            ("UNLMH",    "",        "UNLMH",  "UNLMH"),
    "rule":                 ("UNLMH",    "UNLMH",   "UNLMH",  "UNLMH"),
}
CLASSES = "UNLMH"
COLUMNS = {("TREND_UP", 1): 0, ("TREND_DOWN", -1): 0, ("TREND_UP", -1): 1, ("TREND_DOWN", 1): 1, ("RANGE", 1): 2, ("RANGE", -1): 2, ("TRANSITION", 1): 3,
           ("TRANSITION", -1): 3}
M = 60_000_000_000


def let_in(family, direction, condition, tcc, score):
    return g.is_permitted(c.FAMILIES.index(family), direction, float(c.MARKET_STATES.index(condition)), float(CLASSES.index(tcc)), score)


def test_the_tables_speak_of_every_family_and_class():
    assert tuple(MATRIX) == c.FAMILIES[1:] and [word[0].upper() for word in c.TCC_CLASSES] == list(CLASSES)


@pytest.mark.parametrize("family", c.FAMILIES[1:])
@pytest.mark.parametrize("condition", c.MARKET_STATES)
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("score", [0.5, 0.8888, 8 / 9, 17 / 18])
def test_every_cell_of_the_matrix(family, condition, direction, score):
    column = COLUMNS.get((condition, direction))
    cell = "" if column is None else MATRIX[family][column]
    if cell == "8/9":
        cell = CLASSES if score >= 8 / 9 else ""
    assert [tcc for tcc in CLASSES if let_in(family, direction, condition, tcc, score)] == list(cell)


@pytest.mark.parametrize("condition", c.MARKET_STATES)
def test_a_desk_that_asks_for_no_condition_lets_a_setup_in_at_any(condition):
    gate = g.session_gate(1, False, 1, 1, 60.0 * M, 15.0 * M, c.FAM_MOMENTUM_THRUST, float(c.MARKET_STATES.index(condition)), 0.0, 0.7, 0)
    assert gate[0] and c.REASONS[gate[3]] == "OK"


@pytest.mark.parametrize("condition", c.MARKET_STATES)
def test_a_setup_of_no_family_is_let_in_nowhere(condition):
    assert not let_in("", 1, condition, "H", 1.0)


def session(family, direction, condition, tcc="M", allow_short=1):
    return g.session_gate(1, False, direction, allow_short, 60.0 * M, 15.0 * M, c.FAMILIES.index(family), float(c.MARKET_STATES.index(condition)),
                          float(CLASSES.index(tcc)), 0.7)


def names(words, allowed):
    return [word for i, word in enumerate(words) if int(allowed) >> i & 1]


def test_the_session_gate_says_which_condition_it_found_and_which_would_do():
    passed, found, allowed, code = session("swing_reversion", -1, "TREND_UP")
    assert (passed, c.MARKET_STATES[int(found)], c.REASONS[code]) == (False, "TREND_UP", "MCS")
    assert names(c.MARKET_STATES, allowed) == ["TREND_DOWN", "RANGE", "TRANSITION"]
    assert names(c.MARKET_STATES, session("momentum_thrust", 1, "TREND_UP")[2]) == []                     # conviction is medium: nowhere
    assert session("swing_reversion", -1, "TREND_DOWN") == (True, 60.0, 15.0, c.R_OK)


@pytest.mark.parametrize(("condition", "allow_short", "passes"), [
    ("TREND_UP", 0, True), ("TREND_UP", 1, True), ("TREND_DOWN", 1, True), ("TREND_DOWN", 0, False), ("RANGE", 0, True), ("UNKNOWN", 1, False)])
def test_a_setup_of_either_direction_is_let_in_where_the_trend_has_a_side_that_may_be_traded(condition, allow_short, passes):
    assert session("open_call", 0, condition, allow_short=allow_short)[0] == passes
    assert session("open_call", 1, "TREND_DOWN")[3] == c.R_MCS                        # the side that was chosen is asked about itself


# Rows: MACD; columns: RSI UNKNOWN, NEUTRAL, OVERSOLD, OVERBOUGHT; in each cell the answer to a buy, then to a sale: r RSI, m MACD, . passes
DIRECTIONAL = {
    "UNKNOWN":            ("rr", "mm", "mr", "rm"),
    "NEUTRAL":            ("rr", "..", "rr", "r."),
    "BULLISH_EXPANDING":  ("rr", ".m", ".r", "rm"),
    "BEARISH_EXPANDING":  ("rr", "m.", "mr", "r."),
    "BULLISH_DIVERGENCE": ("rr", ".m", ".r", "rm"),
    "BEARISH_DIVERGENCE": ("rr", "m.", "mr", "r."),
}
REASON = {".": "OK", "r": "RSI", "m": "MACD"}


def directional(direction, rsi, macd, allow_short=1):
    return g.directional_gate(True, direction, allow_short, float(c.RSI_STATES.index(rsi)), float(c.MACD_STATES.index(macd)))


@pytest.mark.parametrize("macd", c.MACD_STATES)
@pytest.mark.parametrize("rsi", c.RSI_STATES)
def test_every_cell_of_the_directional_veto(rsi, macd):
    buy, sale = DIRECTIONAL[macd][c.RSI_STATES.index(rsi)]
    for direction, letter in ((1, buy), (-1, sale)):
        passed, _, _, code = directional(direction, rsi, macd)
        assert (passed, c.REASONS[code]) == (letter == ".", REASON[letter])
    either = "." in (buy, sale)
    assert directional(0, rsi, macd)[0] == either and directional(0, rsi, macd, allow_short=0)[0] == (buy == ".")


def test_the_veto_says_which_state_it_found_and_which_would_not_forbid():
    passed, found, allowed, code = directional(1, "OVERBOUGHT", "BULLISH_EXPANDING")
    assert (c.RSI_STATES[int(found)], names(c.RSI_STATES, allowed)) == ("OVERBOUGHT", ["NEUTRAL", "OVERSOLD"])
    assert names(c.RSI_STATES, directional(1, "OVERSOLD", "NEUTRAL")[2]) == ["NEUTRAL"]
    _, found, allowed, _ = directional(-1, "NEUTRAL", "BULLISH_DIVERGENCE")
    assert (c.MACD_STATES[int(found)], names(c.MACD_STATES, allowed)) == ("BULLISH_DIVERGENCE", ["NEUTRAL", "BEARISH_EXPANDING", "BEARISH_DIVERGENCE"])


def test_the_veto_is_off_for_rules_that_do_not_ask_for_it():
    assert g.directional_gate(False, 1, 1, 0.0, 0.0) == (True, 0.0, 0.0, c.R_OFF)
