"""A page in headless Chromium, waited for by what it says of itself, not by a clock.

The browser is spoken to over two pipes in its own protocol (JSON, each message ended by a zero byte), so that a slow machine only takes longer: a virtual clock
would run out before the frames that the page waits for were painted.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.conftest import BROWSERS

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--enable-logging=stderr", "--remote-debugging-pipe")
STATE = 'document.documentElement?.dataset.ready === "yes" || document.getElementById("broken")?.hidden === false'
WIDE = "(root => root.dataset.wide = `${root.scrollWidth} of ${root.clientWidth}`)(document.documentElement)"
MARKUP = "document.documentElement.outerHTML"
PATIENCE_S = 80.0


class Talk:
    """One conversation with a browser: `ask` a question, wait for its answer."""

    def __init__(self, write: int, read: int, give_up: float) -> None:
        self.write, self.read, self.give_up = write, read, give_up
        self.asked, self.heard, self.session = 0, b"", {}

    def ask(self, method: str, **words: Any) -> dict[str, Any]:
        self.asked += 1
        question = {"id": self.asked, "method": method, "params": words, **self.session}
        os.write(self.write, json.dumps(question).encode() + b"\0")
        while True:
            said = self.next()
            if said.get("id") == self.asked:
                assert "error" not in said, said
                return said["result"]

    def next(self) -> dict[str, Any]:
        while b"\0" not in self.heard:
            ready, _, _ = select.select([self.read], [], [], max(0.0, self.give_up - time.monotonic()))
            piece = os.read(self.read, 1 << 20) if ready else b""
            assert piece, "the browser said nothing more"
            self.heard += piece
        message, _, self.heard = self.heard.partition(b"\0")
        return json.loads(message)

    def value(self, expression: str) -> Any:
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")


def dumped(path: Path, folder: Path, fragment: str = "", width: int | None = None) -> tuple[str, list[str]]:
    """The page's markup once it says that it is ready, or broken, and what the browser complained of.

    With a width in px the page is shown so wide, and `data-wide` of its root says how wide it is and how much of that is seen.
    """
    browser = next(found for found in map(shutil.which, BROWSERS) if found)
    (questions, ask), (hear, answers) = os.pipe(), os.pipe()
    taken = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (questions, answers)]            # out of the way of 3 and 4, where the browser reads and writes
    placed = f"import os, sys; os.dup2({taken[0]}, 3); os.dup2({taken[1]}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    folder.mkdir()
    log = folder / "stderr.txt"
    with log.open("wb") as stderr:
        running = subprocess.Popen([sys.executable, "-c", placed, browser, *QUIET, f"--user-data-dir={folder}", "about:blank"],
                                   pass_fds=taken, stdout=subprocess.DEVNULL, stderr=stderr)
    for end in (questions, answers, *taken):
        os.close(end)
    talk = Talk(ask, hear, time.monotonic() + PATIENCE_S)
    try:
        page = next(one for one in talk.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        talk.session = {"sessionId": talk.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]}
        if width is not None:
            talk.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        talk.ask("Page.navigate", url=f"file://{path}{fragment}")
        while not talk.value(STATE) and time.monotonic() < talk.give_up - 10:
            time.sleep(0.02)
        if width is not None:
            talk.value(WIDE)
        markup = talk.value(MARKUP)
        talk.session = {}
        talk.ask("Browser.close")
        running.wait(20)
    finally:
        running.kill()
        running.wait()
        for end in (ask, hear):
            os.close(end)
    return markup, [line for line in log.read_text("utf-8", "replace").splitlines() if "CONSOLE" in line]
