"""The folder of a walk-forward from a seed: returns of many configurations, folds, the chosen ones stitched, and the court's answer to them.

Run as a script it writes folders to look at:
python tests/reports/made_wfo.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pse.domain.manifest import Manifest
from pse.domain.trials import TRIAL_TRADE, params_id
from pse.research.court import Evidence, FoldScore, Series, court

CAPITAL, YEAR, FIRST_DAY = 100_000.0, 252.0, 17_899                 # 2019-01-03 in days since 1970
KEYS = ("risk.plan.breakeven_at_r", "tactics.mss_fvg_retest.displacement_atr", "tactics.mss_fvg_retest.expiry_bars", "tactics.mss_fvg_retest.min_gap_atr",
        "risk.plan.trail_atr", "risk.gates.min_reward_r", "risk.gates.max_age_bars", "tactics.mss_fvg_retest.swing", "risk.limits.max_positions",
        "tactics.mss_fvg_retest.buffer_ticks")
def make_wfo(folder: Path, folds: int = 6, candidates: int = 50, edge: float = 0.0, parameters: int = 2, empty_fold: int | None = None,
             nulls: bool = True, text: str = "", sessions: int = 504, scheme: str = "rolling", synthetic: bool = True, seed: int = 7,
             run_id: str = "20261122T014600Z-futures-smc-es-0f0f0f0f") -> Path:
    """Write manifest.json, metrics.json and wfo.json into `folder` and return it.

    edge: daily Sharpe ratio of the best configurations.  nulls False: a court without random entries, paths and haircut.  text: stands wherever a text may.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = wfo(folds, candidates, edge, parameters, empty_fold, nulls, text, sessions, scheme, seed, run_id) | {"synthetic": synthetic}
    manifest = Manifest(run_id=run_id, fingerprint="ab" * 32, status="finished", created="2026-11-22T01:46:00Z", finished="2026-11-22T01:48:00Z",
                        command="wfo", desk=found["desk"], symbols=tuple(found["symbols"]), start=found["window"]["start"], end=found["window"]["end"],
                        seed=found["seed"], snapshot=found["snapshot"], synthetic=synthetic, settings={"account": {"currency": "USD"}},
                        code={"pse-toolkit": "0.1.0"}, python="cpython 3.11", platform="Linux-x86_64")
    metrics = found["stitched"]["figures"] | {"verdict": found["court"]["verdict"]}
    for name, content in (("manifest", manifest.model_dump(mode="json")), ("wfo", found), ("metrics", metrics)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False))
    (folder / "journal.jsonl").write_text("")
    return folder


