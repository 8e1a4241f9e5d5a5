"""`pse backtest --fills envelope`: what one run prepared, under every rule of fills.

The conservative run stays the run, with its journal, tables and fingerprint.  The other rules run over the same features, setups and bars without a
journal; drill does so on the finest stored bars of the symbols, pinned by a snapshot of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.commands.finer_bars import finer_series, load_finer
from pse.commands.inputs import Inputs, timeframes_of
from pse.commands.wiring import Context
from pse.domain.bars import timeframe_ns
from pse.domain.errors import RequestError
from pse.engine.feeds import historical_feed
from pse.engine.finer import Looked, fine_line, under_fills
from pse.engine.loop import run as engine_run
from pse.engine.outcome import Outcome
from pse.engine.prepare import Prepared
from pse.engine.state import fresh_state
from pse.kernels.book import Tape
from pse.risk.fills import FillPolicy
from pse.settings import Settings
from pse.store.files import write_atomic
from pse.store.load import Stored
from pse.store.runs import ENVELOPE, ENVELOPE_EQUITY
from pse.store.snapshots import Snapshot, take_snapshot
from pse.store.snapshots import load as load_snapshot

if TYPE_CHECKING:
    import polars as pl

    from pse.research.envelope import FineBars, Rule, Unit
    from pse.research.metrics import MetricsSpec

WORD, OWN = "envelope", "conservative"           # what --fills says, and whose run it is
DRILL = "drill"


def with_envelope(context: Context) -> Context:
    """The context whose desk fills by the conservative rule; a word where it named another.  Raises `RequestError` where a rule is missing."""
    settings = context.settings
    if missing := [name for name in (OWN, "pessimistic", "optimistic") if name not in settings.fills]:
        raise RequestError(f"--fills {WORD} needs the fill {'policy' if len(missing) == 1 else 'policies'} {', '.join(missing)} in fills.yaml; expected "
                           f"conservative, pessimistic and optimistic, which come with pse: write them again, or take one rule with --fills NAME")
    _drill_is_looked_up(settings)
    if (named := settings.chosen.fills) == OWN:
        return context
    context.note(f"the desk {settings.desk} fills by {named}; the run of an envelope is the conservative one")
    return context.asking(fills=OWN)


def _drill_is_looked_up(settings: Settings) -> None:
    """Refuses a drill that somebody wrote rules of its own for: in an envelope it is the conservative rule on finer bars, so that nothing else differs."""
    drill, own, shipped = settings.fills.get(DRILL), settings.fills[OWN], FillPolicy(bars="finest")
    if drill is None or not (written := _unlike(drill, shipped)):
        return
    if differs := [name for name in _unlike(drill, own) if name != "bars"]:
        told = ", ".join(f"{name} {_said(drill, name)} where {OWN} has {_said(own, name)} ({settings.where('fills', DRILL, name)})" for name in differs)
        raise RequestError(f"--fills {WORD}: the fill policy {DRILL} has {told}; in an envelope it is {OWN} on the finest stored bars. Write the same in both, "
                           f"or run it alone with --fills {DRILL}")
    if "bars" in written:
        raise RequestError(f"--fills {WORD}: the policy {DRILL} has bars: {drill.bars} ({settings.where('fills', DRILL, 'bars')}); in an envelope it looks "
                           f"into the finest stored bars. Write bars: finest, or run it alone with --fills {DRILL}")


def _unlike(one: FillPolicy, other: FillPolicy) -> list[str]:
    return [name for name in FillPolicy.model_fields if name != "description" and getattr(one, name) != getattr(other, name)]


def _said(policy: FillPolicy, name: str) -> str:
    value = getattr(policy, name)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def only_conservative(accounts: Sequence[Settings]) -> None:
    """Refuses accounts whose own desk fills by another rule: the run of an envelope is the conservative one."""
    for one in accounts:
        _drill_is_looked_up(one)
        if one.chosen.fills != OWN:
            raise RequestError(f"--fills {WORD}: the account {one.account.name} trades the desk {one.desk}, which fills by {one.chosen.fills} "
                               f"({one.where('desks', one.desk, 'fills')}), and the run of an envelope is the {OWN} one. Write `--set "
                               f"desks.{one.desk}.fills={OWN}`, or leave that account out")


@dataclass(frozen=True, eq=False)
class Measured:
    """What one rule came to."""

    trades: pl.DataFrame
    equity: pl.DataFrame
    metrics: Mapping[str, Any]


class Envelope:
    """The other rules over what a run prepared.  `pinned`: id of the snapshot of finer bars that an earlier envelope looked at; "" where it had none."""

    def __init__(self, context: Context, inputs: Inputs, pinned: str | None = None) -> None:
        self._context, self._inputs, self._pinned = context, inputs, pinned
        self._prepared: Prepared | None = None

    def feed(self, prepared: Prepared) -> Iterator[Prepared]:
        """The run's feed, of which the other rules take what it prepared."""
        self._prepared = prepared
        return historical_feed(prepared)

    def measure(self, folder: Path, own: Measured, spec: MetricsSpec) -> dict[str, Any]:
        """Runs the other rules, writes their tables into `folder` and gives the section of metrics.json."""
        from pse.research.envelope import envelope, side_by_side

        assert self._prepared is not None, "the run comes before its envelope"
        fills, found = self._inputs.settings.fills, {OWN: own}
        for name in ("pessimistic", "optimistic"):
            found[name] = _measured(self._prepared, fills[name], self._inputs, None, spec)
        tape, fine = self._finer()
        if tape is not None:
            found[DRILL] = _measured(self._prepared, fills[OWN], self._inputs, tape, spec)
        trades: dict[Rule, pl.DataFrame] = {name: one.trades for name, one in found.items()}       # type: ignore[misc]
        units = self._units()
        table = side_by_side(trades, units, timeframe_ns(self._inputs.plan.base_timeframe))
        _write(folder / ENVELOPE, table)
        _write(folder / ENVELOPE_EQUITY, _equity(found))
        section = envelope(table, {name: one.metrics for name, one in found.items()}, trades, units, fine)     # type: ignore[misc]
        section["drill"]["snapshot"] = self._pinned or ""
        return section

    def _units(self) -> dict[str, Unit]:
        from pse.research.envelope import Unit

        plan = self._inputs.plan
        return {one.symbol: Unit(one.point_value, one.tick) for one in (*plan.instruments, *plan.micros.values())}

    def _finer(self) -> tuple[Tape | None, FineBars]:
        """The time line with finer bars, None without any that make a bar of the desk; and what they are."""
        from pse.research.envelope import FineBars

        inputs, plan = self._inputs, self._inputs.plan
        snapshot, stored = self._snapshot()
        if snapshot is None or stored is None:
            return None, FineBars()
        series = finer_series(plan, timeframes_of(stored, snapshot))
        finer = load_finer(stored, plan, inputs.bars, series, inputs.start_ns, inputs.end_ns)
        tape, looked = fine_line(plan, inputs.bars, finer, inputs.start_ns, inputs.end_ns) if finer else (None, Looked())
        hashes = {f"{one.symbol} {one.timeframe}": one.hash for one in snapshot.series}
        return (tape if looked.into else None), FineBars(finest=False, share=looked.share, unlike=looked.unlike, without=looked.without, bars=hashes)

    def _snapshot(self) -> tuple[Snapshot | None, Stored | None]:
        """The finer series, pinned; None where the desk's bars are the finest stored."""
        home = self._context.home
        if self._pinned is None:
            known = Stored.at(home)
            keys = set(finer_series(self._inputs.plan, timeframes_of(known, None)).values())
            self._pinned = take_snapshot(home, keys, self._context.clock).id if keys else ""
        if not self._pinned:
            return None, None
        snapshot = load_snapshot(home, self._pinned)
        return snapshot, Stored.at(home, snapshot.version)


