"""`orbctl context`: which clusters are known here, and which one is meant."""

import os
from pathlib import Path

import click

from cli import contexts
from cli.contexts import Context
from cli.output import document_option, print_document
from cli.records import JSON_VERSION
from cli.scope import ENVIRONMENT, Scope
from cli.tables import table
from orb.errors import NotFound


@click.group()
def context() -> None:
    """Show and choose the clusters that are known here."""


@context.command(name="list")
@document_option
@click.pass_obj
def list_(scope: Scope, *, output: str) -> None:
    """List the contexts; * marks the one that is meant here."""
    known = contexts.all_contexts()
    here = _meant(scope)
    if output != "table":
        print_document(
            {
                "version": JSON_VERSION,
                "kind": "contexts",
                "items": [
                    {
                        "name": each.name,
                        "servers": list(each.servers),
                        "certificates": str(each.certificates),
                        "environment": each.environment,
                        "folder": str(each.folder) if each.folder else None,
                        "current": each.name == here,
                    }
                    for each in known
                ],
            },
            output,
        )
        return
    rows = [
        [
            "*" if each.name == here else "",
            each.name,
            ",".join(each.servers),
            each.environment or "-",
            str(each.folder) if each.folder else "-",
        ]
        for each in known
    ]
    for line in table(["", "NAME", "SERVERS", "ENV", "USED IN"], rows):
        click.echo(line)


@context.command()
@click.argument("name")
def use(name: str) -> None:
    """Make a context the current one."""
    contexts.use(name)
    click.echo(f"{name} is the current context")


@context.command()
@click.argument("name")
@click.option("--server", "servers", multiple=True, required=True, metavar="HOST:PORT")
@click.option(
    "--certs",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder with ca.pem, cert.pem and key.pem.",
)
@click.option(
    "-e",
    "--env",
    "environment",
    metavar="ENV",
    type=ENVIRONMENT,
    default=None,
    help="The environment meant by default.",
)
def add(name: str, *, servers: tuple[str, ...], certs: Path, environment: str | None) -> None:
    """Add a context, or change it."""
    contexts.save(
        Context(
            name=name,
            servers=tuple(contexts.checked_address(server) for server in servers),
            certificates=certs.absolute(),
            environment=environment or "",
        )
    )
    if not contexts.current_name():
        contexts.use(name)
    click.echo(f"{name} is written")


@context.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget a context; the cluster stays as it is."""
    if not contexts.remove(name):
        raise NotFound(f"there is no context {name!r}", remedy="see `orbctl context list`")
    click.echo(f"{name} is forgotten")


def _meant(scope: Scope) -> str:
    try:
        return contexts.resolve(scope.context_name, os.environ, Path.cwd()).name
    except NotFound:
        return ""
