"""What a container gets of its machine, as the Docker Engine takes it: `HostConfig`."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_attach import Attachment
from agent.runtime.docker_mounts import OwnVolumes, binds, mount_bodies
from agent.runtime.docker_versions import ANNOTATIONS, at_least
from orb.container import BlockIo, Device, DeviceRate, Kernel, Logging, Security
from orb.resources import Resources
from orb.spec import ContainerSpec, Port, Protocol, PublishMode, TaskSpec
from orb.work import Assignment

LOG_DRIVER: Final = "json-file"
LOG_BYTES_MAX: Final = "10m"
"""Docker starts a new log file then, and keeps LOG_FILES_MAX of them."""
LOG_FILES_MAX: Final = "3"
CPU_PERIOD_MICROSECONDS: Final = 100_000
CPU_QUOTA_MICROSECONDS_MIN: Final = 1_000
"""The kernel takes no smaller quota."""
CPU_SHARES_MIN: Final = 2
GPU_KINDS: Final = frozenset({"gpu", "nvidia.com/gpu"})
UNMASKED: Final = "systempaths=unconfined"
"""The option of which the engine knows no name: nothing of /proc and /sys is hidden."""

_log = logging.getLogger(__name__)


def host_config(
    api_version: str,
    volumes: OwnVolumes,
    assignment: Assignment,
    address: str,
    attachments: tuple[Attachment, ...],
) -> Mapping[str, object]:
    """`HostConfig` of a task. Raises RuntimeFailure."""
    spec = assignment.spec
    container = spec.container
    mode = container.networking.mode
    body: dict[str, object] = {
        "NetworkMode": attachments[0].reference(api_version) if attachments else mode,
        "RestartPolicy": {"Name": "no"},
        "PortBindings": {} if mode in {"host", "none"} else _bindings(spec.ports, address),
        "Binds": binds(container.mounts),
        "Mounts": mount_bodies(api_version, container.mounts, volumes),
        "Tmpfs": dict(container.tmpfs),
        "Init": container.init,
        "ReadonlyRootfs": container.read_only,
        "LogConfig": _log_config(container.logging),
        **_names(container),
        **_rights(container.security),
        **_cpu(spec),
        **_memory(spec),
        **_kernel(container.kernel),
    }
    requests = _device_requests(spec.reservations, container.security)
    if requests:
        body["DeviceRequests"] = requests
    if container.annotations and at_least(api_version, ANNOTATIONS):
        body["Annotations"] = dict(container.annotations)
    elif container.annotations:
        _log.warning(
            "%s has no annotations: the Docker Engine is too old (it has no API %s)",
            assignment.replica.name,
            ANNOTATIONS,
        )
    return body


def published(port: Port, address: str) -> tuple[str, str]:
    """Where on this node a port is to answer: (IP, port); an empty port is the engine's choice."""
    host = str(port.published) if port.mode is PublishMode.HOST and port.published else ""
    return port.host_ip or address, host


def port_key(port: Port) -> str:
    """The port as the Engine spells it."""
    return f"{port.target}/{'udp' if port.protocol is Protocol.UDP else 'tcp'}"


def _bindings(ports: Sequence[Port], address: str) -> dict[str, list[Mapping[str, str]]]:
    bindings: dict[str, dict[tuple[str, str], None]] = {}
    for port in ports:
        if port.published is not None:
            # The same container port published twice through the proxy needs one port of the node.
            bindings.setdefault(port_key(port), {})[published(port, address)] = None
    return {
        key: [{"HostIp": ip, "HostPort": number} for ip, number in places]
        for key, places in bindings.items()
    }


def _log_config(logging_spec: Logging) -> Mapping[str, object]:
    """Files are bounded unless the person bounds them otherwise."""
    driver = logging_spec.driver or LOG_DRIVER
    options = dict(logging_spec.options)
    if driver == LOG_DRIVER and "max-size" not in options:
        options = {"max-file": LOG_FILES_MAX, **options, "max-size": LOG_BYTES_MAX}
    return {"Type": driver, "Config": options}


def _names(container: ContainerSpec) -> dict[str, object]:
    networking = container.networking
    return _said(
        {
            "Dns": list(networking.dns),
            "DnsSearch": list(networking.dns_search),
            "DnsOptions": list(networking.dns_opt),
            "ExtraHosts": list(networking.extra_hosts),
        }
    )


