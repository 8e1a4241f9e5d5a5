"""A limit of requests a minute: never more in any minute, by whichever process, and no turn is lost or waited for in vain."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.models import ModelFailure, Reply
from pse.llm.rates import MINUTE_NS, Rates
from tests.llm.asked import Steps, ask, request
from tests.wire.server import models_at

FAR = 10**30
NOW = 1_700_000_000 * 10**9


@given(st.integers(1, 6), st.lists(st.integers(0, 40 * 10**9), min_size=1, max_size=40))
def test_no_minute_holds_more_than_the_limit_and_turns_come_in_order(per_minute, gaps):
    rates, now, granted = Rates(), NOW, []
    for gap in gaps:
        now += gap
        moment = rates.grant("m", per_minute, now, FAR)
        assert moment is None or moment >= now
        granted += [moment] if moment is not None else []
    assert granted == sorted(granted)
    assert all(later - earlier >= MINUTE_NS for earlier, later in zip(granted, granted[per_minute:], strict=False))


def test_the_first_go_at_once_and_the_next_when_the_first_is_a_minute_old():
    rates = Rates()
    granted = [rates.grant("m", 2, NOW + second * 10**9, FAR) for second in (0, 10, 20, 25)]
    assert granted == [NOW, NOW + 10 * 10**9, NOW + MINUTE_NS, NOW + 10 * 10**9 + MINUTE_NS]


def test_a_turn_that_would_come_too_late_is_not_taken():
    rates = Rates()
    assert rates.grant("m", 1, NOW, FAR) == NOW
    assert [rates.grant("m", 1, NOW + 1, NOW + 10**9) for _ in range(3)] == [None] * 3
    assert rates.grant("m", 1, NOW + 2, FAR) == NOW + MINUTE_NS


def test_each_model_has_a_limit_of_its_own(tmp_path):
    rates = Rates(tmp_path)
    assert [rates.grant(name, 1, NOW, FAR) for name in ("a", "b")] == [NOW, NOW]


def test_processes_of_a_home_share_the_limit(tmp_path):
    code = ("import sys; from pathlib import Path; from pse.llm.rates import Rates\nr = Rates(Path(sys.argv[1]), 20.0)\n"
            f"print([r.grant('m', 4, {NOW}, {FAR}) for _ in range(6)])")
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    granted = sorted(moment for one in runs for moment in json.loads(one.communicate(timeout=60)[0]))
    assert granted == sorted([NOW + minute * MINUTE_NS for minute in range(3) for _ in range(4)])


@pytest.mark.parametrize("found", [b"", b"not json", b'{"a": 1}', b"[1, 2", b'["x", null, 1.5]', b"\xff"])
def test_a_damaged_file_begins_anew(tmp_path, found):
    (tmp_path / "m.json").write_bytes(found)
    assert Rates(tmp_path).grant("m", 1, NOW, FAR) == NOW
    assert Rates(tmp_path).grant("m", 1, NOW, NOW) is None


def test_moments_of_a_clock_that_was_set_back_hold_nobody_up():
    rates = Rates()
    assert rates.grant("m", 1, NOW + 3600 * 10**9, FAR) and rates.grant("m", 1, NOW, FAR) == NOW


def test_a_file_that_stays_locked_is_told(tmp_path):
    with FileLock(tmp_path / "openai.lock"), pytest.raises(TimeoutError):
        Rates(tmp_path, wait_s=0.01).grant("openai", 1, NOW, FAR)


def test_the_gateway_waits_for_its_turn_and_asks_nobody_whose_turn_comes_after_the_deadline(wire, tmp_path):
    steps, models = Steps(), models_at(wire.url, requests_per_minute=1)
    first, late, patient = (ask(models, request("openai", deadline_s=seconds), steps=steps, rates=tmp_path)[0] for seconds in (90, 30, 90))
    assert isinstance(late, ModelFailure) and (late.code, late.attempts) == ("RATE_LIMIT", 0) and "requests_per_minute" in str(late)
    assert isinstance(first, Reply) and isinstance(patient, Reply) and steps.slept == [60.0] and len(wire.asked) == 2
    assert patient.latency_ns == 0                          # the wait for our own limit is not the model's time
