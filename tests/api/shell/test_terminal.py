"""The prompt: many lines, completion, history in the folder of the user, Ctrl-C and Ctrl-D."""

import io
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from api.shell import terminal
from api.shell.session import Session
from ehr.store import Store, open_store
from sql.catalog import read_catalog
from tests.sql.ward import build_ward


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("terminal") / "store"
    build_ward(path)
    store = open_store(path, locked=True)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def typed(store: Store, keys: str) -> tuple[str, str]:
    """Type keys at a prompt and return what the shell printed."""
    out, err = io.StringIO(), io.StringIO()
    session = Session(store, read_catalog(store), Console(file=out, width=100), Console(file=err, width=100))
    with create_pipe_input() as source:
        source.send_text(keys)
        terminal.run_terminal(session, source=source, screen=DummyOutput())
    return out.getvalue(), err.getvalue()


def test_a_statement_goes_on_until_its_semicolon(store: Store) -> None:
    out, err = typed(store, "SELECT ';' AS a,\n41 + 1 AS b\n;\n.quit\n")
    assert "42" in out
    assert err == ""


def test_ctrl_c_drops_what_is_typed_and_ctrl_d_leaves(store: Store) -> None:
    out, err = typed(store, "SELECT 17\x03SELECT 18 AS n;\n\x04")
    assert "18" in out
    assert "17" not in out + err


def test_the_history_is_kept_for_the_user_alone(store: Store, state: Path) -> None:
    typed(store, "SELECT 1 AS kept;\n\x04")
    file = state / "anamnesis" / "shell_history"
    assert "SELECT 1 AS kept;" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    out, _ = typed(store, "\x1b[A\n\x04")
    assert "kept" in out


def test_without_a_folder_for_it_no_history_is_kept(store: Store, state: Path) -> None:
    (state / "anamnesis").write_text("a file where the folder should be")
    out, err = typed(store, "SELECT 5 AS n;\n\x04")
    assert "5" in out
    assert "no history is kept" in err


def test_the_prompt_offers_completions(store: Store) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from api.shell.completion import Completer
    from api.shell.session import COMMANDS

    out = Console(file=io.StringIO())
    session = Session(store, read_catalog(store), out, out)
    adapter = terminal._Adapter(Completer(store, session.catalog, tuple(COMMANDS)), session)
    text = "SELECT birt FROM patient"
    (found,) = adapter.get_completions(Document(text, cursor_position=11), CompleteEvent())
    assert (found.text, found.start_position) == ("birth_time", -4)


LAUNCH = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches this process
from api.cli import main
sys.exit(main())
"""


def test_ctrl_c_stops_the_query_that_runs_and_the_shell_goes_on(store: Store) -> None:
    master, inside = pty.openpty()
    words = [sys.executable, "-c", LAUNCH, "--store", str(store.path), "shell"]
    running = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    screen = Screen(master)
    try:
        screen.wait_for("analyst>")
        screen.type("SELECT count(*) FROM range(10000000) a, range(10000000) b;\r")
        screen.wait_for("b;")
        screen.wait_for("interrupted", every_second="\x03")
        screen.type("SELECT 'forty' || '-two' AS n;\r")
        screen.wait_for("forty-two")
        screen.wait_for("analyst>")
        screen.type("\x04")
        assert running.wait(timeout=60) == 0
    finally:
        running.kill()
        running.wait()
        os.close(master)


class Screen:
    """What a program shows on a pseudo-terminal, and a keyboard for it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._shown = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, wanted: str, every_second: str = "") -> None:
        """Read on until `wanted` is shown, typing `every_second` meanwhile; fail after a minute without it."""
        for _ in range(60):
            while wanted not in self._shown and select.select([self._master], [], [], 1)[0]:
                piece = os.read(self._master, 4096).decode(errors="replace")
                if "\x1b[6n" in piece:  # the terminal is asked where its cursor is
                    self.type("\x1b[1;1R")
                self._shown += piece
            if wanted in self._shown:
                self._shown = self._shown.partition(wanted)[2]
                return
            self.type(every_second)
        pytest.fail(f"{wanted!r} is not in {self._shown!r}")
