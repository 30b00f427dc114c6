"""How rows with and without the label were chosen: what tells them apart although no record says it."""

from typing import Final

import polars as pl

from models.leakage.certainty import auroc, critical, lower_bound
from models.leakage.findings import EXAMPLES, Example, Finding, Result, Severity
from models.leakage.material import Material

_FEATURES: Final = {
    "time-to-prediction-differs": ("the time from the trigger to the prediction", "hours_from_trigger", 0.7, 0.85),
    "history-differs": ("the number of events before the prediction", "n_events", 0.95, 0.99),
    "calendar-differs": ("the date of the prediction", "at_us", 0.85, None),
    "numbering-differs": ("the number of the subject", "subject_id", 0.85, None),
    "rows-differ": ("the number of rows of the subject", "n_rows", 0.95, None),
}
"""Finding -> what it is in words, column, and from which AUROC it warns and fails; None never fails."""
SURE_AUROC: Final = 0.6
FEW: Final = 10
"""Subjects of each class below which nothing is said."""


def check_cohort(material: Material) -> Result:
    """Look at how long before, when, how often and under which numbers rows with the label stand."""
    rows = _rows(material)
    findings = [*_unknown(material, rows), *_contradictions(rows)]
    labels = rows["label"].to_numpy()
    n = [int(rows.filter(pl.col("label") == one)["subject_id"].n_unique()) for one in (True, False)]
    if min(n) >= FEW:
        for code, (words, column, warn, fail) in _FEATURES.items():
            if column in rows.columns:
                area = auroc(rows[column].fill_null(-1).to_numpy(), labels)
                findings += _finding(material, code, words, area, n, warn, fail)
    return Result("cohort", _shares(material), tuple(findings), _notes(material))


def _rows(material: Material) -> pl.DataFrame:
    """Return the rows with what is compared of them; the number of events is that of the rows looked through."""
    events = material.con.sql("SELECT row, sum(n)::BIGINT AS n_events FROM audit_known GROUP BY row").pl()
    rows: pl.DataFrame = material.con.sql("FROM audit_row ORDER BY row").pl()
    sampled = material.con.sql("SELECT row FROM audit_sample").pl()["row"]
    rows = rows.join(events, on="row", how="left").with_columns(
        n_events=pl.when(pl.col("row").is_in(sampled.implode())).then(pl.col("n_events").fill_null(0)),
        at_us=pl.col("at_time").cast(pl.Int64),
        n_rows=pl.len().over("subject_id"),
    )
    if "trigger" in rows.columns:
        rows = rows.with_columns(hours_from_trigger=(pl.col("at_time") - pl.col("trigger")).dt.total_seconds() / 3600)
    return rows


def _finding(
    material: Material, code: str, words: str, area: float, subjects: list[int], warn: float, fail: float | None
) -> list[Finding]:
    apart = abs(area - 0.5) + 0.5
    if not apart >= warn:
        return []
    low = float(lower_bound(apart, subjects[0], subjects[1], critical(len(_FEATURES)))[0])
    if low < SURE_AUROC:
        return []
    severity: Severity = "fails" if fail is not None and apart >= fail else "warns"
    side = "greater" if area > 0.5 else "smaller"
    message = f"{words} is {side} with the label: AUROC {apart:.3f}, surely above {low:.2f}"
    return [Finding(code, severity, message, material.rows, material.subjects)]


def _unknown(material: Material, rows: pl.DataFrame) -> list[Finding]:
    known = material.con.sql("SELECT DISTINCT subject_id FROM audit_event SEMI JOIN audit_row USING (subject_id)")
    unknown = rows.join(known.pl(), on="subject_id", how="anti")
    if unknown.is_empty():
        return []
    subjects = unknown["subject_id"].unique().sort()
    message = f"{unknown.height:,} rows belong to {len(subjects):,} subjects without any events"
    examples: tuple[Example, ...] = tuple({"subject_id": int(one)} for one in subjects.head(EXAMPLES))
    return [Finding("subjects-unknown", "warns", message, unknown.height, len(subjects), examples)]


def _contradictions(rows: pl.DataFrame) -> list[Finding]:
    twice = rows.group_by("subject_id", "at_time").agg(pl.col("label").n_unique().alias("labels"), pl.len())
    twice = twice.filter(pl.col("labels") > 1)
    if twice.is_empty():
        return []
    subjects = twice["subject_id"].unique().sort()
    n = int(twice["len"].sum())
    message = f"{n:,} rows have the same subject and prediction time and different labels"
    examples: tuple[Example, ...] = tuple({"subject_id": int(one)} for one in subjects.head(EXAMPLES))
    return [Finding("rows-contradict", "fails", message, n, len(subjects), examples)]


def _shares(material: Material) -> str:
    return (
        f"{material.positives:,} of {material.rows:,} rows of {material.subjects:,} subjects have the label "
        f"({material.positives / material.rows:.1%})"
    )


def _notes(material: Material) -> tuple[str, ...]:
    """Return what is good to know of how long rows without the label were followed."""
    if not material.has_outcomes:
        return ()
    span = pl.col("days_to_label")
    censored = material.frame.filter(~pl.col("label_seen"))
    if censored.is_empty():
        return ()
    longest = float(material.frame.select(span.max()).item() or 0)
    short = censored.filter(span < 0.99 * longest).height
    if _is_open(material) or short < 0.5 * censored.height:
        return ()
    return (
        f"{short / censored.height:.0%} of the rows without the label have a record that ends before the window of "
        "the label does: no outcome was recorded, which is not the same as none",
    )


def _is_open(material: Material) -> bool:
    """Say whether the window of the label ends with an event and not after a span."""
    from ehr.tasks import Seek

    window = material.task.label_window if material.task else None
    return window is None or isinstance(window.to_bound, Seek)
