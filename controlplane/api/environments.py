"""Environments as people see them, and whether one allows what an app asks for."""

from collections.abc import Iterator
from typing import Final

from controlplane.api.look import Filter, Look
from controlplane.state import environments as agreed
from controlplane.state.tables import State
from orb.cluster import EnvironmentView
from orb.errors import Conflict
from orb.spec import AppSpec
from orb.trust import Need

NEEDS_SHOWN_MAX: Final = 10
"""Things that one refusal names; the others are counted."""


def environments(look: Look, wanted: Filter) -> Iterator[EnvironmentView]:
    """The environments asked for, by name."""
    for name in sorted(look.state.environments):
        if (wanted.environment or name) == name == (wanted.name or name):
            apps = [key for key in look.state.apps if key.environment == name]
            yield EnvironmentView(
                name=name,
                apps=len(apps),
                services=sum(len(look.state.services_of_app.get(key, ())) for key in apps),
                allowed=agreed.allowed(look.state, name),
                created_at=look.state.environments[name].created_at,
            )


def check_trust(state: State, environment: str, app: AppSpec, needs: tuple[Need, ...]) -> None:
    """Raises Conflict that names what of the app's needs the environment does not allow."""
    allowed = agreed.allowed(state, environment)
    missing = [need for need in needs if need.trust not in allowed]
    if not missing:
        return
    lines = [f"{need.service}: `{need.key}` needs {need.trust}" for need in missing]
    more = len(lines) - NEEDS_SHOWN_MAX
    shown = "; ".join(lines[:NEEDS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")
    words = " ".join(sorted({need.trust for need in missing}))
    raise Conflict(
        f"the environment {environment} does not allow what {app.name} asks for: {shown}",
        remedy=f"take it out, or allow it: `orbctl env allow {environment} {words}`",
    )
