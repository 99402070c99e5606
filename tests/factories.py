"""Builders of test data: plain functions with defaults."""

from collections.abc import Mapping
from dataclasses import replace

from controlplane.state import indexes
from controlplane.state.tables import (
    App,
    Environment,
    Node,
    Release,
    Replica,
    Service,
    SpecKey,
    State,
    Task,
    View,
)
from orb.contents import GRANT_MODE, ConfigSpec, FileKind, Grant, SecretSpec, digest_of
from orb.ids import AppKey, Millis, NodeName, ReplicaKey, ServiceKey, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, ReleaseStatus, TaskState
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    ContainerSpec,
    Dependency,
    Healthcheck,
    Mode,
    Mount,
    MountKind,
    Placement,
    Port,
    Priority,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from orb.work import NodeFacts, Report

GIB = 1024**3
MIB = 1024**2
NOW = Millis(1_700_000_000_000)
"""When the records that these functions make came to be, unless told otherwise."""

Record = Node | Service | Replica | Task | Release


def some_resources(
    *, cpus: float = 0.1, memory_mib: int = 64, devices: Mapping[str, int] | None = None
) -> Resources:
    return Resources(round(cpus * 1000), memory_mib * MIB, dict(devices or {}))


def a_volume(source: str = "data", target: str = "/data") -> Mount:
    return Mount(kind=MountKind.VOLUME, source=source, target=target)


def a_task_spec(
    *,
    image: str = "app:v1",
    needs: Resources | None = None,
    mounts: tuple[Mount, ...] = (),
    environment: Mapping[str, str] | None = None,
    ports: tuple[Port, ...] = (),
    healthcheck: Healthcheck | None = None,
    placement: Placement | None = None,
) -> TaskSpec:
    """What a task runs; *needs* is its reservation."""
    return TaskSpec(
        container=ContainerSpec(image=image, mounts=mounts, environment=dict(environment or {})),
        reservations=some_resources() if needs is None else needs,
        ports=ports,
        healthcheck=healthcheck,
        placement=Placement() if placement is None else placement,
    )


def a_service_spec(
    name: str = "web",
    *,
    replicas: int = 3,
    mode: Mode = Mode.REPLICATED,
    image: str = "app:v1",
    needs: Resources | None = None,
    mounts: tuple[Mount, ...] = (),
    placement: Placement | None = None,
    task: TaskSpec | None = None,
    restart: RestartPolicy | None = None,
    update: UpdateConfig | None = None,
    depends_on: tuple[Dependency, ...] = (),
    priority: Priority = Priority.NORMAL,
) -> ServiceSpec:
    """A declared service; *task* goes before *image*, *needs*, *mounts* and *placement*."""
    return ServiceSpec(
        name=name,
        task=task or a_task_spec(image=image, needs=needs, mounts=mounts, placement=placement),
        mode=mode,
        replicas=replicas,
        restart=restart or RestartPolicy(),
        update=update or UpdateConfig(),
        depends_on=depends_on,
        priority=priority,
    )


def an_app_spec(*services: ServiceSpec, name: str = "shop") -> AppSpec:
    """A declared app; one service `web` if none is given."""
    chosen = services or (a_service_spec(),)
    return AppSpec(name=name, services=tuple(sorted(chosen, key=lambda service: service.name)))


def a_grant(
    name: str = "site",
    content: bytes = b"one",
    *,
    kind: FileKind = FileKind.CONFIG,
    target: str = "",
    mode: int = GRANT_MODE,
) -> Grant:
    """A service sees this config or secret."""
    return Grant(
        kind=kind,
        name=name,
        digest=digest_of(content) if content else "",
        target=target or f"/{name}",
        mode=mode,
    )


def with_files(service: ServiceSpec, *grants: Grant) -> ServiceSpec:
    """The service seeing these files."""
    container = replace(service.task.container, files=grants)
    return replace(service, task=replace(service.task, container=container))


