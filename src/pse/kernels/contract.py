"""The shapes that cross the door of the kernels: codes, columns and record types.

A new context column or setup field never changes a signature.  Directions are +1 long, -1 short, 0 either.  Times are int64 ns UTC, prices float64 points.
Objects (pivots, gaps, pools ...) carry forward-adjusted prices; `Setups`, orders and fills carry prices as traded.
"""

import numpy as np

NEVER = np.int64(2**62)          # a bar index or a time that has not come

# --- market structure objects: one row each, `confirmed_at` is the bar that makes it known -------------------------------------------------
PIVOT_DTYPE = np.dtype([
    ("idx", "i8"), ("confirmed_at", "i8"), ("kind", "i8"), ("price", "f8"), ("label", "i8"), ("superseded_at", "i8"),
])                                                                                           # kind +1 high, -1 low; superseded: by an alternating view
FIRST, HIGHER, LOWER, EQUAL = 0, 1, 2, 3                                                     # labels: H/L, HH/HL, LH/LL, EQH/EQL

BREAK_BOS, BREAK_CHOCH = 0, 1
BREAK_DTYPE = np.dtype([
    ("t", "i8"), ("dir", "i8"), ("type", "i8"), ("level", "f8"), ("pivot_idx", "i8"), ("initial", "?"), ("displacement", "?"), ("mss", "?"),
    ("first_displacement", "i8"),                                                            # -1: no displacement bar in the window
    ("mqs", "f8"), ("mqs_next", "f8"), ("sweep", "i8"),                                      # score at t; revised at t+1; row of the best sweep or -1
    ("q_disp", "f8"), ("q_close", "f8"), ("q_fvg", "f8"), ("q_fvg_next", "f8"), ("q_sweep", "f8"), ("q_vol", "f8"), ("q_level", "f8"), ("q_htf", "f8"),
])

GAP_DTYPE = np.dtype([
    ("dir", "i8"), ("formed_at", "i8"), ("mid_bar", "i8"), ("top", "f8"), ("bottom", "f8"), ("width_atr", "f8"), ("valid", "?"), ("inverse", "?"),
    ("touched_at", "i8"), ("mid_filled_at", "i8"), ("filled_at", "i8"), ("inverted_at", "i8"), ("stale_at", "i8"), ("max_fill", "f8"),
])

BLOCK_DTYPE = np.dtype([
    ("break_row", "i8"), ("dir", "i8"), ("idx", "i8"), ("known_at", "i8"), ("top", "f8"), ("bottom", "f8"), ("invalid_at", "i8"),
    ("touched_at", "i8"), ("mid_filled_at", "i8"), ("filled_at", "i8"), ("stale_at", "i8"), ("max_fill", "f8"),
])

POOL_KINDS = ("PWH", "PWL", "PDH", "PDL", "ONH", "ONL", "ASIA_H", "ASIA_L", "LONDON_H", "LONDON_L", "EQH", "EQL", "ORH", "ORL",
              "MAJOR_H", "MAJOR_L", "SWING_H", "SWING_L", "CLUSTER", "FVG_EDGE", "R_MULTIPLE")
ALIVE, SWEPT, BROKEN, BROKEN_DEEP, EXPIRED, REPLACED, PENDING = 0, 1, 2, 3, 4, 5, 6
POOL_DTYPE = np.dtype([
    ("kind", "i8"), ("side", "i8"), ("level", "f8"), ("priority", "f8"), ("known_at", "i8"), ("ended_at", "i8"), ("end", "i8"), ("origin", "i8"),
])                                                                                           # side +1 above highs; origin: bar that made the level
SWEEP_DTYPE = np.dtype([
    ("pool", "i8"), ("side", "i8"), ("dir", "i8"), ("level", "f8"), ("pierced_at", "i8"), ("confirmed_at", "i8"), ("extreme", "f8"),
    ("penetration", "f8"), ("priority", "f8"), ("result", "i8"),
])
LEVEL_DTYPE = np.dtype([("price", "f8"), ("touches", "i8"), ("priority", "f8"), ("known_at", "i8"), ("ended_at", "i8")])   # a support or resistance cluster

# --- context: one float64 row a decision instant and symbol ----------------------------------------------------------------------------------
CONTEXT_COLUMNS = (
    "CLOSE",                # raw close of the decision bar, points
    "ATR",                  # Wilder 14 of the decision bars, points
    "READY",                # 1 when every requested feature is past its warm-up
    "DATA_SCORE",           # data-quality score 0..1
    "LAST_BAR_AGE_NS",      # decision time minus close of the last base bar, open-session time
    "SESSION_LEFT_NS",      # time to the session end; a very large number where a session has no end
    "BLACKOUT",             # 1 inside a news blackout window
    "SPREAD_TICKS",         # ask - bid in ticks at the last base bar; NaN without quotes
    "MSS_DIR",              # direction of a market structure shift on this bar, 0 none
    "SWING_HIGH",           # last confirmed internal swing high, raw points
    "SWING_LOW",
    "DAILY_ROW",            # how many completed daily returns are known
    "DAILY_CLOSE",          # close of the last completed trading day, raw points
    "TCC_CLASS",            # trend conviction, code of TCC_CLASSES: None 1, Low 2, Medium 3, High 4
    "TCC_DIR",
    "TCC_SCORE_LONG",
    "TCC_SCORE_SHORT",
    "MCS",                  # market condition state, code of MARKET_STATES
    "VOL_BUCKET",           # code of VOL_BUCKETS: LoVol-Q1 1 ... HiVol-Q4 4
    "LIQUIDITY",            # code of LIQUIDITY_STATES
    "RSI_STATE",            # code of RSI_STATES
    "MACD_STATE",           # code of MACD_STATES
    "VOL_SPIKE",            # 1 when volatility is at least twice its recent median
    "RATE",                 # money of the account for one of the instrument's currency, the last close known
    "DAILY_ATR",            # Wilder 14 of the completed trading days, points
    "NEWS_AGE_NS",          # decision time minus the last headline known; NaN: none is known
    "NEWS_FLAG",            # 1 when a red-flag headline is in force
    "VOL_RATIO",            # usual range of a decision bar, as a share of its close, over that of now; NaN while too few are known
    "HOURS",                # the bar that opens next: 0 in regular hours, else the sum of BAR_FIRST and BAR_OUTSIDE of state.py
)
(C_CLOSE, C_ATR, C_READY, C_DATA_SCORE, C_LAST_BAR_AGE_NS, C_SESSION_LEFT_NS, C_BLACKOUT, C_SPREAD_TICKS, C_MSS_DIR, C_SWING_HIGH, C_SWING_LOW,
 C_DAILY_ROW, C_DAILY_CLOSE, C_TCC_CLASS, C_TCC_DIR, C_TCC_SCORE_LONG, C_TCC_SCORE_SHORT, C_MCS, C_VOL_BUCKET, C_LIQUIDITY, C_RSI_STATE,
 C_MACD_STATE, C_VOL_SPIKE, C_RATE, C_DAILY_ATR, C_NEWS_AGE_NS, C_NEWS_FLAG, C_VOL_RATIO, C_HOURS) = range(len(CONTEXT_COLUMNS))

