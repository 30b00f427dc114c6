import datetime

from anamnesis.v1 import timeline_pb2 as _timeline_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PredictRequest(_message.Message):
    __slots__ = ("model", "task_name", "task_yaml", "subject", "prediction_time", "futures")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_YAML_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_TIME_FIELD_NUMBER: _ClassVar[int]
    FUTURES_FIELD_NUMBER: _ClassVar[int]
    model: str
    task_name: str
    task_yaml: str
    subject: str
    prediction_time: _timestamp_pb2.Timestamp
    futures: int
    def __init__(self, model: _Optional[str] = ..., task_name: _Optional[str] = ..., task_yaml: _Optional[str] = ..., subject: _Optional[str] = ..., prediction_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., futures: _Optional[int] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("subject_id", "prediction_time", "known_events", "estimates", "model", "warnings")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_TIME_FIELD_NUMBER: _ClassVar[int]
    KNOWN_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    subject_id: int
    prediction_time: _timestamp_pb2.Timestamp
    known_events: int
    estimates: _containers.RepeatedCompositeFieldContainer[Estimate]
    model: Model
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, subject_id: _Optional[int] = ..., prediction_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_events: _Optional[int] = ..., estimates: _Optional[_Iterable[_Union[Estimate, _Mapping]]] = ..., model: _Optional[_Union[Model, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("method", "risk", "low", "high", "interval_meaning", "abstention")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MEANING_FIELD_NUMBER: _ClassVar[int]
    ABSTENTION_FIELD_NUMBER: _ClassVar[int]
    method: str
    risk: float
    low: float
    high: float
    interval_meaning: str
    abstention: str
    def __init__(self, method: _Optional[str] = ..., risk: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., interval_meaning: _Optional[str] = ..., abstention: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("model", "task_name", "task_yaml", "subject", "prediction_time", "max_records", "without_events", "without_codes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_YAML_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_TIME_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_CODES_FIELD_NUMBER: _ClassVar[int]
    model: str
    task_name: str
    task_yaml: str
    subject: str
    prediction_time: _timestamp_pb2.Timestamp
    max_records: int
    without_events: _containers.RepeatedScalarFieldContainer[int]
    without_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., task_name: _Optional[str] = ..., task_yaml: _Optional[str] = ..., subject: _Optional[str] = ..., prediction_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_records: _Optional[int] = ..., without_events: _Optional[_Iterable[int]] = ..., without_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("prediction", "records", "groups", "records_read", "records_tried", "risk_without_shown", "risk_without_all", "share", "text", "note", "what_if")
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_READ_FIELD_NUMBER: _ClassVar[int]
    RECORDS_TRIED_FIELD_NUMBER: _ClassVar[int]
    RISK_WITHOUT_SHOWN_FIELD_NUMBER: _ClassVar[int]
    RISK_WITHOUT_ALL_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    WHAT_IF_FIELD_NUMBER: _ClassVar[int]
    prediction: PredictResponse
    records: _containers.RepeatedCompositeFieldContainer[RecordEffect]
    groups: _containers.RepeatedCompositeFieldContainer[GroupEffect]
    records_read: int
    records_tried: int
    risk_without_shown: float
    risk_without_all: float
    share: float
    text: str
    note: str
    what_if: WhatIf
    def __init__(self, prediction: _Optional[_Union[PredictResponse, _Mapping]] = ..., records: _Optional[_Iterable[_Union[RecordEffect, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[GroupEffect, _Mapping]]] = ..., records_read: _Optional[int] = ..., records_tried: _Optional[int] = ..., risk_without_shown: _Optional[float] = ..., risk_without_all: _Optional[float] = ..., share: _Optional[float] = ..., text: _Optional[str] = ..., note: _Optional[str] = ..., what_if: _Optional[_Union[WhatIf, _Mapping]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("risk", "risk_without", "effect", "low", "high", "log_odds")
    RISK_FIELD_NUMBER: _ClassVar[int]
    RISK_WITHOUT_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOG_ODDS_FIELD_NUMBER: _ClassVar[int]
    risk: float
    risk_without: float
    effect: float
    low: float
    high: float
    log_odds: float
    def __init__(self, risk: _Optional[float] = ..., risk_without: _Optional[float] = ..., effect: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., log_odds: _Optional[float] = ...) -> None: ...

class RecordEffect(_message.Message):
    __slots__ = ("event_id", "record", "change", "text")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    event_id: int
    record: _timeline_pb2.TimelineEvent
    change: Change
    text: str
    def __init__(self, event_id: _Optional[int] = ..., record: _Optional[_Union[_timeline_pb2.TimelineEvent, _Mapping]] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class GroupEffect(_message.Message):
    __slots__ = ("kind", "name", "records", "change", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    records: int
    change: Change
    text: str
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., records: _Optional[int] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class WhatIf(_message.Message):
    __slots__ = ("event_ids", "unread", "before", "after", "change", "text")
    EVENT_IDS_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    event_ids: _containers.RepeatedScalarFieldContainer[int]
    unread: int
    before: Interval
    after: Interval
    change: Change
    text: str
    def __init__(self, event_ids: _Optional[_Iterable[int]] = ..., unread: _Optional[int] = ..., before: _Optional[_Union[Interval, _Mapping]] = ..., after: _Optional[_Union[Interval, _Mapping]] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("risk", "low", "high")
    RISK_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    risk: float
    low: float
    high: float
    def __init__(self, risk: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class MonitorRequest(_message.Message):
    __slots__ = ("model", "task_name", "task_yaml", "subject", "stay", "every", "futures")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_YAML_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    STAY_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    FUTURES_FIELD_NUMBER: _ClassVar[int]
    model: str
    task_name: str
    task_yaml: str
    subject: str
    stay: str
    every: str
    futures: int
    def __init__(self, model: _Optional[str] = ..., task_name: _Optional[str] = ..., task_yaml: _Optional[str] = ..., subject: _Optional[str] = ..., stay: _Optional[str] = ..., every: _Optional[str] = ..., futures: _Optional[int] = ...) -> None: ...

class MonitorResponse(_message.Message):
    __slots__ = ("time", "known_events", "estimate", "warning", "stay", "model")
    TIME_FIELD_NUMBER: _ClassVar[int]
    KNOWN_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    STAY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    known_events: int
    estimate: Estimate
    warning: str
    stay: int
    model: Model
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_events: _Optional[int] = ..., estimate: _Optional[_Union[Estimate, _Mapping]] = ..., warning: _Optional[str] = ..., stay: _Optional[int] = ..., model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "version", "task", "vocabulary_hash", "data_hash", "trained_at", "parameters")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_HASH_FIELD_NUMBER: _ClassVar[int]
    DATA_HASH_FIELD_NUMBER: _ClassVar[int]
    TRAINED_AT_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    task: str
    vocabulary_hash: str
    data_hash: str
    trained_at: _timestamp_pb2.Timestamp
    parameters: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., task: _Optional[str] = ..., vocabulary_hash: _Optional[str] = ..., data_hash: _Optional[str] = ..., trained_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parameters: _Optional[int] = ...) -> None: ...
