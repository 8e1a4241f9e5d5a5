"""No agent, however hostile, gets an order outside the policy: it asks for any size, stop, target, side, price, trust, time and cost, or for nonsense.

Every entry order is held against the words of the policy by `auditor`, which shares no arithmetic with the engine, and against what the rules alone would
have traded at the same moment in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pse.brokers.sim import SimBroker
from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.engine.loop import LONGEST_NS, answer
from pse.engine.state import load_state, save_state
from pse.kernels import codes as c
from pse.kernels.state import INPUT_DTYPE
from tests.engine.made import TO_THE_END, Shape, batches, journal_lines, made, state_of
from tests.laws.auditor import audit
from tests.laws.fuller import SHAPES as SHAPES_OF_ALL
from tests.laws.fuller import fuller

CAPITAL = 100_000.0
DECISIONS = 50
SHAPES = (Shape(700, 200, ("ES", "NQ"), missing=0.0, rolls=False), Shape(600, 260, ("ES", "NQ", "RTY"), missing=0.0, rolls=False, rich=True))
NAN, INF = float("nan"), float("inf")
SIZES: list[Any] = [NAN, INF, -INF, -1.0, -0.0, 0.0, 1e300, 1.0000001, 2.0, 1, 0.5, 0.25, 1.0, 10**30, "all", None, [1.0], True]
WILD: list[Any] = [NAN, INF, -INF, 0.0, -1.0, 1e300, -1e300, 5e-324, "market", 10**25]
TRUST: list[Any] = [None, None, 1.0, 0.99, 0.31, 0.1, 0.0, -1.0, 2.0, NAN, INF, 1e300, "sure"]
SIDES: list[Any] = [0, 0, 0, 1, -1, 7, -99, 2**40, NAN, "LONG", None]
TIMES: list[Any] = [0, 0, 0, 0, 1, 40_000_000_000, -5, LONGEST_NS, 2**62, 2**63, 1e300, NAN, "soon", None]
COSTS: list[Any] = [0.0, 0.0, 0.0, 0.0, 0.02, 40.0, 900.0, -3.0, -1e300, 1e300, INF, NAN, 2e5, "free"]
WORDS: list[Any] = ["APPROVE", "APPROVE", "MODIFY", "MODIFY", "MODIFY", "REJECT", "HOLD", "approve", "", "BUY ALL", None, 3]
BODIES: list[Any] = [{"by": "test"}, {}, {"symbol": "GC", "candidates": [NAN]}, {"x": object()}, {1: 2}, None, [3], "words", {"held": {"a": {"b": INF}}}]


@dataclass
class Hostile:
    """A judge drawn from a seed; `wild` of what it says makes no sense at all.  Beside each answer it learns what the rules alone would have traded."""

    seed: int
    wild: float
    state: Any = None
    prepared: Any = None
    asked: int = 0
    failures: list[tuple[int, bool]] = field(default_factory=list)
    alone: dict[str, float] = field(default_factory=dict)          # setup id -> quantity

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    @cached_property
    def trials(self) -> SimBroker:
        """The broker of all trials: what it keeps between two is room, not memory."""
        return SimBroker(self.prepared.plan.shape.slots)

    def one_of(self, choices: list[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def price(self, own: float | None, tick: float) -> Any:
        kind = self.rng.random()
        if own is None or kind < 0.35 * self.wild:
            return self.one_of(WILD)
        if kind < 0.6:
            return None
        return own + tick * int(self.rng.integers(-40, 41)) * (0.37 if self.rng.random() < 0.1 else 1.0)

    def verdict(self, candidate: Any, tick: float) -> Any:
        mad = self.rng.random() < self.wild
        if self.rng.random() < 0.02 * self.wild:
            return self.one_of([None, "APPROVE", {"word": "APPROVE"}, 7])
        size = self.one_of(SIZES) if mad else float(self.rng.choice([1.0, 1.0, 0.6, 0.3, 1.2]))
        side = self.one_of(SIDES) if mad or candidate.direction == "EITHER" else 0
        trust = self.one_of(TRUST) if mad or candidate.direction == "EITHER" else float(self.rng.uniform(0.2, 1.0)) if self.rng.random() < 0.3 else None
        word = self.one_of(WORDS) if mad else self.one_of(WORDS[:6])
        entry = self.price(candidate.entry, tick) if mad else None
        return Verdict(word, size, side, entry, self.price(candidate.stop, tick), self.price(candidate.target, tick), trust,
                       self.one_of(["", "OK", "BUSY", "because", "SL"]))

    def __call__(self, briefing: Any) -> Deliberation:
        self.asked += 1
        tick = float(self.prepared.world.instruments["tick"][self.prepared.plan.symbols.index(briefing.symbol)])
        said = [self.verdict(one, tick) for one in briefing.candidates]
        mad = self.rng.random() < self.wild
        if mad and self.rng.random() < 0.2:
            said = self.one_of([said[:-1], [*said, Verdict("APPROVE")], [], None, "APPROVE"])
        found = Deliberation(tuple(said) if isinstance(said, list) else said, self.one_of(BODIES) if mad else {"by": "test"},
                             self.one_of(TIMES) if mad else 0, self.one_of(COSTS) if mad else 0.0, mad and self.rng.random() < 0.1)
        self.failures.append((briefing.known_at, self.rules_alone(briefing, found)))
        return found

    def rules_alone(self, briefing: Any, found: Deliberation) -> bool:
        """Notes what an approval of the first candidate that this answer lets through would have traded in this very state; gives whether it failed."""
        def trial(verdicts: tuple[Any, ...], cost: Any, latency: Any, failed: bool) -> Any:
            state, _ = load_state(save_state(self.state, self.prepared.plan.shape))
            answer(state, Deliberation(verdicts, {}, latency, cost, failed), len(briefing.candidates))
            told = self.trials.advance(state, replace(self.prepared, until_ns=briefing.known_at)).events
            return told[(told["kind"] == c.E_DELIBERATION) | (told["kind"] == c.E_DECISION)]

        told = trial(found.verdicts, found.cost_usd, found.latency_ns, found.failed)
        decided = told[told["kind"] == c.E_DECISION][:len(briefing.candidates)]
        taken = np.flatnonzero(decided["a"] > 0.0)
        if taken.size:
            k = int(taken[0])
            side, trust = int(decided["f"][k]), found.verdicts[k].confidence if briefing.candidates[k].direction == "EITHER" else None
            plain = tuple(Verdict("APPROVE", direction=side, confidence=trust) if i == k else Verdict("REJECT") for i in range(len(briefing.candidates)))
            other = trial(plain, 0.0, 0, False)
            mine = other[other["kind"] == c.E_DECISION][k]
            if mine["code"] != c.R_DAILY_LOSS_PROJECTED:               # which refuses a size and cuts none, so that less may pass where more may not
                self.alone[briefing.candidates[k].setup_id] = float(mine["a"])
        return bool(told["j"][0]) if told.size else False


def policy_of(seed: int) -> dict[str, Any]:
    """Limits drawn so that each of them binds in some worlds."""
    rng = np.random.default_rng([seed, 5])
    limits: dict[str, Any] = {"max_concurrent": rng.choice([0.008, 0.02, 0.05]), "max_daily_loss": rng.choice([0.006, 0.015, 0.03]),
                              "max_gross": rng.choice([2.0, 5.0, 50.0]), "max_symbol": rng.choice([1.0, 3.0, 1e9]), "max_group": rng.choice([1, 2, 3]),
                              "max_group_notional": rng.choice([1.0, 4.0, 1e9]), "max_quantity": rng.choice([1, 5, 20, 1000]),
                              "allow_short": rng.random() < 0.7, "equity_drawdown": rng.choice([0.01, 0.03, 0.1]), "max_losses": rng.choice([1, 3, 50]),
                              "min_reward_r": rng.choice([0.3, 1.0, 1.5]),
                              "ev_min": rng.choice([-9.0, -9.0, 0.07]), "cooldown_entry_ns": rng.choice([0, 0, 300, 1500]) * 10**9,
                              "cooldown_stop_ns": rng.choice([0, 900]) * 10**9, "min_confidence": rng.choice([0.1, 0.3, 0.5]),
                              "market_state": rng.random() < 0.3, "llm_failures": rng.choice([5, 10**6, 10**6]),
                              "llm_timeout_ns": rng.choice([300, 1500]) * 10**9, "var95": 0.1, "es975": 0.1}
    if rng.random() < 0.5:
        limits |= {"shares": 1, "max_risk": rng.choice([0.01, 0.02]), "cash_only": rng.random() < 0.7}
    else:
        limits |= {"shares": 0, "r_unit": rng.choice([0.004, 0.008, 0.02]), "max_risk": rng.choice([0.005, 0.01, 0.02])}
    return limits


class Meddling(SimBroker):
    """Before each step the judge also asks for other versions of the plans that are live: any stop, target, quantity, end, of any version and plan."""

    def __init__(self, prepared: Any, state: Any, rng: np.random.Generator) -> None:
        super().__init__(prepared.plan.shape.slots)
        self._prepared, self._state, self._rng, self._asked = prepared, state, rng, np.zeros(0, INPUT_DTYPE)

    def inputs(self) -> np.ndarray:
        account, rng = self._state.account[0], self._rng
        for slot in self._state.live[:int(account["live"])].tolist():
            plan = self._state.plans[slot]
            if rng.random() < 0.8:
                self._asked = np.concatenate([self._asked, self.request(plan, max(int(account["now"]), int(account["instant"])))])
        return self._asked

    def request(self, plan: Any, ts: int) -> np.ndarray:
        rng, found = self._rng, np.zeros(1, INPUT_DTYPE)
        tick = float(self._prepared.world.instruments["tick"][plan["symbol"]])
        found["ts"], found["kind"], found["actor"], found["symbol"] = ts, c.I_AMEND, c.ACTOR_LLM, plan["symbol"]
        found["plan"] = plan["number"] if rng.random() < 0.9 else rng.integers(-3, 50)
        found["version"] = plan["version"] if rng.random() < 0.8 else rng.choice([0, 1, 2, 7, 2**40, -1])
        for name, own in (("stop", plan["stop_next"]), ("target", plan["target"])):
            near = own + tick * int(rng.integers(-30, 31)) * (0.37 if rng.random() < 0.1 else 1.0)
            found[name] = rng.choice([NAN, near, near, plan["limit"], plan["entry"], *[one for one in WILD if isinstance(one, float)]])
        found["quantity"] = rng.choice([NAN, NAN, NAN, 0.0, 1.0, plan["held"], plan["quantity"] + 1.0, 0.5, -3.0, INF, 1e300])
        found["valid_until"] = rng.choice([0, 0, 0, 1, ts + 10**11, 2**62, -(2**62)])
        return found


def hostile_run(seed: int, wild: float, decisions: int = DECISIONS, held_to: dict[str, Any] | None = None, judged: type[Hostile] = Hostile,
                **told: Any) -> tuple[Hostile, Any]:
    """A run of so many questions under a hostile judge, and the audit of its journal.  `told`: limits of the engine; `held_to`: those of the audit alone."""
    shape = SHAPES[seed % 2]
    prepared = made(seed, shape, Mode(end_ns=TO_THE_END, ask=True, close_at_end=False), **(policy_of(seed) | told))
    prepared.world.instruments["tradable"] = np.random.default_rng([seed, 9]).random(len(prepared.plan.symbols)) < 0.9
    if prepared.world.policy["shares"][0]:
        prepared.world.instruments["point_value"] = 1.0
    judge = judged(seed, wild)
    judge.prepared, judge.state = prepared, state_of(prepared, CAPITAL)
    found = []
    broker = Meddling(prepared, judge.state, np.random.default_rng([seed, 3]))
    for batch in batches(prepared, decide=judge, state=judge.state, broker=broker):
        found.append(batch)
        if judge.asked >= decisions:
            break
    lines = journal_lines(found)
    audited = audit(prepared, lines, CAPITAL, judge.failures, held_to)
    contracts = {body["plan_id"]: body["contract"] for kind, _, body in lines if kind == "PLAN"}
    for kind, _, body in lines:
        if kind == "DECISION" and body["quantity"] > 0.0 and body["setup_id"] in judge.alone and contracts[body["plan_id"]] in prepared.plan.symbols:
            assert body["quantity"] <= judge.alone[body["setup_id"]] + 1e-9, (seed, body, judge.alone[body["setup_id"]])
    return judge, audited


def full_run(seed: int, which: str, wild: float, held_to: dict[str, Any] | None = None, **told: Any) -> tuple[Hostile, Any]:
    """A run under a hostile judge through rolls, splits and dividends, with two plans a symbol, margin, tail risk and groups; and its audit."""
    rng = np.random.default_rng([seed, 13])
    limits = {**policy_of(seed), "shares": int(which == "shares"), "max_group": 9, "max_losses": 50, "correlation_days": int(rng.choice([0, 20])),
              "max_correlated": rng.choice([0.004, 0.02]), "tail_min_days": int(rng.choice([0, 5, 20])), "tail_days": int(rng.choice([40, 250])),
              "var95": rng.choice([0.002, 0.01, 0.1]), "es975": rng.choice([0.003, 0.012, 0.1]), "margin": int(rng.random() < 0.7),
              "cooldown_entry_ns": 0, "max_quantity": rng.choice([5, 20]), "max_gross": 50.0, "max_symbol": 1e9, "max_group_notional": 1e9,
              "equity_drawdown": 0.5, "max_daily_loss": 0.5, "max_concurrent": 0.1, "market_state": 0, **told}
    prepared = fuller(seed, which, Mode(end_ns=TO_THE_END, ask=True, close_at_end=False), **limits)
    judge = Hostile(seed, wild)
    judge.prepared, judge.state = prepared, state_of(prepared, CAPITAL)
    lines = journal_lines(list(batches(prepared, decide=judge, state=judge.state, broker=Meddling(prepared, judge.state, np.random.default_rng([seed, 3])))))
    return judge, audit(prepared, lines, CAPITAL, judge.failures, held_to)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(sorted(SHAPES_OF_ALL)), st.sampled_from([0.0, 0.3]))
def test_no_hostile_judge_gets_an_order_outside_the_policy_through_rolls_and_splits(seed, which, wild):
    _, told = full_run(seed, which, wild)
    assert not told.broken, f"seed {seed}, {which}, wild {wild}: {told.broken[:5]}"


FULL_OFF: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "var95": ("futures", {"var95": 9.0, "es975": 9.0, "tail_min_days": 5, "tail_days": 250}, {"var95": 1e-5}, "value at risk"),
    "es975": ("futures", {"var95": 9.0, "es975": 9.0, "tail_min_days": 5, "tail_days": 250}, {"es975": 1e-5}, "expected shortfall"),
    "max_correlated": ("futures", {"max_correlated": 1.0, "correlation_days": 20}, {"max_correlated": 0.001}, "risk of what moves together"),
    "margin": ("shares", {"margin": 0, "cash_only": 0, "max_quantity": 1000}, {"margin": 1}, "margin")}


@pytest.mark.parametrize("limit", sorted(FULL_OFF))
def test_a_gate_of_the_whole_book_that_is_switched_off_is_found(limit):
    which, given, held_to, rule = FULL_OFF[limit]
    for seed in range(20):
        _, told = full_run(seed, which, 0.2, held_to=held_to, **given)
        if any(name == rule for _, name, _ in told.broken):
            return
    raise AssertionError(f"no world in which an engine without {limit} broke the rule: {rule}")


def check(seed: int, wild: float) -> Any:
    _, told = hostile_run(seed, wild)
    assert not told.broken, f"seed {seed}, wild {wild}: {told.broken[:5]}"
    return told


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.6]))
def test_no_hostile_judge_gets_an_order_outside_the_policy(seed, wild):
    check(seed, wild)


@pytest.mark.slow
@settings(max_examples=2_000, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
def test_no_hostile_judge_gets_an_order_outside_the_policy_in_100_000_decisions(seed, wild):
    check(seed, wild)


@pytest.mark.slow
def test_hostile_runs_reach_every_rule():
    """Fifty questions are put, orders are placed, and every rule of the auditor was asked about often; some judges fail and are rested."""
    orders, asked, seen, failed = 0, 0, {}, 0
    for seed in range(40):
        judge, told = hostile_run(seed, 0.2)
        orders, asked, failed = orders + told.orders, asked + judge.asked, failed + sum(one for _, one in judge.failures)
        for rule, count in told.seen.items():
            seen[rule] = seen.get(rule, 0) + count
    assert asked > 20 * 40 and orders > 80 and failed > 20, (asked, orders, failed)
    assert len(seen) == 40 and all(count > 5 for count in seen.values()), (len(seen), seen)


# limit -> what the engine is told (as if its gate were broken), what the auditor holds it to, the rule, and what else lets it bind
OFF: dict[str, tuple[Any, Any, str, dict[str, Any]]] = {
    "max_concurrent": (1.0, 0.004, "concurrent risk", {}), "max_gross": (1e6, 1.0, "gross notional", {}),
    "max_symbol": (1e9, 0.5, "notional of the symbol", {}), "max_group": (99, 1, "positions of the group", {}),
    "max_group_notional": (1e9, 1.0, "notional of the group", {}), "max_quantity": (10**6, 1, "the largest quantity", {}),
    "allow_short": (1, 0, "shorts only where allowed", {}), "max_daily_loss": (1.0, 0.006, "the day's loss with all that is at risk", {}),
    "equity_drawdown": (1.0, 0.003, "the loss from the peak", {}), "max_losses": (10**6, 1, "rest after losses", {}),
    "min_reward_r": (0.01, 1.9, "reward for the risk", {}), "cooldown_entry_ns": (0, 3600 * 10**9, "rest after an entry", {}),
    "cooldown_stop_ns": (0, 3600 * 10**9, "rest after a stop-out", {}),
    "max_risk": (0.5, 0.004, "risk of one trade at the stop", {"shares": 0, "r_unit": 0.05}),
    "cash_only": (0, 1, "paid in cash", {"shares": 1, "max_risk": 0.02, "max_gross": 50.0, "max_symbol": 1e9}),
    "llm_failures": (10**6, 2, "the judge's breaker", {"llm_timeout_ns": 3600 * 10**9})}


@pytest.mark.parametrize("limit", sorted(OFF))
def test_a_gate_that_is_switched_off_is_found(limit):
    value, strict, rule, more = OFF[limit]
    for seed in range(60):
        _, told = hostile_run(seed, 0.3, held_to={limit: strict}, **{limit: value, **more})
        if any(name == rule for _, name, _ in told.broken):
            return
    raise AssertionError(f"no world in which an engine without {limit} broke the rule: {rule}")
