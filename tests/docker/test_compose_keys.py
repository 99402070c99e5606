"""For each Compose key, what the engine shows of the container that Orb makes: as Compose's."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import docker
import pytest

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker import DockerRuntime
from agent.runtime.docker_attach import Attachment
from agent.runtime.docker_container import Owner, container_body
from orb.container import Endpoint
from orb.ids import ReplicaKey, TaskId
from orb.lifecycle import Desired
from orb.manifest import load
from orb.spec import ServiceSpec
from orb.work import Assignment

pytestmark = pytest.mark.docker

HOST = "unix:///var/run/docker.sock"
TOP: Final = """
volumes: {data: {}, tmp: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}, labels: {k: v}}}
networks:
  front: {}
  back: {internal: true, ipam: {config: [{subnet: 10.231.7.0/24}]}}
"""


def service(folder: Path, body: str) -> ServiceSpec:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"name: shop\nservices:\n  web:\n    image: orb-example:1\n{lines}{TOP}"
    path = folder / "compose.yaml"
    path.write_text(text)
    return load([path], environment={}).app.services[0]


def assignment(spec: ServiceSpec, task: int = 1) -> Assignment:
    return Assignment(
        task=TaskId(task),
        replica=ReplicaKey("default", "shop", spec.name, task),
        release=1,
        desired=Desired.RUN,
        spec=spec.task,
    )


def shown(engine: docker.DockerClient, cluster: str, spec: ServiceSpec) -> dict[str, Any]:
    """What `docker inspect` says of the container, once it runs."""

    async def start() -> str:
        runtime = DockerRuntime(HOST, Owner(cluster, "n1"), "127.0.0.1")
        try:
            await runtime.prepare(assignment(spec))
            return (await runtime.start(assignment(spec))).container_id
        finally:
            await runtime.close()

    return dict(engine.api.inspect_container(asyncio.run(start())))


def at(found: Mapping[str, Any], path: str) -> object:
    """`HostConfig.Memory`."""
    value: Any = found
    for name in path.split("."):
        value = value[name]
    return value


HOST_KEYS: Final = [
    ("cap_add: [NET_ADMIN]", {"CapAdd": ["NET_ADMIN"]}),
    ("cap_drop: [ALL]\ncap_add: [CHOWN]", {"CapDrop": ["ALL"], "CapAdd": ["CHOWN"]}),
    ("security_opt: [no-new-privileges:true]", {"SecurityOpt": ["no-new-privileges:true"]}),
    ("security_opt: [seccomp=unconfined]", {"SecurityOpt": ["seccomp=unconfined"]}),
    ("security_opt: [systempaths=unconfined]", {"MaskedPaths": [], "ReadonlyPaths": []}),
    (
        "devices: ['/dev/null:/dev/nothing:r']",
        {
            "Devices": [
                {
                    "PathOnHost": "/dev/null",
                    "PathInContainer": "/dev/nothing",
                    "CgroupPermissions": "r",
                }
            ]
        },
    ),
    ("device_cgroup_rules: ['c 1:3 r']", {"DeviceCgroupRules": ["c 1:3 r"]}),
    ("group_add: ['8', 20]", {"GroupAdd": ["8", "20"]}),
    ("ipc: shareable", {"IpcMode": "shareable"}),
    ("pid: host", {"PidMode": "host"}),
    ("uts: host", {"UTSMode": "host"}),
    ("userns_mode: host", {"UsernsMode": "host"}),
    ("cgroup: private", {"CgroupnsMode": "private"}),
    ("runtime: runc", {"Runtime": "runc"}),
    (
        "ulimits: {nproc: 100, nofile: {soft: 20, hard: 40}}",
        {
            "Ulimits": [
                {"Name": "nofile", "Soft": 20, "Hard": 40},
                {"Name": "nproc", "Soft": 100, "Hard": 100},
            ]
        },
    ),
    ("sysctls: {net.core.somaxconn: 1024}", {"Sysctls": {"net.core.somaxconn": "1024"}}),
    ("shm_size: 128m", {"ShmSize": 128 << 20}),
    ("pids_limit: 50", {"PidsLimit": 50}),
    ("mem_limit: 64m\nmemswap_limit: 128m", {"Memory": 64 << 20, "MemorySwap": 128 << 20}),
    ("mem_limit: 64m\nmemswap_limit: -1", {"Memory": 64 << 20, "MemorySwap": -1}),
    ("mem_reservation: 32m", {"MemoryReservation": 32 << 20}),
    ("mem_swappiness: 10", {"MemorySwappiness": 10}),
    ("oom_kill_disable: true\nmem_limit: 64m", {"OomKillDisable": True}),
    ("oom_score_adj: 500", {"OomScoreAdj": 500}),
    ("cpuset: '0'", {"CpusetCpus": "0"}),
    ("cpu_shares: 73", {"CpuShares": 73}),
    ("cpu_period: 20ms\ncpu_quota: 10000", {"CpuPeriod": 20_000, "CpuQuota": 10_000}),
    ("cpus: 0.5", {"CpuPeriod": 100_000, "CpuQuota": 50_000}),
    ("cgroup_parent: /orb-test", {"CgroupParent": "/orb-test"}),
    (
        "blkio_config: {device_read_bps: [{path: /dev/vda, rate: 1mb}]}",
        {"BlkioDeviceReadBps": [{"Path": "/dev/vda", "Rate": 1 << 20}]},
    ),
    ("init: true", {"Init": True}),
    ("read_only: true", {"ReadonlyRootfs": True}),
    ("tmpfs: ['/run:size=1m,mode=700', /x]", {"Tmpfs": {"/run": "size=1m,mode=700", "/x": ""}}),
    ("dns: 8.8.8.8", {"Dns": ["8.8.8.8"]}),
    ("dns_search: [a.org]", {"DnsSearch": ["a.org"]}),
    ("dns_opt: ['ndots:2']", {"DnsOptions": ["ndots:2"]}),
    (
        "extra_hosts: ['db:10.0.0.1', 'me=host-gateway']",
        {"ExtraHosts": ["db:10.0.0.1", "me:host-gateway"]},
    ),
    ("network_mode: none", {"NetworkMode": "none"}),
    ("network_mode: host", {"NetworkMode": "host"}),
    (
        "tty: false",
        {
            "LogConfig": {
                "Type": "json-file",
                "Config": {"max-size": "10m", "max-file": "3"},
            }
        },
    ),
    (
        "logging: {driver: json-file, options: {max-size: 1m, labels: a}}",
        {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "labels": "a"}}},
    ),
    ("logging: {driver: none}", {"LogConfig": {"Type": "none", "Config": {}}}),
]


@pytest.mark.parametrize(("written", "expected"), HOST_KEYS, ids=[key for key, _ in HOST_KEYS])
def test_what_the_container_gets_of_its_machine(
    engine: docker.DockerClient,
    cluster: str,
    tmp_path: Path,
    written: str,
    expected: Mapping[str, object],
) -> None:
    found = shown(engine, cluster, service(tmp_path, written))
    host = found["HostConfig"]
    for key in ("CapAdd", "CapDrop"):  # newer engines show them as the kernel spells them
        host[key] = [name.removeprefix("CAP_") for name in host[key] or ()]
    assert {key: host[key] for key in expected} == expected


NOT_EVERYWHERE: Final = [
    ("privileged: true", {"Privileged": True}),
    ("network_mode: bridge", {"NetworkMode": "bridge"}),
    ("blkio_config: {weight: 300}", {"BlkioWeight": 300}),
    (
        "blkio_config: {weight_device: [{path: /dev/a, weight: 90}]}",
        {"BlkioWeightDevice": [{"Path": "/dev/a", "Weight": 90}]},
    ),
    (
        "cpu_rt_period: 1ms\ncpu_rt_runtime: 400us",
        {"CpuRealtimePeriod": 1_000, "CpuRealtimeRuntime": 400},
    ),
    ("storage_opt: {size: 1G}", {"StorageOpt": {"size": "1G"}}),
    ("annotations: {a: b}", {"Annotations": {"a": "b"}}),
    ("gpus: [{count: 2}]", {"DeviceRequests": [{"Count": 2, "Capabilities": [["gpu"]]}]}),
    (
        "gpus: [{driver: amd, device_ids: ['1'], capabilities: [compute], options: {a: b}}]",
        {
            "DeviceRequests": [
                {
                    "Driver": "amd",
                    "Count": 0,
                    "DeviceIDs": ["1"],
                    "Capabilities": [["gpu", "compute"]],
                    "Options": {"a": "b"},
                }
            ]
        },
    ),
    (
        "devices: [vendor.com/class=all]",
        {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["vendor.com/class=all"]}]},
    ),
    ("volumes: ['/x:/y:ro,Z,rshared']", {"Binds": ["/x:/y:ro,Z,rshared"]}),
    (
        "volumes: [{type: volume, source: data, target: /d, volume: {subpath: a/b}}]",
        {
            "Mounts": [
                {
                    "Target": "/d",
                    "ReadOnly": False,
                    "Type": "volume",
                    "Source": "orb-c-n1-default-shop-data",
                    "VolumeOptions": {
                        "NoCopy": False,
                        "Labels": {
                            "orb.cluster": "c",
                            "orb.owner": "c/n1",
                            "orb.volume": "default.shop.data",
                        },
                        "Subpath": "a/b",
                    },
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(
    ("written", "expected"), NOT_EVERYWHERE, ids=[key for key, _ in NOT_EVERYWHERE]
)
def test_what_this_machine_may_not_have_is_asked_for(
    tmp_path: Path, written: str, expected: Mapping[str, object]
) -> None:
    made = assignment(service(tmp_path, written))
    body = container_body("1.50", Owner("c", "n1"), made, "127.0.0.1", ())
    host = cast("Mapping[str, object]", body["HostConfig"])
    assert {key: host[key] for key in expected} == expected


def test_an_old_engine_is_not_asked_for_what_it_would_silently_not_do(tmp_path: Path) -> None:
    written = "volumes: [{type: volume, source: data, target: /d, volume: {subpath: a/b}}]"
    made = assignment(service(tmp_path, written))
    with pytest.raises(RuntimeFailure, match="too old for `subpath`"):
        container_body("1.41", Owner("c", "n1"), made, "127.0.0.1", ())


def test_a_new_engine_gets_all_networks_of_a_container_at_once() -> None:
    front = Attachment("1", "front", Endpoint(network="front", gw_priority=3), ("web",))
    card = "02:42:ac:11:65:43"
    back = Attachment("2", "back", Endpoint(network="back", mac_address=card), ("web",))
    found = [each.settings("1.50") for each in (front, back)]
    assert found == [
        {"Aliases": ["web"], "GwPriority": 3},
        {"Aliases": ["web"], "MacAddress": card},
    ]
    assert (back.reference("1.41"), back.reference("1.50")) == ("back", "2")


def test_what_the_container_is(engine: docker.DockerClient, cluster: str, tmp_path: Path) -> None:
    body = """hostname: here
