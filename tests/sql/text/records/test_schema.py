"""Catalogue files: what a good one says, and which key a bad one is refused for."""

from datetime import datetime
from pathlib import Path

import pytest

from ehr.errors import CatalogueError, QuestionError
from sql.text.records.grammar import Grammar
from sql.text.records.schema import parse_catalogue, read_catalogue
from sql.text.records.shape import CatalogueShape

GOOD = """
name: made
clock: 2020-01-01 12:00:00
patients: {kind: patient, death: death}
age: {kind: stay, field: age}
charges: {table: bills, amount: euro, time: at, stay: stay, record: what, type: sort}
conventions: {months: overflow}
kinds:
  patient:
    noun: [patient, patients]
    table: people
    row: id
    subject: id
    fields: {death: {column: died, type: time}}
  stay:
    noun: [stay, stays]
    table: stays
    row: id
    subject: who
    key: id
    stay: id
    where: {sort: [ward], begin: true}
    fields:
      time: {column: begin, type: time}
      end: {column: finish, type: time}
      age: {column: age, type: number}
  lab:
    noun: [test, tests]
    table: tests
    row: id
    subject: who
    stay: stay
    charged: tests
    normal: {sodium: [135, 145]}
    fields:
      time: {column: at, type: time}
      name: {column: code, slot: lab, lookup: {table: codes, key: code, label: title, where: {sort: lab}}}
      value: {column: number, type: number, stored: float}
"""

BAD = [
    ("clock: 2020-01-01 12:00:00", "clock: noon", "clock must be a time"),
    ("clock: 2020-01-01 12:00:00", "", "clock is missing"),
    ("name: made", "name: 3", "name must be a text"),
    ("months: overflow", "months: never", "conventions.months must be one of clip, overflow"),
    ("months: overflow", "years: never", "conventions.years is not known here"),
    ("kind: patient, death", "kind: people, death", "patients.kind must be one of the kinds, patient, stay, lab"),
    ("death: death}", "death: end}", "patients.death must be a field of the kind patient"),
    ("kind: stay, field: age", "kind: stay, field: years", "age.field must be a field"),
    ("noun: [test, tests]", "noun: test", "kinds.lab.noun must be two texts"),
    ("stored: float", "stored: half", "kinds.lab.fields.value.stored must be one of double, float, text"),
    ("slot: lab,", "slot: date,", "kinds.lab.fields.name.slot must be a plain lower-case word other than"),
    ("  lab:\n", "  first:\n", "'first' cannot name a kind of records"),
    ("value: {column: number", "since: {column: number", "'since' cannot name a field"),
    ("value: {column: number, type: number", "value: {column: number", "value must have the type number"),
    ("normal: {sodium: [135, 145]}", "normal: {sodium: [145, 135]}", "kinds.lab.normal.sodium must be two numbers"),
    ("where: {sort: [ward], begin: true}", "where: {sort: ward}", "kinds.stay.where.sort must be a list of texts"),
    ("    key: id\n", "", "kinds.stay must have a key and the fields time and end"),
    ("type: sort}", "type: sort, colour: red}", "charges.colour is not known here"),
    ("lookup: {table: codes, key: code,", "lookup: {table: codes,", "kinds.lab.fields.name.lookup.key is missing"),
    ("fields: {death: {column: died, type: time}}", "fields: {}", "kinds.patient.fields is empty"),
    ("charges: {table", "charges: [{table", "line 7: no YAML"),
    (GOOD, "- one", "the file must be a mapping"),
]


def test_a_good_file_says_where_everything_stands() -> None:
    catalogue = parse_catalogue(GOOD, "made.yaml")
    lab = catalogue.kind("lab")
    assert catalogue.clock == datetime(2020, 1, 1, 12)
    assert lab.normal == {"sodium": (135.0, 145.0)}
    assert lab.fields["name"].lookup is not None
    assert lab.fields["name"].lookup.where == {"sort": "lab"}
    assert catalogue.kind("stay").where == {"sort": ("ward",), "begin": True}
    assert catalogue.conventions.months == "overflow"
    assert catalogue.tables() == {
        "people": {"id", "died"},
        "stays": {"id", "who", "sort", "begin", "finish", "age"},
        "tests": {"id", "who", "stay", "at", "code", "number"},
        "codes": {"code", "title", "sort"},
        "bills": {"euro", "at", "stay", "what", "sort"},
    }


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[said for *_, said in BAD])
def test_a_bad_file_is_refused_with_file_and_key(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogueError) as raised:
        parse_catalogue(GOOD.replace(old, new), "made.yaml")
    assert "made.yaml" in str(raised.value)
    assert said in str(raised.value)


def test_a_file_is_read_by_path_or_by_name(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_catalogue(path).name == "made"
    assert read_catalogue("anamnesis", datetime(2020, 1, 1)).clock == datetime(2020, 1, 1)
    with pytest.raises(CatalogueError, match="no catalogue file"):
        read_catalogue(tmp_path / "other.yaml")
    with pytest.raises(CatalogueError, match="built in are anamnesis, mimic_iv_ehrsql"):
        read_catalogue("nobody")


def test_kinds_and_fields_that_are_not_described_are_refused_with_those_that_are() -> None:
    catalogue = parse_catalogue(GOOD, "made.yaml")
    with pytest.raises(QuestionError, match="it has patient, stay, lab"):
        catalogue.kind("vital")
    with pytest.raises(QuestionError, match="they have time, name, value"):
        catalogue.field("lab", "unit")


def test_the_grammar_offers_what_the_catalogue_can_answer() -> None:
    grammar = Grammar(CatalogueShape(parse_catalogue(GOOD, "made.yaml")))
    assert grammar.allowed(["length"]) == {"stay"}
    assert grammar.allowed(["cost"]) == {"lab"}
    assert grammar.allowed(["list", "patient"]) == {"death"}
    assert "new" in grammar.allowed([])
    assert {"of", "aged", "last_stay", "normal", "first"} <= grammar.allowed(["list", "lab", "value"])
    assert not {"of_sex", "last_icu"} & grammar.allowed(["list", "lab", "value"])
    with pytest.raises(QuestionError, match="'vital' may not follow list"):
        grammar.query(["list", "vital", "value"])
