"""The program `orb-agent`: reads its configuration, puts the parts together, runs until stopped.

Being stopped or killed leaves the tasks running; the next agent takes them over.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path
from random import Random
from typing import IO, Final

from agent.agent import Agent, AgentParts
from agent.config import AgentConfig, RuntimeKind, read_config
from agent.facts import MachineFacts, Offer
from agent.files import DiskFiles
from agent.link import dial_with
from agent.runtime.base import Runtime, RuntimeFailure
from agent.runtime.places import Places, memory_folder
from agent.store import DiskStore
from agent.usage import UsageMeter
from orb import logs, telemetry
from orb.clock import Clock, SystemClock
from orb.errors import Conflict, InvalidInput, NotFound, OrbError
from orb.ids import NodeName
from orb.logs import Logger
from orb.systemd import ServiceManager
from orb.tls import Credentials, cluster_mark

STATUS_EVERY_MS: Final = 5_000
AUTO_DOCKER_SECONDS: Final = 10.0
"""How long `runtime = auto` waits for an engine before it settles for processes."""
MIB: Final = 1024 * 1024

log = Logger("main")


def main() -> None:
    """Run the agent with the process's arguments and environment."""
    try:
        config = read_config(sys.argv[1:], os.environ)
        logs.configure(config.log_level, config.log_format)
        code = _run(config)
    except OrbError as error:
        sys.stderr.write(f"orb-agent: {error}\n")
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    # A thread may still wait for the engine; nobody waits for it, and the tasks stay as they are.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(config: AgentConfig) -> int:
    Credentials.in_directory(config.certs).check()
    with _only_one(config.data):
        tracing = telemetry.start("orb-agent", config.name, config.otlp_endpoint)
        try:
            asyncio.run(_serve(config))
        except asyncio.CancelledError:
            log.info("stopped; what it runs goes on")
        finally:
            tracing.close()
    return 0


async def _serve(config: AgentConfig) -> None:
    clock = SystemClock()
    manager = ServiceManager(os.environ)
    _stop_on_signals(manager)
    address = config.address or _own_address(config)
    runtime = await _runtime(config, clock, address)
    agent = Agent(_parts(config, clock, runtime, address))
    log.info("starts", node=config.name, runtime=runtime.name, address=address)
    manager.ready(agent.status)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.feed_watchdog(clock), name="watchdog")
            group.create_task(_show_status(agent, manager, clock), name="status")
            group.create_task(agent.run(), name="agent")
    finally:
        await runtime.close()


def _parts(config: AgentConfig, clock: Clock, runtime: Runtime, address: str) -> AgentParts:
    offer = Offer(
        name=NodeName(config.name),
        address=address,
        labels=config.labels,
        cpus=config.cpus,
        memory_bytes=config.memory_mib * MIB,
        devices=config.devices,
    )
    return AgentParts(
        addresses=[str(server) for server in config.servers],
        dial=dial_with(config.certs),
        clock=clock,
        chance=_chance(),
        runtime=runtime,
        store=DiskStore(config.data),
        files=DiskFiles(_places(config, runtime.name)),
        facts=MachineFacts(offer, runtime, config.data),
        meter=UsageMeter(config.data),
    )


async def _runtime(config: AgentConfig, clock: Clock, address: str) -> Runtime:
    """The runtime that the configuration names; what it needs is imported only then."""
    match config.runtime:
        case RuntimeKind.DOCKER:
            return _docker(config, address)
        case RuntimeKind.PROCESS:
            return _process(config, address)
        case RuntimeKind.FAKE:
            from agent.runtime.fake import FakeRuntime  # noqa: PLC0415 - only who uses it pays

            return FakeRuntime(clock, directory=config.data)
        case RuntimeKind.AUTO:
            return await _docker_or_process(config, address)


async def _docker_or_process(config: AgentConfig, address: str) -> Runtime:
    runtime = _docker(config, address)
    try:
        async with asyncio.timeout(AUTO_DOCKER_SECONDS):
            await runtime.facts()
    except (RuntimeFailure, TimeoutError) as failure:
        log.warning("no Docker Engine answers: tasks run as processes", why=str(failure))
        await runtime.close()
        return _process(config, address)
    return runtime


def _docker(config: AgentConfig, address: str) -> Runtime:
    from agent.runtime.docker import DockerRuntime  # noqa: PLC0415 - 21 MB: only who uses it pays
    from agent.runtime.docker_container import Owner  # noqa: PLC0415 - as above

    owner = Owner(_cluster(config.certs), config.name)
    places = _places(config, DockerRuntime.name)
    return DockerRuntime(config.docker_host, owner, address, places)


def _process(config: AgentConfig, address: str) -> Runtime:
    from agent.runtime.process import ProcessRuntime  # noqa: PLC0415 - only who uses it pays

    places = _places(config, ProcessRuntime.name)
    data = config.data / "processes"
    return ProcessRuntime(data, address, _owner(config), _chance(), places)


def _places(config: AgentConfig, runtime: str) -> Places:
    """Where configs and secrets are. The users of processes cannot enter our own folder, so that
    their configs are beside the secrets. Raises InvalidInput if `memory` is not in memory."""
    found = memory_folder(config.memory, Path("/proc/self/mountinfo").read_text())
    mine = None if found is None else found / _owner(config)
    if mine is None:
        return Places(config.data / "configs", None)
    is_process = runtime == RuntimeKind.PROCESS.value
    return Places((mine if is_process else config.data) / "configs", mine / "secrets")


def _owner(config: AgentConfig) -> str:
    return f"{_cluster(config.certs)}-{config.name}"


def _chance() -> Random:
    return Random()  # noqa: S311 - it spreads tries over time and ports, it guards no secret


def _cluster(certificates: Path) -> str:
    """Which cluster this node belongs to: what marks our things on this machine."""
    return cluster_mark(Credentials.in_directory(certificates).ca)


def _own_address(config: AgentConfig) -> str:
    """The address that this machine reaches the first server from. Raises NotFound."""
    server = config.servers[0]
    try:
        family, kind, _, _, place = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(place)  # sends nothing: it only asks the kernel for the way
            return str(probe.getsockname()[0])
    except OSError as error:
        raise NotFound(
            f"cannot tell this machine's own address: there is no way to {server}: {error}",
            remedy="set `address` to the name or IP that other machines reach this one by",
        ) from error


def _only_one(data: Path) -> IO[bytes]:
    """Keep other agents out of the folder as long as this is open. Raises Conflict or NotFound."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data / "lock").open("wb")
    except OSError as error:
        raise NotFound(f"the folder {data} cannot be used: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Conflict(
            f"another agent works in {data}", remedy="stop it, or give this one its own `data`"
        ) from error
    return lock


def _stop_on_signals(manager: ServiceManager) -> None:
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()

    def stop() -> None:
        manager.stopping()
        if me is not None:
            me.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _show_status(agent: Agent, manager: ServiceManager, clock: Clock) -> None:
    while True:
        manager.status(agent.status)
        await clock.sleep(STATUS_EVERY_MS / 1000)


if __name__ == "__main__":
    main()
