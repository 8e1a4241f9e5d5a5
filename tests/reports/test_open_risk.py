"""The page tells what was open at the worst moment and just before the end; a run without such a record has no such section."""

import json

from pse.reports.html import render
from pse.reports.open_risk import page_part
from pse.reports.view import read_run
from pse.reports.words import price
from tests.reports.make_run import make_run

POSITION = {"contract": "ES", "direction": "LONG", "tactic": "mss_fvg_retest", "held": 2.0, "working": 0.0, "entry": 5000.25,
            "price": 95.73000335693359, "stop": 4995.0, "target": None, "unrealised_usd": 125.0,
            "risk_usd": 650.0, "risk_r": 1.2380952, "notional_usd": 500_150.0}
ACCOUNT = {"ts": 1_704_103_200_000_000_000, "equity_usd": 100_000.0, "open_risk_usd": 650.0, "gross_usd": 500_150.0, "net_usd": 500_150.0, "var95_usd": None,
           "es975_usd": None, "positions": [POSITION],
           "uses": [{"limit": "limits.max_concurrent_risk", "what": "open risk", "used": 0.0065, "allowed": 0.05, "left_usd": 4350.0, "kind": "share"}]}


def test_a_price_has_the_decimals_of_its_quote():
    told = {5002.25: "5,002.25", 95.73000335693359: "95.73", 102345.67: "102,345.67", 1.08125: "1.08125", 0.00001235: "0.00001235", 5000.0833333: "5,000.083",
            -37.63: "\u221237.63", None: "–"}
    assert {value: price(value) for value in told} == told


def test_what_was_open_stands_on_the_page_with_what_the_limits_left(tmp_path):
    folder, _ = make_run(tmp_path)
    assert "Open risk</h2>" not in render(read_run(folder), None)
    (folder / "portfolio.json").write_text(json.dumps({"worst": ACCOUNT, "last": {**ACCOUNT, "ts": ACCOUNT["ts"] - 1, "positions": [], "open_risk_usd": 0.0}}))
    view = read_run(folder)
    worst, last = page_part(view)
    assert dict(worst["figures"])["Open risk"] == "650 (0.65 %)"
    assert worst["limits"] == [("open risk", "0.65 %", "5.00 %", "4,350", "limits.max_concurrent_risk")]
    assert worst["positions"][0][8:12] == ("–", "125", "650", "+1.24 R") and not last["open"]
    assert worst["positions"][0][5:8] == ("5,000.25", "95.73", "4,995")
    assert (worst["when"], last["when"]) == ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z")
    page = render(view, None)
    assert "The moment of the largest open risk" in page and "Nothing was open." in page and 'href="#open-risk"' in page
