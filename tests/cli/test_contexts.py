"""Which cluster is meant, where several are known."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.contexts import Context, all_contexts, load, remove, resolve, save, use
from cli.main import main
from orb.errors import InvalidInput, NotFound


def a_context(name: str, **changes: object) -> Context:
    given = {"servers": ("127.0.0.1:7400",), "certificates": Path("/certs"), **changes}
    return Context(name=name, **given)  # type: ignore[arg-type]  # by name, from the test


def test_a_context_is_read_as_it_was_written(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    context = a_context("prod", environment="live", folder=Path('/a "quoted" folder'))
    save(context, environ)
    assert load("prod", environ) == context
    assert all_contexts(environ) == [context]


def test_the_named_one_goes_before_the_environment_before_the_folder_before_the_current(
    tmp_path: Path,
) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    here = tmp_path / "project" / "deep"
    save(a_context("named"), environ)
    save(a_context("local", folder=tmp_path / "project"), environ)
    save(a_context("current"), environ)
    use("current", environ)
    both = {**environ, "ORB_SERVERS": "10.0.0.1:7400", "ORB_CERTS": "/c"}
    assert resolve("named", both, here).name == "named"
    assert resolve(None, {**both, "ORB_CONTEXT": "named"}, here).name == "named"
    assert resolve(None, both, here).servers == ("10.0.0.1:7400",)
    assert resolve(None, environ, here).name == "local"
    assert resolve(None, environ, tmp_path).name == "current"


def test_the_only_one_is_meant_where_none_is_current(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    save(a_context("one"), environ)
    assert resolve(None, environ, tmp_path).name == "one"
    save(a_context("two"), environ)
    with pytest.raises(NotFound, match="there are one, two"):
        resolve(None, environ, tmp_path)


def test_a_removed_one_is_no_longer_current(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    save(a_context("one"), environ)
    use("one", environ)
    assert remove("one", environ)
    assert not remove("one", environ)
    with pytest.raises(NotFound, match="no cluster is known"):
        resolve(None, environ, tmp_path)


@pytest.mark.parametrize(
    "text", ["servers = 3", "servers = []\ncertificates = 'x'", "servers = ['nonsense']", "]["]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "orb" / "contexts" / "bad.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InvalidInput):
        load("bad", {"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize("name", ["../escape", "", "-x", "a/b"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        save(a_context(name), {"XDG_CONFIG_HOME": str(tmp_path)})


def test_init_makes_certificates_once_and_a_context(home: Path) -> None:
    arguments = ["init", "certs", "--server", "s1=10.0.0.1", "--node", "n1"]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    certs = home / "project" / "certs"
    assert sorted(str(path.relative_to(certs)) for path in certs.rglob("*.pem")) == [
        "ca/ca-key.pem",
        "ca/ca.pem",
        *(f"nodes/n1/{name}.pem" for name in ("ca", "cert", "key")),
        *(f"servers/s1/{name}.pem" for name in ("ca", "cert", "key")),
        *(f"users/admin/{name}.pem" for name in ("ca", "cert", "key")),
    ]
    context = load("orb")
    assert context.servers == ("10.0.0.1:7400",)
    assert context.certificates == certs / "users" / "admin"
    before = (certs / "nodes" / "n1" / "cert.pem").read_bytes()
    second = CliRunner().invoke(main, [*arguments, "--node", "n2"])
    assert "1 certificate made" in second.stdout
    assert (certs / "nodes" / "n1" / "cert.pem").read_bytes() == before


def test_contexts_are_listed_chosen_and_removed(home: Path) -> None:
    del home
    runner = CliRunner()
    add = ["context", "add", "prod", "--server", "10.0.0.1:7400", "--certs", "certs"]
    assert runner.invoke(main, add).exit_code == 0
    assert runner.invoke(main, ["context", "list"]).stdout.splitlines()[1].split() == [
        "*",
        "prod",
        "10.0.0.1:7400",
        "-",
        "-",
    ]
    assert runner.invoke(main, ["context", "remove", "prod"]).exit_code == 0
    assert runner.invoke(main, ["context", "use", "prod"]).exit_code == 1
