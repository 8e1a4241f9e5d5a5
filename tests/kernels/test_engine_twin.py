"""The engine against its naive twin on made-up markets: every fill, trade and refusal is the same."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.kernels import worlds as w
from tests.naive.engine import Twin

TICK = 0.25


def sessions_of(rng, minutes):
    """Minute -> (trading day, minutes to the session end); sessions of 100 to 250 minutes with a break between."""
    found, at, day = {}, 0, 1
    while at < minutes:
        length = int(rng.integers(20, 50)) * 5
        for minute in range(at, min(at + length, minutes)):
            found[minute] = (20231100 + day, at + length - minute)
        at += length + int(rng.integers(2, 13)) * 5
        day += 1
    return found


def walk(rng, symbol, calendar, blackout):
    """Bars of one symbol: a tick walk with jumps, missing minutes, rolls and, sometimes, volumes that fill orders in parts."""
    wild, missing = rng.choice([1, 2, 4]), rng.choice([0.0, 0.03, 0.2])
    thin = rng.choice(["none", "thin", "thick", "mixed"])
    price, bars, last_day = 16_000 + int(rng.integers(0, 800)), [], None
    for minute, (day, _) in calendar.items():
        if rng.random() < missing:
            continue
        roll = last_day is not None and day != last_day and rng.random() < 0.4
        jump = int(rng.normal(0, 12)) if day != last_day or rng.random() < 0.02 else int(rng.integers(-1, 2))
        open_ = price + jump + (int(rng.integers(-60, 61)) if roll else 0)
        close = open_ + int(rng.normal(0, 2.2 * wild))
        high, low = max(open_, close) + int(rng.integers(0, 2 + wild)), min(open_, close) - int(rng.integers(0, 2 + wild))
        volume = {"none": math.nan, "thin": float(rng.integers(0, 60)), "thick": 5000.0, "mixed": rng.choice([math.nan, 3.0, 40.0, 900.0])}[thin]
        flags = int(roll) + (2 if minute in blackout else 0) + int(rng.choice([0, 0, 0, 4, 8, 12]))
        bars.append((minute, *(one * TICK for one in (open_, high, low, close)), volume, symbol, day, flags))
        price, last_day = close, day
    return bars


def began(rng, ts, run_minutes):
    """When the signal of a setup at `ts` began: some time before, or with the stretch of `run_minutes` that all in it share."""
    return ts - int(rng.choice([0, 5, 30, 90])) * w.MINUTE if not run_minutes else ts // w.MINUTE // run_minutes * run_minutes * w.MINUTE


def made_setups(rng, found, busy):
    rows_ts, rows_symbol, context = found
    setups, flagged, flags = [], rng.choice([0.0, 0.1, 0.4, 0.8]), [2**bit for bit in range(9)]
    one_idea, side = rng.random() < 0.3, int(rng.choice([-1, 1]))       # whether one tactic finds the same again and again, while its order may still work
    run_minutes = int(rng.choice([0, 0, 60, 240]))                     # where not 0, signals repeat: all of one stretch of so many minutes are one run
    for ts, symbol, row in zip(rows_ts.tolist(), rows_symbol.tolist(), context, strict=True):
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[1 - busy, busy * 0.7, busy * 0.2, busy * 0.1]))):
            d, close = side if one_idea else int(rng.choice([-1, 1])), row[k.C_CLOSE]
            kind = int(rng.choice([k.ENTER] * 12 + [k.EXIT, k.CANCEL, k.REFUSED]))
            either = kind == k.ENTER and rng.random() < 0.06
            risk = int(rng.integers(4, 20))
            first = round(risk * rng.choice([1.4, 1.5, 2.0, 2.5]))
            order = int(rng.choice([k.LIMIT] * 6 + [k.MARKET] * 2 + [k.STOP, k.STOP_LIMIT])) if not either else k.LIMIT
            close += d * TICK * (int(rng.integers(-1, 4)) if order in (k.STOP, k.STOP_LIMIT) else 0)
            setups.append(w.setup(
                (ts - w.START) // w.MINUTE, close, close - (1 if either else d) * risk * TICK,
                close + (1 if either else d) * first * TICK if rng.random() < 0.9 else math.nan,
                60 if one_idea else int(rng.choice([1, 5, 10, 13, 60])), symbol=symbol, kind=kind, direction=0 if either else d, order_type=order,
                limit_price=close + d * int(rng.integers(-1, 3)) * TICK, time_in_force=int(rng.choice([k.GTD, k.GTD, k.DAY, k.GTC])),
                target2=rng.choice([math.nan, close + d * (first + risk) * TICK]), size_multiple=rng.choice([0.5, 0.75, 1.0, 1.25]),
                quality=round(rng.random(), 2), confidence=rng.choice([0.7, 0.7, 0.5, 0.7, 0.9, 0.2]), grade=int(rng.integers(1, 5)),
                tactic=0 if one_idea else int(rng.integers(0, 2)),
                precedence=int(rng.integers(0, 2)), group=0 if one_idea else int(rng.integers(-2, 2)),
                refusal=int(rng.choice([1, 2, 11, 18])), event_bar=began(rng, ts, run_minutes),
                plan_flags=int(sum(flag for flag in flags if rng.random() < flagged)),
                rank_base=rng.choice([0.8, math.nan]) if not either else math.nan,
                invalid_price=close - d * max(1, risk - 3) * TICK, invalid_flags=int(rng.integers(0, 256)) & ~(32 if rng.random() < 0.7 else 0),
                trail_buffer=rng.choice([0.25, 0.4, 1.0]),
                family=int(rng.choice([*range(10), 1, *[2] * 12, 7, 8])), directional_gate=bool(rng.random() < 0.3),
                unearned=bool(rng.random() < 0.03)))
    return setups


def made_context(rng, line, calendar, blackout):
    changes = {}
    end_known = rng.random() < 0.7
    last, rate, days = {}, [rng.choice([1.0, 1.25, 0.007]) for _ in range(3)], int(rng.choice([0, 50, 110]))
    first_day, moves = 20231101, rng.random() < 0.5
    for ts, symbol in zip(line.ts.tolist(), line.symbol.tolist(), strict=True):
        minute = (ts - w.START) // w.MINUTE
        last[minute // 5 * 5 + 5, symbol] = minute
    for (minute, symbol), bar in last.items():
        day_left = calendar[bar][1] - (minute - bar)
        if moves:
            rate[symbol] = round(rate[symbol] * rng.choice([1.0, 1.01, 0.99]), 6)
        changes[minute, symbol] = {
            "SESSION_LEFT_NS": float(day_left * w.MINUTE) if end_known else float(k.NEVER), "BLACKOUT": float(minute in blackout),
            "LAST_BAR_AGE_NS": float((minute - bar - 1) * w.MINUTE + (12 * w.MINUTE if rng.random() < 0.02 else 0)),
            "READY": float(rng.random() > 0.02), "DATA_SCORE": float(rng.choice([1.0, 0.9, 0.5], p=[0.9, 0.09, 0.01])),
            "SPREAD_TICKS": float(rng.choice([math.nan, 1.0, 3.0], p=[0.8, 0.17, 0.03])), "MSS_DIR": float(rng.choice([0, 0, 0, 1, -1])),
            "TCC_CLASS": float(rng.integers(0, 5)), "TCC_DIR": float(rng.choice([-1, 0, 1])), "ATR": float(rng.choice([1.0, 2.0, 4.0])),
            "TCC_SCORE_LONG": float(rng.choice([math.nan, 0.3, 0.8])), "TCC_SCORE_SHORT": float(rng.choice([math.nan, 0.4, 0.7])),
            "MCS": float(rng.choice([0, 1, 2, 3, *[4, 5, 6, 7] * 8])), "VOL_BUCKET": float(rng.integers(0, 5)), "RSI_STATE": float(rng.integers(0, 4)),
            "MACD_STATE": float(rng.integers(0, 6)), "LIQUIDITY": float(rng.integers(0, 3)), "VOL_SPIKE": float(rng.integers(0, 2)),
            "RATE": math.nan if minute < 15 else float(rate[symbol]), "DAILY_ATR": float(rng.choice([1.0, 3.0, 8.0])),
            "DAILY_ROW": float(days + calendar[bar][0] - first_day),
            "HOURS": float(rng.choice([math.nan, 0, 0, 4, 8, 12])),
            "NEWS_AGE_NS": float(rng.choice([math.nan, 10.0, 400.0])) * w.MINUTE, "NEWS_FLAG": float(rng.random() < 0.2),
            "VOL_RATIO": float(rng.choice([math.nan, 0.3, 0.8, 1.0, 1.1, 2.0]))}
    return changes


def made_costs(rng):
    """Fees with a least and a most, and parts of slippage, each off as often as not."""
    fees = {"bps": [0, 0.2], "min": [0, 7.0], "max": [0, 40.0], "max_bps": [0, 3.0]}
    drawn = {f"{prefix}_{name}": rng.choice([0.0, *values]) for prefix in ("fee", "micro_fee") for name, values in fees.items()}
    return {**drawn, "slip_spread": rng.choice([0, 0, 0.5]), "slip_volatility": rng.choice([0, 0, 0.05]), "slip_impact": rng.choice([0, 0, 0.3])}


def made_rules(rng):
    """Fill rules: the conservative ones, or any."""
    if rng.random() < 0.4:
        return {}
    switches = {name: int(rng.integers(0, 2)) for name in ("improves", "gap_at_limit", "target_first", "entry_bar_stop")}
    return {"target_through_ticks": rng.choice([0, 1]), "entry_bar_target": int(rng.integers(0, 3)), "slippage_factor": rng.choice([0, 1, 1.5]),
            "first_minute_factor": rng.choice([1, 2]), "outside_hours_factor": rng.choice([1, 3]), **switches}


def made_world(seed):
    """(tape, world, capital) of a seed."""
    rng = np.random.default_rng(seed)
    symbols, calendar = int(rng.integers(1, 4)), sessions_of(rng, int(rng.integers(300, 601)))
    start = int(rng.integers(0, 400))
    blackout = set(range(start, start + int(rng.choice([0, 7, 40])))) & set(range(1000))
    bars = [bar for symbol in range(symbols) for bar in walk(rng, symbol, calendar, blackout)]
    line = w.tape(sorted(bars, key=lambda bar: (bar[0], bar[6])))
    instruments = [w.instrument(group=int(rng.choice([-1, 0, 0])), has_micro=int(rng.random() < 0.7), stop_cap=rng.choice([8.0, 4.0, math.nan]),
                                slippage_ticks=rng.choice([1, 2]), min_notional=rng.choice([0, 0, 90_000, 500_000]),
                                tradable=int(rng.random() < 0.95), point_value=rng.choice([50, 20]), **made_costs(rng)) for _ in range(symbols)]
    found = w.decision_rows(line, made_context(rng, line, calendar, blackout))
    returns = rng.normal(0, rng.choice([0.004, 0.02]), (120, symbols))
    returns[rng.random(returns.shape) < 0.05] = math.nan
    limits = w.policy(
        ev_min=rng.choice([-9.0, -9.0, 0.07]), max_daily_loss=rng.choice([0.03, 0.01]), max_losses=int(rng.choice([3, 99])), max_age_ns=11 * w.MINUTE,
        cooldown_entry_closes=rng.choice([0, 0, 3]), cooldown_stop_closes=rng.choice([0, 0, 4]),
        cooldown_entry_ns=int(rng.choice([25, 0])) * w.MINUTE, cooldown_stop_ns=int(rng.choice([15, 0])) * w.MINUTE, flat_session=int(rng.random() < 0.8),
        tail_min_days=int(rng.choice([0, 60])), latency_ns=int(rng.choice([1_000_000_000, 1_000_000_000, 61_000_000_000])), allow_short=int(rng.random() < 0.9),
        allow_micro=int(rng.random() < 0.8), max_group=int(rng.choice([1, 2])),
        max_concurrent=rng.choice([0.05, 0.012]), max_gross=rng.choice([5.0, 1.5, 50.0]),
        var95=rng.choice([0.015, 0.05]), es975=rng.choice([0.025, 0.008, 0.08]), stale_bars=int(rng.choice([24, 4])), equity_drawdown=rng.choice([0.1, 0.02]),
        shares=int(rng.random() < 0.4), cash_only=int(rng.random() < 0.5), max_symbol=rng.choice([1e9, 1.0, 3.0]), max_quantity=rng.choice([20, 60]),
        max_group_notional=rng.choice([1e9, 2.0]), wait_closes=int(rng.choice([1, 2, 5])), news_required=int(rng.random() < 0.3),
        trail_range_atr=rng.choice([3.0, 1.0]), trail_best=int(rng.choice([0, 0, 1, 2])), trail_ticks=rng.choice([0.0, 6.0, 12.0]), trail_percent=0.05,
        swing_side=int(rng.choice([2, 2, 1, 3, 5])), high_vol_size=rng.choice([0.5, 1.0]), transition_size=rng.choice([0.5, 1.0]),
        on_end=int(rng.random() < 0.5), end=int(max(line.ts_close[-1], found[0][-1])), volume_share=rng.choice([0.1, 0.5]), through_ticks=rng.choice([1, 1, 0]),
        vol_size_least=rng.choice([0.5, 1.0]), vol_size_most=rng.choice([1.25, 1.0]), kelly_share=rng.choice([0.0, 0.25, 1.0]),
        kelly_cap=rng.choice([0.02, 0.004]), kelly_min_trades=rng.choice([1, 3, 30]), **made_rules(rng))
    setups = made_setups(rng, found, rng.choice([0.08, 0.25, 0.6]))
    return line, w.world(line, setups, found, instruments, limits, returns), float(rng.choice([20_000, 60_000, 150_000, 400_000]))


def told(line, around, capital):
    """The engine's fills, trades, refusals and unfilled ends, in the words of the twin."""
    ran = w.run(line, around, capital, tactics=2)
    fills = [(e["ts"], e["setup"], c.LEGS[e["i"]], c.FILL_KINDS[e["j"]] if e["i"] == c.LEG_ENTRY else "", round(e["a"], 6), e["b"]) for e in ran.of(c.E_FILL)]
    names, money = ("setup", "quantity", "micro", "entry_ts", "exit_ts"), ("entry", "exit", "net", "balance")
    trades = [{"reason": c.REASONS[t["reason"]], **{name: t[name] for name in names}, **{name: round(t[name], 6) for name in money}} for t in ran.trades]
    filled = {fill[1] for fill in fills}
    ended = {e["setup"]: c.REASONS[e["code"]] for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_CANCEL and e["setup"] not in filled}
    return fills, trades, ran.refused, ended


def expected(line, around, capital):
    twin = Twin(line, around, capital, c, k.CONTEXT_COLUMNS).run()
    fills = [(ts, setup, leg, kind if leg == "ENTRY" else "", round(price, 6), quantity) for ts, setup, leg, kind, price, quantity in twin.fills]
    trades = [{name: round(value, 6) if isinstance(value, float) else value for name, value in trade.items()} for trade in twin.trades]
    return fills, trades, twin.refused, twin.ended


def alike(mine, other):
    """Equal, where a number lies half way between two roundings within one of them."""
    if isinstance(mine, dict):
        return set(mine) == set(other) and all(alike(mine[name], other[name]) for name in mine)
    if isinstance(mine, list | tuple):
        return len(mine) == len(other) and all(map(alike, mine, other))
    return mine == other or (isinstance(mine, float) and abs(mine - other) < 2e-6)


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_fills_trades_and_refusals_equal_the_naive_twin(seed):
    ours, theirs = told(*made_world(seed)), expected(*made_world(seed))
    for mine, other in zip(ours, theirs, strict=True):
        assert alike(mine, other), (mine, other)
