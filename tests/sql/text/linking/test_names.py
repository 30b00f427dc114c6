"""Names and ids of a database in questions."""

import pytest

from sql.text.linking import How, LinkIndex, link


def linked(question: str, index: LinkIndex) -> list[tuple[str, object]]:
    """Return the placeholders and values of a question."""
    return [(slot.placeholder, slot.value) for slot in link(question, index).slots]


@pytest.mark.parametrize(
    ("question", "slots"),
    [
        ("What was patient 10018081's last sodium?", [("[patient_1]", 10018081), ("[lab_1]", "sodium")]),
        ("Any Alzheimer's Disease in subject id 7?", [("[diagnosis_1]", "alzheimer's disease"), ("[patient_1]", 7)]),
        ("the lymphs# and lymphs of all", [("[lab_1]", "lymphs#"), ("[lab_2]", "lymphs")]),
        ("the macrophage and the macrophages", [("[lab_1]", "macrophage"), ("[lab_2]", "macrophages")]),
        ("mean % hemoglobin a1c of women", [("[lab_1]", "% hemoglobin a1c"), ("[sex_1]", "f")]),
        ("how many got heparin flush (10 units/ml)?", [("[drug_1]", "heparin flush (10 units/ml)")]),
        ("total calcium and ld", [("[lab_1]", "calcium, total"), ("[lab_2]", "lactate dehydrogenase (ld)")]),
        ("How much does patient 7 weigh?", [("[patient_1]", 7), ("[vital_1]", "daily weight")]),
        ("mean hr of patient 7", [("[vital_1]", "heart rate"), ("[patient_1]", 7)]),
        ("the serum sodium and tylenol", [("[lab_1]", "sodium"), ("[drug_1]", "acetaminophen")]),
        ("the 0.9% sodium chloride", [("[drug_1]", "0.9% sodium chloride")]),
        ("diagnosed with chronic kidney disease stage 3 moderate",
         [("[diagnosis_1]", "chronic kidney disease, stage 3 (moderate)")]),
        ("cholera due to vibrio cholerae", [("[diagnosis_1]", "cholera due to vibrio cholerae")]),
    ],
)  # fmt: skip
def test_names_link_however_they_are_written(
    question: str, slots: list[tuple[str, object]], index: LinkIndex
) -> None:
    assert linked(question, index) == slots


@pytest.mark.parametrize(
    "question",
    [
        "can i see the bag of patient records",
        "is there any other test today",
        "what other drugs are there",
        "who has an id",
        "was there a bag",
        "is the patient male or female",
        "how are h and i related",
    ],
)
def test_ordinary_words_are_no_names(question: str, index: LinkIndex) -> None:
    assert link(question, index).slots == ()


@pytest.mark.parametrize(
    ("question", "slots"),
    [
        ("how many were prescribed a bag", [("[drug_1]", "bag")]),
        ("prescription of soln and bag", [("[drug_1]", "soln"), ("[drug_2]", "bag")]),
        ("the last test for h", [("[lab_1]", "h")]),
        ("got a other lab test", [("[lab_1]", "other")]),
        ("given via the id route", [("[route_1]", "id")]),
        ("the drug named bag", [("[drug_1]", "bag")]),
    ],
)
def test_ordinary_words_are_names_where_their_kind_is_announced(
    question: str, slots: list[tuple[str, object]], index: LinkIndex
) -> None:
    assert linked(question, index) == slots


def test_a_name_of_two_kinds_leaves_the_kind_open(index: LinkIndex) -> None:
    found = link("the sodium, albumin and sodium of all", index)
    assert found.text == "the [lab_1], [drug_1+lab_2] and [lab_3] of all"
    assert found.value("lab_2") == found.value("drug_1") == "albumin"
    assert found.value("lab_3") == "sodium"
    assert found.find("lab_4") is None
    assert found.value("output_1") is None


def test_a_name_of_several_values_has_no_margin(index: LinkIndex) -> None:
    slot = link("the chest tube output", index).slots[0]
    assert {one.value for one in slot.candidates} == {"chest tube #1", "chest tube #2"}
    assert slot.margin == 0
    assert link("the chest tube #2 output", index).slots[0].value == "chest tube #2"


def test_words_of_a_title_give_the_titles_they_may_mean(index: LinkIndex) -> None:
    slot = link("patients with hypertension nos", index).slots[0]
    assert (slot.value, slot.how) == ("unspecified essential hypertension", How.PARTIAL)
    assert slot.score < link("unspecified essential hypertension", index).slots[0].score


@pytest.mark.parametrize("said", ["congestive heart failure", "heart failure"])
def test_part_of_a_used_title_wins_over_a_title_without_records(said: str, index: LinkIndex) -> None:
    assert linked(f"had {said}", index) == [("[diagnosis_1]", "congestive heart failure, unspecified")]


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("unspecified essential hypertenson", "unspecified essential hypertension"),
        ("the latest albumni", "albumin"),
        ("congestive haert failure, unspecified", "congestive heart failure, unspecified"),
        ("essential hypertnesion", "unspecified essential hypertension"),
    ],
)
def test_spelling_errors_are_put_right(question: str, value: str, index: LinkIndex) -> None:
    slot = link(question, index).slots[0]
    assert slot.value == value
    assert slot.score < 0.9


def test_an_unknown_patient_is_a_patient(index: LinkIndex) -> None:
    slot = link("the sodium of patient 54894", index).slots[1]
    assert (slot.kinds, slot.value, slot.how) == (("patient",), 54894, How.UNKNOWN)


def test_words_that_did_not_link_are_told(index: LinkIndex) -> None:
    found = link("Does patient 7 have a brain scan after splenectomy?", index)
    assert found.unlinked == ("brain",)
    assert found.unknown == ("scan", "splenectomy")
