"""Scores on real records: those that the PhysioNet challenge computed itself, and what the MIMIC-IV demo covers."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from ehr.store import Store
from models.scores import SCORES, Scored, coverage, read_concepts, score_rows

ADMISSION = datetime(2012, 1, 1)


@pytest.fixture(scope="module")
def challenge(data_root: Path) -> Path:
    folder = data_root / "physionet-2012"
    if not (folder / "events_a.parquet").is_file():
        pytest.skip(f"the PhysioNet 2012 stays are not at {folder}")
    return folder


@pytest.fixture(scope="module")
def labels(challenge: Path) -> pl.DataFrame:
    return pl.read_parquet(challenge / "labels_a.parquet").drop("prediction_time")


def scored_at(folder: Path, labels: pl.DataFrame, hours: int, names: list[str]) -> Scored:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE event AS FROM '{folder / 'events_a.parquet'}'")
    rows = labels.select("subject_id", prediction_time=pl.lit(ADMISSION + timedelta(hours=hours)))
    return score_rows(con, rows, [SCORES[name] for name in names], read_concepts(["physionet2012.yaml"]))


@pytest.fixture(scope="module")
def first_day(challenge: Path, labels: pl.DataFrame) -> pl.DataFrame:
    return scored_at(challenge, labels, 24, ["sofa", "saps"]).totals.join(labels, on="subject_id")


def auroc(risk: pl.Series, outcome: pl.Series) -> float:
    ranks, positives = rankdata(risk.to_numpy()), outcome.to_numpy() == 1
    n = positives.sum()
    return float((ranks[positives].sum() - n * (n + 1) / 2) / (n * (len(positives) - n)))


def test_sofa_of_the_first_day_is_that_of_the_challenge_but_for_pressors(first_day: pl.DataFrame) -> None:
    """The challenge tells no pressors, from which its own score has up to 3 points more than a low pressure."""
    both = first_day.filter(pl.col("score") == "sofa", pl.col("sofa") >= 0).drop_nulls("charted")
    off = both["charted"] - both["sofa"]
    assert both.height > 3800
    assert np.corrcoef(both["charted"], both["sofa"])[0, 1] > 0.94
    assert (off == 0).mean() > 0.69
    assert (off > 0).mean() < 0.005


def test_saps_of_the_first_day_is_near_to_that_of_the_challenge(first_day: pl.DataFrame) -> None:
    both = first_day.filter(pl.col("score") == "saps", pl.col("saps_i") >= 0).drop_nulls("total")
    off = (both["total"] - both["saps_i"]).abs()
    assert both.height > 2800
    assert np.corrcoef(both["total"], both["saps_i"])[0, 1] > 0.96
    assert (off == 0).mean() > 0.63
    assert (off <= 1).mean() > 0.85


def test_scores_after_two_days_rank_deaths_better_than_those_of_the_first(
    challenge: Path, labels: pl.DataFrame, first_day: pl.DataFrame
) -> None:
    names = ["news2", "mews", "qsofa", "sofa", "saps", "saps2"]
    totals = scored_at(challenge, labels, 48, names).totals.join(labels, on="subject_id")
    found = {
        name: auroc(part["charted"].fill_null(0), part["in_hospital_death"])
        for name in names
        if (part := totals.filter(score=name)).height
    }
    assert 0.77 < found["saps2"] < 0.80
    assert 0.75 < found["saps"] < 0.77
    assert 0.72 < found["sofa"] < 0.74
    assert 0.71 < found["news2"] < 0.74
    assert 0.70 < found["mews"] < 0.73
    assert 0.66 < found["qsofa"] < 0.69
    early = first_day.filter(score="saps")
    assert auroc(early["charted"].fill_null(0), early["in_hospital_death"]) < found["saps"]


def test_the_demo_has_the_inputs_of_most_scores_a_day_after_admission_to_intensive_care(mimic_store: Store) -> None:
    con = mimic_store.cursor()
    rows: pl.DataFrame = con.sql(
        """
        SELECT subject_id, start_time + INTERVAL 24 HOUR AS prediction_time FROM encounter
        WHERE class = 'icu' AND end_time >= start_time + INTERVAL 24 HOUR
        """
    ).pl()
    said = score_rows(con, rows, list(SCORES.values()))
    complete = dict(coverage(said).select("score", "complete").iter_rows())
    assert rows.height == 117
    assert complete["qsofa"] == 1
    assert complete["mews"] > 0.9
    assert complete["news2"] > 0.8
    assert complete["saps"] > 0.8
    assert 0.15 < complete["sofa"] < complete["charlson"] == complete["charlson_age"] < 0.5
    assert 0.05 < complete["saps2"] < 0.2
    for name, total, charted in said.totals.select("score", "total", "charted").iter_rows():
        assert charted is None or 0 <= charted <= SCORES[name].most
        assert total is None or total == charted


def test_nothing_after_the_prediction_time_counts_in_the_demo(mimic_store: Store) -> None:
    con = mimic_store.cursor()
    rows: pl.DataFrame = con.sql(
        "SELECT subject_id, start_time + INTERVAL 9 HOUR AS prediction_time FROM encounter WHERE class = 'icu'"
    ).pl()
    whole = score_rows(con, rows, list(SCORES.values()))
    cut = con.cursor()
    cut.register("asked", rows.group_by("subject_id").agg(pl.col("prediction_time").max()).to_arrow())
    cut.execute(
        """
        CREATE OR REPLACE TEMP TABLE event AS
        SELECT e.* FROM main.event e JOIN asked USING (subject_id) WHERE e.time IS NULL OR e.time <= prediction_time
        """
    )
    last = rows.group_by("subject_id").agg(pl.col("prediction_time").max()).sort("subject_id")
    past = score_rows(cut, last, list(SCORES.values()))
    keys = ["subject_id", "prediction_time", "score"]
    both = past.totals.join(whole.totals, on=keys, suffix="_whole")
    assert both.height == past.totals.height
    assert both["charted"].equals(both["charted_whole"], null_equal=True)
    assert both["missing"].to_list() == both["missing_whole"].to_list()
