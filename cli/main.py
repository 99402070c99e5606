"""`orbctl`: the verbs, and the one place where errors become messages and exit codes."""

import errno
import os
from collections.abc import Mapping
from importlib import metadata
from typing import IO, Any, Final

import click

from cli.apply import apply
from cli.asking import StillGoing
from cli.completion import completion
from cli.config import config
from cli.context import context
from cli.delete import delete
from cli.describe import describe
from cli.dev import dev
from cli.env import env
from cli.events import events
from cli.exec import exec_
from cli.get import get
from cli.init import init
from cli.logs import logs
from cli.nodes import cordon, drain, forget, label, uncordon
from cli.scale import scale
from cli.scope import ENVIRONMENT, Scope
from cli.secret import secret
from cli.server import server
from cli.status import status
from cli.top import top
from cli.wait import wait
from orb.errors import InvalidInput, OrbError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_STILL_GOING: Final = 3
EXIT_INTERRUPTED: Final = 130
EXIT_CODES: Final[Mapping[type[OrbError], int]] = {
    StillGoing: EXIT_STILL_GOING,
    InvalidInput: EXIT_USAGE,
}
"""The exit code of an error, by its class or a base of it; all others exit with 1."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "up": ("apply",),
    "deploy": ("apply",),
    "ps": ("get", "replicas"),
    "ls": ("get", "services"),
    "down": ("delete",),
    "rm": ("delete",),
    "validate": ("config",),
}
"""Words of other tools, and what each means."""


class Told(click.ClickException):
    """An error of ours on its way to the person: what, why, and what to do."""

    def __init__(self, error: OrbError) -> None:
        super().__init__(error.message)
        self.remedy = error.remedy
        codes = (code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
        self.exit_code = next(codes, EXIT_FAILED)  # type: ignore[misc]  # click means it so

    def show(self, _file: IO[Any] | None = None) -> None:
        """Write it to stderr."""
        click.echo(f"{click.style('error:', fg='red', bold=True)} {self.message}", err=True)
        if self.remedy:
            click.echo(f"  {click.style('→', fg='cyan')} {self.remedy}", err=True)


class Interrupted(click.ClickException):
    """Ctrl-C: nothing more to say."""

    exit_code = EXIT_INTERRUPTED

    def show(self, _file: IO[Any] | None = None) -> None:
        """Leave the prompt on a line of its own."""
        click.echo(err=True)


class Verbs(click.Group):
    """The group of all verbs: knows the words of other tools, and tells errors."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs in their sections."""
        del ctx
        wide = max(len(name) for name in self.commands)
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                rows = [(str(verb.name).ljust(wide), verb.get_short_help_str(90)) for verb in verbs]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb of that name or alias; a wrong one gets the nearest right ones told."""
        words = ALIASES.get(args[0])
        if words is not None:
            return super().resolve_command(ctx, [*words, *args[1:]])
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; an error of ours becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except OrbError as error:
            raise Told(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # `orbctl … | head`: click ends quietly
                raise
            raise Told(OrbError(_of_the_machine(error))) from error
        except KeyboardInterrupt:
            raise Interrupted("") from None


def _of_the_machine(error: OSError) -> str:
    """What this machine refuses, and where."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it so
    if wanted:
        click.echo(f"orbctl {metadata.version('orb')}")
        context.exit()


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Aliases: up, deploy = apply; ps = get replicas; ls = get services; down = delete.",
)
@click.option("--context", "context_name", metavar="NAME", help="The cluster to talk to.")
@click.option(
    "-e",
    "--env",
    "environment_name",
    metavar="ENV",
    type=ENVIRONMENT,
    help="The environment.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show it."
)
@click.pass_context
def main(
    click_context: click.Context, context_name: str | None, environment_name: str | None
) -> None:
    """Run your compose.yaml on a fleet of machines, and keep it running."""
    click_context.obj = Scope(context_name, environment_name)
    if os.environ.get("NO_COLOR"):
        click_context.color = False


SECTIONS: Final[Mapping[str, tuple[click.Command, ...]]] = {
    "Daily": (apply, status, get, describe, logs, exec_, scale, wait, events, secret, delete),
    "Nodes": (drain, cordon, uncordon, label, forget, top),
    "Servers": (server,),
    "Setting up": (dev, init, context, config, completion, env),
}
"""The verbs as `--help` lists them."""

for verbs in SECTIONS.values():
    for verb in verbs:
        main.add_command(verb)


if __name__ == "__main__":
    main(prog_name="orbctl")
