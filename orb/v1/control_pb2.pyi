from orb.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Availability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AVAILABILITY_UNSPECIFIED: _ClassVar[Availability]
    AVAILABILITY_ACTIVE: _ClassVar[Availability]
    AVAILABILITY_CORDONED: _ClassVar[Availability]
    AVAILABILITY_DRAINING: _ClassVar[Availability]

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_STATUS: _ClassVar[Kind]
    KIND_NODES: _ClassVar[Kind]
    KIND_SERVICES: _ClassVar[Kind]
    KIND_REPLICAS: _ClassVar[Kind]
    KIND_RELEASES: _ClassVar[Kind]
    KIND_EVENTS: _ClassVar[Kind]
    KIND_CONFIGS: _ClassVar[Kind]
    KIND_SECRETS: _ClassVar[Kind]
    KIND_ENVIRONMENTS: _ClassVar[Kind]
AVAILABILITY_UNSPECIFIED: Availability
AVAILABILITY_ACTIVE: Availability
AVAILABILITY_CORDONED: Availability
AVAILABILITY_DRAINING: Availability
KIND_UNSPECIFIED: Kind
KIND_STATUS: Kind
KIND_NODES: Kind
KIND_SERVICES: Kind
KIND_REPLICAS: Kind
KIND_RELEASES: Kind
KIND_EVENTS: Kind
KIND_CONFIGS: Kind
KIND_SECRETS: Kind
KIND_ENVIRONMENTS: Kind

class ApplyRequest(_message.Message):
    __slots__ = ("environment", "spec", "reason", "expected_release", "client", "sequence", "contents")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_RELEASE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    environment: str
    spec: _types_pb2.AppSpec
    reason: str
    expected_release: int
    client: str
    sequence: int
    contents: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, environment: _Optional[str] = ..., spec: _Optional[_Union[_types_pb2.AppSpec, _Mapping]] = ..., reason: _Optional[str] = ..., expected_release: _Optional[int] = ..., client: _Optional[str] = ..., sequence: _Optional[int] = ..., contents: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ApplyReply(_message.Message):
    __slots__ = ("app", "release", "changed", "changes")
    APP_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    app: str
    release: int
    changed: bool
    changes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app: _Optional[str] = ..., release: _Optional[int] = ..., changed: _Optional[bool] = ..., changes: _Optional[_Iterable[str]] = ...) -> None: ...

