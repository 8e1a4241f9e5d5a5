"""What a strategy's own signals would have earned on its symbol, one unit at a time, and how far that record supports its confidence.

The record is of the bare rule: in at the open after a signal, out at the open after the other signal or at the stop, no limits of an account.  The desk's
own trades could never begin it: without trades no record, without a record no trades.  Every figure of a bar rests on that bar and those before it.
"""

import math

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.rows import EPS, ge
from pse.kernels.targets import round_stop
from pse.kernels.volatility import is_priced_bar

FEWEST_TRADES = 20                                # closed trades below which an expectancy is not one
FEWEST_DAYS = 20                                  # bars in a position below which returns say nothing
UNPROVEN = 0.7                                    # factor of a record that is too short
FLOOR = 0.1                                       # least factor of a bad one, so that confidences stay in order
FULL_SHARPE = 1.5                                 # ratio from which on nothing is taken away
FREE_DRAWDOWN = 0.08                              # fall from a peak up to which nothing is taken away
INFLATED = 10.0                                   # variance inflation from which on a feature repeats what others say
REPEATS, SPIKES, TURBULENT = 0.8, 0.5, 0.8        # factors of repeating features, of a jump of volatility, of its highest quarter
CONSTANT = 1e-12                                  # share of the squares below which a deviation is rounding


@njit(cache=True)
def bare_record(open_, high, low, close, offset, factor, atr, signal, shorts, stop_atr, tick, fee_points, fee_share, wait_closes):
    """(return float64[n], whether a position was held int64[n], trades closed int64[n], their sum in R float64[n]) at each bar, counts and sums so far.

    open_, high, low, close: float64[n] as traded times `factor` float64[n], what splits and dividends so far multiply a price by; oldest first; offset:
    float64[n], roll differences so far; atr: float64[n], points; signal: int64[n], 1 buy, -1 sell, 0 hold, known at the close.
    A buy while flat is entered at the next open with a stop `stop_atr` ranges behind the close, on the grid; an open at or beyond it enters nothing.  A sell
    ends it at the next open, and opens a short only with `shorts`, at a later close.  A bar that trades at the stop fills there, or at its open where that is
    worse; after that the rule rests as the engine does: until a close without the same signal, or `wait_closes` of them.  Fees a side: points of a price as
    traded, and a share of it.  1 R: the close of the decision less the stop.
    A return is of the last close, or of the entry; 0 while flat.  An invalid bar trades nothing and returns 0; what was to be entered there is dropped.
    """
    n = close.size
    returns, held, trades, total = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    side, enters, leaves = 0, 0, False            # position, what is entered or left at the next open
    entry = stop = risk = last = earned = 0.0     # prices forward adjusted; earned: points of the position so far, fees taken
    waits, heard = 0, 0                           # side of the signal that is waited out, closes so far
    closed, sum_r = 0, 0.0
    for t in range(n):
        off = offset[t]
        if is_priced_bar(open_[t], high[t], low[t], close[t]):
            gained, base, fees, done = 0.0, last + off, 0.0, False
            if side != 0:
                price = close[t] - off
                if leaves:
                    price, done = open_[t] - off, True
                elif side * ((low[t] if side > 0 else high[t]) - off - stop) <= EPS:
                    price, done = side * min(side * stop, side * (open_[t] - off)), True
                    waits, heard = side, 0
                gained = side * (price - last)
            elif enters != 0 and enters * (open_[t] - off - stop) > EPS:
                side, entry, base = enters, open_[t] - off, open_[t]
                fees, earned, price = fee_points * factor[t] + fee_share * open_[t], 0.0, close[t] - off
                if side * ((low[t] if side > 0 else high[t]) - off - stop) <= EPS:
                    price, done = stop, True
                    waits, heard = side, 0
                gained = side * (price - entry)
            if side != 0:
                if done:
                    fees += fee_points * factor[t] + fee_share * (price + off)
                earned += gained - fees
                returns[t], held[t] = (gained - fees) / base if base > 0.0 else 0.0, 1
                if done:
                    closed += 1
                    sum_r += earned / risk
                    side, leaves = 0, False
            enters, last = 0, close[t] - off
            said = signal[t]
            if side != 0:
                leaves = said == -side
            elif said != 0 and waits == 0 and (said > 0 or shorts) and atr[t] > 0.0:
                stop = round_stop(close[t] - said * stop_atr * atr[t], said, tick * factor[t]) - off
                risk = said * (last - stop)
                enters = said if risk > EPS else 0
            if waits != 0:
                heard += 1
                if said != waits or heard >= wait_closes:
                    waits = 0
        else:
            enters = 0
        trades[t], total[t] = closed, sum_r
    return returns, held, trades, total


