from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_REPLICATED: _ClassVar[Mode]
    MODE_GLOBAL: _ClassVar[Mode]
    MODE_REPLICATED_JOB: _ClassVar[Mode]
    MODE_GLOBAL_JOB: _ClassVar[Mode]

class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROTOCOL_UNSPECIFIED: _ClassVar[Protocol]
    PROTOCOL_TCP: _ClassVar[Protocol]
    PROTOCOL_UDP: _ClassVar[Protocol]

class PublishMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PUBLISH_MODE_UNSPECIFIED: _ClassVar[PublishMode]
    PUBLISH_MODE_INGRESS: _ClassVar[PublishMode]
    PUBLISH_MODE_HOST: _ClassVar[PublishMode]

class MountKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MOUNT_KIND_UNSPECIFIED: _ClassVar[MountKind]
    MOUNT_KIND_VOLUME: _ClassVar[MountKind]
    MOUNT_KIND_BIND: _ClassVar[MountKind]
    MOUNT_KIND_TMPFS: _ClassVar[MountKind]
    MOUNT_KIND_ANONYMOUS: _ClassVar[MountKind]

class RestartCondition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESTART_CONDITION_UNSPECIFIED: _ClassVar[RestartCondition]
    RESTART_CONDITION_NONE: _ClassVar[RestartCondition]
    RESTART_CONDITION_ON_FAILURE: _ClassVar[RestartCondition]
    RESTART_CONDITION_ANY: _ClassVar[RestartCondition]

class UpdateOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPDATE_ORDER_UNSPECIFIED: _ClassVar[UpdateOrder]
    UPDATE_ORDER_START_FIRST: _ClassVar[UpdateOrder]
    UPDATE_ORDER_STOP_FIRST: _ClassVar[UpdateOrder]

class FailureAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_ACTION_UNSPECIFIED: _ClassVar[FailureAction]
    FAILURE_ACTION_ROLLBACK: _ClassVar[FailureAction]
    FAILURE_ACTION_PAUSE: _ClassVar[FailureAction]
    FAILURE_ACTION_CONTINUE: _ClassVar[FailureAction]

class Condition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONDITION_UNSPECIFIED: _ClassVar[Condition]
    CONDITION_STARTED: _ClassVar[Condition]
    CONDITION_HEALTHY: _ClassVar[Condition]
    CONDITION_COMPLETED: _ClassVar[Condition]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
    PRIORITY_SYSTEM: _ClassVar[Priority]

class FileKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_KIND_UNSPECIFIED: _ClassVar[FileKind]
    FILE_KIND_CONFIG: _ClassVar[FileKind]
    FILE_KIND_SECRET: _ClassVar[FileKind]

class Desired(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESIRED_UNSPECIFIED: _ClassVar[Desired]
    DESIRED_RUN: _ClassVar[Desired]
    DESIRED_STOP: _ClassVar[Desired]

class TaskState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATE_UNSPECIFIED: _ClassVar[TaskState]
    TASK_STATE_NEW: _ClassVar[TaskState]
    TASK_STATE_ASSIGNED: _ClassVar[TaskState]
    TASK_STATE_PREPARING: _ClassVar[TaskState]
    TASK_STATE_STARTING: _ClassVar[TaskState]
    TASK_STATE_RUNNING: _ClassVar[TaskState]
    TASK_STATE_STOPPING: _ClassVar[TaskState]
    TASK_STATE_STOPPED: _ClassVar[TaskState]
    TASK_STATE_FAILED: _ClassVar[TaskState]
    TASK_STATE_LOST: _ClassVar[TaskState]
MODE_UNSPECIFIED: Mode
MODE_REPLICATED: Mode
MODE_GLOBAL: Mode
MODE_REPLICATED_JOB: Mode
MODE_GLOBAL_JOB: Mode
PROTOCOL_UNSPECIFIED: Protocol
PROTOCOL_TCP: Protocol
PROTOCOL_UDP: Protocol
PUBLISH_MODE_UNSPECIFIED: PublishMode
PUBLISH_MODE_INGRESS: PublishMode
PUBLISH_MODE_HOST: PublishMode
MOUNT_KIND_UNSPECIFIED: MountKind
MOUNT_KIND_VOLUME: MountKind
MOUNT_KIND_BIND: MountKind
MOUNT_KIND_TMPFS: MountKind
MOUNT_KIND_ANONYMOUS: MountKind
RESTART_CONDITION_UNSPECIFIED: RestartCondition
RESTART_CONDITION_NONE: RestartCondition
RESTART_CONDITION_ON_FAILURE: RestartCondition
RESTART_CONDITION_ANY: RestartCondition
UPDATE_ORDER_UNSPECIFIED: UpdateOrder
UPDATE_ORDER_START_FIRST: UpdateOrder
UPDATE_ORDER_STOP_FIRST: UpdateOrder
FAILURE_ACTION_UNSPECIFIED: FailureAction
FAILURE_ACTION_ROLLBACK: FailureAction
FAILURE_ACTION_PAUSE: FailureAction
FAILURE_ACTION_CONTINUE: FailureAction
CONDITION_UNSPECIFIED: Condition
CONDITION_STARTED: Condition
CONDITION_HEALTHY: Condition
CONDITION_COMPLETED: Condition
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LOW: Priority
PRIORITY_NORMAL: Priority
PRIORITY_HIGH: Priority
PRIORITY_SYSTEM: Priority
FILE_KIND_UNSPECIFIED: FileKind
FILE_KIND_CONFIG: FileKind
FILE_KIND_SECRET: FileKind
DESIRED_UNSPECIFIED: Desired
DESIRED_RUN: Desired
DESIRED_STOP: Desired
TASK_STATE_UNSPECIFIED: TaskState
TASK_STATE_NEW: TaskState
TASK_STATE_ASSIGNED: TaskState
TASK_STATE_PREPARING: TaskState
TASK_STATE_STARTING: TaskState
TASK_STATE_RUNNING: TaskState
TASK_STATE_STOPPING: TaskState
TASK_STATE_STOPPED: TaskState
TASK_STATE_FAILED: TaskState
TASK_STATE_LOST: TaskState

class Resources(_message.Message):
    __slots__ = ("milli_cpus", "memory_bytes", "devices")
    class DevicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MILLI_CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    milli_cpus: int
    memory_bytes: int
    devices: _containers.ScalarMap[str, int]
    def __init__(self, milli_cpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., devices: _Optional[_Mapping[str, int]] = ...) -> None: ...

class AppKey(_message.Message):
    __slots__ = ("environment", "app")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ...) -> None: ...

