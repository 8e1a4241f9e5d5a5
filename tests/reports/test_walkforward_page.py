"""The page of a walk-forward: the verdict first, every figure with its series, nothing that asks the network, nobody's text as markup."""

import base64
import copy
import hashlib
import json
import re
import zlib

import pytest

from pse.domain.errors import DamagedTable
from pse.reports.walk import Walk, read_walk
from pse.reports.walk_heat import heat_tables, value_lists
from pse.reports.walkforward import render, write_walkforward
from tests.reports.made_wfo import make_wfo
from tests.reports.test_html import CORPUS, Elements

ORDER = ("verdict", "now", "equity-part", "folds", "decay", "parameters", "trials", "pbo", "random", "paths", "intervals", "court", "when", "stability",
         "made", "terms")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_wfo(tmp_path_factory.mktemp("walk"), empty_fold=2)


@pytest.fixture(scope="module")
def walk(folder):
    return read_walk(folder)


@pytest.fixture(scope="module")
def page(walk):
    return render(walk)


def shown(page):
    """The words of a page, scripts and styles left out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.S)))


def changed(walk, **parts):
    return Walk(copy.deepcopy(walk.wfo) | parts, walk.manifest)


def small(objective="sharpe", values=((1, 1.0), (1, 3.0), (1, 8.0), (2, -1.0), (2, 0.5)), chosen=1):
    """Five configurations of two parameters, with their objective."""
    params = [{"risk.a": a, "risk.b": b} for (a, _), b in zip(values, (10, 10, 10, 10, 20), strict=True)]
    scores = [score for _, score in values]
    candidates = [{"params": p, "whole": {"sharpe": s}, "objective": {"whole": s}} for p, s in zip(params, scores, strict=True)]
    keys = [{"key": "risk.a"}, {"key": "risk.b"}]
    return Walk({"objective": objective, "candidates": candidates, "chosen": {"params": params[chosen]}, "parameters": keys}, {})


# --- what stands there ---------------------------------------------------------------------------------------------------------------------------


def test_the_parts_stand_in_the_order_in_which_a_sceptic_asks(page):
    assert tuple(re.findall(r'<section id="([a-z-]+)"', page)) == ORDER
    assert re.findall(r'<a href="#([a-z-]+)"', page) == list(ORDER)


def test_the_verdict_box_says_verdict_clause_measured_and_needed(walk, page):
    box = shown(re.search(r'<section id="verdict".*?</section>', page, re.S)[0])
    clause = walk.court["clause"]
    assert walk.verdict in box and clause["text"] in box.replace("&#39;", "'") and "◀" not in box
    decided = re.search(r'<tr class="decided">(.*?)</tr>', page, re.S)[1]
    found = next(one for one in walk.court["clauses"] if one["code"] == clause["code"])
    assert f'{found["measured"]:.3f}' in decided and "≥ 0.5" in decided and found["series"] in decided
    assert box.count(" failed ") + box.count(" held ") + box.count(" does not apply ") >= len(walk.court["clauses"])


def test_a_clause_without_evidence_is_not_known_and_one_that_does_not_apply_says_so(walk):
    court = copy.deepcopy(walk.court)
    court["clauses"][0] |= {"passed": None, "applies": True}
    court["clauses"][1] |= {"passed": None, "applies": False}
    text = render(changed(walk, court=court))
    marks = re.findall(r'<td class="mark ([a-z]+)">([a-z ]+)</td>', text)
    assert marks[:2] == [("unknown", "not known"), ("unknown", "does not apply")]


def test_a_fold_that_traded_nothing_is_shown_with_the_reason(page):
    row = re.findall(r"<tr><th scope=\"row\">3</th>.*?</tr>", page, re.S)[0]
    assert "no configuration reached 10 trades in the train window" in row and '<td class="num">0</td>' in row
    assert packed(page)["names"][2] == "3 (no trade)"


def packed(text):
    return json.loads(zlib.decompress(base64.b64decode(re.search(r'id="data">([^<]*)<', text)[1])))


def test_the_equity_on_the_page_is_the_stitched_one_with_its_borders(walk, page):
    data, stitched = packed(page), walk.stitched
    assert data["e"] == pytest.approx(stitched["equity"]) and data["own"] == pytest.approx(stitched["own"]["equity"])
    assert data["pessimistic"] == pytest.approx(stitched["pessimistic"]["equity"])
    assert [stitched["fold"][place] for place in data["borders"]] == [1, 2, 3, 4, 5, 6] and data["borders"][0] == 0
    assert all(a < b for a, b in zip(data["t"], data["t"][1:], strict=False)) and data["t"][0] % 86_400 == 0


def test_every_figure_of_the_court_stands_with_its_series_and_convention(walk, page):
    table = re.search(r'<table class="figures">.*?</table>', page, re.S)[0]
    assert table.count("<tr>") == 1 + len(walk.court["figures"])
    assert "2014" in table and "2025" in table and "stitched out-of-sample series" in table


def test_the_choice_stands_beside_the_desks_own_and_as_a_command(walk, page):
    part = re.search(r'<section id="now">.*?</section>', page, re.S)[0]
    for key, value in walk.chosen.items():
        assert f"<code>--set desks.futures-smc.{key}={value}</code>" in part
    assert "this is what the procedure says now" in shown(part).lower()


def test_synthetic_data_are_said_and_real_ones_are_not(walk, page):
    assert "made by a random generator" in page
    assert "ynthetic" not in shown(render(changed(walk, synthetic=False)))


def test_the_sealed_end_is_shown_once_it_was_opened(walk, page):
    figures = walk.candidates[0]["whole"]
    opened = {"opened": "2026-12-01T00:00:00Z", "window": {"start": "2020-12-09", "end": "2021-03-01"}, "figures": figures, "own": figures, "trials_before": 7}
    text = shown(render(Walk(walk.wfo, walk.manifest, opened)))
    assert "opened 2026-12-01T00:00:00Z" in text and "7 configurations of the ledger had looked at this time already" in text
    assert "The sealed end, 2020" not in page


def test_what_the_court_could_not_measure_is_said_and_leaves_no_empty_picture(walk):
    court = walk.court | dict.fromkeys(("random_entries", "monte_carlo", "haircut", "spa", "bootstrap", "regimes", "years", "plateau", "stability", "decay"))
    court["pbo"] = {"value": None, "why": "too few sessions"}
    text = render(changed(walk, court=court))
    said = shown(text)
    assert "None were drawn" in said and "Too few trades out of sample" in said and "Not computed: too few sessions" in said and "Nothing was traded" in said
    assert 'aria-label="random"' not in text and "None</td>" not in text and "nan" not in said.lower().split()


# --- parameters ----------------------------------------------------------------------------------------------------------------------------------


def test_a_cell_is_the_median_of_the_configurations_with_both_values():
    table = heat_tables(small())["open"][0]
    cells = {(row["name"], column): cell for row in table["rows"] for column, cell in zip(table["columns"], row["cells"], strict=True)}
    assert table["down"] == "risk.a" and cells["1", "10"]["text"] == "3.00"                          # median of 1, 3 and 8
    assert cells["1", "10"]["title"] == "median of 3 configurations, 1.00 to 8.00" and cells["1", "20"]["text"] == ""
    assert cells["2", "20"]["text"] == "0.50" and cells["1", "10"]["marks"] == "chosen own" and cells["2", "10"]["marks"] == ""
    assert cells["1", "10"]["heat"] == "heat-p2" and cells["2", "10"]["heat"] == "heat-n1"           # 3 of 8 and -1 of 8, in quarters


def test_a_profit_factor_is_good_above_one_not_above_nothing():
    cells = [cell for row in heat_tables(small("profit_factor"))["open"][0]["rows"] for cell in row["cells"] if cell["text"] == "0.50"]
    assert cells and cells[0]["heat"].startswith("heat-n")


def test_many_values_are_cut_into_a_few_parts():
    params = [{"risk.a": 1.0 + i, "risk.b": i % 2} for i in range(60)]
    candidates = [{"params": p, "whole": {}, "objective": {"whole": 1.0}} for p in params]
    table = heat_tables(Walk({"candidates": candidates, "parameters": [{"key": "risk.a"}, {"key": "risk.b"}]}, {}))["open"][0]
    assert [row["name"] for row in table["rows"]] == ["1 to 10.8", "10.8 to 20.7", "20.7 to 30.5", "30.5 to 40.3", "40.3 to 50.2", "50.2 to 60"]
    assert [row["cells"][0]["title"] for row in table["rows"]] == ["median of 5 configurations, 1.00 to 1.00"] * 6


def test_words_are_listed_and_not_drawn_as_numbers():
    walk = small()
    for one, mode in zip(walk.candidates, ("fast", "slow", "slow", "fast", "slow"), strict=True):
        one["params"] = {"risk.mode": mode, "risk.on": mode == "slow"}
    walk.wfo["chosen"] = {"params": walk.candidates[1]["params"]}
    lists = value_lists(walk)
    assert heat_tables(walk)["open"] == [] and [one["name"] for one in lists] == ["mode", "on"]
    rows = [(row["value"], row["median"], row["best"], row["chosen"]) for row in lists[0]["rows"]]
    assert rows == [("fast", "0.00", "1.00", False), ("slow", "3.00", "8.00", True)]


def test_one_parameter_is_a_line_and_ten_are_forty_five_tables(walk, tmp_path):
    tries = copy.deepcopy(walk.candidates)
    for i, one in enumerate(tries):
        one["params"] = {f"risk.p{k}": (i * (k + 1) + i // 7) % 7 for k in range(10)}
    ten = render(changed(walk, candidates=tries, chosen={"params": tries[0]["params"]}, parameters=[{"key": f"risk.p{k}"} for k in range(10)]))
    assert ten.count('<table class="heat">') == 45 and "<summary>41 more pairs</summary>" in ten and 'aria-label="parameter"' not in ten
    for one in tries:
        one["params"] = {"risk.p0": one["params"]["risk.p0"]}
    alone = render(changed(walk, candidates=tries, chosen={"params": tries[0]["params"]}, parameters=[{"key": "risk.p0"}]))
    assert 'aria-label="parameter"' in alone and '<table class="heat">' not in alone


# --- laws of every page --------------------------------------------------------------------------------------------------------------------------


def test_equal_runs_give_equal_pages(folder, walk, page, tmp_path):
    assert write_walkforward(folder, tmp_path / "page.html").read_text("utf-8") == page == render(walk)


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_page(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    inline = re.findall(r"<script>(.*?)</script>", page, re.S) + re.findall(r"<style>(.*?)</style>", page, re.S)
    assert set(re.findall(r"sha256-([^']+)", policy)) == {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in inline}
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_nothing_on_the_page_asks_the_network(page):
    markup = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.S)
    assert not re.findall(r'\b(?:src|srcset|poster|action)\s*=|<(?:link|iframe|object|embed|base|form|img|image)\b|url\((?!#)', markup)
    assert set(re.findall(r'href="([^"#][^"]*)"', markup)) == {"https://www.tradingview.com/"}
    assert " style=" not in markup and not re.findall(r"\son[a-z]+=", markup)


def test_text_of_others_stays_text(tmp_path):
    text = " ".join(CORPUS)
    page = render(read_walk(make_wfo(tmp_path, text=text, candidates=8, sessions=252, folds=3)))
    seen = Elements()
    seen.feed(page)
    assert not seen.tags & {"img", "iframe", "object", "base", "form", "link", "svg/onload=alert(1)"} and seen.scripts == 3
    assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
    assert text in "".join(seen.words)


def test_a_thousand_configurations_in_twelve_folds_take_under_two_megabytes(walk):
    tries = [copy.deepcopy(one) | {"id": f"{i:016x}"} for i in range(40) for one in walk.candidates]
    for i, one in enumerate(tries):
        one["params"] = {key: round(0.001 * i * (place + 1), 3) for place, key in enumerate(one["params"])}
    page = render(changed(walk, candidates=tries, folds=walk.folds * 2))
    assert len(tries) == 1_000 and len(page.encode()) < 2_000_000


def test_a_missing_document_is_named(tmp_path):
    with pytest.raises(DamagedTable, match=r"wfo\.json"):
        write_walkforward(tmp_path, tmp_path / "page.html")
