"""The door to a model: a tape in front of a budget in front of who answers, whole, and with the real packages at a server on the loopback."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import signal
import string
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pse.domain.errors import OutsideError, RequestError
from pse.domain.models import ModelFailure, Reply, Request, TapeMiss, Usage
from pse.domain.redaction import redactor, secrets_of
from pse.llm.door import Door, open_model
from pse.llm.policy import BudgetPolicy, ModelPolicy
from pse.llm.prices import most_tokens, most_usd
from pse.store.layout import Home
from tests.llm.asked import ask, ask_one
from tests.llm.made import PRICED, Answering, Settings, files, question, run
from tests.wire.bodies import Said
from tests.wire.server import KEYS, Fault, Wire, models_at

SCRIPTED = {"m": ModelPolicy(provider="scripted", model="honest")}


def door(tmp_path: Path, mode: str = "record", settings: Settings | None = None, **more: Any):
    return open_model(settings or Settings({"m": PRICED}), mode, Home(tmp_path), run_id=more.pop("run_id", "run-a"), **more)


def failing(failure: ModelFailure):
    def answer(request: Request) -> Reply:
        raise failure

    return Answering(answer)


def code_of(found: Any, request: Request) -> tuple[str, float | None]:
    with pytest.raises(ModelFailure) as caught:
        run(found.complete(request))
    return caught.value.code, caught.value.spent


def plain(text: str) -> str:
    """A text without the marks by which JSON, however often, and web addresses write it another way."""
    return unquote(text).replace("\\u00e9", "\u00e9").replace("\\", "")


def heard(found: Door, requests: list[Request]) -> list[Reply | ModelFailure]:
    """Replies and failures of requests that are asked one after the other, in one loop."""
    async def ask() -> list[Reply | ModelFailure]:
        answers: list[Reply | ModelFailure] = []
        for one in requests:
            try:
                answers.append(await found.complete(one))
            except ModelFailure as failure:
                answers.append(failure)
        await found.aclose()
        return answers

    return run(ask())


# --- modes ---------------------------------------------------------------------------------------------------------------------------------------

def test_a_recorded_run_is_replayed_with_its_costs_and_without_its_model(tmp_path):
    model = Answering()
    recording = door(tmp_path, inner=model, list_path=tmp_path / "run" / "tape.jsonl")
    first = [run(recording.complete(question(draw=draw))) for draw in range(3)]
    recording.close()
    for more in ({}, {"only": tmp_path / "run" / "tape.jsonl"}):
        replay = door(tmp_path, "tape", **more)
        assert [run(replay.complete(question(draw=draw))) for draw in range(3)] == first
        assert replay.spent().usd_day == 0.0
    assert first[0].cost_usd == pytest.approx(100 * 2e-6 + 20 * 10e-6) and len(model.asked) == 3


def test_a_tape_alone_asks_nobody(tmp_path):
    model = Answering()
    with pytest.raises(TapeMiss):
        run(door(tmp_path, "tape", inner=model).complete(question()))
    assert model.asked == [] and files(tmp_path) == []


def test_live_asks_every_time_and_record_once(tmp_path):
    for mode, asked in (("live", 2), ("record", 0)):
        model = Answering()
        found = door(tmp_path, mode, inner=model)
        run(found.complete(question()))
        run(found.complete(question()))
        assert len(model.asked) == asked


@pytest.mark.parametrize("mode", ["rules", "replay", ""])
def test_another_mode_is_refused_with_those_that_there_are(tmp_path, mode):
    with pytest.raises(RequestError, match="tape, record, live"):
        door(tmp_path, mode)


def test_scripts_answer_behind_the_door_without_a_network_or_a_key(tmp_path):
    settings = Settings(SCRIPTED)
    first = run(door(tmp_path, settings=settings).complete(question()))
    assert first.served_by == "scripted:honest" and first.cost_usd == 0.0
    assert run(door(tmp_path, "tape", settings).complete(question())) == first


def test_a_replay_loads_no_package_of_a_provider(tmp_path):
    run(door(tmp_path, inner=Answering()).complete(question()))
    code = ("import sys; from pathlib import Path; from tests.llm.made import *; from pse.llm.door import open_model; from pse.store.layout import Home\n"
            f"door = open_model(Settings({{'m': PRICED}}), 'tape', Home(Path({str(tmp_path)!r})), run_id='run-b')\n"
            "assert run(door.complete(question())).text == '{\"verdict\":\"APPROVE\"}'\n"
            "print(sorted(set(sys.modules) & {'pydantic_ai', 'openai', 'anthropic', 'groq', 'google.genai', 'httpx', 'httpx2', 'genai_prices', "
            "'filelock'}))")
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    told = subprocess.run([sys.executable, "-c", code], env={**bare, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "9"},
                          capture_output=True, text=True)
    assert (told.stdout.strip(), told.returncode) == ("[]", 0), told.stderr


# --- the budget ----------------------------------------------------------------------------------------------------------------------------------

def test_a_hit_costs_the_account_what_it_cost_and_the_budget_nothing(tmp_path):
    first = run(door(tmp_path, inner=Answering()).complete(question()))
    again = door(tmp_path, inner=Answering(), run_id="run-b")
    assert run(again.complete(question())).cost_usd == first.cost_usd == 0.0004
    assert (again.spent().usd_run, again.spent().calls_run, again.spent().usd_day) == (0.0, 0, 0.0004)


def test_what_is_not_sure_to_fit_is_not_asked_and_fails_again_in_the_replay(tmp_path):
    model, most = Answering(), most_usd(PRICED, question(), 0)
    policy = BudgetPolicy(usd_per_run=most * 1.01, usd_per_day=None)
    found = door(tmp_path, settings=Settings({"m": PRICED}, policy), inner=model)
    run(found.complete(question()))
    assert code_of(found, question(draw=1)) == ("BUDGET", 0.0) and len(model.asked) == 1
    assert code_of(door(tmp_path, "tape"), question(draw=1)) == ("BUDGET", 0.0)


def test_many_questions_at_once_never_pass_the_bound_though_each_costs_the_most_it_can(tmp_path):
    """Every answer uses each token that was set aside for it; ten of forty questions fit."""
    tokens = most_tokens(PRICED, question())
    model = Answering(lambda request: asyncio.sleep(0.001, Reply("{}", Usage(tokens - PRICED.max_output_tokens, PRICED.max_output_tokens))))
    most = most_usd(PRICED, question(), 0)
    found = door(tmp_path, "live", Settings({"m": PRICED}, BudgetPolicy(usd_per_run=most * 10.5, usd_per_day=None)), inner=model)

    async def all_at_once() -> list[Reply | BaseException]:
        return list(await asyncio.gather(*(found.complete(question(draw=draw)) for draw in range(40)), return_exceptions=True))

    answers = run(all_at_once())
    costs = [one.cost_usd for one in answers if isinstance(one, Reply)]
    assert len(costs) == len(model.asked) == 10 and sum(costs) == pytest.approx(most * 10, abs=1e-8)
    assert {one.code for one in answers if isinstance(one, ModelFailure)} == {"BUDGET"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is made by fork, to be killed")
def test_a_process_that_is_killed_while_a_model_answers_leaves_the_most_spent_and_the_question_open(tmp_path):
    pid = os.fork()
    if pid == 0:
        run(door(tmp_path, inner=Answering(lambda request: os.kill(os.getpid(), signal.SIGKILL))).complete(question()))
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    found = door(tmp_path, inner=Answering())
    assert found.spent().usd_run == pytest.approx(most_usd(PRICED, question(), 0), abs=2e-9) and found.spent().unsettled_run == 1
    with pytest.raises(TapeMiss):
        run(door(tmp_path, "tape").complete(question()))
    assert run(found.complete(question())).cost_usd == 0.0004


def test_every_try_that_a_model_may_have_is_set_aside(tmp_path):
    model, most = Answering(), most_usd(PRICED, question(), 0)
    for run_id, allowed, asked in (("run-a", 2.99, 0), ("run-b", 3.01, 1)):
        settings = Settings({"m": PRICED.model_copy(update={"retries": 2})}, BudgetPolicy(usd_per_run=most * allowed))
        found = door(tmp_path, settings=settings, inner=model, run_id=run_id)
        if not asked:
            assert code_of(found, question())[0] == "BUDGET"
        else:
            run(found.complete(question()))
        assert len(model.asked) == asked


def test_an_earlier_try_that_may_be_billed_counts_at_its_most_in_the_budget_and_not_in_the_account(tmp_path):
    one = Answering(lambda request: Reply("{}", Usage(100, 20), attempts=3, lost=2))
    settings = Settings({"m": PRICED.model_copy(update={"retries": 2})})
    found = door(tmp_path, settings=settings, inner=one)
    assert run(found.complete(question())).cost_usd == 0.0004
    spent = found.spent()
    assert spent.usd_run == pytest.approx(0.0004 + 2 * most_usd(PRICED, question(), 0), abs=2e-9)
    assert spent.tokens_run == 120 + 2 * most_tokens(PRICED, question())


def test_a_call_that_failed_counts_each_try_that_may_be_billed_at_its_most_and_a_cut_answer_at_what_it_used(tmp_path):
    settings = Settings({"m": PRICED.model_copy(update={"retries": 2})})
    most, most_cost = most_tokens(PRICED, question()), most_usd(PRICED, question(), 0)
    for name, usage, tokens in (("hung", None, 3 * most), ("cut", Usage(1000, 100), 1100 + 2 * most)):
        found = door(tmp_path / name, settings=settings, inner=failing(ModelFailure("TIMEOUT", name, spent=None, attempts=3, usage=usage)))
        code_of(found, question())
        assert found.spent().tokens_run == tokens and found.spent().usd_run == pytest.approx(3 * most_cost, abs=2e-9)


@pytest.mark.parametrize(("failure", "spent", "tokens"), [
    (ModelFailure("AUTH", "no key", spent=0.0), 0.0, 0),
    (ModelFailure("TIMEOUT", "hung", spent=None), "most", "most"),
    (ModelFailure("TRUNCATED", "cut", spent=None, usage=Usage(1000, 100)), 0.003, 1100),
    (ModelFailure("TRUNCATED", "cut, nobody knows at what", spent=None, usage=Usage()), "most", "most"),
])
def test_a_call_that_failed_costs_what_is_known_of_it_and_else_the_most(tmp_path, failure, spent, tokens):
    found = door(tmp_path, inner=failing(failure))
    told = code_of(found, question())
    assert told == (failure.code, None if spent == "most" else spent)
    now = found.spent()
    assert now.usd_run == pytest.approx(most_usd(PRICED, question(), 0) if spent == "most" else spent, abs=2e-9)
    assert now.tokens_run == (most_tokens(PRICED, question()) if tokens == "most" else tokens)


def test_an_answer_whose_usage_nobody_told_has_an_unknown_cost_and_counts_at_its_most(tmp_path):
    found = door(tmp_path, inner=Answering(lambda request: Reply("{}")))
    assert run(found.complete(question())).cost_usd is None
    assert found.spent().usd_run == pytest.approx(most_usd(PRICED, question(), 0), abs=2e-9)


def test_a_model_that_cannot_be_asked_at_all_leaves_the_budget_as_it_was(tmp_path):
    def missing(request: Request) -> Reply:
        raise OutsideError("a package is missing")

    found = door(tmp_path, inner=Answering(missing))
    with pytest.raises(OutsideError, match="package"):
        run(found.complete(question()))
    assert found.spent().usd_run == 0.0


def test_a_model_of_unknown_price_is_asked_where_that_is_allowed_at_an_unknown_cost(tmp_path):
    models = {"m": ModelPolicy(provider="openai", model="nobody-knows-me")}
    assert code_of(door(tmp_path, settings=Settings(models), inner=Answering()), question())[0] == "BUDGET"
    allowed = door(tmp_path, settings=Settings(models, BudgetPolicy(unknown_price="allow")), inner=Answering())
    assert run(allowed.complete(question())).cost_usd is None and allowed.spent().calls_run == 1


# --- the real packages, and secrets --------------------------------------------------------------------------------------------------------------

def test_every_provider_is_recorded_over_http_and_replayed_with_the_server_gone(tmp_path):
    budget = BudgetPolicy(unknown_price="allow")
    with Wire() as wire:
        models = models_at(wire.url)
        recording = door(tmp_path, settings=Settings(models, budget), environment=KEYS)
        first = dict(zip(models, heard(recording, [question(model=name) for name in models]), strict=True))
        assert len(wire.asked) == len(models)
    replay = door(tmp_path, "tape", Settings(models))
    assert {name: run(replay.complete(question(model=name))) for name in models} == first
    assert all(json.loads(one.text)["verdict"] == "APPROVE" and one.raw for one in first.values())


@pytest.mark.parametrize(("fault", "lost"), [(Fault(status=429), 0), (Fault(status=500), 0), (Fault(kind="drop"), 1), (Fault(kind="truncate"), 1)])
def test_a_try_that_broke_off_may_be_billed_and_one_that_was_refused_is_not(wire, fault, lost):
    wire.script([fault])
    got = ask_one(models_at(wire.url, retries=1), question(model="openai"))
    assert (got.attempts, got.lost) == (2, lost)


def test_an_answer_that_was_cut_tells_what_it_used(wire):
    wire.script([Said(value={"verdict": "APPROVE"}, finish="length", input_tokens=300, output_tokens=100)])
    [failure] = ask(models_at(wire.url), question(model="openai"))
    assert isinstance(failure, ModelFailure) and (failure.code, failure.usage) == ("TRUNCATED", Usage(300, 100))


def test_fifty_planted_secrets_stand_in_no_file_of_a_home(tmp_path, wire):
    """Values of the environment that a server echoes in errors, headers, bodies and in what its model writes."""
    draw = random.Random(8)
    kinds = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    letters = string.ascii_letters + string.digits + '/+=$&%-_.~"\\\u00e9'
    planted = {f"VENDOR{n}_{kinds[n % 4]}": "".join(draw.choices(letters, k=draw.randint(8, 60))) for n in range(50 - len(KEYS))}
    environment = {**KEYS, **planted}
    assert len(environment) == 50
    values = list(environment.values())
    redact = redactor(secrets_of(environment))
    models = models_at(wire.url, retries=0)
    found = door(tmp_path, settings=Settings(models, BudgetPolicy(usd_per_run=None, usd_per_day=None, unknown_price="allow")), environment=environment,
                 redact=redact, list_path=tmp_path / "run" / "tape.jsonl")
    answers = []
    for n, secret in enumerate(values):
        answers.append((Said(value={"verdict": "APPROVE", "reason": f"because {secret} says so"}), Said(text=f"no JSON but {secret}"),
                      Fault(status=401, message=f"bad key {secret}", headers={"x-echo": "".join(c for c in secret if c.isalnum() and c.isascii())}),
                      Fault(status=500, message=f"trace: get('https://host/?key={secret}')"),
                      Fault(kind="garbage", body=f"<html>{secret}</html>".encode()))[n % 5])
    wire.script(answers)
    names = list(models)
    told = heard(found, [question(f"news {n}: {secret}", model=names[n % len(names)]) for n, secret in enumerate(values)])
    kept = files(tmp_path)
    assert len(wire.asked) == 50 and len(kept) > 100
    held = "".join(path.read_text("utf-8", "replace") for path in kept) + "".join(map(repr, told))
    assert [secret for secret in values if plain(secret) in plain(held)] == [] and held.count("[redacted]") > 50


def test_what_a_model_may_not_see_leaves_no_trace_on_the_wire_either(tmp_path, wire):
    environment = {**KEYS, "BROKER_PASSWORD": "correct-horse-battery"}
    models = models_at(wire.url)
    found = door(tmp_path, settings=Settings(models, BudgetPolicy(unknown_price="allow")), environment=environment, redact=redactor(secrets_of(environment)))
    heard(found, [question("headline: correct-horse-battery leaked", model=next(iter(models)))])
    assert "correct-horse-battery" not in json.dumps([dataclasses.asdict(one) for one in wire.asked], default=str)
