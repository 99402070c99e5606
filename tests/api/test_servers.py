"""Who the servers are, as people change it: refused clearly, and harmless when asked again."""

from dataclasses import replace

import pytest

from controlplane.api.servers import Servers, client_addresses, heir_of
from controlplane.raft.local import LocalLog
from controlplane.raft.log import Member, Role
from orb.errors import Conflict, InvalidInput, NotFound, NotLeader
from orb.ids import ServerName
from orb.v1 import control_pb2 as pb
from tests.api.looks import an_agreement
from tests.dispatcher.fake_log import FakeLog
from tests.virtual_time import run

S1, S2, S3, S4 = (ServerName(name) for name in ("s1", "s2", "s3", "s4"))
LEADING = (
    Member(S1, "a:7401", Role.LEADER, healthy=True, client="a:7400"),
    Member(S2, "b:7401", Role.FOLLOWER, healthy=True, client="b:7400", behind=7),
    Member(S3, "c:7401", Role.LEARNER, healthy=True, client="c:7400", behind=0),
)


class FakeMembers(FakeLog):
    """`controlplane.raft.log.Members` that notes what it is told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, ...]] = []
        self.become(members=list(LEADING))

    async def add_learner(self, name: ServerName, address: str, client: str = "") -> None:
        self.done.append(("add", name, address, client))

    async def promote(self, name: ServerName) -> None:
        self.done.append(("promote", name))

    async def remove(self, name: ServerName) -> None:
        self.done.append(("remove", name))

    async def hand_over(self, name: ServerName) -> None:
        self.done.append(("hand over", name))


def adding(name: str, client: str, peer: str) -> pb.AddServerRequest:
    return pb.AddServerRequest(name=name, client_address=client, peer_address=peer)


def added(request: pb.AddServerRequest) -> tuple[bool, list[tuple[str, ...]]]:
    async def story() -> tuple[bool, list[tuple[str, ...]]]:
        members = FakeMembers()
        reply = await Servers(members, {}).add(request, "user:ann")
        return reply.changed, members.done

    return run(story())


def removed(name: str) -> tuple[bool, list[tuple[str, ...]]]:
    async def story() -> tuple[bool, list[tuple[str, ...]]]:
        members = FakeMembers()
        reply = await Servers(members, {}).remove(pb.RemoveServerRequest(name=name), "user:ann")
        return reply.changed, members.done

    return run(story())


def test_a_new_server_is_added_with_both_its_addresses() -> None:
    assert added(adding("s4", "d:7400", "d:7401")) == (True, [("add", "s4", "d:7401", "d:7400")])


def test_the_same_server_added_again_changes_nothing() -> None:
    assert added(adding("s2", "b:7400", "b:7401")) == (False, [])


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (adding("s2", "e:7400", "e:7401"), Conflict),
        (adding("s4", "b:7400", "d:7401"), Conflict),
        (adding("s4", "d:7400", "b:7401"), Conflict),
        (adding("S 4", "d:7400", "d:7401"), InvalidInput),
        (adding("s4", "d", "d:7401"), InvalidInput),
        (adding("s4", "d" * 400 + ":1", "d:7401"), InvalidInput),
    ],
)
def test_a_server_whose_name_or_address_is_taken_or_wrong_is_refused(
    request_: pb.AddServerRequest, error: type[Exception]
) -> None:
    with pytest.raises(error):
        added(request_)


def test_a_learner_is_promoted_and_a_voter_left_as_it_is() -> None:
    async def story() -> tuple[list[bool], list[tuple[str, ...]]]:
        members = FakeMembers()
        servers = Servers(members, {})
        replies = [
            await servers.promote(pb.PromoteServerRequest(name=name), "user:ann")
            for name in ("s3", "s2")
        ]
        with pytest.raises(NotFound):
            await servers.promote(pb.PromoteServerRequest(name="s9"), "user:ann")
        return [reply.changed for reply in replies], members.done

    assert run(story()) == ([True, False], [("promote", "s3")])


def test_a_follower_is_removed_and_a_stranger_is_gone_already() -> None:
    assert removed("s2") == (True, [("remove", "s2")])
    assert removed("s9") == (False, [])


def test_a_leader_that_is_removed_lets_another_voter_lead_and_names_it() -> None:
    async def story() -> tuple[str | None, list[tuple[str, ...]]]:
        members = FakeMembers()
        with pytest.raises(NotLeader) as caught:
            await Servers(members, {}).remove(pb.RemoveServerRequest(name="s1"), "user:ann")
        return caught.value.leader, members.done

    assert run(story()) == ("s2", [("hand over", "s2")])


def test_a_server_that_does_not_lead_changes_nothing_and_names_the_leader() -> None:
    async def story() -> str | None:
        members = FakeMembers()
        members.become(role=Role.FOLLOWER, leader=S2)
        with pytest.raises(NotLeader) as caught:
            await Servers(members, {}).add(adding("s4", "d:7400", "d:7401"), "user:ann")
        assert members.done == []
        return caught.value.leader

    assert run(story()) == "s2"


def test_a_server_in_memory_stays_alone() -> None:
    class NoMachine:
        pass

    async def story() -> None:
        log = LocalLog(NoMachine())  # type: ignore[arg-type]
        with pytest.raises(Conflict, match="keeps nothing on disk"):
            await Servers(log, {}).add(adding("s4", "d:7400", "d:7401"), "user:ann")

    run(story())


def test_addresses_are_those_agreed_on_and_only_else_those_configured() -> None:
    agreed = an_agreement(members=LEADING[:2])
    assert client_addresses({S2: "old:1", S4: "d:7400"}, agreed) == {
        S1: "a:7400",
        S2: "b:7400",
        S4: "d:7400",
    }


def test_the_heir_of_a_leader_votes_answers_and_is_the_least_behind() -> None:
    near = replace(LEADING[1], name=S3, behind=2)
    silent = replace(LEADING[1], name=S4, behind=0, healthy=False)
    assert heir_of(an_agreement(members=[*LEADING[:2], near, silent])) == "s3"
    assert heir_of(an_agreement(members=[LEADING[0], silent])) is None
