"""Redaction: planted secrets do not come out, ordinary words do."""

from __future__ import annotations

import json
import random
import string
from urllib.parse import quote

from pse.domain.redaction import _SHAPES, MASK, _matching, redact, redact_tree, redactor, secrets_of

LETTERS = string.ascii_letters + string.digits + "/+=$&%"


def test_fifty_planted_secrets_leave_no_trace():
    draw = random.Random(5)
    environment = {f"VENDOR{i}_{draw.choice(['KEY', 'TOKEN', 'SECRET', 'PASSWORD', 'api_key'])}": "".join(draw.choices(LETTERS, k=draw.randint(8, 60)))
                   for i in range(50)}
    clean = redactor(secrets_of(environment))
    for value in environment.values():
        tree = {"headers": {"x-" + value: "1"}, "error": f"401 for {value}!", "trace": [f"get(url='https://host/?k={quote(value, safe='')}')"]}
        text = json.dumps(redact_tree(tree, clean))
        assert json.dumps(value)[1:-1] not in text and quote(value, safe="") not in text and MASK in text


def test_a_secret_that_json_escapes_is_found_however_often_it_was_escaped():
    secret = 'aB3"/x\\y\u00e9z!'
    mask = redactor((secret,))
    for only_ascii in (True, False):
        once = json.dumps({"error": f"<{secret}>"}, ensure_ascii=only_ascii)
        twice = json.dumps({"raw": once}, ensure_ascii=only_ascii)
        assert json.loads(mask(once)) == {"error": f"<{MASK}>"}
        assert json.loads(json.loads(mask(twice))["raw"]) == {"error": f"<{MASK}>"}
        assert json.loads(mask(once.replace("/", "\\/"))) == {"error": f"<{MASK}>"}


def test_only_long_values_of_secret_names_count_as_secrets():
    environment = {"OPENAI_API_KEY": "abcdefgh", "SHORT_KEY": "abc", "HOME": "/home/somebody", "DB_PASSWORD": " longer-one ", "KEYBOARD": "qwerty-layout"}
    assert secrets_of(environment) == ("longer-one", "abcdefgh")


def test_well_known_shapes_go_even_when_nobody_named_them():
    shapes = ["sk-" + "ant-api03-" + "a1B2" * 8, "gsk_" + "a1" * 15, "AIza" + "Sy0" * 12, "AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9,
              "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123", "db-" + "aB3" * 9 + "xy"]
    for shape in shapes:
        assert shape not in redact(f"request failed with {shape} in it")
    assert "s3cr3t-pass" not in redact("postgres://user:s3cr3t-pass@host/db")
    assert "abcdefgh12345678" not in redact("Authorization: Bearer abcdefgh12345678")
    assert "hunter2hunter2" not in redact('{"password": "hunter2hunter2"}')
    assert "MIIEvQ" not in redact("-----BEGIN " "PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----")


def test_ordinary_words_stay():
    text = "ES 5m: sweep of 5002.25, then a gap; setup 6f1c2f0e-1111-5222-8333-000000000001; hash " + "ab" * 32 + "; the basic behaviour; token sold"
    assert redact(text, ("abcdefgh12",)) == text


PIECES = ["-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "sk-", "risk-", "gsk_", "AIza", "ya29.", "AKIA", "ASIA", "ghp_", "ghx_", "xoxb-",
          "db-", "eyJ", "Bearer ", "bearer ", "Authorization: Basic ", "bas\u0130c ", "Author\u0131zation: Bas\u0131c ", "api_key", "API-KEY", "Password",
          "pa\u017f\u017fword", "to\u212aen", "secret", "token", "=", '": "', "://", "user:pw@", "abcdefgh12345678", "ABCDEFGH12345678", "a" * 30, ".", "\n",
          " ", "\u00e9", "x", "_", "-", "0", "/"]


def test_a_look_for_signs_first_misses_nothing_that_every_shape_at_every_place_would_find():
    draw, all_shapes, masked = random.Random(11), _matching(tuple(range(len(_SHAPES)))), 0
    for _ in range(4_000):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 14)))
        assert redact(text) == all_shapes.sub(MASK, text)
        masked += MASK in redact(text)
    assert masked > 1_000
