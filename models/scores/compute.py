"""Scores of all rows at once: which reading counts for which component, its points, and what is missing.

What was known is what `ehr.past` says. A window holds less than 24 hours: a reading exactly 24 hours before the
prediction time is out. A sum of urine stands for 24 hours only when urine was charted in the first six of them and in
the last six.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl
from sqlglot import exp

from ehr.past import known, known_within
from models.scores.definition import DAY, Component, Measure, Mortality, Score
from models.scores.inputs import LASTING, unit_of
from models.scores.readings import READING, ROW, make_readings
from models.scores.sources import Concepts, read_concepts

KEY: Final = ["subject_id", "prediction_time"]
_ABOUT: Final = ("score", "component", "title", "required", "where")
_USED: Final = ("points", "input", "value", "unit", "time", "code")


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of rows, in their order, and what each component rests on.

    `totals`: subject_id, prediction_time, score, `total` (null as soon as a required component is missing), `charted`
    (with 0 points for what is missing; null where nothing at all is on record), n_missing, missing (names of
    components and of needed inputs), mortality (published risk at `total`; null where none was published).
    `components`: subject_id, prediction_time, score, component, title, required, points, input, value, unit, time,
    code; null from points on where nothing is on record.
    """

    totals: pl.DataFrame
    components: pl.DataFrame


def score_rows(
    con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, scores: Sequence[Score], concepts: Concepts | None = None
) -> Scored:
    """Return the scores of the rows (subject_id, prediction_time) from the events of a connection.

    `con` is that of a store, or has a table `event` (subject_id, time, code, numeric_value, and unit, end_time,
    codings where known). `concepts` are those of the ready files unless given.
    """
    keys = rows.select(pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))).unique(
        maintain_order=True
    )
    con.register(ROW, keys.with_row_index("row").to_arrow())
    con.register("score_measure", _measures(scores).to_arrow())
    try:
        make_readings(con, concepts or read_concepts())
        con.execute(f"CREATE OR REPLACE TEMP TABLE score_seen AS {_seen(scores)}")
        best: pl.DataFrame = con.sql(_best(scores)).pl()
        seen: pl.DataFrame = con.sql("SELECT DISTINCT row, input FROM score_seen").pl()
        for table in (READING, "score_seen"):
            con.execute(f"DROP TABLE {table}")
    finally:
        con.unregister(ROW)
        con.unregister("score_measure")
    numbered = keys.with_row_index("row")
    components = _components(numbered, best, scores)
    return Scored(_totals(numbered, components, seen, scores), components.drop("row", "where"))


def _measures(scores: Sequence[Score]) -> pl.DataFrame:
    """Return the measures as a table, numbered in the order of the scores; `place` is that within the component."""
    rows = [
        (number, score.name, part.name, place, one.input, one.take)
        for number, (score, part, place, one) in enumerate(_all_measures(scores))
    ]
    return pl.DataFrame(rows, schema=["measure", "score", "component", "place", "input", "take"], orient="row")


def _all_measures(scores: Sequence[Score]) -> Iterator[tuple[Score, Component, int, Measure]]:
    return ((score, part, place, one) for score in scores for part, place, one in score.measures())


def _seen(scores: Sequence[Score]) -> str:
    """Return the query of the readings that a row may look at, with whether each is in its window, and the latest."""
    row, time = exp.column("prediction_time", "r"), exp.column("time", "s")
    is_known = known(time, row).sql("duckdb")
    recent = known_within(time, row, DAY).sql("duckdb")
    lasts = known_within(exp.column("until", "s"), row, DAY).sql("duckdb")
    lasting = ", ".join(f"'{name}'" for name in sorted(LASTING))
    ever = {one.input for score in scores for _, _, one in score.measures() if one.take == "ever"}
    whole = ", ".join(
        f"'{name}'" for name in sorted(ever | {name for score in scores for name in score.needs} | {"birth"})
    )
    return f"""
        SELECT r.row, CASE s.input WHEN 'birth' THEN 'age' ELSE s.input END AS input, s.time, s.code,
               CASE s.input WHEN 'birth' THEN date_sub('year', s.time, r.prediction_time) ELSE s.value END AS value,
               r.prediction_time,
               coalesce(CASE WHEN s.input IN ({lasting}) THEN {lasts} ELSE {recent} END, false) AS is_recent,
               s.time IS NOT DISTINCT FROM max(s.time) OVER (PARTITION BY r.row, s.input) AS is_latest
        FROM {ROW} r JOIN {READING} s USING (subject_id)
        WHERE {is_known} AND (s.input IN ({whole}) OR CASE WHEN s.input IN ({lasting}) THEN {lasts} ELSE {recent} END)
    """


