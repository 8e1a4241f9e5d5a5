"""How money of one currency becomes money of another: series of instruments that price a currency, and pegs that someone wrote down.

Which close of a series holds at which moment is for whoever has the bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import CURRENCY_PATTERN, Instrument

MOST_STEPS = 4


class Peg(Frozen):
    """A currency that is taken to be worth a fixed amount of another."""

    pegged_to: str = Field(pattern=CURRENCY_PATTERN)
    rate: float = Field(1.0, gt=0, le=1e9, description="money of `pegged_to` for one")


@dataclass(frozen=True)
class Leg:
    """One series on the way: its close is money of the next currency for one of this, or with `inverse` the other way round."""

    symbol: str
    inverse: bool


@dataclass(frozen=True)
class Conversion:
    """Money of `to` for one of `of`: `factor`, times the closes of `legs`.  `pegs`: the currencies whose fixed rate it rests on."""

    of: str
    to: str
    factor: float = 1.0
    legs: tuple[Leg, ...] = ()
    pegs: tuple[str, ...] = ()

    @property
    def is_one(self) -> bool:
        return self.factor == 1.0 and not self.legs


def conversion(of: str, to: str, instruments: Mapping[str, Instrument], pegs: Mapping[str, Peg]) -> Conversion | None:
    """The way with the fewest steps: a series before its inverse, that before a peg, symbols by name; None where there is none."""
    ways, seen = [Conversion(of, of)], {of}
    for _ in range(MOST_STEPS + 1):
        for way in ways:
            if way.to == to:
                return way
        longer = []
        for way in ways:
            for step in _steps(way.to, instruments, pegs):
                if step.to not in seen:
                    seen.add(step.to)
                    longer.append(Conversion(of, step.to, way.factor * step.factor, (*way.legs, *step.legs), (*way.pegs, *step.pegs)))
        ways = longer
    return None


def _steps(of: str, instruments: Mapping[str, Instrument], pegs: Mapping[str, Peg]) -> Iterator[Conversion]:
    """One step from a currency."""
    priced = sorted((one for one in instruments.values() if one.base is not None), key=lambda one: one.symbol)
    for one in priced:
        if one.base == of:
            yield Conversion(of, one.currency, legs=(Leg(one.symbol, False),))
    for one in priced:
        if one.currency == of and one.base is not None:
            yield Conversion(of, one.base, legs=(Leg(one.symbol, True),))
    for name, peg in sorted(pegs.items()):
        if name == of:
            yield Conversion(of, peg.pegged_to, peg.rate, pegs=(name,))
        elif peg.pegged_to == of:
            yield Conversion(of, name, 1.0 / peg.rate, pegs=(name,))
