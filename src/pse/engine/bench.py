"""One desk's bars, and what configurations of it come to in spans of them: what two configurations share is made once.

The figures of a span are those of a whole backtest from its start to its end that closes what is open at its last bar.  Nothing of that is told here but
trades and the equity of each session: no ids, no evidence, no journal.  The window is prepared once and each span is cut out of it, which may be done because
what is known at a moment never depends on bars that come later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pse.brokers.sim import SimBroker
from pse.domain.bars import Bars
from pse.domain.errors import RequestError
from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, by_time
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.engine.desk import DeskPlan, Mode, instrument_records, policy_record
from pse.engine.finer import fine_line
from pse.engine.prepare import daily_returns, decidable, decision_rows, open_markets, own_record, rate_at, sparse, time_line
from pse.engine.random_entries import ROUNDS, Draw, entered, generator, unjudged
from pse.engine.shares import action_records, as_traded
from pse.engine.state import fresh_state
from pse.features.build import Features
from pse.features.feature import Market
from pse.kernels.book import Tape, World
from pse.kernels.codes import DONE, E_SESSION
from pse.risk.blackouts import no_entries
from pse.tactics.scan import Tactic, found_by, of_symbol

T = TypeVar("T")
END_REASON = "FOLD_END"
SPECS, SCANS, TABLES = 2, 4, 4            # how many are kept: features of so many specs, finds of so many settings of a tactic, tables of rows or setups


class Kept:
    """The last things that were made, by what they were made of, the latest last.  Keys are compared and not hashed: settings need not be hashable."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: list[tuple[Any, Any]] = []

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """What was made of `key`; `make` makes it where it is not kept."""
        at = next((i for i, (known, _) in enumerate(self._made) if known == key), None)
        found = self._made.pop(at) if at is not None else (key, make())
        self._made = [*self._made, found][-self._size:]
        return found[1]  # type: ignore[no-any-return]


class Rows(NamedTuple):
    """Decisions of the whole window, as in `World`."""

    ts: np.ndarray
    symbol: np.ndarray
    context: np.ndarray


