"""How answers are printed: `-o table|wide|json|yaml|name`, and `-w` to keep watching."""

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import click

from cli.asking import View
from cli.columns import name_of, view_table
from cli.records import Json, listing
from cli.screen import Screen
from cli.words import now

FORMATS: Final = ("table", "wide", "json", "yaml", "name")

output_option = click.option(
    "-o",
    "--output",
    "output",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to print; json is a stable contract.",
)
document_option = click.option(
    "-o",
    "--output",
    "output",
    type=click.Choice(("table", "json", "yaml")),
    default="table",
    show_default=True,
    help="How to print; json is a stable contract.",
)
watch_option = click.option("-w", "--watch", is_flag=True, help="Print again at every change.")


def print_document(document: Mapping[str, Json], output: str) -> None:
    """One document as JSON or YAML."""
    if output == "yaml":
        from orb.manifest.emit import emit

        click.echo(emit(document), nl=False)
    else:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_compact(document: Json) -> None:
    """One document on one line, at once: what a watching script reads."""
    click.echo(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def print_views(kind: str, views: Sequence[View], output: str) -> None:
    """What `get` prints of things of one kind."""
    if output in {"json", "yaml"}:
        print_document(listing(kind, views), output)
    elif output == "name":
        for view in views:
            click.echo(name_of(kind, view))
    elif views:
        for line in view_table(kind, views, now(), wide=output == "wide"):
            click.echo(line)
    else:
        click.echo(f"There are no {kind}.", err=True)


async def watch_views(kind: str, looks: AsyncIterator[tuple[View, ...]], output: str) -> None:
    """Print every look: redrawn on a terminal, JSON one compact document a line."""
    screen = Screen()
    async for views in looks:
        if output == "json":
            print_compact(listing(kind, views))
        elif output in {"table", "wide"}:
            screen.draw(view_table(kind, views, now(), wide=output == "wide"))
        else:
            print_views(kind, views, output)
        sys.stdout.flush()
