"""What the rights of a container, and the kernel's limits on it, must keep to."""

import re
from collections.abc import Iterator
from typing import Final

from orb.container import BlockIo, Device, DeviceRequest, Kernel, Security
from orb.resources import Resources
from orb.validate.shapes import (
    AMOUNT_MAX,
    ITEMS_MAX,
    Finding,
    Steps,
    item_findings,
    pair_findings,
    path_findings,
    range_findings,
    text_findings,
)

CAPABILITIES: Final = (
    "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF",
    "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
    "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
    "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE",
    "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM",
)  # fmt: skip
"""What Linux knows, and what stands for all of it."""
ULIMITS: Final = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
    "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
"""What engines know."""
NAMESPACES: Final = {
    "ipc": ("", "none", "private", "shareable", "host"),
    "pid": ("", "host"),
    "uts": ("", "host"),
    "userns_mode": ("", "host"),
    "cgroup": ("", "private", "host"),
}
"""The name spaces of a container, and whose they may be."""

_CAPABILITY: Final = re.compile("|".join(CAPABILITIES))
_RULE: Final = re.compile(r"[acb] (\d{1,6}|\*):(\d{1,6}|\*) [rwm]{1,3}")
_GROUP: Final = re.compile(r"[\w.@-]{1,64}")
_PERMISSIONS: Final = re.compile(r"[rwm]{0,3}")
_CDI: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z][\w.-]*=[\w.:-]+")
_RUNTIME: Final = re.compile(r"[A-Za-z0-9][\w./-]{0,254}")
_WORD: Final = re.compile(r"[\w./:=-]+")
_CPUSET: Final = re.compile(r"\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*")
_SYSCTL: Final = re.compile(r"[a-z0-9_-]+([./][A-Za-z0-9_*-]+)+")


def is_cdi(name: str) -> bool:
    """Whether a device is named as CDI does it: `nvidia.com/gpu=all`."""
    return _CDI.fullmatch(name) is not None


def security_findings(security: Security, at: Steps) -> Iterator[Finding]:
    """Everything that is wrong with the rights."""
    for name, names in (("cap_add", security.cap_add), ("cap_drop", security.cap_drop)):
        yield from item_findings(names, _CAPABILITY, (*at, name), "a capability of Linux")
    if len(security.security_opt) > ITEMS_MAX:
        yield Finding((*at, "security_opt"), f"at most {ITEMS_MAX} are allowed")
    for option in security.security_opt:
        yield from text_findings(option, (*at, "security_opt"))
    rules = security.device_cgroup_rules
    yield from item_findings(rules, _RULE, (*at, "device_cgroup_rules"), "a rule like `c 1:3 rwm`")
    yield from item_findings(security.group_add, _GROUP, (*at, "group_add"), "a group")
    yield from _devices(security.devices, (*at, "devices"))
    yield from _requests(security.device_requests, (*at, "gpus"))
    for name, known in NAMESPACES.items():
        value = getattr(security, name)
        if value not in known:
            words = ", ".join(known[1:])
            yield Finding((*at, name), f"{value[:80]!r} is none of {words}")
    if security.runtime and not _RUNTIME.fullmatch(security.runtime):
        yield Finding((*at, "runtime"), f"{security.runtime[:80]!r} is not the name of a runtime")


def _devices(devices: tuple[Device, ...], at: Steps) -> Iterator[Finding]:
    if len(devices) > ITEMS_MAX:
        yield Finding(at, f"at most {ITEMS_MAX} are allowed")
    for number, device in enumerate(devices[:ITEMS_MAX]):
        yield from _device(device, (*at, number))


def _requests(requests: tuple[DeviceRequest, ...], at: Steps) -> Iterator[Finding]:
    if len(requests) > ITEMS_MAX:
        yield Finding(at, f"at most {ITEMS_MAX} are allowed")
    for number, request in enumerate(requests[:ITEMS_MAX]):
        steps = (*at, number)
        yield from range_findings(request.count, -1, AMOUNT_MAX, steps, "count")
        if bool(request.count) is bool(request.device_ids):
            yield Finding(steps, "a device is asked for by `count`, or by `device_ids`")
        if not request.capabilities:
            yield Finding(steps, "a device needs `capabilities`")
        for words in (request.device_ids, request.capabilities):
            yield from item_findings(words, _WORD, steps, "a word for a device")
        if request.driver and not _RUNTIME.fullmatch(request.driver):
            yield Finding(steps, f"{request.driver[:80]!r} is not the name of a driver")
        yield from pair_findings(request.options, steps)


