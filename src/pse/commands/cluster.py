"""A Dask cluster as the crew of a search: the scheduler hands tasks to its workers, which read the data themselves.

Only what the user named is spoken to.  Tasks travel as Python objects without encryption, as Dask sends them: a cluster is for a network that is trusted.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pse.commands.crew import Batch, Done, Packed, Through, nobody
from pse.commands.sources import code, differences
from pse.commands.wiring import Context
from pse.commands.work import Parcel, Refused, place_in, work_through
from pse.domain.errors import OutsideError, RequestError
from pse.domain.trials import Measured, Task

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"tcp://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
CONNECT_SECONDS = 5.0
ALONE_SECONDS = 30.0                             # that a cluster may be without a single worker before it is given up
POLL_SECONDS = 1.0
RETRIES = 2                                      # of a task that failed for want of memory or disk; a dead worker's go to another one anyway
RESUME = "what was finished is kept: start the cluster again and run the same command to go on, or leave --cluster out to go on here, with the same result"

_one_at_a_time = threading.Lock()                # a worker may have many threads, and what `work` keeps is one a process


class Cluster:
    """The workers behind one scheduler."""

    def __init__(self, context: Context, address: str, through: Through = work_through) -> None:
        self._context, self._address, self._through = context, checked_address(address), through
        self._places: Packed = {}
        self._client = _connected(self._address)
        try:
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def _check_workers(self) -> None:
        """Raises where no worker is there, or one runs another pse than this."""
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise OutsideError(f"the cluster at {self._address} has no workers; expected one at least within {CONNECT_SECONDS:g} s. Start some with `dask "
                               f"worker {self._address} --nthreads 1`") from error
        told = self._client.run(code, on_error="return")
        for worker, other in sorted(told.items()):
            if other != code():
                raise OutsideError(f"{_unlike(worker, other)}. Install the same pse on every worker and start it again")

    def map(self, tasks: Sequence[Task], done: Done = nobody) -> list[list[Measured]]:
        if self._client.status != "running":
            raise self._vanished()
        batch = Batch(tasks, done, self._places)
        running: dict[Future, list[int]] = {}
        try:
            with self._client.as_current():
                for piece in batch.pieces(max(1, len(self._workers()))):
                    running[self._client.submit(there, self._through, batch.parcel(piece), code(), pure=False, retries=RETRIES)] = piece
                self._gather(batch, running)
        except BaseException:
            if self._client.status == "running":
                self._client.cancel(list(running), force=True)
            raise
        return batch.whole()

    def _gather(self, batch: Batch, running: dict[Future, list[int]]) -> None:
        """Takes the answers as they come."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker, wait

        empty = 0.0
        while running:
            try:
                finished = wait(list(running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                if self._client.status != "running":
                    raise self._vanished() from None
                empty = 0.0 if self._workers() else empty + POLL_SECONDS
                if empty >= ALONE_SECONDS:
                    raise OutsideError(f"the cluster at {self._address} has lost all its workers, and for {empty:g} s none came back; {RESUME}") from None
                continue
            except CancelledError as error:
                raise self._vanished() from error
            for future in finished:
                piece = running.pop(future)
                try:
                    batch.take(piece, future.result())
                except KilledWorker as error:
                    raise batch.deadly(piece, "so often that the scheduler gave it up") from error
                except CancelledError as error:
                    raise self._vanished() from error

    def _vanished(self) -> OutsideError:
        return OutsideError(f"the cluster at {self._address} is gone: the connection to its scheduler was lost in the middle of the work; {RESUME}")

    def _workers(self) -> dict[str, Any]:
        return dict(self._client.scheduler_info(n_workers=-1)["workers"])

    def close(self) -> None:
        self._client.close(timeout=1)


def checked_address(address: str) -> str:
    """The address of a scheduler as Dask takes it; nothing else is spoken to."""
    found = ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[2]) < 65536:
        raise RequestError(f"--cluster {address.partition('@')[2] or address!r} is no address of a scheduler; expected tcp://HOST:PORT, as `dask scheduler` "
                           f"prints it, for example tcp://127.0.0.1:8786")
    return address


def _connected(address: str) -> Client:
    try:
        import distributed
    except ImportError as error:
        raise RequestError('--cluster needs the package distributed, which is not installed; run: pip install "pse-toolkit[cluster]"') from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)          # what goes wrong is said by what is raised
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise OutsideError(f"no scheduler answers at {address} within {CONNECT_SECONDS:g} s; expected a running `dask scheduler`. Look whether it runs and "
                           f"the address is the one that it printed") from error


# --- on the worker's side --------------------------------------------------------------------------------------------------------------------------


def there(through: Through, given: Parcel, asked: dict[str, str]) -> list[list[Measured] | Refused]:
    """The answers of a worker, which first looks whether it is fit to give them."""
    if code() != asked:
        return [Refused(OutsideError.exit_code, f"{_unlike('it', code(), asked)}. Install the same pse on every worker and start it again")]
    with _one_at_a_time:
        if missing := place_in(given):
            return [missing]
        return through(given)


def _unlike(worker: str, other: Any, ours: dict[str, str] | None = None) -> str:
    if not isinstance(other, dict):
        return f"the worker {worker} cannot run pse ({type(other).__name__}: {other})"
    return f"the worker {worker} runs another pse than this: {differences(other, ours or code())}; the results would not be the same"
