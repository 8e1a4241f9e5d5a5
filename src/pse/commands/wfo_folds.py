"""The test windows of a walk-forward as runs: what was chosen, driven once more with a journal, and what its gates refused there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pse.commands.backtest import whole_window
from pse.commands.inputs import Inputs
from pse.commands.running import drive, without_collector, write_results
from pse.commands.wfo_judged import Chosen, Piece
from pse.domain.bars import Bars
from pse.domain.trials import Measured, Params, Span
from pse.engine.desk import DeskPlan, Mode
from pse.engine.feeds import historical_feed
from pse.engine.prepare import open_markets
from pse.engine.varied import varied, varied_settings
from pse.features.build import Features
from pse.store.journal import Journal
from pse.store.runs import JOURNAL

FOLDS = "folds"
END_REASON = "FOLD_END"
SAME_USD = 0.01                                  # tables round money; more than so much apart is another result


@dataclass(frozen=True)
class FoldRun:
    """A test window that was driven with a journal.  `refused`: what turned setups down, a row each as `Outcome.turned_down` tells."""

    number: int
    fold: int
    records: int
    head: str
    net_usd: float
    trades: int
    refused: list[dict[str, Any]] = field(default_factory=list)

    def note(self) -> dict[str, Any]:
        """The line of the top journal."""
        return {"walk_forward": "test window", "folder": f"{FOLDS}/{self.number}", "fold": self.fold, "records": self.records, "head": self.head,
                "trades": self.trades, "net_usd": round(self.net_usd, 6)}


def fold_runs(inputs: Inputs, chosen: Chosen, folder: Path, lock: Path) -> Iterable[FoldRun]:
    """A folder below `folder`/folds for each piece of the out-of-sample path in which somebody was chosen; numbered by the piece's place, from 1.

    The first piece reads features of bars that end with it, so that one that knows what comes after would come to something else than was measured.
    """
    made: dict[str, tuple[Features, ...]] = {}
    first = next((piece.span for piece in chosen.path if piece.chosen is not None), None)
    for number, piece in enumerate(chosen.path, 1):
        if piece.chosen is not None:
            own = of_span(inputs, piece.chosen.params, piece.span)
            if piece.span == first:
                yield _driven(own, piece, number, folder / FOLDS / str(number), lock, ())
                continue
            spec = own.plan.spec.model_dump_json()
            if spec not in made:
                made = {spec: _features(inputs, own.plan)}              # one at a time: they are the bulk of the memory
            yield _driven(own, piece, number, folder / FOLDS / str(number), lock, made[spec])


def _features(inputs: Inputs, plan: DeskPlan) -> tuple[Features, ...]:
    """Features of all that was searched: what they say of a bar does not change with later ones, so that every window reads the same."""
    markets = open_markets(plan, inputs.bars, inputs.context, inputs.end_ns)
    return tuple(Features(markets[symbol], plan.spec) for symbol in plan.symbols)


def _driven(own: Inputs, piece: Piece, number: int, folder: Path, lock: Path, features: tuple[Features, ...]) -> FoldRun:
    """One window by the way of an ordinary run, on bars that end with it."""
    mode = Mode(end_ns=piece.span.end_ns, end_reason=END_REASON)
    with Journal(folder / JOURNAL, own.fingerprint, lock=lock, what="the journal of a fold") as journal, without_collector(None):
        prepared = whole_window(own, mode, features)
        outcome = drive(historical_feed(prepared), own.plan, journal)
        journal.flush()
        metrics = write_results(folder, own, outcome)
        records, head = journal.records, journal.head
    return FoldRun(number, piece.fold.number, records, head, float(metrics.get("net_usd") or 0.0), int(metrics.get("trades") or 0), outcome.turned_down())


def notes(searched: Span, chosen: Chosen, runs: Sequence[FoldRun]) -> list[tuple[int, dict[str, Any]]]:
    """The lines of the top journal: one a window that was traded, at its end; one where there is none."""
    if not runs:
        return [(searched.end_ns, {"walk_forward": "no fold chose a configuration, so nothing was traded out of sample"})]
    return [(chosen.path[one.number - 1].span.end_ns, one.note()) for one in runs]


def of_span(inputs: Inputs, params: Params, span: Span) -> Inputs:
    """The inputs of one configuration in one window: nothing that closed after it is in there."""
    def until(bars: Bars) -> Bars:
        return bars[:int((bars.ts_close <= span.end_ns).sum())]

    return replace(inputs, plan=varied(inputs.settings, inputs.plan, params), settings=varied_settings(inputs.settings, params),
                   bars=tuple(until(one) for one in inputs.bars), context={name: until(one) for name, one in inputs.context.items()},
                   finer={name: until(one) for name, one in inputs.finer.items()}, start_ns=span.start_ns, end_ns=span.end_ns)


def unlike(runs: Sequence[FoldRun], chosen: Chosen) -> list[str]:
    """Windows whose journal came to something else than the search measured; there should be none."""
    measured: dict[int, Measured] = {number: piece.chosen.spans[piece.span] for number, piece in enumerate(chosen.path, 1) if piece.chosen is not None}
    return [f"fold {run.fold}: the search measured {measured[run.number].trades.size} trades and {measured[run.number].trades['net'].sum():.2f}, its journal "
            f"{run.trades} and {run.net_usd:.2f}" for run in runs
            if run.trades != measured[run.number].trades.size or abs(run.net_usd - float(measured[run.number].trades["net"].sum())) > SAME_USD]


def overrides(runs: Sequence[FoldRun]) -> dict[str, Any]:
    """What each gate refused of each tactic out of sample: counts over the whole path, and by fold."""
    whole: Counter[tuple[str, str, str, str]] = Counter()
    for run in runs:
        for row in run.refused:
            whole[_key(row)] += int(row["count"])
    rows = [dict(zip(("tactic", "by", "gate", "reason"), key, strict=True)) | {"count": count} for key, count in sorted(whole.items(), key=_most_first)]
    gates: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["gate"]:
            own = gates.setdefault(str(row["gate"]), {})
            own[str(row["tactic"])] = own.get(str(row["tactic"]), 0) + int(row["count"])
    return {"matrix": gates, "rows": rows, "folds": [{"folder": f"{FOLDS}/{run.number}", "fold": run.fold, "rows": run.refused} for run in runs]}


def _key(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return str(row["tactic"]), str(row["by"]), str(row["gate"]), str(row["reason"])


def _most_first(item: tuple[tuple[str, str, str, str], int]) -> tuple[Any, ...]:
    return (item[0][0], -item[1], item[0])
