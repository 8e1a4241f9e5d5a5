"""A judged run lived again, and the shadows of what its judge turned down: the same engine, alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pse.agents.rules import decide as rules
from pse.commands.decisions_value import ablated
from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.engine.judged import cases, questions_of, words_of
from pse.engine.rejudged import APPROVED, Rejudged
from pse.engine.said import said_of
from pse.engine.shadows import alone, price_all
from pse.kernels import codes as c
from pse.research.overrides import group
from tests.engine.made import Shape, all_trades, batches, journal_lines, made
from tests.engine.test_said_again import RICH, drawn

DENSE = Shape(900, 200, ("ES", "NQ"), missing=0.0, rolls=False)
PLAIN = Shape(900, 60, ("ES", "NQ"), missing=0.0, rolls=False)


def asking(seed, shape=PLAIN, **policy):
    end = int(made(seed, shape).until_ns)
    return made(seed, shape, Mode(end_ns=end, ask=True), **policy)


def refuses(keep=lambda briefing: False):
    """A judge that turns everything down but what `keep` lets through."""
    return lambda briefing: rules(briefing) if keep(briefing) else Deliberation(tuple(Verdict("REJECT") for _ in briefing.candidates), {"by": "test"})


def run_of(prepared, judge):
    found = list(batches(prepared, decide=judge))
    return Rejudged.of(prepared, said_of(journal_lines(found))), all_trades(found)


def by_setup(trades):
    return {int(one["setup"]): one for one in trades}


@pytest.mark.parametrize("seed", range(6))
def test_a_run_lived_again_by_its_table_of_verdicts_is_the_run(seed):
    prepared = asking(seed, RICH)
    run, trades = run_of(prepared, drawn(seed))
    lived = run.as_it_was()
    assert lived.trades.tobytes() == trades.tobytes() and lived.unseen == 0
    assert lived.cost == pytest.approx(sum(run.said.costs.values())) and (seed != 0 or lived.cost > 0.0)
    assert run.live(run.with_rules(np.zeros(run.asked.size, bool))).cost == 0.0                                # rules cost nothing
    assert run.as_it_was().trades.tobytes() == trades.tobytes()                    # and leaves no trace


@pytest.mark.parametrize("seed", range(3))
def test_rules_that_veto_nothing_are_the_rules(seed):
    prepared = asking(seed)
    run, _ = run_of(prepared, refuses())
    alone = all_trades(list(batches(prepared, decide=rules)))
    assert run.live(run.with_rules(np.zeros(run.asked.size, bool))).trades.tobytes() == alone.tobytes() and alone.size > 3
    assert run.live(run.with_rules(np.ones(run.asked.size, bool))).trades.size == 0


def test_the_shadow_of_a_first_approved_setup_is_its_trade():
    """On an account that never traded nothing but the setup itself counts, so alone it is the trade that rules make of it."""
    checked = 0
    for seed in range(12):
        prepared = asking(seed)
        trades = by_setup(all_trades(list(batches(prepared, decide=rules))))
        run, _ = run_of(prepared, refuses())
        priced, _ = price_all(run)
        first = min(priced, default=-1)
        if first in trades:
            own, shadow = trades[first], priced[first].original
            assert (shadow.status, shadow.r, shadow.net, shadow.quantity, shadow.exit_ts) == (
                "FILLED", own["r"], own["net"], own["quantity"], own["exit_ts"]), seed
            assert shadow.code == c.REASONS[int(own["reason"])] and not shadow.one_lot
            checked += 1
    assert checked > 4


def test_a_shadow_ends_as_in_a_run_where_nothing_else_was_let_through():
    """The setup is let through alone in a run of its own from the start: swings, exits and costs are those of that run; so is R, whatever the size."""
    checked = 0
    for seed in range(4):
        prepared = asking(seed)
        run, _ = run_of(prepared, refuses())
        priced, _ = price_all(run)
        for row, one in list(priced.items())[:8]:
            name = prepared.setup_ids[row]

            def only(briefing, name=name):
                return Deliberation(tuple(Verdict("APPROVE" if one.setup_id == name else "REJECT") for one in briefing.candidates), {})

            trades = by_setup(all_trades(list(batches(prepared, decide=only))))
            if one.original.status == "FILLED" and not one.original.one_lot:
                assert trades[row]["r"] == pytest.approx(one.original.r, abs=1e-9) and trades[row]["exit_ts"] == one.original.exit_ts
                checked += 1
            elif one.original.status == "UNFILLED":
                assert row not in trades
    assert checked > 10


def test_other_positions_of_the_run_are_no_part_of_a_shadow():
    """What the run refused because something else of its group was open has a size of its own alone, but for the few that another gate would refuse too."""
    own, refused = 0, 0
    for seed in range(4):
        run, _ = run_of(asking(seed, DENSE, max_group=1), rules)
        priced, _ = price_all(run)
        beside = [priced[row].original for name, row in run.rows.items() if row in priced and run.said.decided[name][1]["reason"] == "GROUP"]
        assert all(one.known for one in beside)
        own, refused = own + sum(not one.one_lot for one in beside), refused + len(beside)
    assert refused > 30 and own > 0.8 * refused, (own, refused)


def test_pricing_leaves_the_run_as_it_was():
    prepared = asking(3, RICH)
    run, trades = run_of(prepared, drawn(3))
    first, _ = price_all(run)
    assert run.as_it_was().trades.tobytes() == trades.tobytes() and price_all(run)[0] == first


def test_what_the_account_had_no_room_for_is_priced_by_one_lot():
    """An account that may risk next to nothing: no size fits, and the setup is worth its R all the same (one lot takes no part off at a target)."""
    prepared = asking(5, partial=0.0)
    run, _ = run_of(prepared, refuses())
    free = price_all(run)[0]
    poor = prepared.world.policy.copy()
    poor["r_unit"] = poor["max_risk"] = 1e-7
    tight = Rejudged.of(replace(prepared, world=prepared.world._replace(policy=poor)), run.said)
    priced, _ = price_all(tight)
    known = [(priced[row].original, free[row].original) for row in priced if free[row].original.status == "FILLED"]
    assert len(known) > 4 and all(one.one_lot and one.quantity == 1.0 and one.status == "FILLED" for one, _ in known)
    assert [one.r for one, _ in known] == pytest.approx([other.r for _, other in known], abs=1e-9)


def test_a_smaller_size_counts_in_r_of_the_original():
    """Two thirds of the size of a loss of 1 R lose two thirds of it: an edit has the risk of the original for its unit (no part comes off at a target).  The
    fees of a micro that takes the place of a large contract are others."""
    prepared = asking(2, partial=0.0, r_unit=0.02, max_risk=0.05, max_concurrent=0.5, max_quantity=1000.0, allow_micro=0)

    def half(briefing):
        return Deliberation(tuple(Verdict("MODIFY", 0.5) for _ in briefing.candidates), {"by": "test"})

    run, _ = run_of(prepared, half)
    priced = [one for one in price_all(run)[0].values() if one.original.status == "FILLED" and one.modified is not None and one.modified.quantity > 0.0]
    parts = [one.factor * one.modified.quantity / one.original.quantity for one in priced]            # `factor`: of what was priced by one lot
    assert len(priced) > 4 and min(parts) < 0.7 and max(parts) <= 1.0              # a limit of the account may leave no more than half of it anyway
    assert [one.modified_r for one in priced] == pytest.approx([one.original.r * part for one, part in zip(priced, parts, strict=True)], abs=1e-6)


def test_the_run_without_a_veto_is_the_run_of_a_judge_that_never_gave_it():
    """Leave one out: from the open question on, or from the start with that verdict another, is the same run."""
    lived = 0
    for seed in range(6):
        prepared = asking(seed)
        number = iter(range(10**6))
        run, trades = run_of(prepared, refuses(lambda briefing, number=number: next(number) % 2 == 0))
        priced, states = price_all(run)
        actual = run.as_it_was()
        for row, state in list(states.items())[:4]:
            name = prepared.setup_ids[row]
            other = said_of(())
            other.verdicts.update({**run.said.verdicts, name: Verdict("APPROVE")})
            other.decided.update(run.said.decided)
            whole = Rejudged.of(prepared, other).as_it_was()
            found = run.without_veto(row, state)
            assert found.equity == pytest.approx(whole.equity, abs=1e-6), seed
            lived += found.equity != actual.equity
        assert actual.trades.tobytes() == trades.tobytes()
    assert lived > 3


def test_a_question_left_by_the_judge_counts_as_refused_and_one_answered_does_not():
    prepared = asking(1)
    number = iter(range(10**6))
    run, _ = run_of(prepared, refuses(lambda briefing: next(number) % 3 == 0))
    questions, _ = questions_of(run)
    asked = len(run.said.deliberations)
    assert questions.first.size == asked > 6 and questions.refused == asked - -(-asked // 3)


def test_a_judge_that_halves_every_size_has_no_aim_and_chance_with_its_sizes_is_that_judge():
    """It turns nothing down: every draw of vetoes at random with its sizes is its own life, so chance does as well in all of them."""
    prepared = asking(2, partial=0.0, r_unit=0.02, max_risk=0.05, max_concurrent=0.5, max_quantity=1000.0, allow_micro=0)

    def half(briefing):
        plain = rules(briefing).verdicts
        return Deliberation(tuple(Verdict("MODIFY", 0.5) if one.word == "APPROVE" else one for one in plain), {"by": "test"})

    run, trades = run_of(prepared, half)
    questions, _ = questions_of(run)
    assert questions.refused == 0 and questions.sizes.tolist() == [0.5] * questions.first.size and trades.size > 3
    told = ablated(run, 3, seed=1)
    assert told["arms"]["judge"]["net"] != told["arms"]["rules"]["net"] and told["arms"]["random_veto"]["net"] == pytest.approx(told["arms"]["judge"]["net"])
    assert told["against"]["random_veto"] == {"more_r": pytest.approx(0.0), "more_net": pytest.approx(0.0), "p_r": 1.0, "p_net": 1.0}


def test_each_case_says_who_said_no_and_what_it_was_worth():
    """Signal says yes to all, Risk no to every second question: Risk's vetoes carry the loss they saved, in R, and the run without each."""
    prepared = asking(4)
    number = iter(range(10**6))

    def judge(briefing):
        yes = next(number) % 2 == 0
        ids = [one.setup_id for one in briefing.candidates]
        passes = [{"role": "signal", "setup_id": ids[0], "verdict": "APPROVE", "flags": [], "model": "m1", "reason": "", "latency_ns": 0},
                  {"role": "risk", "setup_id": None, "verdict": "APPROVE" if yes else "REJECT", "flags": [] if yes else ["NEWS"], "model": "m2", "reason": "",
                   "latency_ns": 0}]
        plain = rules(briefing).verdicts
        return Deliberation(plain if yes else tuple(Verdict("REJECT") for _ in plain), {"by": "agents", "candidates": ids, "passes": passes})

    run, _ = run_of(prepared, judge)
    found = list(cases(run, run.as_it_was(), 3))
    vetoed = [one for one in found if one.judgement.outcome == "VETOED"]
    assert len(vetoed) > 3 and {one.judgement.by for one in vetoed} == {"risk"} and {one.judgement.flags for one in vetoed} == {("NEWS",)}
    assert {one.judgement.model for one in vetoed} == {"m2"} and all(one.judgement.value == -one.priced.original.r for one in vetoed)
    assert sum(one.without is not None for one in found) == 3
    told = [one for one in found if one.without is not None and not one.without.unseen]
    assert told and all(one.judgement.portfolio_usd == pytest.approx(run.as_it_was().equity - one.without.equity) for one in told)


