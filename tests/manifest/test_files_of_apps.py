"""Configs and secrets in manifests: where they come from, what services see, what is carried."""

from pathlib import Path

import pytest

from orb.contents import (
    CONTENT_BYTES_MAX,
    ConfigSpec,
    FileKind,
    Grant,
    SecretSpec,
    digest_of,
)
from orb.manifest import Loaded, ManifestError, load, render
from tests.manifest.loading import loaded, refusal

CONFIG, SECRET = FileKind.CONFIG, FileKind.SECRET
ONE = digest_of(b"one\n")


def a_shop(folder: Path, top: str, service: str = "configs: [site]", **files: bytes) -> Loaded:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return loaded(folder, f"services: {{web: {{image: a, {service}}}}}\n{top}\n", {"TOKEN": "t$x"})


def grants(found: Loaded, service: int = 0) -> tuple[Grant, ...]:
    return found.app.services[service].task.container.files


def again(folder: Path, found: Loaded) -> Loaded:
    """The canonical text, loaded."""
    other = folder / "again"
    other.mkdir()
    (other / "compose.yaml").write_text(render(found.app, found.given))
    return load([other / "compose.yaml"], environment={"TOKEN": "t$x"})


def test_a_config_comes_from_a_file_a_text_or_a_variable(tmp_path: Path) -> None:
    top = (
        "configs: {a: {file: ./site.conf}, b: {content: 'port $$x ${TOKEN}'}, "
        "c: {environment: TOKEN}}"
    )
    found = a_shop(tmp_path, top, "configs: [a, b, c]", **{"site.conf": b"one\n"})
    expected = {"a": b"one\n", "b": b"port $x t$x", "c": b"t$x"}
    assert found.app.configs == tuple(
        ConfigSpec(name=name, digest=digest_of(content)) for name, content in expected.items()
    )
    assert set(found.contents) == set(expected.values())
    assert [grant.target for grant in grants(found)] == ["/a", "/b", "/c"]
    assert (found.warnings, again(tmp_path, found).app) == ((), found.app)


def test_the_long_form_says_where_whose_and_with_which_permissions(tmp_path: Path) -> None:
    service = (
        "configs: [{source: site, target: /etc/site.conf, uid: '33', gid: 34, mode: 0440}], "
        "secrets: [{source: pass, target: db, mode: '0400'}, pass]"
    )
    top = "configs: {site: {file: site.conf}}\nsecrets: {pass: {file: pass}}"
    files = {"site.conf": b"one\n", "pass": b"s3cret"}
    found = a_shop(tmp_path, top, service, **files)
    digest = digest_of(b"s3cret")
    assert grants(found) == (
        Grant(
            kind=CONFIG,
            name="site",
            digest=ONE,
            target="/etc/site.conf",
            uid=33,
            gid=34,
            mode=0o440,
        ),
        Grant(kind=SECRET, name="pass", digest=digest, target="/run/secrets/db", mode=0o400),
        Grant(kind=SECRET, name="pass", digest=digest, target="/run/secrets/pass"),
    )
    assert again(tmp_path, found).app == found.app


def test_an_external_secret_is_left_to_the_servers(tmp_path: Path) -> None:
    top = (
        "secrets: {a: {external: true}, b: {external: true, name: other}, c: {external: {name: d}}}"
    )
    found = a_shop(tmp_path, top, "secrets: [a, b, c]")
    assert found.app.secrets == (
        SecretSpec(name="a", external=True),
        SecretSpec(name="b", external=True, outside_name="other"),
        SecretSpec(name="c", external=True, outside_name="d"),
    )
    assert [grant.digest for grant in grants(found)] == ["", "", ""]
    assert (found.contents, again(tmp_path, found).app) == ((), found.app)


def test_what_no_service_uses_is_not_even_read(tmp_path: Path) -> None:
    top = "configs: {site: {content: x}, other: {file: ./none}}\nsecrets: {s: {environment: NO}}"
    found = a_shop(tmp_path, top)
    assert [config.name for config in found.app.configs] == ["site"]
    assert found.app.secrets == ()


