"""What the court of `pse wfo` says of worlds whose edge is known: how often it believes a random walk, and how often an edge of so much.

Each world is five years of made-up days, stored like any others and put through the whole command: search, folds, fills, ledger, court.
An edge is named by the Sharpe ratio a year that the mean configuration of the search has after costs, measured with the same
engine over centuries of the same process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import worlds
from pse.research.bootstrap import wilson

YEARS, FOLDS = 5, 6
LONG_YEARS, LONG_WORLDS = 50, 8               # the edge of a drift is measured over so many years of so many worlds
EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
NULLS, EACH = 200, 20                            # worlds without an edge, and with each edge
VERDICTS = ("INSUFFICIENT", "OVERFIT", "UNPROVEN", "CREDIBLE")


def context(root: Path) -> Any:
    """A quiet context on a folder whose desk is that of the study."""
    from rich.console import Console

    from pse.commands.wiring import Context
    from pse.store.layout import Home

    return Context(Home(root), Console(file=StringIO()), Console(file=StringIO()), quiet=True, config=worlds.make_home(root))


def stored(root: Path, seed: int, days: int, drift: float, same: Path | None = None) -> Any:
    """The context of a home in which a world's bars are stored.  `same`: what an earlier world left of what is the same in all of them."""
    from pse.commands import ingest

    here, file = context(root), root / "world.parquet"
    if same is not None and same.is_dir():
        shutil.copytree(same, here.home.data, ignore=shutil.ignore_patterns("audit.json"))
    worlds.prices(seed, worlds.weekdays(days), drift).write_parquet(file)
    ingest.run(here, provider="parquet", symbol=worlds.SYMBOL, path=file, timeframe="1d", stamp="open")
    return here


# --- the drift of each edge ----------------------------------------------------------------------------------------------------------------------------

def mean_sharpe(drift: float, seed: int) -> float:
    """Sharpe ratio a year, after costs, of the mean configuration of the search over half a century of a world."""
    from pse.commands.inputs import gather
    from pse.domain.trials import Span
    from pse.engine.bench import Bench
    from pse.engine.varied import varied
    from pse.research.returns import sharpe

    with tempfile.TemporaryDirectory() as folder:
        here = stored(Path(folder), seed, worlds.DAYS_A_YEAR * LONG_YEARS, drift)
        inputs = gather(here, here.settings, (), None, None)
        bench = Bench(inputs.plan, inputs.bars, inputs.context, inputs.start_ns, inputs.end_ns)
        whole = [Span(inputs.start_ns, inputs.end_ns)]
        found = [sharpe(bench.measure(varied(here.settings, inputs.plan, params), whole)[0].returns, worlds.DAYS_A_YEAR) for params in worlds.grid()]
    return float(np.mean([one for one in found if one is not None]))


def calibrated() -> dict[float, float]:
    """The drift of each edge, between those that were measured, rounded to a millionth."""
    drifts = np.arange(0.0, 0.0046, 0.0005)
    earned = [float(np.mean([mean_sharpe(drift, seed) for seed in range(LONG_WORLDS)])) for drift in drifts]
    return {edge: 0.0 if edge == 0.0 else round(float(np.interp(edge, earned, drifts)), 6) for edge in EDGES}


# --- one world through the whole command ---------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Judged:
    """What the court said of one world.  sharpe: a year, out of sample; failed: clauses that were not met."""

    edge: float
    seed: int
    verdict: str
    clause: str
    failed: tuple[str, ...]
    sharpe: float | None
    searched: float | None
    dsr: float | None
    pbo: float | None
    cpu_s: float


