"""SQL that reads, and SQL that tries to do more."""

from __future__ import annotations

import json

import polars as pl
import pytest

from pse.domain.errors import BadInput, DamagedTable
from pse.store.layout import Home
from pse.store.query import RUN_TEXTS, TRADE_FLOATS, Session, trade_schema
from tests.store.made import BTC, data_files, minutes, ns, store


@pytest.fixture
def home(tmp_path) -> Home:
    found = Home(tmp_path)
    store(found, minutes("2024-03-12T15:00", 50))
    store(found, minutes("2024-03-12T15:00", 20, price=60_000.0), BTC)
    return found


def test_bars_can_be_asked(home: Home):
    result = Session(home).ask("SELECT symbol, count(*) AS n, min(ts_open) AS first FROM bars GROUP BY ALL ORDER BY 1")
    assert result.columns == ("symbol", "n", "first")
    assert result.rows == [("BTCUSDT", 20, ns("2024-03-12T15:00")), ("ES", 50, ns("2024-03-12T15:00"))]


def test_a_filter_on_symbol_and_time_finds_what_is_there(home: Home):
    query = f"SELECT count(*) FROM bars WHERE symbol = 'ES' AND year = 2024 AND ts_open BETWEEN {ns('2024-03-12T15:10')} AND {ns('2024-03-12T15:19')}"
    assert Session(home).ask(query).rows == [(10,)]


def test_bars_of_another_contract_than_the_front_one_are_marked(tmp_path):
    home = Home(tmp_path)
    both = [minutes("2024-03-12T15:00", 30), minutes("2024-03-12T15:00", 20, price=5100.0)]
    store(home, pl.concat([frame.with_columns(contract=pl.lit(name)) for frame, name in zip(both, ("ESH24", "ESM24"), strict=True)]).sort("ts_open"))
    found = Session(home).ask("SELECT contract, front, count(*), bool_and(front = (flags & 16 = 0)) FROM bars GROUP BY 1, 2 ORDER BY 1")
    assert found.rows == [("ESH24", True, 30, True), ("ESM24", False, 20, True)]


def test_a_pinned_version_answers_as_of_then(home: Home):
    assert Session(home, version=1).ask("SELECT DISTINCT symbol FROM bars").rows == [("ES",)]


def test_the_tables_are_listed_and_empty_ones_are_there(tmp_path):
    session = Session(Home(tmp_path))
    assert [row[0] for row in session.ask("SHOW TABLES").rows] == ["actions", "bars", "decisions", "feature_tables", "features", "news", "runs", "trades"]
    for name in ("actions", "bars", "features", "feature_tables", "news", "runs", "trades", "decisions"):
        assert session.ask(f"SELECT count(*) FROM {name}").rows == [(0,)]


def test_rows_beyond_the_cap_are_left_out_and_said(home: Home):
    result = Session(home).ask("FROM bars", cap=7)
    assert len(result.rows) == 7 and result.more
    assert not Session(home).ask("SELECT 1 UNION SELECT 2", cap=2).more


