"""The outcome and deaths inside the inputs: what makes the label, codes of its family, what follows a death."""

import re
from typing import Final

from ehr.events import BIRTH, DEATH
from models.leakage.certainty import enriched
from models.leakage.findings import EXAMPLES, Example, Finding, Result, Severity, by_share
from models.leakage.material import KNOWN, Material

WARN_RATIO: Final = 5.0
FAIL_RATIO: Final = 10.0
"""How many times more frequent the codes of the label have to be in the inputs of rows that get it."""
CHANCE: Final = 1e-4
"""Greatest p of such a difference, with subjects counted once."""
_ICD: Final = re.compile(r"(?P<stem>.*ICD(?://)?(?:9|10)(?:CM|GM)?//)(?P<category>[A-Z0-9][0-9][0-9A-Z])")


def check_outcome(material: Material) -> Result:
    """Look for the outcome, and for codes of its family, among what was known at the prediction times."""
    if not material.has_outcomes:
        return Result("outcome", "not known: a label file does not say by which events its labels came")
    findings = [*_outcome(material), *_label_codes(material), *_kin(material)]
    before = material.frame.filter(material.frame["label_in_inputs"] > 0)
    notes: tuple[str, ...] = ()
    if before.height and not findings:
        share = before.height / material.rows
        notes = (f"what makes the label had occurred before in {before.height:,} rows ({share:.0%}) of either class",)
    return Result("outcome", f"{len(material.label_codes):,} codes that make the label", tuple(findings), notes)


def _outcome(material: Material) -> list[Finding]:
    rows = material.frame.filter(material.frame["label_seen"] & (material.frame["days_to_label"] <= 0))
    if rows.is_empty():
        return []
    message = f"the outcome is at or before the prediction time in {rows.height:,} of {material.rows:,} rows"
    subjects = rows["subject_id"].unique().sort()
    examples: tuple[Example, ...] = tuple({"subject_id": int(one)} for one in subjects.head(EXAMPLES))
    severity = by_share(rows.height, material.rows)
    return [Finding("outcome-in-inputs", severity, message, rows.height, len(subjects), examples)]


def _label_codes(material: Material) -> list[Finding]:
    had = material.frame.filter(material.frame["label_in_inputs"] > 0).select("subject_id", "boolean_value").unique()
    everyone = material.frame.select("subject_id", "boolean_value").unique()
    counts = (
        int(had["boolean_value"].sum()),
        int(everyone["boolean_value"].sum()),
        int((~had["boolean_value"]).sum()),
        int((~everyone["boolean_value"]).sum()),
    )
    severity = _severity(*counts)
    if severity is None:
        return []
    rows = material.frame.filter(material.frame["label_in_inputs"] > 0)
    examples = _codes_in_inputs(material, material.label_codes)
    message = (
        f"what makes the label occurs before the prediction time in {_share(counts[0], counts[1])} of the subjects "
        f"with the label and {_share(counts[2], counts[3])} of those without"
    )
    return [Finding("label-codes-in-inputs", severity, message, rows.height, rows["subject_id"].n_unique(), examples)]


def _kin(material: Material) -> list[Finding]:
    """Find codes in the ICD categories of the label's codes that the label does not count itself."""
    stems = {stem for code in material.label_codes if (stem := _category(code))}
    if not stems:
        return []
    known = [row[0] for row in material.con.execute("SELECT DISTINCT code FROM audit_event").fetchall()]
    kin = frozenset(code for code in known if _category(code) in stems) - material.label_codes
    if not kin:
        return []
    cells = material.con.execute(
        f"""
        SELECT r.label, count(DISTINCT r.subject_id), count(DISTINCT r.row) FROM audit_row r
        JOIN audit_event e ON e.subject_id = r.subject_id AND {KNOWN}
        WHERE e.code IN (SELECT unnest($codes)) GROUP BY r.label
        """,
        {"codes": sorted(kin)},
    ).fetchall()
    had = {label: (subjects, rows) for label, subjects, rows in cells}
    everyone = material.frame.select("subject_id", "boolean_value").unique()["boolean_value"]
    with_label, without = had.get(True, (0, 0)), had.get(False, (0, 0))
    severity = _severity(with_label[0], int(everyone.sum()), without[0], int((~everyone).sum()))
    if severity is None:
        return []
    message = (
        f"codes of the family of the label's are inputs in {_share(with_label[0], int(everyone.sum()))} of the "
        f"subjects with the label and {_share(without[0], int((~everyone).sum()))} of those without"
    )
    rows, subjects = with_label[1] + without[1], with_label[0] + without[0]
    return [
        Finding("label-kin-in-inputs", severity, message, rows, subjects, _codes_in_inputs(material, kin)),
    ]


