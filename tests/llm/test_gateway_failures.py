"""What goes wrong on the wire, with every provider's own package: which failure it is, how often it was tried, and that no secret comes along."""

from __future__ import annotations

import gzip
import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.models import ModelFailure
from pse.llm.transport import MOST_BYTES
from tests.llm.asked import Steps, ask, ask_one, in_turn, request
from tests.wire.bodies import Said, error_body
from tests.wire.server import APPROVED, KEYS, PLANTED, Fault, Wire, models_at

PROVIDERS = ["openai", "openai-responses", "anthropic", "vertex", "gemini", "groq", "openrouter", "deepseek", "openai-compatible"]
every_provider = pytest.mark.parametrize("name", PROVIDERS)


def failure(wire: Wire, name: str = "openai", answer: object = None, **also: object) -> ModelFailure:
    """The failure that an answer ends in; anything else but a `ModelFailure` is raised."""
    if answer is not None:
        wire.answer = lambda _: answer
    steps, given = also.pop("steps", None), {word: also.pop(word) for word in ("deadline_s", "draw") if word in also}
    with pytest.raises(ModelFailure) as found:
        ask_one(models_at(wire.url, **also), request(name, **given), steps=steps)
    return found.value


# --- one retry layer

@every_provider
def test_without_retries_a_refused_call_is_one_call(wire, name):
    found = failure(wire, name, Fault(status=429, headers={"retry-after": "7"}))
    assert (found.code, found.attempts, found.retry_after_s, found.spent, len(wire.asked)) == ("RATE_LIMIT", 1, 7.0, 0.0, 1)


@every_provider
def test_a_second_try_waits_as_long_as_the_provider_asks_for(wire, name):
    steps = Steps()
    wire.script([Fault(status=429, headers={"retry-after": "7"}), Fault(status=500)])
    reply = ask_one(models_at(wire.url, retries=2), request(name), steps=steps)
    assert json.loads(reply.text) == APPROVED and (reply.attempts, reply.lost, len(wire.asked)) == (3, 0, 3)
    assert steps.slept[0] == 7.0 and 0.5 <= steps.slept[1] <= 1.5
    assert reply.latency_ns == sum(int(pause * 1e9) for pause in steps.slept)


def test_waits_grow_and_the_same_request_waits_the_same(wire):
    def slept(draw):
        steps = Steps()
        failure(wire, "openai", Fault(status=503), steps=steps, draw=draw, retries=5, deadline_s=600)
        return steps.slept

    one = slept(0)
    assert [0.5 * 2**n * 0.5 <= pause < 0.5 * 2**n * 1.5 for n, pause in enumerate(one)] == [True] * 5
    assert slept(0) == one != slept(1)


def test_a_wait_beyond_the_deadline_is_not_begun(wire):
    steps = Steps()
    found = failure(wire, "openai", Fault(status=429, headers={"retry-after": "60"}), steps=steps, retries=2, deadline_s=30)
    assert (found.code, found.attempts, steps.slept, len(wire.asked)) == ("RATE_LIMIT", 1, [], 1)


@every_provider
def test_what_no_second_try_mends_is_not_tried_again(wire, name):
    codes = {401: "AUTH", 402: "AUTH", 403: "AUTH", 400: "BAD_REQUEST", 404: "BAD_REQUEST", 413: "BAD_REQUEST", 422: "BAD_REQUEST", 301: "BAD_REQUEST"}
    away = {"location": f"{wire.url}/elsewhere"}
    answers = [Fault(status=status, message="the-words-of-the-provider", headers=away) for status in codes]
    for (found, calls), code in zip(in_turn(wire, models_at(wire.url, retries=2), name, answers), codes.values(), strict=True):
        assert isinstance(found, ModelFailure) and (found.code, found.attempts, found.spent, calls) == (code, 1, 0.0, 1)
        assert "the-words-of-the-provider" in str(found) and name in str(found)


