"""The record of a bare rule, trade by trade, and what it leaves of a confidence, from their definitions.

Bars are lists of (open, high, low, close) as traded times `factor`, None where a bar has no price.  A trade is followed from its entry to its end before the
next close is looked at; a close is looked at only while flat.
"""

import math

import numpy as np


def is_priced(bar):
    return bar is not None and bar[2] > 0 and bar[2] <= min(bar[0], bar[3]) and max(bar[0], bar[3]) <= bar[1]


def trades(bars, offset, factor, atr, signal, shorts=False, stop_atr=1.5, tick=0.01, fee_points=0.0, fee_share=0.0, wait_closes=5):
    """[{side, entry_bar, exit_bar, entry, exit, r, stopped}], prices forward adjusted; exit_bar None while it is open, `days` the return of each day."""
    def flat(t, k):
        return bars[t][k] - offset[t]

    def fee(t, price):
        return (fee_points + fee_share * (price + offset[t]) / factor[t]) * factor[t]          # of the price as traded, on the scale of the bars

    found, t, n, waits, heard = [], 0, len(bars), 0, 0
    while t < n:
        if not is_priced(bars[t]):
            t += 1
            continue
        said, resting = signal[t], waits != 0
        if resting:                                              # this close is waited out, whatever it says
            heard += 1
            if said != waits or heard >= wait_closes:
                waits = 0
        usable = said == 1 or (said == -1 and shorts)
        if resting or not usable or not atr[t] > 0 or t + 1 >= n or not is_priced(bars[t + 1]):
            t += 1
            continue
        steps = (bars[t][3] - said * stop_atr * atr[t]) / factor[t] / tick                   # as traded
        stop = (math.floor(steps + 1e-9) if said > 0 else math.ceil(steps - 1e-9)) * tick * factor[t] - offset[t]
        risk = said * (flat(t, 3) - stop)
        entry, first = flat(t + 1, 0), t + 1
        if said * (entry - stop) <= 1e-9 or risk <= 1e-9:
            t += 1
            continue
        trade = {"side": said, "entry_bar": first, "exit_bar": None, "entry": entry, "exit": None, "stopped": False, "r": None, "days": {}}
        before, base, money = entry, bars[first][0], -fee(first, entry)
        leaving = False
        for u in range(first, n):
            if not is_priced(bars[u]):
                continue
            if u > first:
                base = before + offset[u]
            worst = flat(u, 2) if said > 0 else flat(u, 1)
            out = None
            if leaving:
                out = flat(u, 0)
            elif said * (worst - stop) <= 1e-9:
                out, trade["stopped"] = (min if said > 0 else max)(stop, flat(u, 0)), True
            now = flat(u, 3) if out is None else out
            cost = (fee(u, entry) if u == first else 0.0) + (0.0 if out is None else fee(u, out))
            trade["days"][u] = (said * (now - before) - cost) / base
            before = now
            if out is not None:
                money += said * (out - entry) - fee(u, out)
                trade |= {"exit_bar": u, "exit": out, "r": money / risk}
                break
            leaving = leaving or signal[u] == -said
        found.append(trade)
        if trade["exit_bar"] is None:
            return found
        t = trade["exit_bar"]                                    # its close is looked at again, flat
        if trade["stopped"]:
            waits, heard = said, 0
    return found


def record(bars, *args, **more):
    """(return, held, trades closed, their sum in R) at each bar."""
    found, n = trades(bars, *args, **more), len(bars)
    returns, held = np.zeros(n), np.zeros(n, int)
    for trade in found:
        for u, value in trade["days"].items():
            returns[u], held[u] = value, 1
    over = [[trade["r"] for trade in found if trade["exit_bar"] is not None and trade["exit_bar"] <= t] for t in range(n)]
    return returns, held, np.array([len(r) for r in over]), np.array([sum(r) for r in over])


def figures(returns, held, window, per_year=252.0):
    """(Sharpe, maximum drawdown, days held) at each bar over its last `window` returns; the bar 0 has none."""
    found = []
    for t in range(len(returns)):
        cut = returns[max(1, t - window + 1):t + 1]
        equity = np.concatenate([[1.0], np.cumprod(1.0 + np.array(cut))])
        spread = np.std(cut, ddof=1) if len(cut) > 1 else 0.0
        ratio = np.mean(cut) / spread * math.sqrt(per_year) if len(cut) > 1 and spread > 1e-9 * np.max(np.abs(cut)) else 0.0
        found.append((ratio, max(1.0 - equity[i] / equity[:i + 1].max() for i in range(equity.size)), int(np.sum(held[max(1, t - window + 1):t + 1]))))
    return tuple(np.array(column) for column in zip(*found, strict=True))


def support(trades, expectancy_r, vif, spike, quarter4, sharpe, drawdown, days):
    return (0.7 if trades < 20 else 1.0 if expectancy_r > 0 else 0.0, 0.8 if vif >= 10 else 1.0, 0.5 if spike else 0.8 if quarter4 else 1.0,
            0.7 if days < 20 else np.clip(sharpe / 1.5, 0.1, 1.0), 1.0 if days < 20 or drawdown <= 0.08 else max(0.1, 0.08 / drawdown))
