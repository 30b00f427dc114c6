"""Answers in forms: QuestionnaireResponse of FHIR R4 as an event for each answer. The rules are in docs/fhir.md."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from ehr.events import code_of
from ehr.importers.fhir_codes import concept, system_name
from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_record import Record, begin, choice_of, one_of
from ehr.importers.fhir_values import (
    LARGEST_FLOAT,
    Json,
    LeftOut,
    Measured,
    Notes,
    Refused,
    as_object,
    as_text,
    elements,
    quantity,
    wrong_type,
)
from ehr.reasons import Reason

ANSWER: Final = choice_of(
    "value", "Boolean Decimal Integer Date DateTime Time String Uri Attachment Coding Quantity Reference"
)
_LOINC_LINK: Final = re.compile(r"/?(\d{1,7})-(\d)", re.ASCII)


def questionnaire_response(resource: Json, record: Record) -> None:
    """An event for each answer, from when the form was filled in."""
    status = begin("QuestionnaireResponse", resource, record)
    time = moment(resource.get("authored"), "authored", record.notes)
    form = as_text(resource.get("questionnaire"), "questionnaire")
    form = form.split("|", 1)[0] if form else None
    for item, part in _items(resource):
        answers = elements(item.get("answer"), "item.answer")
        if not answers:
            continue
        parts, system = _question(item, form)
        title = as_text(item.get("text"), "item.text")
        for number, answer in enumerate(answers):
            value = _answer(answer, record.notes)
            unit = (value[2],) if value[2] else ()
            code = code_of("QUESTIONNAIRE", *parts, *unit)
            record.add(time, code, title, system, value=value, status=status, part=f"{part}.answer[{number}]")
    if not record.events:
        raise LeftOut("it has no answer: left out", code=Reason.NO_CODE)


def _items(resource: Json) -> Iterator[tuple[Json, str]]:
    """Yield every item with its place, those within items and within answers too, in the order of the form."""
    pending = [(resource, "")]
    while pending:
        holder, part = pending.pop()
        if part:
            yield holder, part
        inner = [(item, f"{part}.item[{number}]") for number, item in enumerate(elements(holder.get("item"), "item"))]
        for number, answer in enumerate(elements(holder.get("answer"), "item.answer") if part else ()):
            of_answer = enumerate(elements(answer.get("item"), "item"))
            inner += [(item, f"{part}.answer[{number}].item[{at}]") for at, item in of_answer]
        pending += reversed(inner)


def _question(item: Json, form: str | None) -> tuple[tuple[str | None, str | None], str | None]:
    """Return system and code of a question, and the system's name.

    A linkId that is a LOINC number, as forms made from LOINC panels have it, is one; else the definition of the item
    names it, else the questionnaire and the linkId.
    """
    link = as_text(item.get("linkId"), "item.linkId")
    if link is None:
        raise Refused("no item.linkId", code=Reason.NO_CODE)
    if is_loinc(link):
        return ("LOINC", link.removeprefix("/")), "LOINC"
    definition = as_text(item.get("definition"), "item.definition")
    if definition is not None and "#" in definition:
        system, _, name = definition.partition("#")
        return (system_name(system)[0], name or None), system
    return (system_name(form)[0] if form else None, link), form


def is_loinc(text: str) -> bool:
    """Say whether `text`, perhaps after a slash, is a number of LOINC: digits, a hyphen and the right check digit.

    The check digit is that of Luhn (mod 10), as the LOINC Users' Guide gives it.

    >>> [is_loinc(text) for text in ("4548-4", "/4548-4", "4548-5", "1.1")]
    [True, True, False, False]
    """
    match = _LOINC_LINK.fullmatch(text)
    if match is None:
        return False
    digits = [int(digit) for digit in reversed(match[1])]
    total = sum(digits[1::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[::2])
    return (10 - total % 10) % 10 == int(match[2])


def _answer(answer: Json, notes: Notes) -> Measured:
    """Return what value[x] of an answer says."""
    name = one_of(answer, ANSWER)
    if name is None:
        return None, None, None, None
    return _READERS[ANSWER[name]](answer[name], f"answer.{name}", notes)


def _number(value: object, name: str, notes: Notes) -> Measured:
    if type(value) is not int and type(value) is not float:
        raise wrong_type(name, "a number", value)
    if not -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        notes.append((Reason.BAD_NUMBER, f"{name} is beyond the numbers of the store: kept as text"))
        return None, str(value), None, None
    return float(value), None, None, None


def _boolean(value: object, name: str, _notes: Notes) -> Measured:
    if type(value) is not bool:
        raise wrong_type(name, "true or false", value)
    return None, "true" if value else "false", None, None


def _text(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(value, name), None, None


def _date(value: object, name: str, notes: Notes) -> Measured:
    moment(value, name, notes)
    return _text(value, name, notes)


def _coding(value: object, name: str, notes: Notes) -> Measured:
    chosen = concept({"coding": [as_object(value, name)]}, name, notes)
    return None, chosen.text, None, chosen.code


def _reference(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(as_object(value, name).get("display"), f"{name}.display"), None, None


def _attachment(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(as_object(value, name).get("title"), f"{name}.title"), None, None


_READERS: Final[dict[str, Callable[[object, str, Notes], Measured]]] = {
    "Boolean": _boolean,
    "Decimal": _number,
    "Integer": _number,
    "Date": _date,
    "DateTime": _date,
    "Time": _text,
    "String": _text,
    "Uri": _text,
    "Attachment": _attachment,
    "Coding": _coding,
    "Quantity": quantity,
    "Reference": _reference,
}