class ServiceKey(_message.Message):
    __slots__ = ("environment", "app", "service")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    service: str
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., service: _Optional[str] = ...) -> None: ...

class ReplicaKey(_message.Message):
    __slots__ = ("environment", "app", "service", "number")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    service: str
    number: int
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., service: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("target", "protocol", "published", "mode", "host_ip", "name")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    HOST_IP_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    target: int
    protocol: Protocol
    published: int
    mode: PublishMode
    host_ip: str
    name: str
    def __init__(self, target: _Optional[int] = ..., protocol: _Optional[_Union[Protocol, str]] = ..., published: _Optional[int] = ..., mode: _Optional[_Union[PublishMode, str]] = ..., host_ip: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Mount(_message.Message):
    __slots__ = ("kind", "target", "source", "read_only", "size_bytes", "mode", "volume", "no_copy", "subpath", "propagation", "create_host_path", "selinux", "recursive")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    NO_COPY_FIELD_NUMBER: _ClassVar[int]
    SUBPATH_FIELD_NUMBER: _ClassVar[int]
    PROPAGATION_FIELD_NUMBER: _ClassVar[int]
    CREATE_HOST_PATH_FIELD_NUMBER: _ClassVar[int]
    SELINUX_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    kind: MountKind
    target: str
    source: str
    read_only: bool
    size_bytes: int
    mode: int
    volume: VolumeSpec
    no_copy: bool
    subpath: str
    propagation: str
    create_host_path: bool
    selinux: str
    recursive: str
    def __init__(self, kind: _Optional[_Union[MountKind, str]] = ..., target: _Optional[str] = ..., source: _Optional[str] = ..., read_only: _Optional[bool] = ..., size_bytes: _Optional[int] = ..., mode: _Optional[int] = ..., volume: _Optional[_Union[VolumeSpec, _Mapping]] = ..., no_copy: _Optional[bool] = ..., subpath: _Optional[str] = ..., propagation: _Optional[str] = ..., create_host_path: _Optional[bool] = ..., selinux: _Optional[str] = ..., recursive: _Optional[str] = ...) -> None: ...

class Healthcheck(_message.Message):
    __slots__ = ("test", "interval_ms", "timeout_ms", "retries", "start_period_ms", "start_interval_ms")
    TEST_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    START_PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    START_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    test: _containers.RepeatedScalarFieldContainer[str]
    interval_ms: int
    timeout_ms: int
    retries: int
    start_period_ms: int
    start_interval_ms: int
    def __init__(self, test: _Optional[_Iterable[str]] = ..., interval_ms: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., retries: _Optional[int] = ..., start_period_ms: _Optional[int] = ..., start_interval_ms: _Optional[int] = ...) -> None: ...

class RestartPolicy(_message.Message):
    __slots__ = ("condition", "delay_ms", "delay_max_ms", "attempts_max", "window_ms")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    DELAY_MAX_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_MAX_FIELD_NUMBER: _ClassVar[int]
    WINDOW_MS_FIELD_NUMBER: _ClassVar[int]
    condition: RestartCondition
    delay_ms: int
    delay_max_ms: int
    attempts_max: int
    window_ms: int
    def __init__(self, condition: _Optional[_Union[RestartCondition, str]] = ..., delay_ms: _Optional[int] = ..., delay_max_ms: _Optional[int] = ..., attempts_max: _Optional[int] = ..., window_ms: _Optional[int] = ...) -> None: ...

class UpdateConfig(_message.Message):
    __slots__ = ("parallelism", "delay_ms", "order", "failure_action", "monitor_ms", "max_failure_ratio")
    PARALLELISM_FIELD_NUMBER: _ClassVar[int]
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    FAILURE_ACTION_FIELD_NUMBER: _ClassVar[int]
    MONITOR_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_FAILURE_RATIO_FIELD_NUMBER: _ClassVar[int]
    parallelism: int
    delay_ms: int
    order: UpdateOrder
    failure_action: FailureAction
    monitor_ms: int
    max_failure_ratio: float
    def __init__(self, parallelism: _Optional[int] = ..., delay_ms: _Optional[int] = ..., order: _Optional[_Union[UpdateOrder, str]] = ..., failure_action: _Optional[_Union[FailureAction, str]] = ..., monitor_ms: _Optional[int] = ..., max_failure_ratio: _Optional[float] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("constraints", "spread", "max_replicas_per_node", "platform")
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    MAX_REPLICAS_PER_NODE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    constraints: _containers.RepeatedScalarFieldContainer[str]
    spread: _containers.RepeatedScalarFieldContainer[str]
    max_replicas_per_node: int
    platform: str
    def __init__(self, constraints: _Optional[_Iterable[str]] = ..., spread: _Optional[_Iterable[str]] = ..., max_replicas_per_node: _Optional[int] = ..., platform: _Optional[str] = ...) -> None: ...

class Dependency(_message.Message):
    __slots__ = ("service", "condition", "required")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    service: str
    condition: Condition
    required: bool
    def __init__(self, service: _Optional[str] = ..., condition: _Optional[_Union[Condition, str]] = ..., required: _Optional[bool] = ...) -> None: ...

class Words(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[str]] = ...) -> None: ...

class ContainerSpec(_message.Message):
    __slots__ = ("image", "entrypoint", "command", "environment", "user", "working_dir", "hostname", "container_name", "labels", "mounts", "stop_grace_period_ms", "stop_signal", "networks", "init", "tty", "stdin_open", "read_only", "tmpfs", "pull_policy", "annotations", "security", "kernel", "logging", "networking", "post_start", "pre_stop", "files")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TmpfsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    ENTRYPOINT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIR_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MOUNTS_FIELD_NUMBER: _ClassVar[int]
    STOP_GRACE_PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    STOP_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    INIT_FIELD_NUMBER: _ClassVar[int]
    TTY_FIELD_NUMBER: _ClassVar[int]
    STDIN_OPEN_FIELD_NUMBER: _ClassVar[int]
    READ_ONLY_FIELD_NUMBER: _ClassVar[int]
    TMPFS_FIELD_NUMBER: _ClassVar[int]
    PULL_POLICY_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    LOGGING_FIELD_NUMBER: _ClassVar[int]
    NETWORKING_FIELD_NUMBER: _ClassVar[int]
    POST_START_FIELD_NUMBER: _ClassVar[int]
    PRE_STOP_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    image: str
    entrypoint: Words
    command: Words
    environment: _containers.ScalarMap[str, str]
    user: str
    working_dir: str
    hostname: str
    container_name: str
    labels: _containers.ScalarMap[str, str]
    mounts: _containers.RepeatedCompositeFieldContainer[Mount]
    stop_grace_period_ms: int
    stop_signal: str
    networks: _containers.RepeatedScalarFieldContainer[str]
    init: bool
    tty: bool
    stdin_open: bool
    read_only: bool
    tmpfs: _containers.ScalarMap[str, str]
    pull_policy: str
    annotations: _containers.ScalarMap[str, str]
    security: Security
    kernel: Kernel
    logging: Logging
    networking: Networking
    post_start: _containers.RepeatedCompositeFieldContainer[Hook]
    pre_stop: _containers.RepeatedCompositeFieldContainer[Hook]
    files: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, image: _Optional[str] = ..., entrypoint: _Optional[_Union[Words, _Mapping]] = ..., command: _Optional[_Union[Words, _Mapping]] = ..., environment: _Optional[_Mapping[str, str]] = ..., user: _Optional[str] = ..., working_dir: _Optional[str] = ..., hostname: _Optional[str] = ..., container_name: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., mounts: _Optional[_Iterable[_Union[Mount, _Mapping]]] = ..., stop_grace_period_ms: _Optional[int] = ..., stop_signal: _Optional[str] = ..., networks: _Optional[_Iterable[str]] = ..., init: _Optional[bool] = ..., tty: _Optional[bool] = ..., stdin_open: _Optional[bool] = ..., read_only: _Optional[bool] = ..., tmpfs: _Optional[_Mapping[str, str]] = ..., pull_policy: _Optional[str] = ..., annotations: _Optional[_Mapping[str, str]] = ..., security: _Optional[_Union[Security, _Mapping]] = ..., kernel: _Optional[_Union[Kernel, _Mapping]] = ..., logging: _Optional[_Union[Logging, _Mapping]] = ..., networking: _Optional[_Union[Networking, _Mapping]] = ..., post_start: _Optional[_Iterable[_Union[Hook, _Mapping]]] = ..., pre_stop: _Optional[_Iterable[_Union[Hook, _Mapping]]] = ..., files: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("kind", "name", "digest", "target", "uid", "gid", "mode")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    GID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    kind: FileKind
    name: str
    digest: str
    target: str
    uid: int
    gid: int
    mode: int
    def __init__(self, kind: _Optional[_Union[FileKind, str]] = ..., name: _Optional[str] = ..., digest: _Optional[str] = ..., target: _Optional[str] = ..., uid: _Optional[int] = ..., gid: _Optional[int] = ..., mode: _Optional[int] = ...) -> None: ...

class ConfigSpec(_message.Message):
    __slots__ = ("name", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class SecretSpec(_message.Message):
    __slots__ = ("name", "digest", "external", "outside_name")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    external: bool
    outside_name: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., external: _Optional[bool] = ..., outside_name: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("source", "target", "permissions")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    permissions: str
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., permissions: _Optional[str] = ...) -> None: ...

class Security(_message.Message):
    __slots__ = ("privileged", "cap_add", "cap_drop", "security_opt", "devices", "device_cgroup_rules", "group_add", "ipc", "pid", "uts", "userns_mode", "cgroup", "runtime", "device_requests")
    PRIVILEGED_FIELD_NUMBER: _ClassVar[int]
    CAP_ADD_FIELD_NUMBER: _ClassVar[int]
    CAP_DROP_FIELD_NUMBER: _ClassVar[int]
    SECURITY_OPT_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CGROUP_RULES_FIELD_NUMBER: _ClassVar[int]
    GROUP_ADD_FIELD_NUMBER: _ClassVar[int]
    IPC_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    UTS_FIELD_NUMBER: _ClassVar[int]
    USERNS_MODE_FIELD_NUMBER: _ClassVar[int]
    CGROUP_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    privileged: bool
    cap_add: _containers.RepeatedScalarFieldContainer[str]
    cap_drop: _containers.RepeatedScalarFieldContainer[str]
    security_opt: _containers.RepeatedScalarFieldContainer[str]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    device_cgroup_rules: _containers.RepeatedScalarFieldContainer[str]
    group_add: _containers.RepeatedScalarFieldContainer[str]
    ipc: str
    pid: str
    uts: str
    userns_mode: str
    cgroup: str
    runtime: str
    device_requests: _containers.RepeatedCompositeFieldContainer[DeviceRequest]
    def __init__(self, privileged: _Optional[bool] = ..., cap_add: _Optional[_Iterable[str]] = ..., cap_drop: _Optional[_Iterable[str]] = ..., security_opt: _Optional[_Iterable[str]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., device_cgroup_rules: _Optional[_Iterable[str]] = ..., group_add: _Optional[_Iterable[str]] = ..., ipc: _Optional[str] = ..., pid: _Optional[str] = ..., uts: _Optional[str] = ..., userns_mode: _Optional[str] = ..., cgroup: _Optional[str] = ..., runtime: _Optional[str] = ..., device_requests: _Optional[_Iterable[_Union[DeviceRequest, _Mapping]]] = ...) -> None: ...

class DeviceRequest(_message.Message):
    __slots__ = ("driver", "count", "device_ids", "capabilities", "options")
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_IDS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    driver: str
    count: int
    device_ids: _containers.RepeatedScalarFieldContainer[str]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    options: _containers.ScalarMap[str, str]
    def __init__(self, driver: _Optional[str] = ..., count: _Optional[int] = ..., device_ids: _Optional[_Iterable[str]] = ..., capabilities: _Optional[_Iterable[str]] = ..., options: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Ulimit(_message.Message):
    __slots__ = ("name", "soft", "hard")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOFT_FIELD_NUMBER: _ClassVar[int]
    HARD_FIELD_NUMBER: _ClassVar[int]
    name: str
    soft: int
    hard: int
    def __init__(self, name: _Optional[str] = ..., soft: _Optional[int] = ..., hard: _Optional[int] = ...) -> None: ...

class DeviceRate(_message.Message):
    __slots__ = ("path", "rate")
    PATH_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    path: str
    rate: int
    def __init__(self, path: _Optional[str] = ..., rate: _Optional[int] = ...) -> None: ...

class BlockIo(_message.Message):
    __slots__ = ("weight", "weight_device", "device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_READ_BPS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_WRITE_BPS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_READ_IOPS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_WRITE_IOPS_FIELD_NUMBER: _ClassVar[int]
    weight: int
    weight_device: _containers.RepeatedCompositeFieldContainer[DeviceRate]
    device_read_bps: _containers.RepeatedCompositeFieldContainer[DeviceRate]
    device_write_bps: _containers.RepeatedCompositeFieldContainer[DeviceRate]
    device_read_iops: _containers.RepeatedCompositeFieldContainer[DeviceRate]
    device_write_iops: _containers.RepeatedCompositeFieldContainer[DeviceRate]
    def __init__(self, weight: _Optional[int] = ..., weight_device: _Optional[_Iterable[_Union[DeviceRate, _Mapping]]] = ..., device_read_bps: _Optional[_Iterable[_Union[DeviceRate, _Mapping]]] = ..., device_write_bps: _Optional[_Iterable[_Union[DeviceRate, _Mapping]]] = ..., device_read_iops: _Optional[_Iterable[_Union[DeviceRate, _Mapping]]] = ..., device_write_iops: _Optional[_Iterable[_Union[DeviceRate, _Mapping]]] = ...) -> None: ...

class Kernel(_message.Message):
    __slots__ = ("ulimits", "sysctls", "shm_size_bytes", "pids_limit", "memswap_limit_bytes", "mem_swappiness", "oom_kill_disable", "oom_score_adj", "cpuset", "cpu_shares", "cpu_period_us", "cpu_quota_us", "cpu_rt_period_us", "cpu_rt_runtime_us", "cgroup_parent", "storage_opt", "blkio")
    class SysctlsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class StorageOptEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ULIMITS_FIELD_NUMBER: _ClassVar[int]
    SYSCTLS_FIELD_NUMBER: _ClassVar[int]
    SHM_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PIDS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    MEMSWAP_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEM_SWAPPINESS_FIELD_NUMBER: _ClassVar[int]
    OOM_KILL_DISABLE_FIELD_NUMBER: _ClassVar[int]
    OOM_SCORE_ADJ_FIELD_NUMBER: _ClassVar[int]
    CPUSET_FIELD_NUMBER: _ClassVar[int]
    CPU_SHARES_FIELD_NUMBER: _ClassVar[int]
    CPU_PERIOD_US_FIELD_NUMBER: _ClassVar[int]
    CPU_QUOTA_US_FIELD_NUMBER: _ClassVar[int]
    CPU_RT_PERIOD_US_FIELD_NUMBER: _ClassVar[int]
    CPU_RT_RUNTIME_US_FIELD_NUMBER: _ClassVar[int]
    CGROUP_PARENT_FIELD_NUMBER: _ClassVar[int]
    STORAGE_OPT_FIELD_NUMBER: _ClassVar[int]
    BLKIO_FIELD_NUMBER: _ClassVar[int]
    ulimits: _containers.RepeatedCompositeFieldContainer[Ulimit]
    sysctls: _containers.ScalarMap[str, str]
    shm_size_bytes: int
    pids_limit: int
    memswap_limit_bytes: int
    mem_swappiness: int
    oom_kill_disable: bool
    oom_score_adj: int
    cpuset: str
    cpu_shares: int
    cpu_period_us: int
    cpu_quota_us: int
    cpu_rt_period_us: int
    cpu_rt_runtime_us: int
    cgroup_parent: str
    storage_opt: _containers.ScalarMap[str, str]
    blkio: BlockIo
    def __init__(self, ulimits: _Optional[_Iterable[_Union[Ulimit, _Mapping]]] = ..., sysctls: _Optional[_Mapping[str, str]] = ..., shm_size_bytes: _Optional[int] = ..., pids_limit: _Optional[int] = ..., memswap_limit_bytes: _Optional[int] = ..., mem_swappiness: _Optional[int] = ..., oom_kill_disable: _Optional[bool] = ..., oom_score_adj: _Optional[int] = ..., cpuset: _Optional[str] = ..., cpu_shares: _Optional[int] = ..., cpu_period_us: _Optional[int] = ..., cpu_quota_us: _Optional[int] = ..., cpu_rt_period_us: _Optional[int] = ..., cpu_rt_runtime_us: _Optional[int] = ..., cgroup_parent: _Optional[str] = ..., storage_opt: _Optional[_Mapping[str, str]] = ..., blkio: _Optional[_Union[BlockIo, _Mapping]] = ...) -> None: ...

class Logging(_message.Message):
    __slots__ = ("driver", "options")
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    driver: str
    options: _containers.ScalarMap[str, str]
    def __init__(self, driver: _Optional[str] = ..., options: _Optional[_Mapping[str, str]] = ...) -> None: ...

class IpamPool(_message.Message):
    __slots__ = ("subnet", "gateway", "ip_range", "aux_addresses")
    class AuxAddressesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    IP_RANGE_FIELD_NUMBER: _ClassVar[int]
    AUX_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    subnet: str
    gateway: str
    ip_range: str
    aux_addresses: _containers.ScalarMap[str, str]
    def __init__(self, subnet: _Optional[str] = ..., gateway: _Optional[str] = ..., ip_range: _Optional[str] = ..., aux_addresses: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Ipam(_message.Message):
    __slots__ = ("driver", "options", "pools")
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    POOLS_FIELD_NUMBER: _ClassVar[int]
    driver: str
    options: _containers.ScalarMap[str, str]
    pools: _containers.RepeatedCompositeFieldContainer[IpamPool]
    def __init__(self, driver: _Optional[str] = ..., options: _Optional[_Mapping[str, str]] = ..., pools: _Optional[_Iterable[_Union[IpamPool, _Mapping]]] = ...) -> None: ...

class NetworkSpec(_message.Message):
    __slots__ = ("name", "outside_name", "external", "driver", "driver_opts", "internal", "attachable", "enable_ipv6", "labels", "ipam")
    class DriverOptsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    DRIVER_OPTS_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_FIELD_NUMBER: _ClassVar[int]
    ATTACHABLE_FIELD_NUMBER: _ClassVar[int]
    ENABLE_IPV6_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IPAM_FIELD_NUMBER: _ClassVar[int]
    name: str
    outside_name: str
    external: bool
    driver: str
    driver_opts: _containers.ScalarMap[str, str]
    internal: bool
    attachable: bool
    enable_ipv6: bool
    labels: _containers.ScalarMap[str, str]
    ipam: Ipam
    def __init__(self, name: _Optional[str] = ..., outside_name: _Optional[str] = ..., external: _Optional[bool] = ..., driver: _Optional[str] = ..., driver_opts: _Optional[_Mapping[str, str]] = ..., internal: _Optional[bool] = ..., attachable: _Optional[bool] = ..., enable_ipv6: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., ipam: _Optional[_Union[Ipam, _Mapping]] = ...) -> None: ...

class Endpoint(_message.Message):
    __slots__ = ("network", "aliases", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "driver_opts", "priority", "gw_priority", "interface_name")
    class DriverOptsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    IPV4_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IPV6_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LINK_LOCAL_IPS_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    DRIVER_OPTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    GW_PRIORITY_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    network: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    ipv4_address: str
    ipv6_address: str
    link_local_ips: _containers.RepeatedScalarFieldContainer[str]
    mac_address: str
    driver_opts: _containers.ScalarMap[str, str]
    priority: int
    gw_priority: int
    interface_name: str
    def __init__(self, network: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., ipv4_address: _Optional[str] = ..., ipv6_address: _Optional[str] = ..., link_local_ips: _Optional[_Iterable[str]] = ..., mac_address: _Optional[str] = ..., driver_opts: _Optional[_Mapping[str, str]] = ..., priority: _Optional[int] = ..., gw_priority: _Optional[int] = ..., interface_name: _Optional[str] = ...) -> None: ...

class Networking(_message.Message):
    __slots__ = ("mode", "endpoints", "networks", "dns", "dns_search", "dns_opt", "extra_hosts", "domainname", "mac_address")
    MODE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    DNS_FIELD_NUMBER: _ClassVar[int]
    DNS_SEARCH_FIELD_NUMBER: _ClassVar[int]
    DNS_OPT_FIELD_NUMBER: _ClassVar[int]
    EXTRA_HOSTS_FIELD_NUMBER: _ClassVar[int]
    DOMAINNAME_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    endpoints: _containers.RepeatedCompositeFieldContainer[Endpoint]
    networks: _containers.RepeatedCompositeFieldContainer[NetworkSpec]
    dns: _containers.RepeatedScalarFieldContainer[str]
    dns_search: _containers.RepeatedScalarFieldContainer[str]
    dns_opt: _containers.RepeatedScalarFieldContainer[str]
    extra_hosts: _containers.RepeatedScalarFieldContainer[str]
    domainname: str
    mac_address: str
    def __init__(self, mode: _Optional[str] = ..., endpoints: _Optional[_Iterable[_Union[Endpoint, _Mapping]]] = ..., networks: _Optional[_Iterable[_Union[NetworkSpec, _Mapping]]] = ..., dns: _Optional[_Iterable[str]] = ..., dns_search: _Optional[_Iterable[str]] = ..., dns_opt: _Optional[_Iterable[str]] = ..., extra_hosts: _Optional[_Iterable[str]] = ..., domainname: _Optional[str] = ..., mac_address: _Optional[str] = ...) -> None: ...

class Hook(_message.Message):
    __slots__ = ("command", "user", "privileged", "working_dir", "environment")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    PRIVILEGED_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIR_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    command: _containers.RepeatedScalarFieldContainer[str]
    user: str
    privileged: bool
    working_dir: str
    environment: _containers.ScalarMap[str, str]
    def __init__(self, command: _Optional[_Iterable[str]] = ..., user: _Optional[str] = ..., privileged: _Optional[bool] = ..., working_dir: _Optional[str] = ..., environment: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TaskSpec(_message.Message):
    __slots__ = ("container", "reservations", "limits", "ports", "healthcheck", "healthcheck_disabled", "placement")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    HEALTHCHECK_FIELD_NUMBER: _ClassVar[int]
    HEALTHCHECK_DISABLED_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    container: ContainerSpec
    reservations: Resources
    limits: Resources
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    healthcheck: Healthcheck
    healthcheck_disabled: bool
    placement: Placement
    def __init__(self, container: _Optional[_Union[ContainerSpec, _Mapping]] = ..., reservations: _Optional[_Union[Resources, _Mapping]] = ..., limits: _Optional[_Union[Resources, _Mapping]] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., healthcheck: _Optional[_Union[Healthcheck, _Mapping]] = ..., healthcheck_disabled: _Optional[bool] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ...) -> None: ...

class ServiceSpec(_message.Message):
    __slots__ = ("name", "task", "mode", "replicas", "restart", "update", "depends_on", "priority", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    task: TaskSpec
    mode: Mode
    replicas: int
    restart: RestartPolicy
    update: UpdateConfig
    depends_on: _containers.RepeatedCompositeFieldContainer[Dependency]
    priority: Priority
    labels: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., task: _Optional[_Union[TaskSpec, _Mapping]] = ..., mode: _Optional[_Union[Mode, str]] = ..., replicas: _Optional[int] = ..., restart: _Optional[_Union[RestartPolicy, _Mapping]] = ..., update: _Optional[_Union[UpdateConfig, _Mapping]] = ..., depends_on: _Optional[_Iterable[_Union[Dependency, _Mapping]]] = ..., priority: _Optional[_Union[Priority, str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class VolumeSpec(_message.Message):
    __slots__ = ("name", "external", "labels", "outside_name", "driver", "driver_opts")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class DriverOptsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_NAME_FIELD_NUMBER: _ClassVar[int]
    DRIVER_FIELD_NUMBER: _ClassVar[int]
    DRIVER_OPTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    external: bool
    labels: _containers.ScalarMap[str, str]
    outside_name: str
    driver: str
    driver_opts: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., external: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., outside_name: _Optional[str] = ..., driver: _Optional[str] = ..., driver_opts: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AppSpec(_message.Message):
    __slots__ = ("name", "services", "volumes", "configs", "secrets")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    services: _containers.RepeatedCompositeFieldContainer[ServiceSpec]
    volumes: _containers.RepeatedCompositeFieldContainer[VolumeSpec]
    configs: _containers.RepeatedCompositeFieldContainer[ConfigSpec]
    secrets: _containers.RepeatedCompositeFieldContainer[SecretSpec]
    def __init__(self, name: _Optional[str] = ..., services: _Optional[_Iterable[_Union[ServiceSpec, _Mapping]]] = ..., volumes: _Optional[_Iterable[_Union[VolumeSpec, _Mapping]]] = ..., configs: _Optional[_Iterable[_Union[ConfigSpec, _Mapping]]] = ..., secrets: _Optional[_Iterable[_Union[SecretSpec, _Mapping]]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("task", "replica", "release", "desired", "spec", "trace")
    TASK_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    task: int
    replica: ReplicaKey
    release: int
    desired: Desired
    spec: TaskSpec
    trace: str
    def __init__(self, task: _Optional[int] = ..., replica: _Optional[_Union[ReplicaKey, _Mapping]] = ..., release: _Optional[int] = ..., desired: _Optional[_Union[Desired, str]] = ..., spec: _Optional[_Union[TaskSpec, _Mapping]] = ..., trace: _Optional[str] = ...) -> None: ...

class BoundPort(_message.Message):
    __slots__ = ("container", "host", "address", "protocol")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    container: int
    host: int
    address: str
    protocol: str
    def __init__(self, container: _Optional[int] = ..., host: _Optional[int] = ..., address: _Optional[str] = ..., protocol: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("task", "state", "ready", "message", "exit_code", "oom_killed", "image_missing", "container_id", "image_id", "ports", "started_at", "finished_at")
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLED_FIELD_NUMBER: _ClassVar[int]
    IMAGE_MISSING_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    task: int
    state: TaskState
    ready: bool
    message: str
    exit_code: int
    oom_killed: bool
    image_missing: bool
    container_id: str
    image_id: str
    ports: _containers.RepeatedCompositeFieldContainer[BoundPort]
    started_at: int
    finished_at: int
    def __init__(self, task: _Optional[int] = ..., state: _Optional[_Union[TaskState, str]] = ..., ready: _Optional[bool] = ..., message: _Optional[str] = ..., exit_code: _Optional[int] = ..., oom_killed: _Optional[bool] = ..., image_missing: _Optional[bool] = ..., container_id: _Optional[str] = ..., image_id: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[BoundPort, _Mapping]]] = ..., started_at: _Optional[int] = ..., finished_at: _Optional[int] = ...) -> None: ...

class NodeFacts(_message.Message):
    __slots__ = ("name", "address", "os", "arch", "capacity", "disk_bytes", "labels", "runtime", "runtime_version", "agent_version", "kernel", "volumes", "trouble")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    ARCH_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    os: str
    arch: str
    capacity: Resources
    disk_bytes: int
    labels: _containers.ScalarMap[str, str]
    runtime: str
    runtime_version: str
    agent_version: str
    kernel: str
    volumes: _containers.RepeatedScalarFieldContainer[str]
    trouble: str
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., os: _Optional[str] = ..., arch: _Optional[str] = ..., capacity: _Optional[_Union[Resources, _Mapping]] = ..., disk_bytes: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., runtime: _Optional[str] = ..., runtime_version: _Optional[str] = ..., agent_version: _Optional[str] = ..., kernel: _Optional[str] = ..., volumes: _Optional[_Iterable[str]] = ..., trouble: _Optional[str] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("milli_cpus", "memory_bytes", "disk_bytes", "tasks", "trouble")
    MILLI_CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    milli_cpus: int
    memory_bytes: int
    disk_bytes: int
    tasks: int
    trouble: str
    def __init__(self, milli_cpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., disk_bytes: _Optional[int] = ..., tasks: _Optional[int] = ..., trouble: _Optional[str] = ...) -> None: ...

class Amounts(_message.Message):
    __slots__ = ("cpus", "memory_bytes", "devices")
    class DevicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    cpus: float
    memory_bytes: int
    devices: _containers.ScalarMap[str, int]
    def __init__(self, cpus: _Optional[float] = ..., memory_bytes: _Optional[int] = ..., devices: _Optional[_Mapping[str, int]] = ...) -> None: ...

class NodeView(_message.Message):
    __slots__ = ("name", "state", "state_since", "availability", "address", "zone", "labels", "resources", "reserved", "used", "tasks", "os", "arch", "runtime", "runtime_version", "agent_version", "kernel", "joined_at", "heard_at")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_SINCE_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    ARCH_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    JOINED_AT_FIELD_NUMBER: _ClassVar[int]
    HEARD_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    state_since: int
    availability: str
    address: str
    zone: str
    labels: _containers.ScalarMap[str, str]
    resources: Amounts
    reserved: Amounts
    used: Amounts
    tasks: int
    os: str
    arch: str
    runtime: str
    runtime_version: str
    agent_version: str
    kernel: str
    joined_at: int
    heard_at: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., state_since: _Optional[int] = ..., availability: _Optional[str] = ..., address: _Optional[str] = ..., zone: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., resources: _Optional[_Union[Amounts, _Mapping]] = ..., reserved: _Optional[_Union[Amounts, _Mapping]] = ..., used: _Optional[_Union[Amounts, _Mapping]] = ..., tasks: _Optional[int] = ..., os: _Optional[str] = ..., arch: _Optional[str] = ..., runtime: _Optional[str] = ..., runtime_version: _Optional[str] = ..., agent_version: _Optional[str] = ..., kernel: _Optional[str] = ..., joined_at: _Optional[int] = ..., heard_at: _Optional[int] = ...) -> None: ...

class PublishedView(_message.Message):
    __slots__ = ("target", "published", "protocol", "mode")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    target: int
    published: int
    protocol: str
    mode: str
    def __init__(self, target: _Optional[int] = ..., published: _Optional[int] = ..., protocol: _Optional[str] = ..., mode: _Optional[str] = ...) -> None: ...

class ServiceView(_message.Message):
    __slots__ = ("environment", "app", "name", "mode", "desired", "running", "ready", "release", "updated", "image", "ports", "message")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    name: str
    mode: str
    desired: int
    running: int
    ready: int
    release: int
    updated: int
    image: str
    ports: _containers.RepeatedCompositeFieldContainer[PublishedView]
    message: str
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., name: _Optional[str] = ..., mode: _Optional[str] = ..., desired: _Optional[int] = ..., running: _Optional[int] = ..., ready: _Optional[int] = ..., release: _Optional[int] = ..., updated: _Optional[int] = ..., image: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[PublishedView, _Mapping]]] = ..., message: _Optional[str] = ...) -> None: ...

class ReplicaView(_message.Message):
    __slots__ = ("environment", "app", "service", "replica", "name", "state", "ready", "node", "task", "container_id", "started_at", "restarts", "release", "message", "ports", "image", "exit_code")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    service: str
    replica: int
    name: str
    state: str
    ready: bool
    node: str
    task: str
    container_id: str
    started_at: int
    restarts: int
    release: int
    message: str
    ports: _containers.RepeatedCompositeFieldContainer[BoundPort]
    image: str
    exit_code: int
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., service: _Optional[str] = ..., replica: _Optional[int] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., ready: _Optional[bool] = ..., node: _Optional[str] = ..., task: _Optional[str] = ..., container_id: _Optional[str] = ..., started_at: _Optional[int] = ..., restarts: _Optional[int] = ..., release: _Optional[int] = ..., message: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[BoundPort, _Mapping]]] = ..., image: _Optional[str] = ..., exit_code: _Optional[int] = ...) -> None: ...

class TaskView(_message.Message):
    __slots__ = ("task", "state", "desired", "ready", "node", "release", "image", "container_id", "created_at", "started_at", "finished_at", "exit_code", "oom_killed", "reason", "placed", "stop_reason", "message", "ports")
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DESIRED_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    OOM_KILLED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PLACED_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    task: str
    state: str
    desired: str
    ready: bool
    node: str
    release: int
    image: str
    container_id: str
    created_at: int
    started_at: int
    finished_at: int
    exit_code: int
    oom_killed: bool
    reason: str
    placed: str
    stop_reason: str
    message: str
    ports: _containers.RepeatedCompositeFieldContainer[BoundPort]
    def __init__(self, task: _Optional[str] = ..., state: _Optional[str] = ..., desired: _Optional[str] = ..., ready: _Optional[bool] = ..., node: _Optional[str] = ..., release: _Optional[int] = ..., image: _Optional[str] = ..., container_id: _Optional[str] = ..., created_at: _Optional[int] = ..., started_at: _Optional[int] = ..., finished_at: _Optional[int] = ..., exit_code: _Optional[int] = ..., oom_killed: _Optional[bool] = ..., reason: _Optional[str] = ..., placed: _Optional[str] = ..., stop_reason: _Optional[str] = ..., message: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[BoundPort, _Mapping]]] = ...) -> None: ...

class ReleaseView(_message.Message):
    __slots__ = ("environment", "app", "number", "author", "time", "reason", "status", "message", "current", "changes")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    number: int
    author: str
    time: int
    reason: str
    status: str
    message: str
    current: bool
    changes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., number: _Optional[int] = ..., author: _Optional[str] = ..., time: _Optional[int] = ..., reason: _Optional[str] = ..., status: _Optional[str] = ..., message: _Optional[str] = ..., current: _Optional[bool] = ..., changes: _Optional[_Iterable[str]] = ...) -> None: ...

