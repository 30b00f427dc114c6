"""The section on explanations: whether the records that they name move the estimate more than others do."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.page import figure, good, note, paragraph, section, table, warning
from models.page import keys as legend
from models.report.drawing import MARKS, Panel, drawn, line_style

TITLE: Final = "Whether explanations name what matters"
_WAYS: Final = (
    ("ranked", "named by the explanation", "blue", ""),
    ("recent", "the most recent", "teal", "7 3"),
    ("random", "at random", "orange", "2 2"),
)


def explained(metrics: Mapping[str, Any]) -> str:
    """Return the section on the deletion test, where it was made."""
    told = metrics.get("explanation")
    if not told:
        return ""
    rows = [
        [f"{count:,}", *(_points(told[way][place]) for way, _, _, _ in _WAYS), _points(told["difference"][place])]
        for place, count in enumerate(told["k"])
    ]
    heads = ["records deleted", *(title for _, title, _, _ in _WAYS), "named − random"]
    how = (
        f"From {told['rows']:,} histories of {told['subjects']:,} held-out people (half of them with at least "
        f"{told['events']:,.0f} records) those records were deleted that the explanation says move the estimate most "
        "one way, and the estimate was made again. The figures are mean changes of the risk in percentage points, up "
        "or down, with 95 % intervals."
    )
    return section(
        TITLE,
        (good if beats_chance(told) else warning)(verdict(told)),
        paragraph(how),
        figure([_panel(told)], "Shaded: 95 % intervals.", legend=legend([way[1:] for way in _WAYS])),
        table(heads, rows, caption="Mean change of the risk, percentage points"),
        note(
            "This says that the named records matter to the model. It does not say that they matter to the patient."
        ),
    )


def beats_chance(told: Mapping[str, Any]) -> bool:
    """Say whether what is named moves the estimate more than chance at every k, by the intervals."""
    return all(difference["low"] is not None and difference["low"] > 0 for difference in told["difference"])


def verdict(told: Mapping[str, Any]) -> str:
    """Say in a sentence what the deletion test found at its smallest k."""
    count, named, random = told["k"][0], told["ranked"][0]["value"], told["random"][0]["value"]
    records = "the record that they name first" if count == 1 else f"the {count} records that they name first"
    moved = (
        f"deleting {records} moves the risk by {named * 100:.2f} percentage points on average, deleting as many at "
        f"random by {random * 100:.2f}"
    )
    if beats_chance(told):
        return f"Explanations name what matters to this model: {moved}."
    return f"Explanations do not clearly name what matters to this model: {moved}."


def _panel(told: Mapping[str, Any]) -> Panel:
    counts = told["k"]
    with drawn("deletion test", 5.2, 3.2) as (axes, svg):
        for way, _, colour, dashes in _WAYS:
            value, low, high = (
                np.array([np.nan if one[key] is None else one[key] * 100 for one in told[way]])
                for key in ("value", "low", "high")
            )
            axes.fill_between(counts, low, high, color=MARKS[colour], alpha=0.15, linewidth=0)
            axes.plot(counts, value, marker="o", markersize=3.5, **line_style((colour, dashes)))
        axes.set(title="Records deleted and the risk", xlabel="records deleted", ylabel="change, percentage points")
        axes.set_xticks(counts)
        axes.set_ylim(bottom=0)
    return svg[0], verdict(told)


def _points(estimate: Mapping[str, Any]) -> str:
    """Return an estimate in percentage points with its interval in small print, as HTML."""
    if estimate["low"] is None:
        return f"{estimate['value'] * 100:.2f}"
    return f"{estimate['value'] * 100:.2f}<small>{estimate['low'] * 100:.2f} to {estimate['high'] * 100:.2f}</small>"
