"""What the keys of a service mean."""

from pathlib import Path

import pytest

from orb.ids import Millis
from orb.resources import Resources
from orb.spec import (
    Condition,
    Dependency,
    FailureAction,
    Healthcheck,
    Mode,
    Mount,
    MountKind,
    Placement,
    Port,
    Priority,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    UpdateConfig,
    UpdateOrder,
)
from tests.manifest.loading import loaded, service_of, warnings_of

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("80", [Port(target=80, published=0)]),
        ("'80'", [Port(target=80, published=0)]),
        ("8080:80", [Port(target=80, published=8080)]),
        ("22:22", [Port(target=22, published=22)]),
        ("'8080:80/udp'", [Port(target=80, published=8080, protocol=Protocol.UDP)]),
        ("'127.0.0.1:8080:80'", [Port(target=80, published=8080, host_ip="127.0.0.1")]),
        ("'127.0.0.1::80'", [Port(target=80, published=0, host_ip="127.0.0.1")]),
        ("'0.0.0.0:8080:80'", [Port(target=80, published=8080)]),
        ("'[::1]:8080:80'", [Port(target=80, published=8080, host_ip="::1")]),
        ("'8000-8001:80-81'", [Port(target=80, published=8000), Port(target=81, published=8001)]),
        ("'3000-3001'", [Port(target=3000, published=0), Port(target=3001, published=0)]),
        (
            "{target: 80, published: '8080', protocol: udp, mode: host, name: web}",
            [
                Port(
                    target=80,
                    published=8080,
                    protocol=Protocol.UDP,
                    mode=PublishMode.HOST,
                    name="web",
                )
            ],
        ),
        ("{target: 80}", [Port(target=80, published=0)]),
    ],
)
def test_ports(tmp_path: Path, written: str, expected: list[Port]) -> None:
    assert list(service_of(tmp_path, f"ports:\n  - {written}").task.ports) == expected


def test_exposed_ports_answer_inside_and_published_ones_are_not_repeated(tmp_path: Path) -> None:
    body = "ports: ['80:80']\nexpose: [80, 9000-9001/udp, '80/udp']"
    assert service_of(tmp_path, body).task.ports == (
        Port(target=80, published=80),
        Port(target=9000, protocol=Protocol.UDP),
        Port(target=9001, protocol=Protocol.UDP),
        Port(target=80, protocol=Protocol.UDP),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("data:/d", Mount(kind=MountKind.VOLUME, source="data", target="/d")),
        ("data:/d/:ro", Mount(kind=MountKind.VOLUME, source="data", target="/d", read_only=True)),
        ("/x:/d", Mount(kind=MountKind.BIND, source="/x", target="/d")),
        ("/x/../y:/d:rw", Mount(kind=MountKind.BIND, source="/y", target="/d")),
        ("/anon", Mount(kind=MountKind.ANONYMOUS, target="/anon")),
        ("{type: volume, target: /d}", Mount(kind=MountKind.ANONYMOUS, target="/d")),
        (
            "{type: volume, source: data, target: /d, read_only: true}",
            Mount(kind=MountKind.VOLUME, source="data", target="/d", read_only=True),
        ),
        (
            "{type: tmpfs, target: /d, tmpfs: {size: 1m}}",
            Mount(kind=MountKind.TMPFS, target="/d", size_bytes=MIB),
        ),
        (
            "{type: bind, source: /x, target: /d}",
            Mount(kind=MountKind.BIND, source="/x", target="/d"),
        ),
    ],
)
def test_volumes(tmp_path: Path, written: str, expected: Mount) -> None:
    assert service_of(tmp_path, f"volumes:\n  - {written}").task.container.mounts == (expected,)


def test_a_relative_path_starts_at_the_folder_of_the_first_file_and_is_said(tmp_path: Path) -> None:
    text = "services: {web: {image: i, volumes: ['../x:/x']}}\n"
    source = str(tmp_path.parent / "x")
    (service,) = loaded(tmp_path, text).app.services
    assert service.task.container.mounts[0].source == source
    assert "its content is not carried there" in warnings_of(tmp_path, text)[0]


