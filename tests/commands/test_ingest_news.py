"""`pse ingest-news`: files and feeds, once and again, and what they say when they are wrong."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest

CSV = """published,title,summary,url
2024-04-29 15:40:25,Exchange hack drains wallets,"<p>Funds, gone</p>",https://example.org/1
2024-04-30 08:00:00,Quiet day,,https://example.org/2
"""
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Made News</title>
<item><title>Ban on mining</title><link>https://example.org/3</link><description>&lt;b&gt;x&lt;/b&gt;</description>
<pubDate>Mon, 29 Apr 2024 12:00:00 GMT</pubDate></item>
<item><title>No date</title></item></channel></rss>"""


@pytest.fixture
def news(tmp_path, pse):
    file = tmp_path / "news.csv"
    file.write_text(CSV)

    def read(*words):
        return pse("--home", tmp_path / "home", "--json", "ingest-news", *words)

    read.file, read.home = file, tmp_path / "home"
    return read


def rows(home, pse):
    return pse("--home", home, "--json", "sql", "SELECT known, title, summary, symbols, flags FROM news ORDER BY known, title").json["rows"]


def test_headlines_are_stored_once_with_their_flags(news, pse):
    one = news("--path", news.file, "--symbol", "BTCUSDT", "--tz", "UTC")
    two = news("--path", news.file, "--symbol", "BTCUSDT", "--tz", "UTC")
    assert (one.code, one.json["rows"], one.json["new_rows"], one.json["status"], one.json["flagged"]) == (0, 2, 2, "created", 1)
    assert (two.code, two.json["new_rows"], two.json["status"], two.json["version"]) == (0, 0, "unchanged", one.json["version"])
    assert rows(news.home, pse) == [["2024-04-29T15:40:25Z", "Exchange hack drains wallets", "Funds, gone", "BTCUSDT", "hack"],
                                    ["2024-04-30T08:00:00Z", "Quiet day", "", "BTCUSDT", ""]]


def test_a_plain_date_is_known_when_its_day_is_over_everywhere(news, pse):
    news.file.write_text("2024-04-29,https://example.org,Ban announced\nno time here\n")
    found = news("--path", news.file, "--columns", "date,url,headline")
    assert (found.json["quarantined"], found.json["first"], found.json["symbols"]) == (1, "2024-04-30T12:00:00Z", [])
    assert found.json["notes"] == ["1 of the headlines has a date without a time and counts as known when that day is over everywhere, at 12:00 UTC of the "
                                   "next day; --tz says whose day it is"]
    assert json.loads(Path(found.json["quarantine"]).read_text())["reason"] == "1 fields, expected 3"


def known_of(news, pse, text, *words):
    """Title to the moment it is known, of a CSV of times and titles."""
    news.file.write_text("published,title\n" + text)
    found = news("--path", news.file, *words)
    assert found.code == 0, found.json
    return {title: known for known, title, *_ in rows(news.home, pse)}, found.json


def test_a_plain_date_is_known_when_its_day_is_over_in_the_zone_that_is_told(news, pse):
    """New York is four hours behind UTC in April; on 10 March 2024 its day has 23 hours and ends at 04:00 UTC."""
    known, found = known_of(news, pse, "2024-04-29,April\n2024-03-10,March\n", "--tz", "America/New_York")
    assert known == {"April": "2024-04-30T04:00:00Z", "March": "2024-03-11T04:00:00Z"} and "by the clock of America/New_York" in found["notes"][0]


def test_a_day_of_a_fixed_offset_ends_by_it(news, pse):
    assert known_of(news, pse, "2024-04-29,x\n", "--tz", "+09:00")[0] == {"x": "2024-04-29T15:00:00Z"}


def test_a_day_without_a_midnight_begins_when_the_one_before_it_ends(news, pse):
    """Clocks of Sao Paulo went from 00:00 to 01:00 on 4 November 2018: the day before ended at 03:00 UTC."""
    assert known_of(news, pse, "2018-11-03,x\n2018-11-04,y\n", "--tz", "America/Sao_Paulo")[0] == {"x": "2018-11-04T03:00:00Z", "y": "2018-11-05T02:00:00Z"}


def test_dates_among_times_are_dates_row_by_row_and_a_midnight_among_times_is_a_time(news, pse):
    text = "2024-04-29 15:40:25,timed\n2024-04-29 00:00:00,midnight\n2024-04-29,date\nsoon,neither\n"
    known, found = known_of(news, pse, text, "--tz", "UTC")
    assert known == {"timed": "2024-04-29T15:40:25Z", "midnight": "2024-04-29T00:00:00Z", "date": "2024-04-30T00:00:00Z"}
    assert found["quarantined"] == 1 and found["notes"][0].startswith("1 of the headlines")


