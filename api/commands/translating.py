"""`ehr train --translator` and `ehr ask --db`: learn the questions of a schema of your own, and ask it in English."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from api.translating import Plan
    from sql.text.answering.answering import Answer, Answerer
    from sql.text.answering.ground import Ground


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the training of a translator."""
    flags = parser.add_argument_group(
        "a translator of questions",
        "Learns to answer questions in English over a database that a catalogue file describes, from questions with "
        "their SQL (ehr ask --db then answers).",
    )
    flags.add_argument("--translator", action="store_true", help="train a translator, and no model of patients")
    flags.add_argument("--questions", type=Path, metavar="FILE", help="JSON list of {id, question, sql or null}")
    _add_ground_flags(flags)
    flags.add_argument("--out", type=Path, metavar="FOLDER", help="where to keep it (./translators/CATALOGUE)")
    flags.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all draws (1)")
    flags.add_argument("--folds", type=_count, default=2, metavar="N", help="parts held out in turn (2)")
    flags.add_argument("--draws", type=_count, default=3, metavar="N", help="times that parts are drawn anew (3)")
    flags.add_argument("--members", type=_count, default=2, metavar="N", help="networks that decide together (2)")
    flags.add_argument("--passes", type=_count, default=14, metavar="N", help="passes over the questions (14)")
    flags.add_argument("--jobs", type=_count, default=1, metavar="N", help="networks trained at a time (1)")
    flags.add_argument(
        "--unanswerable-share",
        type=_share,
        default=0.2,
        metavar="SHARE",
        help="share of questions without an answer to expect in use (0.2)",
    )


SESSIONS: Final = "sessions"
"""Folder, beside the translator, that keeps the sessions of `ehr ask --db --in`."""


