"""Further examples by composition: fragments that stand in one environment change places in others.

Where two questions are alike but for some words, and what they mean is alike but for one part, the words go with
the parts: "since [date_1]" with one window and "on the first hospital visit" with another. In every other question
that holds the first, the second may stand instead (Andreas, "Good-Enough Compositional Data Augmentation", 2020).
Parts are those of the typed question, so that the words and tokens of a made question agree.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sql.text.answering.examples import Example, is_question
from sql.text.records.grammar import Grammar
from sql.text.records.linear import delinearize, linearize
from sql.text.records.query import Aggregate, Ask, Change, Frequency, List, New, RecordsQuery
from sql.text.records.selection import Moment
from sql.text.records.slots import fill, slots_of
from sql.text.records.tokens import slot_of
from sql.text.records.values import Slot

LONGEST: Final = 8
"""Words of the longest fragment."""
FEWEST_AROUND: Final = 3
"""Words that the environment of two fragments has at least in common."""
WEIGHT: Final = 0.5
ENOUGH: Final = 12
"""Questions of a meaning, numbers of slots aside, beyond which no further ones are made."""
MOST_OF_ONE: Final = 8
"""Questions of a meaning that are made at most."""
PARTNERS: Final = 1000
"""Made questions that take part in the second round, those of the newest meanings."""
TRIED: Final = 6
"""Fragments that are tried in one place."""
_PLACEHOLDER: Final = re.compile(r"\[([a-z_0-9+]+)\]")
_APART: Final = 50
"""Added to the numbers of the slots of a fragment while it is put into another question."""

Part = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A sort of parts: how one is taken out of a query, and how another is put there."""

    take: Callable[[RecordsQuery], Part | None]
    put: Callable[[RecordsQuery, Part], RecordsQuery]


def _with(query: RecordsQuery, **changes: Any) -> RecordsQuery:
    return replace(query, records=replace(query.records, **changes))


def _event(query: RecordsQuery) -> Part:
    return (query.records.kind, query.records.matches)


def _put_event(query: RecordsQuery, part: Part) -> RecordsQuery:
    return _with(query, kind=part[0], matches=part[1])


def _listed(query: RecordsQuery) -> Part | None:
    field = getattr(query.ask, "field", None)
    return None if field is None else (*_event(query), field)


def _put_listed(query: RecordsQuery, part: Part) -> RecordsQuery:
    ask: Any = query.ask
    return replace(_put_event(query, part), ask=replace(ask, field=part[2]))


def _other(query: RecordsQuery) -> Part | None:
    following = query.records.following
    return None if following is None else (following.kind, following.matches)


def _put_other(query: RecordsQuery, part: Part) -> RecordsQuery:
    following = query.records.following
    assert following is not None
    return _with(query, following=replace(following, kind=part[0], matches=part[1]))


def _relation(query: RecordsQuery) -> Part | None:
    following = query.records.following
    return None if following is None else (following.relation,)


def _put_relation(query: RecordsQuery, part: Part) -> RecordsQuery:
    following = query.records.following
    assert following is not None
    return _with(query, following=replace(following, relation=part[0]))


def _when(query: RecordsQuery) -> Part | None:
    return None if isinstance(query.ask, Change | New) or not query.records.when else (query.records.when,)


def _ask(query: RecordsQuery) -> Part:
    """Return what is asked, whatever field it is asked of."""
    ask: Any = query.ask
    return (replace(ask, field=_NO_FIELD) if hasattr(ask, "field") else ask,)


def _put_ask(query: RecordsQuery, part: Part) -> RecordsQuery:
    ask, field = part[0], getattr(query.ask, "field", _NO_FIELD)
    return replace(query, ask=replace(ask, field=field) if hasattr(ask, "field") else ask)


def _picked(query: RecordsQuery) -> Part | None:
    return None if isinstance(query.ask, Change | New) or query.records.pick is None else (query.records.pick,)


def _of_ask(name: str, instead: Callable[[Any], Ask]) -> _Kind:
    """Return the sort of parts that is a value of what is asked; `instead` asks with it where the other has none."""

    def take(query: RecordsQuery) -> Part | None:
        value = getattr(query.ask, name, None)
        return None if value is None else (value,)

    def put(query: RecordsQuery, part: Part) -> RecordsQuery:
        ask: Any = query.ask
        return replace(query, ask=replace(ask, **{name: part[0]}) if hasattr(ask, name) else instead(part[0]))

    return _Kind(take, put)


def _of_other(name: str) -> _Kind:
    """Return the sort of parts that is a value of the moment compared with: its windows or its pick."""

    def take(query: RecordsQuery) -> Part | None:
        value = getattr(query.ask.other, name) if isinstance(query.ask, Change | New) else None
        return (value,) if value else None

    def put(query: RecordsQuery, part: Part) -> RecordsQuery:
        ask = query.ask if isinstance(query.ask, Change | New) else New(_NO_FIELD, Moment())
        other: Any = ask.other
        return replace(query, ask=replace(ask, other=replace(other, **{name: part[0]})))

    return _Kind(take, put)


