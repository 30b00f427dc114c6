"""The benchmarks on open data read files of the right form, clean openly, and never learn from whom they predict."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from benchmarks import network, open_data, physionet2012, tjh
from benchmarks.network import NetworkEstimator
from benchmarks.open_data import Stays, cross_validated, foretell, outer_folds
from ehr.errors import SourceError
from ehr.splits import Split
from ehr.vocabulary import TokenSettings
from models.checkpoint import Checkpoint

START = datetime(2012, 1, 1)


def made_stays(first: int, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return events and labels of stays whose heart rate tells the outcome, with artefacts and missing values."""
    rng = np.random.default_rng(first)
    died = rng.random(n) < 0.3
    events = []
    for number in range(n):
        subject = first + number
        events += [
            (subject, START, "AGE", 50.0 + number % 30),
            (subject, START, "GENDER", float(number % 2)),
            (subject, START, "HEIGHT", -1.0),
            (subject, START + timedelta(hours=1), "SysABP", 0.0),
            (subject, START + timedelta(hours=1), "Temp", -17.8),
        ]
        rate = rng.normal(110 if died[number] else 80, 12, 4)
        events += [(subject, START + timedelta(hours=10 * hour), "HR", float(rate[hour])) for hour in range(4)]
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32}
    labels = pl.DataFrame(
        {
            "subject_id": range(first, first + n),
            "prediction_time": [START + timedelta(hours=48)] * n,
            "in_hospital_death": died.astype(int),
        }
    )
    return pl.DataFrame(events, schema=schema, orient="row"), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("physionet")
    for name, first in (("a", 1), ("new", 1000)):
        events, labels = made_stays(first, 120)
        events.write_parquet(folder / f"events_{name}.parquet")
        labels.write_parquet(folder / f"labels_{name}.parquet")
    return folder


def test_artefacts_and_missing_values_are_dropped_and_categories_become_codes(folder: Path) -> None:
    stays = physionet2012.prepare([folder / "events_a.parquet"])
    codes = dict(stays.con.execute("SELECT code, count(*) FROM event GROUP BY code").fetchall())
    assert codes == {"AGE": 120, "GENDER//0": 60, "GENDER//1": 60, "HR": 480}
    assert stays.con.execute("SELECT count(numeric_value) FROM event WHERE code LIKE 'GENDER%'").fetchall() == [(0,)]


def test_stays_without_labels_are_predicted_by_the_command(folder: Path, tmp_path: Path) -> None:
    unlabelled = tmp_path / "new_stays.parquet"
    pl.read_parquet(folder / "events_new.parquet").with_columns(extra=pl.lit("x")).write_parquet(unlabelled)
    out = tmp_path / "deep" / "predictions.parquet"
    code = physionet2012.main(
        [
            *("--train", str(folder / "events_a.parquet"), "--predict", str(unlabelled), "--out", str(out)),
            *("--estimators", "logistic,boosting"),
        ]
    )
    assert code == 0
    found = pl.read_parquet(out)
    assert found.columns == ["subject_id", "probability", "logistic", "boosting", "blend"]
    assert sorted(found["subject_id"]) == list(range(1000, 1120))
    assert all(found[name].is_between(0, 1).all() for name in found.columns[1:])
    joined = found.join(pl.read_parquet(folder / "labels_new.parquet"), on="subject_id")
    auroc = open_data.measure(joined["probability"].to_numpy(), joined["in_hospital_death"].to_numpy())["auroc"]
    assert auroc is not None
    assert auroc > 0.85


def test_the_network_learns_from_training_stays_and_foretells_the_others(folder: Path) -> None:
    stays = physionet2012.prepare([folder / "events_a.parquet"])
    subjects = stays.rows["subject_id"].to_list()
    names: tuple[Split, ...] = ("train", "train", "tuning", "held_out")
    split = {subject: names[place % 4] for place, subject in enumerate(subjects)}
    small = ("threads=1", "width=16", "heads=2", "layers=1", "epochs=2", "fine_tune_epochs=2", "max_tokens=64")
    said = NetworkEstimator(small, TokenSettings(age_years=0, min_subjects=2))(stays, split, 1)
    assert sorted(said["subject_id"]) == sorted(subject for subject, name in split.items() if name != "train")
    assert said["risk"].is_between(0, 1).all()
    assert said["risk"].n_unique() > 10


def test_files_that_cannot_be_used_are_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = folder / "events_a.parquet"
    with pytest.raises(SourceError, match="120 stays of the training sets"):
        physionet2012.prepare([a], a)
    pl.read_parquet(a).drop("code").write_parquet(tmp_path / "events_x.parquet")
    with pytest.raises(SourceError, match="has no column code"):
        physionet2012.prepare([tmp_path / "events_x.parquet"])
    assert physionet2012.main(["--train", str(tmp_path / "none.parquet"), "--cv", "2"]) == 1
    assert "none.parquet cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        physionet2012.main(["--train", "a"])


def made_cohort(n: int = 60) -> Stays:
    rows = pl.DataFrame(
        {
            "subject_id": range(n),
            "prediction_time": [START] * n,
            "boolean_value": [number % 3 == 0 for number in range(n)],
        }
    )
    return Stays(duckdb.connect(), rows)


def test_folds_part_the_subjects_evenly_and_always_alike() -> None:
    rows = made_cohort().rows
    folds = outer_folds(rows, 5)
    assert sorted(subject for fold in folds for subject in fold) == list(range(60))
    assert [sum(subject % 3 == 0 for subject in fold) for fold in folds] == [4] * 5
    assert outer_folds(rows.sample(fraction=1, shuffle=True, seed=3), 5) == folds
    assert outer_folds(rows, 5, seed=1) != folds


