"""The gRPC service that agents dial: sessions, and the streams of output and commands."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, cast

from controlplane.dispatcher.checks import checked_facts, checked_report
from controlplane.dispatcher.dispatcher import Dispatcher
from controlplane.dispatcher.relays import ExecRelay, LogRelay, lost
from controlplane.dispatcher.sessions import Session
from controlplane.edge import Context, Edge, caller
from orb.errors import Denied, InvalidInput, OrbError, Unavailable
from orb.ids import NodeName
from orb.logs import Logger
from orb.race import until_first
from orb.v1 import agent_pb2 as pb
from orb.v1 import types_pb2
from orb.v1.agent_pb2_grpc import AgentsServicer
from orb.wire import to_record
from orb.work import NodeFacts, Report, Usage

HELLO_WITHIN_S: Final = 10.0
"""How long a new session may take to say hello, in seconds."""
WRITE_WITHIN_S: Final = 10.0
"""A session whose agent takes no message for so long, in seconds, is ended."""
_STREAM: Final = "orb-stream"

log = Logger("dispatcher")


class Agents(AgentsServicer):
    """What agents may ask of a server."""

    def __init__(self, dispatcher: Dispatcher, edge: Edge) -> None:
        self._dispatcher = dispatcher
        self._edge = edge

    async def Session(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.AgentMessage], context: Context
    ) -> None:
        """The one stream of a node."""
        await self._edge.answer(context, self._session(requests, context))

    async def SendLogs(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.LogChunk], context: Context
    ) -> pb.SendLogsReply:
        """What a task wrote."""
        return await self._edge.answer(context, self._logs(requests, context))

    async def ServeExec(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.ExecFromTask], context: Context
    ) -> None:
        """The far end of a command inside a task."""
        await self._edge.answer(context, self._execution(requests, context))

    async def _session(self, requests: AsyncIterator[pb.AgentMessage], context: Context) -> None:
        node = _node(context)
        hello = await _hello(requests)
        facts = checked_facts(to_record(hello.facts, NodeFacts, "hello.facts"), node)
        reports = _reports(hello.reports, "hello.reports")
        session = await self._dispatcher.enter(facts, reports)
        log.info("an agent has connected", node=node, tasks=len(reports))
        talk = _Talk(self._dispatcher, session)
        try:
            await until_first(talk.listen(requests, reports), talk.speak(context))
        finally:
            self._dispatcher.sessions.leave(session)
            log.info("an agent has left", node=node)

    async def _logs(
        self, requests: AsyncIterator[pb.LogChunk], context: Context
    ) -> pb.SendLogsReply:
        node = _node(context)
        relay = cast("LogRelay", self._dispatcher.relays.claim(_number(context), node))
        error: OrbError | None = lost(node)
        try:
            await _until_left(relay, requests)
            error = None
        finally:
            relay.end(error)
        return pb.SendLogsReply()

    async def _execution(self, requests: AsyncIterator[pb.ExecFromTask], context: Context) -> None:
        node = _node(context)
        relay = cast("ExecRelay", self._dispatcher.relays.claim(_number(context), node))

        async def to_task() -> None:
            async for message in relay.outgoing.read():
                await context.write(message)
            await asyncio.Event().wait()  # the person's end is not the command's

        try:
            await until_first(_until_left(relay, requests), to_task())
        finally:
            relay.end(lost(node))


class _Talk:
    """Both directions of one session."""

    def __init__(self, dispatcher: Dispatcher, session: Session) -> None:
        self._dispatcher = dispatcher
        self._session = session
        self._facts: NodeFacts | None = None

    async def listen(self, requests: AsyncIterator[pb.AgentMessage], first: list[Report]) -> None:
        """Take in what the agent says, until it hangs up or is lost: nobody can tell which."""
        dispatcher, session = self._dispatcher, self._session
        await dispatcher.report(session, first)
        async for message in requests:
            match message.WhichOneof("message"):
                case "heartbeat":
                    beat = message.heartbeat
                    usage = to_record(beat.usage, Usage) if beat.HasField("usage") else None
                    dispatcher.heard(session, usage)
                case "reports":
                    dispatcher.heard(session, None)
                    await dispatcher.report(session, _reports(message.reports.reports, "reports"))
                case "facts":
                    facts = to_record(message.facts, NodeFacts, "facts")
                    dispatcher.facts(checked_facts(facts, session.node))
                case "needs":
                    session.need(message.needs.digests)
                case "hello":
                    raise InvalidInput("a session has one hello, at its beginning")
                case _:
                    continue  # an agent newer than this server

    async def speak(self, context: Context) -> None:
        """Tell the agent what it must do, whenever that has changed. Raises why it ends."""
        dispatcher, session = self._dispatcher, self._session
        while session.ended is None:
            session.wake.clear()
            for message in session.messages(dispatcher.state, dispatcher.encoder):
                await _write(context, message)
            await session.wake.wait()
        raise session.ended


def _reports(messages: Iterable[types_pb2.Report], path: str) -> list[Report]:
    return [checked_report(to_record(message, Report, path)) for message in messages]


async def _write(context: Context, message: pb.ServerMessage) -> None:
    try:
        async with asyncio.timeout(WRITE_WITHIN_S):
            await context.write(message)
    except TimeoutError:
        raise Unavailable(f"the agent took no message for {WRITE_WITHIN_S:.0f} s") from None


async def _hello(requests: AsyncIterator[pb.AgentMessage]) -> pb.Hello:
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            first = await anext(requests, None)
    except TimeoutError:
        raise InvalidInput(f"no hello came within {HELLO_WITHIN_S:.0f} s") from None
    if first is None or first.WhichOneof("message") != "hello":
        raise InvalidInput("the first message of a session must be its hello")
    return first.hello


async def _until_left(
    relay: LogRelay | ExecRelay,
    requests: AsyncIterator[pb.LogChunk] | AsyncIterator[pb.ExecFromTask],
) -> None:
    """Hand on what the agent sends, until it has said all or nobody reads it any more."""

    async def hand_on() -> None:
        async for message in requests:
            await relay.incoming.put(message)  # type: ignore[arg-type]  # both are of one kind

    await until_first(hand_on(), relay.incoming.left.wait())


def _node(context: Context) -> NodeName:
    """The node that calls. Raises Denied for anybody else."""
    who = caller(context)
    if who.kind != "node":
        raise Denied(
            f"{who} is no node", remedy="agents need a certificate of the kind `node:<name>`"
        )
    return NodeName(who.name)


def _number(context: Context) -> int:
    """The number of the stream that the agent opens. Raises InvalidInput."""
    metadata = dict(context.invocation_metadata() or ())
    text = str(metadata.get(_STREAM, ""))
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"the metadata `{_STREAM}` must be the number of a stream")
    return int(text[:18])
