"""One person in two splits, under one number or two, and splits that differ in labels or codes.

Two subjects are taken for one person when they share an identifier, or when at least half of a sketch of their events
is the same. A sketch is the smallest hashes of (time, code, number) of a subject: the share that two sketches have in
common estimates that of the events (Broder, Proc Compression and Complexity of Sequences 1997). One sketch has the
times as they are, another counts them from the first event, which finds copies whose dates were shifted.
"""

from itertools import combinations
from typing import Final

from scipy.stats import norm

from ehr.events import BIRTH
from models.leakage.findings import EXAMPLES, Example, Finding, Result, by_share
from models.leakage.material import Material, split_of_subject

SKETCH: Final = 24
SHARED: Final = 12
"""Hashes in a sketch, and how many of them two subjects have to share."""
CROWD: Final = 8
"""A hash or an identifier that more subjects share than that belongs to no person."""
CHANCE: Final = 1e-6
FEW: Final = 20
"""Subjects of a split below which nothing is said of how it differs."""
GAP: Final = 0.3
"""Difference of the shares of subjects with a code in two splits that is worth a word, when it is beyond chance."""


def check_splits(material: Material) -> Result:
    """Look for persons in two splits, and for splits whose labels or codes differ."""
    con = material.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE audit_member AS {split_of_subject(material.has_splits)}")
    counts = con.execute("SELECT split, count(*) FROM audit_row WHERE split IS NOT NULL GROUP BY 1 ORDER BY 2 DESC")
    seen = ", ".join(f"{n:,} rows in {split}" for split, n in counts.fetchall())
    findings = (
        *_in_two(material),
        *_in_none(material),
        *_identifiers(material),
        *_timelines(material),
        *_labels_differ(material),
        *_codes_differ(material),
    )
    return Result("splits", seen or "no row has a split", findings)


def _in_two(material: Material) -> list[Finding]:
    rows, subjects, first = material.con.execute(
        f"""
        WITH twice AS (SELECT subject_id FROM audit_split GROUP BY 1 HAVING count(DISTINCT split) > 1)
        SELECT count(r.row), count(DISTINCT subject_id), min(DISTINCT subject_id, {EXAMPLES})
        FROM twice LEFT JOIN audit_row r USING (subject_id)
        """
    ).fetchall()[0]
    if not subjects:
        return []
    message = f"{subjects:,} subjects stand in more than one split"
    return [Finding("subject-in-two-splits", "fails", message, rows, subjects, _subjects(first))]


def _in_none(material: Material) -> list[Finding]:
    rows, subjects, first = material.con.execute(
        f"""
        SELECT count(*), count(DISTINCT subject_id), min(DISTINCT subject_id, {EXAMPLES})
        FROM audit_row WHERE split IS NULL
        """
    ).fetchall()[0]
    if not rows:
        return []
    message = f"{subjects:,} subjects with {rows:,} rows are in no split"
    return [Finding("subject-without-split", "warns", message, rows, subjects, _subjects(first))]