class Known(NamedTuple):
    """Markets and features under one spec; days and daily returns of all symbols; rates[i]: money of the account for that of symbol i, by decision bar."""

    markets: dict[str, Market]
    features: tuple[Features, ...]
    days: np.ndarray
    returns: np.ndarray
    rates: list[np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Window:
    """What one configuration reads of the whole window."""

    plan: DeskPlan
    tape: Tape
    rows: Rows
    setups: np.ndarray
    returns: np.ndarray
    actions: np.ndarray
    key: Any                     # the same for configurations that read the same

    def world(self, span: Span) -> World:
        """What the engine reads of a span: decisions after its start and before its end, as views."""
        mode = Mode(end_ns=span.end_ns, end_reason=END_REASON, trades_only=True)
        rows = slice(*np.searchsorted(self.rows.ts, (span.start_ns + 1, span.end_ns)))
        setups = slice(*np.searchsorted(self.setups["ts"], (span.start_ns + 1, span.end_ns)))
        actions = slice(*np.searchsorted(self.actions["ts"], (span.start_ns, span.end_ns)))
        return World(self.rows.ts[rows], self.rows.symbol[rows], self.rows.context[rows], self.setups[setups], self.returns, instrument_records(self.plan),
                     policy_record(self.plan, mode), self.actions[actions])

    def bars(self, span: Span) -> Tape:
        """Bars that open at the start of a span or later and close by its end, as views where no bar lies across its start."""
        rows = slice(*np.searchsorted(self.tape.ts_close, (span.start_ns, span.end_ns), side="right"))
        part = Tape(*(column[rows] for column in self.tape))
        inside = part.ts >= span.start_ns
        return part if inside.all() else Tape(*(column[inside] for column in part))


class Step(NamedTuple):
    """What a broker is handed."""

    tape: Tape
    world: World
    until_ns: int


class Bench:
    """A desk over loaded bars, on which variations of its plan are measured.

    `made` counts what had to be made: "features", "rows", "time line", and for each tactic by name what it found.
    """

    def __init__(self, plan: DeskPlan, bars: Sequence[Bars], context: Mapping[str, Bars], start_ns: int, end_ns: int, *,
                 finer: Mapping[str, Bars] | None = None) -> None:
        """bars[i]: base bars of symbol i from the anchor of a run that starts at `start_ns`, closed by `end_ns`.  `context`: bars of what is read and not
        traded.  `finer`: bars that fills are looked up in, where a plan's fills say so."""
        self.plan, self.start_ns, self.end_ns = plan, start_ns, end_ns
        self.made: Counter[str] = Counter()
        self._bars, self._context, self._finer = tuple(bars), dict(context), dict(finer or {})
        self._known, self._rows, self._tapes, self._setups, self._actions = Kept(SPECS), Kept(TABLES), Kept(TABLES), Kept(TABLES), Kept(TABLES)
        self._decidable, self._entered = Kept(TABLES), Kept(TABLES)
        self._found: dict[tuple[int, str], Kept] = {}
        self._broker = SimBroker(plan.shape.slots)

    def measure(self, plan: DeskPlan, spans: Sequence[Span], random_entries: int | None = None, seed: int = 0) -> list[Measured]:
        """What a variation of the bench's plan comes to in each span, each from a fresh account.

        `random_entries`: number of a draw of entries at random with the same exits in place of the tactics' own, by `seed`.
        """
        self._check(plan, spans)
        window = self._window(plan, everywhere=random_entries is not None)
        if random_entries is None:
            return [_measured(plan, span, *self._run(plan, span, window.bars(span), window.world(span))) for span in spans]
        return [self._randomly(window, span, random_entries, seed) for span in spans]

    def _check(self, plan: DeskPlan, spans: Sequence[Span]) -> None:
        """Raises `RequestError` for a plan of other bars, and for a span that is empty or not inside the bench's window."""
        own = self.plan
        for name, mine, given in (("symbols", own.symbols, plan.symbols), ("base_timeframe", own.base_timeframe, plan.base_timeframe)):
            if mine != given:
                raise RequestError(f"a configuration with {name} {given} cannot be measured on bars that were loaded for {name} {mine}; search it apart")
        if unread := sorted(set(plan.reads) - set(own.reads)):
            raise RequestError(f"a configuration reads {', '.join(unread)}, which the desk {own.name} does not read and whose bars were not loaded; add it to "
                               f"the desk's context")
        for span in spans:
            if not self.start_ns <= span.start_ns < span.end_ns <= self.end_ns:
                raise RequestError(f"a span from {span.start_ns} to {span.end_ns} does not lie in the window from {self.start_ns} to {self.end_ns} (ns UTC)")

    def _run(self, plan: DeskPlan, span: Span, tape: Tape, world: World) -> tuple[np.ndarray, np.ndarray]:
        """E_SESSION events and TRADE_DTYPE rows of a span, from a fresh account."""
        step, state = Step(tape, world, span.end_ns), fresh_state(plan.shape, plan.capital)
        broker = self._broker if plan.shape.slots == self.plan.shape.slots else SimBroker(plan.shape.slots)
        ends, trades, pause = [], [], None
        while pause != DONE:
            told = broker.advance(state, step)
            ends.append(told.events[told.events["kind"] == E_SESSION])
            trades.append(told.trades)
            pause = told.pause
        return np.concatenate(ends), np.concatenate(trades)

    def _randomly(self, window: Window, span: Span, number: int, seed: int) -> Measured:
        """One draw of random entries: those that the gates refuse are drawn anew some times, so that as many are made as by the tactics."""
        plan, tape, world = window.plan, window.bars(span), window.world(span)
        key = (window.key, span, plan.capital, world.policy.tobytes(), world.instruments.tobytes())
        decisions = world.row_ts, world.row_symbol, world.context
        found = self._entered.get(key, lambda: entered(world.setups, self._run(plan, span, tape, world)[1], *decisions))
        draw = Draw(found, *decisions, plan.instruments, generator(seed, number, span))
        policy = unjudged(world.policy)
        for _ in range(ROUNDS):
            setups, whose = draw.setups(world.setups)
            sessions, trades = self._run(plan, span, tape, world._replace(setups=setups, policy=policy))
            traded = np.isin(np.arange(found.setups.size), whose[trades["setup"]])
            if traded.all() or not draw.again(traded):
                break
        return _measured(plan, span, sessions, trades)

    # --- what configurations share -------------------------------------------------------------------------------------------------------------

    def _window(self, plan: DeskPlan, everywhere: bool = False) -> Window:
        """What a plan reads of the whole window; only what no plan before it has read alike is made.  `everywhere`: with a row at every decision."""
        gates, start, end = plan.risk.gates, self.start_ns, self.end_ns
        spec = (plan.spec, plan.instruments)
        known = self._known.get(spec, lambda: self._features(plan))
        closed = (gates.blackouts, gates.events_impact, gates.events_before_min, gates.events_after_min)
        blackouts = no_entries(gates, plan.events, start, end + 1)
        rule = (spec, tuple(plan.tactics.items()), own_record(plan))
        scan = self._setups.get(rule, lambda: self._scan(plan, known, spec))
        few = not everywhere and sparse(plan, scan.rows)
        reads = (spec, closed, gates.market_state, plan.risk.breakers.data_score_min > 0.0, gates.news_max_age_h, rule if few else None)
        rows = self._rows.get(reads, lambda: self._decisions(plan, known, blackouts, scan.rows if few else None))
        looked = plan.fills.bars == "finest" and bool(self._finer)
        tape = self._tapes.get((closed, looked), lambda: self._line(plan, blackouts, looked))
        actions = self._actions.get(plan.fills.roll, lambda: action_records(plan, self._bars, start, end))
        setups = self._decidable.get((rule, reads), lambda: decidable(scan, rows.ts, rows.symbol).rows)
        return Window(plan, tape, rows, setups, known.returns, actions, (rule, reads, looked, plan.fills.roll))

    def _features(self, plan: DeskPlan) -> Known:
        self.made["features"] += 1
        markets = open_markets(plan, self._bars, self._context, self.end_ns)
        features = tuple(Features(markets[symbol], plan.spec) for symbol in plan.symbols)
        rates = [rate_at(way, markets, one.decision.ts_close) for way, one in zip(plan.rates, features, strict=True)]
        return Known(markets, features, *daily_returns(features), rates)

    def _scan(self, plan: DeskPlan, known: Known, spec: Any) -> Setups:
        """All tactics over all symbols, as `scan_desk` has them, each tactic's finds kept."""
        tables = []
        for number, (features, instrument) in enumerate(zip(known.features, plan.instruments, strict=True)):
            found = [self._found_by(number, name, tactic, features, instrument, plan, spec) for name, tactic in plan.tactics.items()]
            tables.append(of_symbol(number, found, self.start_ns + 1))
            if len(known.features) > 1:
                features.known.forget_columns()
        return as_traded(by_time(tables), known.features, plan.instruments)

    def _found_by(self, number: int, name: str, tactic: Tactic, features: Features, instrument: Instrument, plan: DeskPlan, spec: Any) -> Setups:
        record = own_record(plan)

        def find() -> Setups:
            self.made[name] += 1
            return found_by(tactic, features, instrument, record)

        return self._found.setdefault((number, name), Kept(SCANS)).get((spec, tactic, record), find)

    def _decisions(self, plan: DeskPlan, known: Known, blackouts: list[tuple[int, int]], told: np.ndarray | None) -> Rows:
        self.made["rows"] += 1
        return Rows(*decision_rows(plan, known.features, known.rates, known.days, blackouts, self.start_ns, self.end_ns, told))

    def _line(self, plan: DeskPlan, blackouts: list[tuple[int, int]], looked: bool) -> Tape:
        self.made["time line"] += 1
        if looked:
            return fine_line(plan, self._bars, self._finer, self.start_ns, self.end_ns)[0]
        return time_line(self._bars, blackouts, self.start_ns, self.end_ns)


def _measured(plan: DeskPlan, span: Span, sessions: np.ndarray, trades: np.ndarray) -> Measured:
    """What E_SESSION events and TRADE_DTYPE rows come to."""
    closed = np.empty(trades.size, TRIAL_TRADE)
    for name in TRIAL_TRADE.names or ():
        closed[name] = trades[name]
    order = np.lexsort((closed["entry_ts"], closed["exit_ts"]))
    return Measured(span, plan.capital, sessions["i"].astype(np.int32), np.ascontiguousarray(sessions["a"]), closed[order])
