"""The records of the engine: what it owns, what it is told, and what it says.

The whole state is one block of bytes; `engine/state.py` lays these records over it.
"""

import numpy as np

STATE_VERSION = 7
MAX_CANDIDATES = 32            # setups of one symbol and instant that can be asked about
TIMED_ORDERS = 20
GRADES = 5                     # 0 none, C, B, A, A+

ACCOUNT_DTYPE = np.dtype([
    ("now", "i8"),                          # every instant before it is done
    ("bar", "i8"), ("row", "i8"), ("setup", "i8"), ("input", "i8"),        # cursors
    ("phase", "i8"),                        # 0 between instants, 1 inside the decisions of `instant`
    ("instant", "i8"),
    ("symbol_at", "i8"), ("symbols_here", "i8"),
    ("asked", "i8"), ("answered", "i8"),
    ("day", "i8"), ("days", "i8"),
    ("session_minutes", "i8"), ("market_minutes", "i8"),
    ("balance", "f8"), ("equity", "f8"), ("day_start_equity", "f8"), ("high_water", "f8"),
    ("fees", "f8"), ("charges", "f8"),
    ("losses_today", "i8"), ("day_over", "i8"),        # day_over: the daily loss limit was reached, no entries until the next day
    ("plans", "i8"), ("trades", "i8"), ("decisions", "i8"),
    ("llm_state", "i8"), ("llm_failures", "i8"), ("llm_successes", "i8"), ("llm_until", "i8"), ("llm_timeout_ns", "i8"),
    ("data_state", "i8"), ("data_good", "i8"),
    ("equity_state", "i8"), ("equity_tripped_day", "i8"), ("equity_ack", "f8"),
    ("closed_last", "i8"),
    ("live", "i8"),                         # slots in `State.live`
    ("action", "i8"),                       # cursor in `World.actions`
    ("skew_ns", "f8"),                      # the broker's clock minus ours, NaN until somebody tells it
    ("timed", "i8"), ("trips_ns", "f8", (TIMED_ORDERS,)),          # entry orders whose round trip was timed; those of the last ones, a ring
])
SYMBOL_DTYPE = np.dtype([
    ("last_close", "f8"), ("last_ts", "i8"),
    ("entry_ts", "i8", (2,)), ("stop_ts", "i8", (2,)),                     # [short, long]
    ("closes", "i8"), ("entry_closes", "i8", (2,)), ("stop_closes", "i8", (2,)),       # decisions so far; how many those were then
    ("high", "f8", (11,)), ("low", "f8", (11,)), ("seen", "i8"),           # the last base bars, newest last
    ("swing_high", "f8"), ("swing_low", "f8"),
    ("rolled_at", "i8"),                                                   # last close of the old contract at the latest roll
    ("row", "i8"),                                                         # context row of the current decision, -1 none
    ("first_setup", "i8"), ("n_setups", "i8"), ("rank", "f8"),
    # after a stop-out of a plan that waits: whose signal it was, how many closes have passed, the day counted last, what this instant said of it
    ("waits", "i8"), ("wait_tactic", "i8"), ("wait_direction", "i8"), ("wait_closes", "i8"), ("wait_day", "f8"), ("wait_heard", "i8"),
    ("row_splits", "f8"),                                                  # product of the splits since the context row
])
PLAN_DTYPE = np.dtype([
    ("status", "i8"), ("number", "i8"), ("setup", "i8"), ("tactic", "i8"), ("grade", "i8"), ("direction", "i8"), ("micro", "i8"),
    ("order_type", "i8"), ("limit", "f8"), ("quantity", "f8"), ("filled", "f8"), ("held", "f8"), ("exited", "f8"),
    ("entry", "f8"), ("stop", "f8"), ("stop_next", "f8"), ("stop_first", "f8"), ("target", "f8"), ("target2", "f8"),
    ("reward_r", "f8"), ("planned_risk", "f8"), ("risk_points", "f8"), ("risk_usd", "f8"), ("buffer", "f8"),
    ("decided_at", "i8"), ("first_open", "i8"), ("valid_until", "i8"), ("flat_at", "i8"),
    ("activated", "i8"), ("entry_kind", "i8"), ("entry_ts", "i8"), ("bars_held", "i8"), ("decision_bars", "i8"),
    ("target_done", "i8"), ("breakeven_done", "i8"), ("stop_reason", "i8"), ("pending", "i8"), ("ambiguous", "i8"),
    ("favourable", "f8"), ("adverse", "f8"),
    ("gross", "f8"), ("fees", "f8"), ("slippage", "f8"), ("exit_value", "f8"), ("exits", "i8"), ("exit_reason", "i8"),
    ("version", "i8"), ("stop_version", "i8"), ("invalid_price", "f8"), ("invalid_flags", "i8"),
    ("stop_live", "i8"), ("external", "i8"), ("cancelling", "i8"), ("quality", "f8"), ("family", "i8"),
    ("flags", "i8"), ("group", "i8"), ("best", "f8"), ("conviction", "i8"), ("rate", "f8"), ("listed", "i8"),
    ("splits", "f8"), ("dividends", "f8"),   # new shares for one of the decision's; cash of dividends, also in `gross`, money of the account
    ("symbol", "i8"),                       # whose slot this is; written once
    ("target_left", "f8"),                  # of the first target's order, with a broker outside
    ("filled_inside", "i8"),                # 1 where the entry filled after the open of the bar at hand
    ("entry_version", "i8"),                # of the entry order: a smaller one takes its place under a reference of its own
    ("replans", "i8"), ("replan_closes", "i8"),                            # versions that were asked for and made; decisions of the symbol at the last one
    ("reduce", "f8"),                       # quantity that leaves at the next open, 0 none
    ("event_bar", "i8"),                    # that of its setup: what a later find of the same idea is known by where it has no group
    ("limit_price", "f8"),                  # of a stop-limit entry: the worst price that it takes
    ("fired", "i8"),                        # whether its trigger was reached, so that it rests at that price
    ("fires_inside", "i8"),                 # 1 where a stop entry filled in the bar at hand because it fired after the open
    ("carried", "f8"),                      # points a unit gained on contracts that it was carried over from, their costs of slippage paid
    ("spread", "f8"), ("atr", "f8"),        # points at the decision, NaN where unknown: what slippage is measured by
    ("acked", "i8"),                        # 1 once a broker outside has taken the entry order
    ("leaves", "i8"),                       # why a fill that comes after the cancel of its order goes at once, 0 it stays
])
TALLY_DTYPE = np.dtype([("wins", "f8"), ("trades", "f8"), ("win_r", "f8"), ("closed", "i8")])          # faded, but for `closed`
HEARD_DTYPE = np.dtype([("event_bar", "i8"), ("code", "i8")])              # of a repeated signal: the run that was told last, and what became of it

