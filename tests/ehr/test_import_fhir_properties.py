"""Laws of the FHIR importer: whatever the input, it does not crash, and every record is counted once."""

import copy
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.events import HEADS, head_of
from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir, import_resources
from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_fields import R4_TYPES, SHAPES
from ehr.importers.fhir_questionnaires import is_loinc
from ehr.importers.fhir_record import Codes, Record
from ehr.importers.fhir_resources import read_resource
from ehr.importers.fhir_values import LeftOut, Refused, Scope
from ehr.intake import ImportReport
from ehr.reasons import Reason
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made

SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "2020-13-45",
        "2020",
        "0000-01-01",
        "2020-05-01T08:00:00Z",
        "entered-in-error",
        "final",
        "Patient/p1",
        "Patient/",
        "urn:uuid:p1",
        "#x",
        "Patient?a=b",
        "https://x/Patient/p1",
        "//",
        "a//b",
        "é\u0000",
    ]
) | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({field for fields in SHAPES.values() for field in fields})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every part of a resource."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*path, key)
        yield from places(value[key], (*path, key))


@st.composite
def broken_resources(draw: st.DrawFn) -> Any:
    """A valid resource with a few parts dropped, replaced, wrapped, doubled or added."""
    resource = copy.deepcopy(draw(st.sampled_from(made.one_of_every_type())))
    for _ in range(draw(st.integers(0, 3))):
        where = list(places(resource))
        if not where:
            break
        *path, key = draw(st.sampled_from(where))
        holder = resource
        for step in path:
            holder = holder[step]
        action = draw(st.sampled_from(["drop", "replace", "wrap", "unwrap", "add"]))
        if action == "drop":
            del holder[key]
        elif action == "replace":
            holder[key] = draw(ANYTHING)
        elif action == "wrap":
            holder[key] = [holder[key]]
        elif action == "unwrap" and isinstance(holder[key], list) and holder[key]:
            holder[key] = holder[key][0]
        elif action == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(FIELDS))] = draw(ANYTHING)
    return resource


