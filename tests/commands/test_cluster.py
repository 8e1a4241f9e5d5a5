"""A Dask cluster as the crew of a search: the same bytes as one machine gives, and nothing lost when a part of it dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pse.commands.cluster import Cluster, checked_address, there
from pse.commands.crew import cluster_crew
from pse.commands.sources import code
from pse.commands.work import packed, parcel, quiet_context
from pse.domain.errors import OutsideError, RequestError
from tests.commands.clusters import LoopbackCluster, loopback_cluster
from tests.commands.test_crew import bytes_of
from tests.commands.workers import measured, slowly, squared, tasks

pytest.importorskip("distributed")


@pytest.fixture
def cluster(tmp_path):
    with loopback_cluster(tmp_path / "spill") as made:
        yield made


def home_of(folder: Path) -> Path:
    """A folder in which the stand-ins' snapshot is to be seen."""
    (folder / "data" / "snapshots").mkdir(parents=True)
    (folder / "data" / "snapshots" / "none.json").write_text("{}")
    return folder


def crew(cluster: LoopbackCluster, home: Path, through) -> Cluster:
    return Cluster(quiet_context(str(home)), cluster.address, through)


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives_also_when_a_worker_is_killed_and_says_when_it_is_gone(cluster, tmp_path):
    home = home_of(tmp_path / "home")
    workers = crew(cluster, home, slowly)
    expected = bytes_of([[measured(number)] for number in range(12)])

    killed: list[int] = []

    def kill_one(done: int) -> None:
        if not killed:
            killed.append(cluster.workers[0].pid)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

    told: list[int] = []
    assert bytes_of(workers.map(tasks(home, range(12)), lambda done: (told.append(done), kill_one(done)))) == expected
    assert killed and told[-1] == 12 and cluster.workers[0].wait() == -signal.SIGKILL

    with pytest.raises(OutsideError, match="(?s)a worker on .* looks for the data in .*elsewhere and finds no such folder; every worker must see the home"):
        workers.map(tasks(tmp_path / "elsewhere", [1]))

    for _ in range(2):                           # in the middle of the work, and for whoever asks again
        with pytest.raises(OutsideError, match="is gone: the connection to its scheduler was lost .* run the same command to go on"):
            workers.map(tasks(home, range(12)), lambda done: cluster.scheduler.kill())
    workers.close()

    begun = time.monotonic()
    with pytest.raises(OutsideError, match=f"no scheduler answers at {cluster.address} within 5 s"):
        cluster_crew(quiet_context(str(home)), cluster.address)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://host", "tcp://host:99999", "tcp://user:word@host:1", "tcp://a:1/x", ""])
def test_what_is_no_address_of_a_scheduler_is_refused_with_the_form_that_is(address):
    with pytest.raises(RequestError, match=r"expected tcp://HOST:PORT") as told:
        checked_address(address)
    assert "user:word" not in str(told.value)


def test_a_cluster_without_the_package_that_speaks_to_it_is_refused_with_the_mend(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r'--cluster needs the package distributed.*pip install "pse-toolkit\[cluster\]"'):
        cluster_crew(quiet_context(str(tmp_path)), "tcp://127.0.0.1:8786")


def test_a_worker_with_another_pse_does_no_work_and_both_are_named(tmp_path):
    [task] = tasks(tmp_path, [1])
    [refused] = there(squared, parcel(packed(task.place), [task]), code() | {"pse": "0.0.1", "features": "0123"})
    assert refused.exit_code == 3
    assert f"pse {code()['pse']} there, 0.0.1 here, features {code()['features']} there, 0123 here;" in refused.text
