"""A gateway behind budget and tape, over real HTTP: what tries that broke off may have cost stays spent, and a limit holds for all runs of a home."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from pse.domain.models import ModelFailure
from pse.llm.door import open_model
from pse.llm.policy import BudgetPolicy
from pse.llm.prices import most_usd
from tests.llm.asked import request
from tests.wire.bodies import Said
from tests.wire.server import APPROVED, KEYS, Fault, models_at


def door(wire, home: Path, mode: str = "live", run_id: str = "run-1", usd: float = 5.0, **also):
    settings = SimpleNamespace(models=models_at(wire.url, **also), budget=BudgetPolicy(usd_per_run=usd))
    return open_model(settings, mode, SimpleNamespace(data=home / "data", state=home / "data" / "state"), run_id=run_id, environment=KEYS)


def answered(opened, one):
    """The reply, with the connections closed after it."""
    async def run():
        try:
            return await opened.complete(one)
        finally:
            await opened.aclose()

    return asyncio.run(run())


def test_what_was_used_is_what_is_spent(wire, tmp_path):
    wire.answer = lambda _: Said(APPROVED, input_tokens=1000, output_tokens=200)
    opened = door(wire, tmp_path)
    assert answered(opened, request()).cost_usd == pytest.approx(1000e-6 + 200 * 10e-6)
    assert opened.spent().usd_run == pytest.approx(0.003)


def test_a_try_that_broke_off_stays_spent_at_its_most_beside_the_answer(wire, tmp_path):
    wire.script([Fault(kind="truncate"), Said(APPROVED, input_tokens=1000, output_tokens=200)])
    opened = door(wire, tmp_path, retries=1)
    reply = answered(opened, request())
    assert reply.cost_usd == pytest.approx(0.003)           # the account pays for what is known
    assert opened.spent().usd_run == pytest.approx(0.003 + most_usd(models_at(wire.url)["openai"], request(), 0), abs=1e-8)


def test_a_call_that_never_came_back_stays_spent_once_and_one_that_was_refused_not_at_all(wire, tmp_path):
    most = most_usd(models_at(wire.url)["openai"], request(), 0)
    for answer, spent in ((Fault(kind="hang"), most), (Fault(status=401), 0.0)):
        wire.answer = lambda _, answer=answer: answer
        opened = door(wire, tmp_path, run_id=f"run-{spent:.6f}", retries=2, timeout_s=0.1)
        with pytest.raises(ModelFailure):
            answered(opened, request(deadline_s=0.3))
        assert opened.spent().usd_run == pytest.approx(spent, abs=1e-8)


def test_what_does_not_fit_is_not_sent(wire, tmp_path):
    with pytest.raises(ModelFailure) as found:
        answered(door(wire, tmp_path, usd=0.001), request())
    assert (found.value.code, wire.asked) == ("BUDGET", [])


def test_a_limit_of_requests_holds_for_every_run_of_a_home(wire, tmp_path):
    answered(door(wire, tmp_path, requests_per_minute=1), request())
    with pytest.raises(ModelFailure) as found:
        answered(door(wire, tmp_path, run_id="run-2", requests_per_minute=1), request(draw=1, deadline_s=5))
    assert (found.value.code, len(wire.asked)) == ("RATE_LIMIT", 1)


def test_what_was_recorded_over_the_wire_replays_without_it(wire, tmp_path):
    recorded = answered(door(wire, tmp_path, "record"), request())
    again = answered(door(wire, tmp_path, "tape"), request())
    assert again == recorded and len(wire.asked) == 1
