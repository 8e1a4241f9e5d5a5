"""Backtests judged by models: recorded, replayed from the tape without any model, proven; and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import polars as pl
import pytest

from pse.clock import iso
from pse.commands.prove import EVERY_BYTE
from pse.reports.refused import records
from tests.commands.judged import DAYS, by, judged_home
from tests.commands.stored import FIRST, runs
from tests.conftest import REPOSITORY

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a run that an honest script judged; no key in the environment, and no way out of the machine."""
    judged_home(tmp_path / "home")
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)

    def none(*given, **more):
        raise AssertionError(f"somebody opens a connection: {given}")

    monkeypatch.setattr(socket.socket, "connect", none)
    return tmp_path / "home"


def kept(run):
    """What has to be the same bytes in a run that is made again."""
    home = run.parents[2]
    return [(run / name).read_bytes() for name in ("journal.jsonl", "tape.jsonl", "metrics.json")] + [
        (home / "data" / "decisions" / f"{run.name}.jsonl").read_bytes()]


def test_a_recorded_run_is_the_same_from_its_tape_under_another_hash_seed(home):
    first = runs(home)[0]
    environment = {name: value for name, value in os.environ.items() if name not in KEYS} | {"PYTHONHASHSEED": "4711"}
    ran = subprocess.run([sys.executable, "-m", "pse", "--home", str(home), "-q", *by("scripted-honest", "tape")], env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert len(runs(home)) == 2
    assert kept(runs(home)[1]) == kept(first)


def test_a_judged_run_is_proven_from_its_own_tape_even_where_the_index_is_gone(home, pse):
    for path in (home / "data" / "tapes" / "index").rglob("*.json"):
        path.unlink()
    ran = pse("--home", home, "--json", "prove", runs(home)[0].name)
    assert (ran.code, ran.json["result"], ran.json["compared"]) == (0, "EQUAL", EVERY_BYTE), ran.json
    assert pse("--home", home, "audit", "log", "latest").code == 0


def test_a_run_whose_list_of_answers_is_gone_is_told_so(home, pse):
    (runs(home)[0] / "tape.jsonl").unlink()
    ran = pse("--home", home, "--json", "prove", runs(home)[0].name)
    assert (ran.code, ran.json["result"]) == (1, "DIFFERENT")
    assert "tape.jsonl is gone" in ran.json["why"][0] and "something else" not in ran.json["why"][0]


def test_a_run_that_asks_what_is_not_on_its_tape_is_an_error_and_leaves_nothing(home, pse):
    ran = pse("--home", home, *by("scripted-contrary", "tape"))
    assert ran.code == 3
    assert "2023-03-06T" in ran.err and "ES" in ran.err and "signal.v1" in ran.err and "--agents record" in ran.err
    assert len(runs(home)) == 1


def test_the_manifest_names_the_chain_the_prompts_and_the_models(home):
    manifest = json.loads((runs(home)[0] / "manifest.json").read_text())
    assert manifest["decide"] == "three-pass"
    assert sorted(manifest["prompts"]) == ["executive.v1", "risk.v1", "signal.v1"]
    assert {len(sha256) for sha256 in manifest["prompts"].values()} == {64}
    assert manifest["models"] == {"scripted-honest": "scripted:honest"}


def test_another_judge_is_another_fingerprint_and_another_mode_is_not(home, pse):
    honest = json.loads((runs(home)[0] / "manifest.json").read_text())["fingerprint"]
    again = pse("--home", home, "--json", *by("scripted-honest", "live")).json
    contrary = pse("--home", home, "--json", *by("scripted-contrary")).json
    assert again["fingerprint"] == honest
    assert contrary["fingerprint"] != honest


def test_a_tape_replays_the_same_bytes_with_the_model_at_another_address(home, pse):
    elsewhere = [word for one in ("base_url=http://127.0.0.1:9/v1", "timeout_s=3", "retries=0") for word in ("--set", f"models.scripted-honest.{one}")]
    assert pse("--home", home, *by("scripted-honest", "tape"), *elsewhere).code == 0
    assert kept(runs(home)[1]) == kept(runs(home)[0])


def test_the_decisions_of_a_judged_run_are_logged_a_line_a_pass(home):
    run = runs(home)[0]
    lines = [json.loads(line) for line in (home / "data" / "decisions" / f"{run.name}.jsonl").read_text().splitlines()]
    journal = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    passes = [one for line in journal if line["kind"] == "DELIBERATION" for one in line["body"]["passes"]]
    assert [(line["agent"], line["decision"], line["rationale"]) for line in lines] == [(one["role"], one["verdict"], one["reason"]) for one in passes]
    first = lines[0]
    assert list(first)[:5] == ["ts", "symbol", "agent", "decision", "position"]
    assert first["request"]["messages"][0]["author"] == "user" and first["reply"]["text"].startswith("{")
    assert first["request"]["key"] == passes[0]["request"] and first["prompt_hash"] == f"sha256:{passes[0]['prompt_sha256']}"
    decision = next(line["body"] for line in journal if line["kind"] == "DECISION" and line["body"]["setup_id"] == first["position"]["setup_id"])
    assert first["verdict"]["decision"] == decision["decision"] and first["verdict"]["quantity"] == decision["quantity"]
    fill = next(line["body"] for line in journal if line["kind"] == "FILL" and line["body"]["plan_id"] == decision["plan_id"])
    assert first["fill"]["price"] == fill["price"]
    ends = [(line["body"]["setup_id"], line["body"]["reason"], line["body"]["r"]) for line in journal if line["kind"] == "EXIT"]
    assert sorted({(line["position"]["setup_id"], line["exit"]["reason"], line["exit"]["r"]) for line in lines if line["exit"]}) == sorted(ends)
    assert first["market"]["CLOSE"] > 0.0


# --- what is refused -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "said"), [
    (("--agents", "oracle"), "rules, tape, record, live"),
    (("--agents", "record", "--set", "desks.futures-smc.decide=rules"), "desks.futures-smc.decide=three-pass"),
    (("--agents", "record", "--set", "chains.three-pass.model=claude"), "ANTHROPIC_API_KEY"),
    (("--agents", "live", "--set", "chains.three-pass.model=local", "--set", "models.local.key_env=MY_OWN_KEY"), "MY_OWN_KEY"),
    (("--agents", "record", "--set", "chains.three-pass.model=claud"), "Did you mean claude"),
    (("--agents", "tape", "--fills", "envelope"), "--fills NAME --agents tape"),
    (("--agents", "tape", "--set", "chains.three-pass.passes=[{prompt: signal.v9}]"), "signal.v9"),
])
def test_what_could_never_be_answered_is_refused_before_anything_runs(home, pse, words, said):
    ran = pse("--home", home, "backtest", *DAYS, *words)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert len(runs(home)) == 1


