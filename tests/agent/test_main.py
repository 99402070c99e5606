"""The program as it is run: what it says and does when it cannot start, and how it stops."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orb.tls import Authority, Identity

pytestmark = pytest.mark.slow


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def run(*arguments: str) -> tuple[int, str]:
    process = start(*arguments)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    Authority.create("test").issue(Identity("node", "n1"), tmp_path / "certs")
    return tmp_path / "certs"


def options(tmp_path: Path, certificates: Path) -> list[str]:
    return [
        *("--name", "n1", "--servers", "127.0.0.1:9", "--runtime", "fake"),
        *("--certs", str(certificates), "--data", str(tmp_path / "data")),
    ]


def test_bad_options_end_it_with_2_and_the_way_out() -> None:
    code, said = run("--name", "n1", "--srvers", "a:1")

    assert code == 2
    assert said.splitlines() == [
        "orb-agent: there is no option '--srvers'; did you mean `--servers`?",
        "  `orb-agent --help` lists the options",
    ]


def test_missing_certificates_are_named(tmp_path: Path) -> None:
    code, said = run(*options(tmp_path, tmp_path / "nowhere"))

    assert code == 1
    assert said.startswith(f"orb-agent: the certificate file {tmp_path}/nowhere/ca.pem does not")


def test_it_stops_at_once_and_only_one_works_in_a_folder(
    tmp_path: Path, certificates: Path
) -> None:
    first = start(*options(tmp_path, certificates))
    assert first.stderr is not None
    assert "starts node=n1 runtime=fake" in first.stderr.readline()

    code, said = run(*options(tmp_path, certificates))
    assert code == 1
    assert said.startswith(f"orb-agent: another agent works in {tmp_path}/data\n")

    told = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=10) == 0
    assert time.monotonic() - told < 2
    assert "stopped; what it runs goes on" in first.stderr.read()
    first.stderr.close()
