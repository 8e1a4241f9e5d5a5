"""Settings: YAML layers become one frozen, typed tree.

Layers, each over the one before: built-in configs, the home folder's configs, `--config FILE`, `--set key=value`.  Mappings merge key by key, anything else
replaces; a desk file of home replaces the built-in desk of that name whole; a named entry set to null is taken out.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PrivateAttr, StringConstraints, TypeAdapter, ValidationError, field_validator, model_validator

from pse.domain.base import Frozen
from pse.domain.currencies import Conversion, Peg, conversion
from pse.domain.errors import BadConfig, UnknownName
from pse.domain.instruments import CURRENCY_PATTERN, SYMBOL_PATTERN, Instrument
from pse.risk.fills import FillPolicy
from pse.risk.policy import RiskPolicy
from pse.store.builtin import builtin_folder, config_files, desk_files
from pse.store.sessions import SessionOverride
from pse.store.yaml_files import Layer, Mark, Marks, parse_value, read_yaml

if TYPE_CHECKING:
    from pse.tactics.outside import Outside

FILES = ("settings.yaml", "instruments.yaml", "risk_policies.yaml", "fills.yaml")
NAMED = ("desks", "instruments", "currencies", "risk_policies", "fills")
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
Symbol = Annotated[str, StringConstraints(pattern=SYMBOL_PATTERN)]
Timeframe = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}(s|m|h|d)$")]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
MAX_SYMBOLS = 1000
MAX_ROUNDS = 20                                # of taking out what is wrong and looking again
FROM = "from"                                  # among a tactic's parameters: where one of the user's own stands


class Account(Frozen):
    """The account that a run starts with."""

    name: Name = "research"
    currency: Currency = "USD"
    capital: float = Field(100_000.0, gt=0, description="money at the start, in the account's currency")


class Plugins(Frozen):
    """Classes from outside the package that desks may name."""

    tactics: dict[Name, str] = Field(default_factory=dict, description="tactic name to FOLDER/FILE.py:Class below the home folder")


class Desk(Frozen):
    """What runs together: instruments, timeframes, tactics, who decides, and by which limits."""

    description: str = ""
    symbols: tuple[Symbol, ...] = Field(min_length=1, max_length=MAX_SYMBOLS, description="order of the list is order at one instant")
    context: tuple[Symbol, ...] = Field((), max_length=MAX_SYMBOLS, description="symbols that are read and not traded; one that is not stored reads as missing")
    base_timeframe: Timeframe = "1m"
    decision_timeframe: Timeframe = "5m"
    warmup_sessions: int = Field(60, ge=0, le=2000, description="sessions before --start that features may see")
    news: bool = Field(False, description="whether headlines are read: their age and red flags stand in the context of every decision")
    tactics: dict[str, dict[str, Any] | None] = Field(min_length=1, description="tactic name to its parameters; `from`: where one of your own stands")
    features: dict[str, Any] = Field(default_factory=dict, description="parameters of the features")
    risk: str = Field(description="name of a profile in risk_policies.yaml")
    fills: str = Field("conservative", description="name of a policy in fills.yaml")
    decide: Literal["rules"] = Field("rules", description="who says yes or no")

    @field_validator("tactics")
    @classmethod
    def _in_one_order(cls, tactics: dict[str, Any]) -> dict[str, Any]:
        """By name: a manifest keeps no order of keys, and a run made again from it takes them in the same one."""
        return dict(sorted(tactics.items()))

    @model_validator(mode="after")
    def _names_each_symbol_once(self) -> Self:
        for symbols in (self.symbols, self.context):
            if len(set(symbols)) < len(symbols):
                raise ValueError("a symbol stands in the list twice")
        return self


@dataclass(frozen=True)
class Read:
    """A symbol that a desk reads and does not trade.

    `why`: who cannot do without it and where that is written; empty where it may be missing.  `timeframes`: those that are certainly read.
    """

    symbol: str
    why: str = ""
    timeframes: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return bool(self.why)


class Settings(Frozen):
    """Everything that was asked for, resolved.  `chosen` is the desk that runs."""

    desk: str = "futures-smc"
    seed: int = Field(0, ge=0, lt=2**63)
    account: Account = Account()
    plugins: Plugins = Plugins()
    desks: dict[Name, Desk]
    instruments: dict[Symbol, Instrument]
    currencies: dict[Currency, Peg] = Field(default_factory=dict, description="currencies that are taken to be worth a fixed amount of another")
    sessions: tuple[SessionOverride, ...] = ()
    risk_policies: dict[Name, RiskPolicy]
    fills: dict[Name, FillPolicy]
    _marks: Marks = PrivateAttr(default_factory=dict)
    _home: Path | None = PrivateAttr(None)
    _outside: dict[tuple[str, str], Outside | None] = PrivateAttr(default_factory=dict)
    _broken: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def broken(self) -> Mapping[str, str]:
        """Desks that were left out because their files will not do, with the first thing that is wrong."""
        return self._broken

    @property
    def chosen(self) -> Desk:
        """The desk that runs."""
        return self.desks[self.desk]

    @property
    def risk(self) -> RiskPolicy:
        """The chosen desk's risk profile."""
        return self.risk_policies[self.chosen.risk]

    @property
    def fill_policy(self) -> FillPolicy:
        """The chosen desk's fill policy."""
        return self.fills[self.chosen.fills]

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol; `UnknownName` with the nearest one."""
        if symbol not in self.instruments:
            raise UnknownName("instrument", symbol, self.instruments)
        return self.instruments[symbol]

    def tactics(self) -> dict[str, Any]:
        """The chosen desk's tactics, made with their parameters, by name."""
        return {name: self.tactic(name) for name in self.chosen.tactics}

    def tactic(self, name: str) -> Any:
        """One tactic of the chosen desk.  Raises `BadSetting`."""
        from pse.tactics.outside import tactic_class

        path = ("desks", self.desk, "tactics", name)
        found = self._found(name)
        try:
            kind = tactic_class(name, found)
        except BadConfig as error:
            raise BadSetting([self.complaint(path, str(error))]) from error
        given = {key: value for key, value in (self.chosen.tactics[name] or {}).items() if key != FROM}
        return _made(kind, given, path, self._marks)

    def outside(self) -> dict[str, str]:
        """sha256 of the source of each tactic of the chosen desk that does not come with the package, by the tactic's name."""
        found = {name: self._found(name) for name in self.chosen.tactics}
        return {name: one.sha256 for name, one in found.items() if one is not None}

    def _found(self, name: str) -> Outside | None:
        """Where a tactic of the chosen desk stands; a file is read once, so that what is hashed is what runs."""
        from pse.tactics.outside import outside

        if (self.desk, name) not in self._outside:
            own = (self.chosen.tactics[name] or {}).get(FROM)
            path = ("desks", self.desk, "tactics", name) if own is not None or name not in self.plugins.tactics else ("plugins", "tactics", name)
            try:
                if own is not None and not isinstance(own, str):
                    raise BadConfig(f"found {own!r} behind `{FROM}`, expected text such as tactics/my_rule.py:MyRule")
                self._outside[(self.desk, name)] = outside(name, own or self.plugins.tactics.get(name), self._home)
            except (BadConfig, UnknownName) as error:
                raise BadSetting([self.complaint(path, str(error))]) from error
        return self._outside[(self.desk, name)]

    def complaint(self, path: tuple[str | int, ...], text: str) -> Complaint:
        """What is wrong with a setting, with the place where it was written."""
        return Complaint(_mark(self._marks, path), path, text)

    def where(self, *path: str | int) -> str:
        """File, line and key of a setting, for a message."""
        return _where(self._marks, path)

    def conversion(self, symbol: str) -> Conversion:
        """How money of the instrument's currency becomes the account's.  Raises `BadSetting` saying what would."""
        of, to = self.instrument(symbol).currency, self.account.currency
        found = conversion(of, to, self.instruments, self.currencies)
        if found is None:
            raise BadSetting([self.complaint(("instruments", symbol, "currency"), (
                f"{symbol} is quoted in {of} and the account is kept in {to} ({self.where('account', 'currency')}), and nothing says what {of} is worth in "
                f"{to}. Add an instrument of kind fx with `base: {of}` and `currency: {to}` (or the other way round) to instruments.yaml and ingest it, or "
                f"write a fixed rate, `currencies: {{{of}: {{pegged_to: {to}, rate: ...}}}}`, or run with `--set account.currency={of}`"))])
        return found

    def reads(self, symbols: Iterable[str] | None = None) -> dict[str, Read]:
        """What the chosen desk, narrowed to `symbols`, reads and does not trade: what its tactics name, the rates of its currencies, then its context."""
        traded = self._narrowed(symbols)
        found: dict[str, Read] = {}
        for name, tactic in self.tactics().items():
            for symbol in (one for one in tactic.symbols() if one not in traded):
                path = ("desks", self.desk, "tactics", name, *naming(tactic, symbol))
                if symbol not in self.instruments:
                    raise BadSetting([self.complaint(path, str(UnknownName("instrument", symbol, self.instruments)))])
                before = found.get(symbol, Read(symbol, f"the tactic {name} cannot do without ({self.where(*path)})"))
                found[symbol] = replace(before, timeframes=tuple(dict.fromkeys((*before.timeframes, *tactic.timeframes(self.chosen.decision_timeframe)))))
        for symbol in traded:
            way = self.conversion(symbol)
            for leg in (one for one in way.legs if one.symbol not in traded):
                found.setdefault(leg.symbol, Read(leg.symbol, (
                    f"{symbol} needs as a rate: {symbol} is quoted in {way.of} and the account is kept in {way.to} "
                    f"({self.where('instruments', leg.symbol)}; `--set account.currency={way.of}` needs none)")))
        for symbol in (one for one in self.chosen.context if one not in traded):
            found.setdefault(symbol, Read(symbol))
        return found

    def _narrowed(self, symbols: Iterable[str] | None) -> list[str]:
        """The traded symbols: the desk's own in its order, then those that it does not list."""
        wanted = None if symbols is None else list(symbols)
        return [s for s in self.chosen.symbols if wanted is None or s in set(wanted)] + [s for s in wanted or () if s not in self.chosen.symbols]

    def feature_spec(self) -> Any:
        """The chosen desk's `FeatureSpec`; its timeframe is the desk's unless the parameters say otherwise."""
        from pse.features.build import FeatureSpec

        given = {"decision_timeframe": self.chosen.decision_timeframe, **self.chosen.features}
        return _made(FeatureSpec, given, ("desks", self.desk, "features"), self._marks)

    def tree(self) -> dict[str, Any]:
        """All of it as plain JSON values; `Settings.from_tree` gives the same settings back."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any], home: Path | None = None) -> Settings:
        """Settings of an earlier run, from its manifest; `home` is where its tactics from outside stand."""
        return _validated(dict(tree), {}, Mark("the run's manifest", 0), home)

    def run_tree(self, symbols: Iterable[str] | None = None) -> dict[str, Any]:
        """What decides the outcome of a run, and nothing else: the chosen desk with its symbols, the instruments that it trades (and their micros) and reads,
        pegs, sessions, limits, fills.

        The seed is left out: a manifest names it beside the settings.
        """
        desk, wanted = self.chosen, self._narrowed(symbols)
        traded = {s: self.instrument(s) for s in wanted}
        traded |= {i.micro: self.instrument(i.micro) for i in list(traded.values()) if i.micro}
        traded |= {s: self.instrument(s) for s in self.reads(wanted)}
        calendars = {i.calendar for i in traded.values()}
        outside = self.outside()
        return ({"outside": outside} if outside else {}) | {
            "account": self.account.model_dump(mode="json"),
            "desk": desk.model_dump(mode="json") | {"symbols": wanted},
            "instruments": {s: i.model_dump(mode="json") for s, i in traded.items()},
            "currencies": {peg: self.currencies[peg].model_dump(mode="json") for peg in sorted({one for s in wanted for one in self.conversion(s).pegs})},
            "sessions": [rule.model_dump(mode="json", by_alias=True) for rule in self.sessions if rule.calendar in calendars],
            "risk": self.risk.model_dump(mode="json"),
            "fills": self.fill_policy.model_dump(mode="json"),
        }


def settings_hash(tree: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON (sorted keys, no spaces) of a settings tree, 64 hex digits."""
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


