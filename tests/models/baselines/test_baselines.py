"""Baselines learn from training subjects alone, say what they cannot know, and find nothing in shuffled outcomes."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError
from ehr.splits import split_of, splits
from models.baselines import (
    BASELINES,
    CONTROL,
    Baseline,
    Effort,
    Material,
    control_aurocs,
    fit_baseline,
    gather,
    load_baseline,
    predict_baseline,
    save_baseline,
)
from models.baselines.logistic import fit_scaling
from models.baselines.material import Rows, bootstraps
from models.features import FeatureSettings
from models.metrics import measure
from tests.ehr.made import START, Event, born, event, memory_store

AT = START + timedelta(days=2)
LAB = "LAB//50912//mg/dL"
SUBJECTS = range(1, 401)
SETTINGS = FeatureSettings(min_rows=5)
QUICK = Effort(replicates=3)


def outcome_of(subject: int) -> bool:
    return np.random.default_rng(subject).random() < (0.7 if subject % 2 else 0.1)


def events_of_subject(subject: int) -> list[Event]:
    """Odd subjects have high labs and a drug; the outcome follows after the prediction time."""
    value = 5.0 + subject % 7 / 10 if subject % 2 else 1.0 + subject % 7 / 10
    rows = [
        event(subject, "GENDER//F" if subject % 3 else "GENDER//M"),
        born(subject, 40 + subject % 30),
        event(subject, LAB, START, 3.0),
        event(subject, LAB, START + timedelta(hours=30), value),
        *([event(subject, "OUTCOME", AT + timedelta(days=1))] if outcome_of(subject) else []),
    ]
    return [*rows, event(subject, "MEDICATION//A", START + timedelta(hours=40))] if subject % 2 else rows


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return memory_store(row for subject in SUBJECTS for row in events_of_subject(subject)).cursor()


@pytest.fixture(scope="module")
def labels() -> Mapping[str, pl.DataFrame]:
    rows = pl.DataFrame(
        {
            "subject_id": list(SUBJECTS),
            "prediction_time": [AT] * len(SUBJECTS),
            "boolean_value": [outcome_of(subject) for subject in SUBJECTS],
        },
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us"), "boolean_value": pl.Boolean},
    )
    return {name: rows.filter(splits(rows["subject_id"]) == name) for name in ("train", "tuning", "held_out")}


@pytest.fixture(scope="module")
def material(con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame]) -> Material:
    return gather(con, labels["train"], labels["tuning"], SETTINGS)


@pytest.fixture(scope="module")
def fitted(material: Material) -> Mapping[str, Baseline]:
    return {name: fit_baseline(name, material, QUICK) for name in BASELINES}


@pytest.mark.parametrize("name", list(BASELINES))
def test_it_learns_what_tells_the_outcomes_apart(
    name: str, fitted: Mapping[str, Baseline], con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame]
) -> None:
    rows = labels["held_out"]
    predicted = predict_baseline(fitted[name], con, rows)
    assert predicted.columns == ["subject_id", "prediction_time", "risk", "low", "high"]
    assert predicted["subject_id"].equals(rows["subject_id"])
    auroc = measure(predicted["risk"].to_numpy(), rows["boolean_value"].cast(pl.Float64).to_numpy())["auroc"]
    assert auroc is not None
    assert auroc > 0.7
    assert (predicted["low"] <= predicted["risk"]).all()
    assert (predicted["risk"] <= predicted["high"]).all()
    assert (predicted["low"] < predicted["high"]).any()
    strongest = fitted[name].fitted.strongest(3)
    assert any(LAB in column or "MEDICATION//A" in column for column, _ in strongest)
    assert fitted[name].fitted.report["tuning_log_loss"]
    assert fitted[name].fitted.remark is None


@pytest.mark.parametrize("name", list(BASELINES))
def test_it_is_the_same_after_a_way_through_a_file(
    name: str,
    fitted: Mapping[str, Baseline],
    con: duckdb.DuckDBPyConnection,
    labels: Mapping[str, pl.DataFrame],
    tmp_path: Path,
) -> None:
    save_baseline(tmp_path / "new", fitted[name], {"task": "a"})
    loaded = load_baseline(tmp_path / "new", name, {"task": "a"})
    assert loaded is not None
    rows = labels["held_out"]
    assert predict_baseline(loaded, con, rows).equals(predict_baseline(fitted[name], con, rows))
    assert loaded.fitted.strongest(5) == fitted[name].fitted.strongest(5)
    assert load_baseline(tmp_path / "new", name, {"task": "b"}) is None
    assert load_baseline(tmp_path / "elsewhere", name, {"task": "a"}) is None
    (tmp_path / "new" / f"baseline_{name}.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        load_baseline(tmp_path / "new", name, {})


def noisy_store(n: int = 400) -> tuple[duckdb.DuckDBPyConnection, pl.DataFrame]:
    """Return a store in which one of twenty unrelated numbers tells the outcome, and its label rows."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n, 20))
    con = memory_store(
        event(subject + 1, f"LAB//{lab}", START, float(numbers[subject, lab]))
        for subject in range(n)
        for lab in range(20)
    ).cursor()
    rows = pl.DataFrame({"subject_id": range(1, n + 1), "boolean_value": numbers[:, 0] > 0.5})
    return con, rows.with_columns(pl.lit(AT).cast(pl.Datetime("us")).alias("prediction_time"))


