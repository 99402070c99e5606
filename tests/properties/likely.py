"""Commands that somebody might well give in this state: right more often than not."""

from random import Random
from typing import TYPE_CHECKING, TypeVar

from controlplane.state.commands import (
    ApplyApp,
    AssignTasks,
    CreateTasks,
    DeleteApp,
    LoseTasks,
    OpenService,
    ReapReplicas,
    ReapTasks,
    RegisterNode,
    RemoveNode,
    RemoveSecret,
    ReportTasks,
    ScaleService,
    SetNodeStatus,
    SetReleaseStatus,
    SetSecret,
    SetTrust,
    Single,
    StopTasks,
)
from controlplane.state.tables import Service, State
from orb.contents import FileKind, Grant
from orb.ids import AppKey, NodeName, ServiceKey
from orb.lifecycle import NodeStatus, ReleaseStatus, TaskState
from orb.spec import Mode, ServiceSpec
from orb.work import Report
from tests.factories import (
    a_grant,
    a_service_spec,
    a_volume,
    an_app_with_files,
    some_facts,
    some_resources,
    with_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")
NODES = tuple(NodeName(name) for name in ("n1", "n2", "n3"))


def likely_command(rng: Random, state: State) -> Single:
    """One of everything that people, agents, reconcilers and scheduler do, drawn from *rng*."""
    makers: Sequence[Callable[[Random, State], Single]] = (
        _apply,
        _create,
        _create,
        _assign,
        _assign,
        _report,
        _report,
        _report,
        _report,
        _stop,
        _other,
        _other,
    )
    return rng.choice(makers)(rng, state)


def _apply(rng: Random, state: State) -> Single:
    names = rng.sample(["db", "web"], rng.randint(1, 2))
    specs = [with_files(_service(rng, name), *_grants(rng)) for name in names]
    if rng.random() < 0.1:
        content = rng.choice([b"one", b"two", b"three"])
        return SetSecret(environment="default", name="pass", content=content)
    if rng.random() < 0.05:
        words = rng.sample(["privileged", "devices", "nonsense"], 2)
        return SetTrust(environment="default", allow=(words[0],), deny=(words[1],))
    if rng.random() < 0.05:
        return RemoveSecret(environment="default", name="pass")
    if rng.random() < 0.2 and state.apps:
        return DeleteApp(app=_any(rng, state.apps, AppKey("default", "shop")))
    spec = an_app_with_files(*specs, external=("pass",))
    return ApplyApp(environment="default", spec=spec, contents=(b"one", b"two"))


def _grants(rng: Random) -> list[Grant]:
    stored = a_grant("pass", b"", kind=FileKind.SECRET)
    return rng.choice([[], [a_grant(content=b"one")], [a_grant(content=b"two"), stored], [stored]])


def _service(rng: Random, name: str) -> ServiceSpec:
    return a_service_spec(
        name,
        replicas=rng.randint(0, 4),
        mode=rng.choice([Mode.REPLICATED, Mode.REPLICATED, Mode.GLOBAL]),
        image=rng.choice(["app:v1", "app:v2"]),
        needs=some_resources(cpus=rng.choice([0, 0.5, 1.5]), devices=rng.choice([{}, {"gpu": 1}])),
        mounts=(a_volume(),) if name == "db" else (),
    )


def _create(rng: Random, state: State) -> Single:
    service = state.services.get(_any(rng, state.services, ServiceKey("default", "shop", "web")))
    if service is None:
        return RegisterNode(facts=some_facts(rng.choice(NODES), cpus=2, devices={"gpu": 1}))
    return CreateTasks(
        service=service.key,
        revision=_revision(rng, service),
        numbers=tuple(rng.sample(range(1, 6), 2)),
        reason="new",
        copies=rng.randint(1, 3),
        home=rng.choice([None, *state.nodes]) if service.spec.is_global else None,
        is_restart=rng.random() < 0.3,
    )


def _revision(rng: Random, service: Service) -> int:
    return rng.choice([service.revision, service.revision, service.opened or 1])


def _assign(rng: Random, state: State) -> Single:
    tasks = tuple(rng.sample(list(state.unplaced), min(3, len(state.unplaced))))
    return AssignTasks(tasks=tasks, nodes=tuple(rng.choice(NODES) for _ in tasks))


def _report(rng: Random, state: State) -> Single:
    node = rng.choice(NODES)
    reports = [
        Report(
            task=task.id,
            state=rng.choice(list(TaskState)[task.state - 1 :]),
            ready=rng.random() < 0.5,
            container_id=rng.choice(["", "c1"]),
        )
        for task in state.tasks_at(node)
    ]
    return ReportTasks(node=node, reports=tuple(reports))


def _stop(rng: Random, state: State) -> Single:
    tasks = tuple(rng.sample(list(state.tasks), min(2, len(state.tasks))))
    commands: list[Single] = [
        StopTasks(tasks=tasks, reason="surplus"),
        LoseTasks(tasks=tasks, reason="down"),
        ReapTasks(tasks=tasks),
    ]
    return rng.choice(commands)


def _other(rng: Random, state: State) -> Single:
    node = rng.choice(NODES)
    app = _any(rng, state.apps, AppKey("default", "shop"))
    service = _any(rng, state.services, ServiceKey("default", "shop", "web"))
    known = state.services.get(service)
    here = state.nodes.get(node)
    commands: list[Single] = [
        RegisterNode(facts=some_facts(node, cpus=rng.choice([1, 2]), devices={"gpu": 1})),
        SetNodeStatus(
            node=node,
            old=here.status if here else NodeStatus.READY,
            new=rng.choice(list(NodeStatus)),
        ),
        RemoveNode(node=node),
        ScaleService(service=service, replicas=rng.randint(0, 4)),
        OpenService(service=service, revision=known.revision if known else 1),
        ReapReplicas(replicas=tuple(state.replicas)),
        SetReleaseStatus(
            app=app,
            number=state.apps[app].release if app in state.apps else 1,
            status=rng.choice(list(ReleaseStatus)),
        ),
        ReapTasks(tasks=tuple(state.tasks)),
    ]
    return rng.choice(commands)


def _any(rng: Random, table: "Mapping[T, object]", otherwise: T) -> T:
    return rng.choice(list(table)) if table else otherwise