def test_the_text_of_a_secret_is_never_written(tmp_path: Path) -> None:
    top = "secrets: {a: {file: pass}, b: {environment: TOKEN}}"
    found = a_shop(tmp_path, top, "secrets: [a, b]", **{"pass": b"hunter2"})
    text = render(found.app, found.given)
    assert "hunter2" not in text
    assert "t$$x" not in text
    assert f"file: {tmp_path}/pass" in text
    assert "environment: TOKEN" in text
    assert again(tmp_path, found).app == found.app
    assert "hunter2" not in repr(found.app)


def test_without_its_source_a_secret_is_stars_that_no_load_takes(tmp_path: Path) -> None:
    found = a_shop(tmp_path, "secrets: {a: {file: pass}}", "secrets: [a]", **{"pass": b"x"})
    with pytest.raises(ManifestError) as caught:
        loaded(tmp_path, render(found.app))
    assert "cannot read" in str(caught.value)
    assert "***" in str(caught.value)


def test_a_config_that_is_no_text_is_written_by_its_path(tmp_path: Path) -> None:
    found = a_shop(tmp_path, "configs: {site: {file: logo}}", logo=b"\x89PNG\x00\xff")
    assert f"file: {tmp_path}/logo" in render(found.app, found.given)
    assert again(tmp_path, found).app == found.app


