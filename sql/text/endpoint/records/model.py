"""The language model as an answerer over a foreign schema: a question in, an answer or a refusal out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from ehr.errors import QueryFailed, QuestionError, UnsafeQuery
from sql.guard import guard, to_sql
from sql.text.answering.answering import Answer, Answerer, answer_of, refused, unknown_patient
from sql.text.answering.attempts import Attempt, try_query
from sql.text.answering.ground import Ground
from sql.text.answering.parser import Parsed
from sql.text.endpoint.dialogue import doubted, said_no, understood_from
from sql.text.endpoint.found import mask
from sql.text.endpoint.prompt import No, SqlReply, reply_schema
from sql.text.endpoint.records.checks import sql_left_out, tokens_left_out, with_values
from sql.text.endpoint.records.prompt import Tokens, answer_type, messages_of
from sql.text.endpoint.records.values import Named, named_values
from sql.text.endpoint.reply import plain, typed_object
from sql.text.endpoint.settings import Endpoint
from sql.text.forms import PLAIN, from_json
from sql.text.linking import Linked, link
from sql.text.question import compile_question
from sql.text.records.query import RecordsQuery
from sql.text.records.slots import fill
from sql.text.records.values import Plain, Slot
from sql.text.refuse import Refusal, refuse
from sql.text.words import MAX_TOKENS
from sql.text.written import reading_of_sql

_TAKEN_OVER: Final = frozenset({"LOW_CONFIDENCE", "UNANSWERABLE"})
"""Refusals of the translator after which a model is asked, where it is used after it."""
_ROLE: Final = "analyst"
_UNPARSED: Final = Parsed((), (), {})

_Reply = Tokens | SqlReply | No


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a model filled: a typed question and its tokens."""

    query: RecordsQuery
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordsModel:
    """An answerer that asks a model at an endpoint; every fault of it ends in a refusal.

    Where the endpoint is used "after", `before` answers first, and the model what that does not understand.
    """

    endpoint: Endpoint
    before: Answerer | None = None

    def __call__(
        self, questions: Sequence[str], ground: Ground, previous: RecordsQuery | None = None
    ) -> list[Answer]:
        """Return an answer or a refusal for each question, one request after another."""
        if self.endpoint.use == "instead" or self.before is None:
            return [self._answer(question, ground, previous) for question in questions]
        own = self.before(questions, ground, previous)
        return [self._after(answer, ground, previous) for answer in own]

    def _after(self, own: Answer, ground: Ground, previous: RecordsQuery | None) -> Answer:
        if own.reason not in _TAKEN_OVER:
            return own
        theirs = self._answer(own.question, ground, previous)
        return theirs if theirs.reason is None else replace(own, message=f"{own.message}; {theirs.message}")

    def _answer(self, question: str, ground: Ground, previous: RecordsQuery | None) -> Answer:
        linked = link(question, ground.index)
        refusal = _not_asked(question, linked)
        if refusal is not None:
            return refused(question, refusal, self.endpoint.name)
        named = named_values(linked, previous, ground)
        text = mask(linked.text).text
        schema = reply_schema(answer_type(self.endpoint), PLAIN)
        understood: _Asked | exp.Expr | Refusal = understood_from(
            self.endpoint,
            messages_of(self.endpoint, text, named, ground, schema),
            schema,
            self._read,
            lambda reply: self._judged(reply, linked, named, ground),
        )
        if isinstance(understood, Refusal):
            return refused(question, _in_words(understood, linked), self.endpoint.name)
        if isinstance(understood, _Asked):
            tried = try_query(understood.query, ground, tokens=understood.tokens)
            return answer_of(Attempt(linked, _UNPARSED, tried, {}), ground, None, by=self.endpoint.name)
        return self._answer_of_sql(understood, question, ground)

    def _read(self, content: str) -> _Reply:
        reply: _Reply = from_json(answer_type(self.endpoint), typed_object(content, "Tokens", sql=self.endpoint.sql))
        return reply

    def _judged(self, reply: _Reply, linked: Linked, named: Named, ground: Ground) -> _Asked | exp.Expr | Refusal:
        if isinstance(reply, No):
            return said_no(self.endpoint, reply)
        if isinstance(reply, SqlReply):
            return self._guarded(reply, linked, named, ground)
        try:
            query = _filled(reply.tokens, named, ground)
            compile_question(query, ground.catalogue)
        except QuestionError as error:
            return doubted(self.endpoint, f"gave no typed question ({plain(str(error))})")
        fault = tokens_left_out(reply.tokens, linked)
        if fault is not None:
            return doubted(self.endpoint, f"misread the question: {fault}")
        return _Asked(query, reply.tokens)

    def _guarded(self, reply: SqlReply, linked: Linked, named: Named, ground: Ground) -> exp.Expr | Refusal:
        try:
            tree = with_values(guard(reply.sql, ground.database.catalog, _ROLE), named.values)
        except UnsafeQuery as error:
            said = f"the SQL of the language model {self.endpoint.name} is refused: {plain(str(error))}"
            return Refusal("UNSAFE", said)
        except QuestionError as error:
            return doubted(self.endpoint, f"misread the question: {error}")
        fault = sql_left_out(tree, linked)
        return tree if fault is None else doubted(self.endpoint, f"misread the question: {fault}")

    def _answer_of_sql(self, tree: exp.Expr, question: str, ground: Ground) -> Answer:
        """Run SQL that no typed question stands behind; its reading says what it is not.

        It is not written for SQLite: only for what typed questions compile to is it known to mean the same there.
        """
        name = self.endpoint.name
        try:
            result = ground.database.run(tree)
        except UnsafeQuery as error:
            return refused(
                question, Refusal("UNSAFE", f"the SQL of the language model {name} is refused: {error}"), name
            )
        except QueryFailed as error:
            return refused(
                question, Refusal("LOW_CONFIDENCE", f"the SQL of the language model {name}: {error}"), name
            )
        return Answer(question, None, reading_of_sql(name), to_sql(tree), None, result, by=name)


def _not_asked(question: str, linked: Linked) -> Refusal | None:
    """Return why a question is not put to a model."""
    unsafe = refuse(question)
    if unsafe is not None and unsafe.reason == "UNSAFE":
        return unsafe
    if not any(letter.isalpha() for letter in question):
        return Refusal("UNANSWERABLE", "there is no question; ask for example how often a drug was prescribed")
    if len(question.split()) > MAX_TOKENS:
        return Refusal("LOW_CONFIDENCE", f"the question is longer than {MAX_TOKENS} words; ask in parts")
    return unknown_patient(linked)


def _filled(tokens: tuple[str, ...], named: Named, ground: Ground) -> RecordsQuery:
    """Return the question of tokens with their values; raises QuestionError for what is none."""
    written = next((token for token in tokens if token.startswith("=")), None)
    if written is not None:
        raise QuestionError("a value is written out; name its slot")

    def value_of(slot: Slot) -> Plain:
        if str(slot) not in named.values:
            raise QuestionError(f"there is no slot {slot}; there are {', '.join(named.values) or 'none'}")
        return named.values[str(slot)]

    return fill(ground.grammar.query(tokens), value_of)


def _in_words(refusal: Refusal, linked: Linked) -> Refusal:
    """Put the words of the question in place of its slots, which stood for them in what the model was told."""
    message = refusal.message
    for slot in linked.slots:
        message = message.replace(slot.placeholder, f"'{slot.surface}'")
    return replace(refusal, message=message)
