"""What a translator of a schema learns from: linked questions with their meaning, made ones, and their folds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from sql.text.answering.attempts import attempt
from sql.text.answering.examples import Asked, Example, examples_of
from sql.text.answering.familiarity import familiarity_of
from sql.text.answering.folds import Parting, folds
from sql.text.answering.ground import Ground
from sql.text.answering.judging import Judged
from sql.text.answering.naming import without_undecided
from sql.text.answering.outcomes import outcome_of
from sql.text.answering.parser import Parser
from sql.text.answering.unanswerable import made_unanswerable
from sql.text.linking import Linked, link
from sql.text.records.lift import lift
from sql.text.records.lifting import NotLifted
from sql.text.records.query import RecordsQuery

MADE_WEIGHT: Final = 0.5
AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with its slots, what it means (None where typed questions cannot say it), its part in each draw."""

    linked: Linked
    example: Example | None
    parts: tuple[int, ...]
    made: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """All lessons of a training."""

    lessons: tuple[Lesson, ...]
    parts: int
    """Number of parts that are kept from a parser in turn."""

    def examples(self, without: int | None = None) -> list[Example]:
        """Return what a parser may learn from when a part is kept from it."""
        return [one.example for one in self.lessons if one.example is not None and without not in one.parts]

    def held_out(self, part: int) -> list[tuple[int, Lesson]]:
        """Return the lessons of a part, each with its number among all."""
        return [(number, one) for number, one in enumerate(self.lessons) if part in one.parts]

    def report(self) -> dict[str, int]:
        """Return how many lessons there are of each sort."""
        real = [one for one in self.lessons if not one.made]
        return {
            "questions": len(real),
            "with_meaning": sum(bool(one.example and one.example.tokens) for one in real),
            "without_answer": sum(one.example is not None and not one.example.tokens for one in real),
            "not_typed": sum(one.example is None for one in real),
            "made_without_answer": len(self.lessons) - len(real),
        }


def material_of(asked: Sequence[Asked], ground: Ground, parting: Parting, made: int) -> Material:
    """Link questions, read their SQL back into typed questions, and add `made` questions without an answer.

    A word of several names stays a word in questions without an answer: such a word alone refuses a question, and
    with a slot in its place they would look like those that have one.
    """
    linked = [link(one.question, ground.index) for one in asked]
    found = list(examples_of(asked, linked, lambda sql: _lifted(sql, ground), ground.grammar))
    taught = [_without_doubt(text, one) for text, one in zip(linked, found, strict=True)]
    known = [one for _, one in taught if one is not None]
    places = iter(zip(*(folds(known, parting.folds, seed) for seed in parting.seeds), strict=True))
    lessons = [
        Lesson(text, one, parting.parts_of(next(places)) if one is not None else _parts(text.question, parting))
        for text, one in taught
    ]
    for sentence, origin in made_unanswerable(linked, made, parting.seed):
        text = link(sentence, ground.index)
        lessons.append(Lesson(text, Example(text.text, (), MADE_WEIGHT), _parts(origin, parting), made=True))
    return Material(tuple(lessons), parting.parts)


def _without_doubt(linked: Linked, example: Example | None) -> tuple[Linked, Example | None]:
    """Leave words of several names as words where a question has no answer."""
    if example is None or example.tokens:
        return linked, example
    plain = without_undecided(linked)
    return plain, replace(example, text=plain.text)


def _lifted(sql: str, ground: Ground) -> RecordsQuery | None:
    try:
        return lift(sql, ground.catalogue)
    except NotLifted:
        return None


def _parts(text: str, parting: Parting) -> tuple[int, ...]:
    return parting.parts_of([_place(text, parting.folds, seed) for seed in parting.seeds])


def _place(text: str, count: int, seed: int) -> int:
    return int.from_bytes(sha256(f"{seed}:{text}".encode()).digest()[:6], "big") % count


def judged_part(material: Material, held: int, ground: Ground, parser: Parser) -> list[Judged]:
    """Let a parser that was trained without a part of the questions try it, and say how each attempt ended."""
    familiar = familiarity_of(material.examples(held))
    lessons = material.held_out(held)
    found: list[Judged] = []
    for start in range(0, len(lessons), AT_ONCE):
        batch = lessons[start : start + AT_ONCE]
        readings = parser([lesson.linked.text for _, lesson in batch])
        for (number, lesson), parsed in zip(batch, readings, strict=True):
            tried = attempt(lesson.linked, parsed, ground, familiar)
            outcome = outcome_of(tried, lesson.example, ground)
            found.append(Judged(tried.signals, outcome, number, lesson.made, held))
    return found
