"""Records: one text for one value, a chain that shows every edit, and RFC 6962 roots."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain import records

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4),
    max_leaves=12)


def plain_text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def without_negative_zero(value: object) -> object:
    if isinstance(value, float):
        return 0.0 if value == 0 else value
    if isinstance(value, list):
        return [without_negative_zero(item) for item in value]
    if isinstance(value, dict):
        return {key: without_negative_zero(item) for key, item in value.items()}
    return value


@given(PLAIN)
def test_the_fast_text_is_the_plain_text(value):
    assert records.canonical(value) == plain_text(without_negative_zero(value))


@given(PLAIN)
def test_a_value_survives_its_text(value):
    text = records.canonical(value)
    assert records.canonical(json.loads(text)) == text


def test_numbers_that_json_lacks_are_null_and_negative_zero_is_zero():
    value = {"a": float("nan"), "b": [float("inf"), -float("inf")], "c": -0.0, "d": -0.05, "e": [-0.0, "x:-0.0,"], "f": 1e16, "g": 0.1}
    assert records.canonical(value) == '{"a":null,"b":[null,null],"c":0.0,"d":-0.05,"e":[0.0,"x:-0.0,"],"f":1e+16,"g":0.1}'
    assert records.canonical(-0.0) == "0.0"


def test_numpy_values_read_as_python_values():
    value = {"i": np.int64(3), "f": np.float64(0.1), "nan": np.float64("nan"), "b": np.bool_(True), "zero": np.float32(-0.0),
             "v": np.array([1.5, np.nan, -0.0])}
    assert records.canonical(value) == '{"b":true,"f":0.1,"i":3,"nan":null,"v":[1.5,null,0.0],"zero":0.0}'


def test_text_outside_ascii_stays_and_half_surrogates_become_the_replacement_sign():
    assert records.canonical({"t": "é\u2028\n"}) == '{"t":"é\u2028\\n"}'
    assert "\ufffd" in records.canonical({"t": "bad \ud800 half"})
    records.canonical({"t": "bad \ud800 half"}).encode()


def test_what_json_cannot_say_is_a_type_error():
    with pytest.raises(TypeError, match="set cannot stand in a record"):
        records.canonical({"a": {1, 2}})


def test_the_text_does_not_depend_on_the_hash_seed():
    code = "from pse.domain.records import digest; print(digest({k: [k, {'z': 1, 'a': 2.5}] for k in {'b', 'a', 'symbol', 'ts'}}))"
    answers = {subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
               for seed in ("0", "1", "4711")}
    assert len(answers) == 1


def test_a_line_is_the_plain_json_of_its_fields_with_the_hash_of_the_rest():
    body = {"symbol": "ES", "entry": 5000.25, "why": "späť \"x\""}
    line, found = records.chain("ab" * 32, 7, 1_700_000_000_000_000_000, "SETUP", body)
    fields = {"seq": 7, "ts": 1_700_000_000_000_000_000, "kind": "SETUP", "body": body, "prev": "ab" * 32}
    expected = hashlib.sha256(b"pse-log-v1\n" + plain_text(fields).encode()).hexdigest()
    assert found == expected
    assert line == (plain_text({**fields, "hash": expected}) + "\n").encode()
    assert records.check(line[:-1], 7, "ab" * 32) == expected
    assert records.read_line(line).body == body and records.kind_of(line[:-1]) == "SETUP"


def test_a_body_that_imitates_the_end_of_a_line_changes_nothing():
    fake = {"x": 1, "y": {"hash": "0" * 64, "kind": "FILL", "prev": "0" * 64, "seq": 3, "ts": 5}, "z": ',"hash":"' + "0" * 64 + '","kind":"FILL"'}
    line, found = records.chain(records.ZERO_HASH, 0, -5, "NOTE", fake)
    assert records.check(line[:-1], 0, records.ZERO_HASH) == found
    assert records.kind_of(line[:-1]) == "NOTE"


# Inputs and roots of the Certificate Transparency reference implementation (RFC 6962, section 2.1).
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = {0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
         2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", 3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
         4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", 5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
         6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", 7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
         8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_the_merkle_root_is_that_of_certificate_transparency(size):
    assert records.merkle_root(LEAVES[:size]) == ROOTS[size]


def rfc_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + rfc_root(leaves[:split]) + rfc_root(leaves[split:])).digest()


def test_the_root_is_that_of_the_definition_at_every_size():
    leaves = [bytes([size % 256, size // 256]) for size in range(130)]
    for size in range(len(leaves)):
        assert records.merkle_root(leaves[:size]) == rfc_root(leaves[:size]).hex()
