"""Follow-ups of questions about records, over any schema that a catalogue describes.

"and last month?" ──► link ──► words ──► edits of the last RecordsQuery ──► as any other question
"""

from sql.text.followups.records.following import ask_records_in
from sql.text.followups.records.refine import Refined, refine_records

__all__ = ["Refined", "ask_records_in", "refine_records"]
