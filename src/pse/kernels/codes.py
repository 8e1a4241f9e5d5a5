"""Numbers that stand for words at the kernels' door, each with its list of words.

A code is its position in the list; lists only ever grow at the end.  Codes are numpy integers: a Python integer is a type of its own to numba, and
every function that takes one would be compiled once for each code.
"""

import numpy as np

# --- gates, in the order in which they speak -------------------------------------------------------------------------------------------------
GATES = ("breakers", "data", "session", "blackout", "spread", "directional", "confidence", "bracket", "expected_value", "cooldown",
         "daily_loss", "sizing", "exposure", "tail_risk")
(G_BREAKERS, G_DATA, G_SESSION, G_BLACKOUT, G_SPREAD, G_DIRECTIONAL, G_CONFIDENCE, G_BRACKET, G_EXPECTED_VALUE, G_COOLDOWN, G_DAILY_LOSS,
 G_SIZING, G_EXPOSURE, G_TAIL_RISK) = np.arange(len(GATES))
STAGES = ("before", "after", "activation")
BEFORE, AFTER, ACTIVATION = np.arange(3)

# --- why a gate, an order or a setup ended as it did -----------------------------------------------------------------------------------------
REASONS = (
    "OK", "UNMEASURED", "OFF", "INSUFFICIENT", "REDUCED", "R_CAPPED",
    "BREAKER_LLM", "BREAKER_DATA", "BREAKER_EQUITY", "BREAKER_HALF_OPEN", "NOT_READY", "STALE_DATA", "CLOCK", "MCS", "BUSY", "SESSION_END",
    "SHORT_NOT_ALLOWED", "NEWS_BLACKOUT", "SPREAD", "LATENCY", "RSI", "MACD", "MIN_CONFIDENCE", "STOP_WRONG_SIDE", "SL_CAP", "MIN_RISK", "RR", "NO_TARGET",
    "SLIPPAGE", "THROUGH_STOP", "EV", "COOLDOWN", "LOSS_STREAK", "DAILY_LOSS", "DAILY_LOSS_PROJECTED", "SIZE_ZERO", "ZERO_ATR",
    "CONCURRENT_RISK", "EXPOSURE", "GROUP", "VAR", "ES",
    "CONFLICT", "SUPERSEDED", "SAME_IDEA", "REJECTED", "HOLD", "OUT_OF_WINDOW", "AUTHORITY", "ENTRY_EDIT", "NOT_TRADABLE",
    "EXPIRED", "MISSED", "INVALIDATED", "OPPOSITE_MSS", "CLOSE_BEYOND_STOP", "CLOSE_BEYOND_LEVEL", "TCC_AGAINST", "ROLL", "CANCELLED", "BROKER_REJECT",
    "SL", "TP1", "TP2", "BE", "TRAIL", "STALE", "EXIT_SIGNAL", "OPERATOR", "FOLD_END", "POSITION_CLOSED", "ENTRY_FILL", "BREAKEVEN", "PARTIAL", "AMEND",
    "RUN_END", "TACTIC", "TCC_LOWER", "LEVEL_TRADED", "WAITING", "NEWS", "CASH", "MAX_QUANTITY", "NO_OPINION",
    "NEG_EXPECTANCY", "KELLY", "CORRELATED", "MARGIN", "MARGIN_CALL", "NOT_SHORTABLE", "BORROW", "WIDEN_STOP", "ADD_QTY", "VERSION_CONFLICT",
    "TARGET_FARTHER", "REPLAN", "REPLAN_RR", "REPLAN_LIMIT", "REPLAN_TOO_SOON", "RESCORED", "SPLIT", "DIVIDEND",
    "OFF_TICK", "TARGET_WRONG_SIDE", "OFF_LOT", "LONGER_VALIDITY", "UNCHANGED", "BAD_PRICE",
)
(R_OK, R_UNMEASURED, R_OFF, R_INSUFFICIENT, R_REDUCED, R_R_CAPPED,
 R_BREAKER_LLM, R_BREAKER_DATA, R_BREAKER_EQUITY, R_BREAKER_HALF_OPEN, R_NOT_READY, R_STALE_DATA, R_CLOCK, R_MCS, R_BUSY, R_SESSION_END,
 R_SHORT_NOT_ALLOWED, R_NEWS_BLACKOUT, R_SPREAD, R_LATENCY, R_RSI, R_MACD, R_MIN_CONFIDENCE, R_STOP_WRONG_SIDE, R_SL_CAP, R_MIN_RISK, R_RR, R_NO_TARGET,
 R_SLIPPAGE, R_THROUGH_STOP, R_EV, R_COOLDOWN, R_LOSS_STREAK, R_DAILY_LOSS, R_DAILY_LOSS_PROJECTED, R_SIZE_ZERO, R_ZERO_ATR,
 R_CONCURRENT_RISK, R_EXPOSURE, R_GROUP, R_VAR, R_ES,
 R_CONFLICT, R_SUPERSEDED, R_SAME_IDEA, R_REJECTED, R_HOLD, R_OUT_OF_WINDOW, R_AUTHORITY, R_ENTRY_EDIT, R_NOT_TRADABLE,
 R_EXPIRED, R_MISSED, R_INVALIDATED, R_OPPOSITE_MSS, R_CLOSE_BEYOND_STOP, R_CLOSE_BEYOND_LEVEL, R_TCC_AGAINST, R_ROLL, R_CANCELLED, R_BROKER_REJECT,
 R_SL, R_TP1, R_TP2, R_BE, R_TRAIL, R_STALE, R_EXIT_SIGNAL, R_OPERATOR, R_FOLD_END, R_POSITION_CLOSED, R_ENTRY_FILL, R_BREAKEVEN, R_PARTIAL,
 R_AMEND, R_RUN_END, R_TACTIC, R_TCC_LOWER, R_LEVEL_TRADED, R_WAITING, R_NEWS, R_CASH, R_MAX_QUANTITY, R_NO_OPINION,
 R_NEG_EXPECTANCY, R_KELLY, R_CORRELATED, R_MARGIN, R_MARGIN_CALL, R_NOT_SHORTABLE, R_BORROW, R_WIDEN_STOP, R_ADD_QTY, R_VERSION_CONFLICT,
 R_TARGET_FARTHER, R_REPLAN, R_REPLAN_RR, R_REPLAN_LIMIT, R_REPLAN_TOO_SOON, R_RESCORED, R_SPLIT, R_DIVIDEND,
 R_OFF_TICK, R_TARGET_WRONG_SIDE, R_OFF_LOT, R_LONGER_VALIDITY, R_UNCHANGED, R_BAD_PRICE) = np.arange(len(REASONS))

