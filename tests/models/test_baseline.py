"""The baseline sees only the past, learns from training subjects alone, and says what it cannot know."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ehr.errors import ModelError, VocabularyError
from ehr.fitting import fit_vocabulary
from ehr.splits import split_of
from ehr.store import Store
from ehr.timelines import Timelines, tokenize_store
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings, Vocabulary
from models.baseline import fit_baseline, load_baseline, predict_baseline, save_baseline, strongest
from models.features import extract, feature_names
from models.metrics import measure
from tests.ehr.made import START, Event, born, event, memory_store, training_subjects

AT = START + timedelta(days=2)
LAB = "LAB//50912//mg/dL"
SUBJECTS = range(1, 401)


def label_rows(subjects: range | list[int], outcomes: list[bool], at: datetime = AT) -> pl.DataFrame:
    schema = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us"), "boolean_value": pl.Boolean}
    return pl.DataFrame([(s, at, y) for s, y in zip(subjects, outcomes, strict=True)], schema=schema, orient="row")


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
        event(subject, "OUTCOME", AT + timedelta(days=1)) if outcome_of(subject) else event(subject, LAB, START, 2.0),
    ]
    return [*rows, event(subject, "MEDICATION//A", START + timedelta(hours=40))] if subject % 2 else rows


@pytest.fixture(scope="module")
def material() -> tuple[Store, Vocabulary, Timelines, pl.DataFrame]:
    store = memory_store(row for subject in SUBJECTS for row in events_of_subject(subject))
    vocabulary = fit_vocabulary(store)
    tokenize_store(store, vocabulary)
    labels = label_rows(SUBJECTS, [outcome_of(subject) for subject in SUBJECTS])
    return store, vocabulary, tokenize(store.cursor(), vocabulary), labels


def test_features_say_what_was_recorded(material: tuple[Store, Vocabulary, Timelines, pl.DataFrame]) -> None:
    _, vocabulary, timelines, labels = material
    names = feature_names(vocabulary)
    row = dict(zip(names, extract(timelines, labels.head(1), vocabulary).toarray()[0], strict=True))
    labs = 2 if outcome_of(1) else 3
    assert row[f"count: {LAB}"] == pytest.approx(np.log1p(labs))
    assert row[f"count in the last day: {LAB}"] == pytest.approx(np.log1p(1))
    assert row[f"last value: {LAB}"] == pytest.approx(value_bin_of(vocabulary, 5.1))
    assert row["count: GENDER//F"] == pytest.approx(np.log1p(1))
    assert row["count: OUTCOME"] == 0
    assert row["age"] == pytest.approx(4.1, abs=0.01)
    assert row["history_days"] == pytest.approx(np.log1p(2))
    assert row["days_since_last"] == pytest.approx(np.log1p(8 / 24))


def value_bin_of(vocabulary: Vocabulary, value: float) -> float:
    number = sum(edge <= np.float32(value) for edge in vocabulary.edges[LAB])
    return (2 * number - 9) / 9


def test_the_future_changes_no_feature(material: tuple[Store, Vocabulary, Timelines, pl.DataFrame]) -> None:
    _, vocabulary, timelines, labels = material
    later = [event(subject, LAB, AT + timedelta(hours=1), 99.0) for subject in SUBJECTS]
    store = memory_store([*(row for subject in SUBJECTS for row in events_of_subject(subject)), *later])
    changed = extract(tokenize(store.cursor(), vocabulary), labels, vocabulary)
    assert (changed != extract(timelines, labels, vocabulary)).nnz == 0


def test_batches_change_no_feature(
    material: tuple[Store, Vocabulary, Timelines, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, vocabulary, timelines, labels = material
    whole = extract(timelines, labels, vocabulary)
    monkeypatch.setattr("models.features._TOKENS_AT_ONCE", 50)
    assert (extract(timelines, labels, vocabulary) != whole).nnz == 0


def test_it_learns_what_tells_the_outcomes_apart(
    material: tuple[Store, Vocabulary, Timelines, pl.DataFrame], tmp_path: Path
) -> None:
    _, vocabulary, timelines, labels = material
    baseline = fit_baseline(timelines, labels, vocabulary)
    rows = labels.filter(pl.Series([split_of(subject) == "held_out" for subject in SUBJECTS]))
    predicted = predict_baseline(baseline, timelines, rows, vocabulary)
    assert predicted.columns == ["subject_id", "prediction_time", "risk", "low", "high"]
    auroc = measure(predicted["risk"], rows["boolean_value"].cast(pl.Float64))["auroc"]
    assert auroc is not None
    assert auroc > 0.7
    assert (predicted["low"] <= predicted["risk"]).all()
    assert (predicted["risk"] <= predicted["high"]).all()
    assert set(baseline.report["tuning_log_loss"]) == {"0.0001", "0.001", "0.01", "0.1", "1"}
    assert len(strongest(baseline, 5)) == 5
    save_baseline(tmp_path, baseline, {"task": "a"})
    loaded = load_baseline(tmp_path, {"task": "a"})
    assert loaded is not None
    assert predict_baseline(loaded, timelines, rows, vocabulary).equals(predicted)
    assert load_baseline(tmp_path, {"task": "b"}) is None
    assert load_baseline(tmp_path / "elsewhere", {"task": "a"}) is None


def test_held_out_outcomes_change_no_coefficient(material: tuple[Store, Vocabulary, Timelines, pl.DataFrame]) -> None:
    _, vocabulary, timelines, labels = material
    is_held_out = pl.Series([split_of(subject) == "held_out" for subject in SUBJECTS])
    flipped = labels.with_columns(boolean_value=pl.col("boolean_value") ^ is_held_out)
    one, other = (fit_baseline(timelines, rows, vocabulary) for rows in (labels, flipped))
    assert one.coefficients.tolist() == other.coefficients.tolist()


def test_one_outcome_gives_its_share_and_says_so(material: tuple[Store, Vocabulary, Timelines, pl.DataFrame]) -> None:
    _, vocabulary, timelines, labels = material
    baseline = fit_baseline(timelines, labels.with_columns(boolean_value=pl.lit(False)), vocabulary)
    assert baseline.remark is not None
    assert "same outcome" in baseline.remark
    risks = predict_baseline(baseline, timelines, labels, vocabulary)
    assert risks["risk"].n_unique() == 1
    assert 0 < risks["risk"][0] < 0.01
    assert risks["low"].null_count() == labels.height


def test_few_rows_do_not_break_it(material: tuple[Store, Vocabulary, Timelines, pl.DataFrame]) -> None:
    _, vocabulary, timelines, _ = material
    few = label_rows(training_subjects[:3], [True, False, False])
    baseline = fit_baseline(timelines, few, vocabulary)
    assert baseline.remark is not None
    assert "no tuning subject" in baseline.remark
    assert predict_baseline(baseline, timelines, few, vocabulary)["risk"].is_between(0, 1).all()


def test_no_training_row_and_other_vocabularies_are_refused(
    material: tuple[Store, Vocabulary, Timelines, pl.DataFrame], tmp_path: Path
) -> None:
    store, vocabulary, timelines, labels = material
    with pytest.raises(ModelError, match="no row of the task belongs to a training subject"):
        fit_baseline(timelines, labels.clear(), vocabulary)
    other = fit_vocabulary(store, settings=TokenSettings(quantiles=4))
    baseline = fit_baseline(timelines, labels, vocabulary)
    with pytest.raises(VocabularyError, match="was fitted with vocabulary"):
        predict_baseline(baseline, tokenize(store.cursor(), other), labels, other)
    (tmp_path / "baseline.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        load_baseline(tmp_path, {})
