"""Contents of configs and secrets for a node: what its tasks use, in messages of bounded size."""

from collections.abc import Iterable, Iterator
from typing import Final

from controlplane.state import blobs
from controlplane.state.tables import State
from orb.ids import NodeName
from orb.lifecycle import Desired
from orb.v1 import agent_pb2 as pb

NEEDS_MAX: Final = 2_000
"""Digests that a node may wait for at once; it asks again for what is beyond."""
CONTENTS_BYTES_AIM: Final = 512 * 1024
"""A message with more contents than this holds is split; each content fits into one."""


def used_on(state: State, node: NodeName) -> frozenset[str]:
    """The digests that tasks there refer to, which are meant to run."""
    return frozenset(
        digest
        for task in state.tasks_at(node)
        if task.desired is Desired.RUN
        for digest in blobs.of_task(state.spec_of(task))
    )


def answers(
    state: State, node: NodeName, asked: Iterable[str], bytes_aim: int = CONTENTS_BYTES_AIM
) -> Iterator[pb.ServerMessage]:
    """What *node* has asked for and may have; for the rest it gets nothing."""
    used = used_on(state, node)
    part: list[bytes] = []
    size = 0
    for digest in asked:
        content = state.blobs.get(digest) if digest in used else None
        if content is None:
            continue
        if part and size + len(content) > bytes_aim:
            yield pb.ServerMessage(contents=pb.Contents(contents=part))
            part, size = [], 0
        part.append(content)
        size += len(content)
    if part:
        yield pb.ServerMessage(contents=pb.Contents(contents=part))
