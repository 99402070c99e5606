"""Names as people type them: `web`, `shop.web`, `web/3`; and what a shell offers to complete."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cli.asking import Query
from orb.errors import InvalidInput, OrbError

if TYPE_CHECKING:
    import click

    from cli.client import Client

COMPLETE_WITHIN_S: Final = 1.0
"""A shell must not hang on TAB: after that nothing is offered."""


def narrowed(query: Query, name: str) -> Query:
    """The query, limited to what *name* means for its kind. Raises InvalidInput."""
    if not name:
        return query
    match query.kind:
        case "nodes" | "environments":
            return replace(query, name=name)
        case "configs" | "secrets":
            app, dot, rest = name.partition(".")
            return replace(query, app=app, name=rest) if dot else replace(query, name=name)
        case "releases":
            app, _, number = name.partition("@")
            return replace(query, app=app, name=number)
        case _:
            app, _, rest = name.rpartition(".")
            service, slash, number = rest.partition("/")
            if slash and not number.isdigit():
                raise InvalidInput(f"{name!r} names no replica", remedy="write it as web/3")
            return replace(query, app=app or query.app, service=service, name=number)


def split_scale(word: str) -> tuple[str, int]:
    """Read `web=5`. Raises InvalidInput."""
    name, equals, number = word.partition("=")
    if not equals or not name or not number.isdigit():
        raise InvalidInput(f"{word!r} names no service and count", remedy="write it as web=5")
    return name, int(number)


def complete_name(ctx: "click.Context", param: "click.Parameter", incomplete: str) -> "list[str]":
    """Names of services, replicas or nodes, as the verb needs them; nothing if nobody answers."""
    del param
    verb = ctx.info_name or ""
    kind = str(ctx.params.get("kind") or _KINDS_OF_VERBS.get(verb, "services"))
    return [name for name in _known(ctx, kind) if name.startswith(incomplete)]


_KINDS_OF_VERBS: Final = {
    "cordon": "nodes",
    "uncordon": "nodes",
    "drain": "nodes",
    "label": "nodes",
    "exec": "replicas",
    "delete": "apps",
    "wait": "apps",
    "forget": "nodes",
}


def _known(ctx: "click.Context", kind: str) -> list[str]:
    import asyncio

    from cli.scope import Scope

    async def work(client: "Client") -> list[str]:
        async with asyncio.timeout(COMPLETE_WITHIN_S):
            return await _names(client, kind)

    scope = Scope(ctx.params.get("context_name"), ctx.params.get("environment_name"))
    try:
        return scope.run(work)
    except (OrbError, OSError, TimeoutError):
        return []


async def _names(client: "Client", kind: str) -> list[str]:
    if kind == "nodes":
        return [view.name for view in await client.nodes()]
    if kind == "replicas":
        return [view.name for view in await client.replicas(Query(kind="replicas"))]
    services = await client.services(Query(kind="services"))
    apps = sorted({view.app for view in services})
    return apps if kind in {"apps", "releases"} else [*(view.name for view in services), *apps]
