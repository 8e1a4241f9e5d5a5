"""What vetoes were worth, against a fixture of twenty setups worked by hand, and against vetoes that know nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pse.research.overrides import Judgement, edits, group, matrix, random_means, worth

# setup: day, what signal, risk and executive said, outcome, R alone, R as edited, flags, reason, regime, model
TWENTY = (
    (1, "ARR", "VETOED", -1.10, None, ("NEWS",), "REJECTED", "RANGE", "a"),
    (1, "AAA", "APPROVED", 1.90, None, (), "OK", "RANGE", "a"),
    (2, "AR-", "VETOED", 2.00, None, ("NEWS", "SPREAD"), "REJECTED", "TREND_UP", "a"),
    (2, "R--", "VETOED", -1.00, None, (), "REJECTED", "TREND_UP", "b"),
    (2, "AMA", "MODIFIED", -1.20, -0.60, (), "OK", "TREND_UP", "a"),
    (3, "AAR", "VETOED", 0.40, None, (), "REJECTED", "RANGE", "b"),
    (3, "AAA", "APPROVED", -1.05, None, (), "OK", "RANGE", "a"),
    (4, "ARR", "VETOED", -0.90, None, ("NEWS",), "REJECTED", "RANGE", "a"),
    (4, "H--", "VETOED", 0.00, None, (), "HOLD", "RANGE", "a"),              # would not have been entered
    (5, "AMA", "MODIFIED", 2.50, 1.00, (), "OK", "TREND_UP", "a"),
    (5, "AAA", "APPROVED", -1.00, None, ("SPREAD",), "OK", "TREND_UP", "b"),
    (6, "ARR", "VETOED", -1.30, None, ("SPREAD",), "REJECTED", "VOLATILE", "a"),
    (6, "ARR", "VETOED", 3.10, None, (), "REJECTED", "VOLATILE", "a"),
    (7, "AAA", "APPROVED", 0.70, None, (), "OK", "RANGE", "b"),
    (7, "AAA", "APPROVED", -0.20, None, (), "OK", "RANGE", "a"),
    (8, "AAR", "VETOED", -1.00, None, ("NEWS",), "REJECTED", "TREND_UP", "b"),
    (8, "AMA", "MODIFIED", 1.00, 1.00, (), "OK", "TREND_UP", "a"),
    (9, "AAA", "REFUSED", -1.00, None, (), "SIZE_ZERO", "RANGE", "a"),
    (9, "ARR", "VETOED", -0.80, None, (), "REJECTED", "VOLATILE", "b"),
    (10, "AAA", "SUPERSEDED", 1.50, None, (), "SUPERSEDED", "RANGE", "a"))
WORDS = {"A": "APPROVE", "R": "REJECT", "M": "MODIFY", "H": "HOLD"}


def judged() -> list[Judgement]:
    found = []
    for number, (day, words, outcome, r, edited, flags, reason, regime, model) in enumerate(TWENTY):
        said = {role: WORDS[word] for role, word in zip(("signal", "risk", "executive"), words, strict=True) if word != "-"}
        by = next((role for role, word in said.items() if word in ("REJECT", "HOLD")), "") if outcome == "VETOED" else ""
        found.append(Judgement(f"s{number}", number, day, "ES", "made", outcome, r, reason != "HOLD", edited, said, by, reason, flags, regime, model))
    return found


def near(value):
    return pytest.approx(value, abs=1e-9)


def test_twenty_setups_come_to_what_was_worked_out_by_hand():
    """Ten vetoes (-1.10 2.00 -1.00 0.40 -0.90 0 -1.30 3.10 -1.00 -0.80 R alone: -0.60 together), so they were worth 0.60 R, 0.06 each; nine of them would
    have been entered and six of those lost.  All nineteen: -0.60 of the vetoes, 1.90 - 1.05 - 1.00 + 0.70 - 0.20 = 0.35 of the approved, 2.30 of the edited
    and -1.00 of the refused one make 1.05 R, so a veto at random is worth -1.05 / 19."""
    found = worth(judged())
    whole = found["all"]
    assert (found["asked"], found["superseded"], found["unpriced"], found["refused_after_approval"]) == (20, 1, 0, 1)
    assert (whole["setups"], whole["vetoes"], whole["veto_rate"], whole["precision"]) == (19, 10, near(10 / 19), near(6 / 9))
    assert (whole["total_r"], whole["mean_r"]) == (near(0.60), near(0.06))
    assert whole["random_r"] == near(-1.05 / 19) and whole["skill_r"] == near(0.06 + 1.05 / 19)
    assert whole["interval"][0] < 0.06 < whole["interval"][1] and whole["skill_interval"][0] < whole["skill_r"] < whole["skill_interval"][1]


def test_an_edit_is_worth_what_the_edited_setup_came_to_above_the_original():
    """-0.60 for -1.20 is 0.60 won, 1.00 for 2.50 is 1.50 lost, 1.00 for 1.00 is nothing: -0.90 together, -0.30 each."""
    found = edits(judged())
    assert (found["edits"], found["total_r"], found["mean_r"], found["helped"], found["hurt"]) == (3, near(-0.90), near(-0.30), 1, 1)


def test_each_role_stands_for_what_it_said_itself():
    """Signal was asked 19 times and said no twice (-1.00, and one never entered); Risk spoke of 17 and said no to -1.10 2.00 -0.90 -1.30 3.10 -0.80 = 1.00 R;
    the Executive spoke of 16: Risk's no repeated five times (-1.10 -0.90 -1.30 3.10 -0.80 = -1.00 R) and its own two (0.40 -1.00), -1.60 together."""
    found = worth(judged())["by_role"]
    assert list(found) == ["signal", "risk", "executive"]
    assert [(one["setups"], one["vetoes"]) for one in found.values()] == [(19, 2), (17, 6), (16, 7)]
    assert [one["total_r"] for one in found.values()] == [near(1.00), near(-1.00), near(1.60)]
    assert [one["precision"] for one in found.values()] == [near(1.0), near(4 / 6), near(5 / 7)]
    first = worth(judged())["by_vetoer"]                       # who said no first: the repeated ones are Risk's alone
    assert {role: (one["vetoes"], one["total_r"]) for role, one in first.items()} == {
        "signal": (2, near(1.00)), "risk": (6, near(-1.00)), "executive": (2, near(0.60))}


