"""Events to tokens, a whole store at a time: DuckDB joins and sorts, numpy puts the tokens in their places.

For every event, in order of time: the gap since the moment before (when long enough), the age band (when it
changed), the levels above the code (when it has any), the code, and the value bin (when the code has edges and the
number is finite). Facts without a time come first. What happens at one moment is ordered by kind (birth, starts of
stays, all else, death, ends of stays), then by code and value, so the order tells nothing about what came later and
does not depend on the order of the import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from ehr.events import BIRTH, DEATH, can_be_static, head_of
from ehr.splits import SPLITS, Split, split_sql
from ehr.vocabulary import UNKNOWN, YEAR_SECONDS, Vocabulary

NO_TIME: Final = np.iinfo(np.int64).min
"""The number behind NaT: static facts sort before every time."""
NO_EVENT: Final = -1
_STARTS: Final = frozenset({"ED_REGISTRATION", "HOSPITAL_ADMISSION", "ICU_ADMISSION", "ENCOUNTER_START"})
_ENDS: Final = frozenset({"ED_OUT", "HOSPITAL_DISCHARGE", "ICU_DISCHARGE", "ENCOUNTER_END"})

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Timelines:
    """Tokens of many subjects, packed: those of subject i lie at `offsets[i]:offsets[i + 1]`.

    subject_ids int64 (s,) rising; offsets int64 (s + 1,); tokens uint32 (n,); times datetime64[us] (n,), NaT for
    static facts, which come first; event_ids int64 (n,), -1 where no event stands behind the token: the value bin and
    the levels bear the event of their code, the age band the birth. values float32 (n,) has the number of the event
    at its value bin, NaN elsewhere. `vocabulary_hash` names what the tokens mean.
    """

    subject_ids: Int64s
    offsets: Int64s
    tokens: npt.NDArray[np.uint32]
    times: npt.NDArray[np.datetime64]
    event_ids: Int64s
    values: Floats
    vocabulary_hash: str

    def __len__(self) -> int:
        """Return the number of subjects."""
        return len(self.subject_ids)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Events in order, one per row: subject, microseconds (NO_TIME = static), token, value bin (0 = none), its number
    (NaN = none), event."""

    subject: Int64s
    time: Int64s
    token: npt.NDArray[np.uint32]
    value_bin: npt.NDArray[np.uint8]
    value: Floats
    event: Int64s
    is_birth: Bools


def tokenize(
    con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, subject_ids: Sequence[int] | Int64s | None = None
) -> Timelines:
    """Tokenise the events of the given subjects, or of all, as tables `event`, `code` and `code_value` of `con` do.

    Subjects without events are left out, and so are clinical events without a time: when they happened is not known.
    """
    rows = _ordered_events(con, vocabulary, subject_ids)
    return _interleave(rows, vocabulary)


