"""`orb-server`: puts the parts of a server together, runs them, and ends them cleanly."""

import asyncio
import gc
import os
import random
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from controlplane.config import ServerConfig, read_config
from controlplane.raft.log import NotMember
from controlplane.server import Server
from orb import logs, telemetry
from orb.clock import SystemClock
from orb.errors import InvalidInput, NotFound, OrbError, StorageDamaged
from orb.logs import Logger

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_DAMAGED: Final = 4
"""What is on disk cannot be trusted: starting again will not help, a person must look."""
EXIT_NOT_MEMBER: Final = 5
"""The cluster has removed this server, or knows another folder of it: starting again will not help.
The service manager must not try (deploy/systemd/orb-server.service)."""
FILES_MAX: Final = 65_536
"""Open files of a server, connections among them; more connections are refused by the kernel."""

log = Logger("server")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Run a server until it is told to stop; then exit with its code."""
    try:
        config = read_config(sys.argv[1:] if arguments is None else arguments, environ)
    except (InvalidInput, NotFound) as error:
        sys.stderr.write(f"orb-server: {error}\n")
        sys.exit(EXIT_USAGE)
    logs.configure(config.log_level, config.log_format)
    try:
        exporting = telemetry.start("orb-server", config.name, config.otlp_endpoint)
    except InvalidInput as error:
        sys.stderr.write(f"orb-server: {error}\n")
        sys.exit(EXIT_USAGE)
    try:
        code = asyncio.run(_serve(config, environ))
    finally:
        exporting.close()
    sys.exit(code)


async def _serve(config: ServerConfig, environ: Mapping[str, str]) -> int:
    """Run until stopped by a signal (0), or by an error (its exit code)."""
    loop = asyncio.get_running_loop()
    _raise_file_limit()
    try:
        server = Server(config, environ, SystemClock(), random.SystemRandom())
        _tune_garbage_collection()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.run()
    except Exception as error:  # noqa: BLE001 - the last thing a process can do: say why it ends
        return _say_why(error)
    log.info("this server has stopped")
    return 0


def _say_why(error: Exception) -> int:
    """Tell the operator what ended the server; the exit code."""
    match error:
        case StorageDamaged():
            told, code = "the storage of this server is damaged", EXIT_DAMAGED
        case NotMember():
            told, code = "this server is no member of its cluster", EXIT_NOT_MEMBER
        case InvalidInput() | NotFound():
            told, code = "this server cannot start", EXIT_USAGE
        case OrbError():
            told, code = "this server must stop", EXIT_FAILED
        case OSError():
            log.error("this server must stop", why=str(error))
            return EXIT_FAILED
        case _:
            log.failure("this server ends by a mistake of ours", error)
            return EXIT_FAILED
    log.error(told, why=error.message, remedy=error.remedy)
    return code


def _raise_file_limit() -> None:
    """Each agent takes a descriptor: take as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _tune_garbage_collection() -> None:
    """What was imported stays: leave it out of every collection; look at new objects less often.

    Records never refer in circles, so a rarer collection finds no less.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


if __name__ == "__main__":
    main()
