"""What is said in a follow-up: phrases of words and slots, each with the change of the last question it stands for.

A slot stands in a phrase as `<date>`, of whatever number; `<any>` is one of any kind.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from sql.text.followups.edits import Unfit
from sql.text.followups.records.edits import (
    Edit,
    ask_for,
    at_any_time,
    at_time,
    counted,
    listed,
    named,
    of_everyone,
    of_person,
    per_period,
    picked,
    summed,
    with_value,
)
from sql.text.linking import Linked, Slot
from sql.text.records.catalogue import Catalogue, Field, Kind
from sql.text.records.query import Count, Exists, List, RecordsQuery
from sql.text.records.selection import (
    Aged,
    Ago,
    At,
    Calendar,
    Comparison,
    InStay,
    Normality,
    OfSex,
    Patient,
    Pick,
    Span,
    Window,
)
from sql.text.records.values import Plain
from sql.text.words import stem


@dataclass(frozen=True, slots=True)
class Said:
    """A phrase that was found: its words, the slots of the whole text, and the kind of records they are about."""

    found: re.Match[str]
    linked: Linked
    catalogue: Catalogue
    kind: Kind

    def word(self, group: str) -> str:
        """Return the words of a group; nothing where it has none."""
        return self.found[group] or ""

    def slot(self, kind: str) -> Slot:
        """Return the slot of a kind in the phrase."""
        slot = self.linked.find(self.found[kind].split("+")[0])
        assert slot is not None
        return slot

    def value(self, kind: str) -> Plain:
        """Return the value of the slot of a kind in the phrase."""
        value = self.slot(kind).value_of(kind)
        assert value is not None
        return value


Meaning = Callable[[Said], Edit | None]
"""Returns the change that a phrase stands for; None where it stands for none about this kind of records."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase, and the change that it stands for; `is_whole` where it says all that a follow-up can say."""

    phrase: re.Pattern[str]
    meaning: Meaning
    is_whole: bool = False


def _rule(phrase: str, meaning: Meaning, *, is_whole: bool = False) -> Rule:
    return Rule(re.compile(rf"(?:{_SLOT.sub(_slot, phrase)})(?!\S)"), meaning, is_whole)


_SLOT: Final = re.compile(r"(?<!\?P)<(\w+)>")


def _slot(found: re.Match[str]) -> str:
    kind = found[1]
    one = r"\w+" if kind == "any" else rf"(?:[^\]]*\+)?{kind}_\d+"
    return rf"\[(?P<{kind}>{one}(?:\+[^\]]*)?)\]"


# --- when -------------------------------------------------------------------------------------------------

_UNITS: Final = {"today": ("day", 0), "yesterday": ("day", 1)}
_BACK: Final = {"this": 0, "current": 0, "last": 1, "previous": 1}


def _window(make: Callable[[Said], Window]) -> Meaning:
    return lambda said: partial(at_time, window=make(said))


def _day(said: Said) -> Window:
    unit, back = _UNITS[said.word("day")]
    return Calendar(cast(Any, unit), cast(Any, back))


def _period(said: Said) -> Window:
    return Calendar(cast(Any, said.word("unit")), cast(Any, _BACK[said.word("back")]))


def _part(unit: str, kind: str) -> Callable[[Said], Window]:
    return lambda said: Calendar(cast(Any, unit), cast(Any, _BACK[said.word("back")]), said.value(kind))


def _span(said: Said) -> Window:
    side = {"since": "since", "until": "until", "till": "until"}.get(said.word("side"), "in")
    return Span(cast(Any, side), said.value("date"))


def _stay(said: Said) -> Window:
    which = {"this": "current", "most recent": "last", "latest": "last"}.get(said.word("which"), said.word("which"))
    return InStay("icu" if said.word("where") == "icu" else "stay", cast(Any, which))


