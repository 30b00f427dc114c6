"""`ehr predict --through STAY --every 6h`: the risk of one patient again and again through a stay."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console

    from api.courses import Course, Point

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 30
_MOST_ROWS: Final = 40


def run_course(args: argparse.Namespace) -> int:
    """Print the course of a risk through a stay."""
    from api.console import emit
    from api.courses import EVERY, LAST, follow
    from api.learning import open_model, read_task_file
    from ehr.errors import ModelError
    from ehr.lookup import find_subject
    from ehr.store import open_store, opened

    if args.at or args.explain or args.without or args.without_code:
        raise ModelError("--through and --every give many estimates; ask with --at, --explain or --without for one")
    file = read_task_file(args.task)
    with opened(open_store(args.store)) as store:
        checkpoint = open_model(store, args.model)
        subject = find_subject(store, args.subject)
        course = follow(
            store,
            checkpoint,
            file,
            subject,
            through=args.through or LAST,
            every=args.every or EVERY,
            futures=args.generate,
        )
    emit(args, asdict(course), lambda console: _render(console, course))
    return 0


def sparkline(risks: Sequence[float | None]) -> str:
    """Return a row of bars, as high as the risks are beside the highest; a gap where there is none.

    >>> sparkline([0.0, 0.1, None, 0.2])
    '▁▅ █'
    """
    top = max((risk for risk in risks if risk is not None), default=0.0)
    scale = (len(_BARS) - 1) / top if top > 0 else 0.0
    return "".join(" " if risk is None else _BARS[int(risk * scale + 0.5)] for risk in risks)


def _render(console: "Console", course: "Course") -> None:
    stay = course.stay
    console.print(
        f"[bold]{course.task}[/] for patient {course.subject_id} through {stay.kind} stay {stay.encounter_id}, "
        f"{stay.begin:%Y-%m-%d %H:%M} to {stay.end:%Y-%m-%d %H:%M}, {course.method}"
    )
    risks = [point.risk for point in course.points]
    known = [risk for risk in risks if risk is not None]
    if known:
        console.print(f"  {sparkline(risks)}  {min(known):.1%} to {max(known):.1%}")
    top = max(known, default=0.0)
    for point in _shown(course.points):
        console.print(_line(point, top))
    left = len(course.points) - len(_shown(course.points))
    if left > 0:
        console.print(f"  [bright_black]and {left} times between them; --json has all[/]")
    for warning in dict.fromkeys(point.warning for point in course.points if point.warning):
        console.print(f"  [yellow]warning: {warning}[/]")
    console.print(f"  [bright_black]{course.interval}[/]")
    model = course.model
    console.print(
        f"  [bright_black]model {model['model']} version {model['version']}; each risk rests on what was known by "
        "its time; an estimate from recorded data, no diagnosis[/]"
    )


def _shown(points: Sequence["Point"]) -> Sequence["Point"]:
    """Return evenly chosen points, the first and the last among them, where there are too many for a screen."""
    if len(points) <= _MOST_ROWS:
        return points
    return [points[round(place * (len(points) - 1) / (_MOST_ROWS - 1))] for place in range(_MOST_ROWS)]


def _line(point: "Point", top: float) -> str:
    when = f"  {point.time:%Y-%m-%d %H:%M}  {point.events:>6,} events"
    if point.risk is None or point.low is None or point.high is None:
        return f"{when}  no estimate: {point.abstention}"
    bar = "█" * round(_WIDTH * point.risk / top) if top > 0 else ""
    return f"{when}  {point.risk:>6.1%} ({point.low:.1%} to {point.high:.1%})  [cyan]{bar}[/]"