@every_provider
def test_what_a_second_try_may_mend_is_tried_again(wire, name):
    codes = {408: "TIMEOUT", 409: "SERVER", 500: "SERVER", 502: "SERVER", 503: "SERVER", 529: "SERVER"}
    answers = [Fault(status=status) for status in codes]
    for (found, calls), code in zip(in_turn(wire, models_at(wire.url, retries=1), name, answers), codes.values(), strict=True):
        assert isinstance(found, ModelFailure) and (found.code, found.attempts, calls) == (code, 2, 2)


def test_a_used_up_quota_is_not_waited_for(wire):
    body = json.dumps({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}).encode()
    found = failure(wire, "openai", Fault(status=429, body=body), retries=2)
    assert (found.code, len(wire.asked)) == ("AUTH", 1) and "credit" in str(found)


def test_a_second_try_for_which_no_turn_is_left_keeps_what_the_first_may_have_cost(wire):
    found = failure(wire, "openai", Fault(kind="truncate"), retries=2, requests_per_minute=1, deadline_s=30)
    assert (found.code, found.attempts, found.spent, len(wire.asked)) == ("RATE_LIMIT", 1, None, 1) and found.latency_ns >= 0


@pytest.mark.parametrize(("name", "wrong"), [("openrouter", {"model": "gpt-4o-mini"}), ("openai", {"base_url": "http://[::1"}),
                                             ("groq", {"base_url": "no address"})])
def test_an_entry_with_which_nobody_can_be_asked_is_told(wire, name, wrong):
    with pytest.raises(ModelFailure) as found:
        ask_one({name: models_at(wire.url)[name].model_copy(update=wrong)}, request(name))
    assert found.value.code in {"BAD_REQUEST", "TRANSPORT"} and name in str(found.value) and wire.asked == []


# --- the wire breaks

@every_provider
def test_a_server_that_says_nothing_is_a_timeout(wire, name):
    found = failure(wire, name, Fault(kind="hang"), timeout_s=0.1)
    assert (found.code, found.spent, len(wire.asked)) == ("TIMEOUT", None, 1) and "timeout_s" in str(found)


def test_the_deadline_cuts_a_call_whose_timeout_is_longer(wire):
    """The answer would come, a moment after the deadline and long before the timeout."""
    found = failure(wire, "openai", Fault(kind="slow", seconds=2), deadline_s=0.1, timeout_s=60)
    assert (found.code, len(wire.asked)) == ("TIMEOUT", 1)


@every_provider
def test_a_broken_answer_is_a_failure_that_may_be_tried_again_and_may_have_cost_something(wire, name):
    broken = [Fault(kind=kind, seconds=0.02) for kind in ("drop", "truncate", "half_close", "garbage")]
    for found, calls in in_turn(wire, models_at(wire.url), name, broken):
        assert isinstance(found, ModelFailure) and (found.code, found.spent, calls) == ("TRANSPORT", None, 1)
    wire.answer = lambda _: APPROVED
    wire.script(broken)
    reply = ask_one(models_at(wire.url, retries=4), request(name, deadline_s=600))
    assert (reply.attempts, reply.lost) == (5, 4)


def test_a_port_where_nobody_listens_is_a_failed_connection():
    with Wire() as gone:
        url = gone.url
    with pytest.raises(ModelFailure) as found:
        ask_one(models_at(url), request("openai"))
    assert found.value.code == "TRANSPORT"


