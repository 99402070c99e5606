"""`orbctl env`: what environments allow their apps to ask for of the nodes."""

from typing import TYPE_CHECKING, Final

import click

from cli.scope import ENVIRONMENT, Scope, with_scope
from orb.trust import Trust

if TYPE_CHECKING:
    from cli.client import Client

KNOWN: Final = (*sorted(each.value for each in Trust), "all")

words_argument = click.argument(
    "words", nargs=-1, required=True, metavar="WORD…", type=click.Choice(KNOWN)
)


@click.group()
def env() -> None:
    """Say what the apps of an environment may ask for of their nodes.

    The words are: capabilities (rights of the kernel), devices, engine-socket, host-namespaces,
    host-network, privileged, unconfined; `all` stands for each of them. `prod` allows nothing
    unless told to, and so does an environment whose name starts with `prod-` or `production`; all
    others allow everything. It counts for what is applied from then on. `orbctl get environments`
    lists what each allows.
    """


@env.command()
@click.argument("environment", type=ENVIRONMENT)
@words_argument
@with_scope
def allow(scope: Scope, *, environment: str, words: tuple[str, ...]) -> None:
    """Allow it: `env allow prod devices`."""
    _set(scope, environment, allow=_meant(words))


@env.command()
@click.argument("environment", type=ENVIRONMENT)
@words_argument
@with_scope
def deny(scope: Scope, *, environment: str, words: tuple[str, ...]) -> None:
    """Deny it: `env deny staging privileged`."""
    _set(scope, environment, deny=_meant(words))


def _meant(words: tuple[str, ...]) -> tuple[str, ...]:
    return KNOWN[:-1] if "all" in words else words


def _set(
    scope: Scope, environment: str, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()
) -> None:
    async def work(client: "Client") -> tuple[bool, tuple[str, ...]]:
        return await client.set_trust(environment, allow, deny)

    changed, allowed = scope.run(work)
    now = f"{environment} allows {', '.join(allowed) or 'nothing that reaches its nodes'}"
    click.echo(now if changed else f"nothing to change: {now}")
