"""The page in a real browser: it draws, it opens trades, it obeys its own policy, nobody's text runs."""

import re
from datetime import date

import polars as pl
import pytest

from pse.reports.html import write_report
from pse.research.trade_stats import EQUITY_SCHEMA
from tests.reports.browser import dumped
from tests.reports.make_run import make_run

pytestmark = pytest.mark.browser


def test_the_page_draws_its_charts_and_its_table_without_a_complaint(tmp_path):
    run, bars = make_run(tmp_path, sessions=60, edge=0.3)
    out = write_report(run, lambda s, a, e: bars.between(a, e), tmp_path / "page.html")
    dom, said = dumped(out, tmp_path / "browser", "#trade-3")
    assert said == [] and 'data-ready="yes"' in dom and "could not be drawn" not in re.sub(r"<script.*?</script>", "", dom, flags=re.S)
    assert re.search(r'<div id="equity".*?<canvas', dom, re.S) and re.search(r'<div id="candles".*?<canvas', dom, re.S)
    assert re.search(r'<dialog id="trade"[^>]* open=""', dom) and ">#3 " in dom and "What the tactic saw" in dom
    body = re.search(r'<table id="trades">.*?<tbody>(.*?)</tbody>', dom, re.S)[1]
    assert 1 < body.count("<tr") <= 100
    assert body.count('<td class="name">') == 2 * body.count("<tr")         # names may go on in the next line


def test_text_of_others_does_not_run_in_the_browser(tmp_path):
    run, bars = make_run(tmp_path, sessions=25, text="<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>")
    out = write_report(run, lambda s, a, e: bars.between(a, e), tmp_path / "page.html")
    dom, said = dumped(out, tmp_path / "browser", "#trade-1")
    assert said == [] and "<title>owned" not in dom and 'data-ready="yes"' in dom


def test_the_equity_of_a_long_run_is_shown_from_its_first_session_to_its_last(tmp_path):
    run, _ = make_run(tmp_path, sessions=60, edge=0.3)
    days = pl.date_range(date(2000, 1, 3), date(2024, 12, 31), "1d", eager=True).to_frame("day")
    days = days.filter(pl.col("day").dt.weekday() < 6).with_row_index("i").with_columns(session_date=pl.col("day").dt.strftime("%Y%m%d").cast(pl.Int32))
    money = 100_000.0 + pl.col("i").cast(pl.Float64)
    pl.DataFrame(schema=EQUITY_SCHEMA).vstack(days.select(
        ts=pl.col("day").cast(pl.Datetime("ns")).cast(pl.Int64), session_date="session_date", kind=pl.lit("session"), equity_usd=money, cash_usd=money,
        in_market_minutes=pl.lit(0, pl.Int64), session_minutes=pl.lit(390, pl.Int64))).write_parquet(run / "equity.parquet")
    out = write_report(run, None, tmp_path / "page.html")
    dom, said = dumped(out, tmp_path / "browser")
    assert said == [] and days.height > 6_000
    assert f'data-seen="0 to {days.height - 1} of {days.height}"' in dom