@every_provider
def test_bodies_that_break_the_format_end_as_failures_or_as_text_for_the_reader(wire, name):
    """Whatever stands in the body: a reply, whose text is read strictly elsewhere, or a `ModelFailure`; nothing else comes out."""
    shapes = [None, [], {}, "text", 7, True, [[]], {"choices": None}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": None}]}, {"output": 3},
              {"choices": [{"message": {"content": 5}, "finish_reason": "stop", "index": 0}], "model": 3}, {"output": [{"type": "message"}]},
              {"content": None}, {"content": [{"type": "text"}]}, {"content": [{"type": "novel"}], "usage": {}}, {"candidates": None}, {"candidates": [{}]},
              {"candidates": [{"content": {"parts": [{"functionCall": None}]}}]}, {"candidates": [{"content": {"parts": "x"}}], "usageMetadata": []},
              {"error": {"message": "inside"}}, {"usage": {"prompt_tokens": "many", "completion_tokens": -5}}]
    bodies = [json.dumps(one).encode() for one in shapes] + [b"", b"   ", b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"NaN", b"\xef\xbb\xbf{}",
                                                             b"\xff\xfe{}", b"data: {}\n\ndata: [DONE]\n\n"]
    wire.script([Fault(kind="garbage", body=body) for body in bodies])
    found = ask(models_at(wire.url, concurrency=1), *(request(name, draw=draw) for draw in range(len(bodies))))
    wrong = [(body[:60], one) for body, one in zip(bodies, found, strict=True) if isinstance(one, Exception) and not isinstance(one, ModelFailure)]
    assert wrong == [] and len(wire.asked) == len(bodies)
    assert {one.code for one in found if isinstance(one, ModelFailure)} <= {"SERVER", "TRANSPORT", "REFUSED", "TRUNCATED"}


@settings(max_examples=40)
@given(st.sampled_from(PROVIDERS), st.data())
def test_an_answer_cut_or_changed_at_any_byte_ends_as_a_reply_or_a_failure(shared, name, data):
    from tests.wire.bodies import asked, told

    one = asked("chat", 0, "/v1/chat/completions", {}, {"model": "m", "messages": []})
    api = {"anthropic": "messages", "openai-responses": "responses", "vertex": "generate", "gemini": "generate"}.get(name, "chat")
    body = bytearray(json.dumps(told(type(one)(**{**one.__dict__, "api": api}), Said(APPROVED))).encode())
    cut = data.draw(st.integers(0, len(body)))
    if data.draw(st.booleans()) and cut < len(body):
        body[cut] = data.draw(st.integers(0, 255))
        cut = len(body)
    shared.answer = lambda _: Fault(kind="garbage", body=bytes(body[:cut]))
    found = ask(models_at(shared.url), request(name))[0]
    assert not isinstance(found, Exception) or isinstance(found, ModelFailure)


@pytest.fixture(scope="module")
def shared():
    with Wire() as served:
        yield served


def test_an_endless_answer_is_cut_off(wire):
    found = failure(wire, "openai", Fault(kind="garbage", body=b" " * (MOST_BYTES + 1)))
    assert found.code == "TRANSPORT" and str(MOST_BYTES) in str(found)


def test_a_small_packed_body_that_unpacks_to_a_huge_one_is_cut_off(wire):
    packed = gzip.compress(b" " * (MOST_BYTES + 1))
    assert failure(wire, "groq", Fault(kind="garbage", body=packed, headers={"content-encoding": "gzip"})).code == "TRANSPORT"


def test_a_packed_answer_is_kept_unpacked(wire):
    plain = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m",
                        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}]}).encode()
    wire.answer = lambda _: Fault(kind="garbage", body=gzip.compress(plain), headers={"content-encoding": "gzip"})
    reply = ask_one(models_at(wire.url), request("openai"))
    assert reply.text == "{}" and reply.raw.encode() == plain


# --- the model refuses, or is cut off

@every_provider
def test_a_model_that_refuses_or_is_cut_off_is_not_asked_again(wire, name):
    cut = Said(text='{"verdict": "APP', finish="length", input_tokens=2000, output_tokens=300)
    answers = {"TRUNCATED": cut, "REFUSED": Said(APPROVED, finish="filter")}
    for (found, calls), code in zip(in_turn(wire, models_at(wire.url, retries=2), name, answers.values()), answers, strict=True):
        assert isinstance(found, ModelFailure) and (found.code, calls) == (code, 1)
        assert ("max_output_tokens" in str(found)) == (code == "TRUNCATED")
        assert code == "REFUSED" or (found.usage.input_tokens, found.usage.output_tokens) == (2000, 300)           # billed all the same


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "groq"])         # its format has no word for it
def test_a_model_that_declines_is_a_refusal(wire, name):
    found = failure(wire, name, Said(refusal="I cannot help with that."), retries=2)
    assert (found.code, len(wire.asked)) == ("REFUSED", 1)


