"""Whether tokens or SQL of a language model hold the question: each of its values, and each telling word.

Tokens name values by slots, so that no value can be in them that the question does not say.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from ehr.errors import QuestionError
from sql.text.linking import How, Linked, Slot
from sql.text.linking.slots import NUMBER
from sql.text.records.values import Duration, Plain, Range

FREE: Final = frozenset({0.0, 1.0})
"""Numbers that need no token: any is at least one."""

_TELLING: Final[tuple[tuple[frozenset[str], re.Pattern[str]], ...]] = tuple(
    (frozenset(words.split()), re.compile(tokens))
    for words, tokens in (
        ("first earliest", r"\bfirst|\bwithin|\bsame_|\bafter"),
        ("last latest recent", r"\b(?:last|second_last|third_last|ago|yesterday|versus)|\b\w+_since"),
        ("previous", r"\b(?:last|ago|yesterday|versus|within|same_|after)|\b\w+_since"),
        ("second", r"\bsecond"),
        ("yesterday", r"\byesterday"),
        ("today", r"\btoday|\bsame_age"),
        ("current currently", r"\bcurrent|\bthis_"),
        ("average mean", r"\bavg"),
        ("total sum", r"\bsum|\bbalance|\bcount|_cost|_since|\blength"),
        ("maximum highest largest peak", r"\bmax|\bhighest|\btop|\bmortality"),
        ("minimum lowest smallest", r"\bmin|\blowest|\bmortality"),
        ("abnormal", r"\babnormal|_normal"),
        ("icu", r"\bicu|_icu|\btransfer|careunit"),
        ("cost costs price charge charges charged", r"\bcost|_cost"),
        ("percentile", r"\bpercentile"),
        ("survival", r"\bsurvival|\bmortality"),
        ("daily", r"\bper_day"),
        ("monthly", r"\bper_month"),
        ("yearly annual", r"\bper_year"),
    )
)
"""Words that say one thing only, and what then has to be among the tokens."""
_WORD: Final = re.compile(r"\[[^\]]*\]|[^\W\d_]+")


def tokens_left_out(tokens: Sequence[str], linked: Linked) -> str | None:
    """Say which value or telling word of the question is not in tokens, in the names of slots; None when all are."""
    used = set(tokens)
    for slot in linked.slots:
        if _is_certain(slot) and not used & set(slot.references):
            return f"{slot.placeholder} of the question is left out"
    text = " ".join(tokens)
    for word in _WORD.findall(linked.text.lower()):
        for words, pattern in _TELLING:
            if word in words and not pattern.search(text):
                return f"'{word}' of the question is left out"
    return None


def _is_certain(slot: Slot) -> bool:
    return slot.how is not How.PARTIAL and not (slot.kinds == (NUMBER,) and slot.value in FREE)


# --- SQL --------------------------------------------------------------------------------------------------


def with_values(tree: exp.Expr, values: Mapping[str, Plain]) -> exp.Expr:
    """Return SQL with the values in place of the texts that name them, such as 'patient_1'.

    Raises QuestionError for the name of a span or a range of ages, which is no value of SQL.
    """

    def valued(node: exp.Expr) -> exp.Expr:
        if not (isinstance(node, exp.Literal) and node.is_string and node.name in values):
            return node
        value = values[node.name]
        if isinstance(value, Range | Duration):
            raise QuestionError(f"{node.name} cannot stand in SQL by its name; write the numbers of it")
        return exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(value)

    return tree.copy().transform(valued)


def sql_left_out(tree: exp.Expr, linked: Linked) -> str | None:
    """Say which value of the question does not occur among the literals of SQL; None when all do."""
    literals = [str(node.this).lower() for node in tree.find_all(exp.Literal)]
    numbers = {float(found) for text in literals for found in _NUMBER.findall(text) if len(found) < 16}
    for slot in linked.slots:
        if _is_certain(slot) and not any(_is_in(one.value, literals, numbers) for one in slot.candidates):
            return f"{slot.placeholder} of the question is left out"
    return None


_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def _is_in(value: Plain, literals: Sequence[str], numbers: set[float]) -> bool:
    if isinstance(value, Range):
        return bool({value.low, value.low - 1, value.high, None if value.high is None else value.high + 1} & numbers)
    if isinstance(value, Duration):
        return bool({float(value.amount), float(value.days)} & (numbers | FREE))
    if isinstance(value, str) and not value[:1].isdigit():
        return any(
            value.lower() in text or text.strip("%_") in value.lower() for text in literals if text.strip("%_")
        )
    return {float(found) for found in _NUMBER.findall(str(value))} <= numbers
