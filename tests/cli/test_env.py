"""`orbctl env` and `get environments`: what environments allow."""

from collections.abc import Callable

from orb.cluster import EnvironmentView
from orb.v1 import control_pb2 as pb
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import NOW, FakeCluster


def test_allowing_and_denying_says_what_is_allowed_now(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    allowed = orbctl("env", "allow", "prod", "devices", "privileged")
    denied = orbctl("env", "deny", "prod", "all")
    assert (allowed.exit_code, allowed.stdout) == (0, "prod allows devices, privileged\n")
    assert (denied.exit_code, denied.stdout) == (0, "prod allows nothing that reaches its nodes\n")
    first, second = [request for verb, request in cluster.calls if verb == "SetTrust"]
    assert first == pb.SetTrustRequest(environment="prod", allow=["devices", "privileged"])
    assert isinstance(second, pb.SetTrustRequest)
    assert len(second.deny) == 7
    cluster.changed = False
    again = orbctl("env", "allow", "prod", "devices")
    assert again.stdout == "nothing to change: prod allows devices\n"


def test_a_word_that_nobody_knows_is_a_usage_error(orbctl: Orbctl) -> None:
    result = orbctl("env", "allow", "prod", "everything")
    assert result.exit_code == 2
    assert "'everything' is not one of" in result.stderr


def test_environments_are_listed_with_what_they_allow(
    orbctl: Orbctl, cluster: FakeCluster, golden: Callable[[str, str], None]
) -> None:
    cluster.environments = [
        EnvironmentView(name="dev", apps=2, services=5, allowed=("devices",), created_at=NOW),
        EnvironmentView(name="prod", apps=0, services=0),
    ]
    table = orbctl("get", "environments").stdout.splitlines()
    assert [line.split()[:3] for line in table] == [
        ["NAME", "APPS", "SERVICES"],
        ["dev", "2", "5"],
        ["prod", "0", "0"],
    ]
    assert orbctl("get", "ns", "-o", "name").stdout == "dev\nprod\n"
    golden("cli/get-environments.json", orbctl("get", "environments", "-o", "json").stdout)
