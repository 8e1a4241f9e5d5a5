"""`pse decisions list`, `why` and `export`: what was decided in a run, how one decision came about, and all of them as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.agents.asking import REFUSED
from pse.clock import iso
from pse.commands.wiring import Answer, Context, json_text, say
from pse.domain.errors import RequestError
from pse.kernels.codes import VERDICTS
from pse.reports.dialogue import line_of, words_of
from pse.reports.refused import records
from pse.store.decision_log import as_line, log_path, read_log
from pse.store.files import write_atomic
from pse.store.runs import DECISIONS_SHA256, LATEST, Run, check_journal, load_run

if TYPE_CHECKING:
    from rich.console import Console

MOST_SHOWN = 200                                 # rows of a list on a screen; --json has them all
TONES = {"APPROVE": "green", "MODIFY": "green", "REJECT": "red", "HOLD": "yellow"}
WORDS = tuple(word for word in VERDICTS if word)
FORMATS = ("jsonl", "csv", "sft")
OF_A_PASS = ("role", "model", "prompt", "verdict", "reason", "flags", "edits", "codes", "cost_usd", "setup_id")
KINDS = ("DELIBERATION", "DECISION", "FILL", "EXIT")


@dataclass(frozen=True)
class Decided:
    """A decision on one setup, with what was said before it and what became of it."""

    id: str
    ts: str
    symbol: str
    tactic: str
    direction: str
    decision: str
    verdict: str
    reason: str
    quantity: float
    by: str
    passes: tuple[dict[str, Any], ...]
    cost_usd: float | None
    filled: float | None = None
    r: float | None = None


def run_list(context: Context, run_id: str | None = None, symbol: str | None = None, verdict: str | None = None) -> Answer:
    """The decisions of a run, the latest without a name."""
    wanted = _word(verdict)
    run = load_run(context.home, run_id or LATEST)
    check_journal(run)
    every = list(decisions_of(run))
    if symbol is not None and symbol not in run.manifest.symbols:
        raise RequestError(f"--symbol {symbol}: run {run.run_id} traded {', '.join(run.manifest.symbols)}; take one of those")
    found = [one for one in every if (symbol is None or one.symbol == symbol) and (wanted is None or one.decision == wanted)]
    data = {"run_id": run.run_id, "decide": run.manifest.decide, "decisions": [asdict(one) for one in found], "of": len(every)}
    return Answer(data, lambda console: _show_list(console, run, found, len(every)))


def _word(verdict: str | None) -> str | None:
    if verdict is not None and verdict.upper() not in WORDS:
        raise RequestError(f"--verdict {verdict} is not one of {', '.join(WORDS).lower()}")
    return verdict.upper() if verdict is not None else None


def decisions_of(run: Run) -> Iterator[Decided]:
    """Every decision of a run in the order of its journal."""
    lines = list(records(run.journal_path, KINDS))
    fills, ends = _became(lines)
    said: dict[str, Any] = {}
    for kind, record, body in lines:
        if kind == "DELIBERATION":
            said = body
        elif kind == "DECISION":
            passes = tuple(_of_setup(one, body["setup_id"]) for one in said.get("passes") or ())
            costs = [one.get("cost_usd") for one in passes]
            plan = body["plan_id"]
            yield Decided(body["setup_id"], iso(int(record["ts"])), body["symbol"], body["tactic"], body["direction"], body["decision"], body["verdict"],
                          body["reason"], body["quantity"], str(said.get("chain") or said.get("by") or ""), passes,
                          None if None in costs else sum(cost for cost in costs if cost is not None), fills.get(plan), ends.get(plan))


def _became(lines: Iterable[tuple[str, Any, Mapping[str, Any]]]) -> tuple[dict[str, float], dict[str, float]]:
    """By plan the price of its first fill, and the R of its end."""
    fills: dict[str, float] = {}
    ends: dict[str, float] = {}
    for kind, _, body in lines:
        if kind == "FILL" and body["leg"] == "ENTRY":
            fills.setdefault(body["plan_id"], body["price"])
        elif kind == "EXIT":
            ends[body["plan_id"]] = body["r"]
    return fills, ends


def _of_setup(passed: Mapping[str, Any], setup_id: str) -> dict[str, Any]:
    """What a pass said of one setup, where it spoke of several; of one that it did not speak of it has no verdict."""
    own = next((one for one in passed.get("each") or () if one.get("setup_id") == setup_id), None)
    found = {name: passed[name] for name in OF_A_PASS if name in passed}
    if own is None:
        return found if passed.get("setup_id") in (setup_id, None) else found | {"verdict": None, "reason": "", "edits": {}}
    return found | {name: own[name] for name in ("verdict", "reason", "edits", "setup_id") if name in own}


def _show_list(console: Console, run: Run, found: list[Decided], of: int) -> None:
    from rich.text import Text

    if not found:
        none = "no setup came to a decision" if not of else f"none of its {of:,} decisions is of that kind"
        console.print(Text(f"run {run.run_id}, decided by {run.manifest.decide}: {none}."))
        return
    for one in found[-MOST_SHOWN:]:
        said = ", ".join(f"{each['role']} {each['verdict'].lower() if each['verdict'] else 'spoke of another'}" for each in one.passes
                         if each.get("role") != "rules")
        became = "" if one.filled is None else f"  {one.r:+.2f} R" if one.r is not None else "  open"
        why = "" if one.reason in ("OK", one.decision) else f" {one.reason}"
        console.print(Text(f"{one.id[:8]}  {one.ts[:16].replace('T', ' ')}  {one.symbol}  {one.direction:<5}  {one.tactic}  ").append(
            f"{one.decision}{why}", style=TONES.get(one.decision, "default")).append(became).append(f"  ({said})" if said else "", style="dim"), soft_wrap=True)
    left = f"the last {MOST_SHOWN:,} of {len(found):,}" if len(found) > MOST_SHOWN else f"{len(found):,} of {of:,}"
    console.print(Text(f"{left} decisions of run {run.run_id}, decided by {run.manifest.decide}; how one came about: pse decisions why DECISION", style="dim"))


# --- why -----------------------------------------------------------------------------------------------------------------------------------------

def run_why(context: Context, asked: str, run_id: str | None = None) -> Answer:
    """The whole dialogue of one decision: what was shown, what each pass said, the gates, the order, the fill and the end."""
    run = load_run(context.home, run_id or LATEST)
    check_journal(run)
    one = chosen(run, asked)
    story = [{"record": kind, "ts": iso(int(record["ts"])), **body} for kind, record, body in _story(run, one)]
    passes = [entry for entry in _logged(run, log_path(context.home, run.run_id))
              if (entry["ts"], entry["symbol"]) == (one.ts, one.symbol)] if run.manifest.decide != "rules" else []
    data = {"run_id": run.run_id, "decide": run.manifest.decide, "decision": asdict(one), "passes": passes, "story": story}
    return Answer(data, lambda console: _show_why(console, run, one, passes, story))


def _logged(run: Run, path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the decision log of a judged run, if it is what the run wrote; nothing where there is none."""
    return read_log(path, str(run.manifest.extra.get(DECISIONS_SHA256)))


