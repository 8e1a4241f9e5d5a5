"""Fills looked up inside the desk's bars: a time line on which finer bars fill and the desk's own bars, at their close, do everything else.

Decisions, swings, breakeven, trails and what ends an unfilled entry stay on the desk's bars; finer ones only tell in which order prices came.  A bar of
the desk is looked into where its finer bars make it: first open, highest high, lowest low and last close within half a tick.  Another one (no finer bars,
or bars of another source that say something else) is filled as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.engine.desk import DeskPlan, instrument_records, policy_record
from pse.engine.prepare import Prepared, closed_between, tape_columns
from pse.engine.shares import action_records
from pse.kernels.book import Tape
from pse.kernels.state import BAR_FINE, BAR_ROLL, BAR_WHOLE
from pse.risk.blackouts import no_entries
from pse.risk.fills import FillPolicy

FLAGS = Tape._fields.index("flags")


@dataclass(frozen=True)
class Looked:
    """Bars of the desk in the window: looked into, without finer ones, with finer ones that make another bar."""

    into: int = 0
    without: int = 0
    unlike: int = 0

    def __add__(self, other: Looked) -> Looked:
        return Looked(self.into + other.into, self.without + other.without, self.unlike + other.unlike)

    @property
    def share(self) -> float:
        whole = self.into + self.without + self.unlike
        return self.into / whole if whole else 0.0


def under_fills(prepared: Prepared, fills: FillPolicy, bars: Sequence[Bars], start_ns: int, tape: Tape | None = None) -> Prepared:
    """The same features, setups and decisions under another rule of fills, told briefly: trades and sessions alone.

    bars[i]: the desk's bars of symbol i, whose rolls are carried over where the rule says so.  `tape`: another time line.
    """
    plan, mode = replace(prepared.plan, fills=fills), replace(prepared.mode, trades_only=True)
    world = prepared.world._replace(instruments=instrument_records(plan), policy=policy_record(plan, mode),
                                    actions=action_records(plan, bars, start_ns, mode.end_ns))
    return replace(prepared, plan=plan, mode=mode, tape=prepared.tape if tape is None else tape, world=world)


def fine_line(plan: DeskPlan, bars: Sequence[Bars], finer: Mapping[str, Bars], start_ns: int, end_ns: int) -> tuple[Tape, Looked]:
    """The time line of a desk's window with finer bars of the symbols in `finer`.

    bars[i]: the desk's bars of symbol i.  At one close the fine bars stand before the bar of the desk that they make.
    """
    blackouts = no_entries(plan.risk.gates, plan.events, start_ns, end_ns + 1)
    looked, parts = Looked(), []
    for number, (symbol, instrument, one) in enumerate(zip(plan.symbols, plan.instruments, bars, strict=True)):
        part = closed_between(one, start_ns, end_ns)
        own = tape_columns(part, number, blackouts)
        fine = closed_between(finer[symbol], start_ns, end_ns) if symbol in finer else part[:0]
        made, owner = made_of(part, fine, instrument)
        seen = np.bincount(owner[owner >= 0], minlength=len(part))[:len(part)] > 0
        looked += Looked(int(made.sum()), int((~seen).sum()), int((seen & ~made).sum()))
        parts += [own] if not made.any() else _split(own, fine, number, blackouts, made, owner, instrument)
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.lexsort((joined[2], joined[0], joined[FLAGS] & BAR_WHOLE, joined[1]))
    return Tape(*(np.ascontiguousarray(column[order]) for column in joined)), looked


def made_of(part: Bars, fine: Bars, instrument: Instrument) -> tuple[np.ndarray, np.ndarray]:
    """Which of the desk's bars their finer ones make, bool[len(part)], and the bar that each finer one lies in, int64[len(fine)], -1 none."""
    count = len(part)
    if not count or not len(fine):
        return np.zeros(count, bool), np.full(len(fine), -1)
    at = np.searchsorted(part.ts_open, fine.ts_open, side="right") - 1
    inside = (at >= 0) & (fine.ts_close <= part.ts_close[np.maximum(at, 0)])
    owner = np.where(inside, at, -1)
    rows = np.flatnonzero(inside)
    begins = rows[np.flatnonzero(np.diff(owner[rows], prepend=-1))] if rows.size else rows
    whose, made = owner[begins], np.zeros(count, bool)
    if not begins.size:
        return made, owner
    begin = np.searchsorted(rows, begins)
    ends = rows[np.append(begin[1:], rows.size) - 1]
    high, low = np.maximum.reduceat(fine.high[rows], begin), np.minimum.reduceat(fine.low[rows], begin)
    pairs = ((fine.open[begins], part.open), (high, part.high), (low, part.low), (fine.close[ends], part.close))
    like = np.ones(begins.size, bool)
    for found, own in pairs:
        like &= np.abs(found - own[whose]) <= 0.5 * instrument.tick
    made[whose] = like
    return made, owner


def _split(own: Sequence[np.ndarray], fine: Bars, number: int, blackouts: list[tuple[int, int]], made: np.ndarray, owner: np.ndarray,
           instrument: Instrument) -> list[tuple[np.ndarray, ...]]:
    """The desk's bars of a symbol, those that are looked into marked as whole ones, and their finer bars; a roll moves to the first of these."""
    kept = np.flatnonzero((owner >= 0) & made[np.maximum(owner, 0)])
    columns = tuple(column[kept] for column in tape_columns(fine, number, blackouts))
    whose = owner[kept]
    first = np.diff(whose, prepend=-1) != 0
    flags = (columns[FLAGS] & ~np.int16(BAR_ROLL)) | np.int16(BAR_FINE)
    flags[first] |= own[FLAGS][whose[first]] & np.int16(BAR_ROLL)
    whole = np.where(made, (own[FLAGS] & ~np.int16(BAR_ROLL)) | np.int16(BAR_WHOLE), own[FLAGS]).astype(np.int16)
    return [(*own[:FLAGS], whole), (*columns[:FLAGS], flags.astype(np.int16))]
