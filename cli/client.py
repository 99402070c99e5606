"""The cluster as orbctl sees it: each question a method, records in and records out."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

from cli.asking import (
    KINDS,
    AppliedRelease,
    Description,
    LabelChange,
    LogQuery,
    Query,
    View,
)
from cli.channels import Channels
from cli.contexts import Context
from orb.cluster import (
    EventView,
    LogLine,
    NodeView,
    ReleaseView,
    ReplicaView,
    ServiceView,
    StatusView,
    TaskView,
)
from orb.errors import InvalidInput, NotFound, Unavailable
from orb.ids import ServiceKey
from orb.lifecycle import Availability
from orb.spec import AppSpec
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message, to_record

RESUME_PAUSE_S: Final = 0.3
"""Before a broken stream is opened again."""


class Client:
    """One cluster. Every method raises OrbError, and none waits for ever."""

    def __init__(self, context: Context, channels: Channels | None = None) -> None:
        self.context = context
        self.channels = channels or Channels(context)
        self._id = uuid.uuid4().hex
        self._sequence = 0

    async def close(self) -> None:
        """Close all connections."""
        await self.channels.close()

    # --- looking ------------------------------------------------------------------------------
    async def status(self, *, stale: bool = False) -> StatusView:
        """The cluster at a glance."""
        request = _get_request(Query(kind="status", stale=stale))
        return to_record((await self.channels.call("Get", request, pb.GetReply)).status, StatusView)

    async def get(self, query: Query) -> tuple[View, ...]:
        """One look."""
        reply = await self.channels.call("Get", _get_request(query), pb.GetReply)
        return _views(reply, query)

    async def nodes(self, name: str = "") -> tuple[NodeView, ...]:
        """All nodes, or the one of that name."""
        found = await self.get(Query(kind="nodes", name=name))
        return cast("tuple[NodeView, ...]", found)

    async def services(self, query: Query) -> tuple[ServiceView, ...]:
        """The services that the query means."""
        return cast("tuple[ServiceView, ...]", await self.get(query))

    async def replicas(self, query: Query) -> tuple[ReplicaView, ...]:
        """The replicas that the query means."""
        return cast("tuple[ReplicaView, ...]", await self.get(query))

    async def watch(self, query: Query) -> AsyncIterator[tuple[View, ...]]:
        """The same look again whenever it has changed; survives changes of leader."""
        async for reply in self._watch(query):
            yield _views(reply, query)

    async def watch_status(self) -> AsyncIterator[StatusView]:
        """The cluster at a glance, whenever it has changed."""
        async for reply in self._watch(Query(kind="status")):
            yield to_record(reply.status, StatusView)

    async def _watch(self, query: Query) -> AsyncIterator[pb.GetReply]:
        request = _get_request(query)
        while True:
            begun = False
            try:
                async for reply in self.channels.stream("Watch", request, pb.GetReply):
                    begun = True
                    yield reply
            except Unavailable:
                if not begun:
                    raise
            await asyncio.sleep(RESUME_PAUSE_S)

    async def describe(self, environment: str, name: str, kind: str = "") -> Description:
        """Everything about one thing. Raises NotFound."""
        request = pb.DescribeRequest(environment=environment, name=name, kind=kind)
        reply = await self.channels.call("Describe", request, pb.DescribeReply)
        return Description(
            kind=reply.kind,
            nodes=tuple(to_record(item, NodeView) for item in reply.nodes),
            services=tuple(to_record(item, ServiceView) for item in reply.services),
            replicas=tuple(to_record(item, ReplicaView) for item in reply.replicas),
            tasks=tuple(to_record(item, TaskView) for item in reply.tasks),
            releases=tuple(to_record(item, ReleaseView) for item in reply.releases),
            events=tuple(to_record(item, EventView) for item in reply.events),
            spec=to_record(reply.spec, AppSpec) if reply.HasField("spec") else None,
            explanation=tuple(reply.explanation),
        )

    async def logs(self, query: LogQuery) -> AsyncIterator[LogLine]:
        """Lines in the order of time. With `follow`, goes on after a change of leader."""
        since, seen = query.since, set[LogLine]()
        while True:
            request = pb.LogsRequest(
                environment=query.environment,
                name=query.name,
                tail=query.tail if since == query.since else None,
                since=since,
                follow=query.follow,
            )
            begun = False
            try:
                async for message in self.channels.stream("Logs", request, types_pb2.LogLine):
                    begun = True
                    line = to_record(message, LogLine)
                    if line in seen:
                        continue
                    seen = {old for old in seen if old.time == line.time} | {line}
                    since = line.time
                    yield line
            except Unavailable:
                if not (query.follow and begun):
                    raise
            else:
                return
            await asyncio.sleep(RESUME_PAUSE_S)

    # --- changing -----------------------------------------------------------------------------
    async def apply(
        self,
        environment: str,
        spec: AppSpec,
        reason: str = "",
        expected: int | None = None,
        contents: Sequence[bytes] = (),
    ) -> AppliedRelease:
        """Make the app what the spec says: one release, or nothing. *contents* are those of its
        configs and secrets; what the app's releases have already may be left out."""
        request = pb.ApplyRequest(
            environment=environment,
            spec=to_message(spec, types_pb2.AppSpec),
            reason=reason,
            expected_release=expected,
            client=self._id,
            sequence=self._next(),
            contents=contents,
        )
        return _applied(await self.channels.call("Apply", request, pb.ApplyReply))

    async def scale(self, service: ServiceKey, replicas: int, reason: str = "") -> AppliedRelease:
        """Give a replicated service another count."""
        request = pb.ScaleRequest(
            service=to_message(service, types_pb2.ServiceKey),
            replicas=replicas,
            reason=reason,
            client=self._id,
            sequence=self._next(),
        )
        return _applied(await self.channels.call("Scale", request, pb.ApplyReply))

    async def delete(self, environment: str, app: str) -> int:
        """Stop and forget an app; how many tasks were told to stop. Raises NotFound."""
        request = pb.DeleteRequest(
            app=types_pb2.AppKey(environment=environment, app=app),
            client=self._id,
            sequence=self._next(),
        )
        return (await self.channels.call("Delete", request, pb.DeleteReply)).tasks

    async def set_secret(
        self, environment: str, name: str, content: bytes
    ) -> tuple[str, ...] | None:
        """Store a secret; the releases that it made, or None if it was already so."""
        request = pb.SetSecretRequest(environment=environment, name=name, content=content)
        reply = await self.channels.call("SetSecret", request, pb.SetSecretReply)
        return tuple(reply.changes) if reply.changed else None

    async def remove_secret(self, environment: str, name: str) -> None:
        """Forget a stored secret. Raises NotFound, Conflict."""
        request = pb.RemoveSecretRequest(environment=environment, name=name)
        await self.channels.call("RemoveSecret", request, pb.RemoveSecretReply)

    async def set_trust(
        self, environment: str, allow: tuple[str, ...], deny: tuple[str, ...]
    ) -> tuple[bool, tuple[str, ...]]:
        """Allow the apps of an environment things, and deny them others; whether that changed
        anything, and all that is allowed now."""
        request = pb.SetTrustRequest(environment=environment, allow=allow, deny=deny)
        reply = await self.channels.call("SetTrust", request, pb.SetTrustReply)
        return reply.changed, tuple(reply.allowed)

    async def set_availability(self, node: str, availability: Availability) -> bool:
        """Cordon, drain or uncordon; False if it was already so. Raises NotFound."""
        request = pb.SetAvailabilityRequest(
            node=node, availability=pb.Availability.Name(availability.value)
        )
        reply = await self.channels.call("SetAvailability", request, pb.SetAvailabilityReply)
        return reply.changed

    async def set_labels(self, node: str, change: LabelChange) -> bool:
        """Give labels and take some away; False if it was already so. Raises NotFound."""
        request = pb.SetLabelsRequest(node=node, labels=change.labels, remove=change.remove)
        return (await self.channels.call("SetLabels", request, pb.SetLabelsReply)).changed

    async def add_server(self, name: str, client: str, peer: str) -> bool:
        """Make a server a member without a vote; False if it was one. Raises Conflict."""
        request = pb.AddServerRequest(name=name, client_address=client, peer_address=peer)
        return (await self.channels.call("AddServer", request, pb.AddServerReply)).changed

    async def promote_server(self, name: str) -> bool:
        """Let a server vote; False if it did. Raises NotFound, Conflict until it caught up."""
        request = pb.PromoteServerRequest(name=name)
        return (await self.channels.call("PromoteServer", request, pb.PromoteServerReply)).changed

    async def remove_server(self, name: str) -> bool:
        """Remove a server; False if it was none. A leader lets another lead before it goes."""
        request = pb.RemoveServerRequest(name=name)
        return (await self.channels.call("RemoveServer", request, pb.RemoveServerReply)).changed

    async def remove_node(self, node: str) -> None:
        """Forget a node that is down. Raises NotFound, Conflict."""
        request = pb.RemoveNodeRequest(node=node)
        await self.channels.call("RemoveNode", request, pb.RemoveNodeReply)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


