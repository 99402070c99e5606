"""The Docker runtime against a real engine."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import docker
import pytest

from agent.runtime.base import Running, RuntimeFailure
from agent.runtime.docker import DockerRuntime
from agent.runtime.docker_container import Owner
from orb.ids import Millis, ReplicaKey, TaskId
from orb.lifecycle import Desired
from orb.resources import Resources
from orb.spec import (
    ContainerSpec,
    Healthcheck,
    Mount,
    MountKind,
    Port,
    Protocol,
    PublishMode,
    TaskSpec,
)
from orb.work import Assignment

pytestmark = pytest.mark.docker

HOST = "unix:///var/run/docker.sock"
IMAGE = "orb-example:1"
LONG = Millis(5_000)


def assignment(task: int = 1, number: int = 1, **container: Any) -> Assignment:
    ports = container.pop("ports", ())
    limits = container.pop("limits", Resources())
    container.setdefault("image", IMAGE)
    spec = TaskSpec(container=ContainerSpec(**container), ports=ports, limits=limits)
    return Assignment(
        task=TaskId(task),
        replica=ReplicaKey("default", "shop", "web", number),
        release=1,
        desired=Desired.RUN,
        spec=spec,
    )


@contextlib.asynccontextmanager
async def runtime(cluster: str, node: str = "n1") -> AsyncIterator[DockerRuntime]:
    made = DockerRuntime(HOST, Owner(cluster, node), "127.0.0.1")
    try:
        yield made
    finally:
        await made.close()


def on(cluster: str, steps: Callable[[DockerRuntime], Awaitable[None]]) -> None:
    """Run *steps* with a runtime of the node n1."""

    async def main() -> None:
        async with runtime(cluster) as made:
            await steps(made)

    asyncio.run(main())


async def ended(runtime: DockerRuntime, task: int = 1) -> Running:
    """The task, once it has ended."""
    async with asyncio.timeout(20), contextlib.aclosing(runtime.changes()) as changes:
        async for _ in changes:
            found = [r for r in await runtime.list() if r.task == task and not r.running]
            if found:
                return found[0]
    raise AssertionError("the stream of changes ended")


@pytest.fixture
def started(engine: docker.DockerClient, cluster: str) -> Callable[..., dict[str, Any]]:
    """Start a task and say what the engine shows of it."""

    def start(made: Assignment) -> dict[str, Any]:
        found: list[str] = []

        async def steps(runtime: DockerRuntime) -> None:
            await runtime.prepare(made)
            found.append((await runtime.start(made)).container_id)

        on(cluster, steps)
        return dict(engine.api.inspect_container(found[0]))

    return start


@pytest.mark.usefixtures("engine")
def test_a_task_runs_and_answers_on_a_port_of_the_node(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        running = await runtime.start(assignment(ports=(Port(target=8080, published=80),)))
        (bound,) = running.ports
        assert (running.running, bound.container, bound.address) == (True, 8080, "127.0.0.1")
        assert (await runtime.probe(TaskId(1), ("TCP", "8080"), LONG))[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", bound.host)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Orb runs this." in await reader.read()
        writer.close()

    on(cluster, steps)


def test_what_the_spec_says_is_what_the_engine_shows(
    started: Callable[..., dict[str, Any]],
) -> None:
    shown = started(
        assignment(
            command=("sleep", "60"),
            entrypoint=("/bin/busybox",),
            environment={"A": "b c"},
            user="65534",
            working_dir="/www",
            hostname="here",
            container_name="shop-web",
            labels={"team": "web"},
            stop_signal="SIGINT",
            read_only=True,
            mounts=(
                Mount(kind=MountKind.VOLUME, target="/data", source="data"),
                Mount(kind=MountKind.BIND, target="/host", source="/etc", read_only=True),
                Mount(kind=MountKind.TMPFS, target="/scratch", size_bytes=1 << 20),
                Mount(kind=MountKind.ANONYMOUS, target="/cache"),
            ),
            limits=Resources(milli_cpus=500, memory_bytes=64 << 20),
            ports=(Port(target=53, protocol=Protocol.UDP, published=0),),
        )
    )

    config, host = shown["Config"], shown["HostConfig"]
    network = next(iter(shown["NetworkSettings"]["Networks"].values()))
    assert {
        "command": (config["Entrypoint"], config["Cmd"]),
        "environment": "A=b c" in config["Env"],
        "user": config["User"],
        "folder": config["WorkingDir"],
        "hostname": config["Hostname"],
        "label": config["Labels"]["team"],
        "signal": config["StopSignal"],
        "health": config["Healthcheck"],
        "read only": host["ReadonlyRootfs"],
        "restart": host["RestartPolicy"]["Name"],
        "cpu": host["CpuQuota"] / host["CpuPeriod"],
        "memory": host["Memory"],
        "log": host["LogConfig"]["Config"],
        "mounts": sorted((m["Destination"], m["Type"], m["RW"]) for m in shown["Mounts"]),
        "ports": list(shown["NetworkSettings"]["Ports"]),
        "aliases": network["Aliases"][:4],
    } == {
        "command": (["/bin/busybox"], ["sleep", "60"]),
        "environment": True,
        "user": "65534",
        "folder": "/www",
        "hostname": "here",
        "label": "web",
        "signal": "SIGINT",
        "health": {"Test": ["NONE"]},
        "read only": True,
        "restart": "no",
        "cpu": 0.5,
        "memory": 64 << 20,
        "log": {"max-file": "3", "max-size": "10m"},
        "mounts": [
            ("/cache", "volume", True),
            ("/data", "volume", True),
            ("/host", "bind", False),
            ("/scratch", "tmpfs", True),
        ],
        "ports": ["53/udp", "8080/tcp"],
        "aliases": ["web", "1.web", "shop-web", "here"],
    }


@pytest.mark.usefixtures("engine")
def test_replicas_of_an_app_find_each_other_by_name(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment(1, 1))
        await runtime.start(assignment(2, 2))
        answer = await runtime.probe(TaskId(1), ("CMD", "wget", "-qO-", "http://2.web:8080"), LONG)
        assert answer == (True, "<h1>Orb runs this.</h1>")

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_starting_twice_takes_over_the_container_that_is_there(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        first = await runtime.start(assignment())
        assert await runtime.start(assignment()) == first
        assert await runtime.list() == [first]

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_another_runtime_of_the_same_node_finds_what_ran_before(cluster: str) -> None:
    async def steps(before: DockerRuntime) -> None:
        first = await before.start(assignment())
        async with runtime(cluster) as after, runtime(cluster, "n2") as other:
            assert await after.list() == [first]
            assert await other.list() == []

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_task_that_ends_leaves_its_exit_code(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment(command=("sh", "-c", "sleep 0.2; exit 7")))
        over = await ended(runtime)
        assert (over.exit_code, over.oom_killed) == (7, False)

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_task_that_takes_too_much_memory_says_so(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        hungry = "x=0123456789abcdef; while true; do x=$x$x; done"
        limits = Resources(memory_bytes=16 << 20)
        await runtime.start(assignment(command=("sh", "-c", hungry), limits=limits))
        over = await ended(runtime)
        assert (over.exit_code, over.oom_killed) == (137, True)

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_stopping_signals_first_and_kills_after_the_grace_period(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment(1, 1))
        await runtime.start(assignment(2, 2, command=("sleep", "60")))  # number 1 ignores SIGTERM
        await runtime.stop(TaskId(1), "SIGTERM", LONG)
        await runtime.stop(TaskId(2), "SIGTERM", Millis(300))
        codes = {running.task: running.exit_code for running in await runtime.list()}
        assert codes == {1: 0, 2: 137}

    on(cluster, steps)


def test_removing_leaves_nothing_but_the_named_volume(
    engine: docker.DockerClient, cluster: str
) -> None:
    mounts = (
        Mount(kind=MountKind.VOLUME, target="/data", source="data"),
        Mount(kind=MountKind.ANONYMOUS, target="/cache"),
    )

    async def steps(runtime: DockerRuntime) -> None:
        before = len(engine.volumes.list())
        await runtime.start(assignment(mounts=mounts))
        await runtime.remove(TaskId(1))
        await runtime.remove(TaskId(1))
        assert await runtime.list() == []
        assert len(engine.volumes.list()) == before + 1
        assert (await runtime.facts())[1] == ["default.shop.data"]

    on(cluster, steps)
    assert engine.networks.list(filters={"label": f"orb.cluster={cluster}"}) == []


@pytest.mark.usefixtures("engine")
def test_an_image_that_cannot_be_had_is_told_apart(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        with pytest.raises(RuntimeFailure, match=r"the image orb-nonesuch:1 is not") as failure:
            await runtime.prepare(assignment(image="orb-nonesuch:1"))
        assert (failure.value.image_missing, failure.value.temporary) == (True, False)

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_command_that_does_not_exist_fails_and_leaves_nothing(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        with pytest.raises(RuntimeFailure, match="executable file not found"):
            await runtime.start(assignment(command=("nonesuch",)))
        assert await runtime.list() == []

    on(cluster, steps)


def test_an_engine_that_does_not_answer_says_nothing_about_the_task() -> None:
    async def main() -> None:
        runtime = DockerRuntime("unix:///nonesuch.sock", Owner("c", "n1"), "127.0.0.1")
        with pytest.raises(
            RuntimeFailure, match=r"unix:///nonesuch.sock does not answer"
        ) as failure:
            await runtime.list()
        assert failure.value.temporary
        await runtime.close()

    asyncio.run(main())


@pytest.mark.usefixtures("engine")
def test_output_is_told_apart_and_in_order(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        script = "echo one; echo two >&2; echo three; sleep 60"
        await runtime.start(assignment(command=("sh", "-c", script)))
        lines = []
        followed = runtime.logs(TaskId(1), tail=None, since=None, follow=True)
        async with asyncio.timeout(10), contextlib.aclosing(followed):
            async for line in followed:
                lines.append(line)
                if len(lines) == 3:
                    break
        said = {(line.stream, line.text) for line in lines}
        assert said == {("stdout", "one"), ("stderr", "two"), ("stdout", "three")}
        last = runtime.logs(TaskId(1), tail=1, since=None, follow=False)
        assert len([line async for line in last]) == 1

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_command_inside_gets_its_input_and_gives_its_exit_code(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment())
        script = ["sh", "-c", "cat; echo gone >&2; exit 7"]
        command = await runtime.execute(TaskId(1), script, tty=False, stdin=True)
        await command.write(b"hello\n")
        await command.write(b"")
        output = sorted([chunk async for chunk in command.output()])
        code = await command.wait()
        await command.close()
        assert (output, code) == ([("stderr", b"gone\n"), ("stdout", b"hello\n")], 7)

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_terminal_inside_has_the_size_it_is_given(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment())
        terminal = await runtime.execute(TaskId(1), ["sh"], tty=True, stdin=True)
        await terminal.resize(33, 99)
        await terminal.write(b"stty size; exit 3\n")
        shown = b"".join([chunk async for _, chunk in terminal.output()])
        assert (b"33 99" in shown, await terminal.wait()) == (True, 3)
        await terminal.close()

    on(cluster, steps)


def test_a_command_inside_does_not_outlive_its_person(
    engine: docker.DockerClient, cluster: str
) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        running = await runtime.start(assignment())
        command = await runtime.execute(TaskId(1), ["sleep", "77"], tty=False, stdin=False)
        await command.close()  # at once: it may not even have started
        over = "while pgrep -x -f 'sleep 77' >/dev/null; do sleep 0.05; done"
        assert (await runtime.probe(TaskId(1), ("CMD-SHELL", over), LONG))[0]
        assert "sleep 77" not in json.dumps(engine.api.top(running.container_id))

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_health_test_has_a_deadline_and_an_answer(cluster: str) -> None:
    async def steps(runtime: DockerRuntime) -> None:
        await runtime.start(assignment())
        probe = runtime.probe
        assert await probe(TaskId(1), ("CMD-SHELL", "echo ok"), LONG) == (True, "ok")
        assert await probe(TaskId(1), ("CMD-SHELL", "exit 3"), LONG) == (False, "exit code 3")
        slow = await probe(TaskId(1), ("CMD", "sleep", "60"), Millis(300))
        assert slow == (False, "no answer within 0.3 s")
        closed = await probe(TaskId(1), ("TCP", "9"), LONG)
        assert closed[0] is False
        assert closed[1].startswith("no connection to port 9: ")

    on(cluster, steps)


def test_the_healthcheck_of_the_image_is_shown_and_not_run(
    engine: docker.DockerClient, cluster: str, request: pytest.FixtureRequest
) -> None:
    container = engine.containers.create(
        IMAGE, healthcheck={"test": ["CMD", "true"], "interval": 2_000_000_000, "retries": 5}
    )
    engine.api.commit(container.id, repository="orb-test-health", tag="1", changes=None)
    container.remove()
    request.addfinalizer(lambda: engine.images.remove("orb-test-health:1", force=True))

    async def steps(runtime: DockerRuntime) -> None:
        running = await runtime.start(assignment(image="orb-test-health:1"))
        assert running.image_healthcheck == Healthcheck(
            test=("CMD", "true"), interval_ms=Millis(2_000), retries=5
        )

    on(cluster, steps)


@pytest.mark.usefixtures("engine")
def test_a_port_of_the_node_is_taken_only_by_one(cluster: str) -> None:
    port = Port(target=8080, published=18_099, mode=PublishMode.HOST)

    async def steps(runtime: DockerRuntime) -> None:
        first = await runtime.start(assignment(1, 1, ports=(port,)))
        assert [bound.host for bound in first.ports] == [18_099]
        with pytest.raises(RuntimeFailure, match="port is already allocated"):
            await runtime.start(assignment(2, 2, ports=(port,)))
        assert await runtime.list() == [first]

    on(cluster, steps)


def test_nodes_that_share_an_engine_agree_on_one_network_of_an_app(
    engine: docker.DockerClient, cluster: str
) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            nodes = [await stack.enter_async_context(runtime(cluster, f"n{i}")) for i in range(4)]
            starts = (node.start(assignment(i, i + 1)) for i, node in enumerate(nodes))
            assert len(await asyncio.gather(*starts)) == 4
            found = engine.networks.list(filters={"label": f"orb.cluster={cluster}"})
            used = [len(engine.api.inspect_network(network.id)["Containers"]) for network in found]
            assert used == [4]

    asyncio.run(main())