def code_readings(
    vocabulary: Vocabulary, codes: Sequence[str], numbers: Sequence[tuple[str, str]] = ()
) -> pl.DataFrame:
    """Return how each code is read: token, place among codes of one moment, and value edges edge_1, edge_2, ...

    `numbers` are codes with a unit in which they have numbers. Where such a number is not read as the code itself is
    in its commonest unit, it has a row of its own, with `unit`; the row of the code alone has none. A missing edge is
    infinite, so that no finite value passes it; a code that is read as a family has none. Codes that the settings
    leave out have no row.
    """
    plain = [(code, None, code if code in vocabulary.edges else None) for code in codes]
    others = [(code, unit, vocabulary.reading_of(code, unit)) for code, unit in numbers if code in vocabulary.edges]
    apart = [row for row in others if row[0] != row[2]]
    ordered = sorted(
        (row for row in (*plain, *apart) if vocabulary.settings.reads(row[0])),
        key=lambda row: (moment_rank(row[0]), row[0], row[1] is not None, row[1] or ""),
    )
    n_edges = max(vocabulary.settings.quantiles - 1, 0)
    missing = (float("inf"),) * n_edges
    edges = [(*vocabulary.edges.get(name or "", ()), *missing)[:n_edges] for _, _, name in ordered]
    columns = {f"edge_{k + 1}": [row[k] for row in edges] for k in range(n_edges)}
    frame = pl.DataFrame(
        {
            "code": [code for code, _, _ in ordered],
            "unit": [unit for _, unit, _ in ordered],
            "token": [vocabulary.token_of(name or code) for code, _, name in ordered],
            "has_bins": [name is not None for _, _, name in ordered],
            "is_birth": [code == BIRTH for code, _, _ in ordered],
            "can_be_static": [can_be_static(code) for code, _, _ in ordered],
            **columns,
        },
        schema={
            "code": pl.String,
            "unit": pl.String,
            "token": pl.UInt32,
            "has_bins": pl.Boolean,
            "is_birth": pl.Boolean,
            "can_be_static": pl.Boolean,
            **dict.fromkeys(columns, pl.Float32),
        },
    )
    return frame.with_row_index("place")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the events of a split are read: by a token of their own, by a family, or not at all.

    `numbers` counts the events with a finite number, `numbers_unread` those of them that get no value bin, since
    their code or their unit has none. Events that the settings leave out are counted nowhere.
    """

    events: int
    own: int
    family: int
    unknown: int
    numbers: int
    numbers_unread: int

    @property
    def unseen(self) -> float | None:
        """Share of the events whose code has no token of its own; None without events."""
        return (self.family + self.unknown) / self.events if self.events else None

    @property
    def numbers_without_bin(self) -> float | None:
        """Share of the numbers that get no value bin; None without numbers."""
        return self.numbers_unread / self.numbers if self.numbers else None


def coverage(con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> dict[Split, Coverage]:
    """Count, for each split, how the events are read."""
    joined, _ = _read_events(con, vocabulary)
    rows = con.execute(
        f"""
        SELECT split, count(*), count(*) FILTER (token BETWEEN $code AND $family - 1),
               count(*) FILTER (token >= $family), count(*) FILTER (token = $unknown),
               count(*) FILTER (isfinite(numeric_value)),
               count(*) FILTER (isfinite(numeric_value) AND NOT has_bins)
        FROM {joined} JOIN (SELECT subject_id, {split_sql()} AS split FROM subject) USING (subject_id)
        GROUP BY split
        """,
        {"code": vocabulary.first_code, "family": vocabulary.first_family, "unknown": UNKNOWN},
    ).fetchall()
    counted = {row[0]: Coverage(*row[1:]) for row in rows}
    return {split: counted.get(split, Coverage(0, 0, 0, 0, 0, 0)) for split in SPLITS}


def moment_rank(code: str) -> int:
    """Return where the kinds of events of one moment stand: a death precedes the discharge that records it."""
    head = head_of(code)
    if head == BIRTH:
        return 0
    if head in _STARTS:
        return 1
    if head == DEATH:
        return 3
    return 4 if head in _ENDS else 2


def _read_events(con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> tuple[str, str]:
    """Register how every code of the store is read; return a relation of the events with that, and the value bin.

    Only numbers in a unit that is not that of the code itself need the second, smaller table.
    """
    codes = [row[0] for row in con.execute("SELECT code FROM code").fetchall()]
    numbers = con.execute(
        "SELECT DISTINCT code, coalesce(unit, '') FROM code_value WHERE isfinite(numeric_value)"
    ).fetchall()
    readings = code_readings(vocabulary, codes, numbers)
    is_plain = pl.col("unit").is_null()
    apart = readings.filter(~is_plain)
    con.register("code_reading", readings.filter(is_plain).drop("unit").to_arrow())
    names = ["place", "token", "has_bins", *(f"edge_{k}" for k in range(1, vocabulary.settings.quantiles))]
    passed = " + ".join(
        ["1", *(f"(numeric_value >= edge_{k})::UTINYINT" for k in range(1, vocabulary.settings.quantiles))]
    )
    value_bin = f"CASE WHEN has_bins AND isfinite(numeric_value) THEN {passed} ELSE 0 END::UTINYINT"
    if apart.is_empty():
        return "(FROM event JOIN code_reading USING (code))", value_bin
    con.register("unit_reading", apart.rename({name: f"other_{name}" for name in names}).to_arrow())
    chosen = ", ".join(f"coalesce(other_{name}, {name}) AS {name}" for name in names)
    return (
        f"""(
            SELECT event.*, code_reading.is_birth, code_reading.can_be_static, {chosen}
            FROM event JOIN code_reading USING (code) LEFT JOIN unit_reading
              ON unit_reading.code = event.code AND unit_reading.unit = coalesce(event.unit, '')
             AND isfinite(event.numeric_value)
        )""",
        value_bin,
    )


def _ordered_events(
    con: duckdb.DuckDBPyConnection, vocabulary: Vocabulary, subject_ids: Sequence[int] | Int64s | None
) -> _Rows:
    events, value_bin = _read_events(con, vocabulary)
    chosen = 'WHERE ("time" IS NOT NULL OR can_be_static)'
    if subject_ids is not None:
        selection = pl.DataFrame({"subject_id": pl.Series(subject_ids, dtype=pl.Int64)})
        con.register("chosen_subject", selection.to_arrow())
        chosen += """
              AND subject_id IN (SELECT subject_id FROM chosen_subject)
              AND subject_id BETWEEN (SELECT min(subject_id) FROM chosen_subject)
                                 AND (SELECT max(subject_id) FROM chosen_subject)
        """
    table = con.sql(
        f"""
        SELECT subject_id, coalesce(epoch_us("time"), {NO_TIME}) AS moment, token, event_id, is_birth,
               {value_bin} AS value_bin,
               coalesce(numeric_value, 'NaN'::FLOAT) AS value
        FROM {events}
        {chosen}
        ORDER BY subject_id, moment, place, numeric_value, event_id
        """
    ).to_arrow_table()
    column = {name: table[name].to_numpy() for name in table.column_names}
    return _Rows(
        column["subject_id"],
        column["moment"],
        column["token"],
        column["value_bin"],
        column["value"],
        column["event_id"],
        column["is_birth"],
    )


def _interleave(rows: _Rows, vocabulary: Vocabulary) -> Timelines:
    """Place gap, age, level, code and value tokens one after the other."""
    n = len(rows.subject)
    is_first = np.ones(n, dtype=bool)
    is_first[1:] = rows.subject[1:] != rows.subject[:-1]
    starts = np.flatnonzero(is_first)
    gap = _gap_tokens(rows, is_first, vocabulary)
    age, birth_event = _age_tokens(rows, is_first, starts, vocabulary)
    has_gap, has_age, has_value = gap >= 0, age >= 0, rows.value_bin > 0
    above, n_above = _level_tokens(rows, vocabulary)
    ends = np.cumsum(1 + has_gap + has_age + n_above + has_value, dtype=np.int64)
    total = int(ends[-1]) if n else 0

    tokens = np.empty(total, dtype=np.uint32)
    event_ids = np.full(total, NO_EVENT, dtype=np.int64)
    values = np.full(total, np.nan, dtype=np.float32)
    at_code = ends - 1 - has_value
    first_level = at_code - n_above
    at_level = ranges(first_level, at_code)
    at_age = (first_level - 1)[has_age]
    at_gap = (first_level - 1 - has_age)[has_gap]
    at_value = (ends - 1)[has_value]
    tokens[at_code] = rows.token
    event_ids[at_code] = rows.event
    tokens[at_value] = rows.value_bin[has_value].astype(np.uint32) + np.uint32(vocabulary.first_quantile - 1)
    event_ids[at_value] = rows.event[has_value]
    values[at_value] = rows.value[has_value]
    tokens[at_level] = above
    event_ids[at_level] = np.repeat(rows.event, n_above)
    tokens[at_age] = age[has_age] + vocabulary.first_age
    event_ids[at_age] = birth_event[has_age]
    tokens[at_gap] = gap[has_gap] + vocabulary.first_gap

    begins = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    return Timelines(
        rows.subject[starts],
        np.append(begins[starts], total).astype(np.int64),
        tokens,
        np.repeat(rows.time, np.diff(begins)).view("datetime64[us]"),
        event_ids,
        values,
        vocabulary.hash,
    )


def ranges(begins: Int64s, ends: Int64s) -> Int64s:
    """Return the numbers of all half-open ranges, one after the other.

    >>> ranges(np.array([3, 7]), np.array([5, 10])).tolist()
    [3, 4, 7, 8, 9]
    """
    lengths = ends - begins
    before = np.cumsum(lengths) - lengths
    numbers: Int64s = np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(begins - before, lengths)
    return numbers


def _level_tokens(rows: _Rows, vocabulary: Vocabulary) -> tuple[Int64s, Int64s]:
    """Return the level tokens of all events, one after the other, and how many each event has."""
    above = [vocabulary.levels_of(token) for token in range(len(vocabulary))]
    ends = np.cumsum([len(levels) for levels in above], dtype=np.int64)
    flat = np.array([level for levels in above for level in levels], dtype=np.int64)
    begins = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    taken = ranges(begins[rows.token], ends[rows.token])
    return flat[taken], (ends - begins)[rows.token]


def _gap_tokens(rows: _Rows, is_first: Bools, vocabulary: Vocabulary) -> Int64s:
    """Return for each event the interval since the moment before, or -1."""
    gap = np.full(len(rows.time), -1, dtype=np.int64)
    follows = ~is_first
    follows[1:] &= (rows.time[:-1] != NO_TIME) & (rows.time[1:] != rows.time[:-1])
    place = np.flatnonzero(follows)
    elapsed = rows.time[place] - rows.time[place - 1]
    starts = np.array(vocabulary.settings.gap_starts, dtype=np.int64) * 1_000_000
    gap[place] = np.searchsorted(starts, elapsed, side="right") - 1
    return gap


def _age_tokens(rows: _Rows, is_first: Bools, starts: Int64s, vocabulary: Vocabulary) -> tuple[Int64s, Int64s]:
    """Return for each event the age band, or -1 where it is that of the event before, and the birth behind it.

    There is no age up to the moment of birth, so a birth that is dated later than an event says nothing about it.
    """
    n = len(rows.time)
    if not vocabulary.ages or not n:
        return np.full(n, -1, dtype=np.int64), np.full(n, NO_EVENT, dtype=np.int64)
    never = np.iinfo(np.int64).max
    is_dated = rows.is_birth & (rows.time != NO_TIME)
    birth = np.minimum.reduceat(np.where(is_dated, rows.time, never), starts)
    lengths = np.diff(np.append(starts, n))
    birth_of_row = np.repeat(birth, lengths)
    earliest = np.where(is_dated & (rows.time == birth_of_row), rows.event, never)
    birth_event = np.repeat(np.minimum.reduceat(earliest, starts), lengths)

    is_born = rows.time > birth_of_row
    band = np.full(n, -1, dtype=np.int64)
    years = (rows.time[is_born] - birth_of_row[is_born]) // (YEAR_SECONDS * 1_000_000)
    firsts = np.array((0, *vocabulary.ages[1:]), dtype=np.int64)
    band[is_born] = np.searchsorted(firsts, years, side="right") - 1
    is_same = np.zeros(n, dtype=bool)
    is_same[1:] = ~is_first[1:] & (band[1:] == band[:-1])
    return np.where(is_same, -1, band), birth_event
