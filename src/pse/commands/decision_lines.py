"""From what a chain was shown and said to the lines of the decision log; the verdict, the fill and the end of each come from the journal."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pse.clock import iso
from pse.domain.decisions import Briefing, Candidate, Deliberation
from pse.domain.models import LanguageModel, ModelFailure, Reply, Request
from pse.llm.policy import ModelPolicy
from pse.reports.refused import records
from pse.store.decision_log import begun, ended

OUTCOMES = ("DECISION", "FILL", "EXIT")
LONG = 200                                       # letters from which a text is worth remembering as masked


@dataclass(frozen=True)
class Asked:
    """A call of a model: what was asked, and what came of it."""

    request: Request
    outcome: Reply | ModelFailure


@dataclass
class Listening:
    """A model, and every call of it kept by its key until somebody takes it."""

    model: LanguageModel
    calls: dict[str, Asked] = field(default_factory=dict)

    async def complete(self, request: Request) -> Reply:
        try:
            reply = await self.model.complete(request)
        except ModelFailure as failure:
            self.calls[failure.key] = Asked(request, failure)
            raise
        self.calls[reply.key] = Asked(request, reply)
        return reply


class Heard:
    """Collects what a chain was shown and said, a compressed line a pass, until the run has ended."""

    def __init__(self, redact: Callable[[str], str], config: str, models: Mapping[str, ModelPolicy], snapshot: str) -> None:
        self._config, self._models, self._snapshot = config, models, snapshot
        self._masked = lru_cache(4096)(redact)
        self._redact = redact
        self._listening: Listening | None = None
        self._moment = 0
        self._said: list[tuple[tuple[int, str, str], bytes]] = []      # moment, symbol and setup of a pass, and its line so far

    def listening(self, model: LanguageModel) -> Listening:
        """The model with its calls kept."""
        self._listening = Listening(model)
        return self._listening

    def begin(self, known_at: int) -> None:
        """A question of this moment comes: calls of earlier ones are done with."""
        if known_at != self._moment and self._listening is not None:
            self._listening.calls.clear()
        self._moment = known_at

    def take(self, briefing: Briefing, said: Deliberation) -> None:
        """Keeps the passes of a decision."""
        for one in said.body.get("passes", ()):
            about = briefing.known_at, briefing.symbol, str(one.get("setup_id"))
            self._said.append((about, zlib.compress(begun(self.entry(briefing, one)), 1)))

    def entry(self, briefing: Briefing, passed: Mapping[str, Any]) -> dict[str, Any]:
        """What is known of a pass before the gates speak."""
        call = self._listening.calls.get(str(passed.get("request") or "")) if self._listening is not None else None
        candidate = next((one for one in briefing.candidates if one.setup_id == passed.get("setup_id")), None)
        shown = self._text(call.request.messages[0].text) if call is not None and call.request.messages else None
        name = str(passed.get("model") or "")
        policy = self._models.get(name)
        return {
            "ts": iso(briefing.known_at), "symbol": briefing.symbol, "agent": passed.get("role"), "decision": passed.get("verdict"),
            "position": position(candidate, passed), "rationale": self._text(passed.get("reason", "")),
            "flags": passed.get("flags", []), "prompt": passed.get("prompt"),
            "prompt_hash": f"sha256:{passed['prompt_sha256']}" if passed.get("prompt_sha256") else None, "config_ref": self._config,
            "input_refs": {"briefing": f"sha256:{hashlib.sha256(shown.encode()).hexdigest()}" if shown is not None else None,
                           "setups": [one.setup_id for one in briefing.candidates], "snapshot": self._snapshot},
            "model": {"name": name, "provider": policy.provider if policy else None, "id": policy.model if policy else None,
                      "served_by": call.outcome.served_by if call is not None and isinstance(call.outcome, Reply) else None},
            "tokens": {"input": passed.get("input_tokens", 0), "output": passed.get("output_tokens", 0)}, "cost_usd": passed.get("cost_usd"),
            "latency_ns": passed.get("latency_ns", 0), "calls": passed.get("calls", 0), "answered": passed.get("answered", False),
            "codes": passed.get("codes", []), "ungrounded": passed.get("ungrounded", []),
            **{name: passed[name] for name in ("each", "questions") if name in passed},
            "request": self._request(call, passed), "reply": self._reply(call, passed),
            "market": dict(briefing.context), "account": dict(briefing.account),
        }

    def _request(self, call: Asked | None, passed: Mapping[str, Any]) -> dict[str, Any] | None:
        if call is None:
            return None
        found = call.request
        return {"key": passed.get("request"), "system": self._text(found.system), "schema_name": found.schema_name, "draw": found.draw,
                "messages": [{"author": one.author, "text": self._text(one.text)} for one in found.messages]}

    def _reply(self, call: Asked | None, passed: Mapping[str, Any]) -> dict[str, Any] | None:
        if call is None:
            return None
        if isinstance(call.outcome, ModelFailure):
            return {"failed": call.outcome.code, "text": self._text(str(call.outcome))}
        reply = call.outcome
        return {"sha256": passed.get("reply"), "text": self._text(reply.text), "raw": self._text(reply.raw), "finish": reply.finish,
                "usage": asdict(reply.usage)}

    def _text(self, text: str) -> str:
        return self._masked(text) if len(text) >= LONG else self._redact(text)

    def lines(self, journal: Path) -> Iterator[bytes]:
        """The whole lines, in the order in which it was said.  `journal`: of the ended run."""
        yield from self.lines_of(records(journal, OUTCOMES))

    def lines_of(self, said: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> Iterator[bytes]:
        """The same from the lines of a journal: kind, the record with its ts, body."""
        became = outcomes(said)
        for about, line in self._said:
            yield ended(zlib.decompress(line), became.get(about, {"verdict": None, "fill": None, "exit": None}))


def position(candidate: Candidate | None, passed: Mapping[str, Any]) -> dict[str, Any] | None:
    """The trade that a pass speaks of, with the edits that it asked for; None where it speaks of none."""
    if candidate is None:
        return None
    return {"setup_id": candidate.setup_id, "tactic": candidate.tactic, "side": candidate.direction, "grade": candidate.grade, "entry": candidate.entry,
            "stop": candidate.stop, "target": candidate.target, "quality": candidate.quality, "edits": dict(passed.get("edits") or {})}


def outcomes(lines: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> dict[tuple[int, str, str], dict[str, Any]]:
    """By moment, symbol and setup of each DECISION: the verdict that counted, the fill of its entry and the end of its trade."""
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    plans: dict[str, dict[str, Any]] = {}
    for kind, record, body in lines:
        if kind == "DECISION":
            verdict = {name: body[name] for name in ("decision", "verdict", "reason", "quantity", "stop", "target", "size_factor", "direction", "plan_id")}
            one: dict[str, Any] = {"verdict": verdict, "fill": None, "exit": None}
            found[int(record["ts"]), str(body["symbol"]), str(body["setup_id"])] = one
            if body["plan_id"] is not None:
                plans[body["plan_id"]] = one
        elif (plan := plans.get(body["plan_id"])) is None:
            continue
        elif kind == "FILL" and body["leg"] == "ENTRY" and plan["fill"] is None:
            plan["fill"] = {"ts": iso(int(record["ts"])), **{name: body[name] for name in ("side", "price", "quantity", "kind", "contract", "fee_usd")}}
        elif kind == "EXIT":
            plan["exit"] = {"ts": iso(int(record["ts"])), **{name: body[name] for name in ("reason", "exit", "net_usd", "r")}}
    return found
