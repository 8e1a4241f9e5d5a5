"""What a tactic is, what it reads and hands back, and one scan over all tactics and symbols of a desk.

Nothing here knows of accounts, regimes of the desk or open positions: those refuse later, at the gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.domain.setups import Setups
from pse.kernels.contract import SETUP_DTYPE


class FeatureView(Protocol):
    """The features that tactics read: decision bars, columns aligned with them, and the object tables of `pse.kernels.contract`."""

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


@dataclass(frozen=True, eq=False)
class Scan:
    """What a scan found: the tradable setups, and the finds that the tactic itself refused.

    `rejected` holds one json-ready dict a find, in order of time: `ts` (decision time, ns UTC), `symbol` and `tactic` (indices, as in `Setups`),
    `direction`, `code` (a name of `pse.kernels.targets.CODES`), `entry`, `stop` and the evidence of a setup.
    """

    setups: Setups
    rejected: tuple[dict[str, Any], ...] = ()


@runtime_checkable
class Tactic(Protocol):
    """A rule that finds setups.  `name` is its id everywhere, `label` what a trader calls it; its fields are its parameters.

    `scan` is pure and prefix-stable: what it finds on bars up to k is what it finds up to k on more bars.  `symbol` and `tactic` of its rows are 0.
    """

    name: str
    label: str
    version: str

    def scan(self, features: FeatureView, instrument: Instrument) -> Scan:
        """All setups and refused finds of these features, in order of time."""
        ...


def scan_desk(tactics: Sequence[Tactic], features: Sequence[FeatureView], instruments: Sequence[Instrument]) -> Scan:
    """All tactics over all symbols, as one table.

    features[i] and instruments[i] belong to symbol i of the desk; tactics are in the desk's order.  Setups come sorted by decision time, symbol,
    precedence, event bar and the order found; `symbol` and `tactic` are the indices.
    """
    rows: list[np.ndarray] = []
    evidence: list[dict[str, object]] = []
    rejected: list[dict[str, Any]] = []
    for symbol, (view, instrument) in enumerate(zip(features, instruments, strict=True)):
        for tactic, finder in enumerate(tactics):
            found = finder.scan(view, instrument)
            own = found.setups.rows.copy()
            own["symbol"], own["tactic"] = symbol, tactic
            rows.append(own)
            evidence.extend(found.setups.evidence)
            rejected.extend({**body, "symbol": symbol, "tactic": tactic} for body in found.rejected)
    return Scan(_sorted(rows, evidence), tuple(sorted(rejected, key=lambda body: (body["ts"], body["symbol"]))))


def _sorted(parts: list[np.ndarray], evidence: list[dict[str, object]]) -> Setups:
    """One table of all parts in the desk's order, evidence renumbered with it."""
    rows = np.concatenate(parts) if parts else np.empty(0, SETUP_DTYPE)
    order = np.lexsort((rows["event_bar"], rows["precedence"], rows["symbol"], rows["ts"]))
    rows = rows[order]
    rows["evidence"] = np.arange(rows.size)
    return Setups(rows, tuple(evidence[i] for i in order))