# --- layers --------------------------------------------------------------------------------------------------------------------------------------


def load_settings(home: Path, config: Path | None = None, overrides: Iterable[str] = (), any_desk: bool = False) -> Settings:
    """The resolved settings of a home folder.  Raises `BadConfig` naming file, line and the nearest key.

    A desk file that will not do stops only its own desk: the others are there, and it stands in `broken`.  `any_desk`: not even the chosen one stops.
    """
    tree, marks, broken = _layered(home, config, overrides)
    wanted = None if any_desk else tree.get("desk", Settings.model_fields["desk"].default)
    if wanted in broken:
        raise BadConfig(broken[wanted])
    while True:
        try:
            settings = _typed(tree, marks, Mark(str(home / "configs"), 0), home)
            if wrong := list(_loose_ends(settings, marks, broken)):
                raise BadSetting(wrong)
        except BadSetting as error:
            others = _of_other_desks(error.complaints, wanted)
            if rest := [one for one in error.complaints if not any(one in own for own in others.values())]:
                raise _unknown_desk(rest) or BadSetting(rest) from error
            broken |= {name: str(BadSetting(own)) for name, own in others.items()}
            tree["desks"] = {name: desk for name, desk in tree["desks"].items() if name not in broken}
        else:
            settings._broken = broken
            return settings


