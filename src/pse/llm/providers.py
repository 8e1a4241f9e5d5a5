"""How each provider is reached: its key out of the environment handed in, its package's client that tries once, and the model in front of it.

The packages are imported when the first model of a provider is made, never when this module is.  Nothing is sent here.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pse.domain.errors import OutsideError
from pse.domain.models import ModelFailure
from pse.llm.policy import ModelPolicy
from pse.llm.transport import client_of, proxy_for, trusted

NEEDED = ("pydantic_ai", "openai", "anthropic", "groq", "google.genai", "httpx", "httpx2")
TOKEN, CREDENTIALS, PROJECT = "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

# Written out, so that no variable of the environment sends a key elsewhere.
ADDRESSES = {"openai": "https://api.openai.com/v1", "openai-responses": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com",
             "groq": "https://api.groq.com", "openrouter": "https://openrouter.ai/api/v1", "deepseek": "https://api.deepseek.com",
             "gemini": "https://generativelanguage.googleapis.com"}


def require_packages(models: Iterable[ModelPolicy]) -> None:
    """Raises where one of these models needs a package that is not installed."""
    if all(one.provider == "scripted" for one in models):
        return
    if missing := missing_packages():
        raise OutsideError(f"asking a language model needs packages that are not installed: {', '.join(missing)}; install them with "
                           f"pip install \"pse-toolkit[llm]\", or use --agents rules, a tape, or a model of provider scripted")


def missing_packages() -> list[str]:
    """Packages that asking a model needs and that are not installed."""
    return [name for name in NEEDED if not _installed(name)]


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:                             # the package above it
        return False


def key_of(name: str, policy: ModelPolicy, environment: Mapping[str, str]) -> str:
    """The key of a model; empty where none is needed.  Raises `ModelFailure` AUTH, naming the variable."""
    if policy.provider == "vertex" or policy.key_name is None:
        variable = policy.key_name
        return (environment.get(variable) or "").strip() if variable else ""
    key = (environment.get(policy.key_name) or "").strip()
    if not key:
        raise ModelFailure("AUTH", f"model {name} ({policy.provider}) needs a key: the environment variable {policy.key_name} is not set; "
                                   f"set it (export {policy.key_name}=...), or name another variable as key_env in models.yaml", attempts=0)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelFailure("AUTH", f"the environment variable {policy.key_name} of model {name} holds characters that no key has; set it anew", attempts=0)
    return key


def address_of(policy: ModelPolicy) -> str:
    """Where a model is asked."""
    if policy.provider == "vertex" and not policy.base_url:
        return f"https://{'' if policy.location == 'global' else policy.location + '-'}aiplatform.googleapis.com"
    return policy.base_url or ADDRESSES[policy.provider]


def made(name: str, policy: ModelPolicy, environment: Mapping[str, str]) -> tuple[Any, Any]:
    """The model behind a policy, and the HTTP client to be closed after it.  Raises `ModelFailure` AUTH where its key is missing."""
    key, url = key_of(name, policy, environment), address_of(policy)
    credentials = _credentials(name, policy, environment, key) if policy.provider == "vertex" else None
    import httpx
    import httpx2
    import pydantic_ai.direct  # noqa: F401  loaded here, not while a deadline runs

    client = client_of(httpx if policy.provider == "groq" else httpx2, proxy_for(url, environment))
    if policy.provider == "anthropic":
        return _anthropic(policy, key, url, client), client
    if policy.provider == "groq":
        return _groq(policy, key, url, client), client
    if policy.provider == "vertex":
        return _vertex(name, policy, environment, credentials, url, client), client
    if policy.provider == "gemini":
        return _gemini(policy, key, url, client), client
    return _openai(policy, key, url, client), client


def _openai(policy: ModelPolicy, key: str, url: str, client: Any) -> Any:
    """OpenAI's two APIs, and those that speak the first of them."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

    # A server without keys still gets a word, for the package wants one.
    sdk = AsyncOpenAI(api_key=key or "none", base_url=url, http_client=client, max_retries=0)
    if policy.provider == "openrouter":
        from pydantic_ai.models.openrouter import OpenRouterModel
        from pydantic_ai.providers.openrouter import OpenRouterProvider

        return OpenRouterModel(policy.model, provider=OpenRouterProvider(openai_client=sdk))
    if policy.provider == "deepseek":
        from pydantic_ai.providers.deepseek import DeepSeekProvider

        return OpenAIChatModel(policy.model, provider=DeepSeekProvider(openai_client=sdk))
    if policy.provider == "openai-compatible":
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        # Ollama, vLLM and llama.cpp read max_tokens, and take a schema whatever the model is called.
        profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False, supports_json_schema_output=True, openai_system_prompt_role="system")
        return OpenAIChatModel(policy.model, provider=OpenAICompatibleProvider("openai-compatible", openai_client=sdk), profile=profile)
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = OpenAIResponsesModel if policy.provider == "openai-responses" else OpenAIChatModel
    return kind(policy.model, provider=OpenAIProvider(openai_client=sdk))


