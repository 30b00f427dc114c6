"""Asking within a session: a follow-up refines the last question of the session, anything else begins it anew."""

import re
import time
from dataclasses import dataclass, replace
from typing import Final

from ehr.errors import NotAllowed
from ehr.store import Store
from sql.query import Limits
from sql.text import DEFAULT_LIMITS, Answer, Index, ask
from sql.text.followups.refine import refine, seems_to_follow
from sql.text.followups.sessions import Session, Sessions, state_of, unknown
from sql.text.query import Query
from sql.text.refuse import Refusal
from sql.text.translator import Ground, Translator, Typed, Understood, by_grammar

_OPENING: Final = re.compile(r"^\s*(?:and|also|then|now|ok|okay)\b[\s,]*", re.IGNORECASE)
"""What a whole question may begin with after another one."""


@dataclass(frozen=True, slots=True)
class Following:
    """A translator that reads a question as a follow-up of `previous` where it is one, and else as `translator` does.

    Where neither understands it, the refusal of the follow-up is given, since it says more.
    """

    translator: Translator
    previous: Query

    def __call__(self, question: str, ground: Ground) -> Understood:
        """Return the refined question, or what the other translator made of it."""
        refined = refine(question, self.previous, ground.index)
        if isinstance(refined, Query):
            return Typed(refined)
        with_previous = replace(ground, previous=self.previous)
        understood = self.translator(question, with_previous)
        bare = _OPENING.sub("", question)
        if isinstance(understood, Refusal) and understood.reason == "LOW_CONFIDENCE" and bare != question:
            anew = by_grammar(bare, with_previous)
            understood = understood if isinstance(anew, Refusal) else anew
        if isinstance(understood, Refusal) and isinstance(refined, Refusal):
            return refined
        return understood


def ask_in(
    sessions: Sessions,
    name: str,
    owner: str,
    store: Store,
    question: str,
    *,
    role: str = "analyst",
    dry_run: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    index: Index | None = None,
    translator: Translator = by_grammar,
    must_exist: bool = False,
) -> Answer:
    """Answer a question within the session `name` of `owner`, and keep what was understood for the next one.

    A session that there is not yet is begun, unless it `must_exist` or the question is plainly a follow-up; what is
    refused leaves a session as it was. Raises UnknownSession for a session that the owner does not have, and
    NotAllowed when it was begun in another role; else as `sql.text.ask`.
    """
    state = state_of(store)
    session = sessions.find(name, owner)
    if session is not None and session.state != state:
        session = None
    if session is None and (must_exist or seems_to_follow(question)):
        raise unknown(name)
    if session is not None and session.role != role:
        raise NotAllowed(
            f"the session {name!r} was begun in role {session.role} and goes on in that role alone; "
            f"begin another one in role {role}"
        )
    if session is not None and isinstance(session.query, Query):
        translator = Following(translator, session.query)
    answer = ask(store, question, role=role, dry_run=dry_run, limits=limits, index=index, translator=translator)
    if answer.reason is None:
        sessions.keep(Session(name, owner, role, state, answer.query, time.time()))
    return answer
