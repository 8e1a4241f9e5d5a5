"""Keeps the hash of every built-in prompt version that is not kept yet; run it after adding a version: `python tests/agents/keep_prompt_hashes.py`.

A hash that is kept is never changed here: a prompt with another text is another version, in a file of its own.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

KEPT = Path(__file__).with_name("prompt_hashes.json")
PROMPTS = Path(__file__).resolve().parents[2] / "prompts"


def found() -> dict[str, str]:
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(PROMPTS.glob("*.md"))}


if __name__ == "__main__":
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    KEPT.write_text(json.dumps({**found(), **kept}, indent=1, sort_keys=True) + "\n")
