"""`pse models`: what there is, and what a model is good for."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pse.commands.asked_models import prompt_for

SECRET = "not-a-real-key-4711"


def test_models_are_listed_with_their_keys_prices_and_who_asks_them(pse, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "models.yaml").write_text(
        "models:\n  mine: {provider: openai-compatible, model: m, base_url: 'http://127.0.0.1:1/v1', usd_per_million_in: 1.5, usd_per_million_out: 4}\n")
    ran = pse("--json", "models", "list", "--set", "chains.one-pass.model=mine")
    found = {one["name"]: one for one in ran.json["models"]}
    assert ran.code == 0 and SECRET not in ran.out
    assert (found["default"]["keys"], found["default"]["key_present"]) == (["OPENAI_API_KEY"], False)
    assert found["groq"]["key_present"] is True and found["mine"]["key_present"] is None
    assert found["mine"]["usd_per_million"] == {"in": 1.5, "out": 4.0} and found["mine"]["chains"] == ["one-pass"]
    assert found["mine"]["where"].startswith("configs/models.yaml, line 2") and found["default"]["where"].startswith("built-in")
    assert found["scripted-honest"]["price_known"] is True


def test_the_list_for_people_names_the_variable_that_is_missing(pse, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    ran = pse("models", "list")
    assert ran.code == 0 and "not set: ANTHROPIC_API_KEY" in " ".join(ran.out.split())


def marks(answer):
    return {one["name"]: one["passed"] for one in answer["marks"]}


def test_an_honest_model_is_certified_and_its_certificate_kept(pse, tmp_path):
    ran = pse("--json", "models", "certify", "scripted-honest")
    assert ran.code == 0 and ran.json["passed"] is True and ran.json["cases"] == 100 and ran.json["bill"]["usd"] == 0.0
    kept = json.loads((tmp_path / "data/state/certificates/scripted-honest").glob("*.json").__next__().read_text())
    assert kept["marks"] == ran.json["marks"] and kept["prompt_sha256"] == ran.json["prompt_sha256"]
    listed = {one["name"]: one["certificate"] for one in pse("--json", "models", "list").json["models"]}
    assert listed["scripted-honest"] == {"passed": True, "created": kept["created"], "of_this_model": True} and listed["default"] is None
    other = {one["name"]: one for one in pse("--json", "models", "list", "--set", "models.scripted-honest.model=random").json["models"]}
    assert other["scripted-honest"]["certificate"]["of_this_model"] is False          # graded as another model than it is now


@pytest.mark.parametrize(("name", "missed"), [
    ("scripted-obedient", {"shrinks only", "injections", "oversold only"}), ("scripted-random", {"shrinks only", "injections", "oversold only"}),
    ("scripted-garbage", {"readable", "contract"})])
def test_a_bad_model_misses_the_marks_that_it_should(pse, name, missed):
    ran = pse("--json", "models", "certify", name)
    assert ran.code == 1 and ran.json["passed"] is False
    assert missed <= {mark for mark, passed in marks(ran.json).items() if not passed}
    assert ran.json["wrong"] and all(one["why"] for one in ran.json["wrong"])


def test_a_certificate_is_made_again_from_the_tape_alone(pse):
    first = pse("--json", "models", "certify", "scripted-random").json
    again = pse("--json", "models", "certify", "scripted-random", "--agents", "tape").json
    assert (again["marks"], again["wrong"]) == (first["marks"], first["wrong"])
    missing = pse("models", "certify", "scripted-honest", "--agents", "tape")
    assert missing.code == 3 and "--agents record" in missing.err


def test_a_model_that_cannot_be_reached_is_not_graded(pse, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ran = pse("models", "certify", "default")
    assert ran.code == 3 and "OPENAI_API_KEY" in ran.err
    assert not (tmp_path / "data/state/certificates").exists()


def test_a_budget_that_is_spent_is_a_missed_mark_and_not_a_bug(pse):
    ran = pse("--json", "models", "certify", "scripted-honest", "--set", "budget.calls_per_run=10")
    assert ran.code == 1 and ran.json["bill"]["failed"] == 90 and marks(ran.json)["replies"] is False


def test_two_models_are_held_against_each_other(pse):
    ran = pse("--json", "models", "compare", "scripted-honest", "scripted-random")
    assert ran.code == 0 and ran.json["agreement"]["trials"] == 100
    assert len(ran.json["differences"]) == 100 - ran.json["agreement"]["hits"]
    assert pse("models", "compare", "scripted-honest", "scripted-honest").code == 2


@pytest.mark.parametrize(("own", "kind", "taken"), [("alpha.v1", "executive", "executive.v1"), ("executive.v2", "executive", "executive.v2"),
                                                    ("auditor.v2", "audit", "auditor.v2"), ("aaa.v7", "audit", "auditor.v1")])
def test_models_are_graded_and_asked_for_reviews_with_the_newest_prompt_of_the_usual_role(tmp_path, own, kind, taken):
    role, _, version = own.partition(".v")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / f"{own}.md").write_text(f"---\nrole: {role}\nanswer: {kind}\nversion: {version}\nsummary: mine\n---\nMine.\n")
    assert prompt_for(SimpleNamespace(home=SimpleNamespace(root=tmp_path)), kind).name == taken


@pytest.mark.parametrize(("script", "flips"), [("flipping:0", 0), ("flipping:1", 0)])
def test_a_model_that_always_says_the_same_has_no_flips(pse, tmp_path, script, flips):
    ran = pse("--json", "models", "stability", "mine", "--n", 4, "--questions", 3, "--config", own(tmp_path, script))
    assert ran.code == 0 and ran.json["flips"]["hits"] == flips and ran.json["agreement"] == 1.0
    assert [one["counts"] for one in ran.json["questions"]][0] == {{"flipping:0": "approve", "flipping:1": "reject"}[script]: 4}


def test_flips_of_an_unsteady_model_are_told_with_their_interval(pse, tmp_path):
    ran = pse("--json", "models", "stability", "mine", "--n", 20, "--questions", 5, "--config", own(tmp_path, "flipping:0.2"))
    found = ran.json
    assert found["flips"]["trials"] == 100 and found["flips"]["low"] < 0.2 < found["flips"]["high"] and 0 < found["kappa"] < 1
    counted = sum(sum(one["counts"].values()) - max(one["counts"].values()) for one in found["questions"])
    assert counted == found["flips"]["hits"] and found["bill"]["calls"] == 100


def own(folder, script):
    path = folder / "mine.yaml"
    path.write_text(f"models:\n  mine: {{provider: scripted, model: '{script}'}}\n")
    return path


@pytest.mark.parametrize("words", [("certify", "scripted-honst"), ("certify", "scripted-honest", "--agents", "rules"),
                                   ("stability", "scripted-honest", "--n", 1), ("stability", "scripted-honest", "--questions", 101)])
def test_what_cannot_be_asked_is_refused(pse, words):
    ran = pse("models", *words)
    assert ran.code == 2 and ("scripted-honest" in ran.err or "expected" in ran.err or "not one of" in ran.err)
