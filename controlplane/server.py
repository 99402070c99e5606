"""One server: the only place where its parts meet."""

import asyncio
import os
import random
from collections.abc import Mapping
from typing import Final

import grpc

from controlplane.api.changes import AtTheLeader, Changes
from controlplane.api.reading import Parts, Reading
from controlplane.api.servers import Servers, client_addresses, heir_of
from controlplane.api.service import Control
from controlplane.config import ServerConfig
from controlplane.dispatcher.dispatcher import Dispatcher
from controlplane.dispatcher.service import Agents
from controlplane.edge import REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Edge
from controlplane.intact import Intact
from controlplane.leader import Leader
from controlplane.proposer import Proposer
from controlplane.raft.local import LocalLog
from controlplane.raft.log import LogStatus, Role
from controlplane.raft.owner import ClusterLog
from controlplane.raft.syncobj import open_log
from controlplane.scheduler import Scheduler
from controlplane.state.machine import Machine
from orb import telemetry
from orb.clock import Clock
from orb.errors import InvalidInput, OrbError, StorageDamaged
from orb.ids import ServerName
from orb.logs import Logger
from orb.race import first_of
from orb.systemd import ServiceManager
from orb.tls import Credentials, peer_contexts
from orb.v1.agent_pb2_grpc import add_AgentsServicer_to_server
from orb.v1.control_pb2_grpc import add_ControlServicer_to_server

GRACE_S: Final = 1.0
"""How long calls may take to end when the server stops, in seconds; then they are cut."""
HALTED_EVERY_S: Final = 1.0
"""How often it is looked whether the state machine can still follow the log."""
LAG_EVERY_S: Final = 0.25
HAND_OVER_S: Final = 2.0
"""How long a leader that stops waits for another server to lead, in seconds."""
KEEPALIVE_EVERY_MS: Final = 5_000
KEEPALIVE_ANSWER_MS: Final = 5_000
CLIENT_PING_EVERY_MS_MIN: Final = 1_000
"""Clients may ask for a sign of life that often."""

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.max_send_message_length", REPLY_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_EVERY_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_ANSWER_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", CLIENT_PING_EVERY_MS_MIN),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", CLIENT_PING_EVERY_MS_MIN),
    ("grpc.so_reuseport", 0),
)

log = Logger("server")
_LAG: Final = telemetry.Histogram(
    "orb.server.loop_lag", "s", "How late the event loop turns", telemetry.SECONDS
)


