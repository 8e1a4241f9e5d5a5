"""Sealed ends of windows: each is opened once, and its opening stands in a hash-chained log.

The log cannot show a look that was taken elsewhere; how many earlier trials of the ledger touch the sealed time is told beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from pse.domain.base import Frozen
from pse.domain.errors import DamagedTable
from pse.domain.records import ZERO_HASH
from pse.domain.trials import Value
from pse.store.journal import Journal, read, verify
from pse.store.layout import Home
from pse.store.locks import lock_path, locked

HOLDOUTS = "holdouts.jsonl"
KIND = "HOLDOUT"
WAIT_SECONDS = 60.0


class Opening(Frozen):
    """One look at sealed time.  `window` is [first, end] in ns UTC; `opened` ISO 8601; `params` the configuration that was judged there."""

    run_id: str
    snapshot: str
    symbols: tuple[str, ...]
    looked_at: tuple[str, ...] = ()              # the symbols and those whose bars they trade on; empty in older lines
    desk: str
    window: tuple[int, int]
    opened: str
    params: dict[str, Value]
    trials_before: int = 0                       # configurations of the ledger that had looked at this time already


def holdouts_path(home: Home) -> Path:
    return home.ledger / HOLDOUTS


def openings(home: Home) -> list[Opening]:
    """All openings, oldest first.  `DamagedTable` names the line that breaks the chain."""
    path = holdouts_path(home)
    if not path.is_file():
        return []
    found = verify(path, first_prev=ZERO_HASH)
    if not found.ok and not found.torn_bytes:
        raise DamagedTable(f"{path} {found.why}; expected an unbroken chain of openings; restore the file from a copy (it says which sealed time was "
                           f"looked at), `pse audit log {path}` shows the finding again")
    try:
        return [Opening.model_validate(record.body) for record in read(path)]
    except ValidationError as error:
        raise DamagedTable(f"{path} holds a line that is no opening ({error.errors()[0]['msg']}); restore the file from a copy") from error


def opened_before(home: Home, symbols: Sequence[str], window: tuple[int, int]) -> Opening | None:
    """The first opening that looked at any of these symbols and touches the window, None where it is sealed still."""
    return next((one for one in openings(home) if not set(symbols).isdisjoint((*one.symbols, *one.looked_at))
                 and one.window[0] < window[1] and window[0] < one.window[1]), None)


def open_once(home: Home, opening: Opening, ts: int) -> Opening:
    """Writes the opening down, before anything is looked at; where the time was opened already that earlier opening comes back and nothing is written.

    ts: wall time, ns UTC.
    """
    with locked(lock_path(home, "holdouts"), "the log of sealed windows", WAIT_SECONDS):
        if (before := opened_before(home, (*opening.symbols, *opening.looked_at), opening.window)) is not None:
            return before
        with Journal(holdouts_path(home), ZERO_HASH, lock=lock_path(home, "holdouts-file"), kinds=(KIND,), what="the log of sealed windows") as log:
            log.append(KIND, ts, opening.model_dump(mode="json"))
            log.sync()
    return opening