def _best(scores: Sequence[Score]) -> str:
    """Return the query of the reading that counts for each measure of each row, with its points."""
    return f"""
        WITH used AS (
            SELECT s.row, m.measure, m.take = 'worst' AS is_worst, s.value, s.time, s.code
            FROM score_seen s JOIN score_measure m USING (input)
            WHERE CASE m.take WHEN 'worst' THEN s.is_recent WHEN 'last' THEN s.is_recent AND s.is_latest
                              WHEN 'ever' THEN s.is_latest ELSE false END
            UNION ALL
            SELECT s.row, m.measure, false, sum(s.value), max(s.time), any_value(s.code)
            FROM score_seen s JOIN score_measure m USING (input) WHERE m.take = 'sum' AND s.is_recent
            GROUP BY s.row, m.measure
            HAVING min(s.time) <= any_value(s.prediction_time) - INTERVAL 18 HOUR
               AND max(s.time) >= any_value(s.prediction_time) - INTERVAL 6 HOUR
        ),
        earned AS (SELECT *, {_points(scores)} AS points FROM used),
        best AS (
            SELECT row, measure, max({{
                'worst': CASE WHEN is_worst THEN points ELSE 0 END, 'time': coalesce(time, '-infinity'::TIMESTAMP),
                'points': points, 'value': value, 'code': code
            }}) AS best
            FROM earned GROUP BY row, measure
        )
        SELECT row, m.score, m.component, m.place, m.input, best.points, best.value,
               CASE WHEN isfinite(best.time) THEN best.time END AS time, best.code
        FROM best JOIN score_measure m USING (measure)
    """


def _points(scores: Sequence[Score]) -> str:
    """Return the SQL of the points of a value, by the number of its measure."""
    cases = []
    for number, (_, _, _, one) in enumerate(_all_measures(scores)):
        steps = list(zip(one.ladder.lows, one.ladder.points, strict=True))
        falling = " ".join(
            f"WHEN round(value, {one.digits}) >= {low!r}::DOUBLE THEN {points}" for low, points in steps[:0:-1]
        )
        points = f"CASE {falling} ELSE {steps[0][1]} END" if falling else str(steps[0][1])
        cases.append(f"WHEN {number} THEN {points}")
    return f"CASE measure {' '.join(cases)} END"


def _components(rows: pl.DataFrame, best: pl.DataFrame, scores: Sequence[Score]) -> pl.DataFrame:
    """Return every component of every row, with the measure that counts where one has a value."""
    parts = pl.DataFrame(
        [
            (score.name, part.name, part.title, part.required, part.where, part.choice)
            for score in scores
            for part in score.components
        ],
        schema={
            "score": pl.String(),
            "component": pl.String(),
            "title": pl.String(),
            "required": pl.Boolean(),
            "where": pl.String(),
            "choice": pl.String(),
        },
        orient="row",
    )
    order = [
        pl.when(pl.col("choice") == "most").then(pl.col("points")).otherwise(0),
        pl.when(pl.col("choice") == "latest").then(pl.col("time")),
    ]
    chosen = (
        best.join(parts.select("score", "component", "choice"), on=["score", "component"])
        .sort(
            "row",
            "score",
            "component",
            *order,
            "place",
            descending=[False] * 3 + [True, True, False],
            nulls_last=True,
        )
        .unique(["row", "score", "component"], keep="first", maintain_order=True)
        .drop("place", "choice")
    )
    told = pl.DataFrame({"input": sorted({one.input for score in scores for _, _, one in score.measures()})})
    told = told.with_columns(unit=pl.Series([unit_of(name) for name in told["input"]], dtype=pl.String))
    return (
        rows.join(parts, how="cross", maintain_order="left_right")
        .join(chosen, on=["row", "score", "component"], how="left", maintain_order="left")
        .join(told, on="input", how="left", maintain_order="left")
        .select("row", *KEY, *_ABOUT, *_USED)
    )  # fmt: skip


