"""The way to a server that can answer: connects, follows the leader, tries again, gives up in time.

A request is tried again only where that is harmless: reads are, and writes carry a client id and a
sequence number, so that the servers give the first answer again.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final, TypeVar, cast

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own log would stand between our messages

import grpc
from google.protobuf.message import Message

from cli.asking import Unreachable
from cli.contexts import Context
from cli.diagnose import PROBE_S, diagnose
from cli.processes import age_s
from orb import errors
from orb.clock import Clock, SystemClock
from orb.errors import NoQuorum, OrbError, Unavailable, Unknown
from orb.tls import SERVER_DNS_NAME, Credentials
from orb.v1 import control_pb2 as pb

M = TypeVar("M", bound=Message)

PATIENCE_S: Final = 3.6
"""How long servers may have no leader before the person is told, counted from the start of orbctl
for its first request: with asking why, an error comes within 5 s."""
PATIENCE_AT_LEAST_S: Final = 2.0
"""Where orbctl itself was slow to start, the servers still have this long."""
CONNECT_S: Final = 2.0
"""How long connecting may take; then the servers are unreachable."""
CONNECT_AT_LEAST_S: Final = 0.3
"""A connection gets this long even where patience is over."""
ANSWER_S: Final = 5.0
"""How long a server that was reached may think about one request."""
WHY_S: Final = 0.5
"""How long a server may take to say why there is no leader."""
PAUSE_S: Final = 0.15
"""Between two tries."""
SERVICE: Final = "/orb.v1.Control/"
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""The largest answer taken: 20,000 replicas are about 6 MiB. A larger one is an error."""
KEEPALIVE_EVERY_MS: Final = 10_000
KEEPALIVE_ANSWER_MS: Final = 5_000

_OPTIONS: Final = (
    ("grpc.ssl_target_name_override", SERVER_DNS_NAME),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
)