def _category(code: str) -> str | None:
    """Return the ICD category of a code with what stands before it, or None.

    >>> _category("DIAGNOSIS//ICD//10//I2109"), _category("LAB//50912//mg/dL")
    ('DIAGNOSIS//ICD//10//I21', None)
    """
    found = _ICD.match(code)
    return found["stem"] + found["category"] if found else None


def _severity(with_label: int, of_label: int, without: int, of_others: int) -> Severity | None:
    ratio, chance = enriched(with_label, of_label, without, of_others)
    if chance > CHANCE or ratio < WARN_RATIO:
        return None
    return "fails" if ratio >= FAIL_RATIO else "warns"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _codes_in_inputs(material: Material, codes: frozenset[str]) -> tuple[Example, ...]:
    """Return the most frequent of some codes among the inputs, with the number of rows that have them."""
    rows = material.con.execute(
        f"""
        SELECT e.code, count(DISTINCT r.row) AS n FROM audit_row r
        JOIN audit_event e ON e.subject_id = r.subject_id AND {KNOWN}
        WHERE e.code IN (SELECT unnest($codes)) GROUP BY e.code ORDER BY n DESC, e.code LIMIT {EXAMPLES}
        """,
        {"codes": sorted(codes)},
    ).fetchall()
    return tuple({"code": code, "rows": n} for code, n in rows)


def check_death(material: Material) -> Result:
    """Look for deaths among the inputs, and for events after the recorded death."""
    dead, after = _dead_rows(material), _events_after_death(material)
    known = material.con.execute("SELECT count(*) FROM audit_death SEMI JOIN audit_row USING (subject_id)")
    return Result("death", f"{known.fetchall()[0][0]:,} deaths of these patients", (*dead, *after))


def _dead_rows(material: Material) -> list[Finding]:
    found = material.con.execute(
        f"""
        SELECT count(DISTINCT r.row), count(DISTINCT r.subject_id), min(r.subject_id, {EXAMPLES}),
               list_sort(list_distinct(list(e.code)))
        FROM audit_row r JOIN (
            SELECT subject_id, "time", code FROM audit_event
            WHERE "time" IS NOT NULL AND (code = '{DEATH}' OR code LIKE '%DISCHARGE//DIED')
            UNION ALL SELECT subject_id, dead, '{DEATH}' FROM audit_death
        ) e ON e.subject_id = r.subject_id AND {KNOWN}
        """
    ).fetchall()[0]
    rows, subjects, first, codes = found
    if not rows:
        return []
    message = f"the patient is recorded as dead at the prediction time in {rows:,} of {material.rows:,} rows"
    examples: tuple[Example, ...] = tuple(
        {"subject_id": subject, "code": ", ".join(codes)} for subject in dict.fromkeys(first)
    )
    return [
        Finding("prediction-after-death", by_share(rows, material.rows), message, rows, subjects, examples),
    ]


def _events_after_death(material: Material) -> list[Finding]:
    found = material.con.execute(
        f"""
        SELECT count(DISTINCT r.row), count(DISTINCT r.subject_id), count(DISTINCT e.code), min(e.code, {EXAMPLES})
        FROM audit_row r JOIN audit_death d USING (subject_id)
        JOIN audit_event e ON e.subject_id = r.subject_id AND {KNOWN}
        WHERE r.at_time > d.dead AND e."time" > d.dead AND e.code NOT IN ('{BIRTH}', '{DEATH}')
        """
    ).fetchall()[0]
    rows, subjects, n_codes, codes = found
    if not rows:
        return []
    message = f"events of {n_codes:,} codes after the recorded death are inputs of {rows:,} rows"
    examples: tuple[Example, ...] = tuple({"code": code} for code in dict.fromkeys(codes))
    return [Finding("events-after-death", by_share(rows, material.rows), message, rows, subjects, examples)]
