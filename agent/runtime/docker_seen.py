"""What the Docker Engine shows of a container, in our words."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from agent.runtime.base import Running
from orb.ids import Millis, TaskId
from orb.spec import Healthcheck
from orb.work import BoundPort


def running_of(
    inspected: Mapping[str, Any], task: TaskId, address: str, healthcheck: Healthcheck | None
) -> Running:
    """The task in an inspected container; its ports answer on *address*."""
    state = inspected["State"]
    ended = state["Status"] in {"exited", "dead"}
    code = int(state["ExitCode"])
    return Running(
        task=task,
        container_id=inspected["Id"],
        started=state["Status"] != "created",
        running=bool(state["Running"]),
        exit_code=code if ended else None,
        # A child that was killed sets the flag too; the task itself then ends otherwise.
        oom_killed=bool(state["OOMKilled"]) and code == 137,
        error=str(state["Error"]),
        started_at=_millis(state["StartedAt"]),
        finished_at=_millis(state["FinishedAt"]) if ended else None,
        image_id=inspected["Image"],
        ports=_ports(inspected, address),
        image_healthcheck=healthcheck,
    )


def addresses_of(container: Mapping[str, Any]) -> list[str]:
    """Where a listed container is reached from its node."""
    if container["HostConfig"]["NetworkMode"] == "host":
        return ["127.0.0.1"]
    networks = container["NetworkSettings"]["Networks"].values()
    return [network["IPAddress"] for network in networks if network["IPAddress"]]


def _millis(text: str) -> Millis | None:
    """The Engine's time with nanoseconds; its zero time stands for never."""
    if not text or text.startswith("0001-"):
        return None
    stamp = dt.datetime.fromisoformat(text[:19] + "+00:00")
    fraction = text[19:].strip("Z").lstrip(".")[:3].ljust(3, "0")
    return Millis(int(stamp.timestamp()) * 1_000 + int(fraction or 0))


def _ports(inspected: Mapping[str, Any], address: str) -> tuple[BoundPort, ...]:
    bound = inspected["NetworkSettings"]["Ports"] or {}
    places = {
        (int(key.partition("/")[0]), int(place["HostPort"]), key.partition("/")[2])
        for key, found in bound.items()
        for place in found or ()
    }
    if inspected["HostConfig"]["NetworkMode"] == "host":
        # What it opens, it opens on the node itself.
        exposed = inspected["Config"].get("ExposedPorts") or {}
        numbers = [(int(key.partition("/")[0]), key.partition("/")[2]) for key in exposed]
        places = {(number, number, protocol) for number, protocol in numbers}
    return tuple(
        BoundPort(container=container, host=host, address=address, protocol=protocol)
        for container, host, protocol in sorted(places)
    )
