"""What the keys of a service mean that give its container rights, limits, logs and networks."""

from dataclasses import replace
from pathlib import Path

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
from orb.resources import Resources
from orb.spec import ContainerSpec, Mount, MountKind, Port, PublishMode, VolumeSpec
from tests.manifest.loading import loaded, refusal, service_of, warnings_of

PLAIN = ContainerSpec(image="web:1")


def security(**said: object) -> ContainerSpec:
    return replace(PLAIN, security=Security(**said))  # type: ignore[arg-type]


def kernel(**said: object) -> ContainerSpec:
    return replace(PLAIN, kernel=Kernel(**said))  # type: ignore[arg-type]


def networking(*networks: str, **said: object) -> ContainerSpec:
    return replace(PLAIN, networks=networks, networking=Networking(**said))  # type: ignore[arg-type]


def endpoint(**said: object) -> ContainerSpec:
    return networking("front", endpoints=(Endpoint(network="front", **said),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("privileged: true", security(privileged=True)),
        ("cap_add: [CAP_NET_ADMIN, sys_ptrace]", security(cap_add=("NET_ADMIN", "SYS_PTRACE"))),
        ("cap_drop: [ALL]", security(cap_drop=("ALL",))),
        ("security_opt: [no-new-privileges:true, 'label:disable', seccomp=unconfined]",
         security(security_opt=("no-new-privileges:true", "label:disable", "seccomp=unconfined"))),
        ("devices: [/dev/a]",
         security(devices=(Device(source="/dev/a", target="/dev/a", permissions="rwm"),))),
        ("devices: ['/dev/a:/dev/b:r']",
         security(devices=(Device(source="/dev/a", target="/dev/b", permissions="r"),))),
        ("devices: [{source: /dev/a, target: /dev/b, permissions: rw}]",
         security(devices=(Device(source="/dev/a", target="/dev/b", permissions="rw"),))),
        ("devices: [vendor.com/class=all]",
         security(devices=(Device(source="vendor.com/class=all"),))),
        ("device_cgroup_rules: ['c 1:3 mr']", security(device_cgroup_rules=("c 1:3 mr",))),
        ("group_add: [mail, 20]", security(group_add=("mail", "20"))),
        ("ipc: host", security(ipc="host")),
        ("pid: host", security(pid="host")),
        ("uts: host", security(uts="host")),
        ("userns_mode: host", security(userns_mode="host")),
        ("cgroup: private", security(cgroup="private")),
        ("runtime: runsc", security(runtime="runsc")),
        ("ulimits: {nproc: 65535, nofile: {soft: 20000, hard: -1}}",
         kernel(ulimits=(Ulimit(name="nofile", soft=20_000, hard=-1),
                         Ulimit(name="nproc", soft=65_535, hard=65_535)))),
        ("sysctls: [net.core.somaxconn=1024]", kernel(sysctls={"net.core.somaxconn": "1024"})),
        ("sysctls: {net.core.somaxconn: 1024}", kernel(sysctls={"net.core.somaxconn": "1024"})),
        ("shm_size: 2gb", kernel(shm_size_bytes=2 << 30)),
        ("pids_limit: -1", kernel(pids_limit=-1)),
        ("deploy: {resources: {limits: {pids: 7}}}", kernel(pids_limit=7)),
        ("memswap_limit: -1", kernel(memswap_limit_bytes=-1)),
        ("mem_swappiness: 0", kernel(mem_swappiness=0)),
        ("oom_kill_disable: true", kernel(oom_kill_disable=True)),
        ("oom_score_adj: -500", kernel(oom_score_adj=-500)),
        ("cpuset: 0,2-3", kernel(cpuset="0,2-3")),
        ("cpu_shares: 73", kernel(cpu_shares=73)),
        ("cpu_period: 20ms\ncpu_quota: 50000", kernel(cpu_period_us=20_000, cpu_quota_us=50_000)),
        ("cpu_rt_runtime: 400ms\ncpu_rt_period: 1400us",
         kernel(cpu_rt_runtime_us=400_000, cpu_rt_period_us=1_400)),
        ("cgroup_parent: m-executor", kernel(cgroup_parent="m-executor")),
        ("storage_opt: {size: 1G}", kernel(storage_opt={"size": "1G"})),
        (("blkio_config: {weight: 300, weight_device: [{path: /dev/a, weight: 400}], "
          "device_write_bps: [{path: /dev/a, rate: 12mb}]}"),
         kernel(blkio=BlockIo(
             weight=300,
             weight_device=(DeviceRate(path="/dev/a", rate=400),),
             device_write_bps=(DeviceRate(path="/dev/a", rate=12 << 20),)))),
        ("logging: {driver: local, options: {max-size: 1m}}",
         replace(PLAIN, logging=Logging(driver="local", options={"max-size": "1m"}))),
        ("annotations: [a.b=c]", replace(PLAIN, annotations={"a.b": "c"})),
        ("pull_policy: if_not_present", replace(PLAIN, pull_policy="missing")),
        ("pull_policy: always", replace(PLAIN, pull_policy="always")),
        ("dns: 8.8.8.8", networking(dns=("8.8.8.8",))),
        ("dns_search: [a.org, b.org]", networking(dns_search=("a.org", "b.org"))),
        ("dns_opt: [use-vc, 'ndots:2']", networking(dns_opt=("use-vc", "ndots:2"))),
        ("extra_hosts: ['a:10.0.0.1', 'b=host-gateway', 'c:[::1]', 'd:::2']",
         networking(extra_hosts=("a:10.0.0.1", "b:host-gateway", "c:::1", "d:::2"))),
        ("extra_hosts: {a: 10.0.0.1, b: [10.0.0.2, '::1']}",
         networking(extra_hosts=("a:10.0.0.1", "b:10.0.0.2", "b:::1"))),
        ("domainname: a.org", networking(domainname="a.org")),
        ("mac_address: 02:42:ac:11:65:43", networking(mac_address="02:42:ac:11:65:43")),
        ("network_mode: none", networking(mode="none")),
        ("network_mode: default", networking(mode="bridge")),
        ("networks: [default]", PLAIN),
        ("networks: {front: {aliases: [www, www]}}", endpoint(aliases=("www",))),
        ("networks: {front: {ipv4_address: 10.0.0.5, link_local_ips: [169.254.8.8]}}",
         endpoint(ipv4_address="10.0.0.5", link_local_ips=("169.254.8.8",))),
        ("networks: {front: {priority: 10, gw_priority: 1, interface_name: eth1}}",
         endpoint(priority=10, gw_priority=1, interface_name="eth1")),
        ("networks: {front: {mac_address: '02:42:ac:11:65:43', driver_opts: {a: 1}}}",
         endpoint(mac_address="02:42:ac:11:65:43", driver_opts={"a": "1"})),
        ("post_start: [{command: ./go --now, user: root, privileged: true, environment: [A=1]}]",
         replace(PLAIN, post_start=(Hook(command=("./go", "--now"), user="root", privileged=True,
                                         environment={"A": "1"}),))),
        ("pre_stop: [{command: [sync], working_dir: /data}]",
         replace(PLAIN, pre_stop=(Hook(command=("sync",), working_dir="/data"),))),
    ],
)  # fmt: skip
def test_a_key_is_understood(tmp_path: Path, written: str, expected: ContainerSpec) -> None:
    assert service_of(tmp_path, written).task.container == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("data:/d:nocopy", Mount(kind=MountKind.VOLUME, source="data", target="/d", no_copy=True)),
        ("/x:/d:ro,z,rshared",
         Mount(kind=MountKind.BIND, source="/x", target="/d", read_only=True, selinux="z",
               propagation="rshared")),
        ("{type: volume, source: data, target: /d, volume: {nocopy: true, subpath: a/b}}",
         Mount(kind=MountKind.VOLUME, source="data", target="/d", no_copy=True, subpath="a/b")),
        (("{type: bind, source: /x, target: /d, bind: {propagation: rslave, "
          "create_host_path: true, selinux: Z, recursive: disabled}}"),
         Mount(kind=MountKind.BIND, source="/x", target="/d", propagation="rslave",
               create_host_path=True, selinux="Z", recursive="disabled")),
        ("{type: tmpfs, target: /d, tmpfs: {size: 1m, mode: 0755}}",
         Mount(kind=MountKind.TMPFS, target="/d", size_bytes=1 << 20, mode=0o755)),
    ],
)  # fmt: skip
def test_a_mount_has_its_options(tmp_path: Path, written: str, expected: Mount) -> None:
    assert service_of(
        tmp_path, f"volumes: [{written}]" if written[0] == "{" else f"volumes: ['{written}']"
    ).task.container.mounts == (expected,)