_OF: Final = r"(?:(?:in|on|of|from|for|during|within|over|throughout) )?"
_WINDOWS: Final = (
    _rule(r"(?P<day>today|yesterday)", _window(_day)),
    _rule(_OF + r"(?P<back>this|last) (?P<unit>year|month)", _window(_period)),
    _rule(_OF + r"the (?P<back>current|previous) (?P<unit>year|month)", _window(_period)),
    _rule(_OF + r"<month>(?: of| in)? (?P<back>this|last|previous) year", _window(_part("year", "month"))),
    _rule(_OF + r"<month_day>(?: of| in)? (?P<back>this|last|previous) year", _window(_part("year", "month_day"))),
    _rule(_OF + r"<day>(?: of| in)? (?P<back>this|last|previous) month", _window(_part("month", "day"))),
    _rule(r"(?:(?P<side>since|until|till|in|on|of|from|for|during) )?<date>", _window(_span)),
    _rule(r"(?:at )?<moment>", _window(lambda said: At(said.value("moment")))),
    _rule(_OF + "(?:the )?(?:last|past) <duration>", _window(lambda said: Ago(said.value("duration")))),
    _rule(
        r"(?:(?:in|on|during|from) )?(?:(?:the|his|her|their) )?(?P<which>first|last|latest|most recent|current|this)"
        r"(?: (?P<where>hospital|icu))? (?:stay|visit|admission|encounter|hospitalization)",
        _window(_stay),
    ),
    _rule(r"ever|at any time|of all times?|in any (?:year|stay)", lambda _: at_any_time),
)  # fmt: skip

# --- of whom, and which -----------------------------------------------------------------------------------

_PICKS: Final = {
    "first": ("first", 1), "earliest": ("first", 1), "second": ("first", 2), "third": ("first", 3),
    "last": ("last", 1), "latest": ("last", 1), "most recent": ("last", 1), "second last": ("last", 2),
    "second to last": ("last", 2), "third last": ("last", 3), "third to last": ("last", 3),
}  # fmt: skip
_MORE: Final = {
    "above": "above", "over": "above", "more than": "above", "greater than": "above", "higher than": "above",
    "below": "below", "under": "below", "less than": "below", "lower than": "below",
    "at least": "at_least", "at most": "at_most", "exactly": "equal",
}  # fmt: skip


def _pick(said: Said) -> Edit:
    end, place = _PICKS[said.word("which")]
    return partial(picked, pick=Pick(cast(Any, end), cast(Any, place)))


def _bound(said: Said) -> Edit:
    return partial(with_value, value=Comparison(cast(Any, _MORE[said.word("more")]), said.value("number")))


def _normal(said: Said) -> Edit:
    return partial(with_value, value=Normality(cast(Any, said.word("side").replace(" ", "_"))))


def _name(said: Said) -> Edit:
    slot = said.slot("any")
    values = {kind: value for kind in slot.kinds if (value := slot.value_of(kind)) is not None}
    return partial(named, values=values, catalogue=said.catalogue)


_ABOUT: Final = r"(?:(?:for|of|with|about|in|among|by|via) )?(?:(?:the|his|her|their|a|an) )?"
_PEOPLE: Final = r"(?: (?:patients?|people|persons?|ones))?"
_WHICH: Final = (
    _rule(
        _ABOUT + r"(?:(?:patients?|subject|pt) )?(?:(?:id|number|no) )?<patient>",
        lambda said: partial(of_person, person=Patient(said.value("patient"))),
    ),
    _rule(_ABOUT + "<sex>" + _PEOPLE, lambda said: partial(of_person, person=OfSex(said.value("sex")))),
    _rule(
        _ABOUT + r"(?:(?:patients?|people|those) )?(?:(?:aged|ages?|in) )?(?:(?:the|their) )?<age>" + _PEOPLE,
        lambda said: partial(of_person, person=Aged(said.value("age"))),
    ),
    _rule(r"(?:for |of |among )?(?:all (?:the )?patients|everyone|everybody|any patient)", lambda _: of_everyone),
    _rule(r"(?:with (?:a |an )?(?:value|result|dose|volume)s? )?(?P<more>" + "|".join(_MORE) + r") <number>", _bound),
    _rule(r"(?:the )?(?P<side>abnormal|normal|above normal|below normal)(?: (?:values?|results?|ones?))?", _normal),
    _rule(
        r"(?:the )?(?P<which>" + "|".join(sorted(_PICKS, key=len, reverse=True)) + r")(?: (?:one|time|record))?",
        _pick,
    ),
    _rule(_ABOUT + "<any>(?: tests?| levels?| values?)?", _name),
)

# --- what is asked ----------------------------------------------------------------------------------------

_FUNCTIONS: Final = {
    "average": "avg", "mean": "avg", "total": "sum", "sum": "sum", "highest": "max", "maximum": "max", "max": "max",
    "lowest": "min", "minimum": "min", "min": "min",
}  # fmt: skip
_PER: Final = {"daily": "day", "monthly": "month", "yearly": "year", "annual": "year"}
LONGEST_NOUN: Final = 3
"""Words of a noun that is taken for a field which the records do not have."""
_MORE_NOUNS: Final = {"time": ("time", "date", "moment"), "value": ("value", "result", "measurement")}


