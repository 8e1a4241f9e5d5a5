"""Clocks, medians and child processes.

A figure is measured in a process of its own, so that its peak of memory is its own; it prints JSON, and whoever started it adds the yardstick.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

YARDSTICK = "R: polars reads 5M rows"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured thing: `value` in `unit`, the median of `n`; `base` is what `against` names, in the same unit, NaN-free or None.

    `bar` holds the ratio at most (`"ratio"`), the value at most (`"most"`) or at least (`"least"`); without one the figure is only reported.
    """

    name: str
    value: float
    unit: str
    n: int
    against: str = ""
    base: float | None = None
    bar: Mapping[str, float] = dataclasses.field(default_factory=dict)
    note: str = ""
    peak_mib: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.base if self.base else None

    @property
    def holds(self) -> bool | None:
        """Whether every bar of the figure is held; None without one."""
        tests = {"ratio": lambda most: self.ratio is not None and self.ratio <= most, "most": lambda most: self.value <= most,
                 "least": lambda least: self.value >= least, "mib": lambda most: self.peak_mib is not None and self.peak_mib <= most}
        return all(tests[kind](limit) for kind, limit in self.bar.items()) if self.bar else None


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of one call, all threads of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def interleaved(rounds: int, *works: Callable[[], Any]) -> list[list[float]]:
    """CPU seconds of each work, `rounds` times in turn, after one turn that does not count."""
    for work in works:
        work()
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            times.append(cpu(work))
    return found


def median(times: list[float]) -> float:
    return float(statistics.median(times))


def command_cpu(command: list[str], env: Mapping[str, str] | None = None) -> float:
    """CPU seconds, user and system, of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def in_child(group: str, folder: Path, env: Mapping[str, str] | None = None) -> list[Figure]:
    """The figures of a group, measured in a process of its own, with its peak of memory."""
    command = [sys.executable, "-m", "benchmarks", "--child", group, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, **(env or {})}, text=True)
    if done.returncode:
        raise SystemExit(f"the benchmark {group} ended with {done.returncode}; what it said stands above")
    answer = json.loads(done.stdout.splitlines()[-1])
    return [Figure(**{**figure, "peak_mib": answer["peak_mib"]}) for figure in answer["figures"]]


def as_child(figures: list[Figure]) -> str:
    """The last line of a child: its figures and the peak of memory, its own or that of a command it ran."""
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = most / (1024.0 if sys.platform != "darwin" else 1024.0**2)
    return json.dumps({"figures": [dataclasses.asdict(figure) for figure in figures], "peak_mib": peak})
