"""What people do to a simulated cluster: apps come, change, grow and go; nodes are drained."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from controlplane.sim.control import Control
from controlplane.state.commands import (
    ApplyApp,
    DeleteApp,
    RemoveNode,
    ScaleService,
    SetAvailability,
    SetLabels,
    Single,
)
from orb.ids import AppKey, Millis, NodeName, ServiceKey
from orb.lifecycle import Availability, NodeStatus
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
    PublishMode,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    UpdateOrder,
)

ENVIRONMENT: Final = "default"
DELAY_MAX_MS: Final = Millis(8_000)
"""The longest back-off of simulated services: quiet then need not last long."""
ZONES: Final = ("a", "b", "c")

_MIB: Final = 1024 * 1024


@dataclass(slots=True)
class People:
    """Everybody who asks for something; all they want is drawn from one *rng*."""

    control: Control
    rng: Random
    nodes: list[NodeName]
    wishes: dict[str, AppSpec] = field(default_factory=dict)
    """What each app should be, as far as they know."""
    is_kind: bool = False
    """They break nothing on purpose."""
    _version: int = 0

    def ask(self, command: Single) -> None:
        """Ask for it; whatever is answered, life goes on."""
        self.control.commit(command, "ann")

    def begin(self, replicas: int) -> None:
        """Declare two apps, with about so many replicas in all."""
        for name in ("shop", "blog"):
            self.apply(self._new_app(name, max(1, replicas // 8)))

    def apply(self, spec: AppSpec) -> None:
        """Declare the app."""
        self.wishes[spec.name] = spec
        self.ask(ApplyApp(environment=ENVIRONMENT, spec=spec))

    def act(self) -> None:
        """Do one thing that people do."""
        deeds = (
            self._update,
            self._update,
            self._break,
            self._scale,
            self._scale,
            self._reshape,
            self._delete,
            self._allow,
            self._allow,
            self._label,
            self._remove,
        )
        self.rng.choice(deeds)()

    def rest(self) -> None:
        """Undo what stands in the way: every image is good, every node is allowed."""
        for name in self.nodes:
            self.ask(SetAvailability(node=name, availability=Availability.ACTIVE))
        for spec in list(self.wishes.values()):
            self._version += 1
            services = tuple(self._healed(one) for one in spec.services)
            self.apply(replace(spec, services=services))

    # --- apps ----------------------------------------------------------------------------------
    def _update(self) -> None:
        self._version += 1
        self._with_image(f"app:v{self._version}")

    def _break(self) -> None:
        self._version += 1
        kind = "app" if self.is_kind else self.rng.choice(["missing", "crash", "unready"])
        self._with_image(f"{kind}:v{self._version}")

    def _with_image(self, image: str) -> None:
        spec = self._any_app()
        if spec is None:
            return
        chosen = self.rng.choice(spec.services)
        self.apply(_with(spec, _running(chosen, image)))

    def _scale(self) -> None:
        spec = self._any_app()
        if spec is None:
            return
        chosen = self.rng.choice(spec.services)
        count = max(0, chosen.replicas + self.rng.randint(-2, 3))
        if not chosen.is_global:
            self.wishes[spec.name] = _with(spec, replace(chosen, replicas=count))
            key = ServiceKey(ENVIRONMENT, spec.name, chosen.name)
            self.ask(ScaleService(service=key, replicas=count))

    def _reshape(self) -> None:
        spec = self._any_app()
        if spec is not None:
            self.apply(self._new_app(spec.name, 2))

    def _delete(self) -> None:
        spec = self._any_app()
        if spec is not None:
            self.ask(DeleteApp(app=AppKey(ENVIRONMENT, spec.name)))
            if self.rng.random() < 0.5:
                self.apply(spec)
            else:
                del self.wishes[spec.name]

    def _any_app(self) -> AppSpec | None:
        if self.wishes and self.rng.random() < 0.9:
            return self.rng.choice(list(self.wishes.values()))
        self.apply(self._new_app(self.rng.choice(["shop", "blog", "mail"]), 2))
        return None

    def _healed(self, spec: ServiceSpec) -> ServiceSpec:
        kind = spec.task.container.image.partition(":")[0]
        if kind in {"app", "job"}:
            return spec
        return _running(spec, f"{'job' if spec.is_job else 'app'}:v{self._version}")

    def _new_app(self, name: str, replicas: int) -> AppSpec:
        makers = (self._web, self._db, self._everywhere, self._picky, self._job)
        chosen = [self._web, *self.rng.sample(makers, self.rng.randint(0, 3))]
        services = {one.name: one for one in (make(replicas) for make in chosen)}
        return AppSpec(name=name, services=tuple(services[key] for key in sorted(services)))

    def _web(self, replicas: int) -> ServiceSpec:
        order = self.rng.choice([UpdateOrder.START_FIRST, UpdateOrder.STOP_FIRST])
        parallelism = self.rng.choice([0, 1, 1, 2])
        depends = Dependency(service="db", condition=Condition.HEALTHY, required=False)
        return ServiceSpec(
            name="web",
            task=self._task(
                healthcheck=Healthcheck(test=("CMD", "true")) if self.rng.random() < 0.5 else None,
                placement=Placement(spread=("node.labels.zone",)),
            ),
            replicas=self.rng.randint(1, 2 * replicas),
            restart=_policy(),
            update=UpdateConfig(parallelism=parallelism, order=order),
            depends_on=(depends,) if self.rng.random() < 0.3 else (),
            priority=self.rng.choice([Priority.NORMAL, Priority.NORMAL, Priority.HIGH]),
        )

    def _db(self, replicas: int) -> ServiceSpec:
        volume = Mount(kind=MountKind.VOLUME, target="/data", source="data")
        return ServiceSpec(
            name="db",
            task=self._task(mounts=(volume,)),
            replicas=self.rng.randint(1, max(1, replicas // 2)),
            restart=_policy(),
            update=UpdateConfig(order=UpdateOrder.STOP_FIRST),
        )

    def _everywhere(self, _: int) -> ServiceSpec:
        port = Port(target=80, published=9100, mode=PublishMode.HOST)
        task = self._task(ports=(port,))
        update = UpdateConfig(order=UpdateOrder.STOP_FIRST)
        return ServiceSpec(
            name="probe", task=task, mode=Mode.GLOBAL, restart=_policy(), update=update
        )

    def _picky(self, replicas: int) -> ServiceSpec:
        zone = self.rng.choice(ZONES)
        placement = Placement(constraints=(f"node.labels.zone == {zone}",))
        return ServiceSpec(
            name="picky",
            task=self._task(placement=placement),
            replicas=self.rng.randint(1, replicas),
            restart=_policy(),
            priority=self.rng.choice([Priority.LOW, Priority.NORMAL]),
        )

    def _job(self, replicas: int) -> ServiceSpec:
        return ServiceSpec(
            name="job",
            task=self._task(image="job:v1"),
            mode=Mode.REPLICATED_JOB,
            replicas=self.rng.randint(1, replicas),
            restart=_policy(),
        )

    def _task(
        self,
        *,
        image: str = "",
        mounts: tuple[Mount, ...] = (),
        ports: tuple[Port, ...] = (),
        healthcheck: Healthcheck | None = None,
        placement: Placement | None = None,
    ) -> TaskSpec:
        self._version += 1
        name = image or f"app:v{self._version}"
        return TaskSpec(
            container=ContainerSpec(image=name, mounts=mounts),
            reservations=Resources(
                self.rng.choice([50, 100, 200]), self.rng.choice([32, 64, 256]) * _MIB
            ),
            ports=ports,
            healthcheck=healthcheck,
            placement=placement or Placement(),
        )

    # --- nodes ---------------------------------------------------------------------------------
    def _allow(self) -> None:
        availability = self.rng.choice(list(Availability))
        self.ask(SetAvailability(node=self.rng.choice(self.nodes), availability=availability))

    def _label(self) -> None:
        labels = {"zone": self.rng.choice(ZONES)}
        self.ask(SetLabels(node=self.rng.choice(self.nodes), labels=labels))

    def _remove(self) -> None:
        for node in self.control.state.nodes.values():
            if node.status is NodeStatus.DOWN:
                self.ask(RemoveNode(node=node.name))
                return


def _policy() -> RestartPolicy:
    return RestartPolicy(delay_max_ms=DELAY_MAX_MS)


def _with(spec: AppSpec, changed: ServiceSpec) -> AppSpec:
    services = tuple(changed if one.name == changed.name else one for one in spec.services)
    return replace(spec, services=services)


def _running(spec: ServiceSpec, image: str) -> ServiceSpec:
    if spec.is_job:
        image = f"job:{image}"
    container = replace(spec.task.container, image=image)
    return replace(spec, task=replace(spec.task, container=container))
