"""Runs tasks as containers of a Docker Engine. Everything of ours is found by label."""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import docker.errors

from agent.runtime.base import OutputLine, Running, RuntimeFailure, Terminal
from agent.runtime.docker_container import (
    LABEL_OWNER,
    LABEL_TASK,
    LABEL_VOLUME,
    Owner,
    container_body,
    image_with_tag,
)
from agent.runtime.docker_engine import Engine, closing
from agent.runtime.docker_files import with_files
from agent.runtime.docker_network import Networks
from agent.runtime.docker_streams import Command, log_lines, tcp_answers
from agent.runtime.places import Places
from orb.ids import Millis, TaskId
from orb.spec import Healthcheck
from orb.work import Assignment, BoundPort

LOOK_AGAIN_SECONDS: Final = 10.0
"""Events are hints and may be lost: whoever listens to `changes` is woken this often anyway."""
EVENTS_RETRY_SECONDS: Final = 1.0
STOP_POLL_SECONDS: Final = 0.2
PROBE_ANSWER_BYTES_MAX: Final = 4_096
"""More of a health test's answer is thrown away."""

_log = logging.getLogger(__name__)


class DockerRuntime:
    """The Engine at *host*, for one node; published ports answer on *address*."""

    name = "docker"

    def __init__(self, host: str, owner: Owner, address: str, places: Places | None = None) -> None:
        """Without *places* it refuses tasks that have configs or secrets."""
        self._places = places
        self._engine = Engine(host)
        self._owner = owner
        self._networks = Networks(self._engine, owner)
        self._address = address
        self._ended: dict[str, Running] = {}
        """Containers that have ended never change again: they are inspected once."""
        self._tests: dict[str, Healthcheck | None] = {}
        """The healthchecks of images, which never change either; forgotten with their users."""

    async def facts(self) -> tuple[str, Sequence[str]]:
        """The Engine's version, and the tracked volumes on it."""
        api = await self._engine.connect()
        version = await self._engine.read(api.version)
        volumes = await self._engine.read(api.volumes, self._ours())
        names = [volume["Labels"].get(LABEL_VOLUME, "") for volume in volumes["Volumes"] or ()]
        return str(version["Version"]), sorted(name for name in names if name)

    async def prepare(self, assignment: Assignment) -> None:
        """Have the image on this machine. Raises RuntimeFailure."""
        api = await self._engine.connect()
        image = image_with_tag(assignment.spec.container.image)
        try:
            await self._engine.read(api.inspect_image, image)
        except docker.errors.NotFound:
            await self._pull(image)

    async def start(self, assignment: Assignment) -> Running:
        """Make and start the container, or take over the one that is there."""
        api = await self._engine.connect()
        found = await self._find(assignment.task)
        identity = found["Id"] if found else await self._create(assignment)
        if found and found["State"] != "created":
            return await self._inspect(identity, assignment.task)
        try:
            await self._engine.change(api.start, identity)
        except (RuntimeFailure, docker.errors.NotFound) as error:
            if isinstance(error, docker.errors.NotFound):
                raise RuntimeFailure(str(error.explanation), temporary=True) from error
            if not error.temporary:
                # A failed start leaves the container behind, as if it had never been tried.
                await self._remove(identity)
                await self._networks.remove([await self._network(assignment)])
            raise
        return await self._inspect(identity, assignment.task)

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        """Signal the container, wait up to the grace period, then kill it."""
        api = await self._engine.connect()
        found = await self._find(task)
        if found is None or found["State"] in {"exited", "dead", "created"}:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_ms / 1_000
        await self._kill(found["Id"], signal)
        while loop.time() < deadline:
            if not await self._runs(found["Id"]):
                return
            await asyncio.sleep(min(STOP_POLL_SECONDS, max(0.0, deadline - loop.time())))
        await self._kill(found["Id"], "SIGKILL")
        with contextlib.suppress(docker.errors.NotFound):
            await self._engine.read(api.wait, found["Id"])

    async def remove(self, task: TaskId) -> None:
        """Remove the container, its anonymous volumes, and the app's network if it was the last."""
        found = await self._find(task)
        if found is not None:
            await self._remove(found["Id"])
            networks = found["NetworkSettings"]["Networks"].values()
            await self._networks.remove([network["NetworkID"] for network in networks])

    async def list(self) -> Sequence[Running]:
        """All containers of ours on this engine."""
        api = await self._engine.connect()
        found = await self._engine.read(api.containers, all=True, filters=self._ours())
        known = {container["Id"] for container in found}
        self._ended = {key: value for key, value in self._ended.items() if key in known}
        images = {container["ImageID"] for container in found}
        self._tests = {key: value for key, value in self._tests.items() if key in images}
        seen = await asyncio.gather(*(self._look(container) for container in found))
        return [running for running in seen if running is not None]

    async def changes(self) -> AsyncIterator[None]:
        """Yield at each event of ours, at each reconnect, and every LOOK_AGAIN_SECONDS."""
        query = {
            "filters": f'{{"label":["{LABEL_OWNER}={self._owner.label}"],"type":["container"]}}'
        }
        while True:
            yield
            try:
                reader, writer = await self._engine.open("GET", "/events", query, None)
            except RuntimeFailure as failure:
                _log.warning("%s", failure)
                await asyncio.sleep(EVENTS_RETRY_SECONDS)
                continue
            async with closing(writer):
                ended = False
                while not ended:
                    yield
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                            ended = not await reader.read(65_536)
            await asyncio.sleep(EVENTS_RETRY_SECONDS)

    def logs(
        self, task: TaskId, *, tail: int | None, since: Millis | None, follow: bool
    ) -> AsyncIterator[OutputLine]:
        """What the container wrote, oldest first."""
        return self._logs(task, tail, since, follow=follow)

    async def execute(
        self, task: TaskId, command: Sequence[str], *, tty: bool, stdin: bool
    ) -> Terminal:
        """Run a command in the container."""
        found = await self._find(task)
        if found is None or found["State"] != "running":
            raise RuntimeFailure("the container does not run")
        return await Command.start(self._engine, found["Id"], command, tty=tty, stdin=stdin)

    async def probe(
        self, task: TaskId, test: Sequence[str], timeout_ms: Millis
    ) -> tuple[bool, str]:
        """Run a health test: a command inside, or a connect from outside."""
        found = await self._find(task)
        if found is None or found["State"] != "running":
            return False, "the container does not run"
        kind, *words = test
        if kind == "TCP":
            return await tcp_answers(_addresses(found), int(words[0]), timeout_ms)
        command = ["/bin/sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        running = await Command.start(self._engine, found["Id"], command, tty=False, stdin=False)
        answer = bytearray()
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                async for _, chunk in running.output():
                    answer += chunk[: PROBE_ANSWER_BYTES_MAX - len(answer)]
                code = await running.wait()
        except TimeoutError:
            return False, f"no answer within {timeout_ms} ms"
        finally:
            await running.close()
        text = answer.decode(errors="replace").strip()
        return code == 0, text or f"exit code {code}"

    async def close(self) -> None:
        """Let the engine go; the containers stay."""
        await self._engine.close()

    def _ours(self) -> dict[str, str]:
        return {"label": f"{LABEL_OWNER}={self._owner.label}"}

    async def _find(self, task: TaskId) -> Mapping[str, Any] | None:
        api = await self._engine.connect()
        labels = [f"{LABEL_OWNER}={self._owner.label}", f"{LABEL_TASK}={task}"]
        found = await self._engine.read(api.containers, all=True, filters={"label": labels})
        return found[0] if found else None

    async def _pull(self, image: str) -> None:
        """Pull the image; the Engine's answer is a stream of progress with errors among it."""
        api = await self._engine.pulls()

        def pull() -> str:
            for step in api.pull(image, stream=True, decode=True):
                if "error" in step:
                    return str(step["error"])
            return ""

        try:
            error = await self._engine.change(pull)
        except docker.errors.NotFound as missing:
            error = str(missing.explanation)
        except RuntimeFailure as failure:
            if failure.temporary:
                raise
            error = str(failure)
        if error:
            message = f"the image {image} is not on this node and cannot be pulled: {error}"
            raise RuntimeFailure(message, image_missing=True)

    async def _create(self, assignment: Assignment) -> str:
        api = await self._engine.connect()
        network = await self._network(assignment)
        body = container_body(api.api_version, self._owner, assignment, self._address, network)
        body = with_files(body, assignment, self._places)
        name = self._owner.container(assignment.replica, assignment.task)
        try:
            made = await self._engine.change(api.create_container_from_config, body, name)
        except docker.errors.ImageNotFound as error:
            raise RuntimeFailure(str(error.explanation), image_missing=True) from error
        except docker.errors.NotFound as error:
            raise RuntimeFailure(str(error.explanation), temporary=True) from error
        for warning in made["Warnings"] or ():
            _log.warning("%s: %s", assignment.replica.name, warning)
        return str(made["Id"])

    async def _network(self, assignment: Assignment) -> str:
        replica = assignment.replica
        return await self._networks.have(replica.environment, replica.app)

    async def _remove(self, identity: str) -> None:
        api = await self._engine.connect()
        with contextlib.suppress(docker.errors.NotFound):
            try:
                await self._engine.change(api.remove_container, identity, v=True, force=True)
            except RuntimeFailure as failure:
                if "already in progress" not in str(failure):
                    raise

    async def _kill(self, identity: str, signal: str) -> None:
        """Signal it; that it ended in the meantime is fine."""
        api = await self._engine.connect()
        with contextlib.suppress(docker.errors.NotFound):
            try:
                await self._engine.change(api.kill, identity, signal)
            except RuntimeFailure as failure:
                if "is not running" not in str(failure):
                    raise

    async def _runs(self, identity: str) -> bool:
        api = await self._engine.connect()
        try:
            inspected = await self._engine.read(api.inspect_container, identity)
        except docker.errors.NotFound:
            return False
        return bool(inspected["State"]["Running"])

    async def _look(self, container: Mapping[str, Any]) -> Running | None:
        identity = container["Id"]
        task = container["Labels"].get(LABEL_TASK, "")
        if identity in self._ended or not task.isdigit():
            return self._ended.get(identity)
        try:
            running = await self._inspect(identity, TaskId(int(task)))
        except docker.errors.NotFound:
            return None
        if running.started and not running.running:
            self._ended[identity] = running
        return running

    async def _inspect(self, identity: str, task: TaskId) -> Running:
        api = await self._engine.connect()
        inspected = await self._engine.read(api.inspect_container, identity)
        healthcheck = await self._image_healthcheck(inspected["Image"])
        return self._running(inspected, task, healthcheck)

    async def _image_healthcheck(self, image: str) -> Healthcheck | None:
        if image not in self._tests:
            api = await self._engine.connect()
            try:
                found = await self._engine.read(api.inspect_image, image)
            except docker.errors.NotFound:
                return None
            self._tests[image] = _healthcheck(found["Config"].get("Healthcheck"))
        return self._tests[image]

    def _running(
        self, inspected: Mapping[str, Any], task: TaskId, healthcheck: Healthcheck | None
    ) -> Running:
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
            ports=_ports(inspected, self._address),
            image_healthcheck=healthcheck,
        )

    async def _logs(
        self, task: TaskId, tail: int | None, since: Millis | None, *, follow: bool
    ) -> AsyncIterator[OutputLine]:
        found = await self._find(task)
        if found is None:
            raise RuntimeFailure("its container is gone, and its output with it")
        api = await self._engine.connect()
        inspected = await self._engine.read(api.inspect_container, found["Id"])
        lines = log_lines(
            self._engine,
            found["Id"],
            tty=bool(inspected["Config"]["Tty"]),
            tail=tail,
            since=since,
            follow=follow,
        )
        async with contextlib.aclosing(lines):
            async for line in lines:
                yield line


def _healthcheck(found: Mapping[str, Any] | None) -> Healthcheck | None:
    """An image's healthcheck; the Engine counts in nanoseconds, and 0 stands for the default."""
    if not found or not found.get("Test") or found["Test"][0] == "NONE":
        return None
    default = Healthcheck(test=tuple(found["Test"]))

    def millis(key: str, otherwise: Millis) -> Millis:
        return Millis(int(found.get(key) or 0) // 1_000_000) or otherwise

    return replace(
        default,
        interval_ms=millis("Interval", default.interval_ms),
        timeout_ms=millis("Timeout", default.timeout_ms),
        start_period_ms=millis("StartPeriod", default.start_period_ms),
        start_interval_ms=millis("StartInterval", default.start_interval_ms),
        retries=int(found.get("Retries") or default.retries),
    )


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
    return tuple(
        BoundPort(container=container, host=host, address=address, protocol=protocol)
        for container, host, protocol in sorted(places)
    )


def _addresses(container: Mapping[str, Any]) -> list[str]:
    networks = container["NetworkSettings"]["Networks"].values()
    return [network["IPAddress"] for network in networks if network["IPAddress"]]
