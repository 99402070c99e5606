"""`orbctl server`: what it shows, asks, and does, in a pipe."""

from collections import deque
from dataclasses import replace

import grpc
import pytest
from google.protobuf.message import Message

from cli.server import New, read_new
from orb.cluster import ServerView
from orb.config_kinds import Address, ServerAddress
from orb.errors import InvalidInput
from orb.v1 import control_pb2 as pb
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import FakeCluster, Refusal, a_status

S4 = "s4=10.0.0.4"


def a_server(name: str, role: str = "follower", *, healthy: bool = True) -> ServerView:
    number = name[1:]
    return ServerView(
        name=name, address=f"10.0.0.{number}:7400", role=role, healthy=healthy, behind=0
    )


def changes(cluster: FakeCluster) -> list[Message]:
    """What was asked of the cluster, but for looks."""
    return [request for method, request in cluster.calls if method.endswith("Server")]


def test_a_list_shows_who_leads_who_is_behind_and_where(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    servers = (
        replace(a_server("s1", "leader"), behind=None),
        replace(a_server("s2", "learner"), behind=1_200),
    )
    cluster.status = a_status(servers=servers)
    assert orbctl("server", "list").stdout.splitlines() == [
        "SERVER  ROLE     HEALTH   BEHIND  ADDRESS",
        "s1      leader   healthy  -       10.0.0.1:7400",
        "s2      learner  healthy  1,200   10.0.0.2:7400",
    ]


def test_a_server_is_added_and_votes_once_it_has_everything(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.status = a_status(servers=(a_server("s1", "leader"), a_server("s4", "learner")))
    result = orbctl("server", "add", S4)
    assert (result.exit_code, result.stdout) == (0, "s4  votes; 2 servers agree now, 0 may fail\n")
    assert changes(cluster) == [
        pb.AddServerRequest(
            name="s4", client_address="10.0.0.4:7400", peer_address="10.0.0.4:7401"
        ),
        pb.PromoteServerRequest(name="s4"),
    ]


def test_a_server_that_does_not_catch_up_in_time_exits_with_3(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    late = replace(a_server("s4", "learner"), behind=5_000)
    cluster.status = a_status(servers=(a_server("s1", "leader"), late))
    result = orbctl("server", "add", S4, "--timeout", "1s")
    assert (result.exit_code, result.stdout) == (3, "s4  catching up: 5,000 entries behind\n")
    assert "still going: server s4 catching up" in result.stderr


def test_a_server_that_is_not_there_is_asked_for(orbctl: Orbctl, cluster: FakeCluster) -> None:
    silent = replace(a_server("s4", "learner"), behind=None)
    cluster.status = a_status(servers=(a_server("s1", "leader"), silent))
    result = orbctl("server", "add", S4, "--timeout", "1s")
    assert result.exit_code == 3
    assert result.stdout == (
        "s4  waiting for it at 10.0.0.4:7401: is it started there, with `join`?\n"
    )


def test_a_replaced_server_goes_only_when_the_new_one_has_everything(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    dead = a_server("s3", healthy=False)
    learner = a_server("s4", "learner")
    cluster.status = a_status(servers=(a_server("s1", "leader"), dead, learner))
    result = orbctl("server", "replace", "s3", S4, "-y", "--timeout", "2s")
    told = result.stdout.splitlines()
    assert told[0] == "s4  has everything; s3 is removed"
    assert [type(request).__name__ for request in changes(cluster)][:2] == [
        "AddServerRequest",
        "RemoveServerRequest",
    ]


def test_before_a_server_goes_the_consequence_is_told(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.status = a_status(servers=tuple(a_server(name) for name in ("s1", "s2", "s3")))
    result = orbctl("server", "remove", "s3")
    assert result.exit_code == 1
    assert "s3 answers and will stop; 2 servers agree now, 0 may fail" in result.stderr
    assert changes(cluster) == []
    assert orbctl("server", "remove", "s3", "-y").exit_code == 0
    assert changes(cluster) == [pb.RemoveServerRequest(name="s3")]


@pytest.mark.parametrize("words", [("remove", "s9", "-y"), ("replace", "s9", S4, "-y")])
def test_a_server_that_nobody_knows_is_not_found(
    orbctl: Orbctl, cluster: FakeCluster, words: tuple[str, ...]
) -> None:
    result = orbctl("server", *words)
    assert result.exit_code == 1
    assert "there is no server 's9'" in result.stderr
    assert changes(cluster) == []


def test_without_a_majority_nothing_is_begun(orbctl: Orbctl, cluster: FakeCluster) -> None:
    refusal = Refusal(
        code=grpc.StatusCode.UNAVAILABLE, error="NoQuorum", details="only 1 of 3 servers"
    )
    cluster.refusals = deque([refusal] * 200)
    result = orbctl("server", "add", S4)
    assert result.exit_code == 1
    assert "only 1 of 3 servers" in result.stderr


def test_a_new_server_is_read_with_its_ports() -> None:
    assert read_new("s4=h:1:2") == New("s4", ServerAddress(Address("h", 1), Address("h", 2)))
    for wrong in ("s4", "s4=", "=h", "S4=h", "s4=h:x"):
        with pytest.raises(InvalidInput):
            read_new(wrong)
