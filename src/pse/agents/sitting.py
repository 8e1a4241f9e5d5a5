"""One decision by passes, from the first question to the verdicts: who is asked what, who is shown what others said, and when it is enough.

A pass sees the briefing and what was said before it, as data.  Whoever wants changes without naming any sends the matter back to the first pass, and a first
pass may ask for more data; both only so many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pse.agents.asking import Asked, Purse, Tally, ask
from pse.agents.authority import merge, merge_all, sent_back
from pse.agents.cleaning import REASON_LETTERS, clean, data_block
from pse.agents.contracts import Answer, AuditNote, Opinion, opinions, parse
from pse.agents.grounding import Grounded, check
from pse.agents.minutes import Minutes
from pse.agents.policy import ChainPolicy, PassPolicy, Persona
from pse.agents.prompts import Prompt
from pse.agents.tools import ToolLayer
from pse.clock import SECOND_NS
from pse.domain.decisions import Briefing, Candidate, Verdict
from pse.domain.models import LanguageModel, Message, Request
from pse.kernels.codes import MARKET_STATES, VOL_BUCKETS

AGAIN = "[again] The proposal was sent back. Propose again in the light of what was said, or none."
NOTHING = Grounded((), ())


@dataclass(frozen=True)
class Told:
    """What a sitting came to.  `failure`: the code of why it could not decide, where it could not; `may_fall_back`: whether that counts as a failure."""

    verdicts: tuple[Verdict, ...]
    brief: str = ""
    codes: tuple[str, ...] = ()
    failure: str | None = None
    may_fall_back: bool = True


@dataclass
class Sitting:
    """A decision under way; asked once."""

    policy: ChainPolicy
    prompts: Sequence[Prompt]
    schemas: Mapping[str, Mapping[str, Any]]
    personas: Sequence[Persona]
    model: LanguageModel
    tools: ToolLayer
    numbers: Callable[[str], Iterable[float]]
    briefing: Briefing
    text: str

    def __post_init__(self) -> None:
        self.minutes = Minutes(Purse(int(self.policy.deadline_s * SECOND_NS)))
        self._rounds = self._questions = 0
        self._shown: set[float] | None = None
        self._said: list[dict[str, Any]] = []

    async def held(self) -> Told:
        """Asks pass after pass.  Raises `TapeMiss` alone."""
        answers: list[Answer] = []
        at, again, alive = 0, False, self.briefing.candidates
        while at < len(self.prompts):
            asked = await self._pass(at, alive, again)
            if asked.failure is not None:
                return self._held(asked.failure, may_fall_back=asked.failure not in ("BUDGET", "ROUNDS"))
            said = opinions(asked.answer, alive)
            before = [opinions(one, alive) for one in answers]
            answers.append(asked.answer)
            if at and any(sent_back(one, said[one.setup_id], *(each[one.setup_id] for each in before if one.setup_id in each))
                          for one in alive if one.setup_id in said):
                if not self._another_round():
                    return self._held("ROUNDS", may_fall_back=False)
                answers, at, again, alive = [], 0, True, self.briefing.candidates
                continue
            alive = self._alive(answers)
            if not alive:
                break
            at += 1
        merged = merge_all(self.briefing.candidates, answers)
        brief = next((lines for one in reversed(answers) if (lines := getattr(one, "brief", ())) and one.said(self.briefing.candidates)), ())
        return Told(tuple(one.verdict for one in merged), "\n".join(brief), tuple(dict.fromkeys(code for one in merged for code in one.codes)))

    def _held(self, failure: str, may_fall_back: bool) -> Told:
        return Told((Verdict("HOLD"),) * len(self.briefing.candidates), failure=failure, may_fall_back=may_fall_back)

    def _another_round(self) -> bool:
        self._rounds += 1
        return self._rounds <= self.policy.revisions

    def _alive(self, answers: Sequence[Answer]) -> tuple[Candidate, ...]:
        """Candidates that every pass so far let through; a note lets through what was."""
        said = [opinions(one, self.briefing.candidates) for one in answers if not isinstance(one, AuditNote)]
        return tuple(one for one in self.briefing.candidates
                     if not said or merge(one, *(each.get(one.setup_id) for each in said)).verdict.word in ("APPROVE", "MODIFY"))

    async def _pass(self, at: int, alive: Sequence[Candidate], again: bool) -> Asked:
        """One pass with its repairs and questions, written down."""
        prompt, policy, tally = self.prompts[at], self.policy.passes[at], Tally()
        request, questions = self._request(at, policy, again), list[dict[str, Any]]()
        while True:
            asked = await ask(self.model, request, lambda text: parse(prompt.answer, text, alive, self.briefing.candidates), self.policy.repairs,
                              self.minutes.purse, tally)
            wants = getattr(asked.answer, "wants", ())
            if not wants:
                break
            if not self._another_round():
                asked = Asked(failure="ROUNDS")
                break
            told = self.tools.answers(self.briefing, wants, self._questions)
            self._questions += len(wants)
            questions += [one.record() for one in told]
            text = data_block(one.answer for one in told)
            self._sees(text)
            tally.note("ASKED_FOR_DATA")
            request = _continued(request, asked.text, f"[answers]\n{text}")
        self._write(prompt, request.model, tally, asked, alive, questions)
        return asked

    def _request(self, at: int, policy: PassPolicy, again: bool) -> Request:
        prompt, parts = self.prompts[at], [self.text]
        if not at and (persona := persona_of(self.personas, self.briefing.context)):
            parts.append(f"[view] {persona}")
        if self._said:
            parts.append(f"[said before]\n{data_block(self._said)}")
        if again and not at:
            parts.append(AGAIN)
        text = "\n".join(one.rstrip("\n") for one in parts)
        return Request(prompt.role, policy.model or self.policy.model, prompt.ref, prompt.text, (Message("user", text),),
                       self.schemas[prompt.answer], prompt.answer)

    def _write(self, prompt: Prompt, model: str, tally: Tally, asked: Asked, alive: Sequence[Candidate], questions: Sequence[dict[str, Any]]) -> None:
        """Writes the pass down, and what of it later passes are shown."""
        if asked.failure is not None:
            tally.note(asked.failure)
        said = asked.answer.said(alive) if asked.answer is not None else ()
        grounded = self._grounded(asked.answer, said)
        self.minutes.add(prompt, model, tally, asked.answer, said, grounded, questions)
        self._said += [_shown(prompt.role, one, grounded) for one in said]

    def _grounded(self, answer: Answer | None, said: Sequence[Opinion]) -> Grounded:
        text = "\n".join((*(one.reason for one in said), *getattr(answer, "brief", ())))
        if not any(sign.isdigit() for sign in text):
            return NOTHING
        if self._shown is None:
            self._shown = set(self.numbers(self.text))
        return check(text, self._shown)

    def _sees(self, text: str) -> None:
        """Numbers that came with an answer count as shown from then on."""
        self._shown = set(self.numbers(self.text)) if self._shown is None else self._shown
        self._shown.update(self.numbers(text))


def _continued(request: Request, answered: str, text: str) -> Request:
    messages = (*request.messages, Message("model", answered), Message("user", text))
    return Request(request.role, request.model, request.prompt, request.system, messages, request.schema, request.schema_name, request.draw)


def _shown(role: str, one: Opinion, grounded: Grounded) -> dict[str, Any]:
    """What later passes see of an opinion."""
    found: dict[str, Any] = {"role": role, "setup_id": one.setup_id, "verdict": one.verdict, "priority": one.priority,
                             "reason": clean(one.reason, REASON_LETTERS), "risk_flags": list(one.risk_flags), **one.edits()}
    return found | ({"numbers_not_in_briefing": list(grounded.ungrounded)} if grounded.ungrounded else {})


def persona_of(personas: Iterable[Persona], context: Mapping[str, float | None]) -> str:
    """The texts of those that fit the market state or the volatility bucket of a decision; empty where none does."""
    market = {words[int(code)] for name, words in (("MCS", MARKET_STATES), ("VOL_BUCKET", VOL_BUCKETS)) if (code := context.get(name)) is not None}
    return " ".join(one.text for one in personas if market & set(one.when))
