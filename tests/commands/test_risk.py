"""`pse risk`: one setup of a run explained from its own inputs, the account at a moment, and the limits."""

from __future__ import annotations

import json

import pytest

from tests.commands.stored import runs, stored_run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with one run over two weeks of made-up minutes."""
    folder = tmp_path_factory.mktemp("risk")
    stored_run(folder)
    return folder


def told(home):
    """Bodies by kind of the run's journal."""
    found: dict[str, list] = {}
    for line in (runs(home)[-1] / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        found.setdefault(record["kind"], []).append((record["ts"], record["body"]))
    return found


def test_every_refused_and_every_traded_setup_is_explained_as_the_journal_has_it(pse, home):
    journal = told(home)
    refused = {body["setup_id"] for _, body in journal["GATES"] if not all(gate[1] for gate in body["gates"])}
    traded = {body["setup_id"] for _, body in journal.get("EXIT", [])}
    for setup in [*sorted(refused)[:3], *sorted(traded)[:2]]:
        done = pse("--home", home, "risk", "explain", "latest", setup, "--json")
        assert done.code == 0 and done.json["warnings"] == []
        own = {(body["stage"], body["contract"]): body["gates"] for _, body in journal["GATES"] if body["setup_id"] == setup}
        for one in done.json["rounds"]:
            said = [[gate["gate"], gate["passed"], gate["code"]] for gate in one["gates"]]
            assert sorted(said) == sorted([gate[0], gate[1], gate[4]] for gate in own[one["stage"], one["contract"]])
            assert [gate["number"] for gate in one["gates"]] == sorted(gate["number"] for gate in one["gates"])
        assert (done.json["quantity"] > 0) == (setup in traded)
        if setup in traded:
            assert done.json["life"][-1]["text"].startswith("closed: ") and done.json["sizing"][-1]["steps"][-1]["what"] == "ordered"


def test_a_traded_setup_is_shown_with_its_sum(pse, home):
    setup = told(home)["EXIT"][0][1]["setup_id"]
    done = pse("--home", home, "risk", "explain", "latest", setup[:8])
    assert done.code == 0 and "Approved, quantity" in done.out and "step by step" in done.out and "what became of it" in done.out
    assert "not listed here" not in done.out


def test_what_is_meant_is_found_by_part_of_its_id_its_plan_its_moment_or_its_tactic(pse, home):
    journal = told(home)
    moment, exit_body = journal["EXIT"][-1]
    setup = exit_body["setup_id"]
    assert pse("--home", home, "risk", "explain", "latest", exit_body["plan_id"][:10], "--json").json["setup"]["setup_id"] == setup
    at = next(ts for ts, body in journal["SETUP"] if body["setup_id"] == setup)
    from pse.clock import iso

    found = pse("--home", home, "risk", "explain", "latest", "--at", iso(at), "--last", "--json").json["setup"]
    assert found["at"] == iso(at)
    last = pse("--home", home, "risk", "explain", "latest", "--last", "--json").json["setup"]["setup_id"]
    assert last == [body["setup_id"] for _, body in journal["SETUP"] if body.get("kind") == "ENTER"][-1]
    listed = pse("--home", home, "risk", "explain", "latest")
    assert listed.code == 0 and "setups of run" in listed.out and "--last" in listed.out


def test_a_find_that_its_tactic_turned_down_says_so(pse, home):
    found = next(body for _, body in told(home)["PASSED_OVER"] if body.get("by") == "tactic")
    done = pse("--home", home, "risk", "explain", "latest", found["setup_id"])
    assert done.code == 0 and "Turned down by its own tactic" in done.out and found["reason"] in done.out


def test_the_list_says_what_became_of_each_and_keeps_those_that_a_gate_refused(pse, home):
    journal = told(home)
    done = pse("--home", home, "risk", "explain", "latest", "--json").json
    traded = {body["setup_id"] for _, body in journal["EXIT"]}
    assert all(one["became"] for one in done["choices"])
    assert all(one["became"].startswith("traded") == (one["setup_id"] in traded) for one in done["choices"])
    refused = pse("--home", home, "risk", "explain", "latest", "--gate", "session", "--json").json
    assert all(one["became"].startswith("refused by session") for one in refused["choices"] or [])
    assert pse("--home", home, "risk", "explain", "latest", "--gate", "sesion").code == 2


@pytest.mark.parametrize(("words", "said"), [
    (["ffffffffffff"], "begins with"), (["zzzz"], "can be no id"), (["--symbol", "NQ"], "no setup of NQ"), (["--tactic", "nothing"], "no setup of the tactic"),
    (["--at", "1999-01-01"], "no such setup")])
def test_what_is_not_there_is_refused_with_what_is(pse, home, words, said):
    done = pse("--home", home, "risk", "explain", "latest", *words)
    assert done.code == 2 and said in done.err


def test_the_account_at_a_moment_is_the_journals(pse, home):
    """A minute before a trade ends it is open, with its quantity; what was earned by then is the sum of the exits before."""
    journal = told(home)
    entry, fill = next((ts, body) for ts, body in journal["FILL"] if body["leg"] == "ENTRY")
    from pse.clock import iso

    done = pse("--home", home, "risk", "portfolio", "latest", "--at", iso(entry + 60 * 10**9), "--json").json
    one = done["portfolio"]["positions"][0]
    assert one["contract"] == fill["contract"] and one["held"] == fill["held"] and one["entry"] == pytest.approx(fill["price"])
    assert done["portfolio"]["balance_usd"] == pytest.approx(fill["balance_usd"])
    assert done["holdings"][0]["quantity"] == pytest.approx(fill["held"] * (1 if one["direction"] == "LONG" else -1))
    assert done["portfolio"]["equity_usd"] == pytest.approx(done["portfolio"]["balance_usd"] + one["unrealised_usd"])
    assert done["portfolio"]["open_risk_usd"] == pytest.approx(one["risk_usd"])
    shown = pse("--home", home, "risk", "portfolio", "latest", "--at", iso(entry + 60 * 10**9))
    assert "open risk" in shown.out and "limits.max_concurrent_risk" in shown.out


def test_a_moment_outside_the_run_is_refused(pse, home):
    done = pse("--home", home, "risk", "portfolio", "latest", "--at", "2031-01-01")
    assert done.code == 2 and "outside the run" in done.err


@pytest.mark.parametrize("profile", ["equities_swing", "futures_intraday", "zones", "crypto_spot", "multi_context", "bare"])
def test_every_profile_is_told_limit_by_limit(pse, profile):
    done = pse("risk", "policy", "--profile", profile, "--json").json
    limits = {one["name"]: one for one in done["limits"]}
    assert limits["limits.max_daily_loss"]["gate"].startswith("daily_loss") and "risk_policies.yaml" in limits["limits.max_daily_loss"]["written"]
    assert limits["tail.stop_factor"]["written"] == "" and all(one["gate"] for one in limits.values())


def test_policy_and_gates_are_written_for_people(pse):
    policy, gates = pse("risk", "policy", "zones"), pse("risk", "gates")
    assert policy.code == gates.code == 0
    assert "max_symbol_notional" in policy.out and "read by exposure" in policy.out and "risk_policies.yaml" in policy.out
    assert "14  tail_risk" in gates.out and "SL_CAP [points]" in gates.out
    assert pse("risk", "policy", "no-such").code == 2


def test_a_desk_and_a_profile_at_once_are_refused_and_the_name_of_a_profile_is_told_as_one(pse):
    both, profile = pse("risk", "policy", "zones", "--profile", "bare"), pse("risk", "policy", "bare")
    assert both.code == 2 and "found the desk zones and --profile bare" in both.err
    assert profile.code == 2 and "`pse risk policy --profile bare`" in profile.err
