"""`orbctl exec`: a command inside a replica, with the person's terminal; its exit code is ours."""

import sys
from typing import TYPE_CHECKING

import click

from cli.asking import ExecQuery
from cli.naming import complete_name
from cli.scope import Scope, with_scope
from orb.errors import InvalidInput

if TYPE_CHECKING:
    from cli.client import Client


@click.command(
    name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("-i", "--interactive", is_flag=True, help="Pass stdin on.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@with_scope
@click.argument("name", shell_complete=complete_name)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(
    scope: Scope, *, interactive: bool, tty: bool, name: str, command: tuple[str, ...]
) -> None:
    """Run a command inside a replica: `exec web/1 -- ls /`, `exec -it web/1 -- sh`.

    A service alone means its first ready replica. The exit code is that of the command.
    """
    if tty and interactive and not sys.stdin.isatty():
        raise InvalidInput("-t needs a terminal, and stdin is none", remedy="leave -t out")
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise InvalidInput("no command is given", remedy="write `exec NAME -- COMMAND`")
    query = ExecQuery(
        environment=scope.environment, name=name, command=words, tty=tty, stdin=interactive
    )

    async def work(client: "Client") -> int:
        from cli.execution import execute

        return await execute(client, query)

    sys.exit(scope.run(work))