domainname: example.org
mac_address: 02:42:ac:11:65:43
user: "65534"
working_dir: /www
stdin_open: true
tty: true
stop_signal: SIGINT
stop_grace_period: 1500ms
labels: {team: web}
platform: linux/amd64
pull_policy: never
"""
    found = shown(engine, cluster, service(tmp_path, body))
    config = found["Config"]
    assert {
        "name": (config["Hostname"], config["Domainname"]),
        "card": [n["MacAddress"] for n in found["NetworkSettings"]["Networks"].values()],
        "who and where": (config["User"], config["WorkingDir"]),
        "terminal": (config["OpenStdin"], config["Tty"]),
        "stop": (config["StopSignal"], config["StopTimeout"]),
        "label": config["Labels"]["team"],
        "platform": found["Platform"],
    } == {
        "name": ("here", "example.org"),
        "card": ["02:42:ac:11:65:43"],
        "who and where": ("65534", "/www"),
        "terminal": (True, True),
        "stop": ("SIGINT", 2),
        "label": "web",
        "platform": "linux",
    }


def test_mounts_have_their_options(
    engine: docker.DockerClient, cluster: str, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    body = f"""volumes:
  - data:/data:nocopy
  - tmp:/small
  - {{type: bind, source: /etc, target: /a, read_only: true, bind: {{propagation: private}}}}
  - {{type: bind, source: {made}, target: /b, bind: {{create_host_path: true}}}}
  - {{type: tmpfs, target: /c, tmpfs: {{size: 1m, mode: 0700}}}}
