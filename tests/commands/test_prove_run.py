"""`pse prove` on real runs: EQUAL when nothing changed, and what changed when something did."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest

from pse.commands.prove import EVERY_BYTE
from tests.commands.stored import FIRST, runs, stored_run

WINDOW = ("--symbol", "ES", "--start", FIRST, "--end", "2023-03-11")


@pytest.fixture
def home(tmp_path):
    stored_run(tmp_path / "home", *WINDOW)
    return tmp_path / "home"


def prove(pse, home):
    ran = pse("--home", home, "--json", "prove", runs(home)[0].name)
    return ran.code, ran.json


def test_a_run_that_is_made_again_is_equal_and_leaves_nothing(home, pse):
    before = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    code, told = prove(pse, home)
    assert (code, told["result"], told["compared"], told["first_difference"]) == (0, "EQUAL", EVERY_BYTE, None)
    after = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    assert [path for path in after if path not in before and path.suffix != ".lock"] == []


def test_bars_that_came_later_do_not_change_the_proof(home, pse):
    """The run's snapshot pins its version: more bars, and corrected ones, are another version."""
    more = pse("--home", home, "-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-03-17", "--end", "2023-03-25", "--seed", 12)
    assert more.code == 0
    assert prove(pse, home)[1]["result"] == "EQUAL"


def correction(home, tmp_path, minutes=600, points=5.0):
    """A CSV that moves closes of stored minutes inside the run's window."""
    frame = pl.concat([pl.read_parquet(path) for path in (home / "data" / "bars").rglob("*.parquet")])
    moment = int(pl.Series([f"{FIRST}T15:00:00"]).str.to_datetime().dt.epoch("ns")[0])
    part = frame.filter(pl.col("ts_open") >= moment).sort("ts_open").head(minutes)
    moved = part.with_columns(pl.col("high") + points, pl.col("close") + points)
    path = tmp_path / "corrected.csv"
    moved.select(time="ts_open", open="open", high="high", low="low", close="close", volume="volume", contract="contract").write_csv(path)
    return path


def test_a_correction_of_stored_bars_is_a_new_version_and_a_new_run_is_another(home, pse, tmp_path):
    path = correction(home, tmp_path)
    ran = pse("--home", home, "--json", "ingest", "--provider", "csv", "--path", path, "--symbol", "ES", "--time-format", "ns", "--stamp", "open")
    assert ran.code == 0 and ran.json["status"] == "updated", ran.err
    assert prove(pse, home)[1]["result"] == "EQUAL"                       # the old run stands on the old version
    again = pse("--home", home, "--json", "backtest", *WINDOW, "--seed", 42).json
    old = json.loads((runs(home)[0] / "manifest.json").read_text())
    assert again["fingerprint"] != old["fingerprint"] and again["snapshot"] != old["snapshot"]


def test_a_stored_file_that_was_edited_is_named_and_nothing_is_proven(home, pse):
    """Somebody moves the prices of a stored file by hand, past the store: a damaged table, exit code 3."""
    for path in (home / "data" / "bars").rglob("*.parquet"):
        frame = pl.read_parquet(path)
        frame.with_columns(pl.col(name) + 1.0 for name in ("open", "high", "low", "close")).write_parquet(path)
    ran = pse("--home", home, "prove", runs(home)[0].name)
    assert ran.code == 3 and path.name in ran.err and "snapshots verify" in ran.err and "EQUAL" not in ran.out


def test_bars_that_changed_in_place_are_different_and_the_series_is_named(home, pse, tmp_path):
    """The run's snapshot says values that the store no longer has at that version: as if the whole table had been swapped."""
    path = correction(home, tmp_path)
    swapped = pse("--home", home, "--json", "ingest", "--provider", "csv", "--path", path, "--symbol", "ES", "--time-format", "ns", "--stamp", "open")
    assert swapped.code == 0, swapped.out
    manifest = json.loads((runs(home)[0] / "manifest.json").read_text())
    pinned = home / "data" / "snapshots" / f"{manifest['snapshot']}.json"
    newest = max((home / "data" / "snapshots").glob("*.json"), key=lambda one: json.loads(one.read_text())["tables"]["bars"]["version"])
    if newest == pinned:
        pytest.fail("the correction made no snapshot of its own")
    document = json.loads(newest.read_text()) | {"id": manifest["snapshot"]}
    pinned.write_text(json.dumps(document))
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT")
    assert any("ES 1m changed" in reason for reason in told["why"]), told["why"]


