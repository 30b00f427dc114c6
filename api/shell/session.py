"""Running statements and the commands that begin with a dot, one after another, whatever they are typed into."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.pointing import explained
from api.results import (
    FORMATS,
    PRINTED,
    cut_remark,
    described,
    described_functions,
    format_of,
    print_table,
    write_result,
)
from api.shell.completion import TABLE, Command
from api.shell.statements import Inside, cut
from ehr.audit import audited
from ehr.errors import EhrError, QueryFailed, UnsafeQuery
from ehr.lookup import search_codes
from ehr.store import Store
from sql.catalog import ROLES, Catalog, names_for
from sql.macros import DESCENDS_FROM, macros_for
from sql.query import Limits, Result, run_query

INTERRUPTED: Final = "Query interrupted"
"""What DuckDB says of Ctrl-C that it meets itself."""


class CommandError(EhrError):
    """A command of the shell that does not exist, or arguments that it does not take."""


@dataclass(slots=True)
class Session:
    """What the shell is set to, and where it prints: results to `out`, remarks and errors to `err`."""

    store: Store
    catalog: Catalog
    out: Console
    err: Console
    role: str = "analyst"
    format: str = "table"
    limits: Limits = field(default_factory=Limits)
    goes_on_after_interrupt: bool = False
    next_file: Path | None = None
    is_over: bool = False
    failures: int = 0

    def run(self, typed: str) -> None:
        """Run what was typed: one command, or the statements in it; the last needs no semicolon."""
        if typed.lstrip().startswith("."):
            self._guarded(self._command, typed.strip())
            return
        found = cut(typed)
        for statement in (*found.statements, *(() if found.is_blank else (found.rest,))):
            if not cut(statement).is_blank:
                self._guarded(self._statement, statement.strip())

    def _guarded(self, act: Callable[[str], None], text: str) -> None:
        """Call `act`; what is refused or fails is told, at a prompt also an interruption, and the shell goes on."""
        try:
            act(text)
        except (UnsafeQuery, QueryFailed) as error:
            self._fail(explained(error, text))
        except EhrError as error:
            self._fail(f"ehr: {error}")
        except (KeyboardInterrupt, RuntimeError) as error:
            is_interrupt = isinstance(error, KeyboardInterrupt) or str(error) == INTERRUPTED
            if not (is_interrupt and self.goes_on_after_interrupt):
                raise
            self._fail("ehr: interrupted")

    def _fail(self, message: str) -> None:
        self.failures += 1
        self.err.print(message, markup=False, soft_wrap=True)

    def _statement(self, text: str) -> None:
        with audited(self.store, "shell", text, role=self.role) as entry:
            result = run_query(self.store, text, role=self.role, limits=self.limits, catalog=self.catalog)
            entry.rows = result.table.num_rows
        self._show(result)

    def _show(self, result: Result) -> None:
        file, self.next_file = self.next_file, None
        ending = format_of(None, False, file)
        name = self.format if ending in PRINTED else ending
        if name in PRINTED:
            print_table(self.out, result, as_records=name == "records")
        else:
            self.out.file.flush()
            write_result(result.table, name, file)
        if file is not None:
            self.err.print(f"{result.table.num_rows:,} rows written to {file}", style="dim", markup=False)
        for note in result.notes:
            self.err.print(note, style="yellow", markup=False)
        if result.cut is not None:
            self.err.print(f"{cut_remark(result)}; raise .limit or narrow the query", style="yellow")

    def _command(self, typed: str) -> None:
        name, _, argument = typed.rstrip(";").strip().partition(" ")
        for command, act in COMMANDS.items():
            if command.name == name or (name == ".exit" and command.name == ".quit"):
                act(self, argument.strip())
                return
        raise CommandError(f"there is no command {name}; .help shows them all")


def _help(session: Session, argument: str) -> None:
    view = Table(box=None, show_header=False, padding=(0, 2))
    for command in COMMANDS:
        view.add_row(Text(f"{command.name} {command.arguments}", style="green"), Text(command.does))
    session.out.print(view)
    session.out.print(Text("Statements end with a semicolon. Ctrl-C stops a query, Ctrl-D leaves.", style="dim"))


def _tables(session: Session, argument: str) -> None:
    view = Table(box=None, show_header=False, padding=(0, 2))
    for relation in session.catalog.readable(session.role).values():
        view.add_row(Text(relation.name, style="cyan"), Text(relation.comment))
    session.out.print(view)


def _describe(session: Session, argument: str) -> None:
    readable = session.catalog.readable(session.role)
    if not argument:
        raise CommandError(".describe takes the name of a table or view; .tables shows them")
    if argument.lower() not in readable:
        raise CommandError(f"role {session.role} may not read {argument!r}; .tables shows what it may")
    session.out.print(described(readable[argument.lower()]))


def _functions(session: Session, argument: str) -> None:
    session.out.print(described_functions([DESCENDS_FROM, *macros_for(session.catalog, session.role)]))


def _codes(session: Session, argument: str) -> None:
    if not argument:
        raise CommandError(".codes takes words of a title or code, such as: .codes heart failure")
    if not session.catalog.allows("code", session.role):
        raise CommandError(f"role {session.role} may not read the codes of the store")
    view = Table(header_style="bold")
    for name in ("code", "description", "unit"):
        view.add_column(name, overflow="fold")
    for row in search_codes(session.store, argument).select("code", "description", "unit").iter_rows():
        view.add_row(*(Text(str(value or "")) for value in row))
    session.out.print(view)


def _role(session: Session, argument: str) -> None:
    if argument:
        names_for(argument)
        session.role = argument
    session.err.print(f"role {session.role}", style="dim", markup=False)


def _format(session: Session, argument: str) -> None:
    if argument and argument not in FORMATS:
        raise CommandError(f"there is no format {argument!r}; the formats are {', '.join(FORMATS)}")
    session.format = argument or session.format
    session.err.print(f"format {session.format}", style="dim", markup=False)


def _limit(session: Session, argument: str) -> None:
    if argument:
        if not argument.isascii() or not argument.isdigit() or int(argument) < 1:
            raise CommandError(f".limit takes a number of rows from 1, not {argument!r}")
        session.limits = replace(session.limits, rows=int(argument))
    session.err.print(f"at most {session.limits.rows:,} rows", style="dim")


def _timeout(session: Session, argument: str) -> None:
    if argument:
        try:
            seconds = float(argument)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise CommandError(f".timeout takes seconds, more than 0, not {argument!r}")
        session.limits = replace(session.limits, seconds=seconds)
    session.err.print(f"at most {session.limits.seconds:g} seconds", style="dim")


def _out(session: Session, argument: str) -> None:
    words = _words(argument)
    if len(words) != 1:
        raise CommandError(".out takes the file that the next result goes to, such as: .out result.parquet")
    file = Path(words[0])
    if format_of(None, False, file) in PRINTED and session.format in PRINTED:
        raise CommandError(f"{file} has no ending of a format; use .csv, .json, .arrow or .parquet, or .format first")
    session.next_file = file
    session.err.print(f"the next result goes to {file}", style="dim", markup=False)


def _estimate(session: Session, argument: str) -> None:
    from api.costs import render_estimate
    from sql.estimate import estimate

    if not argument:
        raise CommandError(".estimate takes a SELECT on the same line")
    try:
        with audited(session.store, "shell estimate", argument, role=session.role):
            found = estimate(
                session.store, argument, role=session.role, limits=session.limits, catalog=session.catalog
            )
    except (UnsafeQuery, QueryFailed) as error:
        raise CommandError(explained(error, argument).removeprefix("ehr: ")) from error
    render_estimate(session.out, found)


def _ask(session: Session, argument: str) -> None:
    from api.commands.asking import answered, render_answer

    if not argument:
        raise CommandError(".ask takes a question, such as: .ask how many patients have heart failure?")
    render_answer(session.out, answered(session.store, argument, role=session.role))


def _quit(session: Session, argument: str) -> None:
    session.is_over = True


def _words(argument: str) -> Sequence[str]:
    try:
        return shlex.split(argument)
    except ValueError:
        return ()


COMMANDS: Final[dict[Command, Callable[[Session, str], None]]] = {
    Command(".help", "", "show the commands"): _help,
    Command(".tables", "", "show the tables and views that the role may read"): _tables,
    Command(".describe", TABLE, "show the columns of a table or view, and what they mean"): _describe,
    Command(".functions", "", "show the functions of ours, such as age_at"): _functions,
    Command(".codes", "WORDS", "find codes by words of their titles"): _codes,
    Command(".role", "[ROLE]", "ask as another role", tuple(ROLES)): _role,
    Command(".format", "[FORMAT]", "how results are written", FORMATS): _format,
    Command(".out", "FILE", "write the next result to a file, in the format of its ending"): _out,
    Command(".limit", "[N]", "at most N rows of a result"): _limit,
    Command(".timeout", "[S]", "stop a query after S seconds"): _timeout,
    Command(".estimate", "SELECT", "show what a query would cost; run nothing"): _estimate,
    Command(".ask", "QUESTION", "ask in English; says what was understood"): _ask,
    Command(".quit", "", "leave, like Ctrl-D"): _quit,
}
"""Every command and what it does to a session."""


def run_lines(session: Session, lines: Sequence[str]) -> None:
    """Run what comes from no terminal: a line that begins with a dot is a command where no statement is begun."""
    pending = ""
    for line in lines:
        if not pending.strip() and line.startswith("."):
            session.run(line)
        else:
            found = cut(pending + line)
            for statement in found.statements:
                session.run(f"{statement};")
            pending = "" if found.is_blank and found.inside is Inside.CODE else found.rest
            if pending.lstrip().startswith("."):
                session.run(pending)
                pending = ""
        if session.is_over:
            return
    session.run(pending)
