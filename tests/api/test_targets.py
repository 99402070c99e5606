"""Whose output a person gets who asks for that of a replica."""

from dataclasses import replace

from controlplane.api.targets import with_output
from controlplane.state.tables import Task
from orb.ids import ReplicaKey
from orb.lifecycle import TaskState
from tests.factories import NOW, a_node, a_service, a_state_with, a_task

KEY = ReplicaKey("default", "shop", "web", 1)


def chosen(*tasks: Task) -> list[int]:
    state = a_state_with(a_node("n1"), a_service("web"), *tasks)
    return [task.id for task in with_output(state, KEY)]


def failed(number: int, *, started: bool) -> Task:
    task = a_task(number, "web/1", node="n1", state=TaskState.FAILED)
    return replace(task, started_at=NOW if started else None)


def test_those_that_run_come_before_those_that_have_ended() -> None:
    running = a_task(2, "web/1", node="n1", state=TaskState.RUNNING)
    assert chosen(failed(1, started=True), running) == [2]


def test_the_last_that_ran_counts_while_the_next_one_has_not_begun() -> None:
    next_one = a_task(3, "web/1", node="n1", state=TaskState.ASSIGNED)
    assert chosen(failed(1, started=True), failed(2, started=True), next_one) == [2]


def test_one_that_never_started_has_no_output_and_an_older_one_does_not_speak_for_it() -> None:
    assert chosen(failed(1, started=True), failed(2, started=False)) == []
