"""`pse audit log`."""

from __future__ import annotations

import numpy as np
import pytest

from pse.commands import audit
from pse.domain.errors import RequestError
from pse.store.layout import Home
from pse.store.ledger import Trial, append_trial, trials_path
from tests.commands.made_runs import context_of, finished_run, manifest, write


def findings(context, target) -> list[dict]:
    answer = audit.run_log(context, str(target))
    assert answer.exit_code == (1 if answer.data["findings"] else 0)
    answer.show(context.console)
    return answer.data["findings"]


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path)


@pytest.fixture
def run(context):
    return finished_run(context.home)


def test_a_whole_run_has_no_findings_however_it_is_named(context, run):
    for target in (run.run_id, run.folder, run.journal_path):
        assert findings(context, target) == []
        assert "whole. 7 records" in context.console.file.getvalue()
    answer = audit.run_log(context, run.run_id)
    assert (answer.data["records"], answer.data["head"], answer.data["root"]) == (7, run.manifest.head, run.manifest.merkle_root)


def test_a_changed_price_is_found_and_the_line_named(context, run):
    run.journal_path.write_bytes(run.journal_path.read_bytes().replace(b"4990.5", b"4990.0", 1))
    (found,) = findings(context, run.run_id)
    assert found["line"] == 2 and "was changed" in found["why"] and "NOT whole" in context.console.file.getvalue()


def test_lines_gone_from_the_end_are_found(context, run):
    lines = run.journal_path.read_bytes().splitlines(keepends=True)
    run.journal_path.write_bytes(b"".join(lines[:-2]))
    assert "cut off at the end" in findings(context, run.journal_path)[0]["why"]


def test_a_journal_written_anew_with_its_manifest_shows_against_the_checkpoint(context, run):
    other = finished_run(context.home, lines=[("NOTE", 1, {"nothing": "happened"})])
    for name in ("journal.jsonl", "recommendations.json", "final_decisions.jsonl"):
        (run.folder / name).write_bytes((other.folder / name).read_bytes())
    text = (other.folder / "manifest.json").read_text().replace(other.run_id, run.run_id)
    (run.folder / "manifest.json").write_text(text)
    assert "checkpoint covers 7" in findings(context, run.run_id)[0]["why"]


def test_a_changed_projection_is_found(context, run):
    (run.folder / "final_decisions.jsonl").write_text("")
    (found,) = findings(context, run.run_id)
    assert found["file"].endswith("final_decisions.jsonl") and "does not say what the journal says" in found["why"]


def test_a_missing_journal_is_a_finding(context, run):
    run.journal_path.unlink()
    assert findings(context, run.run_id)[0]["why"] == "the journal is missing"


def test_a_journal_alone_is_checked_by_its_chain(context, tmp_path):
    path = write(tmp_path / "elsewhere" / "log.jsonl", manifest(), [("NOTE", 1, {"a": 1}), ("NOTE", 2, {"a": 2})])
    assert findings(context, path) == []
    path.write_bytes(path.read_bytes()[:-1])
    assert "torn" in findings(context, path)[0]["why"]
    path.write_bytes(b"\x00\xff{}\n")
    assert findings(context, path)[0]["line"] == 1


def test_a_run_folder_of_another_home_is_held_against_its_own_manifest(context, tmp_path):
    foreign = finished_run(Home(tmp_path / "other"))
    lines = foreign.journal_path.read_bytes().splitlines(keepends=True)
    foreign.journal_path.write_bytes(b"".join(lines[:3]))
    assert "its manifest says 7" in findings(context, foreign.journal_path)[0]["why"]


def test_the_trial_ledger_is_audited_by_its_name(context):
    look = Trial(fingerprint="1" * 64, snapshot="ab" * 8, symbols=("ES",), window=(0, 1), settings_hash="cd" * 32, desk="d")
    append_trial(context.home, look, np.array([20240102]), np.array([0.5]), 1)
    assert findings(context, "trials") == []
    trials_path(context.home).write_bytes(trials_path(context.home).read_bytes().replace(b'"trades":0', b'"trades":9'))
    assert findings(context, "trials")[0]["line"] == 1


@pytest.mark.parametrize("target", ["nowhere/journal.jsonl", "journal.jsonl", "../x", "no-such-run", ""])
def test_a_log_that_is_not_there_is_a_wrong_request(context, target):
    with pytest.raises(RequestError):
        audit.run_log(context, target)


def test_the_command_line_answers_with_findings_and_exit_code_one(tmp_path, pse, run):
    whole = pse("audit", "log", run.run_id, "--json")
    assert (whole.code, whole.json["ok"], whole.json["findings"], whole.json["warnings"]) == (0, True, [], [])
    run.journal_path.write_bytes(run.journal_path.read_bytes()[:-1])
    torn = pse("audit", "log", run.run_id, "--json")
    assert (torn.code, torn.json["ok"], torn.json["findings"][0]["line"]) == (1, False, 7)
    proof = pse("prove", run.run_id, "--json")
    assert (proof.code, proof.json["result"], proof.json["first_difference"]) == (1, "DIFFERENT", None)
    assert pse("audit", "log", "no-such-run").code == 2
    assert pse("runs", "list", "--json").json["runs"][0]["run_id"] == run.run_id
    assert pse("runs", "show", run.run_id).code == 0


@pytest.mark.parametrize("name", ["portfolio.json", "envelope.parquet", "envelope_equity.parquet"])
def test_the_file_that_is_not_whole_is_named_and_the_journal_is_not_blamed(context, name):
    run = finished_run(context.home, files={name: b'{"worst": {}, "last": {}}'})
    assert findings(context, run.run_id) == []
    (run.folder / name).write_bytes(b'{"worst": {}')
    (found,) = findings(context, run.run_id)
    said = context.console.file.getvalue()
    assert found["file"].endswith(name) and "NOT whole beside it: " + name in said and "journal.jsonl: NOT whole" not in said


def test_a_cut_portfolio_of_a_run_that_never_noted_its_bytes_is_found_too(context, run):
    (run.folder / "portfolio.json").write_bytes(b'{"worst": {')
    (found,) = findings(context, run.run_id)
    assert found["file"].endswith("portfolio.json") and "no JSON" in found["why"]
