"""Who decides a run: plain rules, or the desk's chain of models, which answers from the tape, is asked and recorded, or is asked live.

Here a run learns of its chain, prompts and models before it starts, and the chain is opened, counted and closed while it goes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.agents.policy import PassPolicy
from pse.agents.prompts import Prompt, hashes, parse_prompt
from pse.agents.rules import decide as rules
from pse.clock import iso
from pse.commands.wiring import Context
from pse.domain.decisions import Briefing, Decide, Deliberation
from pse.domain.errors import BadConfig, ChangedSource, RequestError
from pse.domain.manifest import Manifest
from pse.domain.models import LanguageModel, TapeMiss
from pse.engine.said import TOLD, Line, said_again
from pse.llm.policy import ModelPolicy
from pse.reports.refused import records
from pse.settings import Settings
from pse.store.prompts import changed_prompts, read_prompts

if TYPE_CHECKING:
    from pse.commands.decision_lines import Heard
    from pse.commands.inputs import Inputs

RULES, TAPE, RECORD, LIVE = "rules", "tape", "record", "live"
MODES = (RULES, TAPE, RECORD, LIVE)
EXTRA = 'pip install "pse-toolkit[llm]"'


@dataclass(frozen=True, eq=False)
class Judging:
    """The chain of a run: its name, its prompts, the models that it asks, and where their answers come from."""

    mode: str
    chain: str
    prompts: Mapping[str, Prompt]
    models: Mapping[str, ModelPolicy]

    @property
    def prompt_hashes(self) -> dict[str, str]:
        return hashes(self.prompts, self.prompts)

    @property
    def model_ids(self) -> dict[str, str]:
        return {name: f"{one.provider}:{one.model}" for name, one in sorted(self.models.items())}


def judging(context: Context, settings: Settings, agents: str) -> Judging | None:
    """The chain that decides a run of these settings; None where rules do.  Refuses what could never answer."""
    if agents not in MODES:
        raise RequestError(f"--agents {agents!r} is not one of {', '.join(MODES)}: rules decide without a model, a tape answers what was recorded, record asks "
                           f"what is not on the tape, live asks everything")
    if agents == RULES:
        return None
    chain = settings.chain
    models = {name: settings.models[name] for name in sorted({one.model or chain.model for one in chain.passes})}
    prompts = read_prompts(context.home.root, parse_prompt, tuple(one.prompt for one in chain.passes))
    for name in sorted(set(prompts) & set(changed_prompts(context.home.root))):
        context.warn(f"prompts/{name}.md of this home is another text than the {name} that comes with pse, and decides in its place; give your own "
                     f"text the next version, and name that in the chain")
    if agents != TAPE:
        for name, policy in models.items():
            can_be_asked(name, policy, os.environ, _instead(settings.chosen.decide, name, chain.passes))
    return Judging(agents, settings.chosen.decide, prompts, models)


def budget_id(context: Context, purpose: str) -> str:
    """Under which name the budget books what is asked for this purpose now; another time is another run of the budget."""
    return f"{iso(context.clock.now_ns()).replace(':', '').replace('.', '-')}-{purpose}"[:64]          # the moment first, so that it is never cut


def _instead(chain: str, name: str, passes: Sequence[PassPolicy]) -> str:
    """How another model comes into the place of this one: by the pass that names it, else by its chain."""
    own = [one.prompt for one in passes if one.model == name]
    return f"name another for {', '.join(own)} of the chain {chain} in configs/agents.yaml" if own else \
        f"let the chain ask another model (`--set chains.{chain}.model=...`)"


def can_be_asked(name: str, policy: ModelPolicy, environment: Mapping[str, str], instead: str = "name another model") -> None:
    """Refuses a model whose package or key is missing, before anything is computed.  `instead`: how another one takes its place."""
    if policy.provider == "scripted":
        return
    from pse.llm.providers import missing_packages

    if missing := missing_packages():
        raise RequestError(f"the model {name} ({policy.provider}) needs packages that are not installed ({', '.join(missing)}); install them with "
                           f"`{EXTRA}`, or take one of the scripted models, which need none")
    key = policy.key_name
    if key is not None and not environment.get(key, "").strip():
        raise RequestError(f"the model {name} ({policy.provider} {policy.model}) needs a key, and the environment has no {key}: set it there (it stands in no "
                           f"file), {instead}, or answer from the tape with `--agents tape`")


def same_prompts(found: Judging, manifest: Manifest) -> None:
    """Raises `ChangedSource` where a prompt of an earlier run is not what it was."""
    now = found.prompt_hashes
    for name, then in manifest.prompts.items():
        if now.get(name) != then:
            raise ChangedSource(f"the prompt {name} changed since (sha256 {then[:12]} -> {(now.get(name) or 'absent')[:12]}), so that what a model answered "
                                f"then says nothing of it: put the file back as it was; a changed prompt is a new file with the next version")


def judging_of(context: Context, settings: Settings, manifest: Manifest) -> Judging | None:
    """The chain of an earlier run, answered from the tape; None where rules decided it."""
    if manifest.decide == RULES:
        return None
    try:
        found = judging(context, settings, TAPE)
    except BadConfig as error:
        raise ChangedSource(f"what run {manifest.run_id} asked its models with is not to be had any more: {error}") from error
    assert found is not None
    same_prompts(found, manifest)
    return found


def what_was_said(journal: Path) -> Iterator[Line]:
    """The lines of a journal that tell what a judge said."""
    return ((kind, int(line["ts"]), body) for kind, line, body in records(journal, TOLD))


def who_decided(decide: str, journal: Path) -> Decide:
    """Whoever decided a run (`decide` of its manifest), to live it again: rules, or the verdicts of a chain as the journal has them."""
    return rules if decide == RULES else said_again(what_was_said(journal))


@dataclass
class Judge:
    """The chain as the engine asks it: it counts, keeps what the decision log needs, and says of a miss where it was."""

    chain: Any
    heard: Heard
    told: Callable[[Judge], None] | None = None
    decisions: int = 0
    cost_usd: float = 0.0

    def __call__(self, briefing: Briefing) -> Deliberation:
        self.heard.begin(briefing.known_at)
        try:
            said: Deliberation = self.chain(briefing)
        except TapeMiss as miss:
            raise TapeMiss(f"{iso(briefing.known_at)} {briefing.symbol}: {miss}") from miss
        self.decisions += 1
        self.cost_usd += said.cost_usd
        self.heard.take(briefing, said)
        if self.told is not None:
            self.told(self)
        return said

    def ahead(self, briefings: Sequence[Briefing]) -> None:
        """Asks at once what will be asked one after the other."""
        if briefings:
            self.heard.begin(briefings[0].known_at)
        self.chain.ahead(briefings)


def uncharged_usd(decide: Decide) -> float:
    """What a chain was paid for answers that no decision of the run was charged with, told once at its end; 0 where rules decide."""
    return float(decide.chain.close()) if isinstance(decide, Judge) else 0.0


def make_chain(settings: Settings, found: Judging, model: LanguageModel, redact: Callable[[str], str]) -> Any:
    """The chain of a run in front of its model."""
    from pse.agents.chain import Chain
    from pse.agents.rendering import numbers_shown, render
    from pse.agents.tools import ToolLayer
    return Chain(settings.chain, settings.personas, found.prompts, model, found.chain, render=render, numbers=numbers_shown,
                 tools=ToolLayer(settings.chain.tools, redact))


@contextlib.contextmanager
def opened(context: Context, inputs: Inputs, run_id: str, tape_list: Path | None, only: Path | None = None,
           told: Callable[[Judge], None] | None = None) -> Iterator[Decide]:
    """Whoever decides a run, for as long as it goes.  `tape_list`: where its answers are listed.  `only`: the list of an earlier run, which alone may
    answer."""
    settings, found = inputs.settings, inputs.judging
    if found is None:
        yield rules
        return
    from pse.agents.background import finished
    from pse.commands.decision_lines import Heard
    from pse.llm.door import open_model

    heard = Heard(context.redact, config=f"{settings.desk}/{found.chain}", models=found.models, snapshot=inputs.snapshot.id)
    door = open_model(settings, found.mode, context.home, run_id=run_id, environment=os.environ, redact=context.redact, clock=context.clock,
                      list_path=tape_list, only=only)
    try:
        yield Judge(make_chain(settings, found, heard.listening(door), context.redact), heard, told)
    finally:
        finished(door.aclose())


def spent(judge: Judge) -> str:
    """How far a judged run has come, for a progress bar."""
    return f"asking the models: {judge.decisions:,} decided, {judge.cost_usd:,.2f} USD"
