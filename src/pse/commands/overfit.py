"""`pse overfit`: a verdict on any set of runs, or on what a walk-forward left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pse.clock import moment_ns
from pse.commands import overfit_runs as runs
from pse.commands.overfit_runs import Column
from pse.commands.wiring import Answer, Context
from pse.domain.errors import RequestError
from pse.domain.trials import TRIAL_TRADE, session_returns
from pse.research import verdict
from pse.research.court import Evidence, Series, court
from pse.research.deflated import sharpe_of_columns
from pse.store.run_tables import read_object, read_table
from pse.store.runs import ENVELOPE_EQUITY, Run, load_run, metrics_of

if TYPE_CHECKING:
    from rich.console import Console

WALK, STRICT = "wfo", "pessimistic"
WHY = "pse overfit --trials"
MOST_LISTED = 12


@dataclass(frozen=True)
class Asked:
    """What the command line named: runs, or a part of the ledger."""

    names: tuple[str, ...] = ()
    desk: str | None = None
    symbols: tuple[str, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None
    chosen: str | None = None
    trials: int | None = None
    seed: int = 0
    audit: bool = False                          # whether the look-ahead audit is run where none is kept

    @property
    def of_ledger(self) -> bool:
        return self.desk is not None or bool(self.symbols) or self.start_ns is not None or self.end_ns is not None


def run(context: Context, asked: Asked) -> Answer:
    """Hold what was tried against what chance gives; exit code 0 for CREDIBLE alone."""
    _check(asked)
    with context.progress() as progress:
        progress.add_task("judging", total=None)
        walk = _walk_of(context, asked)
        evidence, inputs = _of_columns(context, asked) if walk is None else _of_walk(context, asked, walk)
        found = court(evidence)
    data = {**inputs, **found, "regimes": found["regimes"] or inputs.get("regimes", [])}
    return Answer(data, lambda console: show(console, data), exit_code=0 if found["verdict"] == verdict.CREDIBLE else 1)


def _check(asked: Asked) -> None:
    if asked.names and asked.of_ledger:
        raise RequestError("runs are named, and --desk, --symbol, --start or --end ask for the ledger; expected the one or the other: name the runs, or let "
                           "the ledger say which there were")
    if not asked.names and not asked.of_ledger:
        raise RequestError("nothing is named to judge; expected run ids (`pse runs list` shows them), or --desk, --symbol, --start, --end for every trial that "
                           "the ledger kept")
    if asked.trials is not None and asked.trials < 1:
        raise RequestError(f"--trials {asked.trials}: expected how many configurations were tried, at least 1")


def _walk_of(context: Context, asked: Asked) -> Run | None:
    """The walk-forward that is named alone; among others it would be another kind of thing."""
    found = [load_run(context.home, name) for name in asked.names]
    walks = [one for one in found if one.manifest.command == WALK]
    if not walks:
        return None
    if len(found) > 1:
        raise RequestError(f"run {walks[0].run_id} is a walk-forward, which is judged by itself: `pse overfit {walks[0].run_id}`; expected it alone, or "
                           f"backtests only. To judge its configurations beside backtests, let the ledger say which there were: "
                           f"`pse overfit --desk {walks[0].manifest.desk}`")
    return walks[0]


def _of_walk(context: Context, asked: Asked, walk: Run) -> tuple[Evidence, dict[str, Any]]:
    from pse.commands.overfit_walk import WALK as WALK_FILE
    from pse.commands.overfit_walk import evidence_of_walk

    if asked.chosen is not None:
        raise RequestError(f"--chosen {asked.chosen}: what a walk-forward chose is part of it; leave --chosen out")
    manifest = walk.manifest
    searched = read_object(walk.folder / WALK_FILE)["searched"]            # the sealed end behind it is none of what was chosen among
    count, raised = trials_of(context, manifest.symbols, (moment_ns(searched["start"]), moment_ns(searched["end"])), asked.trials)
    return evidence_of_walk(walk, count, raised)


# --- runs and the ledger ---------------------------------------------------------------------------------------------------------------------------


def _of_columns(context: Context, asked: Asked) -> tuple[Evidence, dict[str, Any]]:
    columns = runs.columns_of_runs(context, asked.names) if asked.names else \
        runs.columns_of_ledger(context, asked.desk, asked.symbols, asked.start_ns, asked.end_ns)
    columns, left = (columns, []) if asked.names else runs.sharing(columns)
    if left:
        context.warn(runs.left_words(columns, left))
    dates, matrix = runs.aligned(columns)
    ratios = sharpe_of_columns(matrix)
    place = runs.chosen_of(context.home, columns, ratios, asked.chosen)
    chosen = columns[place]
    symbols = sorted({symbol for column in columns for symbol in column.symbols})
    count, raised = trials_of(context, symbols, _window(columns), asked.trials)
    others = runs.also_tried(context.home, columns, context.settings.looked_at(symbols), dates) if asked.names else []
    evidence = Evidence(
        dates=dates, matrix=np.column_stack([matrix, *others]), params=[*runs.differing(columns), *({} for _ in others)], chosen=place, stitched=None,
        optimistic=None, folds=[],
        trials=count, sessions_per_year=chosen.per_year, seed=asked.seed, cut=runs.cut_of(context.home, chosen, dates),
        **_of_chosen(context, chosen, dates, asked.audit))
    inputs = {
        "runs": [{"id": column.name, "desk": column.desk, "symbols": list(column.symbols), "trades": column.trades, "sessions": int(column.dates.size),
                  "sharpe": float(ratio * np.sqrt(column.per_year)) if np.isfinite(ratio) else None}
                 for column, ratio in zip(columns, ratios.tolist(), strict=True)],
        "left_out": [{"id": one.name, "sessions": int(one.dates.size)} for one in left],
        "chosen": chosen.name, "chosen_by": "named" if asked.chosen else "best Sharpe ratio", "sessions": int(dates.size), "first": int(dates[0]),
        "last": int(dates[-1]), "trials": evidence.tries, "raised": raised, "seed": asked.seed, "sessions_per_year": chosen.per_year,
        "also_tried": len(others),
    }
    return evidence, inputs


def _window(columns: Sequence[Column]) -> tuple[int | None, int | None]:
    """From the earliest moment that any of them looked at to the latest; None is open."""
    firsts, ends = [column.window[0] for column in columns], [column.window[1] for column in columns]
    return (None if None in firsts else min(one for one in firsts if one is not None),
            None if None in ends else max(one for one in ends if one is not None))


def trials_of(context: Context, symbols: Sequence[str], window: tuple[int | None, int | None], asked: int | None) -> tuple[int, bool]:
    """How many configurations the ledger counts there, and whether a user raised it; `asked` raises it first."""
    from pse.store.ledger import raise_trials, trials_counted

    symbols = context.settings.looked_at(symbols)
    if asked is not None:
        raise_trials(context.home, symbols, window, asked, context.clock.now_ns(), WHY)
    counted = trials_counted(context.home, symbols, window)
    return counted.n, counted.by_user


def _of_chosen(context: Context, chosen: Column, dates: np.ndarray, audit: bool) -> dict[str, Any]:
    """What is known of the chosen one besides its returns, in the words of `Evidence`."""
    bring = {"lookahead": "--audit runs it" if chosen.run is not None else "--audit runs it for a chosen run that is stored",
             "pessimistic": "the same backtest with `--fills envelope` measures it",
             "leakage": "a run decided by rules (`--agents rules`) needs none"}
    found: dict[str, Any] = {"pessimistic": None, "trades": np.zeros(0, TRIAL_TRADE), "trade_count": chosen.trades, "bring": bring,
                             "leakage": None if chosen.decide == "rules" else verdict.NOT_RUN}
    if chosen.run is None:
        return found
    return found | {"trades": runs.trades_of(chosen.run, dates), "trade_count": None, "market": runs.market_of(context, chosen.run),
                    "pessimistic": strict_series(chosen.run, dates, chosen), "lookahead": audit_of(context, chosen.run, audit)}


def strict_series(run: Run, dates: np.ndarray, chosen: Column) -> Series | None:
    """The chosen run under pessimistic fills, where its envelope measured them or they are its own."""
    path, inside = run.folder / ENVELOPE_EQUITY, np.isin(chosen.dates, dates)
    if path.is_file():
        table = read_table(path).filter(pl.col("rule") == STRICT)
        own = session_returns(float(metrics_of(run)["capital_usd"]), table["equity_usd"].to_numpy())
        kept = np.isin(table["session_date"].to_numpy(), dates)
        return Series(table["session_date"].to_numpy()[kept].astype(np.int32), own[kept])
    desk = run.manifest.settings.get("desk")
    fills = chosen.settings.get(f"desks.{desk}.fills") or chosen.settings.get("desk.fills")
    return Series(chosen.dates[inside], chosen.returns[inside]) if fills == STRICT else None


def audit_of(context: Context, run: Run, now: bool) -> str:
    """What the look-ahead audit of the run's desk said, where one is kept; with `now` it is run where none is."""
    from pse.commands.rerun import inputs_of
    from pse.commands.wfo_audit import audited, kept_audit

    word = kept_audit(context.home, run.manifest.settings_hash, run.manifest.snapshot)
    if word != verdict.NOT_RUN or not now:
        return word
    inputs, own = inputs_of(context, run), replace(context)
    vars(own)["settings"] = inputs.settings                # those of the run, not what the folder says now
    found = audited(own, inputs)
    context.note(f"look-ahead audit: {found.word}, {found.text}")
    return found.word