def _totals(
    rows: pl.DataFrame, components: pl.DataFrame, seen: pl.DataFrame, scores: Sequence[Score]
) -> pl.DataFrame:
    """Return the sums of the points, and which components and needed inputs are missing."""
    there = seen.with_columns(is_there=pl.lit(value=True)).rename({"input": "where"})
    asked = components.join(there, on=["row", "where"], how="left", maintain_order="left").with_columns(
        is_missing=pl.col("points").is_null() & (pl.col("required") | pl.col("is_there").fill_null(value=False))
    )
    summed = asked.group_by("row", "score", maintain_order=True).agg(
        pl.col("points").sum().alias("charted"),
        pl.col("points").is_not_null().any().alias("is_told"),
        pl.col("component").filter(pl.col("is_missing")).alias("missing"),
    )
    needs = pl.DataFrame(
        [(score.name, name) for score in scores for name in score.needs],
        schema={"score": pl.String(), "where": pl.String()},
        orient="row",
    )
    lacking = (
        rows.select("row")
        .join(needs, how="cross")
        .join(there, on=["row", "where"], how="anti")
        .group_by("row", "score")
        .agg(pl.col("where").alias("needed"))
    )
    totals = summed.join(lacking, on=["row", "score"], how="left", maintain_order="left").with_columns(
        missing=pl.concat_list(pl.col("needed").fill_null([]), "missing")
    )
    totals = totals.with_columns(n_missing=pl.col("missing").list.len().cast(pl.Int64)).with_columns(
        total=pl.when(pl.col("n_missing") == 0).then(pl.col("charted")),
        charted=pl.when(pl.col("is_told") | (pl.col("n_missing") == 0)).then(pl.col("charted")),
    )
    totals = totals.with_columns(mortality=_mortality(totals, scores))
    return rows.join(totals, on="row", how="inner", maintain_order="left_right").select(
        *KEY, "score", "total", "charted", "n_missing", "missing", "mortality"
    )


def _mortality(totals: pl.DataFrame, scores: Sequence[Score]) -> pl.Series:
    """Return the published risk at each total."""
    published: Mapping[str, Mortality] = {score.name: score.mortality for score in scores if score.mortality}
    risks = [
        published[name].risk(total) if total is not None and name in published else None
        for name, total in zip(totals["score"], totals["total"], strict=True)
    ]
    return pl.Series(risks, dtype=pl.Float64)


def coverage(scored: Scored) -> pl.DataFrame:
    """Return for each score how many rows there are, the share with all inputs, and the component missing most often.

    Columns: score, rows, complete (share), most_missing (its title), missing_share.
    """
    totals = scored.totals
    missing = totals.explode("missing", empty_as_null=True).drop_nulls("missing")
    worst = (
        missing.group_by("score", "missing", maintain_order=True)
        .len()
        .sort("len", descending=True, maintain_order=True)
        .unique("score", keep="first", maintain_order=True)
    )
    shares = totals.group_by("score", maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("total").is_not_null().mean().alias("complete")
    )
    return shares.join(worst, on="score", how="left", maintain_order="left").select(
        "score",
        "rows",
        "complete",
        pl.col("missing").alias("most_missing"),
        (pl.col("len") / pl.col("rows")).alias("missing_share"),
    )
