"""What a person means by `web`, `shop.web`, `web/3`, `n2` or `shop`."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from controlplane.api.replicas import number_of
from controlplane.state.tables import State
from orb.errors import InvalidInput, NotFound
from orb.ids import AppKey, NodeName, ReplicaKey, ServiceKey

KINDS: Final = ("service", "replica", "node", "app")
CANDIDATES_SHOWN_MAX: Final = 10
"""Meanings of an ambiguous name in one error."""


class Meaning(NamedTuple):
    """A thing that has a name. Exactly one of the keys is the kind's."""

    kind: str
    key: ServiceKey | ReplicaKey | NodeName | AppKey

    def __str__(self) -> str:
        match self.key:
            case ReplicaKey(_, app, _, _):
                return f"replica {app}.{self.key.name}"
            case ServiceKey(_, app, service):
                return f"service {app}.{service}"
            case AppKey(_, app):
                return f"app {app}"
            case _:
                return f"node {self.key}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A name as it was typed. An empty environment or kind means any."""

    environment: str
    name: str
    kind: str = ""


def resolve(state: State, asked: Asked) -> Meaning:
    """The one thing that has that name. Raises NotFound, or InvalidInput if several have it."""
    if asked.kind not in {"", *KINDS}:
        raise InvalidInput(f"{asked.kind!r} is none of {', '.join(KINDS)}")
    found = [one for one in _meanings(state, asked) if asked.kind in {"", one.kind}]
    if len(found) > 1:
        found = _without_its_app(found)
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(asked, found)
    raise _unknown(state, asked)


def _meanings(state: State, asked: Asked) -> Iterator[Meaning]:
    app, dot, rest = asked.name.rpartition(".")
    service, slash, _ = rest.partition("/")
    number = number_of(rest) if slash else None
    for key in sorted(state.services):
        if key.service == service and app in {"", key.app} and _is_in(asked, key.environment):
            if number is None:
                yield Meaning("service", key)
            elif ReplicaKey(*key, number) in state.replicas:
                yield Meaning("replica", ReplicaKey(*key, number))
    if not slash:
        if NodeName(asked.name) in state.nodes:
            yield Meaning("node", NodeName(asked.name))
        if not dot:
            keys = sorted(key for key in state.apps if key.app == asked.name)
            yield from (Meaning("app", key) for key in keys if _is_in(asked, key.environment))


def _is_in(asked: Asked, environment: str) -> bool:
    return asked.environment in {"", environment}


def _without_its_app(found: list[Meaning]) -> list[Meaning]:
    """An app with a service of the same name, as the short form makes it: the service is meant."""
    apps = {one.key.owner for one in found if isinstance(one.key, ServiceKey)}
    return [one for one in found if not (one.kind == "app" and one.key in apps)]


def _ambiguous(asked: Asked, found: list[Meaning]) -> InvalidInput:
    names = ", ".join(map(str, found[:CANDIDATES_SHOWN_MAX]))
    several_apps = len({one.kind for one in found}) == 1
    remedy = "write the app too: shop.web" if several_apps else "say which kind of thing you mean"
    environments = {one.key[0] for one in found if not isinstance(one.key, str)}
    if len(environments) > 1:
        remedy = f"say in which environment: {', '.join(sorted(environments))}"
    return InvalidInput(f"{asked.name!r} may be {names}", remedy=remedy)


def _unknown(state: State, asked: Asked) -> NotFound:
    elsewhere = sorted({one.key[0] for one in _meanings(state, Asked("", asked.name, asked.kind))})
    if elsewhere and asked.environment:
        return NotFound(
            f"there is no {asked.name!r} in the environment {asked.environment!r}",
            remedy=f"there is one in {', '.join(elsewhere)}: say so with -e {elsewhere[0]}",
        )
    known = {key.service for key in state.services} | {key.app for key in state.apps}
    known |= {f"{key.app}.{key.service}" for key in state.services} | set(state.nodes)
    stem = asked.name.partition("/")[0]
    what = asked.kind or "service, replica, node or app"
    where = f" in the environment {asked.environment!r}" if asked.environment else ""
    if stem in known and "/" in asked.name:
        return NotFound(
            f"there is no replica {asked.name!r}{where}",
            remedy=f"`orbctl get replicas {stem}` lists them",
        )
    close = difflib.get_close_matches(stem, sorted(known), n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "`orbctl get services` lists what there is"
    return NotFound(f"there is no {what} {asked.name!r}{where}", remedy=remedy)
