"""The tree of settings, frozen and typed: what was asked for, resolved, and what of it decides a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from pse.agents.policy import ChainPolicy, Persona
from pse.domain.base import Frozen
from pse.domain.currencies import Conversion, Peg, conversion
from pse.domain.errors import BadConfig, UnknownName
from pse.domain.instruments import Instrument
from pse.llm.policy import BudgetPolicy, ModelPolicy
from pse.risk.fills import FillPolicy
from pse.risk.policy import IMPACTS, CalendarEvent, RiskPolicy
from pse.settings.complaints import BadSetting, Complaint, made, mark_of, where_of
from pse.settings.desks import FROM, RULES, Account, Currency, Desk, Name, OtherAccount, Plugins, Read, Symbol
from pse.settings.search import SearchPolicy
from pse.settings.storage import Storage
from pse.store.sessions import SessionOverride
from pse.store.yaml_files import Mark, Marks

if TYPE_CHECKING:
    from pse.tactics.outside import Outside

class Settings(Frozen):
    """Everything that was asked for, resolved.  `chosen` is the desk that runs."""

    desk: str = "futures-smc"
    seed: int = Field(0, ge=0, lt=2**63)
    account: Account = Account()
    accounts: dict[Name, OtherAccount] = Field(default_factory=dict, description="further accounts by name; `pse backtest --account NAME` runs one of them")
    plugins: Plugins = Plugins()
    storage: Storage = Storage()
    desks: dict[Name, Desk]
    instruments: dict[Symbol, Instrument]
    currencies: dict[Currency, Peg] = Field(default_factory=dict, description="currencies that are taken to be worth a fixed amount of another")
    sessions: tuple[SessionOverride, ...] = ()
    events: tuple[CalendarEvent, ...] = Field((), max_length=20_000, description="news whose moment is known before; entries rest around them")
    risk_policies: dict[Name, RiskPolicy]
    fills: dict[Name, FillPolicy]
    chains: dict[Name, ChainPolicy] = Field(default_factory=dict, description="passes that judge, by the chain's name")
    personas: dict[Name, Persona] = Field(default_factory=dict, description="what the first pass is told about a market, all that fit by name")
    models: dict[Name, ModelPolicy] = Field(default_factory=dict, description="language models by the name under which chains ask them")
    budget: BudgetPolicy = BudgetPolicy()
    search: SearchPolicy | None = Field(None, description="what a search varies, and how, on desks that say nothing of it; no run depends on it")
    _marks: Marks = PrivateAttr(default_factory=dict)
    _home: Path | None = PrivateAttr(None)
    _outside: dict[tuple[str, str], Outside | None] = PrivateAttr(default_factory=dict)
    _broken: dict[str, str] = PrivateAttr(default_factory=dict)
    _account_at: tuple[str, ...] = PrivateAttr(("account",))

    @property
    def account_names(self) -> tuple[str, ...]:
        """Every account that can be run, the usual one first."""
        return (self.account.name, *self.accounts)

    def of_account(self, name: str) -> Settings:
        """The settings that a run in this account has; `UnknownName` with the nearest one."""
        if name not in self.account_names:
            raise UnknownName("account", name, self.account_names)
        if name == self.account.name:
            return self
        terms = self.accounts[name]
        desk = terms.desk or self.desk
        if desk not in self.desks:
            raise BadConfig(f"{self.where('accounts', name, 'desk')}: {self._broken.get(desk) or UnknownName('desk', desk, self.desks)}")
        chosen = self.desks[desk] if terms.risk is None else self.desks[desk].model_copy(update={"risk": terms.risk})
        found = self.model_copy(update={"account": Account(name=name, currency=terms.currency, capital=terms.capital), "accounts": {}, "desk": desk,
                                        "desks": {**self.desks, desk: chosen}})
        found._account_at = ("accounts", name)
        return found

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

    @property
    def chain(self) -> ChainPolicy:
        """The chain that judges for the chosen desk.  Raises `BadConfig` where it has none."""
        name = self.chosen.decide
        if name == RULES:
            raise BadConfig(f"{self.where('desks', self.desk, 'decide')}: the desk {self.desk} is decided by rules, and has no chain of passes to ask; give it "
                            f"one (`--set desks.{self.desk}.decide=three-pass`), of: {', '.join(sorted(self.chains)) or 'none'}")
        return self.chains[name]

    def felt_events(self) -> tuple[CalendarEvent, ...]:
        """Events of the calendar around which the chosen desk's entries rest, in order of time."""
        least = self.risk.gates.events_impact
        felt = [] if least == "none" else [event for event in self.events if IMPACTS.index(event.impact) >= IMPACTS.index(least)]
        return tuple(sorted(felt, key=lambda event: (event.at_ns, event.name)))

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol; `UnknownName` with the nearest one."""
        if symbol not in self.instruments:
            raise UnknownName("instrument", symbol, self.instruments)
        return self.instruments[symbol]

    def looked_at(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """These symbols, and behind them those whose bars they trade on: by what a look at one of them is a look at another."""
        own = tuple(symbols)
        return tuple(dict.fromkeys((*own, *(known.bars_of for one in own if (known := self.instruments.get(one)) and known.bars_of))))

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
        return made(kind, given, path, self._marks)

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
        return Complaint(mark_of(self._marks, path), path, text)

    def where(self, *path: str | int) -> str:
        """File, line and key of a setting, for a message."""
        return where_of(self._marks, path)

    def was_written(self, *path: str | int) -> bool:
        """Whether a layer says so; what no layer says is a default."""
        return path in self._marks

    def conversion(self, symbol: str) -> Conversion:
        """How money of the instrument's currency becomes the account's.  Raises `BadSetting` saying what would."""
        of, to = self.instrument(symbol).currency, self.account.currency
        key = (*self._account_at, "currency")
        found = conversion(of, to, self.instruments, self.currencies)
        if found is None:
            raise BadSetting([self.complaint(("instruments", symbol, "currency"), (
                f"{symbol} is quoted in {of} and the account is kept in {to} ({self.where(*key)}), and nothing says what {of} is worth in "
                f"{to}. Add an instrument of kind fx with `base: {of}` and `currency: {to}` (or the other way round) to instruments.yaml and ingest it, or "
                f"write a fixed rate, `currencies: {{{of}: {{pegged_to: {to}, rate: ...}}}}`, or run with `--set {'.'.join(key)}={of}`"))])
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
                    f"({self.where('instruments', leg.symbol)}; `--set {'.'.join(self._account_at)}.currency={way.of}` needs none)")))
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
        return made(FeatureSpec, given, ("desks", self.desk, "features"), self._marks)

    def tree(self) -> dict[str, Any]:
        """All of it as plain JSON values; `Settings.from_tree` gives the same settings back."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any], home: Path | None = None) -> Settings:
        """Settings of an earlier run, from its manifest; `home` is where its tactics from outside stand."""
        return _validated(dict(tree), {}, Mark("the run's manifest", 0), home)

    def run_tree(self, symbols: Iterable[str] | None = None, judged: bool = False) -> dict[str, Any]:
        """What decides the outcome of a run, and nothing else: the chosen desk with its symbols, the instruments that it trades (and their micros) and reads,
        pegs, sessions, limits, fills.  `judged`: a chain decides, and it, its models and the personas are part of it.

        The seed is left out: a manifest names it beside the settings.
        """
        desk, wanted = self.chosen, self._narrowed(symbols)
        traded = {s: self.instrument(s) for s in wanted}
        traded |= {i.micro: self.instrument(i.micro) for i in list(traded.values()) if i.micro}
        traded |= {s: self.instrument(s) for s in self.reads(wanted)}
        calendars = {i.calendar for i in traded.values()}
        outside, events = self.outside(), self.felt_events()
        return ({"outside": outside} if outside else {}) | ({"events": [event.model_dump(mode="json") for event in events]} if events else {}) | {
            "account": self.account.model_dump(mode="json"),
            "desk": desk.model_dump(mode="json", exclude={"search"}) | {"symbols": wanted, "decide": desk.decide if judged else RULES},
            "instruments": {s: i.model_dump(mode="json") for s, i in traded.items()},
            "currencies": {peg: self.currencies[peg].model_dump(mode="json") for peg in sorted({one for s in wanted for one in self.conversion(s).pegs})},
            "sessions": [rule.model_dump(mode="json", by_alias=True) for rule in self.sessions if rule.calendar in calendars],
            "risk": self.risk.model_dump(mode="json"),
            "fills": self.fill_policy.model_dump(mode="json"),
        } | (self._judging() if judged else {})

    def _judging(self) -> dict[str, Any]:
        """The chain of the chosen desk, of the models that it asks what decides an answer, and the personas."""
        chain = self.chain
        asked = sorted({one.model or chain.model for one in chain.passes})
        return {"chain": chain.model_dump(mode="json"), "models": {name: self.models[name].deciding() for name in asked},
                "personas": {name: one.model_dump(mode="json") for name, one in self.personas.items()} if chain.persona else {}}


