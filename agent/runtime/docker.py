"""Runs tasks as containers of a Docker Engine. Everything of ours is found by label."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import docker.errors

from agent.runtime.base import OutputLine, Running, RuntimeFailure, Terminal
from agent.runtime.docker_attach import Attachment
from agent.runtime.docker_container import (
    LABEL_OWNER,
    LABEL_TASK,
    LABEL_VOLUME,
    Owner,
    container_body,
    own_volumes,
)
from agent.runtime.docker_engine import Engine, closing
from agent.runtime.docker_files import with_files
from agent.runtime.docker_hooks import after_start, before_stop
from agent.runtime.docker_images import Images
from agent.runtime.docker_network import Networks
from agent.runtime.docker_seen import addresses_of, running_of
from agent.runtime.docker_streams import Command, log_lines, tcp_answers
from agent.runtime.places import Places
from orb.ids import Millis, TaskId
from orb.work import Assignment

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
        self._images = Images(self._engine)
        self._address = address
        self._ended: dict[str, Running] = {}
        """Containers that have ended never change again: they are inspected once."""

    async def facts(self) -> tuple[str, Sequence[str]]:
        """The Engine's version, and the tracked volumes on it."""
        api = await self._engine.connect()
        version = await self._engine.read(api.version)
        volumes = await self._engine.read(api.volumes, self._ours())
        names = [volume["Labels"].get(LABEL_VOLUME, "") for volume in volumes["Volumes"] or ()]
        return str(version["Version"]), sorted(name for name in names if name)

    async def prepare(self, assignment: Assignment) -> None:
        """Have the image on this machine. Raises RuntimeFailure."""
        await self._images.have(assignment.spec)

    async def start(self, assignment: Assignment) -> Running:
        """Make and start the container, or take over the one that is there."""
        api = await self._engine.connect()
        found = await self._find(assignment.task)
        if found and found["State"] != "created":
            return await self._inspect(found["Id"], assignment.task)
        networks = await self._networks.attachments(assignment)
        identity = found["Id"] if found else await self._create(assignment, networks)
        try:
            await self._networks.connect(identity, networks)
            await self._engine.change(api.start, identity)
            await after_start(self._engine, identity, assignment.spec.container.post_start)
        except (RuntimeFailure, docker.errors.NotFound) as error:
            if isinstance(error, docker.errors.NotFound):
                raise RuntimeFailure(str(error.explanation), temporary=True) from error
            if not error.temporary:
                # A failed start leaves the container behind, as if it had never been tried.
                await self._remove(identity)
                await self._networks.remove([each.identity for each in networks])
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await before_stop(self._engine, found["Id"], found["Labels"])
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
        self._images.keep(container["ImageID"] for container in found)
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
            return await tcp_answers(addresses_of(found), int(words[0]), timeout_ms)
        command = ["/bin/sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        running = await Command.start(self._engine, found["Id"], command, tty=False, stdin=False)
        answer = bytearray()
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                async for _, chunk in running.output():
                    answer += chunk[: PROBE_ANSWER_BYTES_MAX - len(answer)]
                code = await running.wait()
        except TimeoutError:
            return False, f"no answer within {timeout_ms / 1000:g} s"
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

    async def _create(self, assignment: Assignment, networks: tuple[Attachment, ...]) -> str:
        api = await self._engine.connect()
        await self._check_volumes(assignment)
        body = container_body(api.api_version, self._owner, assignment, self._address, networks)
        body = with_files(body, assignment, self._places)
        name = self._owner.container(assignment.replica, assignment.task)
        try:
            made = await self._engine.change(
                api.create_container_from_config,
                body,
                name,
                assignment.spec.placement.platform or None,
            )
        except docker.errors.ImageNotFound as error:
            raise RuntimeFailure(str(error.explanation), image_missing=True) from error
        except docker.errors.NotFound as error:
            raise RuntimeFailure(str(error.explanation), temporary=True) from error
        for warning in made["Warnings"] or ():
            _log.warning("%s: %s", assignment.replica.name, warning)
        return str(made["Id"])

    async def _check_volumes(self, assignment: Assignment) -> None:
        """An engine makes what is not there; what is said to be there already must be."""
        api = await self._engine.connect()
        names = own_volumes(self._owner, assignment.replica)
        for mount in assignment.spec.container.mounts:
            if mount.volume is not None and mount.volume.external:
                try:
                    await self._engine.read(api.inspect_volume, names.called(mount))
                except docker.errors.NotFound as error:
                    message = f"the external volume {names.called(mount)} is not on this node"
                    raise RuntimeFailure(message) from error

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
        healthcheck = await self._images.healthcheck(inspected["Image"])
        return running_of(inspected, task, self._address, healthcheck)

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
