"""What a release changes, in lines for people."""

from dataclasses import replace

from controlplane.state.diffs import CHANGES_PER_RELEASE_MAX, changes
from orb.ids import Millis
from orb.spec import Healthcheck, Mode, Port, VolumeSpec
from tests.factories import a_service_spec, a_task_spec, an_app_spec


def test_each_difference_has_a_line_that_names_it() -> None:
    old = a_service_spec(task=a_task_spec(image="app:v1", environment={"A": "1", "B": "x"}))
    check = Healthcheck(test=("CMD", "true"), interval_ms=Millis(5))
    port = Port(target=80, published=8080)
    task = a_task_spec(
        image="app:v2", environment={"B": "y", "C": "z"}, healthcheck=check, ports=(port,)
    )
    new = replace(a_service_spec(replicas=5, task=task), mode=Mode.REPLICATED_JOB)
    assert changes(an_app_spec(old), an_app_spec(new)) == (
        "web: image app:v1 -> app:v2",
        "web: environment.A removed",
        "web: environment.B changed",
        "web: environment.C added",
        "web: ports (none) -> port",
        "web: healthcheck added",
        "web: mode replicated -> replicated_job",
        "web: replicas 3 -> 5",
    )


def test_services_and_volumes_come_and_go() -> None:
    old = replace(an_app_spec(a_service_spec("a")), volumes=(VolumeSpec(name="data"),))
    new = an_app_spec(a_service_spec("b", replicas=1))
    assert changes(old, new) == ("a: removed", "b: added, 1 x app:v1", "volume data: removed")


def test_a_password_is_never_told() -> None:
    old = an_app_spec(a_service_spec(task=a_task_spec(environment={"PASSWORD": "old-secret"})))
    new = an_app_spec(a_service_spec(task=a_task_spec(environment={"PASSWORD": "new-secret"})))
    assert changes(old, new) == ("web: environment.PASSWORD changed",)


def test_only_so_many_lines_are_kept() -> None:
    many = an_app_spec(*(a_service_spec(f"s{number}") for number in range(150)))
    lines = changes(None, many)
    assert len(lines) == CHANGES_PER_RELEASE_MAX
    assert lines[-1] == "… and 51 more changes"