@pytest.mark.parametrize(
    ("written", "holds", "requests"),
    [
        ("gpus: all", 1, (DeviceRequest(count=-1, capabilities=("gpu",)),)),
        ("gpus: [{count: 2}]", 2, ()),
        ("gpus: [{driver: amd, count: 1}]", 1,
         (DeviceRequest(driver="amd", count=1, capabilities=("gpu",)),)),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: all}]}}}", 1,
         (DeviceRequest(count=-1, capabilities=("gpu",)),)),
        (("deploy: {resources: {reservations: {devices: [{capabilities: [gpu, utility], "
          "device_ids: ['0', '3'], options: {a: b}}]}}}"), 2,
         (DeviceRequest(device_ids=("0", "3"), capabilities=("gpu", "utility"),
                        options={"a": "b"}),)),
    ],
)  # fmt: skip
def test_devices_of_drivers(
    tmp_path: Path, written: str, holds: int, requests: tuple[DeviceRequest, ...]
) -> None:
    task = service_of(tmp_path, written).task
    assert task.reservations == Resources(100, 64 << 20, {"gpu": holds})
    assert task.container.security.device_requests == requests


def test_a_seccomp_profile_is_carried_along(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{ "defaultAction": "SCMP_ACT_ALLOW" }\n')
    found = service_of(tmp_path, "security_opt: ['seccomp:./profile.json']").task.container
    assert found.security.security_opt == ('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',)
    (tmp_path / "profile.json").write_text("{")
    text = "services: {web: {image: i, security_opt: ['seccomp=profile.json']}}\n"
    assert "the seccomp profile 'profile.json' is not JSON" in refusal(tmp_path, text)


def test_a_network_is_what_the_file_says_of_it(tmp_path: Path) -> None:
    text = """services: {web: {image: i, networks: [a, b, c]}}
networks:
  a: {driver: macvlan, driver_opts: {parent: eth0}, internal: true, attachable: true,
      enable_ipv6: true, labels: [x=y], ipam: {driver: default, options: {o: 1}, config: [
      {subnet: 10.1.0.0/16, gateway: 10.1.0.1, ip_range: 10.1.5.0/24,
       aux_addresses: {h: 10.1.0.9}}]}}
  b: {external: true, name: other}
  c: {driver: bridge}
"""
    (service,) = loaded(tmp_path, text).app.services
    assert service.task.container.networks == ("a", "b", "c")
    assert service.task.container.networking.networks == (
        NetworkSpec(
            name="a",
            driver="macvlan",
            driver_opts={"parent": "eth0"},
            internal=True,
            attachable=True,
            enable_ipv6=True,
            labels={"x": "y"},
            ipam=Ipam(
                options={"o": "1"},
                pools=(
                    IpamPool(
                        subnet="10.1.0.0/16",
                        gateway="10.1.0.1",
                        ip_range="10.1.5.0/24",
                        aux_addresses={"h": "10.1.0.9"},
                    ),
                ),
            ),
        ),
        NetworkSpec(name="b", external=True, outside_name="other"),
    )


def test_a_network_without_ipv4_is_said_to_have_it(tmp_path: Path) -> None:
    text = "services: {web: {image: i, networks: [a]}}\nnetworks: {a: {enable_ipv4: false}}\n"
    (said,) = warnings_of(tmp_path, text)
    assert "`enable_ipv4: false` has no effect" in said
    assert warnings_of(tmp_path, text.replace("false", "true")) == []


def test_a_volume_is_what_the_file_says_of_it(tmp_path: Path) -> None:
    text = """services: {web: {image: i, volumes: ['a:/a', 'b:/b']}}
volumes:
  a: {driver: local, driver_opts: {type: nfs, device: ':/x'}, labels: {k: v}}
  b: {external: {name: other}}
"""
    app = loaded(tmp_path, text).app
    expected = (
        VolumeSpec(name="a", driver_opts={"device": ":/x", "type": "nfs"}, labels={"k": "v"}),
        VolumeSpec(name="b", external=True, outside_name="other"),
    )
    assert app.volumes == expected
    assert tuple(m.volume for m in app.services[0].task.container.mounts) == expected


def test_the_engine_s_own_network_named_as_an_external_one_is_its_mode(tmp_path: Path) -> None:
    text = """services: {web: {image: i, networks: [outside]}}
networks: {outside: {external: true, name: host}}
"""
    (service,) = loaded(tmp_path, text).app.services
    assert service.task.container.networks == ()
    assert service.task.container.networking == Networking(mode="host")


def test_on_the_node_s_network_ports_are_the_node_s(tmp_path: Path) -> None:
    text = "services: {web: {image: i, network_mode: host, ports: ['80:8080', '81:81']}}\n"
    (service,) = loaded(tmp_path, text).app.services
    assert service.task.ports == (
        Port(target=8080, published=8080, mode=PublishMode.HOST),
        Port(target=81, published=81, mode=PublishMode.HOST),
    )
    (said,) = warnings_of(tmp_path, text)
    assert "it answers on 8080: it shares the node's network" in said


def test_a_linked_service_answers_to_the_other_name_too(tmp_path: Path) -> None:
    text = """services:
  web: {image: i, links: ["db:database", cache], networks: [front]}
  db: {image: i, networks: {front: {aliases: [pg]}}}
  cache: {image: i}
networks: {front: }
"""
    cache, db, web = loaded(tmp_path, text).app.services
    assert db.task.container.networking.endpoints == (
        Endpoint(network="front", aliases=("pg", "database")),
    )
    assert cache.task.container.networking == web.task.container.networking == Networking()
    text = text.replace("cache]", "'cache:database']")
    assert "the link's name 'database' would lead to db too" in refusal(tmp_path, text)


def test_an_image_that_is_built_elsewhere_has_the_name_that_compose_gives_it(
    tmp_path: Path,
) -> None:
    text = "name: my_shop\nservices: {Web: {build: .}}\n"
    app = loaded(tmp_path, text).app
    assert (app.name, app.services[0].name) == ("my_shop", "Web")
    assert app.services[0].task.container.image == "my_shop-web"
    (said,) = warnings_of(tmp_path, text)
    assert "nothing is built: the image 'my_shop-web' must be on the nodes already" in said
