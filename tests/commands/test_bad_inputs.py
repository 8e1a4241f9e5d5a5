"""What a stranger gets wrong, through the command line: which code, what is said, and that the store is as it was.

Defects of a row go to quarantine and the rest is stored (code 0); defects of a file, of a name or of a setting refuse the whole (code 2); a damaged
table and a full disk are the outside's (code 3).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.store import tables

HEADER = "time,open,high,low,close,volume"
FIRST = np.datetime64("2024-03-04T15:00:00")                 # a Monday, 09:00 in Chicago, inside a session of the E-mini
MINUTES = 400


def rows(count: int = MINUTES, first: np.datetime64 = FIRST) -> list[str]:
    """Well-formed minutes on the tick grid of ES, stamped at their opens in UTC."""
    return [f"{first + np.timedelta64(i, 'm')}Z,5100.00,5101.00,5099.00,5100.{25 * (i % 4):02d},{100 + i}" for i in range(count)]


def text(lines: list[str], header: str = HEADER) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


def changed(lines: list[str], at: int, column: int, value: str) -> None:
    """Put a value into one cell of `lines`."""
    cells = lines[at].split(",")
    cells[column] = value
    lines[at] = ",".join(cells)


def ingest_words(path: object, *more: object, symbol: str = "ES") -> tuple[object, ...]:
    return ("ingest", "--path", path, "--symbol", symbol, "--stamp", "open", *more)


class Store:
    """A home with some good minutes, and whether it still holds just those; made once a process and copied."""

    made: tuple[Path, dict] | None = None

    def __init__(self, pse, root: Path, kept: Path):
        self.pse, self.root = pse, root
        if Store.made is None:
            (root / "good.csv").write_bytes(text(rows()))
            first = pse(*ingest_words("good.csv"), "--json").json
            assert first["status"] == "created" and first["quarantined"] == 0
            shutil.copytree(root, kept / "home")
            Store.made = (kept / "home", first)
        else:
            shutil.copytree(Store.made[0], root, dirs_exist_ok=True)
        self.first = Store.made[1]
        self.bytes = self._bytes()

    def _bytes(self) -> dict[str, str]:
        found = [path for part in ("bars", "quarantine", "snapshots") for path in (self.root / "data" / part).rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def unchanged(self, ingested: bool = True) -> bool:
        """Same bytes, and after an ingest that was tried the same bars again are the same snapshot and version of the table."""
        if self._bytes() != self.bytes or not ingested:
            return self._bytes() == self.bytes
        again = self.pse(*ingest_words("good.csv"), "--json").json
        return (again["status"], again["snapshot"], again["version"]) == ("unchanged", self.first["snapshot"], self.first["version"])


@pytest.fixture
def store(pse, tmp_path, tmp_path_factory) -> Store:
    return Store(pse, tmp_path, tmp_path_factory.mktemp("kept", numbered=True) if Store.made is None else tmp_path)


def refused(store: Store, code: int, says: tuple[str, ...], *words: object) -> None:
    """The command says all of `says` in one paragraph on stderr, nothing on stdout, and leaves the store as it was."""
    ran = store.pse(*words)
    assert ran.code == code, ran.err
    assert ran.out == "" and ran.err.count("\n") == 1 and "Traceback" not in ran.err, ran.err
    assert [said for said in says if not re.search(said, ran.err)] == [], ran.err
    assert store.unchanged(words[0] == "ingest")


# --- files ---------------------------------------------------------------------------------------------------------------------------------------


def mixed_zones() -> bytes:
    return text(rows()[:200] + [row.replace("Z,", ",") for row in rows()[200:]])


def too_many_bad() -> bytes:
    lines = rows()
    for at, (column, value) in enumerate([(1, "NaN"), (2, "Infinity"), (3, "-Infinity"), (4, ""), (5, "-5")]):
        changed(lines, 50 + at, column, value)
    return text(lines)


FILES = [
    ("no_such.csv", None, (r"no_such\.csv: there is no such file", "--path"), ()),
    ("empty.csv", b"", (r"empty\.csv: the file is empty \(0 bytes\)", "--path"), ()),
    ("header.csv", text([]), (r"header\.csv: there is a header and no row",), ()),
    ("columns.csv", text(rows(), "time,o1,h1,l1,c1,v1"), (r"columns\.csv: no column for open, high, low, close", "time, o1, h1", "--columns"), ()),
    ("position.csv", text(rows()), (r"position\.csv: --columns open=9 but rows have 6 fields",), ("--columns", "time=0,open=9,high=2,low=3,close=4")),
    ("zones.csv", mixed_zones(), (r"zones\.csv: mixed time zones", "rows 1 and 201", "one way"), ()),
    ("naive.csv", text([row.replace("Z,", ",") for row in rows()]), (r"naive\.csv: times such as .* carry no time zone", "--tz"), ()),
    ("many.csv", too_many_bad(), ("5 of 400 rows for ES are bad", "--max-bad allows 1 %", r"row 52 of many\.csv: a price is not finite"), ()),
    ("hours.csv", text(rows()), ("timeframe '7q'", "1m, 5m"), ("--timeframe", "7q")),
    ("zone.csv", text(rows()), ("--tz Mars/City: there is no such time zone", "America/Chicago"), ("--tz", "Mars/City")),
    ("later.csv", text(rows()), ("no bars of ES from 2030-01-01", "--start and --end"), ("--start", "2030-01-01")),
    ("cut.csv.gz", gzip.compress(text(rows()))[:-500], (r"cut\.csv\.gz: the gzip file is truncated", "fetch it again"), ()),
    ("empty.zip", b"", (r"empty\.zip: the file is empty \(0 bytes\)",), ()),
    ("no.parquet", b"PAR1 and then something else", (r"no\.parquet: the Parquet file is truncated or damaged",), ("--provider", "parquet")),
    ("empty.parquet", b"", (r"empty\.parquet: the file is empty",), ("--provider", "parquet")),
    ("empty.dbn", b"", (r"empty\.dbn: the file is empty",), ("--provider", "databento")),
    ("cut.dbn", b"DBN\x03\xff\x00\x00\x00 and no more", (r"cut\.dbn: the DBN file is truncated in its header",), ("--provider", "databento")),
    ("cut.dbn.zst", bytes.fromhex("28b52ffd") + b"\x00\x58", (r"cut\.dbn\.zst: the packed file is truncated or damaged",), ("--provider", "databento")),
]


@pytest.mark.parametrize(("name", "content", "says", "more"), FILES, ids=[case[0] for case in FILES])
def test_a_file_that_cannot_be_taken_is_named_with_the_mend(store, name, content, says, more):
    if "databento" in more:
        pytest.importorskip("databento_dbn")
    if content is not None:
        Path(name).write_bytes(content)
    refused(store, 2, says, *ingest_words(name, *more))


def test_a_truncated_parquet_file_and_a_truncated_zip_are_named(store):
    pl.read_csv("good.csv", try_parse_dates=True).rename({"time": "ts_open"}).write_parquet("whole.parquet")
    Path("cut.parquet").write_bytes(Path("whole.parquet").read_bytes()[:-300])
    refused(store, 2, (r"cut\.parquet: the Parquet file is truncated",), *ingest_words("cut.parquet", "--provider", "parquet"))
    with zipfile.ZipFile("whole.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write("good.csv")
    Path("cut.zip").write_bytes(Path("whole.zip").read_bytes()[:-200])
    refused(store, 2, (r"cut\.zip: the zip file is truncated",), *ingest_words("cut.zip"))


def test_a_stamp_that_cannot_be_told_is_asked_for(store):
    refused(store, 2, (r"good\.csv: it cannot be told whether a time is the open or the close", "--stamp open or --stamp close"),
            "ingest", "--path", "good.csv", "--symbol", "ES")


# --- rows ----------------------------------------------------------------------------------------------------------------------------------------


def test_bad_rows_go_to_quarantine_each_with_its_reason_and_the_good_ones_are_stored(pse, tmp_path):
    lines = rows(1000)
    for at, column, value in [(100, 2, "NaN"), (101, 1, "Infinity"), (102, 1, "5200.00"), (103, 5, "-5"), (104, 4, "5100.13"), (105, 3, "abc")]:
        changed(lines, at, column, value)
    lines.append(lines[20].replace("5100.00,5101.00", "5100.25,5101.00"))               # the minute of row 20 again, saying something else: both go
    (tmp_path / "rows.csv").write_bytes(text(lines))
    found = pse(*ingest_words("rows.csv"), "--json").json
    assert (found["ok"], found["read"], found["quarantined"], found["rows"]) == (True, 1001, 8, 993)
    kept = [json.loads(line) for line in (tmp_path / found["quarantine"]).read_text().splitlines()]
    reasons = {entry["row"]: entry["reason"] for entry in kept}
    assert sorted(reasons) == [22, 102, 103, 104, 105, 106, 107, 1002]                  # lines of the file, the header is the first
    said = " | ".join(reasons[row] for row in (102, 104, 105, 106, 22))
    assert [word for word in ("finite", "high", "volume", "tick", "disagree|differ|duplicate") if not re.search(word, said)] == [], said


def test_shuffled_rows_and_identical_duplicates_are_counted_and_change_nothing(store):
    lines = rows()
    order = np.random.default_rng(3).permutation(len(lines))
    Path("shuffled.csv").write_bytes(text([lines[i] for i in order] + lines[:7]))
    found = store.pse(*ingest_words("shuffled.csv"), "--json").json
    assert (found["status"], found["duplicates"], found["quarantined"]) == ("unchanged", 7, 0) and found["unsorted"] > 100
    assert found["snapshot"] == store.first["snapshot"] and store.unchanged()


def test_a_file_without_a_good_row_is_refused_even_when_every_bad_row_is_allowed(store):
    Path("none.csv").write_bytes(text([row.replace("5101.00", "NaN") for row in rows()]))
    refused(store, 2, ("none of the 400 rows for ES is good", "nothing was stored"), *ingest_words("none.csv", "--max-bad", 100))


# --- names, ranges and settings ------------------------------------------------------------------------------------------------------------------

REQUESTS = [
    (("ingest", "--path", "good.csv", "--symbol", "EZ"), ("no instrument named 'EZ'", "Did you mean ES")),
    (("ingest", "--path", "good.csv", "--symbol", "../../ES"), (r"symbol '\.\./\.\./ES'", "capital")),
    (("ingest", "--path", "good.csv", "--symbol", "ES/../NQ"), ("symbol 'ES/", "capital")),
    (("ingest", "--path", "good.csv", "--symbol", "MES", "--stamp", "open"), ("MES trades on the bars of ES", "--symbol ES")),
    (("ingest", "--path", "good.csv", "--symbol", "ES", "--provider", "cvs"), ("no provider named 'cvs'", "Did you mean csv")),
    (("ingest", "--symbol", "ES"), ("provider csv reads files", "--path FILE")),
    (("ingest", "--path", "good.csv", "--symbol", "ES", "--stamp", "sideways"), ("--stamp 'sideways'", "open, close")),
    (("backtest", "--symbol", "../ES"), (r"'\.\./ES'", "Did you mean ES")),
    (("backtest", "--symbol", "ES", "--start", "2024-03-05", "--end", "2024-03-04"), ("--start 2024-03-05 is not before --end 2024-03-04",)),
    (("backtest", "--symbol", "ES", "--start", "2024-03-04", "--end", "2024-03-04"), ("is not before",)),
    (("backtest", "--symbol", "ES", "--start", "yesterday"), ("--start 'yesterday' is not a date", "ISO 8601")),
    (("backtest", "--symbol", "ES", "--start", "2025-01-01", "--end", "2025-02-01"), ("ES has stored 1m bars from 2024-03-04T15:00:00Z", "choose another")),
    (("backtest", "--symbol", "ES", "--end", "2024-03-04"), ("none that could be traded from .* to 2024-03-04T00:00:00Z", "choose another")),
    (("paper", "--symbol", "ES", "--start", "2025-01-01"), ("none that could be traded from 2025-01-01T00:00:00Z to the end",)),
    (("backtest", "--symbol", "NQ"), ("no stored 1m bars of NQ", "pse ingest --symbol NQ")),
    (("backtest",), ("no stored 1m bars of NQ|no stored 1m bars of RTY", "--symbol")),
    (("backtest", "--symbol", "ES", "--set", "account.capitl=5"), ("--set account.capitl=5", "there is no setting 'capitl'", "did you mean capital")),
    (("backtest", "--symbol", "ES", "--config", "wrong.yaml"), (r"wrong\.yaml, line 2, account\.capitl", "did you mean capital")),
    (("backtest", "--symbol", "ES", "--config", "nowhere.yaml"), (r"nowhere\.yaml",)),
    (("backtest", "--symbol", "ES", "--desk", "../x"), ("no desk named", "futures-smc")),
    (("backtest", "--symbol", "ES", "--fills", "generous"), ("no fill policy named 'generous'", "conservative, drill, envelope, optimistic, pessimistic")),
    (("backtest", "--symbol", "ES", "--set", "account.currency=EUR"), ("ES is quoted in USD and the account is kept in EUR", "account.currency=USD")),
    (("backtest", "--symbol", "ES", "--report", "data"), ("data is a folder", r"data/report\.html")),
    (("runs", "show", "../../etc"), (r"run id '\.\./\.\./etc'", "no folder")),
    (("report", "../run"), (r"run id '\.\./run'",)),
    (("prove", "../run"), (r"run id '\.\./run'",)),
    (("audit", "log", "../run"), ("there is no log at ../run", "pse runs list")),
    (("snapshots", "show", "../x"), (r"snapshot id '\.\./x'",)),
    (("snapshots", "verify", "../x"), (r"snapshot id '\.\./x'",)),
    (("snapshots", "diff", "../x", "../y"), (r"snapshot id '\.\./x'",)),
    (("sql", "drop table bars"), ("DROP statements are refused", "SELECT")),
    (("sql", "select * from read_csv('good.csv')"), (".",)),
]


@pytest.mark.parametrize(("words", "says"), REQUESTS, ids=[" ".join(words)[:60] for words, _ in REQUESTS])
def test_a_request_that_cannot_be_met_is_answered_with_what_was_found_and_the_mend(store, tmp_path, words, says):
    (tmp_path / "wrong.yaml").write_text("account:\n  capitl: 5\n")
    beside = set(tmp_path.parent.iterdir())
    refused(store, 2, says, *words)
    assert set(tmp_path.parent.iterdir()) == beside and not (tmp_path / "backtests").exists()


def test_the_same_refusal_with_json_is_one_document(store):
    ran = store.pse(*ingest_words("no_such.csv"), "--json")
    assert ran.code == 2 and ran.json["ok"] is False and ran.json["exit_code"] == 2 and "no_such.csv" in ran.json["error"] and store.unchanged()


# --- the outside ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("backtest", "--symbol", "ES"), ("sql", "select sum(close) from bars")], ids=["backtest", "sql"])
def test_a_damaged_data_file_is_named_by_every_command_that_needs_it(store, tmp_path, command):
    file = next((tmp_path / "data" / "bars").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    ran = store.pse(*command)
    assert ran.code == 3 and file.name in ran.err and "Traceback" not in ran.err, ran.err


def test_a_damaged_log_of_the_table_is_named_and_verify_answers_no(store, tmp_path):
    log = sorted((tmp_path / "data" / "bars" / "_delta_log").glob("*.json"))[-1]
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) // 2])
    for words in (("backtest", "--symbol", "ES"), ingest_words("good.csv")):
        ran = store.pse(*words)
        assert ran.code == 3 and "_delta_log" in ran.err and "Traceback" not in ran.err, ran.err
    assert store.pse("snapshots", "verify").code in (1, 3)
    log.write_bytes(whole)
    assert store.unchanged()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="file size limits are a matter of POSIX")
def test_a_full_disk_is_said_and_nothing_is_half_stored(store, tmp_path):
    """A limit on the size of files fails the write in the kernel, as a full disk does."""
    (tmp_path / "more.csv").write_bytes(text(rows(1200, FIRST + np.timedelta64(7, "D"))))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); from pse.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run([sys.executable, "-c", limited, *map(str, ingest_words("more.csv"))], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                         check=False)
    assert ran.returncode == 3 and "disk" in ran.stderr and "Traceback" not in ran.stderr, ran.stderr
    assert store.unchanged()


@pytest.mark.slow
def test_two_ingests_at_once_lose_nothing(pse, tmp_path):
    halves = [rows(600)[:300], rows(600)[300:]]
    running = []
    for name, lines in zip(("a.csv", "b.csv"), halves, strict=True):
        (tmp_path / name).write_bytes(text(lines))
        command = [sys.executable, "-m", "pse", *map(str, ingest_words(name))]
        running.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for process in running:
        err = process.communicate(timeout=60)[1]
        assert process.returncode == 0, err
    (tmp_path / "both.csv").write_bytes(text(rows(600)))
    again = pse(*ingest_words("both.csv"), "--json").json
    assert (again["status"], again["rows"]) == ("unchanged", 600)


def test_an_ingest_that_finds_another_writer_for_too_long_says_so(store, monkeypatch):
    from pse.store.layout import Home

    monkeypatch.setattr(tables, "LOCK_SECONDS", 0.05)
    Path("more.csv").write_bytes(text(rows(60, FIRST + np.timedelta64(7, "D"))))
    with tables.writing(Home(store.root)):
        ran = store.pse(*ingest_words("more.csv"))
    assert ran.code == 3 and "another process" in ran.err and "run the command again" in ran.err
    assert store.unchanged()


def test_a_home_that_cannot_be_written_is_the_outside_s_fault(pse, tmp_path):
    if os.geteuid() == 0:
        (tmp_path / "data").write_text("a file where the folder should be")
    else:
        tmp_path.chmod(0o500)
    source = tmp_path.parent / "good-elsewhere.csv"
    source.write_bytes(text(rows()))
    try:
        ran = pse(*ingest_words(source))
    finally:
        tmp_path.chmod(0o700)
        source.unlink()
    assert ran.code == 3 and "Traceback" not in ran.err and str(tmp_path / "data") in ran.err, ran.err
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
