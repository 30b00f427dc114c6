"""Linking over the EHRSQL schema, through its catalogue."""

from pathlib import Path

import duckdb
import pytest

from sql.text.linking import LinkIndex, index_of, link
from sql.text.records.schema import read_catalogue
from sql.text.records.values import Duration


@pytest.fixture(scope="module")
def ehrsql(data_root: Path) -> LinkIndex:
    """Return the index of the EHRSQL database."""
    connection = duckdb.connect()
    for path in sorted((data_root / "ehrsql-2024" / "shared-task-1.0" / "db").glob("*.csv.gz")):
        connection.read_csv(str(path), all_varchar=True).to_table(path.name.removesuffix(".csv.gz"))
    return index_of(read_catalogue("mimic_iv_ehrsql"), connection)


def test_a_question_links_through_the_catalogue(ehrsql: LinkIndex) -> None:
    question = (
        "Since 9 months ago, was patient 10018081 who came from the ER given insulin via the po/ng route, with a"
        " stool culture and a lactate dehydrogenase (ld) test on 12/24/this year?"
    )
    found = link(question, ehrsql)
    assert found.text == (
        "Since [duration_1] ago, was patient [patient_1] who came from the [admission_location_1] given [drug_1] via"
        " the [route_1] route, with a [specimen_1+output_1] culture and a [lab_1] test on [month_day_1]/this year?"
    )
    assert found.value("duration_1") == Duration(9, "month")
    assert found.value("admission_location_1") == "emergency room"


def test_names_of_the_dictionary_link_though_no_record_uses_them(ehrsql: LinkIndex) -> None:
    slot = link("how many had cholera due to vibrio cholerae el tor", ehrsql).slots[0]
    assert (slot.kinds, slot.value) == (("diagnosis",), "cholera due to vibrio cholerae el tor")
    assert slot.candidates[0].records == 0
