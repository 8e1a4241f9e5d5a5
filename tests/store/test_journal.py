"""The journal: every edit is seen, a torn line is recovered, one writer at a time, and a resumed run repeats itself."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time

import pytest

from pse.domain.errors import Busy, DamagedTable, DiskFull
from pse.domain.records import BrokenLine, check
from pse.store import journal as journals
from pse.store.journal import Checkpoint, Journal, JournalDiffers, read, verify

BASE = "f1" * 32


def lines_of(count: int) -> list[tuple[str, int, dict]]:
    draw = random.Random(3)
    bodies = [{"i": i, "price": draw.random() * 5000, "why": "née \"x\"", "list": [True, None, -0.0]} for i in range(count)]
    return [("NOTE" if i % 7 else "GATES", 1_700_000_000_000_000_000 + i, body) for i, body in enumerate(bodies)]


def write(path, lines, **options):
    with Journal(path, BASE, lock=path.with_suffix(".lock"), **options) as journal:
        journal.extend(lines)
    return journal


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, lines_of(200))
    return path


def put(path, lines) -> None:
    path.write_bytes(b"".join(lines))


def test_what_was_written_is_read_back_and_verifies(log):
    found = verify(log, first_prev=BASE)
    assert (found.ok, found.lines, found.first_bad_line) == (True, 200, None)
    records = list(read(log))
    assert [record.seq for record in records] == list(range(200))
    assert records[0].prev == BASE and records[-1].hash == found.head
    assert records[5].body["list"] == [True, None, 0.0]


def test_every_edit_of_a_single_byte_is_detected(log):
    prev = BASE
    for seq, line in enumerate(log.read_bytes().split(b"\n")[:-1]):
        intact = check(line, seq, prev)
        for at in range(len(line)):
            for flip in (1, 2, 4, 8, 16, 32, 64, 128) if seq % 20 == 0 else (1 << at % 8,):
                changed = bytearray(line)
                changed[at] ^= flip
                with pytest.raises(BrokenLine):
                    check(bytes(changed), seq, prev)
        prev = intact


def test_edits_anywhere_in_the_file_are_detected_and_the_line_is_named(log, tmp_path):
    whole, draw, other = log.read_bytes(), random.Random(11), tmp_path / "other.jsonl"
    newlines = [at for at, byte in enumerate(whole) if byte == 10]
    for at in newlines + draw.sample(range(len(whole)), 300):
        changed = bytearray(whole)
        changed[at] ^= draw.choice([1, 2, 4, 8, 16, 32, 64, 128])
        other.write_bytes(changed)
        found = verify(other, first_prev=BASE)
        assert not found.ok and found.first_bad_line in (line_at(whole, at), line_at(whole, at) + 1)


def line_at(whole: bytes, at: int) -> int:
    return whole.count(b"\n", 0, at) + 1


def test_every_deleted_repeated_swapped_or_inserted_line_is_detected(log):
    lines, stranger = log.read_bytes().splitlines(keepends=True), log.with_name("stranger.jsonl")
    write(stranger, [("NOTE", 5, {"not": "ours"})] * 200)
    strange = stranger.read_bytes().splitlines(keepends=True)
    for at in range(200):
        edits = {"deleted": lines[:at] + lines[at + 1:], "repeated": lines[:at + 1] + lines[at:], "inserted": lines[:at] + [strange[at]] + lines[at:],
                 "replaced": lines[:at] + [strange[at]] + lines[at + 1:], "blank": [*lines[:at], b"\n", *lines[at:]]}
        if at < 199:
            edits["swapped"] = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2:]]
        for name, edited in edits.items():
            put(log, edited)
            found = verify(log, first_prev=BASE, records=200)
            assert not found.ok and found.first_bad_line in (at + 1, at + 2), (name, at)


def test_lines_cut_off_the_end_show_against_the_manifest_or_a_checkpoint(log):
    whole = verify(log)
    lines = log.read_bytes().splitlines(keepends=True)
    for keep in (199, 100, 1, 0):
        put(log, lines[:keep])
        assert verify(log, first_prev=BASE).ok                       # the chain alone cannot know
        assert "cut off" in verify(log, first_prev=BASE, records=200).why
        assert "cut off" in verify(log, checkpoint=Checkpoint(200, whole.root)).why
        assert not verify(log, head=whole.head).ok


def test_a_log_that_was_written_anew_shows_against_a_checkpoint(log):
    root = verify(log).root
    log.unlink()
    write(log, [("NOTE", ts, {**body, "i": -1}) for _, ts, body in lines_of(200)])
    assert verify(log, first_prev=BASE, records=200).ok
    assert "written anew" in verify(log, checkpoint=Checkpoint(200, root)).why


def test_a_log_that_grew_after_its_checkpoint_still_fits_it(log):
    root = verify(log).root
    write(log, [("NOTE", 9, {"later": True})])
    assert verify(log, first_prev=BASE, checkpoint=Checkpoint(200, root)).ok
    assert "written anew" in verify(log, checkpoint=Checkpoint(199, root)).why


def test_a_log_on_another_foundation_is_refused(log):
    assert verify(log, first_prev="00" * 32).first_bad_line == 1


def test_a_log_cut_at_any_byte_goes_on_as_if_it_had_never_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(journals.os, "fsync", lambda descriptor: None)           # two thousand of them take long
    path, lines = tmp_path / "journal.jsonl", lines_of(6)
    write(path, lines)
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with Journal(path, BASE, lock=path.with_suffix(".lock")) as journal:
            assert journal.records == journal.recovered == whole[:cut].count(b"\n")
            assert journal.cut_bytes == cut - (whole[:cut].rfind(b"\n") + 1)
            journal.extend(lines[journal.records:])
        assert path.read_bytes() == whole


def test_a_resumed_run_repeats_its_lines_and_then_writes_on(tmp_path):
    path, lines = tmp_path / "journal.jsonl", lines_of(50)
    full = write(path, lines)
    whole = path.read_bytes()
    for cut in (0, 1, 700, len(whole) // 2, len(whole)):
        path.write_bytes(whole[:cut])
        resumed = write(path, lines, repeat=True)
        assert path.read_bytes() == whole
        assert (resumed.head, resumed.records, resumed.root) == (full.head, full.records, full.root)


def test_a_resumed_run_that_says_something_else_is_refused(tmp_path):
    path, lines = tmp_path / "journal.jsonl", lines_of(5)
    write(path, lines)
    whole = path.read_bytes()
    with pytest.raises(JournalDiffers, match="line 3 is not what this run writes there now"):
        write(path, [*lines[:2], ("NOTE", 1, {}), *lines[3:]], repeat=True)
    assert path.read_bytes() == whole


def test_nothing_is_added_behind_a_broken_chain_and_the_line_is_named(log):
    log.write_bytes(log.read_bytes().replace(b'"i":57,', b'"i":58,'))
    before = log.read_bytes()
    with pytest.raises(DamagedTable, match=r"line 58: its hash does not fit its text.*pse audit log"):
        Journal(log, BASE, lock=log.with_suffix(".lock"))
    assert log.read_bytes() == before
    Journal(log.with_name("other.jsonl"), BASE, lock=log.with_suffix(".lock")).close()          # the lock was let go


def test_a_second_writer_is_told_that_there_is_one(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, BASE, lock=tmp_path / "a.lock"):
        with pytest.raises(Busy, match="another pse process"):
            Journal(path, BASE, lock=tmp_path / "a.lock")
        code = ("import sys; from pathlib import Path; from pse.store.journal import Journal; from pse.domain.errors import Busy\n"
                "try: Journal(Path(sys.argv[1]), 'f1' * 32, lock=Path(sys.argv[2]))\nexcept Busy: sys.exit(3)")
        assert subprocess.run([sys.executable, "-c", code, path, tmp_path / "a.lock"], check=False).returncode == 3
    Journal(path, BASE, lock=tmp_path / "a.lock").close()


ENDLESS = """
import itertools, sys
from pathlib import Path
from pse.store.journal import Journal
journal = Journal(Path(sys.argv[1]), "f1" * 32, lock=Path(sys.argv[2]))
for number in itertools.count():
    journal.append("NOTE", number, {"number": number, "text": "x" * 200})
    journal.flush()
    if number == 50:
        print("started", flush=True)
