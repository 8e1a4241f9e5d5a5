"""`pse ingest-news`: headlines into the store, each once, with when it was published and when it could be known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.clock import iso
from pse.commands.wiring import Answer, Context
from pse.domain.errors import BadInput
from pse.domain.headlines import SUMMARY_LETTERS, TITLE_LETTERS, cut, headline_id, plain, red_flags
from pse.domain.ports import HeadlineProvider
from pse.registry import resolve
from pse.store.layout import symbol_name
from pse.store.news import StoredHeadline, append_news
from pse.store.quarantine import write_rejected

if TYPE_CHECKING:
    from rich.console import Console


def run(context: Context, *, provider: str, path: Path | None, url: str | None, symbols: Sequence[str] = (), columns: str | None = None,
        tz: str | None = None) -> Answer:
    """Read, clean and store headlines; the same ones again change nothing.  Without symbols they are about everything."""
    source: HeadlineProvider = resolve("headlines", provider)()
    about = " ".join(sorted({context.settings.instrument(symbol_name(one)).symbol for one in symbols}))
    read = source.fetch(path, url, context.clock, None if columns is None else columns.split(","), tz)
    found = []
    for item in read.items:
        whole_title, whole_summary = plain(item.title), plain(item.summary)
        title, name = cut(whole_title, TITLE_LETTERS), cut(plain(item.source), 100)
        found.append(StoredHeadline(headline_id(item.published_ns, name, title, about), item.published_ns, item.known_ns, name, title,
                                    cut(whole_summary, SUMMARY_LETTERS), cut(plain(item.url), 500), about,
                                    " ".join(red_flags(f"{whole_title} {whole_summary}"))))
    kept = write_rejected(context.home, "news", read.rejected)
    if not found:
        raise BadInput(f"none of the {len(read.rejected)} rows is a headline; nothing was stored; look at the file and at --columns")
    new, version = append_news(context.home, found)
    data = {"rows": len(found), "new_rows": new, "quarantined": len(read.rejected), "status": _status(new, version), "version": version,
            "symbols": about.split(), "flagged": sum(bool(one.flags) for one in found),
            "first": iso(min(one.known_at for one in found)), "last": iso(max(one.known_at for one in found)),
            "quarantine": None if kept is None else str(kept), "notes": list(read.notes)}
    return Answer(data, lambda console: _show(console, data))


def _status(new: int, version: int) -> str:
    return "unchanged" if not new else "created" if version == 0 else "updated"


def _show(console: Console, data: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    rows = [("headlines", f"{data['rows']:,} read, {data['new_rows']:,} new ({data['status']})"), ("known", f"{data['first']} to {data['last']}"),
            ("about", " ".join(data["symbols"]) or "everything"), ("red flags", f"in {data['flagged']:,} of them")]
    if data["quarantined"]:
        rows.append(("refused", f"{data['quarantined']:,} rows, kept in {data['quarantine']}"))
    for name, text in (*rows, *(("note", one) for one in data["notes"])):
        table.add_row(name, text)
    console.print(table)
