"""What a view can be run on: single resources, arrays, Bundles, NDJSON, gzip, folders; nothing else is read."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from ehr.errors import SourceError, ViewError
from sql.views.definition import read_view
from sql.views.run import load_view, run_view

VIEW = {"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}
A, B = ({"resourceType": "Patient", "id": name} for name in "ab")
OTHER = {"resourceType": "Group", "id": "g"}


def bundle(*resources: Any) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": [*entries, {"response": {"status": "200"}}]}


def lines(*resources: Any) -> bytes:
    return b"\n".join(orjson.dumps(one) for one in resources)


CONTENTS = {
    "one.json": orjson.dumps(A, option=orjson.OPT_INDENT_2),
    "array.json": orjson.dumps([A, OTHER, B], option=orjson.OPT_INDENT_2),
    "bundle.json": orjson.dumps(bundle(A, OTHER, B)),
    "nested.json": orjson.dumps(bundle(bundle(A), B)),
    "lines.ndjson": lines(A, OTHER, B) + b"\n\n",
    "windows.ndjson": lines(A, OTHER, B).replace(b"\n", b"\r\n"),
    "mark.ndjson": b"\xef\xbb\xbf" + lines(A, B),
    "named.json": lines(A, B),
    "bundles.ndjson": lines(bundle(A), bundle(B)),
    "packed.ndjson.gz": gzip.compress(lines(A, B)),
    "packed.json.gz": gzip.compress(orjson.dumps(bundle(A, B))),
    "empty.ndjson": b"",
    "empty.json": b"[]",
}


def ids(*sources: Path, view: dict[str, Any] = VIEW) -> list[str]:
    return [row["id"] for row in run_view(read_view(view), sources).records()]


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_of_each_form_is_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(CONTENTS[name])
    expected = {"one.json": ["a"], "empty.ndjson": [], "empty.json": []}.get(name, ["a", "b"])
    assert ids(file) == expected


def test_folders_and_several_paths_are_read_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "2.ndjson").write_bytes(lines({**A, "id": "2"}))
    (folder / "1.json").write_bytes(orjson.dumps({**A, "id": "1"}))
    (folder / "inner" / "3.json").write_bytes(orjson.dumps({**A, "id": "3"}))
    (folder / ".hidden.json").write_bytes(b"not JSON")
    (folder / "notes.txt").write_bytes(b"not JSON")
    last = tmp_path / "last's.json"
    last.write_bytes(orjson.dumps({**A, "id": "4"}))
    assert ids(folder, last) == ["1", "2", "3", "4"]
    assert ids(last, folder) == ["4", "1", "2", "3"]


def test_a_view_of_bundles_gets_them_whole(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(orjson.dumps({**bundle(A), "id": "b"}))
    assert ids(file, view={**VIEW, "resource": "Bundle"}) == ["b"]


def test_many_rows_come_in_the_order_of_the_resources(tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    file.write_bytes(lines(*({**A, "id": str(number)} for number in range(50_000))))
    assert ids(file) == [str(number) for number in range(50_000)]


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b'{"resourceType": "Patient", "id"', SourceError, "no JSON at"),
        (b"{]", SourceError, "no JSON at|no JSON"),
        (b'{"id": "a"}', ViewError, "no resourceType"),
        (b"5", ViewError, "no resourceType"),
        (gzip.compress(lines(A), mtime=0)[:-12], SourceError, "end of GZIP stream"),
    ],
)
def test_what_is_no_resource_is_an_error(tmp_path: Path, content: bytes, error: type[Exception], reason: str) -> None:
    file = tmp_path / ("x.json.gz" if content[:2] == b"\x1f\x8b" else "x.json")
    file.write_bytes(content)
    with pytest.raises(error, match=reason):
        ids(file)


def test_paths_where_there_is_nothing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file or folder"):
        ids(tmp_path / "nowhere.json")
    with pytest.raises(SourceError, match="holds no file"):
        ids(tmp_path)


def test_a_type_of_resource_that_there_is_not_is_an_error_where_there_are_no_rows(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(orjson.dumps(A))
    with pytest.raises(ViewError, match="'Patients' is no type of resource"):
        ids(file, view={**VIEW, "resource": "Patients"})
    assert ids(file, view={**VIEW, "resource": "Observation"}) == []


def test_an_item_deeper_than_any_view_is_compiled_for_at_first(tmp_path: Path) -> None:
    item: dict[str, Any] = {"linkId": "20"}
    for number in range(19, 0, -1):
        item = {"linkId": str(number), "item": [item]}
    file = tmp_path / "q.json"
    file.write_bytes(orjson.dumps({"resourceType": "QuestionnaireResponse", "item": [item]}))
    select = [{"repeat": ["item"], "column": [{"name": "id", "path": "linkId"}]}]
    assert ids(file, view={"resource": "QuestionnaireResponse", "select": select}) == [str(n) for n in range(1, 21)]


def test_a_view_that_repeats_itself_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(orjson.dumps(A))
    select = [{"repeat": ["$this"], "column": [{"name": "id", "path": "id"}]}]
    with pytest.raises(ViewError, match=r"select\[0\].repeat: repeat goes deeper than 512 levels"):
        ids(file, view={**VIEW, "select": select})


@pytest.mark.parametrize(
    "path", ["multipleBirth.ofType(integer) + 1", "madeUp and 1 > madeUp", "birthDate.lowBoundary()"]
)
def test_errors_hold_no_values_of_patients(tmp_path: Path, path: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(orjson.dumps({**A, "birthDate": "secret", "multipleBirthInteger": "secret", "madeUp": "secret"}))
    view = {**VIEW, "select": [{"column": [{"name": "id", "path": path, "type": "integer"}]}]}
    with pytest.raises(ViewError) as caught:
        ids(file, view=view)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"[1, NaN]", b'"text"', b"\xff"])
def test_a_definition_that_is_no_json_is_an_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "view.json"
    file.write_bytes(content)
    with pytest.raises((SourceError, ViewError), match=r"view\.json"):
        load_view(file)


def test_the_zeros_of_a_constant_count(tmp_path: Path) -> None:
    file = tmp_path / "view.json"
    file.write_bytes(
        b'{"resource": "Patient", "constant": [{"name": "c", "valueDecimal": 1.50}],'
        b' "select": [{"column": [{"name": "id", "path": "%c.lowBoundary()"}]}]}'
    )
    patient = tmp_path / "a.json"
    patient.write_bytes(orjson.dumps(A))
    assert run_view(load_view(file), [patient]).records() == [{"id": 1.495}]


def test_references_by_urn_within_a_bundle_are_keys_of_what_they_stand_for(tmp_path: Path) -> None:
    view = read_view({"resource": "Observation", "select": [{"column": [
        {"name": "id", "path": "id"},
        {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
        {"name": "group", "path": "subject.getReferenceKey(Group)"},
        {"name": "any", "path": "subject.getReferenceKey()"},
        {"name": "said", "path": "subject.reference"},
        {"name": "whole", "path": "subject"},
    ]}]})  # fmt: skip

    def observation(name: str, reference: str) -> dict[str, Any]:
        note = [{"text": '"reference":"urn:uuid:1" and \\ more'}]
        return {"resourceType": "Observation", "id": name, "note": note, "subject": {"reference": reference}}

    entries = [
        {"fullUrl": "urn:uuid:1", "resource": A},
        {"fullUrl": "urn:uuid:2", "resource": OTHER},
        {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "Patient", "id": 'no "id"'}},
        *({"resource": observation(str(number), f"urn:uuid:{number}")} for number in range(1, 5)),
        {"resource": observation("5", "Patient/x")},
    ]
    file = tmp_path / "bundle.json"
    file.write_bytes(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    found = run_view(view, [file]).records()
    assert [(row["patient"], row["group"], row["any"]) for row in found] == [
        ("a", None, "a"), (None, "g", "g"), (None, None, "3"), (None, None, "4"), ("x", None, "x")
    ]  # fmt: skip
    assert [row["said"] for row in found] == [*(f"urn:uuid:{number}" for number in range(1, 5)), "Patient/x"]
    assert all(row["whole"] == {"reference": row["said"]} for row in found)


def test_a_document_longer_than_duckdb_expects_is_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "long.json"
    file.write_bytes(orjson.dumps(bundle({**A, "text": {"div": "x" * (20 << 20)}}, B)))
    assert ids(file) == ["a", "b"]
