"""The parts of an evaluation: what it says with tuning rows, facts on rows and a point of time."""

from datetime import datetime, timedelta

import numpy as np
import orjson
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError
from ehr.splits import Split, split_of
from models.estimators import BASELINE, BAYES, SUPERVISED, Estimates
from models.evaluate import Evaluation, evaluate
from models.evaluation.coverage import BY_INTERVAL, BY_RISK
from models.evaluation.periods import Knowledge
from models.facts import ATTRIBUTES
from models.metrics.decision import THRESHOLDS

START = datetime(2015, 1, 1)
DAY = timedelta(days=1)
ROWS_EACH = 3
REPLICATES = 60


def made_labels(n: int = 600, seed: int = 0) -> pl.DataFrame:
    """Return rows a year apart, with the risk that their outcomes were drawn with."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(1, 3, n * ROWS_EACH)
    days = (np.tile(np.arange(ROWS_EACH), n) * 365 + np.repeat(np.arange(n), ROWS_EACH) % 300).tolist()
    return pl.DataFrame(
        {
            "subject_id": np.repeat(np.arange(1, n + 1), ROWS_EACH),
            "prediction_time": [START + day * DAY for day in days],
            "boolean_value": rng.random(n * ROWS_EACH) < risk,
            "true_probability": risk,
        }
    ).with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))


def said_by(labels: pl.DataFrame, slope: float, noise: float = 0.3, seed: int = 1) -> Estimates:
    rng = np.random.default_rng(seed)
    risk = expit(slope * logit(labels["true_probability"].to_numpy()) + rng.normal(0, noise, labels.height))
    frame = labels.select("subject_id", "prediction_time").with_columns(risk=risk, low=risk * 0.8, high=risk)
    return Estimates(frame, 1.0)


def made_facts(labels: pl.DataFrame) -> pl.DataFrame:
    empty = {name: pl.lit(None, dtype=pl.String) for name in ATTRIBUTES}
    odd = pl.col("subject_id") % 2 == 1
    return labels.select("subject_id", "prediction_time").with_columns(
        **{**empty, "sex": pl.when(odd).then(pl.lit("female")).otherwise(pl.lit("male"))},
        stay_start=pl.col("prediction_time") - 2 * DAY,
        stay_end=pl.col("prediction_time") + pl.duration(days=pl.col("subject_id") % 9),
    )


@pytest.fixture(scope="module")
def labels() -> pl.DataFrame:
    return made_labels()


@pytest.fixture(scope="module")
def said(labels: pl.DataFrame) -> dict[str, Estimates]:
    return {SUPERVISED: said_by(labels, 1.6), BASELINE: said_by(labels, 0.7, noise=1.0, seed=2)}


@pytest.fixture(scope="module")
def full(labels: pl.DataFrame, said: dict[str, Estimates]) -> Evaluation:
    return evaluate(
        labels, said, truth=labels, tuning=said, facts=made_facts(labels), temporal=0.7, replicates=REPLICATES
    )


def test_everything_is_there_and_survives_being_written(full: Evaluation) -> None:
    metrics = full.metrics
    assert orjson.loads(orjson.dumps(metrics)) == metrics
    assert metrics["remarks"] == []
    for name in (SUPERVISED, BASELINE, BAYES):
        told = metrics["estimators"][name]
        assert {point["chosen_on"] for point in told["operating_points"]} == {"before", "tuning"}
        assert len(told["decision_curve"]["net_benefit"]) == len(THRESHOLDS) == len(metrics["decision_curve_all"])
        assert told["recalibration"]["platt"] is not None
        assert told["coverage"]["answered"] == told["coverage"]["asked"]
    assert {group["attribute"] for group in metrics["subgroups"]} == {"sex"}
    assert [gap["attribute"] for gap in metrics["subgroup_gaps"]] == ["sex"]
    assert set(metrics["subgroup_gaps"][0]["estimators"]) == {SUPERVISED, BASELINE, BAYES}


def test_recalibration_is_fitted_on_the_rows_of_tuning_subjects(full: Evaluation) -> None:
    tuning = full.metrics["counts"]["tuning"]
    for name in (SUPERVISED, BASELINE, BAYES):
        told = full.metrics["estimators"][name]
        assert told["recalibration"]["fitted_on"] == {"rows": tuning["rows"], "positives": tuning["positives"]}
        before = told["recalibration"]["before"]
        assert before == {key: told["metrics"][key] for key in before}


def test_held_out_outcomes_move_no_threshold(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    is_tuning = pl.Series([split_of(subject) == "tuning" for subject in labels["subject_id"]])
    changed = labels.with_columns(
        boolean_value=pl.when(is_tuning).then(pl.col("boolean_value")).otherwise(~pl.col("boolean_value"))
    )
    thresholds = [
        [point["threshold"] for point in evaluate(rows, said, tuning=said, replicates=5).metrics["estimators"]
         [SUPERVISED]["operating_points"]]
        for rows in (labels, changed)
    ]  # fmt: skip
    assert thresholds[0] == thresholds[1]


def test_without_tuning_rows_it_is_said_that_thresholds_are_of_the_held_out_rows(
    labels: pl.DataFrame, said: dict[str, Estimates]
) -> None:
    told = evaluate(labels, said, replicates=5).metrics
    points = told["estimators"][SUPERVISED]["operating_points"]
    assert {point["chosen_on"] for point in points} == {"before", "held_out"}
    assert told["estimators"][SUPERVISED]["recalibration"]["platt"] is None
    assert (told["subgroups"], told["temporal"], told["early"]) == ([], None, None)


def test_periods_part_the_compared_rows(full: Evaluation, labels: pl.DataFrame) -> None:
    told = full.metrics["temporal"]
    cut = datetime.fromisoformat(told["cut"])
    assert told["share_before"] == pytest.approx(0.7, abs=0.01)
    rows = {period: sum(count["rows"] for count in told["counts"][period].values()) for period in ("before", "after")}
    assert rows["before"] + rows["after"] == labels.height
    later = full.compared.filter(pl.col("prediction_time") > cut)
    assert told["counts"]["after"]["held_out"]["rows"] == later.height
    assert told["after"]["rows"] == later.height
    assert told["after"]["positives"] == later["boolean_value"].sum()
    before, after = (told[period]["estimators"][BASELINE]["auroc"]["value"] for period in ("before", "after"))
    assert after == pytest.approx(roc_auc_score(later["boolean_value"], later[f"risk_{BASELINE}"]))
    assert told["change"][BASELINE]["auroc"]["value"] == pytest.approx(after - before)


def test_a_few_people_of_one_period_are_not_told(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    times = labels["prediction_time"].unique().sort()
    told = evaluate(labels, said, temporal=times[-3], replicates=5).metrics
    assert told["temporal"] is None
    assert "too few" in told["remarks"][0]


def test_a_time_can_be_named_and_what_cannot_be_parted_is_said(
    labels: pl.DataFrame, said: dict[str, Estimates]
) -> None:
    at = datetime(2016, 6, 1)
    assert evaluate(labels, said, temporal=at, replicates=5).metrics["temporal"]["cut"] == at.isoformat()
    late = evaluate(labels, said, temporal=datetime(2020, 1, 1), replicates=5).metrics
    assert late["temporal"] is None
    assert "no held-out row" in late["remarks"][0]
    with pytest.raises(ModelError, match="between 0 and 1"):
        evaluate(labels, said, temporal=1.5, replicates=5)


@pytest.mark.parametrize(
    ("until", "words_until", "seen", "vocabulary_seen"),
    [
        (None, None, "all", True),
        (datetime(2016, 6, 1), None, "none", True),
        (datetime(2016, 6, 1), datetime(2016, 1, 1), "none", False),
        (datetime(2016, 9, 1), datetime(2016, 9, 1), "part", True),
        (datetime(2030, 1, 1), None, "all", True),
    ],
)
def test_it_is_told_how_much_of_the_later_time_was_learnt_from(
    labels: pl.DataFrame,
    said: dict[str, Estimates],
    until: datetime | None,
    words_until: datetime | None,
    seen: str,
    vocabulary_seen: bool,
) -> None:
    known = Knowledge(until, words_until)
    told = evaluate(labels, said, temporal=datetime(2016, 6, 1), known=known, replicates=5).metrics["temporal"]
    assert (told["seen"], told["vocabulary_seen"]) == (seen, vocabulary_seen)
    assert told["learnt_until"] == (until.isoformat() if until else None)


def test_rows_are_parted_where_the_estimators_stopped_learning(
    labels: pl.DataFrame, said: dict[str, Estimates]
) -> None:
    until = datetime(2016, 6, 1)
    told = evaluate(labels, said, known=Knowledge(until), replicates=5).metrics["temporal"]
    assert told["cut"] == until.isoformat()
    assert told["seen"] == "none"


def test_a_shifted_calendar_has_no_periods(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    later = pl.col("prediction_time").dt.offset_by("150y")
    moved = {name: Estimates(part.frame.with_columns(later), 1.0) for name, part in said.items()}
    told = evaluate(labels.with_columns(later), moved, temporal=0.5, replicates=5).metrics
    assert told["temporal"] is None
    assert "shifted for each patient" in told["remarks"][0]


def test_surer_rows_are_those_with_narrower_intervals(full: Evaluation) -> None:
    told = full.metrics["estimators"][SUPERVISED]["coverage"]
    assert told["uncertain_by"] == BY_INTERVAL
    assert full.metrics["estimators"][BAYES]["coverage"]["uncertain_by"] == BY_RISK
    risk, outcome = (full.compared[name].to_numpy() for name in (f"risk_{SUPERVISED}", "boolean_value"))
    for level in told["levels"]:
        surest = np.argsort(risk, kind="stable")[: level["rows"]]  # the interval is a fifth of the risk
        assert level["coverage"] == pytest.approx(level["level"], abs=0.01)
        assert level["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(outcome[surest], risk[surest]))
        assert level["positives"] == outcome[surest].sum()
    assert told["levels"][0]["metrics"]["auroc"] == full.metrics["estimators"][SUPERVISED]["metrics"]["auroc"]


def test_an_estimator_that_abstains_is_measured_on_its_own_rows_too(
    labels: pl.DataFrame, said: dict[str, Estimates]
) -> None:
    silent = pl.when(pl.col("subject_id") % 2 == 0).then(pl.col("risk"))
    partial = Estimates(said[BASELINE].frame.with_columns(risk=silent), 1.0)
    told = evaluate(labels, {SUPERVISED: said[SUPERVISED], BASELINE: partial}, replicates=20).metrics["estimators"]
    alone = evaluate(labels, {SUPERVISED: said[SUPERVISED]}, replicates=20).metrics["estimators"][SUPERVISED]
    assert told[BASELINE]["coverage"]["answered"] < told[BASELINE]["coverage"]["asked"]
    assert told[BASELINE]["coverage"]["own_rows"] is None, "it is the one that all are held to"
    assert told[SUPERVISED]["coverage"]["own_rows"]["auroc"] == alone["metrics"]["auroc"]


def test_early_scores_are_of_rows_in_stays(full: Evaluation, labels: pl.DataFrame) -> None:
    told = full.metrics["early"]
    train = labels.filter(pl.Series([split_of(subject) == "train" for subject in labels["subject_id"]]))
    lengths = (train["subject_id"] % 9 + 2).to_numpy()
    assert told["threshold_days"] == pytest.approx(lengths.mean() / 2, abs=1e-9)
    assert told["large_days"] == pytest.approx(np.quantile(lengths, 0.95))
    assert told["rows"] == full.metrics["compared"]["rows"]
    for name in (SUPERVISED, BASELINE):
        scores = told["estimators"][name]
        assert scores["es"]["low"] <= scores["es"]["value"] <= scores["es"]["high"]
        assert scores["stay_from"] == "the median of training rows"
        assert scores["at_operating_point"]["es"]["value"] > scores["es"]["value"]


def test_an_estimator_may_say_how_long_the_stay_lasts(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    days = (pl.col("subject_id") % 9).cast(pl.Float64)
    knowing = Estimates(said[SUPERVISED].frame.with_columns(stay_days=days, risk=pl.lit(0.0)), 1.0)
    nobody = labels.with_columns(boolean_value=pl.lit(False))
    told = evaluate(nobody, {SUPERVISED: knowing}, facts=made_facts(labels), replicates=5).metrics["early"]
    scores = told["estimators"][SUPERVISED]
    assert scores["stay_from"] == "the estimator"
    assert scores["osmae"]["value"] == 0
    assert scores["es"]["value"] is None, "without an event nothing can be earned"


def test_without_stays_the_reason_is_told(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    nowhere = made_facts(labels).with_columns(stay_end=pl.lit(None, dtype=pl.Datetime("us")))
    told = evaluate(labels, said, facts=nowhere, replicates=5).metrics
    assert told["early"] is None
    assert "hospital stays whose end is known" in told["remarks"][0]


@pytest.mark.parametrize("outcome", [True, False])
def test_one_class_leaves_nulls_and_no_error(outcome: bool, labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    one = labels.with_columns(boolean_value=pl.lit(outcome))
    told = evaluate(one, said, tuning=said, facts=made_facts(labels), temporal=0.5, replicates=5).metrics
    assert orjson.loads(orjson.dumps(told)) == told
    estimator = told["estimators"][SUPERVISED]
    assert "one outcome" in estimator["recalibration"]["reason"]
    assert all(level["metrics"]["auroc"]["value"] is None for level in estimator["coverage"]["levels"])
    sensitivity = next(point for point in estimator["operating_points"] if point["name"] == "sensitivity 0.8")
    assert (sensitivity["threshold"] is None) == (not outcome)
    assert (sensitivity["reason"] is None) == outcome


def test_the_order_of_the_rows_changes_no_figure(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    def told(rows: pl.DataFrame) -> dict[str, object]:
        return evaluate(
            rows, said, tuning=said, facts=made_facts(rows), temporal=0.7, replicates=10
        ).metrics | {"created_at": None}  # fmt: skip

    assert told(labels) == told(labels.sample(fraction=1.0, shuffle=True, seed=3))


def test_a_split_that_is_given_takes_the_place_of_the_hash(labels: pl.DataFrame, said: dict[str, Estimates]) -> None:
    names: tuple[Split, ...] = ("held_out", "tuning", "train")
    split = {subject: names[min(subject % 5, 2)] for subject in labels["subject_id"].unique()}
    told = evaluate(labels, said, tuning=said, split=split, facts=made_facts(labels), temporal=0.5, replicates=5)
    assert set(told.compared["subject_id"] % 5) == {0}
    assert told.metrics["counts"]["tuning"] == told.metrics["counts"]["held_out"] | {
        "positives": told.metrics["counts"]["tuning"]["positives"]
    }
    fitted = told.metrics["estimators"][SUPERVISED]["recalibration"]["fitted_on"]
    assert fitted["rows"] == told.metrics["counts"]["tuning"]["rows"]
    lengths = [subject % 9 + 2 for subject in split if split[subject] == "train"]
    assert told.metrics["early"]["threshold_days"] == pytest.approx(np.mean(lengths) / 2)
    counts = told.metrics["temporal"]["counts"]
    assert counts["before"]["train"]["rows"] + counts["after"]["train"]["rows"] == ROWS_EACH * len(lengths)
