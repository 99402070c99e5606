"""The verdict on a task's health: ready for traffic, alive, or given up. Pure.

Until the first good answer a task is asked often, so that it is ready soon; but only one failure
an interval counts, and none within the start period, so that nobody dies sooner than Compose says.
"""

from dataclasses import dataclass, replace
from typing import Final

from orb.ids import Millis
from orb.spec import Healthcheck, TaskSpec
from orb.work import first_tcp_port

QUICK_FIRST_MS: Final = 100
"""The wait after the first answer; it doubles up to the check's start interval."""
QUICK_DOUBLINGS_MAX: Final = 16
"""After that many quick questions the wait is the start interval in any case."""
UNTIL_FIRST_SUCCESS_MS: Final = Millis(2**53)
"""A start period that only the first good answer ends."""
IMPLICIT_INTERVAL_MS: Final = Millis(10_000)
IMPLICIT_TIMEOUT_MS: Final = Millis(5_000)
IMPLICIT_START_INTERVAL_MS: Final = Millis(1_000)


@dataclass(frozen=True, slots=True)
class Health:
    """What the answers so far amount to."""

    ready: bool = False
    """It may get traffic."""
    was_ready: bool = False
    """It answered well at least once: its start is over."""
    failures: int = 0
    """Bad answers in a row that count."""
    asked: int = 0
    """Questions since its start, while it was never ready."""
    counted_at: Millis | None = None
    """When a failure was last counted."""
    answer: str = ""
    """The last bad answer; empty if the last one was good."""


def check_for(spec: TaskSpec, of_image: Healthcheck | None) -> Healthcheck | None:
    """How a task is asked: as declared, as its image says, by a connect to its first port, or not.

    The connect kills nobody who never answered: nobody asked for that.
    """
    if spec.healthcheck_disabled:
        return None
    declared = spec.healthcheck or of_image
    if declared is not None:
        return None if declared.test[:1] == ("NONE",) else declared
    port = first_tcp_port(spec.ports)
    if port is None:
        return None
    return Healthcheck(
        test=("TCP", str(port)),
        interval_ms=IMPLICIT_INTERVAL_MS,
        timeout_ms=IMPLICIT_TIMEOUT_MS,
        start_period_ms=UNTIL_FIRST_SUCCESS_MS,
        start_interval_ms=IMPLICIT_START_INTERVAL_MS,
    )


def succeed(health: Health) -> Health:
    """It answered well."""
    return Health(ready=True, was_ready=True, asked=health.asked + 1)


def fail(
    check: Healthcheck, health: Health, answer: str, *, started_at: Millis, now: Millis
) -> Health:
    """It answered badly, or not at all."""
    failed = replace(health, asked=health.asked + 1, answer=answer)
    if not _counts(check, health, started_at, now):
        return failed
    failures = health.failures + 1
    ready = health.ready and failures < max(1, check.retries - 1)
    return replace(failed, failures=failures, counted_at=now, ready=ready)


def is_dead(check: Healthcheck, health: Health) -> bool:
    """Whether it is given up: as many bad answers in a row as the check allows."""
    return health.failures >= max(1, check.retries)


def wait_before_next(check: Healthcheck, health: Health) -> Millis:
    """How long to wait before it is asked again."""
    if health.was_ready:
        return check.interval_ms
    if health.asked == 0:
        return Millis(0)
    quick = QUICK_FIRST_MS * 2 ** min(health.asked - 1, QUICK_DOUBLINGS_MAX)
    return Millis(max(QUICK_FIRST_MS, min(quick, check.start_interval_ms, check.interval_ms)))


def _counts(check: Healthcheck, health: Health, started_at: Millis, now: Millis) -> bool:
    if health.was_ready:
        return True
    over = started_at + check.start_period_ms
    return now - max(over, health.counted_at or over) >= check.interval_ms
