"""Splits: every subject belongs to train, tuning or held_out by a hash of its number, and to nothing else.

The split of a subject depends on its number alone: not on the order of the import, not on who else is in the
store. Two stores that share a patient therefore agree on where the patient belongs.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import polars as pl

from ehr.events import stable_id

Split = Literal["train", "tuning", "held_out"]

SPLITS: Final[tuple[Split, ...]] = ("train", "tuning", "held_out")
PERCENT: Final[dict[Split, int]] = {"train": 70, "tuning": 15, "held_out": 15}
_SALT: Final = "Split/"


def split_of(subject_id: int) -> Split:
    """Return the split of one subject.

    >>> [split_of(number) for number in (10000032, 10001217, 10002495)]
    ['train', 'train', 'held_out']
    """
    place = stable_id(f"{_SALT}{subject_id}") % 100
    if place < PERCENT["train"]:
        return "train"
    return "tuning" if place < PERCENT["train"] + PERCENT["tuning"] else "held_out"


def split_sql(column: str = "subject_id") -> str:
    """Return the DuckDB expression that gives the split of a subject column, equal to `split_of`.

    `column` is a name written in the program, never one that came from outside.
    """
    place = f"(md5_number_lower('{_SALT}' || {column}) >> 1) % 100"
    tuning = PERCENT["train"]
    held_out = tuning + PERCENT["tuning"]
    return f"CASE WHEN {place} < {tuning} THEN 'train' WHEN {place} < {held_out} THEN 'tuning' ELSE 'held_out' END"


def splits(
    subject_ids: Sequence[int] | np.ndarray | pl.Series, given: Mapping[int, Split] | None = None
) -> pl.Series:
    """Return the split of each subject, in the order given; hashes every distinct subject once.

    `given` says the split of each subject instead, as for cross-validation; a subject that it does not name has none
    (null).
    """
    subjects = pl.Series("subject_id", subject_ids, dtype=pl.Int64)
    distinct = subjects.unique()
    split = given.get if given is not None else split_of
    names = pl.Series([split(subject) for subject in distinct.to_list()], dtype=pl.String)
    if subjects.is_empty():
        return names.alias("split")
    return subjects.replace_strict(distinct, names, return_dtype=pl.String).alias("split")
