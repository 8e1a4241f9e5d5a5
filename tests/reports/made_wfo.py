"""The folder of a walk-forward from a seed: returns of many configurations, folds, the chosen ones stitched, and a court's answer in the same shape.

The court's figures here are made, not judged: they only have to look like those of a real one.  Run as a script it writes folders to look at:
python tests/reports/made_wfo.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pse.domain.manifest import Manifest
from pse.domain.trials import params_id

CAPITAL, YEAR, FIRST_DAY = 100_000.0, 252.0, 17_899                 # 2019-01-03 in days since 1970
KEYS = ("risk.plan.breakeven_at_r", "tactics.mss_fvg_retest.displacement_atr", "tactics.mss_fvg_retest.expiry_bars", "tactics.mss_fvg_retest.min_gap_atr",
        "risk.plan.trail_atr", "risk.gates.min_reward_r", "risk.gates.max_age_bars", "tactics.mss_fvg_retest.swing", "risk.limits.max_positions",
        "tactics.mss_fvg_retest.buffer_ticks")
CLAUSES = (
    ("trades", "30 or more", "stitched out of sample", "Enough trades to tell skill from luck."),
    ("track_record", "412", "stitched out of sample", "Sessions against the shortest track record that could show a Sharpe ratio above 0."),
    ("deflated_sharpe", "0.5 or more; 0.95 for CREDIBLE", "chosen configuration, whole searched window", "The Sharpe ratio after the number of tries."),
    ("pbo", "0.5 or less where the chosen one loses out of sample", "all configurations", "How often the best of one half is below the middle of the other."),
    ("spa", "0.05 or less", "all configurations", "Whether the best of all beats cash when its being the best of many is allowed for."),
    ("pessimistic_fills", "above 0", "stitched out of sample, pessimistic fills", "The lower end of the Sharpe ratio under the strictest fills."),
    ("lookahead", "CLEAN", "this desk", "The look-ahead audit of the desk."),
)


def make_wfo(folder: Path, folds: int = 6, candidates: int = 50, edge: float = 0.0, parameters: int = 2, empty_fold: int | None = None,
             nulls: bool = True, text: str = "", sessions: int = 504, scheme: str = "rolling", synthetic: bool = True, seed: int = 7,
             run_id: str = "20261122T014600Z-futures-smc-es-0f0f0f0f", verdict: str | None = None) -> Path:
    """Write manifest.json, metrics.json and wfo.json into `folder` and return it.

    edge: daily Sharpe ratio of the best configurations.  nulls False: a court without random entries.  text: stands wherever a text of others may stand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = wfo(folds, candidates, edge, parameters, empty_fold, nulls, text, sessions, scheme, seed, run_id, verdict) | {"synthetic": synthetic}
    manifest = Manifest(run_id=run_id, fingerprint="ab" * 32, status="finished", created="2026-11-22T01:46:00Z", finished="2026-11-22T01:48:00Z",
                        command="wfo", desk=found["desk"], symbols=tuple(found["symbols"]), start=found["window"]["start"], end=found["window"]["end"],
                        seed=found["seed"], snapshot=found["snapshot"], synthetic=synthetic, settings={"account": {"currency": "USD"}},
                        code={"pse-toolkit": "0.1.0"}, python="cpython 3.11", platform="Linux-x86_64")
    for name, content in (("manifest", manifest.model_dump(mode="json")), ("wfo", found), ("metrics", found["stitched"]["figures"])):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False))
    (folder / "journal.jsonl").write_text("")
    return folder


