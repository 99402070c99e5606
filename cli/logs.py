"""`orbctl logs`: what tasks wrote, merged in the order of time, each line with its replica."""

import re
import zlib
from typing import TYPE_CHECKING

import click

from cli.asking import LogQuery
from cli.naming import complete_name
from cli.output import print_compact
from cli.records import as_json, rfc3339
from cli.scope import Scope, with_scope
from cli.tailing import colour_of
from cli.words import now, parse_moment
from orb.cluster import LogLine

if TYPE_CHECKING:
    from cli.client import Client

_CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\x1b[^\[]|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")
"""Control sequences other than colours: they would move about in the person's terminal."""


@click.command()
@click.argument("name", shell_complete=complete_name)
@click.option("-f", "--follow", is_flag=True, help="Stay and show new lines.")
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(min=0),
    metavar="LINES",
    help="The last lines of each task only.",
)
@click.option("--since", metavar="TIME", help="10m for ten minutes ago, or RFC 3339.")
@click.option("-t", "--timestamps", is_flag=True, help="Show when each line was written.")
@click.option("--no-prefix", is_flag=True, help="The lines alone.")
@click.option(
    "-o", "--output", type=click.Choice(("text", "json")), default="text", show_default=True
)
@with_scope
def logs(
    scope: Scope,
    name: str,
    *,
    follow: bool,
    tail: int | None,
    since: str | None,
    timestamps: bool,
    no_prefix: bool,
    output: str,
) -> None:
    """Show what a service, one replica or a whole app wrote: `logs -f web`, `logs web/2`."""
    query = LogQuery(
        environment=scope.environment,
        name=name,
        tail=tail,
        since=parse_moment(since, now()) if since else None,
        follow=follow,
    )
    shown = Shown(timestamps=timestamps, prefix=not no_prefix)

    async def work(client: "Client") -> None:
        async for line in client.logs(query):
            if output == "json":
                print_compact(as_json(line))
            else:
                click.echo(shown.text(line))

    scope.run(work)


class Shown:
    """How lines are shown; the prefixes are as wide as the widest so far."""

    def __init__(self, *, timestamps: bool, prefix: bool) -> None:
        self._timestamps = timestamps
        self._prefix = prefix
        self._wide = 0

    def text(self, line: LogLine) -> str:
        """One line for a person."""
        words = []
        if self._prefix:
            self._wide = max(self._wide, len(line.replica))
            place = zlib.crc32(line.replica.encode())
            title = click.style(line.replica.ljust(self._wide), fg=colour_of(place))
            words.append(f"{title} |")
        if self._timestamps:
            words.append(rfc3339(line.time))
        return " ".join([*words, _CURSOR.sub("", line.text)])