def test_midnights_and_nothing_else_are_dates(news, pse):
    known, found = known_of(news, pse, "2024-04-29 00:00:00,x\n2024-04-30 00:00:00,y\n", "--tz", "UTC")
    assert known == {"x": "2024-04-30T00:00:00Z", "y": "2024-05-01T00:00:00Z"} and found["notes"][0].startswith("2 of the headlines")


def test_counts_since_1970_are_times(news, pse):
    assert known_of(news, pse, "1714405225,x\n1714348800,y\n")[0] == {"x": "2024-04-29T15:40:25Z", "y": "2024-04-29T00:00:00Z"}


def test_a_flag_counts_in_the_part_that_is_cut_off_and_a_cut_makes_none(news, pse):
    """A title keeps 300 letters: the cut leaves `hack` of `hackathon` in one, and nothing of `ban` in the other."""
    file = [("cut", "x" * 295 + " hackathon"), ("gone", "y" * 299 + " ban")]
    known_of(news, pse, "".join(f"2024-04-29 10:00:00,{text}\n2024-04-29 11:00:00,{name}\n" for name, text in file), "--tz", "UTC")
    flags = {title[0]: flags for _, title, _, _, flags in rows(news.home, pse) if len(title) > 10}
    assert flags == {"x": "", "y": "ban"}


def test_times_without_a_zone_are_asked_for(news):
    found = news("--path", news.file)
    assert found.code == 2 and "--tz" in found.json["error"]


def test_a_feed_from_a_file_is_known_when_it_says_so(news, pse):
    pytest.importorskip("feedparser")
    news.file.write_text(FEED)
    found = news("--provider", "rss", "--path", news.file)
    assert (found.code, found.json["rows"], found.json["quarantined"]) == (0, 1, 1)
    assert rows(news.home, pse) == [["2024-04-29T12:00:00Z", "Ban on mining", "x", "", "ban"]]


ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Made News</title>
<entry><title>Changed</title><published>2024-04-29T10:00:00Z</published><updated>2024-04-29T18:30:00Z</updated></entry>
<entry><title>Dated</title><published>2024-04-29</published></entry>
<entry><title>Both</title><published>2024-04-29</published><updated>2024-04-29T18:30:00Z</updated></entry>
<entry><title>Updated</title><updated>2024-04-29T18:30:00Z</updated></entry>
<entry><title>Month</title><published>2024-04</published></entry></feed>"""


def test_an_entry_of_a_file_is_known_when_it_was_published_or_last_changed_and_a_date_when_it_is_over(news, pse):
    """A month names no day, so it is no time."""
    pytest.importorskip("feedparser")
    news.file.write_text(ATOM)
    found = news("--provider", "rss", "--path", news.file, "--tz", "America/New_York")
    assert (found.json["rows"], found.json["quarantined"]) == (4, 1) and found.json["notes"][0].startswith("2 of the headlines have a date")
    assert {title: known for known, title, *_ in rows(news.home, pse)} == {
        "Changed": "2024-04-29T18:30:00Z", "Updated": "2024-04-29T18:30:00Z", "Dated": "2024-04-30T04:00:00Z", "Both": "2024-04-30T04:00:00Z"}


def test_a_feed_from_an_address_is_known_when_it_was_fetched(news, pse):
    pytest.importorskip("feedparser")

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/feed" else 404)
            self.end_headers()
            self.wfile.write(FEED.encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        found = news("--provider", "rss", "--url", f"{address}/feed")
        assert (found.code, found.json["rows"]) == (0, 1) and found.json["first"] > "2026"
        gone = news("--provider", "rss", "--url", f"{address}/gone")
        assert gone.code == 3 and "404" in gone.json["error"]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("words", "said"), [
    (("--path", "nowhere.csv"), "is not there"), (("--provider", "rss", "--url", "file:///etc/passwd"), "no http or https address"),
    (("--provider", "rss"), "add --url ADDRESS or --path FILE"), (("--url", "https://example.org"), "reads a file"),
    (("--provider", "telex"), "no headlines named 'telex'"), (("--path", "x", "--symbol", "NOPE"), "NOPE"),
])
def test_what_cannot_be_read_is_refused_with_the_mend(news, words, said):
    found = news(*words)
    assert found.code == 2 and said in found.json["error"]


def test_a_file_that_is_no_table_of_headlines_names_the_columns_it_has(news):
    news.file.write_text("when,what\n1,2\n")
    assert "no column of times among when, what" in news("--path", news.file).json["error"]
    news.file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in news("--path", news.file).json["error"]
    news.file.write_text("")
    assert "empty" in news("--path", news.file).json["error"]
