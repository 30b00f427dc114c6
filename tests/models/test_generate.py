from dataclasses import replace

import numpy as np
import pytest
import torch

from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.tasks import find_task, read_task
from ehr.tasks.reader import parse_task
from models.futures import question
from models.generate import generate, wilson
from models.rollout import Clock, Sampling, sample
from models.training import reader_of
from tests.models.made import (
    make_rows,
    make_timelines,
    make_vocabulary,
    random_decoder,
    tiny_settings,
    untrained_checkpoint,
)

DAY = 86_400
VOCABULARY = make_vocabulary(codes=("A", "EVENT", "STOP", DEATH), gap_starts=(DAY, DAY + 1))
N = len(VOCABULARY)
ONE_DAY = VOCABULARY.first_gap
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


def task(end="start + 30d", inclusive="true"):
    return parse_task(TASK.format(end=end, inclusive=inclusive), "made")


class Chain:
    """A backbone that knows its transition probabilities: after a gap one of some codes, after a code others."""

    def __init__(self, after_gap, after_code):
        self.rows = torch.zeros(N, N, dtype=torch.float64)
        for token in range(N):
            is_gap = VOCABULARY.first_gap <= token < VOCABULARY.first_age
            for name, chance in (after_gap if is_gap else after_code).items():
                self.rows[token, ONE_DAY if name == "gap" else VOCABULARY.code_tokens[name]] = chance
        self.rows = self.rows.clamp(min=1e-12).log()

    def prefill(self, tokens, days, visible):
        last = tokens.gather(1, visible.sum(dim=1, keepdim=True) - 1).squeeze(1)
        return self.rows[last], self

    def step(self, tokens, days, cache):
        return self.rows[tokens]

    def select(self, rows, futures):
        pass


def outcomes(chain, asked, futures=4000, records=None, at=0.0, **sampling):
    timelines = make_timelines(VOCABULARY, records or {1: [(0.0, "A")]})
    reader = reader_of(timelines, VOCABULARY, tiny_settings())
    documents, _ = reader.histories(make_rows([(subject, at) for subject in timelines.subject_ids.tolist()]))
    return sample(chain, reader, documents, asked, VOCABULARY, Sampling(futures=futures, **sampling))


def assert_close(found, expected, futures):
    """Check both estimates against the exact probability, within four standard errors of a share."""
    error = 4 * np.sqrt(expected * (1 - expected) / futures)
    assert found.drawn.mean() == pytest.approx(expected, abs=error)
    assert found.probability.mean() == pytest.approx(expected, abs=error)


def test_an_event_bounded_window_gives_the_exact_probability():
    chain = Chain({"EVENT": 0.1, "STOP": 0.2, "A": 0.7}, {"gap": 1.0})
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY))
    assert_close(found, 1 / 3, 4000)
    assert found.probability.std() < 0.6 * found.drawn.std()
    assert not found.unfinished.any()


def test_a_time_bounded_window_gives_the_exact_probability():
    chain = Chain({"EVENT": 0.05, "A": 0.95}, {"gap": 1.0})
    found = outcomes(chain, question(task("start + 10d"), VOCABULARY))
    # Gaps last from 1 d to 1 d + 1 s, so that nine of them fit and the tenth ends a little late.
    assert_close(found, 1 - 0.95**9, 4000)
    assert found.probability.std() < 1e-6


def test_several_events_at_one_moment_count_once_each():
    chain = Chain({"EVENT": 0.2, "A": 0.8}, {"gap": 0.5, "EVENT": 0.1, "A": 0.4})
    # From a code: x = 0.1 + 0.4 x + 0.5 * 0 within the moment, then the window of a day and a half is over.
    within = 0.1 / (1 - 0.4)
    found = outcomes(chain, question(task("start + 36h"), VOCABULARY))
    assert_close(found, 0.2 + 0.8 * within, 4000)


def test_the_moment_that_ends_the_window_belongs_to_it_to_its_end():
    chain = Chain({"EVENT": 0.2, "STOP": 0.3, "A": 0.5}, {"EVENT": 0.25, "gap": 0.75})
    one_moment = 0.2 + 0.8 * 0.25
    expected = one_moment / (1 - 0.5 * 0.75)  # or A, no EVENT, and on to the next moment
    assert_close(outcomes(chain, question(task("start -> stop"), VOCABULARY)), expected, 4000)


def test_death_ends_a_future():
    chain = Chain({DEATH: 0.5, "A": 0.5}, {"gap": 0.5, "EVENT": 0.5})
    found = outcomes(chain, question(task("start + 36h"), VOCABULARY))
    assert_close(found, 0.25, 4000)


