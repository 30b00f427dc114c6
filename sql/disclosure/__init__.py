"""Statistical disclosure control: what the role `aggregate` is given, and what is kept from it.

    DuckDB's tree ──► queries: whose rows are these? ──► blocks: what is counted ──► measure: over how many patients
                          │ sources, links, expressions                                  │
                          └── refusal with a reason                                 suppression
                                                                                         │
                  final query, in a database that holds nothing else ◄── protected tables

`protect` takes a statement apart, `fill` measures it. docs/disclosure.md says what is protected and what is not.
"""

from sql.disclosure.answer import ROLE, Protection, fill, protect
from sql.disclosure.measure import MIN_SUBJECTS

__all__ = ["MIN_SUBJECTS", "ROLE", "Protection", "fill", "protect"]
