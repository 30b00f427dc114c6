"""Which groups and cells may leave.

A group of fewer than eleven patients is left out. A cell that rests on fewer, that tells apart fewer, or that one
patient dominates is hidden. Then, since totals are known, further cells that add up are hidden until none of those
can be worked out from the others: secondary suppression of sdc tables (Willenborg & de Waal 2001; the CMS cell size
policy), checked by linear algebra.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np

from sql.disclosure.aggregates import Aggregate, Rests
from sql.disclosure.blocks import Block
from sql.disclosure.measure import MIN_SUBJECTS, is_conditional

MAX_EXACT: Final = 600
"""So many hidden cells of one column are checked by linear algebra; beyond, only sum by sum."""
_SIDES: Final = 2


@dataclass(slots=True, eq=False)
class Cell:
    """A cell of one column: how many patients it rests on, who they are when they are few, whether it is hidden."""

    order: tuple[Any, ...]
    subjects: int
    few: frozenset[int] | None
    hidden: bool = False
    primary: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in it: hidden it is, but nothing of 1 to 10 can be worked out from it."""
        return self.subjects == 0


@dataclass(frozen=True, slots=True)
class Sum:
    """Cells that add up to a whole, which is a cell too or, where `whole` is None, is known."""

    parts: tuple[Cell, ...]
    whole: Cell | None = None


@dataclass(slots=True)
class Group:
    """A group: its set of keys, their values, its patients."""

    places: tuple[int, ...]
    key: tuple[Any, ...]
    subjects: int
    few: frozenset[int] | None
    row: Mapping[str, Any] = field(repr=False)


def hidden_cells(block: Block, groups: Sequence[Group]) -> list[list[bool]]:
    """Return for each aggregate of a block which groups must not show it."""
    columns = [_cells(place, one, groups) for place, one in enumerate(block.aggregates)]
    families = list(_families(block, groups))
    counted = [place for place, one in enumerate(block.aggregates) if _adds_up(one, columns[place], groups)]
    conditional = [place for place in counted if is_conditional(block.aggregates[place])]
    for _ in range(len(block.aggregates) + 1):
        before = [cell.hidden for cells in columns for cell in cells]
        for row, group in enumerate(groups):
            _protect_row([columns[place][row] for place in conditional], group)
        for place in counted:
            _protect([_sum_of(family, columns[place]) for family in families])
        if before == [cell.hidden for cells in columns for cell in cells]:
            break
    return [[cell.hidden for cell in cells] for cells in columns]


def _cells(place: int, one: Aggregate, groups: Sequence[Group]) -> list[Cell]:
    cells = []
    for number, group in enumerate(groups):
        subjects = int(group.row[f"§c{place}"] or 0)
        few = frozenset(group.row[f"§l{place}"] or ()) if subjects < MIN_SUBJECTS else None
        primary = not _may_leave(place, one, group)
        cells.append(Cell((subjects, number), subjects, few, hidden=primary, primary=primary))
    return cells


def _adds_up(one: Aggregate, cells: Sequence[Cell], groups: Sequence[Group]) -> bool:
    """Say whether a hidden cell could be worked out from the others and a total.

    A mean is one of them where a group keeps its count and loses its mean.
    """
    shown = zip(cells, groups, strict=True)
    return one.is_additive or (
        one.rests is Rests.MEAN and any(cell.primary and group.subjects >= MIN_SUBJECTS for cell, group in shown)
    )


def _may_leave(place: int, one: Aggregate, group: Group) -> bool:
    """Say whether a cell by itself may leave."""
    row = group.row
    if one.rests is Rests.TITLE:
        return group.subjects >= MIN_SUBJECTS
    contributing = row[f"§c{place}"] or 0
    if group.subjects < MIN_SUBJECTS or contributing < MIN_SUBJECTS or not row[f"§even{place}"]:
        return False
    if one.rests is Rests.COUNT:
        return not is_few(row[f"§r{place}"])
    if one.rests is Rests.QUANTILE:
        return all(_SIDES * contributing * min(q, 1 - q) >= MIN_SUBJECTS for q in one.fractions)
    if row[f"§one{place}"]:
        return one.rests is Rests.MEAN or not is_few(row[f"§r{place}"])
    return not (row[f"§two{place}"] and (is_few(row[f"§p{place}"]) or is_few(row[f"§q{place}"])))


