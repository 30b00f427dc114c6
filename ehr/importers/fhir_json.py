"""Parsing JSON strictly: what RFC 8259 does not allow, and a key that stands twice in one object, is refused."""

import json
from typing import Any, Final

import msgspec
import orjson

from ehr.importers.fhir_values import Refused

EXCERPT_BYTES: Final = 400
REPEATED_KEY: Final = "the same key twice in one object"
_SKIM: Final = msgspec.json.Decoder(msgspec.Raw)


def parse(data: bytes) -> Any:
    """Return what JSON text says; raises Refused with the place of the fault."""
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _refusal(data, error) from error
    if data.count(b'"') != written(parsed).count(b'"') and holds_repeated(parse_marking(data)):
        raise Refused(REPEATED_KEY)
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


def excerpt_of(data: bytes) -> str:
    """Return the beginning of JSON text, to find it again."""
    return data[:EXCERPT_BYTES].decode(errors="replace")


def _refusal(data: bytes, error: orjson.JSONDecodeError) -> Refused:
    """Return why and where `data` is no JSON, with the text around that place."""
    if "UTF-8" in error.msg:
        at = _first_bad_byte(data)
        return Refused(f"not UTF-8 at byte {at + 1}", excerpt_of(data[max(0, at - 40) :]))
    at = len(error.doc[: error.pos].encode())
    around = excerpt_of(data[max(0, at - 40) : at + 60])
    if not data[at:].strip():
        return Refused(f"JSON ends too early, at byte {at}", around)
    for word in ("NaN", "Infinity"):
        if data[at:].startswith(word.encode()):
            sign = "-" if data[:at].endswith(b"-") else ""
            return Refused(f"{sign}{word} is not JSON, at byte {at + 1}", around)
    if "infinity" in error.msg:
        return Refused(f"a number is too large for JSON readers, at byte {at + 1}", around)
    return Refused(f"not JSON: {error.msg.split(': line')[0]}, at byte {at + 1}", around)


def _first_bad_byte(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


class Repeated(dict[str, Any]):
    """An object that had a key twice: JSON readers let the last value win in silence."""


def parse_marking(data: bytes) -> Any:
    """Return what JSON text says with Repeated for objects that had a key twice.

    Slower than `parse`, which calls it only where the text has more quotation marks than what it parsed to: there a
    key was dropped, or a string held an escaped one.
    """
    try:
        return json.loads(data, object_pairs_hook=_mark_repeated)
    except RecursionError as error:
        raise Refused("the JSON is nested too deeply") from error


def _mark_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return Repeated(plain) if len(plain) < len(pairs) else plain


def holds_repeated(value: Any) -> bool:
    """Say whether a value of `parse_marking` is or holds an object that had a key twice."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, Repeated):
            return True
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return False