def _device(device: Device, steps: Steps) -> Iterator[Finding]:
    if is_cdi(device.source):
        return
    yield from path_findings(device.source, steps)
    if device.target:
        yield from path_findings(device.target, steps)
    if not _PERMISSIONS.fullmatch(device.permissions):
        yield Finding(steps, f"{device.permissions[:80]!r} are no permissions: use r, w and m")


def kernel_findings(kernel: Kernel, limits: Resources, at: Steps) -> Iterator[Finding]:
    """Everything that is wrong with the limits of the kernel."""
    yield from _ulimits(kernel, (*at, "ulimits"))
    yield from pair_findings(kernel.sysctls, (*at, "sysctls"))
    for name in kernel.sysctls:
        if not _SYSCTL.fullmatch(name):
            yield Finding((*at, "sysctls"), f"{name[:80]!r} is not a setting of the kernel")
    for name, number, least, most in (
        ("shm_size", kernel.shm_size_bytes, 0, AMOUNT_MAX),
        ("pids_limit", kernel.pids_limit, -1, 2**32),
        ("memswap_limit", kernel.memswap_limit_bytes, -1, AMOUNT_MAX),
        ("mem_swappiness", kernel.mem_swappiness or 0, 0, 100),
        ("oom_score_adj", kernel.oom_score_adj, -1000, 1000),
        ("cpu_shares", kernel.cpu_shares, 0, 262_144),
        ("cpu_period", kernel.cpu_period_us, 0, 1_000_000),
        ("cpu_quota", kernel.cpu_quota_us, -1, AMOUNT_MAX),
        ("cpu_rt_period", kernel.cpu_rt_period_us, 0, AMOUNT_MAX),
        ("cpu_rt_runtime", kernel.cpu_rt_runtime_us, 0, AMOUNT_MAX),
    ):
        yield from range_findings(number, least, most, (*at, name), name)
    yield from _together(kernel, limits, at)
    if kernel.cpuset and not _CPUSET.fullmatch(kernel.cpuset):
        yield Finding((*at, "cpuset"), f"{kernel.cpuset[:80]!r} are no cores", "Write `0-3,5`.")
    yield from text_findings(kernel.cgroup_parent, (*at, "cgroup_parent"))
    yield from pair_findings(kernel.storage_opt, (*at, "storage_opt"))
    yield from _block_io(kernel.blkio, (*at, "blkio_config"))


def _together(kernel: Kernel, limits: Resources, at: Steps) -> Iterator[Finding]:
    """What engines refuse because two settings do not go together."""
    if limits.milli_cpus and (kernel.cpu_period_us or kernel.cpu_quota_us):
        what = "a limit of CPUs cannot stand beside `cpu_period` and `cpu_quota`"
        name = "cpu_quota" if kernel.cpu_quota_us else "cpu_period"
        yield Finding((*at, name), what, "Keep one of them.")
    swap = kernel.memswap_limit_bytes
    if swap > 0 and not limits.memory_bytes:
        what = "`memswap_limit` is memory and swap together, and needs a limit of memory"
        yield Finding((*at, "memswap_limit"), what, "Set `mem_limit` too.")
    elif 0 < swap < limits.memory_bytes:
        what = "`memswap_limit` is memory and swap together: it is less than the limit of memory"
        yield Finding((*at, "memswap_limit"), what)


def _ulimits(kernel: Kernel, at: Steps) -> Iterator[Finding]:
    names = [limit.name for limit in kernel.ulimits]
    if names != sorted(set(names)):
        yield Finding(at, "the limits are not in the order of their names, each once")
    for limit in kernel.ulimits:
        if limit.name not in ULIMITS:
            yield Finding(at, f"{limit.name[:80]!r} is none of {', '.join(ULIMITS)}")
        for number in (limit.soft, limit.hard):
            yield from range_findings(number, -1, AMOUNT_MAX, at, limit.name[:80])
        if limit.hard != -1 and (limit.soft == -1 or limit.soft > limit.hard):
            yield Finding(at, f"{limit.name[:80]}: the soft limit is above the hard one")


def _block_io(blkio: BlockIo, at: Steps) -> Iterator[Finding]:
    if blkio.weight:
        yield from range_findings(blkio.weight, 10, 1_000, at, "weight")
    for name in (
        "weight_device",
        "device_read_bps",
        "device_write_bps",
        "device_read_iops",
        "device_write_iops",
    ):
        rates = getattr(blkio, name)
        least, most = (10, 1_000) if name == "weight_device" else (0, AMOUNT_MAX)
        if len(rates) > ITEMS_MAX:
            yield Finding(at, f"{name}: at most {ITEMS_MAX} are allowed")
        for each in rates:
            yield from path_findings(each.path, at)
            yield from range_findings(each.rate, least, most, at, name)
