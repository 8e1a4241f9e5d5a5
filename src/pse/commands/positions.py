"""What a run's account held and earned, contract by contract, as a broker's statement has it: told anew from the journal each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pse.domain.errors import RequestError
from pse.research.books import Books, books
from pse.store.journal import read
from pse.store.runs import Run

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (("contract", "contract"), ("held", "quantity"), ("average", "average_price"), ("fills", "fills"), ("bought", "bought"), ("sold", "sold"),
           ("realised", "realised_usd"), ("average cost", "realised_average_usd"), ("FIFO", "realised_fifo_usd"), ("dividends", "dividends_usd"),
           ("charges", "charges_usd"), ("fees", "fees_usd"), ("net", "net_usd"))


def books_of(run: Run) -> Books:
    """The books after the last line of the run's journal.  Raises `RequestError` for a journal from before fills told their side and rate."""
    capital = float((run.manifest.settings.get("account") or {}).get("capital") or 0.0)
    if not run.journal_path.is_file():
        return Books(capital)
    try:
        return books(((one.kind, one.ts, one.body) for one in read(run.journal_path)), capital)
    except KeyError as error:
        raise RequestError(f"the fills in the journal of run {run.run_id} do not tell their {error.args[0]}; an earlier version of pse wrote it. Run it "
                           f"again with the same settings to have its positions") from error


def as_data(found: Books) -> dict[str, Any]:
    """Positions, lots and the balance as plain values; money of the account in keys that end in usd."""
    cash = found.cash()
    return {"positions": found.positions().to_dicts(), "lots": found.lots().to_dicts(),
            "cash": {"capital_usd": found.capital, "balance_usd": found.balance, "told_usd": cash["told_usd"][-1] if cash.height else found.capital,
                     **{name: float(cash[name].sum()) for name in ("realised_usd", "dividend_usd", "fee_usd", "charge_usd")}}}


def show_positions(console: Console, found: Books, currency: str) -> None:
    """One line a contract, and what the balance is made of."""
    from rich.table import Table
    from rich.text import Text

    rows, cash = found.positions().to_dicts(), as_data(found)["cash"]
    if rows:
        shown = [(title, name) for title, name in COLUMNS if name not in ("dividends_usd", "charges_usd") or any(row[name] for row in rows)]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title, _ in shown:
            table.add_column(title, justify="left" if title == "contract" else "right")
        for row in rows:
            table.add_row(*(_cell(row[name]) for _, name in shown))
        console.print(table)
    console.print(Text(f"balance {_cell(cash['balance_usd'])} {currency} = {_cell(cash['capital_usd'])} capital + {_cell(cash['realised_usd'])} realised + "
                       f"{_cell(cash['dividend_usd'])} dividends - {_cell(cash['fee_usd'])} fees - {_cell(cash['charge_usd'])} charges"), soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
