"""Explanations of supervised estimates: which records move them, found by leaving records out.

`explain` ranks the records of one history by their exact effect, alone and in groups; `what_if` leaves out chosen
ones; `deletion_test` measures on many rows whether what is named matters to the model.
"""

from models.explain.deletion import deletion_test
from models.explain.effects import Change, Scorer, scorer_of
from models.explain.explanation import EventEffect, Explanation, WhatIf, explain, what_if
from models.explain.groups import GroupEffect
from models.explain.history import History, histories
from models.explain.records import Record

__all__ = [
    "Change",
    "EventEffect",
    "Explanation",
    "GroupEffect",
    "History",
    "Record",
    "Scorer",
    "WhatIf",
    "deletion_test",
    "explain",
    "histories",
    "scorer_of",
    "what_if",
]
