"""`python -m benchmarks [names] [--json]`: the figures, each with what it is against, the ratio, the bar and the peak of memory."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import YARDSTICK, Figure, as_child, in_child, median

GROUPS = {"startup": "startup", "compile": "compiling", "engine": "engine", "backtest": "whole", "features": "arithmetic", "indicators": "indicators",
          "store": "storing",
          "structure": "structure", "audit": "audit", "crossing": "crossing", "tactics": "tactics", "strategies": "strategies", "risk": "risk",
          "judging": "judging", "court": "court", "sweep": "sweeping"}
BUILDS = [("building", {"PSE_BENCH_UNTIL": day}) for day in ("2010-06-15", "2011-11-20", "2014-10-05", "2023-05-10")]     # 0.5, 1, 2 and 5 million minutes
PARTS = {"features": [("features", {}), *BUILDS],         # a group in several processes, each with its own peak of memory
         "sweep": [("sweep", {}), ("sweep", {"PSE_BENCH_BESIDE": "1"})]}
ON_STORE = ("backtest", "features", "store", "tactics")
AGAINST_R = ("backtest", "features", "tactics", "strategies", "sweep")


def main() -> int:
    """Runs the groups that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed as ratios to yardsticks of the same minute and machine.")
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(GROUPS)}; all without a name")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        return child(asked.child, asked.folder)
    if unknown := [name for name in asked.names if name not in GROUPS]:
        parser.error(f"no group named {unknown[0]!r}; there are {', '.join(GROUPS)}")
    with tempfile.TemporaryDirectory(prefix="pse-bench-") as folder:
        figures = run(asked.names or list(GROUPS), Path(folder))
    print(json.dumps([_plain(one) for one in figures], sort_keys=True) if asked.json else table(figures))
    return 0 if all(one.holds is not False for one in figures) else 1


def child(group: str, folder: Path) -> int:
    """One group in this process; the JSON of its figures is the last line on stdout."""
    with contextlib.redirect_stdout(sys.stderr):
        if group == "prepare":
            from benchmarks.made import prepare

            prepare(folder)
            figures = []
        else:
            figures = importlib.import_module(f"benchmarks.{GROUPS.get(group, group)}").measure(folder)
    print(as_child(figures))
    return 0


def run(names: list[str], folder: Path) -> list[Figure]:
    """All figures; the yardstick is measured before and after every group that is held against it, and its median taken."""
    if any(name in ON_STORE for name in names):
        say("making and storing 15 years of minutes ...")
        in_child("prepare", folder)
    figures: list[Figure] = []
    yardsticks: list[float] = []
    for name in names:
        say(f"{name} ...")
        if name in AGAINST_R:
            yardsticks.append(yardstick(folder))
        for part, env in PARTS.get(name, [(name, {})]):
            figures += in_child(part, folder, env)
        if name in AGAINST_R:
            yardsticks.append(yardstick(folder))
    if not yardsticks:
        return figures
    middle = median(yardsticks)
    return [Figure(YARDSTICK, middle, "s", 7 * len(yardsticks), note="median of medians of 7"),
            *(dataclasses.replace(one, base=middle) if one.against == YARDSTICK else one for one in figures)]


def yardstick(folder: Path) -> float:
    from benchmarks.yardstick import ONE_THREAD

    return in_child("yardstick", folder, ONE_THREAD)[0].value


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(figures: list[Figure]) -> str:
    """The figures in columns, and on what they were measured."""
    lines = [("figure", "median", "n", "ratio", "bar", "", "peak MiB", "against / found")]
    lines += [(one.name, f"{one.value:.3g} {one.unit}", str(one.n), f"{one.ratio:.2f}x" if one.ratio is not None else "", _bar(one),
               {None: "", True: "held", False: "MISSED"}[one.holds], f"{one.peak_mib:.0f}" if one.peak_mib else "",
               "; ".join(text for text in (one.against, one.note) if text)) for one in figures]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", f"CPU time; {os.cpu_count()} processors; Python {sys.version.split()[0]}; a ratio is median / median of what it is against"])


def _bar(one: Figure) -> str:
    words = {"ratio": "<= {:g}x", "most": "<= {:g} " + one.unit, "least": ">= {:g} " + one.unit, "mib": "<= {:g} MiB"}
    return ", ".join(words[kind].format(limit) for kind, limit in one.bar.items())


def _plain(one: Figure) -> dict[str, object]:
    return {**dataclasses.asdict(one), "ratio": one.ratio, "holds": one.holds}


if __name__ == "__main__":
    raise SystemExit(main())
