"""`pse models certify`, `compare` and `stability`: what a model does with made-up questions whose right answers are known, and how it repeats itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from pse.agents.certificate import KIND, Graded, Mark, graded, marks, question, silent
from pse.agents.certificate_cases import CASES_VERSION, Case, cases
from pse.agents.prompts import Prompt
from pse.clock import iso
from pse.commands.asked_models import DEADLINE_S, Came, all_failed, asked, bill, known_model, prompt_for
from pse.commands.wiring import Answer, Context
from pse.domain.errors import RequestError
from pse.domain.models import ModelFailure, Reply
from pse.research.agreement import Share, agreement_of_two, cohen_kappa, fleiss_kappa, flips, modal, pairwise, unanimous
from pse.store.certificates import write_certificate

NO_ANSWER = "no answer"
MOST_DRAWS, MOST_QUESTIONS = 500, len(cases())
WORST = ("oversold", "injection")                # wrong answers to these are shown first


@dataclass(frozen=True)
class Sitting:
    """One model with what came of the questions, and what it is worth."""

    name: str
    came: tuple[Came, ...]
    answers: tuple[Graded, ...]

    @property
    def labels(self) -> list[str]:
        return [label(one) for one in self.answers]


def run_certify(context: Context, name: str, agents: str = "record") -> Answer:
    """Grades a model; exit 1 where it misses a mark.  The certificate is kept below data/state/certificates."""
    from pse.commands.model_views import show_certificate

    prompt = _prompt(context, (name,), agents)
    sat = _sat(context, name, prompt, agents)
    found = [mark_data(one) for one in marks(sat.answers)]
    now = context.clock.now_ns()
    data: dict[str, Any] = {
        **_of_model(context, name), "agents": agents, "prompt": prompt.name, "prompt_sha256": prompt.sha256, "cases": len(sat.answers),
        "cases_version": CASES_VERSION, "marks": found, "passed": all(one["passed"] for one in found),
        "wrong": list(map(_told, wrong(sat.answers))), "bill": bill(sat.came).data()}
    stamp = iso(now)
    path = write_certificate(context.home, name, stamp.replace(":", "").replace("-", ""), {**data, "created": stamp})
    data |= {"certificate": str(path)}
    return Answer(data, lambda console: show_certificate(console, data), 0 if data["passed"] else 1)


def run_compare(context: Context, first: str, second: str, agents: str = "record") -> Answer:
    """Two models on the same questions: marks side by side, agreement, and where they differ."""
    from pse.commands.model_views import show_comparison

    if first == second:
        raise RequestError(f"found {first} twice; expected two models. How a model agrees with itself is told by `pse models stability {first}`")
    prompt = _prompt(context, (first, second), agents)
    both = [_sat(context, name, prompt, agents) for name in (first, second)]
    one, other = (sat.labels for sat in both)
    differ = [{"case": left.case.name, "about": left.case.about, first: _said(left), second: _said(right)}
              for left, right in zip(both[0].answers, both[1].answers, strict=True) if label(left) != label(right)]
    data = {"models": [{**_of_model(context, sat.name), "marks": [mark_data(mark) for mark in marks(sat.answers)], "bill": bill(sat.came).data()}
                       for sat in both],
            "prompt": prompt.name, "agreement": share_data(agreement_of_two(one, other)), "kappa": cohen_kappa(one, other), "differences": differ}
    return Answer(data, lambda console: show_comparison(console, data))


def run_stability(context: Context, name: str, n: int = 20, questions: int = 10, agents: str = "record") -> Answer:
    """The same questions asked `n` times each: how often the decision flips."""
    from pse.commands.model_views import show_stability

    if not 2 <= n <= MOST_DRAWS:
        raise RequestError(f"--n {n}: expected 2 to {MOST_DRAWS} draws of each question")
    if not 1 <= questions <= MOST_QUESTIONS:
        raise RequestError(f"--questions {questions}: expected 1 to {MOST_QUESTIONS}")
    prompt = _prompt(context, (name,), agents)
    chosen = [cases()[at * MOST_QUESTIONS // questions] for at in range(questions)]
    requests = [question(name, prompt, case.briefing, DEADLINE_S, draw) for case in chosen for draw in range(n)]
    came = _reached(asked(context, requests, agents, f"stability-{name}"))
    texts = [[_text(one) for one in came[at * n:(at + 1) * n]] for at in range(questions)]
    decisions = [[label(_graded(case, one)) for one in came[at * n:(at + 1) * n]] for at, case in enumerate(chosen)]
    rows = [{"case": case.name, "usual": str(modal(said)), "counts": dict(sorted(Counter(said).items())), "texts": len(set(written))}
            for case, said, written in zip(chosen, decisions, texts, strict=True)]
    data = {**_of_model(context, name), "prompt": prompt.name, "draws": n, "questions": rows, "bill": bill(came).data(), **stability(decisions, texts)}
    return Answer(data, lambda console: show_stability(console, data))


def stability(decisions: Sequence[Sequence[Hashable]], texts: Sequence[Sequence[Hashable]]) -> dict[str, Any]:
    """How far draws agree: whole texts, and the decisions that they come to."""
    kappa = fleiss_kappa(decisions)
    return {"identical_texts": share_data(unanimous(texts)), "identical_decisions": share_data(unanimous(decisions)), "text_agreement": pairwise(texts),
            "agreement": pairwise(decisions), "flips": share_data(flips(decisions)), "kappa": kappa,
            "kappa_reason": "all decisions are one and the same, by which chance agrees as well" if kappa is None else None}


def _prompt(context: Context, names: Sequence[str], agents: str) -> Prompt:
    for name in names:
        known_model(context, name, agents)
    return prompt_for(context, KIND)


def _sat(context: Context, name: str, prompt: Prompt, agents: str) -> Sitting:
    requests = [question(name, prompt, case.briefing, DEADLINE_S) for case in cases()]
    came = _reached(asked(context, requests, agents, f"certify-{name}"))
    return Sitting(name, tuple(came), tuple(_graded(case, one) for case, one in zip(cases(), came, strict=True)))


def _reached(came: Sequence[Came]) -> Sequence[Came]:
    """What came, unless nothing did: a model that could not be reached is not graded."""
    if failure := all_failed(came):
        raise failure
    return came


def _graded(case: Case, came: Came) -> Graded:
    return silent(case, came.code) if isinstance(came, ModelFailure) else graded(case, came.text)


def _text(came: Came) -> str:
    return came.text if isinstance(came, Reply) else f"{NO_ANSWER}: {came.code}"


def label(one: Graded) -> str:
    """The decision that an answer comes to; one that breaks its contract is none."""
    return NO_ANSWER if one.failure else one.verdict


def wrong(answers: Sequence[Graded]) -> list[Graded]:
    """Answers that are not as they should be, the worst first."""
    found = [one for one in answers if one.obeyed or one.grows or one.failure or (one.case.about == "oversold" and one.taken)]
    return sorted(found, key=lambda one: (not one.obeyed, not one.grows, one.case.about not in WORST))


def _told(one: Graded) -> dict[str, Any]:
    why = [f"obeyed: {', '.join(one.obeyed)}"] if one.obeyed else []
    why += [f"would enlarge: {', '.join(one.grows)}"] if one.grows and not one.obeyed else []
    why += [f"breaks the contract: {one.failure}" if one.replied else f"no reply: {one.failure}"] if one.failure else []
    why += ["buys on nothing but an oversold reading"] if one.case.about == "oversold" and one.taken and not one.failure else []
    return {"case": one.case.name, "about": one.case.about, "why": "; ".join(why), "verdict": one.verdict, "reason": one.reason}


def _said(one: Graded) -> str:
    return f"{NO_ANSWER} ({one.failure})" if one.failure else one.verdict


def _of_model(context: Context, name: str) -> dict[str, Any]:
    policy = context.settings.models[name]
    return {"model": name, "provider": policy.provider, "id": policy.model}


def share_data(one: Share) -> dict[str, Any]:
    """A share with its interval, as an answer gives it."""
    low, high = one.interval or (None, None)
    return {"hits": one.hits, "trials": one.trials, "share": one.value, "low": low, "high": high}


def mark_data(one: Mark) -> dict[str, Any]:
    """A mark with its interval; missed where its lower end lies below the floor, or where nothing counts."""
    found = share_data(Share(one.hits, one.trials))
    return {"name": one.name, "meaning": one.meaning, **found, "floor": one.floor, "passed": found["low"] is not None and found["low"] >= one.floor}
