from dataclasses import replace

from agent.reporter import Reporter
from orb.ids import TaskId
from orb.lifecycle import TaskState
from orb.work import REPORTS_PER_MESSAGE_MAX
from tests.factories import a_report


def test_only_the_newest_report_of_a_task_is_sent() -> None:
    reporter = Reporter()
    reporter.put(a_report(1, TaskState.PREPARING))
    reporter.put(a_report(2))
    reporter.put(a_report(1))

    assert list(reporter.take()) == [a_report(1), a_report(2)]
    assert (list(reporter.take()), reporter.wake.is_set()) == ([], False)


def test_a_report_that_says_nothing_new_is_not_sent() -> None:
    reporter = Reporter()
    reporter.put(a_report(1))
    reporter.take()
    reporter.put(replace(a_report(1)))

    assert (list(reporter.take()), reporter.wake.is_set()) == ([], False)


def test_a_new_session_hears_everything_again() -> None:
    reporter = Reporter()
    reporter.put(a_report(1))
    reporter.put(a_report(2))
    reporter.take()
    reporter.forget(TaskId(1))
    reporter.restart()

    assert list(reporter.take()) == [a_report(2)]


def test_a_message_has_a_bound_and_the_rest_waits() -> None:
    reporter = Reporter()
    for number in range(REPORTS_PER_MESSAGE_MAX + 1):
        reporter.put(a_report(number))

    assert len(reporter.take()) == REPORTS_PER_MESSAGE_MAX
    assert reporter.wake.is_set()
    assert list(reporter.take()) == [a_report(REPORTS_PER_MESSAGE_MAX)]


def test_a_task_that_is_forgotten_unsent_leaves_nothing_to_send() -> None:
    reporter = Reporter()
    reporter.put(a_report(1))
    reporter.forget(TaskId(1))

    assert (list(reporter.take()), reporter.wake.is_set()) == ([], False)
