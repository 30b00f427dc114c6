from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TableFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TABLE_FORMAT_UNSPECIFIED: _ClassVar[TableFormat]
    TABLE_FORMAT_ARROW: _ClassVar[TableFormat]
    TABLE_FORMAT_JSON: _ClassVar[TableFormat]
TABLE_FORMAT_UNSPECIFIED: TableFormat
TABLE_FORMAT_ARROW: TableFormat
TABLE_FORMAT_JSON: TableFormat

class TableChunk(_message.Message):
    __slots__ = ("data", "format", "rows")
    DATA_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    format: TableFormat
    rows: int
    def __init__(self, data: _Optional[bytes] = ..., format: _Optional[_Union[TableFormat, str]] = ..., rows: _Optional[int] = ...) -> None: ...
