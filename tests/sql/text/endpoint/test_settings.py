"""How an endpoint is configured: file, environment and flags, and what is refused."""

from pathlib import Path

import pytest

from ehr.errors import EndpointError
from sql.text.endpoint.settings import Endpoint, key_of, read_endpoint

URL = "https://llm.example/v1"


def written(folder: Path, text: str) -> Path:
    path = folder / "endpoint.yaml"
    path.write_text(text)
    return path


def test_nothing_configured_is_no_endpoint() -> None:
    assert read_endpoint(environ={}) is None
    assert read_endpoint(overrides={"url": None, "model": None}, environ={}) is None


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, f"url: {URL}\nmodel: small\ntimeout: 5\nsql: true\nuse: after\n")
    environ = {"ANAMNESIS_ENDPOINT": str(file)}
    assert read_endpoint(environ=environ) == Endpoint(URL, "small", timeout=5.0, sql=True, use="after")
    environ |= {"ANAMNESIS_ENDPOINT_MODEL": "middle"}
    found = read_endpoint(environ=environ)
    assert found is not None
    assert found.model == "middle"
    found = read_endpoint(overrides={"model": "large", "url": None}, environ=environ)
    assert found is not None
    assert (found.model, found.url, found.name) == ("large", URL, "large at llm.example")


def test_the_environment_alone_is_enough() -> None:
    environ = {"ANAMNESIS_ENDPOINT_URL": "http://localhost:8000/v1", "ANAMNESIS_ENDPOINT_MODEL": "m"}
    assert read_endpoint(environ=environ) == Endpoint("http://localhost:8000/v1", "m")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- x", "holds no keys"),
        ("url: [", "is no YAML"),
        ("model: m", "the key 'url' is missing"),
        (f"url: {URL}", "the key 'model' is missing"),
        (f"url: {URL}\nmodel: m\nspeed: 3", "there is no key 'speed'; the keys are url, model"),
        (f"url: {URL}\nmodel: 3", "model: a text is wanted"),
        (f"url: {URL}\nmodel: m\nuse: never", "use: one of instead, after is wanted"),
        (f"url: {URL}\nmodel: m\nattempts: 99", "attempts lies between 1 and 10"),
        (f"url: {URL}\nmodel: m\ntimeout: 0", "timeout lies between"),
        ("url: ftp://x/v1\nmodel: m", "url is the base of the endpoint"),
        ("url: file:///etc/passwd\nmodel: m", "url is the base of the endpoint"),
        ("url: https://user:word@x/v1\nmodel: m", "url is the base of the endpoint"),
        ("url: https://x:99999/v1\nmodel: m", "url is the base of the endpoint"),
        ("url: http://far.example/v1\nmodel: m", "without encryption"),
    ],
)
def test_a_wrong_configuration_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(EndpointError) as caught:
        read_endpoint(file, environ={})
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="cannot be read"):
        read_endpoint(tmp_path / "none.yaml", environ={})


def test_plain_http_within_a_network_has_to_be_said() -> None:
    found = read_endpoint(overrides={"url": "http://gpu.ward/v1", "model": "m", "plain_http": True}, environ={})
    assert found is not None
    assert found.host == "gpu.ward"


def test_the_key_comes_from_a_variable_or_a_file_and_is_no_part_of_the_settings(tmp_path: Path) -> None:
    endpoint = Endpoint(URL, "m")
    assert key_of(endpoint, {}) is None
    assert key_of(endpoint, {"ANAMNESIS_ENDPOINT_KEY": " abc\n"}) == "abc"
    file = tmp_path / "key"
    file.write_text("from-file\n")
    by_file = Endpoint(URL, "m", key_file=str(file))
    assert key_of(by_file, {"ANAMNESIS_ENDPOINT_KEY": "abc"}) == "from-file"
    assert "from-file" not in repr(by_file)
    with pytest.raises(EndpointError, match="cannot be read"):
        key_of(Endpoint(URL, "m", key_file=str(tmp_path / "none")))
    with pytest.raises(EndpointError, match="one line"):
        key_of(endpoint, {"ANAMNESIS_ENDPOINT_KEY": "abc\r\nX-Evil: 1"})