def is_few(subjects: int | None) -> bool:
    """Say whether so many patients are too few to be counted: 1 to 10."""
    return 0 < (subjects or 0) < MIN_SUBJECTS


@dataclass(frozen=True, slots=True)
class Family:
    """A whole and its parts, by the places of the groups."""

    parts: tuple[int, ...]
    whole: int | None


def _families(block: Block, groups: Sequence[Group]) -> Iterator[Family]:
    """Yield every sum of groups that is in the result, or that another query would give."""
    by_set: dict[tuple[int, ...], list[int]] = {}
    places_of = {(group.places, group.key): place for place, group in enumerate(groups)}
    for place, group in enumerate(groups):
        by_set.setdefault(group.places, []).append(place)
    for places, members in by_set.items():
        for size in range(len(places)):
            for coarser in combinations(places, size):
                wholes: dict[tuple[Any, ...], list[int]] = {}
                for member in members:
                    wholes.setdefault(_part(groups[member].key, coarser), []).append(member)
                for key, parts in wholes.items():
                    whole = places_of.get((coarser, key))
                    if whole is not None or _is_known([groups[part] for part in parts]):
                        yield Family(tuple(parts), whole)


def _part(key: tuple[Any, ...], places: Sequence[int]) -> tuple[Any, ...]:
    """Return a key with only these places of it.

    >>> _part(("female", 3), (1,))
    (None, 3)
    """
    return tuple(value if place in places else None for place, value in enumerate(key))


def _is_known(groups: Sequence[Group]) -> bool:
    """Say whether another query would give the whole of these groups: eleven patients or more."""
    return _patients([group.few for group in groups]) >= MIN_SUBJECTS


def _patients(few: Sequence[frozenset[int] | None]) -> int:
    """Return how many patients there are together, or enough of them."""
    if any(each is None for each in few):
        return MIN_SUBJECTS
    return len(frozenset[int]().union(*(each for each in few if each is not None)))


def _sum_of(family: Family, cells: Sequence[Cell]) -> Sum:
    return Sum(tuple(cells[part] for part in family.parts), None if family.whole is None else cells[family.whole])


def _protect_row(cells: Sequence[Cell], group: Group) -> None:
    """Counts with conditions beside each other may be the parts of a whole: one hidden alone could be worked out.

    The patients who are in none of them are a part that nobody asked for.
    """
    if len(cells) < 2 or group.subjects < MIN_SUBJECTS:
        return
    others = group.row["§rest"]
    rest = [Cell((0, -1), others, frozenset(), hidden=True, primary=True)] if is_few(others) else []
    _settle(Sum((*cells, *rest)))


def _protect(sums: Sequence[Sum]) -> None:
    """Hide further cells until no hidden one can be worked out; each sum in turn, then all of them together."""
    while sum(_settle(each) for each in sums) or _hide_determined(sums):
        pass


def _settle(each: Sum) -> bool:
    """Hide more of a sum where a hidden part of it could be worked out; say whether that was needed and possible."""
    if len(each.parts) == 1:
        return _equal(each)
    hidden = [cell for cell in each.parts if cell.hidden]
    unknown = [*hidden, *([each.whole] if each.whole and each.whole.hidden else [])]
    if all(cell.is_empty for cell in unknown) or _is_safe(each, hidden, unknown):
        return False
    return _hide_smallest(each.parts) or _hide_whole(each)


def _equal(each: Sum) -> bool:
    """A whole of one part is that part."""
    (part,) = each.parts
    if each.whole is None or part.hidden == each.whole.hidden:
        return False
    part.hidden = each.whole.hidden = True
    return True