def wfo(folds: int, candidates: int, edge: float, parameters: int, empty_fold: int | None, nulls: bool, text: str, sessions: int, scheme: str, seed: int,
        run_id: str, verdict: str | None) -> dict[str, Any]:
    """The document."""
    random = np.random.default_rng(seed)
    days = weekdays(sessions)
    space = space_of(parameters)
    tries = params_of(space, candidates, random, text)
    near = np.array([np.exp(-sum(abs(p[s["key"]] - s["values"][2]) for s in space if s["kind"] == "values") / 2) for p in tries])
    returns = 0.009 * (0.6 * random.standard_normal((sessions, 1)) + 0.8 * random.standard_normal((sessions, len(tries))) + edge * near)
    spans = spans_of(sessions, folds, scheme)
    train = [[figures(returns[rows(a), i], random) for a, _ in spans] for i in range(len(tries))]
    test = [[figures(returns[rows(b), i], random) for _, b in spans] for i in range(len(tries))]
    picked: list[int | None] = [max(range(len(tries)), key=lambda i: train[i][k]["sharpe"]) for k in range(len(spans))]
    if empty_fold is not None:
        picked[empty_fold] = None
    whole = [figures(returns[:, i], random) for i in range(len(tries))]
    chosen = max(range(len(tries)), key=lambda i: whole[i]["sharpe"])
    stitched = stitched_of(returns, days, spans, picked, random, text)
    return {
        "run_id": run_id, "desk": "futures-smc", "symbols": ["ES"], "synthetic": True, "window": {"start": iso(days[0]), "end": iso(days[-1] + 1)},
        "searched": span(days, range(sessions)), "holdout": {"start": iso(days[-1] + 1), "end": iso(days[-1] + 90), "sessions": 60, "opened": None},
        "scheme": scheme, "folds_asked": folds, "train": 3.0, "objective": "sharpe", "method": "random", "seed": seed, "min_trades": 10,
        "trials": len(tries), "ledger_trials": len(tries) + 37, "raised": False, "sessions_per_year": YEAR, "capital_usd": CAPITAL, "currency": "USD",
        "snapshot": "f00dfeed", "parameters": space,
        "folds": [fold(k, days, spans[k], tries, picked[k], train, test, text) for k in range(len(spans))],
        "candidates": [{"id": params_id(p), "params": p, "whole": whole[i], "train": train[i], "test": test[i],
                        "chosen_in": [k + 1 for k, c in enumerate(picked) if c == i],
                        "objective": {"whole": whole[i]["sharpe"], "train": [f["sharpe"] for f in train[i]], "test": [f["sharpe"] for f in test[i]]}}
                       for i, p in enumerate(tries)],
        "chosen": {"id": params_id(tries[chosen]), "params": tries[chosen], "why": text or "best sharpe over the whole searched window"},
        "stitched": stitched, "court": court(stitched, whole, chosen, tries, spans, picked, train, test, nulls, text, random, verdict),
    }


def weekdays(count: int) -> np.ndarray:
    days = np.arange(FIRST_DAY, FIRST_DAY + 2 * count + 14)
    return days[(days + 3) % 7 < 5][:count]


def iso(day: int) -> str:
    return f"{np.datetime64(int(day), 'D')}T00:00:00Z"


def span(days: np.ndarray, part: range) -> dict[str, Any]:
    return {"start": iso(days[part[0]]), "end": iso(days[part[-1]] + 1), "sessions": len(part)}


def rows(parts: list[range]) -> np.ndarray:
    return np.concatenate([np.arange(part.start, part.stop) for part in parts])


def space_of(parameters: int) -> list[dict[str, Any]]:
    found = []
    for place, key in enumerate(KEYS[:parameters]):
        values = [1, 2, 3, 4, 5] if place % 3 == 2 else [0.5, 1.0, 1.5, 2.0, 2.5]
        found.append({"key": key, "label": key.rpartition(".")[2].replace("_", " "), "kind": "values", "values": values, "low": None, "high": None,
                      "step": None, "log": False})
    return found


def params_of(space: list[dict[str, Any]], candidates: int, random: np.random.Generator, text: str) -> list[dict[str, Any]]:
    tries: list[dict[str, Any]] = []
    size = int(np.prod([len(s["values"]) for s in space]))
    while len(tries) < min(candidates, size):
        one = {s["key"]: s["values"][int(random.integers(len(s["values"])))] for s in space}
        if text:
            one["tactics.mss_fvg_retest.label"] = text
        if one not in tries:
            tries.append(one)
    return tries


