"""Configs and secrets of a container: each file bound read-only, so that the engine knows only its
path. They are on this machine already."""

from collections.abc import Mapping
from typing import cast

from agent.runtime.base import RuntimeFailure
from agent.runtime.places import Places
from orb.work import Assignment


def with_files(
    body: Mapping[str, object], assignment: Assignment, places: Places | None
) -> Mapping[str, object]:
    """The body of `POST /containers/create` with the files too. Raises RuntimeFailure."""
    grants = assignment.spec.container.files
    if not grants:
        return body
    if places is None:
        raise RuntimeFailure("this agent has no place for configs and secrets")
    host = cast("Mapping[str, object]", body["HostConfig"])
    mounts = cast("list[object]", host.get("Mounts") or [])
    files: list[object] = [
        {"Type": "bind", "Source": str(path), "Target": grant.target, "ReadOnly": True}
        for grant, path in places.files(assignment.task, grants)
    ]
    return {**body, "HostConfig": {**host, "Mounts": [*mounts, *files]}}