# --- keys

@pytest.mark.parametrize(("name", "variable"), [
    ("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"), ("groq", "GROQ_API_KEY"), ("gemini", "GEMINI_API_KEY"),
    ("openrouter", "OPENROUTER_API_KEY"), ("deepseek", "DEEPSEEK_API_KEY"), ("vertex", "GOOGLE_APPLICATION_CREDENTIALS")])
def test_a_missing_key_is_told_by_its_variable_and_nothing_is_sent(wire, monkeypatch, name, variable):
    monkeypatch.setenv(variable, "of-the-process-and-never-looked-up")
    with pytest.raises(ModelFailure, match=variable) as found:
        ask_one(models_at(wire.url), request(name), environment={variable: "  "} if name != "vertex" else {})
    assert (found.value.code, found.value.attempts, wire.asked) == ("AUTH", 0, [])


@pytest.mark.parametrize("key", ["two words", "schlüssel-123", "line\nbreak"])
def test_a_key_that_can_be_none_is_not_sent(wire, key):
    with pytest.raises(ModelFailure, match="OPENAI_API_KEY") as found:
        ask_one(models_at(wire.url), request("openai"), environment={"OPENAI_API_KEY": key})
    assert found.value.code == "AUTH" and key not in str(found.value) and wire.asked == []


def test_a_model_that_nobody_wrote_down_is_refused_with_those_there_are(wire):
    with pytest.raises(ModelFailure, match="no model named 'gpt'.*anthropic, deepseek") as found:
        ask_one(models_at(wire.url), request("gpt"))
    assert found.value.code == "BAD_REQUEST"


def test_a_model_without_schemas_is_told_to_be_asked_another_way(wire):
    with pytest.raises(ModelFailure, match="answer: tool") as told:
        ask_one(models_at(wire.url, answer="native"), request("groq"))
    assert told.value.code == "BAD_REQUEST" and wire.asked == []


# --- secrets

def leaks(error: BaseException) -> bool:
    """Whether the planted secret stands anywhere in an error, its causes included."""
    return PLANTED in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


@every_provider
def test_a_provider_that_repeats_the_key_in_an_error_tells_nobody(wire, name):
    key = KEYS[models_at(wire.url)[name].key_name or "GOOGLE_OAUTH_ACCESS_TOKEN"]
    bodies = (None, f"plain words: {key}".encode())
    answers = [Fault(status=status, message=f"the key {key} of you is wrong", body=body) for status in (400, 401, 429, 500) for body in bodies]
    for found, _ in in_turn(wire, models_at(wire.url), name, answers):
        assert isinstance(found, ModelFailure) and not leaks(found) and "[redacted]" in str(found)


@every_provider
def test_a_model_that_repeats_the_key_tells_nobody(wire, name):
    key = KEYS[models_at(wire.url)[name].key_name or "GOOGLE_OAUTH_ACCESS_TOKEN"]
    wire.answer = lambda _: Said({"verdict": "APPROVE", "reason": f"I was asked with {key}"}, served_by=f"m-{key}")
    reply = ask_one(models_at(wire.url), request(name))
    assert PLANTED not in repr(reply) and json.loads(reply.text)["verdict"] == "APPROVE"


def test_the_errors_of_an_api_are_in_its_own_format():
    assert error_body("messages", 429, "m") == {"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}
    assert error_body("generate", 429, "m") == {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}
    assert error_body("chat", 429, "m")["error"]["message"] == "m"
