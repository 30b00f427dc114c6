"""Linking: the typed values that a question names, as slots that a parser refers to.

index = build_index(connection, columns, ids)      # once for a database
linked = link("What was patient 10021118's last sodium?", index)
linked.text                                        # "What was patient [patient_1]'s last [lab_1]?"
linked.value("lab_1")                              # "sodium", as the database stores it
"""

from sql.text.linking.catalogue import index_of
from sql.text.linking.index import LinkIndex, build_index
from sql.text.linking.link import link
from sql.text.linking.names import IdColumn, NameColumn, Uses
from sql.text.linking.slots import Candidate, How, Linked, Slot

__all__ = [
    "Candidate",
    "How",
    "IdColumn",
    "LinkIndex",
    "Linked",
    "NameColumn",
    "Slot",
    "Uses",
    "build_index",
    "index_of",
    "link",
]