# --- setups ----------------------------------------------------------------------------------------------------------------------------------
ENTER, EXIT, CANCEL, AMEND, REFUSED = np.arange(1, 6)          # REFUSED: a find that the tactic itself turned down, told and not traded
MARKET, LIMIT, STOP, STOP_LIMIT = np.arange(1, 5)
GTD, DAY, GTC = np.arange(3)                                   # how long an entry order lives: to valid_until; to the session end if sooner; until cancelled
# What ends an unfilled entry besides its validity and a close beyond the stop:
INVALID_OPPOSITE_MSS, INVALID_CLOSE, INVALID_TARGET_SEEN, INVALID_TCC_AGAINST, INVALID_MCS = 1, 2, 4, 8, 16
INVALID_TOUCH = 32               # a base bar trades at the invalid price
INVALID_TCC_LOWER = 64           # trend conviction in the setup's direction falls under its class at the decision
INVALID_TCC_LOW = 128            # it falls under Medium

# How a filled plan is run where it differs from the profile's ways:
NO_BREAKEVEN, NO_PARTIAL, NO_STALE = 1, 2, 4
TRAIL_RANGE = 8                  # from entry on, behind the best price since entry by a multiple of the daily ATR
TRAIL_BARS = 16                  # from 1R on, one tick beyond the last three completed base bars
OVERNIGHT = 32                   # stays over the session end, and needs no time before it
WAITS_AFTER_STOP = 64            # after its stop-out the symbol waits for a close without the same signal, or some closes
LEAVES_ON_RESCORE = 256          # the position, too, ends where its idea is found again with a score that would not be traded
LEAVES_ON_TCC_LOWER = 128        # each fall of conviction moves the stop to breakeven from 0.5R on, and ends the position before

ALONE, ONE_CHOICE = -1, -2       # groups: a setup of its own; one setup of all that say so, whatever their direction

SETUP_DTYPE = np.dtype([
    ("ts", "i8"),                  # decision time: ts_close of the decision bar
    ("symbol", "i8"),              # index in the desk's symbol list
    ("tactic", "i8"),              # index in the desk's tactic list
    ("kind", "i8"),                # ENTER, EXIT, CANCEL, AMEND, REFUSED
    ("direction", "i8"),           # +1, -1, 0 either; of an EXIT or CANCEL that of the position or order it ends
    ("order_type", "i8"),
    ("entry", "f8"),
    ("stop", "f8"),
    ("target", "f8"),              # NaN: none
    ("target2", "f8"),             # second target for what is left after the first, NaN: none
    ("size_multiple", "f8"),       # in R, grade multiplier times the tactic's own
    ("quality", "f8"),             # mqs, odds score or confidence, 0..1
    ("confidence", "f8"),          # what the confidence gate reads
    ("grade", "i8"),               # 0 none, 1 C, 2 B, 3 A, 4 A+
    ("rank_base", "f8"),           # the tactic's base score in the ranking
    ("rank_bonus", "f8"),
    ("precedence", "i8"),          # tactic order: lower wins for one group and on ties
    ("event_bar", "i8"),           # ts_close of the event that made it (the first of an unbroken run of a repeated signal), for ties
    ("group", "i8"),               # setups of one direction and group are one idea; ALONE, ONE_CHOICE
    ("valid_until", "i8"),
    ("invalid_price", "f8"),       # decision-bar close beyond it (against the direction) ends an unfilled entry; NaN: none
    ("invalid_flags", "i8"),
    ("trail_buffer", "f8"),        # points kept behind a swing when trailing
    ("directional_gate", "?"),     # whether the RSI/MACD gate applies
    ("evidence", "i8"),            # row of the evidence list
    ("family", "i8"),              # code of FAMILIES: which market conditions let it in
    ("plan_flags", "i8"),          # how the filled plan is run
    ("refusal", "i8"),             # of a REFUSED row: code of targets.CODES
    ("unearned", "?"),             # whether the strategy's own record says that its signals earn nothing: then no confidence is enough
    ("limit_price", "f8"),         # of a STOP_LIMIT, whose entry is its trigger: the worst price that it takes
    ("time_in_force", "i8"),       # GTD, DAY, GTC
])
