"""Records and messages say the same, and what is malformed is refused by its path."""

import dataclasses
from enum import IntEnum
from types import ModuleType
from typing import get_args, get_type_hints

import pytest

from orb import cluster, container, contents, ids, lifecycle, resources, spec, work
from orb.cluster import Amounts, NodeView, StatusView
from orb.errors import InvalidInput
from orb.ids import Millis, NodeName, ReplicaKey, TaskId
from orb.lifecycle import Availability, Desired, TaskState
from orb.resources import Resources
from orb.spec import AppSpec, ContainerSpec, Healthcheck, MountKind, Protocol
from orb.v1 import control_pb2, types_pb2
from orb.wire import to_message, to_record
from orb.work import Assignment, BoundPort, NodeFacts, Report
from tests.factories import a_service_spec, a_task_spec, a_volume, an_app_spec, some_facts


def classes_of(*modules: ModuleType) -> list[type]:
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


RECORDS = [
    kind
    for kind in classes_of(spec, container, contents, work, cluster, ids, resources)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")
]
ENUMERATIONS = [kind for kind in classes_of(spec, contents, lifecycle) if issubclass(kind, IntEnum)]
INSIDE = {"Actor", "NodeStatus", "ReleaseStatus"}
"""Enumerations that never leave a server."""


@pytest.mark.parametrize("record_class", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_and_its_message_have_the_same_fields(record_class: type) -> None:
    descriptor = types_pb2.DESCRIPTOR.message_types_by_name[record_class.__name__]
    hints = get_type_hints(record_class)
    fields = getattr(record_class, "_fields", None) or [
        field.name for field in dataclasses.fields(record_class)
    ]
    assert sorted(field.name for field in descriptor.fields) == sorted(fields)
    for field in descriptor.fields:
        may_be_absent = type(None) in get_args(hints[field.name])
        if may_be_absent:
            assert field.has_presence, f"{field.full_name} must be optional"
        elif field.message_type is None:
            assert not field.has_presence, f"{field.full_name} must not be optional"


@pytest.mark.parametrize("kind", ENUMERATIONS, ids=lambda kind: kind.__name__)
def test_an_enumeration_has_the_same_numbers_on_the_wire(kind: type[IntEnum]) -> None:
    tables = {
        **types_pb2.DESCRIPTOR.enum_types_by_name,
        **control_pb2.DESCRIPTOR.enum_types_by_name,
    }
    if kind.__name__ in INSIDE:
        return
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in kind.__name__)
    prefix = words.strip("_").upper()
    wire = {value.name: value.number for value in tables[kind.__name__].values}
    ours = {f"{prefix}_{item.name}": item.value for item in kind}
    assert wire == {f"{prefix}_UNSPECIFIED": 0, **ours}


@pytest.mark.parametrize(
    ("record", "message_class"),
    [
        (
            Assignment(
                task=TaskId(2**63 + 1),
                replica=ReplicaKey("default", "shop", "web", 3),
                release=4,
                desired=Desired.STOP,
                spec=a_task_spec(
                    mounts=(a_volume(),),
                    environment={"B": "2", "A": "1"},
                    ports=(spec.Port(target=80), spec.Port(target=53, protocol=Protocol.UDP)),
                    healthcheck=Healthcheck(test=("CMD", "true")),
                    needs=Resources(100, 5, {"gpu": 2}),
                ),
                trace="00-1-2-03",
            ),
            types_pb2.Assignment,
        ),
        (Report(task=TaskId(1), state=TaskState.FAILED, exit_code=0), types_pb2.Report),
        (
            Report(
                task=TaskId(1),
                state=TaskState.RUNNING,
                ready=True,
                ports=(BoundPort(container=80, host=32_000, address="10.0.0.1"),),
                started_at=Millis(0),
            ),
            types_pb2.Report,
        ),
        (some_facts(zone="a", volumes=("default.shop.data",)), types_pb2.NodeFacts),
        (an_app_spec(a_service_spec("db"), a_service_spec("web")), types_pb2.AppSpec),
        (
            NodeView(
                name="n1", state="ready", availability="active", address="a", used=Amounts(cpus=0.5)
            ),
            types_pb2.NodeView,
        ),
        (StatusView(leader="s1", nodes={"ready": 3}, age_ms=Millis(5)), types_pb2.StatusView),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_sent_is_what_is_read(record: object, message_class: type) -> None:
    message = message_class.FromString(to_message(record, message_class).SerializeToString())
    assert to_record(message, type(record)) == record


def test_an_empty_command_is_not_an_absent_one() -> None:
    for command in ((), None, ("a",)):
        record = ContainerSpec(image="i", command=command)
        message = to_message(record, types_pb2.ContainerSpec)
        assert to_record(message, ContainerSpec).command == command


def test_an_unspecified_enumeration_is_refused_by_its_path() -> None:
    message = to_message(
        an_app_spec(a_service_spec(mounts=(a_volume(), a_volume("other", "/other")))),
        types_pb2.AppSpec,
    )
    message.services[0].task.container.mounts[1].kind = types_pb2.MOUNT_KIND_UNSPECIFIED
    with pytest.raises(InvalidInput) as caught:
        to_record(message, AppSpec, "spec")
    assert caught.value.message == (
        "spec.services[0].task.container.mounts[1].kind is not given: "
        "it is one of volume, bind, tmpfs, anonymous"
    )


def test_an_unknown_number_of_an_enumeration_is_refused() -> None:
    message = types_pb2.Mount(target="/x")
    message.kind = 77  # type: ignore[assignment]  # what a newer party may send
    with pytest.raises(InvalidInput, match="kind has the unknown value 77"):
        to_record(message, spec.Mount)
    assert MountKind.BIND in MountKind


def test_a_missing_message_is_refused_unless_the_record_has_a_default() -> None:
    message = to_message(a_service_spec(), types_pb2.ServiceSpec)
    message.ClearField("update")
    assert to_record(message, spec.ServiceSpec) == a_service_spec()
    message.ClearField("task")
    with pytest.raises(InvalidInput, match="task is missing"):
        to_record(message, spec.ServiceSpec)


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Report cannot be sent: Value out of range"):
        to_message(Report(task=TaskId(-1), state=TaskState.NEW), types_pb2.Report)


def test_maps_are_read_in_the_order_of_their_keys() -> None:
    facts = NodeFacts(
        name=NodeName("n"),
        address="",
        os="",
        arch="",
        capacity=Resources(),
        labels={"z": "1", "a": "2", "m": "3"},
    )
    message = to_message(facts, types_pb2.NodeFacts)
    assert list(to_record(message, NodeFacts).labels) == ["a", "m", "z"]
    assert Availability(control_pb2.AVAILABILITY_DRAINING) is Availability.DRAINING