class ScaleRequest(_message.Message):
    __slots__ = ("service", "replicas", "reason", "client", "sequence")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    service: _types_pb2.ServiceKey
    replicas: int
    reason: str
    client: str
    sequence: int
    def __init__(self, service: _Optional[_Union[_types_pb2.ServiceKey, _Mapping]] = ..., replicas: _Optional[int] = ..., reason: _Optional[str] = ..., client: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("app", "client", "sequence")
    APP_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    app: _types_pb2.AppKey
    client: str
    sequence: int
    def __init__(self, app: _Optional[_Union[_types_pb2.AppKey, _Mapping]] = ..., client: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class DeleteReply(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: int
    def __init__(self, tasks: _Optional[int] = ...) -> None: ...

class SetAvailabilityRequest(_message.Message):
    __slots__ = ("node", "availability")
    NODE_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    node: str
    availability: Availability
    def __init__(self, node: _Optional[str] = ..., availability: _Optional[_Union[Availability, str]] = ...) -> None: ...

class SetAvailabilityReply(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class SetLabelsRequest(_message.Message):
    __slots__ = ("node", "labels", "remove")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NODE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    node: str
    labels: _containers.ScalarMap[str, str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, node: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., remove: _Optional[_Iterable[str]] = ...) -> None: ...

class SetLabelsReply(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class SetTrustRequest(_message.Message):
    __slots__ = ("environment", "allow", "deny")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ALLOW_FIELD_NUMBER: _ClassVar[int]
    DENY_FIELD_NUMBER: _ClassVar[int]
    environment: str
    allow: _containers.RepeatedScalarFieldContainer[str]
    deny: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, environment: _Optional[str] = ..., allow: _Optional[_Iterable[str]] = ..., deny: _Optional[_Iterable[str]] = ...) -> None: ...

class SetTrustReply(_message.Message):
    __slots__ = ("changed", "allowed")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    allowed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changed: _Optional[bool] = ..., allowed: _Optional[_Iterable[str]] = ...) -> None: ...

class AddServerRequest(_message.Message):
    __slots__ = ("name", "client_address", "peer_address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PEER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    client_address: str
    peer_address: str
    def __init__(self, name: _Optional[str] = ..., client_address: _Optional[str] = ..., peer_address: _Optional[str] = ...) -> None: ...

class AddServerReply(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class PromoteServerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class PromoteServerReply(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class RemoveServerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveServerReply(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    def __init__(self, changed: _Optional[bool] = ...) -> None: ...

class RemoveNodeRequest(_message.Message):
    __slots__ = ("node",)
    NODE_FIELD_NUMBER: _ClassVar[int]
    node: str
    def __init__(self, node: _Optional[str] = ...) -> None: ...

class RemoveNodeReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetSecretRequest(_message.Message):
    __slots__ = ("environment", "name", "content")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    environment: str
    name: str
    content: bytes
    def __init__(self, environment: _Optional[str] = ..., name: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class SetSecretReply(_message.Message):
    __slots__ = ("changed", "changes")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    changes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changed: _Optional[bool] = ..., changes: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveSecretRequest(_message.Message):
    __slots__ = ("environment", "name")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    environment: str
    name: str
    def __init__(self, environment: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RemoveSecretReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("kind", "environment", "app", "service", "name", "stale", "after", "limit", "node")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    environment: str
    app: str
    service: str
    name: str
    stale: bool
    after: int
    limit: int
    node: str
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., environment: _Optional[str] = ..., app: _Optional[str] = ..., service: _Optional[str] = ..., name: _Optional[str] = ..., stale: _Optional[bool] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ..., node: _Optional[str] = ...) -> None: ...

class GetReply(_message.Message):
    __slots__ = ("status", "nodes", "services", "replicas", "releases", "events", "configs", "secrets", "environments")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    status: _types_pb2.StatusView
    nodes: _containers.RepeatedCompositeFieldContainer[_types_pb2.NodeView]
    services: _containers.RepeatedCompositeFieldContainer[_types_pb2.ServiceView]
    replicas: _containers.RepeatedCompositeFieldContainer[_types_pb2.ReplicaView]
    releases: _containers.RepeatedCompositeFieldContainer[_types_pb2.ReleaseView]
    events: _containers.RepeatedCompositeFieldContainer[_types_pb2.EventView]
    configs: _containers.RepeatedCompositeFieldContainer[_types_pb2.FileView]
    secrets: _containers.RepeatedCompositeFieldContainer[_types_pb2.FileView]
    environments: _containers.RepeatedCompositeFieldContainer[_types_pb2.EnvironmentView]
    def __init__(self, status: _Optional[_Union[_types_pb2.StatusView, _Mapping]] = ..., nodes: _Optional[_Iterable[_Union[_types_pb2.NodeView, _Mapping]]] = ..., services: _Optional[_Iterable[_Union[_types_pb2.ServiceView, _Mapping]]] = ..., replicas: _Optional[_Iterable[_Union[_types_pb2.ReplicaView, _Mapping]]] = ..., releases: _Optional[_Iterable[_Union[_types_pb2.ReleaseView, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[_types_pb2.EventView, _Mapping]]] = ..., configs: _Optional[_Iterable[_Union[_types_pb2.FileView, _Mapping]]] = ..., secrets: _Optional[_Iterable[_Union[_types_pb2.FileView, _Mapping]]] = ..., environments: _Optional[_Iterable[_Union[_types_pb2.EnvironmentView, _Mapping]]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("environment", "name", "kind", "stale")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    environment: str
    name: str
    kind: str
    stale: bool
    def __init__(self, environment: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., stale: _Optional[bool] = ...) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("kind", "nodes", "services", "replicas", "tasks", "releases", "events", "spec", "explanation")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    nodes: _containers.RepeatedCompositeFieldContainer[_types_pb2.NodeView]
    services: _containers.RepeatedCompositeFieldContainer[_types_pb2.ServiceView]
    replicas: _containers.RepeatedCompositeFieldContainer[_types_pb2.ReplicaView]
    tasks: _containers.RepeatedCompositeFieldContainer[_types_pb2.TaskView]
    releases: _containers.RepeatedCompositeFieldContainer[_types_pb2.ReleaseView]
    events: _containers.RepeatedCompositeFieldContainer[_types_pb2.EventView]
    spec: _types_pb2.AppSpec
    explanation: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[_types_pb2.NodeView, _Mapping]]] = ..., services: _Optional[_Iterable[_Union[_types_pb2.ServiceView, _Mapping]]] = ..., replicas: _Optional[_Iterable[_Union[_types_pb2.ReplicaView, _Mapping]]] = ..., tasks: _Optional[_Iterable[_Union[_types_pb2.TaskView, _Mapping]]] = ..., releases: _Optional[_Iterable[_Union[_types_pb2.ReleaseView, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[_types_pb2.EventView, _Mapping]]] = ..., spec: _Optional[_Union[_types_pb2.AppSpec, _Mapping]] = ..., explanation: _Optional[_Iterable[str]] = ...) -> None: ...

class LogsRequest(_message.Message):
    __slots__ = ("environment", "name", "tail", "since", "follow")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    environment: str
    name: str
    tail: int
    since: int
    follow: bool
    def __init__(self, environment: _Optional[str] = ..., name: _Optional[str] = ..., tail: _Optional[int] = ..., since: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class ExecStart(_message.Message):
    __slots__ = ("environment", "name", "command", "tty", "stdin", "rows", "columns")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    TTY_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    environment: str
    name: str
    command: _containers.RepeatedScalarFieldContainer[str]
    tty: bool
    stdin: bool
    rows: int
    columns: int
    def __init__(self, environment: _Optional[str] = ..., name: _Optional[str] = ..., command: _Optional[_Iterable[str]] = ..., tty: _Optional[bool] = ..., stdin: _Optional[bool] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class Resize(_message.Message):
    __slots__ = ("rows", "columns")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class ExecInput(_message.Message):
    __slots__ = ("start", "data", "end", "resize")
    START_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    start: ExecStart
    data: bytes
    end: bool
    resize: Resize
    def __init__(self, start: _Optional[_Union[ExecStart, _Mapping]] = ..., data: _Optional[bytes] = ..., end: _Optional[bool] = ..., resize: _Optional[_Union[Resize, _Mapping]] = ...) -> None: ...

class ExecOutput(_message.Message):
    __slots__ = ("stdout", "stderr", "exit_code", "started")
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    stdout: bytes
    stderr: bytes
    exit_code: int
    started: ExecStarted
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., exit_code: _Optional[int] = ..., started: _Optional[_Union[ExecStarted, _Mapping]] = ...) -> None: ...

class ExecStarted(_message.Message):
    __slots__ = ("replica", "node")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    replica: str
    node: str
    def __init__(self, replica: _Optional[str] = ..., node: _Optional[str] = ...) -> None: ...
