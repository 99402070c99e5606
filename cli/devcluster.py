"""A real cluster on this machine: planned, started, watched until it is well, and ended."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from cli import devplan, engine
from cli.certificates import authority_in, ensure, folder_of
from cli.contexts import Context, all_contexts, current_name, remove, save, use
from cli.devplan import LOOPBACK, DevNode, DevServer, Plan, Runtime
from cli.processes import SUPERVISOR, Process, Running, end, running_in
from cli.supervise import END_WITHIN_S
from cli.words import count
from orb.cluster import StatusView
from orb.contents import memory_folders
from orb.errors import Conflict, InvalidInput, NotFound, OrbError, Unavailable
from orb.tls import Identity, cluster_mark

if TYPE_CHECKING:
    from cli.client import Client

SERVERS: Final = 3
NODES: Final = 3
AS_ASKED: Final = "as asked for"
HEALTHY_WITHIN_S: Final = 60.0
"""How long a local cluster may take until it has a leader and all its nodes are ready."""
LOOK_EVERY_S: Final = 0.3
RESTARTS_MAX: Final = 3
"""A process that ended so often while starting does not come up by waiting."""
LOG_LINES_OF_A_FAILURE: Final = 15
USER: Final = Identity("user", "admin")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked for; None: as before, else the default."""

    directory: Path
    servers: int | None = None
    nodes: int | None = None
    runtime: Runtime | None = None


def plan_for(wish: Wish) -> Plan:
    """The plan that is there, changed as wished, or a new one. Raises InvalidInput, Conflict."""
    try:
        old = devplan.load(wish.directory)
    except NotFound:
        old = None
    runtime, reason = choose_runtime(wish.runtime or (old.runtime if old else None))
    if wish.runtime is None and old is not None and reason == AS_ASKED:
        reason = old.reason
    return Plan(
        directory=wish.directory,
        context=old.context if old else _context_name(),
        runtime=runtime,
        reason=reason,
        docker_host=engine.host(),
        servers=_servers(old, wish),
        nodes=_nodes(old, wish),
    )


def choose_runtime(wanted: Runtime | None) -> tuple[Runtime, str]:
    """The runtime, and why it is that one. Raises Unavailable if the wanted one cannot be had."""
    if wanted in {"process", "fake"}:
        return wanted, AS_ASKED
    found = engine.find(engine.host())
    if isinstance(found, engine.Engine):
        return "docker", f"the Docker Engine {found.version} answers at {found.host}"
    if wanted == "docker":
        raise Unavailable(found, remedy="start it, or run processes with --runtime process")
    return "process", found


def prepare(plan: Plan) -> None:
    """Certificates, folders, the plan's file and the context: all made once and kept."""
    if current := running_in(plan.directory).alive:
        end(current, END_WITHIN_S)  # their supervisor was killed: they are ended, and start anew
    devplan.check_ports(plan.servers)
    plan.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (plan.directory / ".gitignore").write_text("*\n", encoding="utf-8")
    authority, _ = authority_in(plan.certificates, plan.context)
    wanted = {Identity("server", server.name): [LOOPBACK] for server in plan.servers}
    wanted |= {Identity("node", node.name): [] for node in plan.nodes}
    ensure(plan.certificates, authority, {**wanted, USER: []})
    devplan.save(plan)
    save(context_of(plan))
    if not current_name():
        use(plan.context)


def context_of(plan: Plan) -> Context:
    """How orbctl reaches the cluster; without being named in the folder it was started in."""
    own = plan.directory.parts[-2:] == devplan.DEFAULT_DIRECTORY.parts
    return Context(
        name=plan.context,
        servers=plan.addresses,
        certificates=folder_of(plan.certificates, USER),
        folder=plan.directory.parents[1] if own else None,
    )