def _identifiers(material: Material) -> list[Finding]:
    con = material.con
    if not con.execute("SELECT count(*) FROM duckdb_columns() WHERE column_name = 'identifiers'").fetchall()[0][0]:
        return []
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_twin AS
        WITH named AS (SELECT subject_id, unnest(identifiers) AS identifier FROM subject),
        shared AS (
            SELECT list(DISTINCT subject_id) AS people FROM named WHERE trim(identifier) <> '' GROUP BY identifier
            HAVING count(DISTINCT subject_id) BETWEEN 2 AND {CROWD}
        )
        SELECT DISTINCT a.subject_id AS first, b.subject_id AS second FROM (
            SELECT people, unnest(people) AS one FROM shared) JOIN audit_member a ON a.subject_id = one
        JOIN audit_member b ON list_contains(people, b.subject_id) AND a.subject_id < b.subject_id
        WHERE a.split <> b.split
        """
    )
    return _twins(material, "shared-identifier", "share an identifier")


def _timelines(material: Material) -> list[Finding]:
    con = material.con
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_sketch AS
        WITH timed AS (SELECT subject_id, "time", hash(code, numeric_value) AS what FROM audit_event
                       WHERE "time" IS NOT NULL AND code <> '{BIRTH}'),
        begun AS (SELECT subject_id, min("time") AS first FROM timed GROUP BY subject_id)
        SELECT subject_id, list_distinct(min(hash("time", what), {SKETCH})) AS as_it_is,
               list_distinct(min(hash("time" - first, what), {SKETCH})) AS shifted
        FROM timed JOIN begun USING (subject_id) WHERE "time" > first
        GROUP BY subject_id HAVING count(*) >= {SHARED}
        """
    )
    pairs = " UNION ".join(
        f"""
        SELECT a.subject_id AS first, b.subject_id AS second FROM ({_hashes(name)}) a JOIN ({_hashes(name)}) b
        ON a.h = b.h AND a.subject_id < b.subject_id GROUP BY 1, 2 HAVING count(*) >= {SHARED}
        """
        for name in ("as_it_is", "shifted")
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_twin AS
        SELECT first, second FROM ({pairs}) JOIN audit_member a ON a.subject_id = first
        JOIN audit_member b ON b.subject_id = second WHERE a.split <> b.split
        """
    )
    return _twins(material, "same-timeline", "have the same records")


def _hashes(sketch: str) -> str:
    """Return a query of subject_id and the hashes of its sketch that some, and not many, subjects share."""
    return f"""
        SELECT subject_id, h FROM (SELECT subject_id, unnest({sketch}) AS h FROM audit_sketch)
        SEMI JOIN (
            SELECT h FROM (SELECT unnest({sketch}) AS h FROM audit_sketch) GROUP BY h
            HAVING count(*) BETWEEN 2 AND {CROWD}
        ) USING (h)
    """


def _twins(material: Material, code: str, what: str) -> list[Finding]:
    pairs, subjects, rows = material.con.execute(
        """
        WITH person AS (SELECT first AS subject_id FROM audit_twin UNION SELECT second FROM audit_twin)
        SELECT (SELECT count(*) FROM audit_twin), (SELECT count(*) FROM person),
               (SELECT count(*) FROM audit_row SEMI JOIN person USING (subject_id))
        """
    ).fetchall()[0]
    if not pairs:
        return []
    first = material.con.execute(f"SELECT * FROM audit_twin ORDER BY ALL LIMIT {EXAMPLES}").fetchall()
    message = f"{pairs:,} pairs of subjects in different splits {what}"
    examples: tuple[Example, ...] = tuple({"subject_id": one, "other_subject_id": other} for one, other in first)
    severity = by_share(rows, material.rows) if rows else "warns"
    return [Finding(code, severity, message, rows, subjects, examples)]


def _labels_differ(material: Material) -> list[Finding]:
    counts = material.con.execute(
        """
        SELECT split, count(DISTINCT subject_id) FILTER (label), count(DISTINCT subject_id) FROM audit_row
        WHERE split IS NOT NULL GROUP BY split ORDER BY split
        """
    ).fetchall()
    apart = [
        (one, other) for one, other in combinations(counts, 2) if _differ(one[1], one[2], other[1], other[2]) < CHANCE
    ]
    if not apart:
        return []
    names = "; ".join(f"{one[0]} {one[1] / one[2]:.1%}, {other[0]} {other[1] / other[2]:.1%}" for one, other in apart)
    message = f"the share of subjects with the label differs between splits: {names}"
    return [Finding("splits-differ", "warns", message, material.rows, material.subjects)]


def _codes_differ(material: Material) -> list[Finding]:
    """Find codes whose share of subjects differs between splits, of the rows whose inputs are looked through."""
    rows = material.con.execute(
        f"""
        WITH size AS (
            SELECT split, count(DISTINCT subject_id) AS n FROM audit_sample WHERE split IS NOT NULL GROUP BY split
        ),
        had AS (SELECT code, split, count(DISTINCT subject_id) AS k FROM audit_known GROUP BY code, split),
        share AS (
            SELECT code, split, n, coalesce(k, 0) AS k
            FROM (SELECT DISTINCT code FROM had) CROSS JOIN size LEFT JOIN had USING (code, split)
        )
        SELECT a.code, a.split, a.k, a.n, b.split, b.k, b.n FROM share a JOIN share b
        ON a.code = b.code AND a.split < b.split WHERE abs(a.k / a.n - b.k / b.n) >= {GAP}
        ORDER BY abs(a.k / a.n - b.k / b.n) DESC, a.code
        """
    ).fetchall()
    sure = [row for row in rows if _differ(row[2], row[3], row[5], row[6]) < CHANCE]
    if not sure:
        return []
    codes = list(dict.fromkeys(row[0] for row in sure))
    message = f"{len(codes):,} codes are far more frequent in the inputs of one split than of another"
    examples: tuple[Example, ...] = tuple(
        {"code": code, f"share in {one}": round(k / n, 3), f"share in {other}": round(j / m, 3)}
        for code, one, k, n, other, j, m in sure[:EXAMPLES]
    )
    return [Finding("codes-differ-between-splits", "warns", message, material.rows, material.subjects, examples)]


def _differ(part: int, whole: int, other_part: int, other_whole: int) -> float:
    """Return the two-sided p of two shares being one (normal approximation, pooled), 1 where either is of few."""
    if min(whole, other_whole) < FEW:
        return 1.0
    pooled = (part + other_part) / (whole + other_whole)
    spread = (pooled * (1 - pooled) * (1 / whole + 1 / other_whole)) ** 0.5
    return float(2 * norm.sf(abs(part / whole - other_part / other_whole) / spread)) if spread else 1.0


def _subjects(numbers: list[int]) -> tuple[Example, ...]:
    return tuple({"subject_id": number} for number in numbers)
