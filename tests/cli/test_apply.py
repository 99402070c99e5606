"""`orbctl apply`: it stays until the release is over, and its exit code is the truth."""

from dataclasses import replace
from pathlib import Path

import pytest
from click import unstyle

from cli.rollouts import News, Picture
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import (
    FakeCluster,
    Refusal,
    a_log_line,
    a_release_view,
    a_replica_view,
    a_service_view,
)

MANIFEST = "application: shop\nimage: app:v1\nreplicas: 3\nport: 80\n"


@pytest.fixture(autouse=True)
def manifest(home: Path) -> Path:
    path = home / "project" / "compose.yaml"
    path.write_text(MANIFEST)
    return path


def _rolling(cluster: FakeCluster) -> None:
    cluster.releases = [a_release_view(2, status="rolling")]
    cluster.services = [a_service_view(ready=0, updated=0)]
    cluster.replicas = [a_replica_view(1, ready=False, state="starting")]


def _two_are_ready(cluster: FakeCluster) -> None:
    cluster.services = [a_service_view(ready=2, updated=2)]


def _it_is_done(cluster: FakeCluster) -> None:
    cluster.releases = [a_release_view(2)]
    cluster.services = [a_service_view()]
    cluster.replicas = [a_replica_view(1)]


def _it_has_failed(cluster: FakeCluster) -> None:
    why = "web/1 failed 3 times, last on n1: exit code 7"
    cluster.releases = [a_release_view(2, status="failed", message=why)]
    cluster.replicas = [a_replica_view(1, ready=False, state="failed", message="exit code 7")]


