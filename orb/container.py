"""What a container is given beside its image: rights, limits, logs, networks.

Names are Compose's where Compose has one. Whatever is left at its default is the engine's choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the node, handed to the container."""

    source: str
    """Its path on the node, or its CDI name: `vendor.com/class=name`."""
    target: str = ""
    permissions: str = ""
    """Of `r`, `w` and `m`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """Devices that a driver of the engine hands over, where more is said than a count."""

    driver: str = ""
    count: int = 0
    """-1 for all of the node; 0 with *device_ids*."""
    device_ids: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    """All of them must be had; the first one is the kind."""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the container may do beyond, or less than, any other."""

    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    """Capabilities in capitals, without `CAP_`."""
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    """As the engine takes them; the content of a seccomp profile, not its path."""
    devices: tuple[Device, ...] = ()
    device_requests: tuple[DeviceRequest, ...] = ()
    """Empty: the devices that are reserved, by their count."""
    device_cgroup_rules: tuple[str, ...] = ()
    group_add: tuple[str, ...] = ()
    ipc: str = ""
    """The name spaces: empty for the engine's choice, `host` for the node's own."""
    pid: str = ""
    uts: str = ""
    userns_mode: str = ""
    cgroup: str = ""
    runtime: str = ""
    """The engine's name for what runs the container: `runc`, `runsc`, `nvidia`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A resource limit of processes; -1 for none."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRate:
    """What a container gets of a block device: a weight, or bytes or operations a second."""

    path: str
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIo:
    """`blkio_config`: how the container shares block devices; 0 for no weight."""

    weight: int = 0
    weight_device: tuple[DeviceRate, ...] = ()
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What the kernel holds the container to, beside its CPU and memory."""

    ulimits: tuple[Ulimit, ...] = ()
    """In the order of their names."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    shm_size_bytes: int = 0
    pids_limit: int = 0
    """Processes at most; 0 and -1 for no bound."""
    memswap_limit_bytes: int = 0
    """Memory and swap together; -1 for no bound."""
    mem_swappiness: int | None = None
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    cpuset: str = ""
    cpu_shares: int = 0
    """0: by the CPU that is reserved."""
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpu_rt_period_us: int = 0
    cpu_rt_runtime_us: int = 0
    cgroup_parent: str = ""
    storage_opt: Mapping[str, str] = field(default_factory=dict)
    blkio: BlockIo = field(default_factory=BlockIo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Where the engine keeps the output. Empty: files on the node, within the agent's bounds."""

    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpamPool:
    """A range of addresses of a network."""

    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipam:
    """Who gives the addresses of a network, and out of which ranges."""

    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    pools: tuple[IpamPool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network of an app, as declared: each node that needs it has one of its own."""

    name: str
    outside_name: str = ""
    """What the engine calls it; empty: Orb names it after the app."""
    external: bool = False
    """It exists on the node already, and is never made or removed."""
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False
    """Nothing outside is reached from it."""
    attachable: bool = False
    enable_ipv6: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    ipam: Ipam = field(default_factory=Ipam)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How a container is on one of its networks, where more is said than that it is."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    """The network with the highest one is the container's first."""
    gw_priority: int = 0
    """The network with the highest one leads outside."""
    interface_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Networking:
    """How a container reaches others, beside the names of its networks."""

    mode: str = ""
    """Empty: the networks of the app. `none`, `host`, or `bridge`, the engine's own."""
    endpoints: tuple[Endpoint, ...] = ()
    """In the order of the networks' names; only where something is said."""
    networks: tuple[NetworkSpec, ...] = ()
    """The definitions of the container's networks that say more than a name, by name."""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    """`name:address`, or `name:host-gateway`."""
    domainname: str = ""
    mac_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command that runs inside the container after it has started, or before it is stopped."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
