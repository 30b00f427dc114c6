"""What a store holds: the figures behind `ehr stats`."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ehr.store import Store, frame_of
from ehr.units import MixedUnits, mixed_units


@dataclass(frozen=True, slots=True)
class SourceStats:
    """One file in the ledger."""

    file: str
    format: str
    status: str
    rows_in: int
    rows_accepted: int
    rows_rejected: int
    rows_skipped: int
    notices: int


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Counts of a whole store; `kinds` counts events by the head of their code, `classes` encounters by class."""

    subjects: int
    died: int
    events: int
    encounters: int
    codes: int
    rejected: int
    skipped: int
    notices: int
    first_time: datetime | None
    last_time: datetime | None
    kinds: dict[str, int]
    classes: dict[str, int]
    skipped_types: dict[str, int]
    mixed_units: tuple[MixedUnits, ...]
    sources: tuple[SourceStats, ...]


def store_stats(store: Store) -> StoreStats:
    """Count what `store` holds; reads the code table instead of the events where it can."""
    con = store.cursor()
    subjects, died, first_time, last_time = con.execute(
        "SELECT count(*), count(*) FILTER (died), min(first_time), max(last_time) FROM subject"
    ).fetchall()[0]
    sources = tuple(
        SourceStats(*row)
        for row in con.execute(
            """
            SELECT file, format, status, rows_in, rows_accepted, rows_rejected, rows_skipped,
                   (SELECT count(*) FROM notice WHERE notice.source_id = source.source_id)
            FROM source ORDER BY source_id
            """
        ).fetchall()
    )
    kinds = _counts(store, "SELECT split_part(code, '//', 1), sum(n_events)::BIGINT FROM code GROUP BY 1")
    return StoreStats(
        subjects=subjects,
        died=died,
        events=sum(kinds.values()),
        encounters=con.execute("SELECT count(*) FROM encounter").fetchall()[0][0],
        codes=con.execute("SELECT count(*) FROM code").fetchall()[0][0],
        rejected=sum(source.rows_rejected for source in sources),
        skipped=sum(source.rows_skipped for source in sources),
        notices=sum(source.notices for source in sources),
        first_time=first_time,
        last_time=last_time,
        kinds=kinds,
        classes=_counts(store, "SELECT class, count(*) FROM encounter GROUP BY 1"),
        skipped_types=_counts(
            store, "SELECT resource, sum(rows_skipped)::BIGINT FROM tally WHERE rows_skipped > 0 GROUP BY 1"
        ),
        mixed_units=mixed_units(store),
        sources=sources,
    )


def _counts(store: Store, select: str) -> dict[str, int]:
    """Run a query of names and counts, the most frequent first."""
    return dict(store.cursor().execute(f"{select} ORDER BY 2 DESC, 1").fetchall())


def reject_reasons(store: Store, table: str, limit: int) -> pl.DataFrame:
    """Return how often each reason occurs by file and type; `table` is reject or notice."""
    return frame_of(
        store.cursor().sql(
            f"""
            SELECT file, regexp_replace(resource, '^([A-Z][A-Za-z]*)/.*', '\\1') AS resource, code, reason,
                   count(*) AS n, min(line) AS first_line
            FROM {_ledger_table(table)} JOIN source USING (source_id)
            GROUP BY ALL ORDER BY n DESC, file, reason LIMIT {int(limit)}
            """
        )
    )


def reject_list(store: Store, table: str, limit: int) -> pl.DataFrame:
    """Return refused records one by one: file, line, resource, code, reason, excerpt; `table` is reject or notice."""
    return frame_of(
        store.cursor().sql(
            f"""
            SELECT file, line, resource, code, reason, excerpt
            FROM {_ledger_table(table)} JOIN source USING (source_id)
            ORDER BY source_id, line LIMIT {int(limit)}
            """
        )
    )


def _ledger_table(table: str) -> str:
    if table not in {"reject", "notice"}:
        raise ValueError(f"{table!r} is no table of refused or flagged records")
    return table
