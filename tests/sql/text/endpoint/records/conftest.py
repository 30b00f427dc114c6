"""The way to ask the ward through a model."""

from collections.abc import Callable
from typing import Any

import pytest

from sql.text.answering.answering import Answer, Answerer
from sql.text.answering.ground import Ground
from sql.text.endpoint import Endpoint
from sql.text.endpoint.records import RecordsModel
from sql.text.records.query import RecordsQuery
from tests.sql.text.endpoint.chat_server import Chat

Asking = Callable[..., Answer]


@pytest.fixture
def asking(chat: Chat, ground: Ground) -> Asking:
    """Ask the ward; settings of the endpoint are given by name."""

    def asked(
        question: str, previous: RecordsQuery | None = None, before: Answerer | None = None, **settings: Any
    ) -> Answer:
        chosen = {"timeout": 5.0, "attempts": 3, "pause": 0.0, "corrections": 0} | settings
        (answer,) = RecordsModel(Endpoint(chat.url, "test-model", **chosen), before)([question], ground, previous)
        return answer

    return asked


def tokens(text: str) -> dict[str, object]:
    """Return the reply of a model that fills a typed question."""
    return {"type": "Tokens", "tokens": text.split()}


def sql(text: str) -> dict[str, object]:
    """Return the reply of a model that writes SQL."""
    return {"type": "SqlReply", "sql": text}
