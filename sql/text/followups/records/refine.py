"""Refining the last question about records: "and last month?", "and for patient 10018081?", "how many?".

A follow-up is read from its first to its last word by the phrases of `words`; its names, dates and numbers are linked
as those of any question. It changes which records are meant, or asks something else of them; what it leaves as it
was, it leaves untouched. The result is a question of the grammar of the catalogue, or there is none.
"""

import re
from dataclasses import dataclass
from typing import Final

from ehr.errors import QuestionError
from sql.text.answering.ground import Ground
from sql.text.followups.edits import Unfit
from sql.text.followups.records.edits import Edit
from sql.text.followups.records.words import RULES, Rule, Said
from sql.text.linking import Linked, link
from sql.text.question import compile_question, read_question
from sql.text.records.catalogue import Kind
from sql.text.records.linear import linearize
from sql.text.records.query import RecordsQuery
from sql.text.refuse import Refusal

EXAMPLES: Final = (
    "'and last month?', 'and for patient 10018081?', 'only the first', 'how many?' or 'show me the times'"
)
MAX_CHARACTERS: Final = 300

_JOINT: Final = re.compile(
    r"(?:and|also|but|ok|okay|so|now|then|only|just|instead|please|too|what about|how about|what of|same for|those|"
    r"the ones?|repeat(?: it)? for)(?!\S)"
)
_MARK: Final = re.compile(r"(?:and|but|only|just|instead|what about|how about|what of|same for|repeat)(?!\S)")
_STOPS: Final = re.compile(r"[?!.,;](?=\s|$)|[?!;]")


@dataclass(frozen=True, slots=True)
class Refined:
    """The last question as a follow-up changed it, and the slots of the follow-up."""

    query: RecordsQuery
    linked: Linked

    @property
    def references(self) -> tuple[str, ...]:
        """The names of the slots, all of which a follow-up uses."""
        return tuple(slot.references[0] for slot in self.linked.slots)


def refine_records(question: str, previous: RecordsQuery, ground: Ground) -> Refined | Refusal | None:
    """Return the last question changed as a follow-up says, why it cannot be, or None for what is no follow-up."""
    if len(question) > MAX_CHARACTERS:
        return None
    linked = link(question, ground.index)
    text = " ".join(_STOPS.sub(" ", linked.text.lower()).split())
    edits, rest = _edits(text, linked, previous, ground)
    if rest or not edits:
        return _unread(rest or text, linked) if _MARK.match(text) else None
    query = previous
    try:
        for edit in edits:
            query = edit(query)
        ground.grammar.query(linearize(query))
    except Unfit as error:
        return _unfit(str(error))
    except QuestionError:
        was = read_question(previous, ground.catalogue).rstrip(".")
        return _unfit(f"'{question.strip()}' cannot be said of '{was}'; ask a whole question")
    try:
        compile_question(query, ground.catalogue)
    except QuestionError as error:
        return _unfit(str(error))
    return Refined(query, linked)


def _unfit(problem: str) -> Refusal:
    return Refusal("AMBIGUOUS", f"the last question cannot be changed so: {problem}")


def _edits(text: str, linked: Linked, previous: RecordsQuery, ground: Ground) -> tuple[list[Edit], str]:
    """Return the changes that a text says, and what of it is not understood.

    What asks for something else says nothing beside it: "the times of patient 2" is a question of its own.
    """
    kind = ground.catalogue.kind(previous.records.kind)
    found: list[_Found] = []
    while text:
        joint = _JOINT.match(text)
        end = joint.end() if joint else 0
        said = [one for rule in RULES if (one := _said(rule, text, linked, ground, kind)) and one.end > end]
        if said:
            found.append(max(said, key=lambda one: one.end))
            end = found[-1].end
        if not end or (len(found) > 1 and any(one.is_whole for one in found)):
            break
        text = text[end:].lstrip()
    return [one.edit for one in found], text


@dataclass(frozen=True, slots=True)
class _Found:
    """A change, where the phrase for it ends, and whether it stands alone."""

    edit: Edit
    end: int
    is_whole: bool


def _said(rule: Rule, text: str, linked: Linked, ground: Ground, kind: Kind) -> _Found | None:
    found = rule.phrase.match(text)
    edit = rule.meaning(Said(found, linked, ground.catalogue, kind)) if found else None
    return None if found is None or edit is None else _Found(edit, found.end(), rule.is_whole)


def _unread(rest: str, linked: Linked) -> Refusal:
    for slot in linked.slots:
        rest = rest.replace(slot.placeholder, slot.surface)
    return Refusal("LOW_CONFIDENCE", f"'{rest}' was not understood as a follow-up; ask for example {EXAMPLES}")
