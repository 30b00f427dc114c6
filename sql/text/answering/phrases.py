"""Questions made from a grammar of phrases: asks, kinds, restrictions and windows in combinations never trained.

The tables of `wordings` hold frames, words beside tokens. In a frame stand places for the records asked about, the
patients, a window of time, a comparison, which of several, and other records that came before; each is drawn and
fills the words and the tokens alike, as in a synchronous grammar (Aho and Ullman, "Syntax Directed Translations and
the Pushdown Assembler", 1969). What the grammar of the linear form does not allow for a kind is drawn anew.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from sql.text.answering.examples import Example, is_question
from sql.text.answering.wordings import FRAMES, NAMED, PARTS, PLAIN_VERBS, Wording
from sql.text.records.catalogue import Catalogue, Field, Kind, Verb
from sql.text.records.grammar import Grammar

T = TypeVar("T")
WEIGHT: Final = 0.5
_TRIES: Final = 40
"""Drawings for each question wanted, at most."""
_OF_ONE_FRAME: Final = 12
"""Drawings of one frame in which a question of the grammar must be found."""
_PLACE: Final = re.compile(r"\{(\w+)\}")
_ARTICLE: Final = re.compile(r"\ba(?= [aeioAEIO])")
_SLOT: Final = re.compile(r"\b([a-z_]+)#(\d+)\b")


def phrased(catalogue: Catalogue, grammar: Grammar, most: int, seed: int = 0) -> list[Example]:
    """Return up to `most` questions drawn from all that the frames make of a catalogue; every frame as often."""
    draw = _Draw(catalogue, np.random.default_rng(seed))
    found: dict[str, Example] = {}
    for turn in range(_TRIES * most):
        if len(found) >= most:
            break
        frame = FRAMES[turn % len(FRAMES)]
        made = next((one for _ in range(_OF_ONE_FRAME) if (one := draw.question(frame, grammar)) is not None), None)
        if made is not None:
            found.setdefault(made.text, made)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Event:
    """Records of a kind, perhaps those of one name: how a question calls them, and their tokens."""

    noun: str
    nouns: str
    verbs: Verb
    """What a patient did, has done, and was doing."""
    name: str
    tokens: str


class _Draw:
    """Draws questions; slots are numbered apart until the words of a question are known."""

    def __init__(self, catalogue: Catalogue, chance: np.random.Generator) -> None:
        self.chance = chance
        self.kinds = list(catalogue.kinds.values())
        self.slots = 0
        self.telling = _telling(self.kinds)

    def question(self, frame: Wording, grammar: Grammar) -> Example | None:
        """Fill a frame; None where the grammar does not know what came of it."""
        filled = self._filled(frame)
        if filled is None:
            return None
        words, tokens = filled
        text, names = _numbered(_smoothed(words))
        written = tuple(_SLOT.sub(lambda slot: names[slot[0]], tokens).split())
        return Example(text, written, WEIGHT) if is_question(written, grammar) else None

    def _filled(self, frame: Wording) -> Wording | None:
        """Fill the places of a frame, the events and fields first; None where a kind lacks what is asked."""
        places = _PLACE.findall(frame[0] + frame[1])
        kind, other = self._one(self.kinds), self._one(self.kinds)
        named = "m" in places and (any(place in NAMED for place in places) or self.chance.random() < 0.7)
        first, second = self._event(kind, named=named), self._event(other, named=self.chance.random() < 0.9)
        field = self._field(kind, places)
        if first is None or second is None or (field is None and "f" in places):
            return None
        values = _values(kind, first, field) | {"k2": other.name, "nouns0": kind.noun[1], "k2_nouns": other.noun[1]}
        values |= {f"{key}2": value for key, value in _values(other, second, None).items() if key != "k"}
        return self._expanded(frame, values)

    def _expanded(self, frame: Wording, values: Mapping[str, str]) -> Wording | None:
        """Put parts and values in the places of a frame, words and tokens alike, until none is left."""
        words, tokens = frame
        while places := _PLACE.findall(words + tokens):
            place = places[0]
            if place in values:
                part = values[place], values[place]
            elif place.rstrip("2") in PARTS:
                part = self._slotted(self._one(PARTS[place.rstrip("2")]))
            else:
                return None
            words, tokens = (one.replace(f"{{{place}}}", two) for one, two in zip((words, tokens), part, strict=True))
        return self._slotted((words, tokens))

    def _slotted(self, part: Wording) -> Wording:
        """Give the slots of a part, written `kind_N` in words and tokens, numbers of their own."""
        names: dict[str, str] = {}

        def named(found: re.Match[str]) -> str:
            if found[0] not in names:
                self.slots += 1
                names[found[0]] = f"{found[1]}#{self.slots}"
            return names[found[0]]

        pattern = re.compile(r"\b([a-z_]+)_N\b")
        words = re.sub(r"\[(\w+)\]", lambda found: f"[{pattern.sub(named, found[1])}]", part[0])
        return words, pattern.sub(named, part[1])

    def _event(self, kind: Kind, *, named: bool) -> _Event | None:
        """Return records of a kind, of one name where asked for; None where the kind has no names."""
        singular, plural = kind.noun
        verbs = self._one(kind.verbs) if kind.verbs else PLAIN_VERBS
        if not named:
            forms = self._one(kind.alone) if kind.alone else _forms(verbs, f"a {singular}")
            return _Event(singular, plural, forms, singular, "")
        fields: dict[str, Field] = {}
        for one in kind.fields.values():
            if one.slot and one.slot != "sex":
                fields.setdefault(one.slot, one)
        if not fields:
            return None
        slot, field = self._one([*fields.items()])
        self.slots += 1
        name = f"[{slot}#{self.slots}]"
        full = (f"{name} {singular}", f"{singular} of {name}")
        noun = self._one((name, *full) if (kind.name, slot) in self.telling else full)
        tells = bool(kind.verbs) and (kind.name, slot) in self.telling
        object_ = name if tells else f"a {self._one(full)}"
        nouns = self._one((f"{name} {plural}", f"{plural} of {name}"))
        return _Event(noun, nouns, _forms(verbs, object_), name, f"{field.name} {slot}#{self.slots}")

    def _field(self, kind: Kind, places: Sequence[str]) -> Field | None:
        """Return a field that a frame can ask for: one with slots, a number, or any."""
        wanted = {"fs": "slot", "fv": "number"}
        sort = next((wanted[place] for place in places if place in wanted), "any")
        fields = [
            field
            for field in kind.fields.values()
            if sort == "any" or (field.slot is not None if sort == "slot" else field.type == sort)
        ]
        return self._one(fields) if fields else None

    def _one(self, choices: Sequence[T]) -> T:
        return choices[int(self.chance.integers(len(choices)))]


def _values(kind: Kind, event: _Event, field: Field | None) -> dict[str, str]:
    """Return what stands in the places of an event and its field."""
    past, done, being = event.verbs
    values = {"k": kind.name, "m": event.tokens, "noun": event.noun, "nouns": event.nouns, "name": event.name}
    values |= {"past": past, "pasts": past.replace("was ", "were ", 1), "done": done, "being": being}
    values["kind"] = kind.noun[0]
    if field is not None:
        is_name = field.name == "name"
        values |= dict.fromkeys(("f", "fs", "fv"), field.name)
        values["fnoun"] = kind.noun[0] if is_name else field.noun
        values["fnouns"] = kind.noun[1] if is_name else _plural(field.noun)
    return values


def _telling(kinds: Sequence[Kind]) -> set[tuple[str, str]]:
    """Return kinds with slots whose name alone tells the kind: no other has such a slot, or announces it (`cues`)."""
    owners: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for kind in kinds:
        for field in kind.fields.values():
            if field.slot is not None:
                owners[field.slot][kind.name] = owners[field.slot].get(kind.name, False) or bool(field.cues)
    return {
        (name, slot)
        for slot, found in owners.items()
        for name, announces in found.items()
        if len(found) == 1 or (announces and sum(found.values()) == 1)
    }


def _forms(verbs: Verb, object_: str) -> Verb:
    past, done, being = verbs
    return f"{past} {object_}", f"{done} {object_}", f"{being} {object_}"


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _smoothed(words: str) -> str:
    """Put the spaces and articles of a text right."""
    return _ARTICLE.sub("an", " ".join(words.split()).replace(" ?", "?").replace(" .", "."))


def _numbered(words: str) -> tuple[str, dict[str, str]]:
    """Number the slots of a text by kind, in the order of the text; return it and the new names."""
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for slot in _SLOT.finditer(words):
        if slot[0] not in names:
            counts[slot[1]] = counts.get(slot[1], 0) + 1
            names[slot[0]] = f"{slot[1]}_{counts[slot[1]]}"
    return _SLOT.sub(lambda slot: names[slot[0]], words), names
