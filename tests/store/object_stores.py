"""An S3 server on loopback for tests: moto, in a process of its own, since Delta Lake waits for its answers without letting another thread run."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class S3:
    """The server's address and what the environment of a process names to use it."""

    url: str
    environment: dict[str, str]


@contextlib.contextmanager
def s3_server(bucket: str) -> Iterator[S3]:
    """A server with one empty bucket; it ends with the block."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        urllib.request.urlopen(urllib.request.Request(f"{url}/{bucket}", method="PUT")).close()
        yield S3(url, {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
                       "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anybody", "AWS_REGION": "us-east-1"})
    finally:
        server.kill()
        server.communicate()