def settings_hash(tree: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON (sorted keys, no spaces) of a settings tree, 64 hex digits."""
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _validated(tree: dict[str, Any], marks: Marks, source: Mark, home: Path | None) -> Settings:
    """The typed tree, its cross references checked."""
    settings = typed(tree, marks, source, home)
    wrong = list(loose_ends(settings, marks))
    if wrong:
        raise BadSetting(wrong)
    return settings


def typed(tree: dict[str, Any], marks: Marks, source: Mark, home: Path | None) -> Settings:
    """The typed tree, its cross references not yet looked at."""
    instruments = tree.get("instruments")
    if isinstance(instruments, dict):
        tree = tree | {"instruments": {symbol: _with_symbol(symbol, body, marks) for symbol, body in instruments.items()}}
    settings: Settings = made(Settings, tree, (), marks or {(): source})
    settings._marks, settings._home = marks, home
    return settings


def _with_symbol(symbol: str, body: Any, marks: Marks) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("symbol", symbol) != symbol:
        raise BadConfig(f"{where_of(marks, ('instruments', symbol, 'symbol'))}: the entry {symbol} says symbol {body['symbol']!r}; expected {symbol!r}: "
                        f"remove the line, the entry's key is the symbol")
    return {"symbol": symbol, **body}


def loose_ends(settings: Settings, marks: Marks, broken: Mapping[str, str] = MappingProxyType({})) -> Iterator[Complaint]:
    """Names that one part of the tree uses and that no other part has."""
    def need(path: tuple[str | int, ...], what: str, name: str, known: Iterable[str]) -> Iterator[Complaint]:
        if name not in known:
            yield Complaint(mark_of(marks, path), path, str(UnknownName(what, name, known)))

    yield from need(("desk",), "desk", settings.desk, {**settings.desks, **broken})
    for name, desk in settings.desks.items():
        yield from need(("desks", name, "risk"), "risk profile", desk.risk, settings.risk_policies)
        yield from need(("desks", name, "fills"), "fill policy", desk.fills, settings.fills)
        if desk.decide != RULES:
            yield from need(("desks", name, "decide"), "chain", desk.decide, (*settings.chains, RULES))
        for place, symbol in enumerate(desk.symbols):
            yield from need(("desks", name, "symbols", place), "instrument", symbol, settings.instruments)
        for place, symbol in enumerate(desk.context):
            yield from need(("desks", name, "context", place), "instrument", symbol, settings.instruments)
    for name, chain in settings.chains.items():
        if any(one.model is None for one in chain.passes):
            yield from need(("chains", name, "model"), "model", chain.model, settings.models)
        for place, one in enumerate(chain.passes):
            if one.model is not None:
                yield from need(("chains", name, "passes", place, "model"), "model", one.model, settings.models)
    for name, account in settings.accounts.items():
        if account.risk is not None:
            yield from need(("accounts", name, "risk"), "risk profile", account.risk, settings.risk_policies)
        if account.desk is not None:
            yield from need(("accounts", name, "desk"), "desk", account.desk, {**settings.desks, **broken})
        if name == settings.account.name:
            at = mark_of(marks, ("account", "name"))
            yield Complaint(mark_of(marks, ("accounts", name)), ("accounts", name), (
                f"found an account named {name} here and under `account`{f' ({at})' if at else ''}; expected each name once: give one of them another name, or "
                f"remove this entry"))
    for symbol, instrument in settings.instruments.items():
        for field, other in (("micro", instrument.micro), ("bars_of", instrument.bars_of)):
            if other is not None:
                yield from need(("instruments", symbol, field), "instrument", other, settings.instruments)


def naming(tactic: Any, symbol: str) -> tuple[str, ...]:
    """The parameter of a tactic that names a symbol; empty where it is none of its parameters."""
    names = getattr(tactic, "__dataclass_fields__", None) or getattr(type(tactic), "model_fields", {})
    given = {name: getattr(tactic, name) for name in names}
    return next(((name,) for name, value in given.items() if value == symbol or (isinstance(value, (tuple, list)) and symbol in value)), ())
