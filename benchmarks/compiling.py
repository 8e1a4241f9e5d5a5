"""How long the kernels take to compile on a machine that has never run them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measure import Figure, command_cpu

MOST_S = 30.0


def measure(folder: Path) -> list[Figure]:
    """CPU time of the demo with an empty cache, less the same with a full one."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    env = {"NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "pse", "--home", str(folder / "demo"), "--quiet", "demo"]
    times = []
    for _ in range(2):
        shutil.rmtree(folder / "demo", ignore_errors=True)
        (folder / "demo").mkdir()
        times.append(command_cpu(command, env))
    return [Figure("first-ever compile of all kernels", times[0] - times[1], "s", 1, bar={"most": MOST_S},
                   note=f"`pse demo` {times[0]:.1f} s with an empty cache, {times[1]:.1f} s with a full one")]
