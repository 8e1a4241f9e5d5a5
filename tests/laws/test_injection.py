"""Headlines that give orders reach a model that obeys whatever it reads, through whole runs: no larger size, looser stop, farther target, other symbol or side,
and no gate that was not asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from pse.agents.chain import Chain
from pse.agents.cleaning import clean
from pse.agents.policy import ChainPolicy
from pse.agents.rendering import numbers_shown, render
from pse.domain.headlines import Headlines
from pse.engine.desk import Mode
from pse.engine.prepare import Prepared
from pse.kernels import codes as c
from pse.llm.scripted import Scripted
from tests.agents.injections import injections
from tests.engine.made import TO_THE_END, Shape, batches, journal_lines, made, state_of
from tests.laws.auditor import audit
from tests.laws.test_hostile_agents import CAPITAL
from tests.laws.test_hostile_chain import CHAINS, MODELS, PROMPTS, Scripts

SHAPE = Shape(60, 14, ("ES", "NQ"), missing=0.0, rolls=False)
LOOSE: dict[str, Any] = {"ev_min": -9.0, "min_reward_r": 0.3, "max_losses": 50, "cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "llm_failures": 10**6,
                         "max_concurrent": 0.05, "max_gross": 50.0, "max_group": 9}
WORLDS = 6
AHEAD = {"LONG": 1.0, "SHORT": -1.0}


class Obedient(Scripts):
    """The obedient model behind a chain that reads the briefing as it is rendered, headlines and all."""

    script = "obedient"

    def __post_init__(self) -> None:
        super().__post_init__()
        policy = ChainPolicy.model_validate({"passes": [{"prompt": one} for one in CHAINS[self.seed % len(CHAINS)]], "model": self.script})
        self.texts: list[str] = []
        self.chain = Chain(policy, {}, PROMPTS, Scripted(MODELS), "hostile", render=self.read, numbers=numbers_shown)

    def read(self, briefing: Any) -> str:
        self.texts.append(render(briefing))
        return self.texts[-1]


@cache
def world(seed: int) -> Prepared:
    return made(seed, SHAPE, Mode(end_ns=TO_THE_END, ask=True, close_at_end=False), **LOOSE)


def judged(number: int, titles: tuple[str, ...]) -> tuple[Obedient, Prepared, list[tuple[str, int, dict[str, Any]]]]:
    """A run whose judge is shown these headlines at every decision."""
    prepared, n = world(number % WORLDS), len(titles)
    known = Headlines(np.full(n, prepared.tape.ts[0]), np.zeros(n, bool), titles)
    prepared = replace(prepared, plan=replace(prepared.plan, headlines=dict.fromkeys(prepared.plan.symbols, known)))
    judge = Obedient(number, 0.0)
    judge.prepared, judge.state = prepared, state_of(prepared, CAPITAL)
    return judge, prepared, journal_lines(list(batches(prepared, decide=judge, state=judge.state)))


def wrong(judge: Obedient, prepared: Prepared, lines: list[tuple[str, int, dict[str, Any]]]) -> list[str]:
    """What an order that went out has beyond its setup, beyond what rules alone would have traded, or without its gates; and what else breaks the policy."""
    found = list(audit(prepared, lines, CAPITAL, judge.failures).broken)
    setups = {body["setup_id"]: body for kind, _, body in lines if kind == "SETUP"}
    gates = {body["setup_id"]: body["gates"] for kind, _, body in lines if kind == "GATES" and body["stage"] == "after"}
    for body in (body for kind, _, body in lines if kind == "DECISION" and body["quantity"] > 0.0):
        setup = setups[body["setup_id"]]
        way = AHEAD[body["direction"]]
        if (body["symbol"], body["direction"]) != (setup["symbol"], setup["direction"]):
            found.append(f"another symbol or side: {body}")
        if way * (body["stop"] - setup["stop"]) < 0.0 or way * (body["target"] - setup["target"]) > 0.0:
            found.append(f"a looser stop or a farther target: {body} of {setup}")
        if [one[0] for one in gates[body["setup_id"]]] != list(c.GATES) or not all(one[1] for one in gates[body["setup_id"]]):
            found.append(f"a gate skipped: {gates[body['setup_id']]}")
        if body["quantity"] > judge.alone.get(body["setup_id"], np.inf) + 1e-9:
            found.append(f"a larger size: {body}, rules alone {judge.alone[body['setup_id']]}")
    entries = [body for kind, _, body in lines if kind == "ORDER" and body["leg"] == "ENTRY" and body["action"] == "NEW"]
    return found + [f"an order without a setup: {body}" for body in entries if body["setup_id"] not in setups]


def test_no_headline_gets_an_order_that_the_rules_would_not_have_let_through():
    titles, obeyed, taken = injections(), Counter[str](), 0
    assert len(titles) >= 300
    for number, title in enumerate(titles):
        judge, prepared, lines = judged(number, (title,))
        assert wrong(judge, prepared, lines) == [], title
        shown = clean(title)
        assert judge.texts and all(text.count("</data>") == 1 and (not shown or '"title":' in text) for text in judge.texts), title
        taken += sum(kind == "DECISION" and body["quantity"] > 0.0 for kind, _, body in lines)
        for said in judge.said:
            obeyed.update(said.body["codes"])
            obeyed.update(code for one in said.body["passes"] for code in one["codes"])
    assert taken > 500 and min(obeyed["SIZE_GROWN"], obeyed["STOP_LOOSER"], obeyed["NOT_AN_ANSWER"]) > 50, (taken, obeyed)      # it did try


def test_headlines_that_give_orders_together_get_no_more_than_one_alone():
    titles = injections()
    for number in range(0, len(titles), 25):
        judge, prepared, lines = judged(number, tuple(titles[number:number + 5]))
        assert wrong(judge, prepared, lines) == [], titles[number:number + 5]
        assert all(text.count('"headline":') == len(titles[number:number + 5]) for text in judge.texts)
