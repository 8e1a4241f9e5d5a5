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


def test_a_plain_date_is_known_when_its_day_is_over(news, pse):
    news.file.write_text("2024-04-29,https://example.org,Ban announced\nno time here\n")
    found = news("--path", news.file, "--columns", "date,url,headline")
    assert (found.json["quarantined"], found.json["first"], found.json["symbols"]) == (1, "2024-04-30T00:00:00Z", [])
    assert json.loads(Path(found.json["quarantine"]).read_text())["reason"] == "1 fields, expected 3"


def test_times_without_a_zone_are_asked_for(news):
    found = news("--path", news.file)
    assert found.code == 2 and "--tz" in found.json["error"]


def test_a_feed_from_a_file_is_known_when_it_says_so(news, pse):
    pytest.importorskip("feedparser")
    news.file.write_text(FEED)
    found = news("--provider", "rss", "--path", news.file)
    assert (found.code, found.json["rows"], found.json["quarantined"]) == (0, 1, 1)
    assert rows(news.home, pse) == [["2024-04-29T12:00:00Z", "Ban on mining", "x", "", "ban"]]


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
