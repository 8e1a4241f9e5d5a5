"""Runs on disk: names that stay inside, manifests that say what happened, projections that say what the journal says."""

from __future__ import annotations

import json
import os
import random
import string

import pytest

from pse.domain.errors import BadName, DamagedTable, PseError, UnknownName
from pse.domain.manifest import Manifest, deciding_settings, environment, environment_changes, fingerprint, package_versions, run_name
from pse.domain.records import canonical
from pse.store.layout import Home
from pse.store.runs import (
    checkpoint_of,
    finish_run,
    kinds_of,
    list_runs,
    load_run,
    metrics_of,
    new_run,
    project,
    projection_paths,
    run_ids,
    save,
    scratch,
    stale_projections,
)

NOON = 1_700_000_000_000_000_000
INPUTS = {"data": {"ES 1m": "aa" * 32}, "sessions": {"CME_Equity": "bb" * 32}, "settings": {"desks": {"a": {"risk": 1, "decide": "rules"}}, "account": 5},
          "seed": 1, "start_ns": 0, "end_ns": 9, "anchor_ns": 0}


def manifest(**changes) -> Manifest:
    return Manifest(**{"fingerprint": "0123456789abcdef" * 4, "created": "2023-11-14T22:13:20Z", "command": "backtest", "desk": "futures-smc",
                       "symbols": ("ES",), **changes})


def finished(home):
    run = new_run(home, manifest(), NOON)
    with run.journal() as journal:
        journal.extend([("SETUP", 1, {"id": "a"}), ("PASSED_OVER", 1, {"id": "b"}), ("SETUP", 2, {"id": "c", "why": ',"kind":"DECISION","prev":"'}),
                        ("DELIBERATION", 3, {"id": "a"}), ("DECISION", 4, {"id": "a"})])
    return finish_run(run, journal, "2023-11-14T22:14:00Z", dropped_outside_session=3)


def test_a_run_is_named_by_moment_desk_symbol_and_fingerprint(tmp_path):
    run = new_run(Home(tmp_path), manifest(), NOON)
    assert run.run_id == "20231114-221320-futures-smc-ES-01234567" == run.folder.name
    assert new_run(Home(tmp_path), manifest(), NOON).run_id == run.run_id + "-2"
    assert run_name(NOON, "a/b c" * 9, ("BTC/USDT", "ES"), "f" * 64) == "20231114-221320-a_b_ca_b_ca_b_ca-BTC_USDT.x2-ffffffff"
    assert len(run_name(NOON, "d" * 99, ("S" * 32,) * 12, "f" * 64)) <= 60


def test_a_run_says_whether_it_runs_finished_or_was_interrupted(tmp_path):
    home = Home(tmp_path)
    run = new_run(home, manifest(), NOON)
    assert load_run(home, run.run_id).status == "interrupted"
    with run.journal() as journal:
        journal.append("NOTE", 1, {})
        assert load_run(home, run.run_id).status == "running"
    finish_run(run, journal, "2023-11-14T22:14:00Z")
    assert load_run(home, run.run_id).status == "finished"


def test_an_interrupted_run_is_taken_up_where_it_stopped(tmp_path):
    home, lines = Home(tmp_path), [("NOTE", i, {"i": i}) for i in range(20)]
    whole, cut = new_run(home, manifest(), NOON), new_run(home, manifest(), NOON)
    for run, part in ((whole, lines), (cut, lines[:9])):
        with run.journal() as journal:
            journal.extend(part)
    cut.journal_path.write_bytes(cut.journal_path.read_bytes()[:-5])
    with load_run(home, cut.run_id).journal(repeat=True) as journal:
        journal.extend(lines)
    assert (journal.recovered, journal.cut_bytes > 0) == (8, True)
    assert cut.journal_path.read_bytes() == whole.journal_path.read_bytes()


