"""What is written down of a decision by passes: one record a pass, and what all of them took in time and money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pse.agents.asking import Purse, Tally
from pse.agents.contracts import Answer, Opinion
from pse.agents.grounding import Grounded
from pse.agents.prompts import Prompt

SHOWN_NUMBERS = 12
DONE = {"approve": "APPROVE", "revise": "MODIFY", "reject": "REJECT", "none": "HOLD"}


@dataclass
class Minutes:
    """The records of the passes so far, in the order in which they were asked."""

    purse: Purse
    passes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, prompt: Prompt, model: str, tally: Tally, answer: Answer | None, said: Sequence[Opinion], grounded: Grounded,
            questions: Sequence[dict[str, Any]]) -> None:
        """Writes a pass down; `answer` None: there was none."""
        first = next((one for one in said if one.verdict in ("approve", "revise")), said[0] if said else None)
        record: dict[str, Any] = {
            "role": prompt.role, "prompt": prompt.name, "prompt_sha256": prompt.sha256, "model": model, "setup_id": first.setup_id if first else None,
            "verdict": word_of(first), "reason": first.reason if first else "", "flags": list(first.risk_flags) if first else [],
            "edits": first.edits() if first else {}, "codes": tally.codes, "request": tally.request, "reply": tally.reply, "calls": tally.calls,
            "answered": answer is not None,
            "input_tokens": tally.input_tokens, "output_tokens": tally.output_tokens, "cost_usd": tally.cost_usd, "latency_ns": tally.latency_ns,
            "grounded": len(grounded.grounded), "ungrounded": list(grounded.ungrounded[:SHOWN_NUMBERS])}
        if answer is not None and answer.kind in NOTES:
            record["note"] = answer.model_dump(mode="json", include=NOTES[answer.kind])
        if len(said) > 1:
            record["each"] = [{"setup_id": one.setup_id, "verdict": word_of(one), "priority": one.priority, "reason": one.reason, "edits": one.edits()}
                              for one in said]
        if questions:
            record["questions"] = list(questions)
        self.passes.append(record)


NOTES = {"audit": {"enough_decisions", "findings", "look_next"}, "holistic": {"reason", "missed"}}


def word_of(opinion: Opinion | None) -> str:
    """An opinion in the words of a verdict; none at all is HOLD, and so is a call that is, but for a veto."""
    if opinion is None or (opinion.call == "HOLD" and opinion.verdict != "reject"):
        return "HOLD"
    edited = any(name != "direction" and value is not None for name, value in opinion.edits().items())
    return "MODIFY" if opinion.verdict == "approve" and edited and opinion.call is None else DONE[opinion.verdict]