def test_no_estimator_meets_the_outcome_of_whom_it_predicts() -> None:
    """An estimator that knows the outcome of all but the predicted gains nothing on the predicted."""
    stays = made_cohort()
    met: list[set[int]] = []

    def peeking(of: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        asked = of.rows.filter(pl.Series([split[s] != "train" for s in of.rows["subject_id"]]))
        met.append({subject for subject, name in split.items() if name == "train"})
        known = {subject for subject, name in split.items() if name != "held_out"}
        risk = [0.9 if subject in known and y else 0.3 for subject, y in zip(
            asked["subject_id"], asked["boolean_value"], strict=True)]  # fmt: skip
        return asked.select("subject_id").with_columns(risk=pl.Series(risk))

    predicted = outer_folds(stays.rows, 5)[0]
    said = foretell(stays, predicted, {"peeking": peeking})
    assert said["subject_id"].to_list() == predicted
    assert said["peeking"].n_unique() == 1
    assert all(not train & set(predicted) for train in met)


def test_repeats_are_averaged_and_every_subject_is_predicted_once() -> None:
    stays = made_cohort()

    def chance(of: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        asked = [subject for subject, name in split.items() if name != "train"]
        rng = np.random.default_rng(seed)
        return pl.DataFrame({"subject_id": asked, "risk": rng.random(len(asked))})

    risks, figures = cross_validated(stays, {"chance": chance}, folds=3, repeats=2)
    assert risks["subject_id"].to_list() == list(range(60))
    assert figures.height == 2 * 3 * 2
    assert figures["auroc"].mean() == pytest.approx(0.5, abs=0.2)


def test_what_a_fold_said_is_kept_and_shared_by_runs_over_other_folds(tmp_path: Path) -> None:
    stays = made_cohort()
    calls: list[int] = []

    def counted(of: Stays, split: Mapping[int, Split], seed: int) -> pl.DataFrame:
        calls.append(seed)
        asked = [subject for subject, name in split.items() if name != "train"]
        return pl.DataFrame({"subject_id": asked, "risk": [0.2 + subject / 100 for subject in asked]})

    first, _ = cross_validated(stays, {"counted": counted}, folds=3, kept=tmp_path, only=[1])
    assert first["subject_id"].to_list() == sorted(outer_folds(stays.rows, 3)[1])
    assert len(calls) == open_data.INNER_FOLDS
    risks, figures = cross_validated(stays, {"counted": counted}, folds=3, kept=tmp_path)
    assert len(calls) == 3 * open_data.INNER_FOLDS
    assert risks["subject_id"].to_list() == list(range(60))
    assert figures["fold"].unique().to_list() == [0, 1, 2]
    again, _ = cross_validated(stays, {"counted": counted}, folds=3)
    assert again.equals(risks)


def test_a_fold_that_there_is_not_is_refused() -> None:
    with pytest.raises(SourceError, match="there is no fold 3; the 3 folds are numbered from 0 to 2"):
        cross_validated(made_cohort(), {}, folds=3, only=[1, 3])


def test_pre_training_is_shared_by_inner_folds_and_never_reads_whom_it_foretells(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = physionet2012.prepare([folder / "events_a.parquet"])
    subjects = stays.rows["subject_id"].to_list()
    met: list[tuple[bool, set[int]]] = []
    original = network.train

    def watched(*args: Any, **named: Any) -> Checkpoint:
        met.append((named.get("target") is None, {s for s, part in named["split"].items() if part != "held_out"}))
        return original(*args, **named)

    monkeypatch.setattr(network, "train", watched)
    small = ("threads=1", "width=16", "heads=2", "layers=1", "epochs=1", "fine_tune_epochs=1", "max_tokens=64")
    foretells = NetworkEstimator(small, TokenSettings(age_years=0, min_subjects=2))
    for place in range(2):
        split: dict[int, Split] = {
            subject: "tuning" if s % 4 == place else "train" for s, subject in enumerate(subjects)
        }
        split |= dict.fromkeys(subjects[:20], "held_out")
        foretells(stays, split, 100 * place)
    assert [alone for alone, _ in met] == [True, False, False]
    assert all(not known & set(subjects[:20]) for _, known in met)


def test_patients_who_left_and_what_comes_later_are_not_used(tmp_path: Path) -> None:
    at = START + timedelta(hours=24)
    events = [
        (1, START, "HOSPITAL_ADMISSION", None),
        (1, START, "Platelet count", -4.0),
        (1, at + timedelta(hours=1), "LDH", 900.0),
        (1, at, "2019-nCoV nucleic acid detection", -1.0),
        (1, at + timedelta(days=1), "MEDS_DEATH", None),
        (2, START, "LDH", 1.0),
    ]
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32}
    pl.DataFrame(events, schema=schema, orient="row").write_parquet(tmp_path / "events.parquet")
    pl.DataFrame(
        {"subject_id": [1, 2], "prediction_time": [at, at], "died": [1, 0], "eligible_24h": [True, False]}
    ).write_parquet(tmp_path / "labels.parquet")
    stays = tjh.prepare(tmp_path)
    assert stays.rows["subject_id"].to_list() == [1]
    codes = dict(stays.con.execute("SELECT code, numeric_value FROM event WHERE subject_id = 1").fetchall())
    assert codes == {
        "HOSPITAL_ADMISSION": None,
        "Platelet count": None,
        "LDH": 900.0,
        "2019-nCoV nucleic acid detection": None,
    }
    assert tjh.main(["--data", str(tmp_path / "nowhere")]) == 1
