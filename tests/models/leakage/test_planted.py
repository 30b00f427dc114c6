"""Each kind of leak, planted into a ward without one, is found; its clean twin passes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ehr.splits import split_of
from tests.models.leakage.made import DAY, Ward, made_task, verdicts, ward

HOUR = timedelta(hours=1)
Change = Callable[[Ward], Ward]


@pytest.fixture(scope="module")
def clean() -> Ward:
    return ward()


def test_a_ward_without_a_leak_is_clean(clean):
    found = clean.audit(made_task())
    assert verdicts(found) == {}
    assert [result.area for result in found.results] == [
        "task", "outcome", "death", "billing", "dates", "single codes", "cohort", "splits",
    ]  # fmt: skip
    assert all(result.seen for result in found.results)
    assert found.rows == clean.rows.height
    assert found.positives == len(clean.positives)


def half(subjects: list[int]) -> list[int]:
    return subjects[::2]


def outcome_before(ward: Ward) -> Ward:
    return ward.with_rows(
        days_to_label=pl.when(pl.col("boolean_value")).then(-0.1).otherwise(pl.col("days_to_label"))
    )


def label_codes_before(ward: Ward, subjects: list[int]) -> Ward:
    had = pl.col("subject_id").is_in(subjects).cast(pl.Int64)
    return ward.plant(subjects, "DIAGNOSIS//ICD//10//I214", -200 * DAY, encounter_id=None).with_rows(
        label_in_inputs=had
    )


def at_midnight(ward: Ward, subjects: list[int], precision: str | None) -> Ward:
    records = [
        {
            "subject_id": one,
            "time": ward.predicted(one).replace(hour=0, minute=0, second=0),
            "code": "Weight (Lbs)",
            "time_precision": precision,
        }
        for one in subjects
    ]
    frame = pl.DataFrame(records, schema=ward.events.schema)
    return replace(ward, events=pl.concat([ward.events, frame]))


def with_static(ward: Ward, subjects: list[int], code: str) -> pl.DataFrame:
    """Return the events of a ward and one without a time for each of some subjects."""
    rows = [{"subject_id": one, "code": code} for one in subjects]
    return pl.concat([ward.events, pl.DataFrame(rows, schema=ward.events.schema)])


def later(column: str, subjects: list[int]) -> pl.Expr:
    """Return a column of times, of some subjects years later."""
    return (pl.when(pl.col("subject_id").is_in(subjects)).then(pl.col(column) + 3000 * DAY).otherwise(column)).alias(
        column
    )


def value_of_label(ward: Ward, subjects: list[int], low: float, high: float) -> Ward:
    rng = np.random.default_rng(1)
    for one in subjects:
        ward = ward.plant([one], "LAB//TELLS", -HOUR, numeric_value=float(rng.uniform(low, high)))
    return ward


PLANTED: dict[str, tuple[Change, str, str]] = {
    "the outcome lies before the prediction": (outcome_before, "outcome-in-inputs", "fails"),
    "codes of the label before the prediction, of half of the cases": (
        lambda w: label_codes_before(w, half(w.positives)), "label-codes-in-inputs", "fails",
    ),
    "codes of the family of the label, of half of the cases": (
        lambda w: w.plant(half(w.positives), "DIAGNOSIS//ICD//10//I2109", -200 * DAY, encounter_id=None),
        "label-kin-in-inputs", "fails",
    ),
    "a billing diagnosis of every class stamped at the admission": (
        lambda w: w.plant([*w.positives, *w.negatives], "DIAGNOSIS//ICD//10//E119", -DAY),
        "billing-before-discharge", "fails",
    ),
    "a billing diagnosis without a stay, inside one": (
        lambda w: w.plant(w.negatives, "DRG//APR//194//HEART FAILURE", -HOUR, encounter_id=None),
        "billing-before-discharge", "fails",
    ),
    "a coded procedure at the minute of admission": (
        lambda w: w.plant(w.negatives, "PROCEDURE//ICD//10//0SRC0J9", -DAY), "billing-before-discharge", "fails",
    ),
    "coded procedures of cases during the stay": (
        lambda w: w.plant(half(w.positives), "PROCEDURE//ICD//10//02703ZZ", -HOUR),
        "procedure-codes-before-discharge", "warns",
    ),
    "deaths before the prediction": (
        lambda w: w.plant(half(w.positives), "MEDS_DEATH", -HOUR), "prediction-after-death", "fails",
    ),
    "a discharge as dead before the prediction": (
        lambda w: w.plant(half(w.negatives), "HOSPITAL_DISCHARGE//DIED", -HOUR), "prediction-after-death", "fails",
    ),
    "events after a death before the prediction": (
        lambda w: w.plant(w.negatives[:9], "MEDS_DEATH", -5 * HOUR).plant(w.negatives[:9], "ORGAN//TAKEN", -HOUR),
        "events-after-death", "fails",
    ),
    "a code of cases only": (
        lambda w: w.plant(w.positives, "ORDER//HOSPICE", -HOUR), "single-code-separates", "fails",
    ),
    "a code of all others": (lambda w: w.plant(w.negatives, "ORDER//HOME", -HOUR), "single-code-separates", "fails"),
    "a code of nearly all cases": (
        lambda w: w.plant(w.positives[: int(0.88 * len(w.positives))], "ORDER//HOSPICE", -HOUR),
        "single-code-separates", "warns",
    ),
    "a static fact of cases only": (
        lambda w: replace(
            w,
            events=with_static(w, w.positives, "ARM//B"),
        ),
        "single-code-separates", "fails",
    ),
    "the value of a code": (
        lambda w: value_of_label(value_of_label(w, w.positives, 1.0, 2.0), w.negatives, 2.0, 3.0),
        "single-code-separates", "fails",
    ),
    "the time since a code": (
        lambda w: w.plant(w.positives, "ROUND", -HOUR).plant(w.negatives, "ROUND", -2 * HOUR),
        "single-code-separates", "fails",
    ),
    "how often a code is written": (
        lambda w: w.plant(w.positives, "VISIT", -HOUR).plant(w.positives, "VISIT", -3 * HOUR).plant(
            w.negatives, "VISIT", -2 * HOUR
        ),
        "single-code-separates", "fails",
    ),
    "dates without a clock time on the day of prediction": (
        lambda w: at_midnight(w, half(w.positives), "day"), "day-of-prediction", "fails",
    ),
    "midnights on the day of prediction, of which the source does not say that they are dates": (
        lambda w: at_midnight(w, half(w.positives), None), "day-of-prediction", "fails",
    ),
    "cases are predicted for later": (
        lambda w: w.with_rows(
            trigger=pl.when("boolean_value").then(pl.col("trigger") - 5 * HOUR).otherwise(pl.col("trigger"))
        ),
        "time-to-prediction-differs", "fails",
    ),
    "cases come from later years": (
        lambda w: replace(
            w,
            events=w.events.with_columns(later("time", w.positives)),
            rows=w.rows.with_columns(later("prediction_time", w.positives), later("trigger", w.positives)),
            stays=w.stays.clear(),
        ),
        "calendar-differs", "warns",
    ),
    "rows with both labels": (
        lambda w: replace(w, rows=pl.concat([w.rows, w.rows.head(5).with_columns(~pl.col("boolean_value"))])),
        "rows-contradict", "fails",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_leak_is_found(clean, what):
    plant, code, severity = PLANTED[what]
    found = plant(clean).audit(made_task())
    assert verdicts(found).get(code) == severity
    finding = next(one for one in found.findings if one.code == code)
    assert finding.rows > 0
    assert finding.subjects > 0
    assert finding.message
    assert finding.advice


TWINS: dict[str, Change] = {
    "codes of the label before, in both classes": lambda w: label_codes_before(w, half(w.positives + w.negatives)),
    "codes of its family, in both classes": lambda w: w.plant(
        half(w.positives + w.negatives), "DIAGNOSIS//ICD//10//I2109", -200 * DAY, encounter_id=None
    ),
    "billing diagnoses of an earlier stay": lambda w: w.plant(
        w.positives + w.negatives, "DIAGNOSIS//ICD//10//E119", -400 * DAY, encounter_id=None
    ),
    "coded procedures of both classes": lambda w: w.plant(
        half(w.positives + w.negatives), "PROCEDURE//ICD//10//02703ZZ", -HOUR
    ),
    "deaths after the prediction": lambda w: w.plant(half(w.positives), "MEDS_DEATH", 100 * DAY),
    "a code of cases only, after the prediction": lambda w: w.plant(w.positives, "ORDER//HOSPICE", HOUR),
    "a code of a quarter of the cases": lambda w: w.plant(w.positives[::4], "ORDER//HOSPICE", -HOUR),
    "a code of everybody": lambda w: w.plant(w.positives + w.negatives, "ORDER//HOSPICE", -HOUR),
    "a diagnosis of cases without a time": lambda w: replace(
        w,
        events=with_static(w, w.positives, "CONDITION//X"),
    ),
    "dates of both classes, of the day of prediction": lambda w: at_midnight(
        w, half(w.positives + w.negatives), "day"
    ),
    "vital signs that happen to be at midnight": lambda w: at_midnight(w, w.positives[:4], None),
}  # fmt: skip


@pytest.mark.parametrize("what", TWINS)
def test_its_clean_twin_passes(clean, what):
    assert verdicts(TWINS[what](clean).audit(made_task())) == {}


def test_a_code_that_separates_few_by_chance_is_not_taken_for_a_leak():
    few = ward(14, seed=2)
    assert min(len(few.positives), len(few.negatives)) < 10
    assert verdicts(few.plant(few.positives, "ORDER//HOSPICE", -HOUR).audit(made_task())) == {}


def of_two_splits(ward: Ward) -> tuple[int, int]:
    """Return the numbers of a subject in training and of one that is held out."""
    numbers = ward.rows["subject_id"].to_list()
    return next(n for n in numbers if split_of(n) == "train"), next(n for n in numbers if split_of(n) == "held_out")


def copied(ward: Ward, source: int, target: int, shift: timedelta) -> Ward:
    """Give a subject the records of another, later by a span."""
    kept = ward.events.filter(pl.col("subject_id") != target)
    copy = ward.events.filter(pl.col("subject_id") == source).with_columns(
        subject_id=pl.lit(target, dtype=pl.Int64), time=pl.col("time") + shift, encounter_id=None
    )
    copy = copy.with_columns(pl.col("encounter_id").cast(pl.Int64))
    at = ward.predicted(source) + shift
    moved = pl.when(pl.col("subject_id") == target).then(pl.lit(at)).otherwise(pl.col("prediction_time"))
    other = replace(ward, events=pl.concat([kept, copy]), stays=ward.stays.filter(pl.col("subject_id") != target))
    return other.with_rows(prediction_time=moved, trigger=moved - DAY)


@pytest.mark.parametrize("shift", [timedelta(0), 30 * DAY + HOUR])
def test_the_same_records_under_two_numbers_in_two_splits_are_found(clean, shift):
    first, second = of_two_splits(clean)
    found = copied(clean, first, second, shift).audit(made_task())
    assert verdicts(found) == {"same-timeline": "fails"}
    assert found.findings[0].examples == ({"subject_id": min(first, second), "other_subject_id": max(first, second)},)


def test_the_same_records_within_one_split_are_let_be(clean):
    first, second = [n for n in clean.rows["subject_id"].to_list() if split_of(n) == "train"][:2]
    assert verdicts(copied(clean, first, second, timedelta(0)).audit(made_task())) == {}


def test_one_identifier_in_two_splits_is_found_and_one_of_a_crowd_is_not(clean):
    first, second = of_two_splits(clean)
    shared = replace(clean, identifiers={first: ["mrn|7", "a|1"], second: ["mrn|7", "a|2"]})
    assert verdicts(shared.audit(made_task())) == {"shared-identifier": "fails"}
    crowd = replace(clean, identifiers={n: ["insurer|1", f"made|{n}"] for n in clean.rows["subject_id"].to_list()})
    assert verdicts(crowd.audit(made_task())) == {}


def given_splits(ward: Ward) -> pl.DataFrame:
    numbers = ward.rows["subject_id"].to_list()
    return pl.DataFrame({"subject_id": numbers, "split": [split_of(number) for number in numbers]})


def test_splits_that_are_given_are_held_to_the_same(clean):
    splits = given_splits(clean)
    assert verdicts(clean.audit(made_task(), splits)) == {}
    again = splits.head(3).with_columns(split=pl.lit("elsewhere"))
    assert verdicts(clean.audit(made_task(), pl.concat([splits, again])))["subject-in-two-splits"] == "fails"
    assert verdicts(clean.audit(made_task(), splits.tail(-3))) == {"subject-without-split": "warns"}
    by_label = pl.DataFrame(
        {
            "subject_id": [*clean.positives, *clean.negatives],
            "split": ["train"] * len(clean.positives) + ["held_out"] * len(clean.negatives),
        }
    )
    assert verdicts(clean.audit(made_task(), by_label)) == {"splits-differ": "warns"}


def test_codes_of_one_split_only_are_found(clean):
    held_out = [n for n in clean.rows["subject_id"].to_list() if split_of(n) == "held_out"]
    found = clean.plant(held_out, "LAB//NEW-SYSTEM", -HOUR).audit(made_task())
    assert verdicts(found) == {"codes-differ-between-splits": "warns"}
    assert found.findings[0].examples[0]["code"] == "LAB//NEW-SYSTEM"


def test_rows_of_a_label_file_are_audited_without_a_task(clean):
    bare = replace(clean, rows=clean.rows.select("subject_id", "prediction_time", "boolean_value"))
    assert verdicts(bare.audit()) == {}
    assert verdicts(bare.plant(bare.positives, "ORDER//HOSPICE", -HOUR).audit()) == {"single-code-separates": "fails"}


def test_findings_tell_no_time_and_no_value_of_a_patient(clean):
    leaky = clean
    for plant, _code, _severity in PLANTED.values():
        leaky = plant(leaky)
    found = leaky.audit(made_task())
    assert len(found.findings) > 8
    for finding in found.findings:
        for example in finding.examples:
            assert set(example) <= {"code", "rows", "subject_id", "other_subject_id", "feature", "auroc", "low"}