def test_tmpfs(tmp_path: Path) -> None:
    body = "tmpfs: ['/b:size=64m,mode=755,exec', /a]"
    found = service_of(tmp_path, body).task.container.tmpfs
    assert found == {"/a": "", "/b": "size=64m,mode=755,exec"}
    assert service_of(tmp_path, "tmpfs: /run").task.container.tmpfs == {"/run": ""}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("curl -f http://x", ("CMD-SHELL", "curl -f http://x")),
        ("[CMD, a, b c]", ("CMD", "a", "b c")),
        ("[CMD-SHELL, a b]", ("CMD-SHELL", "a b")),
    ],
)
def test_healthchecks(tmp_path: Path, written: str, expected: tuple[str, ...]) -> None:
    task = service_of(tmp_path, f"healthcheck: {{test: {written}, interval: 5s}}").task
    assert task.healthcheck == Healthcheck(test=expected, interval_ms=Millis(5_000))


@pytest.mark.parametrize(
    "written", ["{test: [NONE]}", "{disable: true}", "{test: x, disable: true}"]
)
def test_health_can_be_left_unasked(tmp_path: Path, written: str) -> None:
    task = service_of(tmp_path, f"healthcheck: {written}").task
    assert (task.healthcheck, task.healthcheck_disabled) == (None, True)


@pytest.mark.parametrize(
    ("written", "condition", "attempts"),
    [
        ("no", RestartCondition.NONE, 0),
        ("'no'", RestartCondition.NONE, 0),
        ("always", RestartCondition.ANY, 0),
        ("unless-stopped", RestartCondition.ANY, 0),
        ("on-failure", RestartCondition.ON_FAILURE, 0),
        ("on-failure:3", RestartCondition.ON_FAILURE, 3),
    ],
)
def test_restart(tmp_path: Path, written: str, condition: RestartCondition, attempts: int) -> None:
    found = service_of(tmp_path, f"restart: {written}").restart
    assert found == RestartPolicy(condition=condition, attempts_max=attempts)


def test_the_restart_policy_of_deploy_counts_before_restart(tmp_path: Path) -> None:
    body = """restart: "no"
deploy: {restart_policy: {condition: on-failure, delay: 2m, max_attempts: 3, window: 1h}}"""
    assert service_of(tmp_path, body).restart == RestartPolicy(
        condition=RestartCondition.ON_FAILURE,
        delay_ms=Millis(120_000),
        delay_max_ms=Millis(120_000),
        attempts_max=3,
        window_ms=Millis(3_600_000),
    )


def test_a_job_is_run_again_only_when_it_failed(tmp_path: Path) -> None:
    service = service_of(tmp_path, "deploy: {mode: replicated-job}")
    assert service.mode is Mode.REPLICATED_JOB
    assert service.restart == RestartPolicy(condition=RestartCondition.ON_FAILURE)


def test_a_service_that_others_wait_for_to_complete_is_not_run_again(tmp_path: Path) -> None:
    text = """services:
  web: {image: i, depends_on: {setup: {condition: service_completed_successfully}}}
  setup: {image: i}
"""
    found = loaded(tmp_path, text)
    setup, web = found.app.services
    assert setup.restart == RestartPolicy(condition=RestartCondition.ON_FAILURE)
    assert web.restart == RestartPolicy()
    assert "setup is not run again once it ended well" in found.notes[-1].message


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ("tty: false", UpdateOrder.START_FIRST),
        ("ports: ['80:80']", UpdateOrder.START_FIRST),
        ("ports: [{target: 80, published: '80', mode: host}]", UpdateOrder.STOP_FIRST),
        ("volumes: ['data:/d']", UpdateOrder.STOP_FIRST),
        ("volumes: ['/etc/localtime:/etc/localtime:ro']", UpdateOrder.START_FIRST),
        ("volumes: ['data:/d']\ndeploy: {update_config: {order: start-first}}",
         UpdateOrder.START_FIRST),
    ],
)  # fmt: skip
def test_what_cannot_run_beside_itself_stops_first(
    tmp_path: Path, body: str, order: UpdateOrder
) -> None:
    assert service_of(tmp_path, body).update == UpdateConfig(order=order)


