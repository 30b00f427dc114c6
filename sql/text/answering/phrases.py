# ruff: noqa: E501  (a table has a line for each of its rows)
"""Questions made from a grammar of phrases: every kind of records with asks and windows that training may never show.

Phrases are filled with the kinds and slots of the catalogue; what the grammar of the linear form does not allow for a
kind is left out. They stand beside the real questions, so that no ask of typed questions is unheard of.
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from ehr.errors import QuestionError
from sql.text.answering.examples import Example
from sql.text.records.catalogue import Catalogue, Kind
from sql.text.records.grammar import Grammar

WEIGHT: Final = 0.5
_SLOT: Final = re.compile(r"\[(\w+)\]")
WINDOWS: Final = (
    ("", ""),
    (" since [date_1]", "since date_1"),
    (" in [date_1]", "in date_1"),
    (" since [duration_1] ago", "ago duration_1"),
    (" this year", "this_year"),
    (" last year", "last_year"),
    (" this month", "this_month"),
    (" during the last month", "last_month"),
    (" today", "today"),
    (" yesterday", "yesterday"),
    (" on [month_day_1]/this year", "this_year month_day_1"),
    (" in [month_1]/last year", "last_year month_1"),
    (" during the first hospital visit", "first_stay"),
    (" on the last hospital encounter", "last_stay"),
    (" during the current hospital stay", "current_stay"),
    (" in the first ICU visit", "first_icu"),
    (" during the last ICU stay", "last_icu"),
    (" on the current ICU visit", "current_icu"),
)
"""A window in words and in tokens."""
OF_ONE: Final = (
    ("Has patient [patient_1] had any [{s}_1]{w}?", "exists {k} name {s}_1 of patient_1 {w}"),
    ("How many times did patient [patient_1] have [{s}_1]{w}?", "count_records {k} name {s}_1 of patient_1 {w}"),
    ("When did patient [patient_1] first have [{s}_1]{w}?", "list {k} time name {s}_1 of patient_1 {w} first"),
    ("When was the last [{s}_1] of patient [patient_1]{w}?", "list {k} time name {s}_1 of patient_1 {w} last"),
    ("What was the average [{s}_1] of patient [patient_1]{w}?", "avg {k} value name {s}_1 of patient_1 {w}"),
    ("What was patient [patient_1]'s total [{s}_1]{w}?", "sum {k} value name {s}_1 of patient_1 {w}"),
    ("What was the daily maximum [{s}_1] of patient [patient_1]{w}?", "max per_day {k} value name {s}_1 of patient_1 {w}"),
    ("Show the monthly minimum [{s}_1] of patient [patient_1]{w}.", "min per_month {k} value name {s}_1 of patient_1 {w}"),
    ("Has the [{s}_1] of patient [patient_1] been normal{w}?", "exists {k} name {s}_1 of patient_1 {w} normal"),
    ("Was patient [patient_1]'s [{s}_1] in the normal range{w}?", "exists {k} name {s}_1 of patient_1 {w} normal"),
    ("Was patient [patient_1]'s [{s}_1] above normal{w}?", "exists {k} name {s}_1 of patient_1 {w} above_normal"),
    ("Was the [{s}_1] of patient [patient_1] lower than normal{w}?", "exists {k} name {s}_1 of patient_1 {w} below_normal"),
    ("Was patient [patient_1]'s [{s}_1] ever greater than [number_1]{w}?", "exists {k} name {s}_1 of patient_1 {w} above number_1"),
    ("Was the [{s}_1] of patient [patient_1] less than [number_1]{w}?", "exists {k} name {s}_1 of patient_1 {w} below number_1"),
)  # fmt: skip
"""Questions about one patient: words and tokens, {k} the kind, {s} its slot, {w} the window."""
OF_ALL: Final = (
    ("How many patients had [{s}_1]{w}?", "count_patients {k} name {s}_1 {w}"),
    ("Count the patients who received [{s}_1]{w}.", "count_patients {k} name {s}_1 {w}"),
    ("What are the [number_1] most frequent {p}{w}?", "top number_1 {k} name {w}"),
    ("Show the top [number_1] {p}{w}.", "top number_1 {k} name {w}"),
    ("How many hospital visits involved [{s}_1]{w}?", "count_stays {k} name {s}_1 {w}"),
    (
        "What is the [duration_1] survival rate of patients who had [{s}_1] after a diagnosis of [diagnosis_1]{w}?",
        "survival duration_1 {k} name {s}_1 {w} after diagnosis name diagnosis_1",
    ),
    (
        "What share of patients with [{s}_1] who were earlier diagnosed with [diagnosis_1] lived for [duration_1]{w}?",
        "survival duration_1 {k} name {s}_1 {w} after diagnosis name diagnosis_1",
    ),
    (
        "What are the [number_1] {p} with the highest [duration_1] mortality{w}?",
        "mortality number_1 duration_1 {k} name {w}",
    ),
)
"""Questions about all patients; {p} the noun of the kind."""


def phrased(catalogue: Catalogue, grammar: Grammar, most: int, seed: int = 0) -> list[Example]:
    """Return up to `most` questions, drawn from all that the phrases make of the kinds of a catalogue."""
    found = {one.text: one for kind in catalogue.kinds.values() for one in _of_kind(kind, grammar)}
    every = list(found.values())
    order = np.random.default_rng(seed).permutation(len(every))[:most]
    return [every[at] for at in sorted(order.tolist())]


def _of_kind(kind: Kind, grammar: Grammar) -> Iterator[Example]:
    name = kind.fields.get("name")
    if name is None or name.slot is None:
        return
    for words, tokens in (*OF_ONE, *OF_ALL):
        for when, window in WINDOWS:
            text = words.format(s=name.slot, p=kind.noun[1], w=when)
            written = tokens.format(k=kind.name, s=name.slot, w=window).split()
            if _is_each_once(text) and _is_question(written, grammar):
                yield Example(text, tuple(written), WEIGHT)


def _is_each_once(text: str) -> bool:
    """Say whether no slot stands twice, as it would where phrase and window, or phrase and kind, hold the same."""
    slots = _SLOT.findall(text)
    return len(slots) == len(set(slots))


def _is_question(tokens: list[str], grammar: Grammar) -> bool:
    try:
        grammar.query(tokens)
    except QuestionError:
        return False
    return True