def test_a_veto_whose_absence_leads_to_questions_nobody_was_asked_has_no_effect_on_the_account_that_is_known():
    """The answers to these questions would be guesses, and the account that of the guesses too; vetoes without such questions keep their figure."""
    prepared = asking(0, DENSE)
    number = iter(range(10**6))
    run, _ = run_of(prepared, refuses(lambda briefing: next(number) % 2 == 0))
    lived = [one for one in cases(run, run.as_it_was(), 200) if one.without is not None]
    assert {one.without.unseen > 0 for one in lived} == {True, False}
    assert all((one.judgement.portfolio_usd is None) == (one.without.unseen > 0) for one in lived)
    vetoed = group([one.judgement for one in lived], lambda one: one.outcome == "VETOED")
    assert vetoed["portfolio_of"] == sum(one.without.unseen == 0 for one in lived if one.judgement.outcome == "VETOED") < vetoed["vetoes"]


def test_the_last_round_of_a_role_counts_and_who_named_another_setup_said_nothing():
    passes = [{"role": "signal", "setup_id": "a", "verdict": "MODIFY", "flags": ["THIN"]}, {"role": "risk", "setup_id": "a", "verdict": "REJECT", "flags": []},
              {"role": "signal", "setup_id": "b", "verdict": "APPROVE", "flags": []},
              {"role": "risk", "setup_id": "b", "verdict": "APPROVE", "flags": [], "each": [
                  {"setup_id": "a", "verdict": "REJECT"}, {"setup_id": "b", "verdict": "APPROVE"}]},
              {"role": "executive", "setup_id": None, "verdict": "HOLD", "flags": []}]
    body = {"by": "agents", "passes": passes}
    assert {role: one["verdict"] for role, one in words_of(body, "a").items()} == {"signal": "MODIFY", "risk": "REJECT", "executive": "HOLD"}
    assert {role: one["verdict"] for role, one in words_of(body, "b").items()} == {"signal": "APPROVE", "risk": "APPROVE", "executive": "HOLD"}
    assert words_of({"by": "rules", "passes": passes}, "a") == {}


