"""eICU-CRD with faults: what is refused, what is told, and that every row is accounted for."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.deletion import delete_subject
from ehr.importers import IMPORTERS, ImportOptions
from ehr.importers.eicu import TABLES
from tests.ehr.eicu_made import COLUMNS, Table, stay, write_eicu
from tests.ehr.mimic_made import Imported


def imported(tmp_path: Path, *, patients: Table | None = None, **tables: Table) -> Imported:
    return Imported(tmp_path / "store", write_eicu(tmp_path / "eicu", tables, patients=patients), "eicu")


def lab(**cells: str) -> dict[str, str]:
    return {"labresultoffset": "10", "labname": "sodium", "labresult": "140", **cells}


def refused(done: Imported) -> list[Any]:
    return done.ask("SELECT line, code, reason, excerpt FROM reject ORDER BY source_id, line")


def test_rows_without_a_stay_a_time_or_a_name_are_refused(tmp_path: Path) -> None:
    rows = [
        lab(),
        lab(patientunitstayid="999"),
        lab(patientunitstayid="x"),
        lab(labresultoffset="soon"),
        lab(labresultoffset="99999999999"),
        lab(labname=""),
    ]
    done = imported(tmp_path, lab=rows)
    assert refused(done) == [
        (
            2,
            "unknown-subject",
            "patientunitstayid is no stay of patient that went in",
            "labid=2, patientunitstayid=999",
        ),
        (3, "bad-cell", "patientunitstayid is not an integer", "labid=3, patientunitstayid=x"),
        (4, "bad-time", "labresultoffset is not a number of minutes", "labid=4, labresultoffset=soon"),
        (5, "bad-time", "labresultoffset is not a number of minutes", "labid=5, labresultoffset=99999999999"),
        (6, "no-code", "labname is missing", "labid=6, labname="),
    ]
    assert (done.file("lab").accepted, done.file("lab").rejected) == (1, 5)
    done.close()


def test_patients_that_cannot_be_placed_are_refused(tmp_path: Path) -> None:
    rows = [
        stay("1", hospitaldischargeyear=""),
        stay("2", hospitaldischargeyear="15"),
        stay("3", hospitaldischargeoffset="", unitdischargeoffset="", uniquepid="002-3"),
        stay("4", uniquepid=""),
        stay("5", hospitaldischargeoffset="", uniquepid="002-5"),
    ]
    done = imported(tmp_path, patients=rows)
    assert [(line, code) for line, code, _, _ in refused(done)] == [
        (1, "bad-cell"),
        (2, "bad-time"),
        (3, "no-time"),
        (4, "bad-cell"),
    ]
    assert done.ask("SELECT class, end_time IS NULL FROM encounter ORDER BY class") == [
        ("icu", False),
        ("inpatient", True),
    ]
    done.close()


def test_a_row_that_repeats_is_skipped_and_a_key_that_is_taken_refused(tmp_path: Path) -> None:
    rows = [lab(labid="1"), lab(labid="1"), lab(labid="1", labresult="150")]
    done = imported(tmp_path, lab=rows)
    report = done.file("lab")
    assert (report.accepted, report.skipped, report.rejected) == (1, 1, 1)
    assert [code for _, code, _, _ in refused(done)] == ["conflict"]
    done.close()


def test_a_number_that_is_none_leaves_its_text(tmp_path: Path) -> None:
    done = imported(tmp_path, lab=[lab(labresult="high", labresulttext="")])
    assert done.ask("SELECT numeric_value, text_value FROM event WHERE starts_with(code, 'LAB')") == [(None, "high")]
    assert done.told("lab", table="notice") == [(1, "labresult is not a number: value left NULL, text kept")]
    done.close()


def test_ends_before_the_beginning_are_left_out(tmp_path: Path) -> None:
    done = imported(tmp_path, patients=[stay(unitdischargeoffset="-5", hospitaladmitoffset="9000")])
    assert done.ask("SELECT count(*) FROM encounter WHERE end_time < start_time") == [(0,)]
    assert done.ask('SELECT count(*) FROM event WHERE end_time < "time"') == [(0,)]
    reasons = [reason for _, reason in done.told("patient", table="notice")]
    assert "unitdischargeoffset is before the admission: end left NULL" in reasons
    assert "hospitaladmitoffset is after hospitaldischargeoffset: end left NULL" in reasons
    done.close()


def test_a_file_without_its_columns_or_unknown_is_told_and_the_others_go_in(tmp_path: Path) -> None:
    source = write_eicu(tmp_path / "eicu", {"treatment": [{"treatmentoffset": "5", "treatmentstring": "a"}]})
    (source / "lab.csv").write_text("labid,patientunitstayid,labname\n1,141,sodium\n")
    (source / "extra.csv").write_text("a,b\n1,2\n")
    (source / "note.csv").write_text("")
    done = Imported(tmp_path / "store", source, "eicu")
    assert done.report.failed == ("lab.csv",)
    assert done.told("lab") == [(None, "required column labresultoffset is missing")]
    assert done.file("extra").skipped == 1
    assert done.file("note").status == "empty"
    assert done.file("treatment").accepted == 1
    done.close()


def test_the_same_folder_again_changes_nothing(tmp_path: Path) -> None:
    done = imported(tmp_path, lab=[lab()], treatment=[{"treatmentoffset": "5", "treatmentstring": "a"}])
    before = done.ask("FROM event ORDER BY event_id")
    again = IMPORTERS["eicu"](done.store, tmp_path / "eicu", ImportOptions())
    assert (len(again.unchanged), again.events, again.encounters) == (3, 0, 0)
    assert done.ask("FROM event ORDER BY event_id") == before
    done.close()


def test_tables_may_follow_their_patients_later(tmp_path: Path) -> None:
    done = imported(tmp_path)
    later = write_eicu(tmp_path / "later", {"lab": [lab()]})
    (later / "patient.csv").unlink()
    report = IMPORTERS["eicu"](done.store, later, ImportOptions())
    assert (report.events, report.rejected) == (1, 0)
    done.close()


def test_a_later_file_renews_the_rows_that_changed(tmp_path: Path) -> None:
    done = imported(tmp_path, lab=[lab(labid="1"), lab(labid="2")])
    later = write_eicu(tmp_path / "later", {"lab": [lab(labid="2", labresult="150"), lab(labid="3")]})
    IMPORTERS["eicu"](done.store, later, ImportOptions())
    query = "SELECT record_id, numeric_value FROM event WHERE starts_with(code, 'LAB') ORDER BY 1"
    assert done.ask(query) == [("lab/1", 140), ("lab/2", 150), ("lab/3", 140)]
    done.close()


def test_a_patient_who_was_deleted_stays_out(tmp_path: Path) -> None:
    done = imported(tmp_path, lab=[lab()])
    delete_subject(done.store, "002-1")
    again = write_eicu(tmp_path / "again", {"lab": [lab(labresult="141")]}, patients=[stay(age="71")])
    IMPORTERS["eicu"](done.store, again, ImportOptions())
    assert done.ask("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM encounter)") == [(0, 0)]
    assert done.ask("SELECT DISTINCT code FROM reject ORDER BY 1") == [("deleted-subject",), ("unknown-subject",)]
    done.close()


def test_nothing_that_only_the_discharge_tells_is_known_before_it(tmp_path: Path) -> None:
    """Outcomes change; what happened before the discharge from the unit stays the same."""
    tables: dict[str, Table] = {
        "diagnosis": [{"diagnosisoffset": "5", "diagnosisstring": "a", "activeupondischarge": "True"}],
        "treatment": [{"treatmentoffset": "5", "treatmentstring": "a", "activeupondischarge": "True"}],
        "apachePatientResult": [{"apachescore": "9", "actualhospitalmortality": "ALIVE", "actualiculos": "1"}],
        "apachePredVar": [{"diabetes": "1", "diedinhospital": "0", "dischargelocation": "4"}],
        "microLab": [{"culturetakenoffset": "5", "culturesite": "Sputum", "organism": "none"}],
    }
    other: dict[str, Table] = {
        "diagnosis": [{**tables["diagnosis"][0], "activeupondischarge": "False"}],
        "treatment": [{**tables["treatment"][0], "activeupondischarge": "False"}],
        "apachePatientResult": [{"apachescore": "9", "actualhospitalmortality": "EXPIRED", "actualiculos": "9"}],
        "apachePredVar": [{"diabetes": "1", "diedinhospital": "1", "dischargelocation": "8"}],
        "microLab": [{**tables["microLab"][0], "organism": "E. coli"}],
    }
    died = stay(hospitaldischargestatus="Expired", unitdischargestatus="Expired", hospitaldischargelocation="Death")
    query = """
        SELECT "time", code, numeric_value, text_value, status FROM event
        WHERE "time" < (SELECT end_time FROM encounter WHERE class = 'icu') ORDER BY ALL
    """
    one = imported(tmp_path / "one", **tables)
    two = imported(tmp_path / "two", patients=[died], **other)
    assert one.ask(query) == two.ask(query)
    assert len(one.ask(query)) > 8
    one.close()
    two.close()


cells = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "1440", "OFF", "> 89", "518.81, J96.00", "1e400", "NaN", "'", '"', "a|b", "//"]
    ),
    st.text(max_size=6).filter(lambda text: "\0" not in text),
)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(TABLES), st.lists(st.dictionaries(st.integers(1, 40), cells, max_size=12), max_size=4))
def test_whatever_the_cells_hold_every_row_is_accounted_for(spec: Any, faults: list[dict[int, str]]) -> None:
    columns = COLUMNS[spec.name].split()
    rows = [
        {column: fault.get(place, "5" if column.endswith("offset") else "") for place, column in enumerate(columns)}
        | {"patientunitstayid": "141", columns[0]: str(number)}
        for number, fault in enumerate(faults)
    ]
    with TemporaryDirectory() as folder:
        done = imported(Path(folder), **{spec.name: rows})
        report = done.file(spec.name)
        assert report.rows_in == report.accepted + report.rejected + report.skipped == len(rows)
        assert report.rejected == done.ask("SELECT count(*) FROM reject")[0][0]
        assert done.ask("SELECT count(*) FROM event WHERE \"time\" IS NULL AND code <> 'GENDER//F'") == [(0,)]
        done.close()


def test_tables_without_rows_are_empty(tmp_path: Path) -> None:
    done = imported(tmp_path, **{spec.name: [] for spec in TABLES})
    assert {done.file(spec.name).status for spec in TABLES} == {"empty"}
    assert done.report.rejected == 0
    done.close()