def spans_of(sessions: int, folds: int, scheme: str) -> list[tuple[list[range], list[range]]]:
    if scheme == "cpcv":
        edges = np.linspace(0, sessions, 7).astype(int)
        groups = [range(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
        return [([g for n, g in enumerate(groups) if n not in pair], [groups[n] for n in pair]) for pair in pairs]
    width = sessions // (folds + 3)
    first = sessions - folds * width
    return [([range(0 if scheme == "anchored" else first + k * width - 3 * width, first + k * width - 2)], [range(first + k * width, first + (k + 1) * width)])
            for k in range(folds)]


def figures(returns: np.ndarray, random: np.random.Generator) -> dict[str, Any]:
    """Figures of a series as the objectives give them."""
    spread = returns.std(ddof=1)
    money = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    trades = int(returns.size * 0.6)
    r = returns * 100.0
    return {"sharpe": round(float(returns.mean() / spread * np.sqrt(YEAR)), 4), "sortino": round(float(returns.mean() / spread * np.sqrt(YEAR)) * 1.4, 4),
            "calmar": None, "expectancy_r": round(float(r.mean()), 4), "profit_factor": round(float(r[r > 0].sum() / -r[r < 0].sum()), 4),
            "net_usd": round(CAPITAL * float(money[-1] - 1.0), 2), "trades": trades, "win_rate": round(float((r > 0).mean()), 4),
            "max_drawdown": round(float((money / np.maximum.accumulate(money) - 1.0).min()), 4), "total_return": round(float(money[-1] - 1.0), 4)}


NOTHING = {"sharpe": None, "sortino": None, "calmar": None, "expectancy_r": None, "profit_factor": None, "net_usd": 0.0, "trades": 0, "win_rate": None,
           "max_drawdown": 0.0, "total_return": 0.0}


def fold(k: int, days: np.ndarray, parts: tuple[list[range], list[range]], tries: list[dict[str, Any]], pick: int | None, train: Any, test: Any,
         text: str) -> dict[str, Any]:
    scores = sorted((t[k]["sharpe"] for t in test), reverse=True)
    return {"number": k + 1, "train": [span(days, p) for p in parts[0]], "test": [span(days, p) for p in parts[1]], "candidates": len(tries),
            "chosen": None if pick is None else tries[pick], "in_sample": NOTHING if pick is None else train[pick][k],
            "out_of_sample": NOTHING if pick is None else test[pick][k], "own": {"in_sample": train[0][k], "out_of_sample": test[0][k]},
            "rank_out_of_sample": None if pick is None else [scores.index(test[pick][k]["sharpe"]) + 1, len(tries)],
            "note": text or ("no configuration reached 10 trades in the train window, so nothing was traded" if pick is None else "")}


def stitched_of(returns: np.ndarray, days: np.ndarray, spans: Any, picked: list[int | None], random: np.random.Generator, text: str) -> dict[str, Any]:
    """The test windows one after the other; of combinations the first that tests each session."""
    taken: dict[int, tuple[float, int, float]] = {}
    for k, (_, test) in enumerate(spans):
        for row in rows(test).tolist():
            taken.setdefault(row, (0.0 if picked[k] is None else float(returns[row, picked[k]]), k + 1, float(returns[row, 0])))
    order = sorted(taken)
    series = np.array([taken[row][0] for row in order])
    own = np.array([taken[row][2] for row in order])

    def line(values: np.ndarray) -> dict[str, Any]:
        return {"figures": figures(values, random), "equity": np.round(CAPITAL * np.cumprod(1.0 + values), 2).tolist()}

    dates = [int(str(np.datetime64(int(days[row]), "D")).replace("-", "")) for row in order]
    trades = [{"entry": int(days[row]) * 86_400 * 10**9 + 10**12, "exit": int(days[row]) * 86_400 * 10**9 + 2 * 10**12, "symbol": "ES",
               "tactic": text or "mss_fvg_retest", "direction": "LONG" if row % 2 else "SHORT", "net_usd": round(CAPITAL * taken[row][0], 2),
               "r": round(100 * taken[row][0], 3), "reason": text or "TARGET", "fold": taken[row][1], "ambiguous": False} for row in order[::2]]
    return line(series) | {"dates": dates, "fold": [taken[row][1] for row in order], "pessimistic": line(series - 0.0003),
                           "optimistic": line(series + 0.0002), "own": line(own), "trades": trades}


def court(stitched: Any, whole: Any, chosen: int, tries: Any, spans: Any, picked: Any, train: Any, test: Any, nulls: bool, text: str,
          random: np.random.Generator, verdict: str | None) -> dict[str, Any]:
    sharpe = stitched["figures"]["sharpe"]
    good = sharpe > 1.5
    verdict = verdict or ("CREDIBLE" if good else "OVERFIT")
    measured: tuple[Any, ...] = (len(stitched["trades"]), len(stitched["dates"]), 0.97 if good else 0.31, 0.12 if good else 0.62, 0.02 if good else 0.44,
                                 0.6 if good else -1.2, "CLEAN")
    passed = (True, True, good, good, good, good, None if text else True)
    clauses = [{"code": code, "passed": ok, "measured": value, "needed": needed, "series": series, "text": text or said}
               for (code, needed, series, said), value, ok in zip(CLAUSES, measured, passed, strict=True)]
    decided = next((c for c in clauses if c["passed"] is False), clauses[-1])
    logits = random.normal(2.0 if good else -0.3, 1.2, 12_870)
    counts, edges = np.histogram(logits, 24)
    null = random.normal(0.0, 0.9, 100)
    null_counts, null_edges = np.histogram(null, 16)
    return {
        "verdict": verdict, "clause": {"code": decided["code"], "text": text or "After 87 tries a Sharpe ratio of this size is what luck alone would give."},
        "clauses": clauses,
        "figures": {
            "sharpe": figure(sharpe, "stitched out of sample", None, [sharpe - 1.1, sharpe + 1.0], "Mean over deviation of a session's return, a year."),
            "dsr_2014": figure(measured[2], "chosen, searched window", "2014", None, "Chance that it is above the best of N tries of luck."),
            "dsr_2025": figure(measured[2] - 0.01, "chosen, searched window", "2025", None, "The same, with the variance at the null hypothesis."),
            "expected_max_sharpe": figure(1.3, "all configurations", None, None, "What the best of N tries without any edge would reach."),
            "trials": figure(len(tries) + 37, "ledger", None, None, "Configurations tried on this window, from the ledger."),
            "trials_effective": figure(11.3, "all configurations", None, None, "As many independent tries as these correlated ones are worth."),
            "min_track_record_sessions": figure(None, "stitched out of sample", None, None, text or "No length would do at a Sharpe ratio under 0."),
        },
        "pbo": {"value": measured[3], "oos_loss": 0.4, "oos_loss_chosen": 0.3, "slope": -0.4, "splits": 12_870,
                "histogram": {"edges": edges.round(4).tolist(), "counts": counts.tolist()}, "note": text or "Neighbours that are equally good give 0.5 too."},
        "spa": {"lower": 0.3, "consistent": measured[4], "upper": 0.5, "draws": 1000, "block": 4.0, "text": text or "Against cash."},
        "haircut": {"bonferroni": {"p": 0.4, "sharpe": 0.2, "cut": 0.75}, "holm": {"p": 0.4, "sharpe": 0.2, "cut": 0.7}},
        "bootstrap": {"sharpe": [sharpe - 1.1, sharpe + 1.0], "total_return": [-0.1, 0.3], "max_drawdown": None},
        "monte_carlo": {"shuffle": {"draws": 2000, "drawdown_r": {"p50": 7.1, "p95": 11.9, "p99": 14.0}},
                        "resample": {"draws": 2000, "drawdown_r": {"p50": 8.1, "p95": 13.6, "p99": 17.6}}},
        "random_entries": None if not nulls else {"draws": 100, "beaten": 0.97 if good else 0.4, "p": 0.04 if good else 0.6, "observed": sharpe,
                                                  "histogram": {"edges": null_edges.round(4).tolist(), "counts": null_counts.tolist()}},
        "plateau": {"verdict": "plateau" if good else "spike", "share": 0.8, "median_ratio": 0.9, "worst": 0.4, "text": text or "Four of five neighbours."},
        "stability": {"text": text or "The same value in 4 of 6 folds.", "distance": 0.2},
        "decay": {"folds": [], "slope": 0.1, "ratio": 0.42, "text": text or "Out of sample 42 % of what was seen in sample is left."},
        "regimes": [{"name": text or "UP", "sessions": 200, "trades": 80, "net_usd": 4000.0, "sharpe": 1.1},
                    {"name": "RANGE", "sessions": 80, "trades": 30, "net_usd": -900.0, "sharpe": None}],
        "years": [{"name": "2019", "sessions": 150, "trades": 60, "net_usd": 1200.0, "sharpe": 0.4}],
        "notes": [text or "Leakage audit: no model decided."],
    }


def figure(value: Any, series: str, convention: str | None, interval: Any, text: str) -> dict[str, Any]:
    return {"value": value, "series": series, "convention": convention, "interval": interval, "text": text}


SAMPLES: dict[str, dict[str, Any]] = {
    "no-edge": {"empty_fold": 2}, "edge": {"edge": 0.25}, "one-parameter": {"parameters": 1, "candidates": 5, "nulls": False},
    "ten-parameters": {"parameters": 10, "candidates": 200, "folds": 12, "sessions": 1260}, "cpcv": {"scheme": "cpcv", "edge": 0.2},
}

if __name__ == "__main__":
    for sample, wanted in SAMPLES.items():
        make_wfo(Path(sys.argv[1]) / sample, **wanted)
