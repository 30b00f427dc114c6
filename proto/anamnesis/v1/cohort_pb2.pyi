import datetime

from anamnesis.v1 import table_pb2 as _table_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AbstentionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ABSTENTION_REASON_UNSPECIFIED: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_UNANSWERABLE: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_AMBIGUOUS: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_LOW_CONFIDENCE: _ClassVar[AbstentionReason]
    ABSTENTION_REASON_UNSAFE: _ClassVar[AbstentionReason]

class RuleOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_OUTCOME_UNSPECIFIED: _ClassVar[RuleOutcome]
    RULE_OUTCOME_MET: _ClassVar[RuleOutcome]
    RULE_OUTCOME_BROKEN: _ClassVar[RuleOutcome]
    RULE_OUTCOME_NOT_REACHED: _ClassVar[RuleOutcome]
ABSTENTION_REASON_UNSPECIFIED: AbstentionReason
ABSTENTION_REASON_UNANSWERABLE: AbstentionReason
ABSTENTION_REASON_AMBIGUOUS: AbstentionReason
ABSTENTION_REASON_LOW_CONFIDENCE: AbstentionReason
ABSTENTION_REASON_UNSAFE: AbstentionReason
RULE_OUTCOME_UNSPECIFIED: RuleOutcome
RULE_OUTCOME_MET: RuleOutcome
RULE_OUTCOME_BROKEN: RuleOutcome
RULE_OUTCOME_NOT_REACHED: RuleOutcome

class AskRequest(_message.Message):
    __slots__ = ("question", "dry_run", "format", "session")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    question: str
    dry_run: bool
    format: _table_pb2.TableFormat
    session: str
    def __init__(self, question: _Optional[str] = ..., dry_run: _Optional[bool] = ..., format: _Optional[_Union[_table_pb2.TableFormat, str]] = ..., session: _Optional[str] = ...) -> None: ...

class AskResponse(_message.Message):
    __slots__ = ("reading", "sql", "table", "abstention", "truncated", "notes", "session", "read_by")
    READING_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    READ_BY_FIELD_NUMBER: _ClassVar[int]
    reading: str
    sql: str
    table: _table_pb2.TableChunk
    abstention: Abstention
    truncated: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    session: str
    read_by: str
    def __init__(self, reading: _Optional[str] = ..., sql: _Optional[str] = ..., table: _Optional[_Union[_table_pb2.TableChunk, _Mapping]] = ..., abstention: _Optional[_Union[Abstention, _Mapping]] = ..., truncated: _Optional[bool] = ..., notes: _Optional[_Iterable[str]] = ..., session: _Optional[str] = ..., read_by: _Optional[str] = ...) -> None: ...