_NO_FIELD: Final = "nothing"
_KINDS: Final[Mapping[str, _Kind]] = {
    "ask": _Kind(_ask, _put_ask),
    "event": _Kind(_event, _put_event),
    "listed": _Kind(_listed, _put_listed),
    "other": _Kind(_other, _put_other),
    "relation": _Kind(_relation, _put_relation),
    "pick": _Kind(_picked, lambda query, part: _with(query, pick=part[0])),
    "value": _Kind(
        lambda query: (query.records.value,) if query.records.value else None,
        lambda query, part: _with(query, value=part[0]),
    ),
    "function": _of_ask("function", lambda function: Aggregate(function, _NO_FIELD)),
    "per": _of_ask("per", lambda per: Frequency("max", per)),
    "versus": _of_other("when"),
    "versus_pick": _of_other("pick"),
    "when": _Kind(_when, lambda query, part: _with(query, when=part[0])),
    "who": _Kind(
        lambda query: (query.records.who,) if query.records.who else None,
        lambda query, part: _with(query, who=part[0]),
    ),
}
_NOTHING: Final[Mapping[str, Part]] = {
    "ask": (List(_NO_FIELD),),
    "function": (None,),
    "per": (None,),
    "versus": ((),),
    "versus_pick": (None,),
    "pick": (None,),
    "value": (None,),
    "event": ("nothing", ()),
    "listed": ("nothing", (), "nothing"),
    "other": ("nothing", ()),
    "relation": (None,),
    "when": ((),),
    "who": ((),),
}


@dataclass(frozen=True, slots=True)
class _Cut:
    """A question parted in a fragment and its environment, each with slots numbered by itself.

    `part` is a query of nothing but what the words mean, `rest` the query without it; `part_key` and `rest_key` tell
    them apart.
    """

    kind: str
    before: str
    after: str
    words: str
    part: RecordsQuery
    rest: RecordsQuery
    part_key: int
    rest_key: int


_EMPTY: Final = delinearize(["list", "nothing", "nothing", "after", "nothing"])


def _references(text: str) -> list[str]:
    return [one for found in _PLACEHOLDER.finditer(text) for one in found[1].split("+")]


def _numbers(text: str) -> dict[str, str]:
    """Return new names for the references of a text, numbered by kind in the order of the text."""
    seen: defaultdict[str, int] = defaultdict(int)
    names: dict[str, str] = {}
    for reference in _references(text):
        if reference not in names:
            kind = reference.rpartition("_")[0]
            seen[kind] += 1
            names[reference] = f"{kind}_{seen[kind]}"
    return names


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: "[" + "+".join(names[one] for one in found[1].split("+")) + "]", text)


def _refilled(query: RecordsQuery, names: Mapping[str, str]) -> RecordsQuery:
    def named(slot: Slot) -> Slot:
        new = slot_of(names[str(slot)])
        assert new is not None
        return new

    return fill(query, named)


def _cuts(text: str, query: RecordsQuery, keys: dict[RecordsQuery, int]) -> Iterator[_Cut]:
    """Give every way to part a question in a fragment and an environment of which each has its own slots."""
    words = text.split(" ")
    used = [_references(word) for word in words]
    for name, kind in _KINDS.items():
        part = kind.take(query)
        if part is None:
            continue
        alone, rest = kind.put(_EMPTY, part), kind.put(query, _NOTHING[name])
        mine = {str(slot) for slot in slots_of(alone)}
        places = [place for place, own in enumerate(used) if mine & set(own)]
        inside = {one for place in places for one in used[place]}
        if not mine <= inside or inside & {str(slot) for slot in slots_of(rest)}:
            continue
        if not all(_is_own(words[place], mine) for place in places):
            continue
        closed = [place for place, own in enumerate(used) if own and place not in places]
        outer, inner = (_numbers(" ".join(words[place] for place in some)) for some in (closed, places))
        around = [_renamed(word, outer) if place in closed else word for place, word in enumerate(words)]
        within = [_renamed(word, inner) if place in places else word for place, word in enumerate(words)]
        alone, rest = _refilled(alone, inner), _refilled(rest, outer)
        part_key, rest_key = (keys.setdefault(one, len(keys)) for one in (alone, rest))
        for first, last in _spans(len(words), places, closed):
            before, after = " ".join(around[:first]), " ".join(around[last:])
            yield _Cut(name, before, after, " ".join(within[first:last]), alone, rest, part_key, rest_key)


def _is_own(word: str, mine: set[str]) -> bool:
    """Say whether each placeholder of a word can be one of the part's own."""
    return all(mine & set(found[1].split("+")) for found in _PLACEHOLDER.finditer(word))


