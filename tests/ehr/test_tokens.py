"""Tokens say what the events say, but for what quantising loses."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.tokens import loop_tokens
from ehr.ancestry import families
from ehr.errors import VocabularyError
from ehr.fitting import fit_vocabulary
from ehr.readable import readable
from ehr.splits import split_of
from ehr.store import Store
from ehr.tokens import NO_EVENT, coverage, tokenize
from ehr.vocabulary import TokenSettings, Vocabulary
from tests.ehr.made import (
    CODES,
    START,
    Event,
    born,
    event,
    events_of,
    memory_store,
    other_subjects,
    training_subjects,
)

LAB = "LAB//50912//mg/dL"
SMALL = TokenSettings(min_subjects=2)


def timeline_names(store: Store, vocabulary: Vocabulary, subject: int) -> list[str]:
    tokens = tokenize(store.cursor(), vocabulary, [subject]).tokens
    return [vocabulary.tokens[token] for token in tokens]


@settings(max_examples=25, deadline=None)
@given(events_of(training_subjects[:4], max_size=80))
def test_the_set_based_tokeniser_says_what_a_plain_loop_says(events: list[Event]) -> None:
    store = memory_store([*events, event(training_subjects[0], "GENDER//F")])
    vocabulary = fit_vocabulary(store, settings=SMALL)
    timelines = tokenize(store.cursor(), vocabulary)
    rows = (
        store.cursor().execute('SELECT subject_id, "time", code, numeric_value, unit, event_id FROM event').fetchall()
    )
    looped = loop_tokens(rows, vocabulary)
    assert list(looped) == timelines.subject_ids.tolist()
    assert [token for tokens in looped.values() for token in tokens] == timelines.tokens.tolist()


@settings(max_examples=15, deadline=None)
@given(events_of(training_subjects[:3]))
def test_gap_tokens_hold_the_gap_and_no_gap_is_left_out(events: list[Event]) -> None:
    store = memory_store([*events, event(training_subjects[0], "GENDER//F")])
    vocabulary = fit_vocabulary(store)
    timelines = tokenize(store.cursor(), vocabulary)
    for begin, end in pairwise(timelines.offsets):
        timed = slice(begin + np.isnat(timelines.times[begin:end]).sum(), end)
        times, tokens = timelines.times[timed], timelines.tokens[timed]
        assert (np.diff(times) >= np.timedelta64(0)).all()
        moments = np.unique(times)
        for before, after in pairwise(moments):
            gap = (after - before).astype("timedelta64[us]").item()
            first = int(tokens[times == after][0])
            if gap < timedelta(minutes=5):
                assert vocabulary.kind_of(first) != "gap"
            else:
                low, high = vocabulary.gap_range(first)
                assert low <= gap < high


@settings(max_examples=15, deadline=None)
@given(events_of(training_subjects[:3]), st.randoms())
def test_the_order_of_the_import_changes_no_token(events: list[Event], random: st.DataObject) -> None:
    shuffled = [*events, event(training_subjects[0], "GENDER//F")]
    first = memory_store(shuffled)
    vocabulary = fit_vocabulary(first, settings=SMALL)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    second = memory_store(shuffled)
    assert fit_vocabulary(second, settings=SMALL) == vocabulary
    one, other = (tokenize(store.cursor(), vocabulary) for store in (first, second))
    assert one.tokens.tolist() == other.tokens.tolist()
    assert one.offsets.tolist() == other.offsets.tolist()


@settings(max_examples=15, deadline=None)
@given(events_of(training_subjects[:4]), events_of(other_subjects))
def test_only_training_subjects_shape_the_vocabulary(training: list[Event], others: list[Event]) -> None:
    training = [*training, event(training_subjects[0], "GENDER//F")]
    alone = fit_vocabulary(memory_store(training), settings=SMALL)
    assert fit_vocabulary(memory_store(training + others), settings=SMALL).hash == alone.hash


def test_a_timeline_reads_static_birth_gap_age_code_value() -> None:
    subject = training_subjects[0]
    store = memory_store(
        [
            event(subject, LAB, START + timedelta(hours=3), 1.5),
            event(subject, "GENDER//F"),
            event(subject, "HOSPITAL_ADMISSION//URGENT", START),
            event(subject, LAB, START, 0.5),
            event(subject, "MEDS_DEATH", START + timedelta(hours=3)),
            event(subject, "HOSPITAL_DISCHARGE//DIED", START + timedelta(hours=3)),
            born(subject, 52.5),
        ]
    )
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    assert timeline_names(store, vocabulary, subject) == [
        "GENDER//F",
        "MEDS_BIRTH",
        "GAP//>=5y",
        "AGE//0+",
        "HOSPITAL_ADMISSION//URGENT",
        LAB,
        "Q1",
        "GAP//2h-6h",
        LAB,
        "Q7",
        "MEDS_DEATH",
        "HOSPITAL_DISCHARGE//DIED",
    ]
    timelines = tokenize(store.cursor(), vocabulary, [subject])
    has_event = timelines.event_ids != NO_EVENT
    assert has_event.tolist() == [True, True, False, True, True, True, True, False, True, True, True, True]
    assert np.isnat(timelines.times).tolist() == [True] + [False] * 11


def test_a_clinical_event_without_a_time_is_in_no_timeline() -> None:
    one, *others = training_subjects[:6]
    dated = [event(subject, LAB, START, 1.0) for subject in others]
    store = memory_store(
        [*dated, event(one, LAB, START), event(one, LAB), event(one, "GENDER//F"), event(one, "X//Y")]
    )
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    assert timeline_names(store, vocabulary, one) == ["GENDER//F", "X//Y", LAB]


def test_age_bands_follow_the_training_subjects() -> None:
    ages = [(training_subjects[0], 31.0), (training_subjects[1], 52.0), (training_subjects[2], 97.0)]
    store = memory_store([row for subject, age in ages for row in (born(subject, age), event(subject, LAB, START))])
    vocabulary = fit_vocabulary(store)
    assert [name for name in vocabulary.tokens if name.startswith("AGE//")] == ["AGE//0-49", "AGE//50-89", "AGE//90+"]
    shown = [timeline_names(store, vocabulary, subject)[2] for subject, _ in ages]
    assert shown == ["AGE//0-49", "AGE//50-89", "AGE//90+"]


def test_levels_stand_before_their_code_and_bear_its_event() -> None:
    subject = training_subjects[0]
    codes = ("MEDICATION//ATC//A10BA02", "DIAGNOSIS//ICD//10//E119", "DIAGNOSIS//ICD//9//25002", LAB)
    store = memory_store([event(subject, code, START + timedelta(hours=9 * n)) for n, code in enumerate(codes)])
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1, levels=("ATC", "ICD10")))
    timelines = tokenize(store.cursor(), vocabulary)
    by_event: dict[int, list[str]] = {}
    for token, number in zip(timelines.tokens, timelines.event_ids.tolist(), strict=True):
        if number != NO_EVENT:
            by_event.setdefault(number, []).append(vocabulary.tokens[token])
    assert list(by_event.values()) == [
        ["LEVEL//ATC//A", "LEVEL//ATC//A10", "LEVEL//ATC//A10B", "LEVEL//ATC//A10BA", codes[0]],
        ["LEVEL//ICD10//E00-E89", "LEVEL//ICD10//E08-E13", codes[1]],
        [codes[2]],
        [LAB],
    ]
    plain = fit_vocabulary(store, settings=TokenSettings(min_subjects=1, levels=()))
    assert not plain.level_tokens
    assert plain.first_level == plain.first_code
    assert not [name for name in timeline_names(store, plain, subject) if name.startswith("LEVEL//")]


def test_demographic_facts_that_are_not_chosen_are_left_out() -> None:
    """Race and insurance of an admission leave no trace: no token, no gap, no event that is counted."""
    subject = training_subjects[0]
    rows = [
        event(subject, "GENDER//F"),
        born(subject, 30),
        event(subject, "RACE//WHITE", START),
        event(subject, "INSURANCE//Other", START),
        event(subject, LAB, START + timedelta(hours=2), 1.0),
    ]
    with_all = fit_vocabulary(memory_store(rows), settings=TokenSettings(min_subjects=1, age_years=0))
    chosen = TokenSettings(min_subjects=1, age_years=0, demographics=("GENDER",))
    store = memory_store(rows)
    vocabulary = fit_vocabulary(store, settings=chosen)
    assert timeline_names(store, with_all, subject)[2:5] == ["GAP//>=5y", "INSURANCE//Other", "RACE//WHITE"]
    assert timeline_names(store, vocabulary, subject) == ["GENDER//F", "MEDS_BIRTH", "GAP//>=5y", LAB, "Q1"]
    assert coverage(store.cursor(), vocabulary)["train"].events == 3
    without = [row for row in rows if not row["code"].startswith(("RACE//", "INSURANCE//"))]
    assert fit_vocabulary(memory_store(without), settings=chosen).hash == vocabulary.hash


def test_value_bins_bear_the_number_and_scales_are_robust() -> None:
    subject = training_subjects[0]
    numbers = [float(n) for n in range(99)] + [1e9]
    same = "LAB//1//g"
    store = memory_store(
        [
            *(event(subject, LAB, START + timedelta(days=day), v) for day, v in enumerate(numbers)),
            event(subject, LAB, START + timedelta(days=200), float("nan")),
            event(subject, LAB, START + timedelta(days=201)),
            event(subject, same, START, 7.0),
        ]
    )
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    timelines = tokenize(store.cursor(), vocabulary)
    is_bin = (timelines.tokens >= vocabulary.first_quantile) & (timelines.tokens < vocabulary.first_gap)
    assert (~np.isnan(timelines.values)).tolist() == is_bin.tolist()
    assert sorted(timelines.values[is_bin].tolist()) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, *numbers[8:]]
    median, spread = vocabulary.scales[LAB]
    assert median == 49.5
    assert spread == pytest.approx(79.2 / 2.563)
    assert vocabulary.scales[same] == (7.0, 1.0)


def test_a_spread_is_never_zero() -> None:
    subject = training_subjects[0]
    frequent, large = [0.0] * 95 + [2.0] * 5, [1e30] * 3
    store = memory_store(
        [
            *(event(subject, LAB, START + timedelta(days=day), v) for day, v in enumerate(frequent)),
            *(event(subject, "LAB//1//g", START + timedelta(days=day), v) for day, v in enumerate(large)),
        ]
    )
    scales = fit_vocabulary(store, settings=TokenSettings(min_subjects=1)).scales
    assert scales[LAB] == (0.0, pytest.approx(float(np.std(frequent))))
    assert scales["LAB//1//g"][1] == pytest.approx(1e24)


def test_a_frequent_value_keeps_a_bin_of_its_own() -> None:
    subject = training_subjects[0]
    numbers = [0.0] * 95 + [2.0, 3.0, 4.0, 5.0, 6.0]
    store = memory_store([event(subject, LAB, START + timedelta(days=day), v) for day, v in enumerate(numbers)])
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    names = [name for name in timeline_names(store, vocabulary, subject) if name.startswith("Q")]
    assert names == ["Q1"] * 95 + ["Q10"] * 5
    assert vocabulary.value_range(LAB, 10) == (2.0, float("inf"))


def test_deciles_hold_a_tenth_each() -> None:
    subject = training_subjects[0]
    store = memory_store([event(subject, LAB, START + timedelta(days=n), n * 1.0) for n in range(200)])
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    names = [name for name in timeline_names(store, vocabulary, subject) if name.startswith("Q")]
    assert [names.count(f"Q{k}") for k in range(1, 11)] == pytest.approx([20] * 10, abs=1)
    assert names == sorted(names, key=lambda name: int(name[1:]))


def test_rare_and_unseen_codes_are_read_as_their_nearest_family() -> None:
    one, two, three = training_subjects[:3]
    codes = {one: "DIAGNOSIS//ICD//10//A0471", two: "DIAGNOSIS//ICD//10//A0472", three: "MEDICATION//ATC//A10BA02"}
    outsider = other_subjects[0]
    store = memory_store(
        [
            *(event(subject, code, START) for subject, code in codes.items()),
            event(outsider, "DIAGNOSIS//ICD//10//A0479", START),
            event(outsider, "DIAGNOSIS//ICD//10//B20", START),
            event(outsider, "LAB//1//g", START, 5.0),
        ]
    )
    vocabulary = fit_vocabulary(store, settings=SMALL)
    assert vocabulary.codes == ()
    assert vocabulary.families == ("DIAGNOSIS//ICD//10//A047*",)
    above = ["LEVEL//ICD10//A00-B99", "LEVEL//ICD10//A00-A09"]
    assert timeline_names(store, vocabulary, one) == [*above, "DIAGNOSIS//ICD//10//A047*"]
    assert timeline_names(store, vocabulary, three) == ["UNKNOWN"]
    shown = timeline_names(store, vocabulary, outsider)
    assert shown == [*above, "DIAGNOSIS//ICD//10//A047*", "UNKNOWN", "UNKNOWN"]
    read = coverage(store.cursor(), vocabulary)
    assert (read["train"].own, read["train"].family, read["train"].unknown) == (0, 2, 1)
    assert read["train"].unseen == 1.0
    outside = read[split_of(outsider)]
    assert (outside.numbers, outside.numbers_unread) == (1, 1)


def test_unseen_diagnoses_of_one_block_are_read_as_the_block() -> None:
    """Cholera of one patient and typhoid of another are intestinal infections, and so is what a third one has."""
    one, two = training_subjects[:2]
    outsider = other_subjects[0]
    codes = {one: "DIAGNOSIS//ICD//10//A001", two: "DIAGNOSIS//ICD//10//A010", outsider: "DIAGNOSIS//ICD//10//A080"}
    store = memory_store([event(subject, code, START) for subject, code in codes.items()])
    vocabulary = fit_vocabulary(store, settings=SMALL)
    block = "DIAGNOSIS//ICD//10//A00-A09*"
    assert vocabulary.families == (block,)
    for subject in codes:
        names = timeline_names(store, vocabulary, subject)
        assert names == ["LEVEL//ICD10//A00-B99", "LEVEL//ICD10//A00-A09", block]


def test_a_code_named_like_a_token_is_not_mistaken_for_it() -> None:
    subject = training_subjects[0]
    store = memory_store([event(subject, "Q1", START), event(subject, LAB, START + timedelta(minutes=1), 4.0)])
    vocabulary = fit_vocabulary(store, settings=TokenSettings(min_subjects=1))
    kinds = readable(vocabulary, tokenize(store.cursor(), vocabulary).tokens).select("kind", "name").rows()
    assert kinds == [("code", "Q1"), ("code", LAB), ("quantile", "Q1")]


def test_every_token_has_one_kind_and_a_name() -> None:
    store = memory_store([event(subject, code, START, 1.0) for subject in training_subjects[:2] for code in CODES])
    vocabulary = fit_vocabulary(store, settings=SMALL)
    frame = readable(vocabulary, np.arange(len(vocabulary)))
    assert frame["name"].to_list() == list(vocabulary.tokens)
    assert frame["kind"].to_list() == [vocabulary.kind_of(token) for token in range(len(vocabulary))]
    with pytest.raises(VocabularyError, match="none with number"):
        vocabulary.kind_of(len(vocabulary))


@pytest.mark.parametrize(
    ("code", "nearest"),
    [
        ("LAB//LOINC//4548-4//%", ("LAB//LOINC//4548-4//%//*", "LAB//LOINC//4548-4//*", "LAB//LOINC//*", "LAB//*")),
        (
            "CONDITION//ICD10//E11.9",
            tuple(f"CONDITION//ICD10//{part}*" for part in ("E11.9", "E11", "E08-E13", "E00-E89", "")),
        ),
        (
            "PROCEDURE//ICD//9//3893",
            tuple(f"PROCEDURE//ICD//9//{part}*" for part in ("3893", "389", "38", "35-39", "")),
        ),
        (
            "MEDICATION//ATC//A10BA02",
            ("MEDICATION//ATC//A10BA02*", "MEDICATION//ATC//A10BA*", "MEDICATION//ATC//A10B*"),
        ),
        ("DIAGNOSIS//ICD//10//UNK", ("DIAGNOSIS//ICD//10//UNK//*", "DIAGNOSIS//ICD//10//*", "DIAGNOSIS//ICD//*")),
    ],
)
def test_families_go_from_near_to_far(code: str, nearest: tuple[str, ...]) -> None:
    assert families(code)[: len(nearest)] == nearest