class Server:
    """All parts of one server, from its configuration."""

    def __init__(
        self,
        config: ServerConfig,
        environ: Mapping[str, str],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Read certificates and storage; call it on the running event loop.

        Raises NotFound, InvalidInput, StorageDamaged or OSError.
        """
        self._config = config
        self._clock = clock
        self._manager = ServiceManager(environ)
        self._stopping = asyncio.Event()
        credentials = Credentials.in_directory(config.certs)
        credentials.check()
        self._credentials = credentials
        self._machine = Machine()
        self._log = _open(config, self._machine, credentials, rng)
        configured = {name: str(place.client) for name, place in config.members.items()}
        state, proposer = self._machine.state, Proposer(self._log, clock)
        self._leader = Leader(self._log, state, Scheduler().schedule, clock)
        self._dispatcher = Dispatcher(self._log, state, proposer, self._leader.heard, clock)
        parts = Parts(
            agreement=self._log,
            state=state,
            leader=self._leader,
            dispatcher=self._dispatcher,
            addresses=lambda agreed: client_addresses(configured, agreed),
            clock=clock,
        )
        self._reading = Reading(parts)
        edge = Edge(lambda name: parts.addresses(self._log.status()).get(name, ""))
        changes, servers = (
            Changes(AtTheLeader(proposer, self._log), self._reading, clock),
            Servers(self._log, configured),
        )
        self._control = Control(parts, self._reading, changes, servers, edge)
        self._agents = Agents(self._dispatcher, edge)
        self._intact = Intact(edge)

    def stop(self) -> None:
        """Have `run` return soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Raises OrbError or OSError when going on is impossible."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work, name=name)
                    for name, work in {
                        "log": self._log.run(),
                        "leader": self._leader.run(),
                        "dispatcher": self._dispatcher.run(),
                        "reading": self._reading.run(),
                        "machine": self._watch_machine(),
                        "lag": self._measure_lag(),
                        "watchdog": self._manager.feed_watchdog(self._clock),
                        "status": self._tell_status(),
                    }.items()
                ]
                await self._serve()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    async def _serve(self) -> None:
        """Answer people and agents until stopped; then let another server lead, and end calls."""
        service = grpc.aio.server(options=_OPTIONS, interceptors=(self._intact,))
        add_ControlServicer_to_server(self._control, service)  # type: ignore[no-untyped-call]  # generated
        add_AgentsServicer_to_server(self._agents, service)  # type: ignore[no-untyped-call]  # generated
        _listen(service, self._config, self._credentials)
        await service.start()
        try:
            address = self._config.client_listener
            log.info("this server serves", name=self._config.name, address=address, pid=os.getpid())
            self._manager.ready(f"serves at {address}")
            await self._stopping.wait()
            self._manager.stopping()
            await self._hand_over()
            self._dispatcher.stop_serving()
        finally:
            await service.stop(GRACE_S)

    async def _hand_over(self) -> None:
        """Leaving well costs the cluster no election."""
        status = self._log.status()
        heir = heir_of(status)
        if status.role is not Role.LEADER or heir is None:
            return
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await self._log.hand_over(heir)
        except (OrbError, TimeoutError) as error:
            log.warning("no other server took over; an election will follow", why=error)

    async def _watch_machine(self) -> None:
        while not self._machine.halted:
            await self._clock.sleep(HALTED_EVERY_S)
        raise StorageDamaged(
            self._machine.halted,
            remedy="run the same version of Orb on all servers; if they are, replace this server",
        )

    async def _measure_lag(self) -> None:
        while True:
            started = self._clock.monotonic()
            await self._clock.sleep(LAG_EVERY_S)
            _LAG.record(max(0.0, self._clock.monotonic() - started - LAG_EVERY_S))

    async def _tell_status(self) -> None:
        """Tell operators who leads, when that changes."""
        told, was_full = "", False
        async for status in self._log.changes():
            if status.disk_full is not was_full:
                was_full = status.disk_full
                _say_of_the_disk(self._config, full=was_full)
            now = _words(status)
            if now != told:
                log.info(now, term=status.term)
                self._manager.status(now)
                told = now


def _open(
    config: ServerConfig, machine: Machine, credentials: Credentials, rng: random.Random
) -> ClusterLog | LocalLog:
    name = ServerName(config.name)
    if config.in_memory:
        log.warning("this server keeps nothing on disk: what it is told is lost when it ends")
        return LocalLog(machine, name)
    server_tls, client_tls = peer_contexts(credentials)
    return open_log(
        name=name,
        peers={peer: str(place.peer) for peer, place in config.members.items()},
        clients={peer: str(place.client) for peer, place in config.members.items()},
        join=config.join,
        bind=str(config.peer_listener),
        directory=config.data,
        machine=machine,
        server_tls=server_tls,
        client_tls=client_tls,
        rng=rng,
    )


def _listen(service: grpc.aio.Server, config: ServerConfig, credentials: Credentials) -> None:
    """Listen for clients that show a certificate of this cluster. Raises InvalidInput."""
    pair = (credentials.key.read_bytes(), credentials.certificate.read_bytes())
    tls = grpc.ssl_server_credentials(
        [pair], root_certificates=credentials.ca.read_bytes(), require_client_auth=True
    )
    try:
        service.add_secure_port(str(config.client_listener), tls)
    except RuntimeError as error:
        raise InvalidInput(
            f"cannot listen for clients at {config.client_listener}: {error}",
            remedy="is another server running there? else choose another address with `listen`",
        ) from None


def _say_of_the_disk(config: ServerConfig, *, full: bool) -> None:
    if full:
        log.error("the disk is full: nothing can be written", data=str(config.data))
    else:
        log.info("there is room on the disk again: writing goes on", data=str(config.data))


def _words(status: LogStatus) -> str:
    if status.role is Role.LEADER:
        return "leads"
    if status.leader is not None:
        return f"follows {status.leader}"
    if not status.members:
        return "waits to be added: `orbctl server add`"
    return "knows no leader"
