"""`orbctl top`: what nodes use just now."""

import click

from cli.output import document_option, print_document
from cli.records import JSON_VERSION, Json, as_json
from cli.scope import Scope, with_scope
from cli.tables import table
from cli.words import cpus, memory
from orb.cluster import NodeView


@click.command()
@click.argument("what", type=click.Choice(["nodes"]), default="nodes")
@document_option
@with_scope
def top(scope: Scope, *, what: str, output: str) -> None:
    """Show what nodes use just now, beside what is reserved on them."""
    views = scope.run(lambda client: client.nodes())
    if output != "table":
        items: list[Json] = [
            {"name": view.name, "used": as_json(view.used), "reserved": as_json(view.reserved)}
            for view in views
        ]
        print_document({"version": JSON_VERSION, "kind": f"top-{what}", "items": items}, output)
        return
    for line in table(["NODE", "CPUS USED", "RESERVED", "MEMORY USED", "RESERVED"], _rows(views)):
        click.echo(line)


def _rows(views: tuple[NodeView, ...]) -> list[list[str]]:
    return [
        [
            view.name,
            _of(cpus(view.used.cpus) if view.used else "-", cpus(view.resources.cpus)),
            cpus(view.reserved.cpus),
            _of(
                memory(view.used.memory_bytes) if view.used else "-",
                memory(view.resources.memory_bytes),
            ),
            memory(view.reserved.memory_bytes),
        ]
        for view in views
    ]


def _of(used: str, whole: str) -> str:
    return f"{used}/{whole}"
