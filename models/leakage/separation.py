"""Single codes that tell the label alone: the AUROC of presence, count, last value and time since, for every code.

All codes are looked at in one query: for each feature the rows are grouped by its value, and running sums over the
values give the Mann-Whitney statistic. What is tested often and on few patients separates by chance, so a code is
reported only when the lower bound of its AUROC (Bonferroni over all features, subjects counted once) is high too.
"""

from typing import Final

import polars as pl

from ehr.tasks import Derived, Plain
from models.leakage.certainty import critical, lower_bound
from models.leakage.findings import EXAMPLES, Example, Finding, Result, Severity
from models.leakage.material import KNOWN, Material

FAIL_AUROC: Final = 0.95
WARN_AUROC: Final = 0.85
SURE_AUROC: Final = 0.7
"""A code fails or warns above these AUROCs when its lower bound lies above the last one."""
FAIL_AUROC_OF_VALUES: Final = 0.99
WARN_AUROC_OF_VALUES: Final = 0.97
"""Of last values where the label is itself a bound on a value: the haematocrit tells the haemoglobin, and may."""
OWN_VALUE_AUROC: Final = 0.995
"""Of last values of the measured thing itself, which fail from here on: then they are hardly earlier ones."""
MIN_ROWS: Final = 10
"""Rows of each class that a feature has to be known of."""

_KNOWN: Final = f"""
    CREATE OR REPLACE TEMP TABLE audit_known AS
    SELECT r.row, r.subject_id, r.label, r.split, e.code, count(*)::INTEGER AS n,
           epoch_us(any_value(r.at_time)) - epoch_us(max(e."time")) AS silence,
           arg_max(e.numeric_value, e."time") FILTER (NOT isnan(e.numeric_value)) AS last_value
    FROM audit_sample r JOIN audit_event e ON e.subject_id = r.subject_id AND {KNOWN}
    GROUP BY r.row, r.subject_id, r.label, r.split, e.code
"""

_AREAS: Final = """
    WITH size AS (
        SELECT count(*) FILTER (label) AS positives, count(*) FILTER (NOT label) AS negatives FROM audit_sample
    ),
    seen AS (
        SELECT code, count(*) FILTER (label) AS p, count(*) FILTER (NOT label) AS q FROM audit_known GROUP BY code
        HAVING count(*) >= $least
    ),
    feature AS (
        SELECT code, 'count' AS kind, n::DOUBLE AS v, count(*) FILTER (label) AS p, count(*) FILTER (NOT label) AS q
        FROM audit_known SEMI JOIN seen USING (code) GROUP BY code, n
        UNION ALL SELECT code, 'count', 0, positives - p, negatives - q FROM seen, size
        UNION ALL
        SELECT code, 'last value', last_value, count(*) FILTER (label), count(*) FILTER (NOT label)
        FROM audit_known SEMI JOIN seen USING (code) WHERE last_value IS NOT NULL GROUP BY code, last_value
        UNION ALL
        SELECT code, 'time since', silence, count(*) FILTER (label), count(*) FILTER (NOT label)
        FROM audit_known SEMI JOIN seen USING (code) WHERE silence IS NOT NULL GROUP BY code, silence
    ),
    summed AS (
        SELECT *, sum(q) OVER (PARTITION BY code, kind ORDER BY v ROWS UNBOUNDED PRECEDING) - q AS below FROM feature
    ),
    area AS (
        SELECT code, kind, sum(p * (below + q / 2)) / nullif(sum(p) * sum(q), 0) AS area, sum(p) AS p, sum(q) AS q
        FROM summed GROUP BY code, kind
    )
    SELECT code, kind, area::DOUBLE AS area, p::BIGINT AS p, q::BIGINT AS q FROM area
    WHERE p >= $least AND q >= $least
    UNION ALL
    SELECT code, 'presence', 0.5 + (p / positives - q / negatives) / 2, positives, negatives FROM seen, size
    WHERE positives >= $least AND negatives >= $least
"""


def check_separation(material: Material) -> Result:
    """Look for codes whose presence, count, last value or time since tells the label alone."""
    con = material.con
    con.execute(_KNOWN)
    areas = con.sql(_AREAS, params={"least": MIN_ROWS}).pl()
    if areas.is_empty():
        return Result("single codes", f"too few rows: a feature needs {MIN_ROWS} of each class")
    areas = _with_limits(material, areas)
    suspects = _with_subjects(material, areas.filter(pl.col("apart") >= pl.col("warn")))
    bounds = lower_bound(suspects["apart"], suspects["p_subjects"], suspects["q_subjects"], critical(areas.height))
    sure = suspects.with_columns(low=bounds).filter(pl.col("low") >= SURE_AUROC)
    findings = tuple(_findings(sure))
    codes = areas["code"].n_unique()
    best = areas.sort("apart", descending=True).row(0, named=True)
    seen = (
        f"{areas.height:,} features of {codes:,} codes; the best alone has an AUROC of {best['apart']:.2f} "
        f"({best['kind']} of {best['code']})"
    )
    return Result("single codes", seen, findings)


