"""The page of a walk-forward in a real browser, as wide as a desk's screen and as narrow as a telephone."""

import re

import pytest

from pse.reports.walkforward import write_walkforward
from tests.reports.browser import dumped
from tests.reports.made_wfo import make_wfo

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("wanted", [{"empty_fold": 1}, {"parameters": 10, "candidates": 30}, {"parameters": 1, "candidates": 5, "nulls": False}])
def test_nothing_scrolls_sideways_and_nothing_complains(tmp_path, width, wanted):
    out = write_walkforward(make_wfo(tmp_path / "run", sessions=252, folds=4, **wanted), tmp_path / "page.html")
    dom, said = dumped(out, tmp_path / "browser", width=width)
    wide, of = map(int, re.search(r'data-wide="(\d+) of (\d+)"', dom).groups())
    assert said == [] and wide <= of <= width
    first, last, count = map(int, re.search(r'data-seen="(\d+) to (\d+) of (\d+)"', dom).groups())
    assert (first, last) == (0, count - 1)


def test_text_of_others_does_not_run_and_the_equity_is_drawn(tmp_path):
    text = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"
    out = write_walkforward(make_wfo(tmp_path / "run", sessions=252, folds=3, candidates=6, text=text), tmp_path / "page.html")
    dom, said = dumped(out, tmp_path / "browser")
    assert said == [] and "<title>owned" not in dom and 'data-ready="yes"' in dom and re.search(r'<div id="equity".*?<canvas', dom, re.S)
