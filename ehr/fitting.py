"""Fitting a vocabulary: counts and edges come from the events of training subjects, and from no one else's."""

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import polars as pl

from ehr.ancestry import families
from ehr.errors import VocabularyError
from ehr.events import BIRTH, SEPARATOR
from ehr.hierarchy import levels_above, system_of
from ehr.splits import split_sql
from ehr.store import Store, require_subjects
from ehr.vocabulary import DEFAULT_NAME, YEAR_SECONDS, TokenSettings, Vocabulary, measured_unit, same_unit

_NORMAL_SPREAD: Final = 2.563
"""From the first decile of a normal distribution to the ninth, in standard deviations."""
_LEAST_SPREAD: Final = 1e-6
"""Of the median: less is noise of the computer's numbers."""
_GAP_QUANTILES: Final = tuple((2 * place + 1) / 20 for place in range(10))


def fit_vocabulary(
    store: Store,
    name: str = DEFAULT_NAME,
    settings: TokenSettings | None = None,
    *,
    training: Sequence[int] | None = None,
) -> Vocabulary:
    """Fit a vocabulary on the training subjects of a store, or on exactly the subjects `training`; it is not saved.

    Raises StoreError for an empty store, VocabularyError when no subject falls to training or none of those has an
    event by the time `until` of the settings.
    """
    require_subjects(store)
    settings = settings or TokenSettings()
    con = store.cursor()
    try:
        _view_training_events(con, settings, training)
        common, rare = _split_codes(con, settings)
        rarer = _fit_families(con, rare, settings)
        units, others = _fit_units(con, common, settings)
        codes = sorted([*common, *others])
        names = {name: others[name][0] if name in others else name for name in (*codes, *rarer)}
        return Vocabulary(
            name,
            settings,
            tuple(codes),
            tuple(rarer),
            _fit_edges(con, settings),
            _fit_ages(con, settings),
            _fit_gaps(con, settings),
            _fit_scales(con, settings),
            _levels(names, settings),
            units,
            others,
        )
    finally:
        con.close()


