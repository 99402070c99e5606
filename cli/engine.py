"""Whether a Docker Engine answers, and removing what a local cluster left on it.

Plain HTTP over its socket: the SDK belongs to the agent, and takes longer to import than this.
"""

import http.client
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from orb.errors import Unavailable

DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
PING_S: Final = 2.0
"""How long the engine may take to say that it is there."""
REQUEST_S: Final = 30.0
STOPS_AT_ONCE_MAX: Final = 8
"""Containers that are stopped side by side; an engine is not faster with more."""
STOP_GRACE_S: Final = 2
"""How long a container may take to end, once the whole local cluster ends."""


class Engine(NamedTuple):
    """An engine that answered. *host* is as in DOCKER_HOST."""

    host: str
    version: str


def host() -> str:
    """Where the engine of this machine is expected."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_HOST


def find(at: str) -> Engine | str:
    """The engine at that host, or why there is none."""
    try:
        answer = _request(at, "GET", "/version", PING_S)
    except Unavailable as error:
        return error.message
    version = answer.get("Version", "?") if isinstance(answer, dict) else "?"
    return Engine(at, str(version))


def remove_all(at: str, label: str, *, volumes: bool) -> int:
    """Stop and remove the containers and networks (and volumes) with *label*; how many containers.

    Raises Unavailable.
    """
    chosen = quote(json.dumps({"label": [label]}))
    containers = _items(_request(at, "GET", f"/containers/json?all=1&filters={chosen}"), "Id")

    def end(container: str) -> None:
        _request(at, "POST", f"/containers/{container}/stop?t={STOP_GRACE_S}")
        _request(at, "DELETE", f"/containers/{container}?force=1&v=1")

    with ThreadPoolExecutor(STOPS_AT_ONCE_MAX) as pool:
        for _ in pool.map(end, containers):
            pass
    for network in _items(_request(at, "GET", f"/networks?filters={chosen}"), "Id"):
        _request(at, "DELETE", f"/networks/{network}")
    if volumes:
        found = _request(at, "GET", f"/volumes?filters={chosen}")
        listed = found.get("Volumes") if isinstance(found, dict) else None
        for volume in _items(listed, "Name"):
            _request(at, "DELETE", f"/volumes/{quote(volume)}?force=1")
    return len(containers)


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _request(at: str, method: str, path: str, timeout: float = REQUEST_S) -> object:
    """The answer as JSON, None for none. What is gone already is no error. Raises Unavailable."""
    connection = _connection(at, timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unavailable(f"no Docker Engine answers at {at} ({why})") from None
    finally:
        connection.close()
    if answer.status in {304, 404}:
        return None
    if answer.status >= 400:
        said = body.decode("utf-8", "replace").strip()
        raise Unavailable(f"the Docker Engine at {at} answered {answer.status}: {said}")
    return json.loads(body) if body else None


def _connection(at: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(at)
    if parts.scheme == "unix":
        return _Connection(parts.path, timeout)
    return http.client.HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=timeout)


def _items(answer: object, key: str) -> list[str]:
    if not isinstance(answer, list):
        return []
    return [str(item[key]) for item in answer if isinstance(item, dict) and key in item]
