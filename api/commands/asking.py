"""`ehr ask`: a question in English, answered from the records or refused with a reason."""

import argparse
from typing import TYPE_CHECKING, Any, Final

from api.commands.translating import add_asking_flags, run_ask_database
from api.endpoints import add_endpoint_flags, translator_of

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.store import Store
    from sql.text import Answer
    from sql.text.translator import Translator

SESSIONS: Final = "sessions"
"""Folder of the store that keeps the sessions of `ehr ask --in`."""

EPILOG = """examples:
  ehr ask "how many patients have heart failure?"
  ehr ask "median length of ICU stay of women over 65 with sepsis"
  ehr ask "how many admissions had a creatinine above 2 mg/dL within 24 hours of admission?" --dry-run
  ehr ask --in ward "how many patients have heart failure?", then ehr ask --in ward "and only women?"

A question that cannot be answered is answered with a reason, and that is no failure: exit code 0, and "reason" with
--json. UNANSWERABLE: the records do not hold it. AMBIGUOUS: it has several meanings. LOW_CONFIDENCE: it was not
understood to its last word. UNSAFE: it asks for more than reading."""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "ask",
        parents=parents,
        help="ask in English, or get an honest no",
        description="Answer a question about patients or stays; says what was understood and shows the SQL.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", metavar="QUESTION", nargs="?", help="the question, in quotes")
    parser.add_argument("--dry-run", action="store_true", help="show what was understood and the SQL; run nothing")
    parser.add_argument(
        "--role", default="analyst", metavar="ROLE", help="analyst (default), aggregate, clinician, trainer, admin"
    )
    parser.add_argument(
        "--in",
        dest="session",
        metavar="SESSION",
        help="ask within a session of this name, so that the next question may follow this one",
    )
    add_endpoint_flags(parser)
    add_asking_flags(parser)
    parser.set_defaults(run=run_ask)


def run_ask(args: argparse.Namespace) -> int:
    """Answer one question."""
    from api.console import emit
    from ehr.errors import QuestionError
    from ehr.store import open_store, opened, require_subjects

    if args.db is not None or args.questions is not None:
        if args.dry_run or args.role != "analyst":
            raise QuestionError("--dry-run and --role belong to questions on a store; leave them out with --db")
        return run_ask_database(args)
    if args.question is None:
        raise QuestionError('there is no question; give one in quotes, as in  ehr ask "how many patients are there?"')
    translator = translator_of(args)
    with opened(open_store(args.store, locked=True)) as store:
        require_subjects(store)
        answer = answered(
            store,
            args.question,
            role=args.role,
            dry_run=args.dry_run,
            session=args.session,
            translator=translator,
        )
    emit(args, payload_of(answer), lambda console: render_answer(console, answer))
    return 0


def answered(
    store: "Store",
    question: str,
    *,
    role: str,
    dry_run: bool = False,
    session: str | None = None,
    translator: "Translator | None" = None,
) -> "Answer":
    """Answer a question, within a session where one is named, with a line in the audit log.

    Raises UnknownSession for a follow-up in a session that the user does not have.
    """
    from ehr.audit import audited, user_name
    from sql.text import ask
    from sql.text.followups import FolderSessions, ask_in
    from sql.text.translator import by_grammar

    reader = translator or by_grammar
    action = "ask" if reader is by_grammar else "ask a language model"
    with audited(store, action, question, role=role) as entry:
        if session is None:
            answer = ask(store, question, role=role, dry_run=dry_run, translator=reader)
        else:
            kept = FolderSessions(store.path / SESSIONS)
            answer = ask_in(
                kept, session, user_name(), store, question, role=role, dry_run=dry_run, translator=reader
            )
        entry.rows = answer.result.table.num_rows if answer.result else None
        if answer.reason is not None:
            entry.outcome, entry.reason = "refused", f"{answer.reason}: {answer.message}"
    return answer


def payload_of(answer: "Answer") -> dict[str, Any]:
    """Return an answer as one JSON document."""
    result = answer.result
    return {
        "question": answer.question,
        "answered": answer.reason is None,
        "reading": answer.reading,
        "sql": answer.sql,
        "answer": answer.sentence,
        "rows": result.table.to_pylist() if result else None,
        "truncated": result.truncated if result else None,
        "notes": list(result.notes) if result else [],
        "seconds": round(result.seconds, 4) if result else None,
        "reason": answer.reason,
        "message": answer.message,
        "read_by": answer.by,
    }


def render_answer(console: "Console", answer: "Answer") -> None:
    """Show what was understood, the SQL and the answer, or why there is none."""
    from rich.padding import Padding
    from rich.text import Text

    if answer.reason is not None:
        console.print(Text.assemble((answer.reason, "bold yellow"), "  ", answer.message or ""))
        return
    console.print(Text("Understood", style="bold cyan"))
    console.print(Padding(Text(answer.reading or ""), (0, 2)))
    console.print(Text("SQL", style="bold cyan"))
    _render_sql(console, answer.sql or "")
    if answer.result is None:
        console.print(Text("dry run: nothing was run", style="dim"))
        return
    console.print(Text("Answer", style="bold cyan"))
    console.print(Padding(Text(answer.sentence or "", style="bold"), (0, 2)))
    _render_rows(console, answer)


def _render_sql(console: "Console", sql: str) -> None:
    import sqlglot
    from rich.padding import Padding
    from rich.syntax import Syntax

    pretty = sqlglot.parse_one(sql, read="duckdb").sql(dialect="duckdb", pretty=True)
    console.print(
        Padding(Syntax(pretty, "sql", theme="ansi_dark", word_wrap=True, background_color="default"), (0, 2))
    )


def _render_rows(console: "Console", answer: "Answer") -> None:
    """Show the rows of groups and lists; a single figure stands in the sentence."""
    from rich.padding import Padding

    from api.results import rendered

    assert answer.result is not None
    table = answer.result.table
    if table.num_rows > 1 or answer.query is None or answer.query.by is not None:
        console.print(Padding(rendered(table), (0, 2)))
    for note in answer.result.notes:
        console.print(note, style="yellow")
    if answer.result.truncated:
        console.print(f"only the first {table.num_rows:,} rows are shown", style="yellow")
