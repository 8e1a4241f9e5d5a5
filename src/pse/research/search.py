"""The space of a search and what is proposed out of it: every combination, draws, or draws that learn (`tpe`).

A proposal depends on the space, the policy, the seed, the number of its batch and what was told before; never on workers, clocks or the order of a set.
The first proposal of all is the desk's own configuration, so that a search can be held against doing nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pse.domain.errors import RequestError
from pse.domain.trials import Params, Value, params_id

if TYPE_CHECKING:
    from pse.settings.search import SearchPolicy

Told = Sequence[tuple[Params, float | None]]
STEPS = 8                                # of a range without steps, where one step of it is asked for
MOST_LISTED = 200_000                    # points of a space that are put in order to find those that are left
TRIES = 200                              # draws for one proposal, before it is taken that there is nothing new to find
DIGITS = 6                               # significant ones of a number that was drawn from a range without steps


@dataclass(frozen=True)
class Parameter:
    """One parameter and what it may be.

    `type`: int, float, bool, choice or text.  `values` of a list (numbers rising), else `low` to `high`, both included, in steps of `step` (None: no steps),
    drawn by ratio where `log`.
    """

    key: str
    type: str
    meaning: str = ""
    values: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False

    @property
    def label(self) -> str:
        """The last word of the key."""
        return self.key.rpartition(".")[2]

    @cached_property
    def levels(self) -> tuple[Value, ...] | None:
        """Every value, in order; None for a range without steps."""
        if self.values is not None:
            return self.values
        assert self.low is not None and self.high is not None
        if self.type == "int":
            return tuple(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        if self.step is None:
            return None
        count = math.floor((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) + 1
        return tuple(float(f"{min(self.low + place * self.step, self.high):.12g}") for place in range(count))

    def at(self, share: float) -> Value:
        """The value at a share (0 to 1, 1 excluded) of what it may be."""
        if self.levels is not None and not self.log:
            return self.levels[min(int(share * len(self.levels)), len(self.levels) - 1)]
        assert self.low is not None and self.high is not None
        if self.type == "int":                             # each whole number as wide as from itself to the next
            return min(int(self.low * ((self.high + 1) / self.low) ** share), int(self.high))
        drawn = self.low * (self.high / self.low) ** share if self.log else self.low + share * (self.high - self.low)
        return self.rounded(drawn)

    def rounded(self, value: float) -> float:
        """A number out of the range with no more digits than anybody reads, and inside it."""
        assert self.low is not None and self.high is not None
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def beside(self, value: Value) -> list[Value]:
        """The values one step below and above; of a value between two steps both of these."""
        if self.levels is None:
            return self._near(value)
        if value in self.levels:
            place = self.levels.index(value)
            return [self.levels[one] for one in (place - 1, place + 1) if 0 <= one < len(self.levels)]
        if not _is_number(value):
            return []
        below = [one for one in self.levels if _is_number(one) and one < value]     # type: ignore[operator]
        above = [one for one in self.levels if _is_number(one) and one > value]     # type: ignore[operator]
        return [*below[-1:], *above[:1]]

    def _near(self, value: Value) -> list[Value]:
        """One of STEPS steps of the range either way."""
        assert self.low is not None and self.high is not None
        if not _is_number(value):
            return []
        at = float(value)                                  # type: ignore[arg-type]
        ratio, width = (self.high / self.low) ** (1 / STEPS) if self.log else 1.0, (self.high - self.low) / STEPS
        ends = (at / ratio, at * ratio) if self.log else (at - width, at + width)
        return [one for one in (self.rounded(end) for end in ends) if one != value]

    def described(self) -> dict[str, Any]:
        """For wfo.json."""
        return {"key": self.key, "label": self.label, "kind": "range" if self.values is None else "values", "meaning": self.meaning,
                "values": None if self.values is None else list(self.values), "low": self.low, "high": self.high, "step": self.step, "log": self.log}


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, eq=False)
class Space:
    """All configurations of a search.  `own`: the desk's values of the same parameters.  `refused`: why values do not go together; empty when they do."""

    parameters: tuple[Parameter, ...]
    own: Params
    refused: Callable[[Params], str] = field(default=lambda params: "")

    @property
    def size(self) -> int | None:
        """How many combinations there are; None where a range has no steps."""
        counts = [None if one.levels is None else len(one.levels) for one in self.parameters]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def levels(self, parameter: Parameter | str) -> tuple[Value, ...] | None:
        """Every value of a parameter; None for a range without steps."""
        return self.parameter(parameter).levels if isinstance(parameter, str) else parameter.levels

    def parameter(self, key: str) -> Parameter:
        return next(one for one in self.parameters if one.key == key)

    def point(self, number: int) -> Params:
        """One combination of a space of known size: the last parameter changes fastest."""
        found: dict[str, Value] = {}
        for one in reversed(self.parameters):
            assert one.levels is not None
            number, place = divmod(number, len(one.levels))
            found[one.key] = one.levels[place]
        return {one.key: found[one.key] for one in self.parameters}

    def drawn(self, rng: np.random.Generator) -> Params:
        """One combination at random."""
        return {one.key: one.at(float(share)) for one, share in zip(self.parameters, rng.random(len(self.parameters)), strict=True)}

    def holds(self, params: Params) -> bool:
        """Whether a combination is one of the space; the desk's own may lie beside it."""
        for one in self.parameters:
            value = params[one.key]
            if one.levels is not None:
                if not any(value == level and isinstance(value, bool) == isinstance(level, bool) for level in one.levels):
                    return False
            elif not _is_number(value) or not one.low <= value <= one.high:         # type: ignore[operator]
                return False
        return True

    def neighbours(self, params: Params) -> list[Params]:
        """The combinations that differ in one parameter by one step, those left out that do not go together."""
        found = [{**params, one.key: value} for one in self.parameters for value in one.beside(params[one.key])]
        return [one for one in found if not self.refused(one)]


