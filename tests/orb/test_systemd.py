"""What the service manager hears."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orb.ids import Millis
from orb.systemd import ServiceManager


class CountingClock:
    """Waits for nothing, and ends the loop after a few waits."""

    def __init__(self, waits: int) -> None:
        self.waited: list[float] = []
        self._waits = waits

    def now(self) -> Millis:
        return Millis(0)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        if len(self.waited) == self._waits:
            raise asyncio.CancelledError


@pytest.fixture(params=["file", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    abstract = request.param == "abstract"
    address = f"@orb-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if abstract else address)
        yield listener, address


def test_it_hears_that_we_are_ready_and_that_we_stop(ear: tuple[socket.socket, str]) -> None:
    listener, address = ear
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    manager.ready("leads")
    manager.status("follows s2")
    manager.stopping()
    heard = [listener.recv(1_000).decode() for _ in range(3)]
    assert heard == ["READY=1\nSTATUS=leads", "STATUS=follows s2", "STOPPING=1"]


def test_without_a_service_manager_nothing_happens() -> None:
    ServiceManager({}).ready("x")
    ServiceManager({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready("x")


def test_the_watchdog_is_fed_three_times_within_its_patience(
    ear: tuple[socket.socket, str],
) -> None:
    listener, address = ear
    clock = CountingClock(2)
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"})
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(manager.feed_watchdog(clock))
    assert (listener.recv(100), listener.recv(100), clock.waited) == (
        b"WATCHDOG=1",
        b"WATCHDOG=1",
        [1.0, 1.0],
    )


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    environ = {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    asyncio.run(ServiceManager(environ).feed_watchdog(CountingClock(1)))
