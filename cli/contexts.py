"""Which cluster orbctl talks to: contexts on disk, the environment, or the folder one stands in."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orb.errors import InvalidInput, NotFound

CONTEXT_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
SERVERS_PER_CONTEXT_MAX: Final = 9
"""Addresses in one context; more are refused."""

NO_CLUSTER: Final = "start a local cluster with `orbctl dev`, or name one with `orbctl context add`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a cluster's servers are, and the certificates that open it."""

    name: str
    servers: tuple[str, ...]
    """`host:port` each."""
    certificates: Path
    """A folder with ca.pem, cert.pem and key.pem."""
    environment: str = ""
    """The environment meant when none is said; empty: `default`."""
    folder: Path | None = None
    """Used without being named in this folder and below it."""


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where contexts are kept: `$XDG_CONFIG_HOME/orb`, else `~/.config/orb`."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path("~/.config").expanduser()) / "orb"


def resolve(chosen: str | None, environ: Mapping[str, str], standing_in: Path) -> Context:
    """The context to use: the named one, ORB_SERVERS with ORB_CERTS, that of the folder one stands
    in, the current one, or the only one. Raises NotFound, InvalidInput."""
    name = chosen or environ.get("ORB_CONTEXT")
    if name:
        return load(name, environ)
    if environ.get("ORB_SERVERS") or environ.get("ORB_CERTS"):
        return _from_environment(environ)
    known = all_contexts(environ)
    here = _of_folder(known, standing_in)
    if here is not None:
        return here
    current = current_name(environ)
    if current:
        return load(current, environ)
    if len(known) == 1:
        return known[0]
    if known:
        names = ", ".join(context.name for context in known)
        raise NotFound(
            f"no context is chosen; there are {names}",
            remedy="choose one with `orbctl context use NAME` or `--context NAME`",
        )
    raise NotFound("no cluster is known here", remedy=NO_CLUSTER)


def load(name: str, environ: Mapping[str, str] = os.environ) -> Context:
    """The context of that name. Raises NotFound, InvalidInput."""
    path = _path(name, environ)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = ", ".join(context.name for context in all_contexts(environ)) or "none"
        raise NotFound(
            f"there is no context {name!r}; known: {names}",
            remedy="see `orbctl context list`, or add it with `orbctl context add`",
        ) from None
    return _parse(name, path, text)


def all_contexts(environ: Mapping[str, str] = os.environ) -> list[Context]:
    """Every context that can be read, by name."""
    folder = home(environ) / "contexts"
    return [
        _parse(path.stem, path, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.toml"))
    ]


def save(context: Context, environ: Mapping[str, str] = os.environ) -> None:
    """Keep the context, in place of one of the same name. Raises InvalidInput for a bad name."""
    lines = [
        f"servers = {json.dumps(list(context.servers))}",
        f"certificates = {json.dumps(str(context.certificates))}",
    ]
    if context.environment:
        lines.append(f"environment = {json.dumps(context.environment)}")
    if context.folder is not None:
        lines.append(f"folder = {json.dumps(str(context.folder))}")
    _write(_path(context.name, environ), "\n".join(lines) + "\n")


def remove(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Forget the context; False if there was none."""
    path = _path(name, environ)
    existed = path.is_file()
    path.unlink(missing_ok=True)
    if current_name(environ) == name:
        (home(environ) / "current").unlink()
    return existed


def current_name(environ: Mapping[str, str] = os.environ) -> str:
    """The name of the current context; empty for none."""
    try:
        return (home(environ) / "current").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def use(name: str, environ: Mapping[str, str] = os.environ) -> None:
    """Make the context the current one. Raises NotFound."""
    load(name, environ)
    _write(home(environ) / "current", name + "\n")


def checked_address(address: str) -> str:
    """*address* if it is `host:port`. Raises InvalidInput."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise InvalidInput(f"{address!r} is not an address", remedy="write it as host:port")
    return address


def _from_environment(environ: Mapping[str, str]) -> Context:
    servers = tuple(environ.get("ORB_SERVERS", "").replace(",", " ").split())
    certificates = environ.get("ORB_CERTS", "")
    if not servers or not certificates:
        missing = "ORB_CERTS" if servers else "ORB_SERVERS"
        raise InvalidInput(
            f"{missing} is not set, but its companion is",
            remedy="set both: ORB_SERVERS=host:port,… and ORB_CERTS=FOLDER",
        )
    return Context(
        name="(environment)",
        servers=tuple(checked_address(server) for server in servers),
        certificates=Path(certificates),
    )


def _of_folder(known: list[Context], standing_in: Path) -> Context | None:
    """The context whose folder is the nearest above where one stands."""
    above = {standing_in, *standing_in.parents}
    bound = [context for context in known if context.folder in above]
    return max(bound, key=lambda context: len(str(context.folder)), default=None)


def _parse(name: str, path: Path, text: str) -> Context:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _damaged(path, str(error)) from None
    servers, certificates = table.get("servers"), table.get("certificates")
    environment, folder = table.get("environment", ""), table.get("folder")
    if not isinstance(servers, list) or not 0 < len(servers) <= SERVERS_PER_CONTEXT_MAX:
        raise _damaged(path, f"`servers` must be a list of 1 to {SERVERS_PER_CONTEXT_MAX}")
    if not isinstance(certificates, str) or not isinstance(environment, str):
        raise _damaged(path, "`certificates` must be a folder")
    return Context(
        name=name,
        servers=tuple(checked_address(str(server)) for server in servers),
        certificates=Path(certificates),
        environment=environment,
        folder=Path(folder) if isinstance(folder, str) else None,
    )


def _damaged(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"the context file {path} cannot be read: {why}",
        remedy="mend it, or remove it and use `orbctl context add`",
    )


def _path(name: str, environ: Mapping[str, str]) -> Path:
    if not CONTEXT_NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name for a context",
            remedy="use letters, digits, dots, dashes and underscores, 63 at most",
        )
    return home(environ) / "contexts" / f"{name}.toml"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
