"""The points of every score at both ends of every range, as the publications print them."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scores import SCORES, Measure
from models.scores.inputs import DERIVED, INPUTS, title_of
from models.scores.sources import read_concepts

PUBLISHED: dict[tuple[str, str], str] = {
    # Royal College of Physicians 2017, chart 1.
    ("news2", "respiratory_rate"): "<=8:3 9-11:1 12-20:0 21-24:2 >=25:3",
    ("news2", "oxygen_saturation"): "<=91:3 92-93:2 94-95:1 >=96:0",
    ("news2", "oxygen"): "0-0:0 1-1:2",
    ("news2", "systolic_pressure"): "<=90:3 91-100:2 101-110:1 111-219:0 >=220:3",
    ("news2", "heart_rate"): "<=40:3 41-50:1 51-90:0 91-110:1 111-130:2 >=131:3",
    ("news2", "coma_scale"): "3-14:3 15-15:0",
    ("news2", "temperature"): "<=35.0:3 35.1-36.0:1 36.1-38.0:0 38.1-39.0:1 >=39.1:2",
    ("news2_scale2", "saturation_on_oxygen"): "<=83:3 84-85:2 86-87:1 88-92:0 93-94:1 95-96:2 >=97:3",
    ("news2_scale2", "saturation_on_air"): "<=83:3 84-85:2 86-87:1 88-92:0 >=93:0",
    # Subbe 2001, table 1; it leaves a pressure of 70 and a rate of 40 open, which count as the range below.
    ("mews", "systolic_pressure"): "<=70:3 71-80:2 81-100:1 101-199:0 >=200:2",
    ("mews", "heart_rate"): "<=40:2 41-50:1 51-100:0 101-110:1 111-129:2 >=130:3",
    ("mews", "respiratory_rate"): "<=8:2 9-14:0 15-20:1 21-29:2 >=30:3",
    ("mews", "temperature"): "<=34.9:2 35.0-38.4:0 >=38.5:2",
    # Nearest median of McNarry 2004: alert 15, voice 13, pain 8, unresponsive 6.
    ("mews", "coma_scale"): "3-6:3 7-10:2 11-13:1 14-15:0",
    # Singer 2016, box 4.
    ("qsofa", "respiratory_rate"): "<=21:0 >=22:1",
    ("qsofa", "coma_scale"): "3-14:1 15-15:0",
    ("qsofa", "systolic_pressure"): "<=100:1 >=101:0",
    # Vincent 1996, table 3.
    ("sofa", "oxygenation_supported"): "<=99.9:4 100-199.9:3 200-299.9:2 300-399.9:1 >=400:0",
    ("sofa", "oxygenation"): "<=99.9:2 100-199.9:2 200-299.9:2 300-399.9:1 >=400:0",
    ("sofa", "platelets"): "<=19.9:4 20-49.9:3 50-99.9:2 100-149.9:1 >=150:0",
    ("sofa", "bilirubin"): "<=1.1:0 1.2-1.9:1 2.0-5.9:2 6.0-11.9:3 >=12:4",
    ("sofa", "mean_pressure"): "<=69.9:1 >=70:0",
    ("sofa", "dopamine_rate"): "0-5:2 5.1-15:3 >=15.1:4",
    ("sofa", "adrenergic_rate"): "0-0.1:3 >=0.101:4",
    ("sofa", "coma_scale"): "3-5:4 6-9:3 10-12:2 13-14:1 15-15:0",
    ("sofa", "creatinine"): "<=1.1:0 1.2-1.9:1 2.0-3.4:2 3.5-4.9:3 >=5:4",
    ("sofa", "urine_output"): "<=199:4 200-499:3 >=500:0",
    # Le Gall 1984, table 1.
    ("saps", "age"): "<=45:0 46-55:1 56-65:2 66-75:3 >=76:4",
    ("saps", "heart_rate"): "<=39:4 40-54:3 55-69:2 70-109:0 110-139:2 140-179:3 >=180:4",
    ("saps", "systolic_pressure"): "<=54:4 55-79:2 80-149:0 150-189:2 >=190:4",
    ("saps", "temperature"): "<=29.9:4 30-31.9:3 32-33.9:2 34-35.9:1 36-38.4:0 38.5-38.9:1 39-40.9:3 >=41:4",
    ("saps", "respiratory_rate"): "<=5:4 6-9:2 10-11:1 12-24:0 25-34:1 35-49:3 >=50:4",
    ("saps", "respiratory_support"): "1-1:3",
    ("saps", "urine_output"): "<=199:4 200-499:3 500-699:2 700-3499:0 3500-5000:1 >=5001:2",
    ("saps", "urea"): "<=3.4:1 3.5-7.4:0 7.5-28.9:1 29-35.9:2 36-54.9:3 >=55:4",
    ("saps", "haematocrit"): "<=19.9:4 20-29.9:2 30-45.9:0 46-49.9:1 50-59.9:2 >=60:4",
    ("saps", "white_cells"): "<=0.9:4 1-2.9:2 3-14.9:0 15-19.9:1 20-39.9:2 >=40:4",
    ("saps", "glucose"): "<=1.5:4 1.6-2.7:3 2.8-3.8:2 3.9-13.9:0 14-27.7:1 27.8-44.4:3 >=44.5:4",
    ("saps", "potassium"): "<=2.4:4 2.5-2.9:2 3-3.4:1 3.5-5.4:0 5.5-5.9:1 6-6.9:3 >=7:4",
    ("saps", "sodium"): "<=109:4 110-119:3 120-129:2 130-150:0 151-155:1 156-160:2 161-179:3 >=180:4",
    ("saps", "bicarbonate"): "<=4.9:4 5-9.9:3 10-19.9:1 20-29.9:0 30-39.9:1 >=40:3",
    ("saps", "coma_scale"): "3-3:4 4-6:3 7-9:2 10-12:1 13-15:0",
    # Le Gall 1993, figure 1.
    ("saps2", "age"): "<=39:0 40-59:7 60-69:12 70-74:15 75-79:16 >=80:18",
    ("saps2", "heart_rate"): "<=39:11 40-69:2 70-119:0 120-159:4 >=160:7",
    ("saps2", "systolic_pressure"): "<=69:13 70-99:5 100-199:0 >=200:2",
    ("saps2", "temperature"): "<=38.9:0 >=39:3",
    ("saps2", "oxygenation_supported"): "<=99:11 100-199:9 >=200:6",
    ("saps2", "urine_output"): "<=499:11 500-999:4 >=1000:0",
    ("saps2", "urea_nitrogen"): "<=27:0 28-83:6 >=84:10",
    ("saps2", "white_cells"): "<=0.9:12 1-19.9:0 >=20:3",
    ("saps2", "potassium"): "<=2.9:3 3-4.9:0 >=5:3",
    ("saps2", "sodium"): "<=124:5 125-144:0 >=145:1",
    ("saps2", "bicarbonate"): "<=14.9:6 15-19.9:3 >=20:0",
    ("saps2", "bilirubin"): "<=3.9:0 4-5.9:4 >=6:9",
    ("saps2", "coma_scale"): "3-5:26 6-8:13 9-10:7 11-13:5 14-15:0",
    ("saps2", "admission_kind"): "0-0:0 1-1:6 2-2:8",
    # Charlson 1994, by decades.
    ("charlson_age", "age"): "<=49:0 50-59:1 60-69:2 70-79:3 >=80:4",
}

FLAGS: dict[tuple[str, str], int] = {
    ("sofa", "dobutamine"): 2, ("sofa", "dopamine"): 2, ("sofa", "adrenergic"): 3,
    ("saps2", "aids"): 17, ("saps2", "haematologic_malignancy"): 10, ("saps2", "metastatic_cancer"): 9,
    ("saps2", "coded_diagnosis"): 0,
    # Charlson 1987, table 3.
    **{("charlson", name): 1 for name in (
        "myocardial_infarction", "congestive_heart_failure", "peripheral_vascular_disease",
        "cerebrovascular_disease", "dementia", "chronic_pulmonary_disease", "rheumatic_disease", "peptic_ulcer",
        "mild_liver_disease", "diabetes",
    )},
    **{("charlson", name): 2 for name in (
        "diabetes_with_complications", "paraplegia", "renal_disease", "malignancy",
    )},
    ("charlson", "severe_liver_disease"): 3, ("charlson", "metastatic_tumour"): 6, ("charlson", "aids"): 6,
}  # fmt: skip

HIGHEST = {
    "news2": 20, "news2_scale2": 20, "mews": 14, "qsofa": 3, "sofa": 24, "saps": 56, "saps2": 163, "charlson": 29,
    "charlson_age": 33,
}  # fmt: skip
"""The highest score that each publication has."""


def measure_of(score: str, name: str) -> Measure:
    return next(one for _, _, one in SCORES[score].measures() if one.input == name)


def ends(published: str) -> Iterator[tuple[float, int]]:
    """Yield the ends of each range with its points."""
    for part in published.split():
        found = re.fullmatch(r"(?:(?:<=|>=)([\d.]+)|([\d.]+)-([\d.]+)):(\d+)", part)
        assert found is not None, part
        for end in found.groups()[:3]:
            if end is not None:
                yield float(end), int(found[4])


@pytest.mark.parametrize(("score", "name"), PUBLISHED)
def test_points_are_those_of_the_publication_at_both_ends_of_every_range(score: str, name: str) -> None:
    one = measure_of(score, name)
    checked = list(ends(PUBLISHED[score, name]))
    assert [(end, one.points(end)) for end, _ in checked] == checked
    assert set(one.ladder.points) == {points for _, points in checked}


@pytest.mark.parametrize(("score", "name"), FLAGS)
def test_what_is_there_or_not_has_the_weight_of_the_publication(score: str, name: str) -> None:
    assert measure_of(score, name).ladder.points == (FLAGS[score, name],)


def test_no_measure_of_any_score_goes_unchecked() -> None:
    same = {"news2_scale2": "news2", "charlson_age": "charlson"}
    checked = {*PUBLISHED, *FLAGS}
    for score in SCORES.values():
        for _, _, one in score.measures():
            assert {(score.name, one.input), (same.get(score.name, score.name), one.input)} & checked
            twin = same.get(score.name)
            if twin is not None and (score.name, one.input) not in checked:
                assert one == measure_of(twin, one.input)


@pytest.mark.parametrize("name", SCORES)
def test_the_highest_score_is_that_of_the_publication(name: str) -> None:
    assert SCORES[name].most == HIGHEST[name]


@pytest.mark.parametrize("name", SCORES)
def test_ladders_climb_and_every_source_is_named(name: str) -> None:
    score = SCORES[name]
    assert re.search(r"\d{4};|RCP, 2017", score.source)
    assert len({part.name for part in score.components}) == len(score.components)
    for _, _, one in score.measures():
        assert list(one.ladder.lows) == sorted(set(one.ladder.lows))
        assert len(one.ladder.lows) == len(one.ladder.points)


@given(value=st.floats(-1e6, 1e6))
def test_any_value_has_points_between_none_and_the_most(value: float) -> None:
    for score in SCORES.values():
        for part, _, one in score.measures():
            assert 0 <= one.points(value) <= part.most


FALLS = {
    "news2": ["coma_scale"],
    "mews": ["coma_scale"],
    "sofa": ["oxygenation", "oxygenation_supported", "platelets", "mean_pressure", "coma_scale", "urine_output"],
    "saps": ["coma_scale"],
    "saps2": ["coma_scale", "bicarbonate", "urine_output", "oxygenation_supported"],
}
RISES = {
    "sofa": ["bilirubin", "creatinine", "dopamine_rate", "adrenergic_rate"],
    "saps": ["age"],
    "saps2": ["age", "bilirubin", "urea_nitrogen", "temperature"],
    "charlson_age": ["age"],
}
MONOTONE = {(score, name): -1 for score, names in FALLS.items() for name in names}
MONOTONE |= {(score, name): 1 for score, names in RISES.items() for name in names}


@pytest.mark.parametrize(("score", "name"), MONOTONE)
@given(values=st.tuples(st.floats(0, 500), st.floats(0, 500)))
def test_what_is_worse_has_no_fewer_points(score: str, name: str, values: tuple[float, float]) -> None:
    one, (low, high) = measure_of(score, name), sorted(values)
    better, worse = (low, high) if MONOTONE[score, name] > 0 else (high, low)
    assert one.points(better) <= one.points(worse)


@pytest.mark.parametrize(("points", "percent"), [(29, 10), (40, 25), (52, 50), (64, 75), (77, 90)])
def test_mortality_by_saps_2_is_that_of_the_publication(points: int, percent: float) -> None:
    mortality = SCORES["saps2"].mortality
    assert mortality is not None
    assert 100 * mortality.risk(points) == pytest.approx(percent, abs=1)


def test_every_input_has_a_concept_with_codes_and_every_measure_an_input() -> None:
    predicates = read_concepts().predicates
    asked = {one.input for score in SCORES.values() for _, _, one in score.measures()}
    assert asked <= INPUTS.keys() | DERIVED.keys()
    assert all(title_of(name) for name in asked)
    assert {one.concept for one in INPUTS.values()} - predicates.keys() == {"age"}
    assert read_concepts(["physionet2012.yaml"]).predicates.keys() <= {one.concept for one in INPUTS.values()}