def _of_other_desks(complaints: Iterable[Complaint], wanted: str | None) -> dict[str, list[Complaint]]:
    """Complaints about what the files of desks say that are not wanted, by desk; what --set and --config say is always wanted."""
    found: dict[str, list[Complaint]] = {}
    for one in complaints:
        name = str(one.path[1]) if len(one.path) > 1 and one.path[0] == "desks" else None
        if name is not None and name != wanted and one.mark is not None and one.mark.source.endswith(f"configs/desks/{name}.yaml"):
            found.setdefault(name, []).append(one)
    return found


def _unknown_desk(complaints: Sequence[Complaint]) -> BadConfig | None:
    """The words for a desk that was asked for on the command line; a settings file that names one is told by its line."""
    one = complaints[0]
    return BadConfig(one.text) if one.path == ("desk",) and one.mark is not None and one.mark.source.startswith("--set") else None


def settings_with_complaints(home: Path, config: Path | None = None,
                             overrides: Iterable[str] = ()) -> tuple[Settings | None, list[Complaint], dict[str, str]]:
    """The settings without what is wrong in them, everything that is, and the desks whose files cannot be read, with why; None where too little is left.

    Text of shared files that is not YAML still raises.
    """
    tree, marks, broken = _layered(home, config, overrides)
    complaints: list[Complaint] = []
    for _ in range(MAX_ROUNDS):
        try:
            settings = _typed(tree, marks, Mark(str(home / "configs"), 0), home)
        except BadSetting as error:
            out = [one.path for one in complaints]       # what is missing around those was taken out here
            complaints += [one for one in error.complaints if not any(path[:len(one.path)] == one.path for path in out)]
            for one in sorted(error.complaints, key=lambda one: str(one.path), reverse=True):
                _take_out(tree, one.path)
        else:
            return settings, complaints + list(_loose_ends(settings, marks, broken)), broken
    return None, complaints, broken