def judged(edge: float, seed: int, same: Path) -> Judged:
    """One world, searched and judged as a user would.  `same`: where what the look-ahead audit said of the first world, and the calendar, are kept."""
    from pse.commands.wfo import Asked, run
    from pse.commands.wfo_audit import Audit

    reference = same / "audit.json"
    audit: bool | Audit = Audit(**json.loads(reference.read_text("utf-8"))) if reference.is_file() else True
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="pse-world-") as folder:
        here = stored(Path(folder), seed, worlds.WARMUP + worlds.DAYS_A_YEAR * YEARS, worlds.DRIFT[edge], same)
        told = run(here, asked=Asked(folds=FOLDS, jobs=1, draws=0, audit=audit)).data
        walk = json.loads((here.home.run(told["run_id"]) / "wfo.json").read_text("utf-8"))
        court = walk["court"]
        if not same.is_dir():
            shutil.copytree(here.home.sessions, same / here.home.sessions.relative_to(here.home.data))
            reference.write_text(json.dumps({"word": walk["lookahead"], "text": f"of a world like this one: {walk['lookahead_text']}"}), encoding="utf-8")
    figures = {name: one["value"] for name, one in court["figures"].items()}
    failed = tuple(one["code"] for one in court["clauses"] if one["applies"] and one["passed"] is not True)
    return Judged(edge, seed, court["verdict"], court["clause"]["code"], failed, figures["sharpe"], figures["sharpe_searched"], figures["dsr_2014"],
                  court["pbo"]["value"], time.process_time() - began)


def study(nulls: int, each: int, jobs: int) -> list[Judged]:
    """Every world; what was chosen in the first one is audited for look-ahead, and the others take the answer: their desk is the same but for two lengths."""
    from joblib import Parallel, delayed

    with tempfile.TemporaryDirectory(prefix="pse-same-") as folder:
        same = Path(folder) / "same"
        first = judged(EDGES[0], 1, same)
        asked = [(edge, seed) for edge in EDGES for seed in range(1, 1 + (nulls if edge == 0.0 else each)) if (edge, seed) != (EDGES[0], 1)]
        work = (delayed(judged)(edge, seed, same) for edge, seed in asked)
        found = [first]
        for done, one in enumerate(Parallel(n_jobs=jobs, return_as="generator")(work), 1):
            found.append(one)
            if done % 20 == 0:
                print(f"{done} of {len(asked)} worlds", file=sys.stderr)
    return found


def table(found: list[Judged]) -> str:
    """A row an edge: how often each verdict, and the share believed with its 95 % interval."""
    lines = ["| edge (Sharpe a year) | worlds | INSUFFICIENT | OVERFIT | UNPROVEN | CREDIBLE | believed | median Sharpe out of sample |", "|" + "---|" * 8]
    for edge in EDGES:
        own = [one for one in found if one.edge == edge]
        if not own:
            continue
        counts = Counter(one.verdict for one in own)
        low, high = wilson(counts["CREDIBLE"], len(own)) or (0.0, 1.0)
        middle = float(np.median([one.sharpe or 0.0 for one in own]))
        shown = " | ".join(str(counts[word]) for word in VERDICTS)
        lines.append(f"| {edge:g} | {len(own)} | {shown} | {counts['CREDIBLE'] / len(own):.1%} ({low:.1%} to {high:.1%}) | {middle:.2f} |")
    return "\n".join(lines)


def main() -> int:
    """Runs the study, or what its edges are in drift."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description="How often the court believes what has no edge, and what has one.")
    parser.add_argument("--nulls", type=int, default=NULLS, help="random walks")
    parser.add_argument("--each", type=int, default=EACH, help="worlds with each edge")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="every world as JSON")
    parser.add_argument("--calibrate", action="store_true", help="only print the drift of each edge, to be written into worlds.py")
    asked = parser.parse_args()
    if asked.calibrate:
        print(calibrated())
        return 0
    found = study(asked.nulls, asked.each, asked.jobs)
    print(table(found))
    if asked.out is not None:
        asked.out.write_text(json.dumps([asdict(one) for one in found], indent=0, sort_keys=True) + "\n", encoding="utf-8")
    nulls, planted = ([one.verdict == "CREDIBLE" for one in found if one.edge == edge] for edge in (0.0, 2.0))
    return 0 if sum(nulls) <= 0.01 * len(nulls) and sum(planted) >= 0.5 * len(planted) else 1


if __name__ == "__main__":
    sys.exit(main())
