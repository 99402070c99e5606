"""Assignments as messages of a bounded size; a spec is encoded once for all tasks that share it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from controlplane.dispatcher.assignments import Difference, Wanted, assignment
from controlplane.state.tables import SpecKey, State
from orb.ids import TaskId
from orb.lifecycle import Desired
from orb.spec import TaskSpec
from orb.v1 import agent_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message

MESSAGE_BYTES_AIM: Final = 512 * 1024
"""A message with more assignments than this holds is split. A single larger one goes alone; none is
larger than an entry of the log, ENTRY_BYTES_MAX."""
MESSAGE_TASKS_MAX: Final = 1_000
"""Tasks in one message; more are split."""
SPECS_KEPT_MAX: Final = 2_000
"""Encoded specs that are kept; the oldest go first."""


class Encoder:
    """Writes messages for all sessions of a server."""

    def __init__(self, bytes_aim: int = MESSAGE_BYTES_AIM) -> None:
        self._bytes_aim = bytes_aim
        self._specs: dict[SpecKey, tuple[TaskSpec, types_pb2.TaskSpec]] = {}

    def whole(self, state: State, wanted: Wanted, version: int) -> Iterator[pb.ServerMessage]:
        """The whole set, in as many messages as it takes; all bear *version*."""
        parts = list(self._parts(state, wanted.items())) or [[]]
        for number, part in enumerate(parts, start=1):
            yield pb.ServerMessage(
                assignments=pb.Assignments(
                    version=version, full=True, more=number < len(parts), set=part
                )
            )

    def changes(
        self, state: State, wanted: Wanted, difference: Difference, version: int
    ) -> Iterator[pb.ServerMessage]:
        """The difference, in as many messages as it takes, of the versions from *version* on."""
        removed = list(difference.removed)
        changed = ((task, wanted[task]) for task in difference.changed)
        for part in self._parts(state, changed):
            yield self._change(version, part, removed[:MESSAGE_TASKS_MAX])
            del removed[:MESSAGE_TASKS_MAX]
            version += 1
        while removed:
            yield self._change(version, (), removed[:MESSAGE_TASKS_MAX])
            del removed[:MESSAGE_TASKS_MAX]
            version += 1

    @staticmethod
    def _change(
        version: int, part: Sequence[types_pb2.Assignment], removed: Sequence[TaskId]
    ) -> pb.ServerMessage:
        return pb.ServerMessage(
            assignments=pb.Assignments(version=version, set=part, remove=removed)
        )

    def _parts(
        self, state: State, tasks: Iterable[tuple[TaskId, Desired]]
    ) -> Iterator[list[types_pb2.Assignment]]:
        part: list[types_pb2.Assignment] = []
        size = 0
        for task, desired in tasks:
            message = self._assignment(state, task, desired)
            size += message.ByteSize()
            if part and (size > self._bytes_aim or len(part) >= MESSAGE_TASKS_MAX):
                yield part
                part, size = [], message.ByteSize()
            part.append(message)
        if part:
            yield part

    def _assignment(self, state: State, task: TaskId, desired: Desired) -> types_pb2.Assignment:
        record = assignment(state, task, desired)
        return types_pb2.Assignment(
            task=record.task,
            replica=record.replica._asdict(),
            release=record.release,
            desired=record.desired,  # type: ignore[arg-type]  # the numbers are equal: tests hold it
            spec=self._spec((record.replica.owner, record.release), record.spec),
            trace=record.trace,
        )

    def _spec(self, key: SpecKey, spec: TaskSpec) -> types_pb2.TaskSpec:
        known = self._specs.get(key)
        if known is not None and known[0] is spec:
            return known[1]
        message = to_message(spec, types_pb2.TaskSpec)
        if len(self._specs) >= SPECS_KEPT_MAX:
            del self._specs[next(iter(self._specs))]
        self._specs[key] = spec, message
        return message
