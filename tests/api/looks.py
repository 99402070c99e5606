"""Builders of looks, for tests of queries."""

from collections.abc import Mapping, Sequence

from controlplane.api.look import Look
from controlplane.raft.log import LogStatus, Member, Role
from controlplane.state.tables import State
from orb.ids import Millis, ServerName, TaskId
from tests.factories import NOW


def a_member(name: str, role: Role = Role.FOLLOWER, *, healthy: bool = True) -> Member:
    return Member(ServerName(name), f"{name}:7401", role, healthy)


def an_agreement(
    members: Sequence[Member] = (), *, leader: str | None = "s1", quorum: bool = True
) -> LogStatus:
    return LogStatus(
        role=Role.LEADER,
        leader=None if leader is None else ServerName(leader),
        term=3,
        committed=100,
        applied=100,
        quorum=quorum,
        members=list(members) or [a_member("s1", Role.LEADER)],
    )


def a_look(
    state: State,
    *,
    agreement: LogStatus | None = None,
    pending: Mapping[int, str] | None = None,
) -> Look:
    return Look(
        state=state,
        agreement=agreement or an_agreement(),
        now=Millis(NOW + 60_000),
        pending={TaskId(task): why for task, why in (pending or {}).items()},
        addresses={ServerName("s1"): "10.0.0.1:7400"},
    )
