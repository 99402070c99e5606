"""The container of a service as canonical Compose text."""

from collections.abc import Iterable, Mapping

from orb.container import BlockIo, DeviceRate, Endpoint, Hook, Kernel, NetworkSpec, Security
from orb.manifest.emit import Value
from orb.manifest.written import pairs, present, text, texts, time
from orb.spec import ContainerSpec, Mount, MountKind
from orb.validate.networking import DEFAULT_NETWORK


def container_keys(container: ContainerSpec) -> dict[str, Value]:
    """The keys of a service that say what is run."""
    return {
        **present(
            {
                "image": text(container.image),
                "environment": pairs(container.environment),
                "user": text(container.user),
                "working_dir": text(container.working_dir),
                "hostname": text(container.hostname),
                "container_name": text(container.container_name),
                "labels": pairs(container.labels),
                "annotations": pairs(container.annotations),
                "volumes": [_mount(mount) for mount in container.mounts],
                "tmpfs": [_tmpfs(*each) for each in container.tmpfs.items()],
                "init": container.init or None,
                "tty": container.tty or None,
                "stdin_open": container.stdin_open or None,
                "read_only": container.read_only or None,
                "pull_policy": container.pull_policy,
                "stop_grace_period": time(container.stop_grace_period_ms),
                "stop_signal": container.stop_signal,
                "logging": present(
                    {
                        "driver": text(container.logging.driver),
                        "options": pairs(container.logging.options),
                    }
                ),
                "post_start": [_hook(hook) for hook in container.post_start],
                "pre_stop": [_hook(hook) for hook in container.pre_stop],
            }
        ),
        **_words("entrypoint", container.entrypoint),
        **_words("command", container.command),
        **_security(container.security),
        **_kernel(container.kernel),
        **_networking(container),
    }


def networks_of(containers: Iterable[ContainerSpec]) -> Mapping[str, Value]:
    """The networks that they are on, as they are declared."""
    found: dict[str, Mapping[str, Value]] = {}
    for container in containers:
        defined = {network.name: network for network in container.networking.networks}
        for name in (*container.networks, *defined):
            if name in defined or name != DEFAULT_NETWORK:
                found[name] = _network(defined[name]) if name in defined else {}
    return dict(sorted(found.items()))


def device_requests(security: Security) -> dict[str, Value]:
    """`devices` of the reservations."""
    return present(
        {
            "devices": [
                present(
                    {
                        "driver": text(request.driver),
                        "count": "all" if request.count == -1 else request.count or None,
                        "device_ids": texts(request.device_ids),
                        "capabilities": texts(request.capabilities),
                        "options": pairs(request.options),
                    }
                )
                for request in security.device_requests
            ]
        }
    )


def _words(name: str, words: tuple[str, ...] | None) -> dict[str, Value]:
    """A command; an empty one says something else than none."""
    return {} if words is None else {name: texts(words)}


def _mount(mount: Mount) -> Mapping[str, Value]:
    kind = MountKind.VOLUME if mount.kind is MountKind.ANONYMOUS else mount.kind
    return present(
        {
            "type": kind.name.lower(),
            "source": text(mount.source),
            "target": text(mount.target),
            "read_only": mount.read_only or None,
            "tmpfs": present({"size": mount.size_bytes or None, "mode": mount.mode or None}),
            "volume": present({"nocopy": mount.no_copy or None, "subpath": text(mount.subpath)}),
            "bind": present(
                {
                    "propagation": mount.propagation,
                    "create_host_path": mount.create_host_path or None,
                    "selinux": mount.selinux,
                    "recursive": mount.recursive,
                }
            ),
        }
    )


def _tmpfs(target: str, options: str) -> str:
    return text(f"{target}:{options}" if options else target)


def _hook(hook: Hook) -> Mapping[str, Value]:
    return present(
        {
            "command": texts(hook.command),
            "user": text(hook.user),
            "privileged": hook.privileged or None,
            "working_dir": text(hook.working_dir),
            "environment": pairs(hook.environment),
        }
    )