def test_the_first_gap_is_longer_than_the_time_that_has_passed():
    vocabulary = make_vocabulary(codes=("A", "EVENT", "STOP"), gap_starts=(DAY, 10 * DAY))
    clock = Clock(vocabulary)
    assert clock.passed(np.array([0.5, 2.0, 11.0])).tolist() == [[0, 0], [pytest.approx(0.76, abs=0.1), 0], [1, 1]]
    level = torch.tensor([0.1, 0.99], dtype=torch.float64)
    assert (clock.days(torch.tensor([0, 1]), level) >= torch.tensor([1.0, 10.0])).all()


def test_after_a_silence_the_next_event_is_not_in_the_past():
    chain = Chain({"EVENT": 1.0}, {"gap": 1.0})
    asked = question(task("start + 12h"), VOCABULARY)
    assert outcomes(chain, asked, futures=50, at=0.9).probability.min() > 0.999
    assert outcomes(chain, asked, futures=50, at=0.2).probability.max() == 0


def test_a_future_that_never_ends_is_cut_off_and_reported():
    chain = Chain({"A": 1.0}, {"gap": 1.0})
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY), futures=20, max_tokens=50)
    assert found.unfinished.all()
    assert found.probability.max() < 1e-9


def test_rows_keep_their_own_futures_when_others_end_early():
    chain = Chain({"EVENT": 0.02, "STOP": 0.02, "A": 0.96}, {"gap": 1.0})
    records = {number: [(float(day), "A") for day in range(number)] for number in range(1, 6)}
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY), 800, records, at=5.0)
    for row in range(5):
        assert found.drawn[row].mean() == pytest.approx(0.5, abs=0.08)


def test_generated_futures_depend_on_the_seed_alone():
    vocabulary = make_vocabulary()
    checkpoint = replace(untrained_checkpoint(vocabulary), decoder=random_decoder(len(vocabulary)))
    made = parse_task(TASK.format(end="start + 30d", inclusive="true").replace("EVENT", "RISK"), "made")
    timelines = make_timelines(vocabulary, {1: [(0.0, "A"), (3.0, "B")], 2: [(None, "SEX//F")], 3: [(0.0, DEATH)]})
    rows = make_rows([(1, 4.0), (2, 4.0), (3, 4.0)])
    first, again = (generate(checkpoint, timelines, rows, made, Sampling(futures=16, seed=5)) for _ in range(2))
    other = generate(checkpoint, timelines, rows, made, Sampling(futures=16, seed=6))
    assert first.equals(again)
    assert not first.equals(other)
    assert first["risk"].is_null().to_list() == [False, True, True]
    assert first["share"].is_null().to_list() == [False, True, True]
    assert first["low"][0] <= first["risk"][0] <= first["high"][0]


def test_wilson_intervals_are_those_of_the_literature():
    # 81 of 263 at 95 %: 0.2553 to 0.3662 (Newcombe 1998, Statistics in Medicine 17:857, table I, method 3).
    low, high = wilson(np.array([81 / 263]), 263, level=0.95)
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == (0.2553, 0.3662)


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
    assert names(vocabulary, mortality.success) == {DEATH, "HOSPITAL_DISCHARGE//DIED"}
    assert names(vocabulary, mortality.stop) == {
        DEATH,
        "HOSPITAL_DISCHARGE//DIED",
        "HOSPITAL_DISCHARGE//HOME",
        "HOSPITAL_DISCHARGE//*",
    }
    assert (mortality.opens, mortality.closes) == (0.0, None)
    readmission = question(read_task(find_task("readmission_30d")), vocabulary)
    assert names(vocabulary, readmission.success) == {"HOSPITAL_ADMISSION//EW EMER.//ED"}
    assert not readmission.stop.any()
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
    assert names(vocabulary, found.success) == {"LAB//7//*"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{code: EVENT}", "{code: EVENT, value_min: 3}", "tests more than a code"),
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
    shown = {name for name, token in {**CODED.code_tokens, **CODED.family_tokens}.items() if asked.success[token]}
    assert shown == {"DIAGNOSIS//ICD//10//E119", "CONDITION//ICD10//E11.9", "DIAGNOSIS//ICD//10//E11*"}
    both = question(coded_task('{any: [A, "<< ICD9//250"]}'), CODED)
    shown = {name for name, token in {**CODED.code_tokens, **CODED.family_tokens}.items() if both.success[token]}
    assert shown == {"A", "DIAGNOSIS//ICD//9//250*"}


def test_a_concept_of_a_loaded_hierarchy_is_refused_for_futures():
    with pytest.raises(ModelError, match="SNOMED//1 of predicate seen is told by a hierarchy that was loaded"):
        question(coded_task('"<< SNOMED//1"'), CODED)
