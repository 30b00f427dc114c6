"""Features of the past of many rows at once, by one query over the events.

`plan_features` looks at training rows and decides which columns there are; `read_features` fills them for any rows.
Known at a prediction time is what `ehr.past` says, so nothing after it changes a feature. Several values of a code at
one moment count as one for the trend, and the greatest of them is the last (or first) value, so that the order in
which events lie changes nothing either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from sqlglot import exp

from ehr.events import BIRTH
from ehr.past import known
from ehr.vocabulary import YEAR_SECONDS

Matrix = npt.NDArray[np.float32]
"""Features (rows, columns); NaN where a value is not known."""

COUNT: Final = "count"
AGE, HISTORY, SILENCE, RECORDS = "age", "days of history", "days since the last record", "records"
STATISTICS: Final = {
    COUNT: "sum(n) FILTER ({w})",
    "last": "arg_max(high, stamp) FILTER (n_values > 0 AND {w})",
    "first": "arg_min(high, stamp) FILTER (n_values > 0 AND {w})",
    "min": "min(low) FILTER ({w})",
    "max": "max(high) FILTER ({w})",
    "mean": "sum(total) FILTER ({w}) / nullif(sum(n_values) FILTER ({w}), 0)",
    "sum": "sum(total) FILTER (n_values > 0 AND {w})",
    "trend": "regr_slope(total / n_values, days) FILTER (n_values > 0 AND {w})",
    "days since": "-max(days) FILTER ({w})",
}
"""How each statistic follows from moments: one row for each row of the cohort, code and time, with the sums over
what lies at that time. `days` is 0 at the prediction time and negative before it; {w} is the window."""
_OF_NUMBERS: Final = frozenset(STATISTICS) - {COUNT, "days since"}
_OWN: Final = (AGE, HISTORY, SILENCE, RECORDS)


@dataclass(frozen=True, slots=True)
class Window:
    """The span from `hours` before the prediction time (the whole past without) up to `until` hours before it."""

    hours: float | None = None
    until: float = 0

    @property
    def name(self) -> str:
        """What the columns of this window are called.

        >>> Window().name, Window(24).name, Window(48, 24).name
        ('', 'in the last 24 h', '48 to 24 h before')
        """
        if self.until:
            begin = "more than" if self.hours is None else f"{self.hours:g} to"
            return f"{begin} {self.until:g} h before"
        return "" if self.hours is None else f"in the last {self.hours:g} h"


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Which columns there may be: statistics of each code in each window.

    A code is taken when at least `min_rows` training rows know it, the most frequent `max_codes` of them.
    """

    windows: tuple[Window, ...] = (Window(), Window(24))
    statistics: tuple[str, ...] = (COUNT, "last", "first", "min", "max", "mean", "trend", "days since")
    min_rows: int = 10
    max_codes: int = 400


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The columns, as (code, window, statistic); code "" is for those of the row itself, such as the age."""

    settings: FeatureSettings
    columns: tuple[tuple[str, int, str], ...]

    @property
    def names(self) -> list[str]:
        """What each column says, such as 'last in the last 24 h: LAB//50912//mg/dL'."""
        return [self._name(*column) for column in self.columns]

    def _name(self, code: str, window: int, statistic: str) -> str:
        if not code:
            return statistic
        return f"{statistic} {self.settings.windows[window].name}".strip() + f": {code}"

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return {"settings": asdict(self.settings), "columns": [list(column) for column in self.columns]}


def plan_from(values: Mapping[str, Any]) -> FeaturePlan:
    """Build a plan from what `as_mapping` gave."""
    given = dict(values["settings"])
    windows = tuple(Window(**window) for window in given.pop("windows"))
    settings = FeatureSettings(windows=windows, statistics=tuple(given.pop("statistics")), **given)
    columns = tuple((str(code), int(window), str(statistic)) for code, window, statistic in values["columns"])
    return FeaturePlan(settings, columns)


def plan_features(
    con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, settings: FeatureSettings | None = None
) -> FeaturePlan:
    """Choose the columns from the training rows (subject_id, prediction_time).

    `con` has a table or view `event` with subject_id, time, code and numeric_value. Left out are columns that say the
    same on all training rows, and those that repeat an earlier one.
    """
    settings = settings or FeatureSettings()
    codes = _frequent_codes(con, rows, settings)
    columns = [("", 0, name) for name in _OWN] + [
        (code, window, statistic)
        for code, has_numbers in codes
        for window in range(len(settings.windows))
        for statistic in settings.statistics
        if (has_numbers or statistic not in _OF_NUMBERS) and code != BIRTH
    ]
    plan = FeaturePlan(settings, tuple(columns))
    kept = _telling(read_features(con, rows, plan))
    return FeaturePlan(settings, tuple(columns[place] for place in kept))


def read_features(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, plan: FeaturePlan) -> Matrix:
    """Return the features (rows, columns) of `rows` (subject_id, prediction_time), in their order.

    Counts are 0 where there is nothing; every other statistic is NaN there. Ages are in years, trends per day.
    """
    place = {column: number for number, column in enumerate(plan.columns)}
    is_count = np.array([statistic == COUNT for _, _, statistic in plan.columns], dtype=bool)
    matrix = np.where(is_count, np.float32(0), np.float32(np.nan)) * np.ones((rows.height, 1), dtype=np.float32)
    codes = sorted({code for code, _, _ in plan.columns if code})
    _register(con, rows, codes)
    try:
        own = con.sql(_own_query()).pl()
        long = con.sql(_code_query(plan.settings)).pl() if codes else None
    finally:
        con.unregister("feature_row")
        con.unregister("feature_code")
    for name in _OWN:
        if ("", 0, name) in place:
            matrix[own["row"].to_numpy(), place["", 0, name]] = own[name].to_numpy()
    if long is not None:
        _fill(matrix, long, codes, plan, place)
    return matrix


def past_digest(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> str:
    """Return a digest of all that features of `rows` can depend on, whatever the order of the events."""
    _register(con, rows, ())
    try:
        found = con.sql(
            f"""
            SELECT count(*), bit_xor(fingerprint), sum(fingerprint::HUGEINT) FROM (
                SELECT hash(subject_id, prediction_time, time, code, numeric_value) AS fingerprint
                FROM feature_row JOIN event USING (subject_id) WHERE {_known()}
            )
            """
        ).fetchall()[0]
    finally:
        con.unregister("feature_row")
        con.unregister("feature_code")
    return " ".join(str(part) for part in found)


def _fill(
    matrix: Matrix,
    long: pl.DataFrame,
    codes: Sequence[str],
    plan: FeaturePlan,
    place: Mapping[tuple[str, int, str], int],
) -> None:
    """Write the long table of statistics into the matrix, one window and statistic at a time."""
    row, number = long["row"].to_numpy(), long["code_number"].to_numpy()
    for window in range(len(plan.settings.windows)):
        for statistic in plan.settings.statistics:
            target = np.array([place.get((code, window, statistic), -1) for code in codes])[number]
            values = long[_alias(window, statistic)].cast(pl.Float32).to_numpy()
            taken = (target >= 0) & ~np.isnan(values)
            matrix[row[taken], target[taken]] = values[taken]


def _telling(matrix: Matrix) -> list[int]:
    """Return the columns that vary, the first of those that are alike."""
    kept: list[int] = []
    seen: set[bytes] = set()
    for place in range(matrix.shape[1]):
        column = matrix[:, place]
        first = column[:1]
        if (column == first).all() or np.isnan(column).all():
            continue
        content = column.tobytes()
        if content not in seen:
            seen.add(content)
            kept.append(place)
    return kept


def _register(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, codes: Sequence[str]) -> None:
    numbered = rows.select(
        pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us"))
    ).with_row_index("row")
    con.register("feature_row", numbered.with_columns(pl.col("row").cast(pl.Int64)).to_arrow())
    con.register(
        "feature_code",
        pl.DataFrame(
            {"code": codes, "code_number": range(len(codes))}, schema={"code": pl.String, "code_number": pl.Int64}
        ).to_arrow(),
    )


def _frequent_codes(
    con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, settings: FeatureSettings
) -> list[tuple[str, bool]]:
    """Return the codes that enough rows know, and whether they come with numbers, the most frequent first."""
    _register(con, rows, ())
    try:
        found = con.sql(
            f"""
            SELECT code, count(DISTINCT "row") AS n_rows, bool_or(isfinite(numeric_value)) AS has_numbers
            FROM feature_row JOIN event USING (subject_id) WHERE {_known()}
            GROUP BY code HAVING n_rows >= {min(settings.min_rows, rows.height)}
            ORDER BY n_rows DESC, code LIMIT {settings.max_codes}
            """
        ).fetchall()
    finally:
        con.unregister("feature_row")
        con.unregister("feature_code")
    return [(code, bool(has_numbers)) for code, _, has_numbers in found]


def _code_query(settings: FeatureSettings) -> str:
    """Return the query for (row, code_number, one column for each window and statistic)."""
    columns = ",\n".join(
        f'{STATISTICS[statistic].format(w=_in_window(window))} AS "{_alias(number, statistic)}"'
        for number, window in enumerate(settings.windows)
        for statistic in settings.statistics
    )
    return f"""
        WITH moment AS (
            SELECT "row", code_number, coalesce(event.time, TIMESTAMP '-infinity') AS stamp,
                any_value(epoch_us(event.time) - epoch_us(prediction_time)) / 86.4e9 AS days,
                count(*) AS n, count(number) AS n_values, min(number) AS low, max(number) AS high,
                sum(number) AS total
            FROM feature_row
            JOIN event USING (subject_id)
            JOIN feature_code USING (code),
            LATERAL (SELECT CASE WHEN isfinite(numeric_value) THEN numeric_value::DOUBLE END) AS finite(number)
            WHERE {_known()}
            GROUP BY "row", code_number, stamp
        )
        SELECT "row", code_number, {columns} FROM moment GROUP BY "row", code_number
    """


def _own_query() -> str:
    """Return the query for what a row knows whatever the code: age, length of the history, time since its end."""
    until = "epoch(any_value(prediction_time)) - epoch"
    return f"""
        SELECT "row",
            ({until}(min(time) FILTER (code = '{BIRTH}'))) / {YEAR_SECONDS} AS "{AGE}",
            ({until}(min(time) FILTER (code <> '{BIRTH}'))) / 86400 AS "{HISTORY}",
            ({until}(max(time) FILTER (code <> '{BIRTH}'))) / 86400 AS "{SILENCE}",
            count(*)::DOUBLE AS "{RECORDS}"
        FROM feature_row JOIN event USING (subject_id) WHERE {_known()} GROUP BY "row"
    """


def _known() -> str:
    return known(exp.column("time", "event"), exp.column("prediction_time", "feature_row")).sql("duckdb")


def _in_window(window: Window) -> str:
    """Return the condition over moments, by their days before the prediction time."""
    begin = "true" if window.hours is None else f"days > {-window.hours / 24!r}"
    return begin if not window.until else f"{begin} AND days <= {-window.until / 24!r}"


def _alias(window: int, statistic: str) -> str:
    return f"{window} {statistic}"
