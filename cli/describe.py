"""`orbctl describe NAME`: everything about one thing, with its events and the reasons."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from cli.asking import Description
from cli.columns import bound, labels, published, readiness, view_table, yes
from cli.naming import complete_name
from cli.output import document_option, print_document
from cli.records import JSON_VERSION, as_json
from cli.scope import Scope, with_scope
from cli.words import age, coloured, cpus, local_time, memory, now, plain, share
from orb.cluster import NodeView, ReplicaView, ServiceView
from orb.errors import InvalidInput
from orb.spec import ServiceSpec

if TYPE_CHECKING:
    from cli.records import Json

KINDS = ("service", "replica", "node", "app")


@click.command()
@click.argument(
    "words", nargs=-1, required=True, metavar="[KIND] NAME", shell_complete=complete_name
)
@document_option
@with_scope
def describe(scope: Scope, *, words: tuple[str, ...], output: str) -> None:
    """Show everything about a service, replica, node or app.

    `describe web`, `describe web/3`, `describe n2`, `describe shop`; where a name means several
    things, say which: `describe node web`.
    """
    kind, name = _asked(words)
    found = scope.run(lambda client: client.describe(scope.environment, name, kind))
    if output != "table":
        print_document(_document(found), output)
        return
    for section in _sections(found, now()):
        for line in section:
            click.echo(line)
        click.echo()


def _asked(words: Sequence[str]) -> tuple[str, str]:
    from cli.get import WORDS

    if len(words) == 1:
        kind, slash, name = words[0].partition("/")
        if slash and kind in {"node", "service", "app"} and not name.isdigit():
            return kind, name
        return "", words[0]
    if len(words) > 2:
        raise InvalidInput("describe shows one thing", remedy="write `describe [KIND] NAME`")
    kind, name = words
    for ours, others in WORDS.items():
        if kind in {ours, *others} and kind not in {"app", "apps"}:
            kind = ours.removesuffix("s")
    if kind not in KINDS:
        raise InvalidInput(
            f"{kind!r} cannot be described", remedy=f"it is one of {', '.join(KINDS)}"
        )
    return kind, name


def _document(found: Description) -> "dict[str, Json]":
    body = as_json(found)
    whole: dict[str, Json] = {"version": JSON_VERSION}
    return whole | body if isinstance(body, dict) else whole


def _sections(found: Description, at: int) -> Iterator[list[str]]:
    """The parts of the page, each a few lines."""
    yield from _heads(found, at)
    if found.explanation:
        yield [_title("Why"), *(f"  {plain(line)}" for line in found.explanation)]
    for title, kind, views in (
        ("Tasks, newest first", "tasks", found.tasks),
        ("Replicas", "replicas", () if found.kind == "replica" else found.replicas),
        ("Releases", "releases", found.releases),
        ("Events", "events", found.events),
    ):
        if views:
            lines = view_table(kind, views, at)
            yield [_title(title), *(f"  {line}" for line in lines)]


def _heads(found: Description, at: int) -> Iterator[list[str]]:
    """What the page is about."""
    match found.kind:
        case "node":
            yield from ([*_node(view, at)] for view in found.nodes)
        case "replica":
            yield from ([*_replica(view, at)] for view in found.replicas)
        case "service":
            yield from ([*_service(view)] for view in found.services)
            yield from ([*_spec(service)] for service in found.spec.services) if found.spec else ()
        case _:
            lines = view_table("services", found.services, at)
            yield [_title("Services"), *(f"  {line}" for line in lines)]


def _title(text: str) -> str:
    return click.style(text, bold=True)


def _facts(title: str, facts: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield _title(title)
    shown = [(key, value) for key, value in facts if value]
    wide = max((len(key) for key, _ in shown), default=0)
    below = "\n" + " " * (wide + 4)
    yield from (
        f"  {key.ljust(wide)}  {value.rstrip().replace(chr(10), below)}" for key, value in shown
    )


def _node(view: NodeView, at: int) -> Iterator[str]:
    used = view.used
    yield from _facts(
        f"Node {view.name}",
        [
            ("state", f"{coloured(view.state)} for {age(view.state_since, at)}"),
            ("availability", coloured(view.availability)),
            ("address", view.address),
            ("zone", view.zone),
            ("labels", labels(view.labels)),
            ("reserved", share(view.reserved, view.resources)),
            ("used", f"{cpus(used.cpus)} cpus, {memory(used.memory_bytes)}" if used else ""),
            ("tasks", str(view.tasks)),
            ("runtime", f"{view.runtime} {view.runtime_version}".strip()),
            ("system", f"{view.os}/{view.arch} {view.kernel}".strip()),
            ("agent", view.agent_version),
            ("joined", local_time(view.joined_at)),
            ("last heard", f"{age(view.heard_at, at)} ago" if view.heard_at else "not yet"),
        ],
    )


def _service(view: ServiceView) -> Iterator[str]:
    yield from _facts(
        f"Service {view.app}.{view.name}",
        [
            ("environment", view.environment),
            ("ready", f"{readiness(view)}, {view.running} running, {view.updated} up to date"),
            ("mode", view.mode),
            ("image", view.image),
            ("ports", published(view.ports)),
            ("release", str(view.release)),
            ("message", plain(view.message)),
        ],
    )


def _spec(service: ServiceSpec) -> Iterator[str]:
    task, container = service.task, service.task.container
    limits = task.limits
    limited = [
        f"{cpus(limits.milli_cpus / 1000)} cpus" if limits.milli_cpus else "",
        memory(limits.memory_bytes) if limits.memory_bytes else "",
    ]
    needs = task.reservations
    yield from _facts(
        "Declared",
        [
            ("entrypoint", " ".join(container.entrypoint or ())),
            ("command", " ".join(container.command or ())),
            ("environment", " ".join(f"{k}={v}" for k, v in sorted(container.environment.items()))),
            ("reserves", f"{cpus(needs.milli_cpus / 1000)} cpus, {memory(needs.memory_bytes)}"),
            ("limits", ", ".join(word for word in limited if word)),
            (
                "mounts",
                ", ".join(f"{m.source or 'anonymous'}:{m.target}" for m in container.mounts),
            ),
            ("health", " ".join(task.healthcheck.test) if task.healthcheck else ""),
            ("placement", ", ".join(task.placement.constraints)),
            ("after", ", ".join(dependency.service for dependency in service.depends_on)),
        ],
    )


def _replica(view: ReplicaView, at: int) -> Iterator[str]:
    yield from _facts(
        f"Replica {view.app}.{view.name}",
        [
            ("environment", view.environment),
            ("state", f"{coloured(view.state)}, ready: {yes(view.ready)}"),
            ("node", view.node or "none yet"),
            ("image", view.image),
            ("started", f"{age(view.started_at, at)} ago" if view.started_at else ""),
            ("restarts", str(view.restarts)),
            ("exit code", "" if view.exit_code is None else str(view.exit_code)),
            ("ports", bound(view.ports)),
            ("container", view.container_id[:12]),
            ("release", str(view.release)),
            ("message", plain(view.message)),
        ],
    )
