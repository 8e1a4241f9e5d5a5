"""What calls may cost: reserved at its most before a call, settled at what it was, so that what is spent never passes a bound.

The books are files that are only appended to, one a run and UTC day, under one lock for every process of a home.  What was reserved and never settled (the
process died, the answer never came) stays spent at its most.  Money is counted in whole billionths of a dollar, rounded up.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pse.clock import Clock, iso
from pse.disk import disk_full_said, locked
from pse.domain.errors import BadName, Busy
from pse.domain.models import ModelFailure
from pse.llm.policy import BudgetPolicy

NANO = 10**9
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.002
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Reservation:
    """What one question may cost at most, set aside.  `nano` None: nobody knows its price."""

    book: Path
    number: int
    nano: int | None
    tokens: int


@dataclass(frozen=True)
class Spent:
    """What is gone from the budget: settled, and set aside at its most."""

    usd_run: float
    usd_day: float
    tokens_run: int
    calls_run: int
    unsettled_run: int


class DamagedBook(ValueError):
    """A line of a book that is none."""


@dataclass
class Book:
    """One file, read as far as it was written.  `unsettled`: what each open reservation may come to."""

    path: Path
    offset: int = 0
    calls: int = 0
    nano: int = 0
    tokens: int = 0
    unsettled: dict[int, tuple[int, int]] = field(default_factory=dict)

    def read(self, size: int) -> None:
        """Takes in what was written since; `size` of the file now.  A torn last line was never acted upon, and is left out.  Raises `DamagedBook`."""
        if size == self.offset:
            return
        if size < self.offset:
            raise DamagedBook(f"{self.path} was cut from {self.offset} to {size} bytes")
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            whole = file.read(size - self.offset)
        whole = whole[:whole.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise DamagedBook(f"{self.path} holds a line that is none: {line[:80].decode(errors='replace')}") from error
        self.offset += len(whole)

    def _take(self, line: dict[str, Any]) -> None:
        number, nano, tokens = line["n"], line["nano"] or 0, line["tokens"]
        if not all(isinstance(one, int) and one >= 0 for one in (number, nano, tokens)):
            raise ValueError("not counts")
        if line["do"] == "reserve":
            if number != self.calls:
                raise ValueError("a line is missing")
            self.calls += 1
            self.unsettled[number] = (nano, tokens)
        else:
            before = self.unsettled.pop(number)
            nano, tokens = nano - before[0], tokens - before[1]
        self.nano += nano
        self.tokens += tokens

    def append(self, line: dict[str, Any], sync: bool) -> None:
        """One more line; what a crash left half written is cut off first.  Raises `DiskFull`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = (json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n").encode()
        with disk_full_said(self.path), open(self.path, "ab", buffering=0) as file:
            file.truncate(self.offset)
            try:
                if file.write(text) != len(text):
                    raise OSError(28, "No space left on device")
                if sync:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(self.offset)
                raise
        self._take(line)
        self.offset += len(text)


@dataclass(frozen=True)
class Books:
    """Those that matter at a moment: the one that is written, those of the run on all its days, and those of all runs today."""

    written: Book
    own: list[Book]
    today: list[Book]

    def spent(self) -> Spent:
        """What is gone."""
        own = self.own
        return Spent(sum(one.nano for one in own) / NANO, sum(one.nano for one in self.today) / NANO, sum(one.tokens for one in own),
                     sum(one.calls for one in own), sum(len(one.unsettled) for one in own))

    def fits(self, nano: int, tokens: int, policy: BudgetPolicy) -> None:
        """Raises `ModelFailure` where so much more is not sure to stay inside."""
        spent, usd = self.spent(), nano / NANO
        run, day = sum(one.nano for one in self.own), sum(one.nano for one in self.today)
        _within(spent.calls_run, 1, policy.calls_per_run, "calls_per_run", "{:d} calls")
        _within(spent.tokens_run, tokens, policy.tokens_per_run, "tokens_per_run", "{:d} tokens")
        _within(spent.usd_run, usd, policy.usd_per_run, "usd_per_run", "{:.6f} dollars", run + nano > _bound(policy.usd_per_run))
        _within(spent.usd_day, usd, policy.usd_per_day, "usd_per_day", "{:.6f} dollars", day + nano > _bound(policy.usd_per_day))


class Budget:
    """The bounds of one run and of a day of all runs of a home; `folder` holds the books."""

    def __init__(self, policy: BudgetPolicy, folder: Path, run_id: str, clock: Clock) -> None:
        if not _RUN_ID.fullmatch(run_id):
            raise BadName(f"run id {run_id!r} cannot be a file name; expected up to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
        self._policy, self._folder, self._run_id, self._clock = policy, folder, run_id, clock
        self._own = {path: Book(path) for path in folder.glob(f"*/{run_id}.jsonl")}
        self._others: dict[Path, Book] = {}
        self._thread = threading.Lock()

    def reserve(self, key: str, most_usd: float | None, most_tokens: int) -> Reservation:
        """Sets aside the most that a question may cost; raises `ModelFailure("BUDGET")` where that is not sure to fit.  `most_usd` None: unknown."""
        nano = None if most_usd is None else _nano(most_usd)
        if nano is None and self._policy.unknown_price == "refuse":
            raise ModelFailure("BUDGET", "nobody knows what this model costs, and such a model is not asked (budget.unknown_price is refuse); give its "
                                         "usd_per_million_in and usd_per_million_out in models.yaml, or set budget.unknown_price to allow", attempts=0)
        with self._alone() as books:
            books.fits(nano or 0, most_tokens, self._policy)
            book = books.written
            number = book.calls
            book.append({"do": "reserve", "n": number, "key": key[:16], "nano": nano, "tokens": most_tokens}, sync=bool(nano))
        return Reservation(book.path, number, nano, most_tokens)

    def settle(self, reservation: Reservation, usd: float | None, tokens: int | None) -> None:
        """What a question did cost; None: unknown, and what was set aside stays spent."""
        nano = reservation.nano if usd is None else _nano(usd)
        with self._alone():
            book = self._own[reservation.book]
            book.append({"do": "settle", "n": reservation.number, "nano": nano, "tokens": reservation.tokens if tokens is None else max(tokens, 0)}, sync=False)

    def spent(self) -> Spent:
        """Where the budget stands now."""
        with self._alone() as books:
            return books.spent()

    @contextmanager
    def _alone(self) -> Iterator[Books]:
        """Holds the lock, with every book that matters read to its end."""
        try:
            with self._thread, locked(self._folder / ".lock", "the budget", WAIT_SECONDS, POLL_SECONDS):
                yield self._read(self._folder / iso(self._clock.now_ns())[:10])
        except (DamagedBook, Busy) as error:
            raise ModelFailure("BUDGET", f"what was spent cannot be told: {error}; nothing is asked until it can: restore the file from a copy, or delete it "
                                         f"if the calls in it may be forgotten", attempts=0) from error

    def _read(self, today: Path) -> Books:
        """The books as they stand, those of other runs of today among them."""
        written = self._own.setdefault(today / f"{self._run_id}.jsonl", Book(today / f"{self._run_id}.jsonl"))
        sizes = {Path(entry.path): entry.stat().st_size for entry in os.scandir(today) if entry.name.endswith(".jsonl")} if today.is_dir() else {}
        self._others = {path: self._others.get(path) or Book(path) for path in sizes if path not in self._own}
        for path, book in (*self._own.items(), *self._others.items()):
            book.read(sizes[path] if path in sizes else path.stat().st_size if path.exists() else 0)
        return Books(written, list(self._own.values()), [written, *self._others.values()])


def _nano(usd: float) -> int:
    """Billionths of a dollar, rounded up; what is no amount of money counts as the largest one."""
    return math.ceil(Decimal(repr(float(usd))) * NANO) if math.isfinite(usd) and usd >= 0 else 10**18


def _bound(usd: float | None) -> float:
    return math.inf if usd is None else int(Decimal(repr(float(usd))) * NANO)


def _within(spent: float, more: float, most: float | None, name: str, form: str, over: bool | None = None) -> None:
    if most is None or not (spent + more > most if over is None else over):
        return
    raise ModelFailure("BUDGET", f"{form.format(spent)} of the budget are spent or set aside, and this question may take {form.format(more)}; allowed are "
                                 f"{form.format(most)} (budget.{name} in models.yaml): raise it, or ask for shorter answers (max_output_tokens)", attempts=0)
