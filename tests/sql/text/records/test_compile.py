"""Questions about a made hospital, with answers counted by hand; each must be the same on DuckDB and SQLite."""

from typing import Any

import pytest

from ehr.errors import QuestionError
from sql.text.records.compile import compile_records
from sql.text.records.linear import delinearize
from sql.text.records.schema import parse_catalogue
from tests.sql.text.records.hospital import CATALOGUE, Hospital

HF, PNEUMONIA = '="heart failure"', '="pneumonia"'

ASKED: list[tuple[str, list[tuple[Any, ...]]]] = [
    # whether, how many
    (f"exists diagnosis name {HF} of =1", [(1.0,)]),
    (f"exists diagnosis name {HF} of =2", [(0.0,)]),
    ('exists prescription name ="heparin" ="warfarin" of =1', [(1.0,)]),
    (f"count_records diagnosis name {HF}", [(3.0,)]),
    (f"count_patients diagnosis name {HF}", [(2.0,)]),
    (f"count_stays diagnosis name {HF} of =1", [(2.0,)]),
    ('count_patients procedure name ="insertion of catheter" times_exactly =2', [(1.0,)]),
    ('count_patients procedure name ="insertion of catheter" times_at_least =1', [(2.0,)]),
    ("count_patients stay current_stay", [(1.0,)]),
    ("count_patients stay aged =[20, 29] current_stay", [(1.0,)]),
    ("count_patients stay aged =[60, null]", [(1.0,)]),
    ("count_patients stay aged =40", [(1.0,)]),
    ('count_patients stay of_sex ="f"', [(2.0,)]),
    ("count_patients discharge this_year", [(2.0,)]),
    # fields
    ('list patient sex of =2', [("m",)]),
    ("list stay insurance of =1 last_stay", [("other",)]),
    ("list stay insurance of =1 first_stay", [("medicare",)]),
    ("list stay insurance of =3 current_stay", [("medicaid",)]),
    ("list stay end of =1 last", [("2100-06-03 09:00:00",)]),
    ("list stay end of =3", []),
    ('list_distinct prescription route name ="aspirin"', [("po",)]),
    ('list lab value name ="sodium" of =1 last', [(135.5,)]),
    ('list lab value name ="sodium" of =1 second', [(135.5,)]),
    ('list lab value name ="sodium" of =1 second_last', [(140.0,)]),
    ('list lab time name ="sodium" of =1 lowest first', [("2100-02-02 06:00:00",)]),
    ('list lab time name ="sodium" of =3 lowest first', [("2100-12-30 08:00:00",)]),
    ('list lab name of =2 first', [("sodium",)]),
    ("list microbiology organism of =1", [("e. coli",)]),
    ("list microbiology organism specimen =\"urine\" of =1 first", [("e. coli",)]),
    ("list_distinct procedure name of =1 times_exactly =2", [("insertion of catheter",)]),
    # windows
    ("count_records lab in =\"2100-06\"", [(3.0,)]),
    ("count_records lab since =\"2100-06-12\"", [(4.0,)]),
    ("count_records lab until =\"2100-01\"", [(1.0,)]),
    ("count_records lab since =\"2100-02\" until =\"2100-06\"", [(4.0,)]),
    ('count_records lab at ="2100-01-31 06:00:00"', [(1.0,)]),
    ("count_records lab today", [(1.0,)]),
    ("count_records lab yesterday", [(1.0,)]),
    ("count_records lab this_month", [(2.0,)]),
    ('count_records lab this_year ="06"', [(3.0,)]),
    ('count_records lab this_year ="01-31"', [(1.0,)]),
    ('count_records lab this_month ="30"', [(1.0,)]),
    ("count_records lab last_year", [(0.0,)]),
    ('count_records lab ago ={"month": 1}', [(2.0,)]),
    ('count_records lab ago ={"day": 1}', [(1.0,)]),
    ("count_records prescription of =1 last_stay", [(0.0,)]),
    ("count_records lab of =1 first_icu", [(1.0,)]),
    ('count_records vital name ="heart rate" first_icu', [(2.0,)]),
    ("count_records lab last_stay", [(3.0,)]),
    # numbers
    ('avg vital value name ="heart rate" of =1', [(104.5,)]),
    ('max vital value name ="heart rate" of =3 current_icu', [(75.0,)]),
    ("sum prescription value of =1", [(5085.5,)]),
    ("sum per_day input value of =1", [(250.0,), (500.0,)]),
    ('max_number per_month diagnosis name ="heart failure"', [(1.0,)]),
    ('exists vital name ="heart rate" of =3 normal', [(1.0,)]),
    ('never vital name ="heart rate" of =3 abnormal', [(0.0,)]),
    ('never vital name ="heart rate" of =2 abnormal', [(1.0,)]),
    ('count_records vital name ="heart rate" above_normal', [(1.0,)]),
    ("count_records vital below_normal", [(1.0,)]),
    ('count_records lab name ="sodium" below =130', [(1.0,)]),
    ('count_records lab name ="sodium" equal =140.0', [(2.0,)]),
    ("balance input output of =1", [(450.0,)]),
    ('percentile =128.0 lab name ="sodium" same_age =2 first_stay', [(0.0,)]),
    ('percentile =140.0 lab name ="sodium"', [(0.75,)]),
    # comparisons
    ('difference lab value name ="sodium" of =1 last versus first', [(-4.5,)]),
    ('greater vital value name ="heart rate" of =3 current_icu last versus current_icu first', [(1.0,)]),
    ('less lab value name ="sodium" of =1 first versus last', [(0.0,)]),
    ('difference vital value of =1 at ="2100-01-31 12:00:00" versus at ="2100-01-31 11:00:00"', [(33.0,)]),
    ("new prescription name of =3 today versus yesterday", [("insulin",)]),
    # times
    ("length icu of =1 first_icu", [(2.0,)]),
    ("hours_since icu of =3 current_icu", [(35.983333,)]),
    ('days_since lab name ="sodium" of =3 current_stay last', [(0.665972,)]),
    # the most frequent
    ("top =1 diagnosis name", [("heart failure",)]),
    ("top =2 diagnosis name", [("heart failure",), ("pneumonia",)]),
    ("top =2 prescription name", [("aspirin",), ("insulin",)]),
    ("top =1 microbiology specimen", [("blood",), ("urine",)]),
    # records that follow others
    (f"top =1 prescription name within ={{\"month\": 2}} diagnosis name {PNEUMONIA}", [("heparin",), ("insulin",)]),
    (f"count_patients lab name =\"sodium\" same_stay diagnosis name {PNEUMONIA}", [(2.0,)]),
    (f"count_records lab name =\"sodium\" same_month diagnosis name {HF}", [(2.0,)]),
    (f"count_records procedure after diagnosis name {HF}", [(4.0,)]),
    (
        'list prescription time name ="heparin" of =1 first same_time prescription name ="insulin"',
        [("2100-02-01 12:00:00",)],
    ),
    ('list prescription name of =1 same_day procedure name ="insertion of catheter"', [("heparin",), ("insulin",)]),
    # deaths
    ('mortality =1 ={"year": 1} diagnosis name', []),
    ('mortality =1 ={"month": 3} diagnosis name', [("pneumonia",)]),
    (f'survival ={{"month": 3}} lab name ="sodium" after diagnosis name {PNEUMONIA}', [(0.5,)]),
    (f'survival ={{"month": 3}} prescription name ="aspirin" after diagnosis name {PNEUMONIA}', [(None,)]),
    # costs
    (f"cost diagnosis name {HF}", [(7.5,), (8.5,)]),
    (f"max_cost diagnosis name {PNEUMONIA}", [(120.0,)]),
    (f"avg_cost diagnosis name {HF} in =\"2100-06\"", [(8.5,)]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "wanted"), ASKED, ids=[question for question, _ in ASKED])
