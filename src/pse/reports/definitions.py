"""What each figure of a run means, in one line of words, for the page."""

from __future__ import annotations

from typing import Any

from pse.reports.view import number
from pse.reports.words import plain

DEFINITIONS = {
    "trades": "Closed round trips; partial exits of one entry are one trade.",
    "wins": "Trades with a net result above 0.",
    "losses": "Trades with a net result below 0.",
    "sessions": "Trading sessions that the run went through to their end, those without a trade included.",
    "expected_sessions": "Sessions of the calendar from the first bar to the last.",
    "missing_sessions": "Expected sessions without a single bar.",
    "years": "Sessions over the sessions of a year.",
    "capital_usd": "Equity that the run began with.",
    "mean_equity_usd": "Mean of the equity at the sessions' ends.",
    "exposure": "Minutes with an open position over all session minutes.",
    "total_return": "Equity at the end over the capital, less 1.",
    "cagr": "Growth a year that, compounded, gives the total return; from one year on.",
    "volatility": "Standard deviation of a session's return (n - 1), times the root of the sessions a year.",
    "sharpe": "Mean return of a session over its standard deviation, times the root of the sessions a year; risk-free rate 0; from 10 trades on.",
    "sharpe_lo": "The Sharpe ratio annualised with the first-order autocorrelation of the returns (Lo 2002).",
    "sortino": "As the Sharpe ratio, over the downside deviation: the root of the mean squared loss, taken over all sessions.",
    "calmar": "Growth a year over the largest drawdown; from one year on.",
    "max_drawdown": "Deepest fall of the sessions' equity from its peak before, as a share of that peak; the capital is the first peak.",
    "max_drawdown_usd": "Deepest fall of the sessions' equity from its peak before, in money.",
    "under_water_sessions": "Longest run of sessions below an earlier peak.",
    "recovery_factor": "Profit over the deepest fall in money.",
    "psr": "Probability that the true Sharpe ratio is above 0, given length, skew and kurtosis (Bailey and Lopez de Prado).",
    "min_track_record_sessions": "Sessions needed to say with 95 % that the Sharpe ratio is above 0 (Bailey and Lopez de Prado 2012).",
    "skew": "Skewness of the sessions' returns.",
    "kurtosis": "Kurtosis of the sessions' returns; 3 for a normal distribution.",
    "best_session": "Largest return of a session.",
    "worst_session": "Smallest return of a session.",
    "net_usd": "Sum of the trades' results after all costs.",
    "gross_usd": "Sum of the trades' results at the fill prices, before fees; slippage is inside the fill prices.",
    "fees_usd": "Commissions and fees of all fills.",
    "dividends_usd": "Cash of the dividends of what was held, paid for what was held short; a part of the results of its trades.",
    "slippage_usd": "What the fill prices cost against the prices that were asked for.",
    "before_costs_usd": "Sum of the trades' results at the prices that were asked for.",
    "fees_a_trade_usd": "Mean of the fees of a trade.",
    "slippage_a_trade_usd": "Mean of the slippage of a trade.",
    "total_r": "Sum of the trades' results in R.",
    "win_rate": "Winning trades over all trades.",
    "profit_factor": "Sum of the winning trades over the sum of the losing ones, net of costs; from 10 trades on.",
    "expectancy_r": "Mean result of a trade in R: its net result over what it risked to its first stop.",
    "expectancy_usd": "Mean net result of a trade.",
    "median_r": "Median result of a trade in R.",
    "std_r": "Standard deviation of the trades' results in R (n - 1).",
    "best_r": "Largest result of a trade in R.",
    "worst_r": "Smallest result of a trade in R.",
    "average_win_r": "Mean R of the winning trades.",
    "average_loss_r": "Mean R of the losing trades.",
    "payoff": "Mean win over mean loss, both in R.",
    "mae_r": "Mean of the worst excursion against a trade while it was open, in R.",
    "mfe_r": "Mean of the best excursion for a trade while it was open, in R.",
    "mae_r_winners": "The worst excursion, mean over winning trades.",
    "mfe_r_losers": "The best excursion, mean over losing trades.",
    "bars_held": "Mean number of bars from entry to exit.",
    "losing_run": "Most losing trades in a row, in order of exit.",
    "trades_per_year": "Trades over years.",
    "turnover": "Value of both sides of all trades over the mean equity, a year.",
    "cost_share_gross": "Fees and slippage over the profit before both; none where there was no such profit.",
    "top5_share": "Share of the net result that the five best trades made.",
    "net_without_top5_usd": "Net result without the five best trades.",
    "best_day_usd": "Net result of the best day, by the session in which trades closed.",
    "net_without_best_day_usd": "Net result without that day.",
    "ambiguous_share": "Share of trades of which one bar touched both stop and target; the worse was taken.",
    "buy_hold_return": "Buying each traded symbol at its first session's close and holding to the last, equal weights, with the splits and "
    "dividends that are stored; from 20 sessions on, with at most 5 % of the sessions missing, of every symbol.",
    "buy_hold_sharpe": "Mean of the Sharpe ratios of holding each traded symbol.",
    "market_phases": "Phases of the market in the window: one ends when the close has turned 20 % from its extreme.",
}


def definitions(m: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and meaning of every flat figure of the metrics, in the order of this list."""
    return [(name, text) for name, text in DEFINITIONS.items() if name in m]


def conventions(m: dict[str, Any]) -> list[str]:
    """What holds for all figures of the run, as sentences."""
    method = m.get("method") or {}
    base = "the capital" if method.get("returns_base") == "capital" else "the equity at the session's start"
    said = [
        f"A session's return is its profit over {base}; sessions without a trade count with 0.",
        f"A year has {plain(method.get('sessions_per_year', 252), 0)} sessions. Hours of entry are in {method.get('hour_tz', 'UTC')}.",
        "R is the money at risk from the entry to the first stop. Names that end in usd are in the currency of the account.",
    ]
    level = f"{100 * (number(method.get('level')) or 0.95):.0f} %"
    if number(method.get("block_sessions")) is not None:
        said.append(
            f"Intervals of {level}: {plain(method.get('resamples'), 0)} resamples of whole sessions in blocks of about "
            f"{plain(method.get('block_sessions'), 1)} (stationary bootstrap, percentiles, seed {method.get('seed')}); the win rate by Wilson."
        )
    else:
        said.append(f"The win rate has a {level} interval by Wilson; {method.get('interval', 'no bootstrap')}.")
    return said
