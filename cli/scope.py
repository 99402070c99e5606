"""What all verbs share: which cluster and environment, how to ask it, how to ask the person."""

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import click

from cli.asking import Declined
from cli.contexts import Context, resolve
from orb.config_kinds import NAME
from orb.errors import OrbError
from orb.spec import DEFAULT_ENVIRONMENT

if TYPE_CHECKING:
    from cli.client import Client

P = ParamSpec("P")
T = TypeVar("T")


class EnvironmentName(click.ParamType[str]):
    """The name of an environment."""

    name = "environment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The name; a usage error for what is none."""
        try:
            return NAME.parse(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


ENVIRONMENT: Final = EnvironmentName()


@dataclass(frozen=True, slots=True)
class Scope:
    """What `--context` and `--env` say, before or after the verb."""

    context_name: str | None = None
    environment_name: str | None = None

    def context(self) -> Context:
        """The cluster that is meant. Raises NotFound, InvalidInput."""
        return resolve(self.context_name, os.environ, Path.cwd())

    @property
    def environment(self) -> str:
        """Where to act: as said, else what the context says, else `default`."""
        return self.filter_environment or DEFAULT_ENVIRONMENT

    @property
    def filter_environment(self) -> str:
        """What lists are limited to: empty for every environment."""
        return self.environment_name or self.context().environment

    @property
    def offline_environment(self) -> str:
        """Like `environment`, where no cluster has to be known."""
        return self.environment_name or DEFAULT_ENVIRONMENT

    def run(self, work: "Callable[[Client], Coroutine[None, None, T]]") -> T:
        """Do the work with a client of the cluster. Raises OrbError."""
        import asyncio

        from cli.client import Client

        context = self.context()

        async def whole() -> T:
            client = Client(context)
            try:
                return await work(client)
            finally:
                await client.close()

        try:
            return asyncio.run(whole())
        except BaseExceptionGroup as group:
            raise _first(group) from group


def with_scope(command: Callable[Concatenate[Scope, P], None]) -> Callable[..., None]:
    """Give a command `--context` and `-e/--env`, and a Scope as its first argument."""

    @click.option(
        "-e",
        "--env",
        "environment_name",
        metavar="ENV",
        type=ENVIRONMENT,
        help="The environment; `default` if not given.",
    )
    @click.option("--context", "context_name", metavar="NAME", help="The cluster to talk to.")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(
        context: click.Context,
        /,
        context_name: str | None,
        environment_name: str | None,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        outer = context.find_object(Scope) or Scope()
        scope = Scope(
            context_name or outer.context_name, environment_name or outer.environment_name
        )
        command(scope, *args, **kwargs)

    return wrapped


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def confirm(consequence: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone. Raises Declined for no, or if nobody is there."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Declined(consequence, remedy="nobody can be asked here: say -y to do it")
    if not click.confirm(f"{consequence} Go on?", default=False, err=True):
        raise Declined("nothing was done")


async def finish(work: Awaitable[T], seconds: float | None, what: str) -> T:
    """Wait at most *seconds* for the work. Raises StillGoing, saying *what* still goes on."""
    import asyncio

    from cli.asking import StillGoing
    from cli.words import duration

    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        waited = duration(round((seconds or 0) * 1000))
        raise StillGoing(
            f"timed out after {waited}, still going: {what}",
            remedy="follow it with `orbctl status`, or wait longer with --timeout",
        ) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error in a group that a person should see: ours before others."""
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, OrbError)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]
