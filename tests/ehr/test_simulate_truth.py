"""The true risks: calibrated, as informative as stated, and a function of the past of the records alone."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from ehr.simulate import codes
from ehr.simulate.codes import ANALYTES, CONDITIONS, HABITUAL_DRUGS, REASONS, Analyte
from ehr.simulate.evidence import grid_log_mass, likelihood_of_bills, likelihood_of_orders
from ehr.simulate.frames import FIRST_SUBJECT, Offsets, Tables, at
from ehr.simulate.patients import Patients, draw_patients
from ehr.simulate.physiology import PANELS, TREATED, Context, Panel, Treatment, build_process
from ehr.simulate.tables import build_tables
from ehr.simulate.truth import IN_HOSPITAL_MORTALITY, READMISSION_30D, Records, filter_course, true_risks

COUNT = 6000


@pytest.fixture(scope="module")
def patients() -> Patients:
    return draw_patients(COUNT, np.random.default_rng(20_240_501))


@pytest.mark.parametrize("task", [IN_HOSPITAL_MORTALITY, READMISSION_30D])
def test_outcomes_come_as_often_as_the_true_probability_says(patients: Patients, task: str) -> None:
    risks = patients.risks.filter(pl.col("task") == task)
    tenth = (risks["true_probability"].rank("ordinal") - 1) * 10 // len(risks)
    for part in risks.with_columns(tenth=tenth).partition_by("tenth"):
        count, expected = len(part), part["true_probability"].mean()
        # An outcome is settled before the next prediction of its patient, so that outcome - risk are martingale
        # differences, and their sum is no wider than the binomial of the mean risk. 20 tests at 1 in 100,000 each.
        low, high = binom.interval(1 - 1e-5, count, expected)
        assert low <= part["outcome"].sum() <= high


@pytest.mark.parametrize("task", [IN_HOSPITAL_MORTALITY, READMISSION_30D])
def test_outcomes_are_calibrated_in_total(patients: Patients, task: str) -> None:
    risks = patients.risks.filter(pl.col("task") == task)
    chance = risks["true_probability"].to_numpy()
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(risks["outcome"].sum() - chance.sum()) < 4.5 * spread


@pytest.mark.parametrize(
    ("task", "rate", "area"),
    [(IN_HOSPITAL_MORTALITY, (0.06, 0.12), (0.80, 0.88)), (READMISSION_30D, (0.12, 0.20), (0.70, 0.80))],
)
def test_outcomes_are_as_frequent_and_as_foreseeable_as_stated(
    patients: Patients, task: str, rate: tuple[float, float], area: tuple[float, float]
) -> None:
    risks = patients.risks.filter(pl.col("task") == task)
    assert rate[0] < risks["outcome"].mean() < rate[1]
    assert area[0] < roc_auc_score(risks["outcome"], risks["true_probability"]) < area[1]


def test_the_truth_does_not_see_what_is_hidden(patients: Patients) -> None:
    """Severity of the course is not read: another one gives the same risks."""
    course, records = patients.course, records_of(patients)
    other = replace(course, severity=np.zeros_like(course.severity))
    process, age = build_process(), patients.people.age_group
    assert true_risks(process, age, other, records).equals(true_risks(process, age, course, records))


def test_the_truth_is_a_function_of_the_past_only(patients: Patients) -> None:
    """What comes after a row changes no risk up to it: the courses are cut at half, then anything may follow."""
    course, records = patients.course, records_of(patients)
    process, age = build_process(), patients.people.age_group
    whole = filter_course(process, age, course, records)
    place = np.arange(len(course)) - np.searchsorted(course.patient, course.patient)
    length = np.bincount(course.patient)[course.patient]
    kept = np.flatnonzero(place < length // 2)
    cut = replace(course, **{name: getattr(course, name)[kept] for name in course.__dataclass_fields__})
    ended = np.isin(np.arange(len(records.bills[0])), course.stay[kept][course.move[kept] >= 2])
    bills = tuple(np.where(ended[:, None], each, 0.123) for each in records.bills)
    evidence = records.evidence[kept]
    part = filter_course(process, age, cut, Records(evidence, records.drugs, (bills[0], bills[1])))
    np.testing.assert_allclose(part, whole[kept], rtol=1e-12)
    assert np.isfinite(part).sum() > 1000


def test_predictions_are_made_a_day_after_admission_and_at_discharge(patients: Patients) -> None:
    course = patients.course
    discharges = set(
        zip(course.patient[course.move == 2].tolist(), course.end[course.move == 2].tolist(), strict=True)
    )
    first = course.step == 0
    admissions = set(zip(course.patient[first].tolist(), (course.start[first] + 86400).tolist(), strict=True))
    for task, moments in ((IN_HOSPITAL_MORTALITY, admissions), (READMISSION_30D, discharges)):
        found = patients.risks.filter(pl.col("task") == task).select("patient", "second").rows()
        assert len(found) == len(set(found))
        assert set(found) <= moments
    assert (
        set(patients.risks.filter(pl.col("task") == READMISSION_30D).select("patient", "second").rows()) == discharges
    )


@pytest.mark.parametrize("analyte", ANALYTES.values(), ids=lambda analyte: analyte.name)
def test_the_values_of_a_grid_share_all_probability(analyte: Analyte) -> None:
    np.testing.assert_allclose(np.exp(grid_log_mass(analyte)).sum(axis=1), 1, atol=1e-9)


def test_values_are_drawn_with_the_probability_that_they_are_weighed_with(patients: Patients) -> None:
    """Observed frequencies of heart rates of men in one state agree with the table of the filter (chi-square)."""
    moments = patients.moments
    who = patients.course.patient[moments]
    state = (patients.people.sex[who], patients.people.phenotype[who], patients.course.severity[moments])
    measured = next(each for each in patients.evidence.measured if each.analyte.name == "heart_rate")
    sex, phenotype, severity = (axis[measured.moment] for axis in state)
    own = (sex == 1) & (phenotype == 6) & (severity == 3)
    place = np.rint((measured.value[own] - measured.analyte.low) / measured.analyte.step).astype(int)
    mass = np.exp(grid_log_mass(measured.analyte)[1, :, 6, 3])
    edges = np.searchsorted(np.cumsum(mass), [0.1, 0.3, 0.5, 0.7, 0.9])
    seen = np.bincount(np.searchsorted(edges, place, side="left"), minlength=6)
    expected = np.array([part.sum() for part in np.split(mass, edges + 1)]) * len(place)
    assert len(place) > 500
    assert ((seen - expected) ** 2 / expected).sum() < 30  # 5 degrees of freedom: 1 in 60,000


def test_the_evidence_of_the_filter_can_be_read_back_from_the_records() -> None:
    """The likelihood that the filter used, worked out anew from the tables alone: nothing else went into it."""
    rng = np.random.default_rng(5)
    patients = draw_patients(150, rng)
    tables = build_tables(patients, Offsets(), rng)
    course, moments = patients.course, patients.moments
    rows = pl.DataFrame(
        {
            "moment": np.arange(len(moments)),
            "subject_id": FIRST_SUBJECT + course.patient[moments],
            "sex": patients.people.sex[course.patient[moments]],
            "context": course.context[moments],
            "start": course.start[moments],
            "end": course.end[moments],
        }
    ).with_columns(day=at("start").dt.date(), start=at("start"), end=at("end"))
    likelihood = np.zeros_like(patients.evidence.log_likelihood)
    for panel in PANELS:
        found = values_of(panel, tables, rows)
        chance = np.array(panel.ordered)[rows["context"].to_numpy()]
        ordered = rows["moment"].is_in(found["moment"].implode()).to_numpy()[:, None]
        with np.errstate(divide="ignore"):
            likelihood += np.log(np.where(ordered, chance, 1 - chance))[:, None, :]
        for analyte in panel.analytes:
            own = found.filter(pl.col("name") == analyte.name)
            place = np.rint((own["value"].to_numpy() - analyte.low) / analyte.step).astype(int)
            np.add.at(likelihood, own["moment"].to_numpy(), grid_log_mass(analyte)[own["sex"].to_numpy(), place])
    treatments = (
        (tables["icu/procedureevents"], codes.VENTILATION.itemid, Treatment.VENTILATION),
        (tables["icu/inputevents"], codes.NOREPINEPHRINE.itemid, Treatment.VASOPRESSOR),
        (tables["icu/inputevents"], codes.SALINE.itemid, Treatment.FLUID),
    )
    icu = (rows["context"] == Context.ICU).to_numpy()[:, None]
    for table, itemid, treatment in treatments:
        given = rows.join(table.filter(pl.col("itemid") == itemid), on="subject_id").filter(
            pl.col("starttime").is_between("start", "end")
        )
        was = rows["moment"].is_in(given["moment"].implode()).to_numpy()[:, None]
        chance = np.log(np.where(was, TREATED[treatment], 1 - TREATED[treatment]))
        likelihood += np.where(icu, chance, 0.0)[:, None, :]
    np.testing.assert_allclose(likelihood, patients.evidence.log_likelihood, rtol=1e-9, atol=1e-9)


def values_of(panel: Panel, tables: Tables, rows: pl.DataFrame) -> pl.DataFrame:
    """Return moment, sex, name and value of what a panel measured, from the records and their times."""
    if panel.table == "omr":
        readings = tables["hosp/omr"].filter(pl.col("result_name") == "Blood Pressure")
        found = rows.filter(pl.col("context") == Context.VISIT).join(
            readings, left_on=["subject_id", "day"], right_on=["subject_id", "chartdate"]
        )
        halves = pl.col("result_value").str.split("/").cast(pl.List(pl.Float64))
        found = found.with_columns(value=halves, name=pl.lit([analyte.name for analyte in panel.analytes]))
        return found.explode("value", "name")
    folder = "hosp" if panel.table == "labevents" else "icu"
    table = tables[f"{folder}/{panel.table}"]
    value = "value" if panel.table == "outputevents" else "valuenum"
    names = {analyte.itemid: analyte.name for analyte in panel.analytes}
    own = table.filter(pl.col("itemid").is_in(list(names))).select("subject_id", "charttime", "itemid", value=value)
    found = rows.join(own, on="subject_id").filter(
        pl.col("charttime") > pl.col("start"), pl.col("charttime") <= pl.col("end")
    )
    return found.with_columns(name=pl.col("itemid").replace_strict(names, return_dtype=pl.String))


def test_an_order_says_which_reason_or_condition_it_is_for() -> None:
    drugs = [drug.name for each in (*REASONS, *CONDITIONS) for drug in each.drugs]
    drugs += [drug.name for drug, _ in HABITUAL_DRUGS]
    assert len(drugs) == len(set(drugs))
    assert all(reason.drugs for reason in REASONS)


def records_of(patients: Patients) -> Records:
    """Return what the filter saw; orders and bills from the likelihoods that they stand for."""
    evidence = np.zeros((len(patients.course), *patients.evidence.log_likelihood.shape[1:]))
    evidence[patients.moments] = patients.evidence.log_likelihood
    return Records(evidence, likelihood_of_orders(patients.ordered), likelihood_of_bills(patients.billed))
