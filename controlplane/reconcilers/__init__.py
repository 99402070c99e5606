"""What should be: pure functions from a view to commands."""

from collections.abc import Callable, Iterable
from typing import Final

from controlplane.reconcilers.dependencies import dependencies
from controlplane.reconcilers.drain import drain
from controlplane.reconcilers.handover import handover
from controlplane.reconcilers.losses import losses
from controlplane.reconcilers.node_health import node_health
from controlplane.reconcilers.reap import reap
from controlplane.reconcilers.releases import releases
from controlplane.reconcilers.replicas import replicas
from controlplane.reconcilers.restart import restart
from controlplane.reconcilers.rollout import rollout
from controlplane.reconcilers.stand_ins import stand_ins
from controlplane.reconcilers.survey import Survey, look
from controlplane.state.commands import Single
from controlplane.state.tables import View
from orb.ids import Millis

RECONCILERS: Final[tuple[Callable[[Survey], Iterable[Single]], ...]] = (
    node_health,
    losses,
    dependencies,
    replicas,
    restart,
    stand_ins,
    drain,
    rollout,
    handover,
    releases,
    reap,
)
"""Each gets the same look at the state and knows nothing of the others: what two of them decide for
one replica in the same pass is made harmless by the preconditions of the commands."""


def decide(view: View, now: Millis) -> list[Single]:
    """Everything that should be changed now: one look, and what each reconciler makes of it."""
    survey = look(view, now)
    return [command for reconcile in RECONCILERS for command in reconcile(survey)]
