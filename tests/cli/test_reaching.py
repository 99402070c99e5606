"""How orbctl finds a server, and what it says if it does not."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner

from cli.main import main
from orb.tls import Credentials
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import FakeCluster, Loopback, Refusal, a_node_view

NOBODY = "127.0.0.1:1"


def test_without_any_cluster_it_says_how_to_get_one(home: Path) -> None:
    del home
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1
    assert result.stderr == (
        "error: no cluster is known here\n"
        "  → start a local cluster with `orbctl dev`, or name one with `orbctl context add`\n"
    )


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_an_error_within_5_seconds(
    orbctl: Orbctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORB_SERVERS", NOBODY)
    began = time.monotonic()
    result = orbctl("status")
    assert time.monotonic() - began < 5
    assert result.exit_code == 1
    assert f"{NOBODY}: Connection refused" in result.stderr
    assert "`orbctl dev status`" in result.stderr


def test_a_server_that_is_gone_is_passed_over(
    orbctl: Orbctl, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORB_SERVERS", f"{NOBODY},{server.address}")
    assert orbctl("status").exit_code == 0


def test_the_leader_that_a_server_names_is_asked(
    orbctl: Orbctl,
    cluster: FakeCluster,
    certificates: dict[str, Credentials],
) -> None:
    other = FakeCluster(nodes=[a_node_view("on-the-leader")])
    leader = Loopback(other, certificates["server"])
    cluster.refusals.append(Refusal(error="NotLeader", leader=leader.address))
    try:
        assert orbctl("get", "nodes", "-o", "name").stdout == "on-the-leader\n"
    finally:
        leader.stop()


def test_a_refusal_of_the_server_is_told_with_what_to_do(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.refusals.append(
        Refusal(
            code=grpc.StatusCode.NOT_FOUND,
            error="NotFound",
            details="there is no service 'wbe'",
            remedy="did you mean 'web'?",
        )
    )
    result = orbctl("describe", "wbe")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: there is no service 'wbe'\n  → did you mean 'web'?\n"


@pytest.mark.slow
def test_servers_without_a_quorum_are_told_within_5_seconds(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    refusal = Refusal(error="NoQuorum", details="only 1 of 3 servers can be reached")
    cluster.refusals.extend([refusal] * 100)
    began = time.monotonic()
    result = orbctl("status")
    assert time.monotonic() - began < 5
    assert result.exit_code == 1
    assert "only 1 of 3 servers can be reached" in result.stderr
    assert "--stale" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("verb", [("status",), ("status", "--stale"), ("scale", "web=5")])
def test_servers_that_stand_still_are_told_within_4_seconds(
    orbctl: Orbctl, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    with contextlib.ExitStack() as silent:
        servers = [silent.enter_context(_a_silent_server()) for _ in range(3)]
        monkeypatch.setenv("ORB_SERVERS", ",".join(servers))
        began = time.monotonic()
        result = orbctl(*verb)
        assert time.monotonic() - began < 4
    assert result.exit_code == 1
    assert [f"  {server}: no answer within 1 s" in result.stderr for server in servers] == [
        True
    ] * 3


@pytest.mark.slow
def test_a_named_leader_that_stands_still_is_told_within_4_seconds(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    with _a_silent_server() as leader:
        cluster.refusals.extend([Refusal(error="NotLeader", leader=leader)] * 100)
        began = time.monotonic()
        result = orbctl("status")
        assert time.monotonic() - began < 4
    assert result.exit_code == 1
    assert "no server leads just now" in result.stderr


@contextlib.contextmanager
def _a_silent_server() -> Iterator[str]:
    """One whose machine takes connections, but which does not run: as under SIGSTOP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.slow
def test_a_stranger_is_told_that_its_certificate_is_of_another_cluster(
    orbctl: Orbctl, certificates: dict[str, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORB_CERTS", str(certificates["stranger"].ca.parent))
    result = orbctl("status")
    assert result.exit_code == 1
    assert "its certificate is not signed by our CA" in result.stderr
    assert "is this the right context?" in result.stderr


def test_a_missing_certificate_is_named(
    orbctl: Orbctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORB_CERTS", str(tmp_path))
    result = orbctl("status")
    assert result.exit_code == 1
    assert f"the certificate file {tmp_path}/ca.pem does not exist" in result.stderr


def test_half_of_an_environment_is_a_usage_error(
    orbctl: Orbctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORB_CERTS")
    result = orbctl("status")
    assert result.exit_code == 2
    assert "ORB_CERTS is not set" in result.stderr


def test_what_this_machine_refuses_is_an_error_without_a_traceback(
    orbctl: Orbctl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "file"))
    result = orbctl("context", "add", "x", "--server", "127.0.0.1:1", "--certs", str(home))
    assert result.exit_code in {1, 2}
    assert result.stderr.startswith("error: ")