VERDICT_DTYPE = np.dtype([
    ("code", "i8"), ("direction", "i8"), ("size_factor", "f8"), ("entry", "f8"), ("stop", "f8"), ("target", "f8"), ("latency_ns", "i8"), ("cost_usd", "f8"),
    ("reason", "i8"), ("failed", "i8"), ("confidence", "f8"),
])
INPUT_DTYPE = np.dtype([
    ("ts", "i8"), ("kind", "i8"), ("symbol", "i8"), ("plan", "i8"), ("leg", "i8"), ("price", "f8"), ("quantity", "f8"), ("fee", "f8"), ("amount", "f8"),
    # of an AMEND: the version of the plan that was seen, who asks (ACTORS), and what: points and units, NaN as it is; quantity is held and to be bought
    # together; ns, 0 as it is
    ("version", "i8"), ("actor", "i8"), ("stop", "f8"), ("target", "f8"), ("valid_until", "i8"),
])
EVENT_DTYPE = np.dtype([
    ("kind", "i8"), ("ts", "i8"), ("symbol", "i8"), ("setup", "i8"), ("plan", "i8"), ("code", "i8"), ("i", "i8"), ("j", "i8"), ("k", "i8"),
    ("a", "f8"), ("b", "f8"), ("c", "f8"), ("d", "f8"), ("e", "f8"), ("f", "f8"),
    ("g", "f8"),                            # of a fill: money of the account for one of the quote currency; else 0
])

