"""One chat server for all tests of the endpoint, and the way to ask the clinic through it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehr.store import Store
from sql.text import Answer, Index, ask
from sql.text.endpoint import Endpoint, LanguageModel
from tests.sql.text.endpoint.chat_server import Chat, chat_server

Asking = Callable[..., Answer]


@pytest.fixture(scope="session")
def chat() -> Iterator[Chat]:
    with chat_server() as running:
        yield running


@pytest.fixture
def asking(chat: Chat, clinic: Store, index: Index) -> Asking:
    """Ask the clinic through the model; settings of the endpoint are given by name."""

    def asked(question: str, *, role: str = "analyst", dry_run: bool = False, **settings: Any) -> Answer:
        chosen = {"timeout": 5.0, "attempts": 3, "pause": 0.0, "corrections": 0} | settings
        model = LanguageModel(Endpoint(chat.url, "test-model", **chosen))
        return ask(clinic, question, role=role, dry_run=dry_run, index=index, translator=model)

    return asked
