"""The parent of one task's command: a program of its own, so that the command outlives the agent.

It needs only the standard library and little memory. `supervisor.py run FOLDER` starts the command
that FOLDER/task.json describes, says on standard output whether that went well, and stays behind:
it writes the command's output to FOLDER/output.log, forwards signals to it, and records its end in
FOLDER/state.json. `supervisor.py enter FOLDER WORD…` becomes another command beside it, with the
same user, environment, working directory and limits.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import sys
import termios
import time

# The real one costs a megabyte, a task.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from typing import NoReturn

    from agent.runtime.process_plan import Task


STARTED = "started"
ALREADY = "already"
"""It was started before, or somebody starts it just now."""
KILL_SIGNAL = signal.SIGRTMAX - 1
"""Tells the supervisor to kill the command with everything it started; the rest is forwarded."""
LINE_BYTES_MAX = 16 * 1024
"""A longer line is cut into several."""
OUTPUT_BYTES_MAX = 10 * 1024 * 1024
"""A larger output.log becomes output.log.1, and the one before that is gone."""
DRAIN_SECONDS = 1.0
"""How long output is read on after the command has ended."""
EXIT_CANNOT_RUN = 126
EXIT_NOT_FOUND = 127
TERMINAL_OPTION = "--terminal"

_FORWARDED = (
    set(signal.valid_signals())
    - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGSEGV}
    - {signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP}
)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Do what the arguments say."""
    verb, folder, *words = sys.argv[1:]
    os.chdir(folder)
    with open("task.json", encoding="utf-8") as file:
        task = json.load(file)
    return enter(task, words) if verb == "enter" else run(task)


