"""Environments: there while they have apps, or while people have said what they allow."""

from dataclasses import replace
from typing import Final

from controlplane.state import events
from controlplane.state.commands import Answer, Applied, Refused, SetTrust
from controlplane.state.stamp import Stamp
from controlplane.state.tables import Environment, State
from orb import trust

ENVIRONMENTS_MAX: Final = 10_000
"""Environments of which people have said something; one more is refused."""


def have(state: State, stamp: Stamp, name: str) -> Environment:
    """The environment, made now if it is not there."""
    found = state.environments.get(name)
    if found is None:
        found = state.environments[name] = Environment(name=name, created_at=stamp.now)
    return found


def leave(state: State, name: str) -> None:
    """Its last app is gone: forget it, unless people have said what it allows."""
    if state.environments[name].allowed is None:
        del state.environments[name]


def allowed(state: State, name: str) -> tuple[str, ...]:
    """What the apps of an environment may ask for, in the order of the words."""
    found = state.environments.get(name)
    if found is None or found.allowed is None:
        return tuple(sorted(trust.usual(name)))
    return found.allowed


def set_trust(state: State, stamp: Stamp, command: SetTrust) -> Answer:
    """Allow things, and deny others."""
    name = command.environment
    if not name:
        return Refused("an environment must have a name")
    known = {each.value for each in trust.Trust}
    unknown = [word for word in (*command.allow, *command.deny) if word not in known]
    if unknown:
        return Refused(f"{unknown[0][:40]!r} is none of {', '.join(sorted(known))}")
    if name not in state.environments and len(state.environments) >= ENVIRONMENTS_MAX:
        return Refused(f"the cluster has {ENVIRONMENTS_MAX} environments, and no room for more")
    before = allowed(state, name)
    after = tuple(sorted({*before, *command.allow} - {*command.deny}))
    if after == before and name in state.environments:
        return Applied(changed=False, details=after)
    environment = have(state, stamp, name)
    state.environments[name] = replace(environment, allowed=after)
    told = f"{name} allows {', '.join(after) or 'nothing that reaches its nodes'}"
    events.record(state, stamp, "environment.trust", told, events.About(environment=name))
    return Applied(number=1, details=after)
