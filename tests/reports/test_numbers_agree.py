"""Every number that the page shows in words and tables stands in metrics.json or among the trades: the page works nothing out."""

import json
import re

import pytest

from pse.reports.html import render
from pse.reports.view import read_run
from pse.reports.words import MINUS, in_r, money, plain, share, whole
from tests.reports.make_run import make_run

SECTIONS = ("headline", "months", "groups", "costs")
NUMBER = re.compile(r"[+\u2212]?\d+(?:,\d{3})*(?:\.\d+)?")


def leaves(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def ways(value):
    """A number as the page may write it."""
    for one in (value, -value):                                                     # costs are written as what they take away
        yield from (money(one), in_r(one), whole(one), *(plain(one, digits) for digits in range(4)), *(share(one, digits) for digits in range(3)), f"{one:.6g}")


def shown(page, section):
    part = re.search(rf'<section id="{section}".*?</section>', page, re.S)[0]
    part = re.sub(r"<svg.*?</svg>", "", part, flags=re.S)
    titles = " ".join(re.findall(r' title="([^"]*)"', part))
    return NUMBER.findall(re.sub(r"95 %|<[^>]+>", " ", part) + " " + titles)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run, _ = make_run(tmp_path_factory.mktemp("run"), sessions=300, a_session=1.0, edge=0.2)
    return run, read_run(run)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_shown_is_one_of_the_figures(made, section):
    run, view = made
    known = {NUMBER.search(text)[0] for value in leaves(json.loads((run / "metrics.json").read_text())) for text in ways(value) if NUMBER.search(text)}
    keys = {key for groups in view.metrics.values() if isinstance(groups, dict) for key in groups}
    words = {number for key in keys for number in NUMBER.findall(key)} | {"2013", "2014", "2015"}
    method = {"2,000", plain(view.metrics["method"]["block_sessions"], 1)}
    found = shown(render(view, None), section)
    strangers = {number for number in found if number.lstrip("+" + MINUS) not in {one.lstrip("+" + MINUS) for one in known | words | method}}
    assert not strangers and len(found) > 5


def test_every_group_on_the_page_is_the_group_of_the_figures(made):
    _, view = made
    page = render(view, None)
    for kind in ("tactic", "grade", "direction", "exit", "mcs", "weekday", "month", "year"):
        for name, group in view.metrics[f"by_{kind}"].items():
            told = re.escape(name.replace("_", "_<wbr>") or "none")
            row = re.search(rf'<th scope="row"[^>]*>{told}</th><td class="num">{whole(group["trades"])}</td>.*?</tr>', page)[0]
            assert f">{money(group['net_usd'])}</td>" in row and f">{money(group['fees_usd'])}</td>" in row and f">{plain(group['total_r'], 1)}</td>" in row
            assert f">{plain(group['profit_factor'])}</td>" in row and f">{share(group['win_rate'], 0)}</td>" in row


def test_the_trades_on_the_page_add_up_to_its_figures(made):
    from tests.reports.test_html import packed

    _, view = made
    columns = packed(render(view, None))["trades"]
    cents = sum(round(100 * value) for value in columns["net_usd"])
    assert cents == round(100 * view.metrics["net_usd"]) and len(columns["net_usd"]) == view.metrics["trades"]
    for kind, column in (("grade", "grade"), ("exit", "exit_reason"), ("mcs", "mcs")):
        names = [columns[column]["values"][code] for code in columns[column]["codes"]]
        for name, group in view.metrics[f"by_{kind}"].items():
            assert sum(round(100 * net) for net, own in zip(columns["net_usd"], names, strict=True) if own == name) == round(100 * group["net_usd"])
