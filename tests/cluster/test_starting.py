"""How orb-server starts, and how it says that it cannot."""

import subprocess
import sys
from pathlib import Path

import pytest

from orb.tls import Authority, Identity

pytestmark = pytest.mark.slow


def orb_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from controlplane.main import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_is_made_from_the_table_of_options() -> None:
    found = orb_server("--help")
    assert found.returncode == 0
    assert "--servers NAME=HOST[:PORT[:PEER_PORT]],…" in found.stdout


def test_a_wrong_option_is_a_usage_error() -> None:
    found = orb_server("--nmae=s1")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == (
        "orb-server: there is no option '--nmae'; did you mean `--name`?\n"
        "  `orb-server --help` lists the options\n"
    )


def test_without_certificates_it_says_where_to_get_them(tmp_path: Path) -> None:
    found = orb_server("--name=s1", f"--certs={tmp_path}", f"--data={tmp_path}")
    assert found.returncode == 2
    assert "ca.pem does not exist" in found.stderr
    assert "orbctl init" in found.stderr
    assert "Traceback" not in found.stderr


def test_an_address_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    Authority.create("test").issue(Identity("server", "s1"), tmp_path / "certs")
    found = orb_server(
        "--name=s1", "--in-memory", f"--certs={tmp_path / 'certs'}", "--listen=192.0.2.1:7400"
    )
    assert found.returncode == 2
    assert "cannot listen for clients at 192.0.2.1:7400" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    Authority.create("test").issue(Identity("server", "s1"), tmp_path / "certs")
    (tmp_path / "file").write_text("")
    found = orb_server(
        "--name=s1",
        f"--certs={tmp_path / 'certs'}",
        f"--data={tmp_path / 'file' / 'data'}",
        "--servers=s1=127.0.0.1:15999:15998",
    )
    assert found.returncode == 1
    assert str(tmp_path / "file") in found.stderr
    assert "Traceback" not in found.stderr