def run(task: Task) -> int:
    """Start the supervisor, and wait until it can say whether the command runs."""
    heard, said = os.pipe()
    if os.fork():
        os.close(said)
        with os.fdopen(heard, encoding="utf-8") as pipe:
            sys.stdout.write(pipe.read() or "the supervisor ended without a word")
        return 0
    os.close(heard)
    os.setsid()
    lock = os.open("lock", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.exists("state.json"):
            Supervisor(task).supervise(said)
            os._exit(0)
    except BlockingIOError:
        pass
    os.write(said, ALREADY.encode())
    os._exit(0)


def enter(task: Task, words: list[str]) -> int:
    """Become a command beside the task's own."""
    if words[0] == TERMINAL_OPTION:
        words = words[1:]
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    try:
        become(task, words)
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return EXIT_NOT_FOUND if error.errno == errno.ENOENT else EXIT_CANNOT_RUN


def become(task: Task, words: list[str]) -> NoReturn:
    """Take on the limits, the user, the folder and the environment of a task, and execute *words*.

    Raises OSError.
    """
    for cgroup in task["cgroups"]:
        with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
        if int(file.read()) < 0:  # the agent's protection is not for what it runs
            file.write("0")
    if task["user"] is not None:
        user, group, groups = task["user"]
        os.setgroups(groups)
        os.setgid(group)
        os.setuid(user)
    os.chdir(task["directory"])
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(words[0], words, task["environment"])  # noqa: S606 - no shell is wanted here


class Supervisor:
    """Stays with one command from its start to its end."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.pid = 0
        me = os.getpid()
        self.state: dict[str, str | int | bool] = {
            "boot": boot(),
            "supervisor": me,
            "supervisor_start": start_time(me),
        }

    def supervise(self, said: int) -> None:
        """Start the command, tell *said* how that went, and stay until it has ended."""
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED | {signal.SIGCHLD})
        output: dict[int, Lines] = {}
        error = self.start(output)
        if error:
            os.write(said, error.encode())
            return
        self.state.update(pid=self.pid, pid_start=start_time(self.pid), started_at=now())
        self.save()
        os.write(said, STARTED.encode())
        os.close(said)
        quiet()
        self.attend(output)
        self.save()

    def start(self, output: dict[int, Lines]) -> str:
        """Fork and execute the command. Returns why that failed, or nothing."""
        failed, failing = os.pipe()
        pipes = {name: os.pipe() for name in ("o", "e")}
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self.be_child(failing, parent, pipes)
        os.close(failing)
        for name, (readable, writable) in pipes.items():
            os.close(writable)
            os.set_blocking(readable, False)
            output[readable] = Lines(name)
        with os.fdopen(failed, encoding="utf-8", errors="replace") as pipe:
            error = pipe.read()
        if error:
            os.waitpid(self.pid, 0)
        return error

    def be_child(self, failing: int, parent: int, pipes: dict[str, tuple[int, int]]) -> NoReturn:
        """The child's way to the command; it never returns."""
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (pipes["o"][1], 1), (pipes["e"][1], 2)):
                os.dup2(source, target)
            # Set before and after the change of user, which forgets it.
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(EXIT_CANNOT_RUN)
            become(self.task, self.task["command"])
        except OSError as error:
            name = error.filename if isinstance(error.filename, str) else self.task["command"][0]
            os.write(failing, f"{name}: {error.strerror}".encode())
        except BaseException as error:  # noqa: BLE001 - the child must not go on as a second supervisor
            os.write(failing, repr(error).encode())
        os._exit(EXIT_CANNOT_RUN)

    def attend(self, output: dict[int, Lines]) -> None:
        """Write the output and forward signals until the command has ended."""
        poll = select.poll()
        for descriptor in output:
            poll.register(descriptor, select.POLLIN)
        log = Log()
        waking = wake_on_signals()
        poll.register(waking, select.POLLIN)
        while "exit_code" not in self.state:
            for descriptor, _ in poll.poll():
                if descriptor == waking:
                    self.hear(os.read(waking, 4096))
                else:
                    take(descriptor, output, log, poll)
        poll.unregister(waking)
        end = time.monotonic() + DRAIN_SECONDS
        while output and time.monotonic() < end:
            for descriptor, _ in poll.poll(100):
                take(descriptor, output, log, poll)
        for lines in output.values():
            log.write(lines.name, lines.add(b"", end=True))

    def hear(self, signals: bytes) -> None:
        """Forward signals to the command alone, as Docker does, and see whether it has ended."""
        for number in signals:
            if number == KILL_SIGNAL:
                self.kill_all()
            elif number != signal.SIGCHLD:
                send(-self.pid, number)
        if self.reap():
            self.kill_all()

    def reap(self) -> bool:
        """Take note of who has ended. Returns whether the command is one of them."""
        ended = False
        try:
            while (found := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if found[0] == self.pid:
                    self.conclude(found[1])
                    ended = True
        except ChildProcessError:
            pass
        return ended

    def conclude(self, status: int) -> None:
        """Record the command's end."""
        code = os.waitstatus_to_exitcode(status)
        self.state.update(
            exit_code=128 - code if code < 0 else code,
            finished_at=now(),
            oom_killed=any(oom_kills(group) for group in self.task["cgroups"]),
        )

    def kill_all(self) -> None:
        """Kill the command and whatever came from it: its group, and what was orphaned to us."""
        send(self.pid, signal.SIGKILL)
        for pid in children():
            send(pid, signal.SIGKILL)
            send(-pid, signal.SIGKILL)

    def save(self) -> None:
        """Replace state.json as a whole."""
        with open("state.partial", "w", encoding="utf-8") as file:
            json.dump(self.state, file)
        os.replace("state.partial", "state.json")


class Lines:
    """Cuts what a stream brings into lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = b""

    def add(self, data: bytes, *, end: bool) -> list[bytes]:
        """The lines that are complete now; at the end also what is left."""
        *lines, self.held = (self.held + data).split(b"\n")
        while len(self.held) >= LINE_BYTES_MAX:
            lines.append(self.held[:LINE_BYTES_MAX])
            self.held = self.held[LINE_BYTES_MAX:]
        return [*lines, self.held] if end and self.held else lines


class Log:
    """output.log: `milliseconds o|e text` a line, bounded. A full disk costs lines only."""

    file: FileIO | None = None
    size = 0

    def write(self, name: str, lines: Iterable[bytes]) -> None:
        """Append lines of one stream."""
        stamp = f"{now()} {name} ".encode()
        data = b"".join(
            stamp + line[at : at + LINE_BYTES_MAX] + b"\n"
            for line in lines
            for at in range(0, len(line) or 1, LINE_BYTES_MAX)
        )
        try:
            file = self.file
            if file is None or self.size + len(data) > OUTPUT_BYTES_MAX:
                file = self.turn()
            file.write(data)
            self.size += len(data)
        except OSError:
            self.file = None

    def turn(self) -> FileIO:
        """Begin a new file, and keep the last one."""
        if self.file is not None:
            self.file.close()
            os.replace("output.log", "output.log.1")
        self.file = open("output.log", "ab", buffering=0)
        self.size = os.fstat(self.file.fileno()).st_size
        return self.file


def wake_on_signals() -> int:
    """Have the numbers of signals written into a pipe from now on; returns where to read them."""
    waking, wake = os.pipe()
    for descriptor in (waking, wake):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in _FORWARDED | {signal.SIGCHLD}:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED | {signal.SIGCHLD})
    return waking


def take(descriptor: int, output: dict[int, Lines], log: Log, poll: select.poll) -> None:
    """Read from one of the command's streams, and write what is complete."""
    lines = output[descriptor]
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return
    log.write(lines.name, lines.add(data, end=not data))
    if not data:
        poll.unregister(descriptor)
        os.close(descriptor)
        del output[descriptor]


def quiet() -> None:
    """Let go of the agent's streams: nobody reads them any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def send(group: int, number: int) -> None:
    """Signal a process group, or with a negative number one process; no error if it is gone."""
    try:
        os.kill(-group, number)
    except (ProcessLookupError, PermissionError):
        pass


def children() -> Iterator[int]:
    """Who has us as the parent."""
    me = str(os.getpid())
    for name in os.listdir("/proc"):
        if name.isdigit() and stat(int(name))[1:2] == [me]:
            yield int(name)


def start_time(pid: int) -> int:
    """When a process began, in ticks since the machine's start; 0 if it has ended."""
    fields = stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else 0


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may contain anything."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def boot() -> str:
    """Which start of the machine this is: process numbers mean nothing in another one."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def oom_kills(group: str) -> int:
    """How often the kernel killed for memory in a cgroup, version 2 or 1."""
    for name in ("memory.events", "memory.oom_control"):
        try:
            with open(f"{group}/{name}", encoding="ascii") as file:
                words = file.read().split()
            return int(words[words.index("oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            continue
    return 0


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def prctl(option: int, value: int) -> None:
    """The system call that Python has no function for."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
