"""Events of the day of prediction that are known to the day only: they stand at midnight, and may lie later."""

from typing import Final

from ehr.events import BIRTH, DEATH, HEADS
from models.leakage.certainty import shares_differ
from models.leakage.findings import EXAMPLES, Example, Finding, Result, Severity
from models.leakage.material import Material, shares_of_subjects

MIDNIGHT_SHARE: Final = 0.95
MIDNIGHT_EVENTS: Final = 20
"""A code is dated to the day when that share of at least so many events stands at midnight."""
CHANCE: Final = 1e-3
WARN_RATIO: Final = 1.5
FAIL_RATIO: Final = 3.0
"""How many times more frequent such events have to be in rows with the label."""
WARN_RATIO_WITHOUT: Final = 10.0
"""How many times in rows without it. What is planned is often planned for the healthier, and known."""


def check_dates(material: Material) -> Result:
    """Look for events dated to the day of prediction, whether the source says so or they all stand at midnight."""
    con = material.con
    standing = ", ".join(f"'{name}'" for name, head in HEADS.items() if head.kind == "demographic")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE day_code AS
        SELECT code FROM audit_event WHERE "time" IS NOT NULL AND time_precision IS NULL GROUP BY code
        HAVING count(*) >= {MIDNIGHT_EVENTS}
           AND count(*) FILTER ("time" = date_trunc('day', "time")) >= {MIDNIGHT_SHARE} * count(*)
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE day_event AS
        SELECT e.subject_id, e."time", e.code FROM audit_event e SEMI JOIN audit_row USING (subject_id)
        WHERE e."time" = date_trunc('day', e."time")
          AND (e.time_precision = 'day' OR (e.time_precision IS NULL AND e.code IN (SELECT code FROM day_code)))
          AND e.code NOT IN ('{BIRTH}', '{DEATH}') AND split_part(e.code, '//', 1) NOT IN ({standing})
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE touched_by_day AS
        SELECT r.row, r.subject_id, r.label, e.code FROM audit_row r
        JOIN day_event e ON e.subject_id = r.subject_id AND e."time" = date_trunc('day', r.at_time)
        """
    )
    n = con.execute("SELECT count(*) FROM day_event").fetchall()[0][0]
    findings, notes = _of_rows(material)
    return Result("dates", f"{n:,} events of these patients that are dated to a day", findings, notes)


def _of_rows(material: Material) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    total, subjects = material.con.execute(
        "SELECT count(DISTINCT row), count(DISTINCT subject_id) FROM touched_by_day"
    ).fetchall()[0]
    if not total:
        return (), ()
    about = f"{total:,} rows ({total / material.rows:.0%})"
    with_label, without = shares_of_subjects(material, "SELECT row FROM touched_by_day")
    more, less = shares_differ(with_label, without), shares_differ(without, with_label)
    severity = _severity(more, less)
    if severity is None:
        return (), (f"{about} have events of the day of prediction that are known to the day only; they tell little",)
    ratio, side = (more[0], "with") if more[1] <= less[1] else (less[0], "without")
    message = (
        "events that are known to the day only, of the very day of prediction, are inputs of "
        f"{about}, {ratio:.1f} times as often {side} the label"
    )
    return (Finding("day-of-prediction", severity, message, total, subjects, _examples(material)),), ()


def _severity(more: tuple[float, float], less: tuple[float, float]) -> Severity | None:
    """Return how bad it is that they are more frequent with the label (ratio, p), or less frequent."""
    if more[1] <= CHANCE and more[0] >= WARN_RATIO:
        return "fails" if more[0] >= FAIL_RATIO else "warns"
    return "warns" if less[1] <= CHANCE and less[0] >= WARN_RATIO_WITHOUT else None


def _examples(material: Material) -> tuple[Example, ...]:
    rows = material.con.execute(
        f"""
        SELECT code, count(DISTINCT row) AS n FROM touched_by_day GROUP BY code ORDER BY n DESC, code LIMIT {EXAMPLES}
        """
    ).fetchall()
    return tuple({"code": code, "rows": n} for code, n in rows)
