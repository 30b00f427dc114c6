"""The prompt of the shell: many lines, history, completion, colours."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.completion import Completer as PromptCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from pygments.lexers.sql import SqlLexer

from api.shell.completion import Completer
from api.shell.session import COMMANDS, Session
from api.shell.statements import cut

HISTORY_FILE: Final = "anamnesis/shell_history"


def run_terminal(session: Session, *, source: Input | None = None, screen: Output | None = None) -> None:
    """Ask for statements and commands until .quit or Ctrl-D; Ctrl-C drops what is typed.

    `source` and `screen` stand in for the keyboard and the screen in tests.
    """
    session.goes_on_after_interrupt = True
    completer = Completer(session.store, session.catalog, tuple(COMMANDS))
    prompt: PromptSession[str] = PromptSession(
        history=_history(session),
        completer=_Adapter(completer, session),
        complete_while_typing=True,
        complete_in_thread=True,
        lexer=PygmentsLexer(SqlLexer),
        auto_suggest=AutoSuggestFromHistory(),
        multiline=True,
        prompt_continuation=lambda width, number, is_soft_wrap: "." * (width - 1) + " ",
        key_bindings=_keys(),
        input=source,
        output=screen,
    )
    while not session.is_over:
        try:
            session.run(prompt.prompt(f"{session.role}> "))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def is_complete(typed: str) -> bool:
    """Say whether Enter ends what is typed: a command, nothing, or statements up to a semicolon.

    >>> is_complete(".tables"), is_complete("SELECT ';"), is_complete("SELECT 1;")
    (True, False, True)
    """
    return typed.startswith(".") or cut(typed).is_blank


class _Adapter(PromptCompleter):
    """Gives the suggestions of ours to the prompt."""

    def __init__(self, completer: Completer, session: Session) -> None:
        self._completer = completer
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what may follow the text before the cursor."""
        before, after = document.text_before_cursor, document.text_after_cursor
        for one in self._completer.suggestions(before, after, self._session.role):
            yield Completion(one.text, -one.replaces, display_meta=one.note)


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


def history_path() -> Path:
    """Return the file of the history, in the folder that the user keeps states of programs in."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    return (Path(folder) if os.path.isabs(folder) else Path.home() / ".local" / "state") / HISTORY_FILE


def _history(session: Session) -> History:
    """Return the history of earlier shells, readable by the user alone; one of this shell where no file can be."""
    path = history_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        session.err.print(f"no history is kept: {path}: {error.strerror}", style="yellow", markup=False)
        return InMemoryHistory()
    return FileHistory(path)
