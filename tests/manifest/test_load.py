"""Files to an app: the short form, names, files on top of each other, profiles, variables."""

from pathlib import Path

import pytest

from orb.ids import Millis
from orb.manifest import ManifestError, load
from orb.manifest.diagnostics import Place
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    ContainerSpec,
    Mount,
    MountKind,
    Port,
    ServiceSpec,
    TaskSpec,
    VolumeSpec,
)
from tests.manifest.loading import loaded, refusal, service_of, warnings_of

ROOT = Path(__file__).parents[2]
NAMED = {"COMPOSE_PROJECT_NAME": "shop"}


def test_the_example_of_the_readme_is_three_replicas_behind_one_port() -> None:
    found = load([ROOT / "examples/my-app.yaml"], environment={})
    web = ServiceSpec(
        name="my-app",
        replicas=3,
        task=TaskSpec(
            container=ContainerSpec(image="my-app:v2", stop_grace_period_ms=Millis(30_000)),
            ports=(Port(target=8080, published=8080),),
        ),
    )
    assert (found.app, found.warnings) == (AppSpec(name="my-app", services=(web,)), ())


def test_the_short_form_takes_the_keys_of_a_service(tmp_path: Path) -> None:
    text = "application: a\nimage: i\nport: 80:8080\nvolumes: [data:/d]\ncommand: run me\n"
    (service,) = loaded(tmp_path, text).app.services
    assert service.task.container.command == ("run", "me")
    assert service.task.container.mounts == (
        Mount(kind=MountKind.VOLUME, source="data", target="/d"),
    )
    assert service.task.ports == (Port(target=8080, published=80),)
    assert loaded(tmp_path, text).app.volumes == (VolumeSpec(name="data"),)


