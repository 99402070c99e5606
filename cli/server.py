"""`orbctl server`: which servers agree on what should run; adds, removes and replaces them."""

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from cli import contexts
from cli.contexts import SERVERS_PER_CONTEXT_MAX, Context
from cli.output import document_option, print_document
from cli.records import listing
from cli.scope import Scope, confirm, finish, with_scope, yes_option
from cli.screen import Screen, note
from cli.tables import table
from cli.timeouts import timeout_option
from cli.words import coloured, count
from orb.cluster import ServerView, StatusView
from orb.config_kinds import NAME, ServerAddress, parse_server
from orb.errors import Conflict, InvalidInput, NoQuorum, NotFound, Unavailable, Unknown

if TYPE_CHECKING:
    from cli.client import Client

BEHIND_MAX: Final = 1_000
"""A server that lacks no more entries of the log may vote; the servers have the same limit."""
LOOK_AGAIN_S: Final = 0.5
"""Between two looks at how far a new server is, in seconds."""

new_argument = click.argument("new", metavar="NAME=HOST[:PORT[:PEER_PORT]]")


class New(NamedTuple):
    """A server that is to be one of the cluster."""

    name: str
    place: ServerAddress


@click.group()
def server() -> None:
    """Show and change the servers that agree on what should run.

    Of 3 servers 1 may fail, of 5 servers 2. More than 5 make it slower, not safer.
    """


@server.command("list")
@document_option
@with_scope
def list_(scope: Scope, *, output: str) -> None:
    """List the servers, as they have agreed on them."""
    view = scope.run(lambda client: client.status())
    if output != "table":
        print_document(listing("servers", view.servers), output)
        return
    rows = [
        [
            one.name,
            coloured(one.role),
            coloured("healthy" if one.healthy else "unreachable"),
            "-" if one.behind is None else f"{one.behind:,}",
            one.address,
        ]
        for one in view.servers
    ]
    for line in table(["SERVER", "ROLE", "HEALTH", "BEHIND", "ADDRESS"], rows):
        click.echo(line)


@server.command()
@new_argument
@timeout_option
@with_scope
def add(scope: Scope, *, new: str, timeout: float) -> None:
    """Add a server, and wait until it votes.

    Start it before, or now: with an empty folder, a certificate of this cluster and `join`. It gets
    all that the others have, and votes once it has it. The same command again goes on waiting.
    """
    chosen = read_new(new)

    async def work(client: "Client") -> None:
        await finish(_join(client, chosen), timeout, f"server {chosen.name} catching up")
        _remember(client.context, "", str(chosen.place.client))

    scope.run(work)


@server.command()
@click.argument("name")
@yes_option
@with_scope
def remove(scope: Scope, *, name: str, yes: bool) -> None:
    """Remove a server for good; one that runs is told, and stops."""
    view = scope.run(lambda client: client.status())
    gone = _find(view, name)
    if gone is None:
        raise NotFound(f"there is no server {name!r}", remedy="`orbctl server list` shows them")
    confirm(_consequence(view, gone), yes=yes)

    async def work(client: "Client") -> None:
        await client.remove_server(name)
        _remember(client.context, gone.address, "")

    scope.run(work)
    click.echo(f"server {name} is removed; its folder is of no more use")


@server.command()
@click.argument("old")
@new_argument
@yes_option
@timeout_option
@with_scope
def replace(scope: Scope, *, old: str, new: str, yes: bool, timeout: float) -> None:
    """Put a new server in the place of OLD, dead or alive, and wait until it votes.

    The new one is started with an empty folder, a certificate of this cluster and `join`; it may
    have the name of the old one. OLD goes only when the new one has all that the others have, or at
    once if the names are equal. The same command again goes on where it was interrupted.
    """
    chosen = read_new(new)
    view = scope.run(lambda client: client.status())
    gone, there = _find(view, old), _find(view, chosen.name)
    begun = there is not None and there.address == str(chosen.place.client)
    if gone is None and not begun:
        raise NotFound(
            f"there is no server {old!r} to replace",
            remedy=f"`orbctl server list` shows them; `orbctl server add {new}` adds one",
        )
    if gone is not None and not (begun and old == chosen.name):
        state = "answers and will be told to stop" if gone.healthy else "does not answer"
        confirm(
            f"{old} {state}; {chosen.name} at {chosen.place.client} takes its place. The folder of "
            f"{old} is of no more use.",
            yes=yes,
        )

    async def work(client: "Client") -> None:
        if gone is not None and old == chosen.name and not begun:
            await client.remove_server(old)
            click.echo(f"server {old} is removed")
        leaves = old if gone is not None and old != chosen.name else ""
        await finish(_join(client, chosen, leaves), timeout, f"server {chosen.name} catching up")
        _remember(client.context, gone.address if gone else "", str(chosen.place.client))

    scope.run(work)


