"""The trial ledger: every run that looked at data is counted, by itself, in a hash-chained file; a user may raise the count, never lower it.

An identical fingerprint is one trial, however often it runs; of a judged run with the same answers, for a model that is asked again may answer otherwise,
and the best of many such tries is a choice among as many.  The ledger cannot show trials that were made elsewhere or lines that its owner removed
together with every copy of its root.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import polars as pl
from pydantic import Field, ValidationError

from pse.domain.base import Frozen
from pse.domain.errors import DamagedTable, RequestError
from pse.domain.records import ZERO_HASH, Record
from pse.store.files import write_atomic
from pse.store.journal import Journal, read, verify
from pse.store.layout import Home, safe_name
from pse.store.locks import lock_path, locked

TRIALS = "trials.jsonl"
KIND, RAISED = "TRIAL", "TRIALS_RAISED"
WAIT_SECONDS = 60.0
Window = tuple[int | None, int | None]           # [first, end) in ns UTC; None is open


class Trial(Frozen):
    """One look at data with one configuration.  `window` is [first, end) in ns UTC; `sharpe` per year of daily returns, None when it has none."""

    fingerprint: str
    answers: str = Field("", description="of a judged run the sha256 of the list of what it was answered")
    kind: Literal["backtest", "paper", "wfo", "overfit"] = Field("backtest", description="which command looked")
    snapshot: str
    symbols: tuple[str, ...]
    looked_at: tuple[str, ...] = Field((), description="the symbols and those whose bars they trade on; empty in older lines")
    window: Window
    settings_hash: str
    desk: str
    returns_hash: str = Field("", description="name of the stored daily returns")
    trades: int = 0
    sharpe: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it another trial."""
        return self.fingerprint, self.answers


class Raise(Frozen):
    """A user's word that more configurations were tried on this data than the ledger saw."""

    symbols: tuple[str, ...]
    window: Window
    count: int = Field(gt=0, description="configurations in all")
    recorded: int = Field(0, description="configurations that the ledger held then")
    why: str = ""


_Look = TypeVar("_Look", Trial, Raise)


@dataclass(frozen=True)
class Counted:
    """How many configurations looked at a window, one that looked at several counting for each: those of the ledger, the most that a user raised them to
    (0: never), and how many of those the ledger had not seen then, which come on top of what it sees since."""

    recorded: int
    raised: int
    elsewhere: int = 0

    @property
    def n(self) -> int:
        """What counts."""
        return max(self.recorded + self.elsewhere, self.raised)

    @property
    def by_user(self) -> bool:
        """Whether a user's word makes it more than the ledger saw."""
        return self.n > self.recorded


@dataclass(frozen=True)
class LedgerEntry:
    """Where a trial stands in the ledger, and whether this look was its first."""

    number: int                                  # 1 is the first trial of the ledger
    new: bool
    trials: int                                  # different trials in the ledger now


def trials_path(home: Home) -> Path:
    return home.ledger / TRIALS


def append_trial(home: Home, trial: Trial, dates: np.ndarray, returns: np.ndarray, ts: int) -> LedgerEntry:
    """Count one trial and keep its daily returns; one already there is not counted again.

    dates: int32[n] yyyymmdd, returns: float64[n], finite, one a session.  ts: wall time, ns UTC.
    """
    return append_trials(home, [(trial, dates, returns)], ts)[0]


def append_trials(home: Home, looks: Iterable[tuple[Trial, np.ndarray, np.ndarray]], ts: int) -> list[LedgerEntry]:
    """The same for many, under one lock and with one sync."""
    entries = []
    with locked(lock_path(home, "ledger"), "the trial ledger", WAIT_SECONDS):
        known = {trial.key: number for number, trial in enumerate(trials(home), start=1)}
        with _written(home) as ledger:
            for trial, dates, returns in looks:
                new = trial.key not in known
                if new:
                    name = keep_returns(home, dates, returns)
                    ledger.append(KIND, ts, trial.model_copy(update={"returns_hash": name}).model_dump(mode="json"))
                    known[trial.key] = len(known) + 1
                entries.append(LedgerEntry(known[trial.key], new, len(known)))
    return entries


def trials(home: Home) -> list[Trial]:
    """All trials, oldest first.  `DamagedTable` names the line that breaks the chain; a torn last line is left out."""
    return _parsed(home, _records(home))[0]


def count_trials(home: Home, symbols: Sequence[str] | None = None, window: Window = (None, None), *, snapshot: str | None = None) -> int:
    """Different trials that looked at any of these symbols inside the window."""
    return len(_touching(trials(home), symbols, window, snapshot))


def configurations(home: Home, symbols: Sequence[str] | None, window: Window, snapshot: str | None = None) -> int:
    """Different configurations among these trials, each as often as it looked at another window, for the window that is shown was then chosen, too; however
    many seeds or versions of the data.  Of judged ones with what was answered."""
    return _configurations(_touching(trials(home), symbols, window, snapshot))


def trials_counted(home: Home, symbols: Sequence[str], window: Window) -> Counted:
    """How many configurations a result on these symbols and this window was picked from, as far as this home knows."""
    looks, raises = _parsed(home, _records(home))
    return _counted(looks, raises, symbols, window)