def _view_training_events(
    con: duckdb.DuckDBPyConnection, settings: TokenSettings, training: Sequence[int] | None
) -> None:
    chosen = f"{split_sql()} = 'train'"
    if training is not None:
        wanted = pl.DataFrame({"subject_id": pl.Series(training, dtype=pl.Int64)})
        con.register("wanted_training", wanted.to_arrow())
        chosen = "subject_id IN (SELECT subject_id FROM wanted_training)"
    con.execute(f"CREATE OR REPLACE TEMP TABLE training_subject AS SELECT subject_id FROM subject WHERE {chosen}")
    if con.execute("SELECT NOT EXISTS (FROM training_subject)").fetchall()[0][0]:
        why = "falls to the training split; import more patients"
        raise VocabularyError(
            f"no subject of the store {why if training is None else 'is among those given for training'}"
        )
    con.register("left_out", pl.DataFrame({"head": pl.Series(settings.left_out, dtype=pl.String)}).to_arrow())
    is_read = f"split_part(code, '{SEPARATOR}', 1) NOT IN (FROM left_out)" if settings.left_out else "true"
    until = settings.until_time
    is_early = f'("time" IS NULL OR "time" <= TIMESTAMP \'{until.isoformat(" ")}\')' if until else "true"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW training_event AS
        SELECT subject_id, "time", code, numeric_value, coalesce(unit, '') AS unit
        FROM event SEMI JOIN training_subject USING (subject_id) WHERE {is_read} AND {is_early}
        """
    )
    if until and con.execute("SELECT NOT EXISTS (FROM training_event)").fetchall()[0][0]:
        raise VocabularyError(f"training subjects have no event up to {until}; name a later time")


def _split_codes(con: duckdb.DuckDBPyConnection, settings: TokenSettings) -> tuple[list[str], list[str]]:
    """Return the codes with a token of their own and the rarer ones, each in order of the alphabet."""
    counted = con.execute(
        "SELECT code, count(DISTINCT subject_id) FROM training_event GROUP BY code ORDER BY code"
    ).fetchall()
    common = [code for code, subjects in counted if subjects >= settings.min_subjects]
    rare = [code for code, subjects in counted if subjects < settings.min_subjects]
    return common, rare


def _fit_families(con: duckdb.DuckDBPyConnection, rare: list[str], settings: TokenSettings) -> list[str]:
    """Return the families that enough training subjects need, giving each rare code the nearest one.

    Levels are walked from the most special family to the heads; a code that found its family is out.
    """
    chains = [
        (code, family, len(chain) - place)
        for code in rare
        for chain in [families(code)]
        for place, family in enumerate(chain)
    ]
    if not chains:
        return []
    chain = pl.DataFrame(chains, schema={"code": pl.String, "family": pl.String, "level": pl.Int64}, orient="row")
    con.register("rare_code", pl.DataFrame({"code": rare}).to_arrow())
    pairs = con.sql("SELECT DISTINCT subject_id, code FROM training_event SEMI JOIN rare_code USING (code)").pl()
    chosen: list[str] = []
    for level in sorted(chain["level"].unique().to_list(), reverse=True):
        here = pairs.join(chain.filter(level=level), on="code")
        counted = here.group_by("family").agg(pl.col("subject_id").n_unique())
        enough = counted.filter(pl.col("subject_id") >= settings.min_subjects)["family"]
        settled = here.filter(pl.col("family").is_in(enough.implode()))["code"].unique()
        pairs = pairs.filter(~pl.col("code").is_in(settled.implode()))
        chosen += enough.to_list()
    return sorted(chosen)


def _fit_units(
    con: duckdb.DuckDBPyConnection, common: list[str], settings: TokenSettings
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the commonest unit of each code with numbers, and a token for each other unit of enough subjects.

    The view `training_number` (code, v) then has all finite numbers that are read, under the name of their token.
    """
    spellings = _spellings(con, common, settings)
    _register(con, "spelt_unit", ("code", "unit", "meant"), [(*key, meant) for key, meant in spellings.items()])
    rows = con.execute(
        """
        SELECT code, meant, count(*) AS n, count(DISTINCT subject_id)
        FROM training_event JOIN spelt_unit USING (code, unit) WHERE isfinite(numeric_value)
        GROUP BY code, meant ORDER BY code, n DESC, meant
        """
    ).fetchall()
    units: dict[str, str] = {}
    others: dict[str, tuple[str, str]] = {}
    names: dict[tuple[str, str], str] = {}
    taken = set(common)
    for code, unit, _, subjects in rows:
        name = f"{code} [{unit or 'no unit'}]"
        if code not in units:
            units[code] = unit
            names[code, unit] = code
        elif subjects >= settings.min_subjects and name not in taken:
            others[name] = (code, unit)
            names[code, unit] = name
    read = [(*key, names[key[0], meant]) for key, meant in spellings.items() if (key[0], meant) in names]
    _register(con, "read_unit", ("code", "unit", "name"), read)
    con.execute(
        """
        CREATE OR REPLACE TEMP VIEW training_number AS
        SELECT name AS code, numeric_value AS v FROM training_event JOIN read_unit USING (code, unit)
        WHERE isfinite(numeric_value)
        """
    )
    return units, others


def _spellings(
    con: duckdb.DuckDBPyConnection, common: list[str], settings: TokenSettings
) -> dict[tuple[str, str], str]:
    """Return for each code and unit of its finite numbers the commonest spelling of the same unit."""
    if settings.quantiles < 2:
        return {}
    _register(con, "own_code", ("code",), [(code,) for code in common])
    counted = con.execute(
        """
        SELECT code, unit FROM training_event SEMI JOIN own_code USING (code) WHERE isfinite(numeric_value)
        GROUP BY code, unit ORDER BY code, count(*) DESC, unit
        """
    ).fetchall()
    found: dict[tuple[str, str], str] = {}
    meanings: dict[str, list[str]] = {}
    for code, unit in counted:
        known = meanings.setdefault(code, [])
        measured = measured_unit(code, unit)
        found[code, unit] = next((meant for meant in known if same_unit(meant, measured)), measured)
        known.append(measured)
    return found


