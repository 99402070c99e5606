"""`orbctl completion`: what a shell needs to complete verbs, options and names."""

import os
from typing import Final

import click
from click.shell_completion import get_completion_class

from cli.screen import note

SHELLS: Final = ("bash", "zsh", "fish")
HOW: Final = {
    "bash": 'add to ~/.bashrc:  eval "$(orbctl completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(orbctl completion zsh)"',
    "fish": "orbctl completion fish > ~/.config/fish/completions/orbctl.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), default=None, required=False)
@click.pass_context
def completion(context: click.Context, *, shell: str | None) -> None:
    """Print the completion script of a shell: bash, zsh or fish.

    Names of services, replicas and nodes are completed from the cluster.
    """
    chosen = shell or os.path.basename(os.environ.get("SHELL", ""))  # noqa: PTH119 - a name, no file
    if chosen not in SHELLS:
        raise click.UsageError(f"say which shell: {', '.join(SHELLS)}", context)
    kind = get_completion_class(chosen)
    if kind is None:
        raise click.ClickException(f"this version of click knows nothing of {chosen}")
    root = context.find_root()
    click.echo(kind(root.command, {}, "orbctl", "_ORBCTL_COMPLETE").source())
    if os.isatty(1):
        note(f"# {HOW[chosen]}")