def raise_trials(home: Home, symbols: Sequence[str], window: Window, count: int, ts: int, why: str) -> Counted:
    """Note in the ledger that `count` configurations were tried on these symbols and this window in all; the count from now on.

    `RequestError` where that is fewer than are known; nothing is written where it is as many.  ts: wall time, ns UTC.
    """
    with locked(lock_path(home, "ledger"), "the trial ledger", WAIT_SECONDS):
        looks, raises = _parsed(home, _records(home))
        known = _counted(looks, raises, symbols, window)
        if count < known.n:
            raise RequestError(f"{count} trials are fewer than the {known.n} that the ledger knows of {', '.join(symbols)} in this window ({known.recorded} "
                               f"configurations recorded{f', raised to {known.raised}' if known.raised else ''}); the number may be raised for what was tried "
                               f"elsewhere, never lowered: give {known.n} or more, or leave it out")
        if count > known.n:
            with _written(home) as ledger:
                ledger.append(RAISED, ts, Raise(symbols=tuple(symbols), window=window, count=count, recorded=known.recorded, why=why).model_dump(mode="json"))
                known = Counted(known.recorded, max(known.raised, count), max(known.elsewhere, count - known.recorded))
    return known


def _written(home: Home) -> Journal:
    return Journal(trials_path(home), ZERO_HASH, lock=lock_path(home, "ledger-file"), kinds=(KIND, RAISED), what="the trial ledger")


def _records(home: Home) -> list[Record]:
    """The lines of the ledger, its chain checked."""
    path = trials_path(home)
    if not path.is_file():
        return []
    found = verify(path, first_prev=ZERO_HASH)
    if not found.ok and not found.torn_bytes:
        raise DamagedTable(f"{path} {found.why}; expected an unbroken chain of trials; restore the file from a copy (its numbers decide how hard a result "
                           f"is judged), `pse audit log {path}` shows the finding again")
    return list(read(path))


def _parsed(home: Home, records: list[Record]) -> tuple[list[Trial], list[Raise]]:
    try:
        return ([Trial.model_validate(record.body) for record in records if record.kind != RAISED],
                [Raise.model_validate(record.body) for record in records if record.kind == RAISED])
    except ValidationError as error:
        raise DamagedTable(f"{trials_path(home)} holds a line that is no trial ({error.errors()[0]['msg']}); expected what a backtest wrote; restore the file "
                           f"from a copy") from error


def _counted(looks: Iterable[Trial], raises: Iterable[Raise], symbols: Sequence[str], window: Window) -> Counted:
    told = _touching(raises, symbols, window)
    return Counted(_configurations(_touching(looks, symbols, window)), max((one.count for one in told), default=0),
                   max((one.count - one.recorded for one in told), default=0))


def _configurations(looks: Iterable[Trial]) -> int:
    return len({(look.settings_hash, look.answers, look.window) for look in looks})


def _touching(looks: Iterable[_Look], symbols: Sequence[str] | None, window: Window, snapshot: str | None = None) -> list[_Look]:
    """Those that looked at any of these symbols and whose window overlaps; None takes all.  A symbol that trades on the bars of another is found by both."""
    wanted, (first, end) = None if symbols is None else set(symbols), window
    return [look for look in looks
            if (wanted is None or not wanted.isdisjoint(_looked_at(look)))
            and (end is None or look.window[0] is None or look.window[0] < end) and (first is None or look.window[1] is None or first < look.window[1])
            and (snapshot is None or getattr(look, "snapshot", snapshot) == snapshot)]


def _looked_at(look: Trial | Raise) -> tuple[str, ...]:
    return (*look.symbols, *look.looked_at) if isinstance(look, Trial) else look.symbols


# --- daily returns -------------------------------------------------------------------------------------------------------------------------------

def returns_hash(dates: np.ndarray, returns: np.ndarray) -> str:
    """sha256, in hex, over the session dates (int32) and returns (float64), little endian; -0.0 counts as 0.0."""
    days, values = np.asarray(dates).astype("<i4"), np.asarray(returns).astype("<f8") + 0.0
    if days.shape != values.shape or days.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("daily returns need one finite number a session date")
    return hashlib.sha256(days.tobytes() + values.tobytes()).hexdigest()


def keep_returns(home: Home, dates: np.ndarray, returns: np.ndarray) -> str:
    """Store daily returns under their hash, once; the hash."""
    name = returns_hash(dates, returns)
    path = _returns_path(home, name)
    if not path.exists():
        content = io.BytesIO()
        pl.DataFrame({"session_date": np.asarray(dates).astype(np.int32), "daily_return": np.asarray(returns).astype(np.float64) + 0.0}).write_parquet(content)
        write_atomic(path, content.getvalue())
    return name


def load_returns(home: Home, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Session dates and daily returns stored under a hash; `DamagedTable` when the file does not hash to its name."""
    path = _returns_path(home, name)
    damaged: Any = None
    try:
        frame = pl.read_parquet(path)
        dates, returns = frame["session_date"].to_numpy(), frame["daily_return"].to_numpy()
        if returns_hash(dates, returns) == name:
            return dates, returns
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        damaged = error
    raise DamagedTable(f"{path} does not hold the daily returns that its name is the hash of{f' ({damaged})' if damaged else ''}; restore it from a copy, or "
                       f"run that backtest again")


def _returns_path(home: Home, name: str) -> Path:
    return home.ledger / "returns" / f"{safe_name(name, 'hash of returns')}.parquet"
