"""Whether the bottle is tight: a control plane that lacks something must be found out."""

from collections.abc import Callable, Iterable, Sequence

import pytest

from controlplane.reconcilers import RECONCILERS
from controlplane.reconcilers.survey import Survey, look
from controlplane.sim.life import simulate
from controlplane.state.commands import Single
from controlplane.state.tables import View
from orb.ids import Millis

SEEDS_MAX = 12
Reconcile = Callable[[Survey], Iterable[Single]]


@pytest.mark.parametrize("missing", RECONCILERS, ids=lambda each: each.__name__)
def test_a_world_notices_when_one_reconciler_is_missing(missing: Reconcile) -> None:
    def decide(view: View, now: Millis) -> Sequence[Single]:
        survey = look(view, now)
        others = (each for each in RECONCILERS if each is not missing)
        return [command for reconcile in others for command in reconcile(survey)]

    outcomes = (simulate(seed, 4, 20, decide) for seed in range(SEEDS_MAX))
    assert any(outcome.wrong for outcome in outcomes)
