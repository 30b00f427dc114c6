"""Fitting a vocabulary: counts and edges come from the events of training subjects, and from no one else's."""

from typing import Final

import duckdb
import polars as pl

from ehr.ancestry import families
from ehr.errors import VocabularyError
from ehr.events import BIRTH
from ehr.splits import split_sql
from ehr.store import Store, require_subjects
from ehr.vocabulary import DEFAULT_NAME, YEAR_SECONDS, TokenSettings, Vocabulary

_GAP_QUANTILES: Final = tuple((2 * place + 1) / 20 for place in range(10))


def fit_vocabulary(store: Store, name: str = DEFAULT_NAME, settings: TokenSettings | None = None) -> Vocabulary:
    """Fit a vocabulary on the training subjects of a store; it is not saved.

    Raises StoreError for an empty store and VocabularyError when no subject falls to training.
    """
    require_subjects(store)
    settings = settings or TokenSettings()
    con = store.cursor()
    _view_training_events(con)
    try:
        common, rare = _split_codes(con, settings)
        return Vocabulary(
            name,
            settings,
            tuple(common),
            tuple(_fit_families(con, rare, settings)),
            _fit_edges(con, common, settings),
            _fit_ages(con, settings),
            _fit_gaps(con, settings),
        )
    finally:
        con.close()


def _view_training_events(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE training_subject AS
        SELECT subject_id FROM subject WHERE {split_sql()} = 'train'
        """
    )
    if con.execute("SELECT NOT EXISTS (FROM training_subject)").fetchall()[0][0]:
        raise VocabularyError("no subject of the store falls to the training split; import more patients")
    con.execute(
        """
        CREATE OR REPLACE TEMP VIEW training_event AS
        SELECT subject_id, "time", code, numeric_value FROM event SEMI JOIN training_subject USING (subject_id)
        """
    )


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


def _fit_edges(
    con: duckdb.DuckDBPyConnection, codes: list[str], settings: TokenSettings
) -> dict[str, tuple[float, ...]]:
    """Return the value edges of each code with finite numbers.

    The k-th edge is the k-th quantile. Where a frequent value takes several quantiles, the next greater value
    becomes the edge, so that this value has a bin of its own and zero is told from all that lies above it.
    """
    if settings.quantiles < 2 or not codes:
        return {}
    con.register("own_code", pl.DataFrame({"code": codes}).to_arrow())
    rows = con.execute(
        """
        WITH counted AS (
            SELECT code, numeric_value AS v, count(*) AS n
            FROM training_event SEMI JOIN own_code USING (code)
            WHERE isfinite(numeric_value) GROUP BY ALL
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