def read_new(text: str) -> New:
    """Read `s4=10.0.0.4:7400:7401`. Raises InvalidInput."""
    name, _, place = text.partition("=")
    try:
        return New(NAME.parse(name), parse_server(place))
    except ValueError as error:
        raise InvalidInput(
            f"the new server: {error}", remedy="write it as s4=10.0.0.4, or s4=10.0.0.4:7400:7401"
        ) from None


async def _join(client: "Client", new: New, leaves: str = "") -> None:
    """Add *new*, wait until it has everything, remove *leaves*, and let *new* vote."""
    import asyncio

    screen = Screen()
    told, is_added = "", False
    while True:
        try:
            if not is_added:
                await client.add_server(new.name, str(new.place.client), str(new.place.peer))
                is_added = True
            line, is_done = await _one_step(client, new, leaves)
        except (Unavailable, Unknown) as error:
            if isinstance(error, NoQuorum) and not is_added:
                raise  # nothing was done, and waiting alone mends nothing
            line, is_done = error.message, False
        if screen.live:
            screen.draw([f"{new.name}  {line}"])
        elif line != told:
            screen.say(f"{new.name}  {line}")
        told = line
        if is_done:
            screen.keep()
            return
        await asyncio.sleep(LOOK_AGAIN_S)


async def _one_step(client: "Client", new: New, leaves: str) -> tuple[str, bool]:
    """What can be done now, as a line, and whether that was all."""
    view = await client.status()
    found = _find(view, new.name)
    if found is None:
        raise NotFound(f"server {new.name} was removed meanwhile", remedy="add it again")
    if found.role != "learner":
        if leaves:  # of a replacement that was interrupted, only this is left
            await client.remove_server(leaves)
            return f"votes already; {leaves} is removed", True
        return f"votes; {_may_fail(view, 0)}", True
    if not found.healthy or found.behind is None:
        return f"waiting for it at {new.place.peer}: is it started there, with `join`?", False
    try:
        if found.behind > BEHIND_MAX:
            return f"catching up: {found.behind:,} entries behind", False
        if leaves and await client.remove_server(leaves):
            return f"has everything; {leaves} is removed", False
        await client.promote_server(new.name)
    except Conflict as error:
        return f"has everything, but: {error.message}", False
    return f"votes; {_may_fail(view, +1)}", True


def _find(view: StatusView, name: str) -> ServerView | None:
    return next((one for one in view.servers if one.name == name), None)


def _may_fail(view: StatusView, more: int) -> str:
    voters = sum(one.role != "learner" for one in view.servers) + more
    return f"{count(voters, 'server')} agree now, {(voters - 1) // 2} may fail"


def _consequence(view: StatusView, gone: ServerView) -> str:
    state = "answers and will stop" if gone.healthy else "does not answer"
    left = _may_fail(view, 0 if gone.role == "learner" else -1)
    return f"{gone.name} {state}; {left}. To bring it back, it is added anew with an empty folder."


def _remember(context: Context, gone: str, new: str) -> None:
    """Keep the addresses of a stored context true; agents and others are for the person."""
    listed = tuple(one for one in context.servers if one != gone)
    if new and new not in listed:
        listed = (*listed, new)
    if listed == context.servers or not 0 < len(listed) <= SERVERS_PER_CONTEXT_MAX:
        return
    if context.name in {one.name for one in contexts.all_contexts()}:
        from dataclasses import replace as changed

        contexts.save(changed(context, servers=listed))
        note(f"the context {context.name} lists {', '.join(listed)} now")
    note("`servers` of agents, and of other people's contexts, should list the same")
