"""Codes that are assigned after a stay, for the bill, and stand in it as if they had been known.

Hospitals code diagnoses and groups after discharge (docs/mimic.md). In the inputs of a prediction made before that,
they tell what the stay came to.
"""

from typing import Final

from models.leakage.certainty import shares_differ
from models.leakage.findings import EXAMPLES, Example, Finding, Result, by_share
from models.leakage.material import KNOWN, Material, shares_of_subjects

AFTER_STAY: Final = ("DIAGNOSIS", "DRG", "CLAIM_DIAGNOSIS", "CLAIM_PROCEDURE", "CLAIM_ITEM")
"""Heads of codes that nobody has before the discharge."""
WITH_A_DAY: Final = ("PROCEDURE//ICD", "HCPCS")
"""What is coded after the stay too, and dated to the day on which it was done."""
CHARTED: Final = "DIAGNOSIS//EICU"
"""Diagnoses that are entered at the bedside; in eICU those with an ICD code are too, and name this one beside it."""
CHANCE: Final = 1e-3
WARN_RATIO: Final = 4.0
"""Coded procedures warn when they are so many times more frequent with the label, and that is no chance."""
SAME_TIME_SHARE: Final = 0.9
SAME_TIME_EVENTS: Final = 30
"""Conditions are taken to carry the admission when that share of at least so many stands at its very time."""

_OPEN_STAY: Final = """
    WITH named AS (
        SELECT b.*, s.start_time, s.ends FROM bill b JOIN audit_stay s ON s.encounter_id = b.encounter_id
    ),
    around AS (
        SELECT b.*, s.start_time, s.ends FROM (SELECT * FROM bill ANTI JOIN audit_stay USING (encounter_id)) b
        ASOF JOIN (SELECT * FROM audit_stay WHERE class = 'inpatient' AND start_time IS NOT NULL) s
        ON s.subject_id = b.subject_id AND b."time" >= s.start_time
    )
    SELECT * EXCLUDE (start_time, ends), start_time, ends FROM (FROM named UNION ALL BY NAME FROM around)
    WHERE "time" < ends
"""


def check_billing(material: Material) -> Result:
    """Look for billing codes among the inputs of predictions made before the end of their stay."""
    con = material.con
    heads = ", ".join(f"'{head}'" for head in AFTER_STAY)
    has_day = " OR ".join(f"starts_with(e.code, '{prefix}//')" for prefix in WITH_A_DAY)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE bill AS
        SELECT e.subject_id, e."time", e.code, e.encounter_id, {has_day} AS has_day
        FROM audit_event e SEMI JOIN audit_row USING (subject_id)
        WHERE e."time" IS NOT NULL AND (split_part(e.code, '//', 1) IN ({heads}) OR {has_day})
        """
    )
    if _is_charted(material):
        con.execute("DELETE FROM bill WHERE starts_with(code, 'DIAGNOSIS//')")
    con.execute(f"CREATE OR REPLACE TEMP TABLE early_bill AS {_OPEN_STAY}")
    n = con.execute("SELECT count(*) FROM bill").fetchall()[0][0]
    procedures, notes = _procedures(material)
    findings = (*_early(material), *procedures, *_conditions(material))
    return Result("billing", f"{n:,} billing codes of these patients", findings, notes)


def _is_charted(material: Material) -> bool:
    """Say whether the diagnoses are those of eICU, which are entered during the stay."""
    found = material.con.execute(f"SELECT count(*) FROM audit_event WHERE starts_with(code, '{CHARTED}//')")
    return bool(found.fetchall()[0][0])


def _early(material: Material) -> list[Finding]:
    rows, subjects, codes = material.con.execute(
        f"""
        WITH touched AS (
            SELECT r.row, r.subject_id, e.code FROM audit_row r
            JOIN early_bill e ON e.subject_id = r.subject_id AND {KNOWN} AND r.at_time < e.ends
            WHERE NOT e.has_day OR e."time" = e.start_time AND e."time" <> date_trunc('day', e."time")
        )
        SELECT count(DISTINCT row), count(DISTINCT subject_id),
               (SELECT list(struct_pack(code := code, n := n)) FROM (
                    SELECT code, count(DISTINCT row) AS n FROM touched GROUP BY code ORDER BY n DESC, code
                    LIMIT {EXAMPLES}))
        FROM touched
        """
    ).fetchall()[0]
    if not rows:
        return []
    message = (
        f"billing codes of a stay that was not over are inputs of {rows:,} of {material.rows:,} rows; they carry a "
        "time before the discharge"
    )
    examples: tuple[Example, ...] = tuple({"code": one["code"], "rows": one["n"]} for one in codes)
    return [
        Finding("billing-before-discharge", by_share(rows, material.rows), message, rows, subjects, examples),
    ]


def _procedures(material: Material) -> tuple[list[Finding], tuple[str, ...]]:
    """Find coded procedures of stays that go on: done in time and coded late, so only those that tell count."""
    material.con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE touched_by_procedure AS
        SELECT r.row, r.subject_id, e.code FROM audit_row r
        JOIN early_bill e ON e.subject_id = r.subject_id AND {KNOWN} AND r.at_time < e.ends WHERE e.has_day
        """
    )
    rows, subjects, codes = material.con.execute(
        f"""
        SELECT count(DISTINCT row), count(DISTINCT subject_id), min(DISTINCT code, {EXAMPLES})
        FROM touched_by_procedure
        """
    ).fetchall()[0]
    if not rows:
        return [], ()
    ratio, chance = shares_differ(*shares_of_subjects(material, "SELECT row FROM touched_by_procedure"))
    what = f"coded procedures of a stay that was not over are inputs of {rows:,} of {material.rows:,} rows"
    if ratio < WARN_RATIO or chance > CHANCE:
        return [], (f"{what}; coders assign them after discharge, and here they tell little",)
    examples: tuple[Example, ...] = tuple({"code": code} for code in codes)
    message = f"{what}, {ratio:.1f} times as often with the label"
    return [Finding("procedure-codes-before-discharge", "warns", message, rows, subjects, examples)], ()


def _conditions(material: Material) -> list[Finding]:
    """Find diagnoses, of whatever origin, nearly all of which carry the very time of the admission."""
    n, same, rows, subjects = material.con.execute(
        f"""
        WITH placed AS (
            SELECT e.subject_id, e."time", s.start_time, s.ends,
                   e."time" = s.start_time
                   OR (e.time_precision = 'day' AND e."time" = date_trunc('day', s.start_time)) AS is_same
            FROM audit_event e JOIN audit_stay s ON s.encounter_id = e.encounter_id
            WHERE split_part(e.code, '//', 1) = 'CONDITION' AND s.class IN ('inpatient', 'icu') AND s.ends IS NOT NULL
        )
        SELECT (SELECT count(*) FROM placed), (SELECT count(*) FROM placed WHERE is_same), count(DISTINCT r.row),
               count(DISTINCT r.subject_id)
        FROM audit_row r JOIN placed e ON e.subject_id = r.subject_id AND {KNOWN} AND r.at_time < e.ends AND e.is_same
        """
    ).fetchall()[0]
    if n < SAME_TIME_EVENTS or same < SAME_TIME_SHARE * n or not rows:
        return []
    message = f"{same / n:.0%} of {n:,} diagnoses of hospital stays stand at the admission; {rows:,} rows have some"
    return [Finding("conditions-at-admission", "warns", message, rows, subjects)]
