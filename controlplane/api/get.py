"""Looks at things of one kind, as messages; long lists let other work in between."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from google.protobuf.message import Message

from controlplane.api.describe import describe
from controlplane.api.environments import environments
from controlplane.api.files import configs, secrets
from controlplane.api.look import Filter, Look
from controlplane.api.names import Asked
from controlplane.api.nodes import nodes
from controlplane.api.releases import events, releases
from controlplane.api.replicas import replicas
from controlplane.api.services import services
from controlplane.api.status import status
from orb.errors import InvalidInput
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2 as types
from orb.wire import to_message

AT_ONCE: Final = 100
"""Things that are looked at before other work gets its turn."""

_Query = Callable[[Look, Filter], Iterable[object]]

_LISTS: Final[Mapping[int, tuple[str, _Query, type[Message]]]] = {
    pb.KIND_NODES: ("nodes", nodes, types.NodeView),
    pb.KIND_SERVICES: ("services", services, types.ServiceView),
    pb.KIND_REPLICAS: ("replicas", replicas, types.ReplicaView),
    pb.KIND_RELEASES: ("releases", releases, types.ReleaseView),
    pb.KIND_EVENTS: ("events", events, types.EventView),
    pb.KIND_CONFIGS: ("configs", configs, types.FileView),
    pb.KIND_SECRETS: ("secrets", secrets, types.FileView),
    pb.KIND_ENVIRONMENTS: ("environments", environments, types.EnvironmentView),
}


async def get(look: Look, request: pb.GetRequest) -> pb.GetReply:
    """What the request asks for. Raises InvalidInput."""
    wanted = _filter(request)
    if request.kind == pb.KIND_STATUS:
        return pb.GetReply(status=to_message(status(look, wanted), types.StatusView))
    if request.kind not in _LISTS:
        known = ", ".join(field for field, _, _ in _LISTS.values())
        raise InvalidInput(f"`kind` is none of status, {known}")
    field, query, message_class = _LISTS[request.kind]
    messages: list[Message] = []
    for number, view in enumerate(query(look, wanted), start=1):
        messages.append(to_message(view, message_class))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return pb.GetReply(**{field: messages})  # type: ignore[arg-type]  # by the table above


async def description(look: Look, request: pb.DescribeRequest) -> pb.DescribeReply:
    """Everything about one thing. Raises NotFound, InvalidInput."""
    found = describe(look, Asked(request.environment, request.name, request.kind))
    return pb.DescribeReply(
        kind=found.kind,
        nodes=[to_message(view, types.NodeView) for view in found.nodes],
        services=[to_message(view, types.ServiceView) for view in found.services],
        replicas=[to_message(view, types.ReplicaView) for view in found.replicas],
        tasks=[to_message(view, types.TaskView) for view in found.tasks],
        releases=[to_message(view, types.ReleaseView) for view in found.releases],
        events=[to_message(view, types.EventView) for view in found.events],
        spec=None if found.spec is None else to_message(found.spec, types.AppSpec),
        explanation=found.explanation,
    )


def _filter(request: pb.GetRequest) -> Filter:
    if request.after < 0 or request.limit < 0:
        raise InvalidInput("`after` and `limit` may not be negative")
    return Filter(
        environment=request.environment,
        app=request.app,
        service=request.service,
        name=request.name,
        node=request.node,
        after=request.after,
        limit=request.limit,
    )
