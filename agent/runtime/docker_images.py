"""The images of an engine: pulled as the service says, and what their healthchecks are."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import docker.errors

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_container import image_with_tag
from agent.runtime.docker_engine import Engine
from orb.ids import Millis
from orb.spec import Healthcheck, TaskSpec


class Images:
    """The images of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tests: dict[str, Healthcheck | None] = {}
        """The healthchecks of images, which never change; forgotten with their users."""

    async def have(self, spec: TaskSpec) -> None:
        """Have the image here, for the platform that is asked for. Raises RuntimeFailure."""
        image = image_with_tag(spec.container.image)
        platform, policy = spec.placement.platform, spec.container.pull_policy
        there = await self._is_there(image, platform)
        if policy == "never" and not there:
            message = f"the image {image} is not on this node, and `pull_policy` is never"
            raise RuntimeFailure(message, image_missing=True)
        if policy == "always" or not there:
            await self._pull(image, platform)

    async def healthcheck(self, image: str) -> Healthcheck | None:
        """What the image brings; None also if it is gone."""
        if image not in self._tests:
            api = await self._engine.connect()
            try:
                found = await self._engine.read(api.inspect_image, image)
            except docker.errors.NotFound:
                return None
            self._tests[image] = _healthcheck(found["Config"].get("Healthcheck"))
        return self._tests[image]

    def keep(self, used: Iterable[str]) -> None:
        """Forget the others."""
        known = frozenset(used)
        self._tests = {key: value for key, value in self._tests.items() if key in known}

    async def _is_there(self, image: str, platform: str) -> bool:
        api = await self._engine.connect()
        try:
            found = await self._engine.read(api.inspect_image, image)
        except docker.errors.NotFound:
            return False
        return not platform or platform == f"{found['Os']}/{found['Architecture']}"

    async def _pull(self, image: str, platform: str) -> None:
        """Pull the image; the Engine's answer is a stream of progress with errors among it."""
        api = await self._engine.pulls()

        def pull() -> str:
            for step in api.pull(image, stream=True, decode=True, platform=platform or None):
                if "error" in step:
                    return str(step["error"])
            return ""

        try:
            error = await self._engine.change(pull)
        except docker.errors.NotFound as missing:
            error = str(missing.explanation)
        except RuntimeFailure as failure:
            if failure.temporary:
                raise
            error = str(failure)
        if error:
            for_it = f" for {platform}" if platform else ""
            message = f"the image {image} is not on this node{for_it} and cannot be pulled: {error}"
            raise RuntimeFailure(message, image_missing=True)


def _healthcheck(found: Mapping[str, Any] | None) -> Healthcheck | None:
    """An image's healthcheck; the Engine counts in nanoseconds, and 0 stands for the default."""
    if not found or not found.get("Test") or found["Test"][0] == "NONE":
        return None
    default = Healthcheck(test=tuple(found["Test"]))

    def millis(key: str, otherwise: Millis) -> Millis:
        return Millis(int(found.get(key) or 0) // 1_000_000) or otherwise

    return replace(
        default,
        interval_ms=millis("Interval", default.interval_ms),
        timeout_ms=millis("Timeout", default.timeout_ms),
        start_period_ms=millis("StartPeriod", default.start_period_ms),
        start_interval_ms=millis("StartInterval", default.start_interval_ms),
        retries=int(found.get("Retries") or default.retries),
    )
