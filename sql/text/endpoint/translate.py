"""The language model as a translator: a question in; a typed one, labelled SQL or a refusal out."""

from dataclasses import dataclass, replace
from typing import Final

from ehr.errors import EndpointError, FormError, UnsafeQuery
from sql.guard import guard
from sql.text.endpoint.checks import checked, refusal_of, sql_left_out
from sql.text.endpoint.found import Linked, link, mask
from sql.text.endpoint.prompt import No, SqlReply, correction, form_of, messages_of, reply_schema
from sql.text.endpoint.reply import Reply, plain, read_reply
from sql.text.endpoint.settings import Endpoint
from sql.text.endpoint.wire import complete
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
        """Ask, and ask again with what was wrong, as often as the settings allow."""
        masked = mask(question)
        form = form_of(linked.candidates, masked.hidden, masked.text)
        schema = reply_schema(self.endpoint, form)
        messages = messages_of(self.endpoint, masked.text, linked, ground, form, schema)
        refusal = Refusal("LOW_CONFIDENCE", "the language model was not asked")
        for _ in range(self.endpoint.corrections + 1):
            try:
                content = complete(self.endpoint, messages, schema)
            except EndpointError as error:
                return Refusal("LOW_CONFIDENCE", f"{error}; nothing was answered")
            try:
                reply = read_reply(content, self.endpoint, form)
            except FormError as error:
                fault = str(error)
                refusal = self._low(f"gave no typed question ({plain(fault)})")
            else:
                understood = self._judged(reply, linked, ground, masked.hidden)
                if not isinstance(understood, Refusal) or isinstance(reply, No) or understood.reason == "AMBIGUOUS":
                    return understood
                refusal, fault = understood, understood.message
            messages = [*messages, *correction(content, fault)]
        return refusal

    def _judged(self, reply: Reply, linked: Linked, ground: Ground, hidden: dict[str, str]) -> Understood:
        if isinstance(reply, No):
            return Refusal(reply.reason, f"the language model {self.endpoint.name} says: {plain(reply.message)}")
        if isinstance(reply, SqlReply):
            return self._guarded(reply, linked, ground, hidden)
        found = checked(reply, linked, ground.index, ground.previous)
        if isinstance(found, Refusal):
            return self._low(f"misread the question: {found.message}") if found.reason == "LOW_CONFIDENCE" else found
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
        return self._low(f"misread the question: {fault}") if fault else WrittenSql(sql, self.endpoint.name)

    def _low(self, what: str) -> Refusal:
        return Refusal("LOW_CONFIDENCE", f"the language model {self.endpoint.name} {what}; ask in other words")
