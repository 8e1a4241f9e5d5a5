"""`pse validate-llm`: replies held against the contracts, and a model asked about sample briefings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.agents.samples import PASSED, Checked, Sample, checked, sample_of
from pse.commands.wiring import Answer, Context, say
from pse.store.samples import builtin_samples, read_samples

if TYPE_CHECKING:
    from rich.console import Console


def run(context: Context, sample: Path | None = None, model: str | None = None, agents: str = "record") -> Answer:
    """Every reply of the samples against its contract; with a model its answers to their briefings too.  Exit 1 where one is not as expected."""
    path = sample or builtin_samples()
    shown = path.name if sample is None else str(path)
    samples = [sample_of(found, _as_text, f"{shown}, line {number}") for number, found in read_samples(path)]
    rows = [_row(one, checked(one)) for one in samples if one.reply is not None and (model is None or one.briefing is None)]
    data: dict[str, Any] = {"sample": str(path), "builtin": sample is None, "replies": rows, "model": model}
    if model is not None:
        from pse.commands.asked_models import validated

        data |= validated(context, model, [one for one in samples if one.briefing is not None], agents)
    wrong = [one for one in [*rows, *data.get("asked", ())] if not one["as_expected"]]
    data |= {"checked": len(rows) + len(data.get("asked", ())), "not_as_expected": len(wrong)}
    return Answer(data, lambda console: _show(console, data), 1 if wrong else 0)


def _as_text(reply: Any) -> str:
    return json.dumps(reply, ensure_ascii=False)


def _row(sample: Sample, found: Checked) -> dict[str, Any]:
    expected = sample.expect or PASSED
    return {"name": sample.name, "kind": sample.kind, "code": found.code, "error": found.text or None, "expected": expected,
            "as_expected": found.code == expected}


def _show(console: Console, data: Mapping[str, Any]) -> None:
    from pse.reports.words import counted

    for title, rows in (("replies against their contracts", data["replies"]), (f"{data['model']}, asked about the briefings", data.get("asked", ()))):
        if rows:
            say(console, title, "bold")
            _show_rows(console, rows)
    wrong = data["not_as_expected"]
    say(console, f"{counted(data['checked'], 'reply', 'replies')} checked, " + (f"{wrong} not as expected" if wrong else "all as expected"),
        "red" if wrong else "green")


def _show_rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    for one in rows:
        mark = "as expected" if one["as_expected"] else f"expected {one['expected']}"
        said = f" · {one['said']}" if one.get("said") else ""
        say(console, f"  {one['code']:<14}{one['kind']:<14}{one['name']}  ({mark}){said}", "" if one["as_expected"] else "red")
        if one["error"]:
            say(console, f"      {one['error']}", "dim")
