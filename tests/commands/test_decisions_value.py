"""`pse decisions whatif`, `overrides`, `evaluate` and `ablate` on a run that a script judged."""

from __future__ import annotations

import json

import polars as pl
import pytest

from pse.clock import moment_ns
from pse.commands.inputs import gather
from pse.domain.sessions import MINUTE_NS
from tests.commands.judged import judged_home
from tests.commands.stored import context_of, runs, stored_run

RANDOM = "scripted-random"


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A home with a run that a script judged at random; nothing here changes its journal or tables."""
    home = tmp_path_factory.mktemp("judged") / "home"
    judged_home(home, RANDOM)
    return home


def decided(home, word):
    lines = (json.loads(line) for line in (runs(home)[0] / "journal.jsonl").read_text().splitlines())
    return [line["body"] for line in lines if line["kind"] == "DECISION" and line["body"]["verdict"] == word]


def test_overrides_price_every_setup_that_was_asked_about(judged, pse):
    ran = pse("--home", judged, "--json", "decisions", "overrides")
    assert ran.code == 0, ran.err
    told, whole = ran.json, ran.json["worth"]["all"]
    assert told["warnings"] == [] and len(told["setups"]) == len(decided(judged, "APPROVE") + decided(judged, "MODIFY") + decided(judged, "REJECT") +
                                                                 decided(judged, "HOLD"))
    vetoed = [one for one in told["setups"] if one["outcome"] == "VETOED"]
    assert whole["vetoes"] == len(vetoed) > 3
    assert whole["total_r"] == pytest.approx(-sum(one["shadow"]["r"] for one in vetoed))
    assert told["worth"]["matrix"] and set(told["worth"]["by_role"]) <= {"signal", "risk", "executive"}
    net = pl.read_parquet(runs(judged)[0] / "trades.parquet")["net_usd"].sum()
    assert told["account"]["judged_usd"] == pytest.approx(net, abs=0.01)
    assert told["portfolio"]["lived"] == told["portfolio"]["of"] and told["portfolio"]["not_told"] == sum(
        one["not_asked_then"] is not None and one["not_asked_then"] > 0 for one in told["setups"])
    assert all((one["portfolio_usd"] is None) == (one["not_asked_then"] > 0) for one in vetoed)


def test_overrides_are_a_table_for_people_and_a_section_of_the_page(judged, pse):
    page = judged / "page.html"
    run = runs(judged)[0]
    (run / "judges.json").unlink(missing_ok=True)
    assert pse("--home", judged, "report", run.name, "--html", page, "--charts", "none").code == 0
    assert "pse decisions overrides" in page.read_text("utf-8")
    ran = pse("--home", judged, "decisions", "overrides", run.name, "--most", "2")
    assert ran.code == 0 and "Signal x Risk x Executive" in ran.out and "the first 2 of" in ran.out
    assert pse("--home", judged, "report", run.name, "--html", page, "--charts", "none").code == 0
    text = page.read_text("utf-8")
    assert "What the judges were worth" in text and "Of those losers" in text and "pse decisions overrides" not in text
    assert pse("--home", judged, "audit", "log", "latest").code == 0          # it is no part of what the run wrote


@pytest.mark.parametrize("changed", [lambda found: {}, lambda found: found | {"account": found["account"] | {"judged_usd": 1e6}}])
def test_what_the_judges_were_worth_is_told_as_it_was_reckoned_or_not_at_all(judged, pse, changed):
    run = runs(judged)[0]
    assert pse("--home", judged, "decisions", "overrides", run.name, "--most", "0").code == 0
    path = run / "judges.json"
    path.write_text(json.dumps(changed(json.loads(path.read_text("utf-8")))), "utf-8")
    for words in (("report", run.name, "--html", judged / "page.html", "--charts", "none"), ("decisions", "evaluate", run.name, "--review", "scripted-honest")):
        ran = pse("--home", judged, *words)
        assert ran.code == 3 and "judges.json" in ran.err and f"pse decisions overrides {run.name}" in ran.err, ran.err
    audited = pse("--home", judged, "audit", "log", "latest")
    assert audited.code != 0 and "judges.json" in audited.out + audited.err
    path.unlink()


def test_what_if_a_refused_setup_had_been_approved_is_that_trade_more(judged, pse):
    """Among the refused ones some would have traded: the sums differ by what the trades differ by."""
    more = 0
    for body in decided(judged, "REJECT")[:8]:
        ran = pse("--home", judged, "--json", "decisions", "whatif", body["setup_id"][:12], "--verdict", "approve")
        assert ran.code == 0, ran.err
        told = ran.json
        assert told["more_usd"] == pytest.approx(sum(one["more_usd"] for one in told["trades"]), abs=0.01)
        assert told["more_usd"] == pytest.approx(told["whatif"]["net_usd"] - told["then"]["net_usd"], abs=0.01)
        more += any(one["setup_id"] == body["setup_id"] and one["then"] is None for one in told["trades"])
    assert more > 0


def test_what_if_a_taken_setup_had_been_rejected_is_that_trade_less(judged, pse):
    trades = pl.read_parquet(runs(judged)[0] / "trades.parquet")
    name = trades["setup_id"][0]
    ran = pse("--home", judged, "--json", "decisions", "whatif", name, "--verdict", "reject")
    gone = [one for one in ran.json["trades"] if one["setup_id"] == name]
    assert ran.code == 0 and len(gone) == 1 and gone[0]["whatif"] is None
    assert gone[0]["then"]["net_usd"] == pytest.approx(trades["net_usd"][0], abs=1e-6)
    shown = pse("--home", judged, "decisions", "whatif", name, "--verdict", "reject")
    assert shown.code == 0 and "difference" in shown.out


@pytest.mark.parametrize(("words", "says"), [
    (("--verdict", "perhaps"), "expected approve or reject"), (("--verdict", "reject", "--stop", "1"), "leave them out"),
    (("--verdict", "approve", "--size-factor", "1.5"), "above 0 and at most 1"), (("--verdict", "approve", "--direction", "up"), "long or short"),
    (("--verdict", "approve", "--stop", "1"), "draw the stop nearer"), (("--verdict", "approve", "--target", "1"), "draw the target nearer")])
def test_a_verdict_that_would_add_risk_or_is_none_is_refused(judged, pse, words, says):
    name = next(one["setup_id"] for one in decided(judged, "REJECT") if one["direction"] == "LONG")
    ran = pse("--home", judged, "decisions", "whatif", name, *words)
    assert ran.code == 2 and says in ran.err, ran.err


def test_only_what_was_asked_about_can_have_another_verdict(judged, pse):
    ran = pse("--home", judged, "decisions", "whatif", "zzzz", "--verdict", "approve")
    assert ran.code == 2 and "nobody was asked" in ran.err


def test_evaluate_classes_every_decision_at_every_horizon(judged, pse):
    ran = pse("--home", judged, "--json", "decisions", "evaluate")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["horizons"] == ["1_bars", "3_bars", "12_bars", "session_end"]
    for row in told["table"]:
        assert sum(row[name] for name in ("good", "bad", "neutral", "missed_upside", "avoided_downside", "not_matured")) == len(told["decisions"]) > 5
    taken = {one["setup_id"] for one in told["decisions"] if one["taken"]}
    assert set(pl.read_parquet(runs(judged)[0] / "trades.parquet")["setup_id"].to_list()) <= taken
    assert "Missed" in pse("--home", judged, "decisions", "evaluate").out


def test_moves_after_a_decision_are_those_of_the_stored_minutes(judged, pse):
    """Fifteen minutes on: from the close of the minute that ends with the decision to that of the minute that ends three bars later, over the setup's risk."""
    told = pse("--home", judged, "--json", "decisions", "evaluate").json["decisions"]
    setups = {}
    for line in (runs(judged)[0] / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "SETUP":
            setups[record["body"]["setup_id"]] = record["body"]
    context = context_of(judged)
    bars = gather(context, context.settings, ("ES",), None, None).bars[0]
    closes, checked = dict(zip(bars.ts_close.tolist(), bars.close.tolist(), strict=True)), 0
    for one in told:
        ts, own = moment_ns(one["at"], "at"), setups[one["setup_id"]]
        if one["direction"] == own["direction"] and {ts, ts + 15 * MINUTE_NS} <= set(closes):
            points = closes[ts + 15 * MINUTE_NS] - closes[ts]
            side = 1 if one["direction"] == "LONG" else -1
            assert one["moves_r"]["3_bars"] == pytest.approx(side * points / abs(own["entry"] - own["stop"]), abs=1e-9)
            checked += 1
    assert checked > 5


def test_a_review_is_text_of_a_model_and_nothing_else(judged, pse):
    before = (runs(judged)[0] / "journal.jsonl").read_bytes()
    ran = pse("--home", judged, "--json", "decisions", "evaluate", "--review", "scripted-honest")
    assert ran.code == 0, ran.err
    review = ran.json["review"]
    assert review["model"] == "scripted-honest" and isinstance(review["findings"], list) and (runs(judged)[0] / "journal.jsonl").read_bytes() == before
    again = pse("--home", judged, "--json", "decisions", "evaluate", "--review", "scripted-honest", "--agents", "tape")
    assert again.code == 0 and again.json["review"]["lines"] == review["lines"]
    shown = pse("--home", judged, "decisions", "evaluate", "--review", "scripted-garbage")
    assert shown.code == 0 and ("no review" in shown.err or "Review by" in shown.out)


def test_a_reviewer_that_is_not_there_is_refused_before_any_work(judged, pse):
    ran = pse("--home", judged, "decisions", "evaluate", "--review", "nobody")
    assert ran.code == 2 and "nobody" in ran.err


def test_ablate_sets_the_judge_beside_rules_and_chance(judged, pse):
    ran = pse("--home", judged, "--json", "decisions", "ablate", "--draws", "20")
    assert ran.code == 0, ran.err
    told = ran.json
    assert set(told["arms"]) == {"rules", "judge", "shuffled", "random_veto"}
    net = pl.read_parquet(runs(judged)[0] / "trades.parquet")["net_usd"].sum()
    assert told["arms"]["judge"]["net"] == pytest.approx(net, abs=0.01)
    assert told["arms"]["shuffled"]["draws"] == told["arms"]["random_veto"]["draws"] == 20
    assert 0.0 < told["against"]["random_veto"]["p_net"] <= 1.0
    again = pse("--home", judged, "--json", "decisions", "ablate", "--draws", "20").json
    assert again == told                                                      # seeded by the run
    assert pse("--home", judged, "decisions", "ablate", "--draws", "3").code == 2


def test_a_run_by_rules_has_no_judge_to_price_but_may_be_asked_what_if(tmp_path, pse):
    home = tmp_path / "rules"
    stored_run(home)
    for words in (("overrides",), ("ablate",)):
        ran = pse("--home", home, "decisions", *words)
        assert ran.code == 2 and "decided by plain rules" in ran.err
    name = pl.read_parquet(runs(home)[0] / "trades.parquet")["setup_id"][0]
    ran = pse("--home", home, "--json", "decisions", "whatif", name, "--verdict", "reject")
    assert ran.code == 0 and ran.json["then"]["trades"] >= ran.json["whatif"]["trades"] - 1 and ran.json["warnings"] == []
    looked_at = pse("--home", home, "--json", "decisions", "evaluate").json["decisions"]
    assert {name} <= {one["setup_id"] for one in looked_at if one["taken"]} and all(one["words"] == {} for one in looked_at)


@pytest.mark.parametrize("words", [("list",), ("why", "SETUP"), ("export",), ("whatif", "SETUP", "--verdict", "reject"), ("overrides", "--most", "0"),
                                   ("evaluate",), ("ablate", "--draws", "10")])
def test_a_run_is_named_in_one_way_by_every_command_about_decisions(tmp_path, pse, words):
    """As an argument or as an option; a run that is not there is refused by its name either way, and so are two."""
    asked = [word.replace("SETUP", "abc") for word in words]
    for named in (["nothere"], ["--run", "nothere"], ["nothere", "--run", "nothere"]):
        ran = pse("--home", tmp_path / "home", "decisions", *asked, *named)
        assert ran.code == 2 and "nothere" in ran.err and "No such option" not in ran.err and "unexpected" not in ran.err, ran.err
    ran = pse("--home", tmp_path / "home", "decisions", *asked, "nothere", "--run", "other")
    assert ran.code == 2 and "two runs are named, nothere and --run other" in ran.err
