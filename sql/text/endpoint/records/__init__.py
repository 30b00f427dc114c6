"""A language model in place of the trained translator, over any schema that a catalogue describes.

question ──► link ──► prompt ──► wire ──► reply ──► checks ──► RecordsQuery ──► as with the translator
               │     slots, names,            │
        no, for an unknown    never rows   SQL, where allowed ──► guard, labelled as such
        patient
"""

from sql.text.endpoint.records.model import RecordsModel

__all__ = ["RecordsModel"]
