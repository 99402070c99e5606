from itertools import product

from agent.lifecycle import NEXT, Phase, Step, ending, next_step, phase_of
from agent.runtime.base import Running
from orb.ids import TaskId
from orb.lifecycle import TERMINAL, Desired, TaskState


def seen(*, started: bool = True, running: bool = True, **more: object) -> Running:
    return Running(task=TaskId(1), container_id="c1", started=started, running=running, **more)  # type: ignore[arg-type]


def test_a_wanted_task_is_prepared_started_and_watched() -> None:
    phases = (Phase.FRESH, Phase.PREPARED, Phase.CREATED, Phase.RUNNING, Phase.EXITED, Phase.ENDED)

    steps = [next_step(Desired.RUN, phase, condemned=False) for phase in phases]

    assert steps == [
        Step.PREPARE, Step.START, Step.START, Step.WATCH, Step.CONCLUDE, Step.REST,
    ]  # fmt: skip


def test_a_task_told_to_stop_is_never_prepared_or_started() -> None:
    steps = {next_step(Desired.STOP, phase, condemned=False) for phase in Phase}

    assert steps == {Step.STOP, Step.CONCLUDE, Step.REST}


def test_what_nobody_wants_is_stopped_if_it_runs_and_then_removed() -> None:
    assert {phase: next_step(None, phase, condemned=False) for phase in Phase} == {
        phase: Step.STOP if phase is Phase.RUNNING else Step.REMOVE for phase in Phase
    }


def test_a_condemned_task_does_not_run_on() -> None:
    assert next_step(Desired.RUN, Phase.RUNNING, condemned=True) is Step.STOP


def test_the_table_has_a_step_for_everything() -> None:
    assert all(set(steps) == set(Phase) for steps in NEXT.values())


def test_an_ended_task_stays_ended_unless_it_still_runs() -> None:
    phases = {
        (state, phase_of(state, container, prepared=True))
        for state, container in product(TERMINAL, (None, seen(running=False)))
    }

    assert phases == {(state, Phase.ENDED) for state in TERMINAL}
    assert phase_of(TaskState.FAILED, seen(), prepared=True) is Phase.RUNNING


def test_the_phase_follows_from_the_last_report_and_from_what_is_there() -> None:
    assert phase_of(TaskState.ASSIGNED, None, prepared=False) is Phase.FRESH
    assert phase_of(TaskState.PREPARING, None, prepared=True) is Phase.PREPARED
    assert (
        phase_of(TaskState.STARTING, seen(started=False, running=False), prepared=True)
        is Phase.CREATED
    )
    assert phase_of(TaskState.ASSIGNED, seen(), prepared=False) is Phase.RUNNING
    assert phase_of(TaskState.RUNNING, seen(running=False), prepared=True) is Phase.EXITED
    assert phase_of(TaskState.RUNNING, None, prepared=True) is Phase.VANISHED


def test_an_end_says_why() -> None:
    run, failed = Desired.RUN, TaskState.FAILED

    def ended(**more: object) -> Running:
        return seen(running=False, **more)

    assert ending(run, ended(exit_code=0), "") == (TaskState.STOPPED, "")
    assert ending(run, ended(exit_code=3), "") == (failed, "exited with 3")
    assert ending(run, ended(exit_code=139), "") == (failed, "exited with 139 (SIGSEGV)")
    assert ending(run, ended(exit_code=137, oom_killed=True), "") == (
        failed,
        "killed: it used more memory than its limit",
    )
    assert ending(run, ended(exit_code=0, oom_killed=True), "") == (TaskState.STOPPED, "")
    assert ending(run, ended(exit_code=127, error="no such file"), "") == (
        failed,
        "exited with 127: no such file",
    )
    assert ending(run, ended(), "") == (failed, "it ended, and its exit code is not known")
    assert ending(run, None, "") == (failed, "its container vanished: somebody removed it")
    assert ending(run, ended(exit_code=143), "unhealthy: no") == (failed, "unhealthy: no")
    assert ending(Desired.STOP, ended(exit_code=137), "") == (TaskState.STOPPED, "")
