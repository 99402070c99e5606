"""What the container of a service must keep to."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from orb.container import Hook
from orb.resources import Resources
from orb.spec import ContainerSpec, VolumeSpec
from orb.validate.contents import grant_findings
from orb.validate.mounts import mount_findings
from orb.validate.networking import networking_findings
from orb.validate.rights import kernel_findings, security_findings
from orb.validate.shapes import (
    ITEMS_MAX,
    Finding,
    Steps,
    item_findings,
    pair_findings,
    path_findings,
    time_findings,
    word_findings,
)

PULL_POLICIES: Final = ("", "missing", "always", "never")
HOOKS_MAX: Final = 20
"""Commands after the start, or before the stop."""

_IMAGE: Final = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*+(/[a-z0-9]+([._-]+[a-z0-9]+)*+)*+"
    r"(:\w[\w.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,128})?",
    re.ASCII,
)
_IMAGE_CHARACTERS_MAX: Final = 512
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_CONTAINER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_NETWORK: Final = re.compile(r"[A-Za-z0-9._-]+")
_USER: Final = re.compile(r"[\w.@-]{1,64}(:[\w.@-]{1,64})?")
_SIGNAL: Final = re.compile(r"SIG[A-Z0-9]{2,9}([+-]\d{1,2})?")
_DRIVER: Final = re.compile(r"[A-Za-z0-9][\w./:-]{0,254}")


def container_findings(
    container: ContainerSpec, limits: Resources, at: Steps, volumes: Mapping[str, VolumeSpec]
) -> Iterator[Finding]:
    """Everything that is wrong with what is run."""
    yield from _named(container, at)
    for name, words in (("command", container.command), ("entrypoint", container.entrypoint)):
        yield from word_findings(words or (), (*at, name))
    for name, pairs in (
        ("environment", container.environment),
        ("labels", container.labels),
        ("annotations", container.annotations),
    ):
        yield from pair_findings(pairs, (*at, name))
    yield from mount_findings(container, at, volumes)
    yield from grant_findings(container, at)
    yield from time_findings(container.stop_grace_period_ms, (*at, "stop_grace_period"), "it")
    if container.working_dir:
        yield from path_findings(container.working_dir, (*at, "working_dir"))
    yield from security_findings(container.security, at)
    yield from kernel_findings(container.kernel, limits, at)
    yield from networking_findings(container.networking, container.networks, at)
    driver = container.logging.driver
    if driver and not _DRIVER.fullmatch(driver):
        yield Finding((*at, "logging"), f"{driver[:80]!r} is not the name of a log driver")
    yield from pair_findings(container.logging.options, (*at, "logging"))
    for name, hooks in (("post_start", container.post_start), ("pre_stop", container.pre_stop)):
        yield from _hooks(hooks, (*at, name))


def _named(container: ContainerSpec, at: Steps) -> Iterator[Finding]:
    image = container.image
    if len(image) > _IMAGE_CHARACTERS_MAX or not _IMAGE.fullmatch(image):
        remedy = "Write it as `name:tag` or `registry.example.com/name:tag`, in small letters."
        yield Finding((*at, "image"), f"{image[:80]!r} is not an image's name", remedy)
    for name, value, shape in (
        ("hostname", container.hostname, _HOSTNAME),
        ("container_name", container.container_name, _CONTAINER_NAME),
        ("user", container.user, _USER),
        ("stop_signal", container.stop_signal, _SIGNAL),
    ):
        if value and not shape.fullmatch(value):
            yield Finding((*at, name), f"{value[:80]!r} is not a {name.replace('_', ' ')}")
    if container.pull_policy not in PULL_POLICIES:
        words = ", ".join(PULL_POLICIES[1:])
        yield Finding((*at, "pull_policy"), f"{container.pull_policy[:80]!r} is none of {words}")
    yield from item_findings(container.networks, _NETWORK, (*at, "networks"), "a network's name")


def _hooks(hooks: tuple[Hook, ...], at: Steps) -> Iterator[Finding]:
    if len(hooks) > HOOKS_MAX:
        yield Finding(at, f"{len(hooks)} commands; at most {HOOKS_MAX} are allowed")
    for number, hook in enumerate(hooks[:ITEMS_MAX]):
        steps = (*at, number)
        if not hook.command:
            yield Finding(steps, "a hook needs a command")
        yield from word_findings(hook.command, steps)
        yield from pair_findings(hook.environment, steps)
        if hook.user and not _USER.fullmatch(hook.user):
            yield Finding(steps, f"{hook.user[:80]!r} is not a user")
        if hook.working_dir:
            yield from path_findings(hook.working_dir, steps)
