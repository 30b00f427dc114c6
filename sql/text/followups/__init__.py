"""Questions that follow others: a session keeps the last `Query` of its owner, and a follow-up refines it.

    "and only women?" ──► refine ──► Query, changed ──► as any other question: compile, guard, reading
                             │
        session: the last Query, who asked it and in which role; no rows

A follow-up changes the question and never the role: what the guard and disclosure control allow is decided anew for
the whole refined question.
"""

from sql.text.followups.following import Following, ask_in
from sql.text.followups.refine import refine
from sql.text.followups.sessions import FolderSessions, MemorySessions, Session, Sessions

__all__ = ["FolderSessions", "Following", "MemorySessions", "Session", "Sessions", "ask_in", "refine"]
