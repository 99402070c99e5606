"""What the mounts of a container must keep to."""

from collections.abc import Iterator, Mapping
from typing import Final

from orb.spec import ContainerSpec, Mount, MountKind, VolumeSpec
from orb.validate.shapes import (
    AMOUNT_MAX,
    ITEMS_MAX,
    Finding,
    Steps,
    is_text,
    path_findings,
    range_findings,
    text_findings,
)

PROPAGATIONS: Final = ("", "private", "rprivate", "shared", "rshared", "slave", "rslave")
SELINUX: Final = ("", "z", "Z")
RECURSIVE: Final = ("", "disabled", "writable", "readonly")
MODE_MAX: Final = 0o7777
_ONLY: Final[Mapping[str, tuple[MountKind, ...]]] = {
    "size_bytes": (MountKind.TMPFS,),
    "mode": (MountKind.TMPFS,),
    "volume": (MountKind.VOLUME,),
    "no_copy": (MountKind.VOLUME, MountKind.ANONYMOUS),
    "subpath": (MountKind.VOLUME,),
    "propagation": (MountKind.BIND,),
    "create_host_path": (MountKind.BIND,),
    "selinux": (MountKind.BIND,),
    "recursive": (MountKind.BIND,),
}
"""Of which kinds of mounts something can be said."""


def mount_findings(
    container: ContainerSpec, at: Steps, volumes: Mapping[str, VolumeSpec]
) -> Iterator[Finding]:
    """Everything that is wrong with mounts and memory file systems."""
    mounts = container.mounts
    if len(mounts) + len(container.tmpfs) > ITEMS_MAX:
        count = len(mounts) + len(container.tmpfs)
        yield Finding((*at, "volumes"), f"{count} mounts; at most {ITEMS_MAX} are allowed")
    targets: set[str] = set()
    for number, mount in enumerate(mounts):
        steps = (*at, "volumes", number)
        yield from _target(mount.target, targets, steps)
        yield from range_findings(mount.size_bytes, 0, AMOUNT_MAX, steps, "size")
        yield from range_findings(mount.mode, 0, MODE_MAX, steps, "mode")
        yield from _source(mount, steps, volumes)
        yield from _options(mount, steps)
    for target, options in container.tmpfs.items():
        yield from _target(target, targets, (*at, "tmpfs"))
        yield from text_findings(options, (*at, "tmpfs"))
        if ":" in target:
            yield Finding((*at, "tmpfs"), f"{target[:80]!r} has a colon, which ends the path")


def _target(target: str, targets: set[str], steps: Steps) -> Iterator[Finding]:
    yield from path_findings(target, steps)
    if target.strip("/") == "":
        yield Finding(steps, "nothing can be mounted over the whole file system")
    if target in targets:
        yield Finding(steps, f"two mounts have the target {target[:80]!r}")
    targets.add(target)


def _source(mount: Mount, steps: Steps, volumes: Mapping[str, VolumeSpec]) -> Iterator[Finding]:
    match mount.kind:
        case MountKind.BIND:
            yield from path_findings(mount.source, steps)
        case MountKind.VOLUME:
            declared = volumes.get(mount.source)
            if declared is None:
                yield Finding(steps, f"the volume {mount.source[:80]!r} is not declared")
            elif (mount.volume or VolumeSpec(name=mount.source)) != declared:
                what = f"it takes the volume {mount.source[:80]!r} for another than is declared"
                yield Finding(steps, what)
        case MountKind.TMPFS | MountKind.ANONYMOUS:
            if mount.source:
                yield Finding(steps, "a mount of this kind has no source")


def _options(mount: Mount, steps: Steps) -> Iterator[Finding]:
    for name, kinds in _ONLY.items():
        if getattr(mount, name) and mount.kind not in kinds:
            what = f"`{name}` says nothing of a mount of the kind {mount.kind.name.lower()}"
            yield Finding(steps, what)
    for name, value, known in (
        ("propagation", mount.propagation, PROPAGATIONS),
        ("selinux", mount.selinux, SELINUX),
        ("recursive", mount.recursive, RECURSIVE),
    ):
        if value not in known:
            yield Finding(steps, f"{value[:80]!r} is none of {', '.join(known[1:])} for `{name}`")
    below = mount.subpath
    if below and (below.startswith("/") or ".." in below.split("/") or not is_text(below)):
        yield Finding(steps, f"{below[:80]!r} is not a path inside the volume")
