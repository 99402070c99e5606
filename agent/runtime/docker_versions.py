"""Since which version of its API the Docker Engine can do what."""

from typing import Final

ANNOTATIONS: Final = "1.43"
SEVERAL_NETWORKS: Final = "1.44"
"""A container is made on all of its networks, with an address of its card on each."""
READ_ONLY_RECURSIVE: Final = "1.44"
SUBPATH: Final = "1.45"
GATEWAY_PRIORITY: Final = "1.48"


def at_least(version: str, wanted: str) -> bool:
    """Whether an engine's API is of a version or newer."""
    return _numbers(version) >= _numbers(wanted)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
