"""The mounts of a container as the Docker Engine takes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_versions import SUBPATH, at_least
from orb.spec import Mount, MountKind, VolumeSpec

_RECURSIVE: Final[Mapping[str, str]] = {
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}


@dataclass(frozen=True, slots=True)
class OwnVolumes:
    """How the volumes of an app are called and labelled on this node."""

    name: Callable[[str], str]
    labels: Callable[[str], Mapping[str, str]]

    def called(self, mount: Mount) -> str:
        """What the engine calls the volume of a mount."""
        volume = mount.volume or VolumeSpec(name=mount.source)
        if volume.outside_name:
            return volume.outside_name
        return volume.name if volume.external else self.name(volume.name)


def binds(mounts: tuple[Mount, ...]) -> list[str]:
    """The mounts that only the engine's old form can say: it makes paths, and relabels them."""
    return [_bind_text(mount) for mount in mounts if _is_old(mount)]


def mount_bodies(
    api_version: str, mounts: tuple[Mount, ...], volumes: OwnVolumes
) -> list[Mapping[str, object]]:
    """All other mounts. Raises RuntimeFailure for what an old engine would silently not do."""
    return [_body(api_version, mount, volumes) for mount in mounts if not _is_old(mount)]


def _is_old(mount: Mount) -> bool:
    return mount.kind is MountKind.BIND and bool(mount.create_host_path or mount.selinux)


def _bind_text(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw", mount.selinux, mount.propagation]
    return f"{mount.source}:{mount.target}:{','.join(filter(None, options))}"


def _body(api_version: str, mount: Mount, volumes: OwnVolumes) -> Mapping[str, object]:
    body: dict[str, object] = {"Target": mount.target, "ReadOnly": mount.read_only}
    match mount.kind:
        case MountKind.VOLUME:
            options = _volume_options(api_version, mount, volumes)
            return {
                **body,
                "Type": "volume",
                "Source": volumes.called(mount),
                "VolumeOptions": options,
            }
        case MountKind.ANONYMOUS:
            return {**body, "Type": "volume", "VolumeOptions": {"NoCopy": mount.no_copy}}
        case MountKind.BIND:
            bind: dict[str, object] = {"Propagation": mount.propagation or "rprivate"}
            if mount.recursive:
                bind[_RECURSIVE[mount.recursive]] = True
            return {**body, "Type": "bind", "Source": mount.source, "BindOptions": bind}
        case MountKind.TMPFS:
            memory = {"SizeBytes": mount.size_bytes or None, "Mode": mount.mode or None}
            said = {key: value for key, value in memory.items() if value}
            return {**body, "Type": "tmpfs", "TmpfsOptions": said}


def _volume_options(api_version: str, mount: Mount, volumes: OwnVolumes) -> Mapping[str, object]:
    volume = mount.volume or VolumeSpec(name=mount.source)
    options: dict[str, object] = {"NoCopy": mount.no_copy}
    if not volume.external:
        options["Labels"] = {**volume.labels, **volumes.labels(volume.name)}
    if volume.driver or volume.driver_opts:
        driver = volume.driver or "local"
        options["DriverConfig"] = {"Name": driver, "Options": dict(volume.driver_opts)}
    if mount.subpath:
        if not at_least(api_version, SUBPATH):
            raise RuntimeFailure(
                f"the Docker Engine of this node is too old for `subpath`: it has no API {SUBPATH}"
            )
        options["Subpath"] = mount.subpath
    return options