def test_a_question_has_the_answer_counted_by_hand(
    hospital: Hospital, question: str, wanted: list[tuple[Any, ...]]
) -> None:
    assert hospital.answer(delinearize(split(question))) == sorted(wanted, key=repr)


def split(text: str) -> list[str]:
    """Return tokens; spaces within quotes, brackets and braces part none."""
    tokens: list[str] = []
    depth, quoted, begin = 0, False, True
    for letter in text:
        if letter == '"':
            quoted = not quoted
        depth += (letter in "[{") - (letter in "]}")
        if letter == " " and not quoted and not depth:
            begin = True
        elif begin:
            tokens.append(letter)
            begin = False
        else:
            tokens[-1] += letter
    return tokens


REFUSED = [
    ("list lab value of patient_1", "slot patient_1"),
    ("list lab route", "no 'route'"),
    ("list nothing value", "'nothing'"),
    ('count_records lab in ="2100-13"', "no date"),
    ('count_records lab in ="yesterday"', "no date"),
    ('count_records lab at ="noon"', "no point in time"),
    ("count_records lab ago =3", "no duration"),
    ('count_records lab above ="much"', "no number"),
    ("count_records diagnosis above =3", "no number"),
    ("count_records patient today", "no time"),
    ("cost vital", "no costs"),
    ("length lab", "no end"),
    ('exists vital name ="daily weight" normal', "normal range of daily weight"),
    ('count_records lab ago ={"year": 3000}', "before all dates"),
]


@pytest.mark.parametrize(("question", "said"), REFUSED, ids=[question for question, _ in REFUSED])
def test_what_the_catalogue_cannot_answer_is_said(question: str, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        compile_records(delinearize(split(question)), CATALOGUE)


def test_a_month_after_the_end_of_january_follows_the_convention() -> None:
    question = delinearize(split('count_records lab within ={"month": 1} diagnosis name ="heart failure"'))
    assert "DATE_TRUNC" in compile_records(question, CATALOGUE).sql("duckdb")
    plain = parse_catalogue(CLIPPING, "made.yaml")
    text = compile_records(delinearize(["count_records", "lab", "within", '={"month": 1}', "lab"]), plain).sql(
        "duckdb"
    )
    assert "DATE_TRUNC" not in text
    assert "INTERVAL '1' MONTH" in text


CLIPPING = """
name: made
clock: 2020-01-01 00:00:00
patients: {kind: patient}
kinds:
  patient: {noun: [patient, patients], table: p, row: id, subject: id, fields: {sex: {column: sex}}}
  lab:
    noun: [test, tests]
    table: l
    row: id
    subject: who
    fields: {time: {column: at, type: time}, name: {column: what, slot: lab}}
"""