def _rights(security: Security) -> dict[str, object]:
    options = [option for option in security.security_opt if option != UNMASKED]
    body = _said(
        {
            "Privileged": security.privileged,
            "CapAdd": list(security.cap_add),
            "CapDrop": list(security.cap_drop),
            "SecurityOpt": options,
            "Devices": [_device(device) for device in security.devices if device.target],
            "DeviceCgroupRules": list(security.device_cgroup_rules),
            "GroupAdd": list(security.group_add),
            "IpcMode": security.ipc,
            "PidMode": security.pid,
            "UTSMode": security.uts,
            "UsernsMode": security.userns_mode,
            "CgroupnsMode": security.cgroup,
            "Runtime": security.runtime,
        }
    )
    if UNMASKED in security.security_opt:
        body |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return body


def _device(device: Device) -> Mapping[str, str]:
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.target,
        "CgroupPermissions": device.permissions or "rwm",
    }


def _device_requests(reserved: Resources, security: Security) -> list[Mapping[str, object]]:
    requests: list[Mapping[str, object]] = [
        {
            "Driver": request.driver,
            "Count": request.count,
            "DeviceIDs": list(request.device_ids),
            "Capabilities": [list(request.capabilities)],
            "Options": dict(request.options),
        }
        for request in security.device_requests
    ]
    named = [device.source for device in security.devices if not device.target]
    if named:
        requests.append({"Driver": "cdi", "DeviceIDs": named})
    asked = {request.capabilities[0] for request in security.device_requests}
    unknown = sorted(set(reserved.devices) - GPU_KINDS - asked)
    if unknown:
        raise RuntimeFailure(f"the Docker runtime cannot give the device {unknown[0]!r}")
    count = sum(number for kind, number in reserved.devices.items() if kind not in asked)
    if count:
        requests.append({"Count": count, "Capabilities": [["gpu"]]})
    return requests


def _cpu(spec: TaskSpec) -> dict[str, object]:
    kernel = spec.container.kernel
    quota = spec.limits.milli_cpus * CPU_PERIOD_MICROSECONDS // 1_000
    shares = spec.reservations.milli_cpus * 1_024 // 1_000
    own = {"CpuPeriod": kernel.cpu_period_us, "CpuQuota": kernel.cpu_quota_us}
    ours = {
        "CpuPeriod": CPU_PERIOD_MICROSECONDS,
        "CpuQuota": max(quota, CPU_QUOTA_MICROSECONDS_MIN),
    }
    return _said(
        {
            **(ours if quota else own),
            "CpuShares": kernel.cpu_shares or (max(shares, CPU_SHARES_MIN) if shares else 0),
            "CpusetCpus": kernel.cpuset,
            "CpuRealtimePeriod": kernel.cpu_rt_period_us,
            "CpuRealtimeRuntime": kernel.cpu_rt_runtime_us,
        }
    )


def _memory(spec: TaskSpec) -> dict[str, object]:
    """The reservation is what is kept under pressure; the Engine wants it below the limit."""
    kernel = spec.container.kernel
    reserved, limit = spec.reservations.memory_bytes, spec.limits.memory_bytes
    body = _said(
        {
            "Memory": limit,
            "MemoryReservation": min(reserved, limit) if limit else reserved,
            "MemorySwap": kernel.memswap_limit_bytes,
            "OomKillDisable": kernel.oom_kill_disable,
            "OomScoreAdj": kernel.oom_score_adj,
            "ShmSize": kernel.shm_size_bytes,
        }
    )
    if kernel.mem_swappiness is not None:
        body["MemorySwappiness"] = kernel.mem_swappiness
    return body


def _kernel(kernel: Kernel) -> dict[str, object]:
    return _said(
        {
            "Ulimits": [
                {"Name": each.name, "Soft": each.soft, "Hard": each.hard} for each in kernel.ulimits
            ],
            "Sysctls": dict(kernel.sysctls),
            "PidsLimit": kernel.pids_limit,
            "CgroupParent": kernel.cgroup_parent,
            "StorageOpt": dict(kernel.storage_opt),
            **_block_io(kernel.blkio),
        }
    )


def _block_io(blkio: BlockIo) -> dict[str, object]:
    return {
        "BlkioWeight": blkio.weight,
        "BlkioWeightDevice": _rates("Weight", blkio.weight_device),
        "BlkioDeviceReadBps": _rates("Rate", blkio.device_read_bps),
        "BlkioDeviceWriteBps": _rates("Rate", blkio.device_write_bps),
        "BlkioDeviceReadIOps": _rates("Rate", blkio.device_read_iops),
        "BlkioDeviceWriteIOps": _rates("Rate", blkio.device_write_iops),
    }


def _rates(word: str, rates: tuple[DeviceRate, ...]) -> list[Mapping[str, object]]:
    return [{"Path": each.path, word: each.rate} for each in rates]


def _said(values: Mapping[str, object]) -> dict[str, object]:
    """What says something: the rest is the engine's choice."""
    return {key: value for key, value in values.items() if value}
