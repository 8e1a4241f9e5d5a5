"""Tables in an object store, over a real S3 server on loopback: what a home on disk says, said of the same bars that lie elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from pse.domain.errors import BadConfig, OutsideError
from pse.store import delta, remote
from pse.store.appended import append_rows, rows_of
from pse.store.layout import Home
from pse.store.remote import Remote, checked_address
from tests.store.object_stores import s3_server

ADDRESS = "s3://bars-bucket/some/where"
BARS = ("ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-02-20", "--end", "2023-03-10", "--seed", "11")
RUN = ("backtest", "--symbol", "ES", "--start", "2023-03-06", "--end", "2023-03-10", "--seed", "42")

pytest.importorskip("moto")


@pytest.fixture(scope="module")
def server():
    with s3_server("bars-bucket") as made:
        yield made


@pytest.fixture
def s3(server, monkeypatch):
    """The environment of somebody who may use the server."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    forget_doors()
    yield server
    forget_doors()


def forget_doors() -> None:
    """Credentials are read when a bucket is first opened."""
    remote._door.cache_clear()
    remote._files.cache_clear()


def home_at(folder: Path, address: str = ADDRESS) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "settings.yaml").write_text(f"storage:\n  tables: {address}\n")
    return folder


def run_folder(home: Path) -> Path:
    [found] = (home / "backtests" / "outputs").iterdir()
    return found


@pytest.mark.slow
def test_a_home_whose_tables_lie_in_an_object_store_says_what_one_on_disk_says(s3, tmp_path, pse):
    here, there = tmp_path / "here", home_at(tmp_path / "there")
    assert pse("--home", here, "--json", *BARS).json["status"] == "created"
    first, second = (pse("--home", there, "--json", *BARS) for _ in range(2))
    assert [one.json["status"] for one in (first, second)] == ["created", "unchanged"], first.err
    assert not (there / "data" / "bars").exists()

    ran = {home: pse("--home", home, "--json", *RUN).json for home in (here, there)}
    assert ran[there]["fingerprint"] == ran[here]["fingerprint"] and ran[there]["trades"] == ran[here]["trades"]
    assert (run_folder(there) / "journal.jsonl").read_bytes() == (run_folder(here) / "journal.jsonl").read_bytes()
    assert pse("--home", there, "prove", ran[there]["run_id"]).code == 0

    asked = [pse("--home", home, "sql", "SELECT count(*), min(time), sum(volume) FROM bars").out for home in (here, there)]
    assert asked[0] == asked[1] != ""
    assert pse("--home", there, "snapshots", "verify").code == 0

    # Another machine with another home sees the same bars, and the same snapshot of them.
    third = home_at(tmp_path / "third")
    again = pse("--home", third, "--json", *RUN).json
    assert (again["fingerprint"], again["metrics"]) == (ran[here]["fingerprint"], ran[here]["metrics"])

    [file] = (Remote(ADDRESS) / "bars" / "symbol=ES" / "timeframe=1m" / "year=2023").iterdir()
    file.write_bytes(b"cut")
    damaged = pse("--home", there, *RUN)
    assert damaged.code == 3 and f"{file} has 3 bytes, the log of the table says" in damaged.err
    file.unlink()
    assert "is missing" in pse("--home", there, "snapshots", "verify").out


def test_headlines_and_splits_are_stored_there_too(s3, tmp_path, pse):
    home = home_at(tmp_path / "home", "s3://bars-bucket/small")
    actions = tmp_path / "actions.csv"
    actions.write_text("ex_date,kind,amount\n2023-03-07,split,2\n")
    told = pse("--home", home, "ingest-actions", actions, "--symbol", "AAPL")
    assert told.code == 0, told.err
    assert pse("--home", home, "sql", "SELECT symbol, ex_date, amount FROM actions").out.split() == ["symbol", "ex_date", "amount", "AAPL", "20230307", "2.0"]
    assert not (home / "data" / "actions").exists()


def test_of_two_who_append_at_once_one_is_told_and_nothing_is_lost(s3, monkeypatch):
    folder, schema = Remote("s3://bars-bucket/raced"), pa.schema([pa.field("number", pa.int64())])
    append_rows(folder, schema, [{"number": 1}])
    import deltalake

    write, wrote = deltalake.write_deltalake, []

    def overtaken(target, *rows, **words):
        """Somebody else commits between what this writer read and what it writes."""
        table = deltalake.DeltaTable(target, storage_options=words.pop("storage_options"))
        if not wrote:
            wrote.append(True)
            append_rows(folder, schema, [{"number": 2}])
        write(table, *rows, **{name: value for name, value in words.items() if name not in ("name", "configuration")})

    monkeypatch.setattr(deltalake, "write_deltalake", overtaken)
    with pytest.raises(OutsideError, match="another program wrote to s3://bars-bucket/raced in the same moment; nothing was stored here"):
        append_rows(folder, schema, [{"number": 3}])
    assert sorted(rows_of(folder, schema, None, "ingest").column("number").to_pylist()) == [1, 2]


