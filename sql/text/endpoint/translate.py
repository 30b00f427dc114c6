"""The language model as a translator: a question in; a typed one, labelled SQL or a refusal out."""

from dataclasses import dataclass, replace
from typing import Final

from ehr.errors import UnsafeQuery
from sql.guard import guard
from sql.text.endpoint.checks import checked, refusal_of, sql_left_out
from sql.text.endpoint.dialogue import doubted, said_no, understood_from
from sql.text.endpoint.found import Linked, link, mask
from sql.text.endpoint.prompt import No, SqlReply, answer_type, form_of, messages_of, reply_schema
from sql.text.endpoint.reply import QueryReply, plain, read_query
from sql.text.endpoint.settings import Endpoint
from sql.text.parse import EXAMPLES
from sql.text.query import Query
from sql.text.refuse import Refusal
from sql.text.translator import Ground, Typed, Understood, WrittenSql, by_grammar
from sql.text.words import MAX_TOKENS

_TAKEN_OVER: Final = frozenset({"LOW_CONFIDENCE", "UNANSWERABLE"})
"""Refusals of the grammar after which a model is asked, where it is used after the grammar."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A translator that asks a model at an endpoint; every fault of it ends in a refusal."""

    endpoint: Endpoint

    def __call__(self, question: str, ground: Ground) -> Understood:
        """Return what the model made of a question, once it has passed every check."""
        if self.endpoint.use == "after":
            own = by_grammar(question, ground)
            if not isinstance(own, Refusal) or own.reason not in _TAKEN_OVER:
                return own
            theirs = self._asked(question, ground)
            if isinstance(theirs, Refusal):
                return Refusal(own.reason, f"{own.message}; {theirs.message}")
            return theirs
        return self._asked(question, ground)

    def _asked(self, question: str, ground: Ground) -> Understood:
        linked = link(question, ground.index, ground.previous)
        if not any(token.word.isalpha() for token in linked.tokens):
            return Refusal("UNANSWERABLE", f"there is no question; ask for example {EXAMPLES}")
        if len(linked.tokens) > MAX_TOKENS:
            return Refusal("LOW_CONFIDENCE", f"the question is longer than {MAX_TOKENS} words; ask in parts")
        return refusal_of(linked, ground.index) or self._replied(question, linked, ground)

    def _replied(self, question: str, linked: Linked, ground: Ground) -> Understood:
        masked = mask(question)
        form = form_of(linked.candidates, masked.hidden, masked.text)
        schema = reply_schema(answer_type(self.endpoint), form)
        return understood_from(
            self.endpoint,
            messages_of(self.endpoint, masked.text, linked, ground, form, schema),
            schema,
            lambda content: read_query(content, self.endpoint, form),
            lambda reply: self._judged(reply, linked, ground, masked.hidden),
        )

    def _judged(self, reply: QueryReply, linked: Linked, ground: Ground, hidden: dict[str, str]) -> Understood:
        if isinstance(reply, No):
            return said_no(self.endpoint, reply)
        if isinstance(reply, SqlReply):
            return self._guarded(reply, linked, ground, hidden)
        found = checked(reply, linked, ground.index, ground.previous)
        if isinstance(found, Refusal):
            doubts = found.reason == "LOW_CONFIDENCE"
            return doubted(self.endpoint, f"misread the question: {found.message}") if doubts else found
        return Typed(self._labelled(found, linked), self.endpoint.name)

    def _labelled(self, query: Query, linked: Linked) -> Query:
        label = f"Filled in by the language model {self.endpoint.name}"
        return replace(query, notes=(*query.notes, *linked.notes, label))

    def _guarded(self, reply: SqlReply, linked: Linked, ground: Ground, hidden: dict[str, str]) -> Understood:
        sql = reply.sql
        for name, value in hidden.items():
            sql = sql.replace(f"'{name}'", "'" + value.replace("'", "''") + "'")
        try:
            tree = guard(sql, ground.catalog, ground.role)
        except UnsafeQuery as error:
            return Refusal(
                "UNSAFE", f"the SQL of the language model {self.endpoint.name} is refused: {plain(str(error))}"
            )
        fault = sql_left_out(tree, linked, ground.index)
        if fault:
            return doubted(self.endpoint, f"misread the question: {fault}")
        return WrittenSql(sql, self.endpoint.name)