def _take_out(tree: Any, path: tuple[str | int, ...]) -> None:
    """Removes a setting that will not do; where it is one that is missing, or cannot stand alone, the named entry around it."""
    above, last = tree, path[-1]
    for step in path[:-1]:
        above = above[step] if _has(above, step) else None
    if _has(above, last):
        del above[last]
    elif len(path) > 2 or (len(path) == 2 and path[0] not in NAMED):        # a named entry that is gone already takes none of its like along
        _take_out(tree, path[:-1])


def _has(tree: Any, step: str | int) -> bool:
    return step in tree if isinstance(tree, dict) else isinstance(tree, list) and isinstance(step, int) and step < len(tree)


def _layered(home: Path, config: Path | None, overrides: Iterable[str]) -> tuple[dict[str, Any], Marks, dict[str, str]]:
    """All layers as one tree, with the place of every value, and the desks whose files cannot be read, with why."""
    tree: dict[str, Any] = {}
    marks: Marks = {}
    layers, broken = _folder_layers(home / "configs")
    for layer in layers:
        _lay(tree, marks, layer)
    if config is not None:
        _lay(tree, marks, read_yaml(config))
    for text in overrides:
        _lay(tree, marks, _override(text, tree))
    for name in NAMED:
        entries = tree.get(name)
        if isinstance(entries, dict):
            tree[name] = {key: value for key, value in entries.items() if value is not None and not (name == "desks" and key in broken)}
    return tree, marks, broken


