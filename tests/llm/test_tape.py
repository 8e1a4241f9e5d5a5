"""The tape: what decides an answer is its key, what was kept comes back bit for bit, and damage is told."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pse.domain.models import Message, ModelFailure, PromptRef, Reply, Request, TapeMiss, Usage
from pse.llm.policy import ModelPolicy
from pse.llm.tape import DamagedTape, Shelf, Tape, request_key
from tests.llm.made import PRICED, SCHEMA, Answering, files, question, run

MODELS = {"m": PRICED}


def taped(folder: Path, mode: str = "tape", inner: Answering | None = None, **more) -> Tape:
    return Tape(folder / "tapes", mode, MODELS, inner, **more)


def reply(text: str) -> Reply:
    return Reply(text=text, usage=Usage(10, 5), cost_usd=0.1 + 0.2, latency_ns=3)


def test_a_miss_of_a_question_with_something_masked_names_the_environment(tmp_path):
    for redact, named in ((str, False), (lambda text: text.replace("5012", "***"), True)):
        with pytest.raises(TapeMiss) as miss:
            run(taped(tmp_path, redact=redact).complete(question()))
        assert ("_PASSWORD" in str(miss.value)) is named


# --- the key -------------------------------------------------------------------------------------------------------------------------------------

def test_the_key_is_the_sha256_of_the_sorted_json_of_what_decides_the_answer():
    by_hand = {"model": {"provider": "openai", "model": "priced", "answer": "native", "temperature": 0.0, "seed": None, "max_output_tokens": 100,
                         "thinking": None},
               "system": "You judge one setup.", "messages": [["user", "ES at 5012.25"]], "schema": SCHEMA, "schema_name": "signal",
               "prompt": ["signal.v1", "ab" * 32], "draw": 0}
    text = json.dumps(by_hand, sort_keys=True, separators=(",", ":"))
    assert request_key(question(), PRICED) == hashlib.sha256(text.encode()).hexdigest()


OTHER_QUESTIONS = {"prompt": PromptRef("signal.v2", "ab" * 32), "system": "Other.", "messages": (Message("model", "ES at 5012.25"),),
                   "schema": {"type": "object"}, "schema_name": "risk", "draw": 1}
SAME_QUESTIONS = {"role": "risk", "model": "other-name", "deadline_s": 1.0}
OTHER_MODELS = {"provider": "groq", "model": "priced-2", "answer": "tool", "temperature": 0.5, "seed": 7, "max_output_tokens": 101, "thinking": "low"}
SAME_MODELS = {"base_url": "http://127.0.0.1:1/v1", "key_env": "OTHER_KEY", "project": "p", "location": "europe-west1", "timeout_s": 5.0, "retries": 1,
               "requests_per_minute": 9, "concurrency": 1, "usd_per_million_in": 1.0, "usd_per_million_out": 1.0}


def test_every_word_of_a_request_and_of_a_model_either_decides_the_answer_or_is_known_not_to():
    assert set(OTHER_QUESTIONS) | set(SAME_QUESTIONS) == {one.name for one in dataclasses.fields(Request)}
    assert set(OTHER_MODELS) | set(SAME_MODELS) == set(ModelPolicy.model_fields)


@pytest.mark.parametrize("name", OTHER_QUESTIONS)
def test_what_is_asked_changes_the_key(name):
    assert request_key(question(**{name: OTHER_QUESTIONS[name]}), PRICED) != request_key(question(), PRICED)


@pytest.mark.parametrize("name", OTHER_MODELS)
def test_who_is_asked_and_how_changes_the_key(name):
    assert request_key(question(), PRICED.model_copy(update={name: OTHER_MODELS[name]})) != request_key(question(), PRICED)


def test_a_prompt_of_other_bytes_or_a_turn_more_changes_the_key():
    keys = {request_key(one, PRICED) for one in (question(), question(prompt=PromptRef("signal.v1", "cd" * 32)),
                                                 question(messages=(Message("user", "ES at"), Message("user", " 5012.25"))))}
    assert len(keys) == 3


@pytest.mark.parametrize("name", SAME_QUESTIONS)
def test_how_long_one_waits_and_how_a_model_is_called_here_change_nothing(name):
    assert request_key(question(**{name: SAME_QUESTIONS[name]}), PRICED) == request_key(question(), PRICED)


@pytest.mark.parametrize("name", SAME_MODELS)
def test_addresses_keys_prices_and_patience_change_nothing(name):
    assert request_key(question(), PRICED.model_copy(update={name: SAME_MODELS[name]})) == request_key(question(), PRICED)


def test_the_order_in_which_a_schema_was_built_changes_nothing():
    turned = dict(reversed(SCHEMA.items()))
    assert request_key(question(schema=turned), PRICED) == request_key(question(), PRICED)


def test_keys_are_the_same_whatever_seeds_the_hashes_of_python():
    code = "from tests.llm.made import *; from pse.llm.tape import request_key; print(request_key(question(), PRICED))"
    keys = {subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
                           capture_output=True, text=True, check=True).stdout.strip() for seed in ("1", "777")}
    assert keys == {request_key(question(), PRICED)}


# --- what is kept --------------------------------------------------------------------------------------------------------------------------------

def test_a_recorded_reply_comes_back_bit_for_bit_and_nobody_is_asked(tmp_path):
    odd = Reply(text='{"verdict":"REJECT","reason":"caf\u00e9 \ud800 \U0001f600"}', usage=Usage(11, 7, 3, 2), cost_usd=0.1 + 0.2, latency_ns=123_456_789,
                served_by="priced-1", finish="stop", raw="{}\n", attempts=2)
    model = Answering(lambda request: odd)
    first = run(taped(tmp_path, "record", model).complete(question()))
    again = run(taped(tmp_path, "record", model).complete(question()))
    replayed = run(taped(tmp_path).complete(question()))
    assert first == again == replayed and len(model.asked) == 1
    assert (first.usage, first.cost_usd, first.latency_ns, first.attempts) == (odd.usage, odd.cost_usd, odd.latency_ns, 2)
    assert first.key == request_key(question(), PRICED) and len(first.sha256) == 64


def test_the_file_of_a_reply_is_named_by_its_bytes_and_holds_what_was_asked(tmp_path):
    got = run(taped(tmp_path, "record", Answering()).complete(question()))
    blob, index = files(tmp_path / "tapes")
    assert blob.relative_to(tmp_path / "tapes").as_posix() == f"blobs/{got.sha256[:2]}/{got.sha256}.json"
    assert index.relative_to(tmp_path / "tapes").as_posix() == f"index/{got.key[:2]}/{got.key}.json"
    assert hashlib.sha256(blob.read_bytes()).hexdigest() == got.sha256
    body = json.loads(blob.read_bytes())
    assert body["asked"]["messages"] == [["user", "ES at 5012.25"]] and body["reply"]["text"] == got.text and body["key"] == got.key


def test_a_question_that_was_never_asked_is_an_error_with_the_mend(tmp_path):
    with pytest.raises(TapeMiss, match=r"signal\.v1 to m .*--agents record"):
        run(taped(tmp_path).complete(question()))


def test_another_draw_of_the_same_question_is_another_answer(tmp_path):
    model = Answering(lambda request: reply(f'{{"draw":{request.draw}}}'))
    tape = taped(tmp_path, "record", model)
    assert [run(tape.complete(question(draw=draw))).text for draw in (0, 1, 0)] == ['{"draw":0}', '{"draw":1}', '{"draw":0}']
    assert len(model.asked) == 2


def test_a_model_that_no_file_names_is_a_bad_request(tmp_path):
    with pytest.raises(ModelFailure, match="no model named 'x'") as caught:
        run(taped(tmp_path).complete(question(model="x")))
    assert caught.value.code == "BAD_REQUEST"


def late(request: Request) -> Reply:
    raise ModelFailure("RATE_LIMIT", "429 from the server", retry_after_s=2.5, latency_ns=9, spent=0.25, attempts=3)


def outcome(tape: Tape, request: Request) -> object:
    try:
        return run(tape.complete(request))
    except ModelFailure as failure:
        return (failure.code, str(failure), failure.retry_after_s, failure.latency_ns, failure.spent, failure.attempts, failure.key)


def test_a_call_that_failed_fails_again_in_a_replay(tmp_path):
    first = outcome(taped(tmp_path, "record", Answering(late)), question())
    assert first == ("RATE_LIMIT", "429 from the server", 2.5, 9, 0.25, 3, request_key(question(), PRICED))
    assert outcome(taped(tmp_path), question()) == first


def test_recording_asks_again_what_is_kept_only_as_a_failure_and_the_old_run_still_replays(tmp_path):
    failed = outcome(taped(tmp_path, "record", Answering(late), list_path=tmp_path / "old.jsonl"), question())
    got = run(taped(tmp_path, "record", Answering()).complete(question()))
    assert run(taped(tmp_path).complete(question())) == got
    assert outcome(taped(tmp_path, only=tmp_path / "old.jsonl"), question()) == failed


def test_a_kept_reply_stays_the_answer_whatever_a_live_run_is_told_later(tmp_path):
    first = run(taped(tmp_path, "record", Answering()).complete(question()))
    live = taped(tmp_path, "live", Answering(lambda request: reply("{}")), list_path=tmp_path / "live.jsonl")
    assert run(live.complete(question())).text == "{}"
    outcome(taped(tmp_path, "live", Answering(late)), question())
    assert run(taped(tmp_path).complete(question())) == first
    assert run(taped(tmp_path, only=tmp_path / "live.jsonl").complete(question())).text == "{}"


def test_the_same_question_twice_at_once_is_asked_once(tmp_path):
    async def slow() -> Reply:
        await asyncio.sleep(0.01)
        return reply("{}")

    model = Answering(lambda request: slow())
    tape = taped(tmp_path, "record", model)

    async def both() -> list[Reply]:
        return list(await asyncio.gather(tape.complete(question()), tape.complete(question())))

    one, other = run(both())
    assert one == other and len(model.asked) == 1


def test_who_waits_no_longer_is_kept_as_a_timeout(tmp_path):
    async def gives_up() -> None:
        async with asyncio.timeout(0.01):
            await taped(tmp_path, "record", Answering(lambda request: asyncio.sleep(5))).complete(question())

    with pytest.raises(TimeoutError):
        run(gives_up())
    assert outcome(taped(tmp_path), question())[0] == "TIMEOUT"


def test_a_model_that_keeps_no_deadline_is_given_up_and_the_replay_fails_alike(tmp_path, monkeypatch):
    monkeypatch.setattr("pse.llm.tape.GRACE_S", 0.0)
    hangs = Answering(lambda request: asyncio.sleep(5))
    first = outcome(taped(tmp_path, "record", hangs), question(deadline_s=0.01))
    assert first[0] == "TIMEOUT" and first[3:5] == (10_000_000, None)        # all the time that there was, at a cost that nobody knows
    assert outcome(taped(tmp_path), question(deadline_s=0.01)) == first


# --- a run's own list ----------------------------------------------------------------------------------------------------------------------------

def test_the_list_stands_in_the_order_of_asking_also_where_later_questions_are_answered_sooner(tmp_path):
    async def after(seconds: float) -> Reply:
        await asyncio.sleep(seconds)
        return reply("{}")

    tape = taped(tmp_path, "record", Answering(lambda request: after(0.02 if request.draw == 0 else 0.0)), list_path=tmp_path / "run" / "tape.jsonl")

    async def all_at_once() -> list[Reply]:
        return list(await asyncio.gather(*(tape.complete(question(draw=draw)) for draw in range(3))))

    replies = run(all_at_once())
    tape.close()
    lines = [json.loads(line) for line in (tmp_path / "run" / "tape.jsonl").read_text().splitlines()]
    assert lines == [{"key": one.key, "blob": one.sha256, "outcome": "reply"} for one in replies]


def test_a_live_run_that_heard_two_answers_to_one_question_replays_both_in_order(tmp_path):
    answers = iter(["{}", '{"a":1}'])
    live = taped(tmp_path, "live", Answering(lambda request: reply(next(answers))), list_path=tmp_path / "tape.jsonl")
    heard = [run(live.complete(question())) for _ in range(2)]
    replay = taped(tmp_path, only=tmp_path / "tape.jsonl")
    assert [run(replay.complete(question())) for _ in range(2)] == heard and heard[0] != heard[1]
    with pytest.raises(TapeMiss, match="asks something else than when it was made"):
        run(replay.complete(question()))


def test_a_replay_from_the_tape_writes_the_same_list(tmp_path):
    for mode, name in (("record", "a.jsonl"), ("tape", "b.jsonl")):
        tape = taped(tmp_path, mode, Answering(), list_path=tmp_path / name)
        for draw in range(3):
            run(tape.complete(question(draw=draw)))
        tape.close()
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes() != b""


def test_a_list_that_was_torn_is_refused_with_its_line(tmp_path):
    (tmp_path / "tape.jsonl").write_text(json.dumps({"blob": "ab" * 32, "key": "cd" * 32, "outcome": "reply"}) + '\n{"blob":"abab","ke')
    with pytest.raises(DamagedTape, match=r"tape\.jsonl:2 .*restore"):
        taped(tmp_path, only=tmp_path / "tape.jsonl")


# --- damage --------------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["tape", "record"])
def test_a_changed_byte_of_a_kept_reply_is_told_with_the_file(tmp_path, mode):
    got = run(taped(tmp_path, "record", Answering()).complete(question()))
    blob = next(path for path in files(tmp_path / "tapes") if path.stem == got.sha256)
    blob.write_bytes(blob.read_bytes().replace(b"APPROVE", b"REJECT!"))
    model = Answering()
    with pytest.raises(DamagedTape, match=f"{got.sha256}.json does not hold what was written there.*--agents record"):
        run(taped(tmp_path, mode, model).complete(question()))
    assert model.asked == []


@pytest.mark.parametrize("emptied", [False, True])
def test_a_kept_reply_that_a_power_failure_took_is_told_with_the_file_and_recorded_again(tmp_path, emptied):
    got = run(taped(tmp_path, "record", Answering()).complete(question()))
    blob = next(path for path in files(tmp_path / "tapes") if path.stem == got.sha256)
    blob.unlink()
    if emptied:
        blob.touch()
    with pytest.raises(DamagedTape, match=f"{got.sha256}.json (is gone|does not hold)"):
        run(taped(tmp_path).complete(question()))
    other = Answering(lambda request: reply("{}"))
    assert run(taped(tmp_path, "record", other).complete(question())).text == "{}" == run(taped(tmp_path).complete(question())).text


@pytest.mark.parametrize("content", [
    b"no json", b"[]", b"{}", b'{"form":2}', b'{"form":1,"key":"k"}', b'{"form":1,"key":"k","reply":{}}', b'{"form":1,"key":"k","failure":"x"}',
    b'{"form":1,"key":"k","reply":{"text":1,"usage":{}}}', b'{"form":1,"key":"k","reply":{"text":"x","usage":{},"more":1}}',
])
def test_a_file_that_is_truly_named_by_its_bytes_and_holds_no_outcome_is_damage_too(tmp_path, content):
    sha256 = hashlib.sha256(content).hexdigest()
    path = tmp_path / "tapes" / "blobs" / sha256[:2] / f"{sha256}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DamagedTape, match="holds no outcome"):
        Shelf(tmp_path / "tapes").read(sha256)


REPLIED = {"text": "x", "usage": {"input_tokens": 1, "output_tokens": 2, "cached_tokens": 0, "thinking_tokens": 0}, "cost_usd": 0.1, "latency_ns": 5,
           "served_by": "", "finish": "", "raw": "", "attempts": 1, "lost": 0}
FAILED = {"code": "TIMEOUT", "text": "late", "retry_after_s": None, "latency_ns": 5, "spent": None, "attempts": 1, "usage": None}


def shelved(folder: Path, **outcome: object) -> tuple[Shelf, str]:
    """A shelf with one file that is truly named by its bytes."""
    content = json.dumps({"form": 1, "key": "k", **outcome}).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / "blobs" / sha256[:2] / f"{sha256}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return Shelf(folder), sha256


@pytest.mark.parametrize("wrong", [
    {"latency_ns": "1"}, {"latency_ns": -1}, {"latency_ns": 1.5}, {"latency_ns": True}, {"latency_ns": 10**20}, {"usage": []}, {"cost_usd": "0.1"},
    {"cost_usd": -1000.0}, {"cost_usd": float("nan")}, {"cost_usd": float("inf")}, {"cost_usd": True}, {"attempts": "2"}, {"attempts": None},
    {"lost": -1}, {"raw": 1}, {"served_by": None}, {"usage": "5"}, {"usage": {"input_tokens": "5"}}, {"usage": {"output_tokens": -1}},
    {"usage": {"tokens": 1}}, {"usage": None}], ids=str)
def test_a_kept_reply_with_a_number_that_is_none_is_damage(tmp_path, wrong):
    shelf, sha256 = shelved(tmp_path, reply={**REPLIED, **wrong})
    with pytest.raises(DamagedTape, match="holds no outcome"):
        shelf.read(sha256)


@pytest.mark.parametrize("wrong", [
    {"code": "NO_SUCH"}, {"code": 1}, {"code": []}, {"text": None}, {"latency_ns": -1}, {"spent": "0"}, {"spent": -0.5}, {"retry_after_s": "3"},
    {"attempts": -1}, {"usage": {"input_tokens": None}}, {"usage": 5}], ids=str)
def test_a_kept_failure_with_a_number_that_is_none_is_damage(tmp_path, wrong):
    shelf, sha256 = shelved(tmp_path, failure={**FAILED, **wrong})
    with pytest.raises(DamagedTape, match="holds no outcome"):
        shelf.read(sha256)


def test_a_kept_reply_and_a_kept_failure_in_order_are_read(tmp_path):
    shelf, sha256 = shelved(tmp_path / "one", reply={**REPLIED, "cost_usd": None})
    assert shelf.read(sha256).told().usage == Usage(1, 2)
    shelf, sha256 = shelved(tmp_path / "two", failure={**FAILED, "usage": {"input_tokens": 500, "output_tokens": 7}})
    assert shelf.read(sha256).failed


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key":"x","blob":"y"}', b'{"blob":1}', b"outside"])
def test_an_index_that_names_nothing_is_told_with_the_file(tmp_path, content):
    got = run(taped(tmp_path, "record", Answering()).complete(question()))
    if content == b"outside":
        content = json.dumps({"key": got.key, "blob": "../../../../elsewhere"}).encode()
    next(path for path in files(tmp_path / "tapes") if path.stem == got.key).write_bytes(content)
    with pytest.raises(DamagedTape, match=f"{got.key}.json should name the kept reply"):
        run(taped(tmp_path).complete(question()))


def test_a_reply_to_another_question_is_not_taken_for_this_one(tmp_path):
    tape = taped(tmp_path, "record", Answering())
    one, other = run(tape.complete(question())), run(tape.complete(question(draw=1)))
    shelf = Shelf(tmp_path / "tapes")
    index = next(path for path in files(tmp_path / "tapes") if path.stem == one.key)
    index.write_text(json.dumps({"blob": other.sha256, "key": one.key}))
    with pytest.raises(DamagedTape, match="answers request"):
        run(taped(tmp_path).complete(question()))
    assert shelf.read(other.sha256, other.key).told() == other


def test_a_miss_and_damage_are_errors_of_the_outside():
    assert issubclass(DamagedTape, TapeMiss) and TapeMiss("x").exit_code == 3


# --- secrets -------------------------------------------------------------------------------------------------------------------------------------

def test_secrets_are_masked_before_anything_is_asked_hashed_or_written_and_the_run_hears_what_is_kept(tmp_path):
    secret = "hunter2-hunter2"
    model = Answering(lambda request: Reply(text=f'{{"reason":"{secret}"}}', raw=f"Bearer {secret}", served_by=secret))
    tape = taped(tmp_path, "record", model, redact=lambda text: text.replace(secret, "[redacted]"))
    got = run(tape.complete(question(f"news: {secret}", system=f"key {secret}")))
    assert secret not in repr(model.asked) and secret not in repr(got)
    assert got.key == request_key(question("news: [redacted]", system="key [redacted]"), PRICED)
    assert all(secret not in path.read_text() for path in files(tmp_path))
    assert run(taped(tmp_path).complete(question("news: [redacted]", system="key [redacted]"))) == got