"""


def test_a_killed_writer_leaves_a_log_that_goes_on(tmp_path):
    for attempt in range(2):
        path, lock = tmp_path / f"journal{attempt}.jsonl", tmp_path / "a.lock"
        with subprocess.Popen([sys.executable, "-c", ENDLESS, path, lock], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "started\n"
            time.sleep(0.013 * attempt)
            writer.kill()
        with Journal(path, BASE, lock=lock) as journal:
            journal.append("NOTE", 1, {"after": "the crash"})
        found = verify(path, first_prev=BASE)
        assert found.ok and found.lines == journal.records > 50


def test_a_full_disk_is_said_and_the_log_goes_on_when_there_is_room(tmp_path, monkeypatch):
    path, real = tmp_path / "journal.jsonl", os.write
    room = [1500]

    def write_some(descriptor, content):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = bytes(content[:room[0]]), max(0, room[0] - len(content))
        return real(descriptor, taken)

    monkeypatch.setattr(journals.os, "write", write_some)
    journal = Journal(path, BASE, lock=tmp_path / "a.lock")
    journal.extend(lines_of(30))
    with pytest.raises(DiskFull, match="free some space"):
        journal.sync()
    room[0] = 1 << 30
    journal.close()
    assert verify(path, first_prev=BASE).lines == 30


def test_an_unknown_kind_is_refused(tmp_path):
    with Journal(tmp_path / "j.jsonl", BASE, lock=tmp_path / "a.lock") as journal, pytest.raises(ValueError, match="no kind of record named 'GOSSIP'"):
        journal.append("GOSSIP", 1, {})


def test_secrets_in_free_text_never_reach_the_log(tmp_path):
    secret = "c4n4ry-value-1234"
    path = tmp_path / "journal.jsonl"
    write(path, [("DELIBERATION", 1, {"reply": f"my key is {secret}", "passes": [{"error": "Authorization: Bearer abcdefgh12345678"}]}),
                 ("NOTE", 2, {"text": secret})], redact_text=lambda text: text.replace(secret, "[redacted]").replace("abcdefgh12345678", "[redacted]"))
    assert secret.encode() not in path.read_bytes() and b"abcdefgh12345678" not in path.read_bytes()
    assert verify(path, first_prev=BASE).ok


def test_checking_is_fast_enough_to_be_always_on(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, lines_of(20_000))
    start = time.process_time()
    assert verify(path).lines == 20_000
    assert 20_000 / (time.process_time() - start) > 50_000           # five times as many on an idle core
