"""`pse models`: what there is, and what a model is good for."""

from __future__ import annotations

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
