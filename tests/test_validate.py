"""What the server checks again on the typed app, whoever made it."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orb.errors import InvalidInput
from orb.ids import Millis
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    ContainerSpec,
    Dependency,
    Healthcheck,
    Mount,
    MountKind,
    Placement,
    Port,
    PublishMode,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    VolumeSpec,
)
from orb.validate import check, findings

CONTAINER = ContainerSpec(image="web:1")
TASK = TaskSpec(container=CONTAINER)
WEB = ServiceSpec(name="web", task=TASK)
APP = AppSpec(name="shop", services=(WEB,), volumes=(VolumeSpec(name="my_data"),))


def with_container(**changes: object) -> AppSpec:
    return with_task(container=replace(CONTAINER, **changes))  # type: ignore[arg-type]


def with_task(**changes: object) -> AppSpec:
    return with_service(task=replace(TASK, **changes))  # type: ignore[arg-type]


def with_service(**changes: object) -> AppSpec:
    return replace(APP, services=(replace(WEB, **changes),))  # type: ignore[arg-type]


def bind(source: str, target: str) -> Mount:
    return Mount(kind=MountKind.BIND, source=source, target=target)


def test_a_plain_app_is_good() -> None:
    check(APP)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (replace(APP, name=""), "name: the app is called '': small letters, digits, `-` and `_`"),
        (replace(APP, name="a.b"), "name: the app is called 'a.b'"),
        (replace(APP, services=()), "services: an app has 1 to 500 services, not 0"),
        (replace(APP, services=(WEB, WEB)), "services.web: two services have this name"),
        (replace(APP, services=(WEB, replace(WEB, name="a"))), "not in the order of their names"),
        (replace(APP, volumes=(VolumeSpec(name="a/b"),)), "not a name for a volume"),
        (replace(APP, volumes=(VolumeSpec(name="a"),) * 2), "two volumes have the same name"),
        (with_service(name="-web"), "the service is called '-web'"),
        (with_service(replicas=-1), "replicas must be from 0 to 20000, not -1"),
        (with_service(replicas=20_001), "replicas must be from 0 to 20000"),
        (with_service(depends_on=(Dependency(service="web"),)), "web depends on itself"),
        (with_service(depends_on=(Dependency(service="x"),)), "not a service here"),
        (with_service(labels={"": "x"}), "services.web.deploy.labels: '' is not a name"),
        (with_service(restart=RestartPolicy(delay_ms=Millis(-1))), "delay in milliseconds"),
        (with_service(restart=RestartPolicy(attempts_max=-1)), "max_attempts must be from 0"),
        (with_service(update=UpdateConfig(max_failure_ratio=float("nan"))), "from 0 to 1, not nan"),
        (with_service(update=UpdateConfig(monitor_ms=Millis(2**62))), "monitor in milliseconds"),
        (with_container(image=""), "'' is not an image's name"),
        (with_container(image="a" * 600), "is not an image's name"),
        (with_container(image="a..b" + "-" * 500), "is not an image's name"),
        (with_container(command=("a\0",)), "has a zero character"),
        (with_container(command=("\ud800",)), "is not text that UTF-8 can carry"),
        (with_container(command=("a",) * 5_001), "5001 words"),
        (with_container(environment={"A=B": ""}), "'A=B' is not a name"),
        (with_container(environment={"A": "x" * 200_000}), "a text of 200000 bytes"),
        (with_container(environment={str(n): "" for n in range(2_001)}), "2001 entries"),
        (with_container(mounts=(bind("x", "/d"),)), "'x' is not an absolute path"),
        (with_container(mounts=(bind("/x", "d"),)), "'d' is not an absolute path"),
        (with_container(mounts=(bind("/x", "//"),)), "over the whole file system"),
        (with_container(mounts=(bind("/x", "/d"),) * 2), "two mounts have the target '/d'"),
        (with_container(mounts=(Mount(kind=MountKind.VOLUME, source="x", target="/d"),)),
         "services.web.volumes[0]: the volume 'x' is not declared"),
        (with_container(mounts=(Mount(kind=MountKind.TMPFS, target="/d", size_bytes=-1),)),
         "size must be from 0"),
        (with_container(stop_grace_period_ms=Millis(-5)), "stop_grace_period: it in milliseconds"),
        (with_container(stop_signal="KILL"), "'KILL' is not a stop signal"),
        (with_container(hostname="a b"), "'a b' is not a hostname"),
        (with_container(container_name="-"), "'-' is not a container name"),
        (with_container(user="root; rm"), "is not a user"),
        (with_container(working_dir="x"), "'x' is not an absolute path"),
        (with_task(reservations=Resources(-1, 0)), "cpus in thousandths must be from 0"),
        (with_task(reservations=Resources(0, 2**63)), "memory in bytes must be from 0"),
        (with_task(reservations=Resources(0, 0, {"GPU": 1})), "'GPU' is not a kind of device"),
        (with_task(reservations=Resources(0, 0, {"gpu": 0})), "gpu must be from 1"),
        (with_task(limits=Resources(0, 1)), "more memory is reserved than the limit allows"),
        (with_task(ports=(Port(target=0),)), "services.web.ports[0]: a port must be from 1"),
        (with_task(ports=(Port(target=1, published=-1),)), "a published port must be from 0"),
        (with_task(ports=(Port(target=1, published=65_536),)), "a published port must be from 0"),
        (with_task(ports=(Port(target=1, host_ip="x y"),)), "'x y' is not an address"),
        (with_task(ports=(Port(target=1, published=5), Port(target=2, published=5))),
         "the port 5/tcp is published twice, by web"),
        (with_task(healthcheck=Healthcheck(test=())), "a test starts with CMD"),
        (with_task(healthcheck=Healthcheck(test=("TCP", "0"))), "'0' is not a port"),
        (with_task(healthcheck=Healthcheck(test=("CMD", "a"), retries=0)), "retries must be from"),
        (with_task(healthcheck=Healthcheck(test=("CMD", "a"), interval_ms=Millis(0))),
         "interval in milliseconds must be from 1"),
        (with_task(placement=Placement(constraints=("x",))), "is not a constraint"),
        (with_task(placement=Placement(spread=("zone",))), "nodes have no 'zone'"),
        (with_task(placement=Placement(platform="linux")), "'linux' is not `os/arch`"),
        (with_task(placement=Placement(max_replicas_per_node=-1)), "max_replicas_per_node must"),
    ],
)  # fmt: skip
def test_a_bad_app_is_refused_with_its_place(app: AppSpec, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(app)
    assert expected in caught.value.message


def test_host_ports_of_different_services_and_addresses_do_not_clash() -> None:
    host = Port(target=1, published=5, mode=PublishMode.HOST)
    first = replace(WEB, name="a", task=replace(TASK, ports=(host,)))
    second = replace(WEB, name="b", task=replace(TASK, ports=(host,)))
    addresses = tuple(Port(target=1, published=6, host_ip=ip) for ip in ("10.0.0.1", "10.0.0.2"))
    third = replace(WEB, name="c", task=replace(TASK, ports=addresses))
    check(replace(APP, services=(first, second, third)))


def test_a_long_circle_of_dependencies_is_found() -> None:
    names = [f"s{number:03}" for number in range(300)]
    services = tuple(
        replace(WEB, name=name, depends_on=(Dependency(service=names[number - 1]),))
        for number, name in enumerate(names)
    )
    with pytest.raises(InvalidInput, match="services wait for each other: s000 → s299"):
        check(replace(APP, services=services))


def test_everything_that_is_wrong_is_listed_and_bounded() -> None:
    services = tuple(replace(WEB, name=f"s{n:02}", replicas=-1) for n in range(60))
    with pytest.raises(InvalidInput) as caught:
        check(replace(APP, services=services))
    lines = caught.value.message.splitlines()
    assert (len(lines), lines[-1]) == (51, "… and 10 more")


PUBLISHED = st.builds(
    Port,
    target=st.just(1),
    published=st.sampled_from([0, 1, 2]),
    mode=st.sampled_from(PublishMode),
    host_ip=st.sampled_from(["", "10.0.0.1", "10.0.0.2"]),
)


def clash(one: tuple[str, Port], other: tuple[str, Port]) -> bool:
    """Whether two ports cannot both be had: said of a pair, as the rule says it."""
    (service, first), (neighbour, second) = one, other
    same_port = first.published == second.published != 0
    same_address = not first.host_ip or not second.host_ip or first.host_ip == second.host_ip
    both_here = service == neighbour or PublishMode.INGRESS in {first.mode, second.mode}
    return same_port and same_address and both_here


@given(st.lists(st.lists(PUBLISHED, max_size=3), min_size=1, max_size=3))
def test_ports_clash_exactly_where_a_pair_of_them_does(ports: list[list[Port]]) -> None:
    services = tuple(
        replace(WEB, name=f"s{number}", task=replace(TASK, ports=tuple(each)))
        for number, each in enumerate(ports)
    )
    owned = [(service.name, port) for service in services for port in service.task.ports]
    expected = any(clash(one, other) for one, other in combinations(owned, 2))
    found = [each.message for each in findings(replace(APP, services=services))]
    assert bool(found) is expected
