"""`pse paper --route SIM --feed replay`: one closed bar after the other, the same journal as the backtest of the same window."""

from __future__ import annotations

import json

import pytest

from pse.commands.prove import EVERY_BYTE
from pse.store.layout import Home
from pse.store.ledger import trials
from tests.commands.stored import runs, stored_real, stored_synthetic


def both(pse, home, *window):
    """(journal of the backtest, journal of the replay, their answers)."""
    told = []
    for command in (("backtest",), ("paper", "--route", "SIM", "--feed", "replay")):
        ran = pse("--home", home, "--json", *command, "--symbol", "ES", *window)
        assert ran.code == 0, ran.err
        told.append(ran.json)
    journals = [(home / "backtests" / "outputs" / one["run_id"] / "journal.jsonl").read_bytes() for one in told]
    return *journals, told


@pytest.mark.slow
@pytest.mark.parametrize("window", [("--start", "2023-03-08", "--end", "2023-03-10"), ("--start", "2023-03-09T14:02", "--end", "2023-03-09T20:13"),
                                    ("--start", "2023-03-10T20:00", "--end", "2023-03-13T02:00")], ids=["two days", "odd minutes", "over a weekend"])
def test_the_replay_writes_the_bytes_of_the_backtest(tmp_path, pse, window):
    home = stored_synthetic(tmp_path / "home")
    history, replay, told = both(pse, home, *window)
    assert history == replay and history
    assert told[0]["fingerprint"] == told[1]["fingerprint"] and told[0]["run_id"] != told[1]["run_id"]
    for name in ("trades.parquet", "equity.parquet", "metrics.json", "final_decisions.jsonl", "recommendations.json"):
        one, two = ((run / name).read_bytes() for run in runs(home))
        assert one == two, name
    feeds = {json.loads((run / "manifest.json").read_text())["feed"] for run in runs(home)}
    assert feeds == {"history", "replay"}
    assert told[1]["new_trial"] is False                      # the same look at the same data is one trial


def test_a_replay_is_proven_as_a_replay(tmp_path, pse):
    home = stored_synthetic(tmp_path / "home")
    ran = pse("--home", home, "--json", "paper", "--symbol", "ES", "--start", "2023-03-09T14:00", "--end", "2023-03-09T18:00")
    proof = pse("--home", home, "--json", "prove", ran.json["run_id"])
    assert (proof.code, proof.json["result"], proof.json["compared"]) == (0, "EQUAL", EVERY_BYTE)
    assert [one.kind for one in trials(Home(home))] == ["paper"]


@pytest.mark.parametrize("words", [("--route", "IBKR"), ("--feed", "live")])
def test_a_route_or_feed_that_is_not_there_is_refused(tmp_path, pse, words):
    ran = pse("--home", tmp_path, "paper", "--symbol", "ES", *words)
    assert ran.code == 2 and words[0] in ran.err and words[1] in ran.err


def test_another_account_is_another_reference_of_every_order(tmp_path, pse):
    home, window, refs = stored_synthetic(tmp_path / "home"), ("--symbol", "ES", "--start", "2023-03-08", "--end", "2023-03-10"), []
    for account in ("one", "two"):
        ran = pse("--home", home, "--json", "backtest", *window, "--set", f"account.name={account}")
        lines = (home / "backtests" / "outputs" / ran.json["run_id"] / "journal.jsonl").read_text().splitlines()
        refs.append({line["body"]["ref"] for line in map(json.loads, lines) if line["kind"] == "ORDER"})
    assert refs[0] and not refs[0] & refs[1]
    ran = pse("--home", home, "--json", "paper", "--symbol", "ES", "--start", "2023-03-09T14:00", "--end", "2023-03-09T15:00", "--account", "two")
    assert json.loads((home / "backtests" / "outputs" / ran.json["run_id"] / "manifest.json").read_text())["settings"]["account"]["name"] == "two"


@pytest.mark.real
@pytest.mark.slow
def test_eleven_real_sessions_replayed_are_the_bytes_of_their_backtest(real_data, tmp_path, pse):
    home = stored_real(real_data, tmp_path / "home")
    history, replay, _ = both(pse, home, "--start", "2013-10-06", "--end", "2013-12-04")
    assert history == replay and len(history) > 10_000