def test_a_finished_run_holds_what_is_needed_to_check_it(tmp_path):
    home = Home(tmp_path)
    run = finished(home)
    loaded = load_run(home, run.run_id)
    assert loaded.manifest == run.manifest
    assert (loaded.manifest.records, loaded.manifest.dropped_outside_session, loaded.manifest.finished) == (5, 3, "2023-11-14T22:14:00Z")
    checkpoint = checkpoint_of(home, run.run_id)
    assert checkpoint is not None and (checkpoint.records, checkpoint.root) == (5, run.manifest.merkle_root)
    assert (home.ledger / "checkpoints.txt").read_text() == f"{run.run_id} 5 {checkpoint.root}\n"
    assert checkpoint_of(home, "another") is None
    assert kinds_of(run) == {"DECISION": 1, "DELIBERATION": 1, "PASSED_OVER": 1, "SETUP": 2}
    assert metrics_of(run) == {}


def test_projections_are_lines_of_the_journal(tmp_path):
    run = finished(Home(tmp_path))
    lines = run.journal_path.read_bytes().splitlines(keepends=True)
    assert [found["body"]["id"] for found in json.loads((run.folder / "recommendations.json").read_text())] == ["a", "c"]
    assert (run.folder / "final_decisions.jsonl").read_bytes() == lines[4]
    assert (tmp_path / "data" / "decisions" / f"{run.run_id}.jsonl").read_bytes() == lines[3]
    assert stale_projections(run) == []


def test_a_projection_that_was_changed_or_lost_is_named_and_made_again(tmp_path):
    run = finished(Home(tmp_path))
    paths = projection_paths(run)
    paths["decisions"].unlink()
    paths["recommendations.json"].write_text("[]\n")
    assert set(stale_projections(run)) == {paths["decisions"], paths["recommendations.json"]}
    project(run)
    assert stale_projections(run) == []


def test_a_run_without_setups_has_an_empty_list_of_recommendations(tmp_path):
    run = new_run(Home(tmp_path), manifest(), NOON)
    run.journal().close()
    project(run)
    assert (run.folder / "recommendations.json").read_text() == "[]\n"


@pytest.mark.parametrize(("edit", "says"), [
    (lambda text: "", "is not the manifest"), (lambda text: text[:-40], "is not the manifest"), (lambda text: text.replace('"seed"', '"sead"'), "sead"),
    (lambda text: text.replace('"backtest"', "5"), "command"), (lambda text: text.replace("-ES-", "-NQ-"), "found in the folder of"),
    (lambda text: "[1]", "is not the manifest"), (lambda text: text.replace("0,", "NaN,", 1), "is not the manifest")])
def test_a_damaged_manifest_is_a_clear_error(tmp_path, edit, says):
    home = Home(tmp_path)
    run, other = finished(home), finished(home)
    path = run.folder / "manifest.json"
    path.write_text(edit(path.read_text()))
    with pytest.raises(DamagedTable, match=says):
        load_run(home, run.run_id)
    rows = list(list_runs(home))
    assert isinstance(rows[0], tuple) and rows[0][0] == run.run_id
    assert not isinstance(rows[1], tuple) and rows[1].run_id == other.run_id