def test_the_app_is_called_as_asked_else_as_the_file_says_else_as_its_folder(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "My_Shop.v2"
    folder.mkdir()
    path = folder / "compose.yaml"
    path.write_text("services: {web: {image: i}}\n")
    assert load([path], environment={}).app.name == "my-shop-v2"
    assert load([path], environment={}, project_name="asked").app.name == "asked"
    assert load([path], environment={"COMPOSE_PROJECT_NAME": "env"}).app.name == "env"
    path.write_text("name: ${N:-written}\nservices: {web: {image: i}}\n")
    assert load([path], environment={}).app.name == "written"
    assert load([path], environment={}, project_name="asked").app.name == "asked"
    assert load([path], environment={"COMPOSE_PROJECT_NAME": "env"}).app.name == "env"


def test_the_service_of_a_short_form_keeps_its_name_when_the_app_gets_another(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("application: web\nimage: i\n")
    app = load([path], environment={}, project_name="second").app
    assert (app.name, app.services[0].name) == ("second", "web")


def test_a_folder_stands_for_its_manifest_and_compose_s_own_override(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: a\nservices: {web: {image: one}}\n")
    (tmp_path / "compose.override.yaml").write_text("services: {web: {image: two}}\n")
    found = load([tmp_path], environment={})
    assert found.app.services[0].task.container.image == "two"
    assert found.files == (tmp_path / "compose.yaml", tmp_path / "compose.override.yaml")
    named = load([tmp_path / "compose.yaml"], environment={})
    assert named.app.services[0].task.container.image == "one"


def test_without_a_path_the_environment_or_the_folder_says_which_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: one}}\n")
    (tmp_path / "b.yaml").write_text("services: {web: {image: two}}\n")
    monkeypatch.chdir(tmp_path)
    (one,) = load([], environment={}).app.services
    (two,) = load([], environment={"COMPOSE_FILE": "compose.yaml:b.yaml"}).app.services
    assert (one.task.container.image, two.task.container.image) == ("one", "two")
    (tmp_path / ".env").write_text("COMPOSE_FILE=b.yaml\n")
    assert load([], environment={}).files == (Path("b.yaml"),)


def test_an_environment_has_its_own_override_and_variables(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("services: {web: {image: 'i:${TAG}'}}\n")
    (tmp_path / "shop.prod.yaml").write_text("services: {web: {deploy: {replicas: 5}}}\n")
    (tmp_path / ".env").write_text("TAG=1\n")
    (tmp_path / ".env.prod").write_text("TAG=2\n")
    path = tmp_path / "shop.yaml"
    (prod,) = load([path], environment={}, target_environment="prod").app.services
    (default,) = load([path], environment={}).app.services
    (outside,) = load([path], environment={"TAG": "3"}).app.services
    assert (prod.task.container.image, prod.replicas) == ("i:2", 5)
    assert (default.task.container.image, default.replicas) == ("i:1", 1)
    assert outside.task.container.image == "i:3"


def test_an_override_in_the_short_form_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("application: a\nimage: i:1\nreplicas: 3\nport: 80\n")
    (tmp_path / "a.prod.yaml").write_text("replicas: 9\n")
    found = load([tmp_path / "a.yaml"], environment={}, target_environment="prod")
    assert [(s.name, s.replicas, s.task.container.image) for s in found.app.services] == [
        ("a", 9, "i:1")
    ]


def test_several_documents_of_a_file_are_put_on_top_of_each_other(tmp_path: Path) -> None:
    text = "services: {web: {image: one}}\n---\nservices: {web: {image: two}}\n"
    assert loaded(tmp_path, text).app.services[0].task.container.image == "two"


def test_services_of_other_profiles_are_left_out(tmp_path: Path) -> None:
    text = """
services:
  web: {image: i}
  debug: {image: i, profiles: [debug, all]}
"""
    path = tmp_path / "compose.yaml"
    path.write_text(text)

    def names(**more: str) -> list[str]:
        profiles = tuple(filter(None, [more.get("profile")]))
        environment = {"COMPOSE_PROFILES": more.get("variable", "")}
        found = load([path], environment=environment, profiles=profiles)
        return [service.name for service in found.app.services]

    assert names() == ["web"]
    assert names(profile="debug") == ["debug", "web"]
    assert names(profile="*") == ["debug", "web"]
    assert names(variable="x,all") == ["debug", "web"]


def test_a_dependency_on_a_service_left_out_is_refused_unless_it_is_not_required(
    tmp_path: Path,
) -> None:
    text = """services:
  web:
    image: i
    depends_on:
      db: {condition: service_started, required: REQUIRED}
  db: {image: i, profiles: [x]}
"""
    assert refusal(tmp_path, text.replace("REQUIRED", "true")) == (
        "compose.yaml:5:7: web depends on 'db', which its profiles leave out\n"
        "  Ask for its profile with --profile."
    )
    (web,) = loaded(tmp_path, text.replace("REQUIRED", "false")).app.services
    assert web.depends_on == ()


def test_variables_that_are_not_set_are_said_once(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: i:1$TAG\n    hostname: h$TAG\n"
    assert warnings_of(tmp_path, text) == [
        (
            "compose.yaml:3:12: warning: the variable TAG is not set: it counts as empty\n"
            "  Set it, or write `${TAG:-default}`."
        )
    ]


def test_keys_are_not_looked_into_for_variables(tmp_path: Path) -> None:
    service = service_of(tmp_path, 'labels: {"$A": "$B"}', {"A": "1", "B": "2"})
    assert service.task.container.labels == {"$A": "2"}


def test_the_project_name_can_be_used_in_the_file(tmp_path: Path) -> None:
    service = service_of(tmp_path, "hostname: $COMPOSE_PROJECT_NAME-web", NAMED)
    assert service.task.container.hostname == "shop-web"


def test_numbers_and_truth_values_may_come_from_variables(tmp_path: Path) -> None:
    body = "tty: ${T}\ndeploy: {replicas: '${N}', resources: {limits: {cpus: '${C}'}}}"
    service = service_of(tmp_path, body, {"T": "true", "N": "4", "C": "1.5"})
    assert (service.task.container.tty, service.replicas) == (True, 4)
    assert service.task.limits == Resources(milli_cpus=1500)


def test_all_errors_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services:\n  web:\n    imag: x\n    ports: [99999]\n")
    (tmp_path / "b.yaml").write_text("services: [\n")
    with pytest.raises(ManifestError) as caught:
        load([tmp_path / "a.yaml", tmp_path / "b.yaml"], environment={})
    places = [each.place for each in caught.value.diagnostics]
    a, b = str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")
    assert places == [Place(a, 2, 3), Place(a, 3, 5), Place(a, 4, 13), Place(b, 2, 1)]


@pytest.mark.parametrize("kind", ["absent", "folder", "large", "device", "binary", "empty"])
def test_what_is_not_a_manifest_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.yaml"
    match kind:
        case "folder":
            path.mkdir()
        case "large":
            path.write_bytes(b"#" * (1024 * 1024 + 1))
        case "device":
            path = Path("/dev/zero")
        case "binary":
            path.write_bytes(b"a: \xff\xfe\n")
        case "empty":
            path.write_text("# nothing\n")
    with pytest.raises(ManifestError) as caught:
        load([path], environment={})
    expected = {
        "absent": "cannot read", "folder": "no manifest in this folder",
        "large": "larger than", "device": "is not a file", "binary": "not UTF-8",
        "empty": "the file is empty",
    }  # fmt: skip
    assert expected[kind] in str(caught.value)


def test_the_example_with_keys_of_later_versions_says_what_each_would_lack() -> None:
    with pytest.raises(ManifestError) as caught:
        load([Path(__file__).parent / "shop.yaml"], environment={})
    assert {each.message.split(":")[0] for each in caught.value.diagnostics} >= {
        "`schedule` of `x-orb` of a service is not active yet",
    }
