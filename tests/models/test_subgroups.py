"""Subgroups: figures are those of the group alone, gaps are paired, and small groups cannot be worked out."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from models.evaluation.compared import SMALLEST, Compared
from models.evaluation.subgroups import GROUPS_AT_MOST, OTHERS, hidden_groups, subgroups
from models.facts import ATTRIBUTES
from models.metrics import Draws

START = datetime(2020, 1, 1)


def made(n: int, seed: int = 0, rows_each: int = 1) -> Compared:
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(n), rows_each)
    risk = rng.beta(1, 2, n * rows_each)
    outcome = (rng.random(n * rows_each) < risk).astype(float)
    times = [START + timedelta(days=int(place)) for place in range(n * rows_each)]
    table = pl.DataFrame({"subject_id": subjects, "prediction_time": times, "boolean_value": outcome == 1})
    table = table.with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    noisy = np.clip(risk + rng.normal(0, 0.1, len(risk)), 0, 1)
    return Compared(table, {"a": risk, "b": noisy}, outcome, subjects, Draws(subjects, 60), {})


def facts(compared: Compared, **columns: list[str | None]) -> pl.DataFrame:
    empty = {name: pl.lit(None, dtype=pl.String) for name in ATTRIBUTES}
    return compared.table.select("subject_id", "prediction_time").with_columns(
        **{**empty, **{name: pl.Series(values, dtype=pl.String) for name, values in columns.items()}}
    )


def test_figures_are_those_of_the_rows_of_the_group() -> None:
    compared = made(600)
    sexes = ["female" if place % 3 else "male" for place in range(600)]
    groups, _, _ = subgroups(compared, facts(compared, sex=list(sexes)))
    assert [(group["attribute"], group["group"], group["n"]) for group in groups] == [
        ("sex", "female", 400), ("sex", "male", 200),
    ]  # fmt: skip
    for group in groups:
        inside = np.array(sexes) == group["group"]
        outcome = compared.outcome[inside]
        assert group["positives"] == outcome.sum()
        for name in ("a", "b"):
            risk, figures = compared.risks[name][inside], group["estimators"][name]
            assert figures["auroc"]["value"] == pytest.approx(roc_auc_score(outcome, risk))
            assert figures["auprc"]["value"] == pytest.approx(average_precision_score(outcome, risk))
            assert figures["brier"]["value"] == pytest.approx(brier_score_loss(outcome, risk))
            assert figures["sensitivity"]["low"] <= figures["sensitivity"]["value"] <= figures["sensitivity"]["high"]
        difference = group["differences"][0]
        assert (difference["first"], difference["second"]) == ("a", "b")
        one, other = (group["estimators"][name]["auroc"]["value"] for name in ("a", "b"))
        assert difference["metrics"]["auroc"]["value"] == pytest.approx(one - other)


def test_the_largest_gap_is_that_of_the_best_and_the_worst_group() -> None:
    compared = made(900)
    race = [("x", "y", "z")[place % 3] for place in range(900)]
    groups, gaps, _ = subgroups(compared, facts(compared, race=list(race)))
    values = {group["group"]: group["estimators"]["a"]["auroc"]["value"] for group in groups}
    assert [gap["attribute"] for gap in gaps] == ["race"]
    gap = gaps[0]["estimators"]["a"]["auroc"]
    assert gap["value"] == pytest.approx(max(values.values()) - min(values.values()))
    assert values[gap["highest"]] == max(values.values())
    assert gap["low"] < gap["value"] < gap["high"]
    places = {group: np.array([name == group for name in race]) for group in values}
    of_b = {group: roc_auc_score(compared.outcome[at], compared.risks["b"][at]) for group, at in places.items()}
    other = of_b[gap["highest"]] - of_b[gap["lowest"]]
    assert gap["differences"]["b"]["value"] == pytest.approx(gap["value"] - other)


counts = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(lambda cell: sum(cell) > 0), min_size=2, max_size=7
)


def rows_of(cells: list[tuple[int, int]]) -> tuple[Compared, dict[str, np.ndarray]]:
    """Return one row per subject: so many with the event and so many without in each group."""
    outcome = np.concatenate([[1.0] * events + [0.0] * others for events, others in cells])
    names = np.concatenate([[f"g{place}"] * sum(cell) for place, cell in enumerate(cells)])
    subjects = np.arange(len(outcome))
    risk = np.linspace(0, 1, len(outcome))
    compared = Compared(pl.DataFrame(), {"a": risk}, outcome, subjects, Draws(subjects, 1), {})
    return compared, {name: np.flatnonzero(names == name) for name in np.unique(names)}


@settings(max_examples=300, deadline=None)
@given(counts)
def test_no_small_number_is_shown_or_follows_from_the_totals(cells: list[tuple[int, int]]) -> None:
    compared, places = rows_of(cells)
    hidden = hidden_groups(compared, places)
    small = {
        name for name, at in places.items()
        if any(0 < n < SMALLEST for n in (len(at), compared.outcome[at].sum(), (1 - compared.outcome[at]).sum()))
    }  # fmt: skip
    assert small <= hidden
    if not small:
        assert hidden == set()
    elif hidden != set(places):
        together = compared.outcome[np.concatenate([places[name] for name in hidden])]
        assert len(hidden) > 1
        assert not any(0 < n < SMALLEST for n in (len(together), together.sum(), (1 - together).sum()))


def test_a_patient_counts_once_however_many_rows_it_has() -> None:
    compared = made(40, rows_each=30)
    places = {"few": np.arange(5 * 30), "many": np.arange(5 * 30, 40 * 30)}
    assert hidden_groups(compared, places) == {"few", "many"}


def test_nothing_of_a_hidden_group_is_told() -> None:
    compared = made(300)
    sexes = ["other"] * 4 + ["unknown"] * 100 + ["female"] * 98 + ["male"] * 98
    groups, gaps, _ = subgroups(compared, facts(compared, sex=list(sexes)))
    hidden = [group for group in groups if group["hidden"]]
    assert {group["group"] for group in hidden} > {"other"}
    for group in hidden:
        assert all(group[key] is None for key in ("n", "subjects", "positives"))
        assert group["estimators"] == {}
        assert group["differences"] == []
    names = {group["group"] for group in hidden}
    shown = [metric for gap in gaps for estimator in gap["estimators"].values() for metric in estimator.values()]
    assert not any({gap["highest"], gap["lowest"]} & names for gap in shown)


def test_attributes_of_one_group_are_left_out_and_many_groups_joined() -> None:
    compared = made(1200)
    rng = np.random.default_rng(0)
    sites = [f"s{number:02}" for number in rng.integers(0, 40, 1200)]
    groups, _, _ = subgroups(compared, facts(compared, sex=["female"] * 1200, site=list(sites)))
    assert {group["attribute"] for group in groups} == {"site"}
    assert len(groups) == GROUPS_AT_MOST
    assert OTHERS in {group["group"] for group in groups}


def test_an_attribute_of_small_groups_alone_is_left_out_with_a_remark() -> None:
    compared = made(300)
    years = [str(2000 + place // 15) for place in range(300)]
    groups, gaps, remark = subgroups(compared, facts(compared, year=list(years), sex=["female", "male"] * 150))
    assert {group["attribute"] for group in groups} == {"sex"}
    assert [gap["attribute"] for gap in gaps] == ["sex"]
    assert remark == "no figures by year: the groups are too small to be shown"


def test_the_order_of_the_rows_changes_no_figure() -> None:
    compared = made(200)
    order = np.random.default_rng(5).permutation(200)
    shuffled = Compared(
        compared.table[order.tolist()],
        {name: risk[order] for name, risk in compared.risks.items()},
        compared.outcome[order],
        compared.subjects[order],
        Draws(compared.subjects[order], 60),
        {},
    )
    known = facts(compared, sex=["female", "male"] * 100)

    def values(groups: list[dict[str, Any]]) -> list[float]:
        return [
            figure[bound] for group in groups for name in ("a", "b")
            for figure in group["estimators"][name].values() for bound in ("value", "low", "high")
        ]  # fmt: skip

    one, other = (values(subgroups(part, known)[0]) for part in (compared, shuffled))
    assert one == pytest.approx(other, abs=1e-6)
    assert len(one) > 0