def _measured(prepared: Prepared, fills: FillPolicy, inputs: Inputs, tape: Tape | None, spec: MetricsSpec) -> Measured:
    """One rule from the first bar to its figures."""
    from pse.research.metrics import compute_metrics

    step = under_fills(prepared, fills, inputs.bars, inputs.start_ns, tape)
    outcome, plan = Outcome(), step.plan
    for batch in engine_run(historical_feed(step), rules, SimBroker(plan.shape.slots), fresh_state(plan.shape, plan.capital)):
        outcome.take(batch)
    trades, equity = outcome.trades(), outcome.equity()
    return Measured(trades, equity, compute_metrics(trades, equity, spec))


def _equity(found: Mapping[str, Measured]) -> pl.DataFrame:
    """Equity at each session's end under each rule: rule, session_date, equity_usd."""
    import polars as pl

    parts = [one.equity.filter(pl.col("kind") == "session").select(pl.lit(name).alias("rule"), "session_date", "equity_usd") for name, one in found.items()]
    return pl.concat(parts)


def _write(path: Path, table: pl.DataFrame) -> None:
    buffer = BytesIO()
    table.write_parquet(buffer)
    write_atomic(path, buffer.getvalue())


def pinned_of(metrics: Mapping[str, Any]) -> str | None:
    """The snapshot of finer bars that the envelope of a run looked at; None where the run has no envelope."""
    section = metrics.get(WORD)
    return str((section.get("drill") or {}).get("snapshot") or "") if isinstance(section, dict) else None


def feed_of(prepared: Prepared, beside: Envelope | None) -> Iterator[Prepared]:
    """The run's feed, watched by its envelope where there is one."""
    return historical_feed(prepared) if beside is None else beside.feed(prepared)

