"""The connection to one server: a small seam, and gRPC over mutual TLS behind it."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

import grpc
from google.protobuf.message import Message

from orb.tls import SERVER_DNS_NAME, Credentials
from orb.v1 import agent_pb2 as pb

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""The largest message either way; a larger one breaks the session."""
KEEPALIVE_EVERY_MS: Final = 2_000
"""The connection is asked for a sign of life that often; servers must allow it."""
KEEPALIVE_ANSWER_MS: Final = 4_000
"""A connection that gives none for that long is taken to be broken."""
LEADER_KEY: Final = "orb-leader"
STREAM_KEY: Final = "orb-stream"

_SERVICE: Final = "/orb.v1.Agents/"
_OPTIONS: Final = (
    ("grpc.ssl_target_name_override", SERVER_DNS_NAME),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_MS),
    # Without this one, a peer that is stopped but whose kernel answers is found after a minute.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)
_REFUSED: Final = "Connection refused"
"""In what gRPC says when the kernel there has answered that nobody listens."""

Out_contra = TypeVar("Out_contra", contravariant=True)
In_co = TypeVar("In_co", covariant=True)
Sent = TypeVar("Sent", bound=Message)
Received = TypeVar("Received", bound=Message)


class LinkBroken(Exception):
    """The server cannot be reached, or has ended the call."""

    def __init__(self, message: str, *, leader: str = "", refused: bool = False) -> None:
        super().__init__(message)
        self.leader = leader
        """Who leads, if the server said so."""
        self.refused = refused
        """Nobody listens there: to ask again costs nobody anything."""


class Exchange(Protocol[Out_contra, In_co]):
    """Messages both ways. Each verb raises LinkBroken."""

    async def send(self, message: Out_contra) -> None:
        """Send it; waits while the other side takes none."""
        ...

    async def receive(self) -> In_co | None:
        """The next message; None once the other side has ended well."""
        ...

    async def finish(self) -> None:
        """There is no more to send."""
        ...

    def cancel(self) -> None:
        """Drop the call; nothing happens if it is over."""
        ...


class Link(Protocol):
    """A connection to one server."""

    def session(self) -> Exchange[pb.AgentMessage, pb.ServerMessage]:
        """Begin the one stream of a node."""
        ...

    def logs(self, stream: int) -> Exchange[pb.LogChunk, pb.SendLogsReply]:
        """Begin to send the lines that StartLogs *stream* asked for."""
        ...

    def exec(self, stream: int) -> Exchange[pb.ExecFromTask, pb.ExecToTask]:
        """Begin to serve the command that StartExec *stream* asked for."""
        ...

    async def close(self) -> None:
        """Close the connection, with all that goes over it."""
        ...


Dial = Callable[[str], Link]
"""Makes the link to a server's `host:port`; it connects by itself when it is used."""


def dial_with(certificates: Path) -> Dial:
    """Dial with the certificates in this folder; they are read anew each time, so they may change.

    Raises NotFound at the dialling if one of the files is missing.
    """
    credentials = Credentials.in_directory(certificates)

    def dial(address: str) -> Link:
        credentials.check()
        return GrpcLink(
            address,
            grpc.ssl_channel_credentials(
                root_certificates=credentials.ca.read_bytes(),
                private_key=credentials.key.read_bytes(),
                certificate_chain=credentials.certificate.read_bytes(),
            ),
        )

    return dial


class GrpcLink:
    """A channel of gRPC."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials) -> None:
        self._channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)

    def session(self) -> "_Call[pb.AgentMessage, pb.ServerMessage]":
        """Begin the one stream of a node."""
        return self._begin("Session", pb.ServerMessage, None)

    def logs(self, stream: int) -> "_Call[pb.LogChunk, pb.SendLogsReply]":
        """Begin to send the lines that StartLogs *stream* asked for."""
        return self._begin("SendLogs", pb.SendLogsReply, stream)

    def exec(self, stream: int) -> "_Call[pb.ExecFromTask, pb.ExecToTask]":
        """Begin to serve the command that StartExec *stream* asked for."""
        return self._begin("ServeExec", pb.ExecToTask, stream)

    async def close(self) -> None:
        """Close the channel, with all that goes over it."""
        await self._channel.close(None)

    def _begin(
        self, method: str, answer: type[Received], stream: int | None
    ) -> "_Call[Sent, Received]":
        """On the wire, a call with one answer is a stream that happens to bring one message."""
        begin = self._channel.stream_stream(_SERVICE + method, _serialize, answer.FromString)
        metadata = None if stream is None else ((STREAM_KEY, str(stream)),)
        return _Call(
            cast("grpc.aio.StreamStreamCall[Sent, Received]", begin(None, metadata=metadata))
        )


class _Call(Exchange[Sent, Received]):
    """A call of gRPC as an Exchange."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[Sent, Received]") -> None:
        self._call = call

    async def send(self, message: Sent) -> None:
        try:
            await self._call.write(message)
        except grpc.aio.AioRpcError as error:
            raise _broken(error) from error
        except asyncio.InvalidStateError as error:
            raise await self._why_over() from error

    async def receive(self) -> Received | None:
        try:
            message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _broken(error) from error
        return cast("Received", message) if isinstance(message, Message) else None

    async def finish(self) -> None:
        try:
            await self._call.done_writing()
        except grpc.aio.AioRpcError as error:
            raise _broken(error) from error

    def cancel(self) -> None:
        self._call.cancel()

    async def _why_over(self) -> LinkBroken:
        """The reason that came with the end of the call."""
        metadata = await self._call.trailing_metadata()
        details = await self._call.details()
        return LinkBroken(details or "the server has ended the call", leader=_leader(metadata))


def _broken(error: grpc.aio.AioRpcError) -> LinkBroken:
    reason = error.details() or error.code().name
    leader = _leader(error.trailing_metadata())
    return LinkBroken(reason, leader=leader, refused=_REFUSED in reason)


def _leader(metadata: object) -> str:
    pairs = cast("Iterable[tuple[str, str | bytes]]", metadata or ())
    return next((str(value) for key, value in pairs if key == LEADER_KEY), "")


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
