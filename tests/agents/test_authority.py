"""Opinions combine to less risk or to the same, never to more, whoever speaks and in whatever order."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.agents.authority import merge, merge_all, sent_back
from pse.agents.contracts import Opinion, parse
from pse.agents.minutes import word_of
from tests.agents.shown import FREE, LONG, OPEN, PLAIN, SHORT, TWO, WHOLE, executive, signal, spot, text

YES = Opinion("a1-long", "approve")


def said(word="approve", **given):
    return Opinion("a1-long", word, **given)


def of(*opinions, candidate=LONG):
    merged = merge(candidate, *opinions)
    return merged.verdict, merged.codes


def test_three_approvals_leave_the_proposal_as_it_is():
    verdict, codes = of(YES, YES, YES)
    assert (verdict.word, verdict.size_factor, verdict.direction, codes) == ("APPROVE", 1.0, 0, ())
    assert (verdict.entry, verdict.stop, verdict.target, verdict.confidence) == (None, None, None, None)


def test_the_smallest_size_the_tightest_stop_the_nearest_target_and_the_lowest_confidence_count():
    verdict, codes = of(said("revise", size_factor=0.5, stop=4994.0, target=5010.0, confidence=0.6),
                        said(size_factor=0.75, stop=4996.0, target=5012.0, confidence=0.8), YES)
    assert (verdict.word, verdict.size_factor, verdict.stop, verdict.target, verdict.confidence, codes) == ("MODIFY", 0.5, 4996.0, 5010.0, 0.6, ())


def test_of_a_short_the_tightest_stop_is_the_lowest_and_the_nearest_target_the_highest():
    verdict, codes = of(said(stop=5006.0, target=4994.0), said(stop=5004.5, target=4992.0), candidate=SHORT)
    assert (verdict.stop, verdict.target, codes) == (5004.5, 4994.0, ())


@pytest.mark.parametrize(("given", "code"), [({"size_factor": 1.01}, "SIZE_GROWN"), ({"size_factor": 1e300}, "SIZE_GROWN"), ({"stop": 4991.75}, "STOP_LOOSER"),
                                             ({"stop": 0.01}, "STOP_LOOSER"), ({"target": 5016.25}, "TARGET_FARTHER"), ({"target": 1e12}, "TARGET_FARTHER")])
def test_an_edit_that_would_add_risk_is_thrown_away_and_told(given, code):
    assert of(YES, said(**given), YES) == (of(YES, YES, YES)[0], (code,))


def test_what_one_pass_throws_away_leaves_the_shrinking_of_another():
    verdict, codes = of(said(size_factor=5.0, stop=4900.0), said("revise", size_factor=0.5), said(stop=4993.0))
    assert (verdict.word, verdict.size_factor, verdict.stop, codes) == ("MODIFY", 0.5, 4993.0, ("SIZE_GROWN", "STOP_LOOSER"))


def test_repeating_the_proposal_is_no_edit():
    verdict, codes = of(said(size_factor=1.0, entry=5000.0, stop=4992.0, target=5016.0 + 1e-12), YES)
    assert (verdict.word, verdict.stop, verdict.target, codes) == ("APPROVE", None, None, ())


def test_a_target_may_be_set_where_there_was_none():
    assert of(said(target=5009.0), candidate=FREE)[0].target == 5009.0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_veto_anywhere_is_a_veto(place):
    opinions = [said(size_factor=0.5)] * 3
    opinions[place] = said("reject", size_factor=0.9)
    verdict, _ = of(*opinions)
    assert (verdict.word, verdict.reason, verdict.size_factor) == ("REJECT", "REJECTED", 1.0)
    assert of(*opinions[:place], *opinions[place + 1:])[0].word == "MODIFY"


def test_a_moved_entry_or_another_side_is_another_trade():
    assert of(YES, said(entry=4999.75)) == (replace(of(said("reject"))[0], reason="ENTRY_EDIT"), ("ENTRY_EDIT",))
    assert of(YES, said(call="SELL")) == (replace(of(said("reject"))[0], reason="AUTHORITY"), ("DIRECTION",))
    assert of(YES, said(call="BUY"))[0].word == "APPROVE"


def test_silence_lets_nothing_through():
    assert (of()[0].word, of()[1]) == ("HOLD", ("NOT_PROPOSED",))
    assert (of(None, YES, YES)[0].word, of(None, YES, YES)[1]) == ("HOLD", ("NOT_PROPOSED",))
    assert (of(YES, None, YES)[0].word, of(YES, None, YES)[1]) == ("HOLD", ("OTHER_SETUP",))
    assert of(YES, said("none"), YES)[0].word == "HOLD"
    assert of(None, said("reject"))[0].word == "REJECT"


def test_changes_that_are_wanted_and_not_named_are_no_approval():
    for vague in (said("revise"), said("revise", size_factor=1.0), said("revise", stop=4992.0), said("revise", size_factor=3.0)):
        assert sent_back(LONG, vague) and of(YES, vague)[0].word == "HOLD" and of(YES, vague)[1][-1] == "SENT_BACK"
    for clear in (said("revise", size_factor=0.9), said("revise", confidence=0.4), said("approve"), said("reject")):
        assert not sent_back(LONG, clear)


def test_an_open_question_goes_the_way_of_its_first_call():
    buy, sell = Opinion("d4-open", "approve", confidence=0.7, call="BUY"), Opinion("d4-open", "approve", confidence=0.7, call="SELL")
    plain = Opinion("d4-open", "approve")
    verdict, codes = of(buy, plain, candidate=OPEN)
    assert (verdict.word, verdict.direction, verdict.confidence, codes) == ("APPROVE", 1, 0.7, ())
    assert of(sell, plain, replace(plain, confidence=0.5), candidate=OPEN)[0].direction == -1
    assert of(sell, replace(plain, confidence=0.5), candidate=OPEN)[0].confidence == 0.5
    assert of(buy, sell, candidate=OPEN) == (replace(of(said("reject"))[0], reason="AUTHORITY"), ("DIRECTION",))
    assert (of(plain, plain, candidate=OPEN)[0].word, of(plain, plain, candidate=OPEN)[1]) == ("HOLD", ("NO_CALL",))
    assert of(replace(buy, call="HOLD"), plain, candidate=OPEN)[0].word == "HOLD"


def test_the_short_side_of_an_open_question_is_the_mirror_at_its_entry():
    """Entry 100, long stop 97 and target 106: short stop 103, short target 94."""
    sell = Opinion("d4-open", "approve", confidence=0.7, call="SELL")
    kept, codes = of(sell, Opinion("d4-open", "revise", stop=102.0, target=95.0), candidate=OPEN)
    assert (kept.word, kept.stop, kept.target, codes) == ("MODIFY", 102.0, 95.0, ())
    left, codes = of(sell, Opinion("d4-open", "approve", stop=103.5, target=93.0), candidate=OPEN)
    assert (left.word, left.stop, left.target, codes) == ("APPROVE", None, None, ("STOP_LOOSER", "TARGET_FARTHER"))


@pytest.mark.parametrize("call", [None, "BUY", "SELL", "HOLD"])
@pytest.mark.parametrize("word", ["reject", "none"])
def test_what_is_written_down_of_a_no_is_what_counts_of_it(word, call):
    alone = Opinion("d4-open", word, confidence=0.5, call=call)
    assert word_of(alone) == of(alone, candidate=OPEN)[0].word


def words(candidates, *answers):
    found = merge_all(candidates, [parse(kind, reply, candidates) for kind, reply in answers])
    return [(one.verdict.word, one.verdict.reason, one.codes) for one in found]


def test_of_several_candidates_the_one_that_was_proposed_is_decided_and_the_others_are_superseded():
    assert words(TWO, ("signal", signal(setup_id="#2")), ("risk", text(setup_id="#2")), ("executive", executive(setup_id="#2"))) == [
        ("REJECT", "SUPERSEDED", ("NOT_PROPOSED",)), ("APPROVE", "", ())]


def test_where_nobody_proposed_nothing_is_superseded():
    none = signal(setup_id=None, verdict="none")
    assert words(TWO, ("signal", none)) == [("HOLD", "NO_OPINION", ("NOT_PROPOSED",))] * 2
    assert words(TWO, ("signal", signal(verdict="reject"))) == [("REJECT", "REJECTED", ()), ("HOLD", "NO_OPINION", ("NOT_PROPOSED",))]


def test_an_executive_that_approves_another_one_approves_none():
    assert words(TWO, ("signal", signal()), ("risk", text()), ("executive", executive(setup_id="#2"))) == [
        ("HOLD", "NO_OPINION", ("OTHER_SETUP",)), ("REJECT", "SUPERSEDED", ("NOT_PROPOSED",))]


def test_of_several_that_are_approved_the_first_by_priority_goes_through_then_by_rank():
    def both(first, second):
        return json.dumps({"decisions": [{**PLAIN, "priority": first}, {**PLAIN, "setup_id": "b2-short", "priority": second}]})

    assert [word for word, *_ in words(TWO, ("set", both(2, 1)))] == ["REJECT", "APPROVE"]
    assert [word for word, *_ in words(TWO, ("set", both(3, 3)))] == ["APPROVE", "REJECT"]
    assert words(TWO, ("set", both(2, 1)))[0] == ("REJECT", "SUPERSEDED", ("NOT_FIRST",))


def test_an_auditor_has_no_say():
    assert words(TWO, ("executive", executive()), ("audit", WHOLE["audit"])) == words(TWO, ("executive", executive()))
    assert words(TWO, ("audit", WHOLE["audit"])) == [("HOLD", "NO_OPINION", ("NOT_PROPOSED",))] * 2


def test_a_spot_call_becomes_a_verdict_of_its_side():
    found = merge_all([OPEN], [parse("spot", spot(call="SELL", size_factor=0.5, stop=104.0), [OPEN])])[0]
    assert (found.verdict.word, found.verdict.direction, found.verdict.size_factor, found.verdict.stop) == ("MODIFY", -1, 0.5, None)
    assert found.codes == ("STOP_LOOSER",)


sizes = st.one_of(st.none(), st.floats(1e-6, 1e9), st.sampled_from([1.0, 2.0, 0.5]))
prices = st.one_of(st.none(), st.floats(1e-6, 1e9), st.sampled_from([4992.0, 4991.75, 4993.0, 5016.0, 5016.25, 5000.0, 97.0, 103.0, 106.0, 94.0]))
opinions = st.builds(Opinion, st.just("x"), st.sampled_from(["approve", "approve", "revise", "reject", "none"]), st.just(""), st.just(()), st.integers(1, 5),
                     sizes, st.one_of(st.none(), st.none(), prices), prices, prices, st.one_of(st.none(), st.floats(0, 1)),
                     st.sampled_from([None, None, "BUY", "SELL", "HOLD"]))
candidates = st.sampled_from([LONG, SHORT, FREE, OPEN])


def bounds(candidate, verdict):
    """Stop and target of the side that the verdict is on, written from what a mirror is."""
    side = {"LONG": 1, "SHORT": -1, "EITHER": verdict.direction}[candidate.direction]
    mirrored = candidate.direction == "EITHER" and side < 0
    return side, *(None if price is None else 2 * candidate.entry - price if mirrored else price for price in (candidate.stop, candidate.target))


@given(candidates, st.lists(st.one_of(st.none(), opinions), max_size=4))
def test_whatever_is_said_nothing_grows(candidate, heard):
    verdict = merge(candidate, *heard).verdict
    if verdict.word not in ("APPROVE", "MODIFY"):
        assert (verdict.size_factor, verdict.stop, verdict.target, verdict.direction) == (1.0, None, None, 0)
        return
    side, stop, target = bounds(candidate, verdict)
    assert side in (1, -1) and (candidate.direction == "EITHER") == (verdict.direction != 0) and verdict.entry is None
    assert 0 < verdict.size_factor <= 1
    assert verdict.stop is None or side * verdict.stop > side * stop
    assert verdict.target is None or target is None or side * verdict.target < side * target
    assert verdict.confidence == min((one.confidence for one in heard if one.confidence is not None), default=None)
    assert all(one is not None and one.verdict in ("approve", "revise") for one in heard)


def looseness(candidate, verdict):
    """How much a verdict lets through, as numbers of which none may rise; nothing let through is the least."""
    if verdict.word not in ("APPROVE", "MODIFY"):
        return None
    side, stop, target = bounds(candidate, verdict)
    reach = float("inf") if target is None and verdict.target is None else side * (target if verdict.target is None else verdict.target)
    return verdict.size_factor, -side * (stop if verdict.stop is None else verdict.stop), reach, 1.0 if verdict.confidence is None else verdict.confidence


@given(candidates, st.lists(opinions, min_size=1, max_size=3), opinions)
def test_one_more_pass_only_tightens(candidate, heard, another):
    before, after = looseness(candidate, merge(candidate, *heard).verdict), looseness(candidate, merge(candidate, *heard, another).verdict)
    if candidate.direction == "EITHER" and not any(one.call in ("BUY", "SELL") for one in heard):
        return                                             # the open question was answered by the pass that came last
    assert after is None or (before is not None and all(new <= old for new, old in zip(after, before, strict=True)))


@given(candidates, st.lists(opinions, min_size=1, max_size=4), st.randoms())
def test_the_order_of_the_passes_changes_nothing_but_whose_call_an_open_question_follows(candidate, heard, random):
    other = list(heard)
    random.shuffle(other)
    if len({one.call for one in heard if one.call in ("BUY", "SELL")}) < 2:
        assert merge(candidate, *heard).verdict == merge(candidate, *other).verdict
    else:
        assert looseness(candidate, merge(candidate, *heard).verdict) is looseness(candidate, merge(candidate, *other).verdict) is None
