"""The page of a run: what stands on it, what must not, how large it is."""

import base64
import hashlib
import json
import re
import time
import zlib
from html.parser import HTMLParser

import pytest

from pse.domain.errors import DamagedTable
from pse.reports.html import write_report
from pse.research.judged import judged
from tests.reports.make_run import make_run

CORPUS = ("<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "{{ 7*7 }}", "javascript:alert(1)",
          "' onmouseover='alert(1)", "<!--", "]]>", "&lt;b&gt;", "$\\frac{1}{0}$", "<svg/onload=alert(1)>", "style=\"x\" id=\"y\"", "=cmd|' /C calc'!A0")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run, bars = make_run(folder, sessions=80, edge=0.4)
    return run, bars, write_report(run, loader(bars), folder / "page.html").read_text("utf-8")


class Elements(HTMLParser):
    """What a parser finds on the page: tags, attribute names, words."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.scripts = set(), set(), [], 0

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.scripts += tag == "script"

    def handle_data(self, data):
        self.words.append(data)


def loader(bars):
    return lambda symbol, start, end: bars.between(start, end)


def packed(text, name="data"):
    found = re.search(rf'<script type="application/octet-stream" id="{name}">([^<]*)</script>', text)
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


def test_the_page_names_symbol_desk_window_and_says_synthetic(page):
    _, _, text = page
    title = re.search("<title>(.*?)</title>", text)[1]
    assert "ES" in title and "futures-smc" in title and "2013-12-04" in title and "synthetic" in title
    assert "Synthetic data: the bars of this run were made by a random generator" in text


def test_real_data_has_no_synthetic_banner(tmp_path):
    run, bars = make_run(tmp_path, sessions=25, synthetic=False)
    text = write_report(run, loader(bars), tmp_path / "page.html").read_text("utf-8")
    assert "ynthetic" not in re.sub(r"<(script|style|pre)\b.*?</\1>", "", text, flags=re.S)


def test_every_trade_is_on_the_page_with_its_numbers(page):
    run, _, text = page
    import polars as pl

    trades, data = pl.read_parquet(run / "trades.parquet").sort("ts_entry", "trade_id"), packed(text)
    columns = data["trades"]
    assert len(columns["entry_s"]) == trades.height and len(data["candles"]["row"]) == trades.height
    assert columns["r_net"] == pytest.approx(trades["r_net"].round(3).to_list())
    assert [columns["exit_reason"]["values"][code] for code in columns["exit_reason"]["codes"]] == trades["exit_reason"].to_list()
    assert columns["target2"] == [None] * trades.height
    assert data["evidence"]["0"]["facts"][0] == ["break_level", "1800.25"]


def test_equity_times_rise_strictly(page):
    data = packed(page[2])
    for kind in ("session", "trade"):
        times = data["equity"][kind]["t"]
        assert all(a < b for a, b in zip(times, times[1:], strict=False)) and len(times) == len(data["equity"][kind]["e"])
    assert len(data["equity"]["session"]["t"]) == 80


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_page(page):
    text = page[2]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    inline = re.findall(r"<script>(.*?)</script>", text, re.S), re.findall(r"<style>(.*?)</style>", text, re.S)
    hashes = {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for parts in inline for part in parts}
    assert set(re.findall(r"sha256-([^']+)", policy)) == hashes and len(hashes) == 3
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_nothing_on_the_page_asks_the_network(page):
    markup = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page[2], flags=re.S)
    assert not re.findall(r'\b(?:src|srcset|data|poster|action)\s*=|<(?:link|iframe|object|embed|base|form|img)\b|url\((?!#)', markup)
    assert set(re.findall(r'href="([^"#][^"]*)"', markup)) == {"https://www.tradingview.com/"}
    assert " style=" not in markup and not re.findall(r"\son[a-z]+=", markup)


@pytest.mark.parametrize("text", CORPUS)
def test_text_of_others_stays_text(tmp_path, text):
    run, bars = make_run(tmp_path, sessions=25, text=text)
    page = write_report(run, loader(bars), tmp_path / "page.html").read_text("utf-8")
    seen = Elements()
    seen.feed(page)
    assert not seen.tags & {"img", "iframe", "object", "base", "form", "link"} and seen.scripts == 4
    assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
    assert "svg/onload=alert(1)" not in seen.tags and text in "".join(seen.words)
    data = packed(page)
    assert data["trades"]["exit_reason"]["values"] == [text]


def test_a_run_without_trades_says_why_and_shows_no_return(tmp_path):
    run, bars = make_run(tmp_path, sessions=20, a_session=0)
    text = write_report(run, loader(bars), tmp_path / "page.html").read_text("utf-8")
    assert "No trades" in text and "the gates said no 92 times, most often rr (41)" in text
    shown = re.sub(r"<details>.*?</details>", "", text, flags=re.S)
    assert not re.search(r"Sharpe ratio, a year|Net result|class=\"cards\"", shown) and "<script" not in text
    assert len(text) < 100_000


def test_a_page_without_stored_bars_still_lists_the_trades(tmp_path):
    run, _ = make_run(tmp_path, sessions=30)
    text = write_report(run, None, tmp_path / "page.html").read_text("utf-8")
    assert packed(text)["candles"]["row"] == [] and "candles are kept for no trade" in text


def test_equal_runs_give_equal_pages(tmp_path):
    run, bars = make_run(tmp_path, sessions=30)
    pages = [write_report(run, loader(bars), tmp_path / f"{i}.html").read_bytes() for i in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.slow
def test_a_million_bars_take_under_two_megabytes_and_five_seconds(tmp_path):
    run, bars = make_run(tmp_path, sessions=760, a_session=4.0)
    started = time.process_time()
    out = write_report(run, loader(bars), tmp_path / "page.html")
    assert time.process_time() - started < 5.0 and out.stat().st_size < 2_000_000 and len(bars) > 1_000_000


def test_a_damaged_table_is_named(tmp_path):
    run, bars = make_run(tmp_path, sessions=20)
    (run / "trades.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DamagedTable, match=r"trades\.parquet"):
        write_report(run, loader(bars), tmp_path / "page.html")


def test_the_carried_library_is_the_published_one():
    from importlib.resources import files

    assets = files("pse.reports") / "assets"
    digest = hashlib.sha256((assets / "lightweight-charts.standalone.production.js").read_bytes()).hexdigest()
    assert digest == "e21cc5caa0226ef30bd8549c50b9ef926615f2a4ee6b4e486353477a55f598cf"          # npm lightweight-charts 5.2.1
    assert digest in (assets / "README.md").read_text() and "Apache License" in (assets / "LICENSE").read_text()


def judged_page(tmp_path, a_session):
    """A page of a run whose judge was asked once and held."""
    run, bars = make_run(tmp_path, 20, a_session)
    lines = [("DELIBERATION", {"by": "agents", "outcome": "DECIDED", "codes": [], "passes": []}),
             ("DECISION", {"verdict": "HOLD", "decision": "HOLD", "reason": "HOLD"})]
    metrics = json.loads((run / "metrics.json").read_text()) | {"judged": judged(lines, "three-pass", {"own": "local:llama"})}
    (run / "metrics.json").write_text(json.dumps(metrics))
    return write_report(run, loader(bars), tmp_path / "page.html").read_text()


def test_a_judged_run_without_a_trade_has_its_judges_on_the_page(tmp_path):
    text = judged_page(tmp_path, 0)
    assert 'href="#worth"' in text and '<section id="worth">' in text and "The models said HOLD 1." in text


def test_a_judged_run_is_not_sent_to_a_command_that_refuses_it(tmp_path):
    text = judged_page(tmp_path, 1.5)
    assert "One fill rule" in text and "--fills envelope" not in text and '<section id="worth">' in text