def chosen(run: Run, asked: str) -> Decided:
    """The decision whose id begins so; refuses none and several."""
    found = [one for one in decisions_of(run) if asked and one.id.startswith(asked.lower())]
    if len({one.id for one in found}) > 1:
        raise RequestError(f"{asked!r} is how {len(found)} decisions begin: {', '.join(one.id[:12] for one in found[:8])}; give more of the id")
    if not found:
        raise RequestError(f"run {run.run_id} decided no setup whose id begins with {asked!r}; `pse decisions list --run {run.run_id}` lists those that there "
                           f"are, and `pse risk explain {run.run_id} {asked}` tells of setups that came to no decision")
    return found[-1]


def _story(run: Run, one: Decided) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Lines of the journal about a setup, from its finding to the end of its trade."""
    plans: set[str] = set()
    for kind, record, body in records(run.journal_path, ("SETUP", "GATES", "DECISION", "ORDER", "FILL", "EXIT", "PASSED_OVER")):
        if body.get("setup_id") == one.id or body.get("plan_id") in plans:
            if body.get("plan_id"):
                plans.add(body["plan_id"])
            yield kind, record, body


def _show_why(console: Console, run: Run, one: Decided, passes: list[dict[str, Any]], story: list[dict[str, Any]]) -> None:
    def line(text: str, style: str = "") -> None:
        say(console, text, style)

    line(f"{one.symbol} · {one.ts} · {one.direction} {one.tactic} · {one.id}", "bold")
    line(f"run {run.run_id}, decided by {run.manifest.decide}", "dim")
    if passes and passes[0].get("request"):
        line("\nWhat was shown", "bold")
        line(passes[0]["request"]["messages"][0]["text"])
    for entry in passes:
        line(f"\n{str(entry['agent']).capitalize()} ({entry['model']['name']}, {entry['prompt']}) says {entry['decision']}", "bold")
        for text in words_of(entry, one.id):
            line(f"  {text}")
    if not passes:
        line(f"\n{'rules say ' + one.verdict if run.manifest.decide == 'rules' else 'the decision log has nothing of it'}", "bold")
    line("\nWhat came of it", "bold")
    for each in story:
        line(f"  {each['ts'][:19].replace('T', ' ')}  {each['record']:<11} {line_of(each)}")


# --- export --------------------------------------------------------------------------------------------------------------------------------------

def run_export(context: Context, form: str = "jsonl", run_id: str | None = None, out: Path | None = None, symbol: str | None = None,
               verdict: str | None = None) -> Answer:
    """The passes of a judged run as a file: whole, as a table, or as pairs to train on."""
    wanted = _word(verdict)
    if form not in FORMATS:
        raise RequestError(f"--format {form} is not one of {', '.join(FORMATS)}: jsonl has every line whole, csv a row a pass, sft a question and its answer a "
                           f"line as fine-tuning takes them")
    run = load_run(context.home, run_id or LATEST)
    if run.manifest.decide == "rules":
        raise RequestError(f"run {run.run_id} was decided by rules, and there is no dialogue to export; make one with `pse backtest --agents record`, or name "
                           f"another with --run")
    path = log_path(context.home, run.run_id)
    if not path.is_file():
        raise RequestError(f"{path} is gone; `pse backtest --agents tape` with the settings of run {run.run_id} writes the same one again")
    entries = [one for one in _logged(run, path) if (symbol is None or one["symbol"] == symbol) and
               (wanted is None or (one["verdict"] or {}).get("decision") == wanted)]
    target = out or context.home.reports / f"decisions-{run.run_id}.{'sft.jsonl' if form == 'sft' else form}"
    if target.is_dir():
        raise RequestError(f"{target} is a folder; name a file, for example {target / 'decisions.jsonl'}")
    content, count = _exported(form, entries)
    write_atomic(target, content)
    data = {"run_id": run.run_id, "format": form, "rows": count, "left_out": len(entries) - count, "file": str(target)}
    return Answer(data, lambda console: console.print(f"{count:,} lines of {len(entries):,} passes: {target}", markup=False, soft_wrap=True))


def _exported(form: str, entries: list[dict[str, Any]]) -> tuple[bytes, int]:
    if form == "jsonl":
        return b"".join(as_line(entry) for entry in entries), len(entries)
    if form == "csv":
        return _table(entries), len(entries)
    pairs = [pair for entry in entries if (pair := training_pair(entry)) is not None]
    return "".join(json_text(pair) + "\n" for pair in pairs).encode(), len(pairs)


def training_pair(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The talk of a pass, with the data that it asked for and without what had to be repaired, as a chat; None where no answer kept its contract."""
    request, reply = entry.get("request"), entry.get("reply")
    if not request or not reply or not entry["answered"]:
        return None
    talk = request["messages"][:-2] if request["messages"][-1]["text"].startswith(REFUSED) else request["messages"]
    chat = [{"role": "system", "content": request["system"]}, *map(_turn, talk), {"role": "assistant", "content": _compact(reply["text"])}]
    meta = {"ts": entry["ts"], "symbol": entry["symbol"], "agent": entry["agent"], "prompt": entry["prompt"], "model": entry["model"]["id"],
            "decision": (entry["verdict"] or {}).get("decision"), "r": (entry["exit"] or {}).get("r")}
    return {"messages": chat, "meta": meta}


