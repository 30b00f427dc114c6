"""Asking within a session over a foreign schema: a follow-up refines the last question, anything else begins anew."""

import hashlib
import time
from typing import Final

from sql.text.answering.answering import Answer, Answerer, answer_of, refused
from sql.text.answering.attempts import Attempt, try_query
from sql.text.answering.ground import Ground
from sql.text.answering.parser import Parsed
from sql.text.followups.records.refine import Refined, refine_records
from sql.text.followups.refine import seems_to_follow
from sql.text.followups.sessions import Session, Sessions, unknown
from sql.text.records.query import RecordsQuery
from sql.text.refuse import Refusal

BY_RULES: Final = "the rules of follow-ups"
_ROLE: Final = "analyst"
_UNPARSED: Final = Parsed((), (), {})


def ask_records_in(
    sessions: Sessions, name: str, owner: str, ground: Ground, question: str, answerer: Answerer
) -> Answer:
    """Answer a question within the session `name` of `owner`, and keep what was understood for the next one.

    What is no follow-up is put to `answerer`; where neither understands it, the refusal of the follow-up is given.
    What is refused leaves a session as it was. Raises UnknownSession for a follow-up in a session that the owner does
    not have.
    """
    state = state_of(ground)
    session = sessions.find(name, owner)
    if session is not None and session.state != state:
        session = None
    if session is None and seems_to_follow(question):
        raise unknown(name)
    last = session.query if session is not None else None
    answer = answered_after(question, last if isinstance(last, RecordsQuery) else None, ground, answerer)
    if answer.reason is None:
        sessions.keep(Session(name, owner, _ROLE, state, answer.query, time.time()))
    return answer


def answered_after(question: str, previous: RecordsQuery | None, ground: Ground, answerer: Answerer) -> Answer:
    """Answer a question that may go on from another one; the refusal of a follow-up says more than the answerer's."""
    refined = None if previous is None else refine_records(question, previous, ground)
    if isinstance(refined, Refined):
        tried = try_query(refined.query, ground, tokens=refined.references)
        return answer_of(Attempt(refined.linked, _UNPARSED, tried, {}), ground, None, by=BY_RULES)
    (answer,) = answerer([question], ground, previous)
    if answer.reason not in (None, "UNSAFE") and isinstance(refined, Refusal):
        return refused(question, refined, BY_RULES)
    return answer


def state_of(ground: Ground) -> str:
    """Return what changes when the files of a database do, or what the catalogue says of them."""
    path = ground.database.store.path
    files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    told = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((str(path.resolve()), ground.catalogue.kinds, told)).encode()).hexdigest()