def _security(security: Security) -> dict[str, Value]:
    return present(
        {
            "privileged": security.privileged or None,
            "cap_add": list(security.cap_add),
            "cap_drop": list(security.cap_drop),
            "security_opt": texts(security.security_opt),
            "devices": [
                present(
                    {
                        "source": text(device.source),
                        "target": text(device.target),
                        "permissions": device.permissions,
                    }
                )
                for device in security.devices
            ],
            "device_cgroup_rules": list(security.device_cgroup_rules),
            "group_add": texts(security.group_add),
            "ipc": security.ipc,
            "pid": security.pid,
            "uts": security.uts,
            "userns_mode": security.userns_mode,
            "cgroup": security.cgroup,
            "runtime": security.runtime,
        }
    )


def _kernel(kernel: Kernel) -> dict[str, Value]:
    return present(
        {
            "ulimits": {
                each.name: {"soft": each.soft, "hard": each.hard} for each in kernel.ulimits
            },
            "sysctls": pairs(kernel.sysctls),
            "shm_size": kernel.shm_size_bytes or None,
            "pids_limit": kernel.pids_limit or None,
            "memswap_limit": kernel.memswap_limit_bytes or None,
            "mem_swappiness": kernel.mem_swappiness,
            "oom_kill_disable": kernel.oom_kill_disable or None,
            "oom_score_adj": kernel.oom_score_adj or None,
            "cpuset": kernel.cpuset,
            "cpu_shares": kernel.cpu_shares or None,
            "cpu_period": kernel.cpu_period_us or None,
            "cpu_quota": kernel.cpu_quota_us or None,
            "cpu_rt_period": kernel.cpu_rt_period_us or None,
            "cpu_rt_runtime": kernel.cpu_rt_runtime_us or None,
            "cgroup_parent": text(kernel.cgroup_parent),
            "storage_opt": pairs(kernel.storage_opt),
            "blkio_config": _blkio(kernel.blkio),
        }
    )


def _blkio(blkio: BlockIo) -> Mapping[str, Value]:
    return present(
        {
            "weight": blkio.weight or None,
            "weight_device": _rates("weight", blkio.weight_device),
            "device_read_bps": _rates("rate", blkio.device_read_bps),
            "device_write_bps": _rates("rate", blkio.device_write_bps),
            "device_read_iops": _rates("rate", blkio.device_read_iops),
            "device_write_iops": _rates("rate", blkio.device_write_iops),
        }
    )


def _rates(word: str, rates: tuple[DeviceRate, ...]) -> list[Value]:
    return [{"path": text(each.path), word: each.rate} for each in rates]


def _networking(container: ContainerSpec) -> dict[str, Value]:
    networking = container.networking
    said = {endpoint.network: _endpoint(endpoint) for endpoint in networking.endpoints}
    names = container.networks or tuple(said)
    networks: Value = {name: said.get(name, {}) for name in names} if said else list(names)
    return present(
        {
            "network_mode": networking.mode,
            "networks": networks,
            "dns": list(networking.dns),
            "dns_search": list(networking.dns_search),
            "dns_opt": list(networking.dns_opt),
            "extra_hosts": list(networking.extra_hosts),
            "domainname": networking.domainname,
            "mac_address": networking.mac_address,
        }
    )


def _endpoint(endpoint: Endpoint) -> Mapping[str, Value]:
    return present(
        {
            "aliases": list(endpoint.aliases),
            "ipv4_address": endpoint.ipv4_address,
            "ipv6_address": endpoint.ipv6_address,
            "link_local_ips": list(endpoint.link_local_ips),
            "mac_address": endpoint.mac_address,
            "driver_opts": pairs(endpoint.driver_opts),
            "priority": endpoint.priority or None,
            "gw_priority": endpoint.gw_priority or None,
            "interface_name": endpoint.interface_name,
        }
    )


def _network(network: NetworkSpec) -> Mapping[str, Value]:
    return present(
        {
            "name": text(network.outside_name),
            "external": network.external or None,
            "driver": text(network.driver),
            "driver_opts": pairs(network.driver_opts),
            "internal": network.internal or None,
            "attachable": network.attachable or None,
            "enable_ipv6": network.enable_ipv6 or None,
            "labels": pairs(network.labels),
            "ipam": present(
                {
                    "driver": text(network.ipam.driver),
                    "options": pairs(network.ipam.options),
                    "config": [
                        present(
                            {
                                "subnet": pool.subnet,
                                "gateway": pool.gateway,
                                "ip_range": pool.ip_range,
                                "aux_addresses": pairs(pool.aux_addresses),
                            }
                        )
                        for pool in network.ipam.pools
                    ],
                }
            ),
        }
    )