def test_without_the_packages_of_models_the_way_to_install_them_is_told(home, pse, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-nobody-has-this-one")
    ran = pse("--home", home, *by("claude"))
    assert ran.code == 2 and 'pip install "pse-toolkit[llm]"' in ran.err


def test_a_changed_prompt_is_told_by_prove(home, pse):
    """A prompt of home's own with the name of a built-in one is another prompt."""
    text = (REPOSITORY / "prompts" / "risk.v1.md").read_text()
    (home / "prompts").mkdir(exist_ok=True)
    (home / "prompts" / "risk.v1.md").write_text(text + "\nBe bold.\n")
    ran = pse("--home", home, "--json", "prove", "latest")
    assert (ran.code, ran.json["result"]) == (1, "DIFFERENT") and "the prompt risk.v1 changed since" in ran.json["why"][0]


def test_a_changed_decision_log_is_damage(home, pse):
    path = next((home / "data" / "decisions").iterdir())
    path.write_text(path.read_text().replace("APPROVE", "approve", 1))
    ran = pse("--home", home, "--json", "audit", "log", "latest")
    assert ran.code == 1 and [one["file"] for one in ran.json["findings"]] == [str(path)]


# --- what a run comes to -------------------------------------------------------------------------------------------------------------------------


def test_a_judge_that_answers_garbage_holds_every_decision_and_the_run_says_so(home, pse):
    told = pse("--home", home, "--json", *by("scripted-garbage")).json
    judged = told["metrics"]["judged"]
    assert told["trades"] == 0 and set(judged["verdicts"]) == {"HOLD"}
    assert judged["outcomes"] == {"HELD": judged["decisions"]} and sum(judged["held_for"].values()) == judged["decisions"]
    assert "Models failed to answer" in [doubt["title"] for doubt in told["doubts"]]


def test_what_the_models_cost_is_charged_to_the_account_and_told(home, pse):
    """1,000 dollars a million tokens, in and out: the charges of the journal are a thousandth of the tokens that were counted."""
    model, settings = "models.scripted-honest.usd_per_million", {"_in": 1000, "_out": 1000}
    priced = [word for name, value in settings.items() for word in ("--set", f"{model}{name}={value}")]
    priced += ["--set", "budget={usd_per_run: 1000, usd_per_day: 1000}"]
    told = pse("--home", home, "--json", *by("scripted-honest", "live"), *priced, "--report", home / "page.html").json
    judged, run = told["metrics"]["judged"], runs(home)[-1]
    charged = sum(line["body"]["cost_usd"] for line in map(json.loads, (run / "journal.jsonl").read_text().splitlines()) if line["kind"] == "CHARGE")
    assert charged == pytest.approx((judged["input_tokens"] + judged["output_tokens"]) / 1000, abs=1e-4)
    assert judged["cost_usd"] == pytest.approx(charged, abs=1e-5)
    page = (home / "page.html").read_text()
    assert "Net after models" in page and "Judged by three-pass (scripted:honest)" in page
    assert pse("--home", home, "--json", "prove", run.name).json["result"] == "EQUAL"


def test_a_budget_that_is_gone_holds_what_is_left_and_the_run_says_so(home, pse):
    few = ("--set", "budget.calls_per_run=4")
    told = pse("--home", home, "--json", *by("scripted-honest", "live"), *few).json
    assert (told["trial"], told["new_trial"]) == (2, True)           # one fingerprint, another result
    assert pse("--home", home, "--json", *by("scripted-honest", "tape")).json["new_trial"] is False
    judged = told["metrics"]["judged"]
    assert judged["calls"] == 4 and judged["held_for"] == {"BUDGET": judged["decisions"] - 1}
    assert "The budget ran out" in [doubt["title"] for doubt in told["doubts"]]
    assert pse("--home", home, "--json", "prove", told["run_id"]).json["result"] == "EQUAL"


def test_a_stopped_run_goes_on_from_its_tape(home, pse, monkeypatch):
    """Ctrl-C at the third decision: what was answered until then is not asked again."""
    from pse.commands.judging import Judge

    asked = Judge.__call__

    def stopped(self, briefing):
        if self.decisions == 3:
            raise KeyboardInterrupt
        return asked(self, briefing)

    with monkeypatch.context() as patched:
        patched.setattr(Judge, "__call__", stopped)
        ran = pse("--home", home, *by("scripted-contrary"))
    assert ran.code == 130 and "--agents record" in ran.err
    index = home / "data" / "tapes" / "index"
    before = len(list(index.rglob("*.json")))
    whole = pse("--home", home, "--json", *by("scripted-contrary")).json
    spent = json.loads((home / "backtests" / "outputs" / whole["run_id"] / "metrics.json").read_text())["judged"]["calls"]
    assert len(list(index.rglob("*.json"))) - before < spent
    assert pse("--home", home, "--json", "prove", whole["run_id"]).json["result"] == "EQUAL"


def test_paper_asks_the_same_judges_and_writes_the_same_journal(home, pse):
    days = ("--symbol", "ES", "--start", FIRST, "--end", "2023-03-07", "--seed", "42", "--set", "chains.three-pass.model=scripted-honest")
    whole = pse("--home", home, "--json", "backtest", *days, "--agents", "record").json
    paper = pse("--home", home, "--json", "paper", *days, "--agents", "tape")
    assert paper.code == 0, paper.err
    folders = [home / "backtests" / "outputs" / one["run_id"] for one in (whole, paper.json)]
    assert kept(folders[0]) == kept(folders[1])


def test_each_of_several_accounts_is_judged_by_itself(home, pse):
    (home / "configs").mkdir(exist_ok=True)
    (home / "configs" / "settings.yaml").write_text("accounts:\n  small: {capital: 20000}\n")
    ran = pse("--home", home, "--json", *by("scripted-honest"), "--account", "all")
    assert ran.code == 0, ran.err
    assert [row["metrics"]["judged"]["chain"] for row in ran.json["accounts"]] == ["three-pass", "three-pass"]


# --- looking at decisions ------------------------------------------------------------------------------------------------------------------------


def test_the_list_of_decisions_has_those_of_the_journal(home, pse):
    told = pse("--home", home, "--json", "decisions", "list").json
    journal = [json.loads(line) for line in (runs(home)[0] / "journal.jsonl").read_text().splitlines()]
    decided = [line["body"] for line in journal if line["kind"] == "DECISION"]
    assert [(one["id"], one["decision"], one["reason"]) for one in told["decisions"]] == [(one["setup_id"], one["decision"], one["reason"]) for one in decided]
    assert {one["r"] for one in told["decisions"] if one["r"] is not None} <= {line["body"]["r"] for line in journal if line["kind"] == "EXIT"}
    approved = pse("--home", home, "--json", "decisions", "list", "--verdict", "approve", "--symbol", "ES").json["decisions"]
    assert len(approved) == sum(one["decision"] == "APPROVE" for one in decided)
    for words, said in ((("--verdict", "maybe"), "approve, modify, reject, hold"), (("--symbol", "NQ"), "ES")):
        ran = pse("--home", home, "decisions", "list", *words)
        assert ran.code == 2 and said in ran.err


def test_why_tells_the_whole_dialogue_of_a_decision(home, pse):
    one = pse("--home", home, "--json", "decisions", "list", "--verdict", "approve").json["decisions"][0]
    ran = pse("--home", home, "decisions", "why", one["id"][:8])
    assert ran.code == 0
    for word in ("What was shown", "BRIEFING ES", "Signal (scripted-honest, signal.v1) says", "Risk (", "Executive (", "GATES", "DECISION", "ORDER"):
        assert word in ran.out
    told = pse("--home", home, "--json", "decisions", "why", one["id"]).json
    assert [entry["agent"] for entry in told["passes"]] == ["signal", "risk", "executive"]
    none = pse("--home", home, "decisions", "why", "zzz")
    assert none.code == 2 and "pse decisions list" in none.err


def test_nothing_is_told_from_a_decision_log_that_the_run_did_not_write(home, pse):
    one = pse("--home", home, "--json", "decisions", "list").json["decisions"][0]
    path = next((home / "data" / "decisions").iterdir())
    whole = path.read_text()
    lines = [json.loads(line) for line in whole.splitlines()]
    for field, other in (("rationale", "Somebody else wrote this."), ("tokens", 5)):
        path.write_text("".join(json.dumps({**line, field: other}, separators=(",", ":")) + "\n" for line in lines))
        for words in (("why", one["id"]), ("export",), ("export", "--format", "csv")):
            ran = pse("--home", home, "decisions", *words)
            assert ran.code == 3 and "sha256" in ran.err and str(path) in ran.err and "Somebody" not in ran.out
    path.write_text(whole)
    assert pse("--home", home, "decisions", "why", one["id"]).code == 0


def test_a_missing_key_is_answered_with_the_place_where_another_model_is_named(home, pse):
    by_chain = pse("--home", home, *by("claude", "record"))
    assert by_chain.code == 2 and "--set chains.three-pass.model=" in by_chain.err
    named = '[{"prompt":"signal.v1"},{"prompt":"risk.v1","model":"claude"},{"prompt":"executive.v1"}]'
    by_pass = pse("--home", home, *by("scripted-honest", "record"), "--set", f"chains.three-pass.passes={named}")
    assert by_pass.code == 2 and "risk.v1 of the chain three-pass" in " ".join(by_pass.err.split()) and ".model=" not in by_pass.err


def test_each_form_of_an_export_has_a_file_of_its_own(home, pse):
    files = {form: pse("--home", home, "--json", "decisions", "export", "--format", form).json["file"] for form in ("jsonl", "csv", "sft")}
    assert {form: name.partition(runs(home)[0].name)[2] for form, name in files.items()} == {"jsonl": ".jsonl", "csv": ".csv", "sft": ".sft.jsonl"}


def test_decisions_are_exported_whole_as_a_table_and_as_pairs_to_train_on(home, pse):
    log = next((home / "data" / "decisions").iterdir()).read_bytes()
    out = {form: home / f"x.{form}" for form in ("jsonl", "csv", "sft")}
    for form, path in out.items():
        assert pse("--home", home, "decisions", "export", "--format", form, "--out", path).code == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert out["jsonl"].read_bytes() == log
    assert len(out["csv"].read_text().splitlines()) == 1 + len(lines)
    pairs = [json.loads(line) for line in out["sft"].read_text().splitlines()]
    assert len(pairs) == len(lines)
    assert [one["role"] for one in pairs[0]["messages"]] == ["system", "user", "assistant"]
    assert pairs[0]["messages"][1]["content"] == lines[0]["request"]["messages"][0]["text"]
    assert json.loads(pairs[0]["messages"][2]["content"]) == json.loads(lines[0]["reply"]["text"])


def test_what_was_open_in_a_judged_run_and_why_is_told_of_that_run_and_not_of_rules(tmp_path, pse):
    told = judged_home(tmp_path / "home", "scripted-random")
    home, run = tmp_path / "home", runs(tmp_path / "home")[0]
    trades = pl.read_parquet(run / "trades.parquet")
    assert told["trades"] == trades.height > 0
    one = trades.row(0, named=True)
    shown = pse("--home", home, "risk", "portfolio", "latest", "--at", iso((one["ts_entry"] + one["ts_exit"]) // 2), "--json").json
    assert one["setup_id"] in [each["setup_id"] for each in shown["portfolio"]["positions"]]
    decided = [body for _, _, body in records(run / "journal.jsonl", ("DECISION",))]
    assert {body["decision"] for body in decided} > {"HOLD"}
    for body in decided[:8]:
        answer = pse("--home", home, "risk", "explain", "latest", body["setup_id"], "--json").json
        assert (answer["warnings"], answer["decision"]) == ([], body["decision"]), body
    worst = json.loads((run / "portfolio.json").read_text())["worst"]
    assert {each["setup_id"] for each in worst["positions"]} <= {body["setup_id"] for body in decided if body["decision"] in ("APPROVE", "MODIFY")}


def test_a_chain_whose_first_pass_asks_for_data_is_answered_and_replays(tmp_path, pse):
    judged_home(tmp_path / "home", "scripted-random")
    home, words = tmp_path / "home", ("--set", "desks.futures-smc.decide=asking", "--set", "chains.asking.model=scripted-random")
    for agents in ("record", "tape"):
        assert pse("--home", home, "backtest", *DAYS, *words, "--agents", agents).code == 0
    _, first, second = runs(home)
    assert kept(first) == kept(second)
    asked = [question for _, _, body in records(first / "journal.jsonl", ("DELIBERATION",)) for one in body["passes"] for question in one.get("questions", ())]
    assert {one["tool"] for one in asked} >= {"bars", "feature"}
    assert any(not one["refused"] for one in asked)
