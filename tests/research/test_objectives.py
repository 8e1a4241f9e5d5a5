"""Figures of a span and what a search wants most of: golden rows of the conventions, hand calculations, and the metrics of an ordinary run."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.commands.wfo_search import stitched
from pse.domain.errors import BadConfig, RequestError
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.engine.objective import objective
from pse.research.metrics import MetricsSpec, compute_metrics
from pse.research.objectives import NAMES, Objective, figures, joined, may_choose
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA
from pse.settings import SearchPolicy
from pse.settings.search import OBJECTIVES

A = [0.01, -0.02, 0.03, -0.01, 0.005, 0, 0, -0.015, 0.02, 0.012]
YEAR = 252.0


def measured(returns, trades=(), capital: float = 1000.0, first: int = 20240101) -> Measured:
    """A span with these returns a session, and trades of (net, r)."""
    rows = np.zeros(len(trades), TRIAL_TRADE)
    for row, (net, r) in zip(rows, trades, strict=True):
        row["net"], row["r"] = net, r
    equity = capital * np.cumprod(1.0 + np.asarray(returns, dtype=float))
    return Measured(Span(first, first + len(returns)), capital, np.arange(first, first + len(returns), dtype=np.int32), equity, rows)


TRADES = ((30.0, 1.5), (-10.0, -1.0), (20.0, 2.0), (-15.0, math.nan))


def test_figures_are_those_of_the_conventions():
    """Sharpe 3.2553, Sortino 5.9660, drawdown -2 % of series A; trades by hand."""
    found = figures(measured(A, TRADES), YEAR)
    assert found["sharpe"] == pytest.approx(3.255298795816697, abs=1e-10) and found["sortino"] == pytest.approx(5.9659724761523, abs=1e-10)
    assert found["max_drawdown"] == pytest.approx(-0.02, abs=1e-12) and found["total_return"] == pytest.approx(float(np.prod(1 + np.array(A)) - 1), abs=1e-12)
    assert (found["net_usd"], found["trades"], found["win_rate"], found["profit_factor"]) == (25.0, 4, 0.5, 2.0)      # 50 won over 25 lost
    assert found["expectancy_r"] == pytest.approx(2.5 / 3)                                                           # of three with a first stop
    assert found["calmar"] is None                                                                                   # ten sessions are no year


def test_calmar_is_empyrical_s_from_a_year_on():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 252)
    assert figures(measured(returns), YEAR)["calmar"] == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-9)
    assert figures(measured(returns[:251]), YEAR)["calmar"] is None
    assert figures(measured(returns), 365.0)["calmar"] is None                             # of a market that never closes a year is longer


def test_what_has_no_value_is_none():
    flat = figures(measured([0.0, 0.0, 0.0]), YEAR)
    assert {name for name, value in flat.items() if value is None} == {"sharpe", "sortino", "calmar", "win_rate", "expectancy_r", "profit_factor"}
    assert (flat["total_return"], flat["max_drawdown"], flat["net_usd"], flat["trades"]) == (0.0, 0.0, 0.0, 0)
    assert figures(measured([0.01], ((10.0, 1.0),)), YEAR)["profit_factor"] is None                                  # no loss: not infinity
    assert figures(measured([0.01], ((10.0, math.nan),)), YEAR)["expectancy_r"] is None
    assert figures(measured([]), YEAR)["total_return"] is None


def test_nothing_compounds_out_of_a_loss_of_everything():
    ruined = measured([0.1, -1.2, -0.5], ((-1200.0, -3.0),))
    found = figures(ruined, YEAR)
    assert found["sharpe"] is None and found["max_drawdown"] is None and found["net_usd"] == -1200.0


def test_figures_are_those_that_an_ordinary_run_shows():
    rng = np.random.default_rng(5)
    one = measured(rng.normal(0.0005, 0.01, 300), [(float(net), float(net / 7)) for net in rng.normal(1, 20, 25).round(2)])
    frame = {name: [""] * 25 if kind == pl.String else [False] * 25 if kind == pl.Boolean else [1] * 25 for name, kind in TRADE_SCHEMA.items()}
    frame |= {"net_usd": one.trades["net"], "r_net": one.trades["r"], "session_date": [20240101] * 25, "ts_exit": list(range(25))}
    equity = {name: [0] * 300 for name in EQUITY_SCHEMA} | {"ts": list(range(300)), "session_date": one.dates, "kind": ["session"] * 300,
                                                           "equity_usd": one.equity}
    whole = compute_metrics(pl.DataFrame(frame, schema=TRADE_SCHEMA, strict=False), pl.DataFrame(equity, schema=EQUITY_SCHEMA, strict=False),
                            MetricsSpec(1000.0, resamples=0))
    found = figures(one, YEAR)
    assert {name: found[name] for name in found} == {name: pytest.approx(whole[name], rel=1e-12) for name in found}


# --- objectives ------------------------------------------------------------------------------------------------------------------------------------


def test_every_objective_is_a_figure_and_what_is_undefined_stays_so(tmp_path):
    assert set(NAMES) == set(OBJECTIVES)
    one = measured(np.resize(A, 300), TRADES)
    for name, figure in NAMES.items():
        assert objective(SearchPolicy(objective=name), tmp_path)(one, YEAR) == figures(one, YEAR)[figure] is not None
    assert Objective("profit_factor")(measured([0.01], ((10.0, 1.0),)), YEAR) is None
    assert Objective("net")(measured([0.0]), YEAR) is None                                  # no trade: not better than a loss


def test_few_trades_are_shown_and_not_chosen():
    one = measured(A, TRADES)
    assert may_choose(one, 4) and not may_choose(one, 5) and Objective("sharpe")(one, YEAR) > 3


@pytest.fixture
def own(tmp_path):
    """An objective of the user's with this body."""
    def made(body: str, place: str = "objectives/mine.py:wanted"):
        (tmp_path / "objectives").mkdir(exist_ok=True)
        (tmp_path / "objectives" / "mine.py").write_text(f"import math\n\n\ndef wanted(figures):\n    {body}\n")
        return objective(SearchPolicy(objective=place), tmp_path)
    return made


