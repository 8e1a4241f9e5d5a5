"""The whole engine with simulated fills, minute by minute with lists and dicts, from the order of events and the tables of gates and plans.

It decides by plain rules (the first setup that passes and has a direction is taken).  Left out: edits by signal, outside fills, charges, acknowledgements.
"""

import math
from dataclasses import dataclass, field

from . import breakers, gates, matching, plans, select, sizing

MINUTE = 60_000_000_000
MARKET, LIMIT = 1, 2
ORDER_TYPES = ("", "MARKET", "LIMIT", "STOP", "STOP_LIMIT")
ENTER, EXIT, CANCEL, REFUSED = 1, 2, 3, 5
NO_BREAKEVEN, NO_PARTIAL, NO_STALE, TRAIL_RANGE, TRAIL_BARS, OVERNIGHT, WAITS_AFTER_STOP, LEAVES_ON_TCC_LOWER, LEAVES_ON_RESCORE = (
    2**bit for bit in range(9))
PROPOSAL_GATES = ("breakers", "data", "session", "blackout", "spread", "directional", "confidence", "bracket", "expected_value", "cooldown", "daily_loss")


@dataclass
class Plan:
    """An entry order and the position it became."""

    setup: int
    symbol: int
    d: int
    kind: str
    micro: bool
    limit: float
    quantity: float
    stop: float
    first_stop: float
    target: float
    target2: float
    decided_at: int
    first_open: int
    valid_until: int
    flat_at: float
    row: dict
    working: float = 0.0
    held: float = 0.0
    bought: float = 0.0
    paid: float = 0.0                   # sum of price * quantity of the entries
    got: float = 0.0                    # of the exits
    fees: float = 0.0
    activated: bool = False
    parts: list = field(default_factory=list)       # (quantity, price) of the entry's fills
    worst: float = math.nan             # of a stop-limit entry
    fired: bool = False
    reward: float = math.nan            # what a win is taken to bring, in R
    target_done: bool = False
    moved_by: str = "SL"
    pending: str = ""
    favourable: float = 0.0
    decision_bars: int = 0
    entry_ts: int = 0
    entry_kind: str = ""
    best: float = 0.0
    gained: float = 0.0                 # money of the exits
    risk_money: float = 0.0
    flags: int = 0
    conviction: int = 0

    @property
    def entry(self):
        return self.paid / self.bought

    @property
    def risk(self):
        return abs(self.entry - self.first_stop)


@dataclass
class Symbol:
    last: float = math.nan
    bars: list = field(default_factory=list)        # (high, low) of the contract so far
    scores: list = field(default_factory=list)
    entry_ts: dict = field(default_factory=lambda: {1: -math.inf, -1: -math.inf})
    stop_ts: dict = field(default_factory=lambda: {1: -math.inf, -1: -math.inf})
    closes: list = field(default_factory=list)      # moments of its decisions
    last_ts: int = 0
    row: dict = field(default_factory=dict)         # of the latest decision
    waits: dict | None = None
    plan: Plan | None = None


