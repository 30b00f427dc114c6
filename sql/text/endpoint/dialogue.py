"""Asking a model until its reply passes, as often as the settings allow; every fault on the way ends in a refusal."""

from collections.abc import Callable
from typing import TypeVar

from ehr.errors import EndpointError, FormError
from sql.text.endpoint.prompt import No, correction
from sql.text.endpoint.reply import plain
from sql.text.endpoint.settings import Endpoint
from sql.text.endpoint.wire import Message, complete
from sql.text.refuse import Refusal

Reply = TypeVar("Reply")
Understood = TypeVar("Understood")


def understood_from(
    endpoint: Endpoint,
    messages: list[Message],
    schema: dict[str, object],
    read: Callable[[str], Reply],
    judge: Callable[[Reply], Understood | Refusal],
) -> Understood | Refusal:
    """Return what a reply means, or why there is none.

    `read` makes a value of a reply, or raises FormError; `judge` says what it means, or what is wrong with it. The
    model is told what is wrong and asked again, `endpoint.corrections` times; a refusal of its own, and one for
    several meanings, are final.
    """
    refusal = Refusal("LOW_CONFIDENCE", "the language model was not asked")
    for _ in range(endpoint.corrections + 1):
        try:
            content = complete(endpoint, messages, schema)
        except EndpointError as error:
            return Refusal("LOW_CONFIDENCE", f"{error}; nothing was answered")
        try:
            reply = read(content)
        except FormError as error:
            fault = str(error)
            refusal = doubted(endpoint, f"gave no typed question ({plain(fault)})")
        else:
            understood = judge(reply)
            if not isinstance(understood, Refusal) or isinstance(reply, No) or understood.reason == "AMBIGUOUS":
                return understood
            refusal, fault = understood, understood.message
        messages = [*messages, *correction(content, fault)]
    return refusal


def said_no(endpoint: Endpoint, no: No) -> Refusal:
    """Return the refusal that the model itself gave."""
    return Refusal(no.reason, f"the language model {endpoint.name} says: {plain(no.message)}")


def doubted(endpoint: Endpoint, what: str) -> Refusal:
    """Return the refusal for a reply that is not to be trusted."""
    return Refusal("LOW_CONFIDENCE", f"the language model {endpoint.name} {what}; ask in other words")