def test_a_bucket_that_is_not_there_is_an_error_of_the_outside_and_nothing_is_taken_for_empty(s3, tmp_path, pse):
    home = home_at(tmp_path / "home", "s3://no-such-bucket/x")
    for words in (("sql", "FROM bars"), BARS, RUN, ("snapshots", "list"), ("snapshots", "verify")):
        ran = pse("--home", home, *words)
        assert words[0] == "snapshots" or (ran.code == 3 and "no such bucket" in ran.err), (words, ran.err)


def test_without_credentials_the_names_of_those_that_are_missing_are_told(s3, tmp_path, pse, monkeypatch):
    home = home_at(tmp_path / "home")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")       # nothing of the test leaves this machine
    ran = pse("--home", home, "sql", "FROM bars")
    assert ran.code == 3
    assert "there are no credentials for this store; the environment names them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in ran.err


def test_a_store_that_does_not_answer_is_told_without_a_key(s3, tmp_path, pse, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ran = pse("--home", home_at(tmp_path / "home"), "sql", "FROM bars")
    assert ran.code == 3 and "s3://bars-bucket/some/where/bars" in ran.err and "the store does not answer" in ran.err
    assert s3.environment["AWS_ACCESS_KEY_ID"] not in ran.err


@pytest.mark.parametrize("answer, meaning", [
    ("Error performing GET ... 403 Forbidden: <Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId>", "refuses these credentials"),
    ("Server returned 404 Not Found: <Code>NoSuchBucket</Code><BucketName>x</BucketName>", "no such bucket"),
    ("Server returned 503 Service Unavailable: <x>AKIASECRET</x>", "503 Service Unavailable"),
    ("something AKIASECRET", "it gave no reason that can be shown"),
])
def test_what_a_store_answers_is_told_by_its_meaning_and_never_repeated(answer, meaning):
    with pytest.raises(OutsideError, match=meaning) as told, remote.answering(Remote(ADDRESS)):
        raise OSError(f"Generic S3 error: {answer}")
    assert "AKIASECRET" not in str(told.value) and told.value.__cause__ is None


def test_a_log_that_cannot_be_read_is_not_taken_for_a_store_that_fails(s3):
    table = Remote("s3://bars-bucket/bad")
    delta.create(table, pa.schema([pa.field(name, pa.int32() if name == "year" else pa.string()) for name in ("symbol", "timeframe", "year")]), "bad")
    with pytest.raises(Exception, match="version") as told:
        delta.opened(table, 7)
    assert not isinstance(told.value, OutsideError)


@pytest.mark.parametrize("text", ["s3://key:secret-word@bucket/x", "s3://bucket/x?secret-word=1", "s3://bucket#secret-word", "s3://key:secret-word/x"])
def test_an_address_with_more_than_a_place_is_refused_and_not_repeated(text, tmp_path, pse):
    ran = pse("--home", home_at(tmp_path / "home", json.dumps(text)), "sql", "FROM bars")
    assert ran.code == 2 and "configs/settings.yaml, line 2, storage.tables: the address carries more than a place" in ran.err
    desks = pse("--home", tmp_path / "home", "desks", "list")
    assert desks.code == 2 and "secret-word" not in ran.err + ran.out + desks.err + desks.out


@pytest.mark.parametrize("text", ["http://bucket/x", "file:///etc", "/data", "s3://", "s3://bucket/../other", "s3://Bucket/x", "abfss://bucket/x"])
def test_other_addresses_are_refused_with_the_forms_that_will_do(text):
    with pytest.raises(BadConfig, match=r"expected an address such as s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER"):
        checked_address(text)


@pytest.mark.parametrize("text", ["s3://bucket", "gs://bucket/a/b=c", "az://container/x"])
def test_addresses_of_the_three_clouds_are_taken(text, tmp_path):
    home = Home(home_at(tmp_path / "home", f"{text}/"))
    assert str(home.bars) == f"{text}/bars" and str(home.features) == f"{text}/features"
    assert home.snapshots == home.root / "data" / "snapshots"


def test_a_home_that_speaks_of_storage_in_a_comment_keeps_its_tables(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "settings.yaml").write_text("seed: 1\n# storage:\n#   tables: s3://bucket/x\n")
    assert Home(tmp_path).bars == tmp_path / "data" / "bars"


def test_where_tables_lie_is_told_by_the_home_alone(tmp_path, pse):
    ran = pse("--home", tmp_path, *RUN, "--set", "storage.tables=s3://bucket/x")
    assert ran.code == 2 and "write it into its configs/settings.yaml" in ran.err