INSTRUMENT_DTYPE = np.dtype([
    ("tick", "f8"), ("lot", "f8"), ("point_value", "f8"), ("fee_unit", "f8"), ("fee_bps", "f8"), ("min_notional", "f8"), ("slippage_ticks", "f8"),
    ("margin_is_money", "i8"), ("margin", "f8", (2,)), ("micro_margin", "f8", (2,)),      # money a contract to open and to keep, 0 where it is a share:
    ("margin_open", "f8", (2,)), ("margin_keep", "f8", (2,)),                             # of the value, [short, long]
    ("shortable", "i8"), ("borrow_rate", "f8"),                                           # a year, of the value sold short
    ("is_share", "i8"),                                                                   # its ordinary spread is money and basis points
    ("stop_cap", "f8"), ("group", "i8"), ("tradable", "i8"), ("has_micro", "i8"), ("micro_point_value", "f8"), ("micro_fee_unit", "f8"), ("micro_lot", "f8"),
    ("fee_min", "f8"), ("fee_max", "f8"), ("fee_max_bps", "f8"),               # of an order: money, money, 1/10000 of its value; 0 no limit
    ("micro_fee_bps", "f8"), ("micro_fee_min", "f8"), ("micro_fee_max", "f8"), ("micro_fee_max_bps", "f8"),
    ("slip_spread", "f8"), ("slip_volatility", "f8"), ("slip_impact", "f8"),   # shares of quoted spread and ATR, factor of the square-root law; 0 off
])
POLICY_DTYPE = np.dtype([
    ("match", "i8"), ("decide", "i8"), ("events", "i8"), ("on_end", "i8"), ("end_reason", "i8"), ("entries_from", "i8"), ("entries_until", "i8"), ("end", "i8"),
    ("latency_ns", "i8"),
    ("through_ticks", "f8"), ("volume_share", "f8"), ("slippage_factor", "f8"),
    ("max_risk", "f8"), ("r_unit", "f8"), ("max_daily_loss", "f8"), ("max_concurrent", "f8"), ("max_gross", "f8"), ("max_symbol", "f8"), ("max_quantity", "f8"),
    ("max_group", "i8"), ("max_group_notional", "f8"), ("allow_short", "i8"), ("allow_micro", "i8"), ("shares", "i8"), ("cash_only", "i8"),
    ("min_confidence", "f8"), ("min_reward_r", "f8"), ("max_age_ns", "i8"), ("max_slippage_r", "f8"), ("session_left_ns", "i8"),
    ("spread_base", "f8"), ("spread_tolerance", "f8"),
    ("ev_min", "f8"), ("ev_prior_r", "f8"), ("ev_prior_n", "f8"), ("ev_decay", "f8"), ("ev_scratch", "f8"),
    ("cooldown_entry_ns", "i8"), ("cooldown_stop_ns", "i8"), ("cooldown_entry_closes", "f8"), ("cooldown_stop_closes", "f8"),
    ("max_losses", "i8"), ("wait_closes", "i8"),
    ("news_required", "i8"), ("news_max_age_ns", "f8"),
    ("var95", "f8"), ("es975", "f8"), ("tail_days", "i8"), ("tail_min_days", "i8"), ("tail_stop_factor", "f8"),
    ("data_score_min", "f8"), ("data_recovery", "i8"), ("equity_drawdown", "f8"), ("equity_recovered", "f8"), ("equity_retrip", "f8"), ("auto_ack_days", "i8"),
    ("llm_failures", "i8"), ("llm_timeout_ns", "i8"), ("llm_timeout_cap_ns", "i8"), ("llm_successes", "i8"),
    ("breakeven_r", "f8"), ("breakeven_ticks", "f8"), ("partial", "f8"), ("trail_swing", "i8"), ("trail_range_atr", "f8"),
    ("stale_bars", "i8"), ("stale_mfe_r", "f8"),
    ("swing_side", "i8"),                   # base bars on each side of a swing
    ("trail_best", "i8"),                   # behind the best price since entry: 0 not, TRAIL_CHANDELIER, TRAIL_FIXED
    ("trail_ticks", "f8"), ("trail_percent", "f8"),
    ("max_replans", "i8"), ("replan_apart", "i8"), ("replan_min_reward", "f8"),
    ("flat_session", "i8"), ("flat_before_ns", "i8"),
    ("flatten_on_limit", "i8"),
    ("correlation", "f8"), ("correlation_days", "i8"), ("max_correlated", "f8"),          # share of equity at risk in what moves together
    ("margin", "i8"),                                                                     # whether margin is asked
    ("max_latency_ns", "f8"), ("max_skew_ns", "f8"), ("quotes_required", "i8"), ("spread_money", "f8"), ("spread_share", "f8"),
    ("high_vol_size", "f8"), ("transition_size", "f8"), ("market_state", "i8"),
    ("vol_size_least", "f8"), ("vol_size_most", "f8"), ("kelly_share", "f8"), ("kelly_cap", "f8"), ("kelly_min_trades", "f8"),
    ("target_through_ticks", "f8"), ("improves", "i8"), ("gap_at_limit", "i8"), ("target_first", "i8"), ("entry_bar_target", "i8"), ("entry_bar_stop", "i8"),
    ("first_minute_factor", "f8"), ("outside_hours_factor", "f8"), ("roll_carry", "i8"),         # rules of fills, see matching.RULES; factors of slippage
])
TRADE_DTYPE = np.dtype([
    ("number", "i8"), ("setup", "i8"), ("symbol", "i8"), ("tactic", "i8"), ("grade", "i8"), ("direction", "i8"), ("micro", "i8"), ("quantity", "f8"),
    ("decided_at", "i8"), ("entry_ts", "i8"), ("exit_ts", "i8"), ("day", "i8"), ("entry_kind", "i8"), ("entry", "f8"), ("exit", "f8"), ("stop", "f8"),
    ("target", "f8"), ("target2", "f8"), ("risk_points", "f8"), ("risk_usd", "f8"), ("gross", "f8"), ("fees", "f8"), ("slippage", "f8"), ("net", "f8"),
    ("r", "f8"), ("mae_r", "f8"), ("mfe_r", "f8"), ("bars_held", "i8"), ("reason", "i8"), ("exits", "i8"), ("quality", "f8"), ("ambiguous", "i8"),
    ("balance", "f8"), ("equity", "f8"), ("rate", "f8"),
    ("dividends", "f8"),                    # cash of dividends, a part of `gross`
])
BAR_DTYPE = np.dtype([
    ("ts", "i8"), ("ts_close", "i8"), ("symbol", "i8"), ("flags", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8"), ("volume", "f8"),
])
ACTION_DTYPE = np.dtype([
    ("ts", "i8"),                           # open of the first session of the ex-date
    ("symbol", "i8"), ("kind", "i8"),       # A_DIVIDEND before A_SPLIT on one day
    ("amount", "f8"),                       # cash a share in the quote currency; new shares for one old
])
A_DIVIDEND, A_SPLIT = 1, 2
A_ROLL = 3                       # amount: points that the new contract stands above the old one at its last price; ts: open of its first bar
MAX_TAIL_DAYS = 1_000
BAR_ROLL, BAR_BLACKOUT, BAR_FIRST, BAR_OUTSIDE = 1, 2, 4, 8           # first minute of a session or of regular hours; outside those
BAR_FINE, BAR_WHOLE = 64, 128    # a finer bar, in which orders fill and nothing else happens; a desk's bar whose finer ones were filled in before it