class Twin:
    """Runs once; then `fills`, `trades`, `refused` (setup -> reason) and `ended` (setup whose order ended unfilled -> reason) tell."""

    def __init__(self, tape, world, capital, words, columns):
        self.policy = dict(zip(world.policy.dtype.names, world.policy[0].tolist(), strict=True))
        self.instruments = [dict(zip(world.instruments.dtype.names, row, strict=True)) for row in world.instruments.tolist()]
        self.setups = [dict(zip(world.setups.dtype.names, row, strict=True)) for row in world.setups.tolist()]
        self.returns = world.returns
        self.rows = {}
        for ts, symbol, row in zip(world.row_ts.tolist(), world.row_symbol.tolist(), world.context.tolist(), strict=True):
            self.rows.setdefault(ts, {})[symbol] = dict(zip(columns, row, strict=True))
        self.bars = {}
        for i, ts in enumerate(tape.ts.tolist()):
            prices = tuple(float(getattr(tape, name)[i]) for name in ("open", "high", "low", "close", "volume"))
            self.bars.setdefault(ts, {})[int(tape.symbol[i])] = (prices, int(tape.day[i]), int(tape.flags[i]))
        self.words = words                              # lists of words by code: REASONS, FAMILIES, MARKET_STATES ...
        self.symbols = [Symbol() for _ in self.instruments]
        self.balance, self.day, self.day_start, self.equities = capital, None, capital, [capital]
        self.losses, self.resting, self.scores = 0, "", []
        self.tallies, self.closed = {}, {}
        self.fills, self.trades, self.refused, self.ended = [], [], {}, {}
        self.here, self.weighed = {}, None              # bars of the minute; the quantity whose costs are asked for
        self.last = {}                                  # (symbol, tactic) -> (first close of the run told last, what became of it)

    def run(self):
        minutes = sorted(set(self.bars) | {ts - MINUTE for ts in self.rows})
        for minute in minutes:
            self.minute(minute)
        if self.policy["on_end"] == 1:
            self.close_everything(self.words.REASONS[self.policy["end_reason"]])
        return self

    def minute(self, m):
        bars = self.here = self.bars.get(m, {})
        self.new_day(m, bars)
        for s, (bar, _, flags) in sorted(bars.items()):                  # a symbol without a bar here is asked at the next decision
            plan = self.symbols[s].plan
            self.cancel_what_is_due(m, plan, flags & 2)
            if plan and plan.held and m >= plan.flat_at:
                self.leave(m, plan, "EXIT", bar[0], plan.pending or "SESSION_END", market=True)
        for s, (bar, _, _) in sorted(bars.items()):
            plan = self.symbols[s].plan
            if plan:
                self.fill(m, plan, bar)
            self.symbols[s].last, self.symbols[s].last_ts = bar[3], m + MINUTE
        for s, (bar, _, _) in sorted(bars.items()):
            self.symbols[s].bars.append((bar[1], bar[2]))
            if self.symbols[s].plan:
                self.step(m, self.symbols[s].plan, bar)
        if m + MINUTE in self.rows:
            self.decide(m + MINUTE, self.rows[m + MINUTE])

    # --- 1: the first bar of a trading day --------------------------------------------------------------------------------------------------

    def new_day(self, m, bars):
        for s, (_, _, flags) in sorted(bars.items()):
            if flags & 1:
                plan, symbol = self.symbols[s].plan, self.symbols[s]
                if plan:
                    self.cancel(plan, "ROLL")
                    if plan.held:
                        self.leave(symbol.last_ts, plan, "EXIT", symbol.last, "ROLL", market=True, last=True)
                symbol.bars = []
        days = [day for _, day, _ in bars.values()]
        if days and (self.day is None or max(days) > self.day):
            self.day, self.day_start, self.losses, self.resting = max(days), self.equity(), 0, ""
            for tally in self.tallies.values():
                for i in range(3):
                    tally[i] *= self.policy["ev_decay"]

    # --- 2: cancels -------------------------------------------------------------------------------------------------------------------------

    def cancel_what_is_due(self, m, plan, blackout):
        if plan and plan.working:
            if plan.valid_until <= m:
                self.cancel(plan, "EXPIRED")
            elif blackout and m >= plan.first_open:                      # one that is on its way is asked when it arrives
                self.cancel(plan, "NEWS_BLACKOUT")
            elif m >= plan.flat_at:
                self.cancel(plan, "SESSION_END")

    def cancel(self, plan, reason):
        if not plan.working:
            return
        plan.working = 0.0
        if not plan.bought:
            self.ended[plan.setup] = reason
            self.symbols[plan.symbol].plan = None

    # --- 3: activation and fills ------------------------------------------------------------------------------------------------------------

    def fill(self, m, plan, bar):
        i, d, open_ = self.instruments[plan.symbol], plan.d, bar[0]
        if plan.held:
            if plan.pending:
                return self.leave(m, plan, "EXIT", open_, plan.pending, market=True)
            if matching.at_or_below(d * open_, d * plan.stop):
                return self.leave(m, plan, "STOP", open_, plan.moved_by, market=True)
            self.take_targets(m, plan, open_, opens=True)
        kind, inside = "", False
        if plan.working and m >= plan.first_open:
            if not plan.activated:
                why = gates.market_moved(d, plan.limit, plan.first_stop, plan.target, open_, i["tick"], self.policy["min_reward_r"],
                                         self.policy["max_slippage_r"])
                if plan.kind == "LIMIT" and plan.limit != plan.row["CLOSE"] and why != "THROUGH_STOP":
                    why = "OK"
                if why != "OK":
                    return self.cancel(plan, why)
                plan.activated = True
            kind, inside = self.buy(m, plan, bar)
            if kind == "GAP":
                return self.leave(m, plan, "STOP", open_, plan.moved_by, market=True)
        if plan.held:
            far, near = (bar[1], bar[2]) if d > 0 else (bar[2], bar[1])
            if inside and not self.policy["entry_bar_stop"]:
                near = bar[3]
            stopped, aims = matching.at_or_below(d * near, d * plan.stop), matching.target_counts(kind, self.policy)
            if aims and (self.policy["target_first"] or not stopped):
                self.take_targets(m, plan, far)
            if plan.held and stopped:
                return self.leave(m, plan, "STOP", min(d * plan.stop, d * open_) * d, plan.moved_by, market=True)
        return None

    def buy(self, m, plan, bar):
        """(kind of the entry fill of this bar or "", whether a stop entry fired in it after the open)."""
        d, tick, rests = plan.d, self.instruments[plan.symbol]["tick"], plan.kind == "STOP_LIMIT" and plan.fired
        kind = "MARKET" if plan.kind == "STOP" and plan.fired else "LIMIT" if rests else plan.kind
        quantity = matching.taken(plan.working, bar[4], self.policy["volume_share"], self.lot(plan))
        found = matching.entry(kind, d, plan.worst if rests else plan.limit, plan.worst, plan.stop, bar, tick, self.policy, self.slip(plan, quantity))
        inside = kind in ("STOP", "STOP_LIMIT") and not matching.at_or_below(d * plan.limit, d * bar[0])
        plan.fired = plan.fired or matching.at_or_below(d * plan.limit, d * (bar[1] if d > 0 else bar[2]))
        if not found:
            return "", False
        self.enter(m, plan, *found, quantity)
        return found[0], inside

    def enter(self, m, plan, kind, price, quantity):
        symbol, before = self.symbols[plan.symbol], self.fee(plan, plan.parts)
        plan.parts.append((quantity, price))
        fee = self.fee(plan, plan.parts) - before                       # what the order as a whole costs more
        if not plan.bought:
            symbol.entry_ts[plan.d], plan.entry_ts, plan.entry_kind, plan.best = m, m, kind, price
        plan.working -= quantity
        plan.held += quantity
        plan.bought += quantity
        plan.paid += price * quantity
        plan.fees += fee
        self.balance -= fee
        plan.risk_money = (plan.risk if plan.risk > 1e-9 else abs(plan.limit - plan.first_stop)) * plan.bought * self.point_value(plan)
        self.fills.append((m, plan.setup, "ENTRY", kind, price, quantity))

    def take_targets(self, m, plan, price, opens=False):
        through = self.policy["target_through_ticks"] * self.instruments[plan.symbol]["tick"]
        better = opens and self.policy["improves"]
        if plan.held and not plan.target_done and matching.reached(plan.d, plan.target, price, through):
            part = plan.held if plan.flags & NO_PARTIAL else plans.first_target_quantity(plan.held, self.policy["partial"], self.lot(plan))
            plan.working, plan.target_done = 0.0, True
            self.out(m, plan, "TARGET1", "TARGET", price if better else plan.target, part, "TP1")
        if plan.held and plan.target_done and matching.reached(plan.d, plan.target2, price, through):
            self.out(m, plan, "TARGET2", "TARGET", price if better else plan.target2, plan.held, "TP2")

    def leave(self, m, plan, leg, price, reason, market, last=False):
        kind = "STOP" if leg == "STOP" else "MARKET"
        plan.working = 0.0
        tick = self.instruments[plan.symbol]["tick"]
        self.out(m, plan, leg, kind, matching.market(price, -plan.d, self.slip(plan, plan.held, last), tick), plan.held, reason)

    def out(self, m, plan, leg, kind, price, quantity, reason):
        fee, point = self.fee(plan, [(quantity, price)]), self.point_value(plan)
        gain = plan.d * (price - plan.entry) * quantity * point
        plan.gained += gain
        self.balance += gain - fee
        plan.held -= quantity
        plan.got += price * quantity
        plan.fees += fee
        self.fills.append((m, plan.setup, leg, kind, price, quantity))
        if leg == "STOP":
            self.symbols[plan.symbol].stop_ts[plan.d] = m
            if plan.flags & WAITS_AFTER_STOP:
                self.symbols[plan.symbol].waits = {"tactic": self.setups[plan.setup]["tactic"], "d": plan.d, "closes": 0,
                                                   "day": self.symbols[plan.symbol].row["DAILY_ROW"]}
        if plan.held < 1e-9:
            self.close(m, plan, reason)

    def close(self, m, plan, reason):
        net = plan.gained - plan.fees
        r = net / plan.risk_money
        self.trades.append({"setup": plan.setup, "entry": plan.entry, "exit": plan.got / plan.bought, "quantity": plan.bought, "micro": int(plan.micro),
                            "reason": reason, "net": net, "entry_ts": plan.entry_ts, "exit_ts": m, "balance": self.balance})
        self.symbols[plan.symbol].plan = None
        self.losses = self.losses + 1 if net < 0 else 0
        if self.losses >= self.policy["max_losses"]:
            self.resting = "LOSS_STREAK"
        key = (self.setups[plan.setup]["tactic"], self.setups[plan.setup]["grade"])
        self.closed[key] = self.closed.get(key, 0) + 1
        tally = self.tallies.setdefault(key, [0.0, 0.0, 0.0])
        tally[1] += 1
        if abs(r) <= self.policy["ev_scratch"] + 1e-9:
            tally[0] += 1 / (1 + plan.reward)
        elif r > 0:
            tally[0] += 1
            tally[2] += r

    # --- 4: the plan after a completed bar --------------------------------------------------------------------------------------------------

    def step(self, m, plan, bar):
        i, d = self.instruments[plan.symbol], plan.d
        if d * (bar[3] - plan.first_stop) < -1e-9:
            self.cancel(plan, "CLOSE_BEYOND_STOP")
        if self.setups[plan.setup]["invalid_flags"] & 32 and matching.at_or_below(d * (bar[2] if d > 0 else bar[1]), d * self.invalid_price(plan)):
            self.cancel(plan, "LEVEL_TRADED")
        minds = plan.working and not plan.held and self.setups[plan.setup]["invalid_flags"] & 4
        if minds and matching.reached(d, plan.target, bar[1] if d > 0 else bar[2], 0.0):
            self.cancel(plan, "MISSED")
        if not plan.held:
            return
        resting = any(fill[0] == m and fill[1] == plan.setup and fill[3] == "LIMIT" for fill in self.fills)
        seen = plans.favourable(d, plan.entry, bar, resting)
        plan.favourable = max(plan.favourable, seen)
        breakeven = plan.target_done or matching.at_or_below(self.policy["breakeven_r"] * plan.risk, seen)
        if breakeven and not plan.flags & NO_BREAKEVEN:
            self.tighten(plan, plans.breakeven(d, plan.entry, self.policy["breakeven_ticks"], i["tick"]), "BE")
        swing = plans.last_swing(self.symbols[plan.symbol].bars, d, int(self.policy["swing_side"]))
        if plan.target_done and self.policy["trail_swing"] and not math.isnan(swing):
            self.tighten(plan, plans.behind_swing(d, swing, self.setups[plan.setup]["trail_buffer"], i["tick"]), "TRAIL")
        self.trail(m, plan, bar)

    def trail(self, m, plan, bar):
        """Behind the best price since entry, or behind the last three bars from 1R on."""
        d, tick, symbol = plan.d, self.instruments[plan.symbol]["tick"], self.symbols[plan.symbol]
        after_the_open = plan.entry_ts == m and plan.entry_kind == "LIMIT"
        seen = bar[3] if after_the_open else bar[1] if d > 0 else bar[2]
        plan.best = d * max(d * plan.best, d * seen)
        known = self.rows.get(m + MINUTE, {}).get(plan.symbol, symbol.row)                       # a decision at this close knows the day it ends
        daily = known["DAILY_ATR"]
        if plan.flags & TRAIL_RANGE and not math.isnan(daily):
            self.tighten(plan, plans.behind_swing(d, plan.best, self.policy["trail_range_atr"] * daily, tick), "TRAIL")
        if self.policy["trail_best"] == 1 and not math.isnan(known["ATR"]):
            self.tighten(plan, plans.behind_swing(d, plan.best, self.policy["trail_range_atr"] * known["ATR"], tick), "TRAIL")
        if self.policy["trail_best"] == 2:
            distance = plans.trailing_distance(plan.best, self.policy["trail_ticks"], self.policy["trail_percent"], tick)
            self.tighten(plan, plans.behind_swing(d, plan.best, distance, tick), "TRAIL")
        if plan.flags & TRAIL_BARS and plan.favourable >= plan.risk - 1e-9 and len(symbol.bars) >= 3:
            extreme = min(low for _, low in symbol.bars[-3:]) if d > 0 else max(high for high, _ in symbol.bars[-3:])
            self.tighten(plan, plans.behind_swing(d, extreme, tick, tick), "TRAIL")

    def tighten(self, plan, stop, reason):
        if plan.d * (stop - plan.stop) > 1e-9:
            plan.stop, plan.moved_by = stop, reason

    # --- 5: decisions -----------------------------------------------------------------------------------------------------------------------

    def decide(self, at, rows):
        for s, row in rows.items():
            self.symbols[s].row = row
            self.symbols[s].closes.append(at)
        equity = self.equity()
        self.equities.append(equity)
        self.scores.append(min(row["DATA_SCORE"] for row in rows.values()))
        if (self.day_start - equity) / self.day_start >= self.policy["max_daily_loss"] - 1e-9:
            self.resting = self.resting or "DAILY_LOSS"
            for symbol in self.symbols:
                if symbol.plan:
                    self.cancel(symbol.plan, "DAILY_LOSS")
        for symbol in self.symbols:
            self.cancel_what_is_due(at, symbol.plan, False)
        for s, row in rows.items():
            plan = self.symbols[s].plan
            if plan:
                self.invalidate(plan, row)
            if plan and plan.held:
                plan.decision_bars += 1
                self.lose_conviction(plan, row)
                if plan.flags & NO_STALE:
                    continue
                if plan.decision_bars >= self.policy["stale_bars"] and plan.favourable < self.policy["stale_mfe_r"] * plan.risk - 1e-9:
                    plan.pending = plan.pending or "STALE"
        self.hear_signals(at, rows)
        self.count_waits(at, rows)
        queue = []
        for s in rows:
            here = [n for n, setup in enumerate(self.setups) if setup["ts"] == at and setup["symbol"] == s and setup["kind"] == 1
                    and not self.unheard(n)]
            order, over = self.order_of(here, rows[s])
            if order:
                queue.append((-self.rank(order[0], rows[s]), s, order, over))
            else:
                self.tell(over, [])
        for _, s, order, over in sorted(queue):
            self.try_in_order(at, s, order, over, rows[s], equity)

    # --- a signal that goes on is told when something about it changes ----------------------------------------------------------------------

    def stands_for_a_state(self, n):
        return self.setups[n]["plan_flags"] & WAITS_AFTER_STOP

    def key(self, n):
        return self.setups[n]["symbol"], self.setups[n]["tactic"]

    def unheard(self, n):
        """A plan of its own tactic answers it; beside the plan of another its run is told once."""
        plan = self.symbols[self.setups[n]["symbol"]].plan
        if not plan or not self.stands_for_a_state(n):
            return False
        known = self.key(n) in self.last and self.last[self.key(n)][0] == self.setups[n]["event_bar"]
        return self.setups[plan.setup]["tactic"] == self.setups[n]["tactic"] or known

    def told_before(self, n, why):
        return self.stands_for_a_state(n) and self.last.get(self.key(n)) == (self.setups[n]["event_bar"], why)

    def note(self, n, why):
        if self.stands_for_a_state(n):
            self.last[self.key(n)] = self.setups[n]["event_bar"], why

    def tell(self, alone, together):
        """`alone`: (setup, why) each told unless it was; `together`: the candidates of one question, told all or none."""
        new = [(n, why) for n, why in alone if not self.told_before(n, why)]
        again = all(why != "OK" and self.setups[n]["direction"] and self.told_before(n, why) for n, why in together)
        for n, why in [*new, *([] if again else together)]:
            self.note(n, why)
            if why != "OK":
                self.refused[n] = why

    def lose_conviction(self, plan, row):
        if not plan.flags & LEAVES_ON_TCC_LOWER or self.conviction(row, plan.d) >= plan.conviction:
            return
        if plan.d * (row["CLOSE"] - plan.entry) >= 0.5 * plan.risk - 1e-9:
            self.tighten(plan, plans.breakeven(plan.d, plan.entry, self.policy["breakeven_ticks"], self.instruments[plan.symbol]["tick"]), "BE")
        else:
            plan.pending = plan.pending or "TCC_LOWER"
        plan.conviction = self.conviction(row, plan.d)

    def conviction(self, row, d):
        """0 where it is none, unknown or of the other direction, 1 low, 2 medium, 3 high."""
        word = self.words.TCC_CLASSES[int(row["TCC_CLASS"])]
        return ["Low", "Medium", "High"].index(word) + 1 if row["TCC_DIR"] == d and word in ("Low", "Medium", "High") else 0

    def look_again(self, at, setup):
        """The idea of a plan is found once more, with a score that would not be traded."""
        plan = self.symbols[setup["symbol"]].plan
        if not plan or plan.decided_at >= at or setup["kind"] not in (ENTER, REFUSED):
            return
        first = self.setups[plan.setup]
        same = all(first[name] == setup[name] for name in ("tactic", "group")) and plan.d == setup["direction"]
        if first["group"] < 0:
            same = same and first["event_bar"] == setup["event_bar"] > 0
        refused = setup["kind"] == REFUSED and setup["refusal"] in (11, 18)                      # GRADE, SCORE
        if same and (setup["confidence"] < self.policy["min_confidence"] or setup["grade"] == 1 or refused):
            self.cancel(plan, "RESCORED")
            if plan.held and plan.flags & LEAVES_ON_RESCORE:
                plan.pending = plan.pending or "RESCORED"

    def hear_signals(self, at, rows):
        for n, setup in enumerate(self.setups):
            if setup["ts"] != at or setup["symbol"] not in rows:
                continue
            self.look_again(at, setup)
            plan = self.symbols[setup["symbol"]].plan
            if setup["kind"] == REFUSED and not self.unheard(n) and not self.told_before(n, setup["refusal"]):
                self.refused[n] = "TACTIC"
                self.note(n, setup["refusal"])
            if not plan or (self.setups[plan.setup]["tactic"], plan.d) != (setup["tactic"], setup["direction"]):
                continue
            if setup["kind"] == EXIT and plan.held:
                plan.working, plan.pending = 0.0, plan.pending or "EXIT_SIGNAL"
            elif setup["kind"] == EXIT or (setup["kind"] == CANCEL and setup["group"] in (self.setups[plan.setup]["group"], -1, -2)):
                self.cancel(plan, "EXIT_SIGNAL")

    def count_waits(self, at, rows):
        """A close counts where the stopped tactic speaks or a day is over; it is the last where its signal is not given."""
        for s in rows:
            waits = self.symbols[s].waits
            if not waits:
                continue
            here = [setup for setup in self.setups if setup["ts"] == at and setup["symbol"] == s and setup["tactic"] == waits["tactic"]]
            if not here and rows[s]["DAILY_ROW"] == waits["day"]:
                continue
            waits["closes"], waits["day"] = waits["closes"] + 1, rows[s]["DAILY_ROW"]
            again = any(setup["kind"] in (ENTER, REFUSED) and setup["direction"] == waits["d"] for setup in here)
            if not again or waits["closes"] >= self.policy["wait_closes"]:
                self.symbols[s].waits = None

    def invalid_price(self, plan):
        return self.setups[plan.setup]["invalid_price"]

    def invalidate(self, plan, row):
        setup, d = self.setups[plan.setup], plan.d
        if setup["invalid_flags"] & 1 and row["MSS_DIR"] == -d:
            self.cancel(plan, "OPPOSITE_MSS")
        elif setup["invalid_flags"] & 2 and d * (row["CLOSE"] - setup["invalid_price"]) < -1e-9:
            self.cancel(plan, "CLOSE_BEYOND_LEVEL")
        elif setup["invalid_flags"] & 8 and self.words.TCC_CLASSES[int(row["TCC_CLASS"])] == "High" and row["TCC_DIR"] == -d:
            self.cancel(plan, "TCC_AGAINST")
        elif self.conviction(row, d) < max(plan.conviction if setup["invalid_flags"] & 64 else 0, 2 if setup["invalid_flags"] & 128 else 0):
            self.cancel(plan, "TCC_LOWER")
        elif setup["invalid_flags"] & 16 and not self.let_in(setup, row):
            self.cancel(plan, "MCS")

    def let_in(self, setup, row):
        words = self.words
        d = setup["direction"] or (-1 if words.MARKET_STATES[int(row["MCS"])] == "TREND_DOWN" and self.policy["allow_short"] else 1)
        return gates.let_in(words.FAMILIES[setup["family"]], d, words.MARKET_STATES[int(row["MCS"])],
                            words.TCC_CLASSES[int(row["TCC_CLASS"])], setup["quality"])

    def rank(self, n, row):
        setup = self.setups[n]
        if math.isnan(setup["rank_base"]):
            return setup["confidence"]
        score = row["TCC_SCORE_LONG" if setup["direction"] > 0 else "TCC_SCORE_SHORT"]
        reward = self.reward(setup)
        conviction, reward = 0.0 if math.isnan(score) else score, 0.0 if math.isnan(reward) else min(reward / 3, 1)
        return 0.40 * setup["quality"] + 0.20 * conviction + 0.20 * reward + 0.20 * setup["rank_base"] + setup["rank_bonus"]

    def reward(self, setup):
        return (setup["direction"] or 1) * (setup["target"] - setup["entry"]) / abs(setup["entry"] - setup["stop"])

    def order_of(self, here, row):
        """(setups in the order in which they are tried, what is refused on the way: twins and a conflict of directions)."""
        found = [{"rank": self.rank(n, row), "direction": self.setups[n]["direction"], "group": self.setups[n]["group"],
                  "precedence": self.setups[n]["precedence"], "event": self.setups[n]["event_bar"]} for n in here]
        kept, conflict = select.select(found)
        over = [(n, "SAME_IDEA" if i not in kept else "CONFLICT") for i, n in enumerate(here) if i not in kept or conflict]
        return [] if conflict else [here[i] for i in kept], over

    def try_in_order(self, at, s, order, over, row, equity):
        """The gates before for each; the first that passes is the candidate, others that would pass are superseded."""
        i, passed, asked = self.instruments[s], [], []
        small = i["has_micro"] and self.policy["allow_micro"] and not self.policy["shares"]
        smallest = (i["micro_lot"] * i["micro_point_value"] if small else i["lot"] * i["point_value"]) * row["RATE"]
        plan = self.symbols[s].plan
        for n in order:
            if not self.setups[n]["direction"] and plan and plan.held and not plan.pending and self.setups[plan.setup]["tactic"] == self.setups[n]["tactic"]:
                asked.append((n, "NO_OPINION"))                      # in spite of the gates, and rules do not close by it
                continue
            inside = self.policy["entries_from"] <= at < self.policy["entries_until"]
            why = self.stage(at, self.setups[n], s, row, equity, smallest, False) if inside else "OUT_OF_WINDOW"
            if why != "OK":
                over.append((n, why))
            elif not self.setups[n]["direction"]:
                asked.append((n, "NO_OPINION"))
            else:
                passed.append(n)
                asked.append((n, "SUPERSEDED"))
        if passed:
            why = self.size_and_place(at, passed[0], self.setups[passed[0]], s, row, equity)
            asked = [(n, why if n == passed[0] else said) for n, said in asked]
        self.tell(over, asked)

    def stage(self, at, setup, s, row, equity, exposure, micro):
        """Gates 1 to 11; `exposure`: quantity times point value of the new plan."""
        for gate in PROPOSAL_GATES:
            why = getattr(self, "gate_" + gate)(at, setup, s, row, equity, exposure, micro)
            if why != "OK":
                return why
        return "OK"

    def gate_breakers(self, at, setup, s, row, equity, exposure, micro):
        if breakers.data(self.scores, self.policy["data_score_min"], self.policy["data_recovery"]) == "OPEN":
            return "BREAKER_DATA"
        return "BREAKER_EQUITY" if breakers.equity(self.equities, self.policy["equity_drawdown"]) else "OK"

    def gate_data(self, at, setup, s, row, equity, exposure, micro):
        return "NOT_READY" if row["READY"] != 1 or math.isnan(row["RATE"]) else "STALE_DATA" if row["LAST_BAR_AGE_NS"] > self.policy["max_age_ns"] else "OK"

    def gate_session(self, at, setup, s, row, equity, exposure, micro):
        if not self.instruments[s]["tradable"]:
            return "NOT_TRADABLE"
        if self.symbols[s].plan:
            return "BUSY"
        if row["SESSION_LEFT_NS"] < self.policy["session_left_ns"] and not setup["plan_flags"] & OVERNIGHT:
            return "SESSION_END"
        if setup["direction"] < 0 and not self.policy["allow_short"]:
            return "SHORT_NOT_ALLOWED"
        return "OK" if self.let_in(setup, row) else "MCS"

    def gate_blackout(self, at, setup, s, row, equity, exposure, micro):
        return "NEWS_BLACKOUT" if row["BLACKOUT"] == 1 else "OK"

    def gate_spread(self, at, setup, s, row, equity, exposure, micro):
        spread = row["SPREAD_TICKS"]
        wide = spread <= 1e-9 or spread - self.policy["spread_base"] > self.policy["spread_tolerance"] + 1e-9
        return "SPREAD" if not math.isnan(spread) and wide else "OK"

    def gate_directional(self, at, setup, s, row, equity, exposure, micro):
        if not setup["directional_gate"]:
            return "OK"
        rsi, macd, news = self.words.RSI_STATES[int(row["RSI_STATE"])], self.words.MACD_STATES[int(row["MACD_STATE"])], self.policy["news_required"]
        stale = news and not (row["NEWS_AGE_NS"] <= self.policy["news_max_age_ns"] and row["NEWS_FLAG"] == 0)
        sides = [setup["direction"]] if setup["direction"] else [1, -1] if self.policy["allow_short"] else [1]
        technical = [gates.directional(d, rsi, macd) for d in sides]
        found = ["NEWS" if d > 0 and stale else why for d, why in zip(sides, technical, strict=True)]
        return "OK" if "OK" in found else found[0]

    def gate_confidence(self, at, setup, s, row, equity, exposure, micro):
        if setup["unearned"]:
            return "NEG_EXPECTANCY"
        return "OK" if setup["confidence"] >= self.policy["min_confidence"] - 1e-9 else "MIN_CONFIDENCE"

    def gate_bracket(self, at, setup, s, row, equity, exposure, micro):
        i, family = self.instruments[s], self.words.FAMILIES[setup["family"]]
        atr, cap = row["ATR"], i["stop_cap"]
        if family.startswith("swing"):
            atr, cap = row["DAILY_ATR"], math.nan
        elif math.isnan(cap) and family == "zone":
            atr, cap = 0.0, math.inf
        return gates.bracket(setup["direction"] or 1, setup["entry"], setup["stop"], setup["target"], row["CLOSE"], i["tick"], atr, cap,
                             self.policy["min_reward_r"], self.policy["max_slippage_r"])

    def gate_expected_value(self, at, setup, s, row, equity, exposure, micro):
        value = gates.expected_value(*self.tally(setup), self.reward(setup), *self.costs(setup, s, micro), self.policy["ev_prior_r"], self.policy["ev_prior_n"])
        return "OK" if value >= self.policy["ev_min"] - 1e-9 else "EV"

    def tally(self, setup):
        return self.tallies.get((setup["tactic"], setup["grade"]), [0.0, 0.0, 0.0])

    def costs(self, setup, s, micro):
        """In R: slippage of the entry, of a stop, fees."""
        i, risk = self.instruments[s], abs(setup["entry"] - setup["stop"])
        row, point = self.symbols[s].row, i["micro_point_value" if micro else "point_value"]
        quantity = self.policy["max_quantity"] if self.weighed is None else self.weighed
        slip = matching.slippage(self.model(i), i["tick"], row["SPREAD_TICKS"] * i["tick"], row["ATR"], 1.0, 1.0 / self.policy["volume_share"],
                                 self.factor(int(row["HOURS"]) if row["HOURS"] == row["HOURS"] else 0)) / risk
        fees = 2 * matching.fee([(quantity, setup["entry"])], point, self.rates(i, micro)) / quantity / point / risk
        return 0.0 if setup["order_type"] == LIMIT else slip, slip, fees

    def kelly(self, setup, s, micro):
        """(full fraction, what may be risked); None twice where nothing is bound."""
        tally = self.tally(setup)
        if not self.policy["kelly_share"] or self.closed.get((setup["tactic"], setup["grade"]), 0) < self.policy["kelly_min_trades"] - 1e-9:
            return None, None
        p, b = gates.chance(*tally, self.reward(setup), self.policy["ev_prior_r"], self.policy["ev_prior_n"])
        slip_in, slip_stop, fees = self.costs(setup, s, micro)
        won, lost = b - slip_in - fees, 1 + slip_in + slip_stop + fees
        full = (p * won - (1 - p) * lost) / won if won > 0 else -math.inf        # the share at which the logarithm of wealth grows fastest, stakes of `lost`
        return full, min(max(self.policy["kelly_share"] * full, 0.0), self.policy["kelly_cap"])

    def gate_cooldown(self, at, setup, s, row, equity, exposure, micro):
        symbol, d = self.symbols[s], setup["direction"] or 1
        if self.resting == "LOSS_STREAK":
            return "LOSS_STREAK"
        if symbol.waits and setup["plan_flags"] & WAITS_AFTER_STOP:
            return "WAITING"
        rests = at - symbol.stop_ts[d] < self.policy["cooldown_stop_ns"] or at - symbol.entry_ts[d] < self.policy["cooldown_entry_ns"]
        since_stop, since_entry = (sum(close > found[d] for close in symbol.closes) for found in (symbol.stop_ts, symbol.entry_ts))
        stopped, entered = symbol.stop_ts[d] > -math.inf, symbol.entry_ts[d] > -math.inf
        rests = rests or (stopped and since_stop < self.policy["cooldown_stop_closes"]) or (entered and since_entry < self.policy["cooldown_entry_closes"])
        return "COOLDOWN" if rests else "OK"

    def gate_daily_loss(self, at, setup, s, row, equity, exposure, micro):
        limit, start = self.policy["max_daily_loss"], self.day_start
        if self.resting == "DAILY_LOSS" or (start - equity) / start >= limit - 1e-9:
            return "DAILY_LOSS"
        new = abs(setup["entry"] - setup["stop"]) * exposure
        return "OK" if (start - equity + self.open_risk() + new) / start <= limit + 1e-9 else "DAILY_LOSS_PROJECTED"

    # --- 12 to 14: size, limits, order ------------------------------------------------------------------------------------------------------

    def size_and_place(self, at, n, setup, s, row, equity):
        i = self.instruments[s]
        contracts = [False, True] if i["has_micro"] and self.policy["allow_micro"] and not self.policy["shares"] else [False]
        why = ""
        for micro in contracts:
            why, quantity, size_was_the_obstacle = self.size(at, setup, s, row, equity, micro)
            if why == "OK":
                self.place(at, n, setup, s, row, micro, quantity)
            if why == "OK" or not size_was_the_obstacle:
                break
        return why

    def size(self, at, setup, s, row, equity, micro):
        """(reason, quantity, whether size was the obstacle)."""
        i = self.instruments[s]
        names = ("micro_point_value", "micro_fee_unit", "micro_lot") if micro else ("point_value", "fee_unit", "lot")
        point, fee, lot = (i[name] for name in names)
        rates = self.rates(i, micro)
        fee, least = (fee + rates["points"] / 10_000 * setup["entry"] * point) * row["RATE"], rates["least"] * row["RATE"]
        point *= row["RATE"]
        risk = abs(setup["entry"] - setup["stop"])
        multiple = setup["size_multiple"] * self.regime_size(setup, row)
        full, most = self.kelly(setup, s, micro)
        if full is not None and full <= 0:
            return "KELLY", 0.0, False
        most = math.inf if most is None else most
        if self.policy["shares"]:
            room = self.policy["max_symbol"] * equity - self.notional(s)
            quantity, why, _ = sizing.shares(equity, setup["confidence"], multiple, risk * point, setup["entry"] * point, self.policy["max_risk"],
                                             self.policy["max_quantity"], room, self.cash() if self.policy["cash_only"] else None,
                                             self.policy["min_confidence"], lot, most)
            if not quantity:
                before = self.stage(at, setup, s, row, equity, 0.0, micro)
                return (why, 0.0, True) if before == "OK" else (before, 0.0, False)
        else:
            quantity = min(sizing.futures(equity, multiple, risk, point, 2 * fee, self.policy["r_unit"], min(self.policy["max_risk"], most), lot,
                                          least=2 * least),
                       self.policy["max_quantity"])
        if quantity < lot or self.too_little(i, setup, quantity, micro):
            before = self.stage(at, setup, s, row, equity, 0.0, micro)
            return ("SIZE_ZERO", 0.0, True) if before == "OK" else (before, 0.0, False)
        self.weighed = quantity
        why = self.stage(at, setup, s, row, equity, quantity * point, micro)
        self.weighed = None
        if why != "OK":
            return why, 0.0, False
        why, quantity = self.inside_exposure(setup, s, equity, quantity, lot, point)
        if why != "OK":
            return why, 0.0, why != "GROUP"
        if self.too_little(i, setup, quantity, micro):
            return "SIZE_ZERO", 0.0, True
        why, quantity = self.inside_tail(setup, s, row, equity, quantity, lot, point)
        if why == "OK" and self.too_little(i, setup, quantity, micro):
            return "SIZE_ZERO", 0.0, True
        return why, quantity, True

    def too_little(self, i, setup, quantity, micro):
        return quantity * setup["entry"] * i["micro_point_value" if micro else "point_value"] < i["min_notional"]

    def regime_size(self, setup, row):
        wild = self.words.VOL_BUCKETS[int(row["VOL_BUCKET"])] == "HiVol-Q4"
        swing = self.words.FAMILIES[setup["family"]] in ("swing_trend", "swing_reversion")
        unsure = swing and self.words.MARKET_STATES[int(row["MCS"])] == "TRANSITION"
        calm = 1.0 if math.isnan(row["VOL_RATIO"]) else min(max(row["VOL_RATIO"], self.policy["vol_size_least"]), self.policy["vol_size_most"])
        return (self.policy["high_vol_size"] if wild else 1.0) * (self.policy["transition_size"] if unsure else 1.0) * calm

    def inside_exposure(self, setup, s, equity, quantity, lot, point):
        group = self.instruments[s]["group"]
        alike = [one for one, i in zip(self.symbols, self.instruments, strict=True) if one.plan and i["group"] == group]
        if group >= 0 and len(alike) >= self.policy["max_group"]:
            return "GROUP", 0.0
        risk, notional = abs(setup["entry"] - setup["stop"]) * point, setup["entry"] * point
        why = "OK"
        while quantity >= lot - 1e-9:
            over_risk = self.open_risk() + quantity * risk > self.policy["max_concurrent"] * equity + 1e-6
            over_gross = self.notional() + quantity * notional > self.policy["max_gross"] * equity + 1e-6
            over_symbol = quantity * notional > self.policy["max_symbol"] * equity + 1e-6
            beside = sum(self.notional(one.plan.symbol) for one in alike) if group >= 0 else 0.0
            over_group = beside + quantity * notional > self.policy["max_group_notional"] * equity + 1e-6
            if not (over_risk or over_gross or over_symbol or over_group):
                return "OK", quantity
            why = "CONCURRENT_RISK" if over_risk and not (over_gross or over_symbol or over_group) else "EXPOSURE"
            quantity -= lot
        return why, 0.0

    def inside_tail(self, setup, s, row, equity, quantity, lot, point):
        if not self.policy["tail_min_days"]:
            return "OK", quantity
        exposures = []                                                   # (symbol, signed value, largest loss)
        for one in self.symbols:
            if one.plan:
                exposures.append((one.plan.symbol, *self.at_risk(one.plan)))
        involved = {s} | {exposure[0] for exposure in exposures}
        known = min(self.symbols[k].row["DAILY_ROW"] for k in involved)
        common = [day for n, day in enumerate(self.returns.tolist()) if n < known and all(not math.isnan(day[k]) for k in involved)]
        common = common[-int(self.policy["tail_days"]):]
        if len(common) < self.policy["tail_min_days"]:
            half = math.floor(quantity / lot / 2 + 1e-9) * lot
            return ("OK", half) if half else ("SIZE_ZERO", 0.0)
        why = "OK"
        while quantity >= lot - 1e-9:
            risk = abs(setup["entry"] - setup["stop"]) * quantity * point * self.policy["tail_stop_factor"]
            risk = math.inf if setup["plan_flags"] & OVERNIGHT else risk
            candidate = (s, setup["direction"] * setup["entry"] * quantity * point, risk)
            losses = [sum(self.scenario(exposure, day) for exposure in [*exposures, candidate]) for day in common]
            if not losses:
                return "OK", quantity
            var, es = gates.var_es(losses, 0.95)[0] / equity, gates.var_es(losses, 0.975)[1] / equity
            if var <= self.policy["var95"] + 1e-9 and es <= self.policy["es975"] + 1e-9:
                return "OK", quantity
            why = why if why != "OK" else "VAR" if var > self.policy["var95"] + 1e-9 else "ES"
            quantity -= lot
        return why, 0.0

    def scenario(self, exposure, day):
        symbol, value, most = exposure
        loss = -value * day[symbol]
        return min(loss, most) if self.policy["flat_session"] else loss

    def at_risk(self, plan):
        point, last = self.point_value(plan), self.symbols[plan.symbol].last
        value = plan.d * (last * plan.held + plan.limit * plan.working) * point
        return value, math.inf if plan.flags & OVERNIGHT else self.risk_of(plan) * self.policy["tail_stop_factor"]

    def place(self, at, n, setup, s, row, micro, quantity):
        latency = self.policy["latency_ns"]
        self.symbols[s].plan = Plan(
            n, s, setup["direction"], ORDER_TYPES[setup["order_type"]], micro, setup["entry"], quantity, setup["stop"], setup["stop"],
            setup["target"], setup["target2"], at, at if latency <= 1_000_000_000 else at + latency, self.valid_until(setup, row, at),
            at + row["SESSION_LEFT_NS"] - self.policy["flat_before_ns"] if self.policy["flat_session"] and not setup["plan_flags"] & OVERNIGHT
            else math.inf, row, working=quantity, flags=setup["plan_flags"], conviction=self.conviction(row, setup["direction"]),
            worst=setup["limit_price"],
            reward=gates.chance(*self.tally(setup), self.reward(setup), self.policy["ev_prior_r"], self.policy["ev_prior_n"])[1])

    def valid_until(self, setup, row, at):
        if setup["time_in_force"] == 2:
            return math.inf
        for_the_day = setup["time_in_force"] == 1 and 0 < row["SESSION_LEFT_NS"] < 10**17
        return min(setup["valid_until"], at + row["SESSION_LEFT_NS"]) if for_the_day else setup["valid_until"]

    # --- money ------------------------------------------------------------------------------------------------------------------------------

    def point_value(self, plan):
        return self.instruments[plan.symbol]["micro_point_value" if plan.micro else "point_value"] * self.symbols[plan.symbol].row["RATE"]

    def fee(self, plan, fills):
        """Money of the account for an order with these fills."""
        i = self.instruments[plan.symbol]
        point = i["micro_point_value" if plan.micro else "point_value"]
        return matching.fee(fills, point, self.rates(i, plan.micro)) * self.symbols[plan.symbol].row["RATE"] if fills else 0.0

    def rates(self, i, micro):
        names = {"unit": "unit", "points": "bps", "least": "min", "most": "max", "most_points": "max_bps"}
        return {name: i[("micro_fee_" if micro else "fee_") + column] for name, column in names.items()}

    def lot(self, plan):
        return self.instruments[plan.symbol]["micro_lot" if plan.micro else "lot"]

    def model(self, i):
        return {"ticks": i["slippage_ticks"], "spread_share": i["slip_spread"], "volatility_share": i["slip_volatility"], "impact": i["slip_impact"]}

    def factor(self, flags):
        hours = [self.policy["first_minute_factor"]] * bool(flags & 4) + [self.policy["outside_hours_factor"]] * bool(flags & 8)
        return self.policy["slippage_factor"] * max(hours, default=1.0)

    def slip(self, plan, quantity, last=False):
        """Of a fill in the bar at hand, or at a last price, where nobody says how much was traded."""
        i = self.instruments[plan.symbol]
        bar, _, flags = self.here.get(plan.symbol, (None, 0, 0))
        volume = quantity / self.policy["volume_share"] if last else bar[4]
        return matching.slippage(self.model(i), i["tick"], plan.row["SPREAD_TICKS"] * i["tick"], plan.row["ATR"], quantity, volume,
                                 self.factor(0 if last else flags))

    def equity(self):
        return self.balance + sum(one.plan.d * (one.last - one.plan.entry) * one.plan.held * self.point_value(one.plan)
                                  for one in self.symbols if one.plan and one.plan.held)

    def risk_of(self, plan):
        """Money between the market and the stop of what is held, between entry and stop of what still works."""
        held = max(0.0, plan.d * (self.symbols[plan.symbol].last - plan.stop)) * plan.held
        return (held + abs(plan.limit - plan.first_stop) * plan.working) * self.point_value(plan)

    def open_risk(self):
        return sum(self.risk_of(one.plan) for one in self.symbols if one.plan)

    def notional(self, only=None):
        return sum((one.last * one.plan.held + one.plan.limit * one.plan.working) * self.point_value(one.plan) for s, one in enumerate(self.symbols)
                   if one.plan and only in (None, s))

    def cash(self):
        """The balance less what the long plans cost or may still cost."""
        return self.balance - sum(((one.plan.entry * one.plan.held if one.plan.held else 0.0) + one.plan.limit * one.plan.working) * self.point_value(one.plan)
                                  for one in self.symbols if one.plan and one.plan.d > 0)

    def close_everything(self, reason):
        for symbol in self.symbols:
            if symbol.plan:
                self.cancel(symbol.plan, reason)
            if symbol.plan and symbol.plan.held:
                self.leave(symbol.last_ts, symbol.plan, "EXIT", symbol.last, reason, market=True, last=True)