def _register(
    con: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> None:
    """Let queries see rows of text as a table."""
    con.register(name, pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").to_arrow())


def _fit_edges(con: duckdb.DuckDBPyConnection, settings: TokenSettings) -> dict[str, tuple[float, ...]]:
    """Return the value edges of each name in `training_number`.

    The k-th edge is the k-th quantile. Where a frequent value takes several quantiles, the next greater value
    becomes the edge, so that this value has a bin of its own and zero is told from all that lies above it.
    """
    if settings.quantiles < 2:
        return {}
    rows = con.execute(
        """
        WITH counted AS (
            SELECT code, v, count(*) AS n FROM training_number GROUP BY ALL
        ),
        placed AS (
            SELECT code, v, sum(n) OVER rising AS upto, sum(n) OVER whole AS total, lead(v) OVER rising AS above,
                   min(v) OVER whole AS lowest
            FROM counted
            WINDOW whole AS (PARTITION BY code), rising AS (PARTITION BY code ORDER BY v)
        ),
        quantile AS (
            SELECT code, k, min(v) AS q, arg_min_null(above, v) AS above, any_value(lowest) AS lowest
            FROM placed, range(1, $bins) AS level(k)
            WHERE upto * $bins >= total * k GROUP BY code, k
        ),
        edge AS (
            SELECT code, k, CASE WHEN q = lag(q, 1, lowest) OVER rising THEN above ELSE q END AS edge
            FROM quantile WINDOW rising AS (PARTITION BY code ORDER BY k)
        )
        SELECT code, coalesce(list(edge ORDER BY k) FILTER (edge IS NOT NULL), [])
        FROM edge GROUP BY code ORDER BY code
        """,
        {"bins": settings.quantiles},
    ).fetchall()
    return {code: tuple(edges) for code, edges in rows}


def _fit_scales(con: duckdb.DuckDBPyConnection, settings: TokenSettings) -> dict[str, tuple[float, float]]:
    """Return median and spread of each name in `training_number`.

    The spread is that of a normal distribution with these deciles: (ninth - first) / 2.563. Where a frequent value
    makes it 0, it is the standard deviation; of numbers that are all the same, 1. It is never less than a millionth
    of the median.
    """
    if settings.quantiles < 2:
        return {}
    rows = con.execute(
        """
        WITH number AS (SELECT code, v::DOUBLE AS v FROM training_number),
        summed AS (
            SELECT code, quantile_cont(v, [0.1, 0.5, 0.9]) AS q, stddev_pop(v) AS deviation
            FROM number GROUP BY code
        )
        SELECT code, q[2], (q[3] - q[1]) / $normal, deviation FROM summed ORDER BY code
        """,
        {"normal": _NORMAL_SPREAD},
    ).fetchall()
    return {code: (median, _spread(median, spread, deviation)) for code, median, spread, deviation in rows}


def _spread(median: float, spread: float, deviation: float) -> float:
    return max(spread or deviation or 1.0, _LEAST_SPREAD * abs(median))


def _levels(codes: Mapping[str, str], settings: TokenSettings) -> dict[str, tuple[str, ...]]:
    """Return the levels of each token, a code or family by its name, in the systems that the settings name."""
    above = {
        name: tuple(one for one in levels_above(code) if system_of(one) in settings.levels)
        for name, code in codes.items()
    }
    return {name: levels for name, levels in above.items() if levels}


def _fit_ages(con: duckdb.DuckDBPyConnection, settings: TokenSettings) -> tuple[int, ...]:
    """Return the first age of each band that training subjects live through; others join the band below."""
    if settings.age_years == 0:
        return ()
    rows = con.execute(
        f"""
        WITH born AS (
            SELECT subject_id, min("time") AS birth FROM training_event WHERE code = '{BIRTH}' GROUP BY ALL
        ),
        moment AS (SELECT DISTINCT subject_id, "time" FROM training_event WHERE code <> '{BIRTH}')
        SELECT DISTINCT least((epoch_us("time") - epoch_us(birth)) // $year // $width * $width, $top) AS first
        FROM moment JOIN born USING (subject_id) WHERE "time" > birth ORDER BY first
        """,
        {"year": YEAR_SECONDS * 1_000_000, "width": settings.age_years, "top": settings.age_top},
    ).fetchall()
    return tuple(row[0] for row in rows)


def _fit_gaps(con: duckdb.DuckDBPyConnection, settings: TokenSettings) -> tuple[tuple[float, ...], ...]:
    """Return how long the gaps of each interval are, as ten quantiles in seconds; without any, its start."""
    con.register(
        "gap_interval",
        pl.DataFrame({"place": range(len(settings.gap_starts)), "start": settings.gap_starts}).to_arrow(),
    )
    rows = con.execute(
        """
        WITH moment AS (SELECT DISTINCT subject_id, "time" FROM training_event WHERE "time" IS NOT NULL),
        gap AS (
            SELECT epoch("time" - lag("time") OVER (PARTITION BY subject_id ORDER BY "time")) AS seconds FROM moment
        )
        SELECT place, quantile_cont(seconds, $levels)
        FROM gap ASOF JOIN gap_interval ON gap.seconds >= gap_interval.start
        GROUP BY place ORDER BY place
        """,
        {"levels": list(_GAP_QUANTILES)},
    ).fetchall()
    fitted = dict(rows)
    return tuple(
        tuple(fitted.get(place, [float(start)] * len(_GAP_QUANTILES)))
        for place, start in enumerate(settings.gap_starts)
    )
