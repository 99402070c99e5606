"""`orbctl config`: checks a manifest without any cluster and prints what it means."""

from pathlib import Path

import click

from cli.apply import file_option, load_manifest, profile_option, project_option
from cli.output import print_document
from cli.records import single
from cli.scope import Scope, with_scope
from cli.screen import note


@click.command()
@file_option
@project_option
@profile_option
@click.option("-q", "--quiet", is_flag=True, help="Only check; print nothing if all is well.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(("yaml", "json")),
    default="yaml",
    show_default=True,
    help="yaml is a manifest again; json is the parsed app.",
)
@with_scope
def config(
    scope: Scope,
    *,
    files: tuple[Path, ...],
    project: str | None,
    profiles: tuple[str, ...],
    quiet: bool,
    output: str,
) -> None:
    """Check a manifest and print it in full: merged, with variables and defaults filled in.

    Asks no cluster. Exits with 2 if the manifest is refused.
    """
    loaded = load_manifest(files, project, profiles, scope.offline_environment)
    for remark in loaded.notes:
        note(str(remark))
    if quiet:
        return
    if output == "json":
        print_document(single("app", loaded.app), output)
        return
    from orb.manifest.render import render

    click.echo(render(loaded.app, loaded.given), nl=False)
