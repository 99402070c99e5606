"""Configs and secrets in the canonical text: configs with what is in them, secrets by their source.

The text of a secret is never written. What stands for it is where it was read from; if that is not
known, stars, which no load takes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from orb.contents import FileKind, Grant
from orb.manifest.contents import Given, Source
from orb.manifest.emit import Value
from orb.manifest.written import present, text
from orb.spec import AppSpec

HIDDEN: Final = "***"
"""Stands for the file of a content that is not known or not shown."""


def declared_files(app: AppSpec, given: Given | None) -> Mapping[str, Value]:
    """The top level's `configs` and `secrets`."""
    configs: dict[str, Value] = {}
    for config in app.configs:
        content = None if given is None else given.contents.get(config.digest)
        shown = None if content is None else _text(content)
        configs[config.name] = (
            _by_source(given, (FileKind.CONFIG, config.name))
            if shown is None
            else {"content": text(shown)}
        )
    secrets: dict[str, Value] = {}
    for secret in app.secrets:
        secrets[secret.name] = (
            present({"external": True, "name": text(secret.outside_name)})
            if secret.external
            else _by_source(given, (FileKind.SECRET, secret.name))
        )
    return present({"configs": configs, "secrets": secrets})


def granted_files(grants: Sequence[Grant]) -> Mapping[str, Value]:
    """A service's `configs` and `secrets`."""
    found: dict[FileKind, list[Value]] = {kind: [] for kind in FileKind}
    for grant in grants:
        found[grant.kind].append(
            {
                "source": text(grant.name),
                "target": text(grant.target),
                "uid": str(grant.uid),
                "gid": str(grant.gid),
                "mode": f"{grant.mode:04o}",
            }
        )
    return present({f"{kind.word}s": items for kind, items in found.items()})


def _by_source(given: Given | None, key: tuple[FileKind, str]) -> Mapping[str, Value]:
    source = Source(path=HIDDEN) if given is None else given.sources.get(key, Source(path=HIDDEN))
    if source.variable:
        return {"environment": text(source.variable)}
    return {"file": text(source.path or HIDDEN)}


def _text(content: bytes) -> str | None:
    """The content as text that YAML carries unchanged; None if it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
