"""What a user asks for, read once: `rsi`, `ema:period=200@1h`, `sma:period=200@SPY/1d`, `close@VIX/1d`.

`NAME[:param=value[,param=value]][@[SYMBOL/]TIMEFRAME]`.  NAME is a feature, one of its columns, or a column of the bars (open, high, low, close, volume);
without a NAME all five of another symbol or timeframe are meant.  A parameter of a part is written with a dot (`mqs:structure.internal=5`).  A column's name
in a table says all of it: own name, parameters that are not the default, and behind two underscores where it comes from.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pse.domain.bars import timeframe_ns
from pse.domain.errors import RequestError, UnknownName
from pse.domain.instruments import SYMBOL_PATTERN
from pse.features.feature import Column, Feature

Catalogue = Mapping[str, type[Feature]]

BAR_COLUMNS: Mapping[str, Column] = {
    "open": Column("first price of the bar", "price"), "high": Column("highest price of the bar", "price"), "low": Column("lowest price of the bar", "price"),
    "close": Column("last price of the bar", "price"), "volume": Column("what was traded in the bar", "volume"),
}
KEYS = ("symbol", "timeframe", "year", "ts_open", "ts_close", "available_at", "session_date")       # columns of every table
FORM = "NAME[:param=value[,param=value]][@[SYMBOL/]TIMEFRAME], for example ema:period=200@1h or close@VIX/1d"
FROM_INSTRUMENT = "taken from the instrument"
_PIECE = re.compile(r"([^:@]*)(?::([^@]*))?(?:@(.*))?", re.S)
_ESCAPES = {".": "_dot_", "-": "_dash_", "_": "_u_"}


# --- parameters ----------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """One parameter of a feature: its dotted name, default, bounds (None: none) and meaning; `fixed` when the instrument says it."""

    path: str
    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[Any, ...] = ()
    fixed: bool = False

    @property
    def bounds(self) -> str:
        """`1 to 500`, `above 0`, `yes or no`, or the choices; empty where anything goes."""
        if isinstance(self.default, bool):
            return "true or false"
        if self.choices:
            return ", ".join(str(one) for one in self.choices)
        low = "" if self.low is None else f"above {_number(self.low)}" if self.low_open else _number(self.low)
        high = "" if self.high is None else f"below {_number(self.high)}" if self.high_open else _number(self.high)
        return f"{low} to {high}" if low and high else f"{low} or more" if low and not self.low_open else low or (f"at most {high}" if high else "")

    def nearest(self, value: Any) -> Any | None:
        """The nearest value inside the bounds, where that can be said."""
        if self.choices:
            near = difflib.get_close_matches(str(value), [str(one) for one in self.choices], n=1, cutoff=0.3)
            return near[0] if near else self.choices[0]
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        inside = max(number, self.low) if self.low is not None else number
        inside = min(inside, self.high) if self.high is not None else inside
        if (self.low_open and inside == self.low) or (self.high_open and inside == self.high):
            return None
        return round(inside) if isinstance(self.default, int) else inside


def _number(value: float) -> str:
    """1,000,000 and 0.1."""
    return f"{value:,.12g}"


def parameters(feature: BaseModel) -> tuple[Parameter, ...]:
    """Every parameter of a feature (or of anything frozen) and of the parts it is made of, in order; defaults are those of the instance."""
    found: list[Parameter] = []
    for name, field in type(feature).model_fields.items():
        value = getattr(feature, name)
        if isinstance(value, BaseModel):
            found += [replace(one, path=f"{name}.{one.path}") for one in parameters(value)]
            continue
        limits: dict[str, Any] = {}
        for one in field.metadata:
            for mark, side, is_open in (("ge", "low", False), ("gt", "low", True), ("le", "high", False), ("lt", "high", True)):
                if hasattr(one, mark):
                    limits |= {side: getattr(one, mark), f"{side}_open": is_open}
        choices = get_args(field.annotation) if str(get_origin(field.annotation)) == "typing.Literal" else ()
        meaning = field.description or ""
        found.append(Parameter(name, value, meaning, choices=choices, fixed=FROM_INSTRUMENT in meaning, **limits))
    return tuple(found)


def value_at(feature: Any, path: str) -> Any:
    """The value of a dotted parameter."""
    for step in path.split("."):
        feature = getattr(feature, step)
    return feature


# --- one request ---------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One feature with its parameters (or columns of the bars, without a feature), which of its columns, and whose bars it is computed on.

    `symbol` None: the table's own; `timeframe` None: the table's own.
    """

    name: str
    feature: Feature | None
    own: tuple[str, ...]
    symbol: str | None = None
    timeframe: str | None = None

    @property
    def declared(self) -> Mapping[str, Column]:
        """Own name to declaration, of the columns that were asked for."""
        known = BAR_COLUMNS if self.feature is None else self.feature.columns
        return {name: known[name] for name in self.own}

    @cached_property
    def given(self) -> dict[str, Any]:
        """Parameters that are not the default, by dotted name."""
        if self.feature is None:
            return {}
        return {one.path: value for one in parameters(type(self.feature)()) if (value := value_at(self.feature, one.path)) != one.default}

    @property
    def _suffix(self) -> str:
        where = "" if self.timeframe is None else f"__{self.timeframe}" if self.symbol is None else f"__{_escaped(self.symbol)}_{self.timeframe}"
        return "".join(f"_{_parameter(path, value)}" for path, value in self.given.items()) + where

    @property
    def label(self) -> str:
        """The whole request as a name: `sma_period200__spy_1d`."""
        return (self.name or "bars") + self._suffix

    @property
    def columns(self) -> dict[str, Column]:
        """Name in a table to declaration, in order.  Of another symbol also the age of its bar and whether that is too old."""
        found = {name + self._suffix: column for name, column in self.declared.items()}
        if self.symbol is not None:
            found[f"{self.label}__age_s"] = Column(f"from the close of {self.symbol}'s bar to this row", "seconds")
            found[f"{self.label}__stale"] = Column(f"whether {self.symbol}'s bar is older than bars of {self.timeframe} should be", "flag")
        return found

    @property
    def text(self) -> str:
        """The request as it can be written again, columns left out."""
        given = ",".join(f"{path}={_written(value)}" for path, value in self.given.items())
        where = "" if self.timeframe is None else f"@{self.symbol}/{self.timeframe}" if self.symbol else f"@{self.timeframe}"
        return self.name + (f":{given}" if given else "") + where

    def identity(self) -> dict[str, Any]:
        """All that decides the values, as plain JSON."""
        whole = None if self.feature is None else self.feature.model_dump(mode="json")
        return {"name": self.name, "parameters": whole, "columns": list(self.own), "symbol": self.symbol, "timeframe": self.timeframe}


