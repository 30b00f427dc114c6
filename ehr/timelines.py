"""Timelines: a subject's tokens in order of time, kept in the store, and the one cut of what was known when.

`tokenize_store` writes the table `timeline`; it is a cache. `load_timelines` reads it and tokenises anew the
subjects whose events changed since, so what it returns always fits the events of this moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ehr.errors import UnknownSubject, VocabularyError
from ehr.progress import Progress, silent
from ehr.store import Store, transaction
from ehr.tokens import NO_EVENT, Floats, Int64s, Timelines, ranges, tokenize
from ehr.vocabulary import Vocabulary, save_vocabulary

__all__ = [
    "Timeline",
    "Timelines",
    "before_prediction",
    "join_timelines",
    "known_at",
    "load_timelines",
    "past_ends",
    "ranges",
    "tokenize_store",
]

EVENTS_AT_ONCE: Final = 4_000_000
"""Bounds the memory of tokenising: about 100 bytes an event."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The tokens of one subject, as views into Timelines: the four arrays have one length."""

    subject_id: int
    tokens: npt.NDArray[np.uint32]
    times: npt.NDArray[np.datetime64]
    event_ids: Int64s
    values: Floats

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)


def past_ends(
    timelines: Timelines, subject_ids: Sequence[int] | Int64s, prediction_times: npt.ArrayLike
) -> tuple[Int64s, Int64s]:
    """Return for each row where the past of its prediction time begins and ends: `tokens[begin:end]`.

    This is the only place that decides what was known when: static facts, and what has a time up to and including
    the prediction time. All rows are bisected at once. Raises UnknownSubject when a subject has no timeline.
    """
    place = _places(timelines, np.asarray(subject_ids, dtype=np.int64))
    at = np.asarray(prediction_times, dtype="datetime64[us]").view(np.int64)
    times = timelines.times.view(np.int64)  # NaT is the least number, so static facts are known at any time
    begin, end = timelines.offsets[place], timelines.offsets[place + 1]
    low, high = begin.copy(), end.copy()
    while (open_rows := low < high).any():
        middle = (low + high) // 2
        is_known = times[np.where(open_rows, middle, 0)] <= at
        low = np.where(open_rows & is_known, middle + 1, low)
        high = np.where(open_rows & ~is_known, middle, high)
    return begin, low


def before_prediction(timelines: Timelines, subject_id: int, prediction_time: datetime) -> Timeline:
    """Return what was known about a subject at the prediction time; see `past_ends`."""
    begins, ends = past_ends(timelines, [subject_id], [np.datetime64(prediction_time, "us")])
    past = slice(int(begins[0]), int(ends[0]))
    return Timeline(
        subject_id,
        timelines.tokens[past],
        timelines.times[past],
        timelines.event_ids[past],
        timelines.values[past],
    )


def known_at(timelines: Timelines, time: datetime) -> Timelines:
    """Return what was known at a time (see `past_ends`) of the subjects of whom more than static facts were."""
    begins, ends = past_ends(timelines, timelines.subject_ids, np.full(len(timelines), np.datetime64(time, "us")))
    times = np.append(timelines.times, np.datetime64("NaT", "us"))
    kept = (ends > begins) & ~np.isnat(times[ends - 1])
    begins, ends = begins[kept], ends[kept]
    take = ranges(begins, ends)
    return Timelines(
        timelines.subject_ids[kept],
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(ends - begins)]),
        timelines.tokens[take],
        timelines.times[take],
        timelines.event_ids[take],
        timelines.values[take],
        timelines.vocabulary_hash,
    )


@dataclass(frozen=True, slots=True)
class TokenizeReport:
    """What `tokenize_store` found and did; events are counted over the whole store."""

    subjects: int
    refreshed: int
    events: int
    tokens: int
    longest: int


