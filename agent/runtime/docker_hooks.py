"""The commands of a service that run in its container after the start, and before the stop."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final

import msgspec

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_container import LABEL_PRE_STOP
from agent.runtime.docker_engine import Engine
from agent.runtime.docker_streams import Command
from orb.container import Hook

HOOK_SECONDS_MAX: Final = 600
"""A command after the start that takes longer has failed, and the task with it."""
ANSWER_BYTES_MAX: Final = 1_024
"""More of what a failing command says is thrown away."""

_HOOKS: Final = msgspec.json.Decoder(tuple[Hook, ...])
_log = logging.getLogger(__name__)


async def after_start(engine: Engine, container: str, hooks: tuple[Hook, ...]) -> None:
    """Run them one after the other. Raises RuntimeFailure if one fails."""
    for hook in hooks:
        try:
            async with asyncio.timeout(HOOK_SECONDS_MAX):
                code, answer = await _run(engine, container, hook)
        except TimeoutError:
            code, answer = -1, f"it took more than {HOOK_SECONDS_MAX} s"
        if code:
            name = hook.command[0]
            raise RuntimeFailure(f"`post_start`: {name} failed with {code}: {answer}".strip(": "))


async def before_stop(engine: Engine, container: str, labels: Mapping[str, str]) -> None:
    """Run those that the container's labels name; one that fails does not hold up the stop."""
    for hook in _HOOKS.decode(labels.get(LABEL_PRE_STOP, "[]")):
        try:
            code, answer = await _run(engine, container, hook)
        except RuntimeFailure as failure:
            code, answer = -1, str(failure)
        if code:
            _log.warning("`pre_stop`: %s failed with %s: %s", hook.command[0], code, answer)


async def _run(engine: Engine, container: str, hook: Hook) -> tuple[int, str]:
    running = await Command.start(
        engine, container, hook.command, tty=False, stdin=False, hook=hook
    )
    said = bytearray()
    try:
        async for _, chunk in running.output():
            said += chunk[: ANSWER_BYTES_MAX - len(said)]
        return await running.wait(), said.decode(errors="replace").strip()
    finally:
        with contextlib.suppress(RuntimeFailure):
            await running.close()
