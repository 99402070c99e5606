"""All tables of keys with their places, and docs/compose.md, which is made of them.

`python -m orb.manifest.tables` prints it.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orb.manifest import other_keys as other
from orb.manifest import service_keys as service
from orb.manifest.keys import Key, Support, Table

EVERY: Final = "*"
"""Stands for any name, and any item of a list, in a path."""
_MEANINGS: Final = {
    Support.HONOURED: "it does what it says",
    Support.PARTLY: "some of its values have an effect; the others are reported where they stand",
    Support.HARMLESS: "it asks for nothing that a cluster could do; nothing is said",
    Support.IGNORED: "it has no effect: a warning names the line and the consequence",
    Support.REFUSED: "without it the app would be another one: the manifest is refused",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One table, and the path of the map whose keys it holds."""

    path: tuple[str, ...]
    table: Table


def _at(path: str, table: Table) -> Section:
    return Section(tuple(path.split(".")) if path else (), table)


_RESERVATIONS: Final = "services.*.deploy.resources.reservations"
SECTIONS: Final = (
    _at("", other.TOP),
    _at("include.*", other.INCLUDE),
    _at("services.*", service.SERVICE),
    _at("services.*.extends", service.EXTENDS),
    _at("services.*.healthcheck", service.HEALTHCHECK),
    _at("services.*.depends_on.*", service.DEPENDENCY),
    _at("services.*.ports.*", service.PORT),
    _at("services.*.volumes.*", service.MOUNT),
    _at("services.*.volumes.*.bind", service.BIND),
    _at("services.*.volumes.*.volume", service.VOLUME_OPTIONS),
    _at("services.*.volumes.*.tmpfs", service.TMPFS_OPTIONS),
    _at("services.*.networks.*", service.NETWORK_OF_SERVICE),
    _at("services.*.configs.*", service.GRANT),
    _at("services.*.secrets.*", service.GRANT),
    _at("services.*.env_file.*", service.ENV_FILE),
    _at("services.*.logging", service.LOGGING),
    _at("services.*.ulimits.*", service.ULIMIT),
    _at("services.*.devices.*", service.DEVICE_PATH),
    _at("services.*.post_start.*", service.HOOK),
    _at("services.*.pre_stop.*", service.HOOK),
    _at("services.*.blkio_config", service.BLKIO),
    *(
        _at(f"services.*.blkio_config.device_{way}.*", service.DEVICE_RATE)
        for way in ("read_bps", "read_iops", "write_bps", "write_iops")
    ),
    _at("services.*.blkio_config.weight_device.*", service.DEVICE_WEIGHT),
    _at("services.*.gpus.*", other.DEVICE),
    _at("services.*.deploy", other.DEPLOY),
    _at("services.*.deploy.resources", other.RESOURCES),
    _at("services.*.deploy.resources.limits", other.LIMITS),
    _at(_RESERVATIONS, other.RESERVATIONS),
    _at(f"{_RESERVATIONS}.devices.*", other.DEVICE),
    _at(f"{_RESERVATIONS}.generic_resources.*", other.GENERIC_RESOURCE),
    _at(f"{_RESERVATIONS}.generic_resources.*.discrete_resource_spec", other.DISCRETE_RESOURCE),
    _at("services.*.deploy.placement", other.PLACEMENT),
    _at("services.*.deploy.placement.preferences.*", other.PREFERENCE),
    _at("services.*.deploy.restart_policy", other.RESTART_POLICY),
    _at("services.*.deploy.update_config", other.UPDATE_CONFIG),
    _at("services.*.x-orb", other.X_ORB),
    _at("volumes.*", other.VOLUME),
    _at("volumes.*.external", other.EXTERNAL),
    _at("volumes.*.x-orb", other.X_ORB_VOLUME),
    _at("networks.*", other.NETWORK),
    _at("networks.*.external", other.EXTERNAL),
    _at("networks.*.ipam", other.IPAM),
    _at("networks.*.ipam.config.*", other.IPAM_POOL),
    _at("configs.*", other.CONFIG),
    _at("secrets.*", other.SECRET),
    _at("secrets.*.external", other.EXTERNAL),
    _at("x-orb", other.X_ORB_TOP),
)
_BY_PATH: Final = {section.path: section for section in SECTIONS}


def key_at(path: tuple[str, ...]) -> Key | None:
    """What is made of the key at a path; None if no table says.

    What stands under a key without a table of its own goes the way of that key.
    """
    found: Key | None = None
    for depth in range(len(path)):
        section = _BY_PATH.get(path[:depth])
        if section is None or path[depth] == EVERY:
            continue
        found = section.table.get(path[depth])
        if found is None or found.support not in {Support.HONOURED, Support.PARTLY}:
            return found
    return found


def markdown() -> str:
    """docs/compose.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What Orb makes of a Compose file"
    yield ""
    yield "<!-- Made by `python -m orb.manifest.tables`; a test holds it in step with the code. -->"
    yield ""
    yield "No key is silently ignored. A key that is not listed here is an error, with the nearest"
    yield "key that is; `x-` keys other than `x-orb` are anybody's."
    yield ""
    yield "What needs trust reaches the node, or others on it: it is applied only where the"
    yield "environment allows it. `prod` (and `prod-…`, `production…`) allows nothing unless"
    yield "told to; all others allow everything. `orbctl env allow|deny` says otherwise. The"
    yield "Docker socket and folders above it need trust too."
    yield ""
    yield "| word | meaning |"
    yield "| --- | --- |"
    for support, meaning in _MEANINGS.items():
        yield f"| {support} | {meaning} |"
    yield from _section("The short form", other.SHORT_FORM)
    yield ""
    yield "Beside these the short form takes every key of a service."
    for section in SECTIONS:
        title = f"`{'.'.join(section.path)}`" if section.path else "The whole file"
        yield from _section(title, section.table)


def _section(title: str, table: Table) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield "| key | | |"
    yield "| --- | --- | --- |"
    for key in table.values():
        remedy = f" {key.remedy}" if key.remedy else ""
        dot = "." if remedy else ""
        yield f"| `{key.name}` | {key.support} | {key.says}{dot}{remedy} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
