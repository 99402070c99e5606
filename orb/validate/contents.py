"""What configs and secrets must keep to: names, digests, places and sizes."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from orb.contents import (
    CONTENT_BYTES_MAX,
    CONTENTS_BYTES_MAX,
    ID_MAX,
    MODE_MAX,
    ConfigSpec,
    FileKind,
    SecretSpec,
)
from orb.errors import InvalidInput
from orb.spec import AppSpec, ContainerSpec
from orb.validate.shapes import ITEMS_MAX, Finding, Steps, path_findings, range_findings

FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def check_secret(name: str, content: bytes) -> None:
    """Raises InvalidInput if no secret can be called so or hold that."""
    if not FILE_NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} is not a name for a secret",
            remedy="Use letters, digits, `_`, `-` and `.`, at most 128 in all.",
        )
    check_contents((content,))
    if not content:
        raise InvalidInput("the secret is empty", remedy="Give what is to be kept.")


def check_contents(contents: Sequence[bytes]) -> None:
    """Raises InvalidInput if one content, or all together, are too large."""
    if any(len(content) > CONTENT_BYTES_MAX for content in contents):
        raise InvalidInput(
            f"a config or secret has more than {CONTENT_BYTES_MAX} bytes",
            remedy="Put large files into the image or a volume.",
        )
    if sum(map(len, contents)) > CONTENTS_BYTES_MAX:
        raise InvalidInput(
            f"the configs and secrets of an app have more than {CONTENTS_BYTES_MAX} bytes together",
            remedy="Put large files into the image or a volume.",
        )


def contents_findings(app: AppSpec) -> Iterator[Finding]:
    """Everything that is wrong with the configs and secrets of an app."""
    yield from _named(app.configs, "configs")
    yield from _named(app.secrets, "secrets")
    known = {(FileKind.CONFIG, one.name): one.digest for one in app.configs}
    known |= {(FileKind.SECRET, one.name): one.digest for one in app.secrets}
    for secret in app.secrets:
        outside = secret.outside_name
        if outside and not (secret.external and FILE_NAME.fullmatch(outside)):
            steps: Steps = ("secrets", secret.name, "name")
            yield Finding(steps, f"{outside[:80]!r} is not the name of an external secret")
    for service in app.services:
        for number, grant in enumerate(service.task.container.files):
            if known.get((grant.kind, grant.name)) != grant.digest:
                steps = ("services", service.name, "files", number)
                what = f"the {grant.kind.word} {grant.name[:80]!r} is not one of the app"
                yield Finding(steps, what)


def grant_findings(container: ContainerSpec, at: Steps) -> Iterator[Finding]:
    """Everything that is wrong with the places of files in a container."""
    if len(container.files) > ITEMS_MAX:
        what = f"{len(container.files)} configs and secrets; at most {ITEMS_MAX} are allowed"
        yield Finding(at, what)
    taken = {mount.target for mount in container.mounts} | set(container.tmpfs)
    for number, grant in enumerate(container.files):
        steps = (*at, "files", number)
        yield from path_findings(grant.target, steps)
        if grant.target.endswith("/"):
            yield Finding(steps, f"{grant.target[:80]!r} is not a path for a file")
        if grant.target in taken:
            yield Finding(steps, f"two files or mounts have the target {grant.target[:80]!r}")
        taken.add(grant.target)
        yield from range_findings(grant.uid, 0, ID_MAX, steps, "uid")
        yield from range_findings(grant.gid, 0, ID_MAX, steps, "gid")
        yield from range_findings(grant.mode, 0, MODE_MAX, steps, "mode")


def _named(files: Sequence[ConfigSpec] | Sequence[SecretSpec], kind: str) -> Iterator[Finding]:
    names = [one.name for one in files]
    if len(names) > ITEMS_MAX:
        yield Finding((kind,), f"an app has at most {ITEMS_MAX} {kind}")
    if names != sorted(set(names)):
        yield Finding((kind,), f"the {kind} are not each once, in the order of their names")
    for one in files:
        if not FILE_NAME.fullmatch(one.name):
            what = f"{one.name[:80]!r} is not a name: letters, digits, _, - and ."
            yield Finding((kind, one.name), what)
        is_open = isinstance(one, SecretSpec) and one.external and not one.digest
        if not is_open and not _DIGEST.fullmatch(one.digest):
            yield Finding((kind, one.name), f"{one.digest[:80]!r} is not a digest")
