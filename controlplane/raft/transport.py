"""Messages between servers over mutual TLS: bounded, reconnecting, between known members only."""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Callable
from typing import Final

from controlplane.raft.messages import (
    Append,
    Hello,
    Message,
    Removed,
    SnapshotChunk,
    Stranger,
    encode,
)
from controlplane.raft.settings import MESSAGE_BYTES_MAX
from controlplane.raft.snapshots import Configuration
from controlplane.raft.wire import MESSAGE_WITHIN_S, Inbound, Outbound, frame

UNSENT_BYTES_MAX: Final = 4 * MESSAGE_BYTES_MAX
"""What may wait in front of one peer, in bytes; messages beyond it are dropped (Raft allows it)."""

HANDSHAKE_WITHIN_S: Final = 5.0
CONNECT_WITHIN_S: Final = 3.0
INBOUND_MAX: Final = 64
"""Open connections from servers; one more is closed at once."""

GUESTS_MAX: Final = 8
"""Servers unknown to this one's log that may talk to it at once; one more is closed."""

FROM_GUESTS: Final = (Append, SnapshotChunk, Removed, Stranger)
"""What a guest may say: entries, and that this server is out. It has no vote here."""

RETRY_FIRST_S: Final = 0.05
RETRY_MAX_S: Final = 1.0
"""Dialling again waits from the first to this, doubling, with jitter."""

UNACKNOWLEDGED_MS: Final = 3_000
"""A peer that acknowledges no byte for so long is dialled anew: a silent partition shows."""


def split_address(address: str) -> tuple[str, int]:
    """`host:port` as a pair. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


class Link:
    """The connection on which we talk to one peer; made again whenever it breaks."""

    def __init__(
        self, peer: str, address: str, context: ssl.SSLContext, rng: random.Random
    ) -> None:
        self._peer = peer
        self.address = address
        self._context = context
        self._rng = rng
        self.hello = Hello("0" * 16, "")
        self._current: Outbound | None = None

    @property
    def connected(self) -> bool:
        """Whether messages have a way to go."""
        return self._current is not None and self._current.transport is not None

    def send(self, data: bytes) -> None:
        """Write *data* if it is possible without waiting."""
        transport = self._current.transport if self._current else None
        if transport is not None and transport.get_write_buffer_size() < UNSENT_BYTES_MAX:
            transport.write(data)

    async def keep(self, changed: Callable[[], None]) -> None:
        """Dial, and dial again, until cancelled."""
        wait = RETRY_FIRST_S
        try:
            while True:
                started = asyncio.get_running_loop().time()
                with contextlib.suppress(OSError, TimeoutError, ValueError):
                    await self._talk(changed)
                self._current = None
                changed()
                if asyncio.get_running_loop().time() - started > RETRY_MAX_S:
                    wait = RETRY_FIRST_S
                await asyncio.sleep(wait * self._rng.uniform(0.5, 1.0))
                wait = min(2 * wait, RETRY_MAX_S)
        finally:
            if self._current is not None and self._current.transport is not None:
                self._current.transport.abort()

    async def _talk(self, changed: Callable[[], None]) -> None:
        host, port = split_address(self.address)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_WITHIN_S + HANDSHAKE_WITHIN_S):
            transport, protocol = await loop.create_connection(
                lambda: Outbound(self._peer, self.hello),
                host,
                port,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
            )
        self._current = protocol
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        changed()
        await protocol.closed


class PeerTransport:
    """All connections of one server to the other servers."""

    def __init__(
        self,
        me: str,
        bind: str,
        contexts: tuple[ssl.SSLContext, ssl.SSLContext],
        rng: random.Random,
        message_within_s: float = MESSAGE_WITHIN_S,
    ) -> None:
        self._me = me
        self._message_within_s = message_within_s
        self._bind = bind
        self._server_context, self._client_context = contexts
        self._rng = rng
        self._links: dict[str, Link] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._inbound: dict[Inbound, str] = {}
        self._known: dict[str, str] = {}
        self._guests: dict[str, str] = {}
        self._group: asyncio.TaskGroup | None = None
        self._last: tuple[Message, bytes] | None = None
        self.hello = Hello("0" * 16, bind)
        """How this server greets; set before `run`."""
        self.lost: Callable[[], bool] = lambda: False
        """Whether no leader is heard: then it may be one whom our log does not know yet."""
        self.receive: Callable[[str, str, Message], None] = lambda _peer, _identity, _message: None
        self.changed: Callable[[], None] = lambda: None

    def send(self, peer: str, message: Message) -> None:
        """Send if it is possible without waiting; else the message is lost."""
        link = self._links.get(peer)
        if link is not None and link.connected:
            if self._last is None or self._last[0] is not message:
                self._last = (message, frame(encode(message)))
            link.send(self._last[1])

    def connected(self, peer: str) -> bool:
        """Whether there is a connection to *peer* now."""
        link = self._links.get(peer)
        return link is not None and link.connected

    def set_peers(self, config: Configuration) -> None:
        """Talk to exactly these, and listen to nobody else."""
        self._known = {name: one.address for name, one in config.items() if name != self._me}
        self._make_links()

    def _make_links(self) -> None:
        wanted = {**self._guests, **self._known}
        for name, link in list(self._links.items()):
            if wanted.get(name) != link.address:
                del self._links[name]
                keeper = self._keepers.pop(name, None)
                if keeper is not None:
                    keeper.cancel()
        for name, address in wanted.items():
            if name not in self._links:
                self._links[name] = Link(name, address, self._client_context, self._rng)
        for connection, name in list(self._inbound.items()):
            if name not in wanted:
                connection.close()
        self._keep_links()

    def _keep_links(self) -> None:
        if self._group is None:
            return
        for name, link in self._links.items():
            link.hello = self.hello
            if name not in self._keepers:
                self._keepers[name] = self._group.create_task(
                    link.keep(self.changed), name=f"link to {name}"
                )

    async def run(self) -> None:
        """Listen and dial until cancelled. Raises OSError if the address cannot be bound."""
        host, port = split_address(self._bind)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Inbound(
                self._admit, self._greeted, self._received, self._gone, self._message_within_s
            ),
            host,
            port,
            ssl=self._server_context,
            ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
            backlog=INBOUND_MAX,
        )
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._keep_links()
                await loop.create_future()
        finally:
            self._group = None
            server.close()
            for connection in list(self._inbound):
                connection.close()

    def _received(self, peer: str, identity: str, message: Message) -> None:
        if peer in self._known or isinstance(message, FROM_GUESTS):
            self.receive(peer, identity, message)

    def _admit(self, peer: str, connection: Inbound) -> bool:
        """Known members; a newer connection of a member takes the place of its older one.

        While no leader is heard, also other servers of this cluster's CA, as guests: the members
        may have changed while this server was away, and only their leader can tell it.
        """
        guest = peer not in self._known
        if guest and (not self.lost() or len(self._guests) >= GUESTS_MAX):
            return False
        if len(self._inbound) >= INBOUND_MAX or peer == self._me:
            return False
        for older, name in list(self._inbound.items()):
            if name == peer:
                older.close()
        self._inbound[connection] = peer
        return True

    def _greeted(self, peer: str, hello: Hello) -> None:
        """A guest says where it listens: there it gets its answers."""
        if peer not in self._known:
            self._guests[peer] = hello.address
            self._make_links()

    def _gone(self, connection: Inbound) -> None:
        peer = self._inbound.pop(connection, None)
        if peer in self._guests and peer not in self._inbound.values():
            del self._guests[peer]
            self._make_links()
