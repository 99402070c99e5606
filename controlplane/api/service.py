"""The gRPC service that people's tools call: each method finds who asks, and hands on."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from controlplane.api.access import Verb, permitted
from controlplane.api.changes import Changes
from controlplane.api.execution import execute
from controlplane.api.get import description, get
from controlplane.api.logs import LogReader
from controlplane.api.reading import Parts, Reading
from controlplane.api.servers import Servers
from controlplane.edge import Context, Edge
from controlplane.state import snapshots
from controlplane.state.tables import State
from orb.cluster import LogLine
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.v1.control_pb2_grpc import ControlServicer
from orb.wire import to_message

DEBUG: Final = "orb-debug"
"""With the value `digest` in a request's metadata, the answer to Get brings `orb-digest`: the index
and a fingerprint of the whole state, equal on all servers at the same index."""


class Control(ControlServicer):
    """What people may ask of a server."""

    def __init__(
        self, parts: Parts, reading: Reading, changes: Changes, servers: Servers, edge: Edge
    ) -> None:
        self._parts = parts
        self._servers = servers
        self._reading = reading
        self._changes = changes
        self._edge = edge

    # --- changing -----------------------------------------------------------------------------
    async def Apply(  # noqa: N802 - gRPC's name
        self, request: pb.ApplyRequest, context: Context
    ) -> pb.ApplyReply:
        """Make the app what the spec says."""
        return await self._edge.answer(context, self._apply(request, context))

    async def Scale(  # noqa: N802 - gRPC's name
        self, request: pb.ScaleRequest, context: Context
    ) -> pb.ApplyReply:
        """Give a replicated service another count."""
        return await self._edge.answer(context, self._scale(request, context))

    async def Delete(  # noqa: N802 - gRPC's name
        self, request: pb.DeleteRequest, context: Context
    ) -> pb.DeleteReply:
        """Stop and forget an app."""
        return await self._edge.answer(context, self._delete(request, context))

    async def SetAvailability(  # noqa: N802 - gRPC's name
        self, request: pb.SetAvailabilityRequest, context: Context
    ) -> pb.SetAvailabilityReply:
        """Cordon, drain or uncordon a node."""

        async def work() -> pb.SetAvailabilityReply:
            author = str(permitted(context, Verb.CHANGE))
            return await self._changes.set_availability(request, author)

        return await self._edge.answer(context, work())

    async def SetLabels(  # noqa: N802 - gRPC's name
        self, request: pb.SetLabelsRequest, context: Context
    ) -> pb.SetLabelsReply:
        """Give a node labels, and take some away."""

        async def work() -> pb.SetLabelsReply:
            return await self._changes.set_labels(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def SetTrust(  # noqa: N802 - gRPC's name
        self, request: pb.SetTrustRequest, context: Context
    ) -> pb.SetTrustReply:
        """Allow the apps of an environment things, and deny them others."""

        async def work() -> pb.SetTrustReply:
            return await self._changes.set_trust(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def RemoveNode(  # noqa: N802 - gRPC's name
        self, request: pb.RemoveNodeRequest, context: Context
    ) -> pb.RemoveNodeReply:
        """Forget a node that is silent."""

        async def work() -> pb.RemoveNodeReply:
            return await self._changes.remove_node(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def AddServer(  # noqa: N802 - gRPC's name
        self, request: pb.AddServerRequest, context: Context
    ) -> pb.AddServerReply:
        """Make a server a member that does not vote yet."""

        async def work() -> pb.AddServerReply:
            return await self._servers.add(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def PromoteServer(  # noqa: N802 - gRPC's name
        self, request: pb.PromoteServerRequest, context: Context
    ) -> pb.PromoteServerReply:
        """Let a server that was added vote."""

        async def work() -> pb.PromoteServerReply:
            return await self._servers.promote(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def RemoveServer(  # noqa: N802 - gRPC's name
        self, request: pb.RemoveServerRequest, context: Context
    ) -> pb.RemoveServerReply:
        """Remove a server, which then stops."""

        async def work() -> pb.RemoveServerReply:
            return await self._servers.remove(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    async def SetSecret(  # noqa: N802 - gRPC's name
        self, request: pb.SetSecretRequest, context: Context
    ) -> pb.SetSecretReply:
        """Store a secret in an environment."""

        async def work() -> pb.SetSecretReply:
            author = str(permitted(context, Verb.CHANGE))
            return await self._changes.set_secret(request, author, _trace(context))

        return await self._edge.answer(context, work())

    async def RemoveSecret(  # noqa: N802 - gRPC's name
        self, request: pb.RemoveSecretRequest, context: Context
    ) -> pb.RemoveSecretReply:
        """Forget a stored secret."""

        async def work() -> pb.RemoveSecretReply:
            return await self._changes.remove_secret(request, str(permitted(context, Verb.CHANGE)))

        return await self._edge.answer(context, work())

    # --- looking ------------------------------------------------------------------------------
    async def Get(  # noqa: N802 - gRPC's name
        self, request: pb.GetRequest, context: Context
    ) -> pb.GetReply:
        """One look at things of one kind."""
        return await self._edge.answer(context, self._get(request, context))

    async def Watch(  # noqa: N802 - gRPC's name
        self, request: pb.GetRequest, context: Context
    ) -> None:
        """The same look again whenever it has changed."""
        await self._edge.answer(context, self._watch(request, context))

    async def Describe(  # noqa: N802 - gRPC's name
        self, request: pb.DescribeRequest, context: Context
    ) -> pb.DescribeReply:
        """Everything about one thing."""
        return await self._edge.answer(context, self._describe(request, context))

    async def Logs(  # noqa: N802 - gRPC's name
        self, request: pb.LogsRequest, context: Context
    ) -> None:
        """The lines that tasks wrote."""
        await self._edge.answer(context, self._logs(request, context))

    async def Exec(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.ExecInput], context: Context
    ) -> None:
        """A command inside a replica."""

        async def work() -> None:
            permitted(context, Verb.EXECUTE)
            await execute(self._parts, self._reading, requests, context)

        await self._edge.answer(context, work())

    # --- what they do -------------------------------------------------------------------------
    async def _apply(self, request: pb.ApplyRequest, context: Context) -> pb.ApplyReply:
        author = str(permitted(context, Verb.CHANGE))
        return await self._changes.apply(request, author, _trace(context))

    async def _scale(self, request: pb.ScaleRequest, context: Context) -> pb.ApplyReply:
        author = str(permitted(context, Verb.CHANGE))
        return await self._changes.scale(request, author, _trace(context))

    async def _delete(self, request: pb.DeleteRequest, context: Context) -> pb.DeleteReply:
        author = str(permitted(context, Verb.CHANGE))
        return await self._changes.delete(request, author, _trace(context))

    async def _get(self, request: pb.GetRequest, context: Context) -> pb.GetReply:
        permitted(context, Verb.READ)
        look = await self._reading.look(stale=request.stale)
        if _metadata(context, DEBUG) == "digest":
            context.set_trailing_metadata((("orb-digest", _digest(look.state)),))
        return await get(look, request)

    async def _watch(self, request: pb.GetRequest, context: Context) -> None:
        permitted(context, Verb.READ)
        last: pb.GetReply | None = None
        async with aclosing(self._reading.looks(stale=request.stale)) as looks:
            async for look in looks:
                reply = await get(look, request)
                if reply != last:
                    await context.write(reply)
                    last = reply

    async def _describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeReply:
        permitted(context, Verb.READ)
        return await description(await self._reading.look(stale=request.stale), request)

    async def _logs(self, request: pb.LogsRequest, context: Context) -> None:
        permitted(context, Verb.READ)

        async def write(line: LogLine) -> None:
            await context.write(to_message(line, types_pb2.LogLine))

        await LogReader(self._parts, self._reading, request).write_to(write)


def _trace(context: Context) -> str:
    """The caller's W3C traceparent; empty for none."""
    return _metadata(context, "traceparent")


def _metadata(context: Context, key: str) -> str:
    value = dict(context.invocation_metadata() or ()).get(key, "")
    return value if isinstance(value, str) else ""


def _digest(state: State) -> str:
    fingerprint = hashlib.sha256()
    index = state.index
    for chunk in snapshots.chunks(state):
        fingerprint.update(chunk)
    return f"{index} {fingerprint.hexdigest()}"
