"""One piece of a search in whatever process it falls to: the data is read here, pinned, and never shipped.

A process keeps what its last search loaded and prepared, so that a task that differs in parameters alone pays for these alone.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pse.commands.inputs import Inputs, gather
from pse.commands.wiring import Context
from pse.domain.errors import OutsideError, PseError, RequestError, UnknownName
from pse.domain.trials import Measured, Params, Place, Span, Task
from pse.engine.bench import Bench
from pse.engine.desk import DeskPlan
from pse.engine.varied import varied
from pse.settings import Settings
from pse.store.appended import NONE_STORED
from pse.store.layout import Home
from pse.store.snapshots import load as load_snapshot


def place_of(inputs: Inputs, context: Context) -> Place:
    """Where another process finds what was gathered here, pinned to what was read."""
    return Place(str(context.home.root), inputs.settings.tree(), inputs.plan.symbols, inputs.start_ns, inputs.end_ns, inputs.snapshot.id,
                 inputs.news_version, inputs.actions_version, inputs.settings.outside())


@dataclass(frozen=True, eq=False)
class _Held:
    """What this process has loaded: of which place (and its key), its settings, its plan and the bench over its bars."""

    place: Place
    key: str
    settings: Settings
    plan: DeskPlan
    bench: Bench


_held: _Held | None = None                       # one a process: a search has one place, and its bars are the bulk of the memory


def work(task: Task) -> list[Measured]:
    """What a configuration comes to in each of its spans."""
    held = _at(task.place)
    plan = _with_fills(varied(held.settings, held.plan, task.params), held.settings, task.fills)
    return held.bench.measure(plan, task.spans, task.random_entries, task.seed)


def forget() -> None:
    """Lets go of what is kept for the next task."""
    global _held
    _held = None


def _at(place: Place) -> _Held:
    """The bench of a place, the one that is kept or a new one in its stead."""
    global _held
    if _held is not None and (_held.place is place or (_held.place.home == place.home and _held.key == place.key)):
        return _held
    _held = None                                 # the old bars go before the new ones come
    _held = _load(place)
    return _held


def _load(place: Place) -> _Held:
    context = quiet_context(place.home)
    settings = Settings.from_tree(place.settings, context.home.root)
    if changed := sorted(name for name, own in settings.outside().items() if own != place.outside.get(name)):
        raise OutsideError(f"the source of {', '.join(changed)} below {context.home.root} is not the one that this search began with; the results would not be "
                           f"the same. Leave the file as it is while a search runs, give every worker the same one, and start the search again")
    inputs = gather(context, settings, place.symbols, place.start_ns, place.end_ns, load_snapshot(context.home, place.snapshot), _pinned(place.news),
                    actions_at=_pinned(place.actions))
    bench = Bench(inputs.plan, inputs.bars, inputs.context, inputs.start_ns, inputs.end_ns, finer=inputs.finer)
    return _Held(place, place.key, settings, inputs.plan, bench)


def quiet_context(home: str) -> Context:
    """A context without a voice, for work that nobody watches."""
    from rich.console import Console

    silent = Console(file=io.StringIO(), quiet=True)
    return Context(Home(Path(home)), silent, silent, quiet=True)


def _pinned(version: int | None) -> int:
    return NONE_STORED if version is None else version


def _with_fills(plan: DeskPlan, settings: Settings, fills: str | None) -> DeskPlan:
    """The plan under another rule of fills, where one is named."""
    if fills is None:
        return plan
    if fills not in settings.fills:
        raise UnknownName("fill policy", fills, settings.fills)
    return replace(plan, fills=settings.fills[fills])


# --- on the way to other processes -----------------------------------------------------------------------------------------------------------------


Order = tuple[Params, tuple[Span, ...], str | None, int | None, int]      # the fields of a Task but its place


@dataclass(frozen=True)
class Parcel:
    """Some tasks of one place as they travel: the place is packed once, and unpacked once a process.  `name`: what tells one place from another."""

    name: str
    place: bytes
    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Refused:
    """A task that could not be done, in words that survive the way: whose fault it is, by the exit code, and what was said."""

    exit_code: int
    text: str

    def error(self) -> PseError:
        kind = {RequestError.exit_code: RequestError, OutsideError.exit_code: OutsideError}.get(self.exit_code, PseError)
        return kind(self.text)


def packed(place: Place) -> tuple[str, bytes]:
    """A place's name and itself, ready to travel."""
    return f"{place.home} {place.key}", pickle.dumps(place)


def parcel(place: tuple[str, bytes], tasks: Sequence[Task]) -> Parcel:
    """Tasks of one packed place."""
    return Parcel(*place, tuple((one.params, one.spans, one.fills, one.random_entries, one.seed) for one in tasks))


_unpacked: tuple[str, Place] | None = None


def tasks_of(given: Parcel) -> Iterator[Task]:
    """The tasks of a parcel, all at one place."""
    global _unpacked
    if _unpacked is None or _unpacked[0] != given.name:
        _unpacked = given.name, pickle.loads(given.place)
    for params, spans, fills, random_entries, seed in given.orders:
        yield Task(_unpacked[1], params, spans, fills, random_entries, seed)


def work_through(given: Parcel) -> list[list[Measured] | Refused]:
    """The answers to a parcel's tasks, in their order; nothing is done behind one that is refused."""
    answers: list[list[Measured] | Refused] = []
    for task in tasks_of(given):
        try:
            answers.append(work(task))
        except PseError as error:                # some of these have more to them than their words, and would not come through
            return [*answers, Refused(error.exit_code, str(error))]
    return answers


def place_in(given: Parcel) -> Refused | None:
    """What keeps this process from working at a parcel's place: a home or a snapshot that is not to be seen from here."""
    import platform

    place = next(tasks_of(given)).place
    home = Home(Path(place.home))
    if (home.snapshots / f"{place.snapshot}.json").is_file():
        return None
    what = f"no snapshot {place.snapshot} there" if home.root.is_dir() else "no such folder"
    where = platform.node() or "a machine without a name"
    return Refused(OutsideError.exit_code, f"a worker on {where} looks for the data in {home.root} and finds {what}; every worker must see the home under the "
                                           f"same path: put it on a disk that all machines share, and start pse with --home there")
