"""The service manager's ear: says when a program is ready, alive, or stopping."""

import os
import socket
from collections.abc import Mapping
from typing import Final

from orb.clock import Clock

WATCHDOG_BEATS_PER_PERIOD: Final = 3
"""How often the watchdog is fed within the time that systemd waits before it kills us."""


class ServiceManager:
    """Speaks systemd's notification protocol; does nothing where nobody listens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog_s = _watchdog_s(environ)

    def ready(self, status: str) -> None:
        """The program serves; *status* is shown by `systemctl status`."""
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """What the program does just now, for people."""
        self._tell(f"STATUS={status}")

    def stopping(self) -> None:
        """The program has begun to stop."""
        self._tell("STOPPING=1")

    async def feed_watchdog(self, clock: Clock) -> None:
        """Say "alive" for as long as the event loop turns; returns at once without a watchdog."""
        while self._watchdog_s:
            self._tell("WATCHDOG=1")
            await clock.sleep(self._watchdog_s / WATCHDOG_BEATS_PER_PERIOD)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        # A name that starts with @ is in the kernel's abstract namespace: a zero byte there.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(0)
            try:
                connection.sendto(message.encode(), address)
            except OSError:
                return  # a deaf service manager is no reason to fail


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """The watchdog's patience in seconds; 0 if there is none, or it is for another process."""
    period = environ.get("WATCHDOG_USEC", "")
    meant_for = environ.get("WATCHDOG_PID", "")
    if not period.isdigit() or (meant_for and meant_for != str(os.getpid())):
        return 0.0
    return int(period) / 1_000_000
