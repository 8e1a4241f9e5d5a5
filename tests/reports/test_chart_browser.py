"""The chart's page in a real browser: it draws without a complaint, its keys work, its list tells what it draws."""

import dataclasses
import re

import pytest

from pse.reports.chart_page import render_chart
from tests.features.made import minutes
from tests.reports.browser import dumped
from tests.reports.test_chart_page import view_of

pytestmark = pytest.mark.browser


def without_scripts(dom):
    return re.sub(r"<script.*?</script>", "", dom, flags=re.S)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_is_drawn_without_a_complaint(tmp_path, theme):
    page = tmp_path / "chart.html"
    page.write_text(render_chart(view_of(minutes(11, 2), 60, features=("rsi", "ema")), theme), "utf-8")
    dom, said = dumped(page, tmp_path / "browser")
    shown = without_scripts(dom)
    assert said == [] and 'data-ready="yes"' in dom and "could not be drawn" not in shown
    assert re.search(r'<div id="chart".*?<canvas', shown, re.S)
    legend = re.search(r'<div id="legend"[^>]*>(.*?)</div>', shown, re.S)[1]
    assert "UTC)" in legend and "rsi" in legend and "ema" in legend
    layers = re.search(r'<div id="layers"[^>]*>(.*?)</div>', shown, re.S)[1]
    assert layers.count('aria-pressed="true"') >= 6 and 'aria-pressed="false"' in layers


def test_text_of_others_does_not_run_in_the_browser(tmp_path):
    nasty = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    view = view_of(minutes(3, 1))
    page = tmp_path / "chart.html"
    page.write_text(render_chart(dataclasses.replace(view, run_id=nasty, notes=(nasty,),
                                                     shapes=[dataclasses.replace(one, note=nasty, label=nasty) for one in view.shapes])), "utf-8")
    dom, said = dumped(page, tmp_path / "browser")
    assert said == [] and "<title>owned" not in dom and 'data-ready="yes"' in dom