@pytest.mark.parametrize(
    ("service", "top", "expected"),
    [
        ("configs: [sit]", "configs: {site: {content: x}}",
         "compose.yaml:1:38: the config 'sit' is not declared\n  Did you mean `site`?"),
        ("secrets: [pass]", "configs: {pass: {content: x}}",
         ("compose.yaml:1:38: the secret 'pass' is not declared\n"
         "  Declare it at the top level: `secrets`.")),
        ("configs: [a]", "configs: {a: {file: ./none}}",
         "compose.yaml:2:21: cannot read none: No such file or directory"),
        ("configs: [a]", "configs: {a: {environment: NOT_SET}}",
         ("compose.yaml:2:28: the variable 'NOT_SET' is not set\n"
         "  Set it, or take the content from a file.")),
        ("configs: [a]", "configs: {a: }",
         ("compose.yaml:2:11: the config 'a' needs one of `file`, `content` or `environment`, "
         "and has none")),
        ("secrets: [a]", "secrets: {a: {file: x, environment: Y}}",
         ("compose.yaml:2:11: the secret 'a' needs one of `file` or `environment`, "
         "and has file and environment")),
        ("configs: [{target: /x}]", "", "compose.yaml:1:38: a config needs a `source`"),
        ("configs: [{source: a, mod: 1}]", "configs: {a: {content: x}}",
         "compose.yaml:1:50: 'mod' is not a key of a config\n  Did you mean `mode`?"),
        ("configs: [{source: a, mode: 010000}]", "configs: {a: {content: x}}",
         "compose.yaml:1:56: `mode` must be from 0 to 4095, not '010000'"),
        ("configs: [a, {source: b, target: /a}]", "configs: {a: {content: x}, b: {content: y}}",
         "compose.yaml:1:41: two files or mounts have the target '/a'"),
        ("configs: [{source: a, target: /d}], volumes: [v:/d]",
         "configs: {a: {content: x}}\nvolumes: {v: }",
         "compose.yaml:1:38: two files or mounts have the target '/d'"),
        ("configs: [a]", "configs: {a: {external: true}}",
         ("compose.yaml:2:15: `external` of the config 'a' is not supported: only secrets are "
         "stored in a cluster\n  Use `file` or `content`.")),
        ("secrets: [a]", "secrets: {a: {file: x, driver: vault}}",
         ("compose.yaml:2:24: `driver` of the secret 'a' is not supported: the secret would come "
         "from elsewhere")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, service: str, top: str, expected: str
) -> None:
    text = f"services: {{web: {{image: a, {service}}}}}\n{top}\n"
    assert expected in refusal(tmp_path, text)


def test_one_that_is_too_large_and_too_many_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (CONTENT_BYTES_MAX + 1))
    text = "services: {web: {image: a, configs: [a]}}\nconfigs: {a: {file: large}}\n"
    assert "compose.yaml:2:21: the config 'a' has more than 512000 bytes" in refusal(tmp_path, text)
    names = [f"f{number}" for number in range(5)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * (CONTENT_BYTES_MAX // 2))
    top = "".join(f"  {name}: {{file: {name}}}\n" for name in names)
    text = f"services: {{web: {{image: a, configs: [{', '.join(names)}]}}}}\nconfigs:\n{top}"
    assert refusal(tmp_path, text) == (
        "compose.yaml:7:14: with the config 'f4' there are more than 2097152 bytes of them\n"
        "  Put large files into the image or a volume."
    )


def test_a_small_file_that_is_bound_goes_along_as_a_config_and_that_is_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "nginx.conf").write_bytes(b"one\n")
    (tmp_path / "run.sh").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    binds = (
        "[./conf/nginx.conf:/etc/nginx.conf:ro, {type: bind, source: ./run.sh, target: /run.sh}]"
    )
    found = a_shop(tmp_path, "", f"volumes: {binds}")
    assert found.app.services[0].task.container.mounts == ()
    assert grants(found) == (
        Grant(kind=CONFIG, name="nginx.conf", digest=ONE, target="/etc/nginx.conf"),
        Grant(
            kind=CONFIG,
            name="run.sh",
            digest=digest_of(b"#!/bin/sh\n"),
            target="/run.sh",
            mode=0o555,
        ),
    )
    assert found.warnings == ()
    assert str(found.notes[1]).replace(f"{tmp_path}/", "") == (
        "compose.yaml:1:38: note: ./conf/nginx.conf goes along as the config nginx.conf: the "
        "container sees it as it is now and cannot write to it; a change of it is a release"
    )
    assert again(tmp_path, found).app == found.app


def test_carried_files_of_one_name_are_told_apart_and_equal_ones_are_one(tmp_path: Path) -> None:
    for folder, content in (("a", b"one\n"), ("b", b"two"), ("c", b"one\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.conf").write_bytes(content)
    binds = "[./a/x.conf:/a, ./b/x.conf:/b, ./c/x.conf:/c]"
    found = a_shop(tmp_path, "configs: {x: {content: x}}", f"volumes: {binds}")
    assert [(grant.name, grant.digest) for grant in grants(found)] == [
        ("x.conf", ONE),
        ("x.conf-2", digest_of(b"two")),
        ("x.conf", ONE),
    ]


def test_folders_large_files_and_paths_of_the_node_are_bound_as_ever(tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "large").write_bytes(b"x" * (CONTENT_BYTES_MAX + 1))
    (tmp_path / "here").write_bytes(b"x")
    binds = f"[./html:/a, ./large:/b, ./none:/c, {tmp_path}/here:/d]"
    found = a_shop(tmp_path, "", f"volumes: {binds}")
    assert grants(found) == ()
    assert len(found.app.services[0].task.container.mounts) == 4
    assert ["is not carried there" in str(warning) for warning in found.warnings] == [True] * 3


def test_the_files_of_an_included_manifest_are_beside_that(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "my.cnf").write_bytes(b"one\n")
    (tmp_path / "db" / "compose.yaml").write_text(
        "services: {db: {image: b, configs: [cnf], volumes: ['./my.cnf:/x:ro']}}\n"
        "configs: {cnf: {file: ./my.cnf}}\n"
    )
    found = a_shop(tmp_path, "include: [db/compose.yaml]", "command: x")
    assert [grant.digest for grant in grants(found)] == [ONE, ONE]
