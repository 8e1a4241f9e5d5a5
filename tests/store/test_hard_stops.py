"""Two writers, a kill in the middle, a full disk: nothing is lost and nothing half written.  Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pse.domain.errors import Busy, DiskFull
from pse.store import snapshots, tables
from pse.store.layout import Home
from pse.store.reading import need_bars, read_bars, series_index
from tests.store.made import data_files, minutes, store

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from pse.store.layout import Home
from tests.store.made import minutes, store
home = Home(Path(sys.argv[1]))
print("ready", flush=True)
{body}
"""
ROOT = os.getcwd()


def writer(home: Home, body: str, *words: str) -> subprocess.Popen[str]:
    code = WRITER.format(root=ROOT, body=body)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, str(home.root), *words], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def sound(home: Home) -> bool:
    """Whether the newest version reads, and its note says what its values say."""
    index = series_index(home, need_bars(home), "ES", "1m")
    rows = read_bars(home, "ES", "1m")
    return len(rows) == index.rows and not snapshots.verify(home, snapshots.list_all(home)) and rows["ts_open"].is_sorted()


def test_two_processes_that_ingest_at_once_lose_nothing(home: Home):
    body = "\n".join(["which = int(sys.argv[2])", "frame = minutes('2024-03-12T15:00', 240, seed=5)",
                      "for part in range(6):", "    at = (2 * part + which) * 20", "    store(home, frame[at:at + 20])"])
    both = [writer(home, body, str(which)) for which in (0, 1)]
    for process in both:
        err = process.communicate(timeout=60)[1]
        assert process.returncode == 0, err
    frame = minutes("2024-03-12T15:00", 240, seed=5)
    assert read_bars(home, "ES", "1m")["close"].to_list() == frame["close"].to_list() and sound(home)
    assert store(home, frame).status == "unchanged"


@pytest.mark.parametrize("after_ms", [pytest.param(2, marks=pytest.mark.slow), 20, pytest.param(90, marks=pytest.mark.slow)])
def test_a_kill_in_the_middle_leaves_the_last_version_readable(home: Home, after_ms: int):
    store(home, minutes("2024-03-12T15:00", 60))
    process = writer(home, "for day in range(1, 200):\n    store(home, minutes(f'2024-0{1 + day % 9}-{1 + day % 27:02d}T15:00', 400, seed=day))")
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 30
    while need_bars(home).version() < 3 and time.monotonic() < deadline:            # it is writing
        time.sleep(0.002)
    time.sleep(after_ms / 1000)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert sound(home)
    result = store(home, minutes("2024-12-12T15:00", 60))                            # and the next ingest works
    assert result.new_rows == 60 and sound(home)


def test_a_kill_between_commit_and_note_is_mended_by_the_next_reader(home: Home):
    store(home, minutes("2024-03-12T15:00", 60))
    body = "import os\nfrom pse.store import index\nindex.write_note = lambda *given: os._exit(9)\nstore(home, minutes('2024-03-12T16:00', 60, seed=2))"
    process = writer(home, body)
    process.communicate(timeout=30)
    assert process.returncode == 9
    assert len(read_bars(home, "ES", "1m")) == 120 and sound(home)
    assert store(home, minutes("2024-03-12T16:00", 60, seed=2)).status == "unchanged"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="file size limits are a matter of POSIX")
@pytest.mark.parametrize("limit", [pytest.param(1_000, marks=pytest.mark.slow), 20_000])
def test_a_full_disk_is_said_and_the_store_is_as_before(home: Home, limit: int):
    """A limit on the size of files fails the write in the kernel, as a full disk does."""
    store(home, minutes("2024-03-12T15:00", 60))
    before, files = read_bars(home, "ES", "1m"), data_files(home)
    body = f"import resource\nfrom pse.domain.errors import DiskFull\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n" + "\n".join([
        "try:", "    store(home, minutes('2024-03-12T16:00', 20000, seed=2))", "except DiskFull as error:", "    print(error)", "    sys.exit(3)"])
    process = writer(home, body)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3 and "disk took no more bytes" in out, err
    assert read_bars(home, "ES", "1m").equals(before) and data_files(home) == files and sound(home)


def test_no_space_for_the_commit_itself_leaves_the_store_as_before(home: Home, monkeypatch):
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    store(home, minutes("2024-03-12T15:00", 60))
    before, files = read_bars(home, "ES", "1m"), data_files(home)

    def full(*given, **more):
        raise DeltaError("Generic LocalFileSystem error: No space left on device (os error 28)")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", full)
    with pytest.raises(DiskFull, match="unchanged"):
        store(home, minutes("2024-03-12T16:00", 60))
    assert read_bars(home, "ES", "1m").equals(before) and data_files(home) == files


def test_a_lock_that_is_held_for_too_long_is_said(home: Home, monkeypatch):
    monkeypatch.setattr(tables, "LOCK_SECONDS", 0.1)
    body = "from pse.store.tables import writing\nwith writing(home):\n    print('held', flush=True)\n    sys.stdin.read()"
    process = writer(home, body)
    assert process.stdout is not None and [process.stdout.readline() for _ in range(2)] == ["ready\n", "held\n"]
    with pytest.raises(Busy, match="another process"), tables.writing(home, 0.1):
        pass
    process.communicate("")