def test_update_config(tmp_path: Path) -> None:
    body = """deploy:
  update_config: {parallelism: 0, delay: 10s, failure_action: pause, monitor: 0s,
                  max_failure_ratio: 0.25, order: stop-first}"""
    assert service_of(tmp_path, body).update == UpdateConfig(
        parallelism=0,
        delay_ms=Millis(10_000),
        order=UpdateOrder.STOP_FIRST,
        failure_action=FailureAction.PAUSE,
        monitor_ms=Millis(0),
        max_failure_ratio=0.25,
    )


@pytest.mark.parametrize(
    ("body", "reserved", "limit"),
    [
        ("tty: false", Resources(100, 64 * MIB), Resources()),
        ("cpus: 0.05\nmem_limit: 32m", Resources(50, 32 * MIB), Resources(50, 32 * MIB)),
        ("mem_reservation: 1g", Resources(100, 1024 * MIB), Resources()),
        ("deploy: {resources: {reservations: {cpus: '0.25', memory: 128M}, limits: {memory: 1G}}}",
         Resources(250, 128 * MIB), Resources(0, 1024 * MIB)),
        ("deploy: {resources: {reservations: {cpus: 0, memory: 0}}}", Resources(), Resources()),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 2}]}}}",
         Resources(100, 64 * MIB, {"gpu": 2}), Resources()),
        (("deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: "
          "{kind: SSD, value: 1}}]}}}"),
         Resources(100, 64 * MIB, {"ssd": 1}), Resources()),
        ("gpus: [{driver: nvidia, count: 1}]", Resources(100, 64 * MIB, {"gpu": 1}), Resources()),
    ],
)  # fmt: skip
def test_resources(tmp_path: Path, body: str, reserved: Resources, limit: Resources) -> None:
    task = service_of(tmp_path, body).task
    assert (task.reservations, task.limits) == (reserved, limit)


def test_placement(tmp_path: Path) -> None:
    body = """platform: linux/x86_64
deploy:
  placement:
    constraints: [node.labels.disk==ssd, "node.platform.arch in (x86_64, arm64)"]
    preferences: [{spread: node.labels.zone}]
    max_replicas_per_node: 2"""
    assert service_of(tmp_path, body).task.placement == Placement(
        constraints=("node.labels.disk == ssd", "node.platform.arch in amd64, arm64"),
        spread=("node.labels.zone",),
        max_replicas_per_node=2,
        platform="linux/amd64",
    )


def test_environment_of_files_lists_and_maps(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=file\nB=file\nC=$OUT\n")
    body = """env_file: [a.env, {path: no.env, required: false}]
environment: [B=list, "D=x=y", E=, OUT, NOT_THERE]"""
    found = service_of(tmp_path, body, {"OUT": "side"}).task.container.environment
    assert found == {"A": "file", "B": "list", "C": "side", "D": "x=y", "E": "", "OUT": "side"}
    body = "environment: {A: 1.10, B: true, C: 1e3, D: yes, E: '', F: , OUT: }"
    found = service_of(tmp_path, body, {"OUT": "side"}).task.container.environment
    assert found == {"A": "1.10", "B": "true", "C": "1e3", "D": "yes", "E": "", "OUT": "side"}


def test_numbers_with_a_leading_zero_are_octal_as_in_compose_and_said(tmp_path: Path) -> None:
    text = "services: {web: {image: i, environment: {MODE: 0755}}}\n"
    assert loaded(tmp_path, text).app.services[0].task.container.environment == {"MODE": "493"}
    assert warnings_of(tmp_path, text) == [
        (
            "compose.yaml:1:48: warning: 0755 is read as the number 493, as Compose reads it\n"
            '  Write "0755" in quotes to keep it as it stands.'
        )
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sh -c 'echo $$HOME \"x y\"'", ("sh", "-c", 'echo $HOME "x y"')),
        ("[sh, -c, 'a b', 3, true]", ("sh", "-c", "a b", "3", "true")),
        ("[]", ()),
        ("''", ()),
        ("", None),
    ],
)
def test_commands(tmp_path: Path, written: str, expected: tuple[str, ...] | None) -> None:
    container = service_of(tmp_path, f"command: {written}\nentrypoint: {written}").task.container
    assert (container.command, container.entrypoint) == (expected, expected)