# --- verdicts of whoever decides -------------------------------------------------------------------------------------------------------------
VERDICTS = ("", "APPROVE", "MODIFY", "REJECT", "HOLD")
APPROVE, MODIFY, REJECT, HOLD = np.arange(1, 5)

# --- plans, legs, orders, fills --------------------------------------------------------------------------------------------------------------
PLAN_STATES = ("NONE", "ARMED", "OPEN", "PARTIAL", "CLOSED")
P_NONE, P_ARMED, P_OPEN, P_PARTIAL, P_CLOSED = np.arange(5)
LEGS = ("ENTRY", "STOP", "TARGET1", "TARGET2", "EXIT")
LEG_ENTRY, LEG_STOP, LEG_TARGET1, LEG_TARGET2, LEG_EXIT = np.arange(5)
ACTORS = ("rule", "llm", "operator")                        # who made a version of a plan
ACTOR_RULE, ACTOR_LLM, ACTOR_OPERATOR = np.arange(3)
ORDER_ACTIONS = ("NEW", "REPLACE", "CANCEL")
O_NEW, O_REPLACE, O_CANCEL = np.arange(3)
ORDER_TYPES = ("", "MARKET", "LIMIT", "STOP", "STOP_LIMIT")
FILL_KINDS = ("", "MARKET", "OPEN", "LIMIT", "STOP", "TARGET", "GAP")
F_MARKET, F_OPEN, F_LIMIT, F_STOP, F_TARGET, F_GAP = np.arange(1, 7)

# --- breakers --------------------------------------------------------------------------------------------------------------------------------
BREAKERS = ("llm", "data", "equity")
BREAKER_STATES = ("CLOSED", "OPEN", "HALF_OPEN")
B_CLOSED, B_OPEN, B_HALF_OPEN = np.arange(3)
B_OK, B_FAIL, B_TICK = np.arange(3)

