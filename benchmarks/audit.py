"""The look-ahead audit of a made year: every registered feature, the desk's tactics and briefings, at the default cuts."""

from __future__ import annotations

import resource
from pathlib import Path

from benchmarks.made import SYMBOL, context, fetch, store
from benchmarks.measure import Figure

FIRST, LAST = "2022-01-03", "2023-01-03"
MOST_S = 60.0
PROCESSORS = 2


def measure(folder: Path) -> list[Figure]:
    """Seconds on two processors, and on what they went; CPU time of this process and its workers over the processors, so that others do not count."""
    from pse.clock import stopwatch_ns
    from pse.commands.running import gather
    from pse.engine.lookahead import Asked, audit
    from pse.engine.subjects import Subjects
    from pse.registry import FEATURES, resolve
    from pse.research.lookahead.said import History

    store(folder / "year", fetch(folder / "year", FIRST, LAST))
    here = context(folder / "year")
    inputs = gather(here, here.settings, (SYMBOL,), None, None)
    subjects, history = Subjects(inputs.plan, "5m", {name: resolve("feature", name)() for name in FEATURES}), History.of(inputs.bars[0])
    subjects(history)                                        # compiles what is not compiled
    before, started = _cpu(), stopwatch_ns()
    found = audit(subjects, history, Asked(processes=PROCESSORS))
    wall, cpu = (stopwatch_ns() - started) / 1e9, (_cpu() - before) / PROCESSORS
    tries = sum(found.tries.values())
    note = f"{len(found.window)} decision bars of 1m, {len(found.columns)} subjects, {tries} tries, {len(found.findings)} findings; wall {wall:.1f} s"
    return [Figure("audit lookahead of a year of 5m, all features, default cuts", cpu, "s", 1, bar={"most": MOST_S}, note=note)]


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
