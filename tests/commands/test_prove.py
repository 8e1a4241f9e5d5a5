"""`pse prove`: EQUAL, or where a run that is made again parts from the one that is stored."""

from __future__ import annotations

import pytest

from pse.commands import prove
from pse.commands.prove import EVERY_BYTE
from pse.domain.errors import NoBars, OutsideError, RequestError
from pse.domain.manifest import Manifest
from pse.store.files import write_json
from pse.store.runs import new_run
from tests.commands.made_runs import CREATED_NS, DATA, context_of, finished_run, manifest, records, write


def replaying(lines, made: Manifest | None = None, manifest_too=True):
    """A backtest that writes these lines, as if with the inputs of `made`."""

    def replay(context, found, folder):
        again = made or found
        if manifest_too:
            write_json(folder / "manifest.json", again.model_dump(mode="json"))
        return write(folder / "journal.jsonl", again, lines)

    return replay


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path)


def proven(context, run, replay):
    answer = prove.run(context, run.run_id, replay)
    answer.show(context.console)
    assert answer.exit_code == (0 if answer.data["result"] == "EQUAL" else 1)
    return answer.data


def test_the_same_bytes_are_equal_and_nothing_is_left_behind(context):
    run = finished_run(context.home)
    found = proven(context, run, replaying(records()))
    assert (found["result"], found["first_difference"], found["compared"]) == ("EQUAL", None, EVERY_BYTE)
    assert list((context.home.state / "scratch").iterdir()) == []
    assert "EQUAL" in context.console.file.getvalue()


def test_the_first_record_and_field_that_differ_are_named_with_both_values(context):
    run = finished_run(context.home)
    found = proven(context, run, replaying(records(entry=5000.5)))
    assert found["result"] == "DIFFERENT"
    assert found["first_difference"] == {"seq": 1, "kind": "SETUP", "ts": 20, "field": "body.entry", "stored": 5000.25, "again": 5000.5}
    assert "stored 5000.25" in context.console.file.getvalue()


@pytest.mark.parametrize(("change", "field", "stored", "again"), [
    (lambda lines: lines[:-1], "line", {"kind": "EXIT", "body": {"reason": "TP1", "r_net": 1.9}}, None),
    (lambda lines: [*lines, ("NOTE", 50, {})], "line", None, {"kind": "NOTE", "body": {}}),
    (lambda lines: [("SESSION", 11, lines[0][2]), *lines[1:]], "ts", 10, 11),
    (lambda lines: [("NOTE", 10, lines[0][2]), *lines[1:]], "kind", "SESSION", "NOTE"),
    (lambda lines: [lines[0], ("SETUP", 20, {**lines[1][2], "gates": [["ratio", True, 2.5, 1.5, "OK"]]}), *lines[2:]], "body.gates[0][2]", 2.0, 2.5),
    (lambda lines: [lines[0], ("SETUP", 20, {**lines[1][2], "extra": None}), *lines[2:]], "body.extra", None, None),
    (lambda lines: [lines[0], ("SETUP", 20, {**lines[1][2], "stop": 4990}), *lines[2:]], "body.stop", 4990.5, 4990)])
def test_every_kind_of_difference_is_placed(context, change, field, stored, again):
    difference = proven(context, finished_run(context.home), replaying(change(records())))["first_difference"]
    assert (difference["field"], difference["stored"], difference["again"]) == (field, stored, again)


def test_changed_bars_are_named_by_series(context):
    run = finished_run(context.home)
    found = proven(context, run, replaying(records(), manifest(data={**DATA, "NQ 1m": "99" * 32})))
    assert found["result"] == "DIFFERENT" and found["first_difference"] is None
    text = " ".join(found["why"])
    assert "only the chain differs" in text and "stored bars of NQ 1m changed" in text and "ES 1m" not in text


def test_changed_code_is_named(context):
    run = finished_run(context.home)
    again = run.manifest.model_copy(update={"code": {"version": "0.2.0", "kernels": "00" * 8}})
    found = proven(context, run, replaying(records(entry=1.0), again))
    assert any(reason.startswith("code changed: ") for reason in found["why"])


def test_on_another_platform_values_are_compared_and_that_is_said(context):
    run = finished_run(context.home, platform="Plan9-mips")
    near = proven(context, run, replaying(records(entry=5000.25 * (1 + 1e-12))))
    assert near["result"] == "EQUAL" and "1e-09" in near["compared"] and any("Plan9-mips" in reason for reason in near["why"])
    far = proven(context, run, replaying(records(entry=5000.25 * (1 + 1e-7))))
    assert far["result"] == "DIFFERENT" and far["first_difference"]["field"] == "body.entry"


def test_on_this_platform_a_last_digit_is_a_difference(context):
    run = finished_run(context.home)
    found = proven(context, run, replaying(records(entry=5000.25 * (1 + 1e-12)), manifest_too=False))
    assert found["result"] == "DIFFERENT" and found["compared"] == "every byte"


def test_a_stored_journal_that_was_changed_is_not_even_run_again(context):
    run = finished_run(context.home)
    run.journal_path.write_bytes(run.journal_path.read_bytes().replace(b"5000.25", b"5000.75"))

    def never(*_):
        raise AssertionError("it ran")

    found = proven(context, run, never)
    assert found["result"] == "DIFFERENT" and found["compared"] == "its own chain" and "line 2" in found["why"][0]


def test_a_run_whose_bars_are_gone_is_not_proven(context):
    def gone(*_):
        raise NoBars("no bars of ES 1m are stored")

    found = proven(context, finished_run(context.home), gone)
    assert found["result"] == "DIFFERENT" and "no longer stored" in found["why"][0]


def test_a_failing_store_stays_a_failure_of_the_outside(context):
    def damaged(*_):
        raise OutsideError("version 3 of data/bars is gone")

    with pytest.raises(OutsideError, match="version 3"):
        prove.run(context, finished_run(context.home).run_id, damaged)


def test_a_run_that_never_finished_cannot_be_proven(context):
    run = new_run(context.home, manifest(), CREATED_NS)
    with pytest.raises(RequestError, match="is interrupted; expected a finished one"):
        prove.run(context, run.run_id, replaying(records()))