def an_app_with_files(
    *services: ServiceSpec, external: tuple[str, ...] = (), name: str = "shop"
) -> AppSpec:
    """An app of these services and the configs and secrets that they see."""
    grants = {(g.kind, g.name): g for s in services for g in s.task.container.files}
    return replace(
        an_app_spec(*services, name=name),
        configs=tuple(
            ConfigSpec(name=grant.name, digest=grant.digest)
            for grant in grants.values()
            if grant.kind is FileKind.CONFIG
        ),
        secrets=tuple(
            SecretSpec(name=grant.name, digest=grant.digest, external=grant.name in external)
            for grant in grants.values()
            if grant.kind is FileKind.SECRET
        ),
    )


def a_service(
    name: str = "web",
    *,
    app: str = "shop",
    environment: str = "default",
    replicas: int = 3,
    mode: Mode = Mode.REPLICATED,
    image: str = "app:v1",
    spec: ServiceSpec | None = None,
    release: int = 1,
    revision: int = 1,
    opened: int | None = None,
    created_at: Millis = NOW,
) -> Service:
    """The record of a service, its dependencies met; *spec* goes before what describes one."""
    return Service(
        key=ServiceKey(environment, app, name),
        spec=spec or a_service_spec(name, replicas=replicas, mode=mode, image=image),
        release=release,
        revision=revision,
        opened=revision if opened is None else opened,
        created_at=created_at,
    )


def a_service_key(name: str = "web", *, app: str = "shop") -> ServiceKey:
    return ServiceKey("default", app, name)


def a_replica_key(name: str = "web/1", *, app: str = "shop") -> ReplicaKey:
    """The key that people would type as `web/1`."""
    service, _, number = name.partition("/")
    return ReplicaKey("default", app, service, int(number))


def a_replica(
    name: str = "web/1",
    *,
    app: str = "shop",
    home: str | None = None,
    restarts: int = 0,
    failures: tuple[int, ...] = (),
    failed_on: tuple[str, ...] = (),
) -> Replica:
    return Replica(
        key=a_replica_key(name, app=app),
        home=None if home is None else NodeName(home),
        restarts=restarts,
        failures=tuple(Millis(at) for at in failures),
        failed_on=tuple(NodeName(node) for node in failed_on),
    )


def a_task(
    number: int = 1,
    replica: str = "web/1",
    *,
    app: str = "shop",
    node: str | None = None,
    state: TaskState | None = None,
    desired: Desired | None = None,
    revision: int = 1,
    ready: bool | None = None,
    since: Millis = NOW,
    created_at: Millis | None = None,
    priority: Priority = Priority.NORMAL,
    avoid: tuple[str, ...] = (),
    reason: str = "new",
    stop_reason: str = "",
    message: str = "",
    exit_code: int | None = None,
    image_missing: bool = False,
) -> Task:
    """A task: NEW without a node, RUNNING and ready with one, unless told otherwise."""
    if state is None:
        state = TaskState.NEW if node is None else TaskState.RUNNING
    is_ready = state is TaskState.RUNNING if ready is None else ready
    if desired is None:
        told = state in {TaskState.STOPPING, TaskState.STOPPED}
        desired = Desired.STOP if told else Desired.RUN
    return Task(
        id=TaskId(number),
        replica=a_replica_key(replica, app=app),
        revision=revision,
        priority=priority,
        desired=desired,
        state=state,
        since=since,
        created_at=since if created_at is None else created_at,
        node=None if node is None else NodeName(node),
        avoid=tuple(NodeName(name) for name in avoid),
        reason=reason,
        stop_reason=stop_reason,
        ready=is_ready,
        ready_since=since if is_ready else None,
        message=message,
        exit_code=exit_code,
        image_missing=image_missing,
    )


def some_facts(
    name: str = "n1",
    *,
    zone: str = "",
    cpus: float = 4,
    memory_gib: float = 8,
    devices: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    arch: str = "amd64",
    volumes: tuple[str, ...] = (),
) -> NodeFacts:
    """What the agent of a machine says of it."""
    zoned = {"zone": zone} if zone else {}
    return NodeFacts(
        name=NodeName(name),
        address=f"{name}.example.org",
        os="linux",
        arch=arch,
        capacity=Resources(round(cpus * 1000), round(memory_gib * GIB), dict(devices or {})),
        labels={**zoned, **(labels or {})},
        volumes=volumes,
    )