def _turn(message: Mapping[str, Any]) -> dict[str, str]:
    if message["author"] == "user":
        return {"role": "user", "content": message["text"]}
    return {"role": "assistant", "content": _compact(message["text"])}


def _compact(text: str) -> str:
    try:
        return json_text(json.loads(text))
    except ValueError:
        return text


def _table(entries: list[dict[str, Any]]) -> bytes:
    import polars as pl

    from pse.reports.sheets import written

    schema = {"time": pl.String, "symbol": pl.String, "agent": pl.String, "said": pl.String, "setup_id": pl.String, "tactic": pl.String, "side": pl.String,
              "rationale": pl.String, "flags": pl.String, "prompt": pl.String, "prompt_hash": pl.String, "model": pl.String, "input_tokens": pl.Int64,
              "output_tokens": pl.Int64, "cost_usd": pl.Float64, "calls": pl.Int64, "codes": pl.String, "decision": pl.String, "reason": pl.String,
              "filled_at": pl.Float64, "r": pl.Float64}
    rows = []
    for one in entries:
        position, verdict, fill, end = one["position"] or {}, one["verdict"] or {}, one["fill"] or {}, one["exit"] or {}
        rows.append((one["ts"], one["symbol"], one["agent"], one["decision"], position.get("setup_id"), position.get("tactic"), position.get("side"),
                     one["rationale"], " ".join(one["flags"]), one["prompt"], one["prompt_hash"], one["model"]["id"], one["tokens"]["input"],
                     one["tokens"]["output"], one["cost_usd"], one["calls"], " ".join(one["codes"]), verdict.get("decision"), verdict.get("reason"),
                     fill.get("price"), end.get("r")))
    return written(pl.DataFrame(rows, schema=schema, orient="row"))