"""
    found = shown(engine, cluster, service(tmp_path, body))
    mounts = {each["Destination"]: each for each in found["Mounts"]}
    asked = {each["Target"]: each for each in found["HostConfig"]["Mounts"]}
    small = engine.volumes.get(mounts["/small"]["Name"]).attrs
    assert made.is_dir()
    assert {
        "data": asked["/data"]["VolumeOptions"]["NoCopy"],
        "small": (small["Driver"], small["Options"], small["Labels"]["k"]),
        "etc": (mounts["/a"]["RW"], mounts["/a"]["Propagation"]),
        "made": (mounts["/b"]["Source"], mounts["/b"]["RW"]),
        "memory": asked["/c"]["TmpfsOptions"],
    } == {
        "data": True,
        "small": ("local", {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}, "v"),
        "etc": (False, "private"),
        "made": (str(made), True),
        "memory": {"SizeBytes": 1 << 20, "Mode": 0o700},
    }


def test_networks_are_separate_and_have_what_is_said_of_them(
    engine: docker.DockerClient, cluster: str, tmp_path: Path
) -> None:
    body = """networks:
  front: {aliases: [www]}
  back: {ipv4_address: 10.231.7.9, priority: 5}
"""
    found = shown(engine, cluster, service(tmp_path, body))
    networks = found["NetworkSettings"]["Networks"]
    by_end = {name.split(".")[1]: each for name, each in networks.items()}
    back = engine.networks.get(by_end["back"]["NetworkID"]).attrs
    assert sorted(by_end) == ["back", "front"]
    assert {
        "first": found["HostConfig"]["NetworkMode"] == back["Id"],
        "address": by_end["back"]["IPAddress"],
        "internal": back["Internal"],
        "subnet": back["IPAM"]["Config"][0]["Subnet"],
        "names": by_end["front"]["Aliases"][:3],
    } == {
        "first": True,
        "address": "10.231.7.9",
        "internal": True,
        "subnet": "10.231.7.0/24",
        "names": ["web", "1.web", "www"],
    }


def test_what_is_said_to_be_on_the_node_must_be_there(
    engine: docker.DockerClient, cluster: str, tmp_path: Path
) -> None:
    text = """services:
  a: {image: 'orb-example:1', volumes: ['v:/v']}
  b: {image: 'orb-example:1', networks: [n]}
