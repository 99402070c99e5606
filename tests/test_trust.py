"""What of a container needs trust."""

from pathlib import Path

import pytest

from orb.trust import Need, Trust, needs
from tests.manifest.loading import loaded


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("privileged: true", (Trust.PRIVILEGED, "privileged")),
        ("pre_stop: [{command: x, privileged: true}]", (Trust.PRIVILEGED, "pre_stop")),
        ("cap_add: [CHOWN, SYS_ADMIN, ALL]", (Trust.CAPABILITIES, "cap_add SYS_ADMIN, ALL")),
        ("devices: [/dev/kvm]", (Trust.DEVICES, "devices")),
        ("device_cgroup_rules: ['c 1:3 r']", (Trust.DEVICES, "device_cgroup_rules")),
        ("network_mode: host", (Trust.HOST_NETWORK, "network_mode")),
        ("networks: [lan]", (Trust.HOST_NETWORK, "networks.lan")),
        ("pid: host", (Trust.HOST_NAMESPACES, "pid")),
        ("ipc: host", (Trust.HOST_NAMESPACES, "ipc")),
        ("uts: host", (Trust.HOST_NAMESPACES, "uts")),
        ("userns_mode: host", (Trust.HOST_NAMESPACES, "userns_mode")),
        ("cgroup: host", (Trust.HOST_NAMESPACES, "cgroup")),
        ("security_opt: [seccomp=unconfined]", (Trust.UNCONFINED, "security_opt")),
        ("security_opt: ['seccomp={}']", (Trust.UNCONFINED, "security_opt")),
        ("security_opt: ['label:disable']", (Trust.UNCONFINED, "security_opt")),
        ("security_opt: ['apparmor:unconfined']", (Trust.UNCONFINED, "security_opt")),
        ("security_opt: [systempaths=unconfined]", (Trust.UNCONFINED, "security_opt")),
        ("volumes: ['/var/run/docker.sock:/s:ro']",
         (Trust.ENGINE_SOCKET, "volumes /var/run/docker.sock")),
        ("volumes: ['/:/node:ro']", (Trust.ENGINE_SOCKET, "volumes /")),
        ("volumes: ['/run:/r']", (Trust.ENGINE_SOCKET, "volumes /run")),
        ("volumes: ['node:/node']", (Trust.ENGINE_SOCKET, "volumes node")),
        ("cap_add: [NET_BIND_SERVICE, IPC_LOCK]", None),
        ("cap_drop: [ALL]", None),
        ("security_opt: [no-new-privileges:true, apparmor=docker-default]", None),
        ("volumes: ['/runner:/r', '/etc/hosts:/h']", None),
        ("network_mode: bridge", None),
        ("gpus: [{count: 1}]", None),
        ("ipc: shareable", None),
    ],
)  # fmt: skip
def test_what_reaches_the_node_needs_trust(
    tmp_path: Path, written: str, expected: tuple[Trust, str] | None
) -> None:
    text = f"""services: {{web: {{image: i, {written}}}}}
volumes: {{node: {{driver_opts: {{type: none, o: bind, device: /run}}}}}}
networks: {{lan: {{driver: macvlan}}}}
"""
    found = list(needs(loaded(tmp_path, text).app))
    assert found == ([] if expected is None else [Need(expected[0], "web", expected[1])])
