"""A real HTTP server on the loopback that speaks the APIs of language models, with answers by a function and faults on demand.

    with Wire() as wire:
        wire.answer = lambda asked: {"verdict": "APPROVE"}      # or a text, a Said, a Fault
        gateway = Gateway(models_at(wire.url), KEYS, ...)
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from pse.llm.policy import ModelPolicy
from tests.wire.bodies import Asked, Said, api_of, asked, error_body, told

APPROVED = {"verdict": "APPROVE", "reason": "nothing against it"}
PLANTED = "planted-secret-0123456789abcdef"
KEYS = {name: f"{PLANTED}-{name.lower().replace('_', '-')}" for name in (
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "GOOGLE_OAUTH_ACCESS_TOKEN")}
PROJECT = "research-1"


@dataclass(frozen=True)
class Fault:
    """Anything but an answer.

    `status`: an error of the API with `message` (or `body` as it stands) and `headers`.  `kind`:
    `hang` says nothing for `seconds`; `slow` answers after them; `drop` closes without a byte; `truncate` promises more bytes than it sends;
    `half_close` ends its half of the connection inside a chunked body; `garbage` answers 200 with bytes that are no JSON.
    """

    status: int = 200
    kind: Literal["status", "hang", "slow", "drop", "truncate", "half_close", "garbage"] = "status"
    message: str = "a fault on demand"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 30.0


Answer = Callable[[Asked], "Said | Fault | Mapping[str, Any] | str"]


class Wire:
    """The server.  `asked` holds every question, in the order in which they came; `answer` is called by several threads at once."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda _: APPROVED)
        self.asked: list[Asked] = []
        self.tokens = 0                                     # access tokens given out
        self.lock, self.released = threading.Lock(), threading.Event()
        wire = self

        class Handler(_Handler):
            owner = wire

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def script(self, answers: Iterable[Said | Fault | Mapping[str, Any] | str]) -> None:
        """These answers in turn; afterwards what was answered before."""
        left, after = queue.SimpleQueue[Any](), self.answer
        for one in answers:
            left.put(one)

        def answer(one: Asked) -> Said | Fault | Mapping[str, Any] | str:
            try:
                return left.get_nowait()
            except queue.Empty:
                return after(one)

        self.answer = answer

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True                          # or every answer waits 40 ms for the client's acknowledgement of its headers
    owner: Wire

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/token":                           # Google's OAuth: a signed assertion becomes an access token
            self.owner.tokens += 1
            return self._send(200, json.dumps({"access_token": f"ya29.{PLANTED}", "expires_in": 3600, "token_type": "Bearer"}).encode())
        api = api_of(self.path)
        if api is None:
            return self._send(404, json.dumps(error_body(None, 404, f"no route {self.path}")).encode())
        with self.owner.lock:
            one = asked(api, len(self.owner.asked), self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(raw))
            self.owner.asked.append(one)
        self._answer(one, self.owner.answer(one))

    def do_GET(self) -> None:
        self._send(404, json.dumps(error_body(None, 404, f"no route {self.path}")).encode())

    def _answer(self, one: Asked, said: Said | Fault | Mapping[str, Any] | str) -> None:
        if isinstance(said, Fault):
            return self._fail(one, said)
        if isinstance(said, str):
            said = Said(text=said)
        elif isinstance(said, Mapping):
            said = Said(value=said)
        self._send(200, json.dumps(told(one, said)).encode())

    def _fail(self, one: Asked, fault: Fault) -> None:
        good = json.dumps(told(one, Said(value=APPROVED))).encode()
        if fault.kind == "hang":
            self.owner.released.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind == "slow":
            self.owner.released.wait(fault.seconds)
            self._send(200, good)
        elif fault.kind == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.kind == "truncate":
            self._send(200, good[:len(good) // 2], promised=len(good))
            self.close_connection = True
        elif fault.kind == "half_close":
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{len(good):x}\r\n"
            self.wfile.write(head.encode() + good[:len(good) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.owner.released.wait(min(fault.seconds, 1.0))
            self.close_connection = True
        elif fault.kind == "garbage":
            self._send(200, fault.body if fault.body is not None else b"\x00\xff<html>{not json", fault.headers)
        else:
            body = fault.body if fault.body is not None else json.dumps(error_body(one.api, fault.status, fault.message)).encode()
            self._send(fault.status, body, fault.headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, promised: int | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(promised or len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):       # who asked has gone
            self.close_connection = True


# --- the same models everywhere

def models_at(url: str, **also: Any) -> dict[str, ModelPolicy]:
    """A model of every provider at this server, by the provider's name; `tuned` is an endpoint of Vertex.  `also`: fields of all of them."""
    shared = {"timeout_s": 5.0, "retries": 0, "usd_per_million_in": 1.0, "usd_per_million_out": 10.0, **also}
    rows: dict[str, dict[str, Any]] = {
        "openai": {"model": "gpt-4o-mini", "base_url": f"{url}/v1"},
        "openai-responses": {"model": "gpt-4o-mini", "base_url": f"{url}/v1"},
        "anthropic": {"model": "claude-sonnet-4-6", "base_url": url},
        "vertex": {"model": "gemini-2.5-flash", "base_url": url, "project": PROJECT},
        "tuned": {"provider": "vertex", "model": f"projects/{PROJECT}/locations/us-central1/endpoints/4711", "base_url": url, "project": PROJECT},
        "gemini": {"model": "gemini-2.5-flash", "base_url": url},
        "groq": {"model": "llama-3.3-70b-versatile", "base_url": url, "answer": "tool"},
        "openrouter": {"model": "openai/gpt-4o-mini", "base_url": f"{url}/v1"},
        "deepseek": {"model": "deepseek-chat", "base_url": f"{url}/v1", "answer": "tool"},
        "openai-compatible": {"model": "qwen3", "base_url": f"{url}/v1"},
    }
    return {name: ModelPolicy.model_validate({"provider": name, **row, **shared}) for name, row in rows.items()}


def models_yaml(url: str, **also: Any) -> str:
    """A models.yaml with these models, `default` among them the one of openai."""
    rows = {name: one.model_dump(mode="json", exclude_unset=True) for name, one in models_at(url, **also).items()}
    return "models:\n" + "".join(f"  {name}: {json.dumps(row)}\n" for name, row in {"default": rows["openai"], **rows}.items())
