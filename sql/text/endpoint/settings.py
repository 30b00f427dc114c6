"""Where the language model is, and how it may be used: a file, the environment and flags, the later the stronger."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml

from ehr.errors import EndpointError, FormError
from sql.text.forms import from_json

FILE_VARIABLE: Final = "ANAMNESIS_ENDPOINT"
KEY_VARIABLE: Final = "ANAMNESIS_ENDPOINT_KEY"
_VARIABLES: Final = {
    "url": "ANAMNESIS_ENDPOINT_URL",
    "model": "ANAMNESIS_ENDPOINT_MODEL",
    "key_file": "ANAMNESIS_ENDPOINT_KEY_FILE",
}
MAX_SECONDS: Final = 600.0
MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that speaks the protocol of chat completions, and how its model may be used.

    `url` is the base, such as https://host/v1. The key is the content of `key_file`, or of the variable `key_env`.
    `timeout` bounds one request in seconds, `attempts` how often it is sent when the endpoint fails, with `pause`
    seconds before the second time and twice as many before each later one; `corrections` how often the model is told
    what is wrong with its reply. `use` "instead" asks the model alone, "after" where the grammar does not understand.
    `sql` lets it write SQL where no typed question says what is asked. `structured` says how the form of the reply is
    asked for. `plain_http` allows a host elsewhere without encryption.
    """

    url: str
    model: str
    key_env: str = KEY_VARIABLE
    key_file: str | None = None
    ca_file: str | None = None
    timeout: float = 30.0
    attempts: int = 3
    pause: float = 0.5
    corrections: int = 1
    max_tokens: int = 2000
    use: Literal["instead", "after"] = "instead"
    sql: bool = False
    structured: Literal["schema", "object", "none"] = "schema"
    plain_http: bool = False

    @property
    def host(self) -> str:
        """The host that questions are sent to."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def name(self) -> str:
        """The model and its host, as an answer names them."""
        return f"{self.model} at {self.host}"


def read_endpoint(
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Endpoint | None:
    """Return the endpoint that flags (`overrides`), the environment and a file configure; None when none does.

    A value of None in `overrides` is no override. Raises EndpointError, which names the file and the key.
    """
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    given = _read_file(named) if named else {}
    given |= {key: environ[variable] for key, variable in _VARIABLES.items() if environ.get(variable)}
    given |= {key: value for key, value in (overrides or {}).items() if value is not None}
    if not given:
        return None
    where = str(named) if named else "the endpoint"
    unknown = sorted(map(str, given.keys() - {one.name for one in fields(Endpoint)}))
    if unknown:
        keys = ", ".join(one.name for one in fields(Endpoint))
        raise EndpointError(f"{where}: there is no key {unknown[0]!r}; the keys are {keys}")
    for key in ("url", "model"):
        if key not in given:
            raise EndpointError(
                f"{where}: the key {key!r} is missing; give it there, as a flag or as {_VARIABLES[key]}"
            )
    try:
        endpoint: Endpoint = from_json(Endpoint, given)
    except FormError as error:
        raise EndpointError(f"{where}: {error}") from error
    _check(endpoint, where)
    return endpoint


def _read_file(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointError(f"{path} cannot be read; name a YAML file with url and model") from error
    except yaml.YAMLError as error:
        raise EndpointError(f"{path} is no YAML; write for example 'url: https://host/v1'") from error
    if not isinstance(found, dict):
        raise EndpointError(f"{path} holds no keys; write for example 'url: https://host/v1'")
    return found


def _check(endpoint: Endpoint, where: str) -> None:
    parts = urlsplit(endpoint.url)
    try:
        is_whole = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_whole = False
    if not is_whole or parts.query or parts.fragment or parts.username or not endpoint.url.isprintable():
        raise EndpointError(f"{where}: url is the base of the endpoint, such as https://host/v1, without a key in it")
    if parts.scheme == "http" and not endpoint.plain_http and not _is_local(parts.hostname or ""):
        raise EndpointError(
            f"{where}: {endpoint.host} would get questions and key without encryption; use https, "
            "or set plain_http: true for a host within your own network"
        )
    for key, least, most in (
        ("timeout", 0.01, MAX_SECONDS),
        ("attempts", 1, MAX_ATTEMPTS),
        ("pause", 0, MAX_SECONDS),
        ("corrections", 0, MAX_ATTEMPTS),
        ("max_tokens", 100, 100_000),
    ):
        if not least <= getattr(endpoint, key) <= most:
            raise EndpointError(f"{where}: {key} lies between {least:g} and {most:g}")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def key_of(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key of an endpoint, None where it needs none; raises EndpointError where it is unreadable."""
    if endpoint.key_file is None:
        key = environ.get(endpoint.key_env, "").strip()
    else:
        try:
            key = Path(endpoint.key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EndpointError(f"the file of the key, {endpoint.key_file}, cannot be read") from error
    if not key.isprintable() or not key.isascii():
        raise EndpointError("the key of the endpoint holds characters that no key has; give it in one line")
    return key or None