def _parameter(path: str, value: Any) -> str:
    """`period200`, `structure_internal5`, `gap_in_tr_false`: an underscore stands before words, and where the name ends in a digit."""
    name, text = path.replace(".", "_"), _rendered(value)
    return f"{name}_{text}" if not text[0].isdigit() or name[-1].isdigit() else f"{name}{text}"


def _rendered(value: Any) -> str:
    """A value as part of a name: 0.5 is 0p5, -2 is m2, 1e-07 is 1em07."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list | set | frozenset):
        return "_and_".join(_rendered(one) for one in value) or "none"
    if isinstance(value, int | float):
        return repr(int(value) if float(value).is_integer() and abs(value) < 1e15 else value).replace("-", "m").replace("+", "").replace(".", "p")
    return re.sub(r"[^a-z0-9]", lambda found: _ESCAPES.get(found[0], f"_x{ord(found[0]):x}_"), str(value).lower())


def _escaped(symbol: str) -> str:
    """A symbol in lower case letters and digits; what else it may hold as a word between underscores, so that no two symbols meet."""
    return "".join(_ESCAPES.get(sign, sign.lower()) for sign in symbol)


def _written(value: Any) -> str:
    return "+".join(map(_written, value)) if isinstance(value, tuple | list) else str(value).lower() if isinstance(value, bool) else str(value)


# --- reading -------------------------------------------------------------------------------------------------------------------------------------


def parse_requests(text: str, catalogue: Catalogue) -> tuple[Request, ...]:
    """Requests separated by commas or spaces, each once, in the order they were written.

    Columns of one feature asked for apart come together.  Raises `UnknownName` or `RequestError` naming the nearest that is right.
    """
    found: dict[tuple[Any, ...], Request] = {}
    for piece in _pieces(text):
        one = parse_request(piece, catalogue)
        key = (one.name, one.feature, one.symbol, one.timeframe)
        if key in found:
            order = BAR_COLUMNS if one.feature is None else one.feature.columns
            one = replace(one, own=tuple(name for name in order if name in {*found[key].own, *one.own}))
        found[key] = one
    if not found:
        raise RequestError(f"no feature is named; write {FORM}")
    return checked_names(found.values())


def checked_names(requests: Iterable[Request]) -> tuple[Request, ...]:
    """The requests, once it is sure that no two of them write the same column."""
    asked = tuple(requests)
    owner: dict[str, Request] = {}
    for one in asked:
        for name in one.columns:
            if name in owner or name in KEYS:
                other = owner[name].text if name in owner else "every table"
                raise RequestError(f"{one.text} and {other} would both be the column {name}; leave one of them out")
            owner[name] = one
    return asked


def every_feature(catalogue: Catalogue) -> tuple[Request, ...]:
    """All features with their defaults."""
    return checked_names(Request(name, feature(), tuple(feature.columns)) for name, feature in catalogue.items())


def _pieces(text: str) -> list[str]:
    """The requests of a list; a piece `param=value` goes on with the parameters of the request before it."""
    found: list[str] = []
    for piece in (one.strip() for one in re.split(r"[,\s]+", text)):
        goes_on = found and "=" in piece and ":" not in piece.partition("=")[0] and ":" in found[-1] and "@" not in found[-1]
        if goes_on:
            found[-1] += f",{piece}"
        elif piece:
            found.append(piece)
    return found


def parse_request(piece: str, catalogue: Catalogue) -> Request:
    """One request."""
    matched = _PIECE.fullmatch(piece.strip())
    if matched is None or (not matched[1] and not matched[3]):
        raise RequestError(f"{piece!r} is no request for a feature; write {FORM}")
    name, given, where = matched[1].lower(), matched[2], matched[3]
    symbol, timeframe = _where(piece, where) if where is not None else (None, None)
    if not name or name in BAR_COLUMNS:
        if given is not None:
            raise RequestError(f"{piece!r}: a column of the bars has no parameters; write {name or 'close'}{'@' + where if where else ''}")
        return Request(name if name else "", None, (name,) if name else tuple(BAR_COLUMNS), symbol, timeframe)
    owner, own = _named(name, catalogue)
    return Request(owner, _made(piece, owner, catalogue[owner], given), own, symbol, timeframe)


def _named(name: str, catalogue: Catalogue) -> tuple[str, tuple[str, ...]]:
    """The feature that a name means, and which of its columns."""
    if name in catalogue:
        return name, tuple(catalogue[name].columns)
    owners = {column: feature for feature, made in catalogue.items() for column in made.columns}
    if name in owners:
        return owners[name], (name,)
    error = UnknownName("feature", name, catalogue)
    near = difflib.get_close_matches(name, [*catalogue, *owners, *BAR_COLUMNS], n=1, cutoff=0.5)
    if near and near[0] not in catalogue:
        listed = str(error).partition(" Did you mean")[0]
        error.args = (f"{listed} Did you mean the column {near[0]} of {owners.get(near[0], 'the bars')}?",)
    raise error


def _where(piece: str, text: str) -> tuple[str | None, str]:
    symbol, slash, timeframe = text.rpartition("/")
    if not slash and re.fullmatch(SYMBOL_PATTERN.strip("^$"), text) and not re.fullmatch(r"[0-9]+[a-zA-Z]", text):
        raise RequestError(f"{piece!r} names {text} without a timeframe; write @{text}/1d for its daily bars, or @1h for another timeframe of the same symbol")
    try:
        timeframe_ns(timeframe)
    except RequestError as error:
        raise RequestError(f"{piece!r}: {error}") from error
    if slash and not re.fullmatch(SYMBOL_PATTERN.strip("^$"), symbol):
        raise RequestError(f"{piece!r}: {symbol!r} is not a symbol; expected capital letters and digits as in configs/instruments.yaml, for example @SPY/1d")
    return symbol or None, timeframe


def _made(piece: str, name: str, feature: type[Feature], given: str | None) -> Feature:
    """The feature with the parameters that were written."""
    plain = feature()
    known = {one.path: one for one in parameters(plain)}
    values: dict[str, Any] = {}
    for pair in given.split(",") if given is not None else ():
        path, equals, value = (part.strip() for part in pair.partition("="))
        if path not in known:
            raise UnknownName(f"parameter of {name}", path, [one.path for one in known.values() if not one.fixed])
        if not equals or not value:
            raise RequestError(f"{piece!r}: {path} has no value; write {name}:{path}={_written(known[path].default)}")
        if known[path].fixed:
            raise RequestError(f"{piece!r}: {path} of {name} is {FROM_INSTRUMENT} and cannot be asked for; change it in configs/instruments.yaml")
        if path in values:
            raise RequestError(f"{piece!r}: {path} stands there twice; keep one")
        values[path] = tuple(value.split("+")) if isinstance(known[path].default, tuple | list) else value
    tree = plain.model_dump()
    for path, value in values.items():
        *steps, last = path.split(".")
        at = tree
        for step in steps:
            at = at[step]
        at[last] = value
    try:
        return feature.model_validate(tree)
    except ValidationError as error:
        raise RequestError(_refused(piece, known, values, error)) from error


def _refused(piece: str, known: Mapping[str, Parameter], values: Mapping[str, Any], error: ValidationError) -> str:
    """What is wrong with a value, what is allowed, and the nearest that is."""
    first = error.errors()[0]
    path = ".".join(str(step) for step in first["loc"])
    one = known.get(path)
    said = first["msg"].removeprefix("Value error, ")
    if one is None:
        return f"{piece!r}: {said}"
    near = one.nearest(values.get(path))
    value, said = _written(values.get(path, "?")), said[:1].lower() + said[1:]
    allowed = f"; allowed: {one.bounds}" if one.bounds else ""
    hint = "" if near is None else f"; the nearest is {path}={_written(near)}"
    return f"{piece!r}: {path} is {value}: {said}{allowed} ({one.meaning}; default {_written(one.default)}){hint}"