def tokenize_store(store: Store, vocabulary: Vocabulary, progress: Progress = silent) -> TokenizeReport:
    """Bring the stored timelines of a vocabulary up to date; only subjects whose events changed are tokenised.

    The vocabulary is saved first. The timelines are one transaction: when it is interrupted, they are as they were.
    """
    save_vocabulary(store, vocabulary)
    con = store.cursor()
    with transaction(con):
        stale = _stale(con, vocabulary)
        _forget(con, vocabulary, stale)
        total, done = int(stale["n_events"].sum()), 0
        for subjects in _batches(stale):
            _insert(con, vocabulary, tokenize(con, vocabulary, subjects["subject_id"].to_numpy()), subjects)
            done += int(subjects["n_events"].sum())
            progress("events", done, total)
    row = con.execute(
        """
        SELECT count(*), coalesce(sum(n_events), 0), coalesce(sum(len(tokens)), 0), coalesce(max(len(tokens)), 0)
        FROM timeline WHERE vocabulary_id = ?
        """,
        [vocabulary.name],
    ).fetchall()[0]
    return TokenizeReport(int(row[0]), stale.height, int(row[1]), int(row[2]), int(row[3]))


def load_timelines(
    store: Store, vocabulary: Vocabulary, subject_ids: Sequence[int] | Int64s | None = None
) -> Timelines:
    """Return the timelines of the given subjects, or of all; subjects without events are left out.

    Those that are missing in the store, or older than the last change of the subject's events, are tokenised here.
    Raises VocabularyError when the store has another vocabulary under this name.
    """
    con = store.cursor()
    try:
        stored = con.execute("SELECT hash FROM vocabulary WHERE vocabulary_id = ?", [vocabulary.name]).fetchall()
        if stored and stored[0][0] != vocabulary.hash:
            raise VocabularyError(
                f"the store's vocabulary {vocabulary.name!r} has hash {stored[0][0][:12]} and "
                f"{vocabulary.hash[:12]} is needed; train on the one that is there, or name another"
            )
        stale = _stale(con, vocabulary, subject_ids)
        fresh = _read(con, vocabulary, subject_ids, stale["subject_id"])
        anew = [tokenize(con, vocabulary, batch["subject_id"].to_numpy()) for batch in _batches(stale)]
        return join_timelines([fresh, *anew]) if anew else fresh
    finally:
        con.close()


def join_timelines(parts: Sequence[Timelines]) -> Timelines:
    """Join timelines of different subjects, in order of subject."""
    subject_ids = np.concatenate([part.subject_ids for part in parts])
    order = np.argsort(subject_ids, kind="stable")
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    shifts = np.cumsum([0, *(len(part.tokens) for part in parts[:-1])])
    begins = np.concatenate([part.offsets[:-1] + shift for part, shift in zip(parts, shifts, strict=True)])
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths[order])])
    take = ranges(begins[order], begins[order] + lengths[order])
    return Timelines(
        subject_ids[order],
        offsets,
        np.concatenate([part.tokens for part in parts])[take],
        np.concatenate([part.times for part in parts])[take],
        np.concatenate([part.event_ids for part in parts])[take],
        np.concatenate([part.values for part in parts])[take],
        parts[0].vocabulary_hash,
    )


def _places(timelines: Timelines, subject_ids: Int64s) -> Int64s:
    """Return the place of each subject; raises UnknownSubject for one without a timeline."""
    if not len(subject_ids):
        return np.zeros(0, dtype=np.int64)
    if not len(timelines):
        raise UnknownSubject(f"subject {subject_ids[0]} has no timeline; the store has no events of this subject")
    place = np.minimum(np.searchsorted(timelines.subject_ids, subject_ids), len(timelines) - 1)
    is_missing = timelines.subject_ids[place] != subject_ids
    if is_missing.any():
        missing = subject_ids[is_missing][0]
        raise UnknownSubject(f"subject {missing} has no timeline; the store has no events of this subject")
    return place.astype(np.int64)


def _stale(
    con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, subject_ids: Sequence[int] | Int64s | None = None
) -> pl.DataFrame:
    """Return subjects whose stored timeline does not fit their events, with n_events and last_event_id (0: none)."""
    chosen = _choose(con, subject_ids)
    con.register("this_vocabulary", pl.DataFrame({"vocabulary_id": [vocabulary.name]}).to_arrow())
    stale: pl.DataFrame = con.sql(
        f"""
        WITH had AS (
            SELECT subject_id, n_events, last_event_id FROM timeline SEMI JOIN this_vocabulary USING (vocabulary_id)
            {chosen}
        ),
        has AS (
            SELECT subject_id, count(*) AS n_events, max(event_id) AS last_event_id FROM event {chosen}
            GROUP BY subject_id
        )
        SELECT subject_id, coalesce(has.n_events, 0) AS n_events, coalesce(has.last_event_id, 0) AS last_event_id
        FROM had FULL JOIN has USING (subject_id)
        WHERE had.n_events IS DISTINCT FROM has.n_events OR had.last_event_id IS DISTINCT FROM has.last_event_id
        ORDER BY subject_id
        """
    ).pl()
    return stale


