"""`orbctl dev`: a real cluster of processes on this machine, started, shown and ended."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from cli.output import document_option, print_document
from cli.records import JSON_VERSION
from cli.scope import confirm, yes_option
from cli.screen import note
from cli.tables import table
from cli.words import coloured, count
from orb.errors import NotFound

if TYPE_CHECKING:
    from cli.devplan import Plan, Runtime
    from cli.records import Json

RUNTIMES: Final = ("docker", "process", "fake")

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the cluster keeps everything; .orb/dev here or above if not given.",
)


@click.group(invoke_without_command=True)
@click.option("--servers", type=int, help="1, 3 or 5 servers; 3 if not given.")
@click.option("--nodes", type=int, help="How many nodes; 3 if not given.")
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    help="What runs the tasks; the Docker Engine if one answers, else processes.",
)
@directory_option
@click.option("-d", "--detach", is_flag=True, help="Return once the cluster is well.")
@click.pass_context
def dev(
    context: click.Context,
    *,
    servers: int | None,
    nodes: int | None,
    runtime: str | None,
    directory: Path | None,
    detach: bool,
) -> None:
    """Start a cluster on this machine: real servers and agents, state on disk.

    In the foreground it shows everybody's logs, and Ctrl-C ends all of it. What was declared stays
    on disk: the next `orbctl dev` brings it back.
    """
    context.obj = directory
    if context.invoked_subcommand is not None:
        return
    from cli.devcluster import Wish, plan_for, prepare, supervisor_of
    from cli.devplan import directory_of, load

    place = directory_of(directory, Path.cwd())
    if _is_running(place):
        plan = load(place)
        note(f"The local cluster in {plan.directory} is already running.")
        _start(plan, detach=detach, is_running=supervisor_of(plan) is not None)
        return
    wish = Wish(
        directory=place, servers=servers, nodes=nodes, runtime=cast("Runtime | None", runtime)
    )
    plan = plan_for(wish)
    prepare(plan)
    _start(plan, detach=detach, is_running=False)


@dev.command()
@directory_option
@click.option("--keep-tasks", is_flag=True, help="Leave containers and processes running.")
@click.option("--wipe", is_flag=True, help="Forget the cluster: delete its folder and volumes.")
@yes_option
@click.pass_obj
def stop(
    outer: Path | None, *, directory: Path | None, keep_tasks: bool, wipe: bool, yes: bool
) -> None:
    """End the local cluster with all that runs in it. Its state stays on disk without --wipe."""
    from cli import devcluster

    plan = _plan(directory or outer)
    if wipe:
        confirm(f"This deletes {plan.directory} with all state and volumes.", yes=yes)
    devcluster.stop(plan, keep_tasks=keep_tasks, wipe=wipe, tell=click.echo)
    if not wipe:
        click.echo(f"Its state stays in {plan.directory}; `orbctl dev` brings it back.")


@dev.command()
@directory_option
@document_option
@click.pass_obj
def status(outer: Path | None, *, directory: Path | None, output: str) -> None:
    """Show the processes of the local cluster. Exits with 1 if not all of them run."""
    plan = _plan(directory or outer)
    document = describe(plan)
    if output == "table":
        _print_status(plan, document)
    else:
        print_document(document, output)
    if not document["running"]:
        sys.exit(1)


def describe(plan: "Plan") -> "dict[str, Json]":
    """The local cluster as JSON."""
    from cli.processes import running_in

    running = running_in(plan.directory)

    def part(name: str, address: str) -> "dict[str, Json]":
        child = running.children.get(name)
        alive = child is not None and child.is_running
        return {
            "name": name,
            "address": address,
            "running": alive,
            "pid": child.pid if child and alive else None,
            "restarts": running.restarts.get(name, 0),
            "log": str(plan.logs / f"{name}.log"),
        }

    servers = [part(server.name, server.address) for server in plan.servers]
    nodes = [part(node.name, "") | {"zone": node.zone} for node in plan.nodes]
    return {
        "version": JSON_VERSION,
        "kind": "dev",
        "running": all(each["running"] for each in (*servers, *nodes)),
        "directory": str(plan.directory),
        "context": plan.context,
        "runtime": plan.runtime,
        "reason": plan.reason,
        "servers": cast("list[Json]", servers),
        "nodes": cast("list[Json]", nodes),
    }


def _start(plan: "Plan", *, detach: bool, is_running: bool) -> None:
    import asyncio

    from cli import devcluster
    from cli.tailing import follow_logs

    note(f"runtime {plan.runtime}: {plan.reason}")
    try:
        if not is_running:
            devcluster.launch(plan, with_terminal=not detach)
        asyncio.run(devcluster.until_healthy(plan, note))
        note(_how_to_reach(plan))
        if detach or is_running:
            return
        note("Ctrl-C ends the cluster with all that runs in it.")
        follow_logs(plan)
    except KeyboardInterrupt:
        if detach or is_running:
            raise
        note("")
        devcluster.stop(plan, keep_tasks=False, wipe=False, tell=note)
        note(f"Its state stays in {plan.directory}; `orbctl dev` brings it back.")
    else:
        note("The cluster was ended from elsewhere.")


def _how_to_reach(plan: "Plan") -> str:
    from cli.contexts import resolve

    size = f"{count(len(plan.servers), 'server')} and {count(len(plan.nodes), 'node')}"
    try:
        here = resolve(None, os.environ, Path.cwd()).name == plan.context
    except NotFound:
        here = False
    how = "orbctl" if here else f"orbctl --context {plan.context}"
    stop = f"orbctl dev stop{_dir_option(plan)}"
    return f"The cluster is well: {size}. Look with `{how} status`; end it with `{stop}`."


def _dir_option(plan: "Plan") -> str:
    """What the other verbs of `dev` need to find it from this folder."""
    from cli.devplan import directory_of

    return "" if directory_of(None, Path.cwd()) == plan.directory else f" --dir {plan.directory}"


def _is_running(directory: Path) -> bool:
    from cli.processes import running_in

    supervisor = running_in(directory).supervisor
    return supervisor is not None and supervisor.is_running


def _plan(directory: Path | None) -> "Plan":
    from cli.devplan import directory_of, load

    return load(directory_of(directory, Path.cwd()))


def _print_status(plan: "Plan", document: "dict[str, Json]") -> None:
    click.echo(f"directory  {plan.directory}")
    click.echo(f"context    {plan.context}")
    click.echo(f"runtime    {plan.runtime}: {plan.reason}\n")
    parts = cast("list[dict[str, Json]]", document["servers"])
    parts += cast("list[dict[str, Json]]", document["nodes"])
    rows = [
        [
            str(part["name"]),
            coloured("running" if part["running"] else "down"),
            str(part["pid"] or "-"),
            str(part["restarts"]),
            str(part["address"] or "-"),
            str(part["log"]),
        ]
        for part in parts
    ]
    for line in table(["NAME", "STATE", "PID", "RESTARTS", "ADDRESS", "LOG"], rows):
        click.echo(line)