def test_dependencies_and_links(tmp_path: Path) -> None:
    text = """services:
  web:
    image: i
    depends_on:
      db: {condition: service_healthy}
      job: {condition: service_completed_successfully, required: false}
    links: [cache, "db:db"]
  cache: {image: i, depends_on: [db]}
  db: {image: i}
  job: {image: i}
"""
    services = {service.name: service for service in loaded(tmp_path, text).app.services}
    assert services["web"].depends_on == (
        Dependency(service="cache"),
        Dependency(service="db", condition=Condition.HEALTHY),
        Dependency(service="job", condition=Condition.COMPLETED, required=False),
    )
    assert services["cache"].depends_on == (Dependency(service="db"),)


@pytest.mark.parametrize(
    ("written", "grace", "name"),
    [
        ("stop_signal: SIGINT", 10_000, "SIGINT"),
        ("stop_signal: int", 10_000, "SIGINT"),
        ("stop_signal: 15", 10_000, "SIGTERM"),
        ("stop_signal: SIGRTMIN+3", 10_000, "SIGRTMIN+3"),
        ("stop_grace_period: 1m30s", 90_000, "SIGTERM"),
        ("stop_grace_period: 0s", 0, "SIGTERM"),
        ("ports: [80]", 30_000, "SIGTERM"),
    ],
)
def test_stopping(tmp_path: Path, written: str, grace: int, name: str) -> None:
    container = service_of(tmp_path, written).task.container
    assert (container.stop_grace_period_ms, container.stop_signal) == (grace, name)


def test_the_simple_keys_of_a_container(tmp_path: Path) -> None:
    body = """user: 1000:1000
working_dir: /srv
hostname: h
container_name: my_web
labels: [a=1, b]
init: true
tty: true
stdin_open: true
read_only: true
networks: {front: , default: }
x-orb: {priority: high}
deploy: {labels: {c: d}, replicas: 3}"""
    service = service_of(tmp_path, body)
    container = service.task.container
    assert (container.user, container.working_dir) == ("1000:1000", "/srv")
    assert (container.hostname, container.container_name) == ("h", "my_web")
    assert container.labels == {"a": "1", "b": ""}
    assert (container.init, container.tty, container.stdin_open) == (True, True, True)
    assert (container.read_only, container.networks) == (True, ("default", "front"))
    assert (service.priority, service.labels, service.replicas) == (Priority.HIGH, {"c": "d"}, 3)


@pytest.mark.parametrize(
    "written",
    ["cap_add: []", "privileged: false", "ipc: private", "network_mode: bridge",
     "pull_policy: missing", "ulimits: {}", "deploy: {endpoint_mode: vip}", "attach: true",
     "x-anything: {a: [1]}", "develop: {watch: []}", "x-orb: {autoscale: false}"],
)  # fmt: skip
def test_what_asks_for_nothing_is_not_mentioned(tmp_path: Path, written: str) -> None:
    assert warnings_of(tmp_path, f"services: {{web: {{image: i, {written}}}}}\n") == []