class Proposer(Protocol):
    """What is to be measured next."""

    def batch(self, number: int, told: Told = ()) -> list[Params]:
        """The configurations of a batch, counted from 0; none: there are no more.  `told`: those of all batches before, with their objective, in order."""
        ...


def proposer(space: Space, policy: SearchPolicy, seed: int) -> Proposer:
    """The proposals of a search.  Raises `RequestError` where the method does not fit the space."""
    if policy.method == "grid":
        return Listed(tuple(_own_first(space, _grid(space, policy))), policy.batch)
    if not _can_move(space):
        raise RequestError(f"no combination of the values can run: {space.refused(space.drawn(_generator(seed)))}; change them")
    if policy.method == "random":
        return Listed(tuple(draws(space, _generator(seed), policy.trials, [space.own])), policy.batch)
    from pse.research.tpe import Learning

    return Learning(space, policy.trials, policy.batch, seed)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def _can_move(space: Space) -> bool:
    """Whether anything of the space can run: by draws, or, where none of them does, by looking at every point."""
    rng = _generator(0)
    if any(not space.refused(space.drawn(rng)) for _ in range(TRIES)):
        return True
    return space.size is not None and space.size <= MOST_LISTED and any(not space.refused(space.point(number)) for number in range(space.size))


@dataclass(frozen=True)
class Listed:
    """Proposals that nothing measured changes."""

    all: tuple[Params, ...]
    size: int

    def batch(self, number: int, told: Told = ()) -> list[Params]:
        return list(self.all[number * self.size:(number + 1) * self.size])


def _grid(space: Space, policy: SearchPolicy) -> Iterator[Params]:
    for one in space.parameters:
        if one.levels is None:
            raise RequestError(f"the grid needs steps, and {one.key} is a range from {one.low:g} to {one.high:g} without any; write its `step` or its "
                               f"`values`, or `method: random`")
    size = space.size
    assert size is not None
    if size > policy.trials:
        shape = " x ".join(str(len(one.levels or ())) for one in space.parameters)
        raise RequestError(f"the grid has {size:,} points ({shape}) and trials is {policy.trials:,}; raise trials to {size}, take out values, or write "
                           f"`method: random`")
    whole = [space.point(number) for number in range(size)]
    possible = [one for one in whole if not space.refused(one)]
    if not possible:
        raise RequestError(f"no point of the grid can run: {space.refused(whole[0])}; change the values")
    return iter(possible)


def _own_first(space: Space, others: Iterator[Params]) -> list[Params]:
    own = params_id(space.own)
    return [dict(space.own), *(one for one in others if params_id(one) != own)]


def draws(space: Space, rng: np.random.Generator, count: int, before: Sequence[Params]) -> list[Params]:
    """`before`, and so many draws behind it that there are `count`, none twice; fewer where the space has no more."""
    found: list[Params] = [dict(one) for one in before]
    seen = {params_id(one) for one in before}
    while len(found) < count:
        drawn = _new(space, rng, seen)
        if drawn is None:
            break
        seen.add(params_id(drawn))
        found.append(dict(drawn))
    return found


def _new(space: Space, rng: np.random.Generator, seen: set[str]) -> Params | None:
    """One combination that was not seen and goes together; None when none is found."""
    for _ in range(TRIES):
        drawn = space.drawn(rng)
        if params_id(drawn) not in seen and not space.refused(drawn):
            return drawn
    if space.size is None or space.size > MOST_LISTED:
        return None
    order: Sequence[int] = rng.permutation(space.size).tolist()
    return next((one for one in map(space.point, order) if params_id(one) not in seen and not space.refused(one)), None)
