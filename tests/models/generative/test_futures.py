import numpy as np
import pytest

from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.tasks import find_task, read_task
from ehr.tasks.reader import parse_task
from models.generative.futures import question
from tests.models.made import make_vocabulary

DAY = 86_400
VOCABULARY = make_vocabulary(codes=("A", "EVENT", "STOP", DEATH), gap_starts=(DAY, DAY + 1))
TASK = """
predicates:
  seen: {{code: EVENT}}
  stop: {{code: STOP}}
  death: {{code: MEDS_DEATH}}
  stop_or_event: {{expr: "or(stop, seen)"}}
trigger: stop
windows:
  past: {{start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}}
  target: {{start: past.end, end: {end}, start_inclusive: false, end_inclusive: {inclusive}, label: seen}}
"""


READY_CODES = (
    "A",
    "HOSPITAL_ADMISSION//EW EMER.//ED",
    "HOSPITAL_DISCHARGE//DIED",
    "HOSPITAL_DISCHARGE//HOME",
    "ICU_ADMISSION//MICU",
    DEATH,
)


def names(vocabulary, mask):
    return {vocabulary.tokens[token] for token in np.flatnonzero(mask)}


def test_the_ready_tasks_are_read_as_a_clinician_would():
    vocabulary = make_vocabulary(codes=READY_CODES, families=("DIAGNOSIS//*", "HOSPITAL_DISCHARGE//*"))
    mortality = question(read_task(find_task("in_hospital_mortality")), vocabulary)
    assert names(vocabulary, mortality.success.always) == {DEATH, "HOSPITAL_DISCHARGE//DIED"}
    assert names(vocabulary, mortality.stop.always) == {
        DEATH,
        "HOSPITAL_DISCHARGE//DIED",
        "HOSPITAL_DISCHARGE//HOME",
        "HOSPITAL_DISCHARGE//*",
    }
    assert (mortality.opens, mortality.closes) == (0.0, None)
    readmission = question(read_task(find_task("readmission_30d")), vocabulary)
    assert names(vocabulary, readmission.success.always) == {"HOSPITAL_ADMISSION//EW EMER.//ED"}
    assert not readmission.stop.tokens.any()
    assert (readmission.opens, readmission.closes, readmission.start_inclusive) == (0.0, 30.0, False)


def test_a_family_counts_only_when_all_its_codes_do():
    vocabulary = make_vocabulary(codes=("A", "STOP"), families=("LAB//*", "LAB//7//*"))
    found = question(
        parse_task(
            TASK.format(end="start + 1d", inclusive="true").replace(
                "{code: EVENT}", '{code: {regex: "^LAB//7(//|$)"}}'
            ),
            "made",
        ),
        vocabulary,
    )
    assert names(vocabulary, found.success.always) == {"LAB//7//*"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{code: EVENT}", "{code: EVENT, value_min: 3}", "no value bins for predicate seen"),
        ("{code: EVENT}", "{code: UNHEARD}", "no token for predicate seen"),
        (
            "end: start + 30d, start_inclusive: false, end_inclusive: true",
            "end: start -> stop, start_inclusive: false, end_inclusive: false",
            "leaves out the moment that ends it",
        ),
        ("label: seen", "label: both", "two events at one moment"),
        ("end: start + 30d", "end: null", "ends neither"),
        ("start: past.end,", "start: past.end -> stop,", "does not begin at the prediction time"),
        ("label: seen", 'label: seen, has: {stop: "(None, 0)"}', "looks beyond the prediction time"),
        (", label: seen", "", "needs a window with a label"),
    ],
)
def test_tasks_that_tokens_cannot_tell_are_refused(old, new, message):
    text = TASK.format(end="start + 30d", inclusive="true")
    text = text.replace("trigger: stop", '  both: {expr: "and(stop, seen)"}\ntrigger: stop')
    assert old in text
    with pytest.raises(ModelError, match=message):
        question(parse_task(text.replace(old, new), "made"), VOCABULARY)


CODED = make_vocabulary(
    codes=("A", "DIAGNOSIS//ICD//10//E119", "CONDITION//ICD10//E11.9", "ALLERGY//ICD10//E11", "CONDITION//SNOMED//1"),
    families=("DIAGNOSIS//ICD//10//E11*", "DIAGNOSIS//ICD//10//E1*", "DIAGNOSIS//ICD//9//250*", "DIAGNOSIS//*"),
)


def coded_task(code):
    text = f"""
predicates: {{start: {{code: A}}, seen: {{code: {code}}}}}
trigger: start
windows:
  past: {{start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}}
  target: {{start: past.end, end: start + 30d, start_inclusive: false, end_inclusive: true, label: seen}}
"""
    return parse_task(text, "coded")


def test_a_concept_means_the_tokens_at_or_below_it_by_structure():
    asked = question(coded_task('"<< ICD10//E11"'), CODED)
    shown = {
        name for name, token in {**CODED.code_tokens, **CODED.family_tokens}.items() if asked.success.always[token]
    }
    assert shown == {"DIAGNOSIS//ICD//10//E119", "CONDITION//ICD10//E11.9", "DIAGNOSIS//ICD//10//E11*"}
    both = question(coded_task('{any: [A, "<< ICD9//250"]}'), CODED)
    shown = {
        name for name, token in {**CODED.code_tokens, **CODED.family_tokens}.items() if both.success.always[token]
    }
    assert shown == {"A", "DIAGNOSIS//ICD//9//250*"}


def test_a_concept_of_a_loaded_hierarchy_is_refused_for_futures():
    with pytest.raises(ModelError, match="SNOMED//1 of predicate seen is told by a hierarchy that was loaded"):
        question(coded_task('"<< SNOMED//1"'), CODED)