def _choose(con: duckdb.DuckDBPyConnection, subject_ids: Sequence[int] | Int64s | None) -> str:
    """Register the subjects and return the WHERE clause that keeps them; the bounds let DuckDB skip row groups."""
    if subject_ids is None:
        return ""
    wanted = pl.DataFrame({"subject_id": pl.Series(np.asarray(subject_ids, dtype=np.int64))})
    con.register("wanted_subject", wanted.to_arrow())
    return """
        WHERE subject_id IN (SELECT subject_id FROM wanted_subject)
          AND subject_id BETWEEN (SELECT min(subject_id) FROM wanted_subject)
                             AND (SELECT max(subject_id) FROM wanted_subject)
    """


def _forget(con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, stale: pl.DataFrame) -> None:
    con.register("stale_subject", stale.select("subject_id").to_arrow())
    con.execute(
        "DELETE FROM timeline WHERE vocabulary_id = ? AND subject_id IN (SELECT subject_id FROM stale_subject)",
        [vocabulary.name],
    )


def _batches(stale: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut the subjects, in order, into batches of about EVENTS_AT_ONCE events; the ones without events go."""
    subjects = stale.filter(pl.col("n_events") > 0)
    number = (subjects["n_events"].cum_sum() - 1) // EVENTS_AT_ONCE
    yield from subjects.with_columns(number.alias("batch")).partition_by("batch", include_key=False)


def _insert(
    con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, timelines: Timelines, subjects: pl.DataFrame
) -> None:
    offsets = pa.array(timelines.offsets, type=pa.int32())
    no_event, no_value = timelines.event_ids == NO_EVENT, np.isnan(timelines.values)
    con.register("batch_subject", subjects.to_arrow())
    con.register(
        "batch_timeline",
        pa.table(
            {
                "subject_id": timelines.subject_ids,
                "tokens": pa.ListArray.from_arrays(offsets, pa.array(timelines.tokens)),
                "times": pa.ListArray.from_arrays(offsets, pa.array(timelines.times)),
                "event_ids": pa.ListArray.from_arrays(offsets, pa.array(timelines.event_ids, mask=no_event)),
                "values": pa.ListArray.from_arrays(offsets, pa.array(timelines.values, mask=no_value)),
            }
        ),
    )
    con.execute(
        """
        INSERT INTO timeline BY NAME
        SELECT ? AS vocabulary_id, batch_timeline.*, n_events, last_event_id
        FROM batch_timeline JOIN batch_subject USING (subject_id) ORDER BY subject_id
        """,
        [vocabulary.name],
    )


def _read(
    con: duckdb.DuckDBPyConnection,
    vocabulary: Vocabulary,
    subject_ids: Sequence[int] | Int64s | None,
    stale: pl.Series,
) -> Timelines:
    """Read the stored timelines that are not stale."""
    chosen = _choose(con, subject_ids)
    con.register("stale_subject", pl.DataFrame({"subject_id": stale}).to_arrow())
    con.register("this_vocabulary", pl.DataFrame({"vocabulary_id": [vocabulary.name]}).to_arrow())
    table = con.sql(
        f"""
        SELECT subject_id, tokens, times, event_ids, "values"
        FROM (
            FROM timeline SEMI JOIN this_vocabulary USING (vocabulary_id) ANTI JOIN stale_subject USING (subject_id)
        )
        {chosen}
        ORDER BY subject_id
        """
    ).to_arrow_table()
    tokens = table["tokens"].combine_chunks()
    lengths = np.diff(tokens.offsets.to_numpy()).astype(np.int64)
    return Timelines(
        table["subject_id"].to_numpy(),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]),
        tokens.flatten().to_numpy(),
        table["times"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype("datetime64[us]"),
        table["event_ids"].combine_chunks().flatten().fill_null(NO_EVENT).to_numpy(),
        table["values"].combine_chunks().flatten().to_numpy(zero_copy_only=False),
        vocabulary.hash,
    )
