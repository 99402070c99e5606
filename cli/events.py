"""`orbctl events`: what happened, oldest first; `-w` stays and shows what happens next."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

import click

from cli.asking import Query
from cli.columns import about
from cli.naming import complete_name, narrowed
from cli.output import document_option, print_compact, print_views, watch_option
from cli.records import as_json
from cli.scope import Scope, with_scope
from cli.words import local_time, plain
from orb.cluster import EventView

if TYPE_CHECKING:
    from cli.client import Client

NEWEST: Final = 50
_COLOURS: Final = {"failed": "red", "down": "red", "lost": "red", "suspect": "yellow"}


@click.command()
@click.argument("name", default="", shell_complete=complete_name)
@document_option
@watch_option
@click.option("--node", default="", help="About this node only.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 5_000),
    default=NEWEST,
    show_default=True,
    help="The newest this many.",
)
@with_scope
def events(scope: Scope, *, name: str, output: str, watch: bool, node: str, limit: int) -> None:
    """Show what happened: everywhere, or to a service, replica or app NAME."""
    query = narrowed(
        Query(kind="events", environment=scope.filter_environment, node=node, limit=limit), name
    )

    async def work(client: "Client") -> None:
        if watch:
            await _for_ever(client, query, output)
        else:
            print_views("events", await client.get(query), output)

    scope.run(work)


async def _for_ever(client: "Client", query: Query, output: str) -> None:
    """Each event once, as it happens; json one a line."""
    newest = 0
    async for views in client.watch(replace(query, after=0)):
        for view in cast("tuple[EventView, ...]", views):
            if view.sequence <= newest:
                continue
            newest = view.sequence
            if output == "json":
                print_compact(as_json(view))
            else:
                click.echo(line(view))


def line(view: EventView) -> str:
    """An event in one line."""
    colour = _COLOURS.get(view.kind.rpartition(".")[2])
    kind = click.style(view.kind.ljust(18), fg=colour) if colour else view.kind.ljust(18)
    return f"{local_time(view.time)}  {kind}  {about(view).ljust(16)}  {plain(view.message)}"
