"""Gold SQL read back: its forms one by one, what is refused, and a sample of the real set against its answers."""

import json
from pathlib import Path

import pytest

from benchmarks.ehrsql_lift import judge, sqlite_run
from sql.text.records.grammar import Grammar
from sql.text.records.lift import lift
from sql.text.records.lifting import NotLifted
from sql.text.records.linear import linearize
from sql.text.records.shape import CatalogueShape
from tests.sql.text.records.hospital import CATALOGUE

STAYS = "SELECT admissions.hadm_id FROM admissions WHERE admissions.subject_id = 7"
ICU = f"SELECT icustays.stay_id FROM icustays WHERE icustays.hadm_id IN ({STAYS})"
LAB = "labevents.itemid IN (SELECT d_labitems.itemid FROM d_labitems WHERE d_labitems.label = 'sodium')"

FORMS = [
    (
        f"SELECT labevents.valuenum FROM labevents WHERE {LAB} AND labevents.hadm_id IN ({STAYS})"
        " AND strftime('%Y-%m', labevents.charttime) >= '2100-03' ORDER BY labevents.charttime DESC LIMIT 1 OFFSET 1",
        'list lab value name ="sodium" of =7 since ="2100-03" second_last',
    ),
    (
        f"SELECT COUNT(*)>0 FROM labevents WHERE labevents.hadm_id IN ({STAYS} AND admissions.dischtime IS NOT NULL"
        " ORDER BY admissions.admittime ASC LIMIT 1)",
        "exists lab of =7 first_stay",
    ),
    (
        "SELECT COUNT(*)>0 FROM labevents WHERE datetime(labevents.charttime,'start of year') ="
        " datetime(current_time,'start of year','-1 year') AND strftime('%m', labevents.charttime) = '04'",
        'exists lab last_year ="04"',
    ),
    (
        "SELECT COUNT(DISTINCT admissions.subject_id) FROM admissions WHERE admissions.dischtime IS NULL"
        " AND admissions.age >= 60",
        "count_patients stay aged =[60, null] current_stay",
    ),
    (
        "SELECT 24 * (strftime('%J', current_time) - strftime('%J', icustays.intime)) FROM icustays"
        f" WHERE icustays.hadm_id IN ({STAYS}) AND icustays.outtime IS NULL",
        "hours_since icu of =7 current_icu",
    ),
    (
        f"SELECT (SELECT SUM(inputevents.amount) FROM inputevents WHERE inputevents.stay_id IN ({ICU})) -"
        f" (SELECT SUM(outputevents.value) FROM outputevents WHERE outputevents.stay_id IN ({ICU}))",
        "balance input output of =7",
    ),
]  # fmt: skip

REFUSED = [
    ("DROP TABLE labevents", "no question"),
    ("SELECT (", "cannot be read"),
    ("SELECT labevents.valuenum FROM elsewhere", "no table of records"),
    ("SELECT labevents.valuenum FROM labevents WHERE abs(labevents.valuenum) > 3", "is not known"),
    (
        "SELECT labevents.valuenum FROM labevents WHERE strftime('%d', labevents.charttime) = '04'",
        "belongs to no month",
    ),
    ("SELECT labevents.valuenum FROM labevents ORDER BY labevents.charttime DESC LIMIT 3", "without LIMIT 1"),
    ("SELECT MEDIAN(labevents.valuenum) FROM labevents", "is not asked for"),
]


@pytest.mark.parametrize(("sql", "tokens"), FORMS, ids=[tokens for _, tokens in FORMS])
def test_a_form_is_read_as_its_question(sql: str, tokens: str) -> None:
    assert " ".join(linearize(lift(sql, CATALOGUE))) == tokens


@pytest.mark.parametrize(("sql", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_another_form_is_refused(sql: str, said: str) -> None:
    with pytest.raises(NotLifted, match=said):
        lift(sql, CATALOGUE)


def test_a_sample_of_the_real_questions_gives_the_official_answers(data_root: Path) -> None:
    folder = data_root / "ehrsql-2024" / "shared-task-1.0"
    if not folder.is_dir():
        pytest.skip(f"the EHRSQL questions are not at {folder}")
    run = sqlite_run(folder)
    grammar = Grammar(CatalogueShape(CATALOGUE))
    items = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    outcomes = [judge(item, CATALOGUE, grammar, run) for item in items[::50] if item["sql"]]
    assert len(outcomes) > 80
    assert [one for one in outcomes if one.verdict != "right"] == []
