"""The values that a model may refer to, by the names of their slots: those of a question and of the one before."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sql.text.answering.ground import Ground
from sql.text.endpoint.found import mask
from sql.text.linking import Linked
from sql.text.records.grammar import Grammar
from sql.text.records.linear import linearize
from sql.text.records.query import RecordsQuery
from sql.text.records.tokens import slot_of, value_of, value_token
from sql.text.records.values import Plain, Slot

SHOWN_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Named:
    """Values by the names of slots, what a model is told of each, and the question before in these names."""

    values: Mapping[str, Plain]
    told: tuple[dict[str, object], ...]
    previous: tuple[str, ...] | None


def named_values(linked: Linked, previous: RecordsQuery | None, ground: Ground) -> Named:
    """Name the values of a question and of the one before; of patients and of long numbers only the name is told."""
    hidden = set(mask(linked.question).hidden.values())
    values: dict[str, Plain] = {}
    told: list[dict[str, object]] = []
    for slot in linked.slots:
        for kind, reference in zip(slot.kinds, slot.references, strict=True):
            value = slot.value_of(kind)
            if value is None:
                continue
            values[reference] = value
            one: dict[str, object] = {"name": reference, "kind": kind}
            if kind not in ground.index.ids and slot.surface not in hidden:
                others = [one.value for one in slot.candidates if one.kind == kind and one.value != value]
                one |= {"words": slot.surface, "value": _shown(value)}
                one |= {"it_may_also_be": [_shown(other) for other in others[:SHOWN_NAMES]]} if others else {}
            told.append(one)
    if previous is None:
        return Named(values, tuple(told), None)
    tokens, earlier = with_slots(
        previous, ground.grammar, Counter(reference.rpartition("_")[0] for reference in values)
    )
    for reference, value in earlier.items():
        kind = reference.rpartition("_")[0]
        shown = {} if kind in ground.index.ids else {"value": _shown(value)}
        told.append({"name": reference, "kind": kind, "words": "of the question before", **shown})
    return Named(values | earlier, tuple(told), tokens)


def _shown(value: Plain) -> object:
    return json.loads(value_token(value)[1:])


def with_slots(
    query: RecordsQuery, grammar: Grammar, taken: Mapping[str, int]
) -> tuple[tuple[str, ...], dict[str, Plain]]:
    """Return the tokens of a question with a slot for each value, numbered after those `taken`, and the values."""
    counts = Counter(taken)
    values: dict[str, Plain] = {}
    tokens: list[str] = []
    for token in linearize(query):
        if token.startswith("="):
            kind = min(slot.kind for one in grammar.allowed(tokens) if (slot := slot_of(one)) is not None)
            counts[kind] += 1
            value = value_of(token)
            assert not isinstance(value, Slot)
            values[f"{kind}_{counts[kind]}"] = value
            token = f"{kind}_{counts[kind]}"
        tokens.append(token)
    return tuple(tokens), values
