"""Pictures: what they hold, that they carry no inline style, and that they are the same every time."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pse.reports import charts

GROUPS = {"A": {"total_r": 3.5, "trades": 4}, "B": {"total_r": -1.0, "trades": 2}}


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(3)
    r = random.choice([-1.05, 1.9, 0.2], 3000)
    return {"distribution": charts.distribution(r), "excursions": charts.excursions(random.uniform(0, 1, 3000), random.uniform(0, 2, 3000), r),
            "bars": charts.bars_by("by_grade", GROUPS, "grade"), "refusals": charts.refusals({"rr": 3, "ev": 9})}


def test_pictures_are_well_formed_small_and_without_inline_style(pictures):
    for svg in pictures.values():
        ET.fromstring(svg)
        assert "style=" not in svg and "<style" not in svg and "<metadata" not in svg and len(svg) < 120_000
        assert not re.findall(r"#0[0-9]0[0-9]0[0-9]\b", svg)                       # no placeholder colour is left


def test_counts_stand_in_the_pictures(pictures):
    assert ">9</text>" in pictures["refusals"] and ">4</text>" in pictures["bars"]


def test_ids_of_two_pictures_do_not_meet(pictures):
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in pictures.values()]
    assert not ids[0] & ids[1] and not ids[2] & ids[3]
    for svg in pictures.values():
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
        assert {a or b for a, b in used} <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_the_same_numbers_draw_the_same_bytes(pictures):
    assert charts.refusals({"rr": 3, "ev": 9}) == pictures["refusals"]


@pytest.mark.parametrize("name", ["<b>", "$x^$", "a & b", "--"])
def test_any_name_can_stand_on_an_axis(name):
    assert ET.fromstring(charts.bars_by("by_x", {name: GROUPS["A"], "other": GROUPS["B"]}, name)).tag.endswith("svg")


def test_nothing_to_draw_is_no_picture():
    none = np.array([np.nan])
    assert charts.distribution(none) == "" and charts.excursions(none, none, none) == "" and charts.refusals({}) == "" and charts.bars_by("x", {}, "") == ""


def test_wild_results_are_gathered_at_the_ends():
    svg = charts.distribution(np.array([-40.0, 0.5, 0.5, 0.5, 300.0]))
    assert "the ends hold what lies beyond" in svg


def test_under_five_trades_there_is_no_histogram():
    assert charts.distribution(np.array([1.0, -1.0, 2.0, 0.5])) == "" and charts.distribution(np.array([1.0, -1.0, 2.0, 0.5, np.nan])) == ""
    assert charts.distribution(np.array([1.0, -1.0, 2.0, 0.5, 0.1])).startswith("<svg")
