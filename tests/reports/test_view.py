"""What a report reads from a run's folder."""

import json

import pytest

from pse.domain.errors import DamagedTable
from pse.reports.doubts import doubts
from pse.reports.view import number, read_run
from tests.reports.make_run import make_run


def record(kind, ts, body):
    return json.dumps({"seq": 0, "ts": ts, "kind": kind, "body": body, "prev": "", "hash": ""}, sort_keys=True, separators=(",", ":")) + "\n"


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, sessions=20)[0]


def test_breakers_come_from_the_journal(run):
    with open(run / "journal.jsonl", "a") as file:
        file.write(record("BREAKER", 1_386_201_600_000_000_000, {"breaker": "equity", "from": "CLOSED", "to": "OPEN", "measured": 89_000.0}))
        file.write(record("BREAKER", 1_386_288_000_000_000_000, {"breaker": "data", "from": "OPEN", "to": "HALF_OPEN"}))
        file.write(record("NOTE", 2, {"what": '"kind":"BREAKER"'}))
    view = read_run(run)
    assert len(view.breakers) == 2
    said = {doubt.title: doubt.text for doubt in doubts(view)}
    assert "It opened at 2013-12-05 00:00 UTC" in said["The equity breaker stayed open"] and "A breaker tripped" not in said


def test_setups_are_found_in_journal_lines_and_only_those_that_were_traded(run):
    view = read_run(run)
    traded = view.trades["setup_id"][1]
    bodies = [{"setup_id": name, "evidence": {"poi": [1.0, 2.0]}} for name in ("never traded", traded)]
    (run / "recommendations.json").write_text(json.dumps([{"kind": "SETUP", "ts": 1, "body": body} for body in bodies]))
    assert view.setups == {traded: bodies[1]}
    (run / "recommendations.json").unlink()
    assert read_run(run).setups == {}


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff"])
def test_a_file_that_is_no_json_object_is_named(run, name, content):
    (run / name).write_bytes(content)
    with pytest.raises(DamagedTable, match=name.replace(".", r"\.")):
        read_run(run)


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), (None, None), (float("nan"), None), (float("inf"), None), ("1", None), (True, None)])
def test_only_finite_numbers_are_numbers(value, expected):
    assert number(value) == expected
