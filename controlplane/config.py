"""The configuration of `orb-server`: the one table of its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orb.config import load, option
from orb.config_kinds import (
    ADDRESS,
    CLIENT_PORT,
    NAME,
    PATH,
    PEER_PORT,
    SWITCH,
    TEXT,
    Address,
    ServerAddress,
    choice,
    pairs_of,
    parse_server,
)
from orb.errors import InvalidInput
from orb.ids import ServerName
from orb.logs import LogFormat, LogLevel

SERVERS_MAX: Final = 7
"""Servers in one cluster; more make it slower, not safer."""
ABOUT: Final = "A server of an Orb cluster: agrees with the others on what should run."


def _parse(name: str, text: str) -> ServerAddress:
    NAME.parse(name)
    return parse_server(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What an `orb-server` must know."""

    name: str = option(NAME, "the name of this server, as in its certificate")
    servers: Mapping[str, ServerAddress] = option(
        pairs_of("NAME=HOST[:PORT[:PEER_PORT]],…", _parse),
        "every server of the cluster, this one too, and where orbctl and agents (PORT, default "
        f"{CLIENT_PORT}) and the other servers (PEER_PORT, default {PEER_PORT}) reach it; "
        "default: this server alone, on 127.0.0.1",
        default={},
    )
    listen: Address | None = option(
        ADDRESS, "listen for orbctl and agents here instead of at HOST:PORT", default=None
    )
    peer_listen: Address | None = option(
        ADDRESS, "listen for the other servers here instead of at HOST:PEER_PORT", default=None
    )
    certs: Path = option(
        PATH, "the folder of ca.pem, cert.pem and key.pem", default=Path("/etc/orb/certs")
    )
    data: Path = option(
        PATH, "the folder of the log and its snapshots", default=Path("/var/lib/orb/server")
    )
    in_memory: bool = option(
        SWITCH, "keep nothing on disk: one server, for trying out only", default=False
    )
    join: bool = option(
        SWITCH,
        "join a running cluster: with an empty folder, wait until `orbctl server add` names this "
        "server; once it is a member, this changes nothing",
        default=False,
    )
    log_level: LogLevel = option(
        choice(LogLevel), "the least important messages to log", default=LogLevel.INFO
    )
    log_format: LogFormat = option(
        choice(LogFormat), "log lines for people or for programs", default=LogFormat.TEXT
    )
    otlp_endpoint: str = option(
        TEXT,
        "send traces and metrics to this OpenTelemetry collector (http://host:4317); "
        "default: none are made",
        default="",
    )

    @property
    def members(self) -> Mapping[ServerName, ServerAddress]:
        """Every server of the cluster with its addresses, by name."""
        alone = {self.name: parse_server("127.0.0.1")}
        return {ServerName(name): place for name, place in (self.servers or alone).items()}

    @property
    def client_listener(self) -> Address:
        """Where this server listens for orbctl and agents."""
        return self.listen or self.members[ServerName(self.name)].client

    @property
    def peer_listener(self) -> Address:
        """Where this server listens for the other servers."""
        return self.peer_listen or self.members[ServerName(self.name)].peer


def read_config(arguments: Sequence[str], environ: Mapping[str, str]) -> ServerConfig:
    """The configuration of this server. Raises InvalidInput or NotFound; `--help` exits."""
    config = load(ServerConfig, program="server", about=ABOUT, arguments=arguments, environ=environ)
    _check(config)
    return config


def _check(config: ServerConfig) -> None:
    names = ", ".join(config.servers)
    if config.servers and config.name not in config.servers:
        raise InvalidInput(
            f"`servers` does not name this server, {config.name!r}: it has {names}",
            remedy="`servers` is the same on all servers, `name` differs",
        )
    if len(config.servers) > SERVERS_MAX:
        raise InvalidInput(f"`servers` names {len(config.servers)}; at most {SERVERS_MAX} may be")
    if config.in_memory and len(config.servers) > 1:
        raise InvalidInput("`in-memory` is for one server, and `servers` names more")
    if config.in_memory and config.join:
        raise InvalidInput("`in-memory` is for one server, and `join` is for several")
    places = [place for server in config.servers.values() for place in server]
    for place in places:
        if places.count(place) > 1:
            raise InvalidInput(f"`servers` gives the address {place} twice")