def test_settings_of_today_do_not_change_the_proof_of_yesterday(home, pse):
    """The manifest carries the settings of the run; configs edited since are not asked."""
    assert pse("--home", home, "-q", "init").code == 0
    path = home / "configs" / "settings.yaml"
    path.write_text(path.read_text().replace("capital: 100000", "capital: 50000"))
    assert prove(pse, home)[1]["result"] == "EQUAL"


def move_close(home, day, hours):
    """Moves the close of one trading day in the frozen sessions, as a corrected calendar would."""
    path, = (home / "data" / "sessions").glob("*.parquet")
    moved = pl.when(pl.col("session_date") == day).then(pl.col("close_ns") + hours * 3_600_000_000_000).otherwise(pl.col("close_ns"))
    pl.read_parquet(path).with_columns(close_ns=moved).write_parquet(path)


def test_sessions_that_changed_are_another_fingerprint_and_the_proof_names_their_calendar(home, pse):
    old = json.loads((runs(home)[0] / "manifest.json").read_text())
    calendar, = old["sessions"]
    move_close(home, 20230309, -3)
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT")
    assert any(f"the sessions of {calendar} changed" in reason for reason in told["why"]), told["why"]
    again = pse("--home", home, "--json", "backtest", *WINDOW, "--seed", 42).json
    assert again["fingerprint"] != old["fingerprint"] and again["snapshot"] == old["snapshot"] and again["new_trial"] is True


def test_sessions_after_the_window_are_no_part_of_the_proof(home, pse):
    move_close(home, 20230314, -3)
    assert prove(pse, home)[1]["result"] == "EQUAL"


def test_an_edited_journal_is_different_at_its_line(home, pse):
    path = runs(home)[0] / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + [lines[5].replace(b'"symbol":"ES"', b'"symbol":"NQ"')] + lines[6:]))
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT") and any("line 6" in reason for reason in told["why"])


def test_a_run_whose_bars_are_gone_says_so(home, pse):
    import shutil

    shutil.rmtree(home / "data" / "bars")
    ran = pse("--home", home, "--json", "prove", runs(home)[0].name)
    assert ran.code in (1, 2, 3) and ran.json["ok"] is False


def test_an_edited_figure_is_found_by_the_audit_and_by_the_proof(home, pse):
    """A figure that nobody computed: the manifest knows the bytes that the run wrote."""
    folder = runs(home)[0]
    figures = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(figures | {"net_usd": 99_999.0}))
    audit = pse("--home", home, "--json", "audit", "log", folder.name)
    assert audit.code == 1 and "metrics.json" in json.dumps(audit.json["findings"])
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT") and "metrics.json" in told["why"][0]


def test_an_edited_position_is_found_and_a_run_from_before_there_was_that_table_is_equal(home, pse):
    folder = runs(home)[0]
    manifest, path = json.loads((folder / "manifest.json").read_text()), folder / "positions.parquet"
    pl.read_parquet(path).with_columns(realised_fifo_usd=pl.lit(5000.0)).write_parquet(path)
    manifest["results"]["positions.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT") and "positions.parquet.realised_fifo_usd[0]" in told["why"][0]
    for name in ("positions.parquet", "lots.parquet"):
        (folder / name).unlink()
        del manifest["results"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert prove(pse, home)[1]["result"] == "EQUAL"


def test_a_table_that_was_edited_with_its_hash_is_still_not_what_the_run_makes(home, pse):
    """Whoever edits a trade and the manifest's hash of the table is found by running it again."""
    folder = runs(home)[0]
    trades = pl.read_parquet(folder / "trades.parquet")
    assert trades.height
    trades.with_columns(net_usd=pl.lit(5000.0)).write_parquet(folder / "trades.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["results"]["trades.parquet"] = hashlib.sha256((folder / "trades.parquet").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert pse("--home", home, "audit", "log", folder.name).code == 0
    code, told = prove(pse, home)
    assert (code, told["result"]) == (1, "DIFFERENT")
    assert told["why"][0].startswith("trades.parquet is not what running it again makes: trades.parquet.net_usd[0]")
