"""Real processes, so that what outlives the agent is seen to outlive it."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from agent.files import DiskFiles
from agent.runtime.base import OutputLine, Running, RuntimeFailure
from agent.runtime.places import Places
from agent.runtime.process import ProcessRuntime
from agent.runtime.process_folder import Folder
from orb.contents import FileKind, digest_of
from orb.ids import Millis, TaskId
from orb.resources import Resources
from orb.spec import ContainerSpec, Mount, MountKind, Port, PublishMode, TaskSpec
from orb.work import Assignment
from tests.agent.builders import an_assignment
from tests.factories import a_grant

pytestmark = pytest.mark.slow

TASK = TaskId(1)
NO_FOLDER = (
    "the working directory /nowhere does not exist on this machine: "
    "the process runtime has no images"
)
ROOT = os.geteuid() == 0
Story = Callable[[ProcessRuntime], Awaitable[None]]


def a_runtime(data: Path) -> ProcessRuntime:
    return ProcessRuntime(data, "10.0.0.7", "test-n1", Random(os.getpid()))


def with_runtime(data: Path, story: Story) -> None:
    async def main() -> None:
        runtime = a_runtime(data)
        try:
            async with asyncio.timeout(60):
                await story(runtime)
        finally:
            for running in await runtime.list():
                await runtime.remove(running.task)
            await runtime.close()

    asyncio.run(main())


def running(*command: str, **more: object) -> Assignment:
    ports = more.pop("ports", ())
    limits = more.pop("limits", Resources())
    container = ContainerSpec(image="ignored", command=command, **more)  # type: ignore[arg-type]
    return an_assignment(1, spec=TaskSpec(container=container, ports=ports, limits=limits))  # type: ignore[arg-type]


def shell(line: str, **more: object) -> Assignment:
    return running("/bin/sh", "-c", line, **more)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - nobody tells when a real process has done it
        await asyncio.sleep(0.02)


async def ended(runtime: ProcessRuntime) -> Running:
    async def has_ended() -> bool:
        (seen,) = await runtime.list()
        return not seen.running

    await until(has_ended)
    (seen,) = await runtime.list()
    return seen


async def output(
    runtime: ProcessRuntime, *, tail: int | None = None, follow: bool = False
) -> list[str]:
    lines = runtime.logs(TASK, tail=tail, since=None, follow=follow)
    return [line.text async for line in lines]


async def waits_for(line: str, runtime: ProcessRuntime) -> list[str]:
    async def is_there() -> bool:
        return any(shown.startswith(line) for shown in await output(runtime))

    await until(is_there)
    return await output(runtime)


def pids_of(data: Path) -> tuple[int, int]:
    state = Folder(data / "tasks" / "1").state()
    assert state is not None
    return state.supervisor, state.pid


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_command_runs_and_its_end_is_known(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.prepare(shell("exit 3"))
        await runtime.start(shell("exit 3"))
        seen = await ended(runtime)
        assert (seen.exit_code, seen.oom_killed, seen.error, seen.started) == (3, False, "", True)
        assert seen.finished_at is not None
        assert seen.started_at is not None
        assert seen.started_at <= seen.finished_at

    with_runtime(tmp_path, story)


def test_whoever_waits_for_changes_is_told_of_an_end(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("sleep 0.2"))
        async for _ in runtime.changes():
            break
        assert not (await ended(runtime)).running

    with_runtime(tmp_path, story)


def test_a_command_outlives_the_agent_and_is_taken_over(tmp_path: Path) -> None:
    async def first() -> Running:
        runtime = a_runtime(tmp_path)
        seen = await runtime.start(shell("echo here; sleep 1; exit 7"))
        await runtime.close()
        return seen

    before = asyncio.run(first())

    async def second(runtime: ProcessRuntime) -> None:
        assert list(await runtime.list()) == [before]
        assert await runtime.start(shell("echo here; sleep 1; exit 7")) == before
        assert (await ended(runtime)).exit_code == 7
        assert await output(runtime) == ["here"]

    with_runtime(tmp_path, second)


def test_an_end_while_there_was_no_agent_is_known_later(tmp_path: Path) -> None:
    async def first() -> None:
        runtime = a_runtime(tmp_path)
        await runtime.start(shell("exit 9"))
        await ended(runtime)
        await runtime.close()

    asyncio.run(first())

    async def second(runtime: ProcessRuntime) -> None:
        (seen,) = await runtime.list()
        assert (seen.running, seen.exit_code) == (False, 9)
        assert (await runtime.start(shell("exit 9"))).exit_code == 9

    with_runtime(tmp_path, second)


def test_a_command_is_never_started_twice(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        assignment = shell(f"echo once >> {tmp_path}/count; sleep 60")
        starts = await asyncio.gather(
            *(runtime.start(assignment) for _ in range(4)), return_exceptions=True
        )
        assert [seen for seen in starts if isinstance(seen, Running)]
        assert all(seen.temporary for seen in starts if isinstance(seen, RuntimeFailure))
        await asyncio.sleep(0.2)
        assert (tmp_path / "count").read_text() == "once\n"

    with_runtime(tmp_path / "data", story)


def test_a_stop_is_the_signal_first(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        line = "trap 'echo bye; exit 4' USR1; echo up; while :; do sleep 0.05; done"
        await runtime.start(shell(line))
        await waits_for("up", runtime)
        await runtime.stop(TASK, "SIGUSR1", Millis(5_000))
        assert (await ended(runtime)).exit_code == 4
        assert await output(runtime) == ["up", "bye"]

    with_runtime(tmp_path, story)


def test_what_ignores_its_signal_is_killed_with_all_that_came_from_it(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        line = "trap '' TERM; setsid sleep 300 & echo $!; sleep 301 & while :; do sleep 1; done"
        await runtime.start(shell(line))
        strayed = int((await waits_for("", runtime))[0])
        assert lives(strayed)
        await runtime.stop(TASK, "SIGTERM", Millis(200))
        assert (await ended(runtime)).exit_code == 137
        assert not lives(strayed)

    with_runtime(tmp_path, story)


def test_with_its_supervisor_the_command_goes_and_that_is_said(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("setsid sleep 300 & sleep 301"))
        supervisor, pid = pids_of(tmp_path)
        os.kill(supervisor, signal.SIGKILL)
        seen = await ended(runtime)
        assert (seen.exit_code, seen.error) == (
            None,
            "its supervisor was killed, and the command with it",
        )
        await asyncio.sleep(0.1)
        assert not lives(pid)
        assert Folder(tmp_path / "tasks" / "1").kill_leftovers() == 0

    with_runtime(tmp_path, story)


def test_a_process_number_that_is_used_again_is_not_mistaken(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("exit 0"))
        await ended(runtime)
        await runtime.close()
        path = tmp_path / "tasks" / "1" / "state.json"
        state = json.loads(path.read_text())
        del state["exit_code"], state["finished_at"]
        path.write_text(json.dumps({**state, "supervisor": os.getpid()}))

        other = a_runtime(tmp_path)
        (seen,) = await other.list()
        assert (seen.running, seen.exit_code) == (False, None)
        await other.stop(TASK, "SIGKILL", Millis(0))  # must not hit this process
        path.write_text(json.dumps({**state, "boot": "another"}))
        (seen,) = await a_runtime(tmp_path).list()
        assert seen.error == "the machine was started again"

    with_runtime(tmp_path, story)


def test_nothing_is_left_of_what_was_removed_but_its_volumes(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        mounts = (
            Mount(kind=MountKind.VOLUME, source="my-data", target="/var/lib/db"),
            Mount(kind=MountKind.TMPFS, target="/scratch"),
        )
        line = (
            "echo kept > $ORB_VOLUME_MY_DATA/file; echo > $ORB_MOUNT_SCRATCH/x; "
            "echo done; sleep 300"
        )
        await runtime.start(shell(line, mounts=mounts))
        volume = tmp_path / "volumes" / "default.shop.my-data"
        await waits_for("done", runtime)
        _, pid = pids_of(tmp_path)
        await runtime.remove(TASK)
        await runtime.remove(TASK)
        assert (list(await runtime.list()), lives(pid)) == ([], False)
        assert list((tmp_path / "tasks").iterdir()) == []
        assert (volume / "file").read_text() == "kept\n"
        assert await runtime.facts() == ("", ["default.shop.my-data"])

    with_runtime(tmp_path, story)


def test_ports_are_given_in_the_environment_and_reported(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        ports = (Port(target=80), Port(target=9000, published=28_999, mode=PublishMode.HOST))
        assignment = shell("env; sleep 300", ports=ports, environment={"PORT": "80", "MINE": "1"})
        seen = await runtime.start(assignment)
        first, second = seen.ports
        assert (first.container, first.address, first.protocol) == (80, "10.0.0.7", "tcp")
        assert (second.container, second.host) == (9000, 28_999)
        shown = await waits_for(f"PORT={first.host}", runtime)
        assert {f"ORB_PORT_80={first.host}", "ORB_PORT_9000=28999", "MINE=1"} <= set(shown)

    with_runtime(tmp_path, story)


def test_a_port_is_asked_where_the_process_really_listens(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        line = (
            "import os, socket, time\n"
            "listener = socket.create_server(('', int(os.environ['PORT'])))\n"
            "time.sleep(300)"
        )
        await runtime.start(running("python3", "-c", line, ports=(Port(target=80),)))
        well, answer = await runtime.probe(TASK, ("TCP", "80"), Millis(500))
        while not well:
            assert "does not answer: Connection refused" in answer
            await asyncio.sleep(0.05)
            well, answer = await runtime.probe(TASK, ("TCP", "80"), Millis(500))
        assert await runtime.probe(TASK, ("TCP", "81"), Millis(500)) == (
            False, "port 81 is none of its ports",
        )  # fmt: skip

    with_runtime(tmp_path, story)


def test_health_tests_run_beside_the_command(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("touch here; sleep 300", environment={"WHO": "me"}))
        _, pid = pids_of(tmp_path)
        assert lives(pid)

        async def ask(*test: str) -> tuple[bool, str]:
            return await runtime.probe(TASK, test, Millis(2_000))

        assert await ask("CMD-SHELL", "ls; echo $WHO") == (True, "here\nme")
        assert await ask("CMD", "false") == (False, "exit code 1")
        assert await ask("CMD", "nosuch") == (False, "nosuch: No such file or directory")
        assert await runtime.probe(TASK, ("CMD", "sleep", "60"), Millis(200)) == (
            False, "no answer within 0.2 s",
        )  # fmt: skip
        assert (await ask("WHAT"))[0] is False

    with_runtime(tmp_path, story)


def test_a_command_in_a_terminal_has_one(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("sleep 300"))
        line = "stty size; read x; echo got $x; exit 7"
        terminal = await runtime.execute(TASK, ("/bin/sh", "-c", line), tty=True, stdin=True)
        await terminal.resize(33, 44)
        await terminal.write(b"hello\n")
        shown = b"".join([data async for _, data in terminal.output()])
        assert (await terminal.wait(), b"33 44" in shown, b"got hello" in shown) == (7, True, True)
        await terminal.close()

    with_runtime(tmp_path, story)


def test_a_command_over_pipes_keeps_its_streams_apart(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("sleep 300"))
        line = "cat; echo err >&2; kill -9 $$"
        command = await runtime.execute(TASK, ("/bin/sh", "-c", line), tty=False, stdin=True)
        await command.write(b"hello")
        await command.write(b"")
        shown = {stream: data async for stream, data in command.output()}
        assert shown == {"stdout": b"hello", "stderr": b"err\n"}
        assert await command.wait() == 137
        await command.close()

    with_runtime(tmp_path, story)


def test_a_command_whose_person_has_gone_is_ended(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("sleep 300"))
        line = "trap '' HUP; echo $$; sleep 302"
        command = await runtime.execute(TASK, ("/bin/sh", "-c", line), tty=True, stdin=True)
        async for _, data in command.output():
            pid = int(data)
            break
        await command.close()
        assert not lives(pid)

    with_runtime(tmp_path, story)


def test_output_has_its_stream_and_lines_without_end_are_kept(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("echo out; sleep 0.1; echo err >&2; sleep 0.1; printf rest"))
        await ended(runtime)
        lines = [line async for line in runtime.logs(TASK, tail=None, since=None, follow=True)]
        assert [(line.stream, line.text) for line in lines] == [
            ("stdout", "out"), ("stderr", "err"), ("stdout", "rest"),
        ]  # fmt: skip
        assert await output(runtime, tail=1) == ["rest"]
        late = runtime.logs(TASK, tail=None, since=lines[1].at, follow=False)
        assert [line async for line in late] == lines[1:]

    with_runtime(tmp_path, story)


def test_output_is_followed_to_the_end(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("for i in 1 2 3; do echo $i; sleep 0.2; done"))
        assert await output(runtime, follow=True) == ["1", "2", "3"]

    with_runtime(tmp_path, story)


def test_output_is_bounded_and_what_is_kept_is_the_newest(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        line = "import sys\nfor i in range(60000): sys.stdout.write(f'{i:06} ' + 'x' * 500 + '\\n')"
        await runtime.start(running("python3", "-c", line))
        await ended(runtime)
        folder = tmp_path / "tasks" / "1"
        size = sum(path.stat().st_size for path in folder.glob("output.log*"))
        lines = await output(runtime)
        assert size < 21 * 1024 * 1024
        assert 20_000 < len(lines) < 60_000
        assert [int(line[:6]) for line in lines] == list(range(60_000 - len(lines), 60_000))
        assert (await output(runtime, tail=2))[1].startswith("059999 x")

    with_runtime(tmp_path, story)


def test_a_very_long_line_is_cut_into_several(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(running("python3", "-c", "print('y' * 100_000)"))
        await ended(runtime)
        lines = await output(runtime)
        assert "".join(lines) == "y" * 100_000
        assert len(lines) == 7

    with_runtime(tmp_path, story)


@pytest.mark.skipif(not ROOT, reason="only root may run processes as somebody else")
def test_a_command_runs_as_its_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)

    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("id -u; id -G; touch mine", user="65534:100"))
        await ended(runtime)
        assert await output(runtime) == ["65534", "100"]

    with_runtime(tmp_path, story)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (an_assignment(1), "the process runtime has no images: give the service a command"),
        (running("x", user="nobody-here"), "the user nobody-here does not exist on this machine"),
        (running("x", stop_signal="SIGNONE"), "there is no signal 'SIGNONE'"),
        (
            running("x", mounts=(Mount(kind=MountKind.BIND, source="/nowhere", target="/x"),)),
            "the bind mount /nowhere does not exist on this machine",
        ),
        (
            running("x", working_dir="/nowhere"),
            NO_FOLDER,
        ),
    ],
)
def test_what_cannot_run_here_is_refused_with_why(
    tmp_path: Path, assignment: Assignment, message: str
) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        with pytest.raises(RuntimeFailure) as refused:
            await runtime.prepare(assignment)
        assert (str(refused.value), refused.value.temporary) == (message, False)

    with_runtime(tmp_path, story)


def test_a_command_that_does_not_exist_fails_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        with pytest.raises(RuntimeFailure, match="cannot start it: nosuch: No such file"):
            await runtime.start(running("nosuch"))
        assert list(await runtime.list()) == []

    with_runtime(tmp_path, story)


def test_a_folder_of_a_start_that_was_cut_off_is_started_now(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        folder = tmp_path / "tasks" / "1"
        folder.mkdir(parents=True)
        assert list(await runtime.list()) == []
        seen = await runtime.start(shell("sleep 300"))
        assert seen.running

    with_runtime(tmp_path, story)


def test_a_task_may_not_use_more_memory_than_its_limit(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        limits = Resources(0, 64 * 1024 * 1024)
        line = "x = bytearray(400 * 1024 * 1024); print(len(x))"
        await runtime.start(running("python3", "-c", line, limits=limits))
        plan = Folder(tmp_path / "tasks" / "1").plan()
        seen = await ended(runtime)
        if plan is None or not plan.cgroups:
            pytest.skip("control groups may not be made here")
        assert (seen.exit_code, seen.oom_killed) == (137, True)
        await runtime.remove(TASK)
        assert not any(map(os.path.exists, plan.cgroups))

    with_runtime(tmp_path, story)


def test_groups_of_an_agent_that_was_killed_are_swept_out_and_those_in_use_stay(
    tmp_path: Path,
) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("sleep 300"))
        plan = Folder(tmp_path / "tasks" / "1").plan()
        if plan is None or not plan.cgroups:
            pytest.skip("control groups may not be made here")
        left = Path(plan.cgroups[0]).with_name("2")
        left.mkdir()
        a_runtime(tmp_path)
        assert [left.exists(), *map(os.path.exists, plan.cgroups)] == [
            False,
            *[True for _ in plan.cgroups],
        ]

    with_runtime(tmp_path, story)


def test_an_old_line_that_was_damaged_is_shown_as_it_is(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start(shell("echo fine"))
        await ended(runtime)
        with (tmp_path / "tasks" / "1" / "output.log").open("ab") as file:
            file.write(b"what\n")
        lines = [line async for line in runtime.logs(TASK, tail=None, since=None, follow=False)]
        assert lines[1] == OutputLine(Millis(0), "stdout", "what")

    with_runtime(tmp_path, story)


def test_configs_and_secrets_are_found_by_variables_and_that_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        places = Places(tmp_path / "memory" / "configs", tmp_path / "memory" / "secrets")
        secret = a_grant("db-pass", b"s3cret", kind=FileKind.SECRET, mode=0o444)
        task = shell('cat "$ORB_CONFIG_SITE" "$ORB_SECRET_DB_PASS"', files=(a_grant(), secret))
        contents = {digest_of(data): data for data in (b"one", b"s3cret")}
        await DiskFiles(places).put(task, contents)
        runtime = ProcessRuntime(tmp_path / "p", "127.0.0.1", "test-n1", Random(1), places)
        try:
            started = await runtime.start(task)
            async with asyncio.timeout(20):
                lines = [
                    one.text async for one in runtime.logs(TASK, tail=None, since=None, follow=True)
                ]
        finally:
            await runtime.remove(TASK)
            await runtime.close()
        assert lines == ["ones3cret"]
        assert "finds its configs and secrets by ORB_CONFIG_" in started.remark

    asyncio.run(main())


def test_without_a_place_for_files_a_task_with_some_is_refused(tmp_path: Path) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        with pytest.raises(RuntimeFailure, match="no place for configs and secrets"):
            await runtime.start(shell("true", files=(a_grant(),)))

    with_runtime(tmp_path, story)
