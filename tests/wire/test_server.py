"""The server of the tests itself: it answers, records and fails as told, asked with the standard library."""

from __future__ import annotations

import contextlib
import http.client
import json

import pytest

from pse.store.yaml_files import parse_yaml
from tests.wire.bodies import Said
from tests.wire.server import APPROVED, Fault, Wire, models_at, models_yaml

CHAT = {"model": "m", "messages": [{"role": "system", "content": "be terse"}, {"role": "user", "content": "now?"}]}


def post(wire: Wire, path: str, body: object) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection(wire.url.removeprefix("http://"), timeout=2)) as line:
        line.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = line.getresponse()
        return answer.status, answer.read()


def test_a_question_is_recorded_in_the_words_that_all_apis_share(wire):
    status, body = post(wire, "/v1/chat/completions", CHAT)
    assert status == 200 and json.loads(json.loads(body)["choices"][0]["message"]["content"]) == APPROVED
    assert (wire.asked[0].system, wire.asked[0].question, wire.asked[0].schema, wire.asked[0].model) == ("be terse", "now?", None, "m")


def test_answers_come_in_the_order_of_the_script_and_then_as_before(wire):
    wire.script([Fault(status=429, headers={"retry-after": "7"}), Said(text="plain")])
    assert [post(wire, "/v1/chat/completions", CHAT)[0] for _ in range(3)] == [429, 200, 200]


@pytest.mark.parametrize("kind", ["drop", "truncate", "half_close"])
def test_a_broken_answer_is_broken_for_any_client(wire, kind):
    wire.answer = lambda _: Fault(kind=kind, seconds=0.01)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        post(wire, "/v1/chat/completions", CHAT)


def test_a_path_that_no_provider_has_is_refused(wire):
    assert post(wire, "/elsewhere", {})[0] == 404 and wire.asked == []


def test_its_models_are_words_of_models_yaml(wire):
    read = parse_yaml(models_yaml(wire.url, retries=1), "models.yaml").tree["models"]
    assert set(read) == {"default", *models_at(wire.url)} and read["default"]["base_url"] == f"{wire.url}/v1" and read["groq"]["retries"] == 1
