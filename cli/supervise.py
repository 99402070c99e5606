"""Keeps the processes of a local cluster alive: `python -m cli.supervise DIR`, until told to stop.

Every process writes its own log file and has its own session: the death of this one harms none.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from cli.devplan import DevNode, DevServer, Plan, load, python_path
from cli.processes import Process, end, process

BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 10.0
STEADY_S: Final = 30.0
"""A process that lived so long starts with the first wait again."""
END_WITHIN_S: Final = 10.0
"""How long processes may take to end, together; then they are killed."""
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""A log that has grown beyond is moved to `.1`, in place of the one there."""
LOOK_EVERY_S: Final = 2.0
"""How often the sizes of the logs are looked at, and whether the parent is still there."""


@dataclass(slots=True)
class Child:
    """One process of the cluster, over all its restarts."""

    name: str
    module: str
    config: Path
    log: Path
    restarts: int = 0
    running: Process | None = None

    @property
    def command(self) -> list[str]:
        """How it is started; `-P`: modules in the folder one stands in are not ours."""
        return [sys.executable, "-P", "-m", self.module, "--config", str(self.config)]


def write_configs(plan: Plan) -> list[Child]:
    """Write each process's configuration; the processes, servers first."""
    children = []
    for server in plan.servers:
        config = _write(plan, server.name, _server_config(plan, server))
        children.append(_child(plan, server.name, "controlplane.main", config))
    for node in plan.nodes:
        config = _write(plan, node.name, _node_config(plan, node))
        children.append(_child(plan, node.name, "agent.main", config))
    return children


class Supervisor:
    """Starts every process, starts it again when it ends, and ends all when told to."""

    def __init__(self, plan: Plan, children: Sequence[Child]) -> None:
        self._plan = plan
        self._children = children
        self._stop = asyncio.Event()
        self._parent = os.getppid()

    async def run(self, *, with_parent: bool) -> None:
        """Until SIGTERM, SIGINT or SIGHUP, or until the parent is gone if it is to matter."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(self._keep(child)) for child in self._children]
                keepers.append(group.create_task(self._look(with_parent=with_parent)))
                await self._stop.wait()
                say("ending all processes")
                for keeper in keepers:
                    keeper.cancel()
        finally:
            alive = [child.running for child in self._children if child.running]
            await asyncio.to_thread(end, alive, END_WITHIN_S)
            (self._plan.directory / "processes.json").unlink(missing_ok=True)
            say("all processes have ended")

    async def _keep(self, child: Child) -> None:
        """Run one process for ever."""
        wait = BACKOFF_FIRST_S
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._run_once(child)
            if asyncio.get_running_loop().time() - began > STEADY_S:
                wait = BACKOFF_FIRST_S
            say(f"{child.name} {how_it_ended(code)}; starting it again in {wait:g} s")
            await asyncio.sleep(wait)
            wait = min(2 * wait, BACKOFF_MAX_S)
            child.restarts += 1

    async def _run_once(self, child: Child) -> int:
        with child.log.open("ab") as log:
            started = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **python_path()},
            )
        child.running = process(started.pid)
        self._note()
        say(f"{child.name} runs with pid {started.pid}")
        return await started.wait()

    async def _look(self, *, with_parent: bool) -> None:
        """Bound the logs; end with the parent if that is wanted."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for child in self._children:
                bound_log(child.log)
            if with_parent and os.getppid() != self._parent:
                say("the terminal that started this cluster is gone")
                self._stop.set()

    def _note(self) -> None:
        own = process(os.getpid())
        known = {child.name: child.running for child in self._children if child.running}
        content = {
            "supervisor": [own.pid, own.started],
            "children": {name: [each.pid, each.started] for name, each in known.items()},
            "restarts": {child.name: child.restarts for child in self._children},
        }
        path = self._plan.directory / "processes.json"
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
        partial.replace(path)


def how_it_ended(code: int) -> str:
    """`was ended by SIGKILL`, `ended with exit code 1`."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def bound_log(log: Path) -> None:
    """Move what is in a log that has grown too large aside; its writers append to the same file."""
    if not log.is_file() or log.stat().st_size <= LOG_BYTES_MAX:
        return
    log.with_name(log.name + ".1").write_bytes(log.read_bytes())
    os.truncate(log, 0)


def say(line: str, to: IO[str] | None = None) -> None:
    """A line in the supervisor's own log."""
    stream = to or sys.stdout
    stream.write(f"{line}\n")
    stream.flush()


def main(arguments: Sequence[str]) -> None:
    """`DIR [--with-parent]`."""
    plan = load(Path(arguments[0]))
    with (plan.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another supervisor keeps this cluster")
            return
        _supervise(plan, arguments)


def _supervise(plan: Plan, arguments: Sequence[str]) -> None:
    supervisor = Supervisor(plan, write_configs(plan))
    asyncio.run(supervisor.run(with_parent="--with-parent" in arguments))


def _child(plan: Plan, name: str, module: str, config: Path) -> Child:
    return Child(name=name, module=module, config=config, log=plan.logs / f"{name}.log")


def _server_config(plan: Plan, server: DevServer) -> dict[str, object]:
    members = {each.name: f"127.0.0.1:{each.client_port}:{each.peer_port}" for each in plan.servers}
    return {
        "name": server.name,
        "servers": members,
        "certs": str(plan.certificates / "servers" / server.name),
        "data": str(plan.data(server.name)),
    }


def _node_config(plan: Plan, node: DevNode) -> dict[str, object]:
    return {
        "name": node.name,
        "servers": list(plan.addresses),
        "certs": str(plan.certificates / "nodes" / node.name),
        "data": str(plan.data(node.name)),
        "runtime": plan.runtime,
        "docker-host": plan.docker_host,
        "address": "127.0.0.1",
        "labels": {"zone": node.zone},
    }


def _write(plan: Plan, name: str, config: Mapping[str, object]) -> Path:
    path = plan.directory / "config" / f"{name}.toml"
    for folder in (path.parent, plan.logs, plan.data(name)):
        folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {_toml(value)}" for key, value in config.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: object) -> str:
    """Strings, lists and maps of strings: what JSON and TOML write alike, but for the map's `=`."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


if __name__ == "__main__":
    main(sys.argv[1:])
