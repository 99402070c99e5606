"""`orbctl dev`: plans that are kept, processes that are known, and a real cluster (slow)."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import read_config as read_agent
from cli import devplan
from cli.devcluster import Wish, plan_for
from cli.devplan import Plan, directory_of, new_nodes, new_servers
from cli.processes import Process, end, process, start_mark
from cli.supervise import LOG_BYTES_MAX, bound_log, how_it_ended, write_configs
from cli.tailing import Tail
from controlplane.config import read_config as read_server
from orb.errors import Conflict, InvalidInput, NotFound


def a_plan(directory: Path) -> Plan:
    return Plan(
        directory=directory,
        context="dev",
        runtime="fake",
        reason="as asked for",
        docker_host="unix:///none",
        servers=new_servers(3, directory),
        nodes=new_nodes(4),
    )


# --- the plan ---------------------------------------------------------------------------------
def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    devplan.save(plan)
    assert devplan.load(tmp_path) == plan


def test_all_ports_differ_and_zones_take_turns(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    ports = [port for one in plan.servers for port in (one.client_port, one.peer_port)]
    assert len(set(ports)) == 6
    assert [node.zone for node in plan.nodes] == ["a", "b", "c", "a"]


@pytest.mark.parametrize("count", [0, 2, 7, -1])
def test_counts_without_sense_are_refused(count: int, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        new_servers(count, tmp_path)


def test_the_nearest_cluster_above_is_meant(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert directory_of(None, deep) == deep / ".orb/dev"
    devplan.save(a_plan(tmp_path / ".orb/dev"))
    assert directory_of(None, deep) == tmp_path / ".orb/dev"
    assert directory_of(Path("/else"), deep) == Path("/else")


def test_a_second_start_keeps_the_plan_but_for_what_was_asked(home: Path) -> None:
    directory = home / ".orb/dev"
    old = a_plan(directory)
    devplan.save(old)
    same = plan_for(Wish(directory=directory))
    assert (same.servers, same.nodes, same.runtime) == (old.servers, old.nodes, "fake")
    grown = plan_for(Wish(directory=directory, nodes=5))
    assert (grown.servers, grown.nodes) == (old.servers, new_nodes(5))
    with pytest.raises(InvalidInput, match="cannot be changed"):
        plan_for(Wish(directory=directory, servers=5))


def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", plan.servers[1].peer_port))
        other.listen()
        with pytest.raises(Conflict, match=f"port {plan.servers[1].peer_port}"):
            devplan.check_ports(plan.servers)


def test_a_damaged_plan_is_refused_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"cluster\.json cannot be read"):
        devplan.load(tmp_path)
    with pytest.raises(NotFound):
        devplan.load(tmp_path / "none")


def test_the_programs_understand_their_configuration(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    children = {child.name: child for child in write_configs(plan)}
    server = read_server(["--config", str(children["s2"].config)], {})
    assert str(server.client_listener) == plan.servers[1].address
    assert sorted(server.servers) == ["s1", "s2", "s3"]
    agent = read_agent(["--config", str(children["n3"].config)], {})
    assert [str(address) for address in agent.servers] == list(plan.addresses)
    assert (agent.runtime.value, agent.labels) == ("fake", {"zone": "c"})


# --- processes --------------------------------------------------------------------------------
def test_a_process_is_known_by_its_start_too() -> None:
    own = process(os.getpid())
    assert own.is_running
    assert not Process(own.pid, "another start").is_running
    assert not replace(own, started="another start").send(signal.SIGKILL)
    assert start_mark(2**22 - 1) == ""


@pytest.mark.slow
def test_what_does_not_end_when_asked_is_killed() -> None:
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint()\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        end([process(stubborn.pid)], within_s=0.2)
        assert stubborn.wait() == -signal.SIGKILL


def test_an_end_is_told_in_words() -> None:
    assert [how_it_ended(code) for code in (0, 3, -9)] == [
        "ended with exit code 0",
        "ended with exit code 3",
        "was ended by SIGKILL",
    ]


# --- logs -------------------------------------------------------------------------------------
def test_a_tail_gives_whole_lines_and_survives_a_cut(tmp_path: Path) -> None:
    log = tmp_path / "s1.log"
    log.write_bytes(b"old\n")
    tail = Tail(log, "s1", "cyan")
    with log.open("ab") as file:
        file.write(b"one\ntw")
        file.flush()
        assert list(tail.lines()) == ["one"]
        file.write(b"o\n")
        file.flush()
        assert list(tail.lines()) == ["two"]
        os.truncate(log, 0)
        assert list(tail.lines()) == []
        file.write(b"new\n")
        file.flush()
        assert list(tail.lines()) == ["new"]


def test_a_log_that_grows_too_large_is_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "s1.log"
    log.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
    bound_log(log)
    assert log.stat().st_size == 0
    assert (tmp_path / "s1.log.1").stat().st_size == LOG_BYTES_MAX + 1


# --- a real cluster ---------------------------------------------------------------------------
class Machine:
    """A folder and a home in which orbctl runs as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        for name in ("ORB_SERVERS", "ORB_CERTS", "ORB_CONTEXT"):
            self.environment.pop(name, None)

    def orbctl(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cli.main", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> dict[str, int]:
        """The pid of each server and node; 0 for one that does not run just now."""
        arguments = [sys.executable, "-P", "-m", "cli.main", "dev", "status", "-o", "json"]
        done = subprocess.run(
            arguments, cwd=self.folder, env=self.environment, capture_output=True, check=False
        )
        status = json.loads(done.stdout)
        return {part["name"]: part["pid"] or 0 for part in (*status["servers"], *status["nodes"])}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    if (tmp_path / ".orb/dev/cluster.json").is_file():
        machine.orbctl("dev", "stop", "--wipe", "-y")


@pytest.mark.slow
def test_a_local_cluster_lives_heals_rests_and_is_forgotten(machine: Machine) -> None:
    start = ("dev", "-d", "--servers", "1", "--nodes", "2", "--runtime", "process")
    machine.orbctl(*start)
    first = machine.processes()
    assert sorted(first) == ["n1", "n2", "s1"]
    (machine.folder / "compose.yaml").write_text(
        "application: idle\nimage: none\ncommand: sleep 600\nreplicas: 2\n"
    )
    machine.orbctl("apply", "--timeout", "60s")

    machine.orbctl("dev", "-d")  # twice is harmless
    assert machine.processes() == first

    os.kill(first["n1"], signal.SIGKILL)  # what ends is started again
    deadline = time.monotonic() + 20
    while (again := machine.processes())["n1"] in {0, first["n1"]}:
        assert time.monotonic() < deadline
    assert again["s1"] == first["s1"]

    machine.orbctl("dev", "stop")  # it rests: nothing runs, all is remembered
    assert not any(start_mark(pid) for pid in again.values())
    machine.orbctl("dev", "-d")
    services = json.loads(machine.orbctl("get", "services", "-o", "json"))["items"]
    assert [(each["name"], each["desired"]) for each in services] == [("idle", 2)]

    machine.orbctl("dev", "stop", "--wipe", "-y")
    assert not (machine.folder / ".orb/dev").exists()
    machine.orbctl("status", fails=True)