@njit(cache=True)
def trailing_figures(returns, held, window, bars_per_year):
    """(Sharpe ratio a year, largest fall from a peak, bars in a position) of the last `window` returns at each bar, float64[n], float64[n], int64[n].

    returns: float64[n], the first of them none; held: int64[n] 0 or 1.  Shorter windows at the beginning.  The ratio has the sample deviation and no
    interest, 0 where nothing varies.  The fall is a share of the peak, the first equity of the window taken as one.
    A window is the end of one block of bars and the beginning of the next: nothing is taken out of a running sum, and a window costs one step.
    """
    n = returns.size
    sharpe, fall, days = np.zeros(n), np.zeros(n), np.zeros(n, np.int64)
    end_sum, end_squares, end_held = np.zeros(window + 1), np.zeros(window + 1), np.zeros(window + 1, np.int64)    # of the block before, from a place on
    end_growth, end_peak, end_fall = np.ones(window + 1), np.ones(window + 1), np.zeros(window + 1)
    for first in range(1, n, window):
        total, squares, count, growth, peak, trough, worst = 0.0, 0.0, 0, 1.0, 1.0, 1.0, 0.0
        for t in range(first, min(first + window, n)):
            place, x = t - first + 1, returns[t]
            total += x
            squares += x * x
            count += held[t]
            growth *= 1.0 + x
            peak, trough = max(peak, growth), min(trough, growth)
            worst = max(worst, 1.0 - growth / peak)
            size = place if first == 1 else window
            mean = (end_sum[place] + total) / size
            apart, square = end_squares[place] + squares - mean * (end_sum[place] + total), end_squares[place] + squares
            if size > 1 and apart > CONSTANT * square:
                sharpe[t] = mean / math.sqrt(apart / (size - 1)) * math.sqrt(bars_per_year)
            fall[t] = max(end_fall[place], worst, 1.0 - end_growth[place] * trough / end_peak[place])
            days[t] = end_held[place] + count
        total, squares, count, growth, peak, trough, worst = 0.0, 0.0, 0, 1.0, 1.0, 1.0, 0.0
        for place in range(window - 1, -1, -1):
            if first + place < n:
                x = returns[first + place]
                total += x
                squares += x * x
                count += held[first + place]
                growth *= 1.0 + x
                peak, trough = max(1.0, (1.0 + x) * peak), min(1.0, (1.0 + x) * trough)
                worst = max(worst, 1.0 - trough)
            end_sum[place], end_squares[place], end_held[place] = total, squares, count
            end_growth[place], end_peak[place], end_fall[place] = growth, peak, worst
    return sharpe, fall, days


@shared
def support(trades, expectancy_r, inflation, spikes, turbulent, sharpe, fall, days):
    """What a record leaves of a confidence, a factor each: (expectancy, inflation, volatility, Sharpe, drawdown), 0..1.

    trades, expectancy_r: closed ones and their mean in R; nothing is left where enough of them earned nothing.  inflation: the largest of the signal's
    features, NaN where none can be had.  spikes, turbulent: whether volatility has jumped, or lies in its highest quarter.  sharpe, fall, days: of the
    last bars, the fall a share, and the bars in a position.
    """
    proven = UNPROVEN if trades < FEWEST_TRADES else 1.0 if expectancy_r > 0.0 else 0.0
    apart = REPEATS if ge(inflation, INFLATED) else 1.0                        # false for NaN
    calm = SPIKES if spikes else TURBULENT if turbulent else 1.0
    steady = UNPROVEN if days < FEWEST_DAYS else min(max(sharpe / FULL_SHARPE, FLOOR), 1.0)
    kept = 1.0 if days < FEWEST_DAYS or fall <= FREE_DRAWDOWN + EPS else max(FLOOR, FREE_DRAWDOWN / fall)
    return proven, apart, calm, steady, kept


@njit(cache=True)
def scaled(confidence, at, trades, total_r, inflation, spikes, turbulent, sharpe, fall, days):
    """Confidence of each row times its five factors, float64[rows, 6]: the factors as `support` has them, then the product.

    confidence: float64[rows]; at: int64[rows], the bar of each; the rest by bar, as `bare_record` and `trailing_figures` give it.
    """
    out = np.empty((at.size, 6))
    for i in range(at.size):
        t = at[i]
        mean_r = total_r[t] / trades[t] if trades[t] > 0 else 0.0
        factors = support(trades[t], mean_r, inflation[t], spikes[t], turbulent[t], sharpe[t], fall[t], days[t])
        product = confidence[i]
        for f in range(5):
            out[i, f] = factors[f]
            product *= factors[f]
        out[i, 5] = product
    return out
