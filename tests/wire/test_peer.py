"""The gateway against a server that nobody here wrote: `llmock` of the npm package @copilotkit/aimock, where it is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time

import pytest

from pse.domain.models import ModelFailure
from tests.llm.asked import ask, request
from tests.wire.server import APPROVED, models_at

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("llmock") is None, reason="llmock (npm install @copilotkit/aimock) is not installed")]
NAMES = ["openai", "openai-responses", "anthropic", "gemini", "openai-compatible"]


@pytest.fixture
def peer(tmp_path):
    """Its address; it answers by what the user said."""
    call = [{"name": "risk_answer", "arguments": APPROVED}]
    rows = [{"match": {"userMessage": "in words"}, "response": {"content": json.dumps(APPROVED)}},
            {"match": {"userMessage": "by a tool"}, "response": {"toolCalls": call}},
            {"match": {"userMessage": "too often"}, "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}}]
    (tmp_path / "rows.json").write_text(json.dumps({"fixtures": rows}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(["llmock", "-p", str(port), "-f", str(tmp_path / "rows.json"), "--log-level", "silent", "--strict"])
    try:
        for _ in range(400):
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.025)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_of_others_is_asked_and_understood_alike(peer, name):
    def asked(way, text):
        return ask(models_at(peer, answer=way), request(name, text=text))[0]

    for way, text in (("native", "in words"), ("prompted", "in words"), ("tool", "by a tool")):
        reply = asked(way, text)
        assert not isinstance(reply, Exception), reply
        assert json.loads(reply.text) == APPROVED and reply.served_by == models_at(peer)[name].model
    refused = asked("native", "too often")
    assert isinstance(refused, ModelFailure) and refused.code == "RATE_LIMIT"
