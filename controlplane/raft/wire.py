"""The framing between servers: a greeting, then length and bytes; limits come before reading."""

import asyncio
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from controlplane.raft.messages import Hello, Message, decode, decode_hello, encode
from controlplane.raft.settings import MESSAGE_BYTES_MAX
from orb.tls import common_name

if TYPE_CHECKING:
    import ssl

GREETING: Final = b"ORB-PEER-1\n"
"""What a connection begins with; the number is the version of framing and messages. A Hello
follows, framed as the messages behind it."""

HELLO_BYTES_MAX: Final = 512
"""A longer Hello closes the connection unread."""

MESSAGE_WITHIN_S: Final = 10.0
"""A begun message (or greeting) must be complete this soon; else the connection is closed."""

_LENGTH: Final = struct.Struct("<I")


def frame(payload: bytes) -> bytes:
    """Return *payload* as it goes over the wire."""
    return _LENGTH.pack(len(payload)) + payload


class Inbound(asyncio.Protocol):
    """A connection on which one authenticated server talks to us; we never answer on it."""

    def __init__(
        self,
        admit: Callable[[str, "Inbound"], bool],
        greeted: Callable[[str, Hello], None],
        receive: Callable[[str, str, Message], None],
        gone: Callable[["Inbound"], None],
        within_s: float = MESSAGE_WITHIN_S,
    ) -> None:
        self._within_s = within_s
        self._admit = admit
        self._greeted = greeted
        self._receive = receive
        self._gone = gone
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._begun = False
        self._hello: Hello | None = None
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is done: look at the certificate before any byte."""
        if not isinstance(transport, asyncio.Transport):
            transport.close()
            return
        self._transport = transport
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        name = common_name(connection) if connection is not None else ""
        kind, _, self._peer = name.partition(":")
        if kind != "server" or not self._admit(self._peer, self):
            self.close()
            return
        self._wait_for_rest()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages; anything that is none closes the connection."""
        if self._transport is None or self._transport.is_closing():
            return
        self._buffer += data
        try:
            complete = self._read_messages()
        except ValueError:
            self.close()
            return
        if complete and self._limit is not None:
            self._limit.cancel()
            self._limit = None
        if self._buffer or self._hello is None:
            self._wait_for_rest()

    def _read_messages(self) -> bool:
        """Hand over every complete message; return whether there was one."""
        buffer, at = self._buffer, 0
        if not self._begun:
            if not GREETING.startswith(bytes(buffer[: len(GREETING)])):
                raise ValueError("no greeting")
            if len(buffer) < len(GREETING):
                return False
            self._begun = True
            at = len(GREETING)
        while at + _LENGTH.size <= len(buffer):
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length > (MESSAGE_BYTES_MAX if self._hello else HELLO_BYTES_MAX):
                raise ValueError("too long")
            end = at + _LENGTH.size + length
            if end > len(buffer):
                break
            self._take(bytes(buffer[at + _LENGTH.size : end]))
            at = end
        del buffer[:at]
        return at > 0

    def _take(self, payload: bytes) -> None:
        if self._hello is None:
            self._hello = decode_hello(payload)
            self._greeted(self._peer, self._hello)
        else:
            self._receive(self._peer, self._hello.identity, decode(payload))

    def _wait_for_rest(self) -> None:
        if self._limit is None:
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(self._within_s, self.close)

    def close(self) -> None:
        """End this connection now."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone, whoever ended it."""
        if self._limit is not None:
            self._limit.cancel()
        self._gone(self)


class Outbound(asyncio.Protocol):
    """A connection on which we talk to one server, whose certificate must name it."""

    def __init__(self, peer: str, hello: Hello) -> None:
        self._peer = peer
        self._hello = hello
        self.transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is done: is it whom we meant?"""
        if not isinstance(transport, asyncio.Transport):
            transport.close()
            return
        connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if connection is None or common_name(connection) != f"server:{self._peer}":
            transport.abort()
            return
        transport.write(GREETING + frame(encode(self._hello)))
        self.transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        """Nobody may answer here."""
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone."""
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)
