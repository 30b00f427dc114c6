"""A vocabulary is frozen: what is loaded is what was fitted, or it is refused."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from ehr.errors import StoreError, VocabularyError
from ehr.fitting import fit_vocabulary
from ehr.store import Store, create_store
from ehr.timelines import tokenize_store
from ehr.vocabulary import TokenSettings, has_vocabulary, load_vocabulary, save_vocabulary, vocabulary_of
from tests.ehr.made import CODES, START, born, event, memory_store, other_subjects, training_subjects


@pytest.fixture
def store() -> Store:
    rows = [
        event(subject, code, START + timedelta(hours=place), place / 3)
        for subject in training_subjects[:6]
        for place, code in enumerate(CODES)
    ]
    return memory_store([*rows, *(born(subject, 40) for subject in training_subjects[:6])])


def test_what_is_loaded_is_what_was_fitted(store: Store) -> None:
    vocabulary = fit_vocabulary(store, "mine")
    assert not has_vocabulary(store, "mine")
    save_vocabulary(store, vocabulary)
    loaded = load_vocabulary(store, "mine")
    assert loaded == vocabulary
    assert loaded.hash == vocabulary.hash
    assert loaded.tokens == vocabulary.tokens


def test_the_hash_covers_settings_and_edges_but_not_the_name(store: Store) -> None:
    first = fit_vocabulary(store, "first")
    assert fit_vocabulary(store, "second").hash == first.hash
    assert fit_vocabulary(store, "first", TokenSettings(quantiles=4)).hash != first.hash
    for part in ("edges", "scales", "levels", "units"):
        assert vocabulary_of("first", first.definition() | {part: {}}).hash != first.hash


def test_a_changed_definition_is_refused(store: Store) -> None:
    save_vocabulary(store, fit_vocabulary(store, "mine"))
    definition = orjson.loads(store.cursor().execute("SELECT definition FROM vocabulary").fetchall()[0][0])
    definition["codes"] = definition["codes"][:-1]
    store.cursor().execute("UPDATE vocabulary SET definition = ?", [orjson.dumps(definition).decode()])
    with pytest.raises(VocabularyError, match="was changed after it was fitted"):
        load_vocabulary(store, "mine")


def test_a_damaged_definition_is_refused() -> None:
    with pytest.raises(VocabularyError, match="damaged"):
        vocabulary_of("mine", {"settings": {}})


def test_an_unknown_vocabulary_is_named_with_what_to_do(store: Store) -> None:
    with pytest.raises(VocabularyError, match="ehr tokenize --vocabulary other"):
        load_vocabulary(store, "other")


def test_a_refitted_vocabulary_ends_its_timelines(store: Store) -> None:
    tokenize_store(store, fit_vocabulary(store, "mine"))
    save_vocabulary(store, fit_vocabulary(store, "mine", TokenSettings(quantiles=2)))
    assert store.cursor().execute("SELECT count(*) FROM timeline").fetchall() == [(0,)]


def test_fitting_needs_training_subjects(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is empty"):
        fit_vocabulary(create_store(tmp_path / "store"))
    with pytest.raises(VocabularyError, match="training split"):
        fit_vocabulary(memory_store([event(other_subjects[0], "LAB//1", START)]))


def test_explicit_training_subjects_take_the_place_of_the_split(store: Store) -> None:
    chosen = training_subjects[:3]
    assert fit_vocabulary(store, training=training_subjects[:6]).hash == fit_vocabulary(store).hash
    fitted = fit_vocabulary(store, settings=TokenSettings(min_subjects=1), training=chosen)
    rows = [
        event(subject, code, START + timedelta(hours=place), place / 3)
        for subject in chosen
        for place, code in enumerate(CODES)
    ]
    alone = memory_store([*rows, *(born(subject, 40) for subject in chosen)])
    assert fitted.hash == fit_vocabulary(alone, settings=TokenSettings(min_subjects=1)).hash
    with pytest.raises(VocabularyError, match="among those given for training"):
        fit_vocabulary(store, training=[999_999])


def test_generated_gaps_take_lengths_that_training_has(store: Store) -> None:
    vocabulary = fit_vocabulary(store)
    assert len(vocabulary.gap_seconds) == len(vocabulary.settings.gap_names)
    for place, seconds in enumerate(vocabulary.gap_seconds):
        low, high = vocabulary.gap_range(vocabulary.first_gap + place)
        assert list(seconds) == sorted(seconds)
        assert all(low <= timedelta(seconds=length) < high for length in seconds)


def test_a_vocabulary_up_to_a_time_counts_nothing_later() -> None:
    early, late = START + timedelta(hours=1), START + timedelta(days=9)
    rows = [
        row
        for subject in training_subjects[:6]
        for row in (
            event(subject, "GENDER//F"),
            event(subject, CODES[2], early, 1.0 + subject, "mg/dL"),
            event(subject, CODES[2], late, 900.0 + subject, "mg/dL"),
            event(subject, CODES[5], late),
        )
    ]
    until = (START + timedelta(days=1)).isoformat()
    bound = fit_vocabulary(memory_store(rows), settings=TokenSettings(until=until))
    of_then = fit_vocabulary(memory_store(row for row in rows if row["time"] != late))
    assert bound.definition() == {
        **of_then.definition(),
        "settings": {**of_then.definition()["settings"], "until": until},
    }
    assert bound.hash != of_then.hash
    assert vocabulary_of("again", bound.definition()).hash == bound.hash
    assert CODES[5] in fit_vocabulary(memory_store(rows)).codes
    before_all = TokenSettings(until="1900-01-01")
    with pytest.raises(VocabularyError, match="no event up to 1900-01-01"):
        fit_vocabulary(memory_store(row for row in rows if row["time"]), settings=before_all)
