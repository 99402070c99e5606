"""What the server checks again of what a container is given, whoever made it."""

from dataclasses import replace

import pytest

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
from orb.errors import InvalidInput
from orb.resources import Resources
from orb.spec import AppSpec, ContainerSpec, Mount, MountKind, ServiceSpec, TaskSpec, VolumeSpec
from orb.validate import check

CONTAINER = ContainerSpec(image="web:1")


def app(container: ContainerSpec, limits: Resources | None = None) -> AppSpec:
    task = TaskSpec(container=container, reservations=Resources(), limits=limits or Resources())
    service = ServiceSpec(name="web", task=task)
    return AppSpec(name="shop", services=(service,), volumes=(VolumeSpec(name="data", driver="d"),))


def security(**said: object) -> ContainerSpec:
    return replace(CONTAINER, security=Security(**said))  # type: ignore[arg-type]


def kernel(**said: object) -> ContainerSpec:
    return replace(CONTAINER, kernel=Kernel(**said))  # type: ignore[arg-type]


def networking(*networks: str, **said: object) -> ContainerSpec:
    return replace(CONTAINER, networks=networks, networking=Networking(**said))  # type: ignore[arg-type]


def network(**said: object) -> ContainerSpec:
    return networking("a", networks=(NetworkSpec(name="a", **said),))  # type: ignore[arg-type]


def mount(kind: MountKind, **said: object) -> ContainerSpec:
    made = Mount(kind=kind, target="/d", **said)  # type: ignore[arg-type]
    return replace(CONTAINER, mounts=(made,))


def rates(**said: object) -> ContainerSpec:
    return kernel(blkio=BlockIo(**said))  # type: ignore[arg-type]


BAD = [
    (security(cap_add=("net_admin",)), "cap_add: 'net_admin' is not a capability of Linux"),
    (security(cap_drop=("X",) * 1_001), "1001 items; at most 1000 are allowed"),
    (security(security_opt=("a\0",)), "has a zero character"),
    (security(devices=(Device(source="dev"),)), "devices[0]: 'dev' is not an absolute path"),
    (security(devices=(Device(source="/d", permissions="x"),)), "'x' are no permissions"),
    (security(device_cgroup_rules=("c 1:3 x",)), "'c 1:3 x' is not a rule"),
    (security(group_add=("a b",)), "'a b' is not a group"),
    (security(device_requests=(DeviceRequest(capabilities=("gpu",)),)), "by `count`, or by"),
    (security(device_requests=(DeviceRequest(count=1),)), "a device needs `capabilities`"),
    (security(ipc="container:x"), "ipc: 'container:x' is none of none, private"),
    (security(pid="other"), "pid: 'other' is none of host"),
    (security(runtime="a b"), "'a b' is not the name of a runtime"),
    (kernel(ulimits=(Ulimit(name="x", soft=1, hard=1),)), "ulimits: 'x' is none of core"),
    (kernel(ulimits=(Ulimit(name="core", soft=2, hard=1),)), "the soft limit is above"),
    (kernel(ulimits=(Ulimit(name="core", soft=-1, hard=1),)), "the soft limit is above"),
    (kernel(ulimits=(Ulimit(name="core", soft=1, hard=1),) * 2), "each once"),
    (kernel(sysctls={"x": "1"}), "sysctls: 'x' is not a setting of the kernel"),
    (kernel(shm_size_bytes=-1), "shm_size must be from 0"),
    (kernel(pids_limit=-2), "pids_limit must be from -1"),
    (kernel(mem_swappiness=101), "mem_swappiness must be from 0 to 100"),
    (kernel(oom_score_adj=1_001), "oom_score_adj must be from -1000 to 1000"),
    (kernel(memswap_limit_bytes=5), "needs a limit of memory"),
    (kernel(cpuset="x"), "cpuset: 'x' are no cores"),
    (kernel(cpu_period_us=2_000_000), "cpu_period must be from 0 to 1000000"),
    (kernel(storage_opt={"": "x"}), "storage_opt: '' is not a name"),
    (rates(weight=5), "weight must be from 10 to 1000"),
    (rates(device_read_bps=(DeviceRate(path="x", rate=1),)), "'x' is not an absolute path"),
    (rates(weight_device=(DeviceRate(path="/x", rate=1),)), "weight_device must be from 10"),
    (networking(mode="x"), "network_mode: 'x' is none of bridge, host, none"),
    (networking("a", mode="host"), "cannot stand beside `networks`"),
    (networking("b", "a"), "networks: they are not in the order of their names"),
    (networking(endpoints=(Endpoint(network="x"),)), "the service is not on the network 'x'"),
    (networking(networks=(NetworkSpec(name="x"),)), "the service is not on the network 'x'"),
    (networking("a", endpoints=(Endpoint(network="a", aliases=("a b",)),)), "'a b' is not a name"),
    (networking("a", endpoints=(Endpoint(network="a", ipv6_address="x"),)), "not an address"),
    (networking("a", endpoints=(Endpoint(network="a", priority=10**7),)), "priority must be"),
    (networking("a", endpoints=(Endpoint(network="a", interface_name="a b"),)), "an interface"),
    (networking(dns=("x",)), "dns: 'x' is not an address"),
    (networking(dns_search=("a b",)), "dns_search: 'a b' is not a domain"),
    (networking(dns_opt=("a b",)), "dns_opt: 'a b' is not an option of a resolver"),
    (networking(extra_hosts=("a b:1.1.1.1",)), "'a b' is not a host's name"),
    (networking(extra_hosts=("a",)), "'' is not an address"),
    (networking(domainname="a b"), "domainname: 'a b' is not a domain"),
    (networking(mac_address="x"), "mac_address: 'x' is not the address of a network card"),
    (network(outside_name="a b"), "networks.a: 'a b' is not a name for a network"),
    (network(driver="a b"), "networks.a: 'a b' is not the name of a driver"),
    (network(ipam=Ipam(pools=(IpamPool(subnet="x"),))), "'x' is not a range of addresses"),
    (network(ipam=Ipam(pools=(IpamPool(gateway="x"),))), "'x' is not an address"),
    (replace(CONTAINER, logging=Logging(driver="a b")), "'a b' is not the name of a log driver"),
    (replace(CONTAINER, pull_policy="x"), "pull_policy: 'x' is none of missing, always, never"),
    (replace(CONTAINER, annotations={"": ""}), "annotations: '' is not a name"),
    (replace(CONTAINER, post_start=(Hook(command=()),)), "post_start[0]: a hook needs a command"),
    (replace(CONTAINER, pre_stop=(Hook(command=("x",), user="a b"),)), "'a b' is not a user"),
    (replace(CONTAINER, pre_stop=(Hook(command=("x",)),) * 21), "at most 20 are allowed"),
    (replace(CONTAINER, tmpfs={"x": ""}), "tmpfs: 'x' is not an absolute path"),
    (replace(CONTAINER, tmpfs={"/a:b": ""}), "'/a:b' has a colon"),
    (mount(MountKind.VOLUME, source="data"), "for another than is declared"),
    (mount(MountKind.BIND, source="/x", propagation="x"), "'x' is none of private"),
    (mount(MountKind.BIND, source="/x", subpath="y"), "`subpath` says nothing of a mount"),
    (mount(MountKind.TMPFS, selinux="z"), "`selinux` says nothing of a mount of the kind tmpfs"),
    (mount(MountKind.TMPFS, mode=0o10000), "mode must be from 0"),
]


