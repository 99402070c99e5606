"""The canonical text: loading it gives the same app."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orb.ids import Millis
from orb.manifest import load, render
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    Condition,
    ContainerSpec,
    Dependency,
    FailureAction,
    Healthcheck,
    Mode,
    Mount,
    MountKind,
    Placement,
    Port,
    Priority,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    UpdateOrder,
    VolumeSpec,
)
from orb.validate import check

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.sampled_from(["a", "b", "web", "db-1", "x-y", "null", "true", "no", "1", "0755"])
TIMES = st.integers(0, 100_000).map(Millis)
KEYS = st.one_of(st.sampled_from(["A", "<<", "$A", "x-y", "1", "null", "a.b/c: d", "é", "#"]), TEXT)
PAIRS = st.dictionaries(KEYS.filter(lambda key: key != "" and "=" not in key), TEXT, max_size=4)
COUNTS = st.integers(0, 5)


WORDS = st.one_of(st.none(), st.lists(TEXT, max_size=3).map(tuple))
FREE_PORTS = st.builds(
    Port,
    target=st.integers(1, 65_535),
    protocol=st.sampled_from(Protocol),
    published=st.just(0),
    mode=st.sampled_from(PublishMode),
    host_ip=st.sampled_from(["", "127.0.0.1", "::1"]),
    name=st.sampled_from(["", "web", "80", "no"]),
)
HEALTH = st.builds(
    Healthcheck,
    test=st.one_of(
        TEXT.map(lambda line: ("CMD-SHELL", line)),
        st.lists(TEXT, min_size=1, max_size=3).map(lambda words: ("CMD", *words)),
    ),
    interval_ms=st.integers(1, 90_000).map(Millis),
    timeout_ms=st.integers(1, 90_000).map(Millis),
    retries=st.integers(1, 9),
    start_period_ms=TIMES,
    start_interval_ms=st.integers(1, 90_000).map(Millis),
)


@st.composite
def mounts(draw: st.DrawFn) -> tuple[Mount, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(MountKind))
        path = f"/{draw(TEXT)}".replace("/..", "").rstrip("/")
        source = {MountKind.VOLUME: "data", MountKind.BIND: "/srv/$x: y"}.get(kind, "")
        size = draw(st.integers(0, 10_000)) if kind is MountKind.TMPFS else 0
        read_only = draw(st.booleans())
        target = f"/t{number}{path}"
        found.append(
            Mount(kind=kind, target=target, source=source, read_only=read_only, size_bytes=size)
        )
    return tuple(found)


@st.composite
def tasks(draw: st.DrawFn, number: int) -> TaskSpec:
    published = draw(st.lists(FREE_PORTS, max_size=2, unique=True))
    if draw(st.booleans()):
        published.append(Port(target=80, published=8000 + number))
    exposed = [Port(target=70, protocol=draw(st.sampled_from(Protocol)))]
    taken = {(port.target, port.protocol) for port in published}
    kept = [port for port in exposed if (port.target, port.protocol) not in taken]
    health = draw(st.one_of(st.none(), HEALTH))
    cpus, memory = draw(st.integers(0, 5_000)), draw(st.integers(0, 2**40))
    return TaskSpec(
        container=ContainerSpec(
            image=draw(st.sampled_from(["web", "ghcr.io/a/b:1.10", "localhost:5000/x"])),
            entrypoint=draw(WORDS),
            command=draw(WORDS),
            environment=draw(PAIRS),
            user=draw(st.sampled_from(["", "0", "1000:1000", "no"])),
            working_dir=draw(st.sampled_from(["", "/", "/a $b"])),
            hostname=draw(st.sampled_from(["", "h", "1.2"])),
            container_name=draw(st.sampled_from(["", "my_web", "007"])),
            labels=draw(PAIRS),
            mounts=draw(mounts()),
            stop_grace_period_ms=draw(TIMES),
            stop_signal=draw(st.sampled_from(["SIGTERM", "SIGRTMIN+3"])),
            networks=draw(st.sampled_from([(), ("back", "front")])),
            init=draw(st.booleans()),
            tty=draw(st.booleans()),
            stdin_open=draw(st.booleans()),
            read_only=draw(st.booleans()),
        ),
        reservations=Resources(cpus, memory, draw(st.sampled_from([{}, {"gpu": 2}]))),
        limits=draw(st.sampled_from([Resources(), Resources(5_000, 2**40), Resources(0, 2**41)])),
        ports=(*published, *kept),
        healthcheck=health,
        healthcheck_disabled=health is None and draw(st.booleans()),
        placement=Placement(
            constraints=draw(
                st.sampled_from([(), ("node.labels.a == $x: y", "node.name in a, b")])
            ),
            spread=draw(st.sampled_from([(), ("node.labels.zone", "node.name")])),
            max_replicas_per_node=draw(COUNTS),
            platform=draw(st.sampled_from(["", "linux/arm64"])),
        ),
    )


@st.composite
def services(draw: st.DrawFn, name: str, number: int) -> ServiceSpec:
    mode = draw(st.sampled_from(Mode))
    is_job = mode in {Mode.REPLICATED_JOB, Mode.GLOBAL_JOB}
    conditions = list(RestartCondition)[: 2 if is_job else 3]
    delay = draw(TIMES)
    return ServiceSpec(
        name=name,
        task=draw(tasks(number)),
        mode=mode,
        replicas=1 if mode in {Mode.GLOBAL, Mode.GLOBAL_JOB} else draw(COUNTS),
        restart=RestartPolicy(
            condition=draw(st.sampled_from(conditions)),
            delay_ms=delay,
            delay_max_ms=max(Millis(60_000), delay),
            attempts_max=draw(COUNTS),
            window_ms=draw(TIMES),
        ),
        update=UpdateConfig(
            parallelism=draw(COUNTS),
            delay_ms=draw(TIMES),
            order=draw(st.sampled_from(UpdateOrder)),
            failure_action=draw(st.sampled_from(FailureAction)),
            monitor_ms=draw(TIMES),
            max_failure_ratio=draw(st.floats(0, 1)),
        ),
        priority=draw(st.sampled_from(Priority)),
        labels=draw(PAIRS),
    )


@st.composite
def apps(draw: st.DrawFn) -> AppSpec:
    names = sorted(draw(st.sets(NAMES, min_size=1, max_size=3)))
    found = []
    for number, name in enumerate(names):
        service = draw(services(name, number))
        if number and draw(st.booleans()):
            restarts = found[0].restart.condition is RestartCondition.ANY
            condition = draw(st.sampled_from([*Condition][: 2 if restarts else 3]))
            depends = Dependency(
                service=names[0], condition=condition, required=draw(st.booleans())
            )
            service = replace(service, depends_on=(depends,))
        found.append(service)
    volumes = (VolumeSpec(name="data", external=draw(st.booleans()), labels=draw(PAIRS)),)
    return AppSpec(name=draw(NAMES), services=tuple(found), volumes=volumes)


@given(apps())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_app_that_is_written_out_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, app: AppSpec
) -> None:
    check(app)
    path = tmp_path_factory.mktemp("canonical") / "compose.yaml"
    path.write_bytes(render(app).encode())
    found = load([path], environment={"A": "unseen", "x": "unseen"})
    assert found.app == app
    assert found.warnings == ()


def test_the_canonical_text_of_the_short_form(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("application: a\nimage: i:1.10\nreplicas: 3\nport: 8080\n")
    assert render(load([path], environment={}).app) == CANONICAL


CANONICAL = """name: a
services:
  a:
    image: "i:1.10"
    stop_grace_period: "30s"
    stop_signal: SIGTERM
    ports:
      - target: 8080
        published: "8080"
        protocol: tcp
        mode: ingress
    deploy:
      mode: replicated
      replicas: 3
      resources:
        reservations:
          cpus: "0.100"
          memory: "64M"
      restart_policy:
        condition: any
        delay: "1s"
        max_attempts: 0
        window: "0s"
      update_config:
        parallelism: 1
        delay: "0s"
        order: start-first
        failure_action: rollback
        monitor: "30s"
        max_failure_ratio: 0.0
"""
