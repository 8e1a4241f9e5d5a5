"""HTTP clients that keep what came: the whole body of every answer, unpacked and bounded, beside what the provider's package makes of it.

httpx and its fork httpx2 have the same shape; providers' packages use one or the other.  No redirects are followed: a key goes to the address it is meant for.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

MOST_BYTES = 4 * 1024 * 1024                    # of an answer, unpacked
_PACKED = {b"content-encoding", b"content-length", b"transfer-encoding"}


@dataclass
class Heard:
    """What passed on the wire while one call was made."""

    calls: int = 0
    status: int = 0                             # 0: no answer began
    body: str = ""
    broke: str = ""                             # how the connection failed, in its own words, which the packages drop


_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[Heard]:
    """What this task's calls send and hear, until the block ends."""
    heard = Heard()
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(url)
    name = f"{parts.scheme}_proxy"
    proxy = environment.get(name.upper()) or environment.get(name) or None
    spared = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    loopback = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    return None if loopback or proxy_bypass_environment(parts.hostname or "", {"no": spared}) else proxy


def client_of(package: Any, proxy: str | None = None) -> Any:
    """An asynchronous client of httpx or httpx2 that tries once, follows nothing and tells `Heard` what came."""

    class Keeping(package.AsyncBaseTransport):  # type: ignore[misc]  # a class of whichever package was handed in
        def __init__(self) -> None:
            self.inner = package.AsyncHTTPTransport(verify=trusted(), proxy=proxy, retries=0)

        async def handle_async_request(self, request: Any) -> Any:
            heard = _heard.get() or Heard()
            heard.calls, heard.status, heard.body, heard.broke = heard.calls + 1, 0, "", ""
            try:
                came = await self.inner.handle_async_request(request)
                heard.status = came.status_code
                try:
                    body = await _whole(package, came)
                finally:
                    await came.aclose()
            except package.HTTPError as error:
                heard.broke = f"{type(error).__name__} {error}".strip()
                raise
            heard.body = body.decode("utf-8", "replace")
            headers = [(name, value) for name, value in came.headers.raw if name.lower() not in _PACKED]
            return package.Response(came.status_code, headers=headers, content=body, extensions=came.extensions)

        async def aclose(self) -> None:
            await self.inner.aclose()

    return package.AsyncClient(transport=Keeping(), trust_env=False, follow_redirects=False)


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted; read once, for reading them takes longer than a call."""
    import httpx2

    return httpx2.create_ssl_context()


async def _whole(package: Any, came: Any) -> bytes:
    """The unpacked body of an answer.  Stops where it grows beyond what an answer can be."""
    pieces, size = [], 0
    async for piece in came.aiter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            raise package.ReadError(f"an answer of more than {MOST_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)