volumes: {v: {external: true, name: orb-nonesuch}}
networks: {n: {external: true, name: orb-nonesuch}}
"""
    (tmp_path / "compose.yaml").write_text(text)
    a, b = load([tmp_path / "compose.yaml"], environment={}).app.services
    with pytest.raises(RuntimeFailure, match="the external volume orb-nonesuch is not on this"):
        shown(engine, cluster, a)
    with pytest.raises(RuntimeFailure, match="the external network orb-nonesuch is not on this"):
        shown(engine, cluster, b)
    volume = engine.volumes.create("orb-nonesuch", labels={"orb.cluster": cluster})
    network = engine.networks.create("orb-nonesuch", labels={"orb.cluster": cluster})
    assert shown(engine, cluster, a)["Mounts"][0]["Name"] == volume.name
    engine.api.remove_container(
        engine.containers.list(filters={"label": f"orb.cluster={cluster}"})[0].id, force=True
    )
    networks = shown(engine, cluster, b)["NetworkSettings"]["Networks"]
    assert [each["NetworkID"] for each in networks.values()] == [network.id]


@pytest.mark.usefixtures("engine")
def test_hooks_run_after_the_start_and_before_the_stop(cluster: str, tmp_path: Path) -> None:
    body = f"""volumes: ['{tmp_path}:/out']
post_start: [{{command: "sh -c 'echo $$WHAT >> /out/log'", environment: {{WHAT: started}}}}]
pre_stop: [{{command: "sh -c 'echo stops >> /out/log'", user: "0"}}]
"""
    spec = service(tmp_path, body)

    async def steps() -> None:
        runtime = DockerRuntime(HOST, Owner(cluster, "n1"), "127.0.0.1")
        await runtime.start(assignment(spec))
        await runtime.stop(TaskId(1), "SIGTERM", spec.task.container.stop_grace_period_ms)
        await runtime.close()

    asyncio.run(steps())
    assert (tmp_path / "log").read_text() == "started\nstops\n"


def test_a_hook_that_fails_fails_the_start(
    engine: docker.DockerClient, cluster: str, tmp_path: Path
) -> None:
    spec = service(tmp_path, "post_start: [{command: \"sh -c 'echo no; exit 3'\"}]")
    with pytest.raises(RuntimeFailure, match="`post_start`: sh failed with 3: no"):
        shown(engine, cluster, spec)
    assert engine.containers.list(all=True, filters={"label": f"orb.cluster={cluster}"}) == []


@pytest.mark.usefixtures("engine")
def test_an_image_that_must_not_be_pulled_is_not(cluster: str, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {web: {image: 'orb-nonesuch:1', pull_policy: never}}\n")
    (spec,) = load([path], environment={}).app.services

    async def steps() -> None:
        runtime = DockerRuntime(HOST, Owner(cluster, "n1"), "127.0.0.1")
        try:
            with pytest.raises(RuntimeFailure, match="`pull_policy` is never") as failure:
                await runtime.prepare(assignment(spec))
            assert failure.value.image_missing
        finally:
            await runtime.close()

    asyncio.run(steps())