def test_nothing_can_be_learnt_from_shuffled_outcomes() -> None:
    con, rows = noisy_store()
    train, others = rows.head(200), rows.tail(200)
    material = gather(con, train, rows.clear(), SETTINGS)
    found = control_aurocs(fit_baseline(CONTROL, material), con, others)
    assert len(found) == 20
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)
    real = fit_baseline("logistic", material, QUICK)
    assert roc_auc_score(others["boolean_value"], predict_baseline(real, con, others)["risk"]) > 0.9
    with pytest.raises(ModelError, match="is no control"):
        control_aurocs(real, con, others)
    assert control_aurocs(fit_baseline(CONTROL, material), con, others.filter(pl.col("boolean_value"))) == []


def test_a_control_that_reads_the_rows_it_is_judged_on_does_not_fall_to_a_coin() -> None:
    """The check can fail: judged by the outcomes that it was dealt, the control ranks far too well."""
    con, rows = noisy_store(100)
    material = gather(con, rows, rows.clear(), SETTINGS)
    control = fit_baseline(CONTROL, material)
    dealt = np.random.default_rng(0).permutation(material.train.outcome) > 0
    assert control_aurocs(control, con, rows.with_columns(boolean_value=pl.Series(dealt)))[0] > 0.65


def test_held_out_rows_change_no_fit(
    con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame], material: Material
) -> None:
    """Neither the plan of the columns nor a fit reads them: only training and tuning rows are given at all."""
    subjects = {*material.train.subjects.tolist(), *material.tuning.subjects.tolist()}
    assert all(split_of(subject) != "held_out" for subject in subjects)
    again = gather(con, labels["train"], labels["tuning"].clear(), SETTINGS)
    assert again.plan == material.plan, "tuning rows do not choose the columns"


@pytest.mark.parametrize("name", list(BASELINES))
def test_one_outcome_gives_its_share_and_says_so(
    name: str, con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    nobody = {key: rows.with_columns(boolean_value=pl.lit(False)) for key, rows in labels.items()}
    baseline = fit_baseline(name, gather(con, nobody["train"], nobody["tuning"], SETTINGS), QUICK)
    assert "same outcome" in (baseline.fitted.remark or "")
    save_baseline(tmp_path, baseline, {})
    loaded = load_baseline(tmp_path, name, {})
    assert loaded is not None
    risks = predict_baseline(loaded, con, nobody["held_out"])
    assert risks["risk"].n_unique() == 1
    assert 0 < risks["risk"][0] < 0.01
    assert risks["low"].null_count() == risks.height


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("n", [2, 3, 12])
def test_few_rows_do_not_break_it(
    name: str, n: int, con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame]
) -> None:
    rows = labels["train"].sort("boolean_value")
    few = pl.concat([rows.head(n - 1), rows.tail(1)])
    baseline = fit_baseline(name, gather(con, few, few.clear()), QUICK)
    assert "no tuning subject" in (baseline.fitted.remark or "")
    assert predict_baseline(baseline, con, few)["risk"].is_between(0, 1).all()


def test_refitting_reads_the_tuning_rows_too(material: Material) -> None:
    one, both = (
        fit_baseline("logistic", material, Effort(replicates=0, refit=refit)).fitted.logits(material.tuning.features)
        for refit in (False, True)
    )
    assert (one != both).any()


def test_no_training_row_is_refused(con: duckdb.DuckDBPyConnection, labels: Mapping[str, pl.DataFrame]) -> None:
    with pytest.raises(ModelError, match="no row of the task belongs to a training subject"):
        gather(con, labels["train"].clear(), labels["tuning"])


def test_scaling_clips_imputes_and_says_what_was_missing() -> None:
    nan = np.nan
    features = np.array([[1, nan, nan], [2, nan, nan], [3, 5, nan], [4, 7, nan]], dtype=np.float32)
    scaling = fit_scaling(features)
    assert scaling.absent.tolist() == [1], "a feature that is always absent tells nothing"
    columns = scaling(features)
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), [1, 1, 0, 1], atol=1e-5)
    far = scaling(np.array([[1e9, 6, 0]], dtype=np.float32))
    assert far[0, 0] == pytest.approx(columns[3, 0], rel=0.05), "an artefact counts as the highest of the usual"
    unknown = scaling(np.array([[nan, nan, nan]], dtype=np.float32))
    assert unknown[0, 0] == pytest.approx(0, abs=1e-6)


def test_bootstraps_draw_subjects_and_not_rows(material: Material) -> None:
    rows = Rows(np.zeros((6, 1), np.float32), np.array([0.0, 1, 0, 1, 0, 1]), np.array([1, 1, 2, 2, 3, 3]))
    for weights in bootstraps(rows, 5, seed=0):
        assert weights.sum() == 6
        assert (weights[::2] == weights[1::2]).all()