def _with_limits(material: Material, areas: pl.DataFrame) -> pl.DataFrame:
    """Add how far a feature is from telling nothing (0.5 to 1), and from where on it warns and fails."""
    apart = ((pl.col("area") - 0.5).abs() + 0.5).alias("apart")
    if not label_is_a_value(material):
        return areas.with_columns(apart, warn=pl.lit(WARN_AUROC), fail=pl.lit(FAIL_AUROC))
    is_value = pl.col("kind") == "last value"
    is_own = pl.col("code").is_in(sorted(material.label_codes))
    warn, fail = (
        pl.when(is_value & is_own).then(OWN_VALUE_AUROC).when(is_value).then(of_values).otherwise(of_all)
        for of_values, of_all in ((WARN_AUROC_OF_VALUES, WARN_AUROC), (FAIL_AUROC_OF_VALUES, FAIL_AUROC))
    )
    return areas.with_columns(apart, warn=warn, fail=fail)


def label_is_a_value(material: Material) -> bool:
    """Say whether the label is a bound on, or a change of, a measured value."""
    task = material.task
    window = task.label_window if task else None
    names = {one.name for one in task.predicates} if task else set()
    if task is None or window is None or window.label not in names:
        return False
    predicate = task.predicate(window.label)
    if not isinstance(predicate, Plain | Derived):
        return False
    return any(not one.value.is_open or one.change is not None for one in task.plain_inputs(window.label))


def _with_subjects(material: Material, suspects: pl.DataFrame) -> pl.DataFrame:
    """Add of how many subjects of each class a feature is known: all, but of values and times those with the code."""
    con = material.con
    con.register("audit_suspect", suspects.select("code").unique().to_arrow())
    by_code = con.sql(
        """
        SELECT code, count(DISTINCT subject_id) FILTER (label) AS p_subjects,
               count(DISTINCT subject_id) FILTER (NOT label) AS q_subjects
        FROM audit_known SEMI JOIN audit_suspect USING (code) GROUP BY code
        """
    ).pl()
    con.unregister("audit_suspect")
    whole = con.execute(
        """
        SELECT count(DISTINCT subject_id) FILTER (label), count(DISTINCT subject_id) FILTER (NOT label)
        FROM audit_sample
        """
    ).fetchall()[0]
    of_all = pl.col("kind").is_in(["presence", "count"])
    return suspects.join(by_code, on="code", how="left").with_columns(
        p_subjects=pl.when(of_all).then(whole[0]).otherwise("p_subjects"),
        q_subjects=pl.when(of_all).then(whole[1]).otherwise("q_subjects"),
    )


def _findings(sure: pl.DataFrame) -> list[Finding]:
    """Return one finding for the codes that fail and one for those that warn; a code by its best feature."""
    best = sure.sort("apart", descending=True).unique("code", keep="first", maintain_order=True)
    failing = pl.col("apart") >= pl.col("fail")
    found: list[tuple[Severity, pl.DataFrame]] = [("fails", best.filter(failing)), ("warns", best.filter(~failing))]
    return [_finding(severity, codes) for severity, codes in found if codes.height]


def _finding(severity: Severity, codes: pl.DataFrame) -> Finding:
    first = codes.row(0, named=True)
    others = f" and {codes.height - 1:,} more" if codes.height > 1 else ""
    words, area, low = _in_words(first), first["apart"], first["low"]
    message = f"{words} alone tells the label: AUROC {area:.3f}, surely above {low:.2f}{others}"
    examples: tuple[Example, ...] = tuple(
        {"code": row["code"], "feature": row["kind"], "auroc": round(row["apart"], 3), "low": round(row["low"], 3)}
        for row in codes.head(EXAMPLES).iter_rows(named=True)
    )
    rows, subjects = first["p"] + first["q"], first["p_subjects"] + first["q_subjects"]
    return Finding("single-code-separates", severity, message, rows, subjects, examples)


def _in_words(row: dict[str, object]) -> str:
    """Return a feature in words.

    >>> _in_words({"kind": "time since", "code": "DRUG//X"}), _in_words({"kind": "presence", "code": "DRUG//X"})
    ('the time since DRUG//X', 'DRUG//X')
    """
    return str(row["code"]) if row["kind"] == "presence" else f"the {row['kind']}{_of(str(row['kind']))}{row['code']}"


def _of(kind: str) -> str:
    return " " if kind == "time since" else " of "
