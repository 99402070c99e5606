"""What this machine is: CPUs, memory, disk, devices, platform. What is found is what it offers."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from agent.runtime.base import Runtime
from orb.ids import NodeName
from orb.resources import Resources
from orb.work import NodeFacts

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""The kernel's names, and those of Docker and Go."""
GPU: Final = "gpu"
_NVIDIA: Final = re.compile(r"nvidia[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the configuration says of this machine; zeros and nothing mean: what was found."""

    name: NodeName
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)
    cpus: int = 0
    memory_bytes: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)


class MachineFacts:
    """Reads the facts of this machine; *data* is a folder on the disk that counts."""

    def __init__(self, offer: Offer, runtime: Runtime, data: Path) -> None:
        self._offer = offer
        self._runtime = runtime
        self._data = data

    async def read(self) -> NodeFacts:
        """The facts of this moment. Raises RuntimeFailure while the runtime does not answer."""
        runtime_version, volumes = await self._runtime.facts()
        system = os.uname()
        return NodeFacts(
            name=self._offer.name,
            address=self._offer.address,
            os=system.sysname.lower(),
            arch=ARCHITECTURES.get(system.machine, system.machine),
            capacity=await asyncio.to_thread(self._capacity),
            disk_bytes=shutil.disk_usage(self._data).total,
            labels=dict(self._offer.labels),
            runtime=self._runtime.name,
            runtime_version=runtime_version,
            agent_version=version("orb"),
            kernel=system.release,
            volumes=tuple(sorted(volumes)),
        )

    def _capacity(self) -> Resources:
        cpus = self._offer.cpus or len(os.sched_getaffinity(0))
        memory = self._offer.memory_bytes or meminfo(Path("/proc/meminfo"))["MemTotal"]
        devices = self._offer.devices or _devices(Path("/dev"))
        counts = {kind: count for kind, count in sorted(devices.items()) if count}
        return Resources(cpus * 1000, memory, counts)


def meminfo(path: Path) -> Mapping[str, int]:
    """The kernel's table of memory, in bytes."""
    table = {}
    for line in path.read_text().splitlines():
        name, _, amount = line.partition(":")
        number, _, unit = amount.strip().partition(" ")
        table[name] = int(number) * (1024 if unit == "kB" else 1)
    return table


def _devices(directory: Path) -> Mapping[str, int]:
    """The devices that tasks can have for themselves: one GPU for each `nvidia<number>`."""
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return {GPU: sum(1 for name in names if _NVIDIA.fullmatch(name))}