def _spans(count: int, places: Sequence[int], closed: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the runs of words `[first, last)` that hold all `places` and none of the closed ones."""
    for first in range(places[0] + 1 if places else count):
        end = min([first + LONGEST, count, *(place for place in closed if place >= first)])
        for last in range((places[-1] if places else first) + 1, end + 1):
            yield first, last


def _joined(cut: _Cut, other: _Cut) -> tuple[str, RecordsQuery]:
    """Put the fragment of another cut into the environment of one."""
    apart = {one: _moved(one) for one in _references(other.words)}
    text = " ".join(one for one in (cut.before, _renamed(other.words, apart), cut.after) if one)
    taken = _KINDS[cut.kind].take(_refilled(other.part, apart))
    assert taken is not None
    names = _numbers(text)
    return _renamed(text, names), _refilled(_KINDS[cut.kind].put(cut.rest, taken), names)


def _moved(reference: str) -> str:
    kind, _, number = reference.rpartition("_")
    return f"{kind}_{int(number) + _APART}"


def composed(examples: Sequence[Example], grammar: Grammar, most: int, seed: int = 0) -> list[Example]:
    """Return up to `most` made examples; meanings that no or few questions have come first.

    A third of them are made in a second round, in which made questions take part.
    """
    first = _round(examples, grammar, most - most // 3, seed)
    second = _round([*examples, *first[:PARTNERS]], grammar, most // 3, seed + 1)
    return list({one.text: one for one in (*first, *second)}.values())


def _round(examples: Sequence[Example], grammar: Grammar, most: int, seed: int) -> list[Example]:
    chance = np.random.default_rng(seed)
    keys: dict[RecordsQuery, int] = {}
    cuts = [cut for one in examples if one.tokens for cut in _cuts(one.text, delinearize(one.tokens), keys)]
    found = _candidates(cuts, grammar, chance)
    known = Counter(_core(one.tokens) for one in examples)
    order = sorted(found, key=lambda core: (known[core], core))
    made: dict[str, Example] = {}
    texts = {one.text for one in examples}
    for turn in range(MOST_OF_ONE):
        for core in order:
            if turn >= len(found[core]) or known[core] + turn >= ENOUGH:
                continue
            text, query = _joined(*found[core][turn])
            if text not in texts and text not in made:
                made[text] = Example(text, linearize(query), WEIGHT)
            if len(made) >= most:
                return list(made.values())
    return list(made.values())


def _candidates(
    cuts: Sequence[_Cut], grammar: Grammar, chance: np.random.Generator
) -> dict[tuple[str, ...], list[tuple[_Cut, _Cut]]]:
    """Return what can be made, by meaning: a cut and the fragment that goes into it, in random order."""
    swaps = _swaps(cuts)
    cores: dict[tuple[str, int, int], tuple[str, ...] | None] = {}
    found: defaultdict[tuple[str, ...], list[tuple[_Cut, _Cut]]] = defaultdict(list)
    for place in chance.permutation(len(cuts)):
        cut = cuts[place]
        others = swaps.get((cut.kind, cut.words, cut.part_key), [])
        for at in chance.permutation(len(others))[:TRIED]:
            other = others[at]
            key = (cut.kind, cut.rest_key, other.part_key)
            if key not in cores:
                tokens = linearize(_joined(cut, other)[1])
                cores[key] = _core(tokens) if is_question(tokens, grammar) else None
            core = cores[key]
            if core is not None and len(found[core]) < MOST_OF_ONE:
                found[core].append((cut, other))
    return found


def _core(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(re.sub(r"_\d+$", "", token) for token in tokens)


def _swaps(cuts: Sequence[_Cut]) -> dict[tuple[str, str, int], list[_Cut]]:
    """Return for each fragment the cuts with those that stood in an environment of it, in the order of finding."""
    environments: defaultdict[tuple[str, str, str, int], dict[tuple[str, int], _Cut]] = defaultdict(dict)
    for cut in cuts:
        if len(cut.before.split()) + len(cut.after.split()) >= FEWEST_AROUND:
            environment = environments[cut.kind, cut.before, cut.after, cut.rest_key]
            environment.setdefault((cut.words, cut.part_key), cut)
    swaps: defaultdict[tuple[str, str, int], dict[tuple[str, int], _Cut]] = defaultdict(dict)
    for (kind, *_), fragments in environments.items():
        for words, key in fragments:
            for (other, meaning), cut in fragments.items():
                if meaning != key and _least(words, other):
                    swaps[kind, words, key].setdefault((other, meaning), cut)
    return {key: list(found.values()) for key, found in swaps.items()}


def _least(one: str, other: str) -> bool:
    """Say whether two fragments differ in their first and in their last word, so that neither could be shorter."""
    mine, theirs = one.split(" "), other.split(" ")
    return mine[0] != theirs[0] and mine[-1] != theirs[-1]
