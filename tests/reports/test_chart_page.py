"""The chart's page and picture: self-contained, true to the bars, the same every time."""

import base64
import dataclasses
import hashlib
import json
import re
import zlib

import numpy as np
import pytest

from pse.features.build import FeatureSpec
from pse.features.feature import Market
from pse.kernels.contract import NEVER
from pse.reports.chart_page import render_chart
from pse.reports.chart_picture import draw
from pse.reports.chart_view import TradeMark, chart_view, layer_names
from tests.features.made import future, minutes

SPEC = FeatureSpec().together()


def view_of(bars, first=0, until=None, features=(), **changes):
    known = Market(bars, future(), until).at("5m")
    layers, on = layer_names(None, False)
    return dataclasses.replace(chart_view(known, first, SPEC, layers, on, features, at_ns=until), **changes)


@pytest.fixture(scope="module")
def view():
    return view_of(minutes(11, 2), 60, features=("rsi", "atr"))


def packed(text):
    found = re.search(r'id="data">([^<]*)<', text)[1]
    return json.loads(zlib.decompress(base64.b64decode(found)))


def prices(steps, unit):
    found, at = [], 0
    for step in steps:
        at += step or 0
        found.append(np.nan if step is None else at * unit)
    return np.array(found)


def test_the_page_holds_the_bars_to_the_tick(view):
    data = packed(render_chart(view))
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(prices(data[name], data["unit"]), getattr(view.bars, name), atol=1e-9)
    assert np.cumsum(data["t"]).tolist() == (view.bars.ts_open // 10**9).tolist() and data["unit"] == 0.25
    assert data["volume"] == view.bars.volume.astype(int).tolist()
    assert [line["name"] for line in data["lines"] if line["pane"]][:1] == ["rsi"]
    assert len(data["shapes"]) == len(view.shapes) and all(len(line["values"]) == len(view.bars) for line in data["lines"])


def test_bars_without_a_price_stay_empty():
    bars = minutes(3, 1)
    for column in (bars.open, bars.high, bars.low, bars.close):
        column[500:510] = np.nan
    data = packed(render_chart(view_of(bars)))
    assert data["close"][100:102] == [None, None] and data["close"][102] is not None


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_page(view):
    text = render_chart(view)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    inline = re.findall(r"<script>(.*?)</script>", text, re.S), re.findall(r"<style>(.*?)</style>", text, re.S)
    hashes = {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for parts in inline for part in parts}
    assert set(re.findall(r"sha256-([^']+)", policy)) == hashes and len(hashes) == 3
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_nothing_on_the_page_asks_the_network_and_nothing_runs_inline(view):
    markup = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", render_chart(view), flags=re.S)
    assert not re.findall(r'\b(?:src|srcset|poster|action)\s*=|<(?:link|iframe|object|embed|base|form|img)\b|url\(', markup)
    assert set(re.findall(r'href="([^"#][^"]*)"', markup)) == {"https://www.tradingview.com/"}
    assert " style=" not in markup and not re.findall(r"\son[a-z]+=", markup)


def test_names_of_others_stay_text(view):
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    text = render_chart(dataclasses.replace(view, instrument=view.instrument.model_copy(update={"name": nasty}), run_id=nasty, notes=(nasty,)))
    assert "<img" not in text and text.count("<script") == 3 and "&lt;img" in text


@pytest.mark.slow
def test_equal_views_give_equal_pages_and_pictures(view):
    assert render_chart(view) == render_chart(view) and draw(view) == draw(view)
    assert draw(view, "dark") != draw(view)


def test_five_days_of_five_minutes_are_a_small_page():
    assert len(render_chart(view_of(minutes(2, 5)))) < 600_000


def test_a_view_as_known_says_so_and_names_no_later_moment():
    bars = minutes(11, 2)
    until = int(bars.ts_close[900])
    text = render_chart(view_of(bars, until=until))
    data, past = packed(text), (until - int(bars.ts_open[0])) // (5 * 60 * 10**9)
    assert "As known at" in text and len(data["t"]) == past
    for shape in data["shapes"]:
        assert shape[10] < past and (shape[5] is None or shape[5] < past) and all(at < past for _, at in shape[11])


def test_a_picture_is_a_png_that_says_who_wrote_it(view):
    found = draw(view)
    assert found[:8] == b"\x89PNG\r\n\x1a\n" and b"Software\x00pse " in found[:4096] and len(found) < 1_500_000


@pytest.mark.parametrize("count", [1, 2, 40])
def test_few_bars_are_drawn_too(count):
    bars = minutes(4, 1)
    until = int(bars.ts_close[5 * count - 1])
    view = view_of(bars, until=until)
    assert len(view.bars) == count and draw(view)[:4] == b"\x89PNG" and len(packed(render_chart(view))["t"]) == count


def test_trades_stand_at_their_bars_and_open_ones_tell_no_exit(view):
    done = TradeMark(20, 30, 4000.0, 4004.0, 3998.0, 4004.0, 1, "long 1 ES, DAS 2.1", "+2.00 R by TP1", True)
    going = TradeMark(40, None, 4000.0, float("nan"), 4002.0, 3996.0, -1, "short 1 ES, DAS 2.1", "open", False)
    with_trades = dataclasses.replace(view, layers=(*view.layers, "trades"), on=(*view.on, "trades"), trades=[done, going])
    data = packed(render_chart(with_trades))
    assert [one["exit"] for one in data["trades"]] == [30, None] and data["trades"][1]["exit_price"] is None
    assert draw(with_trades) != draw(view)


def test_missing_sessions_are_marked_and_said_and_names_have_a_key():
    bars = minutes(11, 6)
    view = view_of(bars[np.flatnonzero((bars.session == 0) | (bars.session == 5))], stored="ES 1m")
    text = render_chart(view)
    assert packed(text)["holes"] == [[276, 4]] and "Not stored: 4 sessions before 11 Mar 2021." in text and "from stored ES 1m bars" in text
    assert "priority, 1.00 highest" in text and "grade of the break" in text
    whole = render_chart(view_of(minutes(11, 2)))
    assert packed(whole)["holes"] == [] and "Not stored" not in whole
    assert draw(view) != draw(dataclasses.replace(view, bars=dataclasses.replace(view.bars, session=np.minimum(view.bars.session, 1))))


def test_what_is_not_drawn_at_first_sight_is_in_the_page_and_said(view):
    text = render_chart(view)
    minor = [shape for shape in packed(text)["shapes"] if shape[13]]
    assert minor and "Left out at first sight" in text and all(note in text for note in view.notes)
    assert all(one.last == NEVER or one.last < len(view.bars) for one in view.shapes)