def _folder_layers(own: Path) -> tuple[list[Layer], dict[str, str]]:
    """Built-in files and home's, in order; a desk file is one layer below `desks.NAME`, and home's replaces the built-in one.  Beside them the desks whose
    files cannot be read, with why."""
    builtin = builtin_folder("configs")
    same = own.resolve() == builtin.resolve()
    folders = [(builtin, "configs" if same else "built-in configs")] + ([] if same else [(own, "configs")])
    files = [(FILES.index(path.name), path, shown) for folder, shown in folders for path in config_files(folder, FILES)]
    layers = [read_yaml(path, f"{shown}/{path.name}") for _, path, shown in sorted(files, key=lambda file: file[0])]
    desks = {name: (path, f"{shown}/desks/{path.name}") for folder, shown in folders for name, path in desk_files(folder).items()}
    broken: dict[str, str] = {}
    for name, (path, shown) in desks.items():
        try:
            desk = read_yaml(path, shown)
        except BadConfig as error:
            broken[name] = str(error)
            continue
        if not desk.tree:
            broken[name] = f"{shown}, line 1: the file is empty, expected a desk: at least `symbols`, `tactics` and `risk`; write them, or remove the file"
            continue
        marks: Marks = {("desks", name, *key): mark for key, mark in desk.marks.items()}
        layers.append(Layer({"desks": {name: desk.tree}}, marks))
    return layers, broken


def _lay(tree: dict[str, Any], marks: Marks, layer: Layer) -> None:
    """Merge one layer over the tree, in place; the marks of what it replaces go."""
    gone = _merge(tree, layer.tree, ())
    for path in [path for path in marks if any(path[: len(top)] == top for top in gone)]:
        del marks[path]
    marks.update(layer.marks)


