"""`orbctl get`: lists of things, once or at every change."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from cli.asking import Query
from cli.naming import complete_name, narrowed
from cli.output import output_option, print_views, watch_option, watch_views
from cli.scope import Scope, with_scope
from orb.errors import NotFound

if TYPE_CHECKING:
    from cli.client import Client

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "services": ("service", "svc", "deployments", "deployment", "deploy", "apps", "app"),
    "replicas": ("replica", "pods", "pod", "po", "tasks", "task", "containers", "ps", "rs"),
    "nodes": ("node", "no", "machines", "hosts"),
    "releases": ("release", "revisions", "history"),
    "events": ("event", "ev"),
    "configs": ("config", "configmaps", "configmap", "cm"),
    "secrets": ("secret",),
    "environments": ("environment", "envs", "namespaces", "namespace", "ns"),
}
"""Kinds, and the words of other tools for them."""


class Kind(click.ParamType[str]):
    """A kind of thing, by our word or another tool's."""

    name = "kind"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Our word for it; a usage error that lists them for a word nobody knows."""
        word = str(value).lower()
        for kind, others in WORDS.items():
            if word == kind or word in others:
                return kind
        return self.fail(f"{word!r} is not one of {', '.join(WORDS)}", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[click.shell_completion.CompletionItem]":
        """Our words."""
        from click.shell_completion import CompletionItem

        del ctx, param
        return [CompletionItem(kind) for kind in WORDS if kind.startswith(incomplete)]


def _missing(kind: str, name: str, environment: str) -> NotFound:
    """Nothing has that name: for a person a mistake, for a script an empty list."""
    if kind == "events":
        return NotFound(f"nothing is known to have happened to {name!r}{_where(environment)}")
    return NotFound(
        f"there is no {kind.removesuffix('s')} {name!r}{_where(environment)}",
        remedy=f"`orbctl get {kind}` lists them all",
    )


def _where(environment: str) -> str:
    return f" in the environment {environment!r}" if environment else ""


@click.command()
@click.argument("kind", type=Kind(), default="services")
@click.argument("name", default="", shell_complete=complete_name)
@output_option
@watch_option
@click.option("--node", default="", help="Replicas on this node only.")
@click.option("--app", default="", help="Of this app only.")
@click.option("--limit", type=click.IntRange(0, 5_000), default=0, help="The newest this many.")
@click.option("--stale", is_flag=True, help="Let any server answer, also one without a leader.")
@with_scope
def get(
    scope: Scope,
    *,
    kind: str,
    name: str,
    output: str,
    watch: bool,
    node: str,
    app: str,
    limit: int,
    stale: bool,
) -> None:
    """List services, replicas, nodes, releases, events, configs or secrets.

    NAME narrows it down: `get replicas web`, `get replicas web/3`, `get releases shop`. The words
    of other tools are understood: pods, tasks, deployments.
    """
    query = narrowed(
        Query(
            kind=kind,
            environment="" if kind in {"nodes", "environments"} else scope.filter_environment,
            app=app,
            node=node,
            limit=limit,
            stale=stale,
        ),
        name,
    )

    async def work(client: "Client") -> None:
        if watch:
            await watch_views(kind, client.watch(query), output)
            return
        views = await client.get(query)
        if name and not views and output in {"table", "wide"}:
            raise _missing(kind, name, query.environment)
        print_views(kind, views, output)

    scope.run(work)
