"""A subject's split depends on the subject alone."""

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.splits import SPLITS, split_of, split_sql, splits

subjects = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50)


@settings(max_examples=20, deadline=None)
@given(subjects)
def test_python_sql_and_frames_agree(numbers: list[int]) -> None:
    con = duckdb.connect()
    con.register("subject_list", pl.DataFrame({"subject_id": pl.Series(numbers, dtype=pl.Int64)}).to_arrow())
    in_sql = [row[0] for row in con.execute(f"SELECT {split_sql()} FROM subject_list").fetchall()]
    assert in_sql == [split_of(number) for number in numbers] == splits(numbers).to_list()


@given(subjects, st.randoms())
def test_order_and_company_change_nothing(numbers: list[int], random: st.DataObject) -> None:
    before = dict(zip(numbers, splits(numbers), strict=True))
    shuffled = [*numbers, *range(10)]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    after = dict(zip(shuffled, splits(shuffled), strict=True))
    assert all(after[number] == split for number, split in before.items())


def test_shares_are_70_15_15() -> None:
    counted = splits(range(40_000)).value_counts()
    share = dict(zip(counted["split"], counted["count"] / 40_000, strict=True))
    assert [share[name] for name in SPLITS] == pytest.approx([0.70, 0.15, 0.15], abs=0.01)


def test_no_subjects_have_no_splits() -> None:
    assert splits([]).to_list() == []
    assert splits([]).dtype == pl.String


def test_splits_never_move_between_releases() -> None:
    assert [split_of(number) for number in (1, 2, 3, 10000032, 10002495)] == PINNED


PINNED = ["train", "train", "held_out", "train", "held_out"]
