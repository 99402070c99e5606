"""A fake cluster on loopback, certificates for it, and orbctl run as a person would."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from orb.tls import Authority, Credentials, Identity
from tests.cli.fake_control import FakeCluster, Loopback

Orbctl = Callable[..., Result]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Credentials]:
    """Certificates of one cluster, by `server`, `user`, and of another one, `stranger`."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority.create("test"), Authority.create("other")
    return {
        "server": authority.issue(Identity("server", "s1"), folder / "server"),
        "user": authority.issue(Identity("user", "admin"), folder / "user"),
        "stranger": other.issue(Identity("user", "admin"), folder / "stranger"),
    }


@pytest.fixture
def cluster() -> FakeCluster:
    """The tables of the fake cluster."""
    return FakeCluster()


@pytest.fixture
def server(cluster: FakeCluster, certificates: dict[str, Credentials]) -> Iterator[Loopback]:
    """The fake cluster, listening."""
    loopback = Loopback(cluster, certificates["server"])
    yield loopback
    loopback.stop()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty folder to stand in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("ORB_SERVERS", "ORB_CERTS", "ORB_CONTEXT", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return tmp_path


@pytest.fixture
def orbctl(
    server: Loopback,
    certificates: dict[str, Credentials],
    home: Path,  # noqa: ARG001 - for what it does
    monkeypatch: pytest.MonkeyPatch,
) -> Orbctl:
    """Run orbctl against the fake cluster."""
    monkeypatch.setenv("ORB_SERVERS", server.address)
    monkeypatch.setenv("ORB_CERTS", str(certificates["user"].ca.parent))

    def run(*arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=given, catch_exceptions=False)

    return run
