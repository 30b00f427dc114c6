"""How sure a linked question is, in numbers from which a model of confidence can learn."""

from sql.text.linking.slots import FORMS, How, Linked


def features(linked: Linked) -> dict[str, float]:
    """Return the signs that a question linked well or badly, of the same names in the same order for all questions.

    `score` and `margin` are the least over the slots of names and ids, 1 where there is none. The others are counts:
    of slots by how they agree with the database, of slots of several kinds, of names that no record uses, of words of
    names that no slot holds, and of words that neither names nor the language of questions explain.
    """
    named = [slot for slot in linked.slots if not set(slot.kinds) & set(FORMS)]
    ways = [slot.how for slot in named]
    return {
        "slots": float(len(linked.slots)),
        "names": float(len(named)),
        "score": min((slot.score for slot in named), default=1.0),
        "margin": min((slot.margin for slot in named), default=1.0),
        **{str(how): float(ways.count(how)) for how in How},
        "open_kinds": float(sum(len(slot.kinds) > 1 for slot in named)),
        "without_records": float(sum(bool(s.candidates[0].column) and not s.candidates[0].records for s in named)),
        "unlinked_words": float(len(linked.unlinked)),
        "unknown_words": float(len(linked.unknown)),
    }
