"""Sections on the people: how the task came to them, what they are like, and in which part they stand."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from models.page import bullets, heading, note, section, table
from models.report.hiding import HIDDEN, SMALLEST_SHOWN

PARTS: Final = {"train": "training", "tuning": "tuning", "held_out": "held out", "compared": "held out, compared"}
NOTABLE: Final = 0.1
"""A standardised difference above this is commonly called an imbalance (Austin, Stat Med 2009;28:3083)."""

Metrics = Mapping[str, Any]


def people(metrics: Metrics) -> str:
    """Return the section on who was looked at."""
    return section("Who was looked at", _flow(metrics), _parts(metrics))


def characteristics(metrics: Metrics) -> str:
    """Return table one by outcome, where there is one."""
    described = metrics.get("table_one")
    if not described:
        return ""
    return section("What they are like", table_one(described), note(_footnote(described)))


def table_one(described: Mapping[str, Any]) -> str:
    """Return table one as a table with a column for each group and the standardised difference of two."""
    is_pair = len(described["groups"]) == 2
    head = ["", *(escape(group["name"]) for group in described["groups"]), *(["SMD"] if is_pair else [])]
    groups = described["groups"]
    rows = [
        ["predictions", *(_count(group["rows"]) for group in groups), *([""] if is_pair else [])],
        ["people", *(_count(group["subjects"]) for group in groups), *([""] if is_pair else [])],
    ]
    kinds = ["", ""]
    for place, line in enumerate(described["lines"]):
        if not place or described["lines"][place - 1]["section"] != line["section"]:
            rows.append([escape(line["section"]), *[""] * (len(head) - 1)])
            kinds.append("group")
        name = f"{line['name']}: {line['level']}" if line["level"] else line["name"]
        cells = [cell_text(cell) for cell in line["cells"]]
        rows.append([escape(name), *map(_with_small_print, cells), *([difference(line["smd"])] if is_pair else [])])
        kinds.append("level")
    return table(head, rows, caption="Characteristics at the prediction time, by outcome", kinds=kinds)


def cell_text(cell: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a cell of table one says, and its small print, as text."""
    if cell["hidden"]:
        return HIDDEN, ""
    if "median" not in cell:
        return _share(cell["n"], cell["percent"]), ""
    if cell["missing"] is None:
        missing = "missing: few"
    else:
        missing = f"missing {_share(cell['missing'], cell['missing_percent'])}" if cell["missing"] else ""
    if cell["median"] is None:
        return "none", missing
    return f"{cell['median']:.4g} [{cell['q1']:.4g}, {cell['q3']:.4g}]", missing


def difference(smd: float | None) -> str:
    """Write a standardised difference; a star marks an imbalance."""
    return "" if smd is None else f"{smd:.2f}{' *' if abs(smd) > NOTABLE else ''}"


def losses(steps: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return for each step of the attrition how many are left and what was lost on the way, in words."""
    lines = []
    for place, step in enumerate(steps):
        rules = "; ".join(step.get("rules") or [step["step"]])
        before = step.get("subjects_before")
        lost = before - step["subjects"] if before is not None else None
        rows_lost = step["rows_before"] - step["rows"] if step.get("rows_before") is not None else None
        gone = f"fewer than {SMALLEST_SHOWN} people" if before is None else f"{lost:,} people"
        if rows_lost and place:
            gone += f", {rows_lost:,} predictions"
        why = "without" if not place else "not meeting"
        lines.append((f"{step['subjects']:,} people, {step['rows']:,} predictions", f"{gone} {why}: {rules}"))
    return lines


def _flow(metrics: Metrics) -> str:
    """Return the way from everybody to the cohort, as in the flow diagram of the CONSORT statement."""
    steps = metrics.get("attrition") or []
    if not steps:
        return note("How the task came to these people is not known: the evaluation was made without its attrition.")
    everybody = steps[0].get("subjects_before")
    boxes = [_kept("Everybody in the data", f"{everybody:,} people")] if everybody is not None else []
    told = list(zip(steps, losses(steps), strict=True))
    lossy = [(step, said) for step, said in told if _loses(step)]
    for step, (left, lost) in lossy:
        boxes.append(f'<li><div class="lost">left out: {escape(lost)}</div></li>')
        title = "With a trigger" if step is steps[0] else "Left"
        boxes.append(_kept("In the cohort" if step is lossy[-1][0] else title, left))
    if not lossy:
        boxes.append(_kept("In the cohort", told[-1][1][0]))
    return heading("How the task came to them") + f'<ol class="flow">{"".join(boxes)}</ol>'


def _loses(step: Mapping[str, Any]) -> bool:
    return bool(step.get("subjects_before") != step["subjects"] or step.get("rows_before") != step["rows"])


def _kept(title: str, size: str) -> str:
    return f'<li><div class="kept">{escape(title)}<br><b>{escape(size)}</b></div></li>'


def _parts(metrics: Metrics) -> str:
    counted = {**metrics["counts"], "compared": metrics["compared"]}
    rows = [
        [
            PARTS.get(name, escape(name)),
            *(f"{counts[key]:,}" for key in ("subjects", "rows", "positives")),
            f"{counts['positives'] / counts['rows']:.1%}" if counts["rows"] else "",
        ]
        for name, counts in counted.items()
    ]
    head = ["", "people", "predictions", "with the event", "share"]
    of_all = f"of {counted['held_out']['rows']:,} predictions"
    silent = [
        f"{estimator['title']} abstained on {estimator['abstained']:,} {of_all}."
        for estimator in metrics["estimators"].values()
        if estimator["abstained"]
    ]
    return (
        table(head, rows, caption="In which part they stand")
        + note("A person is in one part only, by a hash of its number; held-out people taught no estimator anything.")
        + (bullets(silent) if silent else "")
    )


def _footnote(described: Mapping[str, Any]) -> str:
    hidden = any(cell["hidden"] for line in described["lines"] for cell in line["cells"])
    small = " Cells of 1 to 10 people, and those that would give them away, are hidden." if hidden else ""
    return (
        "Predictions (%) or median [quartiles], of what was known at the prediction time; a diagnosis or drug that "
        "is not in the record counts as none. SMD: standardised mean difference, with a star above "
        f"{NOTABLE}.{small}"
    )


def _with_small_print(said: tuple[str, str]) -> str:
    text, small = said
    return escape(text) + (f"<small>{escape(small)}</small>" if small else "")


def _share(n: int, percent: float | None) -> str:
    return f"{n:,}" if percent is None else f"{n:,} ({percent:.1f} %)"


def _count(n: int | None) -> str:
    return escape(HIDDEN) if n is None else f"{n:,}"
