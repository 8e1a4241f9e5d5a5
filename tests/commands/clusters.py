"""A real Dask cluster on loopback for tests: a scheduler and its workers, each a process of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class LoopbackCluster:
    """The scheduler's address and the processes."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


def _started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "dask", *words], stderr=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str], pattern: str) -> str:
    """What a process says of itself, once it does."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found[1] if found.re.groups else found[0]
    raise AssertionError(f"ended without saying {pattern}")


@contextlib.contextmanager
def loopback_cluster(folder: Path, workers: int = 2) -> Iterator[LoopbackCluster]:
    """A scheduler with workers that are ready; all of it ends with the block.  `folder` takes what workers spill."""
    scheduler = _started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    cluster = LoopbackCluster(_told(scheduler, r"Scheduler at:\s+(tcp://\S+)"), scheduler)
    try:
        cluster.workers = [_started("worker", cluster.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                                    "--local-directory", str(folder / str(number))) for number in range(workers)]
        for worker in cluster.workers:
            _told(worker, "Registered to:")
        yield cluster
    finally:
        cluster.end()
