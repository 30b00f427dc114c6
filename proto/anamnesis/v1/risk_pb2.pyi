import datetime

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