def test_a_manifest_in_bytes_that_are_no_text_is_a_clear_error(tmp_path):
    run = finished(Home(tmp_path))
    (run.folder / "manifest.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(DamagedTable, match="restore it"):
        load_run(Home(tmp_path), run.run_id)


def test_an_unknown_run_is_told_the_nearest_name(tmp_path):
    run = finished(Home(tmp_path))
    with pytest.raises(UnknownName, match=f"Did you mean {run.run_id}"):
        load_run(Home(tmp_path), run.run_id[:-1] + "x")
    with pytest.raises(UnknownName, match="there are: none"):
        load_run(Home(tmp_path / "empty"), "x")


def hostile_names() -> list[str]:
    draw = random.Random(17)
    fixed = ["", ".", "..", "...", "../x", "..\\x", "/etc/passwd", "a/b", "a\\b", "./a", "a/..", "a/../..", "%2e%2e%2f", "..%2f", "a\0b", "\0", "a\nb", "a b",
             " a", "a ", "~", "~root", "$HOME", "`id`", "a;b", "a|b", "a>b", "CON:", "C:", "C:\\x", "\\\\host\\x", "a:b", "ａ", "‥", "․․",
             "．．/x", "..∕x", "é",
             "\u202e", "\ufeff", "a\u0000", "a" * 65, "a" * 5000, "-" * 65, "*", "?", "[a]", "{a}", "a'", 'a"', "a#", "file:a", "file:///etc/passwd"]
    pieces = ["..", "/", "\\", "\0", ".", "a", "%2f", "\u2215", "~", "\n", " ", ":"]
    while len(fixed) < 200:
        text = "".join(draw.choices(pieces, k=draw.randint(2, 7)))
        if set(text) - set(string.ascii_letters + string.digits + "._-"):
            fixed.append(text)
    return fixed


def test_no_run_id_leads_out_of_the_outputs(tmp_path):
    home = Home(tmp_path / "home")
    finished(home)
    (tmp_path / "manifest.json").write_text("{}")
    before = set(tmp_path.rglob("*"))
    for name in hostile_names():
        with pytest.raises(PseError):
            load_run(home, name)
    assert len(hostile_names()) == 200 and set(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_outputs_is_refused(tmp_path):
    home = Home(tmp_path / "home")
    outside = finished(Home(tmp_path / "elsewhere"))
    home.outputs.mkdir(parents=True)
    (home.outputs / outside.run_id).symlink_to(outside.folder)
    with pytest.raises(BadName, match="leads out of"):
        load_run(home, outside.run_id)
    assert [found[0] for found in list_runs(home) if isinstance(found, tuple)] == [outside.run_id]


def test_stray_files_among_the_runs_are_no_runs(tmp_path):
    home = Home(tmp_path)
    run = finished(home)
    (home.outputs / "notes.txt").write_text("x")
    (home.outputs / "half").mkdir()
    assert run_ids(home) == [run.run_id]


def test_the_scratch_folder_is_gone_afterwards(tmp_path):
    with scratch(Home(tmp_path)) as folder:
        (folder / "x").write_text("x")
    assert not folder.exists()


@pytest.mark.parametrize("change", [{"data": {"ES 1m": "ab" * 32}}, {"sessions": {"CME_Equity": "bc" * 32}}, {"seed": 2}, {"end_ns": 10},
                                    {"anchor_ns": 1}, {"start_ns": None},
                                    {"prompts": {"risk.v1": "aa"}}, {"models": {"risk": "m-2"}}, {"settings": {"desks": {"a": {"risk": 2}}, "account": 5}}])
def test_whatever_decides_a_run_changes_its_fingerprint(change):
    assert fingerprint(**{**INPUTS, **change}) != fingerprint(**INPUTS)


def test_how_a_run_is_driven_does_not_change_its_fingerprint():
    driven = {"desks": {"a": {"risk": 1, "decide": "tape"}}, "account": 5, "route": "SIM", "feed": "replay"}
    assert fingerprint(**{**INPUTS, "settings": driven}) == fingerprint(**INPUTS)
    assert deciding_settings(driven) == {"desks": {"a": {"risk": 1}}, "account": 5}


def test_a_manifest_survives_its_file(tmp_path):
    found = manifest(settings={"a": [1.5, None, {"b": "é"}]}, warm_up={"bars": 60}, packages=package_versions(), notes=("one",))
    run = save(new_run(Home(tmp_path), found, NOON))
    loaded = load_run(Home(tmp_path), run.run_id).manifest
    assert canonical(loaded.model_dump(mode="json")) == canonical(run.manifest.model_dump(mode="json"))


def test_what_changed_around_a_run_is_said_in_words():
    here = environment()
    assert environment_changes(manifest(**here), here) == ()
    other = {**here, "platform": "Plan9-mips", "packages": {**here["packages"], "numba": "0.1"}}
    changes = environment_changes(manifest(**other), here)
    assert changes[0].startswith("platform Plan9-mips -> ") and changes[1] == f"numba 0.1 -> {here['packages']['numba']}"
