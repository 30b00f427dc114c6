"""Where a cohort is looked for: the events of a store, or a MEDS data set on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import duckdb
import pyarrow as pa
from sqlglot import exp

from ehr.code_order import COLUMNS, keeps_code_order
from ehr.errors import SourceError
from ehr.events import BIRTH
from ehr.store import DISABLED_OPTIMIZERS, Store, require_subjects
from sql.cohort.spelling import readable

MEDS_TYPES: Final = {
    "subject_id": "BIGINT",
    "time": "TIMESTAMP",
    "code": "VARCHAR",
    "numeric_value": "FLOAT",
}
"""What a MEDS event must have, with the types that cohorts are made with."""

FEMALE: Final = ("GENDER//F", "GENDER//FEMALE", "SEX//F", "SEX//FEMALE")
MALE: Final = ("GENDER//M", "GENDER//MALE", "SEX//M", "SEX//MALE")
"""Codes of the recorded sex in MEDS data, in capitals."""

_TITLES: Final = exp.select("code", "description").from_("code")

FOUND: Final = "found_event"
"""Temporary table of the events that the patterns of a task match (sql.cohort.narrowed)."""

_NOT_FOR_FILES: Final = f"{DISABLED_OPTIMIZERS},compressed_materialization"
"""Packing numbers before they are grouped undoes the runs of one number that a file in the order of patients has."""

CODE_FILE: Final = "code_file"
"""View of metadata/codes.parquet, on the connection of a MEDS data set that has one."""


class Engine(Protocol):
    """Something other than DuckDB that answers queries over `event`, such as Spark (sql.spark)."""

    def written(self, query: exp.Query) -> str:
        """Return the SQL that the engine runs for a query."""

    def answer(self, query: exp.Query) -> pa.Table:
        """Run a query; raises QueryFailed."""

    def save(self, query: exp.Query, path: str) -> None:
        """Write the rows of a query as parquet files to a folder; raises QueryFailed."""


@dataclass(frozen=True, slots=True)
class Records:
    """A connection in which `event` is a table or view of events, and how to ask it for codes and records.

    `codes` gives every code in use, `subjects` every subject_id, `spans` also first_time and last_time, `people`
    subject_id, birth_time and sex (female, male or another word) of those with either. `columns` are the columns of
    `event` with their DuckDB types. `codebook` is a connection that has table code_ancestor where that is another.
    `has_joint_codes` says that events must be looked up by all codes of their records (sql.cohort.concepts).
    `by_code` gives the events that a task asks for from where they stand together, with some of the columns: in the
    order of codes (ehr.code_order), or picked by the query `narrowed_by` (sql.cohort.narrowed). `units` gives code,
    unit and n, how many numbers came in it, where events need not be asked for that; `titles` gives code and
    description, and is asked of the codebook. With an `engine` the events lie there: `con` has, in `event`, each
    combination of code and its companions (unit, codings) once, without subjects and times, which is what codes are
    looked up in.
    """

    con: duckdb.DuckDBPyConnection
    codes: exp.Query
    subjects: exp.Query
    spans: exp.Query
    people: exp.Query
    columns: Mapping[str, str]
    codebook: duckdb.DuckDBPyConnection | None = None
    has_joint_codes: bool = False
    engine: Engine | None = None
    by_code: exp.Query | None = None
    narrowed_by: exp.Query | None = None
    units: exp.Query | None = None
    titles: exp.Query | None = None

    def written(self, query: exp.Query) -> str:
        """Return the SQL of a query, in the dialect of the engine that runs it, with what it was narrowed by."""
        if self.narrowed_by is None:
            return self.engine.written(query) if self.engine else readable(query)
        picked = [table for table in query.find_all(exp.Table) if table.name == FOUND]
        sources = [self.narrowed_by.subquery(FOUND) for _ in picked]
        for table, source in zip(picked, sources, strict=True):
            table.replace(source)
        text = readable(query)
        for table, source in zip(picked, sources, strict=True):
            source.replace(table)
        return text

    def answer(self, query: exp.Query) -> pa.Table:
        """Run a query where the events lie; raises duckdb.Error, or QueryFailed from another engine."""
        return self.engine.answer(query) if self.engine else self.con.sql(query.sql("duckdb")).to_arrow_table()


def records_of_store(store: Store) -> Records:
    """Return the records of `store`; raises StoreError when it is empty."""
    require_subjects(store)
    con = store.cursor()
    first = exp.Least(this=exp.column("birth_time"), expressions=[exp.column("first_time")], ignore_nulls=True)
    last = exp.Greatest(this=exp.column("birth_time"), expressions=[exp.column("last_time")], ignore_nulls=True)
    spans = exp.select("subject_id", first.as_("first_time"), last.as_("last_time")).from_("subject")
    codes, subjects = exp.select("code").from_("code"), exp.select("subject_id").from_("subject")
    people = exp.select("subject_id", "birth_time", "sex").from_("subject")
    by_code = None
    if keeps_code_order(con):
        by_code = exp.select(*sorted(COLUMNS)).from_("event_by_code").join("code_place", using="place")
    n = exp.cast(exp.Sum(this=exp.column("n")), "BIGINT")
    units = exp.select("code", "unit", n.as_("n")).from_("code_value").group_by("code", "unit").having(n.copy() > 0)
    units = units.where(exp.column("numeric_value").is_(exp.null()).not_())
    return Records(con, codes, subjects, spans, people, _columns(con), by_code=by_code, units=units, titles=_TITLES)


def in_code_order(query: exp.Select, records: Records) -> exp.Select:
    """Let a query of few codes read them where they stand together, if `records` know all of `event` it asks for."""
    if records.by_code is None or records.has_joint_codes:
        return query
    asked = {column.name for column in query.find_all(exp.Column) if column.table in {"", "event"}}
    if asked <= set(records.by_code.named_selects):
        for table in list(query.find_all(exp.Table)):
            if table.name == "event":
                table.replace(records.by_code.subquery("event"))
    return query


def records_of_subject(store: Store, subject_id: int) -> Records:
    """Return the records of one subject of `store`, copied: looking through them costs what this subject has."""
    events = store.cursor().sql("SELECT * FROM event WHERE subject_id = $subject", params={"subject": subject_id})
    con = duckdb.connect(config={"disabled_optimizers": DISABLED_OPTIMIZERS})
    con.register("subject_event", events.to_arrow_table())
    con.execute("CREATE TABLE event AS FROM subject_event")
    born = "SELECT subject_id, birth_time, sex FROM subject WHERE subject_id = $subject"
    con.register("person", store.cursor().sql(born, params={"subject": subject_id}).to_arrow_table())
    people = exp.select("subject_id", "birth_time", "sex").from_("person")
    return replace(records_of_events(con), people=people, codebook=store.cursor(), titles=_TITLES)


def records_of_meds(path: Path) -> Records:
    """Return the records of a MEDS file, or of a folder with data/**/*.parquet.

    Raises SourceError when there is nothing, or no MEDS, at `path`.
    """
    # A cohort has no order, and to keep that of the file costs half of the time of finding its events.
    con = duckdb.connect(config={"disabled_optimizers": _NOT_FOR_FILES, "preserve_insertion_order": False})
    try:
        relation = con.read_parquet([str(file) for file in meds_files(path)], union_by_name=True)
    except duckdb.Error as error:
        raise SourceError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    missing = [column for column in ("subject_id", "time", "code") if column not in relation.columns]
    if missing:
        raise SourceError(
            f"{path}: is no MEDS data set; it lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        )
    kept = [exp.column(name, quoted=True) for name in relation.columns if name not in MEDS_TYPES]
    cast = [
        exp.cast(
            exp.column(name, quoted=True) if name in relation.columns else exp.null(), kind, dialect="duckdb"
        ).as_(name, quoted=True)
        for name, kind in MEDS_TYPES.items()
    ]
    relation.create_view("parquet_file")
    titles = None
    if (path / "metadata" / "codes.parquet").is_file():
        described = con.read_parquet(str(path / "metadata" / "codes.parquet"))
        described.create_view(CODE_FILE)
        titles = exp.select("code", "description").from_(CODE_FILE) if "description" in described.columns else None
    con.execute(f"CREATE VIEW event AS {exp.select(*cast, *kept).from_('parquet_file').sql('duckdb')}")
    return replace(records_of_events(con), titles=titles)


def records_of_events(con: duckdb.DuckDBPyConnection) -> Records:
    """Return the records of a connection that has nothing but a relation `event`, with MEDS columns and types."""
    codes = exp.select("code").distinct().from_("event")
    spans = (
        exp.select(
            "subject_id",
            exp.Min(this=exp.column("time")).as_("first_time"),
            exp.Max(this=exp.column("time")).as_("last_time"),
        )
        .from_("event")
        .group_by("subject_id")
    )
    subjects = exp.select("subject_id").distinct().from_("event")
    return Records(con, codes, subjects, spans, _people_of_events(), _columns(con))


def _people_of_events() -> exp.Query:
    """Select birth and sex of each subject from the events that tell them; of two sexes the first in the alphabet."""
    code = exp.func("UPPER", exp.column("code"))
    is_birth = code.copy().eq(exp.Literal.string(BIRTH))
    sex = exp.Case()
    for word, codes in (("female", FEMALE), ("male", MALE)):
        sex = sex.when(code.copy().isin(*(exp.Literal.string(one) for one in codes)), exp.Literal.string(word))
    birth = exp.Case().when(is_birth, exp.column("time"))
    told = code.copy().isin(*(exp.Literal.string(one) for one in (BIRTH, *FEMALE, *MALE)))
    cells = (exp.Min(this=birth).as_("birth_time"), exp.Min(this=sex).as_("sex"))
    return exp.select("subject_id", *cells).from_("event").where(told).group_by("subject_id")


def meds_files(path: Path) -> list[Path]:
    """Return the event files of a MEDS data set; raises SourceError when there are none."""
    if path.is_file():
        return [path]
    files = sorted((path / "data" if (path / "data").is_dir() else path).glob("**/*.parquet"))
    if not files:
        raise SourceError(
            f"{path}: there is no MEDS data set here; name a Parquet file or a folder with data/**/*.parquet"
        )
    return files


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in con.execute("DESCRIBE event").fetchall()}
