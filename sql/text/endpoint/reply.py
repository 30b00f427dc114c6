"""Reading what a language model replied: strictly, and as nothing but JSON."""

import json
import re
from typing import Final

from ehr.errors import FormError
from sql.text.endpoint.prompt import No, SqlReply, answer_type
from sql.text.endpoint.settings import Endpoint
from sql.text.forms import TAG, Form, from_json
from sql.text.query import Query

MAX_CHARACTERS: Final = 200_000
MAX_MESSAGE: Final = 300
_THOUGHT: Final = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCE: Final = re.compile(r"^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$", re.DOTALL)

QueryReply = Query | SqlReply | No


def read_query(content: str, endpoint: Endpoint, form: Form) -> QueryReply:
    """Return what a reply says; raises FormError for anything but one value of the type asked for."""
    data = typed_object(content, "a Query", sql=endpoint.sql)
    spoken = data[TAG] in (SqlReply.__name__, No.__name__)
    reply: QueryReply = (
        from_json(answer_type(endpoint), data) if spoken else from_json(answer_type(endpoint), data, form)
    )
    return reply


def typed_object(content: str, wanted: str, *, sql: bool) -> dict[str, object]:
    """Return the object with a type that a reply holds; raises FormError for another, or SQL where it may not be."""
    data = _object(content)
    if TAG not in data and data.keys() == {"answer"}:
        inner = data["answer"]
        data = inner if isinstance(inner, dict) else {}
    if TAG not in data:
        raise FormError(f"the answer is an object with the key {TAG!r}")
    if data[TAG] == SqlReply.__name__ and not sql:
        raise FormError(f"SQL is not allowed here; fill {wanted}")
    return data


def _object(content: str) -> dict[str, object]:
    """Read the one JSON object of a reply, after thoughts and within a fence where the model writes these."""
    if len(content) > MAX_CHARACTERS:
        raise FormError("the reply is too long")
    text = _THOUGHT.sub("", content)
    fenced = _FENCE.match(text)
    try:
        data = json.loads(
            fenced[1] if fenced else text, object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise FormError("the reply is nested too deep") from error
    except ValueError as error:
        raise FormError("the reply is no JSON") from error
    if not isinstance(data, dict):
        raise FormError("the reply is no JSON object")
    return data


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise FormError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> object:
    raise FormError(f"{name} is no number of JSON")


def plain(text: str) -> str:
    """Return a message of a model as one short line without control characters."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(kept.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[:MAX_MESSAGE]} ..."
