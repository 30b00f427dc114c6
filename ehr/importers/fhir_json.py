"""Parsing JSON strictly: what RFC 8259 does not allow, and a key that stands twice in one object, is refused."""

import json
from collections import Counter
from typing import Any, Final

import msgspec
import orjson

from ehr.importers.fhir_values import Refused
from ehr.reasons import Reason

AROUND: Final = 20
"""Bytes on each side of a fault that are shown."""
REPEATED_KEY: Final = "the same key twice in one object"
_SKIM: Final = msgspec.json.Decoder(msgspec.Raw)


def parse(data: bytes) -> Any:
    """Return what JSON text says; raises Refused with the place of the fault."""
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _refusal(data, error) from error
    if data.count(b'"') != written(parsed).count(b'"'):
        key = repeated_key(parse_marking(data))
        if key is not None:
            raise Refused(REPEATED_KEY, key, code=Reason.BAD_JSON)
    return parsed


def skim(data: bytes) -> None:
    """Check that JSON text is whole without building what it says; raises Refused as `parse` does."""
    try:
        _SKIM.decode(data)
    except (msgspec.DecodeError, RecursionError):
        parse(data)


def is_json(data: bytes) -> bool:
    """Say whether `data` is one JSON text."""
    try:
        _SKIM.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def written(value: Any) -> bytes:
    """Return a value as JSON, nothing when it is nested more deeply than orjson writes (254 levels)."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b""


def excerpt_at(data: bytes, at: int) -> str:
    """Return the few bytes around a place in JSON text."""
    return data[max(0, at - AROUND) : at + AROUND].decode(errors="replace")


def _refusal(data: bytes, error: orjson.JSONDecodeError) -> Refused:
    """Return why and where `data` is no JSON, with the text around that place."""
    if "UTF-8" in error.msg:
        at = _first_bad_byte(data)
        return Refused(f"not UTF-8 at byte {at + 1}", excerpt_at(data, at), code=Reason.BAD_ENCODING)
    at = len(error.doc[: error.pos].encode())
    return Refused(_fault(data, at, error.msg), excerpt_at(data, at), code=Reason.BAD_JSON)


def _fault(data: bytes, at: int, message: str) -> str:
    if not data[at:].strip():
        return f"JSON ends too early, at byte {at}"
    for word in ("NaN", "Infinity"):
        if data[at:].startswith(word.encode()):
            sign = "-" if data[:at].endswith(b"-") else ""
            return f"{sign}{word} is not JSON, at byte {at + 1}"
    if "infinity" in message:
        return f"a number is too large for JSON readers, at byte {at + 1}"
    return f"not JSON: {message.split(': line')[0]}, at byte {at + 1}"


def _first_bad_byte(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


class Repeated(dict[str, Any]):
    """An object that had a key twice: JSON readers let the last value win in silence."""

    repeated: str = ""


def parse_marking(data: bytes) -> Any:
    """Return what JSON text says with Repeated for objects that had a key twice.

    Slower than `parse`, which calls it only where the text has more quotation marks than what it parsed to: there a
    key was dropped, or a string held an escaped one.
    """
    try:
        return json.loads(data, object_pairs_hook=_mark_repeated)
    except RecursionError as error:
        raise Refused("the JSON is nested too deeply", code=Reason.BAD_JSON) from error


def _mark_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = Repeated(plain)
    marked.repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
    return marked


def repeated_key(value: Any) -> str | None:
    """Return a key that stood twice in an object that a value of `parse_marking` is or holds, None without one."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, Repeated):
            return one.repeated
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return None