def _count(of: str | None) -> Meaning:
    return lambda _: partial(counted, ask=None if of is None else Count(cast(Any, of)))


def _summed(said: Said) -> Edit:
    function = cast(Any, _FUNCTIONS[said.word("function")])
    per = said.word("per") or _PER.get(said.word("every"))
    return partial(summed, function=function, per=cast(Any, per), catalogue=said.catalogue)


def _field(said: Said) -> Edit | None:
    """List the field of this noun, where the records have such a one; "the times" are those of all records."""
    words = said.word("noun").removesuffix(" of them").removesuffix(" of those")
    wanted = _stems(words)
    field = next((one for one in said.kind.fields.values() if wanted in _nouns(one)), None)
    if field is None:
        return None
    is_plural = wanted != tuple(words.split())
    return partial(listed, ask=List(field.name, bool(said.word("distinct"))), of_all=is_plural)


def _shown(said: Said) -> Edit | None:
    """List the field of this noun, or say which there are; a longer phrase may be a question of its own."""
    edit = _field(said)
    if edit is None and len(said.word("noun").split()) <= LONGEST_NOUN:
        return partial(_no_field, said=said)
    return edit


def _no_field(query: RecordsQuery, said: Said) -> RecordsQuery:
    offered = ", ".join(dict.fromkeys(field.noun or field.name for field in said.kind.fields.values()))
    raise Unfit(f"{said.kind.noun[1]} have no '{said.word('noun')}'; show of them: {offered}")


def _nouns(field: Field) -> set[tuple[str, ...]]:
    names = (field.noun, field.name.replace("_", " "), *_MORE_NOUNS.get(field.name, ()))
    return {_stems(name) for name in names if name}


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in text.split())


def _when(_: Said) -> Edit:
    return partial(ask_for, ask=List("time"))


def _exists(_: Said) -> Edit:
    return partial(ask_for, ask=Exists())


_NOUN: Final = r"(?P<noun>[a-z][a-z ]*)"
_THE: Final = r"(?:(?:the|their|its|his|her|all|all the|these|those) )?(?:(?P<distinct>different|distinct|unique) )?"
_ARE: Final = r"(?: (?:is|was|are|were) (?:that|there|it|they))?"
_ASKS: Final = (
    _rule(r"how many" + _ARE + r"(?: of (?:them|those))?|count (?:them|those|it)", _count(None), is_whole=True),
    _rule(r"how (?:often|many (?:times|records))" + _ARE, _count("records"), is_whole=True),
    _rule(r"(?:in |for |of )?how many (?:different )?(?:patients|people)", _count("patients"), is_whole=True),
    _rule(r"(?:in )?how many (?:hospital )?(?:stays|admissions|visits)", _count("stays"), is_whole=True),
    _rule(r"when(?: (?:was|were|is) (?:that|it|they|those|this))?", _when, is_whole=True),
    _rule(r"(?:(?:is|are|was|were) there )?any(?: at all)?|(?:is|was|were|are) there any", _exists, is_whole=True),
    _rule(r"(?:show|give|tell|list)(?: me)? " + _THE + _NOUN, _shown, is_whole=True),
    _rule(r"(?:what (?:is|are|was|were) )?(?:the|their|its|his|her) " + _THE + _NOUN, _field, is_whole=True),
    _rule(
        r"(?:(?:what (?:is|are|was|were)|show(?: me)?|give(?: me)?) )?(?:(?:the|their|its|his|her) )?"
        r"(?:(?P<every>daily|monthly|yearly|annual) )?(?P<function>" + "|".join(_FUNCTIONS) + r")"
        r"(?: (?:value|result|dose|volume|amount|of them|of those|one))?"
        r"(?: (?:per|by|each|every|for each) (?P<per>day|month|year))?",
        _summed,
        is_whole=True,
    ),
    _rule(
        r"(?:per|by|each|every|for each) (?P<per>day|month|year)",
        lambda said: partial(per_period, per=cast(Any, said.word("per"))),
        is_whole=True,
    ),
)  # fmt: skip

RULES: Final = (*_WINDOWS, *_WHICH, *_ASKS)
"""All that a follow-up may say; where two phrases are as long, the first counts."""