def test_a_failed_judge_fails_again_and_its_time_is_given_again():
    """The journal of a chain tells failure and time: five failures in a row open the breaker in the run and in the run lived again."""
    prepared = asking(7)

    def judge(briefing):
        ids = [one.setup_id for one in briefing.candidates]
        body = {"by": "agents", "candidates": ids, "outcome": "HELD", "codes": ["TIMEOUT"], "passes": [{"role": "signal", "latency_ns": 700_000_000}]}
        return Deliberation(tuple(Verdict("HOLD") for _ in ids), body, latency_ns=700_000_000, failed=True)

    found = list(batches(prepared, decide=judge))
    opened = [body for kind, _, body in journal_lines(found) if kind == "BREAKER" and body["breaker"] == "llm"]
    run = Rejudged.of(prepared, said_of(journal_lines(found)))
    state = run.fresh()
    lived = run.live(run.with_table(run.verdicts), state)
    assert opened and lived.unseen == 0 and set(run.verdicts["failed"][run.asked].tolist()) == {1}
    assert set(run.verdicts["latency_ns"][run.asked].tolist()) == {700_000_000}
    last = opened[-1]["to"]
    assert c.BREAKER_STATES[int(state.account[0]["llm_state"])] == last or last == "HALF_OPEN"


def test_a_question_that_nobody_was_asked_costs_what_one_costs_on_the_average():
    """Two and six cents in turn: four cents each where all is let through and other questions come up."""
    prepared = asking(0, DENSE)
    number = iter(range(10**6))

    def judge(briefing):
        at = next(number)
        word = "APPROVE" if at % 4 == 0 else "REJECT"
        return Deliberation(tuple(Verdict(word) for _ in briefing.candidates), {"by": "test"}, cost_usd=(0.02, 0.06)[at % 2])

    run, _ = run_of(prepared, judge)
    own, mean = run.said.costs, sum(run.said.costs.values()) / len(run.said.costs)
    assert {*own.values()} == {0.02, 0.06} and 0.03 < mean < 0.05
    open_to_all, asked = run.verdicts.copy(), []
    open_to_all[:] = APPROVED
    lived = run.live(run.with_table(open_to_all), seen=lambda state, rows: asked.append(
        (int(state.account[0]["instant"]), run.prepared.plan.symbols[int(state.turn[state.account[0]["symbol_at"]])])))
    fresh = [question for question in asked if question not in own]
    assert fresh and lived.cost == pytest.approx(sum(own.get(question, mean) for question in asked))


def test_nobody_is_asked_again_while_a_shadow_lives():
    """Whatever comes after the instant of the decision is no part of it: there are other setups, and no question about them."""
    prepared = asking(0, DENSE)
    run, _ = run_of(prepared, refuses())
    found = [(row, state) for row, state in price_all(run)[1].items()][:6]
    later, plain = [], run.broker

    class Watched:
        def advance(self, state, prepared):
            told = plain.advance(state, prepared)
            later.append((told.pause, int(state.account[0]["instant"])))
            return told

    run.broker = Watched()
    for row, state in found:
        later.clear()
        at = int(state.account[0]["instant"])
        ended = alone(run, state, row, APPROVED)
        assert [pause for pause, instant in later if pause == c.PAUSE_ASK and instant > at] == [], row
        assert ended.status != "FILLED" or ended.exit_ts > at
    assert len(found) == 6
