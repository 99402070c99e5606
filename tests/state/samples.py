"""One value of every kind that is ever stored, every field filled: for codec and golden tests."""

from dataclasses import replace

from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    AssignTasks,
    Batch,
    Command,
    CreateTasks,
    DeleteApp,
    Entry,
    LoseTasks,
    OpenService,
    ReapReplicas,
    ReapTasks,
    Refused,
    RegisterNode,
    RemoveNode,
    RemoveSecret,
    ReportTasks,
    ScaleService,
    SetAvailability,
    SetBrake,
    SetLabels,
    SetNodeStatus,
    SetReleaseStatus,
    SetSecret,
    SetTrust,
    Single,
    StopTasks,
)
from controlplane.state.tables import Client, Event, State
from orb.contents import FileKind, Grant, digest_of
from orb.ids import AppKey, Millis, NodeName, TaskId
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus, TaskState
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    Condition,
    ContainerSpec,
    Dependency,
    Healthcheck,
    Mode,
    Mount,
    MountKind,
    Placement,
    Port,
    Priority,
    Protocol,
    PublishMode,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    VolumeSpec,
)
from orb.work import BoundPort, NodeFacts, Report
from tests.factories import (
    NOW,
    a_grant,
    a_node,
    a_replica,
    a_replica_key,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    an_app_with_files,
    with_files,
)

N1 = NodeName("n1")
WEB = a_service_key()


def the_app() -> AppSpec:
    container = ContainerSpec(
        image="registry.example.org/app:v1",
        entrypoint=("/bin/app",),
        command=("--port", "80"),
        environment={"GREETING": "grüß dich"},
        user="1000:1000",
        working_dir="/srv",
        hostname="web",
        container_name="the-web",
        labels={"owner": "ann"},
        mounts=(
            Mount(kind=MountKind.VOLUME, target="/data", source="data"),
            Mount(kind=MountKind.TMPFS, target="/tmp", size_bytes=1024, read_only=True),  # noqa: S108 - a path in a container
        ),
        stop_grace_period_ms=Millis(30_000),
        stop_signal="SIGINT",
        networks=("back",),
        init=True,
        tty=True,
        stdin_open=True,
        read_only=True,
    )
    task = TaskSpec(
        container=container,
        reservations=Resources(250, 1 << 28, {"gpu": 1}),
        limits=Resources(500, 1 << 29),
        ports=(
            Port(
                target=80,
                protocol=Protocol.UDP,
                published=8080,
                mode=PublishMode.HOST,
                host_ip="127.0.0.1",
                name="dns",
            ),
        ),
        healthcheck=Healthcheck(test=("CMD", "true"), retries=2),
        healthcheck_disabled=True,
        placement=Placement(
            constraints=("node.labels.disk == ssd",),
            spread=("node.labels.zone",),
            max_replicas_per_node=2,
            platform="linux/amd64",
        ),
    )
    web = ServiceSpec(
        name="web",
        task=task,
        mode=Mode.REPLICATED,
        replicas=3,
        restart=RestartPolicy(attempts_max=3, window_ms=Millis(1)),
        update=UpdateConfig(parallelism=2, max_failure_ratio=0.25),
        depends_on=(Dependency(service="db", condition=Condition.HEALTHY, required=False),),
        priority=Priority.HIGH,
        labels={"team": "shop"},
    )
    volume = VolumeSpec(name="data", external=True, labels={"keep": "yes"})
    return AppSpec(name="shop", services=(web,), volumes=(volume,))


def the_report() -> Report:
    return Report(
        task=TaskId(7),
        state=TaskState.FAILED,
        ready=True,
        message="killed",
        exit_code=137,
        oom_killed=True,
        image_missing=True,
        container_id="c7",
        image_id="sha256:1",
        ports=(BoundPort(container=80, host=32_768, address="10.0.0.1", protocol="udp"),),
        started_at=NOW,
        finished_at=Millis(NOW + 1),
    )


def the_facts() -> NodeFacts:
    return NodeFacts(
        name=N1,
        address="10.0.0.1",
        os="linux",
        arch="arm64",
        capacity=Resources(4000, 1 << 33, {"gpu": 2}),
        disk_bytes=1 << 40,
        labels={"zone": "a"},
        runtime="docker",
        runtime_version="20.10",
        agent_version="0.1.0",
        kernel="6.1",
        volumes=("default.shop.data",),
    )