def a_node(
    name: str = "n1",
    *,
    zone: str = "",
    cpus: float = 4,
    memory_gib: float = 8,
    devices: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    arch: str = "amd64",
    volumes: tuple[str, ...] = (),
    status: NodeStatus = NodeStatus.READY,
    status_since: Millis = NOW,
    availability: Availability = Availability.ACTIVE,
) -> Node:
    """The record of a node; *labels* are those of its agent."""
    return Node(
        name=NodeName(name),
        facts=some_facts(
            name,
            zone=zone,
            cpus=cpus,
            memory_gib=memory_gib,
            devices=devices,
            labels=labels,
            arch=arch,
            volumes=volumes,
        ),
        status=status,
        status_since=status_since,
        availability=availability,
        joined_at=status_since,
    )


def a_report(
    task: int = 1,
    state: TaskState = TaskState.RUNNING,
    *,
    ready: bool | None = None,
    message: str = "",
    exit_code: int | None = None,
    image_missing: bool = False,
) -> Report:
    """What an agent saw; a running task is ready unless told otherwise."""
    return Report(
        task=TaskId(task),
        state=state,
        ready=state is TaskState.RUNNING if ready is None else ready,
        message=message,
        exit_code=exit_code,
        image_missing=image_missing,
        container_id=f"c{task}",
    )


def a_state_with(
    *records: Record, specs: Mapping[SpecKey, TaskSpec] | None = None, index: int = 100
) -> State:
    """A state that holds these records and what they imply: apps, releases, replicas, nodes.

    A task whose revision has no spec in *specs* gets the spec of its service.
    """
    state = State(index=index)
    for record in records:
        _put(state, record)
    state.specs.update(specs or {})
    for service in list(state.services.values()):
        _imply_app(state, service)
    for task in state.tasks.values():
        _imply_replica(state, task)
        if task.node is not None:
            state.nodes.setdefault(task.node, a_node(task.node))
    state.tasks = dict(sorted(state.tasks.items()))
    indexes.rebuild(state)
    return state


def a_view(
    state: State, *, heard: Mapping[str, int] | None = None, leading_since: int = NOW
) -> View:
    """A view of the leader; nodes that *heard* does not name were never heard."""
    times = {NodeName(name): Millis(at) for name, at in (heard or {}).items()}
    return View(state=state, heard=times, leading_since=Millis(leading_since))


def _put(state: State, record: Record) -> None:
    match record:
        case Node():
            state.nodes[record.name] = record
        case Service():
            state.services[record.key] = record
            state.specs[record.key, record.revision] = record.spec.task
        case Replica():
            state.replicas[record.key] = record
        case Task():
            state.tasks[record.id] = record
        case Release():
            state.releases.setdefault(record.app, {})[record.number] = record


def _imply_app(state: State, service: Service) -> None:
    key: AppKey = service.key.owner
    environment = Environment(name=key.environment, created_at=service.created_at)
    state.environments.setdefault(key.environment, environment)
    releases = state.releases.setdefault(key, {})
    current = max((service.release, service.revision, *releases))
    known = state.apps.get(key)
    number = max(current, known.release) if known else current
    state.apps[key] = App(key=key, release=number, created_at=service.created_at)
    mine = [other.spec for other in state.services.values() if other.key.owner == key]
    if number not in releases:
        releases[number] = Release(
            app=key,
            number=number,
            spec=an_app_spec(*mine, name=key.app),
            author="test",
            at=service.created_at,
            reason="",
            status=ReleaseStatus.ROLLING,
            status_since=service.created_at,
        )


def _imply_replica(state: State, task: Task) -> None:
    service = state.services.get(task.replica.owner)
    if service is not None:
        state.replicas.setdefault(task.replica, Replica(key=task.replica))
        state.specs.setdefault((service.key, task.revision), service.spec.task)
