"""Files of samples: one JSON object a line, or one JSON list of them; and those that come with `pse`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pse.domain.errors import BadInput
from pse.store.builtin import builtin_folder

LARGEST = 64 << 20
BUILTIN = "samples/answers.jsonl"


def builtin_samples() -> Path:
    """The samples of answers that come with `pse`."""
    return builtin_folder("configs") / BUILTIN


def read_samples(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every object of a file with the line on which it stands (of a list: its place in it).  Raises `BadInput` naming file and line."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} has more than {LARGEST:,} bytes; split it")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give --sample a file of JSON objects, one a line") from error
    found = _list(path, text) if text.lstrip().startswith("[") else _lines(path, text)
    if not found:
        raise BadInput(f"{path} holds no sample; expected one JSON object a line, such as {{\"kind\": \"risk\", \"reply\": \"...\"}}")
    return found


def _list(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: {_where(error)}is no JSON list ({error}); expected a list of objects, or one object a line") from error
    return [(at, _object(path, f"entry {at}", one)) for at, one in enumerate(items, 1)]


def _lines(path: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path}, line {number} is not JSON ({error}); expected one object a line, or the whole file as one list") from error
        found.append((number, _object(path, f"line {number}", one)))
    return found


def _object(path: Path, place: str, found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise BadInput(f"{path}, {place}: found {json.dumps(found)[:60]}; expected an object with `kind` and a `reply`, a `briefing`, or both")


def _where(error: Exception) -> str:
    return f"line {error.lineno} " if isinstance(error, json.JSONDecodeError) else ""