def add_asking_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of questions on a foreign schema."""
    flags = parser.add_argument_group(
        "a database of your own",
        "Answers with a translator that 'ehr train --translator' has trained, or a language model (--endpoint); "
        "one question, one after another (--in), or a file of them.",
    )
    _add_ground_flags(flags)
    flags.add_argument("--translator", type=Path, metavar="FOLDER", help="its folder (./translators/CATALOGUE)")
    flags.add_argument("--questions", type=Path, metavar="FILE", help="JSON list of {id, question}")
    flags.add_argument("--predictions", type=Path, metavar="OUT", help="write {id: SQL for SQLite, or null} here")
    flags.add_argument(
        "--cost-of-error",
        type=_cost,
        default=10.0,
        metavar="N",
        help="how many right answers one wrong answer costs (10); the dearer, the more is refused",
    )


def _add_ground_flags(flags: "argparse._ArgumentGroup") -> None:
    flags.add_argument("--db", type=Path, metavar="PATH", help="a folder of CSV files, or a DuckDB file")
    flags.add_argument(
        "--catalogue", metavar="NAME", help="what the tables stand for: a YAML file or a built-in name"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _cost(text: str) -> float:
    try:
        cost = float(text)
    except ValueError:
        cost = -1.0
    if not 0 <= cost < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no cost; write a number from 0 on")
    return cost


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1")
    return share


# --- training ---------------------------------------------------------------------------------------------


def run_train_translator(args: argparse.Namespace) -> int:
    """Train a translator and print what it learnt from and what it is expected to be worth."""
    from api.console import emit, progress_bar
    from api.translating import default_folder, train_translator
    from sql.text.answering.examples import read_asked
    from sql.text.answering.ground import opened_ground

    _require(args, ("questions", "db", "catalogue"), "ehr train --translator")
    folder = args.out or default_folder(args.catalogue)
    asked = read_asked(args.questions)
    with opened_ground(args.db, args.catalogue) as ground, progress_bar("training") as progress:
        report = train_translator(asked, ground, folder, plan_of(args), progress)
    payload = {"folder": str(folder), **report}
    emit(args, payload, lambda console: _render_report(console, payload))
    return 0


def plan_of(args: argparse.Namespace) -> "Plan":
    """Return the plan that the flags describe."""
    from api.translating import Plan

    return Plan(
        seed=args.seed,
        folds=args.folds,
        draws=args.draws,
        members=args.members,
        passes=args.passes,
        none_share=args.unanswerable_share,
        jobs=args.jobs,
    )


def _require(args: argparse.Namespace, names: tuple[str, ...], command: str) -> None:
    from ehr.errors import QuestionError

    missing = [name for name in names if getattr(args, name) is None]
    if missing:
        raise QuestionError(f"'{command}' needs --{missing[0]}; see 'ehr {command.split()[1]} --help'")


def _render_report(console: "Console", report: dict[str, Any]) -> None:
    lessons, held = report["lessons"], report["held_out"]
    console.print(
        f"learnt from {lessons['questions']:,} questions, {lessons['without_answer']:,} of them without an answer; "
        f"{lessons['not_typed']:,} ask what no typed question says"
    )
    console.print(f"held-out questions with an answer read rightly: {held['accuracy_answerable']:.1%}")
    for cost in held["answered"]:
        console.print(
            f"  cost of error {cost:>2}: {held[f'RS({cost})']:6.2f}  "
            f"(answers {held['answered'][cost]:,}, of these wrong {held['wrong'][cost]:,})"
        )
    console.print(f"{report['parameters']:,} parameters, {report['seconds'] / 60:.1f} minutes, in {report['folder']}")


# --- asking -----------------------------------------------------------------------------------------------


def run_ask_database(args: argparse.Namespace) -> int:
    """Answer one question, or a file of them, over a foreign schema."""
    from ehr.errors import QuestionError
    from sql.text.answering.ground import opened_ground

    if (args.question is None) == (args.questions is None):
        raise QuestionError("give one question in quotes, or --questions FILE, and not both")
    if args.session is not None and args.questions is not None:
        raise QuestionError("--in is for one question after another; leave it out with --questions")
    _require(args, ("db", "catalogue"), "ehr ask --db")
    with opened_ground(args.db, args.catalogue) as ground:
        answerer = answerer_of(args, ground)
        return _ask_one(args, ground, answerer) if args.questions is None else _ask_file(args, ground, answerer)


def answerer_of(args: argparse.Namespace, ground: "Ground") -> "Answerer":
    """Return who answers: the trained translator, a language model where one is named, or one after the other.

    In a file of questions a model may write no SQL, since predictions are for SQLite, as typed questions alone are.
    Raises ModelError where the translator is needed and there is none, and EndpointError for a wrong endpoint.
    """
    from api.endpoints import endpoint_of

    endpoint = endpoint_of(args)
    if endpoint is None:
        return _learned(args, ground)
    from sql.text.endpoint.records import RecordsModel

    if args.questions is not None:
        endpoint = replace(endpoint, sql=False)
    return RecordsModel(endpoint, _learned(args, ground) if endpoint.use == "after" else None)


def _learned(args: argparse.Namespace, ground: "Ground") -> "Answerer":
    from api.translating import load_translator
    from sql.text.answering.answering import Learned

    parser, judge, _ = load_translator(_folder(args), ground)
    return Learned(parser, judge, args.cost_of_error)


def _folder(args: argparse.Namespace) -> Path:
    from api.translating import default_folder

    named: Path | None = args.translator
    return named or default_folder(args.catalogue)


def _ask_file(args: argparse.Namespace, ground: "Ground", answerer: "Answerer") -> int:
    import orjson

    from api.console import emit
    from sql.text.answering.examples import read_asked

    _require(args, ("predictions",), "ehr ask --questions")
    asked = read_asked(args.questions)
    answers = answerer([one.question for one in asked], ground)
    predictions = {one.id: answer.sqlite for one, answer in zip(asked, answers, strict=True)}
    args.predictions.write_bytes(orjson.dumps(predictions, option=orjson.OPT_INDENT_2))
    reasons = {answer.reason: 0 for answer in answers if answer.reason}
    for answer in answers:
        if answer.reason:
            reasons[answer.reason] += 1
    answered = len(answers) - sum(reasons.values())
    payload = {"questions": len(answers), "answered": answered, "refused": reasons, "to": str(args.predictions)}
    said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items()) or "none"
    emit(args, payload, lambda console: console.print(f"answered {answered:,} of {len(answers):,}; refused: {said}"))
    return 0


def _ask_one(args: argparse.Namespace, ground: "Ground", answerer: "Answerer") -> int:
    from api.console import emit

    if args.session is None:
        (answer,) = answerer([args.question], ground)
    else:
        from ehr.audit import user_name
        from sql.text.followups import FolderSessions
        from sql.text.followups.records import ask_records_in

        sessions = FolderSessions(_folder(args) / SESSIONS)
        answer = ask_records_in(sessions, args.session, user_name(), ground, args.question, answerer)
    emit(args, payload_of(answer), lambda console: _render_answer(console, answer))
    return 0


def payload_of(answer: "Answer") -> dict[str, Any]:
    """Return an answer as one JSON document."""
    result = answer.result
    return {
        "question": answer.question,
        "answered": answer.reason is None,
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
        "reading": answer.reading,
        "sql": answer.sql,
        "sqlite": answer.sqlite,
        "rows": result.table.to_pylist() if result else None,
        "truncated": result.truncated if result else None,
        "reason": answer.reason,
        "message": answer.message,
        "alternatives": list(answer.alternatives),
        "read_by": answer.by,
    }


def _render_answer(console: "Console", answer: "Answer") -> None:
    import sqlglot
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    from api.results import rendered

    if answer.reason is not None:
        console.print(Text.assemble((answer.reason, "bold yellow"), "  ", answer.message or ""))
        return
    console.print(Text("Understood", style="bold cyan"))
    sure = "" if answer.query is None else f" ({_how_sure(answer)})"
    console.print(Padding(Text(f"{answer.reading}{sure}"), (0, 2)))
    console.print(Text("SQL", style="bold cyan"))
    pretty = sqlglot.parse_one(answer.sql or "", read="duckdb").sql(dialect="duckdb", pretty=True)
    console.print(Padding(Syntax(pretty, "sql", theme="ansi_dark", background_color="default"), (0, 2)))
    console.print(Text("Answer", style="bold cyan"))
    assert answer.result is not None
    console.print(Padding(rendered(answer.result.table), (0, 2)))


def _how_sure(answer: "Answer") -> str:
    if answer.confidence is None:
        return f"read by {answer.by}; how likely it is right was not learnt"
    sure = "over 99%" if answer.confidence > 0.99 else f"{answer.confidence:.0%}"
    return f"right with a probability of {sure}"
