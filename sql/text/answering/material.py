"""What a translator of a schema learns from: linked questions with their meaning, made ones, and their folds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from sql.text.answering.attempts import attempt
from sql.text.answering.examples import Asked, Example, examples_of
from sql.text.answering.familiarity import familiarity_of
from sql.text.answering.folds import folds
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
    """A question with its slots, what it means (None where typed questions cannot say it), and its fold."""

    linked: Linked
    example: Example | None
    fold: int
    made: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """All lessons of a training."""

    lessons: tuple[Lesson, ...]
    count: int
    """Number of folds."""

    def examples(self, without: int | None = None) -> list[Example]:
        """Return what a parser may learn from when a fold is kept from it."""
        return [one.example for one in self.lessons if one.example is not None and one.fold != without]

    def held_out(self, fold: int) -> list[Lesson]:
        """Return the lessons of a fold."""
        return [one for one in self.lessons if one.fold == fold]

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


def material_of(asked: Sequence[Asked], ground: Ground, count: int, made: int, seed: int = 0) -> Material:
    """Link questions, read their SQL back into typed questions, and add `made` questions without an answer.

    A word of several names stays a word in questions without an answer: such a word alone refuses a question, and
    with a slot in its place they would look like those that have one.
    """
    linked = [link(one.question, ground.index) for one in asked]
    found = list(examples_of(asked, linked, lambda sql: _lifted(sql, ground), ground.grammar))
    taught = [_without_doubt(text, one) for text, one in zip(linked, found, strict=True)]
    places = iter(folds([one for _, one in taught if one is not None], count, seed))
    lessons = [
        Lesson(text, one, next(places) if one is not None else _place(text.question, count, seed))
        for text, one in taught
    ]
    for sentence, origin in made_unanswerable(linked, made, seed):
        text = link(sentence, ground.index)
        lessons.append(Lesson(text, Example(text.text, (), MADE_WEIGHT), _place(origin, count, seed), made=True))
    return Material(tuple(lessons), count)


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


def _place(text: str, count: int, seed: int) -> int:
    return int.from_bytes(sha256(f"{seed}:{text}".encode()).digest()[:6], "big") % count


def judged_fold(material: Material, fold: int, ground: Ground, parser: Parser) -> list[Judged]:
    """Let a parser that was trained without a fold try it, and say how each attempt ended."""
    familiar = familiarity_of(material.examples(fold))
    lessons = material.held_out(fold)
    found: list[Judged] = []
    for start in range(0, len(lessons), AT_ONCE):
        part = lessons[start : start + AT_ONCE]
        for lesson, parsed in zip(part, parser([one.linked.text for one in part]), strict=True):
            tried = attempt(lesson.linked, parsed, ground, familiar)
            found.append(Judged(tried.signals, outcome_of(tried, lesson.example, ground), lesson.made, fold))
    return found
