"""Random histories from seeds: whatever happened, in quiet everything comes true again."""

from dataclasses import dataclass, field, replace
from random import Random

import pytest

from controlplane.state.commands import ApplyApp, DeleteApp, ScaleService, SetLabels
from controlplane.state.tables import Service, Task
from orb.ids import AppKey, Millis, TaskId
from orb.lifecycle import Availability, Desired, ReleaseStatus, TaskState
from orb.spec import (
    Condition,
    Dependency,
    Mode,
    Placement,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    UpdateOrder,
)
from orb.work import Report
from tests.factories import a_service_spec, a_volume
from tests.reconcilers.settling import Toy, failed

SEEDS = range(16)
SSD = Placement(constraints=("node.labels.disk == ssd",))
ACTS = ("apply", "apply", "scale", "silent", "back", "deaf", "allow", "flaky", "leader")


@dataclass
class History:
    """Things that happen to a toy cluster, all from one seed."""

    seed: int
    flakiness: float = 0.0
    slowness: dict[TaskId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.toy = Toy(nodes=self.rng.choice((1, 2, 3, 5, 8)))
        self.toy.behaviour = self.behaviour
        self.toy.stops_slowly = self.rng.random() < 0.5
        self.names = list(self.toy.state.nodes)

    def behaviour(self, task: Task) -> Report | None:
        """Starts after a while, may fail at any time; a job ends after a second."""
        service = self.toy.state.services.get(task.replica.owner)
        age = self.toy.now - task.since
        if task.state is TaskState.RUNNING:
            if service is not None and service.spec.is_job and age > 1_000:
                state = TaskState.STOPPED
                return Report(task=task.id, state=state, exit_code=0, container_id="c")
            return failed(task) if self.rng.random() < self.flakiness / 10 else None
        if self.rng.random() < self.flakiness:
            return failed(task)
        if age < self.slowness.setdefault(task.id, self.rng.choice((0, 500, 2_000))):
            return None
        return Report(task=task.id, state=TaskState.RUNNING, ready=True, container_id="c")

    def happen(self) -> None:
        for _ in range(self.rng.randint(3, 12)):
            self.act(self.rng.choice((*ACTS, "label", "delete")))
            self.toy.run(self.rng.choice((0.5, 2, 5, 12)))

    def act(self, what: str) -> None:
        toy, rng, node = self.toy, self.rng, self.rng.choice(self.names)
        match what:
            case "apply":
                toy.apply_app(*self.some_services())
            case "silent":
                count = rng.randint(1, len(self.names))
                toy.silent = [str(name) for name in rng.sample(self.names, count)]
            case "back":
                toy.silent = []
            case "deaf":
                toy.deaf = [node]
            case "allow":
                toy.set_availability(node, rng.choice(list(Availability)))
            case "flaky":
                self.flakiness = rng.choice((0.0, 0.1, 0.5, 1.0))
            case "label":
                toy.do(SetLabels(node=node, labels={"disk": rng.choice(("ssd", "hdd"))}))
            case _:
                self.act_rarely(what)

    def act_rarely(self, what: str) -> None:
        toy, rng = self.toy, self.rng
        if what == "leader":
            toy.heard.clear()
            toy.leading_since = toy.now
        elif what == "scale":
            counted = [one for one in toy.state.services.values() if not one.spec.is_global]
            if counted:
                service = rng.choice(counted)
                toy.do(ScaleService(service=service.key, replicas=rng.choice((0, 1, 3, 6))))
        elif toy.state.apps and rng.random() < 0.3:
            toy.do(DeleteApp(app=AppKey("default", "shop")))

    def some_services(self) -> list[ServiceSpec]:
        return [self.a_service(number) for number in range(self.rng.randint(1, 4))]

    def a_service(self, number: int) -> ServiceSpec:
        rng = self.rng
        spec = a_service_spec(
            f"s{number}",
            replicas=rng.choice((0, 1, 2, 5)),
            mode=rng.choice((*[Mode.REPLICATED] * 4, *Mode)),
            image=f"app:v{rng.randint(1, 3)}",
            mounts=(a_volume(),) if rng.random() < 0.2 else (),
            placement=SSD if rng.random() < 0.2 else None,
            update=UpdateConfig(
                parallelism=rng.choice((0, 1, 2)),
                delay_ms=Millis(rng.choice((0, 0, 3_000))),
                order=rng.choice(list(UpdateOrder)),
            ),
        )
        if number and rng.random() < 0.2:
            condition = rng.choice((Condition.STARTED, Condition.HEALTHY))
            needs = Dependency(service=f"s{number - 1}", condition=condition)
            return replace(spec, depends_on=(needs,))
        return spec

    def come_to_rest(self) -> None:
        toy = self.toy
        toy.silent, toy.deaf, self.flakiness = [], [], 0.0
        for name in self.names:
            toy.set_availability(name, Availability.ACTIVE)
            toy.do(SetLabels(node=name, labels={"disk": "ssd"}))
        toy.run(30, step_ms=1_000)
        if toy.state.apps and toy.release()[1] is ReleaseStatus.FAILED:
            self.release_again()
        toy.run(240, step_ms=1_000)

    def release_again(self) -> None:
        """What a person does when a release has failed."""
        number = self.toy.release()[0]
        spec = self.toy.state.releases[AppKey("default", "shop")][number].spec
        services = tuple(replace(one, task=_newer(one)) for one in spec.services)
        command = ApplyApp(environment="default", spec=replace(spec, services=services))
        self.toy.do(command)


def _newer(spec: ServiceSpec) -> TaskSpec:
    return replace(spec.task, container=replace(spec.task.container, image="app:v9"))


@pytest.mark.parametrize("seed", SEEDS)
def test_in_quiet_every_service_becomes_what_its_spec_says(seed: int) -> None:
    history = History(seed)
    history.happen()
    history.come_to_rest()
    toy = history.toy
    for service in toy.state.services.values():
        assert service.opened == service.revision
        assert _served(toy, service) == _wanted(toy, service), service.key
    if toy.state.apps:
        assert toy.release()[1] is ReleaseStatus.DONE
    assert toy.state.brake_since is None
    assert max(map(len, toy.state.tasks_of_replica.values()), default=0) <= 4
    toy.log.clear()
    toy.run(20, step_ms=1_000)
    assert toy.log == [], "and then nothing more is decided"


def _served(toy: Toy, service: Service) -> list[str]:
    """`3 RUNNING`: each task of the newest revision; of jobs those that are done."""
    return sorted(
        f"{task.replica.number} {task.state.name}"
        for task in toy.state.tasks.values()
        if task.replica.owner == service.key
        and (not task.ended or (service.spec.is_job and task.revision == service.revision))
        and (not service.spec.is_job or task.exit_code == 0)
        and task.desired is Desired.RUN
        and (service.spec.is_global or task.replica.number <= service.spec.replicas)
    )


def _wanted(toy: Toy, service: Service) -> list[str]:
    numbers = list(range(1, service.spec.replicas + 1))
    if service.spec.is_global:
        numbers = [replica.key.number for replica in toy.state.replicas_in(service.key)]
        assert len(numbers) == len(toy.state.nodes)
    word = "STOPPED" if service.spec.is_job else "RUNNING"
    return sorted(f"{number} {word}" for number in numbers)
