"""The lines that the tasks of a service, replica or app wrote, in the order of time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from controlplane.api.merge import Merge, Source
from controlplane.api.names import Asked
from controlplane.api.reading import Parts, Reading
from controlplane.api.targets import replicas_of, with_output
from controlplane.state.tables import State, Task
from orb.cluster import LogLine
from orb.errors import InvalidInput, NotFound, OrbError, Unavailable
from orb.ids import Millis, TaskId
from orb.race import first_of
from orb.v1 import agent_pb2
from orb.v1 import control_pb2 as pb

SOURCES_MAX: Final = 200
"""Tasks that are read at once; more are refused."""
LOOK_FOR_TASKS_S: Final = 1.0
"""While following, how often new tasks are looked for, in seconds."""
ORB: Final = "orb"
"""The stream of words of ours between the lines."""


@dataclass(slots=True)
class _Reader:
    """One task that is read."""

    task: Task
    source: Source
    error: Unavailable | None = None
    """Why it could not be read, or not to its end."""


class LogReader:
    """One request for lines."""

    def __init__(self, parts: Parts, reading: Reading, request: pb.LogsRequest) -> None:
        self._parts = parts
        self._reading = reading
        self._request = request
        self._asked = Asked(request.environment, request.name)
        self._merge = Merge(parts.clock, follow=request.follow)
        self._readers: dict[TaskId, _Reader] = {}
        self._said = 0

    async def write_to(self, write: Callable[[LogLine], Awaitable[None]]) -> None:
        """Write all lines. Raises NotFound, InvalidInput; Unavailable if nothing can be read."""
        look = await self._reading.look(stale=False)
        first = self._new_tasks(look.state)
        try:
            async with asyncio.TaskGroup() as group:
                self._start(group, first, from_start=False)
                if self._request.follow:
                    group.create_task(self._find_more(group), name="log-tasks")
                else:
                    self._merge.finish()
                async for line in self._merge.lines():
                    self._said += 1
                    await write(line)
        except* OrbError as errors:
            raise first_of(errors) from None
        self._raise_if_silent()

    def _new_tasks(self, state: State) -> list[Task]:
        found = [
            task
            for key in replicas_of(state, self._asked)
            for task in with_output(state, key)
            if task.id not in self._readers
        ]
        if len(found) + len(self._readers) > SOURCES_MAX:
            raise InvalidInput(
                f"{self._asked.name} has more than {SOURCES_MAX} tasks to read from",
                remedy="name one replica: web/3",
            )
        return found

    def _start(self, group: asyncio.TaskGroup, tasks: list[Task], *, from_start: bool) -> None:
        for task in tasks:
            reader = _Reader(task, self._merge.source())
            self._readers[task.id] = reader
            group.create_task(self._read(reader, from_start=from_start), name=f"log of {task.id}")

    async def _find_more(self, group: asyncio.TaskGroup) -> None:
        """Follow replicas from task to task, until there is nothing left of that name."""
        while True:
            await self._parts.clock.sleep(LOOK_FOR_TASKS_S)
            look = await self._reading.look(stale=False)
            try:
                self._start(group, self._new_tasks(look.state), from_start=True)
            except NotFound:
                self._merge.finish()
                return

    async def _read(self, reader: _Reader, *, from_start: bool) -> None:
        """Read one task to its end; what goes wrong is said between the lines."""
        try:
            async with aclosing(self._lines_of(reader.task, from_start=from_start)) as lines:
                async for line in lines:
                    await reader.source.put(line)
        except Unavailable as error:
            reader.error = error
            if len(self._readers) > 1 or self._said:
                await reader.source.put(self._word(reader.task, error.message))
        finally:
            reader.source.end()

    async def _lines_of(self, task: Task, *, from_start: bool) -> AsyncGenerator[LogLine, None]:
        assert task.node is not None, "only tasks with a node are read"  # noqa: S101 - `with_output` chose them
        async with self._parts.dispatcher.relays.logs(
            task.node, self._wish(task, from_start=from_start)
        ) as relay:
            async for chunk in relay.incoming.read():
                for line in _lines(task, chunk):
                    yield line
                if chunk.error:
                    yield self._word(task, chunk.error)

    def _wish(self, task: Task, *, from_start: bool) -> agent_pb2.StartLogs:
        wish = agent_pb2.StartLogs(task=task.id, follow=self._request.follow and not task.ended)
        if self._request.HasField("tail") and not from_start:
            wish.tail = max(0, self._request.tail)
        if self._request.HasField("since"):
            wish.since = self._request.since
        return wish

    def _word(self, task: Task, text: str) -> LogLine:
        return LogLine(
            replica=task.replica.name,
            task=str(task.id),
            node=task.node or "",
            time=self._parts.clock.now(),
            stream=ORB,
            text=text,
        )

    def _raise_if_silent(self) -> None:
        """If there was nothing to say but an error, say it as one."""
        errors = [reader.error for reader in self._readers.values() if reader.error is not None]
        if errors and not self._said:
            raise errors[0]


def _lines(task: Task, chunk: agent_pb2.LogChunk) -> Iterator[LogLine]:
    for line in chunk.lines:
        yield LogLine(
            replica=task.replica.name,
            task=str(task.id),
            node=task.node or "",
            time=Millis(line.at),
            stream=line.stream,
            text=line.text,
        )
