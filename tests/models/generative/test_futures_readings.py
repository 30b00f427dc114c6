"""Which tokens a predicate means where several codes share a token, or one code has several."""

from datetime import timedelta

import numpy as np
import pytest

from ehr.fitting import fit_vocabulary
from ehr.tasks import parse_task
from ehr.vocabulary import UNKNOWN, TokenSettings, Vocabulary
from models.generative.futures import question
from tests.ehr.made import START, event, memory_store, training_subjects
from tests.models.made import make_vocabulary

TASK = """
predicates:
  seen: {code: WHAT}
trigger: _ANY_EVENT
windows:
  input: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: input.end, end: start + 1d, start_inclusive: false, end_inclusive: true, label: seen}
"""
BLOCK = "DIAGNOSIS//ICD//10//E08-E13*"


def watched(vocabulary: Vocabulary, code: str) -> set[str]:
    """Return the names of the tokens that a predicate of this code means."""
    found = question(parse_task(TASK.replace("WHAT", code), "made"), vocabulary)
    return {vocabulary.tokens[token] for token in np.flatnonzero(found.success.always)}


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [("//ICD//10//E", True), ("//E08", False), ("//E(0[89]|1[0-3])", False), ("E08-E13", False)],
)
def test_a_block_is_meant_only_by_what_all_its_codes_begin_with(pattern: str, is_meant: bool) -> None:
    vocabulary = make_vocabulary(codes=("A", "DIAGNOSIS//ICD//10//E08"), families=(BLOCK,))
    text = TASK.replace("label: seen", "label: either").replace(
        "predicates:", "predicates:\n  other: {code: A}\n  either: {expr: 'or(seen, other)'}"
    )
    found = question(parse_task(text.replace("WHAT", f"{{regex: '{pattern}'}}"), "made"), vocabulary)
    assert found.success.always[vocabulary.family_tokens[BLOCK]] == is_meant


def test_a_code_is_meant_in_every_unit() -> None:
    code = "PRESCRIPTION//Senna"
    events = [
        event(subject, code, START + timedelta(days=day), 1.0 * day, unit)
        for subject in training_subjects[:5]
        for day, unit in ((1, "mg"), (2, "mg"), (3, "TAB"))
    ]
    vocabulary = fit_vocabulary(memory_store(events))
    assert watched(vocabulary, code) == {code, f"{code} [TAB]"}
    assert watched(vocabulary, "{regex: '^PRESCRIPTION//Senna$'}") == {code, f"{code} [TAB]"}


def test_levels_are_no_events() -> None:
    events = [event(training_subjects[0], "DIAGNOSIS//ICD//10//E119", START)]
    vocabulary = fit_vocabulary(memory_store(events), settings=TokenSettings(min_subjects=1))
    assert vocabulary.level_tokens
    assert watched(vocabulary, "{regex: 'E'}") == {"DIAGNOSIS//ICD//10//E119"}
    text = TASK.replace("start + 1d", "start -> _ANY_EVENT").replace("WHAT", "'DIAGNOSIS//ICD//10//E119'")
    found = question(parse_task(text, "made"), vocabulary)
    assert np.flatnonzero(found.stop.always).tolist() == [UNKNOWN, *range(vocabulary.first_code, len(vocabulary))]
