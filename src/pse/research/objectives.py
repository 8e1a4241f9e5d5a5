"""What one configuration came to in figures, and the figure that a search wants most of.

Definitions are those of an ordinary run's metrics; what has no value is None.  Unlike there nothing is withheld for few trades: `may_choose` says whether a
search may rest on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pse.domain.errors import RequestError
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.research import returns as series
from pse.research import trade_stats

Figures = dict[str, float | int | None]
NAMES: Mapping[str, str] = {"sharpe": "sharpe", "sortino": "sortino", "calmar": "calmar", "expectancy_r": "expectancy_r", "profit_factor": "profit_factor",
                            "net": "net_usd"}


def figures(measured: Measured, sessions_per_year: float) -> Figures:
    """The headline figures of one span; None where undefined (no trade, no loss, a constant series, Calmar of less than a year)."""
    money, trades, year = measured.equity, measured.trades, sessions_per_year
    found: Figures = {"sessions": int(money.size), "trades": int(trades.size), **_of_trades(trades)}
    if money.size == 0 or not np.isfinite(money).all() or (money <= 0.0).any():        # nothing compounds out of a loss of everything
        return found | dict.fromkeys(("sharpe", "sortino", "calmar", "max_drawdown", "total_return"), None)
    returns = measured.returns
    return found | {
        "sharpe": series.sharpe(returns, year), "sortino": series.sortino(returns, year),
        "calmar": series.calmar(returns, year) if returns.size >= year else None,
        "max_drawdown": float(min(0.0, series.drawdown_path(money, measured.capital).min())), "total_return": float(money[-1] / measured.capital - 1.0)}


def _of_trades(trades: np.ndarray) -> Figures:
    """Sums over whole parts of money and R, so that they do not hang on the order."""
    net, r = trade_stats.parts(trades["net"], trade_stats.MONEY_PARTS), trade_stats.parts(trades["r"], trade_stats.R_PARTS)
    won, lost, known = int(net[net > 0].sum()), -int(net[net < 0].sum()), int(np.isfinite(trades["r"]).sum())
    return {"net_usd": int(net.sum()) / trade_stats.MONEY_PARTS, "win_rate": int((net > 0).sum()) / net.size if net.size else None,
            "expectancy_r": int(r.sum()) / trade_stats.R_PARTS / known if known else None, "profit_factor": won / lost if lost else None}


@dataclass(frozen=True)
class Objective:
    """The figure that a search wants most of; a call gives it, None where it is undefined.

    `own` computes it where it is the user's, told the figures and the arrays `returns` and `r`; `sha256` is then the hash of its source.
    """

    name: str
    own: Callable[[Mapping[str, object]], object] | None = None
    sha256: str | None = None

    def __call__(self, measured: Measured, sessions_per_year: float) -> float | None:
        found = figures(measured, sessions_per_year)
        if self.own is None:
            value = found[NAMES[self.name]]
            return None if value is None or (self.name == "net" and not measured.trades.size) else float(value)
        return self._checked(self.own(MappingProxyType({**found, "returns": _sealed(measured.returns), "r": _sealed(measured.trades["r"])})))

    def _checked(self, given: object) -> float | None:
        """What the user's function gave."""
        if given is None:
            return None
        if isinstance(given, bool | np.bool_) or not isinstance(given, int | float | np.integer | np.floating):
            raise RequestError(f"the objective {self.name} gave {given!r}, expected a number, or None where it is undefined; mend the function")
        if not math.isfinite(given):
            raise RequestError(f"the objective {self.name} gave {float(given)}, expected a finite number; give None where it is undefined")
        return float(given)


def _sealed(values: np.ndarray) -> np.ndarray:
    """A copy that nobody can write."""
    found = np.array(values)
    found.flags.writeable = False
    return found


def may_choose(measured: Measured, min_trades: int) -> bool:
    """Whether so many trades were made that a search may choose the configuration."""
    return measured.trades.size >= min_trades


def joined(parts: Sequence[Measured]) -> Measured:
    """Spans one after the other as one: the returns of each compounded on what the ones before left, the net of its trades in that proportion.

    R and all moments stay as they are.  The parts follow each other in time; there may be sessions between them.  Behind a part that lost everything nothing
    trades, and the money stays at what it left.
    """
    assert parts, "nothing to join"
    capital, grown = parts[0].capital, 1.0
    left, equity, trades = capital, [], []
    for before, part in zip((None, *parts), parts, strict=False):
        if before is not None and before.dates.size and part.dates.size and part.dates[0] <= before.dates[-1]:
            raise RequestError(f"spans to join overlap: {int(part.dates[0])} follows {int(before.dates[-1])}; give them in order of time")
        if grown == 0.0:
            equity.append(np.full(part.equity.size, left))
            continue
        factor = capital * grown / part.capital
        equity.append(part.equity * factor)
        left = float(equity[-1][-1]) if part.equity.size else left
        scaled = part.trades.copy()
        scaled["net"] *= factor
        trades.append(scaled)
        grown *= part.growth
    return Measured(Span(parts[0].span.start_ns, parts[-1].span.end_ns), capital, np.concatenate([one.dates for one in parts]), np.concatenate(equity),
                    np.concatenate(trades) if trades else np.empty(0, TRIAL_TRADE))