def launch(plan: Plan, *, with_terminal: bool) -> None:
    """Start the supervisor, which starts all others; it outlives this process if it is to."""
    plan.logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "cli.supervise", str(plan.directory)]
    with (plan.logs / f"{SUPERVISOR}.log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 - our own module
            [*command, *(["--with-parent"] if with_terminal else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **devplan.python_path()},
        )


async def until_healthy(plan: Plan, tell: Tell) -> StatusView:
    """Wait for all servers and nodes, telling each change. Raises Unavailable with the reason."""
    from cli.client import Client

    client = Client(context_of(plan))
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    told = ""
    try:
        while True:
            view = await _look(client)
            state = _progress(plan, view)
            if state != told:
                tell(state)
                told = state
            if view is not None and _is_well(plan, view):
                return view
            broken = _broken(plan)
            if broken or time.monotonic() > deadline:
                raise _not_healthy(plan, broken)
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await client.close()


def _is_well(plan: Plan, view: StatusView) -> bool:
    all_answer = all(server.healthy for server in view.servers)
    return bool(view.leader) and all_answer and _ready(view) >= len(plan.nodes)


def stop(plan: Plan, *, keep_tasks: bool, wipe: bool, tell: Tell) -> None:
    """End every process that was started, then what ran in the cluster; forget it with *wipe*."""
    running = running_in(plan.directory)
    alive = running.alive
    if running.supervisor and running.supervisor.is_running:
        end([running.supervisor], END_WITHIN_S + 5)
    end([each for each in alive if each != running.supervisor], END_WITHIN_S)
    (plan.directory / "processes.json").unlink(missing_ok=True)
    tell(f"{len(alive)} processes ended")
    if not keep_tasks:
        removed = remove_tasks(plan, volumes=wipe)
        tell(f"{count(removed, 'task')} of the cluster removed from this machine")
    if wipe:
        shutil.rmtree(plan.directory)
        remove(plan.context)
        tell(f"{plan.directory} and the context {plan.context} are gone")


def remove_tasks(plan: Plan, *, volumes: bool) -> int:
    """Remove what the cluster's agents left running; how many tasks. Raises Unavailable."""
    ca = plan.certificates / "ca" / "ca.pem"
    if not ca.is_file():
        return 0
    mark = cluster_mark(ca)
    _forget_files(plan, mark)
    if plan.runtime == "docker":
        return engine.remove_all(plan.docker_host, f"orb.cluster={mark}", volumes=volumes)
    return asyncio.run(_remove_processes(plan, mark)) if plan.runtime == "process" else 0


def _forget_files(plan: Plan, mark: str) -> None:
    """Remove what the agents keep in memory: the secrets of tasks."""
    for folder in memory_folders(os.geteuid()):
        for node in plan.nodes:
            shutil.rmtree(Path(folder) / f"{mark}-{node.name}", ignore_errors=True)


async def _remove_processes(plan: Plan, mark: str) -> int:
    from agent.runtime.process import ProcessRuntime
    from orb.ids import Millis

    removed = 0
    for node in plan.nodes:
        folder = plan.data(node.name) / "processes"
        if not folder.is_dir():
            continue
        chance = Random()  # noqa: S311 - it spreads ports, it guards no secret
        runtime = ProcessRuntime(folder, LOOPBACK, f"{mark}-{node.name}", chance)
        tasks = [running.task for running in await runtime.list()]
        grace = Millis(engine.STOP_GRACE_S * 1000)
        await asyncio.gather(*(runtime.stop(task, "SIGTERM", grace) for task in tasks))
        for task in tasks:
            await runtime.remove(task)
        await runtime.close()
        removed += len(tasks)
    return removed


def tail(log: Path, lines: int) -> Iterator[str]:
    """The last lines of a log; nothing if there is none."""
    if log.is_file():
        yield from log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]


def supervisor_of(plan: Plan) -> Process | None:
    """The supervisor, if it runs."""
    supervisor = running_in(plan.directory).supervisor
    return supervisor if supervisor and supervisor.is_running else None


def _servers(old: Plan | None, wish: Wish) -> tuple[DevServer, ...]:
    if old is None:
        return devplan.new_servers(
            SERVERS if wish.servers is None else wish.servers, wish.directory
        )
    if wish.servers not in {None, len(old.servers)}:
        raise InvalidInput(
            f"this cluster has {count(len(old.servers), 'server')}; that cannot be changed",
            remedy="start anew: `orbctl dev stop --wipe`, or take another --dir",
        )
    return old.servers


def _nodes(old: Plan | None, wish: Wish) -> tuple[DevNode, ...]:
    if wish.nodes is not None:
        return devplan.new_nodes(wish.nodes)
    return old.nodes if old else devplan.new_nodes(NODES)


def _context_name() -> str:
    """`dev`, or the next free name if another local cluster has that."""
    taken = {context.name for context in all_contexts()}
    names = ["dev", *(f"dev-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


async def _look(client: "Client") -> StatusView | None:
    try:
        return await client.status()
    except OrbError:
        return None


def _ready(view: StatusView) -> int:
    return view.nodes.get("ready", 0)


def _progress(plan: Plan, view: StatusView | None) -> str:
    if view is None or not view.leader:
        return f"{count(len(plan.servers), 'server')} started, no leader yet"
    return f"leader {view.leader}, {_ready(view)} of {count(len(plan.nodes), 'node')} ready"


def _broken(plan: Plan) -> str:
    """A process that ends again and again; empty for none."""
    running: Running = running_in(plan.directory)
    often = (name for name, n in running.restarts.items() if n >= RESTARTS_MAX)
    return next(often, "")


def _not_healthy(plan: Plan, broken: str) -> Conflict | Unavailable:
    if broken:
        lines = [
            f"  | {line}" for line in tail(plan.logs / f"{broken}.log", LOG_LINES_OF_A_FAILURE)
        ]
        return Conflict(
            "\n".join([f"{broken} ends again and again; the last lines of its log:", *lines]),
            remedy="mend that, or begin anew with `orbctl dev stop --wipe`",
        )
    return Unavailable(
        f"the cluster was not well after {HEALTHY_WITHIN_S:.0f} s",
        remedy=f"`orbctl dev status`, and the logs in {plan.logs}, tell more",
    )
