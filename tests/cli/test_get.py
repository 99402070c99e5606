"""`orbctl get`: lists for people and for scripts."""

import json
from collections.abc import Callable

from tests.cli.conftest import Orbctl
from tests.cli.fake_control import (
    FakeCluster,
    a_node_view,
    a_release_view,
    a_replica_view,
    a_service_view,
    an_event_view,
)

Golden = Callable[[str, str], None]


def _fill(cluster: FakeCluster) -> None:
    cluster.nodes = [a_node_view("n1"), a_node_view("n2", state="down", zone="")]
    cluster.services = [a_service_view(), a_service_view("api", ready=1, message="api/2: no room")]
    cluster.replicas = [a_replica_view(1), a_replica_view(2, node="", state="pending", ready=False)]
    cluster.releases = [a_release_view(1)]
    cluster.events = [an_event_view()]


def test_the_json_of_each_kind_is_a_contract(
    orbctl: Orbctl, cluster: FakeCluster, golden: Golden
) -> None:
    _fill(cluster)
    for kind in ("nodes", "services", "replicas", "releases", "events"):
        result = orbctl("get", kind, "-o", "json")
        assert (result.exit_code, result.stderr) == (0, "")
        golden(f"cli/get-{kind}.json", result.stdout)


def test_names_are_what_a_person_would_type(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _fill(cluster)
    assert orbctl("get", "replicas", "-o", "name").stdout == "shop.web/1\nshop.web/2\n"
    assert orbctl("get", "nodes", "-o", "name").stdout == "n1\nn2\n"


def test_words_of_other_tools_are_understood(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _fill(cluster)
    ours = orbctl("get", "replicas", "-o", "name").stdout
    assert {orbctl("get", word, "-o", "name").stdout for word in ("pods", "tasks")} == {ours}
    assert orbctl("ps", "-o", "name").stdout == ours


def test_an_environment_is_shown_where_it_is_not_the_usual_one(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.services = [a_service_view(environment="prod"), a_service_view()]
    lines = orbctl("get", "services").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ENV", "prod", "default"]
    only = orbctl("-e", "prod", "get", "services", "-o", "json").stdout
    assert [item["environment"] for item in json.loads(only)["items"]] == ["prod"]


def test_nothing_to_show_is_said_beside_the_answer(orbctl: Orbctl) -> None:
    result = orbctl("get", "nodes")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "There are no nodes.\n")


def test_a_table_in_a_pipe_has_no_colours(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _fill(cluster)
    assert "\x1b" not in orbctl("get", "nodes").stdout


def test_a_kind_that_nobody_knows_is_a_usage_error(orbctl: Orbctl) -> None:
    result = orbctl("get", "things")
    assert result.exit_code == 2
    assert "'things' is not one of services, replicas, nodes, releases, events" in result.stderr
