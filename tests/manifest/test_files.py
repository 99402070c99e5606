"""Apps of several files: `include` and `extends`."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orb.manifest import Loaded, ManifestError, load
from orb.spec import Mount, MountKind


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "compose.yaml"


def loaded(folder: Path, files: Mapping[str, str]) -> Loaded:
    return load([written(folder, files)], environment={"OUT": "side"}, project_name="shop")


def refusal(folder: Path, files: Mapping[str, str]) -> str:
    with pytest.raises(ManifestError) as caught:
        loaded(folder, files)
    return str(caught.value).replace(f"{folder}/", "")


def test_an_included_file_has_its_own_folder_and_variables(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "compose.yaml": "include: [db/compose.yaml]\nservices: {web: {image: 'w:$TAG'}}\n",
            ".env": "TAG=1\n",
            "db/compose.yaml": """services:
  db:
    image: db:$VERSION-$TAG-$OUT
    env_file: db.env
    environment: [VERSION, B=1]
    volumes: ['./init:/init:ro', 'data:/d', {type: bind, source: ../up, target: /up}]
volumes: {data: {}}
""",
            "db/.env": "VERSION=16\nTAG=2\n",
            "db/db.env": "A=file\n",
        },
    )
    db, web = (service.task.container for service in found.app.services)
    # The including file's variables win over those of the included file's folder.
    assert (web.image, db.image) == ("w:1", "db:16-1-side")
    assert db.environment == {"A": "file", "VERSION": "16", "B": "1"}
    assert db.mounts == (
        Mount(
            kind=MountKind.BIND, source=str(tmp_path / "db/init"), target="/init", read_only=True
        ),
        Mount(kind=MountKind.VOLUME, source="data", target="/d"),
        Mount(kind=MountKind.BIND, source=str(tmp_path / "up"), target="/up"),
    )
    assert [volume.name for volume in found.app.volumes] == ["data"]


def test_an_include_may_name_several_files_a_folder_and_variables(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "compose.yaml": """include:
  - path: [a/a.yaml, a/b.yaml]
    project_directory: other
    env_file: vars.env
services: {web: {image: w}}
""",
            "a/a.yaml": "services: {db: {image: 'db:$T', volumes: ['./x:/x']}}\n",
            "a/b.yaml": "services: {db: {hostname: $T}}\n",
            "vars.env": "T=7\n",
        },
    )
    db = found.app.services[0].task.container
    assert (db.image, db.hostname) == ("db:7", "7")
    assert db.mounts[0].source == str(tmp_path / "other/x")


def test_a_service_extends_another_of_its_file(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "compose.yaml": """services:
  base: {image: i, environment: {A: 1, B: 1}, command: a, profiles: [never]}
  mid: {extends: base, environment: [B=2], ports: ['1']}
  web: {extends: {service: mid}, command: b, ports: ['2'], profiles: !reset []}
"""
        },
    )
    (web,) = found.app.services
    assert web.task.container.environment == {"A": "1", "B": "2"}
    assert web.task.container.command == ("b",)
    assert [port.target for port in web.task.ports] == [1, 2]


def test_a_service_extends_one_of_another_file_and_paths_start_there(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "compose.yaml": "services: {web: {extends: {file: c/common.yaml, service: app}}}\n",
            "c/common.yaml": """services:
  app: {extends: {file: deep/deep.yaml, service: root}, env_file: a.env}
  broken: {nonsense: 1}
""",
            "c/a.env": "A=1\n",
            "c/deep/deep.yaml": "services: {root: {image: 'i:$OUT', volumes: ['./d:/d']}}\n",
        },
    )
    (web,) = found.app.services
    container = web.task.container
    assert (container.image, container.environment) == ("i:side", {"A": "1"})
    assert container.mounts[0].source == str(tmp_path / "c/deep/d")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"compose.yaml": "services: {a: {extends: b}, b: {extends: a}}\n"}, "extends itself"),
        ({"compose.yaml": "services: {a: {extends: a}}\n"}, "the service 'a' extends itself"),
        (
            {"compose.yaml": "services: {web: {image: i}, a: {extends: wb}}\n"},
            "1:42: the service 'wb', which is extended, is not there\n  Did you mean `web`?",
        ),
        (
            {
                "compose.yaml": "services: {a: {extends: {file: x.yaml, service: b}}}\n",
                "x.yaml": "services: {c: {image: i}}\n",
            },
            "the service 'b', which is extended, is not there in x.yaml",
        ),
        (
            {"compose.yaml": "services: {a: {extends: {file: no.yaml, service: b}}}\n"},
            "compose.yaml:1:25: cannot read no.yaml",
        ),
        (
            {"compose.yaml": "services: {a: {extends: {file: a.yaml}}}\n"},
            "`extends` needs a `service`",
        ),
        (
            {"compose.yaml": "services: {a: {extends: {srvice: a}}}\n"},
            "Did you mean `service`?",
        ),
        ({"compose.yaml": "include: [compose.yaml]\n"}, "compose.yaml includes itself"),
        (
            {
                "compose.yaml": "include: [a.yaml]\n",
                "a.yaml": "include: [./b.yaml]\n",
                "b.yaml": "include: [a.yaml]\n",
            },
            "b.yaml:1:11: a.yaml includes itself",
        ),
        ({"compose.yaml": "include: [a.yaml]\n"}, "compose.yaml:1:11: cannot read a.yaml"),
        ({"compose.yaml": "include: a.yaml\n"}, "`include` must be a list, not text"),
        ({"compose.yaml": "include: [{env_file: x}]\n"}, "an included file needs a `path`"),
        (
            {"compose.yaml": "include: ['https://example.com/c.yaml']\n"},
            "remote files are not fetched",
        ),
        (
            {
                "compose.yaml": "include: [a.yaml]\nservices: {web: {image: i}}\n",
                "a.yaml": "services: {web: {image: j}}\n",
            },
            "compose.yaml:2:12: 'web' of `services` is also defined in a.yaml:1:12",
        ),
        (
            {
                "compose.yaml": "include: [a.yaml]\n",
                "a.yaml": "services: {web: {image: i, mem_limit: lots}}\n",
            },
            "a.yaml:1:39: `mem_limit` must be an amount",
        ),
        (
            {
                "compose.yaml": "services:\n"
                + "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(400))
                + "  s400: {image: i}\n"
            },
            "in a row of more than 20",
        ),
    ],
)
def test_what_cannot_be_put_together_is_refused(
    tmp_path: Path, files: Mapping[str, str], expected: str
) -> None:
    assert expected in refusal(tmp_path, files)


def test_files_that_include_each_other_many_times_are_bounded(tmp_path: Path) -> None:
    files = {
        f"{n}.yaml": f"include: [{n + 1}.yaml, ./{n + 1}.yaml, x/../{n + 1}.yaml]\n"
        for n in range(1, 30)
    }
    files["compose.yaml"] = "include: [1.yaml]\n"
    files["30.yaml"] = files["x/y"] = "services: {web: {image: i}}\n"
    assert "more than 100 files are included" in refusal(tmp_path, files)


def test_what_two_included_files_define_alike_is_no_conflict(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        {
            "compose.yaml": "include: [a.yaml, b.yaml]\n",
            "a.yaml": "include: [c.yaml]\nservices: {a: {image: i, networks: [n]}}\n",
            "b.yaml": "include: [c.yaml]\nservices: {b: {image: i, networks: [n]}}\n",
            "c.yaml": "services: {c: {image: i}}\nnetworks: {n: {}}\n",
        },
    )
    assert [service.name for service in found.app.services] == ["a", "b", "c"]