@pytest.mark.parametrize("statement", [
    "CREATE TABLE x(a INT)", "DROP VIEW bars", "INSERT INTO bars VALUES (1)", "DELETE FROM bars", "UPDATE bars SET close = 0", "ATTACH 'x.db'", "INSTALL fts",
    "LOAD fts", "SET enable_external_access=true", "RESET lock_configuration", "PRAGMA enable_external_access", "COPY bars TO 'x.csv'", "EXPORT DATABASE 'x'",
    "BEGIN", "CALL pragma_version()", "SELECT 1; SELECT 2", "SELECT * FROM read_csv('/etc/hostname')", "SELECT * FROM '/etc/hostname'",
    "SELECT * FROM glob('/*')", "SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM 'https://example.com/x.parquet'", "SELECT getenv('HOME')",
    "SELECT * FROM home", "SELECT * FROM session", "COPY (SELECT 1) TO '/tmp/x.parquet'", "", "SELCT 1", "SELECT nothing FROM bars",
    "EXPLAIN ANALYZE COPY bars TO 'x.csv'",
])
def test_whatever_would_do_more_than_read_is_refused(home: Home, statement: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    session = Session(home)
    with pytest.raises(BadInput):
        session.ask(statement)
    assert sorted(tmp_path.rglob("*")) == before and session.ask("SELECT count(*) FROM bars").rows == [(70,)]


def test_reading_statements_of_other_kinds_are_answered(home: Home):
    session = Session(home)
    for query in ("DESCRIBE bars", "SUMMARIZE bars", "EXPLAIN SELECT 1", "WITH a AS (SELECT 1) FROM a", "VALUES (1)", "SELECT make_timestamp_ns(1)"):
        assert session.ask(query).rows


def test_runs_trades_and_decisions_of_all_runs_are_there(home: Home):
    from pse.domain.manifest import Manifest
    from pse.store.runs import FINAL_DECISIONS, METRICS, new_run

    manifest = Manifest(fingerprint="f" * 64, created="2024-05-01T00:00:00Z", command="backtest", desk="futures-smc", symbols=("ES",))
    run = new_run(home, manifest, ns("2024-05-01"))
    trades = pl.DataFrame({name: [2.5, -1.0] for name in TRADE_FLOATS}).with_columns(symbol=pl.lit("ES"), exit_reason=pl.lit("TP1"))
    trades.write_parquet(run.folder / "trades.parquet")
    (run.folder / METRICS).write_text(json.dumps({"trades": 2, "net_usd": 1.5, "sharpe": None, "reasons": {"sharpe": "few"}}))
    line = {"seq": 4, "ts": 5, "kind": "DECISION", "body": {"code": "APPROVE"}, "prev": "a", "hash": "b"}
    (run.folder / FINAL_DECISIONS).write_text(json.dumps(line) + "\n")
    session = Session(home)
    assert session.ask("SELECT run_id, desk, symbols, trades, net_usd, sharpe FROM runs").rows == [(run.run_id, "futures-smc", "ES", 2.0, 1.5, None)]
    assert session.ask("SELECT run_id, symbol, sum(net_usd), any_value(tactic) FROM trades GROUP BY ALL").rows == [(run.run_id, "ES", 1.5, None)]
    assert session.ask("SELECT run_id, seq, body->>'$.code' FROM decisions").rows == [(run.run_id, 4, "APPROVE")]


def test_the_trades_table_has_the_columns_of_the_page():
    assert {"r_net", "mae_r", "mfe_r", "exit_reason", "ts_exit", "session_date", "ambiguous", "run_id"} <= set(trade_schema().names)
    assert "run_id" in RUN_TEXTS


def test_a_damaged_file_is_named_instead_of_answered(home: Home):
    path = next(one for one in data_files(home) if "symbol=ES" in str(one))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedTable, match=path.name):
        Session(home).ask("SELECT sum(close) FROM bars")


def test_moments_of_every_kind_are_read_in_utc(home: Home):
    """1 710 255 600 s after 1970 is 2024-03-12 15:00:00 UTC (`date -u -d @1710255600`)."""
    session = Session(home)
    query = ("SELECT to_timestamp(ts_open / 1e9), make_timestamp_ns(ts_open + 5), [time], {'at': time}, sum(ts_open) OVER (), 0.5, time::DATE FROM bars "
             "WHERE symbol = 'ES' ORDER BY ts_open LIMIT 1")
    zoned, fine, listed, packed, total, half, day = session.ask(query).rows[0]
    assert (zoned, fine) == ("2024-03-12T15:00:00Z", "2024-03-12T15:00:00.000000005Z")
    assert listed[0].startswith("2024-03-12 15:00:00") and packed["at"] == listed[0]
    assert total == sum(ns("2024-03-12T15:00") + minute * 60_000_000_000 for minute in range(50)) and half == 0.5 and str(day) == "2024-03-12"
    assert str(session.ask("SELECT now()").rows[0][0]).endswith("Z") and session.ask("SELECT NULL::TIMESTAMPTZ").rows == [(None,)]


def test_each_table_has_its_moments_as_times(home: Home):
    session = Session(home)
    assert session.ask("SELECT min(time), max(time) FROM bars WHERE symbol = 'ES'").rows == [("2024-03-12T15:00:00Z", "2024-03-12T15:49:00Z")]
    assert session.ask("SELECT count(*) FROM bars WHERE symbol = 'ES' AND time >= '2024-03-12 15:40'").rows == [(10,)]
    assert session.ask("SELECT time_entry, time_exit FROM trades").rows == session.ask("SELECT time FROM decisions").rows == []


@pytest.mark.parametrize("query", ["SELECT 'x'::INT", "SELECT error('no')", "SELECT 'infinity'::TIMESTAMP", "SELECT * FROM bars WHERE time > 'x'",
                                   "SELECT 9223372036854775807 + ts_open FROM bars"])
def test_a_query_that_fails_while_it_runs_is_one_paragraph(home: Home, query: str):
    try:
        Session(home).ask(query)
    except BadInput as error:
        assert "\n" not in str(error) and "Traceback" not in str(error) and "Tables:" in str(error)
    else:
        assert "infinity" in query