def wfo(folds: int, candidates: int, edge: float, parameters: int, empty_fold: int | None, nulls: bool, text: str, sessions: int, scheme: str, seed: int,
        run_id: str) -> dict[str, Any]:
    """The document."""
    random = np.random.default_rng(seed)
    days = weekdays(sessions)
    space = space_of(parameters)
    tries = params_of(space, candidates, random, text)
    near = np.array([np.exp(-sum(abs(p[s["key"]] - s["values"][2]) for s in space if s["kind"] == "values") / 2) for p in tries])
    returns = 0.009 * (0.6 * random.standard_normal((sessions, 1)) + 0.8 * random.standard_normal((sessions, len(tries))) + edge * near)
    spans = spans_of(sessions, folds, scheme)
    train = [[figures(returns[rows(a), i]) for a, _ in spans] for i in range(len(tries))]
    test = [[figures(returns[rows(b), i]) for _, b in spans] for i in range(len(tries))]
    picked: list[int | None] = [max(range(len(tries)), key=lambda i: train[i][k]["sharpe"]) for k in range(len(spans))]
    if empty_fold is not None:
        picked[empty_fold] = None
    whole = [figures(returns[:, i]) for i in range(len(tries))]
    chosen = max(range(len(tries)), key=lambda i: whole[i]["sharpe"])
    stitched = stitched_of(returns, days, spans, picked, random, text)
    return {
        "run_id": run_id, "desk": "futures-smc", "symbols": ["ES"], "synthetic": True, "window": {"start": iso(days[0]), "end": iso(days[-1] + 1)},
        "searched": span(days, range(sessions)), "holdout": {"start": iso(days[-1] + 1), "end": iso(days[-1] + 90), "sessions": 60},
        "scheme": scheme, "folds_asked": folds, "train": 3.0, "objective": "sharpe", "method": "random", "seed": seed, "min_trades": 10,
        "trials": len(tries), "ledger_trials": len(tries) + 37, "raised": False, "sessions_per_year": YEAR, "capital_usd": CAPITAL, "currency": "USD",
        "snapshot": "f00dfeed", "parameters": space,
        "folds": [fold(k, days, spans[k], tries, picked[k], train, test, text) for k in range(len(spans))],
        "candidates": [{"id": params_id(p), "params": p, "whole": whole[i], "train": train[i], "test": test[i],
                        "chosen_in": [k + 1 for k, c in enumerate(picked) if c == i],
                        "objective": {"whole": whole[i]["sharpe"], "train": [f["sharpe"] for f in train[i]], "test": [f["sharpe"] for f in test[i]]}}
                       for i, p in enumerate(tries)],
        "chosen": {"id": params_id(tries[chosen]), "params": tries[chosen], "why": text or "best sharpe over the whole searched window",
                   "set": [f"desks.futures-smc.{key}={value}" for key, value in tries[chosen].items()]},
        "stitched": stitched, "court": judged(returns, days, tries, chosen, stitched, folds_of(spans, picked, tries, train, test), nulls, text, random),
        "lookahead": "CLEAN", "lookahead_text": text or "clean on 12 of 12 cuts", "fills": "conservative", "embargo_sessions": 2, "paths": None,
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


def figures(returns: np.ndarray) -> dict[str, Any]:
    """Figures of a series as the objectives give them."""
    spread = returns.std(ddof=1)
    money = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    trades = int(returns.size * 0.6)
    r = returns * 100.0
    year, below = np.sqrt(YEAR), np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    return {"sharpe": round(float(returns.mean() / spread * year), 4), "sortino": round(float(returns.mean() / below * year), 4),
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
        return {"figures": figures(values), "equity": np.round(CAPITAL * np.cumprod(1.0 + values), 2).tolist()}

    dates = [int(str(np.datetime64(int(days[row]), "D")).replace("-", "")) for row in order]
    trades = [{"entry": int(days[row]) * 86_400 * 10**9 + 10**12, "exit": int(days[row]) * 86_400 * 10**9 + 2 * 10**12, "symbol": "ES",
               "tactic": text or "mss_fvg_retest", "direction": "LONG" if row % 2 else "SHORT", "net_usd": round(CAPITAL * taken[row][0], 2),
               "r": round(100 * taken[row][0], 3), "reason": text or "TARGET", "fold": taken[row][1], "ambiguous": False} for row in order[::2]]
    return line(series) | {"dates": dates, "fold": [taken[row][1] for row in order], "pessimistic": line(series - 0.0003 * (series != 0.0)),
                           "optimistic": line(series + 0.0002 * (series != 0.0)), "own": line(own), "trades": trades}


def folds_of(spans: Any, picked: list[int | None], tries: Any, train: Any, test: Any) -> list[FoldScore]:
    return [FoldScore(k + 1, None if i is None else tries[i], None if i is None else train[i][k], None if i is None else test[i][k],
                      np.array([one[k]["sharpe"] for one in train]), np.array([one[k]["sharpe"] for one in test])) for k, i in enumerate(picked)]


def judged(returns: np.ndarray, days: np.ndarray, tries: Any, chosen: int, stitched: Any, scores: list[FoldScore], nulls: bool, text: str,
           random: np.random.Generator) -> dict[str, Any]:
    """The court's answer; with `text` every word of it is that text."""
    dates = np.array([int(iso(day)[:10].replace("-", "")) for day in days], np.int32)
    market = pl.DataFrame({"symbol": "ES", "session_date": dates, "close": 3000.0 * np.cumprod(1.0 + 0.012 * random.standard_normal(dates.size))})
    trades = np.zeros(len(stitched["trades"]), TRIAL_TRADE)
    for name, key in (("entry_ts", "entry"), ("exit_ts", "exit"), ("net", "net_usd"), ("r", "r")):
        trades[name] = [one[key] for one in stitched["trades"]]
    trades["day"] = [int(iso(ts // 86_400 // 10**9)[:10].replace("-", "")) for ts in trades["exit_ts"].tolist()]
    evidence = Evidence(
        dates=dates, matrix=returns, params=tries, chosen=chosen, stitched=series(stitched, stitched["equity"]), trades=trades,
        pessimistic=series(stitched, stitched["pessimistic"]["equity"]), optimistic=series(stitched, stitched["optimistic"]["equity"]), folds=scores,
        trials=len(tries) + 37, sessions_per_year=YEAR, lookahead="CLEAN", market=market,
        nulls=np.column_stack([random.normal(0.0, 0.9, 100), random.normal(0.0, 9_000.0, 100), random.normal(0.0, 0.1, 100), np.full(100, 200.0)]))
    found = court(evidence)
    if not nulls:
        found |= dict.fromkeys(("random_entries", "monte_carlo", "haircut", "spa"))
        found["pbo"] |= dict.fromkeys(("value", "slope"))
    return found if not text else replaced(found, text)


def series(stitched: Any, equity: list[float]) -> Series:
    money = np.array([CAPITAL, *equity])
    return Series(np.array(stitched["dates"], np.int32), money[1:] / money[:-1] - 1.0)


WORDS = ("text", "note", "name", "series", "needed", "why", "way", "convention")


def replaced(tree: Any, text: str) -> Any:
    """The tree with every word of it replaced."""
    if isinstance(tree, dict):
        return {key: text if key in WORDS and isinstance(value, str) else replaced(value, text) for key, value in tree.items()}
    return [text if isinstance(one, str) else replaced(one, text) for one in tree] if isinstance(tree, list) else tree


SAMPLES: dict[str, dict[str, Any]] = {
    "no-edge": {"empty_fold": 2}, "edge": {"edge": 0.3, "sessions": 1260}, "one-parameter": {"parameters": 1, "candidates": 5, "nulls": False},
    "ten-parameters": {"parameters": 10, "candidates": 200, "folds": 12, "sessions": 1260}, "cpcv": {"scheme": "cpcv", "edge": 0.2},
}

if __name__ == "__main__":
    for sample, wanted in SAMPLES.items():
        make_wfo(Path(sys.argv[1]) / sample, **wanted)
