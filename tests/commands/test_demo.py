"""`pse demo`: the whole path in one go, in a folder of its own, labelled as made up."""

import json

import pytest

from tests.commands.stored import runs


@pytest.mark.slow
def test_the_demo_stores_trades_and_reports_a_year_and_doing_it_again_changes_nothing(tmp_path, pse):
    first = pse("--home", tmp_path, "--json", "demo")
    second = pse("--home", tmp_path, "--json", "demo")
    assert (first.code, second.code) == (0, 0) and first.json["synthetic"] is True and first.json["trades"] > 20
    assert first.json["fingerprint"] == second.json["fingerprint"] and first.json["snapshot"] == second.json["snapshot"]
    made = runs(tmp_path / "pse-demo")
    one, two = ((run / "journal.jsonl").read_bytes() for run in made)
    assert one == two
    page = (tmp_path / "pse-demo" / "reports" / "demo.html").read_text()
    assert "synthetic" in page.lower() and len(page) < 2_000_000
    assert json.loads((made[0] / "manifest.json").read_text())["synthetic"] is True
    assert {one.name for one in tmp_path.iterdir()} == {"pse-demo"}


@pytest.mark.slow
def test_another_seed_is_another_market(tmp_path, pse):
    told = [pse("--home", tmp_path / str(seed), "--json", "demo", "--seed", seed).json for seed in (1, 2)]
    assert told[0]["snapshot"] != told[1]["snapshot"] and told[0]["fingerprint"] != told[1]["fingerprint"]