def _is_safe(each: Sum, hidden: Sequence[Cell], unknown: Sequence[Cell]) -> bool:
    """Say whether at least two cells are unknown, and those that are worked out together are no few patients."""
    if len([cell for cell in unknown if not cell.is_empty]) < 2:
        return False
    if each.whole is not None and each.whole.hidden:
        return True
    total = sum(cell.subjects for cell in hidden)
    all_few = all(cell.few is not None for cell in hidden)
    at_an_end = all_few and total in {len(hidden), (MIN_SUBJECTS - 1) * len(hidden)}
    return _patients([cell.few for cell in hidden]) >= MIN_SUBJECTS and not at_an_end


def _hide_smallest(cells: Sequence[Cell]) -> bool:
    shown = [cell for cell in cells if not cell.hidden]
    if not shown:
        return False
    min(shown, key=lambda cell: cell.order).hidden = True
    return True


def _hide_whole(each: Sum) -> bool:
    if each.whole is None or each.whole.hidden:
        return False
    each.whole.hidden = True
    return True


def _hide_determined(sums: Sequence[Sum]) -> bool:
    """Hide one more cell where all sums together fix a hidden one; say whether they did.

    Empty cells count as known: what can be varied with all others above 0 can be varied, whatever else is known.
    """
    unknown = {id(cell): cell for each in sums for cell in _unknown(each)}
    if not unknown or len(unknown) > MAX_EXACT:
        return False
    involved = [each for each in sums if _unknown(each)]
    fixed = _fixed_cells([(_unknown(each), each.whole) for each in involved], unknown)
    worked_out = [cell for name, cell in unknown.items() if cell.primary and name in fixed]
    found = False
    for cell in worked_out:
        found |= _hide_around(involved, {id(cell)})
    if found or not worked_out:
        return found
    # All around them is hidden, and they follow from sums further off: hide there, unless they follow without us.
    anyway = _known_anyway(sums)
    return any(id(cell) not in anyway for cell in worked_out) and _hide_around(involved, fixed)


def _hide_around(sums: Sequence[Sum], names: set[int]) -> bool:
    """Hide one more cell of the first of the sums with a hidden cell of these that has one to hide."""
    around = (each for each in sums if any(id(cell) in names for cell in _unknown(each)))
    return any(_hide_smallest(each.parts) or _hide_whole(each) for each in around)


def _known_anyway(sums: Sequence[Sum]) -> set[int]:
    """Return the cells that follow from sums of other queries alone, whatever this result shows."""
    others = [[cell for cell in each.parts if not cell.is_empty] for each in sums if each.whole is None]
    cells = {id(cell): cell for parts in others for cell in parts}
    return _fixed_cells([(parts, None) for parts in others], cells) if cells and len(cells) <= MAX_EXACT else set()


def _fixed_cells(lines: Sequence[tuple[Sequence[Cell], Cell | None]], cells: Mapping[int, Cell]) -> set[int]:
    """Return which cells have one value in all solutions of the sums `lines`: the cells of each, and its whole."""
    place = {name: column for column, name in enumerate(cells)}
    matrix = np.zeros((len(lines), len(cells)))
    for number, (members, whole) in enumerate(lines):
        for cell in members:
            matrix[number, place[id(cell)]] += -1 if cell is whole else 1
    fixed = _fixed(matrix)
    return {name for name, column in place.items() if fixed[column]}


def _unknown(each: Sum) -> list[Cell]:
    """Return the hidden cells of a sum that somebody is in."""
    return [cell for cell in (*each.parts, *_whole(each)) if cell.hidden and not cell.is_empty]


def _whole(each: Sum) -> tuple[Cell, ...]:
    return (each.whole,) if each.whole is not None else ()


def _fixed(matrix: np.ndarray) -> np.ndarray:
    """Say of each unknown whether the equations have one value for it: whether it is 0 in all of the null space."""
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    free = vectors[:, values < 1e-9 * max(1.0, values[-1])]
    fixed: np.ndarray = np.abs(free).max(axis=1, initial=0.0) < 1e-6
    return fixed
