"""Errors that a person is meant to read.

EhrError
├── StoreError            the folder of the store: missing, held by another process, empty, of another version
├── SourceError           a file or folder to import: missing, unreadable, not of the format named
├── ExportError           a folder that an export may not write to
├── UnknownSubject        no such patient in the store
├── SimulationError       patients that cannot be made, or not there
├── UnknownConcept        a code that no hierarchy of the store knows, with what is near to it
├── TaskError             a task file that is not one, with the key that is wrong
├── CatalogueError        a file that describes a schema and is wrong, with the key
├── QuestionError         a typed question that is not well formed, or that a catalogue cannot answer
├── UnsafeQuery           a query that the guard refuses
├── QueryFailed           a query that passed the guard and failed in the engine
│   ├── QueryTimeout      ... or took longer than its limit
│   └── QueryMemory       ... or needed more memory than its limit
├── EngineMissing         an engine that is asked for and not installed
├── UnitError             a value cannot be converted
│   ├── UnknownUnit       ... a unit that is not understood
│   ├── UnknownAnalyte    ... an analyte that has no molar mass here
│   └── IncommensurableUnits  ... no way leads from one unit to the other
├── ViewError             a ViewDefinition that is refused, or meets values that it does not allow
├── VocabularyError       no such vocabulary, or a model trained on another one
├── ModelError            a model that cannot do what was asked
│   └── UnknownModel      no such model
├── FormError             a value in JSON that is not of the type it stands for, with its place
├── EndpointError         the endpoint of a language model: configured wrongly, or without an answer
├── UnknownSession        no such session of the caller
└── ServiceError          the service could not start or answer
"""

from collections.abc import Iterable


class EhrError(Exception):
    """Something refused or failed, with one sentence that says what, where and what to do next."""


class StoreError(EhrError):
    """The folder of the store is missing, held by another process, empty or of another version."""


class SourceError(EhrError):
    """A file or folder to import is missing, unreadable or not of the format named."""


class ExportError(EhrError):
    """An export may not, or cannot, write to the folder named."""


class UnknownSubject(EhrError):
    """The store has no such patient."""


class SimulationError(EhrError):
    """Patients cannot be made as asked, or not where asked."""


class UnknownConcept(EhrError):
    """No code in use lies at or below the concept asked for; the message says what is near to it."""


class TaskError(EhrError):
    """A task file is wrong; the message names the key."""


class CatalogueError(EhrError):
    """A file that describes a schema is wrong; the message names the file and the key."""


class QuestionError(EhrError):
    """A typed question is not well formed, or asks what the catalogue at hand does not describe."""


class UnsafeQuery(EhrError):
    """The guard refuses a query; the message says which part and what would be allowed.

    `code` is the kind of the refusal (sql.refusals.Refusal), `line` and `column` say where the part stands, counted
    from 1 and None where that is unknown, and `allowed` gives names that would be allowed in its place.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "NOT_ALLOWED",
        line: int | None = None,
        column: int | None = None,
        allowed: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = str(code)
        self.line = line
        self.column = column
        self.allowed = tuple(allowed)


class NotAllowed(EhrError):
    """The role of the caller may not do this."""


class QueryFailed(EhrError):
    """A query passed the guard and failed in the engine.

    `line` and `column` say where in the text of the user, counted from 1; None where that is unknown.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class QueryTimeout(QueryFailed):
    """A query took longer than its limit."""


class QueryMemory(QueryFailed):
    """A query needed more memory than its limit."""


class EngineMissing(EhrError):
    """An engine is asked for that is not installed; the message says what to install."""


class UnitError(EhrError):
    """A value cannot be converted from one unit into another."""


class UnknownUnit(UnitError):
    """A unit is not understood."""


class UnknownAnalyte(UnitError):
    """There is no such analyte in the table of quantities."""


class IncommensurableUnits(UnitError):
    """Two units measure different things, so that no value converts from one into the other."""


class ViewError(EhrError):
    """A ViewDefinition is refused, or meets values that it does not allow; the message names the place in it."""


class VocabularyError(EhrError):
    """There is no such vocabulary, or a model was trained on another one."""


class ModelError(EhrError):
    """A model cannot do what was asked."""


class UnknownModel(ModelError):
    """There is no such model."""


class FormError(EhrError):
    """A value in JSON is not of the type it stands for; the message names the place in it."""


class EndpointError(EhrError):
    """The endpoint of a language model is configured wrongly, or gave no answer that can be read."""


class UnknownSession(EhrError):
    """The caller has no such session of questions, or it has expired."""


class ServiceError(EhrError):
    """The service could not start, or could not be reached."""
