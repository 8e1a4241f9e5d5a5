"""The metrics of a run: every headline figure with its interval, and null with a reason where there is nothing to say.

Return figures rest on one return a session, flat sessions included; trade figures on closed trades, net of costs, R by
the risk at the first stop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from pse.research import bootstrap, deflated, market, trade_stats
from pse.research import returns as series

Metrics = dict[str, Any]
WEEKDAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MIN_SESSIONS, MIN_TRADES = 20, trade_stats.MIN_TRADES
MOST_MISSING = 0.05  # share of the calendar's sessions that may lack bars before buy-and-hold says nothing
FROM_MIN_TRADES = "sharpe sharpe_lo sortino psr min_track_record_sessions profit_factor".split()
RETURN_FIGURES = tuple(
    "total_return cagr volatility sharpe sharpe_lo sortino calmar max_drawdown max_drawdown_usd under_water_sessions "
    "recovery_factor psr min_track_record_sessions skew kurtosis best_session worst_session".split()
)
TRADE_FIGURES = tuple(
    "net_usd gross_usd fees_usd slippage_usd before_costs_usd fees_a_trade_usd slippage_a_trade_usd total_r "
    "win_rate profit_factor expectancy_r expectancy_usd median_r std_r "
    "best_r worst_r average_win_r average_loss_r payoff mae_r mfe_r mae_r_winners mfe_r_losers bars_held losing_run "
    "trades_per_year turnover cost_share_gross top5_share net_without_top5_usd best_day_usd net_without_best_day_usd ambiguous_share".split()
)


@dataclass(frozen=True)
class MetricsSpec:
    """How a run is measured.

    `returns_base`: a session's profit over the equity at its start, or over the allocated capital.  `sessions_per_year`
    annualises; `hour_tz` is the zone of `by_hour`; `point_values` (money a point and unit, by contract: ES, MES) is
    read for turnover, and taken from the risk of each trade where a contract is missing.  `resamples` 0: no intervals.  `expected_sessions`: sessions
    of the calendar from the first bar to the last; None: not counted.  `expected_by_symbol`: of each symbol's own calendar in the same time; a symbol
    that is not there is not counted.
    """

    capital: float
    seed: int = 0
    sessions_per_year: float = 252.0
    returns_base: Literal["equity", "capital"] = "equity"
    hour_tz: str = "UTC"
    resamples: int = 2000
    level: float = 0.95
    point_values: dict[str, float] = field(default_factory=dict)
    expected_sessions: int | None = None
    expected_by_symbol: dict[str, int] = field(default_factory=dict)


class _Sheet:
    """Collects values; a None, NaN or infinity becomes null with its reason."""

    def __init__(self) -> None:
        self.values: Metrics = {}
        self.reasons: dict[str, str] = {}
        self.intervals: dict[str, list[float]] = {}

    def put(self, name: str, value: float | None, why: str = "no trades") -> None:
        if value is None or not math.isfinite(value):
            self.values[name], self.reasons[name] = None, why
        else:
            self.values[name] = value
            self.reasons.pop(name, None)

    def between(self, name: str, interval: tuple[float, float] | None) -> None:
        if interval is not None and self.values.get(name) is not None:
            self.intervals[name] = [float(interval[0]), float(interval[1])]


def compute_metrics(
    trades: pl.DataFrame,
    equity: pl.DataFrame,
    spec: MetricsSpec,
    refusals: dict[str, int] | None = None,
    closes: pl.DataFrame | None = None,
) -> Metrics:
    """Everything of metrics.json.  Same input and seed, same output.

    trades, equity: `TRADE_SCHEMA`, `EQUITY_SCHEMA`; session rows of `equity` in time order.  refusals: how many
    setups each gate refused.  closes: `daily_closes` of the traded symbols, for buy-and-hold and the count of market regimes.  No
    NaN or infinity comes out.
    """
    sheet = _Sheet()
    trades = trade_stats.complete(trades).sort("ts_exit", "ts_entry", "trade_id")
    book = trade_stats.ledger(trades)
    sessions = equity.filter(pl.col("kind") == "session").sort("ts")
    money = sessions["equity_usd"].to_numpy()
    returns = _session_returns(money, spec)
    _coverage(sheet, book, sessions, spec)
    _missing(sheet, sessions if closes is None else closes, spec)
    if trades.height:
        _return_figures(sheet, returns, money, spec)
        _trade_figures(sheet, trades, book, spec)
        _concentration(sheet, trades, book)
        block = _intervals(sheet, trades, sessions, returns, money, spec) if spec.resamples else None
        _withhold(sheet, trades.height)
    else:
        block = None
        for name in RETURN_FIGURES + TRADE_FIGURES:
            sheet.put(name, None)
    _market(sheet, closes, spec)
    return {
        **sheet.values,
        **_groups(trades, book, spec),
        "monthly": _monthly(trades, sessions, spec, 100),
        "yearly": _monthly(trades, sessions, spec, 10_000),
        "symbols": _symbols(sheet, trades, closes, spec),
        "refusals": dict(sorted((refusals or {}).items())),
        "intervals": sheet.intervals,
        "reasons": sheet.reasons,
        "method": _method(spec, block),
    }


def _session_returns(money: np.ndarray, spec: MetricsSpec) -> np.ndarray:
    before = np.concatenate(([spec.capital], money[:-1])) if money.size else money
    base = before if spec.returns_base == "equity" else np.full(money.size, spec.capital)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (money - before) / base


def _coverage(sheet: _Sheet, book: np.ndarray, sessions: pl.DataFrame, spec: MetricsSpec) -> None:
    sheet.put("trades", book.shape[0])
    sheet.put("wins", int(book[:, trade_stats.WON].sum()))
    sheet.put("losses", int(book[:, trade_stats.LOST].sum()))
    sheet.put("sessions", sessions.height)
    sheet.put("years", sessions.height / spec.sessions_per_year)
    sheet.put("capital_usd", spec.capital)
    sheet.put("mean_equity_usd", trade_stats.mean(sessions["equity_usd"].to_numpy()), "no finished session")
    present = int(sessions["session_minutes"].sum())
    sheet.put("exposure", int(sessions["in_market_minutes"].sum()) / present if present else None, "no session minutes")


def _missing(sheet: _Sheet, seen: pl.DataFrame, spec: MetricsSpec) -> None:
    """How many sessions of the calendar have no bars; `seen`: a table with the session_date of those that have."""
    expected, present = spec.expected_sessions, seen["session_date"].n_unique()
    why = "sessions of the calendar were not counted"
    sheet.put("expected_sessions", expected, why)
    sheet.put("missing_sessions", None if expected is None else max(0, expected - present), why)


def _withhold(sheet: _Sheet, trades: int) -> None:
    """Takes back the ratios that so few trades cannot carry, before anybody reads them."""
    if trades >= MIN_TRADES:
        return
    for name in FROM_MIN_TRADES:
        if sheet.values.get(name) is not None:
            sheet.put(name, None, f"{trades} trade{'' if trades == 1 else 's'}; shown from {MIN_TRADES} on")
            sheet.intervals.pop(name, None)


def _return_figures(sheet: _Sheet, returns: np.ndarray, money: np.ndarray, spec: MetricsSpec) -> None:
    broken = not np.isfinite(returns).all() or bool((money <= 0.0).any())
    if returns.size == 0 or broken:
        why = "equity fell to zero or below" if broken else "no finished session"
        for name in RETURN_FIGURES:
            sheet.put(name, None, why)
        return
    year, n = spec.sessions_per_year, returns.size
    short = f"window is {n} sessions, shorter than one year ({year:g})"
    flat = "one session" if n < 2 else "every session has the same return"
    deviation, shape = series.spread(returns), series.moments(returns)
    ratio = None if deviation is None else float(returns.mean()) / deviation
    worst_money = series.max_drawdown_money(money, spec.capital)
    compounded = money / np.concatenate(([spec.capital], money[:-1])) - 1.0
    sheet.put("total_return", float(money[-1] / spec.capital - 1.0))
    sheet.put("cagr", series.annual_growth(compounded, year) if n >= year else None, short)
    sheet.put("volatility", None if deviation is None else deviation * math.sqrt(year), flat)
    sheet.put("sharpe", series.sharpe(returns, year), flat)
    rho = series.autocorrelation(returns)
    sheet.put(
        "sharpe_lo",
        None if ratio is None or rho is None else ratio * math.sqrt(year) * series.lo_factor(rho, year),
        flat,
    )
    sheet.put("sortino", series.sortino(returns, year), "no losing session")
    sheet.put("max_drawdown", float(series.drawdown_path(money, spec.capital).min()))
    sheet.put("max_drawdown_usd", worst_money)
    sheet.put("under_water_sessions", series.longest_under_water(money, spec.capital))
    sheet.put("calmar", series.calmar(compounded, year) if n >= year else None, short if n < year else "no drawdown")
    sheet.put(
        "recovery_factor", float(money[-1] - spec.capital) / -worst_money if worst_money < 0.0 else None, "no drawdown"
    )
    sheet.put("skew", shape[0] if shape else None, flat)
    sheet.put("kurtosis", shape[1] if shape else None, flat)
    sheet.put("psr", deflated.probabilistic_sharpe(ratio, n, *shape) if ratio is not None and shape else None, flat)
    needed = deflated.min_track_record(ratio, *shape) if ratio is not None and shape else None
    sheet.put("min_track_record_sessions", needed, "the Sharpe ratio is not above 0" if ratio is not None else flat)
    sheet.put("best_session", float(returns.max()))
    sheet.put("worst_session", float(returns.min()))


def _trade_figures(sheet: _Sheet, trades: pl.DataFrame, book: np.ndarray, spec: MetricsSpec) -> None:
    whole = trade_stats.figures(book.sum(axis=0), 0)
    net, r = trades["net_usd"].to_numpy(), trades["r_net"].to_numpy()
    known, won, lost = trade_stats.finite(r), net > 0.0, net < 0.0
    no_risk, no_win, no_loss = "no trade has a first stop", "no winning trade", "no losing trade"
    reasons = {"profit_factor": no_loss, "expectancy_r": no_risk}
    for name in (*trade_stats.MONEY, "total_r", "win_rate", "profit_factor", "expectancy_r", "expectancy_usd"):
        sheet.put(name, whole[name], reasons.get(name, ""))
    fees, slippage, gross = (int(book[:, column].sum()) for column in (trade_stats.FEES, trade_stats.SLIPPAGE, trade_stats.GROSS))
    sheet.put("before_costs_usd", (gross + slippage) / trade_stats.MONEY_PARTS)
    if dividends := int(trade_stats.parts(trades["dividends_usd"].cast(pl.Float64).to_numpy(), trade_stats.MONEY_PARTS).sum()):
        sheet.put("dividends_usd", dividends / trade_stats.MONEY_PARTS)
    sheet.put("fees_a_trade_usd", fees / trade_stats.MONEY_PARTS / trades.height)
    sheet.put("slippage_a_trade_usd", slippage / trade_stats.MONEY_PARTS / trades.height)
    sheet.put("cost_share_gross", (fees + slippage) / (gross + slippage) if gross + slippage > 0 else None, "no profit before costs")
    sheet.put("median_r", float(np.median(known)) if known.size else None, no_risk)
    sheet.put("std_r", float(known.std(ddof=1)) if known.size > 1 else None, "fewer than two trades with a first stop")
    sheet.put("best_r", float(known.max()) if known.size else None, no_risk)
    sheet.put("worst_r", float(known.min()) if known.size else None, no_risk)
    win_r, loss_r = trade_stats.mean(r[won]), trade_stats.mean(r[lost])
    sheet.put("average_win_r", win_r, no_win)
    sheet.put("average_loss_r", loss_r, no_loss)
    sheet.put(
        "payoff", win_r / -loss_r if win_r is not None and loss_r else None, no_loss if win_r is not None else no_win
    )
    mae, mfe = trades["mae_r"].to_numpy(), trades["mfe_r"].to_numpy()
    for name, values, why in (
        ("mae_r", mae, no_risk),
        ("mfe_r", mfe, no_risk),
        ("mae_r_winners", mae[won], no_win),
        ("mfe_r_losers", mfe[lost], no_loss),
    ):
        sheet.put(name, trade_stats.mean(values), why)
    sheet.put("bars_held", trade_stats.mean(trades["bars_held"].to_numpy().astype(np.float64)))
    sheet.put("losing_run", trade_stats.longest_losing_run(net))
    sheet.put("ambiguous_share", float(trades["ambiguous"].mean() or 0.0))  # type: ignore[arg-type]
    years = sheet.values["years"]
    sheet.put("trades_per_year", trades.height / years if years else None, "no finished session")
    sheet.put(
        "turnover", _turnover(trades, sheet.values["mean_equity_usd"], years, spec), "no session or no point value"
    )


def _turnover(trades: pl.DataFrame, equity: float | None, years: float, spec: MetricsSpec) -> float | None:
    """Notional of both sides over the mean equity, a year; in money of the account at the rate of the exit."""
    points = trades["risk_points"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(points > 0.0, trades["risk_usd"].to_numpy() / points, np.nan)  # money a point, all units
    given = (
        trades["contract"]
        .replace_strict(spec.point_values, default=None, return_dtype=pl.Float64)
        .cast(pl.Float64)
        .to_numpy()
    )
    unit = np.where(np.isfinite(given), given * trades["quantity"].to_numpy() * trades["rate"].to_numpy(), unit)
    notional = unit * (trades["entry_price"].to_numpy() + trades["exit_price"].to_numpy())
    if not years or not equity or equity <= 0.0 or not np.isfinite(notional).all():
        return None
    return float(np.abs(notional).sum()) / equity / years


def _concentration(sheet: _Sheet, trades: pl.DataFrame, book: np.ndarray) -> None:
    net = book[:, trade_stats.NET]
    total, top = int(net.sum()), int(np.sort(net)[::-1][:5].sum())
    _, day = np.unique(trades["session_date"].to_numpy(), return_inverse=True)
    days = np.zeros(int(day.max()) + 1, np.int64)
    np.add.at(days, day, net)
    best = int(days.max())
    sheet.put("top5_share", top / total if total > 0 else None, "no net profit to share")
    for name, money in (("net_without_top5_usd", total - top), ("best_day_usd", best), ("net_without_best_day_usd", total - best)):
        sheet.put(name, money / trade_stats.MONEY_PARTS)


def _intervals(
    sheet: _Sheet,
    trades: pl.DataFrame,
    sessions: pl.DataFrame,
    returns: np.ndarray,
    money: np.ndarray,
    spec: MetricsSpec,
) -> float | None:
    """Intervals of the headline figures from one resampling of the sessions; gives the mean block, None where sessions
    or trades are too few."""
    sheet.between("win_rate", bootstrap.wilson(sheet.values["wins"], trades.height, spec.level))
    n = returns.size
    if n < MIN_SESSIONS or trades.height < MIN_TRADES or sheet.values["total_return"] is None:
        return None
    net, r = trades["net_usd"].to_numpy(), trades["r_net"].to_numpy()
    known = np.isfinite(r)
    dates = sessions["session_date"].to_numpy()
    row = np.clip(np.searchsorted(dates, trades["session_date"].to_numpy()), 0, n - 1)
    parts = (
        np.where(known, r, 0.0),
        known.astype(np.float64),
        np.maximum(net, 0.0),
        np.maximum(-net, 0.0),
        net,
        np.ones(net.size),
    )
    columns = np.column_stack([returns, returns**2] + [np.bincount(row, part, n) for part in parts])
    block = bootstrap.block_length(returns)
    sums, drawdowns = bootstrap.resample(columns, returns, block, spec.resamples, spec.seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "sharpe": bootstrap.sharpe_of_sums(sums[:, 0], sums[:, 1], n, spec.sessions_per_year),
            "expectancy_r": sums[:, 2] / sums[:, 3],
            "profit_factor": sums[:, 4] / sums[:, 5],
            "net_usd": sums[:, 6],
            "expectancy_usd": sums[:, 6] / sums[:, 7],
            "max_drawdown": drawdowns,
        }
    for name, values in found.items():
        sheet.between(name, bootstrap.percentile_interval(values, spec.level))
    return block


def _market(sheet: _Sheet, closes: pl.DataFrame | None, spec: MetricsSpec) -> None:
    parts = [] if closes is None else closes.partition_by("symbol", maintain_order=True)
    found = [part.sort("session_date")["close"].to_numpy() for part in parts]
    found = [c for c in found if c.size > 1 and np.isfinite(c).all() and (c > 0.0).all()]
    why = "no daily closes were given"
    thin = _too_thin(sheet, found) or _lacking(closes, spec)
    sheet.put("buy_hold_return", None if thin else market.hold_return(found), thin or why)
    sheet.put(
        "buy_hold_sharpe",
        None if thin else market.hold_sharpe(found, spec.sessions_per_year),
        thin or ("closes do not move" if found else why),
    )
    sheet.put("market_phases", max(market.turns(c) for c in found) if found else None, why)


def _too_thin(sheet: _Sheet, closes: list[np.ndarray]) -> str:
    """Why holding the market over these closes would say nothing; empty where it would."""
    expected, missing = sheet.values["expected_sessions"], sheet.values["missing_sessions"]
    if expected and missing > MOST_MISSING * expected:
        return f"{missing} of {expected} sessions have no bars"
    fewest = min((c.size for c in closes), default=MIN_SESSIONS)
    return f"{fewest} sessions; shown from {MIN_SESSIONS} on" if fewest < MIN_SESSIONS else ""


def _lacking(closes: pl.DataFrame | None, spec: MetricsSpec) -> str:
    """The symbol that lacks too many of its sessions to be held beside the others; empty where none does."""
    seen = {} if closes is None else dict(closes.group_by("symbol").agg(pl.col("session_date").n_unique()).iter_rows())
    for name in sorted(seen):
        missing, expected = _missing_of(name, seen[name], spec)
        if missing and expected and missing > MOST_MISSING * expected:
            return f"{missing} of {expected} sessions of {name} have no bars"
    return ""


def _missing_of(name: str, present: int, spec: MetricsSpec) -> tuple[int | None, int | None]:
    """Sessions without a bar and sessions expected of a symbol; None where they were not counted."""
    expected = spec.expected_by_symbol.get(name)
    return (None, None) if expected is None else (max(0, expected - present), expected)


def _groups(trades: pl.DataFrame, book: np.ndarray, spec: MetricsSpec) -> dict[str, Any]:
    """The trades taken apart in every way that is asked for; the sums of each way are those of the run."""
    month = trade_stats.months(trades["session_date"])
    keys = {
        "by_tactic": trades["tactic"],
        "by_grade": trades["grade"].fill_null(""),
        "by_direction": trades["direction"],
        "by_symbol": trades["symbol"],
        "by_exit": trades["exit_reason"],
        "by_mcs": trades["mcs"],
        "by_month": month,
        "by_year": month.str.slice(0, 4),
    }
    groups: dict[str, Any] = {name: trade_stats.by(key, book) for name, key in keys.items()}
    groups["by_hour"] = trade_stats.by(trade_stats.hours(trades["ts_entry"], spec.hour_tz), book, lambda hour: f"{hour:02d}")
    groups["by_weekday"] = trade_stats.by(trade_stats.weekdays(trades["session_date"]), book, lambda day: WEEKDAYS[int(str(day))])
    return groups


def _monthly(trades: pl.DataFrame, sessions: pl.DataFrame, spec: MetricsSpec, size: int) -> list[Metrics]:
    """One row a month (`size` 100) or year (10,000) with a session: profit from the equity, return over the equity at its start (a year compounds
    its months; or over the capital), trades closed."""
    if not trades.height or not sessions.height:
        return []
    ends = sessions.group_by((pl.col("session_date") // size).alias("part"), maintain_order=True).agg(
        pl.col("equity_usd").last()
    )
    closed = dict(trades.group_by((pl.col("session_date") // size).alias("part")).len().iter_rows())
    rows, before = [], spec.capital
    for part, end in ends.iter_rows():
        base = before if spec.returns_base == "equity" else spec.capital
        net = round(trade_stats.MONEY_PARTS * end) - round(trade_stats.MONEY_PARTS * before)
        rows.append(
            {
                **({"month": f"{part // 100:04d}-{part % 100:02d}"} if size == 100 else {"year": f"{part:04d}"}),
                "net_usd": net / trade_stats.MONEY_PARTS,
                "return": (end - before) / base if base > 0.0 else None,
                "trades": int(closed.get(part, 0)),
            }
        )
        before = end
    return rows


def _symbols(sheet: _Sheet, trades: pl.DataFrame, closes: pl.DataFrame | None, spec: MetricsSpec) -> dict[str, Metrics]:
    """What is each symbol's own beside the sums of `by_symbol`: turnover, how long trades were held, rates used, holding it instead."""
    none = trades[:0]
    traded = {str(key[0]): part for key, part in trades.partition_by("symbol", as_dict=True).items()}
    held = {} if closes is None else {str(key[0]): part for key, part in closes.partition_by("symbol", as_dict=True).items()}
    found = {}
    for name in sorted({*traded, *held}):
        mine = traded.get(name, none)
        own = held[name].sort("session_date")["close"].to_numpy() if name in held else np.empty(0)
        missing, expected = _missing_of(name, own.size, spec)
        whole = not missing or missing <= MOST_MISSING * (expected or 0)
        usable = whole and own.size >= MIN_SESSIONS and bool(np.isfinite(own).all() and (own > 0.0).all())
        found[name] = {
            "trades": mine.height,
            "turnover": _turnover(mine, sheet.values["mean_equity_usd"], sheet.values["years"], spec),
            "bars_held": trade_stats.mean(mine["bars_held"].to_numpy().astype(np.float64)),
            "rate_lowest": float(mine["rate"].min()) if mine.height else None,  # type: ignore[arg-type]
            "rate_highest": float(mine["rate"].max()) if mine.height else None,  # type: ignore[arg-type]
            "sessions_with_bars": int(own.size),
            "expected_sessions": expected,
            "missing_sessions": missing,
            "buy_hold_return": market.hold_return([own]) if usable else None,
        }
    return found


def _method(spec: MetricsSpec, block: float | None) -> Metrics:
    """The conventions behind the figures, for whoever reads them elsewhere."""
    few = f"no bootstrap: it needs {MIN_SESSIONS} sessions, {MIN_TRADES} trades and an equity above zero"
    return {
        "returns_base": spec.returns_base,
        "sessions_per_year": spec.sessions_per_year,
        "risk_free": 0.0,
        "psr_convention": deflated.CONVENTIONS[0],
        "hour_tz": spec.hour_tz,
        "level": spec.level,
        "win_rate_interval": "Wilson",
        "interval": few
        if block is None
        else "stationary bootstrap of sessions, percentile; covers less than it says when sessions are correlated",
        "block_sessions": block,
        "resamples": spec.resamples if block is not None else 0,
        "seed": spec.seed,
    }
