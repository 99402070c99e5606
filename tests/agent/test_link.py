"""The real connection: gRPC over mutual TLS, against a server in the same loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from agent.link import LEADER_KEY, Exchange, LinkBroken, dial_with
from orb.errors import NotFound
from orb.tls import Authority, Credentials, Identity
from orb.v1 import agent_pb2 as pb
from orb.v1.agent_pb2_grpc import AgentsServicer, add_AgentsServicer_to_server

Context = grpc.aio.ServicerContext[pb.AgentMessage, pb.ServerMessage]
Handler = Callable[[AsyncIterator[pb.AgentMessage], Context], Awaitable[None]]

HEARTBEAT = pb.AgentMessage(heartbeat=pb.Heartbeat(version=3))
WHOLE = pb.ServerMessage(assignments=pb.Assignments(version=1, full=True))


class Servicer(AgentsServicer):
    """Does what the test says; remembers the numbers of streams."""

    def __init__(self, session: Handler) -> None:
        self._session = session
        self.streams: list[object] = []

    async def Session(self, requests: AsyncIterator[pb.AgentMessage], context: Context) -> None:  # noqa: N802 - gRPC's name
        await self._session(requests, context)

    async def SendLogs(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[pb.LogChunk], context: Context
    ) -> pb.SendLogsReply:
        self.streams.append(dict(context.invocation_metadata() or ())["orb-stream"])
        self.streams.extend([chunk.error async for chunk in requests])
        return pb.SendLogsReply()


def with_server(
    tmp_path: Path,
    session: Handler,
    story: Callable[[str, Path, Servicer], Awaitable[None]],
    identity: str = "server",
) -> None:
    authority = Authority.create("test")
    own = authority.issue(Identity(identity, "s1"), tmp_path / "server")
    authority.issue(Identity("node", "n1"), tmp_path / "node")

    async def main() -> None:
        server = grpc.aio.server()
        servicer = Servicer(session)
        add_AgentsServicer_to_server(servicer, server)
        port = server.add_secure_port("127.0.0.1:0", server_credentials(own))
        await server.start()
        try:
            async with asyncio.timeout(20):
                await story(f"127.0.0.1:{port}", tmp_path / "node", servicer)
        finally:
            await server.stop(None)

    asyncio.run(main())


def server_credentials(own: Credentials) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(own.key.read_bytes(), own.certificate.read_bytes())],
        root_certificates=own.ca.read_bytes(),
        require_client_auth=True,
    )


async def nothing(_requests: AsyncIterator[pb.AgentMessage], _context: Context) -> None:
    pass


async def send_for_ever(call: Exchange[pb.AgentMessage, pb.ServerMessage]) -> None:
    while True:
        await call.send(HEARTBEAT)
        await asyncio.sleep(0.01)


def test_messages_go_both_ways_until_the_server_ends(tmp_path: Path) -> None:
    async def session(requests: AsyncIterator[pb.AgentMessage], context: Context) -> None:
        assert await anext(requests) == HEARTBEAT
        await context.write(WHOLE)

    async def story(address: str, certificates: Path, _servicer: Servicer) -> None:
        link = dial_with(certificates)(address)
        call = link.session()
        await call.send(HEARTBEAT)
        assert [await call.receive(), await call.receive()] == [WHOLE, None]
        await link.close()

    with_server(tmp_path, session, story)


def test_a_server_that_does_not_lead_names_the_one_that_does(tmp_path: Path) -> None:
    async def session(_requests: AsyncIterator[pb.AgentMessage], context: Context) -> None:
        await context.abort(
            grpc.StatusCode.UNAVAILABLE, "it does not lead", ((LEADER_KEY, "10.0.0.1:7400"),)
        )

    async def story(address: str, certificates: Path, _servicer: Servicer) -> None:
        link = dial_with(certificates)(address)
        with pytest.raises(LinkBroken, match="it does not lead") as received:
            await link.session().receive()
        with pytest.raises(LinkBroken, match="it does not lead") as sent:
            await send_for_ever(link.session())
        assert (received.value.leader, sent.value.leader) == ("10.0.0.1:7400", "10.0.0.1:7400")
        await link.close()

    with_server(tmp_path, session, story)


def test_a_stream_tells_its_number_and_is_answered(tmp_path: Path) -> None:
    async def story(address: str, certificates: Path, servicer: Servicer) -> None:
        link = dial_with(certificates)(address)
        call = link.logs(17)
        await call.send(pb.LogChunk(error="one"))
        await call.finish()
        assert await call.receive() == pb.SendLogsReply()
        assert servicer.streams == ["17", "one"]
        await link.close()

    with_server(tmp_path, nothing, story)


def test_a_server_that_is_not_there_is_a_broken_link(tmp_path: Path) -> None:
    async def story(_address: str, certificates: Path, _servicer: Servicer) -> None:
        link = dial_with(certificates)("127.0.0.1:9")
        with pytest.raises(LinkBroken):
            await link.session().receive()
        await link.close()

    with_server(tmp_path, nothing, story)


def test_another_node_cannot_pretend_to_be_a_server(tmp_path: Path) -> None:
    async def story(address: str, certificates: Path, _servicer: Servicer) -> None:
        link = dial_with(certificates)(address)
        with pytest.raises(LinkBroken):
            await link.session().receive()
        await link.close()

    with_server(tmp_path, nothing, story, identity="node")


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"ca\.pem"):
        dial_with(tmp_path)("127.0.0.1:9")
