"""The canonical text: loading it gives the same app."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orb.container import (
    BlockIo,
    Device,
    DeviceRate,
    DeviceRequest,
    Endpoint,
    Hook,
    Ipam,
    IpamPool,
    Kernel,
    Logging,
    Networking,
    NetworkSpec,
    Security,
    Ulimit,
)
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
NAMES = st.sampled_from(
    ["a", "b", "web", "db-1", "x-y", "null", "true", "no", "1", "0755", "my_web"]
)
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


SECURITY = st.builds(
    Security,
    privileged=st.booleans(),
    cap_add=st.sampled_from([(), ("ALL",), ("NET_ADMIN", "SYS_PTRACE")]),
    cap_drop=st.sampled_from([(), ("ALL",)]),
    security_opt=st.sampled_from(
        [(), ("no-new-privileges",), ("label=level:s0", 'seccomp={"a":["$x"]}')]
    ),
    devices=st.sampled_from(
        [
            (),
            (Device(source="/dev/$x", target="/dev/y", permissions="r"),),
            (Device(source="a.b/c=d"),),
        ]
    ),
    device_cgroup_rules=st.sampled_from([(), ("c 1:* rwm",)]),
    group_add=st.sampled_from([(), ("0", "no")]),
    ipc=st.sampled_from(["", "none", "host"]),
    pid=st.sampled_from(["", "host"]),
    uts=st.sampled_from(["", "host"]),
    userns_mode=st.sampled_from(["", "host"]),
    cgroup=st.sampled_from(["", "private"]),
    runtime=st.sampled_from(["", "runsc"]),
)
RATES = st.sampled_from([(), (DeviceRate(path="/dev/sda", rate=100),)])
KERNEL = st.builds(
    Kernel,
    ulimits=st.sampled_from(
        [(), (Ulimit(name="nofile", soft=1, hard=-1), Ulimit(name="nproc", soft=5, hard=5))]
    ),
    sysctls=st.sampled_from([{}, {"net.core.somaxconn": "1024", "net.ipv4.x": "$1"}]),
    shm_size_bytes=st.integers(0, 2**40),
    pids_limit=st.integers(-1, 9),
    mem_swappiness=st.sampled_from([None, 0, 100]),
    oom_kill_disable=st.booleans(),
    oom_score_adj=st.integers(-1000, 1000),
    cpuset=st.sampled_from(["", "0", "0-3,5"]),
    cpu_shares=st.integers(0, 9),
    cpu_rt_period_us=st.integers(0, 9),
    cgroup_parent=st.sampled_from(["", "/a$b"]),
    storage_opt=st.sampled_from([{}, {"size": "1G"}]),
    blkio=st.builds(BlockIo, weight=st.sampled_from([0, 10]), device_read_bps=RATES),
)
LOGGING = st.builds(
    Logging,
    driver=st.sampled_from(["", "none", "local"]),
    options=st.sampled_from([{}, {"a": "$"}]),
)
HOOKS = st.sampled_from(
    [(), (Hook(command=("a", "$b"), user="0", privileged=True, environment={"A": "$"}),)]
)
BACK = NetworkSpec(
    name="back",
    outside_name="other",
    driver="ipvlan",
    driver_opts={"a": "$"},
    internal=True,
    attachable=True,
    enable_ipv6=True,
    labels={"x": ""},
    ipam=Ipam(pools=(IpamPool(subnet="10.0.0.0/8", aux_addresses={"a": "10.0.0.9"}),)),
)
HOME = NetworkSpec(name="default", external=True)
ENDPOINT = Endpoint(
    network="front",
    aliases=("www", "no"),
    ipv4_address="10.0.0.5",
    link_local_ips=("169.254.1.1",),
    mac_address="02:00:00:00:00:01",
    driver_opts={"a": "$"},
    priority=-3,
    gw_priority=2,
    interface_name="eth7",
)
NAMED = {
    "dns": ("1.1.1.1",),
    "dns_search": (".", "x.org"),
    "dns_opt": ("ndots:1",),
    "extra_hosts": ("a:::1", "b:host-gateway"),
    "domainname": "x.org",
    "mac_address": "02:00:00:00:00:02",
}


@st.composite
def reach(draw: st.DrawFn) -> tuple[tuple[str, ...], Networking]:
    """The networks of a container, and how it is on them; all containers say the same of each."""
    names, networking = draw(
        st.sampled_from(
            [
                (("back", "front"), Networking(endpoints=(ENDPOINT,), networks=(BACK,))),
                (("back", "default"), Networking(networks=(BACK, HOME))),
                ((), Networking(networks=(HOME,))),
                ((), Networking(mode="host")),
                (
                    (),
                    Networking(
                        endpoints=(Endpoint(network="default", aliases=("a",)),), networks=(HOME,)
                    ),
                ),
            ]
        )
    )
    return names, replace(networking, **draw(st.sampled_from([{}, NAMED])))


OPTIONS = {
    MountKind.VOLUME: st.sampled_from([{}, {"no_copy": True}, {"subpath": "a/$b"}]),
    MountKind.ANONYMOUS: st.sampled_from([{}, {"no_copy": True}]),
    MountKind.TMPFS: st.sampled_from([{}, {"size_bytes": 10_000}, {"mode": 0o755}]),
    MountKind.BIND: st.sampled_from(
        [
            {},
            {"propagation": "rshared", "create_host_path": True},
            {"selinux": "Z", "recursive": "disabled"},
        ]
    ),
}
VOLUMES = st.builds(
    VolumeSpec,
    name=st.just("data"),
    external=st.booleans(),
    labels=PAIRS,
    outside_name=st.sampled_from(["", "other"]),
    driver=st.sampled_from(["", "nfs"]),
    driver_opts=st.sampled_from([{}, {"device": ":/$x"}]),
)


@st.composite
def mounts(draw: st.DrawFn, volume: VolumeSpec) -> tuple[Mount, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(MountKind))
        path = f"/{draw(TEXT)}".replace("/..", "").rstrip("/")
        source = {MountKind.VOLUME: "data", MountKind.BIND: "/srv/$x: y"}.get(kind, "")
        read_only = draw(st.booleans())
        target = f"/t{number}{path}"
        plain = Mount(kind=kind, target=target, source=source, read_only=read_only)
        found.append(replace(plain, **draw(OPTIONS[kind])))
        if kind is MountKind.VOLUME and volume != VolumeSpec(name=volume.name):
            found[-1] = replace(found[-1], volume=volume)
    return tuple(found)


@st.composite
def tasks(draw: st.DrawFn, number: int, volume: VolumeSpec) -> TaskSpec:
    networks, networking = draw(reach())
    by_the_node = networking.mode == "host"
    published = [] if by_the_node else draw(st.lists(FREE_PORTS, max_size=2, unique=True))
    if not by_the_node and draw(st.booleans()):
        published.append(Port(target=80, published=8000 + number))
    exposed = [Port(target=70, protocol=draw(st.sampled_from(Protocol)))]
    taken = {(port.target, port.protocol) for port in published}
    kept = [port for port in exposed if (port.target, port.protocol) not in taken]
    health = draw(st.one_of(st.none(), HEALTH))
    devices, requests = draw(
        st.sampled_from(
            [
                ({}, ()),
                ({"gpu": 2}, ()),
                ({"gpu": 1}, (DeviceRequest(count=-1, capabilities=("gpu", "compute")),)),
                (
                    {"tpu": 2},
                    (
                        DeviceRequest(
                            driver="d",
                            device_ids=("0", "3"),
                            capabilities=("tpu",),
                            options={"a": "$"},
                        ),
                    ),
                ),
            ]
        )
    )
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
            mounts=draw(mounts(volume)),
            stop_grace_period_ms=draw(TIMES),
            stop_signal=draw(st.sampled_from(["SIGTERM", "SIGRTMIN+3"])),
            networks=networks,
            init=draw(st.booleans()),
            tty=draw(st.booleans()),
            stdin_open=draw(st.booleans()),
            read_only=draw(st.booleans()),
            tmpfs=draw(st.sampled_from([{}, {"/run": "", "/x$y": "size=1m,uid=3"}])),
            pull_policy=draw(st.sampled_from(["", "missing", "always", "never"])),
            annotations=draw(PAIRS),
            security=replace(draw(SECURITY), device_requests=requests),
            kernel=draw(KERNEL),
            logging=draw(LOGGING),
            networking=networking,
            post_start=draw(HOOKS),
            pre_stop=draw(HOOKS),
        ),
        reservations=Resources(cpus, memory, devices),
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
def services(draw: st.DrawFn, name: str, number: int, volume: VolumeSpec) -> ServiceSpec:
    mode = draw(st.sampled_from(Mode))
    is_job = mode in {Mode.REPLICATED_JOB, Mode.GLOBAL_JOB}
    conditions = list(RestartCondition)[: 2 if is_job else 3]
    delay = draw(TIMES)
    return ServiceSpec(
        name=name,
        task=draw(tasks(number, volume)),
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
    volume = draw(VOLUMES)
    names = sorted(draw(st.sets(NAMES, min_size=1, max_size=3)))
    found = []
    for number, name in enumerate(names):
        service = draw(services(name, number, volume))
        if number and draw(st.booleans()):
            restarts = found[0].restart.condition is RestartCondition.ANY
            condition = draw(st.sampled_from([*Condition][: 2 if restarts else 3]))
            depends = Dependency(
                service=names[0], condition=condition, required=draw(st.booleans())
            )
            service = replace(service, depends_on=(depends,))
        found.append(service)
    return AppSpec(name=draw(NAMES), services=tuple(found), volumes=(volume,))


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
    assert [each.message for each in found.warnings if "sees every gpu" not in each.message] == []


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
