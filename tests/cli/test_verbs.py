"""The verbs that look closer or change nodes, as a person in a pipe sees them."""

import json
from collections.abc import Callable

import pytest

from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import (
    FakeCluster,
    a_log_line,
    a_node_view,
    a_release_view,
    a_replica_view,
    a_service_view,
    a_status,
    an_event_view,
)
from tests.factories import an_app_spec

Golden = Callable[[str, str], None]


# --- status -----------------------------------------------------------------------------------
def test_the_json_of_status_is_a_contract(orbctl: Orbctl, golden: Golden) -> None:
    result = orbctl("status", "-o", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    golden("cli/status.json", result.stdout)


def test_a_wide_status_lists_nodes_too_and_names_are_those_of_services(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.services = [a_service_view()]
    cluster.nodes = [a_node_view("n1")]

    wide = orbctl("status", "-o", "wide")
    names = orbctl("status", "-o", "name")

    headings = [line.split() for line in wide.stdout.splitlines() if "LABELS" in line]
    assert [words[0] for words in headings] == ["NAME"]
    assert "UPDATED" in wide.stdout
    assert (wide.exit_code, names.exit_code, names.stdout) == (0, 0, "shop.web\n")


def test_status_shows_services_and_problems(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.status = a_status(leader="", problems=("no server leads just now",))
    cluster.services = [a_service_view()]
    lines = orbctl("status").stdout.splitlines()
    assert lines[1] == "leader    none: nothing can change now"
    assert lines[-3:-1] == ["1 problem:", "  - no server leads just now"]
    assert any(line.startswith("shop  web      replicated  3/3") for line in lines)


# --- describe ---------------------------------------------------------------------------------
def _a_description() -> pb.DescribeReply:
    return pb.DescribeReply(
        kind="service",
        services=[to_message(a_service_view(), types_pb2.ServiceView)],
        replicas=[to_message(a_replica_view(1), types_pb2.ReplicaView)],
        releases=[to_message(a_release_view(1), types_pb2.ReleaseView)],
        events=[to_message(an_event_view(1), types_pb2.EventView)],
        spec=to_message(an_app_spec(), types_pb2.AppSpec),
        explanation=["web/1 is on n1: the fullest node with room"],
    )


def test_the_json_of_describe_is_a_contract(
    orbctl: Orbctl, cluster: FakeCluster, golden: Golden
) -> None:
    cluster.description = _a_description()
    golden("cli/describe.json", orbctl("describe", "web", "-o", "json").stdout)


def test_describe_shows_each_part(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.description = _a_description()
    lines = orbctl("describe", "service", "web").stdout.splitlines()
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert titles == ["Service shop.web", "Declared", "Why", "Replicas", "Releases", "Events"]
    assert "  web/1 is on n1: the fullest node with room" in lines
    [request] = cluster.asked("Describe")
    assert (request.kind, request.name, request.environment) == ("service", "web", "default")


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (("web/3",), "", "web/3"),
        (("node/n1",), "node", "n1"),
        (("pod", "web/3"), "replica", "web/3"),
        (("deployment", "web"), "service", "web"),
        (("app", "shop"), "app", "shop"),
    ],
)
def test_what_is_described_may_be_said_in_other_words(
    orbctl: Orbctl, cluster: FakeCluster, words: tuple[str, ...], kind: str, name: str
) -> None:
    cluster.description = _a_description()
    assert orbctl("describe", *words).exit_code == 0
    [request] = cluster.asked("Describe")
    assert (request.kind, request.name) == (kind, name)


def test_what_cannot_be_described_is_a_usage_error(orbctl: Orbctl) -> None:
    assert orbctl("describe", "things", "web").exit_code == 2


# --- logs -------------------------------------------------------------------------------------
def test_lines_carry_their_replica(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.lines = [a_log_line("one"), a_log_line("two\x1b[2J", replica="web/10", second=1)]
    result = orbctl("logs", "--tail", "5", "--since", "10m", "web")
    assert result.stdout == "web/1 | one\nweb/10 | two\n"
    [request] = cluster.asked("Logs")
    assert (request.name, request.tail, request.HasField("since")) == ("web", 5, True)


def test_lines_may_be_bare_dated_or_json(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.lines = [a_log_line("one")]
    assert orbctl("logs", "web", "--no-prefix").stdout == "one\n"
    assert orbctl("logs", "web", "-t").stdout == "web/1 | 2023-11-14T22:13:20.000Z one\n"
    assert json.loads(orbctl("logs", "web", "-o", "json").stdout)["text"] == "one"


# --- exec -------------------------------------------------------------------------------------
def test_the_exit_code_of_the_command_is_passed_on(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.exec_replies = [
        pb.ExecOutput(started=pb.ExecStarted(replica="web/1", node="n1")),
        pb.ExecOutput(stdout=b"out\n"),
        pb.ExecOutput(stderr=b"err\n"),
        pb.ExecOutput(exit_code=7),
    ]
    result = orbctl("exec", "web/1", "--", "ls", "-l", "--color")
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")
    [request] = cluster.asked("Exec")
    assert (request.start.name, list(request.start.command)) == ("web/1", ["ls", "-l", "--color"])


def test_a_command_whose_stream_breaks_is_an_error(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.exec_replies = [pb.ExecOutput(stdout=b"out\n")]
    result = orbctl("exec", "web/1", "ls")
    assert result.exit_code == 1
    assert "the connection to the command was lost" in result.stderr


# --- nodes ------------------------------------------------------------------------------------
def test_nodes_are_cordoned_and_labelled(orbctl: Orbctl, cluster: FakeCluster) -> None:
    assert orbctl("cordon", "n1", "n2").exit_code == 0
    assert [request.node for request in cluster.asked("SetAvailability")] == ["n1", "n2"]
    assert orbctl("label", "n1", "disk=ssd", "old-").exit_code == 0
    [request] = cluster.asked("SetLabels")
    assert (dict(request.labels), list(request.remove)) == ({"disk": "ssd"}, ["old"])
    assert orbctl("label", "n1", "nonsense").exit_code == 2


@pytest.mark.parametrize("change", ["a b=c", "=c", "a=" + "x" * 254, "a= b", "a=b\n", "a\x1b=c"])
def test_a_label_that_no_constraint_could_ask_for_is_refused(
    orbctl: Orbctl, cluster: FakeCluster, change: str
) -> None:
    result = orbctl("label", "n1", change)
    assert (result.exit_code, cluster.asked("SetLabels")) == (2, [])
    assert "of a label" in result.stderr or "of the label" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-e", "BAD ENV", "get"),
        ("get", "-e", "BAD ENV"),
        ("env", "allow", "BAD ENV", "all"),
        ("context", "add", "x", "--server", "h", "--certs", ".", "-e", "BAD ENV"),
    ],
)
def test_what_is_no_name_of_an_environment_is_a_usage_error(
    orbctl: Orbctl, words: tuple[str, ...]
) -> None:
    result = orbctl(*words)
    assert result.exit_code == 2
    assert "'BAD ENV' is not a name: at most 63 of a-z, 0-9 and -" in result.stderr


def test_a_drain_without_a_terminal_is_refused_and_says_what_it_would_do(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.nodes = [a_node_view("n1", tasks=4), a_node_view("n2")]
    result = orbctl("drain", "n1")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: This moves 4 tasks off n1 to 1 other ready node.\n"
        "  → nobody can be asked here: say -y to do it\n"
    )
    assert cluster.asked("SetAvailability") == []


def test_a_drain_stays_until_the_node_is_empty(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.nodes = [a_node_view("n1", tasks=0)]
    result = orbctl("drain", "n1", "-y")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("done: n1 empty")


def test_a_node_that_answers_is_not_forgotten(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.nodes = [a_node_view("n1")]
    assert orbctl("forget", "n1", "-y").exit_code == 1
    cluster.nodes = [a_node_view("n1", state="down")]
    assert orbctl("forget", "n1", "-y").exit_code == 0
    assert [request.node for request in cluster.asked("RemoveNode")] == ["n1"]


# --- delete, events ---------------------------------------------------------------------------
def test_a_delete_without_a_terminal_is_refused(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.services = [a_service_view()]
    result = orbctl("down", "shop")
    assert result.exit_code == 1
    assert "1 service with 3 replicas" in result.stderr
    assert cluster.asked("Delete") == []


def test_a_delete_stays_until_all_has_stopped(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.services = [a_service_view()]
    assert orbctl("delete", "shop", "-y").stdout == "shop is deleted; 0 tasks told to stop\n"
    assert orbctl("delete", "nosuch", "-y").exit_code == 1


def test_events_are_listed_oldest_first(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.events = [an_event_view(1), an_event_view(2, service="web", replica=3)]
    lines = orbctl("events").stdout.splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["shop", "shop.web/3"]


def test_config_needs_no_cluster(orbctl: Orbctl, cluster: FakeCluster) -> None:
    manifest = "application: shop\nimage: app:v1\n"
    result = orbctl("config", "-f", "-", given=manifest)
    assert result.exit_code == 0
    assert result.stdout.startswith("name: shop\nservices:\n  shop:\n    image:")
    assert cluster.calls == []
