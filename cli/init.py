"""`orbctl init`: the CA of a new cluster, and certificates for its servers, nodes and users."""

from collections.abc import Sequence
from pathlib import Path

import click

from cli.certificates import authority_in, ensure, folder_of
from cli.contexts import CONTEXT_NAME, Context, checked_address, current_name, save, use
from cli.words import count
from orb.config_kinds import CLIENT_PORT
from orb.errors import InvalidInput
from orb.tls import Identity


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("orb-certs"))
@click.option("--cluster", "name", default="orb", show_default=True, help="The cluster's name.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME=HOST[:PORT]",
    help=f"A server and where it is reached; the port is {CLIENT_PORT} if not given.",
)
@click.option("--node", "nodes", multiple=True, metavar="NAME", help="A machine with an agent.")
@click.option(
    "--user", "users", multiple=True, default=("admin",), metavar="NAME", help="A person."
)
@click.option("--renew", is_flag=True, help="Make the named certificates anew; the CA stays.")
def init(
    directory: Path,
    *,
    name: str,
    servers: tuple[str, ...],
    nodes: tuple[str, ...],
    users: tuple[str, ...],
    renew: bool,
) -> None:
    """Make a cluster's certificates in DIRECTORY.

    Run again with more --server and --node to add to it: what is there stays. With servers given,
    a context of the cluster's name is written, so that orbctl finds it.
    """
    places = [_server(word) for word in servers]
    wanted: dict[Identity, Sequence[str]] = {
        Identity("server", server): [address.rpartition(":")[0].strip("[]")]
        for server, address in places
    }
    wanted |= {Identity("node", _checked(node)): [] for node in nodes}
    wanted |= {Identity("user", _checked(user)): [] for user in users}
    authority, is_new = authority_in(directory, name)
    made = ensure(directory, authority, wanted, renew=renew)
    click.echo(f"CA of {name}: {directory / 'ca'} ({'new' if is_new else 'kept'})")
    for identity in wanted:
        state = "made" if identity in made else "kept"
        click.echo(f"  {str(identity).ljust(20)} {folder_of(directory, identity)} ({state})")
    click.echo(f"{count(len(made), 'certificate')} made. Keep {directory / 'ca'} safe and offline.")
    if places:
        _write_context(directory, name, [address for _, address in places], users[0])


def _write_context(directory: Path, name: str, addresses: Sequence[str], user: str) -> None:
    certificates = folder_of(directory, Identity("user", user)).absolute()
    save(Context(name=name, servers=tuple(addresses), certificates=certificates))
    if not current_name():
        use(name)
    how = "it is the current one" if current_name() == name else f"use it with --context {name}"
    click.echo(f"The context {name} is written; {how}.")


def _server(word: str) -> tuple[str, str]:
    name, equals, address = word.partition("=")
    if not equals or not address:
        raise InvalidInput(f"{word!r} names no server", remedy="write it as s1=host:7400")
    bare = address if address.endswith("]") or ":" not in address else ""
    return _checked(name), checked_address(f"{bare}:{CLIENT_PORT}" if bare else address)


def _checked(name: str) -> str:
    if not CONTEXT_NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name", remedy="use letters, digits and dashes")
    return name
