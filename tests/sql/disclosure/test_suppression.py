"""Hiding by itself: tables of made patients, and an attacker who knows every total of many."""

from itertools import combinations, product
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ehr.store import Store
from sql.disclosure import MIN_SUBJECTS, ROLE
from sql.disclosure.aggregates import Aggregate, Rests
from sql.disclosure.blocks import Block
from sql.disclosure.suppression import Group, hidden_cells
from sql.query import run_query
from tests.sql.disclosure.test_properties import is_fixed

COUNT = Aggregate("count_star", None, (), None, False, Rests.COUNT)


def group_of(places: tuple[int, ...], key: tuple[str | None, ...], patients: list[int]) -> Group:
    few = frozenset(patients) if len(patients) < MIN_SUBJECTS else None
    row = {"§c0": len(patients), "§l0": patients if few is not None else None, "§r0": 0, "§even0": True, "§rest": 0}
    return Group(places, key, len(patients), few, row)


def tables(shape: tuple[int, ...], sizes: list[int], sets: list[tuple[int, ...]]) -> list[Group]:
    """Return the groups of a table of so many patients in each cell, at each of the sets of its keys."""
    cells: dict[tuple[int, ...], list[int]] = {}
    first = 0
    for place, size in zip(product(*map(range, shape)), sizes, strict=True):
        cells[place] = list(range(first, first + size))
        first += size
    groups = []
    for places in sets:
        members: dict[tuple[str | None, ...], list[int]] = {}
        for place, patients in cells.items():
            key = tuple(str(value) if axis in places else None for axis, value in enumerate(place))
            members.setdefault(key, []).extend(patients)
        groups += [group_of(places, key, patients) for key, patients in members.items() if patients]
    return groups


@st.composite
def asked(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int], list[tuple[int, ...]]]:
    shape = draw(st.sampled_from([(2,), (5,), (2, 2), (3, 4), (2, 2, 2), (3, 3, 2)]))
    size = st.one_of(st.sampled_from([0, 1, 4, 10, 11, 12]), st.integers(0, 60))
    sizes = draw(st.lists(size, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    keys = tuple(range(len(shape)))
    coarser = [places for n in range(len(keys)) for places in combinations(keys, n)]
    sets = draw(st.sampled_from([[], coarser, [keys[:n] for n in range(len(keys))]]))
    return shape, sizes, [keys, *sets]


@settings(deadline=None, max_examples=150)
@given(asked=asked())
@example(
    # Two totals shown, a third from another query, and a cell of its own there: all around the cells of 1 is hidden.
    asked=((3, 3, 2), [0, 0, 10, 0, 0, 1, 11, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 1], [(0, 1, 2), (), (0,), (0, 1)])
)
def test_no_count_of_few_can_be_worked_out(
    asked: tuple[tuple[int, ...], list[int], list[tuple[int, ...]]],
) -> None:
    shape, sizes, sets = asked
    groups = tables(shape, sizes, sets)
    block = Block("t", {}, {}, [{} for _ in shape], [list(places) for places in sets], [], [COUNT])
    (hidden,) = hidden_cells(block, groups)
    assert all(hide for hide, group in zip(hidden, groups, strict=True) if group.subjects < MIN_SUBJECTS)
    finest = [group for group in groups if group.places == sets[0]]
    told = [(_line(group, finest), group.subjects) for group, hide in zip(groups, hidden, strict=True) if not hide]
    known = [
        (_line(group, finest), group.subjects)
        for group in tables(
            shape, sizes, [places for n in range(len(shape)) for places in combinations(range(len(shape)), n)]
        )
        if group.subjects >= MIN_SUBJECTS and group.places not in sets
    ]
    for column, group in enumerate(finest):
        if group.subjects < MIN_SUBJECTS and not is_fixed(column, known):
            assert not is_fixed(column, [*known, *told])


def _line(whole: Group, finest: list[Group]) -> Any:
    return np.array([float(all(part.key[place] == whole.key[place] for place in whole.places)) for part in finest])


def test_nothing_is_hidden_where_all_are_many() -> None:
    groups = tables((2, 3), [11, 12, 20, 30, 11, 15], [(0, 1), (0,), ()])
    block = Block("t", {}, {}, [{}, {}], [[0, 1], [0], []], [], [COUNT])
    assert hidden_cells(block, groups) == [[False] * len(groups)]


def test_counts_beside_each_other_are_taken_for_parts_of_a_whole(clinic: Store) -> None:
    women, men, others = (f"count(*) FILTER (WHERE sex = '{sex}')" for sex in ("female", "male", "other"))
    row = run_query(clinic, f"SELECT {women} AS w, {men} AS m, {others} AS o, count(*) AS n FROM patient", role=ROLE)
    assert row.table.to_pylist() == [{"w": 59, "m": None, "o": None, "n": 120}]
    row = run_query(clinic, f"SELECT {women} AS w, {men} AS m FROM patient", role=ROLE)
    assert row.table.to_pylist() == [{"w": 59, "m": None}]
    row = run_query(clinic, f"SELECT {women} AS w FROM patient", role=ROLE)
    assert row.table.to_pylist() == [{"w": 59}]


def test_a_quantile_needs_patients_on_either_side(clinic: Store) -> None:
    few = "FROM patient JOIN observation USING (subject_id) WHERE birth_time >= TIMESTAMP '1985-01-01'"
    asked = f"SELECT count(DISTINCT subject_id) AS n, median(value) AS m, quantile_cont(value, 0.25) AS q {few}"
    (row,) = run_query(clinic, asked, role=ROLE).table.to_pylist()
    assert MIN_SUBJECTS <= row["n"] < 2 * MIN_SUBJECTS
    assert row["m"] is not None
    assert row["q"] is None