def test_flags_reasons_regimes_and_models_part_the_same_vetoes():
    """NEWS: -1.10 2.00 -0.90 -1.00, all vetoed; SPREAD: 2.00 and -1.30 vetoed, -1.00 let through.  TREND_UP: 2.00 -1.00 -1.00 vetoed of six."""
    found = worth(judged())
    flags, regimes, models = found["by_flag"], found["by_regime"], found["by_model"]
    assert (flags["NEWS"]["vetoes"], flags["NEWS"]["total_r"], flags["NEWS"]["skill_r"]) == (4, near(1.00), None)
    assert (flags["SPREAD"]["setups"], flags["SPREAD"]["vetoes"], flags["SPREAD"]["mean_r"]) == (3, 2, near(-0.35))
    assert flags["SPREAD"]["random_r"] == near(0.30 / 3)
    assert (regimes["TREND_UP"]["setups"], regimes["TREND_UP"]["vetoes"], regimes["TREND_UP"]["total_r"]) == (7, 3, near(0.0))
    assert {name: one["vetoes"] for name, one in regimes.items()} == {"RANGE": 4, "TREND_UP": 3, "VOLATILE": 3}
    assert {name: one["vetoes"] for name, one in models.items()} == {"a": 6, "b": 4}
    assert {name: one["vetoes"] for name, one in found["by_reason"].items()} == {"HOLD": 1, "REJECTED": 9}


def test_the_matrix_counts_every_combination_of_words_with_its_value():
    found = {(row["signal"], row["risk"], row["executive"]): row for row in matrix([one for one in judged() if one.outcome != "SUPERSEDED"])}
    whole = found["APPROVE", "REJECT", "REJECT"]
    assert (whole["setups"], whole["shadow_total_r"], whole["value_r"], whole["taken"]) == (5, near(-1.00), near(1.00), 0)
    assert found["APPROVE", "MODIFY", "APPROVE"]["value_r"] == near(-0.90) and found["APPROVE", "MODIFY", "APPROVE"]["taken"] == 3
    assert found["APPROVE", "APPROVE", "APPROVE"]["setups"] == 6 and found["APPROVE", "APPROVE", "APPROVE"]["value_r"] == 0.0
    assert sum(row["setups"] for row in found.values()) == 19 and found["HOLD", "-", "-"]["setups"] == 1


def test_where_all_setups_are_vetoed_nothing_tells_of_skill():
    one = group([Judgement(f"{i}", i, i, "ES", "made", "VETOED", r) for i, r in enumerate((-1.0, -1.0, 2.5))], lambda _: True)
    assert one["mean_r"] == near(-0.5 / 3) and one["skill_r"] is None and one["skill_interval"] is None
    none = group([Judgement(f"{i}", i, i, "ES", "made", "APPROVED", -1.0) for i in range(3)], lambda _: False)
    assert none["skill_r"] is None and none["skill_interval"] is None


def test_a_setup_whose_shadow_is_unknown_is_counted_apart():
    known = [Judgement("a", 1, 1, "ES", "made", "VETOED", -1.0), Judgement("b", 2, 1, "ES", "made", "VETOED", None)]
    found = worth(known)
    assert found["unpriced"] == 1 and found["all"]["vetoes"] == 1 and found["all"]["interval"] is None


def test_vetoes_at_random_are_as_good_as_vetoes_at_random():
    """A judge that draws its vetoes has no skill: 93 of 100 intervals and more cover nothing (95 % of them should, and the seeds are fixed)."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, 77])
        r = np.where(rng.random(120) < 0.4, rng.uniform(1.0, 3.0, 120), -1.0)
        no = rng.random(120) < 0.35
        found = group([Judgement(f"{i}", i, i // 3, "ES", "made", "VETOED" if out else "APPROVED", float(one)) for i, (one, out) in
                       enumerate(zip(r, no, strict=True))], lambda one: one.outcome == "VETOED", seed)
        low, high = found["skill_interval"]
        covered += low <= 0.0 <= high
    assert covered >= 93, covered


def test_a_judge_that_knows_is_told_from_chance():
    rng = np.random.default_rng(5)
    r = np.where(rng.random(120) < 0.4, 2.0, -1.0)
    found = group([Judgement(f"{i}", i, i // 3, "ES", "made", "VETOED" if one < 0.0 and rng.random() < 0.6 else "APPROVED", float(one))
                   for i, one in enumerate(r)], lambda one: one.outcome == "VETOED")
    assert found["precision"] == 1.0 and found["skill_interval"][0] > 0.5


def test_draws_at_random_have_the_mean_of_all_and_the_spread_of_a_sample_without_return():
    """Of n values k drawn without return: variance s^2 / k * (1 - k / n)."""
    values = np.random.default_rng(1).normal(0.3, 1.0, 60)
    means = random_means(values, 20, 20_000, 3)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)
    assert means.std() == pytest.approx(np.sqrt(values.var(ddof=1) / 20 * (1 - 20 / 60)), rel=0.03)