# --- for people ------------------------------------------------------------------------------------------------------------------------------------

MARKS = {True: "yes", False: "NO", None: "?"}
SHOWN = ("sharpe", "sharpe_lo", "sharpe_searched", "expected_max_sharpe", "psr_2014", "dsr_2014", "dsr_2025", "min_track_record_sessions", "min_backtest_years",
         "years", "trials", "trials_effective")


def show(console: Console, data: Mapping[str, Any]) -> None:
    """Verdict, the clause that decided, every clause, and the figures."""
    from pse.commands.grids import show_table
    from pse.commands.wiring import say

    say(console, f"{data['verdict']}: {data['clause']['text']}", "bold")
    console.print()
    show_table(console, ("clause", "met", "measured", "needed", "for"),
               [[verdict.NAMES[one["code"]], MARKS[one["passed"]] if one["applies"] else "-", _measured(one["measured"]), one["needed"], one["decides"]]
                for one in data["clauses"]], (False, False, True, False, False))
    console.print()
    figures = data["figures"]
    show_table(console, ("figure", "value", "of"),
               [[name.replace("_", " "), _measured(figures[name]["value"]),
                 figures[name]["series"]] for name in SHOWN if name in figures], (False, True, False))
    for text in _sentences(data):
        say(console, text)


def _sentences(data: Mapping[str, Any]) -> list[str]:
    found = []
    if (between := data["bootstrap"].get("sharpe")) is not None:
        found.append(f"Sharpe ratio, 95 % interval: {between[0]:.2f} to {between[1]:.2f} (block bootstrap).")
    found += [part["text"] for part in (data["plateau"], data["decay"], data["stability"]) if part.get("word") or part.get("ratio") is not None
              or part.get("distance") is not None]
    if data["pbo"]["value"] is not None:
        found.append(f"PBO {data['pbo']['value']:.2f} over {data['pbo']['splits']:,} splits. {data['pbo']['note']}")
    if "runs" in data:
        found.append(f"Chosen: {data['chosen']} ({data['chosen_by']} of {len(data['runs'])}), {data['sessions']:,} sessions in common, {data['first']} to "
                     f"{data['last']}.")
    if data.get("also_tried"):
        found.append(f"Beside what is named stand {data['also_tried']:,} more that the ledger kept of the same window.")
    return found


def _measured(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_measured(one) for one in value)
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