class FileView(_message.Message):
    __slots__ = ("environment", "app", "name", "digest", "size_bytes", "external", "users", "changed_at", "author")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    environment: str
    app: str
    name: str
    digest: str
    size_bytes: int
    external: bool
    users: _containers.RepeatedScalarFieldContainer[str]
    changed_at: int
    author: str
    def __init__(self, environment: _Optional[str] = ..., app: _Optional[str] = ..., name: _Optional[str] = ..., digest: _Optional[str] = ..., size_bytes: _Optional[int] = ..., external: _Optional[bool] = ..., users: _Optional[_Iterable[str]] = ..., changed_at: _Optional[int] = ..., author: _Optional[str] = ...) -> None: ...

class EnvironmentView(_message.Message):
    __slots__ = ("name", "apps", "services", "allowed", "created_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    apps: int
    services: int
    allowed: _containers.RepeatedScalarFieldContainer[str]
    created_at: int
    def __init__(self, name: _Optional[str] = ..., apps: _Optional[int] = ..., services: _Optional[int] = ..., allowed: _Optional[_Iterable[str]] = ..., created_at: _Optional[int] = ...) -> None: ...

class EventView(_message.Message):
    __slots__ = ("sequence", "time", "kind", "message", "environment", "app", "service", "replica", "node", "author")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    APP_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: int
    kind: str
    message: str
    environment: str
    app: str
    service: str
    replica: int
    node: str
    author: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[int] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ..., environment: _Optional[str] = ..., app: _Optional[str] = ..., service: _Optional[str] = ..., replica: _Optional[int] = ..., node: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class ServerView(_message.Message):
    __slots__ = ("name", "address", "role", "healthy", "behind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    role: str
    healthy: bool
    behind: int
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., role: _Optional[str] = ..., healthy: _Optional[bool] = ..., behind: _Optional[int] = ...) -> None: ...

class StatusView(_message.Message):
    __slots__ = ("leader", "servers", "nodes", "services", "problems", "brake_since", "reserved", "resources", "index", "age_ms")
    class NodesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ServicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    LEADER_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    BRAKE_SINCE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    leader: str
    servers: _containers.RepeatedCompositeFieldContainer[ServerView]
    nodes: _containers.ScalarMap[str, int]
    services: _containers.ScalarMap[str, int]
    problems: _containers.RepeatedScalarFieldContainer[str]
    brake_since: int
    reserved: Amounts
    resources: Amounts
    index: int
    age_ms: int
    def __init__(self, leader: _Optional[str] = ..., servers: _Optional[_Iterable[_Union[ServerView, _Mapping]]] = ..., nodes: _Optional[_Mapping[str, int]] = ..., services: _Optional[_Mapping[str, int]] = ..., problems: _Optional[_Iterable[str]] = ..., brake_since: _Optional[int] = ..., reserved: _Optional[_Union[Amounts, _Mapping]] = ..., resources: _Optional[_Union[Amounts, _Mapping]] = ..., index: _Optional[int] = ..., age_ms: _Optional[int] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("replica", "task", "node", "time", "stream", "text")
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    replica: str
    task: str
    node: str
    time: int
    stream: str
    text: str
    def __init__(self, replica: _Optional[str] = ..., task: _Optional[str] = ..., node: _Optional[str] = ..., time: _Optional[int] = ..., stream: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...
