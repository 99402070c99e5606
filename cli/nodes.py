"""`orbctl cordon, uncordon, drain, label, forget`: what people do to nodes."""

from typing import TYPE_CHECKING

import click

from cli.asking import LabelChange, Query
from cli.naming import complete_name
from cli.scope import Scope, confirm, finish, with_scope, yes_option
from cli.screen import Screen, bar
from cli.timeouts import timeout_option
from cli.words import count, plain
from orb.cluster import NodeView
from orb.errors import Conflict, InvalidInput, NotFound
from orb.labels import check_label
from orb.lifecycle import Availability

if TYPE_CHECKING:
    from cli.client import Client

nodes_argument = click.argument(
    "nodes", nargs=-1, required=True, metavar="NODE…", shell_complete=complete_name
)


@click.command()
@nodes_argument
@with_scope
def cordon(scope: Scope, *, nodes: tuple[str, ...]) -> None:
    """Let no new tasks on to nodes; those there stay."""
    _set(scope, nodes, Availability.CORDONED, "takes no new tasks; those there stay")


@click.command()
@nodes_argument
@with_scope
def uncordon(scope: Scope, *, nodes: tuple[str, ...]) -> None:
    """Let tasks on to nodes again; also ends a drain."""
    _set(scope, nodes, Availability.ACTIVE, "takes tasks again")


def _set(scope: Scope, nodes: tuple[str, ...], availability: Availability, words: str) -> None:
    async def work(client: "Client") -> None:
        for node in nodes:
            changed = await client.set_availability(node, availability)
            click.echo(f"{node} {words}" if changed else f"{node}: nothing to change, it {words}")

    scope.run(work)


@click.command()
@nodes_argument
@yes_option
@click.option("-d", "--detach", is_flag=True, help="Return at once; the drain goes on.")
@timeout_option
@with_scope
def drain(scope: Scope, *, nodes: tuple[str, ...], yes: bool, detach: bool, timeout: float) -> None:
    """Move everything off nodes: each new copy is ready before the old one goes.

    Waits until the nodes are empty.
    """
    confirm(scope.run(lambda client: _consequence(client, nodes)), yes=yes)

    async def work(client: "Client") -> None:
        for node in nodes:
            await client.set_availability(node, Availability.DRAINING)
        if detach:
            click.echo(f"{', '.join(nodes)}: draining")
            return
        await finish(_until_empty(client, nodes), timeout, f"the drain of {', '.join(nodes)}")

    scope.run(work)


@click.command()
@click.argument("node", shell_complete=complete_name)
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE|KEY-…")
@with_scope
def label(scope: Scope, *, node: str, changes: tuple[str, ...]) -> None:
    """Give a node labels, or take them away: `label n1 disk=ssd old-`."""
    change = read_labels(changes)
    changed = scope.run(lambda client: client.set_labels(node, change))
    click.echo(f"{node}: labels changed" if changed else f"{node}: nothing to change")


@click.command()
@click.argument("node", shell_complete=complete_name)
@yes_option
@with_scope
def forget(scope: Scope, *, node: str, yes: bool) -> None:
    """Forget a node that is gone for good; its tasks are lost."""
    view = scope.run(lambda client: _node(client, node))
    if view.state == "ready":
        raise Conflict(
            f"{node} answers; only a node that is silent can be forgotten",
            remedy=f"drain it with `orbctl drain {node}`, stop its agent, then forget it",
        )
    confirm(
        f"{node} is {view.state} and has {count(view.tasks, 'task')}, which will be given up. "
        "If it comes back, it joins anew.",
        yes=yes,
    )
    scope.run(lambda client: client.remove_node(node))
    click.echo(f"{node} is forgotten")


def read_labels(words: tuple[str, ...]) -> LabelChange:
    """Read `key=value` and `key-`. Raises InvalidInput."""
    labels, remove = {}, []
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            check_label(key, value)
            labels[key] = value
        elif word.endswith("-") and len(word) > 1:
            remove.append(word[:-1])
        else:
            raise InvalidInput(
                f"{word!r} is no change of a label",
                remedy="write key=value to set it, key- to take it away",
            )
    return LabelChange(labels=labels, remove=tuple(remove))


async def _node(client: "Client", name: str) -> NodeView:
    found = await client.nodes(name)
    if not found:
        raise NotFound(f"there is no node {name!r}", remedy="`orbctl get nodes` lists them all")
    return found[0]


async def _consequence(client: "Client", nodes: tuple[str, ...]) -> str:
    """What a drain would move, and what has nowhere to go."""
    views = [await _node(client, name) for name in nodes]
    others = [
        view
        for view in await client.nodes()
        if view.name not in nodes and view.state == "ready" and view.availability == "active"
    ]
    tasks = sum(view.tasks for view in views)
    start = f"This moves {count(tasks, 'task')} off {', '.join(nodes)}"
    if not others:
        return f"{start}, but no other node is ready: nothing can move until one is."
    return f"{start} to {count(len(others), 'other ready node')}."


async def _until_empty(client: "Client", nodes: tuple[str, ...]) -> None:
    screen = Screen()
    most: dict[str, int] = {}
    told: set[str] = set()
    async for views in client.watch(Query(kind="nodes")):
        draining = [view for view in views if isinstance(view, NodeView) and view.name in nodes]
        for view in draining:
            most[view.name] = max(most.get(view.name, 0), view.tasks)
        lines = [_line(view, most[view.name], bars=screen.live) for view in draining]
        if any(view.tasks for view in draining):
            lines += await _stuck(client, nodes)
        if screen.live:
            screen.draw(lines)
        else:
            for line in lines:
                if line not in told:
                    screen.say(line)
            told.update(lines)
        if not any(view.tasks for view in draining):
            screen.keep()
            click.echo(f"done: {', '.join(nodes)} empty; `orbctl uncordon` lets tasks on again")
            return


def _line(view: NodeView, most: int, *, bars: bool) -> str:
    moved = most - view.tasks
    gauge = f"{bar(moved, most)}  " if bars else ""
    return f"{view.name}  {gauge}{moved}/{most} moved"


async def _stuck(client: "Client", nodes: tuple[str, ...]) -> list[str]:
    """Why replicas cannot leave, as `status` says it."""
    problems = (await client.status()).problems
    starts = tuple(f"{node} cannot be drained" for node in nodes)
    return [f"  {plain(problem)}" for problem in problems if problem.startswith(starts)]
