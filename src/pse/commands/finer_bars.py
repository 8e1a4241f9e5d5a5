"""The finest stored bars of a desk's symbols, for fills that are looked up inside its bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import NoBars
from pse.domain.instruments import Instrument
from pse.engine.desk import DeskPlan
from pse.features.resampled import why_not
from pse.store.load import Stored

Keys = dict[str, tuple[str, str]]                # traded symbol -> series (symbol, timeframe)


def finer_series(plan: DeskPlan, stored: Mapping[str, Sequence[str]]) -> Keys:
    """Of each traded symbol the finest stored series that its base bars can be made from, where it is finer than these.

    `stored`: symbol to its timeframes, finest first.
    """
    return {one.symbol: (name, timeframe) for one in plan.instruments
            if (name := one.bars_of or one.symbol) in stored and (timeframe := _finest(stored[name], plan.base_timeframe)) is not None}


def _finest(timeframes: Sequence[str], base: str) -> str | None:
    return next((one for one in timeframes if timeframe_ns(one) < timeframe_ns(base) and why_not(base, one) is None), None)


def load_finer(known: Stored, plan: DeskPlan, bars: Sequence[Bars], series: Keys, start_ns: int, end_ns: int) -> dict[str, Bars]:
    """The finer bars of the window by traded symbol; one without any in the window is left out.  `bars`: the desk's, in its order."""
    return dict(_loaded(known, zip(plan.instruments, bars, strict=True), series, start_ns, end_ns))


def _loaded(known: Stored, desk: Iterator[tuple[Instrument, Bars]], series: Keys, start_ns: int, end_ns: int) -> Iterator[tuple[str, Bars]]:
    for instrument, own in desk:
        if instrument.symbol in series:
            try:
                yield instrument.symbol, known.load(instrument, series[instrument.symbol][1], start_ns, end_ns, own.sessions).bars
            except NoBars:
                continue