def test_a_function_of_the_user_s_is_told_the_figures_and_the_returns(own):
    one = measured(A, TRADES)
    assert own("return figures['net_usd'] / figures['trades'] + float(figures['returns'].max()) + float(figures['r'][0])")(one, YEAR) == \
        pytest.approx(25 / 4 + 0.03 + 1.5)
    assert own("return None")(one, YEAR) is None
    assert own("return 3")(one, YEAR) == 3.0
    assert len(own("return 3").sha256) == 64 and own("return 3").sha256 != own("return 4").sha256 and Objective("sharpe").sha256 is None


@pytest.mark.parametrize(("body", "says"), [
    ("return 'high'", "gave 'high', expected a number, or None"), ("return True", "gave True, expected a number"),
    ("return math.nan", "gave nan, expected a finite number; give None"), ("return math.inf", "gave inf"),
    ("return 1 / 0", "objectives/mine.py, line 5: ZeroDivisionError"), ("figures['trades'] = 3", "line 5: TypeError"),
    ("figures['returns'][0] = 1", "line 5: ValueError"), ("return figures['sharp']", "line 5: KeyError"),
])
def test_a_function_that_gives_something_else_is_refused_by_name(own, body, says):
    with pytest.raises(RequestError, match="objectives/mine.py") as caught:
        own(body)(measured(A, TRADES), YEAR)
    assert says in str(caught.value)


@pytest.mark.parametrize(("place", "says"), [
    ("objectives/mine.py:want", "the file has no function want; it has: wanted"), ("objectives/mine.py:math", "is no function (found module)"),
    ("objectives/mne.py:wanted", "there is no file objectives/mne.py below"),
])
def test_a_function_that_is_not_there_is_refused_with_what_is(own, place, says):
    with pytest.raises(BadConfig) as caught:
        own("return 1", place)
    assert says in str(caught.value) and "search.objective" in str(caught.value)


