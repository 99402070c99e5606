"""`orbctl secret` and `get configs|secrets`: what is stored comes from anywhere but an argument."""

from pathlib import Path

import pytest

from orb.cluster import FileView
from tests.cli.conftest import Orbctl
from tests.cli.fake_control import FakeCluster


def test_a_secret_comes_from_the_input_a_file_or_a_variable(
    orbctl: Orbctl, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.changes = ("shop: release 5",)
    (tmp_path / "pass").write_bytes(b"of the file\n\xff")
    monkeypatch.setenv("THE_PASS", "of the variable")
    first = orbctl("secret", "set", "db_pass", given="of the input\n")
    assert first.stdout == "db_pass is stored in default\n  shop: release 5\n"
    orbctl("secret", "set", "db_pass", "-e", "prod", "--file", str(tmp_path / "pass"))
    orbctl("secret", "set", "db_pass", "--from-env", "THE_PASS")
    stored = [(one.environment, one.name, one.content) for one in cluster.asked("SetSecret")]
    assert stored == [
        ("default", "db_pass", b"of the input\n"),
        ("prod", "db_pass", b"of the file\n\xff"),
        ("default", "db_pass", b"of the variable"),
    ]


def test_a_secret_is_never_an_argument_and_has_one_source(
    orbctl: Orbctl, cluster: FakeCluster, tmp_path: Path
) -> None:
    assert orbctl("secret", "set", "db_pass", "hunter2").exit_code == 2
    assert orbctl("secret", "set", "db_pass", "--file", "x", "--from-env", "Y").exit_code == 2
    absent = orbctl("secret", "set", "db_pass", "--from-env", "NOT_SET_ANYWHERE")
    assert "the environment variable NOT_SET_ANYWHERE is not set" in absent.stderr
    missing = orbctl("secret", "set", "db_pass", "--file", str(tmp_path / "none"))
    assert "No such file" in missing.stderr
    assert cluster.asked("SetSecret") == []


def test_a_secret_that_is_so_already_is_nothing_to_change(
    orbctl: Orbctl, cluster: FakeCluster
) -> None:
    cluster.changed = False
    result = orbctl("secret", "set", "db_pass", given="x")
    assert result.stdout == "db_pass: nothing to change\n"


def test_a_secret_is_forgotten_if_that_is_confirmed(orbctl: Orbctl, cluster: FakeCluster) -> None:
    assert orbctl("secret", "rm", "db_pass").exit_code == 1
    assert orbctl("secret", "rm", "db_pass", "-y").stdout == "db_pass is forgotten\n"
    assert [one.name for one in cluster.asked("RemoveSecret")] == ["db_pass"]


def test_lists_name_users_and_no_contents(orbctl: Orbctl, cluster: FakeCluster) -> None:
    cluster.secrets = [
        FileView(
            environment="default",
            app="",
            name="db_pass",
            digest="",
            size_bytes=7,
            users=("shop.db", "shop.web"),
            changed_at=None,
            author="ann",
        )
    ]
    cluster.configs = [
        FileView(
            environment="default",
            app="shop",
            name="site",
            digest="0123456789ab",
            size_bytes=2048,
            users=("web",),
        )
    ]
    listed = [line.split() for line in orbctl("secret", "ls").stdout.splitlines()]
    assert listed == [
        ["APP", "SECRET", "EXTERNAL", "SIZE", "USERS", "CHANGED"],
        ["(stored)", "db_pass", "no", "7B", "shop.db,", "shop.web", "-"],
    ]
    assert orbctl("get", "configs", "-o", "name").stdout == "shop.site\n"
    found = [line.split() for line in orbctl("get", "cm").stdout.splitlines()]
    assert found == [
        ["APP", "CONFIG", "DIGEST", "SIZE", "USERS"],
        ["shop", "site", "0123456789ab", "2K", "web"],
    ]


def test_contents_go_along_with_an_app_and_config_shows_no_secret(
    orbctl: Orbctl, cluster: FakeCluster, home: Path
) -> None:
    folder = home / "project"
    (folder / "pass").write_bytes(b"hunter2")
    (folder / "compose.yaml").write_text(
        "name: shop\n"
        "services: {web: {image: a, configs: [site], secrets: [pass]}}\n"
        "configs: {site: {content: hello}}\n"
        "secrets: {pass: {file: pass}}\n"
    )
    assert orbctl("apply", "-d").exit_code == 0
    [request] = cluster.asked("Apply")
    assert sorted(request.contents) == [b"hello", b"hunter2"]
    shown = orbctl("config")
    assert "content: hello" in shown.stdout
    for output in (shown.output, orbctl("config", "-o", "json").output):
        assert "hunter2" not in output
