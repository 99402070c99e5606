from controlplane.reconcilers.sizes import in_steps, size_of
from controlplane.state.commands import (
    AssignTasks,
    CreateTasks,
    LoseTasks,
    ReapReplicas,
    ReapTasks,
    SetBrake,
    Single,
    StopTasks,
)
from orb.ids import NodeName, TaskId
from tests.factories import a_replica_key, a_service_key

IDS = tuple(TaskId(n) for n in range(4_500))


def sizes(command: Single) -> list[int]:
    return [size_of(step) for step in in_steps(command)]


def test_a_command_that_names_too_much_becomes_several() -> None:
    keys = tuple(a_replica_key(f"web/{n}") for n in range(4_500))
    nodes = tuple(NodeName("n1") for _ in IDS)
    create = CreateTasks(service=a_service_key(), revision=1, numbers=IDS, reason="new")
    for command in (
        create,
        StopTasks(tasks=IDS, reason="x"),
        LoseTasks(tasks=IDS, reason="x"),
        ReapTasks(tasks=IDS),
        ReapReplicas(replicas=keys),
        AssignTasks(tasks=IDS, nodes=nodes),
    ):
        assert sizes(command) == [2_000, 2_000, 500]


def test_the_steps_together_are_the_command() -> None:
    nodes = tuple(NodeName(f"n{n}") for n in IDS)
    steps = list(in_steps(AssignTasks(tasks=IDS, nodes=nodes, why="room")))
    assert all(isinstance(step, AssignTasks) and step.why == "room" for step in steps)
    pairs = [
        pair
        for step in steps
        if isinstance(step, AssignTasks)
        for pair in zip(step.tasks, step.nodes, strict=True)
    ]
    assert pairs == list(zip(IDS, nodes, strict=True))


def test_what_is_small_enough_stays_as_it_is() -> None:
    stop, brake = StopTasks(tasks=IDS[:2_000], reason="x"), SetBrake(on=True)
    assert [*in_steps(stop), *in_steps(brake)] == [stop, brake]