@pytest.mark.parametrize(("container", "expected"), BAD, ids=[said for _, said in BAD])
def test_a_bad_container_is_refused_with_its_place(container: ContainerSpec, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(app(container))
    assert expected in caught.value.message


def test_limits_that_do_not_go_together_are_refused() -> None:
    limits = Resources(milli_cpus=500, memory_bytes=64)
    with pytest.raises(InvalidInput) as caught:
        check(app(kernel(cpu_quota_us=5_000, memswap_limit_bytes=32), limits))
    assert caught.value.message == (
        "services.web.cpu_quota: a limit of CPUs cannot stand beside `cpu_period` and `cpu_quota`\n"
        "services.web.memswap_limit: `memswap_limit` is memory and swap together: it is less than "
        "the limit of memory"
    )


def test_all_services_on_a_network_say_the_same_of_it() -> None:
    def service(name: str, container: ContainerSpec) -> ServiceSpec:
        return ServiceSpec(name=name, task=TaskSpec(container=container))

    both = (service("a", network(internal=True)), service("b", networking("a")))
    with pytest.raises(InvalidInput) as caught:
        check(AppSpec(name="shop", services=both))
    assert caught.value.message == "services.b.networks.a: a and b say different things of 'a'"
    check(AppSpec(name="shop", services=(both[0], replace(both[0], name="b"))))


def test_names_are_those_of_compose_without_dots() -> None:
    for name in ("my_web", "Web", "1", "a-", "w" * 63):
        service = ServiceSpec(name=name, task=TaskSpec(container=CONTAINER))
        check(AppSpec(name="my_shop", services=(service,)))
    with pytest.raises(InvalidInput) as caught:
        check(AppSpec(name="shop", services=(replace(service, name="my.web"),)))
    assert "it still answers to the name with dots" in caught.value.remedy
