"""Every figure of a run is explained in words on its page."""

import json
import re

from pse.reports.html import render
from pse.reports.sections import figures
from pse.reports.view import read_run
from pse.reports.words import money, plain, share
from tests.reports.make_run import make_run


def test_every_figure_on_the_page_is_defined_in_a_line_of_words(tmp_path):
    view = read_run(make_run(tmp_path, sessions=30)[0])
    page = render(view, None)
    told = re.search(r"How the figures are defined</summary>(.*?)</details>", page, re.S)[1]
    meanings = dict(re.findall(r"<dt>(\w+)</dt><dd>([^<]+)</dd>", told))
    assert set(meanings) == {name for name, _, _ in figures(view.metrics)}
    assert all(len(text.split()) >= 3 and text.endswith(".") and "\n" not in text for text in meanings.values())


def test_the_conventions_are_sentences_and_name_the_intervals(tmp_path):
    many, none = (render(read_run(make_run(tmp_path / name, sessions=30, a_session=a_session)[0]), None) for name, a_session in (("a", 1.5), ("b", 0)))
    assert "2,000 resamples of whole sessions" in many and "A year has 252 sessions" in many and "America/Chicago" in many
    assert "no bootstrap: it needs 20 sessions" in none and "psr_convention" not in many


def test_a_run_of_few_trades_says_so_in_place_of_the_histogram(tmp_path):
    run, _ = make_run(tmp_path, sessions=60, a_session=0.1)
    view = read_run(run)
    assert view.trades.height >= 5 and "too few for a picture" not in render(view, None)
    view.trades.head(3).write_parquet(run / "trades.parquet")
    (run / "metrics.json").write_text(json.dumps(view.metrics | {"trades": 3}))
    page = render(read_run(run), None)
    assert "3 trades with a result in R: too few for a picture" in page and 'aria-label="distribution"' not in page


def test_what_rounds_to_nothing_has_no_minus():
    assert (money(-1e-9), plain(-0.001), share(-1e-6)) == ("0.00", "0.00", "0.0 %") and money(-0.01) == "\u22120.01"
