"""Where a provider is reached and with which credentials: Google's from a file, proxies of the environment, and a package that is missing."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pse.domain.errors import OutsideError
from pse.domain.models import ModelFailure
from pse.llm import providers
from pse.llm.policy import ModelPolicy
from pse.llm.transport import proxy_for
from tests.llm.asked import ask_one, gateway, request
from tests.wire.server import APPROVED, PLANTED, models_at


def account(tmp_path, token_uri):
    """A service account's file, with a key made for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"type": "service_account", "project_id": "research-of-the-file", "private_key_id": "1", "private_key": pem, "client_id": "1",
                                "client_email": "desk@research.iam.gserviceaccount.com", "token_uri": token_uri}))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}


def test_a_service_account_of_google_is_exchanged_for_a_token_that_then_goes_along(wire, tmp_path):
    given = account(tmp_path, f"{wire.url}/token")
    model = models_at(wire.url)["vertex"].model_copy(update={"project": None})
    reply = ask_one({"vertex": model}, request("vertex"), environment=given)
    assert json.loads(reply.text) == APPROVED and wire.tokens == 1
    assert wire.asked[0].headers["authorization"] == f"Bearer ya29.{PLANTED}" and "/projects/research-of-the-file/" in wire.asked[0].path


def test_a_service_account_whose_token_nobody_gives_is_told(wire, tmp_path):
    with pytest.raises(ModelFailure) as found:
        ask_one(models_at(wire.url), request("vertex"), environment=account(tmp_path, f"{wire.url}/elsewhere"))
    assert found.value.code == "AUTH" and "gcloud auth application-default login" in str(found.value) and wire.asked == []


@pytest.mark.parametrize("held", ["", "no json", "[]", '{"type": "service_account"}', '{"type": "authorized_user"}', '{"type": "external_account"}', None])
def test_a_file_without_credentials_is_told_by_its_variable(wire, tmp_path, held):
    path = tmp_path / "credentials.json"
    if held is not None:
        path.write_text(held)
    with pytest.raises(ModelFailure, match="GOOGLE_APPLICATION_CREDENTIALS") as found:
        ask_one(models_at(wire.url), request("vertex"), environment={"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert found.value.code == "AUTH" and wire.asked == []


def test_vertex_without_a_project_is_told(wire):
    model = models_at(wire.url)["vertex"].model_copy(update={"project": None})
    with pytest.raises(ModelFailure, match="GOOGLE_CLOUD_PROJECT"):
        ask_one({"vertex": model}, request("vertex"), environment={"GOOGLE_OAUTH_ACCESS_TOKEN": "a-token-0123"})
    assert ask_one({"vertex": model}, request("vertex"), environment={"GOOGLE_OAUTH_ACCESS_TOKEN": "a-token-0123", "GOOGLE_CLOUD_PROJECT": "p-9"}).attempts == 1
    assert "/projects/p-9/" in wire.asked[0].path


@pytest.mark.parametrize(("location", "host"), [("us-central1", "us-central1-aiplatform.googleapis.com"), ("global", "aiplatform.googleapis.com")])
def test_vertex_is_asked_in_its_region(location, host):
    assert providers.address_of(ModelPolicy(provider="vertex", model="gemini-2.5-flash", location=location)) == f"https://{host}"


def test_no_variable_of_the_environment_sends_a_key_elsewhere(monkeypatch):
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GROQ_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/elsewhere")
    hosts = {"openai": "api.openai.com", "anthropic": "api.anthropic.com", "groq": "api.groq.com", "gemini": "generativelanguage.googleapis.com"}
    for name, host in hosts.items():
        policy = ModelPolicy(provider=name, model="m")
        model, _ = providers.made(name, policy, {policy.key_name: "a-key-0123456789"})
        assert host in str(model.base_url)


@pytest.mark.parametrize(("url", "given", "proxy"), [
    ("https://api.openai.com/v1", {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
    ("https://api.openai.com/v1", {"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
    ("https://api.openai.com/v1", {"HTTP_PROXY": "http://proxy:3128"}, None),
    ("https://api.openai.com/v1", {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "openai.com"}, None),
    ("http://127.0.0.1:11434/v1", {"HTTP_PROXY": "http://proxy:3128"}, None),
    ("https://api.openai.com/v1", {}, None),
])
def test_a_proxy_of_the_environment_is_used_where_it_is_meant(url, given, proxy):
    assert proxy_for(url, given) == proxy


def test_a_missing_package_is_told_with_what_installs_it(wire, monkeypatch):
    monkeypatch.setattr(providers, "NEEDED", ("json", "no_such_package_of_a_provider", "nor.this_one"))
    with pytest.raises(OutsideError, match=r'no_such_package_of_a_provider, nor\.this_one; install them with pip install "pse-toolkit\[llm\]"'):
        gateway(models_at(wire.url))
    gateway({"script": ModelPolicy(provider="scripted", model="honest")})            # needs none