def _anthropic(policy: ModelPolicy, key: str, url: str, client: Any) -> Any:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    sdk = AsyncAnthropic(api_key=key, base_url=url, http_client=client, max_retries=0)
    return AnthropicModel(policy.model, provider=AnthropicProvider(anthropic_client=sdk))


def _groq(policy: ModelPolicy, key: str, url: str, client: Any) -> Any:
    from groq import AsyncGroq
    from pydantic_ai.models.groq import GroqModel
    from pydantic_ai.providers.groq import GroqProvider

    sdk = AsyncGroq(api_key=key, base_url=url, http_client=client, max_retries=0)
    return GroqModel(policy.model, provider=GroqProvider(groq_client=sdk))


def _gemini(policy: ModelPolicy, key: str, url: str, client: Any) -> Any:
    from google.genai import Client
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    sdk = Client(vertexai=False, api_key=key, http_options=_google_options(url, client))
    return GoogleModel(policy.model, provider=GoogleProvider(client=sdk))


def _vertex(name: str, policy: ModelPolicy, environment: Mapping[str, str], credentials: Any, url: str, client: Any) -> Any:
    from google.genai import Client
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google_cloud import GoogleCloudProvider

    project = policy.project or environment.get(PROJECT) or getattr(credentials, "project_id", None)
    if not project:
        raise ModelFailure("AUTH", f"model {name} (vertex) names no Google Cloud project; write project: into models.yaml, or set {PROJECT}", attempts=0)
    sdk = Client(vertexai=True, project=project, location=policy.location, credentials=credentials, http_options=_google_options(url, client))
    return GoogleModel(policy.model, provider=GoogleCloudProvider(client=sdk))


def _google_options(url: str, client: Any) -> Any:
    from google.genai.types import HttpOptions, HttpRetryOptions

    return HttpOptions(base_url=url, httpx_async_client=client, client_args={"verify": trusted()}, retry_options=HttpRetryOptions(attempts=1))


def _credentials(name: str, policy: ModelPolicy, environment: Mapping[str, str], token: str) -> Any:
    """Google's credentials: an access token of the environment, or the file that it names.  No other place is searched, no machine asked."""
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.credentials import Credentials
    from google.oauth2.service_account import Credentials as Account

    token = token or (environment.get(TOKEN) or "").strip()
    if token:
        return Credentials(token=token)  # type: ignore[no-untyped-call]
    path = environment.get(CREDENTIALS)
    if not path:
        raise ModelFailure("AUTH", f"model {name} (vertex) needs credentials: neither {CREDENTIALS} (a file, as `gcloud auth application-default login` "
                                   f"writes one) nor {policy.key_name or TOKEN} (an access token) is set; set one", attempts=0)
    try:
        held = json.loads(Path(path).read_text("utf-8"))
        # Only kinds that hold a secret themselves: others name commands to run and addresses to ask.
        kinds: dict[str, Any] = {"service_account": Account.from_service_account_info, "authorized_user": Credentials.from_authorized_user_info}
        return kinds[held["type"]](held, scopes=list(SCOPES))
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError) as error:
        raise ModelFailure("AUTH", f"{CREDENTIALS} of model {name} names a file without credentials of Google Cloud ({type(error).__name__}); expected the key "
                                   "of a service account, or what `gcloud auth application-default login` writes", attempts=0) from None
