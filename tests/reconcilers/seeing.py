"""What reconciler tests share: run one reconciler on a state, at one moment."""

from collections.abc import Callable, Iterable

from controlplane.reconcilers.survey import Survey, look
from controlplane.state.commands import Single
from controlplane.state.tables import State, View
from orb.ids import Millis
from tests.factories import NOW

LATER = Millis(NOW + 60_000)
"""When tests look: everything that was made at NOW has been so for a while."""


def a_survey(state: State, now: Millis = LATER) -> Survey:
    heard = dict.fromkeys(state.nodes, now)
    return look(View(state=state, heard=heard, leading_since=NOW), now)


def seen_by(
    reconcile: Callable[[Survey], Iterable[Single]], state: State, now: Millis = LATER
) -> list[Single]:
    """What *reconcile* decides."""
    return list(reconcile(a_survey(state, now)))