def test_it_shows_what_changes_and_ends_when_all_is_ready(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    _rolling(cluster)
    cluster.steps.extend([_two_are_ready, _it_is_done])

    result = orbctl("apply", "-m", "more colour")

    lines = result.stdout.splitlines()
    assert lines[:2] == ["shop: release 2", "  web: new, 3 replicas of app:v1"]
    assert lines[-2:] == ["web  3/3 ready", "done: shop is at release 2 (web 3/3 ready)"]
    between = {"web  0/3 ready, 0 updated", "web  2/3 ready, 2 updated"}
    assert set(lines[2:-2]) <= between, "what was overtaken by the next look need not be shown"
    assert (result.exit_code, result.stderr) == (0, "")
    [request] = cluster.asked("Apply")
    assert (request.spec.name, request.reason, request.sequence) == ("shop", "more colour", 1)


def test_a_failed_release_exits_with_1_and_shows_the_last_lines_of_the_replica(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    _rolling(cluster)
    cluster.lines = [a_log_line("cannot open /data")]
    cluster.steps.append(_it_has_failed)

    result = orbctl("apply")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: release 2 of shop failed: web/1 failed 3 times, last on n1: exit code 7",
        "  last lines of web/1:",
        "    | cannot open /data",
        "  → see `orbctl describe shop`; apply again when it is mended",
    ]


def test_a_replica_that_never_started_has_no_last_lines(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    _rolling(cluster)

    def no_image(after: FakeCluster) -> None:
        _it_has_failed(after)
        after.replicas = [replace(view, started_at=None) for view in after.replicas]

    cluster.steps.append(no_image)

    assert orbctl("apply").stderr.splitlines() == [
        "error: release 2 of shop failed: web/1 failed 3 times, last on n1: exit code 7",
        "  → see `orbctl describe shop`; apply again when it is mended",
    ]


def test_a_pipe_is_told_a_reason_once_however_often_it_is_tried_again() -> None:
    picture = Picture(
        environment="default", app="shop", number=2, services=(a_service_view(ready=0),)
    )
    news, told = News(), []
    for number, why in (
        (1, "exit code 7; next try in 1 s"),
        (2, ""),
        (2, "exit code 7; next try in 2 s"),
        (3, "killed: out of memory; next try in 4 s"),
        (4, "exit code 7; next try in 8 s"),
        (4, "as last heard 3 s ago, node n2 is suspect"),
        (4, "as last heard 4 s ago, node n2 is suspect"),
    ):
        view = a_replica_view(1, ready=False, state="failed", restarts=number, message=why)
        told += [unstyle(line) for line in news.of(replace(picture, replicas=(view,)))]
    assert told == [
        "web  0/3 ready",
        "web/1: exit code 7; next try in 1 s",
        "web/1: killed: out of memory; next try in 4 s",
        "web/1: as last heard 3 s ago, node n2 is suspect",
    ]


def test_a_replica_that_is_told_to_go_is_no_trouble(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _rolling(cluster)
    cluster.replicas.append(
        a_replica_view(4, ready=False, state="stopping", message="scaled to 3", restarts=1)
    )
    cluster.steps.append(_it_is_done)
    assert "scaled to 3" not in orbctl("apply").stdout


def test_a_release_that_takes_too_long_exits_with_3(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _rolling(cluster)
    result = orbctl("apply", "--timeout", "0.2s")
    assert result.exit_code == 3
    assert "timed out" in result.stderr
    assert "still going: release 2 of shop" in result.stderr
    assert "  web  0/3 ready   1 starting, 0 of 3 updated" in result.stdout.splitlines()


def test_a_superseded_release_says_by_which(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _rolling(cluster)

    def newer(after: FakeCluster) -> None:
        after.releases = [
            a_release_view(3, status="rolling"),
            a_release_view(2, status="superseded", current=False),
        ]

    cluster.steps.append(newer)
    result = orbctl("apply")
    assert result.exit_code == 1
    assert "release 2 of shop was superseded by release 3" in result.stderr


def test_what_is_already_so_is_said_and_waits_only_for_health(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.changed = False
    _it_is_done(cluster)
    cluster.services = [a_service_view(ready=2, message="1 of 3 not ready")]
    cluster.steps.append(_it_is_done)
    result = orbctl("apply")
    assert result.stdout.splitlines()[0] == "shop: nothing has changed, it is at release 2"
    assert result.exit_code == 0


def test_detached_it_returns_once_the_servers_have_agreed(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    _rolling(cluster)
    result = orbctl("up", "-d")
    assert result.exit_code == 0
    assert cluster.asked("Watch") == []


def test_a_bad_manifest_is_a_usage_error_and_nothing_is_sent(
    orbctl: Orbctl, cluster: FakeCluster, manifest: Path
) -> None:
    manifest.write_text("services:\n  web:\n    imag: app:v1\n")
    result = orbctl("apply")
    assert result.exit_code == 2
    assert "compose.yaml:3:5" in result.stderr
    assert cluster.calls == []


def test_a_write_is_repeated_with_its_number_after_a_change_of_leader(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    _it_is_done(cluster)
    cluster.refusals.append(Refusal(error="NotLeader"))
    assert orbctl("apply").exit_code == 0
    first, second = cluster.asked("Apply")
    assert first == second


def test_scale_stays_too(orbctl: Orbctl, cluster: FakeCluster) -> None:
    _it_is_done(cluster)
    cluster.changes = ("web: replicas 3 -> 5",)
    result = orbctl("scale", "web=5")
    assert result.exit_code == 0
    [request] = cluster.asked("Scale")
    assert (request.service.app, request.service.service, request.replicas) == ("shop", "web", 5)


def test_a_scale_that_names_no_count_is_a_usage_error(orbctl: Orbctl) -> None:
    result = orbctl("scale", "web")
    assert result.exit_code == 2
    assert "write it as web=5" in result.stderr


def test_a_name_in_two_apps_needs_the_app_too(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.services = [a_service_view(), replace(a_service_view(), app="blog")]
    result = orbctl("scale", "web=5")
    assert result.exit_code == 2
    assert "write the app too" in result.stderr
    assert cluster.asked("Scale") == []