def _merge(below: dict[str, Any], above: Mapping[str, Any], at: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Key by key; returns the paths whose value was replaced whole."""
    gone: list[tuple[str, ...]] = []
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            gone += _merge(below[key], value, (*at, key))
        else:
            if key in below:
                gone.append((*at, key))
            below[key] = _copied(value)
    return gone


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _override(text: str, tree: Mapping[str, Any]) -> Layer:
    """`a.b.c=value` as a layer; a key that holds dots itself (a symbol) is found in the tree."""
    source = f"--set {text}"
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadConfig(f"{source}: expected KEY=VALUE with dots between levels, for example --set account.capital=50000")
    path = tuple(_steps(key.strip().split("."), tree))
    found: Any = parse_value(value, source)
    marks: Marks = {path[:depth]: Mark(source, 0) for depth in range(1, len(path) + 1)}
    for step in reversed(path):
        found = {step: found}
    return Layer(found, marks)


def _steps(words: list[str], tree: Any) -> list[str]:
    """The words of a dotted key as steps into the tree: the longest run of words that is a key there, else one word."""
    if not words:
        return []
    here = tree if isinstance(tree, Mapping) else {}
    size = next((n for n in range(len(words), 0, -1) if ".".join(words[:n]) in here), 1)
    step = ".".join(words[:size])
    return [step, *_steps(words[size:], here.get(step))]


# --- errors that name the place ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one setting, and what would do; `mark` None where it was never written."""

    mark: Mark | None
    path: tuple[str | int, ...]
    text: str

    @property
    def where(self) -> str:
        """File, line and key."""
        shown = ".".join(str(step) for step in self.path)
        return f"{self.mark}, {shown}" if self.mark and shown else str(self.mark) if self.mark else shown or "settings"

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class BadSetting(BadConfig):
    """Settings that will not do; the message is about the first of them."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(complaints)
        more = len(self.complaints) - 1
        super().__init__(f"{self.complaints[0]}{f' ({more} more like it; `pse desks check` lists all)' if more else ''}")


def _validated(tree: dict[str, Any], marks: Marks, source: Mark, home: Path | None) -> Settings:
    """The typed tree, its cross references checked."""
    settings = _typed(tree, marks, source, home)
    wrong = list(_loose_ends(settings, marks))
    if wrong:
        raise BadSetting(wrong)
    return settings


def _typed(tree: dict[str, Any], marks: Marks, source: Mark, home: Path | None) -> Settings:
    instruments = tree.get("instruments")
    if isinstance(instruments, dict):
        tree = tree | {"instruments": {symbol: _with_symbol(symbol, body, marks) for symbol, body in instruments.items()}}
    settings: Settings = _made(Settings, tree, (), marks or {(): source})
    settings._marks, settings._home = marks, home
    return settings


def _with_symbol(symbol: str, body: Any, marks: Marks) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("symbol", symbol) != symbol:
        raise BadConfig(f"{_where(marks, ('instruments', symbol, 'symbol'))}: the entry {symbol} says symbol {body['symbol']!r}; expected {symbol!r}: "
                        f"remove the line, the entry's key is the symbol")
    return {"symbol": symbol, **body}


def _loose_ends(settings: Settings, marks: Marks, broken: Mapping[str, str] = MappingProxyType({})) -> Iterator[Complaint]:
    """Names that one part of the tree uses and that no other part has."""
    def need(path: tuple[str | int, ...], what: str, name: str, known: Iterable[str]) -> Iterator[Complaint]:
        if name not in known:
            yield Complaint(_mark(marks, path), path, str(UnknownName(what, name, known)))

    yield from need(("desk",), "desk", settings.desk, {**settings.desks, **broken})
    for name, desk in settings.desks.items():
        yield from need(("desks", name, "risk"), "risk profile", desk.risk, settings.risk_policies)
        yield from need(("desks", name, "fills"), "fill policy", desk.fills, settings.fills)
        for place, symbol in enumerate(desk.symbols):
            yield from need(("desks", name, "symbols", place), "instrument", symbol, settings.instruments)
        for place, symbol in enumerate(desk.context):
            yield from need(("desks", name, "context", place), "instrument", symbol, settings.instruments)
    for symbol, instrument in settings.instruments.items():
        for field, other in (("micro", instrument.micro), ("bars_of", instrument.bars_of)):
            if other is not None:
                yield from need(("instruments", symbol, field), "instrument", other, settings.instruments)


def _mark(marks: Marks, path: tuple[str | int, ...]) -> Mark | None:
    """Where a setting was written; the nearest enclosing place when the key itself never was."""
    return next((marks[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in marks), None)


def naming(tactic: Any, symbol: str) -> tuple[str, ...]:
    """The parameter of a tactic that names a symbol; empty where it is none of its parameters."""
    names = getattr(tactic, "__dataclass_fields__", None) or getattr(type(tactic), "model_fields", {})
    given = {name: getattr(tactic, name) for name in names}
    return next(((name,) for name, value in given.items() if value == symbol or (isinstance(value, (tuple, list)) and symbol in value)), ())


def _where(marks: Marks, path: tuple[str | int, ...]) -> str:
    return Complaint(_mark(marks, path), path, "").where


def _made(kind: Any, given: Any, path: tuple[str | int, ...], marks: Marks) -> Any:
    """`kind` made from plain values; pydantic's complaints become one `BadSetting`."""
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        raise BadSetting(_complained(kind, one, path, marks) for one in error.errors(include_url=False)) from error


def _complained(kind: Any, error: Mapping[str, Any], path: tuple[str | int, ...], marks: Marks) -> Complaint:
    steps = tuple(step for step in error["loc"] if step != "[key]")
    return Complaint(_mark(marks, (*path, *steps)), (*path, *steps), _complaint(kind, error, steps))


def _complaint(kind: Any, error: Mapping[str, Any], steps: tuple[str | int, ...]) -> str:
    """What was found, what was expected, and the mend."""
    name = str(steps[-1]) if steps else "settings"
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _keys(_model_at(kind, steps[:-1]))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "remove it"
        return f"there is no setting {name!r} here; there are: {', '.join(known) or 'none'}; {hint}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{name!r} is missing, and it has no default; add it"
    if error["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return f"found {error['input']!r}, expected settings as `key: value` lines below it; write it that way"
    if error["type"] == "tuple_type":
        written = f"[{error['input']}]" if isinstance(error["input"], str | int | float) else "[A, B]"
        return f"found {error['input']!r}, expected a list; write it between brackets: `{name}: {written}`"
    field = _field_at(kind, steps)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    shown = repr(error["input"])
    return f"found {shown if len(shown) <= 60 else shown[:57] + '...'}: {message}{meaning}; change the value"


def _model_at(kind: Any, steps: Iterable[str | int]) -> Any:
    """The model that a path of keys leads to, through dicts and tuples."""
    for step in steps:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
            kind = field.annotation if field is not None else None
        else:
            kind = next((a for a in reversed(getattr(kind, "__args__", ())) if a is not type(None) and a is not Ellipsis), None)
        while kind is not None and not isinstance(kind, type) and type(None) in getattr(kind, "__args__", ()):
            kind = next(a for a in kind.__args__ if a is not type(None))
    return kind


def _field_at(kind: Any, steps: tuple[str | int, ...]) -> Any:
    model = _model_at(kind, steps[:-1]) if steps else None
    return model.model_fields.get(str(steps[-1])) if isinstance(model, type) and issubclass(model, BaseModel) else None


def _keys(model: Any) -> list[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return sorted(model.model_fields)
    return sorted(getattr(model, "__dataclass_fields__", ()))