class Abstention(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: AbstentionReason
    message: str
    def __init__(self, reason: _Optional[_Union[AbstentionReason, str]] = ..., message: _Optional[str] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("sql", "max_rows", "timeout", "format")
    SQL_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    sql: str
    max_rows: int
    timeout: _duration_pb2.Duration
    format: _table_pb2.TableFormat
    def __init__(self, sql: _Optional[str] = ..., max_rows: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., format: _Optional[_Union[_table_pb2.TableFormat, str]] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("chunk", "summary")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    chunk: _table_pb2.TableChunk
    summary: QuerySummary
    def __init__(self, chunk: _Optional[_Union[_table_pb2.TableChunk, _Mapping]] = ..., summary: _Optional[_Union[QuerySummary, _Mapping]] = ...) -> None: ...

class QuerySummary(_message.Message):
    __slots__ = ("rows", "truncated", "sql", "elapsed", "notes")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    rows: int
    truncated: bool
    sql: str
    elapsed: _duration_pb2.Duration
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rows: _Optional[int] = ..., truncated: _Optional[bool] = ..., sql: _Optional[str] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class RunCohortRequest(_message.Message):
    __slots__ = ("task_name", "task_yaml", "format", "count_events")
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_YAML_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COUNT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    task_name: str
    task_yaml: str
    format: _table_pb2.TableFormat
    count_events: bool
    def __init__(self, task_name: _Optional[str] = ..., task_yaml: _Optional[str] = ..., format: _Optional[_Union[_table_pb2.TableFormat, str]] = ..., count_events: _Optional[bool] = ...) -> None: ...

class RunCohortResponse(_message.Message):
    __slots__ = ("chunk", "summary")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    chunk: _table_pb2.TableChunk
    summary: CohortSummary
    def __init__(self, chunk: _Optional[_Union[_table_pb2.TableChunk, _Mapping]] = ..., summary: _Optional[_Union[CohortSummary, _Mapping]] = ...) -> None: ...

class CohortSummary(_message.Message):
    __slots__ = ("rows", "subjects", "positive", "attrition", "sql")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_FIELD_NUMBER: _ClassVar[int]
    ATTRITION_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    rows: int
    subjects: int
    positive: int
    attrition: _containers.RepeatedCompositeFieldContainer[AttritionStep]
    sql: str
    def __init__(self, rows: _Optional[int] = ..., subjects: _Optional[int] = ..., positive: _Optional[int] = ..., attrition: _Optional[_Iterable[_Union[AttritionStep, _Mapping]]] = ..., sql: _Optional[str] = ...) -> None: ...

class AttritionStep(_message.Message):
    __slots__ = ("rule", "subjects_before", "subjects_after", "rows_before", "rows_after", "events_before", "events_after")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_AFTER_FIELD_NUMBER: _ClassVar[int]
    ROWS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    ROWS_AFTER_FIELD_NUMBER: _ClassVar[int]
    EVENTS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_AFTER_FIELD_NUMBER: _ClassVar[int]
    rule: str
    subjects_before: int
    subjects_after: int
    rows_before: int
    rows_after: int
    events_before: int
    events_after: int
    def __init__(self, rule: _Optional[str] = ..., subjects_before: _Optional[int] = ..., subjects_after: _Optional[int] = ..., rows_before: _Optional[int] = ..., rows_after: _Optional[int] = ..., events_before: _Optional[int] = ..., events_after: _Optional[int] = ...) -> None: ...

class ExplainMembershipRequest(_message.Message):
    __slots__ = ("task_name", "task_yaml", "subject")
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_YAML_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    task_name: str
    task_yaml: str
    subject: str
    def __init__(self, task_name: _Optional[str] = ..., task_yaml: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class ExplainMembershipResponse(_message.Message):
    __slots__ = ("subject_id", "is_in", "fates")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_IN_FIELD_NUMBER: _ClassVar[int]
    FATES_FIELD_NUMBER: _ClassVar[int]
    subject_id: int
    is_in: bool
    fates: _containers.RepeatedCompositeFieldContainer[TriggerFate]
    def __init__(self, subject_id: _Optional[int] = ..., is_in: _Optional[bool] = ..., fates: _Optional[_Iterable[_Union[TriggerFate, _Mapping]]] = ...) -> None: ...

class TriggerFate(_message.Message):
    __slots__ = ("trigger", "is_in", "prediction_time", "label", "verdicts", "outcome")
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    IS_IN_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_TIME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    trigger: _timestamp_pb2.Timestamp
    is_in: bool
    prediction_time: _timestamp_pb2.Timestamp
    label: int
    verdicts: _containers.RepeatedCompositeFieldContainer[RuleVerdict]
    outcome: RuleVerdict
    def __init__(self, trigger: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_in: _Optional[bool] = ..., prediction_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., label: _Optional[int] = ..., verdicts: _Optional[_Iterable[_Union[RuleVerdict, _Mapping]]] = ..., outcome: _Optional[_Union[RuleVerdict, _Mapping]] = ...) -> None: ...

class RuleVerdict(_message.Message):
    __slots__ = ("rule", "outcome", "found", "start", "end", "evidence", "further")
    RULE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    FURTHER_FIELD_NUMBER: _ClassVar[int]
    rule: str
    outcome: RuleOutcome
    found: str
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    evidence: _containers.RepeatedCompositeFieldContainer[RuleEvidence]
    further: int
    def __init__(self, rule: _Optional[str] = ..., outcome: _Optional[_Union[RuleOutcome, str]] = ..., found: _Optional[str] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., evidence: _Optional[_Iterable[_Union[RuleEvidence, _Mapping]]] = ..., further: _Optional[int] = ...) -> None: ...

class RuleEvidence(_message.Message):
    __slots__ = ("time", "code", "value")
    TIME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    code: str
    value: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., code: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
