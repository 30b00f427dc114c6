"""The flow of a cohort as a picture: who was assessed, who was left out at which rule, who is in.

Boxes as in the flow diagram of the CONSORT statement (Schulz et al., BMJ 2010;340:c332): those left go down, those
lost go to the right.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ehr.errors import EhrError
from sql.cohort import Cohort, Step

FORMATS: Final = (".svg", ".png")
INK: Final = "#1f2933"
SOFT: Final = "#52606d"
FILLS: Final = {"all": "#eef2f6", "left": "#ffffff", "lost": "#fbf1ee", "in": "#e8f3ec"}
LEFT_WIDTH: Final = 3.5
RIGHT_WIDTH: Final = 4.9
BETWEEN: Final = 0.55
LINE: Final = 0.185
PADDING: Final = 0.16
GAP: Final = 0.3
MARGIN: Final = 0.2
CHARACTERS: Final = {"left": 48, "lost": 68}
"""Letters in a line of a box at the size of the font; lengths are in inches."""

Point = tuple[float, float]
Arrow = tuple[Point, Point]


Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Level:
    """A box of those who are left, and the box of those lost on the way to it."""

    left: Lines
    lost: Lines | None
    fill: str


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    top: float
    width: float
    lines: Lines
    fill: str

    @property
    def bottom(self) -> float:
        return self.top - _height(self.lines)


def draw_consort(cohort: Cohort, path: Path) -> None:
    """Write the flow of `cohort` as SVG or PNG, by the ending of `path`.

    A rule at which nothing was lost has no box. Raises EhrError for another ending, or when the file cannot be
    written.
    """
    if path.suffix.lower() not in FORMATS:
        raise EhrError(f"{path}: a picture ends in {' or '.join(FORMATS)}")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    boxes, arrows = _placed(_levels(cohort))
    height = GAP - boxes[-1].bottom
    figure = Figure(figsize=(LEFT_WIDTH + BETWEEN + RIGHT_WIDTH + 2 * MARGIN, height), facecolor="white")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-MARGIN, LEFT_WIDTH + BETWEEN + RIGHT_WIDTH + MARGIN)
    axes.set_ylim(-height, 0)
    axes.axis("off")
    for box in boxes:
        _draw_box(axes, box)
    for start, end in arrows:
        axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.1})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Text stays text, so that a reader can copy a number; no date, so that a cohort always gives the same file.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": cohort.task.name}):
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
    except OSError as error:
        raise EhrError(f"{path} cannot be written: {error.strerror or error}") from error


def _levels(cohort: Cohort) -> list[_Level]:
    """Return the boxes from the top: everybody, those with a trigger, who is left after each rule, the cohort."""
    first, *rules = cohort.attrition
    everybody = ("Everybody in the data", _size(first.subjects_before, None, first.events_before))
    trigger = ("With a trigger", *textwrap.wrap(first.rule, CHARACTERS["left"]), _left(first))
    levels = [_Level(everybody, None, "all"), _Level(trigger, _lost_before_the_trigger(first), "left")]
    broken = (step for step in rules if step.rows_before != step.rows_after)
    levels += [_Level(("Left", _left(step)), _lost(step), "left") for step in broken]
    outcome = () if cohort.positive is None or cohort.prevalence is None else (
        f"label positive in {cohort.positive:,} rows ({cohort.prevalence:.1%})",
    )  # fmt: skip
    last = levels[-1]
    if len(levels) > 2:
        return [*levels[:-1], _Level(("Cohort", last.left[-1], *outcome), last.lost, "in")]
    return [*levels, _Level(("Cohort", _left(first), *outcome), None, "in")]


def _left(step: Step) -> str:
    return _size(step.subjects_after, step.rows_after, step.events_after)


def _lost_before_the_trigger(step: Step) -> Lines | None:
    subjects = step.subjects_before - step.subjects_after
    return (f"Left out: {_size(subjects, None, _fewer_events(step))}", "without a trigger") if subjects else None


def _lost(step: Step) -> Lines:
    size = _size(step.subjects_before - step.subjects_after, step.rows_before - step.rows_after, _fewer_events(step))
    return (f"Left out: {size}", *textwrap.wrap(f"does not meet {step.rule}", CHARACTERS["lost"]))


def _fewer_events(step: Step) -> int | None:
    if step.events_before is None or step.events_after is None:
        return None
    return step.events_before - step.events_after


def _size(subjects: int, rows: int | None, events: int | None) -> str:
    counts = (("patients", subjects), ("rows", rows), ("events", events))
    return ", ".join(f"{count:,} {what}" for what, count in counts if count is not None)


def _placed(levels: Sequence[_Level]) -> tuple[list[_Box], list[Arrow]]:
    """Return the boxes with their places, the last one lowest, and the arrows between them."""
    boxes: list[_Box] = []
    arrows: list[Arrow] = []
    top, middle, above = -GAP, LEFT_WIDTH / 2, 0.0
    for level in levels:
        if level.lost is not None:
            lost = _Box(LEFT_WIDTH + BETWEEN, top, RIGHT_WIDTH, level.lost, "lost")
            aside = (lost.top + lost.bottom) / 2
            boxes.append(lost)
            arrows.append(((middle, aside), (lost.x, aside)))
            top = lost.bottom - GAP
        if level is not levels[0]:
            arrows.append(((middle, above), (middle, top)))
        boxes.append(_Box(0.0, top, LEFT_WIDTH, level.left, level.fill))
        above = boxes[-1].bottom
        top = above - GAP
    return boxes, arrows


def _height(lines: Lines) -> float:
    return 2 * PADDING + LINE * len(lines)


def _draw_box(axes: Any, box: _Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (box.x, box.bottom),
            box.width,
            box.top - box.bottom,
            boxstyle="round,pad=0,rounding_size=0.06",
            linewidth=1.0,
            edgecolor=SOFT,
            facecolor=FILLS[box.fill],
        )
    )
    for number, line in enumerate(box.lines):
        place = (box.x + PADDING, box.top - PADDING - LINE * (number + 0.5))
        weight = "bold" if number == 0 else "normal"
        axes.text(*place, line, fontsize=9, color=INK, va="center", fontweight=weight)
