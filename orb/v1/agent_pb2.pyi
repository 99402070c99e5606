from orb.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentMessage(_message.Message):
    __slots__ = ("hello", "heartbeat", "reports", "facts", "needs")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    heartbeat: Heartbeat
    reports: Reports
    facts: _types_pb2.NodeFacts
    needs: Needs
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., reports: _Optional[_Union[Reports, _Mapping]] = ..., facts: _Optional[_Union[_types_pb2.NodeFacts, _Mapping]] = ..., needs: _Optional[_Union[Needs, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("facts", "reports")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    facts: _types_pb2.NodeFacts
    reports: _containers.RepeatedCompositeFieldContainer[_types_pb2.Report]
    def __init__(self, facts: _Optional[_Union[_types_pb2.NodeFacts, _Mapping]] = ..., reports: _Optional[_Iterable[_Union[_types_pb2.Report, _Mapping]]] = ...) -> None: ...

class Needs(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("usage", "version")
    USAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    usage: _types_pb2.Usage
    version: int
    def __init__(self, usage: _Optional[_Union[_types_pb2.Usage, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class Reports(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[_types_pb2.Report]
    def __init__(self, reports: _Optional[_Iterable[_Union[_types_pb2.Report, _Mapping]]] = ...) -> None: ...

class ServerMessage(_message.Message):
    __slots__ = ("assignments", "start_logs", "start_exec", "stop_stream", "contents")
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    START_LOGS_FIELD_NUMBER: _ClassVar[int]
    START_EXEC_FIELD_NUMBER: _ClassVar[int]
    STOP_STREAM_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    assignments: Assignments
    start_logs: StartLogs
    start_exec: StartExec
    stop_stream: StopStream
    contents: Contents
    def __init__(self, assignments: _Optional[_Union[Assignments, _Mapping]] = ..., start_logs: _Optional[_Union[StartLogs, _Mapping]] = ..., start_exec: _Optional[_Union[StartExec, _Mapping]] = ..., stop_stream: _Optional[_Union[StopStream, _Mapping]] = ..., contents: _Optional[_Union[Contents, _Mapping]] = ...) -> None: ...

class Contents(_message.Message):
    __slots__ = ("contents",)
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    contents: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, contents: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Assignments(_message.Message):
    __slots__ = ("version", "full", "more", "set", "remove")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    version: int
    full: bool
    more: bool
    set: _containers.RepeatedCompositeFieldContainer[_types_pb2.Assignment]
    remove: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, version: _Optional[int] = ..., full: _Optional[bool] = ..., more: _Optional[bool] = ..., set: _Optional[_Iterable[_Union[_types_pb2.Assignment, _Mapping]]] = ..., remove: _Optional[_Iterable[int]] = ...) -> None: ...

class StartLogs(_message.Message):
    __slots__ = ("stream", "task", "tail", "since", "follow")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    stream: int
    task: int
    tail: int
    since: int
    follow: bool
    def __init__(self, stream: _Optional[int] = ..., task: _Optional[int] = ..., tail: _Optional[int] = ..., since: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class StartExec(_message.Message):
    __slots__ = ("stream", "task", "command", "tty", "stdin", "rows", "columns")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TTY_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    stream: int
    task: int
    command: _containers.RepeatedScalarFieldContainer[str]
    tty: bool
    stdin: bool
    rows: int
    columns: int
    def __init__(self, stream: _Optional[int] = ..., task: _Optional[int] = ..., command: _Optional[_Iterable[str]] = ..., tty: _Optional[bool] = ..., stdin: _Optional[bool] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class StopStream(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: int
    def __init__(self, stream: _Optional[int] = ...) -> None: ...

class OutputLine(_message.Message):
    __slots__ = ("at", "stream", "text")
    AT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at: int
    stream: str
    text: str
    def __init__(self, at: _Optional[int] = ..., stream: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("lines", "error")
    LINES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[OutputLine]
    error: str
    def __init__(self, lines: _Optional[_Iterable[_Union[OutputLine, _Mapping]]] = ..., error: _Optional[str] = ...) -> None: ...

class SendLogsReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExecFromTask(_message.Message):
    __slots__ = ("stdout", "stderr", "exit_code", "error", "started")
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    stdout: bytes
    stderr: bytes
    exit_code: int
    error: str
    started: bool
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., exit_code: _Optional[int] = ..., error: _Optional[str] = ..., started: _Optional[bool] = ...) -> None: ...

class ExecToTask(_message.Message):
    __slots__ = ("data", "end", "resize")
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    end: bool
    resize: TerminalSize
    def __init__(self, data: _Optional[bytes] = ..., end: _Optional[bool] = ..., resize: _Optional[_Union[TerminalSize, _Mapping]] = ...) -> None: ...

class TerminalSize(_message.Message):
    __slots__ = ("rows", "columns")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...