@st.composite
def broken_texts(draw: st.DrawFn) -> bytes:
    """The JSON of a resource, sometimes with bytes cut out, doubled or changed."""
    text = orjson.dumps(draw(broken_resources() | ANYTHING))
    if draw(st.booleans()):
        return text
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    return (
        text[:start] + draw(st.sampled_from([b"", text[start:end] * 2, b"\xff", b"NaN", b"1e999", b"}"])) + text[end:]
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that the examples share: the ledger of each import is looked at on its own."""
    with opened(create_store(tmp_path_factory.mktemp("fhir") / "store")) as store:
        yield store


def check_ledger(store: Store, report: ImportReport, rows_in: int | None) -> None:
    (file,) = report.files
    assert rows_in is None or file.rows_in == rows_in
    assert file.rows_in == file.accepted + file.rejected + file.skipped
    source = f"source_id = {file.source_id}"
    cursor = store.cursor()
    assert cursor.execute(f"SELECT count(*) FROM reject WHERE {source}").fetchall() == [(file.rejected,)]
    odd = f"SELECT count(*) FROM event WHERE {source} AND (isinf(numeric_value) OR isnan(numeric_value))"
    assert cursor.execute(odd).fetchall() == [(0,)]
    homeless = f"SELECT count(*) FROM event WHERE {source} AND subject_id NOT IN (SELECT subject_id FROM subject)"
    assert cursor.execute(homeless).fetchall() == [(0,)]


ALLOWED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@ALLOWED
@given(resources=st.lists(broken_resources() | ANYTHING, max_size=12))
def test_no_resource_crashes_the_importer_or_is_lost(store: Store, resources: list[Any]) -> None:
    texts = [orjson.dumps(one) for one in resources]
    is_bundle = any(isinstance(one, dict) and one.get("resourceType") == "Bundle" for one in resources)
    report = import_resources(store, texts, "test", ImportOptions(billing=True))
    check_ledger(store, report, None if is_bundle else len(texts))


@ALLOWED
@given(lines=st.lists(broken_texts(), max_size=10), is_document=st.booleans())
def test_no_bytes_crash_the_importer_or_are_lost(store: Store, lines: list[bytes], is_document: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("x.json" if is_document else "x.ndjson")
        path.write_bytes(b"\n".join(lines))
        report = import_fhir(store, path, ImportOptions())
    if report.files:
        check_ledger(store, report, None)
    else:
        assert report.unchanged == (path.name,)


@ALLOWED
@given(entries=st.lists(broken_resources() | ANYTHING, max_size=10), extra=ANYTHING)
def test_no_bundle_crashes_the_importer(store: Store, entries: list[Any], extra: Any) -> None:
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(entries)] + [extra],
    }
    report = import_resources(store, [document], "test", ImportOptions())
    check_ledger(store, report, None)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(resource=broken_resources())
def test_a_reader_gives_well_formed_events_or_says_why_not(resource: Any) -> None:
    type_name = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(type_name, str) or type_name not in SHAPES:
        return
    record = Record(f"{type_name}/x", Scope(), Codes())
    try:
        read_resource(type_name, resource, record)
    except (Refused, LeftOut):
        return
    for _time, code, number, *texts, _until, status, name, codings, precision, offset, named_by in record.events:
        assert code is not None or named_by is not None
        assert code is None or head_of(code) in HEADS
        assert number is None or isinstance(number, float)
        assert all(text is None or isinstance(text, str) for text in (*texts, status))
        assert name.startswith(record.record_id)
        assert codings is None or (codings[0] == code and len(set(codings)) == len(codings) > 1)
        assert precision in {None, "year", "month", "day"}
        assert offset is None or abs(offset) < 15 * 60
    assert all(isinstance(kind, Reason) for kind, _ in record.notes)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(resource=broken_resources())
def test_the_strict_check_does_not_crash_either(store: Store, resource: Any) -> None:
    report = import_resources(store, [orjson.dumps(resource)], "test", ImportOptions(strict=True))
    check_ledger(store, report, None)


@given(
    when=st.datetimes(timezones=st.timezones(no_cache=False)).filter(
        lambda t: t.utcoffset() is not None and abs(t.utcoffset().total_seconds()) % 60 == 0  # type: ignore[union-attr]
    )
)
def test_an_instant_is_read_as_the_same_instant(when: Any) -> None:
    offset = when.utcoffset().total_seconds()
    if not (2 < when.year < 9998 and abs(offset) <= 14 * 3600):
        return
    read = moment(when.isoformat(), "x", [])
    assert read is not None
    assert read.time == read.first == read.last == (when - when.utcoffset()).replace(tzinfo=None)
    assert (read.precision, read.offset) == (None, offset // 60)


@given(text=st.text(alphabet="0123456789-T:Z+. ", max_size=25))
def test_what_is_read_as_a_date_begins_with_its_year(text: str) -> None:
    try:
        read = moment(text, "x", [])
    except Refused as reason:
        read = None
        told = str(reason)
        assert told == "bad x"
    assert read is None or abs(read.time.year - int(text[:4])) <= 1


@given(date=st.dates(), digits=st.sampled_from([4, 7, 10]))
def test_a_date_without_a_clock_time_stands_within_what_it_names(date: datetime.date, digits: int) -> None:
    text = date.isoformat()[:digits]
    read = moment(text, "x", [])
    assert read is not None
    assert read.first <= read.time <= read.last
    assert read.first.date() <= date <= read.last.date()
    assert read.shown == text == read.last.isoformat()[:digits]
    assert (read.last + datetime.timedelta(seconds=1)).isoformat()[:digits] != text if date.year < 9999 else True
    assert (read.precision, read.offset) == ({4: "year", 7: "month", 10: "day"}[digits], None)


@given(number=st.integers(1, 9_999_999), wrong=st.integers(1, 9))
def test_a_loinc_number_has_one_check_digit(number: int, wrong: int) -> None:
    (right,) = [digit for digit in range(10) if is_loinc(f"{number}-{digit}")]
    assert is_loinc(f"/{number}-{right}")
    assert not is_loinc(f"{number}-{(right + wrong) % 10}")


def test_every_type_that_is_read_is_of_r4() -> None:
    assert SHAPES.keys() <= R4_TYPES
