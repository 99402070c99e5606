"""What a process does not get, though its service asks for it: processes have no name spaces."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from orb.container import Kernel, Logging, Networking, Security
from orb.spec import ContainerSpec, Mount

NAMES: Final = {
    "device_requests": "gpus",
    "shm_size_bytes": "shm_size",
    "memswap_limit_bytes": "memswap_limit",
    "cpu_period_us": "cpu_period",
    "cpu_quota_us": "cpu_quota",
    "cpu_rt_period_us": "cpu_rt_period",
    "cpu_rt_runtime_us": "cpu_rt_runtime",
    "blkio": "blkio_config",
    "mode": "network_mode",
    "endpoints": "networks",
    "size_bytes": "tmpfs",
}
"""Keys of Compose whose fields are called otherwise."""
_OF_CONTAINER: Final = (
    "hostname", "tty", "stdin_open", "read_only", "tmpfs", "annotations", "networks", "post_start",
    "pre_stop",
)  # fmt: skip
_OF_MOUNTS: Final = ("read_only", "size_bytes", "no_copy", "subpath", "propagation", "selinux")


def lacking(container: ContainerSpec) -> tuple[str, ...]:
    """The keys of Compose that have no effect on a process, in the order of their names."""
    return tuple(sorted(set(_lacking(container))))


def remark(container: ContainerSpec) -> str:
    """What a person should know of a process that runs without them; empty if it lacks nothing."""
    keys = lacking(container)
    return f"as a process it runs without {', '.join(keys)}" if keys else ""


def _lacking(container: ContainerSpec) -> Iterator[str]:
    yield from (name for name in _OF_CONTAINER if getattr(container, name))
    for record, plain in (
        (container.security, Security()),
        (container.kernel, Kernel()),
        (container.logging, Logging()),
        (container.networking, Networking()),
    ):
        changed = [
            f.name for f in fields(plain) if getattr(record, f.name) != getattr(plain, f.name)
        ]
        if isinstance(plain, Logging):
            changed = ["logging"] if changed else []
        yield from (NAMES.get(name, name) for name in changed)
    for mount in container.mounts:
        yield from _of_mount(mount)


def _of_mount(mount: Mount) -> Iterator[str]:
    for name in _OF_MOUNTS:
        if getattr(mount, name):
            yield f"`{NAMES.get(name, name)}` of {mount.target}"
