"""Amounts of what a machine has: whole numbers only, so that sums are exact everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU in thousandths of a core, memory in bytes, devices by kind (`gpu`, `nvidia.com/gpu`, …).

    No amount is negative. A kind with the count 0 is left out, so equal amounts compare equal.
    """

    milli_cpus: int = 0
    memory_bytes: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.milli_cpus + other.milli_cpus,
            self.memory_bytes + other.memory_bytes,
            _sum(self.devices, other.devices, 1) if self.devices or other.devices else {},
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            self.milli_cpus - other.milli_cpus,
            self.memory_bytes - other.memory_bytes,
            _sum(self.devices, other.devices, -1) if self.devices or other.devices else {},
        )

    def fits(self, room: "Resources") -> bool:
        """Whether this much can be taken out of *room*."""
        return (
            self.milli_cpus <= room.milli_cpus
            and self.memory_bytes <= room.memory_bytes
            and all(count <= room.devices.get(kind, 0) for kind, count in self.devices.items())
        )


def _sum(left: Mapping[str, int], right: Mapping[str, int], sign: int) -> dict[str, int]:
    kinds = sorted({**left, **right})
    counts = {kind: left.get(kind, 0) + sign * right.get(kind, 0) for kind in kinds}
    return {kind: count for kind, count in counts.items() if count}
