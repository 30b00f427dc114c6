"""Laws of the role aggregate, over random patients and queries: brute force counts again, and an attacker tries."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ehr.store import Store, create_store
from sql.disclosure import MIN_SUBJECTS, ROLE
from sql.query import run_query
from tests.sql.disclosure.comparing import agree

Key = tuple[int, tuple[Any, ...]]


@dataclass(frozen=True)
class Asked:
    """An aggregate, and by itself the test whether a row contributes to it."""

    sql: str
    contributes: str = "true"
    is_count: bool = False


PATIENT_KEYS = ("sex", "died", "year(birth_time) // 10 AS decade")
STAY_KEYS = ("class", *PATIENT_KEYS)
PATIENT_AGGREGATES = (
    Asked("count(*)", is_count=True),
    Asked("count(DISTINCT subject_id)", is_count=True),
    Asked("count(*) FILTER (WHERE died)", "died", is_count=True),
    Asked("count(CASE WHEN sex = 'male' THEN 1 END)", "coalesce(sex = 'male', false)", is_count=True),
    Asked("count_if(died AND sex = 'female')", "coalesce(died AND sex = 'female', false)", is_count=True),
    Asked("avg(died::INTEGER)"),
    Asked("sum(if(died, 1, 0))"),
    Asked("avg(year(birth_time))", "birth_time IS NOT NULL"),
)
HOURS = "date_diff('hour', start_time, end_time)"
STAY_AGGREGATES = (
    *PATIENT_AGGREGATES,
    Asked(f"sum({HOURS})", f"{HOURS} IS NOT NULL"),
    Asked(f"median({HOURS})", f"{HOURS} IS NOT NULL"),
    Asked(f"stddev({HOURS})", f"{HOURS} IS NOT NULL"),
    Asked(f"count({HOURS})", f"{HOURS} IS NOT NULL", is_count=True),
)
FILTERS = ("", "WHERE sex <> 'other'", "WHERE NOT died", "WHERE year(birth_time) >= 1940")


@dataclass(frozen=True)
class Query:
    """A query that is accepted: its source, groups and aggregates."""

    source: str
    keys: tuple[str, ...]
    grouping: str
    aggregates: tuple[Asked, ...]
    where: str

    @property
    def names(self) -> list[str]:
        return [key.split(" AS ")[-1] for key in self.keys]

    @property
    def sql(self) -> str:
        level = f"grouping({', '.join(self.names)}) AS level, " if self.keys else ""
        chosen = ", ".join([*self.keys, *(f"{each.sql} AS a{n}" for n, each in enumerate(self.aggregates))])
        groups = {"plain": "{}", "rollup": "ROLLUP ({})", "cube": "CUBE ({})"}[self.grouping]
        grouped = f"GROUP BY {groups.format(', '.join(self.names))}" if self.keys else ""
        return f"SELECT {level}{chosen} FROM {self.source} {self.where} {grouped}"

    @property
    def rows(self) -> str:
        tests = ", ".join(f"coalesce({each.contributes}, false) AS c{n}" for n, each in enumerate(self.aggregates))
        return f"SELECT {', '.join(['subject_id', *self.keys, tests])} FROM {self.source} {self.where}"


@st.composite
def queries(draw: st.DrawFn) -> Query:
    of_stays = draw(st.booleans())
    keys = draw(st.lists(st.sampled_from(STAY_KEYS if of_stays else PATIENT_KEYS), max_size=3, unique=True))
    pool = STAY_AGGREGATES if of_stays else PATIENT_AGGREGATES
    aggregates = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4, unique=True))
    return Query(
        "patient JOIN encounter USING (subject_id)" if of_stays else "patient",
        tuple(keys),
        draw(st.sampled_from(["plain", "plain", "rollup", "cube"])),
        tuple(aggregates),
        draw(st.sampled_from(FILTERS)),
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = create_store(tmp_path_factory.mktemp("random") / "store")
    yield store
    store.close()


def fill(store: Store, patients: int, seed: int, rare: float) -> None:
    """Put random patients into the store, in place of those before."""
    chance = np.random.default_rng(seed)
    decades = chance.choice([1930, 1940, 1950, 1960], patients, p=[0.5 - rare, 0.3, 0.2, rare])
    subjects = pl.DataFrame(
        {
            "subject_id": np.arange(1, patients + 1),
            "born": decades,
            "sex": chance.choice(["female", "male", "other"], patients, p=[0.6 - rare, 0.4, rare]),
            "died": chance.random(patients) < 0.3,
        }
    )
    n_stays = chance.choice([0, 1, 2, 5], patients, p=[0.2, 0.5, 0.25, 0.05])
    owners = np.repeat(np.arange(1, patients + 1), n_stays)
    stays = pl.DataFrame(
        {
            "stay": np.arange(1, len(owners) + 1),
            "subject_id": owners,
            "class": chance.choice(["inpatient", "icu", "emergency"], len(owners), p=[0.7 - rare, 0.3, rare]),
            "hours": chance.integers(1, 200, len(owners)),
            "open": chance.random(len(owners)) < 0.1,
        }
    )
    con = store.con
    con.register("made_subjects", subjects.to_arrow())
    con.register("made_stays", stays.to_arrow())
    con.execute("DELETE FROM encounter; DELETE FROM subject")
    con.execute(
        "INSERT INTO subject SELECT subject_id, make_timestamp(born, 5, 5, 0, 0, 0), sex, NULL, died, NULL, NULL, "
        "NULL FROM made_subjects"
    )
    con.execute(
        "INSERT INTO encounter SELECT stay, NULL, subject_id, class, NULL, TIMESTAMP '2010-01-01', "
        "if(open, NULL, TIMESTAMP '2010-01-01' + to_hours(hours::INTEGER)), NULL, NULL, NULL, NULL, 1 FROM made_stays"
    )


class Truth:
    """What stands behind every group of a query, counted by hand from the rows that an analyst is given."""

    def __init__(self, query: Query, rows: list[dict[str, Any]]) -> None:
        self.query = query
        self.groups: dict[Key, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            values = tuple(row[name] for name in query.names)
            for size in range(len(values) + 1):
                for places in combinations(range(len(values)), size):
                    self.groups[self.key(values, places)].append(row)

    def key(self, values: Sequence[Any], places: Sequence[int]) -> Key:
        count = len(values)
        level = sum(1 << (count - 1 - place) for place in range(count) if place not in places)
        return level, tuple(value if place in places else None for place, value in enumerate(values))

    def patients(self, key: Key, aggregate: int | None = None, *, contributing: bool = True) -> int:
        rows = self.groups[key]
        chosen = rows if aggregate is None else [row for row in rows if row[f"c{aggregate}"] == contributing]
        return len({row["subject_id"] for row in chosen})

    def parts(self, whole: Key, level: int) -> list[Key]:
        """Return the groups of a finer level that a group is the sum of."""
        return [
            key
            for key in self.groups
            if key[0] == level
            and all(whole[1][place] == value for place, value in enumerate(key[1]) if not self._free(whole[0], place))
        ]

    def _free(self, level: int, place: int) -> bool:
        return bool(level >> (len(self.query.names) - 1 - place) & 1)


def answers(store: Store, query: Query, role: str) -> tuple[dict[Key, list[Any]], tuple[str, ...]]:
    result = run_query(store, query.sql, role=role)
    width = len(query.names)
    found = {}
    for row in result.table.to_pylist():
        key = row.get("level", 0), tuple(row[name] for name in query.names)
        found[key] = [row[f"a{n}"] for n in range(len(query.aggregates))]
    assert len(found) == result.table.num_rows, width
    return found, result.notes


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=queries(),
    patients=st.integers(0, 90),
    seed=st.integers(0, 2**32 - 1),
    rare=st.sampled_from([0.0, 0.02, 0.08, 0.15]),
)
def test_every_cell_rests_on_many_patients_and_is_that_of_an_analyst(
    query: Query, patients: int, seed: int, rare: float, store: Store
) -> None:
    fill(store, patients, seed, rare)
    expected, _ = answers(store, query, "analyst")
    shown, notes = answers(store, query, ROLE)
    truth = Truth(query, run_query(store, query.rows).table.to_pylist())
    assert shown.keys() <= expected.keys()
    for key, cells in shown.items():
        assert not query.keys or truth.patients(key) >= MIN_SUBJECTS
        for place, cell in enumerate(cells):
            if cell is not None:
                assert agree(cell, expected[key][place])
                assert truth.patients(key, place) >= MIN_SUBJECTS
                if query.aggregates[place].is_count:
                    assert not 0 < truth.patients(key, place, contributing=False) < MIN_SUBJECTS
    if not notes:
        assert shown == expected
    event("hidden" if notes else "whole")
    for place, aggregate in enumerate(query.aggregates):
        if aggregate.is_count:
            attack(query, truth, place, expected, shown)


def attack(
    query: Query, truth: Truth, place: int, expected: dict[Key, list[Any]], shown: dict[Key, list[Any]]
) -> None:
    """Work out hidden counts from those shown and from every total that another query gives."""
    if query.aggregates[place].sql.startswith("count(DISTINCT") and "JOIN" in query.source:
        return  # patients with several stays are in several groups: these counts do not add up
    finest = [key for key in truth.groups if key[0] == 0]
    known: list[tuple[np.ndarray, int]] = []
    told: list[tuple[np.ndarray, int]] = []
    for key in truth.groups:
        parts = set(truth.parts(key, 0))
        line = np.array([float(part in parts) for part in finest])
        value = sum(int(row[f"c{place}"]) for row in truth.groups[key])
        if key in shown and shown[key][place] is not None:
            told.append((line, value))
        elif key not in expected and truth.patients(key, place) >= MIN_SUBJECTS and len(parts) > 1:
            known.append((line, value))
    few = [place_of for place_of, key in enumerate(finest) if 0 < truth.patients(key, place) < MIN_SUBJECTS]
    for column in few[:3]:
        if not is_fixed(column, known):
            assert not is_fixed(column, [*known, *told]), f"{finest[column]} can be worked out: {query.sql}"
            event("attacked")


def is_fixed(column: int, sums: list[tuple[np.ndarray, int]]) -> bool:
    """Say whether sums of unknown numbers, none below 0, leave one value for one of them."""
    if not sums:
        return False
    lines, totals = np.array([line for line, _ in sums]), np.array([total for _, total in sums])
    wanted = np.zeros(lines.shape[1])
    wanted[column] = 1
    least, most = (linprog(sign * wanted, A_eq=lines, b_eq=totals, bounds=(0, None)) for sign in (1, -1))
    return most.status != 3 and bool(most.x[column] - least.x[column] < 1e-6)
