"""What a shell offers: verbs and options at once, names from the cluster."""

from click.shell_completion import ShellComplete

from cli.main import main
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import FakeCluster, a_node_view, a_replica_view, a_service_view


def offered(*words: str) -> list[str]:
    completer = ShellComplete(main, {}, "orbctl", "_ORBCTL_COMPLETE")
    return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]


def test_verbs_are_offered() -> None:
    assert offered("de") == ["delete", "describe", "dev"]


def test_kinds_are_offered() -> None:
    assert offered("get", "re") == ["replicas", "releases"]


def test_names_come_from_the_cluster(orbctl: Orbctl, cluster: FakeCluster) -> None:
    del orbctl
    cluster.nodes = [a_node_view("n1"), a_node_view("n2")]
    cluster.services = [a_service_view(), a_service_view("worker")]
    cluster.replicas = [a_replica_view(1)]
    assert offered("drain", "") == ["n1", "n2"]
    assert offered("logs", "w") == ["web", "worker"]
    assert offered("exec", "web") == ["web/1"]
    assert offered("delete", "") == ["shop"]
    assert offered("get", "nodes", "") == ["n1", "n2"]


def test_without_a_cluster_nothing_is_offered(home: object) -> None:
    del home
    assert offered("drain", "") == []
