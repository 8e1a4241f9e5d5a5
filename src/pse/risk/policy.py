"""Risk profiles: every limit with its unit, its bounds and its reason.

A profile is data.  `kernels/gates.py`, `kernels/sizing.py` and `kernels/plans.py` hold the arithmetic that reads it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from pse.domain.base import Frozen

NO_LIMIT = 1e9                   # a limit this large is none
MIN_CORRELATION_DAYS = 10
EVENT_FORMAT = "%Y-%m-%d %H:%M"


def zone_name(name: str) -> str:
    """The name of a time zone that is known."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("no such time zone; expected a name such as America/New_York, Europe/Berlin or UTC") from error
    return name


def clocks_show(local: datetime) -> bool:
    """Whether a local time exists: none does over which clocks are set forward."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


ZoneName = Annotated[str, AfterValidator(zone_name)]


class BlackoutWindow(Frozen):
    """A daily window without new entries, local wall time, end exclusive; it may cross midnight."""

    start: str = Field(pattern=r"^[0-2][0-9]:[0-5][0-9]$", description="local time hh:mm")
    end: str = Field(pattern=r"^[0-2][0-9]:[0-5][0-9]$", description="local time hh:mm, exclusive; before `start`: of the next day")
    tz: ZoneName = Field("America/New_York", description="time zone of both")

    @field_validator("start", "end")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if int(value[:2]) > 23:
            raise ValueError("hours go from 00 to 23")
        return value

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start == self.end:
            raise ValueError(f"start and end are both {self.start}; a window of a whole day would stop every entry; take it out, or write when it ends")
        return self


IMPACTS = ("low", "medium", "high")


class CalendarEvent(Frozen):
    """News whose moment is known before: a line of `configs/events.yaml`."""

    at: str = Field(description="local date and time, yyyy-mm-dd hh:mm")
    name: str = Field(min_length=1, max_length=80, description="what is published")
    impact: Literal["low", "medium", "high"] = Field("high", description="`gates.events_impact` says from which on entries stop")
    tz: ZoneName = Field("America/New_York", description="time zone of `at`")

    @field_validator("at")
    @classmethod
    def _is_a_moment(cls, text: str) -> str:
        try:
            return datetime.strptime(text, EVENT_FORMAT).strftime(EVENT_FORMAT)
        except ValueError as error:
            raise ValueError("expected a date and a time such as 2024-01-31 14:00") from error

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if not clocks_show(self.local):
            raise ValueError(f"{self.at} does not exist in {self.tz}: clocks are set forward over it; write the time that the source means")
        return self

    @property
    def local(self) -> datetime:
        """The moment; where clocks show it twice the first time."""
        return datetime.strptime(self.at, EVENT_FORMAT).replace(tzinfo=ZoneInfo(self.tz))

    @property
    def at_ns(self) -> int:
        return int(self.local.timestamp()) * 1_000_000_000


class Kelly(Frozen):
    """Risk bound by a share of the growth-optimal fraction p - (1 - p) / b, hit rate p as the expected-value gate has it, reward b after costs."""

    on: bool = Field(False, description="whether a trade risks no more than that, and none is made where the fraction is 0 or less")
    fraction: float = Field(0.25, gt=0, le=1, description="share of the growth-optimal fraction")
    cap: float = Field(0.02, gt=0, le=1, description="most that it may come to, a fraction of equity")
    min_trades: float = Field(30.0, ge=1, description="closed trades of the tactic and grade, decayed as the gate's, under which nothing is bound")


class Limits(Frozen):
    """What the account may lose, hold and risk; fractions of equity unless said."""

    sizing: Literal["futures", "shares"] = Field("futures", description="futures: a size in R through the stop, costs included; shares: risk times confidence "
                                                                     "through the stop, notional and cash")
    max_risk_per_trade: float = Field(0.01, gt=0, le=1, description="hard cap of the loss at the stop")
    r_unit: float = Field(0.008, gt=0, le=1, description="what a size multiple of 1 risks")
    max_daily_loss: float = Field(0.03, gt=0, le=1, description="of the equity at the start of the trading day, realised and projected")
    max_concurrent_risk: float = Field(0.05, gt=0, le=1, description="sum of open risk with the new one")
    max_gross_notional: float = Field(5.0, gt=0, le=NO_LIMIT, description="sum of price x quantity x point value")
    max_symbol_notional: float = Field(NO_LIMIT, gt=0, le=NO_LIMIT, description="the same for one symbol")
    max_quantity: float = Field(20, gt=0, le=1e12, description="contracts or shares in one plan")
    max_group_notional: float = Field(NO_LIMIT, gt=0, le=NO_LIMIT, description="the same for the instruments of one group")
    max_group_positions: int = Field(2, ge=1, description="open plans among instruments of one group")
    max_plans_per_symbol: int = Field(1, ge=1, le=16, description="open plans of one symbol; more than one lets a position grow by plans of its own "
                                                                   "(scale-in), same side only, each through all gates")
    cash_only: bool = Field(False, description="what is bought is paid from the balance, less what other positions cost (sizing in shares)")
    allow_short: bool = Field(True, description="whether sales without a position may open one")
    allow_micro: bool = Field(True, description="size the mapped micro contract where the large one is too big")
    high_vol_size: float = Field(0.5, gt=0, le=1, description="times every size in the HiVol-Q4 bucket; 1 switches it off")
    transition_size: float = Field(0.5, gt=0, le=1, description="times the size of a swing strategy in a TRANSITION market; 1 switches it off")
    volatility_size: bool = Field(True, description="whether every size goes with the usual volatility over that of now: the median of ATR14 over the close "
                                                    "in the window of the desk's volatility rank (252 days, or 20 sessions of shorter bars), the decision "
                                                    "bar left out, over its own; 1 while that is unknown")
    volatility_size_least: float = Field(0.5, gt=0, le=1, description="least that a size is multiplied with then")
    volatility_size_most: float = Field(1.25, ge=1, le=10, description="most that a size is multiplied with then; the caps of a trade apply after it")
    kelly: Kelly = Field(Kelly(), description="bound by the growth-optimal fraction of the closed trades of the tactic and grade")
    flatten_on_limit: bool = Field(False, description="whether the daily loss limit also closes what is open, at the next open; entries end either way")
    correlation: float = Field(0.8, gt=0, le=1, description="daily returns that move together from here on make positions of one direction one bet")
    correlation_days: int = Field(60, ge=0, le=1000, description="last common completed days that it is measured over, at least 10; 0: off")
    max_correlated_risk: float = Field(2.0, gt=0, le=NO_LIMIT, description="open risk of such a bet with the new one, times max_risk_per_trade")
    margin: Literal["none", "cash", "margin"] = Field("none", description="buying power: none is not asked; cash: what is bought is paid in full; margin: the "
                                                                         "instrument's initial and maintenance margin")

    @field_validator("correlation_days")
    @classmethod
    def _are_enough(cls, days: int) -> int:
        if 0 < days < MIN_CORRELATION_DAYS:
            raise ValueError(f"{days} days tell nothing of a correlation; write at least {MIN_CORRELATION_DAYS}, or 0 to switch it off")
        return days


class GatePolicy(Frozen):
    """What a setup must pass before it may become an order."""

    market_state: bool = Field(True, description="whether the condition of the market says which families of setups are let in; false, on a desk whose "
                                                 "setups ask nothing of it either: trends, volatility and structure are not even computed")
    min_confidence: float = Field(0.30, ge=0, le=1, description="least confidence of a setup")
    confidence_scaled: bool = Field(False, description="whether the confidence of a daily strategy is multiplied by five factors of its own record on the "
                                                       "symbol and of the market: expectancy, variance inflation, volatility, Sharpe ratio, drawdown")
    min_reward_r: float = Field(1.5, gt=0, description="smallest reward per unit of risk, on tick-rounded prices")
    max_age_bars: float = Field(2.0, gt=0, description="age of the last close, in decision bars, that a decision may rest on")
    max_age_extra_s: float = Field(60.0, ge=0, description="seconds more that it may be old")
    max_slippage_r: float = Field(0.15, ge=0, description="adverse move between decision and activation, in R, at least one tick")
    session_left_min: float = Field(15.0, ge=0, description="minutes to the session end that an entry needs")
    spread_base_ticks: float = Field(1.0, ge=0, description="the ordinary spread")
    spread_tolerance_ticks: float = Field(0.5, ge=0, description="what a quoted spread may be wider than that")
    spread_base_money: float = Field(0.01, ge=0, description="of stocks the ordinary spread is at least this much money")
    spread_base_bps: float = Field(5.0, ge=0, le=10_000, description="and at least this share of the price, in 1/10000")
    quotes_required: bool = Field(False, description="whether an entry without a quote is refused; false: it passes UNMEASURED")
    max_latency_ms: float = Field(100.0, gt=0, le=600_000, description="round trip of an order with a broker outside: a slower one is cancelled, "
                                                                          "and entries end while the median of the last 20 is slower")
    max_clock_skew_s: float = Field(2.0, ge=0, le=3600, description="difference of the clock to the broker's, where it is told")
    ev_min_r: float = Field(0.07, ge=-1e9, le=1e9, description="smallest expected value in R after costs")
    ev_prior_r: float = Field(0.25, ge=-1e9, le=1e9, description="expected value that the prior assumes, in R")
    ev_prior_trades: float = Field(20.0, gt=0, description="weight of the prior, in trades")
    ev_half_life_days: float = Field(126.0, gt=0, description="trading days after which a closed trade counts half")
    ev_scratch_r: float = Field(0.10, ge=0, description="a trade inside this net R counts as neither")
    cooldown_entry_bars: float = Field(5.0, ge=0, description="decision bars after an entry, same symbol and side; of days closes are counted")
    cooldown_entry_min: float = Field(0.0, ge=0, description="the same in minutes; above 0 it counts instead of the bars")
    cooldown_stop_bars: float = Field(3.0, ge=0, description="decision bars after a stop-out, same symbol and side; counted alike")
    wait_closes: int = Field(5, ge=1, description="closes that a symbol waits at most after a stop-out of a tactic that gives the same signal at each")
    news_required: bool = Field(False, description="whether the directional gate buys only with a headline at hand that is fresh and no red flag")
    news_max_age_h: float = Field(6.0, gt=0, description="age of the last headline, hours")
    max_consecutive_losses: int = Field(3, ge=1, description="losing trades in a trading day before entries rest until the next")
    blackouts: tuple[BlackoutWindow, ...] = Field((BlackoutWindow(start="08:00", end="09:30"),), description="news windows")
    events_impact: Literal["low", "medium", "high", "none"] = Field("high", description="least impact of a calendar event (events.yaml) that stops entries")
    events_before_min: float = Field(10.0, ge=0, le=1440, description="minutes before such an event without new entries")
    events_after_min: float = Field(10.0, ge=0, le=1440, description="minutes from the event on")


class TailRisk(Frozen):
    """Value at risk and expected shortfall by historical simulation of one day; fractions of equity."""

    var95: float = Field(0.015, gt=0, description="largest value at risk, 95 %, of all positions with the new one")
    es975: float = Field(0.025, gt=0, description="largest expected shortfall, 97.5 %, of them")
    days: int = Field(250, ge=20, description="daily returns that are weighed")
    min_days: int = Field(60, ge=0, description="fewer: INSUFFICIENT, and the size is halved; 0: the gate is off")
    stop_factor: float = Field(1.5, gt=0, description="largest scenario loss of a position that is flat at the session end, in stop distances")


class BreakerPolicy(Frozen):
    """When entries stop by themselves, and what lets them start again."""

    data_score_min: float = Field(0.80, ge=0, le=1, description="score of the bars at a decision under which entries stop; 0: off")
    data_recovery_bars: int = Field(3, ge=1, description="decision bars in a row with a good score that let them start again")
    equity_drawdown: float = Field(0.10, gt=0, le=1, description="from the high-water mark")
    equity_recovered: float = Field(0.05, gt=0, le=1, description="drawdown under which a half-open breaker closes")
    equity_retrip: float = Field(0.05, gt=0, le=1, description="further loss from the acknowledgement that trips again")
    auto_ack_days: int = Field(0, ge=0, description="trading days after which a tripped equity breaker acknowledges itself; 0: never")
    llm_failures: int = Field(5, ge=1, description="failures of the models in a row that stop entries")
    llm_timeout_s: float = Field(300.0, gt=0, description="first rest, seconds; it doubles with every failure after it")
    llm_timeout_cap_s: float = Field(3600.0, gt=0, description="longest rest, seconds")
    llm_successes: int = Field(2, ge=1, description="good answers in a row after it that close the breaker")


class PlanPolicy(Frozen):
    """How an open position is run."""

    breakeven_at_r: float = Field(1.0, gt=0, description="gain in R from which the stop stands at the entry")
    breakeven_plus_ticks: float = Field(1.0, ge=0, description="ticks beyond the entry, on the side of the gain")
    partial_fraction: float = Field(0.5, ge=0, lt=1, description="share taken off at the first target when two or more lots are held")
    trail: Literal["swing", "chandelier", "fixed", "none"] = Field(
        "swing", description="how the stop follows: behind confirmed swings of base bars, from the first target on; behind the best price since entry by a "
                             "multiple of the ATR of the decision bars (chandelier) or by a fixed distance (fixed), from entry on; not at all")
    trail_swing_bars: int | None = Field(None, ge=1, le=5, description="base bars on each side of a swing; none: 2, or 5 of days")
    trail_range_atr: float = Field(3.0, gt=0, description="ATR behind the best price since entry: of the decision bars for chandelier, of days for "
                                                          "tactics that trail so themselves")
    trail_ticks: float | None = Field(None, gt=0, description="ticks behind the best price since entry; with trail fixed, this or trail_percent")
    trail_percent: float | None = Field(None, gt=0, lt=100, description="percent of the best price since entry behind it")
    stale_bars: int = Field(24, ge=1, description="decision bars")
    stale_mfe_r: float = Field(0.5, ge=0, description="largest favourable excursion under which a stale position is left")
    flat_at_session_end: bool = Field(True, description="whether positions are closed before the session ends; tactics may ask to hold overnight")
    flat_before_min: float = Field(5.0, ge=0, description="minutes before the session end")
    max_replans: int = Field(3, ge=0, description="new versions of one plan that may be asked for")
    replan_apart_bars: int = Field(1, ge=0, description="decision bars between two of them")
    replan_min_reward_r: float = Field(1.0, gt=0, description="smallest reward per unit of risk of the remaining trade when its target is brought nearer")

    @model_validator(mode="after")
    def _has_one_distance(self) -> PlanPolicy:
        given = [name for name in ("trail_ticks", "trail_percent") if getattr(self, name) is not None]
        if self.trail == "fixed" and len(given) != 1:
            raise ValueError(f"trail: fixed keeps one distance, trail_ticks or trail_percent; found {' and '.join(given) or 'neither'}. Give exactly one")
        return self


class RiskPolicy(Frozen):
    """One profile of `configs/risk_policies.yaml`."""

    description: str = ""
    limits: Limits = Limits()
    gates: GatePolicy = GatePolicy()
    tail: TailRisk = TailRisk()
    breakers: BreakerPolicy = BreakerPolicy()
    plan: PlanPolicy = PlanPolicy()