class Channels:
    """Connections to the servers of one context, and the one that leads as far as known."""

    def __init__(self, context: Context, clock: Clock | None = None) -> None:
        self._context = context
        self._clock = clock or SystemClock()
        self._credentials = _channel_credentials(context)
        self._open: dict[str, grpc.aio.Channel] = {}
        self._leader = ""
        self._is_first = True

    async def call(self, method: str, request: Message, answer: type[M]) -> M:
        """One question, one answer. Raises OrbError, within PATIENCE_S if no server answers."""
        patience = self._patience()
        while True:
            address = await self._reach(patience)
            try:
                ask = self._channel(address).unary_unary(
                    SERVICE + method, _serialize, answer.FromString
                )
                reply: M = await ask(request, timeout=ANSWER_S)
            except grpc.aio.AioRpcError as error:
                await self._again(address, error, patience)
            else:
                return reply

    async def stream(self, method: str, request: Message, answer: type[M]) -> AsyncIterator[M]:
        """One question, many answers. The start is tried again; a later break is Unavailable."""
        patience = self._patience()
        while True:
            address = await self._reach(patience)
            begun = False
            try:
                ask = self._channel(address).unary_stream(
                    SERVICE + method, _serialize, answer.FromString
                )
                async for message in ask(request):
                    begun = True
                    yield message
            except grpc.aio.AioRpcError as error:
                if begun:
                    self.follow(error)
                    raise translated(error) from error
                await self._again(address, error, patience)
            else:
                return

    async def converse(
        self, method: str, answer: type[M]
    ) -> "grpc.aio.StreamStreamCall[Message, M]":
        """Open a stream both ways to the leader, as far as known. Raises Unreachable."""
        address = await self._reach(self._patience())
        return self._channel(address).stream_stream(
            SERVICE + method, _serialize, answer.FromString
        )(None)

    def follow(self, error: grpc.aio.AioRpcError) -> bool:
        """Remember the leader that the error names; False if it names none."""
        self._leader = _metadata(error).get("orb-leader", "")
        return bool(self._leader)

    async def close(self) -> None:
        """Close all connections."""
        for channel in self._open.values():
            await channel.close(None)

    async def _again(
        self, address: str, error: grpc.aio.AioRpcError, patience: "_Patience"
    ) -> None:
        """Wait for the next try, or raise what the person should know."""
        told = translated(error)
        if not isinstance(told, Unavailable | Unknown) or isinstance(told, errors.StorageFull):
            raise told from error
        if not self.follow(error):
            await self._forget(address, error)
        if patience.is_over:
            if _kind(error) is errors.NotLeader:
                told.message += await self._why_no_leader(address)
            raise told from error
        await self._clock.sleep(PAUSE_S)

    async def _why_no_leader(self, address: str) -> str:
        """What the server itself says of it, as a second half of the sentence."""
        ask = self._channel(address).unary_unary(
            f"{SERVICE}Get", _serialize, pb.GetReply.FromString
        )
        request = pb.GetRequest(kind="KIND_STATUS", stale=True)
        try:
            reply: pb.GetReply = await ask(request, timeout=WHY_S)
        except grpc.aio.AioRpcError:
            return ""
        return f": {reply.status.problems[0]}" if reply.status.problems else ""

    async def _forget(self, address: str, error: grpc.aio.AioRpcError) -> None:
        """Let go of a connection that broke, but not of one over which a server answered."""
        if "orb-error" not in _metadata(error):
            channel = self._open.pop(address, None)
            if channel is not None:
                await channel.close(None)

    def _patience(self) -> "_Patience":
        """For one request; the time that orbctl took to start counts as its first one's."""
        late = age_s(os.getpid()) if self._is_first else 0.0
        self._is_first = False
        return _Patience(self._clock, max(PATIENCE_S - late, PATIENCE_AT_LEAST_S))

    async def _reach(self, patience: "_Patience") -> str:
        """The address of a server that can be reached: the leader's if known, else the first."""
        connecting = _Patience(
            self._clock, max(min(CONNECT_S, patience.left - PROBE_S), CONNECT_AT_LEAST_S)
        )
        while True:
            named, self._leader = self._leader, ""
            if named:
                found = await self._first_ready((named,), connecting.left / 2)
            else:
                found = await self._first_ready(self._context.servers, connecting.left)
            if found:
                if named:
                    self._leader = named
                return found
            if named:  # it has just died, and who named it does not know yet: ask the others
                continue
            if connecting.is_over:
                causes = await diagnose(self._context)
                raise Unreachable(causes.message, remedy=causes.remedy)
            await self._clock.sleep(PAUSE_S)

    async def _first_ready(self, addresses: tuple[str, ...], seconds: float) -> str:
        waiting = {
            asyncio.ensure_future(self._channel(address).channel_ready()): address
            for address in addresses
        }
        try:
            done, _ = await asyncio.wait(
                waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            return next((waiting[task] for task in waiting if task in done), "")
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._open:
            self._open[address] = grpc.aio.secure_channel(
                address, self._credentials, options=_OPTIONS
            )
        return self._open[address]


class _Patience:
    """How much longer it makes sense to try."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """In seconds."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        return not self.left


def translated(error: grpc.aio.AioRpcError) -> OrbError:
    """What a server said, as the error that it meant."""
    metadata = _metadata(error)
    remedy = metadata.get("orb-remedy-bin", "")
    details = error.details() or error.code().name
    named = _kind(error)
    if named is errors.NotLeader:
        return Unavailable(
            "no server leads just now",
            remedy="try again in a moment; `orbctl status --stale` asks any server",
        )
    if named is NoQuorum and not remedy:
        remedy = "start the missing servers; `orbctl status --stale` shows what this one knows"
    if named is not None:
        return named(details, remedy=remedy)
    return _by_code(error.code(), details)


def _kind(error: grpc.aio.AioRpcError) -> type[OrbError] | None:
    """The class that the server named; None if gRPC itself made the error."""
    named = getattr(errors, _metadata(error).get("orb-error", ""), None)
    return named if isinstance(named, type) and issubclass(named, OrbError) else None


def _by_code(code: grpc.StatusCode, details: str) -> OrbError:
    """An error that gRPC itself made."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unknown(
            f"no answer came within {ANSWER_S:.0f} s: it may or may not have happened",
            remedy="look with `orbctl status`; the same command again does no harm",
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(f"the connection to the server broke: {details}", remedy="try again")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return errors.TooLarge(details, remedy="ask for less at once, or make the manifest smaller")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return errors.Denied(details)
    return OrbError(f"the server answered {code.name}: {details}")


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _metadata(error: grpc.aio.AioRpcError) -> Mapping[str, str]:
    found = {}
    metadata = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    for key, value in metadata:
        found[key] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return found


def _channel_credentials(context: Context) -> grpc.ChannelCredentials:
    credentials = Credentials.in_directory(context.certificates)
    credentials.check()
    return grpc.ssl_channel_credentials(
        root_certificates=credentials.ca.read_bytes(),
        private_key=credentials.key.read_bytes(),
        certificate_chain=credentials.certificate.read_bytes(),
    )
