"""`pse decisions whatif`, `overrides` and `ablate`: a judged run lived again with other verdicts, and what its judge was worth.

The world of a run is prepared once; every further life of it is the engine alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso
from pse.commands.judging import what_was_said
from pse.commands.rerun import inputs_of, prepared_until
from pse.commands.wiring import Answer, Context
from pse.domain.decisions import Verdict
from pse.domain.errors import RequestError
from pse.engine.judged import Case, cases, questions_of, same_as, shadow_data
from pse.engine.rejudged import Lived, Rejudged, record
from pse.engine.said import SIDES, said_of
from pse.kernels import codes as c
from pse.research import ablation
from pse.research.overrides import worth
from pse.store.run_tables import read_table, write_worth
from pse.store.runs import LATEST, TRADES, Run, check_journal, load_run

if TYPE_CHECKING:
    from pse.engine.prepare import Prepared

MOST_LIVED = 200                                 # further lives of a run for the effect of single vetoes on the account
APPROVE, REJECT = "approve", "reject"


def lived_again(context: Context, run: Run, judged: bool = True) -> tuple[Rejudged, Lived]:
    """A run that can be lived again, and how it went.  `judged`: refused where rules decided."""
    check_journal(run)
    if judged and run.manifest.decide == "rules":
        raise RequestError(f"run {run.run_id} was decided by plain rules, so there is no judge to price; expected a run that was judged: "
                           f"`pse backtest --agents record` makes one, and `pse runs list` shows who decided each")
    inputs = inputs_of(context, run)
    prepared = prepared_until(context, inputs, inputs.end_ns)
    found = Rejudged.of(prepared, said_of(what_was_said(run.journal_path)))
    lived = found.as_it_was()
    if not same_as(lived, read_table(run.folder / TRADES)["net_usd"].to_list()):
        context.warn(f"lived again from its journal, run {run.run_id} closes {lived.trades.size} trades that are not those it closed then; the figures below "
                     f"are those of the engine now. `pse prove {run.run_id}` names the first difference")
    return found, lived


# --- overrides -----------------------------------------------------------------------------------------------------------------------------------


def run_overrides(context: Context, run_id: str | None = None, most: int = MOST_LIVED) -> Answer:
    """Every veto and edit of a judged run, priced by its shadow, and what the judge was worth.  `most`: of how many the run is lived without them."""
    from pse.commands import decisions_views

    run = load_run(context.home, run_id or LATEST)
    with context.progress() as progress:
        progress.add_task("preparing the run", total=None)
        again, actual = lived_again(context, run)
        task = progress.add_task("pricing what was asked", total=len(again.rows))
        found = []
        for case in cases(again, actual, most):
            found.append(case)
            progress.advance(task)
        rules = again.live(again.with_rules(np.zeros(again.asked.size, bool)))
    data = overrides_data(run, again, actual, rules, found, most)
    write_worth(run.folder, {name: value for name, value in data.items() if name != "setups"})
    return Answer(data, lambda console: decisions_views.show_overrides(console, data))


def overrides_data(run: Run, again: Rejudged, actual: Lived, rules: Lived, found: list[Case], most: int) -> dict[str, Any]:
    """The answer of `overrides`."""
    plan = again.prepared.plan
    asked = [case for case in found if case.judgement.outcome in ("VETOED", "MODIFIED") and case.priced.original.status != "NO_SIDE"]
    return {
        "run_id": run.run_id, "currency": plan.currency, "worth": worth([case.judgement for case in found], seed=run.manifest.seed),
        "account": {"judged_usd": actual.equity - plan.capital, "judge_cost_usd": actual.cost, "rules_usd": rules.equity - plan.capital,
                    "judged_r": actual.total_r, "rules_r": rules.total_r, "judged_trades": int(actual.trades.size), "rules_trades": int(rules.trades.size)},
        "portfolio": {"lived": sum(case.without is not None for case in found), "of": len(asked), "most": most,
                      "not_told": sum(case.without is not None and case.without.unseen > 0 for case in found)},
        "setups": [_setup(case) for case in found],
    }


def _setup(case: Case) -> dict[str, Any]:
    one = case.judgement
    return {"setup_id": one.setup_id, "at": iso(one.ts), "symbol": one.symbol, "tactic": one.tactic, "direction": case.direction, "outcome": one.outcome,
            "by": one.by, "reason": one.reason, "words": dict(one.words), "flags": list(one.flags), "regime": one.regime, "model": one.model,
            "value_r": one.value, "shadow": shadow_data(case.priced.original),
            "edited": None if case.priced.modified is None else {**shadow_data(case.priced.modified), "r_of_original": case.priced.modified_r},
            "portfolio_usd": one.portfolio_usd, "not_asked_then": None if case.without is None else case.without.unseen}


# --- what if -------------------------------------------------------------------------------------------------------------------------------------


def run_whatif(context: Context, setup: str, verdict: str, run_id: str | None = None, size_factor: float | None = None, stop: float | None = None,
               target: float | None = None, direction: str | None = None) -> Answer:
    """The run with one verdict changed, and the difference trade by trade."""
    from pse.commands import decisions_views

    run = load_run(context.home, run_id or LATEST)
    wanted = _asked_for(verdict, size_factor, stop, target, direction)
    with context.progress() as progress:
        progress.add_task("living the run twice", total=None)
        again, actual = lived_again(context, run, judged=False)
        row = _row(run, again, setup)
        wanted = _with_side(again, row, wanted)
        changed = again.verdicts.copy()
        latency = int(changed["latency_ns"][row])
        changed[row] = record(wanted, latency)[0]
        other = again.live(again.with_table(changed))
    name = again.prepared.setup_ids[row]
    then = again.said.decided[name][1]
    data = {
        "run_id": run.run_id, "setup": {**_named(again.prepared, row), "then": str(then["decision"]), "then_reason": str(then["reason"])},
        "verdict": {"word": wanted.word, "size_factor": wanted.size_factor, "stop": wanted.stop, "target": wanted.target},
        "currency": again.prepared.plan.currency, "then": _sums(again, actual), "whatif": _sums(again, other), "more_usd": other.equity - actual.equity,
        "more_r": other.total_r - actual.total_r, "not_asked_then": other.unseen, "trades": differences(again.prepared, actual, other),
    }
    return Answer(data, lambda console: decisions_views.show_whatif(console, data))


def _asked_for(verdict: str, size_factor: float | None, stop: float | None, target: float | None, direction: str | None) -> Verdict:
    """The verdict that was asked for; refuses words, sizes and sides that are none."""
    if verdict not in (APPROVE, REJECT):
        raise RequestError(f"--verdict {verdict}: expected {APPROVE} or {REJECT}")
    if verdict == REJECT and any(one is not None for one in (size_factor, stop, target, direction)):
        raise RequestError("a rejected setup has no size, stop, target or side; leave them out, or take --verdict approve")
    if size_factor is not None and not 0.0 < size_factor <= 1.0:
        raise RequestError(f"--size-factor {size_factor:g}: expected a part of the size, above 0 and at most 1; a verdict may only shrink")
    if direction is not None and direction.upper() not in ("LONG", "SHORT"):
        raise RequestError(f"--direction {direction}: expected long or short")
    if verdict == REJECT:
        return Verdict("REJECT", reason="REJECTED")
    edited = any(one is not None for one in (size_factor, stop, target))
    side = SIDES[direction.upper()] if direction is not None else 0
    return Verdict("MODIFY" if edited else "APPROVE", size_factor or 1.0, side, None, stop, target)


def _with_side(again: Rejudged, row: int, wanted: Verdict) -> Verdict:
    """The verdict with a side where the setup has none of its own, and refusals of edits that would add risk."""
    setup = again.prepared.world.setups[row]
    side = int(setup["direction"])
    if wanted.word == "REJECT":
        return wanted
    if side == 0:
        side = wanted.direction or int(again.verdicts["direction"][row])
        if side == 0:
            raise RequestError("this setup may go either way and the judge chose none; say --direction long or --direction short")
        return replace(wanted, direction=side)
    if wanted.direction not in (0, side):
        raise RequestError("this setup has a side of its own, which no verdict changes; leave --direction out")
    entry, own_stop, own_target = float(setup["entry"]), float(setup["stop"]), float(setup["target"])
    if wanted.stop is not None and not side * own_stop <= side * wanted.stop < side * entry:
        raise RequestError(f"--stop {wanted.stop:g}: a verdict may only draw the stop nearer; expected it from {own_stop:g} up to the entry {entry:g}")
    if wanted.target is not None and own_target == own_target and not side * entry < side * wanted.target <= side * own_target:
        raise RequestError(f"--target {wanted.target:g}: a verdict may only draw the target nearer; expected it between the entry {entry:g} and {own_target:g}")
    return wanted


def _row(run: Run, again: Rejudged, setup: str) -> int:
    """The row of the setup whose id begins so, among those that were decided."""
    found = [name for name in again.rows if name.startswith(setup.lower())]
    if len(found) == 1:
        return again.rows[found[0]]
    if found:
        raise RequestError(f"{setup!r} is how the ids of {len(found)} decided setups begin: {', '.join(sorted(found)[:5])}{' ...' if len(found) > 5 else ''}; "
                           f"give more of the id")
    raise RequestError(f"nobody was asked about a setup of run {run.run_id} whose id begins with {setup!r} ({len(again.rows):,} were decided): only a verdict "
                       f"that was given can be another. `pse decisions list` shows them, `pse risk explain` why a gate let a setup not come so far")


def _named(prepared: Prepared, row: int) -> dict[str, Any]:
    setup = prepared.world.setups[row]
    return {"setup_id": prepared.setup_ids[row], "at": iso(int(setup["ts"])), "symbol": prepared.plan.symbols[int(setup["symbol"])],
            "tactic": list(prepared.plan.tactics)[int(setup["tactic"])]}


def _sums(again: Rejudged, lived: Lived) -> dict[str, Any]:
    return {"trades": int(lived.trades.size), "total_r": lived.total_r, "net_usd": lived.equity - again.prepared.plan.capital, "judge_cost_usd": lived.cost}


def differences(prepared: Prepared, then: Lived, other: Lived) -> list[dict[str, Any]]:
    """Trades of either life that are not the same in both, by their setup, in order of entry."""
    sides = tuple({int(one["setup"]): one for one in lived.trades} for lived in (then, other))
    found = []
    for row in sorted(set(sides[0]) | set(sides[1])):
        before, after = (side.get(row) for side in sides)
        if before is not None and after is not None and all(before[name] == after[name] for name in ("net", "entry_ts", "exit_ts", "quantity")):
            continue
        found.append({**_named(prepared, row), "then": _trade(before), "whatif": _trade(after),
                      "more_usd": (0.0 if after is None else float(after["net"])) - (0.0 if before is None else float(before["net"]))})
    return sorted(found, key=lambda one: (one["at"], one["setup_id"]))


def _trade(one: Any) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"entry_at": iso(int(one["entry_ts"])), "exit_at": iso(int(one["exit_ts"])), "quantity": float(one["quantity"]), "net_usd": float(one["net"]),
            "r": float(one["r"]), "exit_reason": c.REASONS[int(one["reason"])]}


# --- ablation ------------------------------------------------------------------------------------------------------------------------------------


def run_ablate(context: Context, run_id: str | None = None, draws: int = ablation.DRAWS) -> Answer:
    """Rules alone, the judge, its verdicts dealt out at random, and vetoes at random at its rate, over the same prepared window."""
    from pse.commands import decisions_views

    if not 10 <= draws <= 10_000:
        raise RequestError(f"--draws {draws}: expected 10 to 10,000; {ablation.DRAWS} tell a share of 5 % well enough")
    run = load_run(context.home, run_id or LATEST)
    with context.progress() as progress:
        progress.add_task("preparing the run", total=None)
        again, _ = lived_again(context, run)
        task = progress.add_task("lives drawn at random", total=2 * draws)
        data = {"run_id": run.run_id, "currency": again.prepared.plan.currency, "seed": run.manifest.seed,
                **ablated(again, draws, run.manifest.seed, lambda: progress.advance(task))}
    return Answer(data, lambda console: decisions_views.show_ablated(console, data))


def ablated(again: Rejudged, draws: int, seed: int, tick: Any = lambda: None) -> dict[str, Any]:
    """The four arms, what the judge's is worth against those of chance, and what follows."""
    prepared = again.prepared
    setups = prepared.world.setups
    questions, judge = questions_of(again)
    rules = again.live(again.with_rules(np.zeros(setups.size, bool)))
    shuffled, vetoed = [], []
    ticks, pool = prepared.world.instruments["tick"][setups["symbol"]], np.flatnonzero(again.asked)
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw, 1])
        whose = ablation.dealt(again.asked, setups["direction"] != 0, pool, rng)
        shuffled.append(_drawn(again, again.live(again.with_table(ablation.moved(again.verdicts, setups, whose, ticks)))))
        tick()
        rng = np.random.default_rng([seed, draw, 2])
        fallen = ablation.vetoes(again.asked, questions.first, questions.refused, rng)
        vetoed.append(_drawn(again, again.live(again.with_rules(fallen, ablation.sizes(fallen, questions.first, questions.sizes, rng)))))
        tick()
    arms: dict[str, Mapping[str, Any]] = {
        "rules": _alone(again, rules, seed), "judge": _alone(again, judge, seed), "shuffled": ablation.of_draws(shuffled),
        "random_veto": ablation.of_draws(vetoed)}
    own = _drawn(again, judge)
    against = {"shuffled": ablation.beats(own, shuffled)}
    if questions.refused or (questions.sizes != 1.0).any():
        against["random_veto"] = ablation.beats(own, vetoed)
    return {"questions": int(questions.first.size), "refused": questions.refused, "asked": int(again.asked.sum()), "arms": arms, "against": against,
            "said": ablation.said(arms, against)}


def _drawn(again: Rejudged, lived: Lived) -> ablation.Drawn:
    return ablation.Drawn(int(lived.trades.size), lived.total_r, lived.equity - again.prepared.plan.capital, lived.cost)


def _alone(again: Rejudged, lived: Lived, seed: int) -> dict[str, Any]:
    return ablation.alone(lived.trades["r"], lived.trades["day"], _drawn(again, lived), seed)