def the_commands() -> list[Command]:
    """Every command, each with every field filled."""
    singles = (
        ApplyApp(environment="default", spec=the_app(), reason="first", expected_release=0),
        ScaleService(service=WEB, replicas=5, reason="sale"),
        DeleteApp(app=AppKey("default", "shop")),
        SetAvailability(node=N1, availability=Availability.DRAINING),
        SetLabels(node=N1, labels={"rack": "7"}, remove=("old",)),
        RemoveNode(node=N1),
        RegisterNode(facts=the_facts()),
        ReportTasks(node=N1, reports=(the_report(),)),
        SetNodeStatus(node=N1, old=NodeStatus.READY, new=NodeStatus.SUSPECT, reason="silent"),
        SetBrake(on=True, reason="5 of 8"),
        OpenService(service=WEB, revision=2),
        CreateTasks(
            service=WEB,
            revision=2,
            numbers=(1, 2),
            reason="restart",
            copies=2,
            home=N1,
            avoid=(NodeName("n2"),),
            is_restart=True,
        ),
        StopTasks(tasks=(TaskId(7),), reason="surplus"),
        LoseTasks(tasks=(TaskId(7),), reason="n1 is down"),
        ReapTasks(tasks=(TaskId(7),)),
        ReapReplicas(replicas=(a_replica_key("web/4"),)),
        SetReleaseStatus(
            app=AppKey("default", "shop"), number=2, status=ReleaseStatus.FAILED, message="no"
        ),
        AssignTasks(tasks=(TaskId(7),), nodes=(N1,), why="most free"),
    )
    return [*singles, Batch(commands=singles[:3])]


def the_entries() -> list[Entry]:
    return [
        Entry(command=one, now=NOW, author="ann", trace="00-1", client="ann-1", sequence=number)
        for number, one in enumerate(the_commands())
    ]


def the_commands_of_files() -> list[Command]:
    """The commands that came with configs and secrets."""
    return [
        ApplyApp(environment="default", spec=the_app_with_files(), contents=(b"one", b"s3cret")),
        SetSecret(environment="default", name="outer", content=b"\x00\xff"),
        RemoveSecret(environment="default", name="outer"),
    ]


def the_app_with_files() -> AppSpec:
    """An app with a config, a secret of its own, and a stored one."""
    grants = (
        Grant(
            kind=FileKind.CONFIG,
            name="site",
            digest=digest_of(b"one"),
            target="/etc/site.conf",
            uid=33,
            gid=34,
            mode=0o400,
        ),
        a_grant("pass", b"s3cret", kind=FileKind.SECRET),
        a_grant("out", b"", kind=FileKind.SECRET),
    )
    spec = an_app_with_files(with_files(a_service_spec(), *grants), external=("out",))
    own, out = spec.secrets
    return replace(spec, secrets=(own, replace(out, outside_name="outer")))


def the_state_with_files() -> State:
    """A state with a stored secret, and an app with files of each kind."""
    state = State()
    apply_it, store_it, _ = the_commands_of_files()
    for index, command in enumerate((store_it, apply_it), 1):
        answer = apply(state, Entry(command=command, now=NOW, author="ann"), index)
        assert isinstance(answer, Applied), answer
    return state


def the_commands_of_environments() -> list[Single]:
    return [SetTrust(environment="prod", allow=("devices",), deny=("privileged",))]


def the_answers() -> list[Answer]:
    done = Applied(number=3, changed=False, details=("web: replicas 3 -> 5",))
    refused = Refused("there is no app shop", missing=True)
    return [done, refused, Applied(number=1, parts=(done, refused, Applied(parts=(done,))))]


def the_state() -> State:
    """A state with something in every table."""
    web = a_service(spec=the_app().services[0])
    task = replace(
        a_task(7, "web/1", node="n1", avoid=("n2",)),
        placed="most free",
        exit_code=0,
        container_id="c7",
        image_id="sha256:1",
        ports=the_report().ports,
        started_at=NOW,
        trace="00-1",
    )
    state = a_state_with(
        replace(web, trace="00-1"),
        replace(a_node(), facts=the_facts(), labels={"rack": "7"}),
        a_node("n2", status=NodeStatus.DOWN, availability=Availability.CORDONED),
        a_replica("web/1", home="n1", restarts=2, failures=(1, 2), failed_on=("n1", "n2")),
        task,
        a_task(8, "web/2"),
    )
    state.events.append(
        Event(
            sequence=1,
            at=NOW,
            kind="task.failed",
            message="web/1 failed on n1",
            environment="default",
            app="shop",
            service="web",
            replica=1,
            node="n1",
            author="leader",
        )
    )
    state.events_seen = 1
    state.brake_since = NOW
    state.clients["ann-1"] = Client(sequence=4, answer=b"\x00\xff", used_at=NOW)
    return state
