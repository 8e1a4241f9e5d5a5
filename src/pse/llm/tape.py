"""What models answered, kept: a question that was asked before is answered from here, and a whole run can be asked again without any model.

A reply lies in a file named by the sha256 of its bytes, and is never changed; an index leads from the key of a request to the newest file.  A run keeps its
own list of what it was answered, in the order in which it asked, so that it replays even where the index has moved on.  Failures are kept too: a call that
failed in a run fails again when the run is replayed.  Who is asked on a miss, and what that costs, stands in `door`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args
from weakref import WeakValueDictionary

from pse.clock import SECOND_NS
from pse.disk import disk_full_said, write_atomic
from pse.domain.models import Failed, LanguageModel, Message, ModelFailure, Reply, Request, TapeMiss, Usage
from pse.domain.records import canonical, digest
from pse.llm.policy import ModelPolicy

Mode = Literal["tape", "record", "live"]
GRACE_S = 10.0                                   # after which a model that kept no deadline of its own is given up
FORM = 1                                         # of a kept file; another form is another number
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORDS = ("text", "served_by", "finish", "raw", "code")
MOST = 2**53                                     # of what is counted: 104 days in nanoseconds
_COUNTS, _AMOUNTS = ("latency_ns", "attempts", "lost"), ("cost_usd", "spent", "retry_after_s")


MASKED = ("; something in the question was masked as a secret: where a variable called .._KEY, _TOKEN, _SECRET or _PASSWORD has another value than in the "
          "recording, other words are masked, and the question is another")


class DamagedTape(TapeMiss):
    """A kept reply that is not what its name says, or is gone."""


def asked(request: Request, model: ModelPolicy) -> dict[str, Any]:
    """All that decides an answer, and nothing else: no address, key, price, deadline, number of tries, nor the name by which a model is called here."""
    return {
        "model": model.deciding(), "system": request.system,
        "messages": [[one.author, one.text] for one in request.messages], "schema": request.schema, "schema_name": request.schema_name,
        "prompt": [request.prompt.name, request.prompt.sha256], "draw": request.draw,
    }


def request_key(request: Request, model: ModelPolicy) -> str:
    """sha256, in hex, over the canonical JSON of what decides the answer."""
    return digest(asked(request, model))


@dataclass(frozen=True)
class Kept:
    """One outcome, read back: the file that holds it, all that the file says, and what it makes of it."""

    sha256: str
    body: Mapping[str, Any]
    outcome: Reply | ModelFailure

    @property
    def failed(self) -> bool:
        return isinstance(self.outcome, ModelFailure)

    def told(self) -> Reply:
        """The reply, or the failure raised."""
        if isinstance(self.outcome, ModelFailure):
            raise self.outcome
        return self.outcome


def _kept(sha256: str, content: bytes) -> Kept:
    """What a file holds.  Raises ValueError, KeyError or TypeError where that is no outcome."""
    body = json.loads(content)
    if body["form"] != FORM:
        raise ValueError(f"its form is {body['form']}, expected {FORM}")
    key = body["key"]
    told = dict(body["failure" if "failure" in body else "reply"])
    for name in (name for name in _WORDS if name in told):
        if not isinstance(told[name], str):
            raise TypeError(f"a {type(told[name]).__name__} where text is expected, as {name}")
    _refuse_wrong_numbers(told)
    usage = told.pop("usage")
    if "failure" in body:
        if told["code"] not in get_args(Failed):
            raise ValueError(f"{told['code']!r} is no code of a failure")
        return Kept(sha256, body, ModelFailure(told.pop("code"), told.pop("text"), key=key, usage=None if usage is None else _usage(usage), **told))
    return Kept(sha256, body, Reply(**{**told, "usage": _usage(usage), "key": key, "sha256": sha256}))


def _usage(told: Mapping[str, Any]) -> Usage:
    if not isinstance(told, dict):
        raise TypeError(f"a {type(told).__name__} where token counts are expected, as usage")
    _refuse_wrong_numbers(told, *told)
    return Usage(**told)


def _refuse_wrong_numbers(told: Mapping[str, Any], *counts: str) -> None:
    """What counts is a whole number from 0, what costs or waits a number from 0 or unknown."""
    for name in counts or _COUNTS:
        if (value := told.get(name, 0)).__class__ is not int or not 0 <= value < MOST:
            raise ValueError(f"{name} is {value!r}, expected a whole number from 0")
    for name in _AMOUNTS:
        if (value := told.get(name)) is not None and (value.__class__ not in (int, float) or not 0 <= value < math.inf):
            raise ValueError(f"{name} is {value!r}, expected a number from 0, or null")


class Shelf:
    """Where replies lie: `blobs/<2>/<sha256>.json` the files, `index/<2>/<key>.json` which of them answers a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> str | None:
        """The file that answers a request; None when there is none.  Raises `DamagedTape`."""
        path = self._index(key)
        try:
            found = json.loads(path.read_bytes())
            if found["key"] == key:
                return _name(found["blob"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            pass
        raise DamagedTape(f"{path} should name the kept reply to request {key[:12]}.. and does not; delete that one file, and `--agents record` asks again")

    def read(self, sha256: str, key: str | None = None) -> Kept:
        """A kept outcome, its bytes checked against its name.  Raises `DamagedTape`."""
        path = self._blob(sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DamagedTape(f"{path} is gone, and a tape says that it holds a reply{_to(key)}; restore it from a copy"
                              f"{_mend(self._index(key)) if key else ''}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedTape(f"{path} does not hold what was written there: its bytes have another sha256 than its name; restore it from a copy"
                              f"{_mend(path, self._index(key)) if key else ''}")
        try:
            kept = _kept(sha256, content)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedTape(f"{path} holds no outcome of a request ({error}); restore it from a copy{_mend(path, self._index(key)) if key else ''}") from None
        if key is not None and kept.body["key"] != key:
            raise DamagedTape(f"{path} answers request {str(kept.body['key'])[:12]}.., expected a reply{_to(key)}; delete {self._index(key)}, and "
                              f"`--agents record` asks again")
        return kept

    def keep(self, key: str, body: Mapping[str, Any]) -> Kept:
        """Puts an outcome on the shelf.  A reply stays the answer to its request for ever; a failure only until something newer comes."""
        content = canonical({"form": FORM, "key": key, **body}).encode()
        kept = _kept(hashlib.sha256(content).hexdigest(), content)
        path = self._blob(kept.sha256)
        if not path.exists() or path.stat().st_size != len(content):
            write_atomic(path, content, sync=False)
        before = self.find(key)
        if before is None or (before != kept.sha256 and self._may_be_replaced(before, key)):
            write_atomic(self._index(key), canonical({"blob": kept.sha256, "key": key}).encode(), sync=False)
        return kept

    def lost(self, sha256: str) -> bool:
        """Whether a power failure took a file before it was on the disk."""
        path = self._blob(sha256)
        return not path.exists() or path.stat().st_size == 0

    def _may_be_replaced(self, sha256: str, key: str) -> bool:
        return self.lost(sha256) or self.read(sha256, key).failed

    def _blob(self, sha256: str) -> Path:
        return self.folder / "blobs" / sha256[:2] / f"{sha256}.json"

    def _index(self, key: str) -> Path:
        return self.folder / "index" / key[:2] / f"{key}.json"


def _name(text: object) -> str:
    """The name of a kept file, without its ending; ValueError where it is none."""
    if not isinstance(text, str) or not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is no sha256")
    return text


def _to(key: str | None) -> str:
    return f" to request {key[:12]}.." if key else ""


def _mend(*paths: Path) -> str:
    return f", or delete {' and '.join(str(path) for path in paths)}, and `--agents record` asks again"


class RunList:
    """A run's own list of what it was answered: a line an answer, in the order of the questions, also where later ones were answered sooner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._given = self._next = 0
        self._waiting: dict[int, bytes] = {}

    def place(self) -> int:
        """The place in the list of a question that is being asked now."""
        self._given += 1
        return self._given - 1

    def put(self, place: int, key: str = "", kept: Kept | None = None) -> None:
        """What came of the question at a place; nothing where nothing did."""
        line = b"" if kept is None else (canonical({"blob": kept.sha256, "key": key, "outcome": "failure" if kept.failed else "reply"}) + "\n").encode()
        self._waiting[place] = line
        while self._next in self._waiting:
            self._write(self._waiting.pop(self._next))
            self._next += 1

    def close(self) -> None:
        """Writes what still waits for an earlier answer."""
        for place in sorted(self._waiting):
            self._write(self._waiting.pop(place))

    def _write(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with disk_full_said(self.path), open(self.path, "ab") as file:
            file.write(line)


def listed(path: Path) -> dict[str, deque[str]]:
    """Files that answered a run, by the key of the request, in the order of asking.  Raises `DamagedTape`; a run without a list was asked nothing."""
    found: dict[str, deque[str]] = defaultdict(deque)
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else [], 1):
        try:
            entry = json.loads(line)
            found[entry["key"]].append(_name(entry["blob"]))
        except (ValueError, KeyError, TypeError):
            raise DamagedTape(f"{path}:{number} is no line of a run's tape; expected {{\"blob\": .., \"key\": .., \"outcome\": ..}}; "
                              f"restore the file from a copy of the run") from None
    return found


def _told(failure: ModelFailure) -> dict[str, Any]:
    """A failure as it is kept."""
    return {"code": failure.code, "text": str(failure), "retry_after_s": failure.retry_after_s, "latency_ns": failure.latency_ns, "spent": failure.spent,
            "attempts": failure.attempts, "usage": None if failure.usage is None else asdict(failure.usage)}


class Tape:
    """A model that answers from what was kept.

    `tape`: from there alone.  `record`: from there first; what is not there, or there as a failure, is asked of `inner` and kept.  `live`: always asked, and
    kept.  `list_path`: where this run's own list is written.  `only`: the list of an earlier run, which alone is replayed.
    """

    def __init__(self, folder: Path, mode: Mode, models: Mapping[str, ModelPolicy], inner: LanguageModel | None = None, *,
                 redact: Callable[[str], str] = str, list_path: Path | None = None, only: Path | None = None) -> None:
        self.shelf, self.mode, self._models, self._inner = Shelf(folder), mode, models, inner
        self._redact = redact
        self._redact_often: Callable[[str], str] = lru_cache(maxsize=64)(redact)      # prompts are the same thousands of times
        self._list = None if list_path is None else RunList(list_path)
        self._only_path, self._only = only, None if only is None else listed(only)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def complete(self, request: Request) -> Reply:
        """The reply, from the tape or from the model behind it.  What is asked is what is kept: secrets are masked before either."""
        if request.model not in self._models:
            raise ModelFailure("BAD_REQUEST", f"no model named {request.model!r} in models.yaml; there are: {', '.join(sorted(self._models)) or 'none'}")
        policy, plain = self._models[request.model], request
        request = replace(request, system=self._redact_often(request.system), messages=tuple(Message(m.author, self._redact(m.text)) for m in request.messages))
        material = asked(request, policy)
        key = digest(material)
        place = self._list.place() if self._list else 0
        kept: Kept | None = None
        try:
            kept = self._replayed(key, request, masked=request != plain) if self.mode == "tape" else await self._recorded(key, request, material)
        finally:
            if self._list:
                self._list.put(place, key, kept)
        return kept.told()

    def close(self) -> None:
        """Ends the run's list."""
        if self._list:
            self._list.close()

    def _replayed(self, key: str, request: Request, masked: bool) -> Kept:
        if self._only is not None:
            left = self._only.get(key)
            sha256 = left.popleft() if left else None
        else:
            sha256 = self.shelf.find(key)
        if sha256 is None:
            raise self._miss(key, request, masked)
        return self.shelf.read(sha256, key)

    def _miss(self, key: str, request: Request, masked: bool) -> TapeMiss:
        where = self._only_path or self.shelf.folder
        again = f" (answer number {request.draw + 1} to the same question)" if request.draw else ""
        if self._only_path and not self._only_path.exists():
            return TapeMiss(f"{where} is gone, the list of what this run was answered; restore the file from a copy of the run")
        mend = ("the run asks something else than when it was made: compare its prompts, models and settings with its manifest" if self._only_path else
                "run it once with `--agents record`, which asks the model for what is missing; a changed prompt, model or setting asks anew")
        return TapeMiss(f"nothing on the tape {where} answers this question{again} of {request.prompt.name} to {request.model} (request {key[:12]}..); {mend}"
                        f"{MASKED if masked else ''}")

    async def _recorded(self, key: str, request: Request, material: dict[str, Any]) -> Kept:
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:                         # the same question twice at once is asked once
            before = self.shelf.find(key) if self.mode == "record" else None
            if before is not None and not self.shelf.lost(before):
                kept = self.shelf.read(before, key)
                if not kept.failed:
                    return kept
            return await self._ask(key, request, material)

    async def _ask(self, key: str, request: Request, material: dict[str, Any]) -> Kept:
        assert self._inner is not None
        patience_ns = round(request.deadline_s * SECOND_NS)
        late = ModelFailure("TIMEOUT", f"model {request.model} gave neither a reply nor a failure", latency_ns=patience_ns, spent=None)
        try:
            async with asyncio.timeout(request.deadline_s + GRACE_S):
                reply = await self._inner.complete(request)
        except (ModelFailure, TimeoutError) as error:
            return self._keep(key, material, "failure", _told(error if isinstance(error, ModelFailure) else late))
        except asyncio.CancelledError:           # whoever waited gave up: in a replay it gives up again
            self._keep(key, material, "failure", _told(late))
            raise
        answer = asdict(reply)
        del answer["key"], answer["sha256"]
        return self._keep(key, material, "reply", answer)

    def _keep(self, key: str, material: dict[str, Any], word: str, outcome: dict[str, Any]) -> Kept:
        told = {name: self._redact(value) if isinstance(value, str) else value for name, value in outcome.items()}
        return self.shelf.keep(key, {"asked": material, word: told})