def test_a_function_outside_the_home_folder_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text("def f(figures):\n    return 1\n")
    (tmp_path / "home" / "objectives").mkdir(parents=True)
    (tmp_path / "home" / "objectives" / "link.py").symlink_to(tmp_path / "mine.py")
    with pytest.raises(BadConfig, match="leads out of the home folder"):
        objective(SearchPolicy(objective="objectives/link.py:f"), tmp_path / "home")


# --- spans together --------------------------------------------------------------------------------------------------------------------------------


def test_joined_spans_have_the_returns_of_their_parts_one_after_the_other():
    first, second = measured(A, TRADES, first=20240101), measured([0.1, -0.05], ((50.0, 1.0),), first=20240201)
    found = joined([first, second])
    assert np.allclose(found.returns, [*A, 0.1, -0.05], rtol=0, atol=1e-15) and found.capital == 1000.0
    assert found.span == Span(first.span.start_ns, second.span.end_ns) and list(found.dates) == [*first.dates, *second.dates]
    grown = float(np.prod(1 + np.array(A)))
    assert found.trades["net"].tolist() == pytest.approx([30.0, -10.0, 20.0, -15.0, 50.0 * grown]) and found.trades["r"][-1] == 1.0
    assert first.trades["net"][0] == 30.0 and joined([first]).equity.tolist() == first.equity.tolist()


def test_net_and_growth_of_joined_spans_agree():
    """Trades that make all of a part's profit make all of the joined profit."""
    first, second = measured([0.1], ((100.0, 1.0),)), measured([0.2], ((400.0, 1.0),), capital=2000.0, first=20240201)
    found = figures(joined([first, second]), YEAR)
    assert found["net_usd"] == pytest.approx(320.0) and found["total_return"] == pytest.approx(0.32)         # 100 of 1000, then 20 % of 1100


@given(st.lists(st.lists(st.floats(-1.5, 1.0), max_size=4), min_size=1, max_size=4))
def test_behind_a_loss_of_everything_nothing_trades_and_no_money_comes_back(spans):
    """By the definition: money moves with every session until it is gone."""
    parts = [of_money(1000.0 * np.cumprod(1.0 + np.array(one)), first=20240101 + 100 * number) for number, one in enumerate(spans)]
    for found in (joined(parts), stitched(parts)):
        assert np.isfinite(found.returns).all() and (found.returns >= -1.0).all()
        wanted, gone, trades = [], False, 0
        for one in spans:
            trades += 0 if gone else 1
            money = 1.0
            for change in one:
                money *= 1.0 + change
                wanted.append(0.0 if gone else -1.0 if money <= 0.0 else change)
                gone = gone or money <= 0.0
        assert np.allclose(found.returns, wanted, rtol=0, atol=1e-9) and found.trades.size == trades


def test_the_money_of_a_ruined_account_stays_where_it_was_left():
    found = joined([of_money([500.0, -40.0, 300.0]), of_money([1100.0, 1200.0], 20240201)])
    assert found.equity.tolist() == [500.0, -40.0, 300.0, 300.0, 300.0] and found.returns.tolist() == [-0.5, -1.0, 0.0, 0.0, 0.0]
    assert of_money([500.0, 0.0, 300.0]).returns.tolist() == [-0.5, -1.0, 0.0]              # exactly nothing left
    assert figures(found, YEAR)["sharpe"] is None


def test_days_that_ruined_spans_share_stay_lost():
    found = stitched([of_money([500.0, 0.0]), of_money([900.0, 990.0], 20240102)])
    assert found.dates.tolist() == [20240101, 20240102, 20240103] and found.returns.tolist() == [-0.5, -1.0, 0.0] and found.trades.size == 1


def of_money(equity, first: int = 20240101) -> Measured:
    """A span with this money at each session's end, and one trade."""
    money = np.asarray(equity, dtype=float)
    return Measured(Span(first, first + money.size), 1000.0, np.arange(first, first + money.size, dtype=np.int32), money, np.ones(1, TRIAL_TRADE))


def test_a_part_without_sessions_joins_and_parts_that_overlap_do_not():
    one = measured(A)
    assert joined([one, measured([], first=20240120), measured([0.1], first=20240201)]).returns.size == 11
    with pytest.raises(RequestError, match="20240105 follows 20240110"):
        joined([one, measured([0.1], first=20240105)])
