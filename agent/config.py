"""The configuration of `orb-agent`: the one table of its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from orb.config import load, option
from orb.config_kinds import NAME, PATH, SERVERS, TEXT, Address, choice, integer, pairs_of
from orb.errors import InvalidInput
from orb.labels import check_label
from orb.logs import LogFormat, LogLevel

ABOUT: Final = "The agent of an Orb cluster: runs on its machine what the servers assign to it."
CPUS_MAX: Final = 65_536
MEMORY_MIB_MAX: Final = 64 * 1024 * 1024
DEVICES_MAX: Final = 1_024


class RuntimeKind(Enum):
    """What runs the tasks."""

    AUTO = "auto"
    """Docker where an engine answers, else processes."""
    DOCKER = "docker"
    PROCESS = "process"
    FAKE = "fake"


def _label(key: str, text: str) -> str:
    try:
        check_label(key, text)
    except InvalidInput as error:
        raise ValueError(error.message) from None
    return text


def _count(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > DEVICES_MAX:
        raise ValueError(f"{key}={text}: the count is not between 0 and {DEVICES_MAX}")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """What an `orb-agent` must know."""

    name: str = option(NAME, "the name of this node, as in its certificate")
    servers: tuple[Address, ...] = option(
        SERVERS,
        "where servers listen for agents, port 7400 if not given; one that answers is enough to "
        "find the others",
    )
    certs: Path = option(
        PATH, "the folder of ca.pem, cert.pem and key.pem", default=Path("/etc/orb/certs")
    )
    data: Path = option(
        PATH, "the folder of what the agent must remember", default=Path("/var/lib/orb/agent")
    )
    memory: str = option(
        TEXT,
        "the folder of the secrets of running tasks, which must be in memory; default: /run/orb if "
        "that is, else /dev/shm/orb",
        default="",
    )
    runtime: RuntimeKind = option(
        choice(RuntimeKind),
        "what runs the tasks; auto is docker where an engine answers, else process",
        default=RuntimeKind.AUTO,
    )
    docker_host: str = option(
        TEXT, "where the Docker Engine listens", default="unix:///var/run/docker.sock"
    )
    address: str = option(
        TEXT,
        "where other machines reach the tasks of this one, host name or IP; default: the address "
        "that this machine reaches the first server from",
        default="",
    )
    labels: Mapping[str, str] = option(
        pairs_of("KEY=VALUE,…", _label),
        "labels of this node; zone is the one that spreading knows",
        default={},
    )
    cpus: int = option(
        integer(0, CPUS_MAX), "offer that many CPUs instead of those found", default=0
    )
    memory_mib: int = option(
        integer(0, MEMORY_MIB_MAX), "offer that much memory instead of what was found", default=0
    )
    devices: Mapping[str, int] = option(
        pairs_of("KIND=COUNT,…", _count),
        "offer these devices instead of those found: gpu=2",
        default={},
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


def read_config(arguments: Sequence[str], environ: Mapping[str, str]) -> AgentConfig:
    """The configuration of this agent. Raises InvalidInput or NotFound; `--help` exits."""
    config = load(AgentConfig, program="agent", about=ABOUT, arguments=arguments, environ=environ)
    if not config.servers:
        raise InvalidInput("`servers` is empty", remedy="name at least one server: host:7400")
    return config
