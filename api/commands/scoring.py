"""`ehr scores`: the clinical scores of one patient at one time, with the values that they rest on."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

    from models.scores import Score, Scored

SHOWN: Final = ("news2", "mews", "qsofa", "sofa", "saps2", "charlson_age")
"""Scores that are shown when none is named."""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "scores",
        parents=parents,
        help="clinical scores of one patient, with the values used and what is missing",
        description="NEWS2, MEWS, qSOFA, SOFA, SAPS, SAPS II and the Charlson index from what was known at a time. "
        "What is missing is said; a score with something missing has no total, only the points of what is charted.",
    )
    parser.add_argument("subject", metavar="SUBJECT", help="subject_id or original identifier")
    parser.add_argument(
        "--at",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="nothing after this time is used (2180-05-07T22:13; default: the last event of the patient)",
    )
    parser.add_argument(
        "--score",
        action="append",
        metavar="NAME",
        help=f"only this score (may be given several times; default: {', '.join(SHOWN)}; also: saps, "
        "news2_scale2, charlson)",
    )
    parser.add_argument(
        "--concepts",
        action="append",
        type=Path,
        metavar="FILE",
        help="files that name the codes of the inputs in place of the ready ones; physionet2012.yaml is one",
    )
    parser.set_defaults(run=run_scores)


def run_scores(args: argparse.Namespace) -> int:
    """Print the scores of one patient."""
    import polars as pl

    from api.console import emit
    from ehr.errors import UnknownSubject
    from ehr.lookup import find_subject
    from ehr.store import open_store, opened
    from models.scores import score_rows

    scores = _asked(args.score or SHOWN)
    with opened(open_store(args.store)) as store:
        subject = find_subject(store, args.subject)
        at = args.at or subject.last_time
        if at is None:
            raise UnknownSubject(f"patient {subject.subject_id} has no event with a time; name a time with --at")
        at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
        row = pl.DataFrame({"subject_id": [subject.subject_id], "prediction_time": [at]})
        scored = score_rows(store.cursor(), row, scores, _concepts(args.concepts))
        titles = _code_titles(store.cursor(), scored)
    payload = {
        "subject_id": subject.subject_id,
        "at": at,
        "scores": [_plain(score, scored, titles) for score in scores],
    }
    emit(args, payload, lambda console: _render(console, payload))
    return 0


def _asked(names: Any) -> "list[Score]":
    """Return the scores of these names; raises ModelError for one that there is none of."""
    from ehr.errors import ModelError
    from models.scores import SCORES

    for name in names:
        if name not in SCORES:
            raise ModelError(f"there is no score {name!r}; there are: {', '.join(SCORES)}")
    return [SCORES[name] for name in dict.fromkeys(names)]


def _concepts(paths: list[Path] | None) -> Any:
    """Return the concepts of the files asked for, None for the ready ones."""
    from models.scores import read_concepts

    if not paths:
        return None
    return read_concepts([str(path.resolve()) if path.is_file() else str(path) for path in paths])


def _code_titles(con: Any, scored: "Scored") -> dict[str, str]:
    codes = scored.components["code"].drop_nulls().unique().to_list()
    found = con.execute(
        "SELECT code, description FROM code WHERE code IN (SELECT unnest($1)) AND description IS NOT NULL", [codes]
    )
    return dict(found.fetchall())


def _plain(score: "Score", scored: "Scored", titles: dict[str, str]) -> dict[str, Any]:
    """Return what one score says as plain values."""
    total = scored.totals.filter(score=score.name).row(0, named=True)
    parts = scored.components.filter(score=score.name).drop("subject_id", "prediction_time", "score", "required")
    components = [
        {**part, "description": titles.get(part["code"]), "missing": part["component"] in total["missing"]}
        for part in parts.iter_rows(named=True)
    ]
    return {
        "score": score.name,
        "title": score.title,
        "source": score.source,
        "highest": score.most,
        "total": total["total"],
        "charted": total["charted"],
        "missing": total["missing"],
        "mortality": total["mortality"],
        "components": components,
    }


def _render(console: "Console", payload: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from models.scores.inputs import spell

    console.print(
        f"[bold]patient {payload['subject_id']}[/], from what was known at {payload['at']:%Y-%m-%d %H:%M}; "
        "values of the 24 hours before, diagnoses of the whole past"
    )
    for score in payload["scores"]:
        console.print(f"\n[bold]{score['title']}[/]  {_verdict(score)}  [dim]{score['source']}[/]", soft_wrap=True)
        told = [part for part in score["components"] if part["points"] is not None or part["missing"]]
        if score["charted"] is None:
            continue
        table = Table(box=None, show_header=False, pad_edge=False)
        for justify in ("left", "right", "right", "left", "left"):
            table.add_column(justify=justify)
        for part in told:
            if part["missing"]:
                table.add_row(f"  {part['title']}", "-", "", Text("not on record", "yellow"), "")
                continue
            time = "static" if part["time"] is None else f"{part['time']:%Y-%m-%d %H:%M}"
            value = spell(part["input"], part["value"])
            table.add_row(f"  {part['title']}", f"{part['points']}", value, time, Text(_origin(part), "dim"))
        console.print(table)
    console.print("\n[bright_black]points of published tables, no diagnosis; docs/scores.md tells the rules[/]")


def _verdict(score: dict[str, Any]) -> str:
    """Say the score, or what keeps it from being one."""
    if score["charted"] is None:
        return "[yellow]nothing on record[/]"
    if score["total"] is None:
        missing = ", ".join(name.replace("_", " ") for name in score["missing"])
        return f"[yellow]no total[/], {score['charted']} points as charted; missing: {missing}"
    risk = "" if score["mortality"] is None else f", published risk of death in hospital {score['mortality']:.0%}"
    return f"[bold]{score['total']}[/] of {score['highest']}{risk}"


def _origin(part: dict[str, Any]) -> str:
    """Return what the value was read from, or what several readings make together."""
    from models.scores.inputs import DERIVED, title_of

    if part["input"] == "coded_diagnosis":
        return "none of them among the coded diagnoses"
    if part["input"] in DERIVED and part["input"] not in ("oxygen", "respiratory_support", "admission_kind"):
        return title_of(part["input"])
    return part["description"] or part["code"] or ""
