"""What a tactic is, what it reads and hands back, and one scan over all tactics and symbols of a desk.

Nothing here knows of accounts, limits of the desk or open positions: those refuse later, at the gates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from pse.domain.bars import Bars
from pse.domain.errors import BadConfig
from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, by_time, joined
from pse.features.build import FeatureSpec
from pse.features.feature import Known
from pse.kernels.contract import AMEND, CANCEL, DAY, ENTER, EXIT, GTC, GTD, LIMIT, MARKET, REFUSED, STOP, STOP_LIMIT
from pse.store.plugins import RAISED, failed_at


class FeatureView(Protocol):
    """What tactics read: decision bars, columns aligned with them, the object tables of `pse.kernels.contract`, and the door to every other feature.

    `known.of(feature)` and `known.objects(feature)` compute any feature once; `known.at("1d")` is the same instrument on another timeframe,
    `known.other("SPY", "1d")` another symbol, None where it is not at hand.  `spec` has the desk's parameters of what features share, such as the structure.
    """

    @property
    def spec(self) -> FeatureSpec: ...
    @property
    def known(self) -> Known: ...
    @property
    def decision(self) -> Bars: ...
    @property
    def columns(self) -> Mapping[str, np.ndarray]: ...
    @property
    def breaks(self) -> np.ndarray: ...
    @property
    def gaps(self) -> np.ndarray: ...
    @property
    def blocks(self) -> np.ndarray: ...
    @property
    def pools(self) -> np.ndarray: ...
    @property
    def sweeps(self) -> np.ndarray: ...
    @property
    def levels(self) -> np.ndarray: ...


@runtime_checkable
class Tactic(Protocol):
    """A rule that finds setups.  `name` is its id everywhere, `label` what a trader calls it; its fields are its parameters, each bounded and described.

    `scan` is pure and prefix-stable: what it finds on bars up to k is what it finds up to k on more bars.  `symbol` and `tactic` of its rows are 0.
    """

    name: str
    label: str
    version: str

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups and refused finds of these features, in order of time."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """Other symbols that it cannot do without."""
        ...

    def timeframes(self, of: str) -> tuple[str, ...]:
        """Timeframes that it reads on a desk that decides on bars of `of`, besides those; finer than the stored bars none can be made."""
        ...


Way = Callable[[FeatureView, Instrument], Setups]


@dataclass(frozen=True)
class OwnRecord:
    """What a desk's limits say to the record that scales a strategy's confidence: whether shorts are traded, and how many closes a stop-out rests."""

    allow_short: bool
    wait_closes: int


@runtime_checkable
class Recorded(Protocol):
    """A tactic whose confidence its own record on the symbol may scale."""

    def scan_with_record(self, features: FeatureView, instrument: Instrument, record: OwnRecord) -> Setups:
        """The same setups as of `scan`, with that confidence."""
        ...


def scan_desk(tactics: Sequence[Tactic], features: Sequence[FeatureView], instruments: Sequence[Instrument], since_ns: int = 0,
              record: OwnRecord | None = None) -> Setups:
    """All tactics over all symbols, as one table; with `record` confidences are scaled where a tactic has one.

    features[i] and instruments[i] belong to symbol i of the desk; tactics are in the desk's order.  Rows come sorted by decision time, symbol, refused
    finds last, then precedence, event bar and the order found; `symbol` and `tactic` are the indices.  Those before `since_ns` are left out.
    """
    tables = []
    for symbol, (view, instrument) in enumerate(zip(features, instruments, strict=True)):
        tables.append(of_symbol(symbol, [found_by(finder, view, instrument, record) for finder in tactics], since_ns))
        if len(features) > 1:
            view.known.forget_columns()            # of hundreds of symbols what nobody reads again would not fit
    return by_time(tables)


def found_by(finder: Tactic, view: FeatureView, instrument: Instrument, record: OwnRecord | None = None) -> Setups:
    """What one tactic finds of one symbol, as it hands it back."""
    return _way(finder, record)(view, instrument)


def of_symbol(symbol: int, found: Sequence[Setups], since_ns: int) -> Setups:
    """What each tactic of a desk found of one symbol as one table, in order."""
    whole = joined(found)
    rows = whole.rows
    rows["symbol"], rows["tactic"] = symbol, np.repeat(np.arange(len(found)), [len(one) for one in found])
    order = np.lexsort((rows["event_bar"], rows["precedence"], rows["kind"] == REFUSED, rows["ts"]))
    return whole.taken(order[int(np.searchsorted(rows["ts"], since_ns, sorter=order)):])


def _way(finder: Tactic, record: OwnRecord | None) -> Way:
    """How a tactic is scanned: with its record where there is to be one, and watched where it comes from outside the package."""
    way: Way = finder.scan
    if record is not None and isinstance(finder, Recorded):
        way = partial(finder.scan_with_record, record=record)
    return way if type(finder).__module__.startswith("pse.") else partial(_of_outside, finder, way)


def _of_outside(finder: Tactic, way: Way, view: FeatureView, instrument: Instrument) -> Setups:
    """What a tactic from outside the package found, evidence and all.  Raises `BadConfig` naming the line of its file that failed, or what it did not keep."""
    source = sys.modules[type(finder).__module__].__file__ or type(finder).__module__
    place = Path(source)
    try:
        found = way(view, instrument)
        wrong = _unlike_setups(found)
        list(() if wrong else found.evidence)
    except RAISED as error:
        raise BadConfig(f"the tactic {finder.name} failed on {instrument.symbol}: {failed_at(error, place, place.name)}; mend the file") from error
    if wrong:
        raise BadConfig(f"the tactic {finder.name} ({place.name}) {wrong}; docs/tactics.md shows what `scan` hands back")
    return found


def _unlike_setups(found: object) -> str:
    """What is wrong with what a scan handed back; empty when nothing is."""
    if not isinstance(found, Setups):
        return f"handed back {type(found).__name__} where Setups were expected"
    if (np.diff(found.rows["ts"]) < 0).any():
        return "handed back rows that are not in order of their time"
    known = np.isin(found.rows["kind"], (ENTER, EXIT, CANCEL, AMEND, REFUSED)).all()
    return unlike_orders(found.rows) if known else "handed back rows whose kind is none of ENTER, EXIT, CANCEL, AMEND, REFUSED"


def unlike_orders(rows: np.ndarray) -> str:
    """What is wrong with the order terms of entries among SETUP_DTYPE rows; empty when nothing is."""
    entries = rows[rows["kind"] == ENTER]
    if (strange := entries[~np.isin(entries["order_type"], (MARKET, LIMIT, STOP, STOP_LIMIT))]).size:
        return f"handed back an entry with order_type {int(strange['order_type'][0])}; MARKET, LIMIT, STOP and STOP_LIMIT are known"
    if (strange := entries[~np.isin(entries["time_in_force"], (GTD, DAY, GTC))]).size:
        return f"handed back an entry with time_in_force {int(strange['time_in_force'][0])}; GTD, DAY and GTC are known"
    fired = entries[entries["order_type"] == STOP_LIMIT]
    side = np.where(fired["direction"] < 0, -1, 1)
    lost = fired[~(side * (fired["limit_price"] - fired["stop"]) > 0)]
    if lost.size:
        return (f"handed back a STOP_LIMIT with limit_price {float(lost['limit_price'][0]):g} and stop {float(lost['stop'][0]):g}; its limit is the worst "
                f"price that the entry takes, beyond its stop")
    return ""