async def find_service(client: Client, environment: str, name: str) -> ServiceView:
    """The service that a person means by `web` or `shop.web`. Raises NotFound, InvalidInput."""
    app, dot, service = name.rpartition(".")
    query = Query(kind="services", environment=environment, app=app, service=service)
    found = await client.services(query)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{view.app}.{view.name}" for view in found)
        raise InvalidInput(
            f"{name!r} may be {names}", remedy=f"write the app too: {found[0].app}.{name}"
        )
    where = f"app {app!r}" if dot else f"environment {environment!r}"
    raise NotFound(
        f"there is no service {service!r} in the {where}",
        remedy="`orbctl get services` lists them all",
    )


def _get_request(query: Query) -> pb.GetRequest:
    return pb.GetRequest(
        kind=f"KIND_{query.kind.upper()}",
        environment=query.environment,
        app=query.app,
        service=query.service,
        name=query.name,
        stale=query.stale,
        after=query.after,
        limit=query.limit,
        node=query.node,
    )


def _views(reply: pb.GetReply, query: Query) -> tuple[View, ...]:
    record = KINDS[query.kind]
    return tuple(to_record(message, record) for message in getattr(reply, query.kind))


def _applied(reply: pb.ApplyReply) -> AppliedRelease:
    return AppliedRelease(
        app=reply.app,
        release=reply.release,
        changed=reply.changed,
        changes=tuple(reply.changes),
    )