# --- states of a bar: the words of the features' state columns, 0 is always UNKNOWN (warm-up, invalid bar) --------------------------------------
RSI_STATES = ("UNKNOWN", "NEUTRAL", "OVERSOLD", "OVERBOUGHT")
RSI_UNKNOWN, RSI_NEUTRAL, RSI_OVERSOLD, RSI_OVERBOUGHT = np.arange(len(RSI_STATES))
MACD_STATES = ("UNKNOWN", "NEUTRAL", "BULLISH_EXPANDING", "BEARISH_EXPANDING", "BULLISH_DIVERGENCE", "BEARISH_DIVERGENCE")
MACD_UNKNOWN, MACD_NEUTRAL, MACD_BULL_EXPANDING, MACD_BEAR_EXPANDING, MACD_BULL_DIVERGENCE, MACD_BEAR_DIVERGENCE = np.arange(len(MACD_STATES))
VOL_BUCKETS = ("UNKNOWN", "LoVol-Q1", "MidVol-Q2", "MidVol-Q3", "HiVol-Q4")
VOL_UNKNOWN, VOL_Q1, VOL_Q2, VOL_Q3, VOL_Q4 = np.arange(len(VOL_BUCKETS))
TCC_CLASSES = ("UNKNOWN", "None", "Low", "Medium", "High")
TCC_UNKNOWN, TCC_NONE, TCC_LOW, TCC_MEDIUM, TCC_HIGH = np.arange(len(TCC_CLASSES))
MARKET_STATES = ("UNKNOWN", "CLOSED", "ILLIQUID", "VOLATILE", "TREND_UP", "TREND_DOWN", "RANGE", "TRANSITION")
(MCS_UNKNOWN, MCS_CLOSED, MCS_ILLIQUID, MCS_VOLATILE, MCS_TREND_UP, MCS_TREND_DOWN, MCS_RANGE, MCS_TRANSITION) = np.arange(len(MARKET_STATES))
LIQUIDITY_STATES = ("UNKNOWN", "OK", "ILLIQUID")
LIQUIDITY_UNKNOWN, LIQUIDITY_OK, LIQUIDITY_ILLIQUID = np.arange(len(LIQUIDITY_STATES))
ILLIQUID_TESTS = ("LOW_RVOL", "WIDE_SPREAD", "ZERO_VOLUME", "GAPS", "DEPTH")             # bit i of a bar's failed tests
GAP_KINDS = ("UNKNOWN", "NONE", "FULL_UP", "FULL_DOWN", "PARTIAL_UP", "PARTIAL_DOWN")
OPEN_NONE, OPEN_FULL_UP, OPEN_FULL_DOWN, OPEN_PARTIAL_UP, OPEN_PARTIAL_DOWN = np.arange(1, len(GAP_KINDS))
RANGE_ZONES = ("UNKNOWN", "DISCOUNT", "EQUILIBRIUM", "PREMIUM")
ZONE_UNKNOWN, ZONE_DISCOUNT, ZONE_EQUILIBRIUM, ZONE_PREMIUM = np.arange(len(RANGE_ZONES))
SWING_LABELS = ("UNKNOWN", "H", "HH", "LH", "EQH", "L", "HL", "LL", "EQL")               # highs: 1 + label, lows: 5 + label of a pivot
POINT_KINDS = ("UNKNOWN", "FVG_HALF", "FVG_OB")                                          # 1 + kind of a point of interest
RISK_MOODS = ("UNKNOWN", "RISK_OFF", "NEUTRAL", "RISK_ON")
MOOD_UNKNOWN, MOOD_RISK_OFF, MOOD_NEUTRAL, MOOD_RISK_ON = np.arange(len(RISK_MOODS))
ZONE_PATTERNS = ("UNKNOWN", "DBR", "RBR", "RBD", "DBD")                                  # drop or rally into a base, rally or drop out of it
ZONE_DBR, ZONE_RBR, ZONE_RBD, ZONE_DBD = np.arange(1, len(ZONE_PATTERNS))
ZONE_STRENGTHS = ("UNKNOWN", "Weak", "Good", "Strong")                                   # factors of a zone's score, worst to best
ZONE_TIMES = ZONE_STRENGTHS
ZONE_FRESHNESS = ("UNKNOWN", "Stale", "Tested", "Fresh")
ZONE_ALIGNMENTS = ("UNKNOWN", "Against", "Neutral", "With")

# --- families of setups: what a market condition lets in is told by family; 0 names none and is let in nowhere ---------------------------------
FAMILIES = ("", "mss_fvg_retest", "sweep_reversal", "missed_fvg_reversion", "pullback_micro_fvg", "momentum_thrust", "zone", "swing_trend", "swing_reversion",
            "open_call", "rule")
(FAM_MSS_FVG_RETEST, FAM_SWEEP_REVERSAL, FAM_MISSED_FVG_REVERSION, FAM_PULLBACK_MICRO_FVG, FAM_MOMENTUM_THRUST, FAM_ZONE, FAM_SWING_TREND,
 FAM_SWING_REVERSION, FAM_OPEN_CALL, FAM_RULE) = np.arange(1, len(FAMILIES))

# --- what the engine says: kinds of an event -------------------------------------------------------------------------------------------------
EVENTS = ("SESSION", "SETUP", "PASSED_OVER", "GATES", "ASK", "DELIBERATION", "DECISION", "ORDER", "ACK", "FILL", "PLAN", "EXIT", "BREAKER", "CHARGE", "NOTE",
          "REPLAN")
(E_SESSION, E_SETUP, E_PASSED_OVER, E_GATES, E_ASK, E_DELIBERATION, E_DECISION, E_ORDER, E_ACK, E_FILL, E_PLAN, E_EXIT, E_BREAKER, E_CHARGE,
 E_NOTE, E_REPLAN) = np.arange(len(EVENTS))

# --- what the world tells the engine ---------------------------------------------------------------------------------------------------------
INPUTS = ("", "FILL", "ACK", "REJECT", "CANCELLED", "FLATTEN", "CANCEL_ENTRIES", "CASH", "BREAKER_ACK", "AMEND", "DIVIDEND", "CLOCK", "RESET_MARK")
(I_FILL, I_ACK, I_REJECT, I_CANCELLED, I_FLATTEN, I_CANCEL_ENTRIES, I_CASH, I_BREAKER_ACK, I_AMEND, I_DIVIDEND, I_CLOCK,
 I_RESET_MARK) = np.arange(1, len(INPUTS))

SIMULATED, EXTERNAL = np.arange(2)
KEEP, CLOSE_LAST_BAR = np.arange(2)
EVENTS_FULL, EVENTS_TRADES = np.arange(2)
RULES_INSIDE, ASK_OUTSIDE = np.arange(2)
DONE, PAUSE_ASK, PAUSE_FULL = np.arange(3)
