"""`orbctl status`: the cluster at a glance, and what to do about what is wrong."""

from typing import TYPE_CHECKING

import click

from cli.asking import Query, View
from cli.columns import name_of, view_table
from cli.output import output_option, print_compact, print_document, watch_option
from cli.records import single
from cli.scope import Scope, with_scope
from cli.screen import Screen
from cli.tables import table
from cli.words import coloured, count, duration, now, plain, share
from orb.cluster import ServiceView, StatusView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.client import Client


@click.command()
@output_option
@watch_option
@click.option("--stale", is_flag=True, help="Let any server answer, also one without a leader.")
@with_scope
def status(scope: Scope, *, output: str, watch: bool, stale: bool) -> None:
    """Show leader, servers, nodes, services and problems.

    `wide` shows more of each service, and every node; `name` only the names of the services.
    """

    async def once(client: "Client") -> None:
        view = await client.status(stale=stale)
        if output in {"json", "yaml"}:
            print_document(single("status", view), output)
            return
        for line in await _glance(client, view, output, stale=stale):
            click.echo(line)

    async def for_ever(client: "Client") -> None:
        screen = Screen()
        async for view in client.watch_status():
            if output == "json":
                print_compact(single("status", view))
            elif output == "yaml":
                print_document(single("status", view), output)
            else:
                screen.draw(await _glance(client, view, output, stale=False))

    scope.run(for_ever if watch else once)


async def _glance(client: "Client", view: StatusView, output: str, *, stale: bool) -> list[str]:
    services = await client.services(Query(kind="services", stale=stale))
    if output == "name":
        return [name_of("services", service) for service in services]
    wide = output == "wide"
    nodes = await client.get(Query(kind="nodes", stale=stale)) if wide else ()
    return page(client.context.name, view, services, nodes, wide=wide)


def page(
    context: str,
    view: StatusView,
    services: "Sequence[ServiceView]",
    nodes: "Sequence[View]" = (),
    *,
    wide: bool = False,
) -> list[str]:
    """The glance, as lines; *nodes* are listed too."""
    lines = [
        _row("cluster", context),
        _row("leader", view.leader or click.style("none: nothing can change now", fg="red")),
        _row("nodes", _nodes(view.nodes)),
        _row("services", _services(view.services)),
        _row("reserved", share(view.reserved, view.resources)),
    ]
    if view.age_ms is not None:
        lines.append(_row("as of", f"{duration(view.age_ms)} ago, by one server alone"))
    lines += ["", *_servers(view)]
    if nodes:
        lines += ["", *view_table("nodes", nodes, now(), wide=wide)]
    if services:
        lines += ["", *view_table("services", services, now(), wide=wide)]
    lines += ["", *_problems(view)]
    return lines


def _row(title: str, text: str) -> str:
    return f"{click.style(title.ljust(9), bold=True)} {text}"


def _nodes(counts: "Mapping[str, int]") -> str:
    total, ready = counts.get("total", 0), counts.get("ready", 0)
    others = [
        f"{number} {coloured(state)}"
        for state in ("suspect", "down", "cordoned", "draining")
        if (number := counts.get(state, 0))
    ]
    return ", ".join([f"{ready} of {total} ready", *others])


def _services(counts: "Mapping[str, int]") -> str:
    total, healthy = counts.get("total", 0), counts.get("healthy", 0)
    replicas = f"{counts.get('ready', 0)} of {counts.get('desired', 0)} replicas ready"
    return f"{healthy} of {total} healthy, {replicas}" if total else "none yet"


def _servers(view: StatusView) -> list[str]:
    rows = [
        [
            server.name,
            coloured(server.role),
            coloured("healthy" if server.healthy else "unreachable"),
            server.address,
        ]
        for server in view.servers
    ]
    return table(["SERVER", "ROLE", "HEALTH", "ADDRESS"], rows)


def _problems(view: StatusView) -> list[str]:
    if not view.problems:
        return [click.style("No problems.", fg="green")]
    title = click.style(f"{count(len(view.problems), 'problem')}:", fg="red", bold=True)
    lines = [f"  - {plain(problem)}" for problem in view.problems]
    return [title, *lines, "  → `orbctl describe NAME` tells more of a service, replica or node"]
