"""Questions as analysts type them: none is answered wrongly, and most are answered; half of them were held out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ehr.store import Store
from sql.text import build_index
from tests.sql.text.asked import Asked, judge, made_store, read_asked

FLOORS = {"made": {"dev": 72, "held_out": 71}, "mimic": {"dev": 72, "held_out": 65}}
"""How many of the questions of each half are at least answered right, or refused where there is no answer."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts over a file of questions, and what became of those of the half that may be looked at."""

    counts: dict[str, Counter[str]]
    wrong: tuple[str, ...]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return the store of made data that the questions are about."""
    yield from made_store(tmp_path_factory.mktemp("asked"))


def judged(store: Store, asked: list[Asked]) -> Judged:
    counts: dict[str, Counter[str]] = {"dev": Counter(), "held_out": Counter()}
    wrong = []
    index = build_index(store)
    for one in asked:
        verdict, answer = judge(store, one, index)
        counts[one.split][verdict] += 1
        if verdict == "wrong" and one.split == "dev":
            wrong.append(f"{one.question}: {answer.reading}")
    return Judged(counts, tuple(wrong))


def check(found: Judged, name: str) -> None:
    assert found.wrong == ()
    for split, floor in FLOORS[name].items():
        assert found.counts[split]["right"] >= floor, (split, found.counts[split])


def test_questions_over_made_data_are_right_or_refused(made: Store) -> None:
    check(judged(made, read_asked("made")), "made")


def test_questions_over_real_records_are_right_or_refused(mimic_store: Store) -> None:
    check(judged(mimic_store, read_asked("mimic")), "mimic")


def test_half_of_the_questions_is_held_out_and_a_fifth_has_no_answer() -> None:
    asked = [*read_asked("made"), *read_asked("mimic")]
    assert len(asked) >= 200
    assert len({one.question for one in asked}) == len(asked)
    halves = Counter(one.split for one in asked)
    assert halves["dev"] == halves["held_out"] == len(asked) / 2
    refused = [one for one in asked if one.sql is None]
    assert len(refused) / len(asked) > 0.15
    assert all((one.kind == "refuse") == (one.sql is None) for one in asked)
