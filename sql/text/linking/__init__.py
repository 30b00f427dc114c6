"""Linking: the typed values that a question names, as slots that a parser refers to.

`index_of(catalogue, connection)` reads the names and ids of a database once. `link(question, index)` then gives the
slots of a question: for "What was patient 10021118's last sodium?" the text "What was patient [patient_1]'s last
[lab_1]?", where the value of `lab_1` is "sodium" as the database stores it. `features` says how sure that is.
"""

from sql.text.linking.catalogue import index_of
from sql.text.linking.index import LinkIndex, build_index
from sql.text.linking.link import link
from sql.text.linking.names import IdColumn, NameColumn, Uses
from sql.text.linking.signs import features
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
    "features",
    "index_of",
    "link",
]
